"""When messages that wait will have room, as far as is known now: quotas simulated from reset to reset."""

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from smsadmin.core.windows import resets_at
from smsadmin.quotas import counting, rulebook
from smsadmin.quotas.counting import QuotaExceeded, Usage
from smsadmin.quotas.models import Scope
from smsadmin.quotas.rulebook import Limit, Subject
from smsadmin.sending import quota
from smsadmin.sending.quota import Demand


@dataclass(slots=True)
class _Quota:
    """One subject's limits while messages that are not sent yet use them up."""

    usages: list[Usage]

    def come_to(self, moment: datetime) -> None:
        """Windows that ended by then start at zero."""
        self.usages = [each if each.resets_at > moment else _anew(each.limit, moment) for each in self.usages]

    def full(self, demand: Demand) -> Usage | None:
        """The last to reset of the limits without room; None where all have room."""
        return counting.spent(self.usages, demand.segments, priority=demand.priority, windows=demand.windows)

    def take(self, segments: int) -> None:
        self.usages = [
            Usage(each.limit, each.used + each.limit.amount(segments), each.resets_at) for each in self.usages
        ]


def _anew(limit: Limit, moment: datetime) -> Usage:
    return Usage(limit, 0, resets_at(limit.window, moment, limit.zone))


class Closed:
    """Quotas in which a message found no room, and so none that comes after it may try until they reset.

    A message without priority stops only its like: it never stands in the way of those that have priority.
    """

    def __init__(self) -> None:
        self._shut: dict[tuple[Subject, bool], QuotaExceeded] = {}

    def close(self, found: Iterable[QuotaExceeded], *, priority: bool) -> None:
        """A message with or without priority found no room in these."""
        for full in found:
            for kind in {False, priority}:
                known = self._shut.get((full.subject, kind), full)
                self._shut[full.subject, kind] = max(known, full, key=_resets_at)

    def stops(self, demand: Demand, moment: datetime) -> QuotaExceeded | None:
        """What stops this message then, as one before it found no room where it counts: what resets last."""
        found = (self._shut.get((subject, demand.priority)) for subject in demand.subjects)
        still = (full for full in found if full and full.usage.resets_at > moment)
        return max(still, key=_resets_at, default=None)

    @property
    def opens_at(self) -> datetime | None:
        """When the first of them resets; None where none is closed."""
        return min(map(_resets_at, self._shut.values()), default=None)


def _resets_at(full: QuotaExceeded) -> datetime:
    return full.usage.resets_at


class Quotas:
    """What several messages of a workspace would count in, as it stands now."""

    def __init__(self, workspace_id: int, demands: Iterable[Demand], now: datetime) -> None:
        """Costs two queries, however many there are, and one for each zone in which counters are missing."""
        subjects = {subject for demand in demands for subject in demand.subjects}
        self._of: dict[Subject, _Quota] = {}
        for scope in Scope.values:
            of_scope = [subject for subject in subjects if subject.scope == scope]
            counters = counting.completed(counting.counters(workspace_id, scope), of_scope, now)
            for subject in of_scope:
                limits, own = rulebook.limits(subject, now), counters.get(subject.subject_id, {})
                self._of[subject] = _Quota(counting.usage_of(own, limits, now))

    def come_to(self, moment: datetime) -> None:
        """Windows that ended by then start at zero."""
        for each in self._of.values():
            each.come_to(moment)

    def exceeded(self, demand: Demand) -> list[QuotaExceeded]:
        """Where a message would find no room, as quota.exceeded has it."""
        found = ((subject, self._of[subject].full(demand)) for subject in demand.subjects)
        return [QuotaExceeded(subject, full) for subject, full in found if full]

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
    closed = Closed()
    heads = [(line_up[0], line) for line, line_up in waiting.items()]
    heapq.heapify(heads)
    while heads:
        index, line = heapq.heappop(heads)
        demand = demands[index]
        if not _is_given_up(index, expiries, moment):
            if closed.stops(demand, moment):
                continue
            if full := quotas.exceeded(demand):
                closed.close(full, priority=demand.priority)
                continue
            quotas.take(demand)
            moments[index] = moment
        waiting[line].popleft()
        if waiting[line]:
            heapq.heappush(heads, (waiting[line][0], line))
    return closed.opens_at


def _is_given_up(index: int, expiries: Sequence[datetime | None], moment: datetime) -> bool:
    until = expiries[index] if expiries else None
    return until is not None and until <= moment
