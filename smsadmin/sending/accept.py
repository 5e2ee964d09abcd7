"""The front door: every request leaves exactly one row, queued, held or rejected, and a repeat finds it again."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from smsadmin.core import errors
from smsadmin.core.message import SendRequest
from smsadmin.core.status import Status
from smsadmin.core.trace import Step, Verdict
from smsadmin.directory import book
from smsadmin.quotas import counting
from smsadmin.sending import bell, hold, ledger, log, quota
from smsadmin.sending.check import CHECKS
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand
from smsadmin.sending.resolve import RESOLVE, Draft, run

logger = structlog.get_logger(__name__)


def accept(ask: SendRequest, now: datetime | None = None) -> Message:
    """Resolves, checks, counts and queues one message, or holds or rejects it with the reason on its row.

    A repeat of the same key returns the first row and changes nothing. Raises DatabaseError when nothing
    could be written: then nothing was accepted, and the caller may ask again.
    """
    now = now or timezone.now()
    draft = Draft(ask, book.of(ask.workspace_id))
    try:
        message = _judge(draft, now)
    except IntegrityError:
        if not log.found(ask):  # the database refused something else
            raise
        return log.repeated(ask, now)
    if message.status == Status.QUEUED and message.connection_id:
        transaction.on_commit(partial(bell.ring, message.connection_id))
    return message


def again(ask: SendRequest, now: datetime | None = None) -> Message:
    """Queues a message that stands in the log already (`ask.original`) once more, or leaves no trace of the attempt.

    Raises the SendError that stops it, QuotaExceeded where it has no room now, and IntegrityError when the original
    was sent again before. Nothing is held: who sends again waits by itself. What no reset makes room for is stopped.
    """
    now = now or timezone.now()
    draft = Draft(ask, book.of(ask.workspace_id))
    run(draft, RESOLVE)
    run(draft, CHECKS)
    message, demand = log.queued(draft, quota.counted(draft), now), Demand.of(draft)
    try:
        ledger.enter(message, demand, now)
    except counting.QuotaExceeded as full:
        if counting.never(full.subject, demand.segments, now, priority=demand.priority):
            raise quota.refusal(demand, full) from None
        raise
    assert message.connection_id
    transaction.on_commit(partial(bell.ring, message.connection_id))
    return message


def refuse(ask: SendRequest, error: errors.SendError, now: datetime | None = None) -> Message:
    """A request that failed before it could be resolved leaves its row too."""
    now = now or timezone.now()
    draft = Draft(ask, book.of(ask.workspace_id))
    try:
        return log.rejected(draft, error, now)
    except IntegrityError:
        if not log.found(ask):  # the database refused something else
            raise
        return log.repeated(ask, now)


def _judge(draft: Draft, now: datetime) -> Message:
    try:
        run(draft, RESOLVE)
        run(draft, CHECKS)
        return _queue(draft, now)
    except errors.SendError as error:
        return log.rejected(draft, error, now)
    except DatabaseError:
        raise
    except Exception as unforeseen:
        logger.exception("accept.failed", trigger=draft.ask.trigger)
        return log.rejected(draft, errors.InternalError(kind=type(unforeseen).__name__), now)


def _queue(draft: Draft, now: datetime) -> Message:
    """Counts in every window and writes the row, both or neither; without room it is held where its action says so."""
    message, demand = log.queued(draft, quota.counted(draft), now), Demand.of(draft)
    try:
        ledger.enter(message, demand, now, in_line=draft.ask.config.at_quota == "hold")
        return message
    except ledger.LineAhead as line:
        find = partial(hold.behind, draft, line.first, now)
    except counting.QuotaExceeded as full:
        find = partial(hold.instead, draft, full, now)
    return _held(draft, find, now)


def _held(draft: Draft, find: Callable[[], hold.Hold], now: datetime) -> Message:
    try:
        found = find()
    except errors.SendError as error:
        draft.trace.append(Step("quota", Verdict.REFUSED, error.code, error.facts))
        raise
    draft.trace.append(found.step)
    return log.held(draft, found.reason, found.until, found.expires_at, now)
