"""Trying an action before it sends: with which record, and what the message would meet on its way."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.utils.translation import gettext as _

from smsadmin.actions import calls
from smsadmin.actions.models import Action, ObjectType
from smsadmin.cache import remembered
from smsadmin.core import errors
from smsadmin.core.message import ActionConfig, Record, SendRequest
from smsadmin.crm import records
from smsadmin.crm.named import named
from smsadmin.crm.properties import portal
from smsadmin.providers.hubspot import client
from smsadmin.sending.log import storable
from smsadmin.sending.models import Message
from smsadmin.sending.rehearse import Rehearsal, rehearse
from smsadmin.triggers.hubspot import parse
from smsadmin.triggers.hubspot import records as executed
from smsadmin.workspaces.models import Connection, Workspace

#: Which record is tried: the newest one, one that was found, that of an earlier message, or what was pasted; of a call
#: the values that are typed.
NEWEST, FOUND, EXECUTION, PAYLOAD, VALUES = "newest", "id", "message", "payload", "values"
MOST_FOUND = 6
MOST_EXECUTIONS = 5
MOST_PASTED = 100_000  # characters of a payload
_LOOKED_THROUGH = 200  # of the newest messages, in search of executions
_READ_FOR = 60.0  # seconds that a record is kept, in memory only, while a text is being typed


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
        Choice(f"{FOUND}:{object_type}:{each.object_id}:{each.title}", each.title, each.detail)
        for each in records.search(workspace, object_type, text, MOST_FOUND)
    ]


class Chosen(NamedTuple):
    """A choice by its value, such as "newest" or "id:contact:501:Ada Lovelace"; `id` is a record's or a message's."""

    kind: str
    object_type: str = ""
    id: str = ""
    title: str = ""


def chosen(value: str) -> Chosen:
    return Chosen(*value.split(":", 3))


def fitting(value: str, object_type: str) -> str:
    """The choice, or the newest record in place of one of another type: ids mean nothing to that."""
    asked = chosen(value)
    if object_type == ObjectType.CALL:
        return PAYLOAD if asked.kind == PAYLOAD else VALUES
    is_of_another = asked.kind == VALUES or (
        asked.kind in (FOUND, EXECUTION) and asked.object_type != object_type
    )
    return NEWEST if is_of_another or not value else value


def executions(workspace: Workspace, object_type: str, shown: Action | None) -> list[Message]:
    """The newest messages whose records can be tried again: this action's, or any of the record type."""
    connection = portal(workspace)
    if connection is None:
        return []
    newest = _messages(workspace).order_by("-pk").defer(*Message.LONG)
    if shown:
        newest = newest.filter(action=shown)
    seen: dict[str, Message] = {}
    for message in newest[:_LOOKED_THROUGH]:
        if _can_be_read(message, object_type, connection):
            seen.setdefault(message.object_id, message)
    return list(seen.values())[:MOST_EXECUTIONS]


def tried(
    workspace: Workspace,
    object_type: str,
    config: ActionConfig,
    value: str,
    payload: str,
    typed: Mapping[str, Any],
) -> Tried:
    """The record that was chosen, by a `fitting` choice, with every property the configuration names."""
    asked = chosen(value)
    if asked.kind == PAYLOAD and not payload.strip():
        return Tried(problem=_("Paste a payload first: its field is empty."))
    try:
        if asked.kind == PAYLOAD:
            return Tried(_pasted(workspace, object_type, config, payload), _("the pasted payload"))
        if asked.kind == VALUES:
            return Tried(calls.record(config, typed), _("the values typed below"))
        if asked.kind == FOUND:
            return Tried(_read(workspace, object_type, asked.id, config), asked.title or asked.id)
        if asked.kind == EXECUTION:
            return _of_message(workspace, object_type, config, asked.id)
        return _newest(workspace, object_type, config)
    except (records.Unreadable, errors.SendError) as error:
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
    return rehearsal, row_of(ask.workspace_id, rehearsal)


def row_of(workspace_id: int, rehearsal: Rehearsal) -> Message:
    """The row that a rehearsed message would leave, for pages to explain it; it is not to be saved."""
    error, draft = rehearsal.error, rehearsal.draft
    return Message(
        workspace_id=workspace_id,
        sender=draft.number.e164 if draft.number else "",
        recipient=draft.recipient.e164 if draft.recipient else "",
        recipient_given=storable(draft.recipient_given),
        send_as=draft.agent.email if draft.agent else "",
        body=draft.body,
        trace=storable([step.as_json() for step in rehearsal.trace]),
        error_code=error.code if error else "",
        error_facts=storable(error.facts) if error else {},
    )


def _newest(workspace: Workspace, object_type: str, config: ActionConfig) -> Tried:
    """Raises Unreadable where there is no portal to read from."""
    sample = records.sample(workspace, object_type, config)
    if not sample:
        if portal(workspace) is None:
            raise records.Unreadable(records.no_portal(workspace))
        return Tried(problem=_("No record could be read from HubSpot: find one, or paste a payload."))
    record = sample[0]
    return Tried(record, _("the record changed last (%(id)s)") % {"id": record.object_id})


def _messages(workspace: Workspace) -> QuerySet[Message, Any]:
    return Message.objects.filter(workspace=workspace).annotate(portal=KT("origin__portal"))


def _can_be_read(message: Any, object_type: str, connection: Connection) -> bool:
    """Whether a message's record is of this type, and in the portal that is read."""
    is_here = message.portal in (None, connection.external_id)
    return bool(is_here and message.object_type == object_type and message.object_id)


def _of_message(workspace: Workspace, object_type: str, config: ActionConfig, pk: str) -> Tried:
    try:
        message = _messages(workspace).get(pk=pk)
    except (Message.DoesNotExist, ValidationError):
        return Tried(problem=_("That message is not in the log: choose another record."))
    connection = portal(workspace)
    if connection and not _can_be_read(message, object_type, connection):
        return Tried(problem=_("The record of that message cannot be read: choose another one."))
    record = _read(workspace, message.object_type, message.object_id, config)
    return Tried(record, _("the record of that execution, as it is now (%(id)s)") % {"id": record.object_id})


def _read(workspace: Workspace, object_type: str, object_id: str, config: ActionConfig) -> Record:
    """The record, read once a minute for the properties that are named, however the text around them is typed."""
    key = ("tried", workspace.pk, object_type, object_id, frozenset(named(config, object_type)))
    return remembered(key, lambda: records.read(workspace, object_type, object_id, config), _READ_FOR)


def _pasted(workspace: Workspace, object_type: str, config: ActionConfig, text: str) -> Record:
    """The record of a payload, completed once a minute for the properties that are named.

    Raises ValueError, SendError and client.Unavailable.
    """
    if len(text) > MOST_PASTED:
        raise ValueError(_("it has more than %(most)d characters.") % {"most": MOST_PASTED})
    pasted = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
    key = ("pasted", workspace.pk, object_type, pasted, frozenset(named(config, object_type)))
    return remembered(key, lambda: _completed(workspace, object_type, config, text), _READ_FOR)


def _completed(workspace: Workspace, object_type: str, config: ActionConfig, text: str) -> Record:
    """A whole execution, the object alone, or its properties alone; what it lacks is read as for a real execution."""
    try:
        given = json.loads(text)
    except RecursionError:
        raise ValueError(_("it is nested too deep.")) from None
    except json.JSONDecodeError as error:
        place = {"line": error.lineno, "column": error.colno}
        raise ValueError(_("it is not JSON from line %(line)d, character %(column)d on.") % place) from None
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
