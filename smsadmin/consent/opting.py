"""Opting out and coming back: the one place that changes where numbers stand.

Statements count in the order in which they were made, not in which they come in: an older one changes nothing, and
where two were made at the same moment, the one to opt out holds.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from smsadmin.consent import writing
from smsadmin.consent.models import Change, OptOut, Source
from smsadmin.incoming.models import InboundMessage
from smsadmin.workspaces.models import User

#: Rows of one statement.
_BATCH = 500
#: What people say for themselves, or a provider of them: the newest counts, however late it is heard.
_THEIRS = frozenset({Source.TEXT, Source.PROVIDER})


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement: by what way it came, when it was made, by whom, and in which words."""

    source: Source
    at: datetime
    by: User | None = None
    inbound: InboundMessage | None = None
    words: str = ""


def opt_out(workspace_id: int, number: str, said: Statement) -> bool:
    """This number (E.164) is not to be texted any more; False where that was so already."""
    return bool(standing(workspace_id, [number], said, is_out=True))


def opt_in(workspace_id: int, number: str, said: Statement) -> bool:
    """This number (E.164) may be texted again; False where it never was out, or said something newer.

    One that our list never had may be out in HubSpot alone: who says so by a text has HubSpot told of it too.
    """
    if said.source == Source.TEXT and writing.told(workspace_id):
        _make(workspace_id, [number])
    return bool(standing(workspace_id, [number], said, is_out=False))


@transaction.atomic
def standing(workspace_id: int, numbers: Collection[str], said: Statement, *, is_out: bool) -> list[OptOut]:
    """Has these numbers (E.164) stand where the statement puts them; those for which that is news.

    Of a number that never was out nothing is kept but what HubSpot has to be told: a row outlives every period after
    which texts are deleted.
    """
    heard = [row for row in _rows(workspace_id, numbers, is_out=is_out) if _counts(row, said, is_out=is_out)]
    changed = [row for row in heard if row.is_out != is_out]
    for row in heard:
        row.said_at = max(said.at, row.said_at or said.at)
    for row in changed:
        row.is_out, row.since, row.source = is_out, said.at, said.source
    OptOut.objects.bulk_update(heard, ["is_out", "since", "source", "said_at"], batch_size=_BATCH)
    Change.objects.bulk_create([_change(row, said) for row in changed], batch_size=_BATCH)
    writing.owe(workspace_id, heard, is_out=is_out, answered=said.inbound)
    return changed


def _rows(workspace_id: int, numbers: Collection[str], *, is_out: bool) -> list[OptOut]:
    """The rows of these numbers, locked; where they are to be out, of each of them."""
    if not is_out:
        return _locked(workspace_id, numbers)
    _make(workspace_id, numbers)
    found = _locked(workspace_id, numbers)
    if len(found) < len(set(numbers)):  # one that was out in HubSpot alone has just been forgotten
        _make(workspace_id, numbers)
        found = _locked(workspace_id, numbers)
    return found


def _make(workspace_id: int, numbers: Collection[str]) -> None:
    """Rows of those that have none, in an order in which nobody waits for another in a circle."""
    new = [OptOut(workspace_id=workspace_id, number=number) for number in sorted(set(numbers))]
    OptOut.objects.bulk_create(new, batch_size=_BATCH, ignore_conflicts=True)


def _locked(workspace_id: int, numbers: Collection[str]) -> list[OptOut]:
    """Their rows, in such an order too."""
    found = OptOut.objects.filter(workspace=workspace_id, number__in=set(numbers))
    return list(found.order_by("pk").select_for_update())


def _counts(row: OptOut, said: Statement, *, is_out: bool) -> bool:
    """Whether nothing newer was said. People and programs of yours decide now, whatever clocks say."""
    if said.source not in _THEIRS or row.said_at is None:
        return True
    return said.at >= row.said_at if is_out else said.at > row.said_at


def _change(row: OptOut, said: Statement) -> Change:
    return Change(
        opt_out=row,
        is_out=row.is_out,
        at=said.at,
        source=said.source,
        by=said.by,
        inbound=said.inbound,
        words=said.words[:200],
    )
