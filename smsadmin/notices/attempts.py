"""Trying until it arrives: what a delivery to somebody else's mailbox or program is, when it is tried, and by whom.

An attempt is claimed and committed before anything leaves. A worker that dies after that leaves a row that is due
again once its lease has ended. So a webhook arrives at least once, and its receiver knows a repeat by its id.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog
from django.db import models
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from smsadmin.notices.outcome import Outcome

logger = structlog.get_logger(__name__)

#: After each attempt that failed; after the last one it is given up, 22 hours after the first.
PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
)
MOST_ATTEMPTS = len(PAUSES) + 1
LEASE = timedelta(minutes=2)


class AttemptedDelivery(models.Model):
    """Something on its way to one address. The row is the queue: it is taken when `next_attempt_at` has come, and
    whoever takes it moves that on by a lease. `answer` is the newest, as smsadmin.phrases knows it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        GIVEN_UP = "given_up", _("Given up")

    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    holder = models.UUIDField(null=True)
    answered_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=300, blank=True)

    class Meta:
        abstract = True

    @classmethod
    def being_tried(cls, now: datetime) -> models.Q:
        """Those that a worker tries at this moment: it holds them, and its lease has not ended."""
        return models.Q(state=cls.State.WAITING, holder__isnull=False, next_attempt_at__gt=now)

    @property
    def is_open(self) -> bool:
        """Whether it may still arrive by itself."""
        return self.state == self.State.WAITING

    def is_being_tried(self, now: datetime) -> bool:
        """Whether a worker tries it at this moment."""
        return self.is_open and self.holder is not None and self.next_attempt_at > now


T = TypeVar("T", bound=AttemptedDelivery)
State = AttemptedDelivery.State


def due(rows: QuerySet[T], now: datetime) -> QuerySet[T]:
    """Those of these deliveries whose time has come."""
    return rows.filter(state=State.WAITING, next_attempt_at__lte=now, attempts__lt=MOST_ATTEMPTS)


def take(rows: QuerySet[T], ids: Iterable[int], now: datetime) -> list[T]:
    """Those of these due deliveries that no other worker was faster at, each ours for the length of a lease."""
    ids, holder = list(ids), uuid.uuid4()
    due(rows.model._default_manager.all(), now).filter(pk__in=ids).update(
        holder=holder, next_attempt_at=now + LEASE, attempts=F("attempts") + 1
    )
    return list(rows.filter(pk__in=ids, holder=holder))


def ours(error: Exception, **what: Any) -> Outcome:
    """What came of an attempt that we failed at ourselves: it must not stop the others. `what` is logged with it."""
    logger.error("notices.not_delivered", exc_info=error, **what)
    return Outcome(False, f"smsadmin itself failed: {type(error).__name__}", ours=True)


def record(
    delivery: AttemptedDelivery, outcome: Outcome, now: datetime, *, once: bool = False, **columns: Any
) -> State:
    """Writes how an attempt ended, with these columns, unless the delivery was taken over meanwhile; returns its state.

    `once`: it is not tried again. Whoever sent such a one sees the answer, mends what it says, and sends another.
    """
    next_attempt_at = now
    if outcome.arrived:
        state = State.DELIVERED
    elif once or delivery.attempts >= MOST_ATTEMPTS:
        state = State.GIVEN_UP
    else:
        state, next_attempt_at = State.WAITING, now + PAUSES[delivery.attempts - 1]
    mine = type(delivery)._default_manager.filter(pk=delivery.pk, holder=delivery.holder)
    said = outcome.said[:300]
    mine.update(
        state=state, next_attempt_at=next_attempt_at, holder=None, answered_at=now, answer=said, **columns
    )
    return state


def begin_anew(rows: QuerySet[T], now: datetime) -> int:
    """Has these tried at once, and for another day if need be, but for those that are being tried; how many."""
    free = rows.exclude(rows.model.being_tried(now))
    return free.update(state=State.WAITING, attempts=0, next_attempt_at=now, holder=None)


def give_up_cut_off(rows: QuerySet[T], now: datetime) -> None:
    """Those whose workers were killed at every attempt."""
    cut_off = rows.filter(state=State.WAITING, next_attempt_at__lte=now, attempts__gte=MOST_ATTEMPTS)
    cut_off.update(
        state=State.GIVEN_UP, holder=None, answered_at=now, answer="Its worker stopped, again and again."
    )
