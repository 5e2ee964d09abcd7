"""Completing blocked HubSpot executions. A failure here never changes what became of the message."""

import uuid
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from smsadmin.core.status import ON_ITS_WAY, SETTLED
from smsadmin.providers.http import Answer
from smsadmin.providers.hubspot import client
from smsadmin.sending import bell, log
from smsadmin.sending.models import Message, Reply
from smsadmin.triggers.hubspot import answer as hubspot_answer
from smsadmin.triggers.hubspot.calls import connection_of
from smsadmin.workspaces.models import Connection

LEASE = timedelta(seconds=60)
SHORTEST, LONGEST = timedelta(seconds=15), timedelta(minutes=10)
_QUIET = 0.5  # seconds between two rings of one process


def ring(**_: Any) -> None:
    """Messages were settled: somebody may have to be told. Rings once for a burst; the sweep rings again."""
    from smsadmin.writeback.tasks import sweep

    bell.once(sweep, quiet=_QUIET)


def complete_owed(now: datetime | None = None) -> int:
    """Tells HubSpot how blocked executions ended, in batches for each portal; returns how many were told."""
    now = now or timezone.now()
    told = 0
    for portal, messages in _due(now):
        connection = connection_of(portal)
        if connection is None:
            log.reply_given_up([m.pk for m in messages], now, {"why": "portal_gone"})
            continue
        told += _complete(connection, messages, now)
    return told


def _due(now: datetime) -> Iterator[tuple[str, list[Message]]]:
    """Settled messages whose caller waits, claimed for this run, by portal in batches."""
    due = Message.objects.filter(reply=Reply.OWED, reply_at__lte=now, status__in=sorted(SETTLED))
    while ids := list(due.order_by("reply_at").values_list("pk", flat=True)[: client.MOST_CALLBACKS]):
        holder = uuid.uuid4()
        due.filter(pk__in=ids).update(claim=holder, reply_at=now + LEASE)
        portals: dict[str, list[Message]] = defaultdict(list)
        for message in Message.objects.filter(pk__in=ids, claim=holder).defer(
            "trace", "quota", "template", "body"
        ):
            portals[str(message.origin.get("portal", ""))].append(message)
        yield from portals.items()


def _complete(connection: Connection, messages: list[Message], now: datetime) -> int:
    late = [m for m in messages if hubspot_answer.gave_up(m, now)]
    if late:
        log.reply_given_up([m.pk for m in late], now, {"why": "expired"})
    messages = [m for m in messages if m not in late]
    if not messages:
        return 0
    language = connection.workspace.language
    with timezone.override(connection.workspace.zone):
        inputs = [_input(message, language) for message in messages]
    answer = client.complete_callbacks(connection, inputs)
    return _record(connection, messages, answer, now)


def _input(message: Message, language: str) -> dict[str, Any]:
    """HubSpot docs: hs_execution_state is required here, values are strings, typedOutputs may be empty."""
    state = "SUCCESS" if message.status in ON_ITS_WAY else "FAIL_CONTINUE"
    fields = hubspot_answer.outputs(message, language) | {"hs_execution_state": state}
    return {"callbackId": message.origin["callback_id"], "outputFields": fields, "typedOutputs": {}}


def _record(connection: Connection, messages: list[Message], answer: Answer, now: datetime) -> int:
    ids = [message.pk for message in messages]
    detail = {"status": answer.status, "failure": answer.exchange.failure or answer.exchange.answer[:200]}
    if 200 <= answer.status < 300:
        log.reply_given(ids, now, {"status": answer.status})
        if connection.state != Connection.State.WORKING:
            connection.mark(Connection.State.WORKING)
        return len(ids)
    if answer.status in (400, 404) and len(messages) > 1:
        # One unknown callback may spoil a batch: tell each alone.
        return sum(_complete(connection, [message], now) for message in messages)
    if answer.status in (400, 404):
        log.reply_given_up(ids, now, detail)
        return 0
    if answer.status in (401, 403):
        connection.mark(Connection.State.REJECTED, f"Completing a callback: HTTP {answer.status}")
    waited = now - min(m.finished_at or now for m in messages)
    log.reply_put_off(ids, now, now + min(max(waited, SHORTEST), LONGEST), detail)
    return 0
