"""When messages that wait will have room, as far as is known now: quotas simulated from reset to reset."""

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from smsadmin.core.windows import resets_at
from smsadmin.quotas import counting, rulebook
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.models import Scope
from smsadmin.quotas.rulebook import Limit, Subject
from smsadmin.sending import quota
from smsadmin.sending.quota import Demand


@dataclass(slots=True)
class _Quota:
    """One subject's limits while messages that are not sent yet use them up."""

    usages: dict[Limit, Usage]
    used: dict[Limit, int] = field(init=False)
    ends: dict[Limit, datetime] = field(init=False)

    def __post_init__(self) -> None:
        self.used = {limit: usage.used for limit, usage in self.usages.items()}
        self.ends = {limit: usage.resets_at for limit, usage in self.usages.items()}

    def come_to(self, moment: datetime) -> None:
        """Windows that ended by then start at zero."""
        for limit, end in self.ends.items():
            if end <= moment:
                self.used[limit], self.ends[limit] = 0, resets_at(limit.window, moment, limit.zone)

    def full_until(self, segments: int, *, priority: bool) -> datetime | None:
        """When the last of the limits without room resets; None where all have room."""
        spent = [
            self.ends[limit]
            for limit, used in self.used.items()
            if used + limit.amount(segments) > limit.room(priority=priority)
        ]
        return max(spent, default=None)

    def take(self, segments: int) -> None:
        for limit in self.used:
            self.used[limit] += limit.amount(segments)


class Closed:
    """Quotas in which a message found no room, and so none that comes after it may try.

    A message without priority stops only its like: it never stands in the way of those that have priority.
    """

    def __init__(self) -> None:
        self._shut: set[tuple[Subject, bool]] = set()

    def close(self, subjects: Iterable[Subject], *, priority: bool) -> None:
        """A message with or without priority found no room in these."""
        for subject in subjects:
            self._shut |= {(subject, False), (subject, priority)}

    def stops(self, demand: Demand) -> bool:
        """Whether one before this message found no room where it counts."""
        return any((subject, demand.priority) in self._shut for subject in demand.subjects)


class Quotas:
    """What several messages of a workspace would count in, as it stands now."""

    def __init__(self, workspace_id: int, demands: Iterable[Demand], now: datetime) -> None:
        """Costs two queries, however many there are."""
        counters = {scope: counting.counters(workspace_id, scope) for scope in Scope.values}
        self._of: dict[Subject, _Quota] = {}
        for subject in {subject for demand in demands for subject in demand.subjects}:
            limits = rulebook.limits(subject, now)
            usages = counting.usage_of(counters[subject.scope].get(subject.subject_id, {}), limits, now)
            self._of[subject] = _Quota({usage.limit: usage for usage in usages})

    def come_to(self, moment: datetime) -> None:
        """Windows that ended by then start at zero."""
        for each in self._of.values():
            each.come_to(moment)

    def without_room(self, demand: Demand) -> dict[Subject, datetime]:
        """Where a message would find no room, and until when."""
        found = {
            subject: self._of[subject].full_until(demand.segments, priority=demand.priority)
            for subject in demand.subjects
        }
        return {subject: until for subject, until in found.items() if until}

    def take(self, demand: Demand) -> None:
        for subject in demand.subjects:
            self._of[subject].take(demand.segments)


#: Those that stand in one line: the same quotas, with or without priority.
_Key = tuple[tuple[Subject, ...], bool]


def when_room(
    workspace_id: int,
    demands: Sequence[Demand],
    now: datetime,
    expiries: Sequence[datetime | None] | None = None,
) -> list[datetime | None]:
    """When each of these messages has room, if they are tried in this order and nothing else is sent.

    What finds no room in the quota of its number or user waits for its reset, and so do those of its kind that count
    in it. None for a message that is larger than a limit, or that has no room before it is given up (`expiries`).
    """
    quotas = Quotas(workspace_id, demands, now)
    moments: list[datetime | None] = [None] * len(demands)
    waiting: dict[_Key, deque[int]] = defaultdict(deque)
    for index, demand in enumerate(demands):
        if not quota.never(demand, now):
            waiting[tuple(demand.subjects), demand.priority].append(index)
    moment = now
    while waiting:
        quotas.come_to(moment)
        following = _filled(waiting, demands, expiries or (), quotas, moments, moment)
        waiting = defaultdict(deque, {line: rest for line, rest in waiting.items() if rest})
        if waiting:
            assert following
            moment = following
    return moments


def _filled(
    waiting: Mapping[_Key, deque[int]],
    demands: Sequence[Demand],
    expiries: Sequence[datetime | None],
    quotas: Quotas,
    moments: list[datetime | None],
    moment: datetime,
) -> datetime | None:
    """Lets go at this moment what has room, in the order of all lines together; returns when the next may have."""
    closed, resets = Closed(), list[datetime]()
    heads = [(line_up[0], line) for line, line_up in waiting.items()]
    heapq.heapify(heads)
    while heads:
        index, line = heapq.heappop(heads)
        demand = demands[index]
        if not _is_given_up(index, expiries, moment):
            if closed.stops(demand):
                continue
            if full := quotas.without_room(demand):
                closed.close(full, priority=demand.priority)
                resets += full.values()
                continue
            quotas.take(demand)
            moments[index] = moment
        waiting[line].popleft()
        if waiting[line]:
            heapq.heappush(heads, (waiting[line][0], line))
    return min(resets, default=None)


def _is_given_up(index: int, expiries: Sequence[datetime | None], moment: datetime) -> bool:
    until = expiries[index] if expiries else None
    return until is not None and until <= moment
