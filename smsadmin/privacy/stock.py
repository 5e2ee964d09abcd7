"""What a workspace keeps at present, and what shorter times would delete; counted no further than is needed to tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from smsadmin.core.ids import first_uuid7, moment_of
from smsadmin.privacy.models import Part, Policy, Purge
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace

#: Counting stops here.
MOST_COUNTED = 100_000

#: What a part goes with: that part itself, and those which take it along.
_GOES_WITH = {part: list(Part)[nth:] for nth, part in enumerate(Part)}


@dataclass(frozen=True, slots=True)
class Stock:
    """The messages that have a part: how many (more than `count` where `capped`), and when the oldest came in."""

    part: Part
    count: int
    capped: bool
    oldest: datetime | None = None

    @property
    def label(self) -> str:
        return str(self.part.label)


def kept(workspace: Workspace) -> list[Stock]:
    """How much of each part there is."""
    found = []
    for part, rows in _kept(workspace).items():
        oldest = rows.order_by("pk").values_list("pk", flat=True).first()
        found.append(_counted(part, rows, moment_of(oldest) if oldest else None))
    return found


def deleted_by(policy: Policy, before: Policy, now: datetime) -> list[Stock]:
    """What the next purge deletes under this policy that it would not under the one before."""
    rows = _kept(policy.workspace)
    found = [
        _counted(part, rows[part].filter(pk__lt=first_uuid7(now - timedelta(days=days))))
        for part, days in policy.days.items()
        if days is not None and _is_shorter(days, before.days[part])
    ]
    return [each for each in found if each.count]


def _is_shorter(days: int, before: int | None) -> bool:
    return before is None or days < before


def _counted(part: Part, rows: QuerySet[Message], oldest: datetime | None = None) -> Stock:
    count = rows.order_by("pk")[: MOST_COUNTED + 1].count()
    return Stock(part, min(count, MOST_COUNTED), count > MOST_COUNTED, oldest)


def _kept(workspace: Workspace) -> Mapping[Part, QuerySet[Message]]:
    """By part, the messages that no purge of it has come to."""
    purges = Purge.objects.filter(workspace=workspace, cursor__isnull=False)
    cursors: dict[str, UUID] = {
        part: cursor for part, cursor in purges.values_list("part", "cursor") if cursor
    }
    rows = Message.objects.filter(workspace=workspace)
    return {
        part: _after(rows, [cursors[each] for each in _GOES_WITH[part] if each in cursors]) for part in Part
    }


def _after(rows: QuerySet[Message], cursors: list[UUID]) -> QuerySet[Message]:
    return rows.filter(pk__gt=max(cursors)) if cursors else rows
