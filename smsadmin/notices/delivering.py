"""Delivering notices: each row is taken by one worker at a time, tried, and tried again for about a day.

A worker has few threads, and messages need them. So about one mail and one webhook are under way at a time, whatever
the number of workers: a mail server that is dead takes one thread. A worker that dies in an attempt stops its channel
until the lease has ended.

An attempt is claimed and committed before anything leaves. A worker that dies after that leaves a row that is due
again once the lease has ended. So a webhook arrives at least once, and its receiver knows a repeat by its id. A mail
has no such id: one claim sends it at most once, and only a worker that dies between the mail server's answer and
ours makes it two. Better that than none.
"""

import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone, translation

from smsadmin.notices import bell, mail, webhook, wording
from smsadmin.notices.models import Delivery, Notice
from smsadmin.notices.outcome import Outcome
from smsadmin.notices.wording import Told

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
#: What is not tried by then is left to the next sweep.
LONGEST_TURN = 20.0  # seconds, of each channel


def sweep() -> None:
    """Tries what is due, one after the other, unless another worker does: of each channel for a turn."""
    webhook.forget_previous(timezone.now())
    _give_up_cut_off(timezone.now())
    for channel in Delivery.Channel:
        ends = time.monotonic() + LONGEST_TURN
        for delivery in _taken(channel):
            _record(delivery, _attempt(delivery), timezone.now())
            if time.monotonic() > ends:
                break


def again(delivery: Delivery, now: datetime) -> bool:
    """Tries one that was given up, or that waits, at once; False where it arrived meanwhile or is being tried."""
    waiting = {"state": Delivery.State.WAITING, "attempts": 0, "next_attempt_at": now, "holder": None}
    rows = Delivery.objects.filter(pk=delivery.pk).exclude(state=Delivery.State.DELIVERED)
    if not rows.exclude(Delivery.being_tried(now)).update(**waiting):
        return False
    bell.ring()
    return True


def _taken(channel: Delivery.Channel) -> Iterator[Delivery]:
    """Due deliveries, each ours for the length of a lease; none while another worker tries one of the channel.

    Workers that ask at once mean the same row, which one of them gets: the others then see that it is held.
    """
    while True:
        now, holder = timezone.now(), uuid.uuid4()
        due = _due(now).filter(attempts__lt=MOST_ATTEMPTS)
        first = _first(due.filter(channel=channel), now)
        if first is None:
            return
        due.filter(pk=first).update(holder=holder, next_attempt_at=now + LEASE, attempts=F("attempts") + 1)
        # None where another worker was faster.
        yield from Delivery.objects.select_related("notice__workspace", "endpoint").filter(
            pk=first, holder=holder
        )


def _first(due: QuerySet[Delivery], now: datetime) -> int | None:
    """The one whose turn it is: a sample, for somebody waits for it, or what is due for longest."""
    held = Delivery.objects.filter(Delivery.being_tried(now), channel=OuterRef("channel"))
    free = due.filter(~Exists(held)).annotate(is_sample=Q(notice__kind=Notice.Kind.SAMPLE))
    return free.order_by("-is_sample", "next_attempt_at", "pk").values_list("pk", flat=True).first()


def _due(now: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(state=Delivery.State.WAITING, next_attempt_at__lte=now)


def _give_up_cut_off(now: datetime) -> None:
    """Those whose workers were killed at every attempt."""
    _due(now).filter(attempts__gte=MOST_ATTEMPTS).update(
        state=Delivery.State.GIVEN_UP,
        holder=None,
        answered_at=now,
        answer="Its worker stopped, again and again.",
    )


def _attempt(delivery: Delivery) -> Outcome:
    workspace = delivery.notice.workspace
    try:
        with translation.override(workspace.language), timezone.override(workspace.zone):
            return _post(wording.told(delivery.notice), delivery)
    except Exception as error:  # a mistake of ours must not stop the others
        logger.exception("notices.not_delivered", delivery=delivery.pk)
        return Outcome(False, f"smsadmin itself failed: {type(error).__name__}")


def _post(told: Told, delivery: Delivery) -> Outcome:
    """In the language in force."""
    if delivery.channel == Delivery.Channel.EMAIL:
        return mail.send(told, delivery.address)
    if delivery.endpoint is None:
        return Outcome(False, "The address was deleted.")
    return webhook.send(told, delivery.endpoint, timezone.now())


def _record(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    """Writes how the attempt ended, unless the row was taken over meanwhile.

    A sample is tried once: whoever sent it sees the answer, mends what it says, and sends another.
    """
    next_attempt_at, is_last = now, delivery.attempts >= MOST_ATTEMPTS
    if outcome.arrived:
        state = Delivery.State.DELIVERED
    elif is_last or delivery.notice.kind == Notice.Kind.SAMPLE:
        state = Delivery.State.GIVEN_UP
    else:
        state, next_attempt_at = Delivery.State.WAITING, now + PAUSES[delivery.attempts - 1]
    mine = Delivery.objects.filter(pk=delivery.pk, holder=delivery.holder)
    mine.update(
        state=state, next_attempt_at=next_attempt_at, holder=None, answered_at=now, answer=outcome.said[:300]
    )
    logger.info("notices.tried", delivery=delivery.pk, channel=delivery.channel, state=state)
