"""What a call or an answer of a provider means for a message: its word, and the error where it did not arrive."""

from smsadmin.connections import error_codes
from smsadmin.core.errors import SendError
from smsadmin.core.status import Status
from smsadmin.providers.told import Said
from smsadmin.providers.twilio.codes import Refusal
from smsadmin.sending import log
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection


def receipt(message: Message, said: Said, event: str) -> log.Receipt:
    """What is said of the message, by this event."""
    return log.Receipt(said.word, said.means, event, said.said_at, said.segments, _error(message, said))


def _error(message: Message, said: Said) -> SendError | None:
    """What a provider's code means in the workspace; None where it has none, or nothing failed."""
    connection = message.connection
    if said.means != Status.UNDELIVERED or connection is None or connection.kind != Connection.Kind.TWILIO:
        return None
    codes = error_codes.table(message.workspace_id)
    sender = message.sender or said.number
    return codes.error(
        Refusal(said.code), sender=sender, recipient=message.recipient, characters=message.characters
    )
