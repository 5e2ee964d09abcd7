"""How often each cause stopped messages, read from the index that groups them (sending.models, log_by_cause).

Every figure is a few steps down that index or a stretch of it of bounded length, so that none depends on how long the
log is: the causes themselves are found by leaping from each to the next. The statements are ones that PostgreSQL and
SQLite both understand.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from smsadmin.core.ids import first_uuid7, moment_of
from smsadmin.core.status import TROUBLE
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace

#: Causes that are looked at: more are found only where somebody else's data makes them up.
MOST_CAUSES = 2_000
#: Counting one cause stops here.
MOST_COUNTED = 10_000
#: Counting one cause within one stretch of time stops here.
MOST_IN_A_SPAN = 1_000
#: Of each cause the newest of these tell what it touches.
SAMPLE = 200

_STATUSES = ", ".join(f"'{status}'" for status in sorted(TROUBLE))  # spelt as the partial index is
_OF_CAUSE = f"FROM sending_message m WHERE m.workspace_id = %(workspace)s AND m.status IN ({_STATUSES})"
_FOUND = f"""
    WITH RECURSIVE found (cause, nth) AS (
        SELECT CAST('' AS varchar(60)), 0
        UNION ALL
        SELECT (SELECT m.cause {_OF_CAUSE} AND m.cause > found.cause ORDER BY m.cause LIMIT 1), nth + 1
        FROM found WHERE found.cause IS NOT NULL AND nth < {MOST_CAUSES}
    )"""  # noqa: S608 (our own names and figures)
_MINE = f"{_OF_CAUSE} AND m.cause = found.cause"
_RECENT = f"{_MINE} AND m.id >= %(since)s"
_TALLIES = f"""
    {_FOUND}
    SELECT found.cause,
        (SELECT count(*) FROM (SELECT 1 {_RECENT} LIMIT {MOST_COUNTED + 1}) AS counted),
        (SELECT m.id {_MINE} ORDER BY m.id LIMIT 1),
        (SELECT m.id {_RECENT} ORDER BY m.id DESC LIMIT 1),
        (SELECT m.id {_RECENT} ORDER BY m.id DESC LIMIT 1 OFFSET {SAMPLE - 1})
    FROM found WHERE found.cause > ''"""  # noqa: S608 (our own names and figures)


@dataclass(frozen=True, slots=True)
class Tally:
    """One cause: how many messages it stopped since a moment (at most MOST_COUNTED are counted), the first one ever
    and the newest. `sample` is the oldest of its newest messages that tell what it touches; None: all of them."""

    cause: str
    count: int
    capped: bool
    first: datetime
    newest: UUID
    sample: UUID | None

    @property
    def last(self) -> datetime:
        return moment_of(self.newest)


def tallies(workspace: Workspace, since: datetime) -> list[Tally]:
    """Every cause that stopped messages since then."""
    rows = _rows(_TALLIES, {"workspace": workspace.pk, "since": _id(first_uuid7(since))})
    return [_tally(*row) for row in rows if row[1]]


def _tally(cause: str, count: int, first: Any, newest: Any, sample: Any) -> Tally:
    return Tally(
        cause,
        min(count, MOST_COUNTED),
        count > MOST_COUNTED,
        moment_of(_read(first)),
        _read(newest),
        sample and _read(sample),
    )


@dataclass(frozen=True, slots=True)
class Span:
    """The messages of one cause within one stretch of time: how many (at most MOST_IN_A_SPAN), the first, the last."""

    count: int
    capped: bool
    first: datetime
    last: datetime


def spans(
    workspace: Workspace, causes: Sequence[str], bounds: Sequence[datetime]
) -> dict[str, dict[int, Span]]:
    """The messages of each cause between each two neighbours of `bounds`, by the place of the earlier one; nothing for
    a stretch without messages."""
    found: dict[str, dict[int, Span]] = {cause: {} for cause in causes}
    if not causes:
        return found
    ids = [_id(first_uuid7(moment)) for moment in bounds]
    values: dict[str, Any] = {"workspace": workspace.pk}
    stretches = _values(values, "at", [(nth, *ids[nth : nth + 2]) for nth in range(len(ids) - 1)])
    wanted = _values(values, "cause", [(cause,) for cause in causes])
    within = f"{_MINE} AND m.id >= stretch.begins AND m.id < stretch.ends"
    sql = f"""
        WITH found (cause) AS (VALUES {wanted}), stretch (nth, begins, ends) AS (VALUES {stretches})
        SELECT found.cause, stretch.nth,
            (SELECT count(*) FROM (SELECT 1 {within} LIMIT {MOST_IN_A_SPAN + 1}) AS counted),
            (SELECT m.id {within} ORDER BY m.id LIMIT 1),
            (SELECT m.id {within} ORDER BY m.id DESC LIMIT 1)
        FROM found CROSS JOIN stretch"""  # noqa: S608 (our own names and figures)
    for cause, nth, count, first, last in _rows(sql, values):
        if count:
            ends = (moment_of(_read(first)), moment_of(_read(last)))
            found[cause][nth] = Span(min(count, MOST_IN_A_SPAN), count > MOST_IN_A_SPAN, *ends)
    return found


def _values(values: dict[str, Any], name: str, rows: Iterable[tuple[Any, ...]]) -> str:
    """The rows of a VALUES list as placeholders; their values are added to `values`."""
    lines = []
    for i, row in enumerate(rows):
        named = {f"{name}_{i}_{j}": value for j, value in enumerate(row)}
        values.update(named)
        lines.append(f"({', '.join(f'%({each})s' for each in named)})")
    return ", ".join(lines)


def _rows(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def _id(value: UUID) -> Any:
    return Message._meta.pk.get_db_prep_value(value, connection)


def _read(value: Any) -> UUID:
    """An id as the database gives it: SQLite knows none but texts."""
    return Message._meta.pk.to_python(value)
