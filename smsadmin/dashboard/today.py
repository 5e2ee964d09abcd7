"""The figures of the overview, each from a query that stays small however long the log is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import Status
from smsadmin.dashboard import health
from smsadmin.directory import mirror
from smsadmin.directory.models import Refresh
from smsadmin.failures import groups
from smsadmin.failures.forms import TODAY
from smsadmin.pacing import queue as queues
from smsadmin.providers.registry import CARRIERS
from smsadmin.quotas import forecast, positions
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.words import column
from smsadmin.sending.filters import log_url
from smsadmin.sending.models import Message
from smsadmin.sending.views import midnight
from smsadmin.workspaces.models import Connection, Member, Workspace

#: Counting stops here.
MOST_COUNTED = 100_000
MOST_CAUSES = 5
WEEK = timedelta(days=7)
#: A mirror older than this missed a refresh.
MIRROR_LATE = 2 * mirror.EVERY


def received(workspace: Workspace, since: datetime, until: datetime) -> QuerySet[Message]:
    """What came in between two moments, by the ids that were made then."""
    return Message.objects.filter(workspace=workspace, pk__gte=first_uuid7(since), pk__lt=first_uuid7(until))


def capped(messages: QuerySet[Message]) -> int:
    return messages.order_by()[:MOST_COUNTED].count()


@dataclass(frozen=True, slots=True)
class Compared:
    """How many today, how many in the same span a week ago, and where they are listed."""

    now: int
    then: int
    url: str


def compared(workspace: Workspace, group: str, statuses: frozenset[Status], now: datetime) -> Compared:
    start = midnight()
    wanted = {"status__in": sorted(statuses)}
    return Compared(
        now=capped(received(workspace, start, now).filter(**wanted)),
        then=capped(received(workspace, start - WEEK, now - WEEK).filter(**wanted)),
        url=log_url(status=group, since=start),
    )


def causes(workspace: Workspace, now: datetime, member: Member | None = None) -> Sequence[groups.Cause]:
    """What stopped messages today, as the page of failures shows it to a member: the worst first."""
    worst = groups.standing_since(workspace, TODAY, now)[:MOST_CAUSES]
    return groups.causes(workspace, worst, TODAY, member)


@dataclass(frozen=True, slots=True)
class Risk:
    """A number or user and the limit it reaches first; when, if that is before the limit resets."""

    words: str
    usage: Usage
    url: str
    runs_out_at: datetime | None


def risks(workspace: Workspace, now: datetime) -> Sequence[Risk]:
    """Who is nearest to a limit."""
    return [
        Risk(
            f"{each.holder.name} · {column(each.tightest.limit)}",
            each.tightest,
            positions.usage_url(each.scope, each.holder.pk, each.tightest, now),
            forecast.runs_out_at(each.tightest, now),
        )
        for each in positions.at_risk(workspace.pk, now)
    ]


@dataclass(frozen=True, slots=True)
class Queue:
    """What still has to be sent, and where that is shown. `ends_at` is when it will be, at the accounts' pace; None:
    nothing waits, or nobody knows. `accounts` are the queues of each."""

    queued: int
    sending: int
    held: int
    oldest: datetime | None
    ends_at: datetime | None
    accounts: Sequence[queues.Queue]


def queue(workspace: Workspace, accounts: Sequence[Connection], now: datetime) -> Queue:
    mine = Message.objects.filter(workspace=workspace)
    oldest = mine.filter(status=Status.QUEUED).order_by("pk").only("pk").first()
    each = queues.of_all([account for account in accounts if account.kind in CARRIERS], now)
    return Queue(
        queued=sum(one.queued for one in each),
        sending=sum(one.in_flight for one in each),
        held=capped(mine.filter(status=Status.HELD)),
        oldest=oldest.received_at if oldest else None,
        ends_at=max((one.ends_at for one in each if one.ends_at), default=None),
        accounts=each,
    )


@dataclass(frozen=True, slots=True)
class Account:
    """A connection, and for one with a mirror how old that is and why the newest refresh failed, if it did."""

    connection: Connection
    has_mirror: bool
    refreshed_at: datetime | None = None
    is_late: bool = False
    error: str = ""


def account(connection: Connection, now: datetime) -> Account:
    if connection.kind not in CARRIERS:
        return Account(connection, has_mirror=False)
    newest = connection.refreshes.exclude(state=Refresh.State.RUNNING).order_by("-started_at").first()
    done = newest if newest and newest.state == Refresh.State.DONE else mirror.latest(connection)
    at = done.finished_at if done else None
    failed = newest.error if newest and newest.state == Refresh.State.FAILED else ""
    return Account(connection, True, at, at is None or now - at > MIRROR_LATE, failed)


@dataclass(frozen=True, slots=True)
class Pulse:
    """When worker and scheduler last showed that they live."""

    at: datetime | None
    ok: bool


def pulse(now: datetime) -> Pulse:
    at = health.last_beat()
    return Pulse(at, at is not None and now - at <= health.LATE)
