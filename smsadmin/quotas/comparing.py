"""Comparing a workspace's counters with its log, every night or when somebody asks, and putting right what differs.

First all counters at once, without a lock: what is counted meanwhile makes some look different. Those are counted again
under their own lock, which everything that counts waits for, so what still differs did not come from traffic. The
same run writes down what each month took, and deletes what nobody looks at after thirteen months.

The row of a comparison is the queue (models.Recount): asked for, then taken by one worker, which has a lease on it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from smsadmin.core.windows import Moment, Window, resets_at, started_at
from smsadmin.quotas import bell, recount
from smsadmin.quotas.models import Counter, Crossing, Kept, MonthUse, Recount, Scope, Unit
from smsadmin.quotas.recount import Span, Used
from smsadmin.sending.dispatch import stopping
from smsadmin.workspaces.models import Workspace

logger = structlog.get_logger(__name__)

LEASE = timedelta(minutes=5)
#: Counters that are put right before the comparison says how far it is, which renews the lease.
STEP = 50
#: A message takes its time between being accepted and being counted, and may miss its window by that.
LATE = timedelta(seconds=10)
#: Segments are corrected, and messages given back, up to so long after a month ended.
SETTLES = timedelta(days=7)
MONTHS = 12
KEPT = timedelta(days=396)

Clock = Callable[[], datetime]
Drift = dict[str, Any]


class Stopped(Exception):
    """This worker is no longer to compare: it is being shut down, or another one has taken over."""


def ask(workspace_id: int, now: datetime) -> None:
    """Wants a comparison, which an unfinished one is already; a worker is rung for."""
    Recount.objects.bulk_create([Recount(workspace_id=workspace_id, at=now)], ignore_conflicts=True)
    bell.ring(workspace_id)


def ask_everywhere() -> None:
    """Wants a comparison in every workspace. To be called every night."""
    for workspace_id in Workspace.objects.order_by("pk").values_list("pk", flat=True):
        ask(workspace_id, timezone.now())


def sweep(now: datetime | None = None) -> None:
    """Rings for comparisons that nobody has taken, or whose worker was killed."""
    waiting = Recount.objects.filter(_free(now or timezone.now()), finished_at=None)
    for workspace_id in waiting.values_list("workspace_id", flat=True):
        bell.ring(workspace_id)


def run(workspace_id: int, clock: Clock = timezone.now) -> None:
    """Makes the comparison that the workspace waits for, unless another worker does."""
    row = _take(workspace_id, clock())
    if row is None:
        return
    try:
        counters = list(Counter.objects.filter(workspace=workspace_id).order_by("pk"))
        for batch in _batches(_differing(workspace_id, counters, clock()), STEP):
            row.drifts += [drift for pk in batch for drift in put_right(pk, clock)]
            _keep(row, clock(), drifts=row.drifts)
        for span in _months(row, clock()):
            write_month(workspace_id, span)
            _keep(row, clock())
        clean_up(workspace_id, clock())
        _keep(row, clock(), counters=len(counters), finished_at=clock())
    except Stopped:
        _mine(row).update(lease_until=None)  # the sweep rings for it again
        logger.info("quotas.comparison_stopped", workspace=workspace_id)


def _free(now: datetime) -> Q:
    return Q(lease_until=None) | Q(lease_until__lt=now)


def _take(workspace_id: int, now: datetime) -> Recount | None:
    waiting = Recount.objects.filter(workspace=workspace_id, finished_at=None)
    if not waiting.filter(_free(now)).update(lease_until=now + LEASE):
        return None
    return waiting.get(lease_until=now + LEASE)


def _mine(row: Recount) -> Any:
    return Recount.objects.filter(pk=row.pk, lease_until=row.lease_until, finished_at=None)


def _keep(row: Recount, now: datetime, **found: Any) -> None:
    """Writes what was found so far and renews the lease; raises Stopped when this worker is not to go on."""
    if not _mine(row).update(lease_until=now + LEASE, **found):
        raise Stopped
    row.lease_until = now + LEASE
    if stopping.is_set() and "finished_at" not in found:
        raise Stopped


# --- Counters -----------------------------------------------------------------------------------------


def _differing(workspace_id: int, counters: Iterable[Counter], now: datetime) -> list[int]:
    """The counters that say something else than the log; a few statements for all of them."""
    found: dict[tuple[str, str], Mapping[int, Mapping[str, Used]]] = {}
    differing = []
    for counter in counters:
        whose = counter.scope, counter.zone
        if whose not in found:
            found[whose] = recount.windows(workspace_id, *whose, now)
        if _drifts(counter, found[whose][counter.subject_id], now):
            differing.append(counter.pk)
    return differing


@transaction.atomic
def put_right(pk: int, clock: Clock = timezone.now) -> list[Drift]:
    """Counts one counter again, under its lock, and sets it to what the log says; what differed.

    It is one of its own transaction: a message that is being counted waits for it, and it for that message.
    """
    counter = Counter.objects.select_for_update().filter(pk=pk).first()
    if counter is None:
        return []
    now = clock()
    found = recount.windows_of(counter, now)
    drifts = _drifts(counter, found, now)
    if drifts:
        late = recount.windows_of(counter, now, LATE)
        drifts = [drift for drift in drifts if not _came_late(drift, late)]
    for drift in drifts:
        window = Window(drift["window"])
        setattr(counter, f"{window}_at", Moment.of(now, counter.zone).in_window(window))
        for unit in Unit:
            setattr(counter, f"{window}_{unit}", found[window].of(unit))
        logger.warning("quotas.drift", workspace=counter.workspace_id, **drift)
    if drifts:
        counter.save()
    return drifts


def _drifts(counter: Counter, found: Mapping[str, Used], now: datetime) -> list[Drift]:
    """Where a counter differs from what was found in the log, in the windows that hold `now`.

    A window that has not begun was counted by a server whose clock is ahead: of that one nothing is known yet.
    """
    moment, whose = Moment.of(now, counter.zone), {"scope": counter.scope, "subject": counter.subject_id}
    drifts = []
    for window in Window:
        here, at = moment.in_window(window), getattr(counter, f"{window}_at")
        for unit in Unit:
            counted = getattr(counter, f"{window}_{unit}") if at == here else 0
            if at <= here and counted != found[window].of(unit):
                where = {"zone": counter.zone, "window": window.value, "unit": unit.value}
                drifts.append({**whose, **where, "counted": counted, "found": found[window].of(unit)})
    return drifts


def _came_late(drift: Drift, late: Mapping[str, Used]) -> bool:
    """Whether messages that were accepted just before the window began, and counted in it, explain the difference."""
    return bool(drift["found"] < drift["counted"] <= late[drift["window"]].of(drift["unit"]))


def _batches(items: Sequence[int], size: int) -> Iterator[list[int]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


# --- Months -------------------------------------------------------------------------------------------


def _months(row: Recount, now: datetime) -> Iterator[Span]:
    """The calendar months (UTC) that may have changed since the last comparison; at first twelve and this one."""
    finished = Recount.objects.filter(workspace=row.workspace_id, finished_at__isnull=False)
    before = finished.order_by("-at").first()
    since = started_at(Window.MONTH, before.at - SETTLES if before else now)
    for _month in range(0 if before else MONTHS):
        since = started_at(Window.MONTH, since - timedelta(days=1))
    while since <= now:
        until = resets_at(Window.MONTH, since)
        yield since, until
        since = until


@transaction.atomic
def write_month(workspace_id: int, span: Span) -> None:
    """Writes down what each number and user used in one calendar month (UTC), as the log and what is kept say now."""
    month = Moment.of(span[0]).month
    for scope in Scope:
        found = recount.month(workspace_id, scope, span)
        uses = [
            MonthUse(
                workspace_id=workspace_id, scope=scope, subject_id=subject_id, month=month,
                messages=used.messages, segments=used.segments,
            )
            for subject_id, used in sorted(found.items())
        ]  # fmt: skip
        MonthUse.objects.filter(workspace=workspace_id, scope=scope, month=month).exclude(
            subject_id__in=found
        ).delete()
        MonthUse.objects.bulk_create(
            uses,
            update_conflicts=True,
            unique_fields=["scope", "subject_id", "month"],
            update_fields=["messages", "segments"],
        )


def clean_up(workspace_id: int, now: datetime) -> None:
    """Deletes figures of windows, thresholds and comparisons that are over for thirteen months."""
    before = now - KEPT
    Kept.objects.filter(workspace=workspace_id, quarter__lt=recount.quarter(before)).delete()
    MonthUse.objects.filter(workspace=workspace_id, month__lt=Moment.of(before).month).delete()
    Crossing.objects.filter(workspace=workspace_id, at__lt=before).delete()
    Recount.objects.filter(workspace=workspace_id, at__lt=before, finished_at__isnull=False).delete()
