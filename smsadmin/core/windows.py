"""Quota windows: calendar minutes, hours, days and months of a time zone, each a plain rising number."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

_EPOCH = date(1970, 1, 1).toordinal()
_MINUTE = timedelta(minutes=1)


class Window(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant, as the number of each window it falls in. Numbers only ever rise."""

    minute: int
    hour: int
    day: int
    month: int

    @classmethod
    def of(cls, now: datetime, zone: str = "UTC") -> "Moment":
        """`zone` is a name of the IANA database; its offsets are whole minutes."""
        return _moment(int(now.timestamp()) // 60, zone)

    def in_window(self, window: Window) -> int:
        return int(getattr(self, window.value))


@lru_cache(maxsize=1_024)
def _moment(minute: int, zone: str) -> Moment:
    at = datetime.fromtimestamp(minute * 60, UTC)
    here = at.astimezone(ZoneInfo(zone))
    hour = int(started_at(Window.HOUR, at, zone).timestamp()) // 3_600
    return Moment(minute, hour, here.toordinal() - _EPOCH, here.year * 12 + here.month - 1)


def started_at(window: Window, now: datetime, zone: str = "UTC") -> datetime:
    """When the window that holds `now` began, in UTC.

    A day begins with the first instant of its date: where the clocks are put forward at midnight that is one o'clock.
    An hour that the clocks repeat is two hours.
    """
    if window is Window.MINUTE:
        return now.astimezone(UTC).replace(second=0, microsecond=0)
    here = now.astimezone(ZoneInfo(zone)).replace(minute=0, second=0, microsecond=0)
    if window is Window.HOUR:
        return here.astimezone(UTC)
    midnight = here.replace(hour=0, fold=0)
    return (midnight if window is Window.DAY else midnight.replace(day=1)).astimezone(UTC)


def resets_at(window: Window, now: datetime, zone: str = "UTC") -> datetime:
    """When the window that holds `now` ends and a new one starts at zero, in UTC."""
    began = started_at(window, now, zone)
    if window is Window.MINUTE:
        return began + _MINUTE
    if window is Window.HOUR:
        return _next_hour(began, zone)
    here = began.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, fold=0)
    ahead = timedelta(days=1 if window is Window.DAY else 32)
    following = here + ahead  # wall time: the offset is looked up anew
    return (following if window is Window.DAY else following.replace(day=1)).astimezone(UTC)


def _next_hour(began: datetime, zone: str) -> datetime:
    """An hour later, but where the clocks move by half an hour one is half as long and one is half as long again."""
    following = started_at(Window.HOUR, began + timedelta(hours=1), zone)
    return following if following > began else started_at(Window.HOUR, began + timedelta(hours=2), zone)
