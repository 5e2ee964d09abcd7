"""Pages of long lists, each of which goes on from a row of the one before it (keyset paging): a page costs the same
wherever it is, and no row is shown twice because others came in. Addresses carry the place of that row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

PER_PAGE = 50
_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)

Row = TypeVar("Row")
Place = TypeVar("Place")
Stored = TypeVar("Stored", bound=Model)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a list; `newer` and `older` are places to go on from, "" where the list ends."""

    rows: Sequence[Row] = ()
    newer: str = ""
    older: str = ""

    def turned(self, here: str, query: Mapping[str, Any]) -> dict[str, str]:
        """The addresses of the `newer` and the `older` page of the list at `here`, "" where there is none."""
        ways = {"newer": ("after", self.newer), "older": ("before", self.older)}
        return {
            name: f"{here}?{urlencode({**query, way: place})}" if place else ""
            for name, (way, place) in ways.items()
        }


def page_of(
    next_to: Callable[[Place | None, bool, int], Sequence[Row]],
    place_of: Callable[[Row], str],
    before: Place | None,
    after: Place | None,
    most: int | None = None,
    *,
    rising: bool = False,
) -> Page[Row]:
    """The page older than `before`, or newer than `after`; the first page for neither. It has PER_PAGE rows at most, or
    so many. The newest come first; `rising`, the oldest do. `next_to(place, newer, count)` finds so many rows on one
    side of a place, the nearest first; those that the list begins with for None."""
    most = most or PER_PAGE
    back, on = (before, after) if rising else (after, before)
    if back is not None:
        found = next_to(back, not rising, most + 1)
        if len(found) > most:
            shown = found[most - 1 :: -1]
            return _page(shown, place_of(shown[0]), place_of(shown[-1]), rising=rising)
        on = None  # so little is before it that this is the first page
    found = next_to(on, rising, most + 1)
    shown = found[:most]
    first = place_of(shown[0]) if shown and on is not None else ""
    return _page(shown, first, place_of(shown[-1]) if len(found) > most else "", rising=rising)


def _page(shown: Sequence[Row], first: str, last: str, *, rising: bool) -> Page[Row]:
    return Page(shown, newer=last, older=first) if rising else Page(shown, newer=first, older=last)


@dataclass(frozen=True)
class Keyset(Generic[Stored]):
    """An order of rows: by a column of moments and then by id, or by id alone; the newest first, or `rising`."""

    model: type[Stored]
    column: str = ""
    rising: bool = False

    def page(
        self, rows: QuerySet[Stored], before: str = "", after: str = "", most: int | None = None
    ) -> Page[Stored]:
        """As page_of, of these rows; what is no place counts as none."""

        def next_to(place: tuple[datetime, Any] | None, newer: bool, count: int) -> list[Stored]:
            found = rows.filter(self.beyond(place, newer=newer)) if place else rows
            return list(found.order_by(*self.order(newer=newer))[:count])

        places = self.read(before), self.read(after)
        return page_of(next_to, self.place, *places, most, rising=self.rising)

    def place(self, row: Stored) -> str:
        """The place of a row."""
        return f"{microseconds(getattr(row, self.column))}-{row.pk}" if self.column else str(row.pk)

    def read(self, text: str) -> tuple[datetime, Any] | None:
        """The moment and the id of a place; None for what is none."""
        try:
            at, pk = text.split("-", 1) if self.column else ("0", text)
            return moment(at), self.model._meta.pk.to_python(pk)
        except (ValueError, ValidationError):
            return None

    def order(self, *, newer: bool) -> list[str]:
        """What to order by to find the oldest first, or the newest."""
        return [name if newer else f"-{name}" for name in (self.column, "pk") if name]

    def beyond(self, place: tuple[datetime, Any], *, newer: bool) -> Q:
        """The rows on one side of a place: those within a plain comparison that an index serves."""
        (at, pk), far = place, "gt" if newer else "lt"
        further = Q(**{f"pk__{far}": pk})
        if self.column:
            further = Q(**{f"{self.column}__{far}e": at}) & (Q(**{f"{self.column}__{far}": at}) | further)
        return further


def microseconds(at: datetime) -> int:
    """A moment as places write it."""
    return (at - _EPOCH) // _MICROSECOND


def moment(text: str) -> datetime:
    """The moment of a place. Raises ValueError for what is none."""
    if len(text) > 16:
        raise ValueError("16 digits last until 2286")
    return _EPOCH + int(text) * _MICROSECOND
