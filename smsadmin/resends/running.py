"""Working through a resend: by one worker at a time, message by message, and never the same message twice.

Whoever holds the lease of a row works; with every message it renews the lease, and hears whether the resend was
paused or cancelled. A new message and what its item says of it are written together, so a worker that is killed
leaves nothing half done; and the log has room for one successor of each message, whoever makes it.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from smsadmin.core.errors import InternalError, SendError
from smsadmin.core.message import SendRequest
from smsadmin.privacy.masking import secrets_of
from smsadmin.quotas.counting import QuotaExceeded
from smsadmin.resends import bell, making
from smsadmin.resends.models import UNFINISHED, Resend, ResendItem
from smsadmin.resends.reading import Read, Reader, Wanted
from smsadmin.sending import again, inputs, log
from smsadmin.sending.accept import again as send_again
from smsadmin.sending.again import Reason
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand, has_priority
from smsadmin.sending.room import Closed
from smsadmin.stopping import stopping

logger = structlog.get_logger(__name__)

#: So many records HubSpot reads in one call.
BATCH = 100
#: A worker has few threads, and messages need them: no more resends than this are worked on at once. Two workers that
#: look at the same moment may each begin one, which costs a thread for a while, and no message.
MOST_AT_ONCE = 2
#: So many turns in a row that settle no item, and somebody has to look why before it goes on.
MOST_ATTEMPTS = 5
#: After a turn that failed.
PAUSE = timedelta(minutes=1)
#: Longer than anything that happens between two messages: HubSpot's slowest answers, and pauses it asks for.
LEASE = timedelta(minutes=2)

Outcome = dict[str, Any]  # the columns of an item that tell how it ended


class Stopped(Exception):
    """This worker is no longer to work on it: the resend was paused, cancelled or taken over."""


class HandedBack(Exception):
    """This worker is being shut down: another one goes on."""


# --- What people do -----------------------------------------------------------------------------------


def pause(resend: Resend) -> bool:
    """Stops a resend after the message at hand; False where it is paused already, or at its end."""
    return _moved(resend, (Resend.State.WAITING, Resend.State.RUNNING), Resend.State.PAUSED)


def resume(resend: Resend) -> bool:
    """Lets a paused resend go on; False where it is not paused."""
    if not _moved(resend, (Resend.State.PAUSED,), Resend.State.WAITING):
        return False
    bell.ring(resend.pk)
    return True


def cancel(resend: Resend) -> bool:
    """Ends a resend after the message at hand, and leaves the rest unsent; False where it is at its end."""
    return _moved(resend, UNFINISHED, Resend.State.CANCELLED, finished_at=timezone.now())


#: Nobody holds it; and nothing failed so far.
_FREE: dict[str, Any] = {"holder": None, "lease_until": None}
_WELL: dict[str, Any] = {"attempts": 0, "error": ""}


def _moved(resend: Resend, before: Sequence[str], state: str, **columns: Any) -> bool:
    """One guarded step, saved so that the audit log shows who took it; `resend` then says what the row says."""
    with transaction.atomic():
        row = Resend.objects.select_for_update().get(pk=resend.pk)
        moves = row.state in before
        if moves:
            columns |= {"state": state, **_FREE, **_WELL, "waits_until": None}
            for name, value in columns.items():
                setattr(row, name, value)
            row.save(update_fields=list(columns))
    resend.refresh_from_db()
    return moves


# --- What workers do ----------------------------------------------------------------------------------


def run(resend_id: UUID, sleep: Callable[[float], None] = time.sleep) -> None:
    """Works through a resend as far as quotas have room, unless it is not due or another worker has it."""
    resend = _take(resend_id, timezone.now())
    if resend is None:
        return
    work = _Work(resend, sleep)
    try:
        work.through()
    except Stopped:
        logger.info("resend.stopped", resend=str(resend_id))
    except HandedBack:
        work.let_go(state=Resend.State.WAITING, attempts=max(resend.attempts - 1, 0))
        return
    except Exception as error:
        logger.exception("resend.turn_failed", resend=str(resend_id), attempts=resend.attempts)
        work.fail(f"smsadmin itself failed: {type(error).__name__}")
    _ring_for_next()


def sweep(now: datetime | None = None) -> None:
    """Rings for resends that are due and that nobody works on; pauses those whose workers are killed each time."""
    cut_off = Resend.objects.filter(_unheld(now or timezone.now()), attempts__gte=MOST_ATTEMPTS)
    cut_off.update(state=Resend.State.PAUSED, error="Its worker stopped, again and again.", **_FREE)
    _ring_for_next(now)


def _ring_for_next(now: datetime | None = None) -> None:
    """Rings for those that were asked for first, as many as may be worked on at once."""
    due = Resend.objects.filter(_unheld(now or timezone.now())).order_by("pk")
    for resend_id in due.values_list("pk", flat=True)[:MOST_AT_ONCE]:
        bell.ring(resend_id)


def _unheld(now: datetime) -> Q:
    """Those that are due, and those whose worker was killed."""
    is_due = Q(waits_until=None) | Q(waits_until__lte=now)
    return is_due & Q(state=Resend.State.WAITING) | Q(state=Resend.State.RUNNING, lease_until__lt=now)


def _take(resend_id: UUID, now: datetime) -> Resend | None:
    """The resend, held by us from now on; None where it is not to be had."""
    held = Resend.objects.filter(state=Resend.State.RUNNING, lease_until__gte=now)
    if held.exclude(pk=resend_id).count() >= MOST_AT_ONCE:
        return None
    holder = uuid.uuid4()
    taken = Resend.objects.filter(_unheld(now), pk=resend_id, attempts__lt=MOST_ATTEMPTS).update(
        state=Resend.State.RUNNING,
        holder=holder,
        lease_until=now + LEASE,
        waits_until=None,
        attempts=F("attempts") + 1,
        error="",
    )
    related = Resend.objects.select_related("workspace", "asked_by")
    return related.get(pk=resend_id, holder=holder) if taken else None


@dataclass(slots=True)
class _Work:
    """One worker's turn at a resend it holds. `full` are the quotas in which it found no room."""

    resend: Resend
    sleep: Callable[[float], None]
    full: Closed = field(default_factory=Closed)
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.reader = Reader(again.portals(self.resend.workspace), self.hold_on, self.sleep)

    def through(self) -> None:
        """Each message that is left is tried once, the oldest first. Raises Stopped or HandedBack."""
        pending, after = self.resend.items.filter(state=ResendItem.State.PENDING).order_by("pk"), 0
        while items := list(pending.filter(pk__gt=after)[:BATCH]):
            after = items[-1].pk
            self._try(items)
        opens_at = self.full.opens_at
        if opens_at and pending.exists():
            self.let_go(state=Resend.State.WAITING, waits_until=opens_at, attempts=0)
        else:
            self.let_go(state=Resend.State.DONE, finished_at=timezone.now(), attempts=0)

    def hold_on(self) -> None:
        """Keeps the resend ours. Raises Stopped or HandedBack."""
        if stopping.is_set():
            raise HandedBack
        if not self._mine().update(lease_until=timezone.now() + LEASE):
            raise Stopped

    def let_go(self, **columns: Any) -> None:
        """Leaves the resend as these columns say, as long as it is ours."""
        self._mine().update(**_FREE, **columns)

    def fail(self, error: str) -> None:
        """Another turn comes soon; after MOST_ATTEMPTS of them that settled nothing, once somebody says so."""
        if self.resend.attempts >= MOST_ATTEMPTS:
            self.let_go(state=Resend.State.PAUSED, error=error)
        else:
            self.let_go(state=Resend.State.WAITING, waits_until=timezone.now() + PAUSE, error=error)

    def _mine(self) -> QuerySet[Resend]:
        return Resend.objects.filter(pk=self.resend.pk, state=Resend.State.RUNNING, holder=self.resend.holder)

    def _messages(self) -> QuerySet[Message]:
        return Message.objects.filter(workspace=self.resend.workspace).select_related("action")

    def _try(self, items: Sequence[ResendItem]) -> None:
        """Reads the records of these messages together, then sends them one by one."""
        self.hold_on()
        originals = [item.original for item in items]
        messages = self._messages().select_related(*making.RELATED).in_bulk(originals)
        asks = {pk: making.request(message, self.resend.which) for pk, message in messages.items()}
        waiting = {pk for pk, ask in asks.items() if ask and self._is_full(ask)}
        wanted = [Wanted(messages[pk], ask.config) for pk, ask in asks.items() if ask and pk not in waiting]
        records = self.reader.read(wanted)
        for item in items:
            if item.original not in waiting:
                self._settle(item, asks.get(item.original), records.get(item.original, Reason.GONE))

    def _settle(self, item: ResendItem, ask: SendRequest | None, read: Read) -> None:
        """A new message and the item that tells of it are written together. Raises Stopped or HandedBack."""
        with transaction.atomic():
            self.hold_on()
            if outcome := self._outcome(item.original, ask, read):
                pending = ResendItem.objects.filter(pk=item.pk, state=ResendItem.State.PENDING)
                pending.update(at=timezone.now(), **outcome)
                self._gets_on()

    def _gets_on(self) -> None:
        """An item was settled, so no turn so far was in vain."""
        if self.resend.attempts:
            self._mine().update(**_WELL)
            self.resend.attempts = 0

    def _outcome(self, original: UUID, ask: SendRequest | None, read: Read) -> Outcome | None:
        """What the item says from now on; None while there is no room. The original is locked while we look at it: news
        of it that come later find its successor."""
        message = self._messages().select_for_update(of=("self",), no_key=True).filter(pk=original).first()
        if message is None:
            return _refused(Reason.DELETED)
        verdict = again.verdicts(self.resend.workspace, [message], within=self.resend.pk)[original]
        if verdict.successor:
            return self._succeeded_by(verdict.successor)
        if verdict.reason or ask is None:
            return _refused(verdict.reason or Reason.CONFIG)
        if isinstance(read, Reason):
            return _refused(read)
        if isinstance(read, SendError):
            return _stopped(read, message, ask)
        ask = making.finished(ask, self.resend, message, read)
        return None if self._is_full(ask) else self._sent(message, ask)

    def _sent(self, message: Message, ask: SendRequest) -> Outcome | None:
        try:
            with transaction.atomic():  # what the database refuses must not spoil what the item is told
                return _sent_as(send_again(ask).pk)
        except SendError as error:
            return _stopped(error, message, ask)
        except QuotaExceeded as no_room:
            self.full.close([no_room], priority=has_priority(ask.config.traffic))
            return None
        except IntegrityError:
            successor = again.successors([message.pk]).get(message.pk)
            if successor is None:  # the database refused something else
                raise
            return self._succeeded_by(successor)
        except DatabaseError:
            raise
        except Exception as unforeseen:
            logger.exception("resend.failed", original=str(message.pk))
            return _stopped(InternalError(kind=type(unforeseen).__name__), message, ask)

    def _succeeded_by(self, successor: UUID) -> Outcome:
        """Another worker of this very resend may have made the successor, and not lived to tell."""
        ours = Message.objects.filter(pk=successor, origin__resend=str(self.resend.pk))
        return _sent_as(successor) if ours.exists() else _refused(Reason.AGAIN)

    def _is_full(self, ask: SendRequest) -> bool:
        """Whether a message before it, of as much priority at least, found no room in a quota that it counts in."""
        number, agent = making.line(ask)
        if number is None:
            return False
        demand = Demand(number, agent, segments=1, priority=has_priority(ask.config.traffic))
        return self.full.stops(demand, timezone.now()) is not None


def _sent_as(message: UUID) -> Outcome:
    return {"state": ResendItem.State.SENT, "result": message}


def _refused(reason: Reason) -> Outcome:
    """The row itself forbids it."""
    return {"state": ResendItem.State.REFUSED, "reason": reason.value}


def _stopped(error: SendError, message: Message, ask: SendRequest) -> Outcome:
    """What stopped it this time. Purges come by a message once, and what they have deleted of this one does not come
    back with a record that is read anew; nor is anything kept that the configuration hides."""
    facts = log.storable(error.facts)
    if message.values_gone_at or ask.config.hide_values:
        facts = secrets_of(message, inputs.kept(ask), "", ask.config.message).out_of(facts)
    return {"state": ResendItem.State.REFUSED, "error_code": error.code, "error_facts": facts}
