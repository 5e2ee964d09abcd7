"""The list of opt-outs page by page, from queries that stay small however long it is."""

from collections.abc import Iterator, Sequence

from django.db.models import Prefetch, QuerySet

from smsadmin.consent.models import Change, OptOut, PropertyWrite, Review
from smsadmin.keyset import Keyset, Page

#: Counting stops here.
MOST_COUNTED = 10_000
#: By when each number changed last.
LATEST_FIRST = Keyset(OptOut, "since")


def found(workspace_id: int, state: str = "", numbers: Sequence[str] = ()) -> QuerySet[OptOut]:
    """Numbers that were ever opted out: those in a state ("out", "in"), or just these (E.164)."""
    rows = OptOut.objects.filter(workspace=workspace_id, since__isnull=False)
    if state:
        rows = rows.filter(is_out=state == "out")
    return rows.filter(number__in=numbers) if numbers else rows


def page_of(
    rows: QuerySet[OptOut], before: str = "", after: str = "", *, most: int | None = None
) -> Page[OptOut]:
    """The page older than the cursor `before`, or newer than `after`; the newest page for neither. It has
    keyset.PER_PAGE rows at most, or so many."""
    return LATEST_FIRST.page(_with_what_is_shown(rows), before, after, most)


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
