"""Where a message came from, where its cause is mended, and every name it goes by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.actions.models import ObjectType
from smsadmin.agents.models import AgentCall, AIAgent
from smsadmin.sending.filters import (
    AGENT,
    API,
    CALLFLOW,
    CLASSIC,
    HUBSPOT,
    INBOX,
    MESSAGING_API,
    OPT_OUT,
    RESEND,
    TEST,
    VERIFICATION,
)
from smsadmin.sending.models import Message
from smsadmin.triggers.hubspot.parse import OBJECT_TYPES

#: What began the run of a flow, in place of a record.
_EVENTS = {"call": gettext_lazy("Call %(id)s"), "sms": gettext_lazy("Text %(id)s")}


@dataclass(frozen=True, slots=True)
class Link:
    """Words and where they lead; without an address they are just words."""

    words: str
    url: str = ""


def to(message: Message) -> str:
    """The address of a message's page."""
    return reverse("message", args=[message.pk])


def trial(message: Message) -> str:
    """Who tried what with this message; "" for one that is no trial."""
    words = {
        TEST: _("Test by %(who)s from the editor"),
        VERIFICATION: _("Code for a test number, asked for by %(who)s"),
    }.get(message.trigger, "")
    return words and words % {"who": message.origin.get("who") or _("somebody")}


def came_from(message: Message) -> Link:
    """Who sent it again or tried what, else the action and its version, else the HubSpot workflow and its step."""
    if message.trigger == RESEND:
        return resent(message)
    if message.trigger == INBOX:
        return answer(message)
    if message.trigger == CALLFLOW:
        return flow_step(message)
    if message.trigger == AGENT:
        return agent(message)
    if message.trigger == OPT_OUT:
        words = _("Answer to %(word)s") % {"word": str(message.origin.get("confirms", "")).upper()}
        return Link(words, reverse("opt-outs"))
    if message.trigger == MESSAGING_API:
        words = _("Written by %(who)s") % {"who": message.origin.get("who") or _("somebody")}
        return Link(words, reverse("messaging-api", args=[message.number_id]) if message.number_id else "")
    if message.trigger == VERIFICATION:
        return Link(trial(message), reverse("test-numbers"))
    if message.action and message.version:
        words = _("%(action)s, version %(version)s") % {
            "action": message.action,
            "version": message.version.number,
        }
        return Link(words, reverse("action", args=[message.action.pk]))
    if message.trigger == TEST:
        return Link(trial(message), reverse("action", args=[message.action.pk]) if message.action else "")
    if message.trigger == API:
        return Link(_("The program with the API key %(name)s") % {"name": message.origin.get("key_name")})
    found = workflow(message.origin)
    if not found.words:
        return Link(_("Unknown"))
    if step := message.origin.get("step"):
        words = _("%(workflow)s, step %(step)s") % {"workflow": found.words, "step": step}
        return Link(words, found.url)
    return found


def answer(message: Message) -> Link:
    """Who wrote it in the inbox, and the thread that it answers in."""
    words = _("Answer by %(who)s") % {"who": message.origin.get("who") or _("somebody")}
    thread = message.origin.get("thread")
    return Link(words, reverse("thread", args=[thread]) if thread else "")


def flow_step(message: Message) -> Link:
    """The call flow with its version, the step of it, and the run."""
    words = _("Call flow %(flow)s, version %(version)s, step %(step)s") % {
        "flow": message.origin.get("flow_name"),
        "version": message.origin.get("version"),
        "step": message.origin.get("step"),
    }
    return Link(words, _run(message))


def agent(message: Message) -> Link:
    """The agent that asked for it, with which tool; it may have been deleted since."""
    words = _("Agent %(agent)s, tool %(tool)s") % {
        "agent": message.origin.get("agent_name") or _("unknown"),
        "tool": message.origin.get("tool"),
    }
    pk = message.origin.get("agent")
    is_there = pk and AIAgent.objects.filter(workspace=message.workspace_id, pk=pk).exists()
    return Link(words, reverse("ai-agent", args=[pk]) if is_there else "")


def _call(message: Message) -> str:
    """The page of the agent's call that a message is of, "" where it is of none, or that is gone."""
    pk = message.origin.get("call_pk")
    is_there = pk and AgentCall.objects.filter(workspace=message.workspace_id, pk=pk).exists()
    return reverse("agent-call", args=[pk]) if is_there else ""


def _run(message: Message) -> str:
    """The page of the run that a message is of, "" where no flow asked for it."""
    run = message.origin.get("run")
    return reverse("flow-run", args=[run]) if run else ""


def resent(message: Message) -> Link:
    """Who had an earlier message sent again with this one, and what else with it."""
    words = _("Sent again by %(who)s") % {"who": message.origin.get("who") or _("somebody")}
    job = message.origin.get("resend")
    return Link(words, reverse("resend", args=[job]) if job else "")


def workflow(origin: Mapping[str, Any]) -> Link:
    """The HubSpot workflow that an origin names, and its page; no words where it names none."""
    if not (name := origin.get("workflow")):
        return Link("")
    words = _("HubSpot workflow %(workflow)s") % {"workflow": name}
    return Link(words, _hubspot(origin, "workflows", "platform", "flow", name, "edit"))


def record(message: Message) -> Link:
    """The record the message is about, or the call that an agent asked for it in."""
    if message.trigger == AGENT and (call_id := message.origin.get("call")):
        return Link(_("Call %(id)s") % {"id": call_id}, _call(message))
    if not message.object_id:
        return Link("")
    if event := _EVENTS.get(message.object_type):
        return Link(str(event) % {"id": message.object_id}, _run(message))
    kind = dict(ObjectType.choices).get(message.object_type, message.object_type)
    words = f"{kind} {message.object_id}".strip()
    type_id = next((found for found, name in OBJECT_TYPES.items() if name == message.object_type), "")
    url = _hubspot(message.origin, "contacts", "record", type_id, message.object_id) if type_id else ""
    return Link(words, url)


def _hubspot(origin: Mapping[str, Any], part: str, *path: str) -> str:
    """A page of the portal in a part of the HubSpot app; the sandbox has none. Ids come as the caller sent them."""
    portal = origin.get("portal")
    if settings.SANDBOX or not portal:
        return ""
    steps = (quote(str(step), safe="") for step in (part, portal, *path))
    return f"https://app.hubspot.com/{'/'.join(steps)}"


def next_step(message: Message) -> Link | None:
    """Where the cause is mended: a button, or just words for a place without an address here. None: nowhere."""
    error = message.error
    if error is None:
        return None
    place, _dot, field = error.place.partition(".")
    if message.trigger == VERIFICATION and place in ("action", "record", "message"):
        return Link(_("Open the test numbers"), reverse("test-numbers"))
    if place == "action":
        return _action_step(message, field)
    if place == "record" and (call := _call(message)):
        return Link(_("Open the call"), call)
    if place == "record" and (run := _run(message)):
        return Link(_("Open the run of the flow"), run)
    if place == "record":
        found = record(message)
        return (
            Link(_("Open the record in HubSpot"), found.url) if found.url else found if found.words else None
        )
    if place == "message":
        return Link(_("Read what was said"), "#exchange")
    return {
        "directory": Link(_("Open the directory"), _directory(message)),
        "quotas": Link(_("See the quotas"), reverse("quotas")),
        "connections": Link(_("Open the connections"), reverse("connections")),
        "settings": Link(_("Open the settings"), reverse("settings")),
        "sender-ids": Link(_("Open the sender IDs"), reverse("sender-ids")),
        "test-numbers": Link(_("Open the test numbers"), reverse("test-numbers")),
        "classic": Link(_("Open the classic action"), reverse("classic")),
    }.get(place)


def _action_step(message: Message, field: str) -> Link:
    if message.action:
        anchor = f"#id_{field}" if field else ""
        return Link(_("Edit the action"), reverse("action", args=[message.action.pk]) + anchor)
    if flow := message.origin.get("flow"):
        return Link(_("Edit the flow"), reverse("flow", args=[flow]))
    found = came_from(message)
    return Link(_("Open the workflow in HubSpot"), found.url) if found.url else found


def provider(message: Message) -> str:
    """Who carries the message, as people call it."""
    return message.connection.get_kind_display() if message.connection else _("The provider")


def _directory(message: Message) -> str:
    return reverse("number", args=[message.number_id]) if message.number_id else reverse("directory")


def ids(message: Message, successor: UUID | None) -> list[tuple[str, str]]:
    """Every name this message and what belongs to it go by, here and elsewhere."""
    named = [
        (_("Message id"), message.pk),
        (_("Id of the message it sends again"), message.original),
        (_("Id of the message that sent it again"), successor),
        (_("%(provider)s's message id") % {"provider": provider(message)}, message.provider_id),
        (_("Account"), message.connection.name if message.connection else ""),
        (_("HubSpot callback id"), message.origin.get("callback_id")),
        (_("HubSpot portal"), message.origin.get("portal")),
        (
            _("HubSpot record"),
            message.object_id
            if message.trigger in (HUBSPOT, CLASSIC, RESEND, INBOX, API)
            and message.object_type not in _EVENTS
            else "",
        ),
        (_("API key"), message.origin.get("key")),
        (_("Id of the flow's run"), message.origin.get("run")),
        (_("Id of the agent's call"), message.origin.get("call")),
    ]
    return [(name, str(value)) for name, value in named if value]
