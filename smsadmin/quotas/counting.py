"""Counting and testing in one atomic step, and reading what is left.

`reserve` belongs inside the transaction that writes the message row: when that fails, nothing was counted.
The counters are locked number first, then user, each in UTC first, so that two messages never wait for each other in
a circle. Nothing but sending.log makes a message count or stop counting, so a recount of the log (quotas.recount) finds
the same figures.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from django.db import connection
from django.db.models import Case, F, IntegerField, Value, When
from django.db.models.functions import Greatest
from django.utils import timezone

from smsadmin.core.windows import Moment, Window, resets_at, started_at
from smsadmin.quotas import recount, rulebook
from smsadmin.quotas.models import Counter, Unit
from smsadmin.quotas.rulebook import UTC_ZONE, Limit, Meter, Subject


@dataclass(frozen=True, slots=True)
class Usage:
    """One limit of one subject at one moment."""

    limit: Limit
    used: int
    resets_at: datetime

    @property
    def left(self) -> int:
        return max(self.limit.limit - self.used, 0)

    def left_for(self, *, priority: bool) -> int:
        """The same without what is kept for priority traffic, for other messages."""
        return max(self.limit.room(priority=priority) - self.used, 0)

    def has_room(self, segments: int, *, priority: bool = True) -> bool:
        return self.used + self.limit.amount(segments) <= self.limit.room(priority=priority)


class QuotaExceeded(Exception):
    """`usage` is the limit that had no room."""

    def __init__(self, subject: Subject, usage: Usage) -> None:
        self.subject, self.usage = subject, usage
        super().__init__(f"{usage.limit.column} of {subject.scope} {subject.subject_id}")


# --- Counting ----------------------------------------------------------------------------------------


def reserve(
    subjects: Iterable[Subject], segments: int, now: datetime, *, priority: bool = True
) -> list[dict[str, Any]]:
    """Counts one message of `segments` segments for each subject, or raises QuotaExceeded.

    Call it inside a transaction; subjects come number first. A message without priority leaves what is kept for those
    that have it. Returns the position of each counter after counting, as {"scope", "subject", "<window>_<unit>":
    used …} with the "zone" where that is not UTC, ready to be stored on the message.
    """
    return [_count(meter, segments, now, priority=priority) for meter in rulebook.meters(subjects, now)]


def _count(meter: Meter, segments: int, now: datetime, *, priority: bool) -> dict[str, Any]:
    statement, parameters = _reservation(meter, segments, now, priority=priority)
    while (row := _one(statement, parameters)) is None:
        if no_room := _full(meter, segments, now, priority=priority):
            raise QuotaExceeded(meter.subject, no_room)
        make_counter(meter.subject, meter.zone, now)  # there was none, or another request has just made it
    return _position(meter, row[1:])


def _position(meter: Meter, used: Iterable[int]) -> dict[str, Any]:
    found: dict[str, Any] = {"scope": meter.subject.scope, "subject": meter.subject.subject_id}
    found |= zip((limit.column for limit in meter.limits), used, strict=True)
    return found if meter.zone == UTC_ZONE else {**found, "zone": meter.zone}


def _one(statement: str, parameters: dict[str, Any]) -> Any:
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchone()
    # psycopg's own cursor prepares on the server what comes often; Django's never does, and planning costs more than
    # counting.
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as prepared:
        return prepared.execute(statement, parameters, prepare=True).fetchone()


def _reservation(meter: Meter, segments: int, now: datetime, *, priority: bool) -> tuple[str, dict[str, Any]]:
    """The one statement that tests every limit and counts: no row comes back when any limit has no room.

    A window's number never falls, also when the clocks of two servers disagree.
    """
    subject, moment = meter.subject, Moment.of(now, meter.zone)
    parameters: dict[str, Any] = {
        "scope": subject.scope,
        "subject": subject.subject_id,
        "zone": meter.zone,
        "segments": segments,
    }
    for window in Window:
        parameters[window.value] = moment.in_window(window)
    for index, limit in enumerate(meter.limits):
        parameters[f"limit{index}"] = limit.room(priority=priority)
    return _statement(tuple(limit.column for limit in meter.limits)), parameters


_statements: dict[tuple[str, ...], str] = {}


def _statement(columns: tuple[str, ...]) -> str:
    if columns not in _statements:
        sets, amounts = [], {}
        for window in Window:
            current = f"{window}_at >= %({window})s"
            sets.append(f"{window}_at = CASE WHEN {current} THEN {window}_at ELSE %({window})s END")
            for unit, amount in (("messages", "1"), ("segments", "%(segments)s")):
                column = f"{window}_{unit}"
                amounts[column] = f"CASE WHEN {current} THEN {column} ELSE 0 END + {amount}"
                sets.append(f"{column} = {amounts[column]}")
        room = "".join(f" AND {amounts[column]} <= %(limit{i})s" for i, column in enumerate(columns))
        returned = "".join(f", {column}" for column in columns)
        _statements[columns] = (
            f"UPDATE quotas_counter SET {', '.join(sets)} "  # noqa: S608 (our own column names)
            f"WHERE scope = %(scope)s AND subject_id = %(subject)s AND zone = %(zone)s{room} "
            f"RETURNING id{returned}"
        )
    return _statements[columns]


def make_counter(subject: Subject, zone: str, now: datetime) -> None:
    """Gives the subject a counter in a zone, with what the log says it has used; harmless when it has one.

    Belongs into the transaction that has the subject's counter in UTC, where it has one: so nothing is counted
    meanwhile.
    """
    counter = Counter(
        workspace_id=subject.workspace_id, scope=subject.scope, subject_id=subject.subject_id, zone=zone
    )
    recount.fill(counter, now)
    Counter.objects.bulk_create([counter], ignore_conflicts=True)


@dataclass(frozen=True, slots=True)
class Change:
    """What one number or user used more, or less, of the windows that hold `at`: when that was counted."""

    scope: str
    subject_id: int
    at: datetime
    messages: int = 0
    segments: int = 0


def adjust(changes: Iterable[Change]) -> None:
    """Takes back what a message that never left had counted, or corrects its segments. Windows that are over stay.

    Call it inside the transaction that writes the message. The counters are locked in the order of `reserve`.
    """
    by_subject: dict[tuple[str, int], list[Change]] = defaultdict(list)
    for change in changes:
        by_subject[change.scope, change.subject_id].append(change)
    for scope, subject_id in sorted(by_subject):
        for pk, zone in _locked(scope, subject_id):
            for change in by_subject[scope, subject_id]:
                _adjust(pk, Moment.of(change.at, zone), change)


def _locked(scope: str, subject_id: int) -> list[tuple[int, str]]:
    """The counters of a subject, with their zones. That in UTC is locked first: who makes another one has it, and what
    they have made by then is found only by a statement that begins later."""
    its = Counter.objects.filter(scope=scope, subject_id=subject_id).select_for_update().order_by("pk")
    in_utc = its.filter(zone=UTC_ZONE).values_list("pk", "zone")
    return [*in_utc, *its.exclude(zone=UTC_ZONE).values_list("pk", "zone")]


def _adjust(pk: int, moment: Moment, change: Change) -> None:
    columns: dict[str, Any] = {}
    for window in Window:
        same = {f"{window}_at": moment.in_window(window)}
        for unit, amount in ((Unit.MESSAGES, change.messages), (Unit.SEGMENTS, change.segments)):
            column = f"{window}_{unit}"
            changed = Greatest(F(column) + amount, Value(0))
            columns[column] = Case(When(**same, then=changed), default=F(column), output_field=IntegerField())
    Counter.objects.filter(pk=pk).update(**columns)


# --- Reading -----------------------------------------------------------------------------------------


def full(subject: Subject, segments: int, now: datetime, *, priority: bool = True) -> Usage | None:
    """The limit that has no room; the one whose window resets last, for that is when there is room again."""
    spent = [each for each in usage(subject, now) if not each.has_room(segments, priority=priority)]
    return max(spent, key=lambda each: each.resets_at, default=None)


def _full(meter: Meter, segments: int, now: datetime, *, priority: bool) -> Usage | None:
    found = usage_of(_counters(meter.subject), meter.limits, now)
    spent = [each for each in found if not each.has_room(segments, priority=priority)]
    return max(spent, key=lambda each: each.resets_at, default=None)


def never(subject: Subject, segments: int, now: datetime, *, priority: bool = True) -> bool:
    """Whether a message of so many segments is larger than one of the subject's limits: no reset makes room for it."""
    limits = rulebook.limits(subject, now)
    return any(limit.amount(segments) > limit.room(priority=priority) for limit in limits)


def _counters(subject: Subject) -> dict[str, Counter]:
    found = Counter.objects.filter(scope=subject.scope, subject_id=subject.subject_id)
    return {counter.zone: counter for counter in found}


def counters(workspace_id: int, scope: str) -> dict[int, dict[str, Counter]]:
    """All counters of a scope: by subject, then by zone. One query."""
    found: dict[int, dict[str, Counter]] = defaultdict(dict)
    for counter in Counter.objects.filter(workspace_id=workspace_id, scope=scope):
        found[counter.subject_id][counter.zone] = counter
    return found


def usage(subject: Subject, now: datetime | None = None) -> list[Usage]:
    """Every limit of a subject with what is used and when it resets; counts nothing and locks nothing."""
    now = now or timezone.now()
    return usage_of(_counters(subject), rulebook.limits(subject, now), now)


def usage_of(counters: Mapping[str, Counter], limits: Iterable[Limit], now: datetime) -> list[Usage]:
    """The same for counters already read, by zone (none: nothing was ever counted)."""
    return [
        Usage(limit, _used(counters, limit, now), resets_at(limit.window, now, limit.zone))
        for limit in limits
    ]


def _used(counters: Mapping[str, Counter], limit: Limit, now: datetime) -> int:
    counter = counters.get(limit.zone)
    if counter is None and counters:  # the rule is new: its counter is made with the next message
        return _used_by_log(next(iter(counters.values())), limit, now)
    if counter is None or getattr(counter, f"{limit.window}_at") < Moment.of(now, limit.zone).in_window(
        limit.window
    ):
        return 0
    return int(getattr(counter, limit.column))


def _used_by_log(counter: Counter, limit: Limit, now: datetime) -> int:
    since, until = started_at(limit.window, now, limit.zone), resets_at(limit.window, now, limit.zone)
    found = recount.counted(counter.scope, counter.subject_id, since, until)
    return found.segments if limit.unit == Unit.SEGMENTS else found.messages
