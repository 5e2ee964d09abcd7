"""Where the sources of two versions differ, line by line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

#: Lines shown around a change.
AROUND = 3
#: Lines of two sources that are compared exactly; of more, comparing could take seconds.
MOST_COMPARED = 600


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison, with its numbers in the two sources; "gap" stands for lines that are the same."""

    kind: Literal["kept", "removed", "added", "gap"]
    text: str = ""
    before: int | None = None
    after: int | None = None


def differences(before: str, after: str) -> list[Line]:
    """The lines that differ, removed ones first, with a few around them; none for two that are the same."""
    old, new = before.splitlines(), after.splitlines()
    matcher = SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > MOST_COMPARED)
    found: list[Line] = []
    for group in matcher.get_grouped_opcodes(AROUND):
        if found or group[0][1] or group[0][3]:
            found.append(Line("gap"))
        found.extend(_of_group(group, old, new))
    return found


def _of_group(
    group: Sequence[tuple[str, int, int, int, int]], old: list[str], new: list[str]
) -> Iterator[Line]:
    for tag, i, j, k, m in group:
        if tag == "equal":
            yield from (Line("kept", old[i + n], i + n + 1, k + n + 1) for n in range(j - i))
            continue
        yield from (Line("removed", old[n], before=n + 1) for n in range(i, j))
        yield from (Line("added", new[n], after=n + 1) for n in range(k, m))
