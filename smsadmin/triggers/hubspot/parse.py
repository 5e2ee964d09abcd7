"""HubSpot's execution payload into a SendRequest (HubSpot docs: "Custom workflow actions", execution).

Only callbackId and the portal are indispensable; every other key may be missing, and unknown ones are ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from smsadmin.core.message import ActionConfig
from smsadmin.directory.book import Book
from smsadmin.sending.resolve import INPUTS

#: The option that carries a sentence instead of a choice; it can be picked, but never sent from.
UNAVAILABLE = "__unavailable__"

#: Names and ids of object types (HubSpot docs: using object APIs). Either may come.
OBJECT_TYPES = {
    "0-1": "contact", "0-2": "company", "0-3": "deal", "0-5": "ticket", "0-14": "quote", "0-53": "invoice",
    "0-115": "user", "0-123": "order", "0-136": "lead", "0-142": "cart",
}  # fmt: skip


class PayloadError(ValueError):
    """A payload that cannot be read; the text names the key and what belongs there."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One record that reached our step of a workflow."""

    portal_id: str
    callback_id: str
    object_type: str
    object_id: str
    properties: Mapping[str, str | None] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    workflow_id: str = ""
    step: str = ""

    @property
    def key(self) -> str:
        return f"{self.portal_id}:{self.callback_id}"

    @property
    def origin(self) -> dict[str, str]:
        """What the log and the callback need to know of it."""
        named = {
            "portal": self.portal_id,
            "callback_id": self.callback_id,
            "workflow": self.workflow_id,
            "step": self.step,
        }
        return {name: value for name, value in named.items() if value}


def portal_of(payload: Any) -> str:
    """The portal id a payload names, "" when it names none: only then is anything else worth reading."""
    if not isinstance(payload, dict):
        raise PayloadError("The body must be a JSON object.")
    origin = payload.get("origin")
    found = origin.get("portalId") if isinstance(origin, dict) else None
    return _text(payload.get("portalId") if found is None else found)


def execution(payload: dict[str, Any]) -> Execution:
    """Reads an execution payload; raises PayloadError."""
    callback_id = payload.get("callbackId")
    if not isinstance(callback_id, str) or not callback_id:
        raise PayloadError("callbackId is missing: it must be a non-empty string.")
    context, record = _object(payload, "context"), _object(payload, "object")
    return Execution(
        portal_id=portal_of(payload),
        callback_id=callback_id,
        object_type=object_type(record.get("objectType")),
        object_id=_text(record.get("objectId")),
        properties={name: _value(value) for name, value in _object(record, "properties").items()},
        inputs=_inputs(payload),
        workflow_id=_text(context.get("workflowId")),
        step=_text(context.get("actionId")),
    )


def object_type(given: Any) -> str:
    """Our name of an object type that may come as name or id, in any case; unknown ones as they came."""
    text = _text(given)
    return OBJECT_TYPES.get(text, text.casefold())


def config(inputs: Mapping[str, str], book: Book) -> ActionConfig:
    """What the workflow step's own fields ask for. A mode left empty follows from the field that is filled."""
    get = inputs.get
    custom_sender = get("sender_mode") == "custom" or (
        not get("sender_mode") and bool(get("sender_number_custom"))
    )
    send_as = get("send_as_mode") or _implied(inputs)
    number_given, agent_given = get("sender_number", ""), get("send_as_user", "")
    return ActionConfig(
        sender_kind="property" if custom_sender else "number",
        sender_number_id=_id(book.by_provider_id, number_given),
        sender_given=number_given,
        sender_property=f"{INPUTS}.sender_number_custom",
        # A mode nobody knows asks for a user: sending without one would be a silent fallback.
        send_as_kind={"default": "none", "custom": "property"}.get(send_as, "user"),  # type: ignore[arg-type]
        send_as_user_id=_id(book.agent_by_provider_id, agent_given),
        send_as_given=agent_given,
        send_as_property=f"{INPUTS}.send_as_email",
        recipient_property=f"{INPUTS}.recipient",
        message=get("message", ""),
    )


def classic_config(inputs: Mapping[str, str], book: Book) -> ActionConfig:
    """The same of the earlier action, which has no modes: a number and one of its users, both picked."""
    number_given, agent_given = inputs.get("sender_number", ""), inputs.get("send_as_user", "")
    return ActionConfig(
        sender_kind="number",
        sender_number_id=_id(book.by_provider_id, number_given),
        sender_given=number_given,
        send_as_kind="user",
        send_as_user_id=_id(book.agent_by_provider_id, agent_given),
        send_as_given=agent_given,
        recipient_property=f"{INPUTS}.recipient",
        message=inputs.get("message", ""),
    )


def _implied(inputs: Mapping[str, str]) -> str:
    if inputs.get("send_as_user"):
        return "user"
    return "custom" if inputs.get("send_as_email") else "default"


def _id(known: Mapping[str, Any], given: str) -> int | None:
    """Our id of what HubSpot knows by the provider's; 0 for one nobody knows, None for none given."""
    if not given or given == UNAVAILABLE:
        return None
    found = known.get(given)
    return int(found.pk) if found else 0


def _inputs(payload: dict[str, Any]) -> dict[str, str]:
    """inputFields, or the identical `fields` of other captures, or the typed form. Empty and missing are alike."""
    for name in ("inputFields", "fields"):
        if isinstance(payload.get(name), dict):
            return {key: _text(value) for key, value in payload[name].items() if value not in (None, "")}
    typed = _object(payload, "typedInputs")
    return {key: _text(each.get("value")) for key, each in typed.items() if isinstance(each, dict)}


def _object(payload: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = payload.get(name)
    if found is not None and not isinstance(found, dict):
        raise PayloadError(f"{name} must be an object.")
    return found or {}


def _value(value: Any) -> str | None:
    return None if value is None else _text(value)


def _text(value: Any) -> str:
    """Values are strings in HubSpot's payloads; what has no text, such as an object or a list, counts as empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) else ""
