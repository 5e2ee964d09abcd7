"""Finding limits that come to a threshold, or will run out: written once for each window (models.Crossing).

A message that was counted knows what was used before it and after, so most crossings are found where they happen, by
arithmetic (`note`). A look at the counters (`sweep`) finds what no message tells: a limit that was lowered, a count
that was put right, a process that died between counting and writing, and what will run out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from smsadmin.core.windows import Moment, started_at
from smsadmin.directory.models import Agent, Number
from smsadmin.hooks import telling
from smsadmin.hooks.events import of_threshold
from smsadmin.quotas import counting, forecast, rulebook
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.models import Counter, Crossing, Scope, Unit
from smsadmin.quotas.rulebook import UTC_ZONE, Limit, Meter, Subject
from smsadmin.workspaces.models import Workspace

logger = structlog.get_logger(__name__)

#: What makes a crossing the same one, as models.Crossing has it.
_SAME = ("scope", "subject_id", "zone", "window", "unit", "began_at", "threshold")
_same = attrgetter(*_SAME)
_BATCH = 500

# --- Where a message is counted -----------------------------------------------------------------------


def note(
    subjects: Iterable[Subject], positions: Iterable[Mapping[str, Any]], segments: int, now: datetime
) -> None:
    """Writes to which thresholds a message brought the limits of its subjects, after the commit that counts it.

    `positions`: where it left them, as counting.reserve returns them. Asks the database nothing where there are none.
    An error is logged and stops no message: the sweep finds the same.
    """
    with _logged():
        if found := list(crossed(rulebook.meters(subjects, now), positions, segments, now)):
            transaction.on_commit(partial(_write_noted, found))


def _write_noted(found: list[Crossing]) -> None:
    with _logged():
        write(found)


@contextmanager
def _logged() -> Iterator[None]:
    """The message is counted, whatever goes wrong in here."""
    try:
        yield
    except Exception:
        logger.exception("quotas.crossing_not_noted")


def crossed(
    meters: Iterable[Meter], positions: Iterable[Mapping[str, Any]], segments: int, now: datetime
) -> Iterator[Crossing]:
    """The thresholds that a message of so many segments crossed: used up to there with it, and not without it."""
    after = {(each["scope"], each["subject"], each.get("zone", UTC_ZONE)): each for each in positions}
    for meter in meters:
        position = after.get((meter.subject.scope, meter.subject.subject_id, meter.zone), {})
        for limit in meter.limits:
            used = position.get(limit.column, 0)
            for threshold in _between(used - limit.amount(segments), used, limit):
                yield _crossing(meter.subject, limit, threshold, used, now)


def _between(before: int, used: int, limit: Limit) -> list[int]:
    """The thresholds that were not reached before, and are now."""
    if used * 100 < limit.limit * Crossing.THRESHOLDS[0]:  # of most messages
        return []
    return [each for each in Crossing.THRESHOLDS if before * 100 < limit.limit * each <= used * 100]


# --- Looking at the counters --------------------------------------------------------------------------


def sweep(now: datetime | None = None) -> None:
    """Looks at every workspace. What goes wrong for one is logged."""
    now = now or timezone.now()
    for workspace_id in Workspace.objects.order_by("pk").values_list("pk", flat=True):
        try:
            look(workspace_id, now)
        except Exception:
            logger.exception("quotas.crossings_not_found", workspace=workspace_id)


def look(workspace_id: int, now: datetime) -> None:
    """Writes what the counters of a workspace have reached, and what will run out. Few queries, however many there
    are, and some more for each counter that is to be made first, as a new rule asks for it."""
    found = [each for scope in Scope.values for each in _reached(workspace_id, scope, now)]
    if found:
        write(_not_written(workspace_id, found))


def _reached(workspace_id: int, scope: str, now: datetime) -> Iterator[Crossing]:
    holders = (Number if scope == Scope.NUMBER else Agent).objects.filter(workspace_id=workspace_id)
    subjects, book = [Subject.of(holder) for holder in holders], rulebook.of(workspace_id)
    counters = counting.complete(workspace_id, scope, subjects, now)
    for subject in subjects:
        its = counters.get(subject.subject_id, {})
        for meter in book.meters(subject, now):
            if counter := its.get(meter.zone):
                yield from _by(its, meter, counting.not_before(counter, now))


def _by(counters: Mapping[str, Counter], meter: Meter, now: datetime) -> Iterator[Crossing]:
    """What one counter of a subject says; `counters` are all it has, by zone."""
    near = [limit for limit in meter.limits if _may_be_near(counters[meter.zone], limit)]
    for usage in counting.usage_of(counters, near, now):
        for threshold in _between(0, usage.used, usage.limit):
            yield _crossing(meter.subject, usage.limit, threshold, usage.used, now)
        runs_out_at = forecast.runs_out_at(usage, now)
        if runs_out_at and _is_let(usage, runs_out_at, counters, meter.subject, now):
            soon = _crossing(meter.subject, usage.limit, Crossing.FORECAST, usage.used, now)
            soon.runs_out_at = runs_out_at
            yield soon


def _may_be_near(counter: Counter, limit: Limit) -> bool:
    """Spares the calendar for most limits; the count may be one of an older window."""
    return bool(getattr(counter, limit.column) >= forecast.LEAST_USED * limit.limit)


def _is_let(
    usage: Usage, until: datetime, counters: Mapping[str, Counter], subject: Subject, now: datetime
) -> bool:
    """Whether the other limits of the subject let what is left be used until then."""
    its = counting.usage_of(counters, rulebook.limits(subject, now), now)
    return all(_lets(other, usage, until, now) for other in its)


def _lets(other: Usage, usage: Usage, until: datetime, now: datetime) -> bool:
    """By what is left of the other limit now, and of each of its windows that begin until then."""
    limit = other.limit
    first, last = (Moment.of(at, limit.zone).in_window(limit.window) for at in (now, until))
    room = other.left + (last - first) * limit.limit
    # A message has one segment at least; how many at most, a limit of messages does not say.
    is_open = (limit.unit, usage.limit.unit) == (Unit.MESSAGES, Unit.SEGMENTS)
    return room > 0 if is_open else room >= usage.left


# --- Writing ------------------------------------------------------------------------------------------


def _crossing(subject: Subject, limit: Limit, threshold: int, used: int, now: datetime) -> Crossing:
    return Crossing(
        workspace_id=subject.workspace_id,
        scope=subject.scope,
        subject_id=subject.subject_id,
        zone=limit.zone,
        window=limit.window,
        unit=limit.unit,
        began_at=started_at(limit.window, now, limit.zone),
        threshold=threshold,
        at=now,
        used=used,
        limit=limit.limit,
    )


def _not_written(workspace_id: int, found: Sequence[Crossing]) -> list[Crossing]:
    """What goes on for a whole month is found by every look."""
    meant = {f"{name}__in": {getattr(each, name) for each in found} for name in _SAME}
    written = set(Crossing.objects.filter(workspace_id=workspace_id, **meant).values_list(*_SAME))
    return [each for each in found if _same(each) not in written]


def write(found: Iterable[Crossing]) -> None:
    """Writes those that nobody has written yet; in one order, so that two writers never wait for each other in a
    circle."""
    rows = sorted(found, key=_same)
    with telling.together(*{of_threshold(each.threshold) for each in rows}):
        Crossing.objects.bulk_create(rows, ignore_conflicts=True, batch_size=_BATCH)
        telling.crossed(rows)
