"""How often a cause stopped messages lately, by when they failed: one may come to its end long after it came in.

Read from the index that groups failed messages by cause (sending.models, log_by_cause), whose order is that in which
they came in: of each cause the newest are looked at, among those that came in within REACH. So what this costs does
not depend on how long the log is. The statement is one that PostgreSQL and SQLite both understand.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.dateparse import parse_datetime

from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import TROUBLE
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace

#: Messages that came in earlier have come to their end: carriers give up after two or three days.
REACH = timedelta(days=3)
#: Counting one cause stops here.
MOST_COUNTED = 10_000
#: Of all messages the newest of these tell which share failed.
MOST_RECEIVED = 100_000
_CHUNK = 100  # causes for one statement

_STATUSES = ", ".join(f"'{status}'" for status in sorted(TROUBLE))  # spelt as the partial index is
_NEWEST = f"""
    (SELECT m.id, m.finished_at FROM sending_message m
     WHERE m.workspace_id = %(workspace)s AND m.status IN ({_STATUSES}) AND m.cause = asked.cause
     AND m.id >= %(reach)s ORDER BY m.id DESC LIMIT %(most)s)
    AS newest WHERE newest.finished_at >= asked.since"""  # noqa: S608 (our own names and figures)
_LATELY = f"""
    SELECT asked.cause,
        (SELECT count(*) FROM {_NEWEST}),
        (SELECT count(*) FROM {_NEWEST} AND newest.id < %(came)s),
        (SELECT min(newest.finished_at) FROM {_NEWEST}),
        (SELECT max(newest.finished_at) FROM {_NEWEST})
    FROM asked"""  # noqa: S608 (our own names and figures)


@dataclass(frozen=True, slots=True)
class Lately:
    """The messages that one cause stopped since a moment: how many, how many of them had come in before the moment
    that was asked for, and when the first and the last of them failed."""

    count: int
    older: int
    first: datetime
    last: datetime


def lately(
    workspace: Workspace,
    since: Mapping[str, datetime],
    now: datetime,
    *,
    came: datetime | None = None,
    most: int = MOST_COUNTED,
) -> dict[str, Lately]:
    """What each cause stopped since its moment in `since`; nothing for a cause that stopped none.

    Of each cause no more than its newest `most` messages are looked at. `came` divides those that it counts.
    """
    found: dict[str, Lately] = {}
    asked = list(since.items())
    for start in range(0, len(asked), _CHUNK):
        for cause, count, older, first, last in _rows(
            workspace, asked[start : start + _CHUNK], now, came, most
        ):
            if count:
                found[cause] = Lately(count, older, _moment(first), _moment(last))
    return found


def received(workspace: Workspace, since: datetime) -> tuple[int, datetime]:
    """How many messages came in since then, and since when they are counted: later where there were more than
    MOST_RECEIVED."""
    rows = Message.objects.filter(workspace=workspace, pk__gte=first_uuid7(since))
    newest = rows.order_by("-pk").only("pk")
    oldest = newest[MOST_RECEIVED - 1 : MOST_RECEIVED].first()
    return (MOST_RECEIVED, oldest.received_at) if oldest else (rows.count(), since)


def _rows(
    workspace: Workspace,
    asked: Iterable[tuple[str, datetime]],
    now: datetime,
    came: datetime | None,
    most: int,
) -> list[tuple[Any, ...]]:
    values: dict[str, Any] = {
        "workspace": workspace.pk,
        "reach": _id(now - REACH),
        "came": _id(came or now),
        "most": most,
    }
    lines = []
    for nth, (cause, since) in enumerate(asked):
        values |= {f"cause_{nth}": cause, f"since_{nth}": _at(since)}
        lines.append(f"(%(cause_{nth})s, %(since_{nth})s)")
    sql = f"WITH asked (cause, since) AS (VALUES {', '.join(lines)}) {_LATELY}"
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def _id(moment: datetime) -> Any:
    return Message._meta.pk.get_db_prep_value(first_uuid7(moment), connection)


def _at(moment: datetime) -> Any:
    return Message._meta.get_field("finished_at").get_db_prep_value(moment, connection)


def _moment(value: Any) -> datetime:
    """A moment as the database gives it: SQLite knows none but texts."""
    if isinstance(value, datetime):
        return value
    read = parse_datetime(value)
    assert read
    return read.replace(tzinfo=UTC)
