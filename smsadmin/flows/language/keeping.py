"""What records keep of values: as much as people read, whatever another host or the caller of the API says."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

MOST_LEVELS: Final = 20
LONGEST_TEXT: Final = 2_000  # longer than any text message
MOST_CHARACTERS: Final = 200_000  # of one value: a rehearsal tells the text of each of its recipients
#: Stands for what was left out.
CUT: Final = "…"

_PUNCTUATION = 8  # quotes, colon, commas and spaces around each part of JSON
_Part = TypeVar("_Part")


def shortened(text: str, most: int = LONGEST_TEXT) -> str:
    """A text of at most so many characters; one that was cut ends with "…"."""
    return text if len(text) <= most else text[: most - len(CUT)] + CUT


def kept(value: Any) -> Any:
    """A copy of plain data with long texts cut, and without what is too deep inside it or too much."""
    return _Keeper().kept(value, MOST_LEVELS)


class _Keeper:
    def __init__(self) -> None:
        self.room = MOST_CHARACTERS

    def kept(self, value: Any, levels: int) -> Any:
        if isinstance(value, Mapping | list | tuple) and not levels:
            return CUT
        if isinstance(value, Mapping):
            pairs = self._fitting(value.items())
            found = {self._text(name): self.kept(each, levels - 1) for name, each in pairs}
            return found if len(found) == len(value) else found | {CUT: CUT}
        if isinstance(value, list | tuple):
            items = [self.kept(each, levels - 1) for each in self._fitting(value)]
            return items if len(items) == len(value) else [*items, CUT]
        if isinstance(value, str):
            return self._text(value)
        self.room -= len(str(value))
        return value

    def _fitting(self, parts: Iterable[_Part]) -> Iterator[_Part]:
        """These parts as long as there is room."""
        for part in parts:
            if self.room <= 0:
                return
            self.room -= _PUNCTUATION
            yield part

    def _text(self, text: str) -> str:
        text = shortened(text)
        self.room -= len(text)
        return text
