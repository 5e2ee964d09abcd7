"""What is left of messages that are gone: how many there were, by day, number, action and how they ended."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any
from uuid import UUID

from django.db.models import F, Sum
from django.db.models.functions import TruncMonth

from smsadmin.core.ids import moment_of
from smsadmin.core.status import Status
from smsadmin.privacy.models import PurgedCount
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace


def count(workspace: Workspace, ids: Sequence[UUID]) -> None:
    """Adds these messages to the counts. Belongs into the transaction that deletes them, one at a time for a
    workspace (purging), so that each is counted once."""
    messages: Counter[tuple[date, int, int, str, str]] = Counter()
    segments: Counter[tuple[date, int, int, str, str]] = Counter()
    columns = ("pk", "number_id", "action_id", "status", "error_code", "segments")
    for pk, number, action, status, code, parts in Message.objects.filter(pk__in=ids).values_list(*columns):
        key = (moment_of(pk).astimezone(UTC).date(), number or 0, action or 0, status, code)
        messages[key] += 1
        segments[key] += parts
    for key, found in messages.items():
        _add(workspace, key, found, segments[key])


def _add(workspace: Workspace, key: tuple[date, int, int, str, str], messages: int, segments: int) -> None:
    names = ("day", "number_id", "action_id", "status", "error_code")
    named: dict[str, Any] = dict(zip(names, key, strict=True))
    row, _is_new = PurgedCount.objects.get_or_create(workspace=workspace, **named)
    row.messages, row.segments = F("messages") + messages, F("segments") + segments
    row.save(update_fields=["messages", "segments"])


@dataclass(frozen=True, slots=True)
class Month:
    """The deleted messages of one month (UTC): how many, their segments, and how many ended in each status."""

    first: date
    messages: int
    segments: int
    by_status: Sequence[int]


@dataclass(frozen=True, slots=True)
class Table:
    """Months, the newest first, by the statuses that any of them has."""

    statuses: Sequence[Status]
    months: Sequence[Month]


def table(workspace: Workspace) -> Table:
    """Every month of which messages are gone."""
    counted = PurgedCount.objects.filter(workspace=workspace).annotate(month=TruncMonth("day"))
    rows = counted.values_list("month", "status").annotate(Sum("messages"), Sum("segments")).order_by()
    found = {(month, status): (messages, segments) for month, status, messages, segments in rows}
    statuses = [status for status in Status if any(status == each for _month, each in found)]
    months = sorted({month for month, _status in found}, reverse=True)
    return Table(statuses, [_month(month, statuses, found) for month in months])


def _month(first: date, statuses: Sequence[Status], found: dict[tuple[date, str], tuple[int, int]]) -> Month:
    row = [found.get((first, status), (0, 0)) for status in statuses]
    return Month(
        first,
        messages=sum(messages for messages, _segments in row),
        segments=sum(segments for _messages, segments in row),
        by_status=[messages for messages, _segments in row],
    )
