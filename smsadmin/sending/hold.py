"""Messages that wait for quota room, because their action says so: why and until when, and how they get out.

A held message counts nowhere until it is released. The messages of one number as one user (or as none), of one kind,
are a line (sending.lines): first in, first out. Where the number has no room its lines all wait, or its marketing alone
where only what is kept for other messages is left; where a user has none, only that user's lines do. A message whose
action holds waits behind its line, also where it finds room itself.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import chain, groupby, islice
from operator import attrgetter
from typing import Any
from uuid import UUID

import structlog
from django.utils import timezone

from smsadmin.core import errors
from smsadmin.core.status import Status
from smsadmin.core.trace import Step, warned
from smsadmin.quotas.counting import QuotaExceeded
from smsadmin.sending import bell, ledger, lines, log, quota
from smsadmin.sending.lines import Line
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand
from smsadmin.sending.resolve import Draft
from smsadmin.sending.room import Closed, Quotas
from smsadmin.sending.signals import settled
from smsadmin.trials.checks import meanwhile

logger = structlog.get_logger(__name__)

MOST_AT_ONCE = 200  # messages of one number that one sweep releases or ends


@dataclass(frozen=True, slots=True)
class Hold:
    """What a message waits for, when there is room as far as is known now, and when it is given up.

    `is_behind`: others of its line wait, and the reason and the time are those of the first of them.
    """

    reason: errors.SendError
    until: datetime
    expires_at: datetime
    is_behind: bool = False

    @property
    def step(self) -> Step:
        """What the trace says of it."""
        if self.is_behind:
            return warned("quota", "quota.held_behind", resets=self.until.isoformat())
        return warned("quota", "quota.held_share" if self._is_of_share else "quota.held", **self.reason.facts)

    def supposed(self, ahead: int) -> Step:
        """What a rehearsal says of it, with so many in its line already."""
        if self.is_behind:
            return warned("quota", "quota.would_hold_behind", resets=self.until.isoformat(), ahead=ahead)
        facts = self.reason.facts
        return warned("quota", "quota.would_hold_share" if self._is_of_share else "quota.would_hold", **facts)

    @property
    def _is_of_share(self) -> bool:
        return bool(self.reason.facts.get("kept"))


# --- At acceptance ---------------------------------------------------------------------------------------


def instead(draft: Draft, full: QuotaExceeded, now: datetime) -> Hold:
    """The hold of a message that found no room: until every limit without room has reset, or for as long as its line.

    Raises the error it is refused with where its action does not hold, or not for that long, or no reset would make
    room for it: then the trace says so.
    """
    demand, config = Demand.of(draft), draft.ask.config
    if config.at_quota != "hold":
        raise quota.refusal(demand, full)
    last = max([full, *quota.exceeded(demand, now)], key=lambda each: each.usage.resets_at)
    reason, until = quota.refusal(demand, last), last.usage.resets_at
    if quota.never(demand, now):
        draft.trace.append(warned("quota", "quota.never_held"))
        raise reason
    expires_at = _expiry(draft, until, reason, now)
    first = lines.first(Line.of_draft(draft), quota.largest(demand, now))
    if first and first.next_attempt_at and first.next_attempt_at > until:
        return behind(draft, first, now)
    return Hold(reason, until, expires_at)


def behind(draft: Draft, first: Message, now: datetime) -> Hold:
    """The hold of a message whose line waits already: for what the first of the line waits for, and as long.

    Raises the error that the first one waits for where that is longer than this one may wait: then the trace says so.
    """
    assert first.next_attempt_at
    reason = errors.CATALOGUE[first.error_code](**first.error_facts)
    return Hold(
        reason, first.next_attempt_at, _expiry(draft, first.next_attempt_at, reason, now), is_behind=True
    )


def _expiry(draft: Draft, until: datetime, reason: errors.SendError, now: datetime) -> datetime:
    """When a message that has no room before `until` is given up. Raises the reason where that comes first."""
    expires_at = now + timedelta(minutes=draft.ask.config.hold_minutes)
    if until > expires_at:
        times = {"resets": until.isoformat(), "expires": expires_at.isoformat()}
        draft.trace.append(warned("quota", "quota.not_held", **times))
        raise reason
    return expires_at


# --- The sweep -------------------------------------------------------------------------------------------


def release(now: datetime | None = None) -> None:
    """Queues the held messages that have room now, and ends those that waited too long, whose action is off, or whom
    build mode stops.

    It looks at what the quotas have left, not only at the time a line was put off to: so nothing is late where a limit
    was raised, or where somebody cancelled what stood before it. Nothing else about a message is looked at again here:
    it is sent as it was resolved when it came in. What fails at one number holds up no other.

    Without `now` each number's turn has the time at which it begins: a sweep may take longer than a window.
    """
    clock = timezone.now if now is None else lambda: now
    if not lines.waiting().exists():
        return
    ended: list[UUID] = []
    try:
        ended += log.expired(clock())
        for workspace_id, heads in _grouped(lines.all_heads(clock()), "workspace_id"):
            with _apart(workspace=workspace_id):
                _release(workspace_id, heads, clock, ended)
    finally:
        if ended:
            settled.send(sender=Message, ids=ended)


def _release(
    workspace_id: int, heads: list[Message], clock: Callable[[], datetime], ended: list[UUID]
) -> None:
    """Number after number of a workspace; `ended` has the messages that were refused."""
    quotas = Quotas(workspace_id, map(demand_of, heads), clock())
    for number_id, own in _grouped(heads, "number_id"):
        now = clock()
        quotas.come_to(now)
        with _apart(workspace=workspace_id, number=number_id):
            _Turn(quotas, now, ended).take(own)


@contextmanager
def _apart(**what: int) -> Iterator[None]:
    """An error in here is logged, and what comes after it goes on."""
    try:
        yield
    except Exception:
        logger.exception("hold.failed", **what)


def _grouped(messages: Iterable[Message], column: str) -> Iterable[tuple[int, list[Message]]]:
    """The messages by what stands in a column, in their order."""
    key = attrgetter(column)
    return [(each, list(found)) for each, found in groupby(sorted(messages, key=key), key)]


class _Turn:
    """One sweep over the lines of a number: takes their messages in the order they came, as far as there is room."""

    def __init__(self, quotas: Quotas, now: datetime, ended: list[UUID]) -> None:
        self.quotas, self.now, self.ended = quotas, now, ended
        self.closed = Closed()
        self.stopped: list[tuple[Message, Demand]] = []
        self.accounts: set[int] = set()

    def take(self, heads: Iterable[Message]) -> None:
        """Releases what has room, of all lines the oldest first; then puts off the first of each line that has none."""
        try:
            self._release(
                [(each.pk, each, line) for line in map(self._line, heads) for each in islice(line, 1)]
            )
        finally:
            for account in self.accounts:
                bell.ring(account)
        self._put_off()

    def _line(self, head: Message) -> Iterator[Message]:
        """A line from its first message on, without those that no reset makes room for: they are not in the way, and
        stay until their limit is raised or they are given up."""
        largest = quota.largest(demand_of(head), self.now)
        for message in chain([head], lines.after(head, largest, self.now)):
            if message.segments <= largest and message.expires_at and message.expires_at > self.now:
                yield message

    def _release(self, fronts: list[tuple[UUID, Message, Iterator[Message]]]) -> None:
        """From the lines with these messages in front; at most MOST_AT_ONCE."""
        heapify(fronts)
        left = MOST_AT_ONCE
        while fronts and left:
            _, message, line = heappop(fronts)
            demand = demand_of(message)
            if self._has_room(demand) and self._taken(message, demand):
                left -= 1
                for following in islice(line, 1):
                    heappush(fronts, (following.pk, following, line))
            else:
                self.stopped.append((message, demand))

    def _has_room(self, demand: Demand) -> bool:
        """Whether there was room as the sweep began, without what it took since, and none before it found none."""
        if self.closed.stops(demand, self.now):
            return False
        full = self.quotas.exceeded(demand)
        self.closed.close(full, priority=demand.priority)
        return not full

    def _taken(self, message: Message, demand: Demand) -> bool:
        """Queues a message or ends it; False where there is no room any more."""
        if error := stopped(message):
            if log.move(message.pk, Status.CANCELLED, self.now, error=error, asker=log.asker(message)):
                self.ended.append(message.pk)
            return True
        try:
            if ledger.release(message, demand, self.now):
                self.quotas.take(demand)
                self.accounts |= {message.connection_id} if message.connection_id else set()
        except QuotaExceeded as full:
            self.closed.close([full, *quota.exceeded(demand, self.now)], priority=demand.priority)
            return False
        return True

    def _put_off(self) -> None:
        """Lets those in front that are due wait for the reset of what stops them; who stands behind them waits with
        them. One statement for each reason."""
        found: dict[tuple[Any, ...], list[UUID]] = defaultdict(list)
        reasons: dict[tuple[Any, ...], tuple[datetime, errors.SendError]] = {}
        for message, demand in self.stopped:
            full = self.closed.stops(demand, self.now)
            if full and message.next_attempt_at and message.next_attempt_at <= self.now:
                reason = quota.refusal(demand, full)
                key = (reason.code, *reason.facts.values())
                found[key].append(message.pk)
                reasons[key] = full.usage.resets_at, reason
        for key, ids in found.items():
            log.put_off(ids, *reasons[key])


def stopped(message: Message) -> errors.SendError | None:
    """Why a held message must not leave any more: its action is off, or only test numbers are texted by now."""
    return _switched_off(message) or meanwhile(message.workspace_id, {message.pk: message.recipient}).get(
        message.pk
    )


def _switched_off(message: Message) -> errors.SendError | None:
    """Why a message of a saved action must not leave any more; a test of an unsaved form never asked for its action."""
    action = message.action
    if action is None or action.enabled or not message.version_id:
        return None
    return errors.ActionDisabled(action=action.name)


def demand_of(message: Message) -> Demand:
    """What a held message takes from quotas."""
    assert message.number
    return Demand(message.number, message.agent, message.segments, quota.has_priority(message.traffic))
