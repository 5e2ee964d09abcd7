"""What the log says was used: the truth that counters are made from and compared with.

A message counts from the moment it was accepted, or released, in the windows of that moment; one that surely never left
was given back. What a purge deleted is kept as figures by the hour (models.Kept).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from smsadmin.core.ids import first_uuid7
from smsadmin.core.windows import Moment, Window, resets_at, started_at
from smsadmin.quotas.models import Counter, Kept, Scope, Unit
from smsadmin.sending.models import Message

#: A message that was held is counted long after it came in; no action holds one for longer (actions.forms).
LONGEST_HOLD = timedelta(days=7)
#: What a message took: as the provider counted it, where it said so.
SEGMENTS = Coalesce("provider_segments", "segments")


@dataclass(frozen=True, slots=True)
class Used:
    """What was counted in a stretch of time."""

    messages: int = 0
    segments: int = 0

    def of(self, unit: str) -> int:
        return self.segments if unit == Unit.SEGMENTS else self.messages


def counted_messages(scope: str, subject_id: int, since: datetime, until: datetime) -> QuerySet[Message]:
    """The messages of one number or user that count in this stretch of time, as far as the log still has them."""
    whose = {"number": subject_id} if scope == Scope.NUMBER else {"agent": subject_id}
    return Message.objects.filter(
        **whose,
        pk__gte=first_uuid7(since - LONGEST_HOLD),
        accepted_at__gte=since,
        accepted_at__lt=until,
        refunded_at=None,
    )


def counted(scope: str, subject_id: int, since: datetime, until: datetime) -> Used:
    """What one number or user used from `since` until just before `until`, deleted messages included."""
    found = counted_messages(scope, subject_id, since, until).aggregate(
        messages=Count("pk"), segments=Coalesce(Sum(SEGMENTS), 0)
    )
    kept = _kept(scope, subject_id, since, until)
    return Used(found["messages"] + kept.messages, found["segments"] + kept.segments)


def _kept(scope: str, subject_id: int, since: datetime, until: datetime) -> Used:
    """Of deleted messages: their whole hours that begin in the stretch of time."""
    begins, ends = Moment.of(since + timedelta(minutes=59)).hour, Moment.of(until).hour
    rows = Kept.objects.filter(scope=scope, subject_id=subject_id, hour__gte=begins, hour__lt=ends)
    return Used(
        **rows.aggregate(messages=Coalesce(Sum("messages"), 0), segments=Coalesce(Sum("segments"), 0))
    )


def fill(counter: Counter, now: datetime) -> None:
    """Sets the counter to what the log says of the windows that hold `now`; nothing is saved."""
    moment = Moment.of(now, counter.zone)
    month = started_at(Window.MONTH, now, counter.zone), resets_at(Window.MONTH, now, counter.zone)
    messages = counted_messages(counter.scope, counter.subject_id, *month)
    sums: dict[str, Any] = {}
    for window in Window:
        since, until = started_at(window, now, counter.zone), resets_at(window, now, counter.zone)
        its = Q(accepted_at__gte=since, accepted_at__lt=until)
        sums[f"{window}_messages"] = Count("pk", filter=its)
        sums[f"{window}_segments"] = Coalesce(Sum(SEGMENTS, filter=its), 0)
    found = messages.aggregate(**sums)
    for window in Window:
        since, until = started_at(window, now, counter.zone), resets_at(window, now, counter.zone)
        kept = _kept(counter.scope, counter.subject_id, since, until)
        setattr(counter, f"{window}_at", moment.in_window(window))
        setattr(counter, f"{window}_messages", found[f"{window}_messages"] + kept.messages)
        setattr(counter, f"{window}_segments", found[f"{window}_segments"] + kept.segments)
