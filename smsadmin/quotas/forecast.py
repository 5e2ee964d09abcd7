"""What comes of a limit, and when it will be reached, if it goes on as it did since its window began."""

from datetime import datetime, timedelta
from enum import Enum, auto

from smsadmin.core.windows import Window, started_at
from smsadmin.quotas.counting import Usage

#: With less of its window over, or less of it used, a pace says nothing.
LEAST_ELAPSED = 0.05
LEAST_USED = 0.1


class Outlook(Enum):
    """What comes of a limit until its window ends."""

    SPENT = auto()  # nothing is left
    RUNS_OUT = auto()
    LASTS = auto()
    TOO_EARLY = auto()  # too little of the window is over to tell
    TOO_LITTLE = auto()  # too little of the limit is used to tell
    TOO_SHORT = auto()  # a minute is over before anybody has read its forecast


def outlook(usage: Usage, now: datetime) -> Outlook:
    """What can be said of the limit now."""
    elapsed, length = _elapsed(usage, now)
    if not usage.left:
        return Outlook.SPENT
    if usage.limit.window is Window.MINUTE:
        return Outlook.TOO_SHORT
    if elapsed < LEAST_ELAPSED * length:
        return Outlook.TOO_EARLY
    if usage.used < LEAST_USED * usage.limit.limit:
        return Outlook.TOO_LITTLE
    return Outlook.RUNS_OUT if _reached_at(usage, now) < usage.resets_at else Outlook.LASTS


def runs_out_at(usage: Usage, now: datetime) -> datetime | None:
    """When all of the limit is used, what is kept for priority traffic included, at its window's pace so far.

    None where that cannot be told yet, where the window ends first, and where nothing is left: what ran out is no
    forecast. So a moment is never before `now`, and always before the reset.
    """
    return _reached_at(usage, now) if outlook(usage, now) is Outlook.RUNS_OUT else None


def _reached_at(usage: Usage, now: datetime) -> datetime:
    """When all of it is used at the pace so far; something must have been used."""
    elapsed, _length = _elapsed(usage, now)
    return now + elapsed * (usage.left / usage.used)


def _elapsed(usage: Usage, now: datetime) -> tuple[timedelta, timedelta]:
    """How much of the window is over, and how long it is."""
    began = started_at(usage.limit.window, now, usage.limit.zone)
    return now - began, usage.resets_at - began
