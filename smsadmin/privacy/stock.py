"""What a workspace keeps at present, and what shorter times would delete; counted no further than is needed to tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from smsadmin.core.ids import first_uuid7, moment_of
from smsadmin.flows.models import FlowRun
from smsadmin.privacy.models import Part, Policy, Purge
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace

#: Counting stops here.
MOST_COUNTED = 100_000

#: What a part goes with: that part itself, and those which take it along.
_GOES_WITH = {part: list(Part)[nth:] for nth, part in enumerate(Part)}


@dataclass(frozen=True, slots=True)
class Stock:
    """The messages and the runs of call flows that have a part: how many (more than `count` and `runs` where `capped`),
    and when the oldest of them came in."""

    part: Part
    count: int
    runs: int
    capped: bool
    oldest: datetime | None = None

    @property
    def label(self) -> str:
        return str(self.part.label)


def kept(workspace: Workspace) -> list[Stock]:
    """How much of each part there is."""
    messages, runs = _kept(workspace), _runs(workspace)
    return [_counted(part, messages[part], runs[part], _oldest(messages[part], runs[part])) for part in Part]


def deleted_by(policy: Policy, before: Policy, now: datetime) -> list[Stock]:
    """What the next purge deletes under this policy that it would not under the one before."""
    messages, runs = _kept(policy.workspace), _runs(policy.workspace)
    found = []
    for part, days in policy.days.items():
        if days is not None and _is_shorter(days, before.days[part]):
            old = Q(pk__lt=first_uuid7(now - timedelta(days=days)))
            found.append(_counted(part, messages[part].filter(old), runs[part].filter(old)))
    return [each for each in found if each.count or each.runs]


def _is_shorter(days: int, before: int | None) -> bool:
    return before is None or days < before


def _counted(
    part: Part, messages: QuerySet[Message], runs: QuerySet[FlowRun], oldest: datetime | None = None
) -> Stock:
    count, of_runs = _count(messages), _count(runs)
    capped = max(count, of_runs) > MOST_COUNTED
    return Stock(part, min(count, MOST_COUNTED), min(of_runs, MOST_COUNTED), capped, oldest)


def _count(rows: QuerySet[Any]) -> int:
    return rows.order_by("pk")[: MOST_COUNTED + 1].count()


def _oldest(*stocks: QuerySet[Any]) -> datetime | None:
    firsts = [rows.order_by("pk").values_list("pk", flat=True).first() for rows in stocks]
    oldest = min(filter(None, firsts), default=None)
    return moment_of(oldest) if oldest else None


def _runs(workspace: Workspace) -> Mapping[Part, QuerySet[FlowRun]]:
    """By part, the runs of call flows that still have it."""
    rows = FlowRun.objects.filter(workspace=workspace)
    return {
        Part.TEXT: rows.filter(values_gone_at=None),
        Part.NUMBER: rows.filter(number_gone_at=None),
        Part.MESSAGE: rows,
    }


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
