"""What a message is when it is sent again: with which configuration, on whose behalf, from which number."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from smsadmin.agents.models import AIAgent
from smsadmin.agents.running import config_of
from smsadmin.core import tokens
from smsadmin.core.errors import SendError
from smsadmin.core.message import ActionConfig, Record, SendRequest
from smsadmin.directory import book
from smsadmin.directory.models import Agent, Number
from smsadmin.flows.models import Flow
from smsadmin.resends.models import Resend
from smsadmin.sending import inputs, resolve
from smsadmin.sending.filters import RESEND
from smsadmin.sending.models import Message

#: In an origin: a program named the recipient in place of the action. Its number may be gone from the row, and must not
#: be replaced by the record's own then.
NAMED = "recipient_named"
#: What of a message's origin its successor keeps: nobody waits any more to be called back.
KEPT = (
    *("portal", "workflow", "step", "thread", "flow", "flow_name", "version", "run"),
    *("agent", "agent_name", "platform", "tool", "when", "call", "call_pk"),
    *("key", "key_name", NAMED),
)
#: What a message needs loaded besides its own row.
RELATED = ("action__current", "version")


def request(message: Message, which: str) -> SendRequest | None:
    """What sends the message again, to be `finished`, with the record as it was kept; None without a configuration."""
    configured = _configured(message, which)
    if configured is None:
        return None
    return SendRequest(
        workspace_id=message.workspace_id,
        trigger=RESEND,
        key=str(message.pk),
        record=kept(message),
        origin={name: message.origin[name] for name in KEPT if name in message.origin},
        original=message.pk,
        media=tuple(message.media),
        **_by_hand(message),
        **configured,
    )


def _by_hand(message: Message) -> dict[str, Any]:
    """What holds for what somebody wrote: an answer in a thread of the inbox, and all that left by proxy mode."""
    return {"via": "any", "by_person": True} if "thread" in message.origin or message.proxy else {}


def finished(ask: SendRequest, resend: Resend, message: Message, record: Record) -> SendRequest:
    """The request as it is made: with the record that was read, who asked for it in which resend, and whether the
    action is on, or the flow in build mode, at this moment, for reading the records may have taken its time."""
    by = {"by": resend.asked_by_id, "who": str(resend.asked_by or ""), "resend": str(resend.pk)}
    return replace(
        ask,
        record=record,
        origin={**ask.origin, **by},
        action_enabled=is_on(message),
        build_mode=_in_build_mode(message),
    )


def _in_build_mode(message: Message) -> bool:
    """Whether the flow or the agent that asked for the message texts test numbers alone; what it was asked by then does
    not count, for leaving build mode is what mends a refusal."""
    askers: tuple[tuple[str, type[Flow] | type[AIAgent]], ...] = (("flow", Flow), ("agent", AIAgent))
    return any(
        model._default_manager.filter(pk=pk, workspace=message.workspace_id, build_mode=True).exists()
        for name, model in askers
        if (pk := message.origin.get(name))
    )


def is_on(message: Message) -> bool:
    """Whether the action of the message is on; one that a workflow configured has none to be off."""
    return message.action is None or message.action.enabled


def kept(message: Message) -> Record:
    """The record as the message knew it, related objects under the names that everybody gives them."""
    found = inputs.record(message.inputs, message.object_type, message.object_id)
    related: dict[str, dict[str, str | None]] = {}
    for kind, values in found.related.items():
        related.setdefault(tokens.key(kind), {}).update(values)
    return replace(found, related=related)


def line(ask: SendRequest) -> tuple[Number | None, Agent | None]:
    """From which number and as which user it would go, as far as the record tells."""
    draft = _resolved(ask, _LINE)
    return draft.number, draft.agent


def recipient(ask: SendRequest) -> str:
    """To which number it would go, as far as the record tells; "" where it does not."""
    found = _resolved(ask, _RECIPIENT).recipient
    return found.e164 if found else ""


_Steps = tuple[tuple[str, resolve.DraftStep], ...]
_LINE: _Steps = (
    ("sender", resolve.sender),
    ("send_as", resolve.send_as),
    ("recipient", resolve.recipient),
    ("route", resolve.route),
)
_RECIPIENT: _Steps = (("recipient", resolve.recipient),)


def _resolved(ask: SendRequest, steps: _Steps) -> resolve.Draft:
    draft = resolve.Draft(ask, book.of(ask.workspace_id))
    with suppress(SendError):  # what stops it later shows then
        resolve.run(draft, steps)
    return draft


def _configured(message: Message, which: str) -> dict[str, Any] | None:
    """The fields of a SendRequest that the configuration decides."""
    action, version = message.action, message.version
    if action is None or version is None:
        config: ActionConfig | None = inputs.config(message.inputs, message.template)
        return {"config": config} if config else None
    if which == Resend.Which.PRESENT and action.current:
        version = action.current
    return {
        "config": config_of(version) if _names_its_recipient(message) else version.config(),
        "action_id": action.pk,
        "version_id": version.pk,
        "action_name": action.name,
        "version_number": version.number,
    }


def _names_its_recipient(message: Message) -> bool:
    """Whether whoever asked for it said whom to text, in place of the action: an agent, or a program."""
    return "agent" in message.origin or NAMED in message.origin
