"""Deleting what calls of agents know of people once it has become old: values, numbers, or all of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from smsadmin.agents.after.keeping import bare
from smsadmin.agents.models import AgentCall, Invocation
from smsadmin.privacy.models import Part
from smsadmin.workspaces.models import Workspace

#: What the digest of a use becomes once nobody is to tell what it was of.
NOTHING = UUID(int=0)


def purge(workspace: Workspace, before: datetime, part: Part, most: int = 1_000) -> int:
    """Deletes this of calls that were last heard of before that moment, and of uses of tools made before it; at most so
    many of each. Returns how many were touched. To be called again until that is 0.

    Without its values a call keeps its times, status and end, and what was decided after it; a use keeps its tool, its
    outcome and its message. Without the numbers nobody can tell whom it was with.
    """
    uses = Invocation.objects.filter(workspace=workspace, at__lt=before)
    calls = AgentCall.objects.filter(workspace=workspace, last_at__lt=before)
    if part == Part.MESSAGE:
        return _deleted(uses.filter(call=None), "at", most) + _deleted(calls, "last_at", most)
    return _emptied_uses(uses.filter(values_gone_at=None), most) + _emptied_calls(calls, part, most)


def _deleted(rows: QuerySet[Any], column: str, most: int) -> int:
    """How many of these rows, and not of those that go with them."""
    ids = list(rows.order_by(column, "pk").values_list("pk", flat=True)[:most])
    if not ids:
        return 0
    with transaction.atomic():  # what is used again in this very moment stays, or is gone for its use
        still = list(rows.filter(pk__in=ids).select_for_update().values_list("pk", flat=True))
        return rows.model.objects.filter(pk__in=still).delete()[1].get(rows.model._meta.label, 0)


def _emptied_uses(uses: QuerySet[Invocation], most: int) -> int:
    """The arguments are values and numbers both, so they go with whichever goes first; and so does what is made from
    them."""
    ids = list(uses.order_by("at", "pk").values_list("pk", flat=True)[:most])
    gone = {"arguments": {}, "said": "", "digest": NOTHING, "values_gone_at": timezone.now()}
    return Invocation.objects.filter(pk__in=ids).update(**gone)


def _emptied_calls(calls: QuerySet[AgentCall], part: Part, most: int) -> int:
    gone = "values_gone_at" if part == Part.TEXT else "number_gone_at"
    rows = list(calls.filter(**{gone: None}).order_by("last_at", "pk")[:most])
    now = timezone.now()
    for call in rows:
        _forget(call, now, number=part == Part.NUMBER)
    columns = [
        "told",
        "problem",
        "party",
        "number",
        "after",
        "next_look_at",
        "values_gone_at",
        "number_gone_at",
    ]
    AgentCall.objects.bulk_update(rows, columns)
    return len(rows)


def _forget(call: AgentCall, now: datetime, *, number: bool) -> None:
    """Numbers stand among the values too, so they go together. One that still waits to be looked at has nothing left
    to look at."""
    call.told, call.problem = bare(call.told), ""
    if call.after == AgentCall.After.WAITING:
        call.after, call.next_look_at = AgentCall.After.NONE, None
    call.values_gone_at = call.values_gone_at or now
    if number:
        call.party, call.number, call.number_gone_at = "", "", now
