"""Trying an action before it sends: with which record, and what the message would meet on its way."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from smsadmin.actions.models import Action
from smsadmin.cache import remembered
from smsadmin.core import errors, tokens
from smsadmin.core.message import ActionConfig, Record, SendRequest
from smsadmin.crm import records
from smsadmin.crm.properties import portal
from smsadmin.providers.hubspot import client
from smsadmin.sending.models import Message
from smsadmin.sending.rehearse import Rehearsal, rehearse
from smsadmin.triggers.hubspot import parse
from smsadmin.triggers.hubspot import records as executed
from smsadmin.workspaces.models import Workspace

#: Which record is tried: the newest one, one that was found, that of an earlier message, or what was pasted.
NEWEST, FOUND, EXECUTION, PAYLOAD = "newest", "id", "message", "payload"
MOST_FOUND = 6
MOST_EXECUTIONS = 5
_LOOKED_THROUGH = 200  # of the newest messages, in search of executions


@dataclass(frozen=True, slots=True)
class Tried:
    """The record an action is tried with; without one, `problem` says why."""

    record: Record | None = None
    title: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to try the action with: the radio button's value, and its words."""

    value: str
    words: str
    detail: str = ""


def found(workspace: Workspace, object_type: str, text: str) -> list[Choice]:
    """The records that match a name, an email address, a phone number or an id. Raises records.Unreadable."""
    return [
        Choice(f"{FOUND}:{each.object_id}:{each.title}", each.title, each.detail)
        for each in records.search(workspace, object_type, text, MOST_FOUND)
    ]


def executions(workspace: Workspace, object_type: str, shown: Action | None) -> list[Message]:
    """The newest messages whose records can be tried again: this action's, or any of the record type."""
    newest = Message.objects.filter(workspace=workspace).order_by("-pk").defer(*Message.LONG)
    if shown:
        newest = newest.filter(action=shown)
    seen: dict[str, Message] = {}
    for message in newest[:_LOOKED_THROUGH]:
        if message.object_type == object_type and message.object_id:
            seen.setdefault(message.object_id, message)
    return list(seen.values())[:MOST_EXECUTIONS]


def tried(workspace: Workspace, object_type: str, config: ActionConfig, chosen: str, payload: str) -> Tried:
    """The record that was chosen, with every property the configuration names."""
    kind, _colon, rest = chosen.partition(":")
    try:
        if kind == PAYLOAD:
            return Tried(_pasted(workspace, object_type, config, payload), _("the pasted payload"))
        if kind == FOUND:
            object_id, _colon, title = rest.partition(":")
            return Tried(_read(workspace, object_type, object_id, config), title or object_id)
        if kind == EXECUTION:
            return _of_message(workspace, config, rest)
        return _newest(workspace, object_type, config)
    except records.Unreadable as error:
        return Tried(problem=str(error))
    except errors.SendError as error:
        return Tried(problem=str(error))
    except client.Unavailable:
        return Tried(problem=_("HubSpot does not answer now, so the record could not be read."))
    except ValueError as error:
        return Tried(problem=_("The payload cannot be read: %(why)s") % {"why": error})


def request(
    workspace: Workspace, shown: Action | None, name: str, config: ActionConfig, record: Record
) -> SendRequest:
    """What a trigger would ask with this configuration; of an action that is off, to be refused."""
    return SendRequest(
        workspace_id=workspace.pk,
        trigger="preview",
        key="",
        config=config,
        record=record,
        action_id=shown.pk if shown else None,
        action_name=name,
        action_enabled=shown.enabled if shown else True,
    )


def outcome(ask: SendRequest) -> tuple[Rehearsal, Message]:
    """What would happen now, and the row it would leave, never written: pages explain it as they explain any."""
    rehearsal = rehearse(ask)
    error, draft = rehearsal.error, rehearsal.draft
    row = Message(
        workspace_id=ask.workspace_id,
        sender=draft.number.e164 if draft.number else "",
        recipient=draft.recipient.e164 if draft.recipient else "",
        recipient_given=draft.recipient_given,
        send_as=draft.agent.email if draft.agent else "",
        body=draft.body,
        trace=[step.as_json() for step in rehearsal.trace],
        error_code=error.code if error else "",
        error_facts=error.facts if error else {},
    )
    return rehearsal, row


def _newest(workspace: Workspace, object_type: str, config: ActionConfig) -> Tried:
    sample = records.sample(workspace, object_type, config)
    if not sample:
        return Tried(problem=_("No record could be read from HubSpot: find one, or paste a payload."))
    record = sample[0]
    return Tried(record, _("the record changed last (%(id)s)") % {"id": record.object_id})


def _of_message(workspace: Workspace, config: ActionConfig, pk: str) -> Tried:
    try:
        message = Message.objects.get(workspace=workspace, pk=pk)
    except (Message.DoesNotExist, ValidationError):
        return Tried(problem=_("That message is not in the log: choose another record."))
    record = _read(workspace, message.object_type, message.object_id, config)
    return Tried(record, _("the record of that execution, as it is now (%(id)s)") % {"id": record.object_id})


def _read(workspace: Workspace, object_type: str, object_id: str, config: ActionConfig) -> Record:
    """The record, read at most once a minute while a text is being typed."""
    named = (
        config.sender_property,
        config.send_as_property,
        config.recipient_property,
        _tokens(config.message),
    )
    key = ("tried", workspace.pk, object_type, object_id, named)
    return remembered(key, lambda: records.read(workspace, object_type, object_id, config), seconds=60)


def _tokens(message: str) -> tuple[str, ...]:
    try:
        return tuple(token.raw for token in tokens.tokens(message))
    except tokens.TemplateError:
        return ()


def _pasted(workspace: Workspace, object_type: str, config: ActionConfig, text: str) -> Record:
    """A whole execution, the object alone, or its properties alone; what it lacks is read as for a real execution.

    Raises ValueError, SendError and client.Unavailable.
    """
    given = json.loads(text)
    if not isinstance(given, dict):
        raise ValueError(_("it must be a JSON object."))
    record = executed.given(parse.execution(_as_execution(given, object_type)))
    connection = portal(workspace)
    if connection is None:
        return record
    missing = executed.lacking(record, config, connection)
    return executed.completed(record, missing, connection) if missing else record


def _as_execution(given: Mapping[str, Any], object_type: str) -> dict[str, Any]:
    if "object" in given:
        return {"callbackId": "pasted", "portalId": 0, **given}
    properties = given.get("properties", given)
    pasted = {"objectType": object_type, "objectId": given.get("id"), "properties": properties}
    return {"callbackId": "pasted", "portalId": 0, "object": pasted}
