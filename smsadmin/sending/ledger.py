"""Counting a message in every quota window and writing its row: both or neither.

A transaction of ordinary statements does it on every database. PostgreSQL first tries one statement, which is one
round trip and one commit, and succeeds where the counters exist and have room (docs/decisions.md). The same tests
hold for both.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import psycopg
from django.db import connection, transaction

from smsadmin.core.windows import Moment, Window
from smsadmin.quotas import counting
from smsadmin.quotas.counting import Limit, Subject
from smsadmin.quotas.models import Unit
from smsadmin.sending import log
from smsadmin.sending.models import Message


def enter(message: Message, subjects: Sequence[Subject], now: datetime) -> None:
    """Counts the message for its subjects (number first, then user) and writes it, with their positions.

    Raises QuotaExceeded when a limit has no room, IntegrityError when its key was used before: then nothing
    was counted and nothing written.
    """
    if connection.vendor == "postgresql" and _enter_at_once(message, subjects, now):
        return
    with transaction.atomic():
        message.quota = counting.reserve(subjects, message.segments, now)
        message.save(force_insert=True)


def release(message: Message, subjects: Sequence[Subject], now: datetime) -> bool:
    """Counts a held message and queues it, both or neither; False when it is no longer held.

    Raises QuotaExceeded when a limit has no room. The counters are locked before the row, as they are at acceptance.
    """
    with transaction.atomic():
        position = counting.reserve(subjects, message.segments, now)
        released = log.released(message.pk, position, now)
        if not released:
            transaction.set_rollback(True)
    return released


def _enter_at_once(message: Message, subjects: Sequence[Subject], now: datetime) -> bool:
    """False when a counter is missing, a limit is reached or the key was used: nothing was changed then."""
    limits = [counting.limits(subject.workspace_id, subject.scope) for subject in subjects]
    moment = Moment.of(now)
    parameters: list[Any] = [moment.in_window(window) for window in Window]
    for subject, rules in zip(subjects, limits, strict=True):
        parameters += [subject.scope, subject.subject_id, *(_most(rule, message) for rule in rules)]
    parameters += [_row(message), message.segments]
    # psycopg's own cursor prepares on the server what comes often; Django's never does.
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.RawCursor(connection.connection) as cursor:
        cursor.execute(_statement(tuple(map(_names, limits))), parameters, prepare=True)
        row = cursor.fetchone()
    if row is None:
        return False
    message.quota, message._state.adding = json.loads(row[0]), False  # Django has psycopg leave JSON as text
    return True


def _names(rules: Sequence[Limit]) -> tuple[str, ...]:
    return tuple(rule.column for rule in rules)


def _most(rule: Limit, message: Message) -> int:
    """The most that may be used before this message, for it to fit."""
    return rule.limit - (message.segments if rule.unit == Unit.SEGMENTS else 1)


def _row(message: Message) -> str:
    """The whole row as one parameter: forty of them would cost more than the statement."""
    return json.dumps({name: getattr(message, attribute) for attribute, name in _columns()}, default=str)


@cache
def _columns() -> tuple[tuple[str, str], ...]:
    """Attribute and column of each field that is known before the statement runs."""
    fields = Message._meta.concrete_fields
    return tuple((field.attname, str(field.column)) for field in fields if field.name != "quota")


@cache
def _statement(limited: tuple[tuple[str, ...], ...]) -> str:
    """Locks the counters in their order where all have room, writes the row, and counts if it was written.

    `limited` are the limited columns of each subject.
    """
    give = iter(range(1, 1_000))
    now = {window: f"${next(give)}::bigint" for window in Window}
    counters = [f"c{index}" for index in range(len(limited))]
    room: list[str] = []
    for counter, columns in zip(counters, limited, strict=True):
        room.append(f"{counter}.scope = ${next(give)}::text AND {counter}.subject_id = ${next(give)}::bigint")
        room += [f"{_used(counter, column, now)} <= ${next(give)}::bigint" for column in columns]
    row, amounts = f"${next(give)}::jsonb", {Unit.MESSAGES: "1", Unit.SEGMENTS: f"${next(give)}::integer"}
    table, names = Message._meta.db_table, [name for _, name in _columns()]
    counted = [f"{window}_at = greatest(c.{window}_at, {at})" for window, at in now.items()]
    counted += [
        f"{w}_{unit} = {_used('c', f'{w}_{unit}', now)} + {amounts[unit]}" for w in Window for unit in Unit
    ]
    position = ", ".join(_position(*each, now, amounts) for each in zip(counters, limited, strict=True))
    return (
        f"WITH room AS (SELECT {', '.join(f'{c}.id AS {c}' for c in counters)}, "  # noqa: S608 (our own column names)
        f"jsonb_build_array({position}) AS position "
        f"FROM {', '.join(f'quotas_counter {c}' for c in counters)} WHERE {' AND '.join(room)} FOR UPDATE), "
        f"entered AS (INSERT INTO {table} ({', '.join(names)}, quota) "
        f"SELECT {', '.join(f'message.{name}' for name in names)}, position "
        f"FROM room, jsonb_populate_record(NULL::{table}, {row}) AS message "
        "ON CONFLICT (workspace_id, trigger, key) DO NOTHING RETURNING quota), "
        f"counted AS (UPDATE quotas_counter c SET {', '.join(counted)} FROM room, entered "
        f"WHERE c.id IN ({', '.join(f'room.{c}' for c in counters)})) "
        "SELECT quota FROM entered"
    )


def _used(counter: str, column: str, now: dict[Window, str]) -> str:
    """What a counter's column says of the present window: nothing, when it was last written in an older one."""
    window = Window(column.split("_", maxsplit=1)[0])
    return f"CASE WHEN {counter}.{window}_at >= {now[window]} THEN {counter}.{column} ELSE 0 END"


def _position(counter: str, columns: Sequence[str], now: dict[Window, str], amounts: dict[Unit, str]) -> str:
    after = "".join(
        f", '{column}', {_used(counter, column, now)} + {amounts[Unit(column.split('_')[1])]}"
        for column in columns
    )
    return f"jsonb_build_object('scope', {counter}.scope, 'subject', {counter}.subject_id{after})"
