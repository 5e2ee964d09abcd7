"""What providers tell us, in one form whoever told it.

Each provider's `webhooks` module is a Wire: it reads that provider's calls, and everything after it (receipts, replies,
what others sent) knows this form alone. What else a kind of account can do is asked of the registry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Protocol, Self
from uuid import UUID

from smsadmin.core import numbers
from smsadmin.core.status import Status

_SECONDS_END = 10**11  # a Unix time beyond this is in milliseconds
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_MOST_PRICE = 10_000
_MOST_SEGMENTS = 255  # of a concatenated SMS (3GPP TS 23.040)


class About(StrEnum):
    """What a call of a provider is about."""

    RECEIPT = "receipt"  # what became of a message
    REPLY = "reply"  # a text to one of our numbers
    CALL = "call"  # a call that is over
    CHANGE = "change"  # the account has other numbers or users than before
    REMOVAL = "removal"  # our access to the account was ended
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Price:
    """What a message cost, in a currency (ISO 4217)."""

    amount: Decimal
    currency: str

    @classmethod
    def read(cls, amount: str, currency: str) -> Self | None:
        """None for what is no price, or one without a currency."""
        try:
            found = Decimal(amount)
        except InvalidOperation:
            return None
        if not (found.is_finite() and 0 <= found < _MOST_PRICE and len(currency) == 3 and currency.isalpha()):
            return None
        return cls(found, currency.upper())


@dataclass(frozen=True, slots=True)
class ProviderReport:
    """What an event, or an answer, says of one message; "" or None for what it leaves out."""

    id: str
    word: str
    means: Status | None
    is_inbound: bool
    is_text: bool  # an SMS or MMS, not a message of another service
    number_id: str  # the provider's own id of the account's sender
    number: str  # of the account, E.164
    party: str  # the other side, E.164 where it can be read
    body: str
    media: int
    segments: int | None
    created_at: datetime | None
    said_at: datetime | None
    pool_id: str = ""  # of the sender that it has in the directory, where the provider picked the number
    ours: str = ""  # our own id of the message, where the provider was told it and tells it back
    code: int = 0  # of the error, where the provider has codes for them
    asks: str = (
        ""  # of a text that came in: "stop", "start" or "help", where the provider says it took it for that
    )
    keyword: str = (
        ""  # likewise, where it is one of those that the provider takes for that unless told otherwise
    )
    price: Price | None = None
    channel: str = ""  # "whatsapp", "rcs" …: what the provider carries beside texts, by the same numbers

    @property
    def sender_ids(self) -> list[str]:
        """Every id under which its sender may stand in the directory, the likelier one first."""
        return [each for each in (self.number_id, self.pool_id) if each]


class Wire(Protocol):
    """How one provider's calls are read. All of it is tolerant: any key may be missing or of another type."""

    def event_of(self, payload: Mapping[str, Any]) -> str:
        """The event's name; "" for what is no call of this provider."""
        ...

    def about(self, payload: Mapping[str, Any]) -> About: ...

    def said(self, payload: Mapping[str, Any]) -> ProviderReport:
        """The message in an event."""
        ...

    def tells_of_leaving(self, payload: Mapping[str, Any]) -> bool:
        """Whether it says that a message, ours or another's, left the account."""
        ...

    def slim(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What is stored of an event: no secret of it, and nobody's business but that of its message."""
        ...

    def without_text(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The event as it is kept once somebody has read it: what was said is on the message, or on the reply."""
        ...

    def fingerprint(self, payload: Mapping[str, Any]) -> UUID:
        """The same for the same event delivered again."""
        ...


def moment(value: Any) -> datetime | None:
    """A time as providers write them: ISO 8601, Unix seconds, or Unix milliseconds. None for anything else."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            found = found if found.tzinfo else found.replace(tzinfo=UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value / 1000 if value > _SECONDS_END else value, UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return found.astimezone(UTC) if found.year > 1970 and found < _LATEST else None


def phone(digits: str) -> str:
    """E.164 of a number with spaces or without "+"; what is no such number (a short code, a name) as it came."""
    for spelling in (digits, f"+{digits}"):
        try:
            return numbers.read(spelling).e164
        except numbers.NumberError:
            continue
    return digits[:20]


def text(value: Any, most: int | None = None) -> str:
    """A string, or an id that came as a number; "" for anything else."""
    return str(value)[:most] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def segment_count(value: Any) -> int | None:
    """How many segments a provider counted; None for what no message can have."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST_SEGMENTS
    return value if is_count else None


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
