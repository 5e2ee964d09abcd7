"""Deleting by age what a workspace does not keep: texts with values, recipients' numbers, messages.

Ids rise with time, so each part has a cursor that moves through them in small steps, each of which is written with the
cursor or not at all: a worker that is killed, or two at once, delete nothing twice and count nothing twice. Messages
that are not done with are passed by and remembered; nothing of them is deleted until they are.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from smsadmin.agents import purging as agents
from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import SETTLED
from smsadmin.flows import purging as flows
from smsadmin.hooks import purging as hooks
from smsadmin.inbox import purging as inbox
from smsadmin.incoming import purging as incoming
from smsadmin.privacy import counting, forgetting
from smsadmin.privacy.models import Part, Passed, Policy, Purge
from smsadmin.quotas import recount
from smsadmin.resends import purging as resends
from smsadmin.resends.models import ResendItem
from smsadmin.sending import log
from smsadmin.sending.models import Message, RefusedCall, Reply
from smsadmin.stopping import stopping
from smsadmin.workspaces.models import Workspace

logger = structlog.get_logger(__name__)

#: Messages of one step: a transaction of a few hundredths of a second.
STEP = 200
#: Messages of one part of one workspace in one run. The next run goes on.
MOST_AT_ONCE = 50_000
#: Nothing more will be made of it: it is settled (an unknown one too), and whoever was told to wait has heard.
_DONE = Q(status__in=sorted(SETTLED)) & ~Q(reply=Reply.OWED)


def run(now: datetime | None = None) -> None:
    """Deletes what is due in every workspace, as much as fits into one run; and what actions that keep no values left
    behind. To be called every hour."""
    now = now or timezone.now()
    forgetting.sweep(now)
    for policy in Policy.objects.select_related("workspace").order_by("pk"):
        for part, days in reversed(policy.days.items()):  # what goes with a message needs no step of its own
            if days is not None:
                purge(policy.workspace, part, now - timedelta(days=days), now)


def purge(workspace: Workspace, part: Part, before: datetime, now: datetime) -> None:
    """Deletes this part of what came in before that moment, step by step."""
    Purge.objects.get_or_create(workspace=workspace, part=part)
    ends = first_uuid7(before)
    steps = MOST_AT_ONCE // STEP
    done = _repeated(lambda: _done_since(workspace, part, ends, now), steps)
    done += _repeated(lambda: _next(workspace, part, ends, now), steps)
    done += _repeated(lambda: incoming.purge(workspace, before, part, STEP), steps)
    done += _repeated(lambda: flows.purge(workspace, before, part, STEP), steps)
    done += _repeated(lambda: hooks.purge(workspace, before, part, STEP), steps)
    done += _repeated(lambda: agents.purge(workspace, before, part, STEP), steps)
    if part in (Part.NUMBER, Part.MESSAGE):
        done += resends.forget(workspace, before)
        done += _repeated(lambda: inbox.purge(workspace, before, STEP), steps)
    if part == Part.MESSAGE:
        done += _repeated(lambda: _refused_calls(workspace, before), steps)
    if done:
        logger.info("privacy.purged", workspace=workspace.pk, part=part.value, rows=done)


def _repeated(step: Callable[[], int], most: int) -> int:
    """Takes a step until it finds nothing, most have been taken, or this worker is to stop; how much they found."""
    found = 0
    for _turn in range(most):
        if stopping.is_set() or not (more := step()):
            break
        found += more
    return found


@transaction.atomic
def _next(workspace: Workspace, part: Part, ends: UUID, now: datetime) -> int:
    """The messages after the cursor."""
    purge = _locked(workspace, part)
    rows = Message.objects.filter(workspace=workspace, pk__lt=ends).order_by("pk")
    if purge.cursor:
        rows = rows.filter(pk__gt=purge.cursor)
    found = list(rows.select_for_update().values_list("pk", "status", "reply")[:STEP])
    if not found:
        return 0
    done = [pk for pk, status, reply in found if status in SETTLED and reply != Reply.OWED]
    _DELETING[part](workspace, done, now)
    waiting = {pk for pk, _status, _reply in found} - {*done}
    Passed.objects.bulk_create([Passed(purge=purge, message=pk) for pk in waiting])
    purge.cursor = found[-1][0]
    purge.save(update_fields=["cursor"])
    return len(found)


@transaction.atomic
def _done_since(workspace: Workspace, part: Part, ends: UUID, now: datetime) -> int:
    """Messages that were passed by before they were done with, and now are; those that are gone are not waited for."""
    purge = _locked(workspace, part)
    passed = Passed.objects.filter(purge=purge, message__lt=ends)
    if not passed.exists():
        return 0
    waited_for = Message.objects.filter(pk__in=passed.values("message")).filter(_DONE)
    done = list(waited_for.select_for_update().order_by("pk").values_list("pk", flat=True)[:STEP])
    _DELETING[part](workspace, done, now)
    passed.filter(message__in=done).delete()
    passed.exclude(Exists(Message.objects.filter(pk=OuterRef("message")))).delete()
    return len(done)


def _locked(workspace: Workspace, part: Part) -> Purge:
    return Purge.objects.select_for_update().get(workspace=workspace, part=part)


def _refused_calls(workspace: Workspace, before: datetime) -> int:
    old = RefusedCall.objects.filter(workspace=workspace, at__lt=before).order_by("at")
    return RefusedCall.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:STEP])).delete()[0]


# --- What a step deletes ------------------------------------------------------------------------------


def _texts(workspace: Workspace, ids: Sequence[UUID], now: datetime) -> None:
    log.forget_values(ids, now)
    _resends(ids)


def _numbers(workspace: Workspace, ids: Sequence[UUID], now: datetime) -> None:
    log.forget_numbers(ids, now)
    _resends(ids)


def _messages(workspace: Workspace, ids: Sequence[UUID], now: datetime) -> None:
    counting.count(workspace, ids)
    recount.keep(workspace.pk, ids)
    _resends(ids)
    log.delete(ids)


def _resends(ids: Sequence[UUID]) -> None:
    """Of a message that could not be sent again stays the code that says why, not what it saw."""
    ResendItem.objects.filter(original__in=ids).exclude(error_facts={}).update(error_facts={})


_DELETING: Mapping[Part, Callable[[Workspace, Sequence[UUID], datetime], None]] = {
    Part.TEXT: _texts,
    Part.NUMBER: _numbers,
    Part.MESSAGE: _messages,
}
