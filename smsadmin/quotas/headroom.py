"""What numbers and users may still send, and whether so many messages would fit: plain data, for programs that ask.

What is asked for is worked out from the counters as they are now, and is true until somebody sends.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Q, QuerySet

from smsadmin.directory.models import Number
from smsadmin.quotas import counting, forecast, positions
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.models import Scope
from smsadmin.quotas.positions import Holder, Position
from smsadmin.sending import expected, lines, room
from smsadmin.sending.lines import Line
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand


@dataclass(frozen=True, slots=True)
class Standing:
    """One limit of a holder, and when it is used up if it goes on as it did (quotas.forecast)."""

    usage: Usage
    runs_out_at: datetime | None


@dataclass(frozen=True, slots=True)
class Headroom:
    """A number or user with its limits. `binding`: the one that stops its messages first (positions.first); None where
    there are no limits."""

    holder: Holder
    limits: tuple[Standing, ...]
    binding: Standing | None


def of(workspace_id: int, holders: Iterable[Holder], now: datetime) -> list[Headroom]:
    """That of each: numbers first, else in their order. One query for each scope, however many they are."""
    by_scope: dict[str, list[Holder]] = {Scope.NUMBER: [], Scope.USER: []}
    for holder in holders:
        by_scope[Scope.NUMBER if isinstance(holder, Number) else Scope.USER].append(holder)
    found: list[Position] = []
    for scope, those in by_scope.items():
        if those:
            found += positions.of_holders(those, counting.counters(workspace_id, scope), now)
    return [_headroom(position) for position in found]


def of_one(holder: Holder, now: datetime) -> Headroom:
    """That of one number or user."""
    return _headroom(positions.one(holder, now))


def _headroom(position: Position) -> Headroom:
    limits = tuple(Standing(usage, forecast.runs_out_at(usage, position.now)) for usage in position.usages)
    tightest = position.tightest if limits else None
    return Headroom(position.holder, limits, next((x for x in limits if x.usage is tightest), None))


# --- Would so many messages fit? ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wait:
    """So many messages have room at `until`, and not before."""

    count: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Fit:
    """How many messages have room `now`, and when the others do; `is_never`: one of them is larger than a limit.

    `binding`: the limit that lets the fewest of them go now, None where there is none. Where it is not `is_exact`, more
    messages are held before these than were looked at: these have room then at the soonest.
    """

    asked: int
    now: int
    waits: tuple[Wait, ...]
    is_never: bool
    binding: Usage | None
    is_exact: bool = True

    @property
    def fits(self) -> bool:
        """Whether all of them have room now."""
        return self.now == self.asked

    def done_at(self, now: datetime) -> datetime | None:
        """When the last of them has room: `now` where all fit, None for never."""
        if self.is_never:
            return None
        return self.waits[-1].until if self.waits else now


def fit(workspace_id: int, demand: Demand, asked: int, now: datetime) -> Fit:
    """Whether `asked` messages like this one would fit, behind what is held already and if nothing else is sent."""
    ahead, is_exact = _ahead(workspace_id, demand, now)
    demands = [*(each for each, _ in ahead), *[demand] * asked]
    expiries = [*(expires_at for _, expires_at in ahead), *[None] * asked]
    moments = room.when_room(workspace_id, demands, now, expiries)
    own = moments[len(ahead) :]
    leaving = [each for (each, _), moment in zip(ahead, moments[: len(ahead)], strict=True) if moment == now]
    later = Tally(moment for moment in own if moment and moment > now)
    return Fit(
        asked=asked,
        now=own.count(now),
        waits=tuple(Wait(count, until) for until, count in sorted(later.items())),
        is_never=None in own,
        binding=_binding(demand, leaving, now),
        is_exact=is_exact,
    )


def _ahead(
    workspace_id: int, demand: Demand, now: datetime
) -> tuple[list[tuple[Demand, datetime | None]], bool]:
    """What each held message that may be in the way takes, and when it is given up, in the order in which they came in;
    and whether these are all, for at most expected.MOST are looked at."""
    held = lines.waiting(now).filter(workspace=workspace_id, number__isnull=False)
    columns = ("number_id", "agent_id", "segments", "traffic", "expires_at")
    rows = held.filter(_connected(held, demand)).order_by("pk").values_list(*columns)[: expected.MOST + 1]
    demands = lines.Demands(workspace_id)
    found = [
        (demands[Line(number, agent, traffic), size], expires_at)
        for number, agent, size, traffic, expires_at in rows
    ]
    return found[: expected.MOST], len(rows) <= expected.MOST


def _connected(held: QuerySet[Message], demand: Demand) -> Q:
    """Those that count in a quota of the message, or in one of a message that does, and so on: one user's messages go
    out from several numbers, and one number's as several users."""
    numbers, agents = {demand.number.pk}, {demand.agent.pk} if demand.agent else set()
    pairs = set(held.order_by().values_list("number_id", "agent_id").distinct())
    while joined := {(number, agent) for number, agent in pairs if number in numbers or agent in agents}:
        pairs -= joined
        numbers |= {number for number, _agent in joined}
        agents |= {agent for _number, agent in joined if agent}
    return Q(number__in=numbers)


def _binding(demand: Demand, leaving: Sequence[Demand], now: datetime) -> Usage | None:
    """The limit with room for the fewest messages, after those that leave now; of equals the one that resets last."""
    found: list[tuple[int, float, Usage]] = []
    for subject in demand.subjects:
        before = [each.segments for each in leaving if subject in each.subjects]
        for usage in counting.usage(subject, now):
            taken = sum(map(usage.limit.amount, before))
            after = replace(usage, used=usage.used + taken)
            most = after.left_for(priority=demand.priority) // usage.limit.amount(demand.segments)
            found.append((most, -usage.resets_at.timestamp(), after))
    return min(found, key=lambda each: each[:2], default=(0, 0.0, None))[2]
