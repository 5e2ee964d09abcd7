"""Texts to our numbers, each put into the thread of its number and its sender, once."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from smsadmin.inbox.models import Entry, Reach, Thread
from smsadmin.incoming.models import InboundMessage

STEP = 500
#: In one run; the next one goes on.
MOST_AT_ONCE = 20_000
#: Ids rise, but what was written first may be seen last: so many before the last one are looked at again.
OVERLAP = 300


def gather(inbound: InboundMessage, *, is_news: bool = True, **_signal: Any) -> None:
    """Puts the text into its thread, which opens again; harmless for one that is there already. Receives `received`.

    One that is no news counts as read. A text without a sender belongs to nobody's thread.
    """
    if not inbound.sender:
        return
    with transaction.atomic():
        thread = _locked(inbound)
        _entry, is_new = Entry.objects.get_or_create(
            inbound=inbound,
            defaults={"thread": thread, "workspace_id": inbound.workspace_id, "at": inbound.at},
        )
        if is_new:
            _arrived(thread, inbound, is_news=is_news)


def _locked(inbound: InboundMessage) -> Thread:
    """Its thread, made where there is none, so that two texts of one moment are both counted."""
    thread, _is_new = Thread.objects.select_for_update().get_or_create(
        workspace_id=inbound.workspace_id,
        number=inbound.number,
        party=inbound.sender,
        defaults={"last_at": inbound.at},
    )
    return thread


def _arrived(thread: Thread, inbound: InboundMessage, *, is_news: bool) -> None:
    newest = thread.newest
    if newest is None or (newest.at, newest.pk) < (inbound.at, inbound.pk):
        thread.newest = inbound
    thread.last_at = max(thread.last_at, inbound.at)
    if is_news:
        thread.unread += 1
        thread.done_at = None
    thread.save(update_fields=["newest", "last_at", "unread", "done_at"])


def sweep() -> int:
    """Gathers what nobody was told of, and what was received before there was an inbox; returns how many texts."""
    reach, _is_new = Reach.objects.get_or_create(pk=1)
    found, cursor, seen = 0, max(reach.inbound - OVERLAP, 0), 0
    while seen < MOST_AT_ONCE and (ids := _after(cursor)):
        for inbound in _ungathered(ids):
            gather(inbound, is_news=inbound.at >= reach.begun_at)
            found += 1
        cursor, seen = ids[-1], seen + len(ids)
    if cursor > reach.inbound:
        Reach.objects.filter(pk=1, inbound__lt=cursor).update(inbound=cursor)
    return found


def _after(cursor: int) -> list[int]:
    rows = InboundMessage.objects.filter(pk__gt=cursor).order_by("pk")
    return list(rows.values_list("pk", flat=True)[:STEP])


def _ungathered(ids: list[int]) -> QuerySet[InboundMessage]:
    return InboundMessage.objects.filter(pk__in=ids, entry=None).exclude(sender="").order_by("pk")
