"""What the log says was used: the truth that counters are made from and compared with.

A message counts from the moment it was accepted, or released, in the windows of that moment; one that surely never left
was given back. What a purge deleted is kept as figures by the quarter of an hour (models.Kept). Each question is one
statement, log and kept figures together, so that a purge at the same time is seen as a whole or not at all.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from smsadmin.core.ids import first_uuid7
from smsadmin.core.windows import Moment, Window, resets_at, started_at
from smsadmin.quotas.models import Counter, Kept, Scope, Unit
from smsadmin.sending.models import Message

#: So long after it came in a message may be counted: once it is released, which is within 7 days (actions.forms), and
#: anew each time that it goes on from another sender, which it does no later than this (routing.failover).
LATEST = timedelta(days=14)
#: What a message took: as the provider counted it, where it said so.
SEGMENTS = Coalesce("provider_segments", "segments")

_COUNTS = Q(accepted_at__isnull=False, refunded_at=None)
_HOLDER = {Scope.NUMBER.value: "number_id", Scope.USER.value: "agent_id"}
_QUARTER = 900  # seconds

#: From a moment until just before another.
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Used:
    """What was counted in a stretch of time."""

    messages: int = 0
    segments: int = 0

    def of(self, unit: str) -> int:
        return self.segments if unit == Unit.SEGMENTS else self.messages

    def __add__(self, other: "Used") -> "Used":
        return Used(self.messages + other.messages, self.segments + other.segments)


def counted_messages(scope: str, subject_id: int, since: datetime, until: datetime) -> QuerySet[Message]:
    """The messages of one number or user that count in this stretch of time, as far as the log still has them."""
    return _messages((since, until)).filter(**{_HOLDER[scope]: subject_id})


def counted(scope: str, subject_id: int, since: datetime, until: datetime) -> Used:
    """What one number or user used from `since` until just before `until`, deleted messages included."""
    spans = {"span": (since, until)}
    found = _used(counted_messages(scope, subject_id, since, until), _kept(scope, subject_id), scope, spans)
    return found[subject_id]["span"]


def month(workspace_id: int, scope: str, span: Span) -> dict[int, Used]:
    """What every number, or every user, of a workspace used in a long stretch of time, as far as they used any."""
    ends = first_uuid7(span[1] + timedelta(days=1))  # an id is made a moment after the time that it counts at
    messages = _messages(span).filter(workspace=workspace_id, pk__lt=ends)
    kept = Kept.objects.filter(workspace=workspace_id, scope=scope)
    found = _used(messages, kept, scope, {"month": span})
    return {subject_id: by["month"] for subject_id, by in found.items() if by["month"].messages}


def windows(
    workspace_id: int, scope: str, zone: str, now: datetime, only: Sequence[int] | None = None
) -> Mapping[int, Mapping[str, Used]]:
    """What every number, or every user, of a workspace used in the windows of `zone` that hold `now`: by window.

    `only`: the ids of those that are asked for.
    """
    spans = window_spans(zone, now)
    messages = _messages(spans[Window.MONTH]).filter(workspace=workspace_id)
    kept = Kept.objects.filter(workspace=workspace_id, scope=scope)
    if only is not None:
        messages, kept = messages.filter(**{f"{_HOLDER[scope]}__in": only}), kept.filter(subject_id__in=only)
    return _used(messages, kept, scope, spans)


def windows_of(counter: Counter, now: datetime) -> Mapping[str, Used]:
    """The same for the holder of one counter."""
    spans = window_spans(counter.zone, now)
    messages = counted_messages(counter.scope, counter.subject_id, *spans[Window.MONTH])
    kept = _kept(counter.scope, counter.subject_id)
    return _used(messages, kept, counter.scope, spans)[counter.subject_id]


def fill(counter: Counter, now: datetime) -> None:
    """Sets the counter to what the log says of the windows that hold `now`; nothing is saved."""
    for window, used in windows_of(counter, now).items():
        put(counter, Window(window), used, now)


def put(counter: Counter, window: Window, used: Used, now: datetime) -> None:
    """Sets one window of the counter to what was used in that which holds `now`; nothing is saved."""
    setattr(counter, f"{window}_at", Moment.of(now, counter.zone).in_window(window))
    for unit in Unit:
        setattr(counter, f"{window}_{unit}", used.of(unit))


def window_spans(zone: str, now: datetime) -> dict[str, Span]:
    """The windows of `zone` that hold `now`."""
    return {window: (started_at(window, now, zone), resets_at(window, now, zone)) for window in Window}


def _messages(span: Span) -> QuerySet[Message]:
    since, until = span
    oldest = first_uuid7(since - LATEST)
    return Message.objects.filter(_COUNTS, pk__gte=oldest, accepted_at__gte=since, accepted_at__lt=until)


def _kept(scope: str, subject_id: int) -> QuerySet[Kept]:
    return Kept.objects.filter(scope=scope, subject_id=subject_id)


def _used(
    messages: QuerySet[Message], kept: QuerySet[Kept], scope: str, spans: Mapping[str, Span]
) -> Mapping[int, Mapping[str, Used]]:
    """What these messages and figures come to, by holder and span; nothing for everybody else."""
    begins, ends = min(since for since, _ in spans.values()), max(until for _, until in spans.values())
    kept = kept.filter(_whole_quarters(begins, ends))
    of_log: dict[str, Any] = {}
    of_kept: dict[str, Any] = {}
    for name, (since, until) in spans.items():
        accepted, quarters = Q(accepted_at__gte=since, accepted_at__lt=until), _whole_quarters(since, until)
        of_log[f"{name}_messages"] = Count("pk", filter=accepted)
        of_log[f"{name}_segments"] = Coalesce(Sum(SEGMENTS, filter=accepted), 0)
        of_kept[f"{name}_messages"] = Coalesce(Sum("messages", filter=quarters), 0)
        of_kept[f"{name}_segments"] = Coalesce(Sum("segments", filter=quarters), 0)
    holders = messages.filter(**{f"{_HOLDER[scope]}__isnull": False})
    log = holders.order_by().values_list(_HOLDER[scope]).annotate(**of_log)
    rows = log.union(kept.order_by().values_list("subject_id").annotate(**of_kept), all=True)
    found: dict[int, dict[str, Used]] = defaultdict(lambda: dict.fromkeys(spans, Used()))
    for subject_id, *sums in rows:
        for name, used in zip(spans, map(Used, sums[::2], sums[1::2]), strict=True):
            found[subject_id][name] += used
    return found


def _whole_quarters(since: datetime, until: datetime) -> Q:
    """Nothing is kept of the last minutes: what a purge takes is at least a day old."""
    begins = -int(-since.timestamp() // _QUARTER)
    return Q(quarter__gte=begins, quarter__lt=quarter(until))


def quarter(at: datetime) -> int:
    """The number of the quarter of an hour that holds this moment."""
    return int(at.timestamp() // _QUARTER)


# --- What a purge leaves ------------------------------------------------------------------------------


def keep(workspace_id: int, ids: Sequence[UUID]) -> None:
    """Adds what these messages count to what is kept. Belongs into the transaction that deletes them."""
    found: dict[tuple[str, int, int], Used] = defaultdict(Used)
    rows = Message.objects.filter(_COUNTS, pk__in=ids).annotate(counted=SEGMENTS)
    for number, agent, at, segments in rows.values_list("number_id", "agent_id", "accepted_at", "counted"):
        assert at  # it counts
        for scope, holder in ((Scope.NUMBER, number), (Scope.USER, agent)):
            if holder:
                found[scope.value, holder, quarter(at)] += Used(1, segments)
    with connection.cursor() as cursor:
        for key, used in sorted(found.items()):
            cursor.execute(_ADD, (workspace_id, *key, used.messages, used.segments))


_ADD = (
    "INSERT INTO quotas_kept (workspace_id, scope, subject_id, quarter, messages, segments) "
    "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (scope, subject_id, quarter) DO UPDATE "
    "SET messages = quotas_kept.messages + excluded.messages, segments = quotas_kept.segments + excluded.segments"
)
