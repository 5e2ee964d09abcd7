"""Messages that wait for quota room, because their action says so: why and until when, and how they get out.

A held message counts nowhere until it is released. The messages of one number as one user (or as none), of one kind,
are a line (sending.lines): first in, first out. Where the number has no room its lines all wait, or its marketing alone
where only what is kept for other messages is left; where a user has none, only that user's lines do. A message whose
action holds waits behind its line, also where it finds room itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from smsadmin.core import errors
from smsadmin.core.status import Status
from smsadmin.core.trace import Step, warned
from smsadmin.quotas.counting import QuotaExceeded
from smsadmin.quotas.models import Scope
from smsadmin.sending import bell, ledger, lines, log, quota
from smsadmin.sending.lines import Line
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand
from smsadmin.sending.resolve import Draft
from smsadmin.sending.room import Closed, Quotas
from smsadmin.sending.signals import settled

MOST_AT_ONCE = 200  # messages of one number that one sweep looks at


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
    expires_at = _expiry(draft, now)
    if until > expires_at:
        times = {"resets": until.isoformat(), "expires": expires_at.isoformat()}
        draft.trace.append(warned("quota", "quota.not_held", **times))
        raise reason
    first = lines.first(Line.of_draft(draft))
    if first and first.next_attempt_at and first.next_attempt_at > until:
        return behind(draft, first, now)
    return Hold(reason, until, expires_at)


def behind(draft: Draft, first: Message, now: datetime) -> Hold:
    """The hold of a message whose line waits already: for what the first of the line waits for, and as long."""
    assert first.next_attempt_at
    error, expires_at = errors.CATALOGUE[first.error_code], _expiry(draft, now)
    until = min(first.next_attempt_at, expires_at)
    return Hold(error(**first.error_facts), until, expires_at, is_behind=True)


def _expiry(draft: Draft, now: datetime) -> datetime:
    return now + timedelta(minutes=draft.ask.config.hold_minutes)


# --- The sweep -------------------------------------------------------------------------------------------


def release(now: datetime | None = None) -> None:
    """Queues the held messages that have room now, and ends those that waited too long or whose action is off.

    It looks at what the quotas have left, not only at the time a line was put off to: so nothing is late where a limit
    was raised, or where somebody cancelled what stood before it. Nothing else about a message is looked at again: it
    is sent as it was resolved when it came in.
    """
    now = now or timezone.now()
    if not lines.waiting().exists():
        return
    ended = log.expired(now)
    for workspace_id, heads in _grouped(lines.heads(lines.waiting(now)), "workspace_id"):
        quotas = Quotas(workspace_id, map(demand_of, heads), now)
        for number_id, own in _grouped(heads, "number_id"):
            ended += _Turn(number_id, now).take(own, quotas)
    if ended:
        settled.send(sender=Message, ids=ended)


def _grouped(messages: Iterable[Message], column: str) -> Iterable[tuple[int, list[Message]]]:
    """The messages by what stands in a column, in their order."""
    key = attrgetter(column)
    return [(each, list(found)) for each, found in groupby(sorted(messages, key=key), key)]


class _Turn:
    """One sweep over the lines of a number: takes their messages in the order they came, as far as there is room."""

    def __init__(self, number_id: int, now: datetime) -> None:
        self.number_id, self.now = number_id, now
        self.closed = Closed()
        self.refused: list[UUID] = []
        self.left = MOST_AT_ONCE

    def take(self, heads: list[Message], quotas: Quotas) -> list[UUID]:
        """Releases from the lines that have room for their first message, and puts off those that are due and have
        none; returns the messages that were refused."""
        is_due = any(head.next_attempt_at <= self.now for head in heads if head.next_attempt_at)
        moving: dict[Line, Demand] = {}
        for head in heads:
            demand = demand_of(head)
            if self.closed.stops(demand):
                continue
            full = quotas.without_room(demand)
            if not full or quota.never(demand, self.now):
                moving[Line.of(head)] = demand
                continue
            self.closed.close(full, priority=demand.priority)
            if is_due:
                self._put_off(head, demand)
        accounts: set[int] = set()
        while moving and self.left > 0:
            moving = self._move(moving, accounts)
        for account in accounts:
            bell.ring(account)
        return self.refused

    def _move(self, moving: dict[Line, Demand], accounts: set[int]) -> dict[Line, Demand]:
        """Releases from these lines until one of them finds no room; returns those that may go on."""
        for message in lines.in_order(moving, self.now, self.left):
            self.left -= 1
            demand = demand_of(message)
            if error := switched_off(message):
                if log.move(message.pk, Status.CANCELLED, self.now, error=error, asker=log.asker(message)):
                    self.refused.append(message.pk)
            elif quota.never(demand, self.now):
                continue  # it is not in the way, and stays until its limit is raised or it is given up
            else:
                try:
                    if ledger.release(message, demand, self.now) and message.connection_id:
                        accounts.add(message.connection_id)
                except QuotaExceeded:
                    self._put_off(message, demand)
                    del moving[Line.of(message)]
                    return {line: of for line, of in moving.items() if not self.closed.stops(of)}
        return {}

    def _put_off(self, message: Message, demand: Demand) -> None:
        """Lets its line wait for the next reset, or all lines of its number and kind, where that is full."""
        for full in quota.exceeded(demand, self.now):
            self.closed.close([full.subject], priority=demand.priority)
            whose = Q(number=self.number_id)
            if full.subject.scope == Scope.USER:
                whose &= Q(agent=message.agent_id)
            if not demand.priority:
                whose &= Q(traffic=quota.MARKETING)
            reason = quota.refusal(demand, full)
            log.put_off(whose, full.usage.resets_at, reason.code, reason.facts)


def switched_off(message: Message) -> errors.SendError | None:
    """Why a message of a saved action must not leave any more; a test of an unsaved form never asked for its action."""
    action = message.action
    if action is None or action.enabled or not message.version_id:
        return None
    return errors.ActionDisabled(action=action.name)


def demand_of(message: Message) -> Demand:
    """What a held message takes from quotas."""
    assert message.number
    return Demand(message.number, message.agent, message.segments, quota.has_priority(message.traffic))
