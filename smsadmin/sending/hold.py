"""Messages that wait for quota room, because their action says so: why and until when, and how they get out.

A held message counts nowhere until it is released. The messages of one number as one user (or as none) are a line:
first in, first out. Where the number has no room its lines all wait; where a user has none, only that line does, so
that nobody waits for another user's quota. A message that finds room when it comes in does not queue up behind a
line: to look for one would cost every message a query.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from smsadmin.core import errors
from smsadmin.core.status import Status
from smsadmin.core.trace import warned
from smsadmin.quotas.counting import QuotaExceeded
from smsadmin.quotas.models import Scope
from smsadmin.sending import bell, ledger, log, quota
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand
from smsadmin.sending.resolve import Draft
from smsadmin.sending.signals import settled

MOST_AT_ONCE = 200  # messages of one number that one sweep looks at


@dataclass(frozen=True, slots=True)
class Hold:
    """What a message waits for, when there is room as far as is known now, and when it is given up."""

    reason: errors.SendError
    until: datetime
    expires_at: datetime


def instead(draft: Draft, full: QuotaExceeded, now: datetime) -> Hold:
    """The hold of a message that found no room, until every limit without room has reset.

    Raises the error it is refused with where its action does not hold, or not for that long: then the trace says so.
    """
    demand, config = Demand.of(draft), draft.ask.config
    if config.at_quota != "hold":
        raise quota.refusal(demand, full)
    last = max([full, *quota.exceeded(demand, now)], key=lambda each: each.usage.resets_at)
    reason, until = quota.refusal(demand, last), last.usage.resets_at
    expires_at = now + timedelta(minutes=config.hold_minutes)
    if until > expires_at:
        times = {"resets": until.isoformat(), "expires": expires_at.isoformat()}
        draft.trace.append(warned("quota", "quota.not_held", **times))
        raise reason
    return Hold(reason, until, expires_at)


def behind(draft: Draft, first: Message, now: datetime) -> Hold:
    """The hold of a message whose line waits already: for what the first of the line waits for, and as long."""
    assert first.next_attempt_at
    error = errors.CATALOGUE[first.error_code]
    expires_at = now + timedelta(minutes=draft.ask.config.hold_minutes)
    return Hold(error(**first.error_facts), min(first.next_attempt_at, expires_at), expires_at)


def release(now: datetime | None = None) -> None:
    """Queues the held messages that are due and have room, and ends those that waited too long or whose action is off.

    Nothing else about a message is looked at again: it is sent as it was resolved when it came in.
    """
    now = now or timezone.now()
    ended = log.expired(now)
    for number_id in _waiting(now).order_by().values_list("number_id", flat=True).distinct():
        ended += _release(number_id, now)
    if ended:
        settled.send(sender=Message, ids=ended)


def _waiting(now: datetime) -> QuerySet[Message]:
    """Held messages that are due, and not given up."""
    return Message.objects.filter(status=Status.HELD, next_attempt_at__lte=now, expires_at__gt=now)


def _release(number_id: int, now: datetime) -> list[UUID]:
    """Takes a number's due messages in their order, as far as there is room; returns those that were refused."""
    moves: dict[int | None, bool] = {}  # by user: whether their line does
    refused: list[UUID] = []
    account: int | None = None  # to ring for, once something was released
    due = _waiting(now).filter(number=number_id).select_related("number", "agent", "action")
    for message in due.defer(*Message.LONG, "body").order_by("pk")[:MOST_AT_ONCE]:
        line = message.agent_id
        if line not in moves:
            moves[line] = not _follows(message, now)
        if not moves[line]:
            continue
        if error := _switched_off(message):
            if log.move(message.pk, Status.CANCELLED, now, error=error, asker=log.asker(message)):
                refused.append(message.pk)
            continue
        try:
            if ledger.release(message, _demand(message), now):
                account = message.connection_id
        except QuotaExceeded:
            moves[line] = False
            if _put_off(message, now):
                break
    if account:
        bell.ring(account)
    return refused


def _follows(message: Message, now: datetime) -> bool:
    """Whether a message before it in its line waits for longer; then the line waits as long."""
    line = _line(message)
    before = Message.objects.filter(line, status=Status.HELD, pk__lt=message.pk, expires_at__gt=now)
    first = before.only("next_attempt_at", "error_code", "error_facts").order_by("pk").first()
    if first is None:
        return False
    assert first.next_attempt_at
    log.put_off(line, first.next_attempt_at, first.error_code, first.error_facts)
    return True


def _switched_off(message: Message) -> errors.SendError | None:
    """Why a message of a saved action must not leave any more; a test of an unsaved form never asked for its action."""
    action = message.action
    if action is None or action.enabled or not message.version_id:
        return None
    return errors.ActionDisabled(action=action.name)


def _put_off(message: Message, now: datetime) -> bool:
    """Lets its line wait for the next reset, or all lines of its number, where that is full; whether it is."""
    demand, number_is_full = _demand(message), False
    for full in quota.exceeded(demand, now):
        of_number, reason = full.subject.scope == Scope.NUMBER, quota.refusal(demand, full)
        whose = Q(number=message.number_id) if of_number else _line(message)
        log.put_off(whose, full.usage.resets_at, reason.code, reason.facts)
        number_is_full |= of_number
    return number_is_full


def _line(message: Message) -> Q:
    return Q(number=message.number_id, agent=message.agent_id)


def _demand(message: Message) -> Demand:
    assert message.number
    return Demand(message.number, message.agent, message.segments, quota.has_priority(message.traffic))
