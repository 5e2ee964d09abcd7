"""JSON that every database stores and every page shows: no NaN, no numbers without end, no bottomless nesting."""

import json
import math
from typing import Any

MOST_LEVELS = 20


def read(text: str, *, levels: int | None = MOST_LEVELS) -> Any:
    """The value of a JSON text, with at most so many levels (None: as many as can be read). Raises ValueError."""
    try:
        found = json.loads(text, parse_constant=_none, parse_float=_finite)
    except RecursionError:
        raise ValueError("it has too many levels") from None
    if levels is not None and not _is_flat(found, levels):
        raise ValueError(f"it has more than {levels} levels")
    return found


def _is_flat(value: Any, levels: int) -> bool:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return levels > 0 and all(_is_flat(each, levels - 1) for each in inner)
    return True


def _none(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON value")


def _finite(digits: str) -> float:
    """1e999 is a number in JSON, and none that a database stores."""
    if not math.isfinite(number := float(digits)):
        _none(digits)
    return number
