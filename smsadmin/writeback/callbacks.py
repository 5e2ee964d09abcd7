"""Completing blocked HubSpot executions. A failure here never changes what became of the message."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from smsadmin.core.status import SETTLED, Status
from smsadmin.providers.http import NO_ANSWER, Answer
from smsadmin.providers.hubspot import client
from smsadmin.sending import bell, log
from smsadmin.sending.models import Event, Message, Reply
from smsadmin.triggers.hubspot import answer as hubspot_answer
from smsadmin.triggers.hubspot.calls import connection_of
from smsadmin.workspaces.models import Connection

Clock = Callable[[], datetime]

#: Longer than one call may take with its turn. Whoever dies telling is replaced then.
LEASE = timedelta(seconds=60)
#: What nobody knows is looked at so often while a receipt is waited for: a person may settle it too.
LOOKS = timedelta(minutes=1)
SHORTEST, LONGEST = timedelta(seconds=5), timedelta(minutes=10)
_QUIET = 0.5  # seconds between two rings of one process


def ring(**_: Any) -> None:
    """Messages were settled: somebody may have to be told. Rings once for a burst; the sweep rings again."""
    from smsadmin.writeback.tasks import sweep

    bell.once(sweep, quiet=_QUIET)


def complete_owed(now: datetime | None = None) -> int:
    """Tells HubSpot how blocked executions ended, in batches for each portal; returns how many were told."""
    clock, told = (lambda: now) if now else timezone.now, 0
    for (workspace_id, portal), messages in _due(clock):
        connection = connection_of(portal)
        if connection is None or connection.workspace_id != workspace_id:
            log.reply_given_up([m.pk for m in messages], clock(), {"why": "portal_gone"})
        elif final := _final(messages, clock()):
            told += _complete(connection, final, clock)
    return told


def _final(messages: list[Message], now: datetime) -> list[Message]:
    """Those that can be told of now; the others' callers wait for a receipt, and are put off."""
    until = {
        m.pk: min(hubspot_answer.receipt_until(m), now + LOOKS)
        if m.status == Status.UNKNOWN
        else hubspot_answer.receipt_until(m)
        for m in messages
        if not hubspot_answer.is_final(m, now)
    }
    if until:
        log.reply_waits(until, hubspot_answer.BEFORE_RECEIPT)
    return [m for m in messages if m.pk not in until]


def _due(clock: Clock) -> Iterator[tuple[tuple[int, str], list[Message]]]:
    """Settled messages whose caller waits, by workspace and portal in batches, each claimed when its turn has come: the
    portals before it may have taken long."""
    due = Message.objects.filter(reply=Reply.OWED, reply_at__lte=clock(), status__in=sorted(SETTLED))
    while found := list(due.order_by("reply_at").only("workspace", "origin")[: client.MOST_CALLBACKS]):
        portals: dict[tuple[int, str], list[UUID]] = defaultdict(list)
        for message in found:
            portals[message.workspace_id, str(message.origin.get("portal", ""))].append(message.pk)
        for portal, ids in portals.items():
            holder = uuid.uuid4()
            due.filter(pk__in=ids).update(claim=holder, reply_at=clock() + LEASE)
            ours = Message.objects.filter(pk__in=ids, claim=holder)
            if claimed := list(ours.defer("trace", "quota", "template", "body")):
                yield portal, claimed


def _held(messages: Sequence[Message], now: datetime) -> list[Message]:
    """Those that are still ours, for another while: others are at the rest, or have told of them."""
    ids, holder = [message.pk for message in messages], messages[0].claim
    ours = Message.objects.filter(pk__in=ids, claim=holder, reply=Reply.OWED)
    ours.update(reply_at=now + LEASE)
    held = set(ours.values_list("pk", flat=True))
    return [message for message in messages if message.pk in held]


def _complete(connection: Connection, messages: list[Message], clock: Clock) -> int:
    now = clock()
    late = [m for m in messages if hubspot_answer.gave_up(m, now)]
    if late:
        log.reply_given_up([m.pk for m in late], now, {"why": "expired"})
    messages = [m for m in messages if m not in late]
    if not messages:
        return 0
    with timezone.override(connection.workspace.zone):
        inputs = [_input(message, connection.answers_in) for message in messages]
    answer = client.complete_callbacks(connection, inputs)
    return _record(connection, messages, answer, clock)


def _input(message: Message, language: str) -> dict[str, Any]:
    """HubSpot docs: hs_execution_state is required here, values are strings, typedOutputs may be empty."""
    fields = hubspot_answer.final(message, language)
    return {"callbackId": message.origin["callback_id"], "outputFields": fields, "typedOutputs": {}}


def _record(connection: Connection, messages: list[Message], answer: Answer, clock: Clock) -> int:
    """What came of a call. That HubSpot was told is so whoever has the messages now; all else is theirs to say."""
    ids, now = [message.pk for message in messages], clock()
    detail = {"status": answer.status, "failure": answer.exchange.failure or answer.exchange.answer[:200]}
    if 200 <= answer.status < 300:
        log.reply_given(ids, now, {"status": answer.status})
        if connection.state != Connection.State.WORKING:
            connection.mark(Connection.State.WORKING)
        return len(ids)
    alone = len(messages) == 1
    messages = _held(messages, now)
    if answer.status in (400, 404) and not alone:
        # One unknown callback may spoil a batch: tell each alone.
        return sum(
            _complete(connection, held, clock) for each in messages if (held := _held([each], clock()))
        )
    if not messages:
        return 0
    if answer.status in (400, 404):
        return _refused(messages[0], detail, now)
    if answer.broke == NO_ANSWER or answer.status >= 500:
        detail["unclear"] = True
    _put_off(messages, now, detail)
    return 0


def _refused(message: Message, detail: dict[str, Any], now: datetime) -> int:
    """HubSpot does not wait for this one. Where an earlier attempt had no clear answer, that one has told it."""
    tried = message.events.filter(kind=Event.Kind.REPLY).values_list("data", flat=True)
    if any(data.get("unclear") for data in tried):
        log.reply_given([message.pk], now, {"why": "told_before", "status": detail["status"]})
        return 1
    log.reply_given_up([message.pk], now, detail)
    return 0


def _put_off(messages: list[Message], now: datetime, detail: dict[str, Any]) -> None:
    """They are told later; the longer they have waited, the later."""
    waited = now - min(_since(message) for message in messages)
    ids = [message.pk for message in messages]
    log.reply_put_off(ids, now, now + min(max(waited, SHORTEST), LONGEST), detail)


def _since(message: Message) -> datetime:
    """When the caller was to be told."""
    if message.status in hubspot_answer.BEFORE_RECEIPT:
        return hubspot_answer.receipt_until(message)
    return message.finished_at or message.received_at
