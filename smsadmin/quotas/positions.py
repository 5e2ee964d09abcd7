"""Where the numbers and users of a workspace stand: what is used, what is left, what runs out first, and which of the
two caps of a number and a user who sends from it binds first."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.db.models import Count

from smsadmin.core.ids import first_uuid7
from smsadmin.core.windows import Window, resets_at, started_at
from smsadmin.directory.models import Agent, Association, Number
from smsadmin.quotas import counting, forecast, recount, rulebook
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.models import Counter, Scope, Unit
from smsadmin.quotas.rulebook import Subject
from smsadmin.sending.filters import log_url
from smsadmin.sending.models import Message

Holder = Number | Agent
#: A column of a matrix: holders under different rules share those that they both have.
Key = tuple[Window, str, str]  # window, unit, zone

#: The pairs that have sent are looked for among so many of the newest messages.
MOST_LOOKED = 20_000

_NEVER = datetime.max.replace(tzinfo=UTC)
_WINDOWS, _UNITS = list(Window), list(Unit)


@dataclass(frozen=True)
class Position:
    """One number or user with its usages at one moment, in the order of its limits."""

    scope: str
    holder: Holder
    usages: list[Usage]
    now: datetime

    @property
    def share(self) -> float:
        """How much is used of the limit that is fullest: 1 is all of it."""
        return max((share(usage) for usage in self.usages), default=0.0)

    @property
    def used(self) -> int:
        """The most that is counted against any of its limits, messages first."""
        return max((usage.used for usage in self.usages if usage.limit.unit == Unit.MESSAGES), default=0)

    @cached_property
    def runs_out_at(self) -> datetime | None:
        """When the first of its limits is used up, at its pace so far; None: none will be before it resets."""
        return min((end for usage in self.usages if (end := ends_at(usage, self.now))), default=None)

    @property
    def tightest(self) -> Usage:
        """The limit that stops its messages first (`first`)."""
        return first(self.usages, self.now)

    @property
    def stopped_by(self) -> Usage | None:
        """The limit that lets none of its messages leave before it resets; None where all have something left."""
        return self.tightest if self.usages and not self.tightest.left else None

    @cached_property
    def by_key(self) -> dict[Key, Usage]:
        return {key_of(usage): usage for usage in self.usages}


def share(usage: Usage) -> float:
    return usage.used / usage.limit.limit if usage.limit.limit else 1.0


def first(usages: Iterable[Usage], now: datetime) -> Usage:
    """Of several limits the one that stops messages first: of those used up the one that resets last, for there is room
    only then; else the one that runs out first, else the fullest."""
    return min(usages, key=lambda usage: _urgency(usage, now))


def _urgency(usage: Usage, now: datetime) -> tuple[bool, float, float]:
    if not usage.left:
        return False, -usage.resets_at.timestamp(), 0
    return True, (ends_at(usage, now) or _NEVER).timestamp(), -share(usage)


def ends_at(usage: Usage, now: datetime) -> datetime | None:
    """When the limit is used up: now, or at its pace so far; None where it lasts or nobody can tell."""
    return forecast.runs_out_at(usage, now) if usage.left else now


def key_of(usage: Usage) -> Key:
    return usage.limit.window, usage.limit.unit, usage.limit.zone


def columns(found: Iterable[Position]) -> list[Key]:
    """Every window, unit and zone that one of them has a limit for: the shortest window first, messages beside
    segments."""
    return sorted({key for each in found for key in each.by_key}, key=_order)


def _order(key: Key) -> tuple[int, bool, str, int]:
    window, unit, zone = key
    return _WINDOWS.index(window), zone != rulebook.UTC_ZONE, zone, _UNITS.index(Unit(unit))


# --- Numbers and users -------------------------------------------------------------------------------


def of(workspace_id: int, scope: str, now: datetime) -> list[Position]:
    """Every holder of the scope that is there or has a count, what runs out first standing first. Two queries, however
    many they are, and one for each zone of a rule so new that counters of it are missing."""
    counters = counting.counters(workspace_id, scope)
    holders = [
        holder for holder in _holders(workspace_id, scope) if holder.gone_at is None or holder.pk in counters
    ]
    return sorted(of_holders(holders, counters, now), key=ORDERS["first"])


def of_holders(
    holders: Sequence[Holder], counters: Mapping[int, Mapping[str, Counter]], now: datetime
) -> list[Position]:
    """These numbers or users, which are all of one workspace and scope, by their counters in each zone."""
    counters = counting.completed(counters, map(Subject.of, holders), now)
    return [of_holder(holder, counters.get(holder.pk, {}), now) for holder in holders]


def one(holder: Holder, now: datetime) -> Position:
    """One number or user, by its counters as they are now."""
    subject = Subject.of(holder)
    return Position(subject.scope, holder, counting.usage(subject, now), now)


def of_holder(holder: Holder, counters: Mapping[str, Counter], now: datetime) -> Position:
    """One number or user, by its counters in each zone."""
    subject = Subject.of(holder)
    limits = rulebook.limits(subject, now)
    return Position(subject.scope, holder, counting.usage_of(counters, limits, now), now)


def at_risk(workspace_id: int, now: datetime, most: int = 5) -> list[Position]:
    """The numbers and users that run out first, of those that have used anything."""
    used = [each for scope in Scope.values for each in of(workspace_id, scope, now) if each.share > 0]
    return sorted(used, key=ORDERS["first"])[:most]


def _holders(workspace_id: int, scope: str) -> Iterable[Holder]:
    if scope == Scope.NUMBER:
        return Number.objects.filter(workspace_id=workspace_id)
    return Agent.objects.filter(workspace_id=workspace_id)


def _first(each: Any) -> tuple[datetime, float, str]:
    return each.runs_out_at or _NEVER, -each.share, _name(each)


def _name(each: Any) -> str:
    return (each.holder.name if isinstance(each, Position) else each.name).casefold()


#: How positions and pairs are sorted.
ORDERS: dict[str, Callable[[Any], Any]] = {
    "first": _first,
    "name": _name,
    "used": lambda each: (-each.used, _name(each)),
}


# --- A number as a user ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Binding:
    """Of a number's and a user's limit for the same window and unit the one that stops their messages first.

    `side`: "number", "user", or "both" where nothing tells them apart. `other`: the limit behind it, if there is one.
    """

    side: str
    usage: Usage
    other: Usage | None


def binding(of_number: Sequence[Usage], of_user: Sequence[Usage]) -> Binding | None:
    """The limits of each side are those of one window and unit, in any zones. What has less left comes first, and of
    as much left what resets later."""
    number, user = (min(usages, key=_room, default=None) for usages in (of_number, of_user))
    if number is None or user is None:
        only = number or user
        return Binding("number" if number else "user", only, None) if only else None
    if _room(number) == _room(user):
        return Binding("both", number, user)
    return Binding("number", number, user) if _room(number) < _room(user) else Binding("user", user, number)


def _room(usage: Usage) -> tuple[int, float]:
    return usage.left, -usage.resets_at.timestamp()


@dataclass(frozen=True)
class Pair:
    """A number and a user who sends from it. `used`: their messages of this month (UTC), as far as they were looked
    through. `is_listed`: the directory has the user on the number."""

    number: Position
    agent: Position
    used: int
    is_listed: bool

    @property
    def name(self) -> str:
        return f"{self.number.holder.name} {self.agent.holder.name}"

    @property
    def share(self) -> float:
        return max(self.number.share, self.agent.share)

    @property
    def runs_out_at(self) -> datetime | None:
        return min(filter(None, (self.number.runs_out_at, self.agent.runs_out_at)), default=None)

    def binding(self, window: Window, unit: str) -> Binding | None:
        """Which of the two caps binds first in a window; None where neither has such a limit."""
        return binding(*(self._usages(side, window, unit) for side in (self.number, self.agent)))

    @staticmethod
    def _usages(side: Position, window: Window, unit: str) -> list[Usage]:
        return [each for each in side.usages if (each.limit.window, each.limit.unit) == (window, unit)]


def pair_columns(pairs: Iterable[Pair]) -> list[tuple[Window, str]]:
    """The windows and units in which one of their sides has a limit."""
    found = columns(side for pair in pairs for side in (pair.number, pair.agent))
    return sorted({(window, unit) for window, unit, _zone in found}, key=lambda key: _order((*key, "")))


def pairs(
    workspace_id: int, numbers: Iterable[Position], agents: Iterable[Position], now: datetime
) -> tuple[list[Pair], bool]:
    """The pairs of these numbers and users that the directory lists or that have sent this month, and whether all of
    the month's messages were looked through for that. Two queries, however many they are."""
    by_number, by_agent = ({each.holder.pk: each for each in side} for side in (numbers, agents))
    listed = set(
        Association.objects.filter(number__workspace=workspace_id).values_list("number_id", "agent_id")
    )
    rows = _sent(workspace_id, now)
    sent = {(number, agent): n for number, agent, n in rows if number and agent}
    found = [
        Pair(by_number[number], by_agent[agent], sent.get((number, agent), 0), (number, agent) in listed)
        for number, agent in listed | sent.keys()
        if number in by_number and agent in by_agent
    ]
    return sorted(found, key=ORDERS["first"]), sum(n for *_, n in rows) < MOST_LOOKED


def _sent(workspace_id: int, now: datetime) -> list[tuple[int | None, int | None, int]]:
    """How many of the newest messages of this month each number sent as each user, or as none."""
    began = started_at(Window.MONTH, now)
    of_month = Message.objects.filter(
        workspace=workspace_id,
        pk__gte=first_uuid7(began - recount.LATEST),
        accepted_at__gte=began,
        accepted_at__lt=resets_at(Window.MONTH, now),
        refunded_at=None,
    )
    newest = of_month.order_by("-pk").values("pk")[:MOST_LOOKED]
    rows = Message.objects.filter(pk__in=newest).values_list("number_id", "agent_id")
    return list(rows.order_by().annotate(n=Count("pk")))


# --- The log -----------------------------------------------------------------------------------------


def counted_url(scope: str, holder_id: int, since: datetime, until: datetime, **more: Any) -> str:
    """The log narrowed to the messages of a number or user that count in this stretch of time."""
    whose = {"number" if scope == Scope.NUMBER else "agent": holder_id}
    return log_url(**whose, **more, counted_from=since, counted_until=until)


def usage_url(scope: str, holder_id: int, usage: Usage, now: datetime) -> str:
    """The log narrowed to the messages that one limit counts."""
    limit = usage.limit
    return counted_url(scope, holder_id, started_at(limit.window, now, limit.zone), usage.resets_at)
