"""Counting a message in every quota window and writing its row: both or neither.

PostgreSQL does it in one statement, one round trip and one commit (docs/decisions.md says what that is worth);
elsewhere a transaction of ordinary statements does the same. The same tests hold for both.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import psycopg
from django.db import IntegrityError, connection, models, transaction

from smsadmin.core.windows import Moment, Window
from smsadmin.quotas import counting
from smsadmin.quotas.counting import Limit, QuotaExceeded, Subject
from smsadmin.sending.models import Message

TABLE = Message._meta.db_table


def enter(message: Message, subjects: Sequence[Subject], now: datetime) -> None:
    """Counts the message for its subjects (number first, then user) and writes it, with their positions.

    Raises QuotaExceeded when a limit has no room, IntegrityError when its key was used before: then nothing
    was counted and nothing written.
    """
    if connection.vendor == "postgresql":
        _enter_at_once(message, subjects, now)
        return
    with transaction.atomic():
        message.quota = counting.reserve(subjects, message.segments, now)
        message.save(force_insert=True)


def _enter_at_once(message: Message, subjects: Sequence[Subject], now: datetime) -> None:
    rules = [counting.limits(subject.workspace_id, subject.scope) for subject in subjects]
    statement = _statement(tuple(tuple(limit.column for limit in each) for each in rules))
    parameters = _parameters(message, subjects, rules, Moment.of(now))
    while True:
        room, entered, position = _one(statement, parameters)
        if entered:
            message.quota = position
            message._state.adding = False
            return
        if room:
            raise IntegrityError("This key was used before.")
        for subject, limits in zip(subjects, rules, strict=True):
            if full := counting.full(subject, limits, message.segments, now):
                raise QuotaExceeded(subject, full)
            counting.make_counter(subject)  # there was none, or another request has just made room


def _one(statement: str, parameters: Sequence[Any]) -> tuple[bool, Any, Any]:
    """Through psycopg's own cursor, which prepares on the server what comes often; Django's never does."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.RawCursor(connection.connection) as cursor:
        cursor.execute(statement, parameters, prepare=True)
        row = cursor.fetchone()
    assert row
    return row  # type: ignore[return-value]


def _parameters(
    message: Message, subjects: Sequence[Subject], rules: Sequence[Sequence[Limit]], moment: Moment
) -> list[Any]:
    """In the order of their placeholders in `_statement`."""
    windows = [moment.in_window(window) for window in Window]
    parameters: list[Any] = [*windows, message.segments]
    for subject in subjects:
        parameters += [subject.scope, subject.subject_id]
    for subject, limits in zip(subjects, rules, strict=True):
        parameters += [subject.scope, *(limit.limit for limit in limits)]
    parameters += [subject.scope for subject in subjects]
    return parameters + [_value(message, field) for field in _columns()]


def _value(message: Message, field: Any) -> Any:
    value = getattr(message, field.attname)
    return json.dumps(value) if isinstance(field, models.JSONField) else value


@cache
def _columns() -> tuple[Any, ...]:
    return tuple(field for field in Message._meta.concrete_fields if field.name != "quota")


@cache
def _statement(columns: tuple[tuple[str, ...], ...]) -> str:
    """Locks the counters in one order, judges them, writes the row if all have room, then counts.

    `columns` are the limited columns of each subject. The counters are only changed where the row was written,
    and the row only where they have room, so the statement does everything or nothing.
    """
    asked = ", ".join(f"%s::bigint AS {window}_now" for window in Window)
    after = ", ".join(
        f"CASE WHEN c.{w}_at >= {w}_now THEN c.{w}_{unit} ELSE 0 END + {amount} AS {w}_{unit}"
        for w in Window
        for unit, amount in (("messages", "1"), ("segments", "segments_now"))
    )
    since = ", ".join(f"greatest(c.{w}_at, {w}_now) AS {w}_at" for w in Window)
    fits = " ".join(_judged(names, _fits) for names in columns)
    position = " ".join(_judged(names, _position) for names in columns)
    fields = ", ".join(f'"{field.column}"' for field in _columns())
    values = ", ".join(f"%s::{_cast(field)}" for field in _columns())
    counted = ", ".join(f"{name} = after.{name}" for w in Window for name in (f"{w}_at", f"{w}_messages", f"{w}_segments"))
    return _numbered(
        f"WITH asked AS (SELECT {asked}, %s::integer AS segments_now), "  # noqa: S608 (our own column names)
        f"after AS MATERIALIZED (SELECT c.id, c.scope, c.subject_id, {since}, {after} "
        "FROM quotas_counter c, asked WHERE "
        + " OR ".join("(c.scope = %s::text AND c.subject_id = %s::bigint)" for _ in columns)
        + " ORDER BY c.scope, c.id FOR UPDATE OF c), "
        f"verdict AS (SELECT count(*) = {len(columns)} AND bool_and(CASE scope {fits} END) AS room, "
        f"jsonb_agg(CASE scope {position} END ORDER BY scope) AS position FROM after), "
        f"entered AS (INSERT INTO {TABLE} ({fields}, quota) SELECT {values}, verdict.position FROM verdict "
        "WHERE verdict.room ON CONFLICT (workspace_id, trigger, key) DO NOTHING RETURNING id), "
        f"counted AS (UPDATE quotas_counter SET {counted} FROM after, entered WHERE quotas_counter.id = after.id) "
        "SELECT verdict.room, (SELECT id FROM entered), verdict.position FROM verdict"
    )


def _numbered(statement: str) -> str:
    """PostgreSQL's own placeholders, $1 and so on: psycopg then has nothing to translate."""
    parts = statement.split("%s")
    return "".join(f"{part}${index}" for index, part in enumerate(parts[:-1], 1)) + parts[-1]


def _judged(columns: Sequence[str], judge: Callable[[Sequence[str]], str]) -> str:
    return f"WHEN %s::text THEN {judge(columns)}"


def _fits(columns: Sequence[str]) -> str:
    return " AND ".join(f"{column} <= %s::bigint" for column in columns) or "true"


def _position(columns: Sequence[str]) -> str:
    pairs = "".join(f", '{column}', {column}" for column in columns)
    return f"jsonb_build_object('scope', scope, 'subject', subject_id{pairs})"


def _cast(field: Any) -> str:
    """A type that never shortens what it casts: varchar(n) would."""
    kind = field.db_type(connection)
    return "text" if kind.startswith("varchar") else str(kind)
