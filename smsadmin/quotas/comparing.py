"""Comparing a workspace's counters with its log, every night or when somebody asks, and putting right what differs.

First all counters without a lock. On PostgreSQL they and the log are seen as they were at one moment, so what differs
is wrong; elsewhere what is counted meanwhile may make some look different. Those that differ are counted again under
their lock, which everything that counts waits for, and are put right. Minutes are not compared: one is over before
anybody reads of it. The same run writes down what each month took, and deletes what nobody looks at after thirteen
months.

The row of a comparison is the queue (models.Recount): asked for, then taken by one worker, which has a lease on it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from smsadmin.core.windows import Moment, Window, resets_at, started_at
from smsadmin.privacy.models import Part, Purge
from smsadmin.quotas import bell, counting, recount, rulebook
from smsadmin.quotas.models import Counter, Crossing, Kept, MonthUse, Recount, Scope, Unit
from smsadmin.quotas.recount import Span, Used
from smsadmin.quotas.rulebook import UTC_ZONE
from smsadmin.stopping import stopping
from smsadmin.workspaces.models import Workspace

logger = structlog.get_logger(__name__)

LEASE = timedelta(minutes=5)
#: Counters that are put right before the comparison says how far it is, which renews the lease.
STEP = 50
#: Segments are corrected, and messages given back, up to so long after a month ended.
SETTLES = timedelta(days=7)
MONTHS = 12
KEPT = timedelta(days=396)

Clock = Callable[[], datetime]
Drift = dict[str, Any]

_COMPARED = [window for window in Window if window is not Window.MINUTE]


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
        forget_zones(workspace_id)
        since = kept_since(workspace_id)
        for batch in _batches(_differing(row, since, clock), STEP):
            row.drifts += [drift for pk in batch for drift in put_right(pk, since, clock)]
            _keep(row, clock(), drifts=row.drifts)
        for span in _months(row, clock()):
            write_month(workspace_id, span)
            _keep(row, clock())
        clean_up(workspace_id, clock())
        counters = Counter.objects.filter(workspace=workspace_id).count()
        _keep(row, clock(), counters=counters, finished_at=clock())
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
    _renew(row, now, **found)
    if stopping.is_set() and "finished_at" not in found:
        raise Stopped


def _renew(row: Recount, now: datetime, **found: Any) -> None:
    """The same for a worker that is not through with a step; raises Stopped when another one has taken over."""
    if not _mine(row).update(lease_until=now + LEASE, **found):
        raise Stopped
    row.lease_until = now + LEASE


# --- Counters -----------------------------------------------------------------------------------------


def forget_zones(workspace_id: int) -> None:
    """Deletes the counters of zones that no rule names any more.

    One by one: two that are locked at once could wait for a message in a circle.
    """
    zones = rulebook.read(workspace_id).zones
    for counter in Counter.objects.filter(workspace=workspace_id).exclude(zone__in=zones):
        counter.delete()


def kept_since(workspace_id: int) -> datetime | None:
    """Since when what a purge deletes is kept as figures, where something may have been deleted before.

    That is as long as there are comparisons. A window that began earlier may have counted what nobody can find again.
    """
    if not Purge.objects.filter(workspace=workspace_id, part=Part.MESSAGE, cursor__isnull=False).exists():
        return None
    return Recount.objects.filter(workspace=workspace_id).order_by("at").values_list("at", flat=True).first()


def _differing(row: Recount, since: datetime | None, clock: Clock) -> list[int]:
    """The counters that say something else than the log; one statement for all of a scope and zone."""
    kinds = Counter.objects.filter(workspace=row.workspace_id).order_by("scope", "zone")
    differing: list[int] = []
    for scope, zone in kinds.values_list("scope", "zone").distinct():
        differing += _differing_in(row.workspace_id, scope, zone, since, clock())
        _renew(row, clock())
    return sorted(differing)


def _differing_in(
    workspace_id: int, scope: str, zone: str, since: datetime | None, now: datetime
) -> list[int]:
    with _one_view():
        counters = counting.counters(workspace_id, scope)
        found = recount.windows(workspace_id, scope, zone, now)
    return [
        own[zone].pk
        for subject_id, own in counters.items()
        if zone in own
        and counting.is_complete(own, zone)
        and _drifts(own[zone], found[subject_id], since, now)
    ]


@contextmanager
def _one_view() -> Iterator[None]:
    """What is read in it is as it was at one moment, on PostgreSQL; SQLite would let nobody write meanwhile."""
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


@transaction.atomic
def put_right(pk: int, since: datetime | None, clock: Clock = timezone.now) -> list[Drift]:
    """Counts one counter again, under its lock, and sets it to what the log says; what differed.

    It is one of its own transaction: a message that is being counted waits for it, and it for that message.
    """
    counter = _locked(pk)
    if counter is None:
        return []
    now = clock()
    found = recount.windows_of(counter, now)
    drifts = _drifts(counter, found, since, now)
    for drift in drifts:
        logger.warning("quotas.drift", workspace=counter.workspace_id, **drift)
    if drifts:
        _bring_to(counter, found, {drift["window"] for drift in drifts}, now)
    return drifts


def _locked(pk: int) -> Counter | None:
    """The counter, where it is there and complete. That of its subject in UTC is locked first, as wherever counted."""
    known = Counter.objects.filter(pk=pk).values_list("scope", "subject_id", "zone").first()
    if known is None:
        return None
    scope, subject_id, zone = known
    its = Counter.objects.filter(scope=scope, subject_id=subject_id).select_for_update()
    own = {each.zone: each for name in (UTC_ZONE, zone) for each in its.filter(zone=name)}
    return own.get(zone) if counting.is_complete(own, zone) else None


def _bring_to(counter: Counter, found: Mapping[str, Used], wrong: set[str], now: datetime) -> None:
    """Sets the windows that are wrong, and those that are over, to what was found: all begin anew at one moment."""
    moment = Moment.of(now, counter.zone)
    for window in Window:
        if window in wrong or getattr(counter, f"{window}_at") < moment.in_window(window):
            recount.put(counter, window, found[window], now)
    counter.save()


def _drifts(
    counter: Counter, found: Mapping[str, Used], since: datetime | None, now: datetime
) -> list[Drift]:
    """Where a counter differs from what was found in the log, in the windows that hold `now`.

    One in a later minute was counted by a server whose clock is ahead: nothing is known of it yet. A window that began
    before `since` is never lowered (kept_since).
    """
    moment, whose = Moment.of(now, counter.zone), {"scope": counter.scope, "subject": counter.subject_id}
    if counter.minute_at > moment.minute:
        return []
    drifts = []
    for window in _COMPARED:
        is_current = getattr(counter, f"{window}_at") == moment.in_window(window)
        may_be_lowered = since is None or started_at(window, now, counter.zone) >= since
        for unit in Unit:
            counted, of_log = (
                getattr(counter, f"{window}_{unit}") if is_current else 0,
                found[window].of(unit),
            )
            if counted < of_log or (counted > of_log and may_be_lowered):
                where = {"zone": counter.zone, "window": window.value, "unit": unit.value}
                drifts.append({**whose, **where, "counted": counted, "found": of_log})
    return drifts


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
