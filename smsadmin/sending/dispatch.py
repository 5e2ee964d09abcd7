"""The worker's side: one drain per provider account claims queued rows, sends them, and writes what came of it.

A drain holds its account by a lease in the database. It takes slots of the account's pace for rows that are
due, waits for them, and then claims. Each claim is committed before anything leaves, so a worker that dies
leaves rows in "sending": the sweep makes them unknown, never queued again."""

import math
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from smsadmin.consent import checks as consent
from smsadmin.consent.hearing import heard_from_provider
from smsadmin.core import errors
from smsadmin.core.status import SETTLED, Status
from smsadmin.directory.models import Number, Source
from smsadmin.pacing import account as paced
from smsadmin.pacing import slots, turns
from smsadmin.providers.base import Provider, Result
from smsadmin.providers.registry import CARRIERS
from smsadmin.providers.registry import provider as provider_of
from smsadmin.routing import failover
from smsadmin.routing.faults import of_refusal, of_waiting
from smsadmin.sending import bell, log
from smsadmin.sending.log import Claimed, Outcome
from smsadmin.sending.models import Drain, Message
from smsadmin.sending.signals import settled
from smsadmin.stopping import stopping
from smsadmin.trials import checks as trials
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

MOST_ATTEMPTS = 5
LONGEST_TURN = 20.0  # seconds after which a drain lets other accounts have the thread
TOGETHER = 1.0  # seconds after which answers are written without waiting for the slower ones of their batch
MOST_SLEEP = 1.0  # seconds after which a drain that waits looks whether it is to stop
#: How long a message waits for credentials before it is given up.
WITHOUT_CREDENTIALS = timedelta(hours=24)
#: How long after its acceptance a message that meets the provider's limit is given up.
SLOWED_DOWN = timedelta(hours=24)
LONGEST_BACK_OFF = timedelta(minutes=1)
Answered = tuple[Claimed, Result | Exception]
T = TypeVar("T")


@dataclass(slots=True)
class Account:
    """One provider account while this drain holds it."""

    connection: Connection
    provider: Provider
    holder: uuid.UUID
    last_number_id: int
    sleep: Callable[[float], None] = field(default=time.sleep)
    paused_until: datetime | None = None  # as an answer to this drain asked
    ends: float = field(default_factory=lambda: time.monotonic() + LONGEST_TURN)

    @property
    def may_go_on(self) -> bool:
        return not (stopping.is_set() or self.connection.lost_at or self.left <= 0)

    @property
    def left(self) -> float:
        """The seconds that are left of this turn."""
        return self.ends - time.monotonic()

    def end(self) -> None:
        """Ends the turn: after its batch the drain lets go of the account."""
        self.ends = time.monotonic()


@dataclass(frozen=True, slots=True)
class Due:
    """What leaves together next, and the number after which the next turn begins."""

    ids: Sequence[uuid.UUID]
    last_number_id: int


def drain(connection_id: int, sleep: Callable[[float], None] = time.sleep) -> int:
    """Sends what the account has queued, at its pace; returns how many messages it sent for.

    Does nothing when another drain holds the account: that one looks again before it ends. Nor for an account whose
    credentials are refused: what it has waits until they are changed.
    """
    account = _take(connection_id, sleep)
    if account is None:
        return 0
    done = 0
    try:
        done = _work(account)
    finally:
        Drain.objects.filter(pk=connection_id, holder=account.holder).update(holder=None, lease_until=None)
    if stopping.is_set() or account.connection.lost_at:
        return done
    now = timezone.now()
    if not _is_paused(connection_id, now) and _numbers_waiting(connection_id, now).exists():
        bell.ring(connection_id)
    return done


def _is_paused(connection_id: int, at: datetime) -> bool:
    """Whether nothing of the account may leave at that moment. The sweep rings when a pause is over."""
    until = slots.of(connection_id).paused_until
    return until is not None and until > at


def _take(connection_id: int, sleep: Callable[[float], None]) -> Account | None:
    now, holder = timezone.now(), uuid.uuid4()
    Drain.objects.get_or_create(pk=connection_id)
    free = Q(holder=None) | Q(lease_until__lt=now)
    usable = Drain.objects.filter(free, pk=connection_id, connection__lost_at=None)
    if not usable.update(holder=holder, lease_until=_lease(now)):
        return None
    row = Drain.objects.select_related("connection").get(pk=connection_id)
    return Account(row.connection, provider_of(row.connection), holder, row.last_number_id, sleep)


def _lease(now: datetime, messages: int = 1) -> datetime:
    """Long enough for the slowest answers, when the sending threads must take several turns as well."""
    turns = math.ceil(messages / settings.DISPATCH_THREADS)
    return now + timedelta(seconds=settings.DISPATCH_LEASE * turns)


def _work(account: Account) -> int:
    done, idle_since = 0, None
    while account.may_go_on:
        if due := _due(account, timezone.now()):
            if _slots_came(account, len(due.ids)):
                batch = _willing(account, _claim(account, due, timezone.now()))
                _send_batch(account, batch)
                done += len(batch)
            idle_since = None
            continue
        if account.paused_until and (wait := (account.paused_until - timezone.now()).total_seconds()) > 0:
            if wait > account.left:
                break
            account.sleep(min(wait, MOST_SLEEP))  # what was put off until then is due again
            continue
        idle_since = idle_since or time.monotonic()
        if time.monotonic() - idle_since >= settings.DISPATCH_LINGER:
            break
        account.sleep(settings.DISPATCH_LINGER / 8)
    return done


def _slots_came(account: Account, requests: int) -> bool:
    """Takes the account's next slots and waits for them; False where none comes within this turn, or the
    provider asked for a pause meanwhile: then they are taken anew."""
    now = timezone.now()
    within = timedelta(seconds=account.left)
    pk, rate = account.connection.pk, paced.rate(account.connection)
    begins = slots.take(pk, rate, within, now, requests)
    if begins is None:
        if _is_paused(pk, now + within):
            account.end()
        else:
            account.sleep(MOST_SLEEP)
        return False
    if begins <= now:
        return True
    while (wait := (begins - timezone.now()).total_seconds()) > 0:
        if stopping.is_set():
            return False
        account.sleep(min(wait, MOST_SLEEP))
    paused = slots.of(pk).paused_until
    return paused is None or paused <= begins


def _claim(account: Account, due: Due, now: datetime) -> list[Claimed]:
    """Takes these rows. Loses them all if the lease was lost, or the account's credentials were refused meanwhile."""
    lease_until = _lease(now, len(due.ids))
    mine = Drain.objects.filter(pk=account.connection.pk, holder=account.holder, connection__lost_at=None)
    if not mine.update(last_number_id=due.last_number_id, lease_until=lease_until):
        account.end()
        return []
    account.last_number_id = due.last_number_id
    return log.claim(due.ids, account.holder, now, lease_until, Q(connection=account.connection.pk))


def _willing(account: Account, batch: list[Claimed]) -> list[Claimed]:
    """Without the messages whose recipients opted out while they waited, or whom build mode keeps from being texted by
    now: of those nothing leaves any more."""
    workspace_id, recipients = (
        account.connection.workspace_id,
        {each.pk: each.sms.recipient for each in batch},
    )
    refused: dict[uuid.UUID, errors.SendError] = {}
    refused |= trials.meanwhile(workspace_id, recipients)
    refused |= consent.meanwhile(workspace_id, recipients)
    now = timezone.now()
    if gone := [pk for pk, error in refused.items() if log.withdrawn(pk, error, now)]:
        settled.send(sender=Message, ids=gone)
    return [message for message in batch if message.pk not in refused]


def _numbers_waiting(connection_id: int, now: datetime) -> QuerySet[Number]:
    waiting = Message.objects.filter(number=OuterRef("pk"), status=Status.QUEUED, next_attempt_at__lte=now)
    return Number.objects.filter(Exists(waiting), connection_id=connection_id)


def _due(account: Account, now: datetime) -> Due | None:
    """What leaves together next: the oldest rows of each waiting number in turn, beginning after the number
    served last."""
    waiting = list(_numbers_waiting(account.connection.pk, now).order_by("pk").values_list("pk", flat=True))
    if not waiting:
        return None
    at_once = paced.at_once(account.connection)
    after = [pk for pk in waiting if pk > account.last_number_id]
    turn = (after + waiting)[: min(len(waiting), at_once)]
    share = math.ceil(at_once / len(turn))
    due = connection.ops.adapt_datetimefield_value(now)
    parameters = [value for number_id in turn for value in (number_id, due, share)]
    rows = list(Message.objects.raw(" UNION ALL ".join([_OLDEST] * len(turn)), parameters))
    return Due([row.pk for row in rows[:at_once]], _served_last(rows, at_once)) if rows else None


def _served_last(rows: Sequence[Message], at_once: int) -> int:
    """The last number that had its whole share: one that was cut short is the first of the next turn."""
    last = rows[:at_once][-1].number_id
    if len(rows) > at_once and rows[at_once].number_id == last:
        last = next((row.number_id for row in reversed(rows[:at_once]) if row.number_id != last), last)
    return last or 0


#: One number's part of a batch. A query each would cost a busy account more than sending does.
_OLDEST = (
    "SELECT * FROM (SELECT id, number_id FROM sending_message "
    "WHERE number_id = %s AND status = 'queued' AND next_attempt_at <= %s ORDER BY id LIMIT %s) AS oldest"
)


@cache
def _threads() -> ThreadPoolExecutor:
    """Kept for the life of the process, and with each thread its kept-alive client."""
    return ThreadPoolExecutor(settings.DISPATCH_THREADS, thread_name_prefix="send")


def _send_batch(account: Account, batch: Sequence[Claimed]) -> None:
    """Sends outside any transaction, several at once; answers that come together are written together."""
    if not batch:
        return
    if len(batch) == 1:
        _record(account, [(batch[0], _attempt(account.provider, batch[0]))])
        return
    sending = {_threads().submit(_attempt, account.provider, message): message for message in batch}
    while sending:
        answered, _ = wait(sending, timeout=TOGETHER)
        if answered:
            _record(account, [(sending.pop(each), each.result()) for each in answered])


def _record(account: Account, answers: Sequence[Answered]) -> None:
    """Writes what came of a batch, and only then what else the answers say. What may go on from another sender is moved
    in between, each by itself: no move keeps the others' outcomes from being written or anything from being learnt,
    nothing learnt keeps a move."""
    outcomes = [(message, _outcome(account.provider, message, result)) for message, result in answers]
    may_move = _may_move(account, [outcome for _, outcome in outcomes])
    faulty = [(message, outcome) for message, outcome in outcomes if may_move and outcome.fault]
    ended = [outcome for _, outcome in outcomes if not (may_move and outcome.fault)]
    _write(account, ended)
    written = [*ended]
    _each(
        partial(_move, account, faulty, written),
        partial(_tell, written),
        partial(_slow_down, account, answers),
        partial(_learn, account, answers),
    )


def _each(*steps: Callable[[], None]) -> None:
    """Takes every step, whatever came of those before it. Raises the first error at the end; the log has the others."""
    first: Exception | None = None
    for step in steps:
        try:
            step()
        except Exception as error:
            if first:
                logger.exception("dispatch.failed_besides")
            first = first or error
    if first:
        raise first


def _may_move(account: Account, outcomes: Sequence[Outcome]) -> bool:
    """Whether any of these may go on from another sender. Where none has a fault nothing is read for that."""
    if not any(outcome.fault for outcome in outcomes):
        return False
    return _patiently(account, partial(failover.is_set_up, account.connection.workspace_id), len(outcomes))


def _write(account: Account, outcomes: Sequence[Outcome]) -> None:
    if outcomes:
        _patiently(account, partial(log.finish, outcomes, account.holder), len(outcomes))


def _move(account: Account, faulty: Sequence[tuple[Claimed, Outcome]], written: list[Outcome]) -> None:
    """Has these go on from another sender. The outcomes of those that stay are written, though a later move fails, and
    then are among the `written`."""
    staying: list[Outcome] = []
    try:
        for message, outcome in faulty:
            if stays := _staying(account, message, outcome):
                staying.append(stays)
    finally:
        _write(account, staying)
        written += staying


def _tell(outcomes: Sequence[Outcome]) -> None:
    if ids := [outcome.message_id for outcome in outcomes if outcome.status in SETTLED]:
        settled.send(sender=Message, ids=ids)


def _staying(account: Account, message: Claimed, outcome: Outcome) -> Outcome | None:
    """The outcome as it is to be written; None where the message surely did not leave and has gone on from another
    sender, which is written then (routing.failover)."""
    assert outcome.fault
    move = partial(failover.go_on, message, account.holder, outcome.fault, outcome.event, outcome.at)
    try:
        found = _patiently(account, move, 1)
    except (OperationalError, InterfaceError):  # nobody knows whether it moved, and nothing can be written
        raise
    except Exception:  # it ends as it would have without any route
        logger.exception("dispatch.no_failover", message=str(message.pk))
        return outcome
    if found.to:
        return None
    if found.passed_over and outcome.status == Status.FAILED:
        return replace(outcome, event={**outcome.event, "passed_over": found.passed_over})
    return outcome


def _patiently(account: Account, write: Callable[[], T], messages: int) -> T:
    """Answers are known only here until they are written: a database that is away for a moment is waited for."""
    for pause in (0.5, 1, 2, 4, 8):
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            logger.warning("dispatch.database_away", error=str(error), messages=messages)
            connection.close()
            account.sleep(pause)
    return write()


def _slow_down(account: Account, answers: Sequence[Answered]) -> None:
    """What answers say of the limit is about the account: after a 429 nothing else of it is asked before its time."""
    for _, result in answers:
        if not isinstance(result, Result):
            continue
        if until := turns.heed(account.connection, result.exchange, timezone.now()):
            account.paused_until = until
        if result.requests > 1:
            slots.reserve(account.connection.pk, paced.rate(account.connection), result.requests - 1)


def _attempt(provider: Provider, message: Claimed) -> Result | Exception:
    try:
        result = provider.send(message.sms)
        assert result.accepted or result.error or result.retry_in is not None
        return result
    except Exception as unforeseen:  # it may have left: the row says so, and the log has the traceback
        logger.exception("dispatch.failed", message=str(message.pk))
        return unforeseen


def _outcome(provider: Provider, message: Claimed, result: Result | Exception) -> Outcome:
    now = timezone.now()
    if isinstance(result, Exception):
        error = errors.ProviderUnknown(
            provider=provider.name, reason=f"internal error: {type(result).__name__}"
        )
        return Outcome(message.pk, Status.UNKNOWN, now, {"failure": repr(result)[:300]}, error)
    event = result.exchange.as_json()
    if result.accepted:
        accepted = result.accepted
        return Outcome(
            message.pk,
            Status.SENT,
            now,
            event,
            provider_id=accepted.provider_id,
            provider_status=accepted.provider_status,
            segments=accepted.segments,
        )
    if result.retry_in is not None:
        return _again_or_given_up(provider, message, result, now)
    assert result.error
    if isinstance(result.error, errors.ProviderUnknown):
        return Outcome(message.pk, Status.UNKNOWN, now, event, result.error)
    fault = of_refusal(result, result.error)
    return Outcome(message.pk, Status.FAILED, now, event, result.error, fault=fault)


def _again_or_given_up(provider: Provider, message: Claimed, result: Result, now: datetime) -> Outcome:
    """It surely never left: back into the queue, later each time, until the attempts are used up. What is about the
    account uses up none."""
    attempts, event = message.attempts + 1, result.exchange.as_json()
    if (
        result.reason == "credential"
    ):  # it waits for its account, which is not tried meanwhile, unless it may go on
        fault = of_waiting(result, errors.CredentialRejected(provider=provider.name))
        return Outcome(message.pk, Status.QUEUED, now, event, next_attempt_at=now, counts=False, fault=fault)
    if result.reason == "rate_limited":
        return _slowed_down(provider, message, result, now)
    if attempts < MOST_ATTEMPTS:
        wait = timedelta(seconds=(result.retry_in or 0) * attempts**2)
        return Outcome(message.pk, Status.QUEUED, now, event, next_attempt_at=now + wait)
    error = errors.ProviderUnavailable(provider=provider.name, reason=result.detail, attempts=attempts)
    return Outcome(message.pk, Status.FAILED, now, event, error, fault=of_waiting(result, error))


def _slowed_down(provider: Provider, message: Claimed, result: Result, now: datetime) -> Outcome:
    """A limit is about the account, so the message waits however often it is met, for a day. The longer it has waited
    the later it is tried again: a provider that names no time is not asked every other second all day."""
    age, event = now - message.accepted_at, {**result.exchange.as_json(), "reason": result.reason}
    if age < SLOWED_DOWN:
        wait = max(timedelta(seconds=result.retry_in or 0), min(age / 20, LONGEST_BACK_OFF))
        return Outcome(message.pk, Status.QUEUED, now, event, next_attempt_at=now + wait, counts=False)
    times = log.times_slowed_down(message.pk) + 1
    error = errors.RateLimited(provider=provider.name, attempts=times)
    return Outcome(message.pk, Status.FAILED, now, event, error, fault=of_waiting(result, error))


def _learn(account: Account, answers: Sequence[Answered]) -> None:
    """What answers proved: facts about numbers, who opted out, and whether the credentials are still good."""
    connection = account.connection
    answered = [result for _, result in answers if isinstance(result, Result)]
    for message, result in answers:
        if isinstance(result, Result) and result.learnt and message.number_id:
            facts = {f"{name}_source": Source.SEND for name in result.learnt} | result.learnt
            Number.objects.filter(pk=message.number_id).update(**facts)
        if isinstance(result, Result) and isinstance(result.error, errors.RecipientOptedOut):
            heard_from_provider(connection, message.sms.recipient, result.error, timezone.now())
    if any(result.plan_refused for result in answered):
        connection.plan_refused_at = timezone.now()
        connection.save(update_fields=["plan_refused_at"])
    elif connection.plan_refused_at and any(result.accepted for result in answered):
        connection.plan_refused_at = None
        connection.save(update_fields=["plan_refused_at"])
    if any(result.reason == "credential" for result in answered):
        connection.mark(Connection.State.REJECTED, "Refused while sending")
        account.end()  # where there are new credentials by now, the next turn has them
    elif connection.state != Connection.State.WORKING and any(r.accepted for r in answered):
        connection.mark(Connection.State.WORKING)


def sweep(now: datetime | None = None) -> None:
    """Settles rows whose drain died and rows that waited too long for credentials, unless they may go on elsewhere, and
    rings for accounts with due rows that nobody holds. One whose provider asked to pause is left alone until then."""
    now = now or timezone.now()
    _leave_lost(now)
    if ids := log.lost(now) + _without_credentials(now):
        settled.send(sender=Message, ids=ids)
    due = Message.objects.filter(number=OuterRef("pk"), status=Status.QUEUED, next_attempt_at__lte=now)
    waiting = Number.objects.filter(Exists(due), connection__lost_at=None).exclude(
        connection__pace__paused_until__gt=now
    )
    for connection_id in waiting.values_list("connection_id", flat=True).distinct():
        bell.ring(connection_id)


def _leave_lost(now: datetime) -> None:
    """Has what accounts without credentials have queued go on from others, where routes say so."""
    for lost in Connection.objects.filter(kind__in=CARRIERS, lost_at__isnull=False):
        try:
            failover.leave(lost, now)
        except Exception:  # it waits on, and everybody else goes on
            logger.exception("dispatch.no_failover", connection=lost.pk)


def leave(connection_id: int) -> None:
    """The same for one account, unless its credentials are good again."""
    lost = Connection.objects.filter(pk=connection_id, lost_at__isnull=False).first()
    if lost:
        failover.leave(lost, timezone.now())


def _without_credentials(now: datetime) -> list[uuid.UUID]:
    """Gives up what has waited for its account's credentials for a day."""
    since = now - WITHOUT_CREDENTIALS
    given_up = []
    for lost in Connection.objects.filter(kind__in=CARRIERS, lost_at__lte=since):
        error = errors.CredentialRejected(provider=lost.get_kind_display())
        given_up += log.given_up(lost.pk, since, error, now)
    return given_up
