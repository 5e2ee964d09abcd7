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


def started_at(window: Window, now: datetime) -> datetime:
    """When the window that holds `now` began, in UTC."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    if window is Window.MINUTE:
        return minute
    hour = minute.replace(minute=0)
    if window is Window.HOUR:
        return hour
    day = hour.replace(hour=0)
    return day if window is Window.DAY else day.replace(day=1)


def resets_at(window: Window, now: datetime) -> datetime:
    """When the window that holds `now` ends and a new one starts at zero, in UTC."""
    began = started_at(window, now)
    if window is Window.MONTH:
        return (began + timedelta(days=32)).replace(day=1)
    return began + timedelta(**{f"{window}s": 1})
