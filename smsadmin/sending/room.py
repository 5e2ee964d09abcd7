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


def when_room(workspace_id: int, demands: Sequence[Demand], now: datetime) -> list[datetime | None]:
    """When each of these messages has room, if they are tried in this order and nothing else is sent.

    What finds no room in the quota of its number or user waits for its reset, and so does all that counts in it.
    None for a message that is larger than a limit.
    """
    quotas = _quotas(workspace_id, demands, now)
    moments: list[datetime | None] = [None] * len(demands)
    waiting: dict[tuple[Subject, ...], deque[int]] = defaultdict(deque)
    for index, demand in enumerate(demands):
        if not any(
            counting.never(subject, demand.segments, now, priority=demand.priority)
            for subject in demand.subjects
        ):
            waiting[tuple(demand.subjects)].append(index)
    moment = now
    while waiting:
        for quota in quotas.values():
            quota.come_to(moment)
        full = _filled(waiting, demands, quotas, moments, moment)
        waiting = defaultdict(deque, {line: rest for line, rest in waiting.items() if rest})
        if waiting:
            moment = min(full.values())
    return moments


def _filled(
    waiting: Mapping[tuple[Subject, ...], deque[int]],
    demands: Sequence[Demand],
    quotas: Mapping[Subject, _Quota],
    moments: list[datetime | None],
    moment: datetime,
) -> dict[Subject, datetime]:
    """Lets go at this moment what has room, in the order of all lines together; returns who is full, and until when."""
    full: dict[Subject, datetime] = {}
    heads = [(line_up[0], line) for line, line_up in waiting.items()]
    heapq.heapify(heads)
    while heads:
        index, line = heapq.heappop(heads)
        if full.keys() & set(line):
            continue
        segments, priority = demands[index].segments, demands[index].priority
        no_room = {
            each: until for each in line if (until := quotas[each].full_until(segments, priority=priority))
        }
        if no_room:
            full |= no_room
            continue
        for each in line:
            quotas[each].take(segments)
        moments[index] = moment
        waiting[line].popleft()
        if waiting[line]:
            heapq.heappush(heads, (waiting[line][0], line))
    return full


def _quotas(workspace_id: int, demands: Iterable[Demand], now: datetime) -> dict[Subject, _Quota]:
    subjects = {subject for demand in demands for subject in demand.subjects}
    counters = {scope: counting.counters(workspace_id, scope) for scope in Scope.values}
    found = {}
    for subject in subjects:
        limits = rulebook.limits(subject, now)
        usages = counting.usage_of(counters[subject.scope].get(subject.subject_id, {}), limits, now)
        found[subject] = _Quota({usage.limit: usage for usage in usages})
    return found
