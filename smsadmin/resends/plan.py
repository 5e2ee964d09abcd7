"""What a resend will do, before anybody asks for it: how many, from which numbers, and how many wait for a quota."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from smsadmin.core.message import SendRequest
from smsadmin.directory.models import Number
from smsadmin.resends import making
from smsadmin.resends.choice import Choice, judged
from smsadmin.resends.rehearsal import Rehearsal, Stop
from smsadmin.sending import again
from smsadmin.sending.again import Reason
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand, has_priority
from smsadmin.sending.room import when_room


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
    lines = _lines(known, when_room(choice.workspace.pk, known, now), now)
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
