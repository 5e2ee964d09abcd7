"""Counting and testing in one atomic step, and reading what is left.

`reserve` belongs inside the transaction that writes the message row: when that fails, nothing was counted.
The counters are locked number first, then user, so that two messages never wait for each other in a circle.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from smsadmin.cache import remembered
from smsadmin.core.windows import Moment, Window, resets_at
from smsadmin.quotas.models import Counter, Rule, Scope, Unit

#: Aircall help, "advanced Send SMS action", limits and constraints: per user and per number.
SHIPPED = [
    (scope, window, Unit.MESSAGES, limit, "Aircall help: advanced Send SMS action")
    for scope in (Scope.NUMBER, Scope.USER)
    for window, limit in (
        (Window.MINUTE, 200),
        (Window.HOUR, 1_000),
        (Window.DAY, 5_000),
        (Window.MONTH, 10_000),
    )
] + [(Scope.USER, Window.MONTH, Unit.SEGMENTS, 13_000, "Aircall help: SMS limits")]


@dataclass(frozen=True, slots=True)
class Limit:
    scope: str
    window: Window
    unit: str
    limit: int

    @property
    def column(self) -> str:
        return f"{self.window}_{self.unit}"

    def amount(self, segments: int) -> int:
        """What a message of so many segments takes of it."""
        return segments if self.unit == Unit.SEGMENTS else 1


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose quota: a number or a user (agent) of the directory."""

    workspace_id: int
    scope: str
    subject_id: int


@dataclass(frozen=True, slots=True)
class Usage:
    """One limit of one subject at one moment."""

    limit: Limit
    used: int
    resets_at: datetime

    @property
    def left(self) -> int:
        return max(self.limit.limit - self.used, 0)


class QuotaExceeded(Exception):
    """`usage` is the limit that had no room."""

    def __init__(self, subject: Subject, usage: Usage) -> None:
        self.subject, self.usage = subject, usage
        super().__init__(f"{usage.limit.column} of {subject.scope} {subject.subject_id}")


def ship_rules(workspace_id: int) -> None:
    """Gives a new workspace the documented limits."""
    Rule.objects.bulk_create(
        [
            Rule(workspace_id=workspace_id, scope=scope, window=window, unit=unit, limit=limit, source=source)
            for scope, window, unit, limit, source in SHIPPED
        ],
        ignore_conflicts=True,
    )


def limits(workspace_id: int, scope: str) -> tuple[Limit, ...]:
    """The workspace's limits of one scope, shortest window first."""

    def load() -> dict[str, tuple[Limit, ...]]:
        rules = Rule.objects.filter(workspace_id=workspace_id)
        found = [Limit(rule.scope, Window(rule.window), rule.unit, rule.limit) for rule in rules]
        order = list(Window)
        found.sort(key=lambda limit: (limit.unit, order.index(limit.window)))
        return {each: tuple(x for x in found if x.scope == each) for each in Scope.values}

    return remembered(("limits", workspace_id), load)[scope]


def reserve(subjects: Iterable[Subject], segments: int, now: datetime) -> list[dict[str, Any]]:
    """Counts one message of `segments` segments for each subject, or raises QuotaExceeded.

    Call it inside a transaction; subjects come number first. Returns each subject's position after counting,
    as {"scope", "subject", "<window>_<unit>": used …} ready to be stored on the message.
    """
    return [_count(subject, segments, now) for subject in subjects]


def _count(subject: Subject, segments: int, now: datetime) -> dict[str, Any]:
    rules = limits(subject.workspace_id, subject.scope)
    statement, parameters = _reservation(subject, rules, segments, Moment.of(now))
    while (row := _one(statement, parameters)) is None:
        if no_room := full(subject, rules, segments, now):
            raise QuotaExceeded(subject, no_room)
        make_counter(subject)  # there was none, or another request has just made it
    used = {rule.column: value for rule, value in zip(rules, row[1:], strict=True)}
    return {"scope": subject.scope, "subject": subject.subject_id, **used}


def _one(statement: str, parameters: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()


def _reservation(
    subject: Subject, rules: tuple[Limit, ...], segments: int, moment: Moment
) -> tuple[str, dict[str, Any]]:
    """The one statement that tests every limit and counts: no row comes back when any limit has no room.

    A window's number never falls, also when the clocks of two servers disagree.
    """
    parameters: dict[str, Any] = {"scope": subject.scope, "subject": subject.subject_id, "segments": segments}
    for window in Window:
        parameters[window.value] = moment.in_window(window)
    for index, rule in enumerate(rules):
        parameters[f"limit{index}"] = rule.limit
    return _statement(tuple(rule.column for rule in rules)), parameters


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
            f"WHERE scope = %(scope)s AND subject_id = %(subject)s{room} RETURNING id{returned}"
        )
    return _statements[columns]


def make_counter(subject: Subject) -> None:
    """Gives the subject its counter row; harmless when it has one."""
    Counter.objects.bulk_create(
        [Counter(workspace_id=subject.workspace_id, scope=subject.scope, subject_id=subject.subject_id)],
        ignore_conflicts=True,
    )


def full(subject: Subject, rules: Iterable[Limit], segments: int, now: datetime) -> Usage | None:
    """The limit that has no room; the one whose window resets last, for that is when there is room again."""
    usages = usage_of(_counter(subject), rules, now)
    spent = [u for u in usages if u.used + u.limit.amount(segments) > u.limit.limit]
    return max(spent, key=lambda u: u.resets_at, default=None)


def never(subject: Subject, segments: int) -> bool:
    """Whether a message of so many segments is larger than one of the subject's limits: no reset makes room for it."""
    rules = limits(subject.workspace_id, subject.scope)
    return any(rule.amount(segments) > rule.limit for rule in rules)


def _counter(subject: Subject) -> Counter | None:
    return Counter.objects.filter(scope=subject.scope, subject_id=subject.subject_id).first()


def usage(subject: Subject, now: datetime | None = None) -> list[Usage]:
    """Every limit of a subject with what is used and when it resets; counts nothing and locks nothing."""
    return usage_of(_counter(subject), limits(subject.workspace_id, subject.scope), now or timezone.now())


def usage_of(counter: Counter | None, rules: Iterable[Limit], now: datetime) -> list[Usage]:
    """The same for a counter row already read (None: nothing was ever counted)."""
    moment = Moment.of(now)
    return [Usage(rule, _used(counter, rule, moment), resets_at(rule.window, now)) for rule in rules]


def _used(counter: Counter | None, rule: Limit, moment: Moment) -> int:
    if counter is None or getattr(counter, f"{rule.window}_at") < moment.in_window(rule.window):
        return 0
    return int(getattr(counter, rule.column))
