"""Deleting threads by age: whom one was with is a number, and goes when the numbers of its texts go."""

from datetime import datetime

from django.db.models import Count, Exists, F, OuterRef

from smsadmin.inbox.models import Entry, Thread
from smsadmin.workspaces.models import Workspace


def purge(workspace: Workspace, before: datetime, most: int = 1_000) -> int:
    """Takes texts whose sender was deleted out of their threads, and deletes threads that are as old and have none
    left; at most so many of each. Returns how many were touched: to be called again until that is 0."""
    left, ended = _left(workspace, before, most), _ended(workspace, before, most)
    _recount(workspace)
    return left + ended


def _left(workspace: Workspace, before: datetime, most: int) -> int:
    old = Entry.objects.filter(workspace=workspace, at__lt=before).order_by("at")
    nameless = old.filter(inbound__number_gone_at__isnull=False)
    ids = list(nameless.values_list("pk", flat=True)[:most])
    if ids:
        Entry.objects.filter(pk__in=ids).delete()
    return len(ids)


def _ended(workspace: Workspace, before: datetime, most: int) -> int:
    old = Thread.objects.filter(workspace=workspace, last_at__lt=before).order_by("last_at")
    empty = old.exclude(Exists(Entry.objects.filter(thread=OuterRef("pk"))))
    ids = list(empty.values_list("pk", flat=True)[:most])
    if ids:
        Thread.objects.filter(pk__in=ids).delete()
    return len(ids)


def _recount(workspace: Workspace) -> None:
    """No more is unread than is there, also where texts were deleted with their entries."""
    unread = Thread.objects.filter(workspace=workspace, unread__gt=0).annotate(there=Count("entries"))
    for pk, there in unread.filter(unread__gt=F("there")).values_list("pk", "there"):
        Thread.objects.filter(pk=pk, unread__gt=there).update(unread=there)
