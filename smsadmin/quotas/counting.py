"""Counting and testing in one atomic step, and reading what is left.

`reserve` belongs inside the transaction that writes the message row: when that fails, nothing was counted.
The counters are locked number first, then user, each in UTC first, so that two messages never wait for each other in
a circle. Nothing but sending.log makes a message count or stop counting, so a recount of the log (quotas.recount) finds
the same figures.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import psycopg
from django.db import connection, transaction
from django.db.models import Case, F, IntegerField, Value, When
from django.db.models.functions import Greatest
from django.utils import timezone

from smsadmin.core.windows import Moment, Window, resets_at
from smsadmin.quotas import recount, rulebook
from smsadmin.quotas.models import Counter, Unit
from smsadmin.quotas.rulebook import UTC_ZONE, Limit, Meter, Subject

#: Of each subject its counters, by zone.
Counters = Mapping[int, Mapping[str, Counter]]
#: Windows whose limits hold for a message. It counts in all windows, whichever hold.
Windows = frozenset[Window]
EVERY: Windows = frozenset(Window)
#: What is left of a limit that does not hold: more than any column of a counter can say.
_NO_LIMIT = 2**31 - 1


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


class ClockBehind(Exception):
    """Others have counted in a later minute, which began at `at`: this message is to be counted in that one too."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        super().__init__(at.isoformat())


#: What a counter says of its windows.
_FIGURES = [f"{window}_{column}" for window in Window for column in ("at", *Unit.values)]


# --- Counting ----------------------------------------------------------------------------------------


def reserve(
    subjects: Iterable[Subject],
    segments: int,
    now: datetime,
    *,
    priority: bool = True,
    windows: Windows = EVERY,
) -> list[dict[str, Any]]:
    """Counts one message of `segments` segments for each subject, in the windows that hold `now`.

    Call it inside a transaction; subjects come number first. A message without priority leaves what is kept for those
    that have it; limits of other `windows` than these do not stop it. Returns the position of each counter after
    counting, as {"scope", "subject", "<window>_<unit>": used …} with the "zone" where that is not UTC, ready to be
    stored on the message. Raises QuotaExceeded, or ClockBehind where others have counted in a later minute.
    """
    positions, turn = [], 0
    for meter in rulebook.meters(subjects, now):
        turn, *used = _count(meter, segments, now, turn, priority, windows)
        positions.append(_position(meter, used))
    return positions


def most(limit: Limit, *, priority: bool, windows: Windows) -> int:
    """The most that may be used of a limit by a message with or without priority, for which these windows hold."""
    return limit.room(priority=priority) if limit.window in windows else _NO_LIMIT


def _count(
    meter: Meter, segments: int, now: datetime, turn: int, priority: bool, windows: Windows
) -> Sequence[int]:
    """Counts in one counter: its turn, and what is used of each limit. `turn`: that of the subject in UTC."""
    rooms = [most(limit, priority=priority, windows=windows) for limit in meter.limits]
    statement, parameters = _reservation(meter, rooms, segments, now, turn)
    while (row := _one(statement, parameters)) is None:
        counter = _counter(meter.subject, meter.zone)
        if counter and (meter.zone == UTC_ZONE or counter.turns == turn - 1):
            _raise_if_stopped(counter, meter, segments, now, priority=priority, windows=windows)
        else:
            make_counter(meter.subject, meter.zone, now, turn - 1)
    return row


def _counter(subject: Subject, zone: str) -> Counter | None:
    return Counter.objects.filter(scope=subject.scope, subject_id=subject.subject_id, zone=zone).first()


def _raise_if_stopped(
    counter: Counter, meter: Meter, segments: int, now: datetime, *, priority: bool, windows: Windows
) -> None:
    """Why the counter did not count; if for nothing, another request has changed it since."""
    if (at := not_before(counter, now)) > now:
        raise ClockBehind(at)
    usages = usage_of({meter.zone: counter}, meter.limits, now)
    if no_room := spent(usages, segments, priority=priority, windows=windows):
        raise QuotaExceeded(meter.subject, no_room)


def _position(meter: Meter, used: Sequence[int]) -> dict[str, Any]:
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


def _reservation(
    meter: Meter, rooms: Sequence[int], segments: int, now: datetime, turn: int
) -> tuple[str, dict[str, Any]]:
    """The one statement that tests every limit and counts: no row comes back when any limit has no room, of which
    `rooms` is the most that may be used.

    It counts in exactly the windows of `now`, so none comes back either when the counter is in a later minute; nor, in
    another zone than UTC, when the counter missed a turn.
    """
    subject, moment = meter.subject, Moment.of(now, meter.zone)
    parameters: dict[str, Any] = {
        "scope": subject.scope,
        "subject": subject.subject_id,
        "zone": meter.zone,
        "segments": segments,
        "turn": turn,
    }
    for window in Window:
        parameters[window.value] = moment.in_window(window)
    parameters |= {f"limit{index}": room for index, room in enumerate(rooms)}
    columns = tuple(limit.column for limit in meter.limits)
    return _statement(columns, in_utc=meter.zone == UTC_ZONE), parameters


@cache
def _statement(columns: tuple[str, ...], *, in_utc: bool) -> str:
    sets, amounts = ["turns = turns + 1"], {}
    for window in Window:
        sets.append(f"{window}_at = %({window})s")
        for unit, amount in (("messages", "1"), ("segments", "%(segments)s")):
            column = f"{window}_{unit}"
            amounts[column] = f"CASE WHEN {window}_at = %({window})s THEN {column} ELSE 0 END + {amount}"
            sets.append(f"{column} = {amounts[column]}")
    room = "".join(f" AND {amounts[column]} <= %(limit{i})s" for i, column in enumerate(columns))
    missed_none = "" if in_utc else " AND turns = %(turn)s - 1"
    returned = "".join(f", {column}" for column in columns)
    return (
        f"UPDATE quotas_counter SET {', '.join(sets)} "  # noqa: S608 (our own column names)
        "WHERE scope = %(scope)s AND subject_id = %(subject)s AND zone = %(zone)s "
        f"AND minute_at <= %(minute)s{missed_none}{room} RETURNING turns{returned}"
    )


def make_counter(subject: Subject, zone: str, now: datetime, turns: int = 0) -> None:
    """Gives the subject a counter in a zone, with what the log says it has used. In UTC harmless when it has one; in
    another zone it takes the place of one that missed a turn.

    `turns`: how many the subject has had in UTC, as far as the log knows them. Belongs into the transaction that has
    the subject's counter in UTC, where it has one: so nothing is counted meanwhile.
    """
    counter = Counter(
        workspace_id=subject.workspace_id, scope=subject.scope, subject_id=subject.subject_id, zone=zone
    )
    recount.fill(counter, now)
    if zone == UTC_ZONE:
        Counter.objects.bulk_create([counter], ignore_conflicts=True)
        return
    counter.turns = turns
    known = ["scope", "subject_id", "zone"]
    Counter.objects.bulk_create(
        [counter], update_conflicts=True, unique_fields=known, update_fields=["turns", *_FIGURES]
    )


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


def lock(holders: Iterable[tuple[str, int]]) -> None:
    """Locks all counters of these holders (scope and id) until the transaction ends, in the order of `reserve`: for a
    message that is given back for some and counted for others."""
    for scope, subject_id in sorted(set(holders)):
        _locked(scope, subject_id)


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


def full(
    subject: Subject, segments: int, now: datetime, *, priority: bool = True, windows: Windows = EVERY
) -> Usage | None:
    """The limit that has no room; the one whose window resets last, for that is when there is room again."""
    return spent(usage(subject, now), segments, priority=priority, windows=windows)


def spent(
    usages: Iterable[Usage], segments: int, *, priority: bool, windows: Windows = EVERY
) -> Usage | None:
    """The last to reset of those without room, of the windows that hold; None where all have room."""
    found = [
        each
        for each in usages
        if each.limit.window in windows and not each.has_room(segments, priority=priority)
    ]
    return max(found, key=lambda each: each.resets_at, default=None)


def never(subject: Subject, segments: int, now: datetime, *, priority: bool = True) -> bool:
    """Whether a message of so many segments is larger than one of the subject's limits: no reset makes room for it."""
    limits = rulebook.limits(subject, now)
    return any(limit.amount(segments) > limit.room(priority=priority) for limit in limits)


def counters(workspace_id: int, scope: str) -> Counters:
    """All counters of a scope as they are stored: by subject, then by zone. One query."""
    return _by_subject(Counter.objects.filter(workspace_id=workspace_id, scope=scope))


def _by_subject(rows: Iterable[Counter]) -> Counters:
    found: dict[int, dict[str, Counter]] = defaultdict(dict)
    for counter in rows:
        found[counter.subject_id][counter.zone] = counter
    return found


def completed(counters: Counters, subjects: Iterable[Subject], now: datetime) -> Counters:
    """The counters with those of the subjects that are missing in the zone of a rule, or missed a turn there, as the
    log has them; nothing is stored. All subjects are of one workspace and scope. One query for each such zone."""
    lacking: dict[tuple[str, datetime], list[Subject]] = defaultdict(list)
    for meter in incomplete(counters, subjects, now):
        in_utc = counters[meter.subject.subject_id][UTC_ZONE]
        lacking[meter.zone, not_before(in_utc, now)].append(meter.subject)
    found = {subject_id: dict(own) for subject_id, own in counters.items()}
    for (zone, at), those in lacking.items():
        only = [subject.subject_id for subject in those]
        used = recount.windows(those[0].workspace_id, those[0].scope, zone, at, only)
        for subject in those:
            made = Counter(scope=subject.scope, subject_id=subject.subject_id, zone=zone)
            for window in Window:
                recount.put(made, window, used[subject.subject_id][window], at)
            found[subject.subject_id][zone] = made
    return found


def incomplete(counters: Counters, subjects: Iterable[Subject], now: datetime) -> list[Meter]:
    """Where a subject that has sent lacks a counter that a rule asks for, or has one that missed a turn."""
    return [
        meter
        for meter in rulebook.meters(subjects, now)
        if (own := counters.get(meter.subject.subject_id)) and not is_complete(own, meter.zone)
    ]


def is_complete(own: Mapping[str, Counter], zone: str) -> bool:
    """Whether a subject's counter in a zone is there and has counted all that was counted in UTC."""
    in_utc, counter = own.get(UTC_ZONE), own.get(zone)
    return in_utc is None or (counter is not None and counter.turns == in_utc.turns)


def complete(workspace_id: int, scope: str, subjects: Sequence[Subject], now: datetime) -> Counters:
    """All counters of a scope, after those that `completed` would make up were stored."""
    found = counters(workspace_id, scope)
    lacking = incomplete(found, subjects, now)
    for meter in lacking:
        _store(meter, now)
    return counters(workspace_id, scope) if lacking else found


@transaction.atomic
def _store(meter: Meter, now: datetime) -> None:
    its = Counter.objects.filter(scope=meter.subject.scope, subject_id=meter.subject.subject_id)
    if in_utc := its.filter(zone=UTC_ZONE).select_for_update().first():
        make_counter(meter.subject, meter.zone, not_before(in_utc, now), in_utc.turns)


def usage(subject: Subject, now: datetime | None = None) -> list[Usage]:
    """Every limit of a subject with what is used and when it resets; counts nothing and locks nothing."""
    now = now or timezone.now()
    its = _by_subject(Counter.objects.filter(scope=subject.scope, subject_id=subject.subject_id))
    own = completed(its, [subject], now).get(subject.subject_id, {})
    return usage_of(own, rulebook.limits(subject, now), now)


def usage_of(counters: Mapping[str, Counter], limits: Iterable[Limit], now: datetime) -> list[Usage]:
    """The same for counters already read, and completed, by zone (none: nothing was ever counted)."""
    return [_usage(counters.get(limit.zone), limit, now) for limit in limits]


def _usage(counter: Counter | None, limit: Limit, now: datetime) -> Usage:
    at = not_before(counter, now) if counter else now
    here = Moment.of(at, limit.zone).in_window(limit.window)
    used = getattr(counter, limit.column) if getattr(counter, f"{limit.window}_at", None) == here else 0
    return Usage(limit, used, resets_at(limit.window, at, limit.zone))


def not_before(counter: Counter, now: datetime) -> datetime:
    """The moment, or the beginning of the counter's minute where another server's clock is ahead."""
    return max(now, datetime.fromtimestamp(counter.minute_at * 60, UTC))
