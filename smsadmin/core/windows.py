"""Quota windows: calendar minutes, hours, days and months in UTC, each a plain rising number."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum


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
    def of(cls, now: datetime) -> "Moment":
        seconds = int(now.timestamp())
        utc = now.astimezone(UTC)
        return cls(seconds // 60, seconds // 3600, seconds // 86400, utc.year * 12 + utc.month - 1)

    def in_window(self, window: Window) -> int:
        return int(getattr(self, window.value))


def resets_at(window: Window, now: datetime) -> datetime:
    """When the window that holds `now` ends and a new one starts at zero, in UTC."""
    utc = now.astimezone(UTC)
    if window is Window.MINUTE:
        return utc.replace(second=0, microsecond=0) + timedelta(minutes=1)
    if window is Window.HOUR:
        return utc.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    midnight = utc.replace(hour=0, minute=0, second=0, microsecond=0)
    if window is Window.DAY:
        return midnight + timedelta(days=1)
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
