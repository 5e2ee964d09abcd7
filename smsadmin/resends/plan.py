"""What a resend will do, before anybody asks for it: how many, from which numbers, and how many wait for a quota."""

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from smsadmin.core.message import SendRequest
from smsadmin.core.windows import resets_at
from smsadmin.directory.models import Number
from smsadmin.quotas import counting, rulebook
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.models import Scope
from smsadmin.quotas.rulebook import Limit, Subject
from smsadmin.resends import making
from smsadmin.resends.choice import Choice, judged
from smsadmin.resends.rehearsal import Rehearsal, Stop
from smsadmin.sending import again
from smsadmin.sending.again import Reason
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand, has_priority


@dataclass(frozen=True, slots=True)
class Wait:
    """So many messages wait until then."""

    count: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """The messages of one sender number; of no number, where it cannot be told yet.

    `segments` as they were first counted, `now` as many as fit at once, `waits` the others, soonest first; `never`
    those that are larger than a limit, and will be refused.
    """

    number: Number | None
    messages: int
    segments: int
    now: int
    waits: Sequence[Wait] = ()
    never: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """`chosen` is `eligible` and all that is `left_out`. Each eligible message is in a line, longest first.

    `tried` of them, the newest, were rehearsed: `stops` would stop again as things are, and `depending` hinge on their
    records, which are read anew. `several` are the eligible messages of each recipient who has more than one.
    """

    chosen: int
    eligible: int
    left_out: dict[Reason, int]
    lines: Sequence[Line]
    segments: int
    tried: int
    stops: Sequence[Stop]
    depending: int
    several: Sequence[int]


def plan(choice: Choice, which: str, now: datetime) -> Plan:
    """What a resend of the choice would do if it began now and nothing else were sent. Writes and counts nothing.

    Raises asked.Unreadable.
    """
    left_out, known, unknown = Counter[Reason](), list[Demand](), list[int]()
    recipients, rehearsal = Counter[str](), Rehearsal(again.portals(choice.workspace))
    # Few actions stand behind many messages: each is read once for a batch, not with every row.
    related = choice.messages().prefetch_related(*making.RELATED).defer("body", "trace", "quota")
    for message, verdict in judged(choice.workspace, related):
        if verdict.reason:
            left_out[verdict.reason] += 1
            continue
        ask = making.request(message, which)
        if ask:
            rehearsal.take(message, ask)
            recipients[message.recipient or making.recipient(ask)] += 1
        if demand := _demand(message, ask):
            known.append(demand)
        else:
            unknown.append(_segments(message))
    del recipients[""]
    known.reverse()  # the oldest is sent first
    lines = _lines(known, simulated(choice.workspace.pk, known, now), now)
    if unknown:
        lines.append(Line(None, len(unknown), sum(unknown), now=len(unknown)))
    eligible = len(known) + len(unknown)
    return Plan(
        chosen=eligible + left_out.total(),
        eligible=eligible,
        left_out=dict(left_out),
        lines=lines,
        segments=sum(line.segments for line in lines),
        tried=rehearsal.tried,
        stops=rehearsal.stops,
        depending=rehearsal.depending,
        several=[count for count in recipients.values() if count > 1],
    )


def _demand(message: Message, ask: SendRequest | None) -> Demand | None:
    number, agent = making.line(ask) if ask else (None, None)
    if number is None:
        return None
    assert ask
    return Demand(number, agent, _segments(message), has_priority(ask.config.traffic))


def _segments(message: Message) -> int:
    return message.segments or 1  # one that was never measured


def _lines(demands: Sequence[Demand], moments: Sequence[datetime | None], now: datetime) -> list[Line]:
    """By number, the one with most messages first. `moments`: when each goes, None where it never does."""
    by_number: dict[int, list[tuple[Demand, datetime | None]]] = defaultdict(list)
    for demand, moment in zip(demands, moments, strict=True):
        by_number[demand.number.pk].append((demand, moment))
    lines = [_line(found, now) for found in by_number.values()]
    return sorted(lines, key=lambda line: -line.messages)


def _line(found: Sequence[tuple[Demand, datetime | None]], now: datetime) -> Line:
    times = Counter(moment for _, moment in found if moment)
    never = len(found) - times.total()
    return Line(
        number=found[0][0].number,
        messages=len(found),
        segments=sum(demand.segments for demand, _ in found),
        never=never,
        now=times.pop(now, 0),
        waits=[Wait(count, until) for until, count in sorted(times.items())],
    )


# --- When each of them has room -----------------------------------------------------------------------


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


def simulated(workspace_id: int, demands: Sequence[Demand], now: datetime) -> list[datetime | None]:
    """When each of these messages has room, if they are tried in this order as a resend tries them: what finds no room
    in the quota of its number or user waits for the reset, and all that counts in that quota with it.

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
