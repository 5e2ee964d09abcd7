"""Delivering notices: each row is taken by one worker at a time, tried, and tried again for about a day.

A worker has few threads, and messages need them. So about one mail and one webhook are under way at a time, whatever
the number of workers: a mail server that is dead takes one thread. A worker that dies in an attempt stops its channel
until the lease has ended.

A mail has no id by which a repeat is known: one claim sends it at most once, and only a worker that dies between the
mail server's answer and ours makes it two. Better that than none.
"""

import time
from collections.abc import Iterator
from datetime import datetime

import structlog
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone, translation

from smsadmin.notices import attempts, bell, mail, webhook, wording
from smsadmin.notices.models import Delivery, Notice
from smsadmin.notices.outcome import Outcome
from smsadmin.notices.wording import Told

logger = structlog.get_logger(__name__)

#: What is not tried by then is left to the next sweep.
LONGEST_TURN = 20.0  # seconds, of each channel


def sweep() -> None:
    """Tries what is due, one after the other, unless another worker does: of each channel for a turn."""
    webhook.forget_previous(timezone.now())
    attempts.give_up_cut_off(Delivery.objects.all(), timezone.now())
    for channel in Delivery.Channel:
        ends = time.monotonic() + LONGEST_TURN
        for delivery in _taken(channel):
            _record(delivery, _attempt(delivery), timezone.now())
            if time.monotonic() > ends:
                break


def again(delivery: Delivery, now: datetime) -> bool:
    """Tries one that was given up, or that waits, at once; False where it arrived meanwhile or is being tried."""
    rows = Delivery.objects.filter(pk=delivery.pk).exclude(state=Delivery.State.DELIVERED)
    if not attempts.begin_anew(rows, now):
        return False
    bell.ring()
    return True


def _taken(channel: Delivery.Channel) -> Iterator[Delivery]:
    """Due deliveries, each ours for the length of a lease; none while another worker tries one of the channel.

    Workers that ask at once mean the same row, which one of them gets: the others then see that it is held.
    """
    rows = Delivery.objects.select_related("notice__workspace", "endpoint")
    while True:
        now = timezone.now()
        first = _first(attempts.due(Delivery.objects.filter(channel=channel), now), now)
        if first is None:
            return
        yield from attempts.take(rows, [first], now)


def _first(due: QuerySet[Delivery], now: datetime) -> int | None:
    """The one whose turn it is: a sample, for somebody waits for it, or what is due for longest."""
    held = Delivery.objects.filter(Delivery.being_tried(now), channel=OuterRef("channel"))
    free = due.filter(~Exists(held)).annotate(is_sample=Q(notice__kind=Notice.Kind.SAMPLE))
    return free.order_by("-is_sample", "next_attempt_at", "pk").values_list("pk", flat=True).first()


def _attempt(delivery: Delivery) -> Outcome:
    workspace = delivery.notice.workspace
    try:
        with translation.override(workspace.language), timezone.override(workspace.zone):
            return _post(wording.told(delivery.notice), delivery)
    except Exception as error:
        return attempts.ours(error, delivery=delivery.pk)


def _post(told: Told, delivery: Delivery) -> Outcome:
    """In the language in force."""
    if delivery.channel == Delivery.Channel.EMAIL:
        return mail.send(told, delivery.address)
    if delivery.endpoint is None:
        return Outcome(False, "The address was deleted.")
    content = webhook.body(told.type, told.at, told.payload)
    return webhook.post(delivery.endpoint, told.id, content, timezone.now())


def _record(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    """A sample is tried once."""
    state = attempts.record(delivery, outcome, now, once=delivery.notice.kind == Notice.Kind.SAMPLE)
    logger.info("notices.tried", delivery=delivery.pk, channel=delivery.channel, state=state)
