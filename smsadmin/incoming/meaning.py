"""What a call or an answer of a provider means for a message: its word, the error where it did not arrive, and what is
learnt from that."""

from datetime import datetime

from smsadmin.connections import error_codes
from smsadmin.consent.hearing import heard_from_provider
from smsadmin.core import errors
from smsadmin.core.errors import SendError
from smsadmin.core.status import Status
from smsadmin.providers.told import Said
from smsadmin.providers.twilio.codes import Refusal
from smsadmin.sending import log
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection


def take(message: Message, said: Said, event: str, now: datetime) -> bool:
    """Takes what is said of the message, by this event, for a delivery report; whether that moved it. Who opted out at
    the provider has opted out here."""
    error = _error(message, said)
    receipt = log.Receipt(said.word, said.means, event, said.said_at, said.segments, error)
    moved = log.receipt(message, receipt, now)
    if message.connection and isinstance(error, errors.RecipientOptedOut):
        heard_from_provider(message.connection, message.recipient, error, now)
    return moved


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
