"""Deleting what hooks were told once it is old. An event holds no number and no text; an answer may repeat them."""

from datetime import datetime

from smsadmin.core.ids import first_uuid7
from smsadmin.hooks.models import HookDelivery, HookEvent
from smsadmin.privacy.models import Part
from smsadmin.workspaces.models import Workspace

STEP = 1_000


def sweep_out(before: datetime) -> None:
    """Deletes what happened before that moment everywhere, with its deliveries; step by step, for it may be much."""
    old = HookEvent.objects.filter(pk__lt=first_uuid7(before)).order_by("pk")
    while ids := list(old.values_list("pk", flat=True)[:STEP]):
        HookEvent.objects.filter(pk__in=ids).delete()


def purge(workspace: Workspace, before: datetime, part: Part, most: int = STEP) -> int:
    """Deletes this of what happened before that moment, at most so many rows; returns how many were touched. To be
    called again until that is 0. Without texts or numbers a delivery keeps its state and times, not what was answered.
    """
    old = HookEvent.objects.filter(workspace=workspace, pk__lt=first_uuid7(before)).order_by("pk")
    if part == Part.MESSAGE:
        ids = list(old.values_list("pk", flat=True)[:most])
        HookEvent.objects.filter(pk__in=ids).delete()
        return len(ids)
    told = HookDelivery.objects.filter(event__workspace=workspace, event__lt=first_uuid7(before))
    answered = list(told.exclude(answer="").order_by("pk").values_list("pk", flat=True)[:most])
    return HookDelivery.objects.filter(pk__in=answered).update(answer="", tried=[])
