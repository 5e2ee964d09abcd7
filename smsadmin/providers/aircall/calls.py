"""What Aircall's `call.ended` says of a call that nobody answered.

Aircall developer docs, "Webhooks": an unanswered inbound call goes from ringing to ended, so this is the one event that
always comes. Its keys are spelt in several ways by generations of the API.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smsadmin.core import numbers
from smsadmin.providers.told import mapping, moment, phone, text

ENDED = "call.ended"
#: What of a call is kept: neither who took it, nor what was said, noted or recorded.
_KEPT = (
    "id",
    "direction",
    "missed_call_reason",
    "started_at",
    "answered_at",
    "ended_at",
    "duration",
    "raw_digits",
)
_KEPT_OF_NUMBER = ("id", "digits", "e164_digits")


@dataclass(frozen=True, slots=True)
class Call:
    """One call; "" or None for what the event leaves out. `caller` is E.164, "" for one who hides the number."""

    id: str
    is_missed: bool
    reason: str  # why it was missed, in Aircall's words
    caller: str
    number_id: str  # Aircall's own id of the account's number
    number: str  # E.164
    started_at: datetime | None
    ended_at: datetime | None
    seconds: int


def read(payload: Mapping[str, Any]) -> Call:
    """The call in an event, read tolerantly: any key may be missing or of another type."""
    data = mapping(payload.get("data"))
    number = mapping(data.get("number"))
    started, ended = moment(data.get("started_at")), moment(data.get("ended_at"))
    return Call(
        id=text(data.get("id"), 120),
        is_missed=data.get("direction") == "inbound" and not data.get("answered_at"),
        reason=text(data.get("missed_call_reason"), 40),
        caller=_e164(text(data.get("raw_digits"), 60)),
        number_id=text(number.get("id"), 40),
        number=_e164(text(number.get("e164_digits") or number.get("digits"), 60)),
        started_at=started,
        ended_at=ended or moment(payload.get("timestamp")),
        seconds=_seconds(data.get("duration")),
    )


def kept(data: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored of a call's `data`."""
    number = mapping(data.get("number"))
    found = {name: data[name] for name in _KEPT if name in data}
    return {**found, "number": {name: number[name] for name in _KEPT_OF_NUMBER if name in number}}


def _e164(digits: str) -> str:
    """ "" for what is no number, such as the word "anonymous"."""
    found = phone(digits)
    return found if numbers.E164.fullmatch(found) else ""


def _seconds(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**6 else 0
