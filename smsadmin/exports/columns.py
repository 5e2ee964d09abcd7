"""What a row of an export says of a message. Names and codes are the same in every language; the sentence is not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import QuerySet
from django.db.models.fields.json import KT

from smsadmin.sending import explain
from smsadmin.sending.filters import VERIFICATION
from smsadmin.sending.models import Message

Cell = str | int


@dataclass(frozen=True, slots=True)
class Column:
    """Its name, how a message fills it, how wide a spreadsheet draws it, and whether it holds phone numbers."""

    name: str
    of: Callable[[Message], Cell]
    width: int = 14
    is_phone: bool = False


def _field(name: str, width: int = 14, is_phone: bool = False) -> Column:
    return Column(name, lambda message: getattr(message, name), width, is_phone)


def _moment(name: str, attribute: str) -> Column:
    """ISO 8601 in UTC, to the millisecond, as an id knows it; empty for what never happened."""
    return Column(name, lambda message: _iso(getattr(message, attribute)), 26)


def _iso(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else ""


def _workflow(message: Message) -> str:
    return getattr(message, "workflow", None) or ""


def _text(message: Message) -> str:
    """The text as it was sent; never that of a code, which is a secret."""
    return "" if message.trigger == VERIFICATION else message.body


COLUMNS: Sequence[Column] = (
    Column("id", lambda message: str(message.pk), 38),
    _moment("received", "received_at"),
    _field("status"),
    Column("action", lambda message: message.action.name if message.action else "", 24),
    Column("version", lambda message: message.version.number if message.version else "", 8),
    Column("number", lambda message: message.number.name if message.number else "", 20),
    _field("sender", 18, is_phone=True),
    _field("send_as", 26),
    _field("recipient", 18, is_phone=True),
    _field("recipient_given", 18, is_phone=True),
    _field("segments", 10),
    _field("encoding", 10),
    _field("characters", 10),
    _field("error_code", 28),
    Column("sentence", explain.sentence, 60),
    _field("provider_id", 38),
    Column("record_type", lambda message: message.object_type),
    Column("record_id", lambda message: message.object_id),
    _field("trigger"),
    Column("workflow", _workflow),
    _moment("text_deleted", "values_gone_at"),  # why there is no text, and no number
    _moment("number_deleted", "number_gone_at"),
)
TEXT = Column("body", _text, 80)

#: What those columns read. The long ones are left where they are.
_READ = (
    *("id", "trigger", "status", "sender", "send_as", "recipient", "recipient_given"),
    *("segments", "encoding", "characters", "provider_id", "object_type", "object_id"),
    *("error_code", "error_facts", "next_attempt_at", "values_gone_at", "number_gone_at"),
    *("action__name", "version__number", "number__name"),
)


def columns(with_text: bool) -> Sequence[Column]:
    """The columns of an export, in their order."""
    return (*COLUMNS, TEXT) if with_text else COLUMNS


def read(messages: QuerySet[Message], with_text: bool) -> QuerySet[Message]:
    """The messages with just what their columns need, in one query."""
    related = messages.select_related("action", "version", "number").annotate(workflow=KT("origin__workflow"))
    return related.only(*_READ, "body") if with_text else related.only(*_READ)
