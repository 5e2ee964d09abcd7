"""Messages as a reader may see them. Every list, sentence and page of messages is made from what this gives."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from smsadmin.privacy.masking import (
    MASK,
    Secrets,
    masked_inputs,
    masked_number,
    masked_text,
    secrets_of,
)
from smsadmin.privacy.models import Policy, Reveal
from smsadmin.privacy.policies import policy_of
from smsadmin.sending.log import SAID
from smsadmin.sending.models import Event, Message
from smsadmin.workspaces.models import Member, Role
from smsadmin.workspaces.requests import WorkspaceRequest

#: How long a revealed message is shown to whom revealed it.
SHOWN_FOR = timedelta(minutes=10)
SESSION_KEY = "revealed"


def sees_everything(member: Member) -> bool:
    """Whether this member reads numbers, texts and values: operators do, viewers where the workspace says so."""
    if member.may(Role.OPERATOR):
        return True
    return policy_of(member.workspace_id).viewers == Policy.Viewers.EVERYTHING


def may_reveal(member: Member) -> bool:
    """Whether this member may have a message shown that is masked for them."""
    return not sees_everything(member) and policy_of(member.workspace_id).viewers == Policy.Viewers.REVEAL


def for_reader(rows: Iterable[Message], member: Member) -> list[Message]:
    """The rows of a list as the member may see them, in their order; masked ones are copies that are not to be saved.

    Costs a query where some are masked that have facts: values are looked for in them.
    """
    rows = list(rows)
    if sees_everything(member):
        return rows
    made_of = _made_of(row.pk for row in rows if row.error_facts)
    return [_masked(row, *made_of.get(row.pk, ({}, "", ""))) for row in rows]


def shown(
    message: Message, events: Sequence[Event], request: WorkspaceRequest
) -> tuple[Message, Sequence[Event]]:
    """One message and what befell it, as the reader may see them; a revealed one as it is."""
    if sees_everything(request.member) or revealed_until(request, message.pk):
        return message, events
    secrets = secrets_of(message, message.inputs, message.body, message.template)
    masked = _masked(message, message.inputs, message.body, message.template)
    return masked, [_masked_event(event, secrets) for event in events]


def reveal(request: WorkspaceRequest, message: Message) -> None:
    """Shows the message to this person for a while. That it was is recorded before anything is shown."""
    now = timezone.now()
    with transaction.atomic():  # the audit log's entry with it
        Reveal.objects.create(workspace=request.workspace, message=message.pk, by=request.user, at=now)
    kept = {pk: until for pk, until in _revealed(request).items() if until > now.timestamp()}
    request.session[SESSION_KEY] = {**kept, str(message.pk): (now + SHOWN_FOR).timestamp()}


def revealed_until(request: WorkspaceRequest, pk: UUID) -> datetime | None:
    """Until when the message is shown to this person; None for one that is not revealed, or no longer."""
    until = _revealed(request).get(str(pk))
    if until is None or until <= timezone.now().timestamp() or not may_reveal(request.member):
        return None
    return datetime.fromtimestamp(until, timezone.get_current_timezone())


def _revealed(request: WorkspaceRequest) -> dict[str, float]:
    found: dict[str, float] = request.session.get(SESSION_KEY, {})
    return found


def _made_of(ids: Iterable[UUID]) -> Mapping[UUID, tuple[Any, str, str]]:
    """What these messages were made of: values, text and template by id, which rows of lists are read without."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = Message.objects.filter(pk__in=wanted).values_list("pk", "inputs", "body", "template")
    return {pk: (inputs, body, template) for pk, inputs, body, template in rows}


def _masked(message: Message, inputs: Mapping[str, Any], body: str, template: str) -> Message:
    """A copy without secrets. What the row was read without stays out: it must not be fetched unmasked later."""
    secrets = secrets_of(message, inputs, body, template)
    unread = message.get_deferred_fields()
    masked = copy.copy(message)
    masked.is_masked = True
    masked.recipient = masked_number(message.recipient)
    masked.recipient_given = (
        masked.recipient
        if message.recipient_given == message.recipient
        else masked_number(message.recipient_given)
    )
    masked.body = MASK if "body" in unread else masked_text(body)
    masked.template = "" if "template" in unread else _template(message, template)
    masked.media = []  # an address may show as much as a text
    masked.inputs = {} if "inputs" in unread else masked_inputs(inputs)
    masked.error_facts = secrets.out_of(message.error_facts)
    masked.trace = [] if "trace" in unread else secrets.out_of_trace(message.trace)
    return masked


def _template(message: Message, template: str) -> str:
    """A workflow's own text may come with the record's values filled in by HubSpot; an action's has none."""
    return template if message.version_id else masked_text(template)


def _masked_event(event: Event, secrets: Secrets) -> Event:
    """A copy without secrets; of what was said over the wire only that something was."""
    masked = copy.copy(event)
    masked.data = {
        name: MASK if name in SAID else value for name, value in secrets.out_of(event.data).items()
    }
    return masked
