"""What people do with a thread, and how many wait for them."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from smsadmin import cache
from smsadmin.inbox.models import Thread
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace

#: Counting stops here.
MOST_COUNTED = 100
#: The sidebar of every page shows the count: each process counts at most so often.
COUNTED_EVERY = 5.0  # seconds


def unread(workspace: Workspace) -> QuerySet[Thread]:
    """The threads with a text that nobody has read."""
    return Thread.objects.filter(workspace=workspace, unread__gt=0)


def unread_count(workspace_id: int) -> int:
    """How many there are, up to MOST_COUNTED, as of a few seconds ago."""

    def count() -> int:
        found = Thread.objects.filter(workspace_id=workspace_id, unread__gt=0)
        return found[:MOST_COUNTED].count()

    return cache.remembered(("unread threads", workspace_id), count, COUNTED_EVERY)


def next_unread(workspace: Workspace, but: int) -> Thread | None:
    """The unread thread that has waited longest, other than the one with this id."""
    return unread(workspace).exclude(pk=but).order_by("last_at", "pk").first()


def read(thread: Thread, seen: int) -> None:
    """Somebody has read the texts up to the one with this id; what came after it stays unread."""
    with transaction.atomic():
        locked = Thread.objects.select_for_update().get(pk=thread.pk)
        left = locked.entries.filter(pk__gt=seen).count()
        Thread.objects.filter(pk=thread.pk).update(unread=min(locked.unread, left))
    cache.forget()


def mark_unread(thread: Thread) -> None:
    """Somebody wants it to be looked at again."""
    Thread.objects.filter(pk=thread.pk).update(unread=Greatest(F("unread"), 1))
    cache.forget()


def close(thread: Thread, seen: int, now: datetime) -> bool:
    """Nothing is left to be done. False where a text has come that its reader has not seen: the thread stays open."""
    with transaction.atomic():
        locked = Thread.objects.select_for_update().get(pk=thread.pk)
        if locked.entries.filter(pk__gt=seen).exists():
            return False
        Thread.objects.filter(pk=thread.pk).update(done_at=now, unread=0)
    cache.forget()
    return True


def reopen(thread: Thread) -> None:
    """Something is left to be done after all."""
    Thread.objects.filter(pk=thread.pk).update(done_at=None)


def answered(thread: Thread, message: Message) -> None:
    """A message was sent from its page."""
    Thread.objects.filter(pk=thread.pk).update(
        answer=message.pk, last_at=Greatest(F("last_at"), message.received_at)
    )
