"""Configuration that the hot path may rely on for a moment instead of reading it for every message."""

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from django.conf import settings

_values: dict[Hashable, tuple[float, Any]] = {}  # when each ends, and what it is
T = TypeVar("T")


def remembered(key: Hashable, load: Callable[[], T], seconds: float | None = None) -> T:
    """The value `load()` gave at most `seconds` ago (settings.CONFIGURATION_TTL) in this process."""
    now = time.monotonic()
    kept = _values.get(key)
    if kept is not None and now < kept[0]:
        return kept[1]
    value = load()
    _drop_ended(now)
    _values[key] = (now + (settings.CONFIGURATION_TTL if seconds is None else seconds), value)
    return value


def _drop_ended(now: float) -> None:
    """Some of it are customers: once it has ended, it stays no longer than until the next thing is read.

    (Threads share the dictionary: the keys are copied before any is dropped.)
    """
    for key in [key for key, (ends, _value) in list(_values.items()) if ends <= now]:
        _values.pop(key, None)


def forget() -> None:
    """Drops everything: what was just changed here is seen at once by this process."""
    _values.clear()
