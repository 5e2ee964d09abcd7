"""The list of opt-outs page by page, from queries that stay small however long it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Prefetch, Q, QuerySet

from smsadmin.consent.models import Change, OptOut, PropertyWrite, Review

PER_PAGE = 50
#: Counting stops here.
MOST_COUNTED = 10_000
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `newer` and `older` are cursors to go on from, "" where the list ends."""

    rows: Sequence[OptOut] = ()
    newer: str = ""
    older: str = ""


def found(workspace_id: int, state: str = "", numbers: Sequence[str] = ()) -> QuerySet[OptOut]:
    """Numbers that were ever opted out: those in a state ("out", "in"), or just these (E.164)."""
    rows = OptOut.objects.filter(workspace=workspace_id, since__isnull=False)
    if state:
        rows = rows.filter(is_out=state == "out")
    return rows.filter(number__in=numbers) if numbers else rows


def page_of(rows: QuerySet[OptOut], before: str = "", after: str = "", *, most: int | None = None) -> Page:
    """The page older than the cursor `before`, or newer than `after`; the newest page for neither. It has PER_PAGE rows
    at most, or so many."""
    rows, most = _with_what_is_shown(rows), most or PER_PAGE
    if cursor := _read(after):
        at, pk = cursor
        newer = rows.filter(Q(since__gt=at) | Q(since=at, pk__gt=pk)).order_by("since", "pk")
        ahead = list(newer[: most + 1])
        if len(ahead) > most:
            shown = ahead[most - 1 :: -1]
            return Page(shown, _cursor(shown[0]), _cursor(shown[-1]))
    cursor = None if after else _read(before)
    if cursor:
        at, pk = cursor
        rows = rows.filter(Q(since__lt=at) | Q(since=at, pk__lt=pk))
    following = list(rows.order_by("-since", "-pk")[: most + 1])
    shown = following[:most]
    return Page(
        shown,
        newer=_cursor(shown[0]) if cursor and shown else "",
        older=_cursor(shown[-1]) if len(following) > most else "",
    )


def count(rows: QuerySet[OptOut]) -> int:
    """How many there are; MOST_COUNTED for as many or more."""
    return rows.order_by()[:MOST_COUNTED].count()


def history(opt_out: OptOut) -> QuerySet[Change]:
    """Newest first."""
    return opt_out.changes.select_related("by", "inbound").order_by("-pk")


def standing(workspace_id: int, number: str) -> OptOut | None:
    """The row of one number (E.164) that is or was out; None for every other."""
    return found(workspace_id, numbers=[number]).first() if number else None


def reviews(workspace_id: int, *, decided: bool = False) -> QuerySet[Review]:
    """Texts that a person should look at, or that one has looked at; newest first."""
    states = [each for each in Review.State if (each != Review.State.OPEN) == decided]
    rows = Review.objects.filter(workspace=workspace_id, state__in=states)
    return rows.select_related("inbound__number", "decided_by").order_by("-pk")


def failed_writes(workspace_id: int) -> QuerySet[PropertyWrite]:
    """What could not be told to HubSpot."""
    return PropertyWrite.objects.filter(workspace=workspace_id, state=PropertyWrite.State.FAILED)


def every(rows: QuerySet[OptOut]) -> Iterator[OptOut]:
    """All of them for a file, newest first, read piece by piece."""
    before = ""
    while True:
        page = page_of(rows, before)
        yield from page.rows
        if not page.older:
            return
        before = page.older


def _with_what_is_shown(rows: QuerySet[OptOut]) -> QuerySet[OptOut]:
    writes = PropertyWrite.objects.select_related("connection").order_by("connection")
    changes = Change.objects.select_related("by").order_by("-pk")
    return rows.prefetch_related(Prefetch("writes", writes), Prefetch("changes", changes))


def _cursor(row: OptOut) -> str:
    assert row.since
    return f"{(row.since - _EPOCH) // timedelta(microseconds=1)}-{row.pk}"


def _read(cursor: str) -> tuple[datetime, int] | None:
    """Moment and id of a cursor; None for what is none."""
    at, _dash, pk = cursor.partition("-")
    if not (at.isdecimal() and pk.isdecimal() and len(at) <= 17 and len(pk) <= 18):
        return None
    return _EPOCH + timedelta(microseconds=int(at)), int(pk)
