"""How often somebody may ask: so many times in each minute, counted in the cache that all web processes share."""

from datetime import datetime

from django.core.cache import caches

from smsadmin.core.windows import Moment, Window, resets_at

_KEPT = 120  # seconds: longer than the minute that is counted


def count(name: str, most: int, now: datetime, *, times: int = 1) -> datetime | None:
    """Counts one request of whoever has this name, or one that asks so many times at once. None where that is not too
    much; else when there is room again."""
    of_minute, cache = f"{name}:{Moment.of(now).minute}", caches["api"]
    cache.add(of_minute, 0, _KEPT)
    return resets_at(Window.MINUTE, now) if cache.incr(of_minute, times) > most else None
