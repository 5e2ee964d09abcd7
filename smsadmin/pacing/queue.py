"""How long an account's queue is, and when it will be empty: from what waits, the pace, and what takes
a part of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, OuterRef, Q, Subquery

from smsadmin.core.status import Status
from smsadmin.directory.models import Number, Refresh
from smsadmin.pacing import account
from smsadmin.pacing.models import Pace
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection

#: How often the mirror is refreshed (directory.mirror.EVERY), and the most of the pace that it takes.
REFRESHED_EVERY = timedelta(minutes=10)
MOST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Line:
    """What of one number waits: `due` now, `later` by its own time. `ends_at` is when the last of it has left."""

    number: Number
    due: int
    later: int
    ends_at: datetime | None

    @property
    def queued(self) -> int:
        return self.due + self.later


@dataclass(frozen=True, slots=True)
class Queue:
    """One account's queue. `share` is the mirror's part of the pace, `ends_at` when the queue will be empty: None where
    nothing waits, or nobody knows since the credentials are refused. `paused_until` is in the future, or None."""

    connection: Connection
    due: int
    later: int
    in_flight: int
    per_minute: int
    share: float
    paused_until: datetime | None
    paused_for: str
    ends_at: datetime | None
    lines: Sequence[Line]

    @property
    def queued(self) -> int:
        return self.due + self.later

    @property
    def is_lost(self) -> bool:
        return self.connection.lost_at is not None

    @property
    def percent(self) -> int:
        """The mirror's share, of a hundred."""
        return round(self.share * 100)


def of(connection: Connection, now: datetime) -> Queue:
    """The queue of one account."""
    return of_all([connection], now)[0]


def of_all(connections: Sequence[Connection], now: datetime) -> list[Queue]:
    """The queues of these accounts, in as many queries for many as for one."""
    ids = [connection.pk for connection in connections]
    waiting, flying = _waiting(ids, now), _in_flight(ids)
    numbers = Number.objects.in_bulk([row.number_id for row in waiting])
    paces, asked = Pace.objects.in_bulk(ids), _asked_by_mirrors(ids)
    return [
        _queue(
            each,
            [(numbers[row.number_id], row) for row in waiting if row.connection_id == each.pk],
            flying.get(each.pk, 0),
            paces.get(each.pk) or Pace(connection_id=each.pk),
            asked.get(each.pk, 0),
            now,
        )
        for each in connections
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """What the database says of one number's messages: `last` is when the last of them may leave."""

    connection_id: int
    number_id: int
    due: int
    later: int
    last: datetime | None

    @property
    def queued(self) -> int:
        return self.due + self.later


def _waiting(ids: Iterable[int], now: datetime) -> list[_Row]:
    """What waits of each number; those without any are left out. One walk through the index of the queue."""
    due = Q(next_attempt_at__lte=now)
    rows = (
        Message.objects.filter(number__connection__in=list(ids), status=Status.QUEUED)
        .order_by("number")
        .values_list("number__connection", "number")
        .annotate(due=Count("pk", filter=due), later=Count("pk", filter=~due), last=Max("next_attempt_at"))
    )
    return [_Row(*row) for row in rows]


def _in_flight(ids: Iterable[int]) -> Mapping[int, int]:
    rows = Message.objects.filter(number__connection__in=list(ids), status=Status.SENDING)
    return dict(rows.order_by().values_list("number__connection").annotate(Count("pk")))


def _asked_by_mirrors(ids: Iterable[int]) -> Mapping[int, int]:
    """How many requests the newest refresh of each account took."""
    newest = Refresh.objects.filter(connection=OuterRef("pk"), state=Refresh.State.DONE).order_by(
        "-started_at"
    )
    accounts = Connection.objects.filter(pk__in=list(ids)).order_by()
    rows = accounts.values_list("pk", Subquery(newest.values("requests")[:1]))
    return {pk: requests or 0 for pk, requests in rows}


def _queue(
    connection: Connection,
    waiting: Sequence[tuple[Number, _Row]],
    in_flight: int,
    pace: Pace,
    asked: int,
    now: datetime,
) -> Queue:
    spacing = account.rate(connection).spacing
    share = min(asked * spacing / REFRESHED_EVERY, MOST_SHARE)
    paused = pace.paused_until if pace.paused_until and pace.paused_until > now else None
    begins = max(pace.next_slot_at or now, paused or now, now)
    each, lengths = spacing / (1 - share), [row.queued for _, row in waiting]
    lines = [
        Line(number, row.due, row.later, None if connection.lost_at else _ends(row, lengths, begins, each))
        for number, row in waiting
    ]
    return Queue(
        connection=connection,
        due=sum(line.due for line in lines),
        later=sum(line.later for line in lines),
        in_flight=in_flight,
        per_minute=account.per_minute(connection),
        share=share,
        paused_until=paused,
        paused_for=pace.paused_for if paused else "",
        ends_at=max((line.ends_at for line in lines if line.ends_at), default=None),
        lines=sorted(lines, key=lambda line: (-line.queued, line.number.pk)),
    )


def _ends(row: _Row, lengths: Sequence[int], begins: datetime, each: timedelta) -> datetime:
    """Numbers take turns: until the last of one has left, every other has sent as many, or all that it has."""
    before = sum(min(length, row.queued) for length in lengths)
    return max(begins + each * before, row.last or begins)
