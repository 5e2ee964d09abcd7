"""Telling hooks: an event is written in the transaction of what it tells of, with a delivery for each hook it is for.

So nothing that happened stays untold, and nothing is told that did not happen. Which hooks want what is remembered
(smsadmin.cache): where none does, telling asks the database nothing. A hook hears of what happens once the process
that does it has read of the hook, which is within a second.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import transaction

from smsadmin import cache
from smsadmin.core.errors import SendError
from smsadmin.core.status import Status
from smsadmin.failures.tally import Tally
from smsadmin.hooks import bell, events
from smsadmin.hooks.models import Hook, HookDelivery, HookEvent, Watch
from smsadmin.incoming.models import InboundMessage
from smsadmin.quotas.models import Crossing
from smsadmin.sending.filters import TESTS, is_test
from smsadmin.sending.models import Message

#: By workspace, then by kind of event: the hooks that want it, each with whether it is told of tests too.
Wanted = Mapping[int, Mapping[str, Sequence[tuple[int, bool]]]]

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Turn:
    """A message came to a status; `code` is that of the error which it came with."""

    message: UUID
    workspace_id: int
    status: Status
    at: datetime
    code: str = ""


# --- Who wants what -----------------------------------------------------------------------------------


def wanted(workspace_id: int, kind: str, *, test: bool = False) -> bool:
    """Whether a hook of the workspace wants events of this kind; of a `test`, whether one wants it all the same."""
    return bool(_hooks(workspace_id, kind, test=test))


def wanting(kind: str) -> list[int]:
    """The workspaces with a hook that wants events of this kind."""
    return [workspace_id for workspace_id, its in _remembered().items() if kind in its]


def together(*kinds: str, workspace_id: int | None = None) -> AbstractContextManager[Any]:
    """A transaction for what is told and the telling of it, where a hook wants one of these kinds, of this workspace or
    of any; nothing at all where none does."""
    if workspace_id is None:
        is_wanted = any(map(wanting, kinds))
    else:
        is_wanted = any(wanted(workspace_id, kind) for kind in kinds)
    return transaction.atomic() if is_wanted else nullcontext()


def _hooks(workspace_id: int, kind: str, *, test: bool) -> Sequence[int]:
    its = _remembered().get(workspace_id, {}).get(kind, ())
    return [pk for pk, tells_tests in its if tells_tests or not test]


def _remembered() -> Wanted:
    return cache.remembered("hooks", _load)


def _load() -> Wanted:
    found: dict[int, dict[str, list[tuple[int, bool]]]] = defaultdict(lambda: defaultdict(list))
    hooks = Hook.objects.filter(enabled=True).order_by("pk")
    columns = ("pk", "workspace_id", "events", "tells_tests")
    for pk, workspace_id, chosen, tells_tests in hooks.values_list(*columns):
        for kind in events.expanded(chosen):
            found[workspace_id][kind].append((pk, tells_tests))
    return {workspace_id: dict(its) for workspace_id, its in found.items()}


# --- Messages -----------------------------------------------------------------------------------------


def made(message: Message, now: datetime) -> None:
    """A message was written, or is about to be in this transaction, with its first status: its id is new, so nobody was
    told of it."""
    status, test = Status(message.status), is_test(message)
    if wanted(message.workspace_id, events.of_status(status), test=test):
        turn = Turn(message.pk, message.workspace_id, status, now, message.error_code)
        _write([_of_message(turn, test=test)])


def moved(ids: Iterable[UUID], status: Status, now: datetime, error: SendError | None = None) -> None:
    """These messages came to a status."""
    if workspaces := wanting(events.of_status(status)):
        rows = Message.objects.filter(pk__in=list(ids), workspace__in=workspaces)
        code = error.code if error else ""
        turned([Turn(pk, its, status, now, code) for pk, its in rows.values_list("pk", "workspace_id")])


def turned(turns: Iterable[Turn]) -> None:
    """These messages came to these statuses; each is told once, however often a message comes to it. The rows of the
    messages are locked by whoever moved them, so of two at once the later one sees what the first has told."""
    meant = [each for each in turns if wanted(each.workspace_id, events.of_status(each.status))]
    if not meant:
        return
    ids = [each.message for each in meant]
    tests = set(Message.objects.filter(TESTS, pk__in=ids).values_list("pk", flat=True))
    told = set(HookEvent.objects.filter(message__in=ids).values_list("message", "type"))
    found = [_of_message(each, test=each.message in tests) for each in meant]
    _write([each for each in found if (each.message, each.type) not in told])


def _of_message(turn: Turn, *, test: bool) -> HookEvent:
    return HookEvent(
        workspace_id=turn.workspace_id,
        type=events.of_status(turn.status),
        at=turn.at,
        message=turn.message,
        data={"status": turn.status.value, "code": turn.code, "test": test},
    )


def received(inbound: InboundMessage, now: datetime) -> None:
    """Somebody texted one of our numbers."""
    workspace_id, kind = inbound.workspace_id, events.RECEIVED
    if wanted(workspace_id, kind):
        _write([HookEvent(workspace_id=workspace_id, type=kind, at=now, data={"inbound": inbound.pk})])


# --- Limits -------------------------------------------------------------------------------------------


def crossed(found: Iterable[Crossing]) -> None:
    """These crossings of limits were written in this transaction, but for those that had been written before: such a
    row has another time than ours, and was told then."""
    meant = {_same(each) for each in found if wanted(each.workspace_id, events.of_threshold(each.threshold))}
    if meant:
        values = zip(_SAME, map(set, zip(*meant, strict=True)), strict=True)
        stored = Crossing.objects.filter(**{f"{name}__in": its for name, its in values})
        _write([_of_crossing(each) for each in stored.order_by("pk")])


_SAME = ("workspace_id", "scope", "subject_id", "zone", "window", "unit", "began_at", "threshold", "at")
_same = attrgetter(*_SAME)


def _of_crossing(each: Crossing) -> HookEvent:
    kind, data = events.of_threshold(each.threshold), {"crossing": each.pk}
    return HookEvent(workspace_id=each.workspace_id, type=kind, at=each.at, data=data)


# --- Causes of failures -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Group:
    """A cause of failures in a state: the newest message that it stopped, when that was, and how many there are.
    `by` is who put it into that state, "" where nobody did."""

    cause: str
    state: str
    newest: UUID
    last: datetime
    count: int
    by: str = ""

    @classmethod
    def of(cls, tally: Tally, state: str, by: str = "") -> "Group":
        return cls(tally.cause, str(state), tally.newest, tally.last, tally.count, by)


def decided(workspace_id: int, group: Group, now: datetime) -> None:
    """Somebody put a cause into a state. One that is opened again is known to be open (hooks.watching)."""
    kind = events.of_state(group.state)
    if kind == events.GROUP_OPENED and wanted(workspace_id, kind):
        watch = watched(workspace_id)
        watch.causes[group.cause] = group.last.isoformat()
        watch.save()
    grouped(workspace_id, [group], now)


def grouped(workspace_id: int, groups: Iterable[Group], now: datetime) -> None:
    """These causes are in these states now."""
    _write(
        [
            HookEvent(
                workspace_id=workspace_id,
                type=events.of_state(each.state),
                at=now,
                message=each.newest,
                data={"cause": each.cause, "state": each.state, "count": each.count, "by": each.by},
            )
            for each in groups
            if wanted(workspace_id, events.of_state(each.state))
        ]
    )


def watched(workspace_id: int) -> Watch:
    """What the workspace's hooks know of its causes, locked."""
    Watch.objects.get_or_create(pk=workspace_id)
    return Watch.objects.select_for_update().get(pk=workspace_id)


# --- Writing ------------------------------------------------------------------------------------------


def sample(hook: Hook, now: datetime) -> HookDelivery:
    """An event that nothing happened, for this hook alone."""
    with transaction.atomic():
        event = HookEvent.objects.create(workspace_id=hook.workspace_id, type=events.SAMPLE, at=now)
        delivery = HookDelivery.objects.create(event=event, hook=hook, is_sample=True, next_attempt_at=now)
        transaction.on_commit(bell.ring)
    return delivery


def _write(told: Sequence[HookEvent]) -> None:
    """The events that a hook wants, each with a delivery for every such hook. A worker is rung for after the commit."""
    deliveries = [
        HookDelivery(event=event, hook_id=pk, next_attempt_at=event.at)
        for event in told
        for pk in _hooks(event.workspace_id, event.type, test=event.data.get("test", False))
    ]
    if not deliveries:
        return
    HookEvent.objects.bulk_create({each.event.pk: each.event for each in deliveries}.values(), _BATCH)
    HookDelivery.objects.bulk_create(deliveries, batch_size=_BATCH)
    transaction.on_commit(bell.ring)
