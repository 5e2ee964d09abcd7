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
from uuid import UUID

import psycopg
from django.db import connection, transaction
from django.db.models import Q

from smsadmin.core.status import Status
from smsadmin.core.windows import Moment, Window
from smsadmin.hooks import telling
from smsadmin.hooks.events import of_status
from smsadmin.quotas import counting, crossing, rulebook
from smsadmin.quotas.counting import ClockBehind
from smsadmin.quotas.models import Unit
from smsadmin.quotas.rulebook import UTC_ZONE, Limit
from smsadmin.sending import lines, log, quota
from smsadmin.sending.lines import Line
from smsadmin.sending.log import Move
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand

#: Of each counter its zone and its limited columns.
Shape = tuple[tuple[str, tuple[str, ...]], ...]
#: What is used now: by window, the parameter that has the window's number.
Now = dict[Window, str]


class LineAhead(Exception):
    """Messages of the same line are held: this one waits behind them. `first` is the first of them."""

    def __init__(self, first: Message) -> None:
        self.first = first
        super().__init__(str(first.pk))


def enter(message: Message, demand: Demand, now: datetime, *, in_line: bool = False) -> None:
    """Counts the message for its number, then its user, and writes it, with their positions.

    It is accepted `now`, or where this server's clock is behind another's in the minute that has begun there. Raises
    QuotaExceeded when a limit has no room, IntegrityError when its key was used before, and for a message that
    waits `in_line` LineAhead when others of its line are held: then nothing was counted and nothing written.
    """
    try:
        # Told first: once the counters are locked, nothing but the commit is waited for.
        with telling.together(of_status(Status.QUEUED), workspace_id=message.workspace_id):
            telling.made(message, now)
            if connection.vendor != "postgresql" or not _enter_at_once(message, demand, now, in_line=in_line):
                _enter_step_by_step(message, demand, now, in_line=in_line)
    except ClockBehind as clock:
        message.accepted_at = clock.at
        enter(message, demand, clock.at, in_line=in_line)
    else:
        crossing.note(demand.subjects, message.quota, message.segments, now)


def release(message: Message, demand: Demand, now: datetime) -> bool:
    """Counts a held message and queues it, both or neither; False when it is no longer held.

    Raises QuotaExceeded when a limit has no room. The counters are locked before the row, as they are at acceptance.
    """
    try:
        return _release(message, demand, now)
    except ClockBehind as clock:
        return release(message, demand, clock.at)


def _release(message: Message, demand: Demand, now: datetime) -> bool:
    with transaction.atomic():
        position = _reserved(message, demand, now)
        released = log.released(message.pk, position, now)
        if not released:
            transaction.set_rollback(True)
    if released:
        crossing.note(demand.subjects, position, message.segments, now)
    return released


def move(message_id: UUID, only: Q, to: Move, demand: Demand, now: datetime) -> bool:
    """Counts a message where it goes on, gives back what it had counted before, and queues it there, all or nothing;
    False when it is no longer as `only` says.

    Raises QuotaExceeded when a limit there has no room. The row is locked before the counters, as where messages are
    given back.
    """
    try:
        return _move(message_id, only, to, demand, now)
    except ClockBehind as clock:
        return move(message_id, only, to, demand, clock.at)


def _move(message_id: UUID, only: Q, to: Move, demand: Demand, now: datetime) -> bool:
    with transaction.atomic():
        found = log.leaving(message_id, only)
        if found is None:
            return False
        row, back = found
        after = [(subject.scope, subject.subject_id) for subject in demand.subjects]
        counting.lock([*((each.scope, each.subject_id) for each in back), *after])
        counting.adjust(back)
        position = _reserved(row, demand, now)
        log.moved(row, to, position, now)
    crossing.note(demand.subjects, position, row.segments, now)
    return True


def _reserved(message: Message, demand: Demand, now: datetime) -> list[dict[str, Any]]:
    return counting.reserve(
        demand.subjects, message.segments, now, priority=demand.priority, windows=demand.windows
    )


def _enter_step_by_step(message: Message, demand: Demand, now: datetime, *, in_line: bool) -> None:
    with transaction.atomic():
        message.quota = _reserved(message, demand, now)
        if in_line and (first := lines.first(Line.of(message), quota.largest(demand, now))):
            raise LineAhead(first)
        message.save(force_insert=True)


def _enter_at_once(message: Message, demand: Demand, now: datetime, *, in_line: bool) -> bool:
    """False when a counter is missing, missed a turn or is in a later minute, when a limit is reached, a line waits or
    the key was used: nothing was changed."""
    meters = rulebook.meters(demand.subjects, now)
    shape = tuple((meter.zone, tuple(limit.column for limit in meter.limits)) for meter in meters)
    parameters: list[Any] = []
    for zone in _zones(shape):
        moment = Moment.of(now, zone)
        parameters += [moment.in_window(window) for window in Window]
    for meter in meters:
        subject, most = meter.subject, [_most(limit, message, demand) for limit in meter.limits]
        parameters += [subject.scope, subject.subject_id, meter.zone, *most]
    parameters += [_row(message), message.segments]
    # psycopg's own cursor prepares on the server what comes often; Django's never does.
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.RawCursor(connection.connection) as cursor:
        cursor.execute(_statement(shape, in_line), parameters, prepare=True)
        row = cursor.fetchone()
    if row is None:
        return False
    message.quota, message._state.adding = json.loads(row[0]), False  # Django has psycopg leave JSON as text
    return True


def _zones(shape: Shape) -> list[str]:
    return list(dict.fromkeys(zone for zone, _ in shape))


def _most(limit: Limit, message: Message, demand: Demand) -> int:
    """The most that may be used before this message, for it to fit."""
    most = counting.most(limit, priority=demand.priority, windows=demand.windows)
    return most - limit.amount(message.segments)


def _row(message: Message) -> str:
    """The whole row as one parameter: forty of them would cost more than the statement."""
    return json.dumps({name: getattr(message, attribute) for attribute, name in _columns()}, default=str)


@cache
def _columns() -> tuple[tuple[str, str], ...]:
    """Attribute and column of each field that is known before the statement runs."""
    fields = Message._meta.concrete_fields
    return tuple((field.attname, str(field.column)) for field in fields if field.name != "quota")


#: The row's line: the same number, user and kind of message (sending.lines), as the index held_by_line has them. Where
#: those that wait never have room, the transaction of single statements sees that they are in nobody's way.
_NOBODY_WAITS = (
    "NOT EXISTS (SELECT 1 FROM sending_message held WHERE held.status = 'held' "
    "AND held.number_id = ({row}->>'number_id')::bigint "
    "AND COALESCE(held.agent_id, 0) = COALESCE(({row}->>'agent_id')::bigint, 0) "
    "AND held.traffic = {row}->>'traffic')"
)


@cache
def _statement(shape: Shape, in_line: bool) -> str:
    """Locks the counters in their order where all have room, writes the row, and counts if it was written.

    `in_line`: nothing is written where messages of the row's line are held.
    """
    give = iter(range(1, 1_000))
    now: dict[str, Now] = {zone: {w: f"${next(give)}::bigint" for w in Window} for zone in _zones(shape)}
    counters = [(f"c{index}", zone, columns) for index, (zone, columns) in enumerate(shape)]
    room: list[str] = []
    for c, zone, columns in counters:
        room.append(f"{c}.scope = ${next(give)}::text AND {c}.subject_id = ${next(give)}::bigint")
        room.append(f"{c}.zone = ${next(give)}::text AND {c}.minute_at <= {now[zone][Window.MINUTE]}")
        if zone == UTC_ZONE:
            in_utc = c
        else:
            room.append(f"{c}.turns = {in_utc}.turns")
        room += [f"{_used(c, column, now[zone])} <= ${next(give)}::bigint" for column in columns]
    row, amounts = f"${next(give)}::jsonb", {Unit.MESSAGES: "1", Unit.SEGMENTS: f"${next(give)}::integer"}
    if in_line:
        room.append(_NOBODY_WAITS.format(row=row))
    table, names = Message._meta.db_table, [name for _, name in _columns()]
    position = ", ".join(_position(c, zone, columns, now[zone], amounts) for c, zone, columns in counters)
    counted = [
        f"counted{index} AS ({_counted([c for c, its, _ in counters if its == zone], now[zone], amounts)})"
        for index, zone in enumerate(now)
    ]
    return (
        f"WITH room AS (SELECT {', '.join(f'{c}.id AS {c}' for c, *_ in counters)}, "  # noqa: S608 (our own names)
        f"jsonb_build_array({position}) AS position "
        f"FROM {', '.join(f'quotas_counter {c}' for c, *_ in counters)} WHERE {' AND '.join(room)} FOR UPDATE), "
        f"entered AS (INSERT INTO {table} ({', '.join(names)}, quota) "
        f"SELECT {', '.join(f'message.{name}' for name in names)}, position "
        f"FROM room, jsonb_populate_record(NULL::{table}, {row}) AS message "
        "ON CONFLICT (workspace_id, trigger, key) DO NOTHING RETURNING quota), "
        f"{', '.join(counted)} SELECT quota FROM entered"
    )


def _counted(counters: Sequence[str], now: Now, amounts: dict[Unit, str]) -> str:
    """Counts in the counters of one zone."""
    sets = ["turns = c.turns + 1", *(f"{window}_at = {at}" for window, at in now.items())]
    sets += [
        f"{w}_{unit} = {_used('c', f'{w}_{unit}', now)} + {amounts[unit]}" for w in Window for unit in Unit
    ]
    ids = ", ".join(f"room.{counter}" for counter in counters)
    return f"UPDATE quotas_counter c SET {', '.join(sets)} FROM room, entered WHERE c.id IN ({ids})"  # noqa: S608


def _used(counter: str, column: str, now: Now) -> str:
    """What a counter's column says of the present window: nothing, when it was last written in another one."""
    window = Window(column.split("_", maxsplit=1)[0])
    return f"CASE WHEN {counter}.{window}_at = {now[window]} THEN {counter}.{column} ELSE 0 END"


def _position(counter: str, zone: str, columns: Sequence[str], now: Now, amounts: dict[Unit, str]) -> str:
    """As counting.position has it."""
    after = "".join(
        f", '{column}', {_used(counter, column, now)} + {amounts[Unit(column.split('_')[1])]}"
        for column in columns
    )
    if zone != UTC_ZONE:
        after += f", 'zone', {counter}.zone"
    return f"jsonb_build_object('scope', {counter}.scope, 'subject', {counter}.subject_id{after})"
