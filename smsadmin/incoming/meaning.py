"""What a call or an answer of a provider means for a message: its word, the error where it did not arrive, and what is
learnt from that."""

from datetime import datetime

from smsadmin.consent.hearing import heard_from_provider
from smsadmin.core import errors
from smsadmin.core.errors import SendError
from smsadmin.core.status import Status
from smsadmin.providers import registry
from smsadmin.providers.told import ProviderReport
from smsadmin.sending import log
from smsadmin.sending.models import Message


def take(message: Message, said: ProviderReport, event: str, now: datetime) -> bool:
    """Takes what is said of the message, by this event, for a delivery report; whether that moved it. Who opted out at
    the provider has opted out here."""
    error = _error(message, said)
    receipt = log.Receipt(said.word, said.means, event, said.said_at, said.segments, error)
    moved = log.receipt(message, receipt, now)
    if message.connection and isinstance(error, errors.RecipientOptedOut):
        heard_from_provider(message.connection, message.recipient, error, now)
    return moved


def _error(message: Message, said: ProviderReport) -> SendError | None:
    """What a provider's code means in the workspace; None where it has none, or nothing failed."""
    if said.means != Status.UNDELIVERED or message.connection is None:
        return None
    return registry.error_of(
        message.connection,
        said,
        sender=message.sender or said.number,
        recipient=message.recipient,
        characters=message.characters,
    )
