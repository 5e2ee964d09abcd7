"""Names that are unique among others."""

from collections.abc import Collection
from itertools import count


def free_name(wanted: str, taken: Collection[str], most: int) -> str:
    """The name, numbered where another one has it, and shortened to `most` characters."""
    candidates = (_numbered(wanted, number, most) for number in count(1))
    return next(candidate for candidate in candidates if candidate not in taken)


def _numbered(name: str, number: int, most: int) -> str:
    tail = f" ({number})" if number > 1 else ""
    room = most - len(tail)
    return (name if len(name) <= room else f"{name[: room - 1].rstrip()}…") + tail
