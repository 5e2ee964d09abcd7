"""What the lists say of each number and user beside their names, in a few queries for a whole page."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet

from smsadmin.actions.models import Action
from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import TROUBLE
from smsadmin.core.windows import Window
from smsadmin.directory import country, facts
from smsadmin.directory.changes import listed
from smsadmin.directory.facts import Fact
from smsadmin.directory.models import Agent, Association, Number
from smsadmin.privacy import reading
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.models import Counter, Scope, Unit
from smsadmin.quotas.positions import Position, of_holders, usage_url
from smsadmin.quotas.words import column
from smsadmin.sending import explain
from smsadmin.sending.filters import log_url
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Member, Workspace

#: How far back failures are counted and listed.
FAILURES = timedelta(days=7)
MOST_MESSAGES = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """One limit of a number or user, in words and as a meter, and the messages it counts."""

    label: str
    usage: Usage
    url: str


@dataclass(frozen=True, slots=True)
class Failures:
    """How many messages of the last days are in trouble, and where they are listed."""

    count: int
    url: str


@dataclass(frozen=True, slots=True)
class NumberRow:
    number: Number
    failing: Sequence[Fact]
    rules: Sequence[country.Rule]
    users: int
    names: str
    tightest: Cell | None  # None: nothing was counted this month
    failures: Failures


def number_rows(workspace: Workspace, numbers: Sequence[Number], now: datetime) -> list[NumberRow]:
    """A page of numbers with what is known of each: four queries, however many there are."""
    people = _people(numbers)
    spent = positions(workspace, Scope.NUMBER, numbers, now)
    failed = _failed(workspace, numbers, now)
    return [
        NumberRow(
            number=number,
            failing=facts.failing(number),
            rules=country.peculiar(number),
            users=len(people.get(number.pk, ())),
            names=listed(people.get(number.pk, [])),
            tightest=_tightest(spent[number.pk], now),
            failures=failures(number, failed.get(number.pk, 0), now),
        )
        for number in numbers
    ]


def _people(numbers: Iterable[Number]) -> Mapping[int, list[str]]:
    """The names of each number's users, without those who are gone."""
    pairs = Association.objects.filter(number__in=[number.pk for number in numbers], agent__gone_at=None)
    people: dict[int, list[str]] = {}
    for number_id, name in pairs.order_by("agent__name", "agent").values_list("number_id", "agent__name"):
        people.setdefault(number_id, []).append(name)
    return people


def _failed(workspace: Workspace, numbers: Iterable[Number], now: datetime) -> Mapping[int, int]:
    recent = troubled(workspace, now).filter(number__in=[number.pk for number in numbers])
    return dict(recent.order_by().values_list("number").annotate(Count("pk")))


def troubled(workspace: Workspace, now: datetime) -> QuerySet[Message]:
    """The messages of the last days that somebody should look at, by the ids that were made then."""
    return Message.objects.filter(
        workspace=workspace, pk__gte=first_uuid7(now - FAILURES), status__in=sorted(TROUBLE)
    )


def failures(number: Number, count: int, now: datetime) -> Failures:
    return Failures(count, log_url(number=number.pk, status="trouble", since=now - FAILURES))


@dataclass(frozen=True, slots=True)
class Entry:
    """A message, and what stopped it if anything did."""

    message: Message
    cause: str


def latest_failed(member: Member, number: Number, now: datetime) -> tuple[Failures, list[Entry]]:
    """How many messages from the number failed lately, and the newest of them, as the member may see them."""
    found = troubled(member.workspace, now).filter(number=number)
    newest = (
        found.select_related("agent", "number").defer(*Message.LONG, "body").order_by("-pk")[:MOST_MESSAGES]
    )
    return failures(number, found.count(), now), _entries(newest, member)


def latest_sent_as(member: Member, agent: Agent) -> list[Entry]:
    """The newest messages that were to be sent as the user, as the member may see them, with what stopped those that
    were stopped."""
    found = Message.objects.filter(workspace=member.workspace, agent=agent).select_related("number", "agent")
    return _entries(found.defer(*Message.LONG, "body").order_by("-pk")[:MOST_MESSAGES], member)


def _entries(messages: Iterable[Message], member: Member) -> list[Entry]:
    return [Entry(*each) for each in explain.sentences(reading.for_reader(messages, member))]


# --- Quotas -----------------------------------------------------------------------------------------


def positions(
    workspace: Workspace, scope: str, holders: Iterable[Number | Agent], now: datetime
) -> dict[int, Position]:
    """Where these numbers or users stand in their quotas: one query beside the limits."""
    wanted = {holder.pk: holder for holder in holders}
    found = Counter.objects.filter(workspace=workspace, scope=scope, subject_id__in=wanted)
    counters: dict[int, dict[str, Counter]] = defaultdict(dict)
    for counter in found:
        counters[counter.subject_id][counter.zone] = counter
    return {each.holder.pk: each for each in of_holders(list(wanted.values()), counters, now)}


def cells(workspace: Workspace, scope: str, holder: Number | Agent, now: datetime) -> list[Cell]:
    """Every limit of one number or user."""
    position = positions(workspace, scope, [holder], now)[holder.pk]
    return [_cell(position, usage, now) for usage in position.usages]


def _cell(position: Position, usage: Usage, now: datetime) -> Cell:
    url = usage_url(position.scope, position.holder.pk, usage, now)
    return Cell(column(usage.limit), usage, url)


def _tightest(position: Position, now: datetime) -> Cell | None:
    return _cell(position, position.tightest, now) if position.share > 0 else None


# --- Users ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentRow:
    agent: Agent
    numbers: Sequence[Number]
    segments: Cell | None  # None: the workspace has no such limit
    actions: Sequence[Action]


def agent_rows(workspace: Workspace, agents: Sequence[Agent], now: datetime) -> list[AgentRow]:
    """A page of users (with `numbers_by_name` prefetched) with what is known of each."""
    spent = positions(workspace, Scope.USER, agents, now)
    used = _used_by(workspace, agents)
    return [
        AgentRow(
            agent=agent,
            numbers=agent.numbers_by_name,  # type: ignore[attr-defined]  # prefetched
            segments=_segments(spent[agent.pk], now),
            actions=used.get(agent.pk, []),
        )
        for agent in agents
    ]


def _segments(position: Position, now: datetime) -> Cell | None:
    """What is left of the month's segments."""
    of_month = (
        usage
        for usage in position.usages
        if (usage.limit.unit, usage.limit.window) == (Unit.SEGMENTS, Window.MONTH)
    )
    found = next(of_month, None)
    return _cell(position, found, now) if found else None


def _used_by(workspace: Workspace, agents: Iterable[Agent]) -> Mapping[int, list[Action]]:
    found: dict[int, list[Action]] = {}
    for action in actions(workspace).filter(current__send_as_agent__in=[agent.pk for agent in agents]):
        assert action.current
        assert action.current.send_as_agent_id
        found.setdefault(action.current.send_as_agent_id, []).append(action)
    return found


def actions(workspace: Workspace) -> QuerySet[Action]:
    """The actions that are not out of the way, by name, with what they do now."""
    return (
        Action.objects.filter(workspace=workspace, archived_at=None)
        .select_related("current")
        .order_by("name")
    )
