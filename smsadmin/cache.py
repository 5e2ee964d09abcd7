"""Configuration that the hot path may rely on for a moment instead of reading it for every message."""

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from django.conf import settings

_values: dict[Hashable, tuple[float, Any]] = {}
T = TypeVar("T")


def remembered(key: Hashable, load: Callable[[], T], seconds: float | None = None) -> T:
    """The value `load()` gave at most `seconds` ago (settings.CONFIGURATION_TTL) in this process."""
    now = time.monotonic()
    kept = _values.get(key)
    life = settings.CONFIGURATION_TTL if seconds is None else seconds
    if kept is not None and now - kept[0] < life:
        return kept[1]
    value = load()
    _values[key] = (now, value)
    return value


def forget() -> None:
    """Drops everything: what was just changed here is seen at once by this process."""
    _values.clear()
