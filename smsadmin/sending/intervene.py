"""What people do with held messages: they release one before its turn, or cancel it.

Sweeps do the same at the same time. Every step is one guarded UPDATE, so exactly one of them wins.
"""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from django.db import transaction

from smsadmin.core.status import Status
from smsadmin.quotas.counting import QuotaExceeded
from smsadmin.sending import bell, hold, ledger, log, quota
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand
from smsadmin.sending.settle import audit
from smsadmin.sending.signals import settled
from smsadmin.workspaces.models import User


def release(message: Message, by: User, now: datetime) -> bool:
    """Counts and queues a held message before its turn; it may use what is kept for replies and alerts.

    False when it is no longer held. Raises the SendError that keeps it from leaving: no limit is exceeded for anybody,
    an action that is switched off sends nothing, and build mode texts test numbers alone. It stays held then.
    """
    if error := hold.stopped(message):
        raise error
    assert message.number
    demand = Demand(message.number, message.agent, message.segments)
    try:
        with transaction.atomic():
            if not ledger.release(message, demand, now):
                return False
            _decided(message, Status.QUEUED, by, now, str(by))
    except QuotaExceeded as full:
        last = max([full, *quota.exceeded(demand, now)], key=lambda each: each.usage.resets_at)
        raise quota.refusal(demand, last) from None
    if message.connection_id:
        transaction.on_commit(partial(bell.ring, message.connection_id))
    return True


def cancel(messages: Iterable[Message], by: User | None, now: datetime, *, who: str = "") -> int:
    """Takes held messages out for good, uncounted; whoever asked for them is told. Returns how many: those that were
    no longer held are left as they are. `who` names a program that did it in place of a person."""
    ended = [message.pk for message in messages if _cancelled(message, by, now, who or str(by))]
    if ended:
        settled.send(sender=Message, ids=ended)
    return len(ended)


def _cancelled(message: Message, by: User | None, now: datetime, who: str) -> bool:
    with transaction.atomic():
        moved = log.move(message.pk, Status.CANCELLED, now)
        if moved:
            _decided(message, Status.CANCELLED, by, now, who)
    return moved


def _decided(message: Message, status: Status, by: User | None, now: datetime, who: str) -> None:
    log.decided(message.pk, now, status=status.value, by=by.pk if by else None, who=who)
    audit(message, status, "" if by else who)
