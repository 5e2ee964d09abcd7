"""What replaces a classic step: the fields of the present action, and what the editor of a saved one begins with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from smsadmin.actions import saving
from smsadmin.actions.models import Action, ObjectType
from smsadmin.classic.models import ClassicFallback, ClassicStep
from smsadmin.core import numbers
from smsadmin.directory import book
from smsadmin.directory.models import Agent, Number
from smsadmin.sending.models import Message
from smsadmin.triggers.hubspot.catalogue import ADVANCED

#: Where a saved action most likely finds the phone: HubSpot tells the value of a property alone.
#: Record types without a phone of their own have that of their contact.
_RECIPIENTS = {
    ObjectType.COMPANY.value: "Company.phone",
    ObjectType.USER.value: "User.hs_additional_phone",
}
_FIELDS = {field.name: field for field in ADVANCED.fields}


@dataclass(frozen=True, slots=True)
class Entry:
    """A field of the present action as HubSpot's editor calls it, what to enter there, and why where it is not what the
    classic step has; `url` leads to what has to be mended first."""

    label: str
    value: str
    reason: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """`text` is that of its newest message: HubSpot's values are filled in, so it is one customer's."""

    entries: Sequence[Entry]
    text: str


def proposal(step: ClassicStep, fallbacks: Iterable[ClassicFallback], newest: Message | None) -> Proposal:
    """What to enter for the step. `newest` is its newest message, None where the log no longer has it."""
    number = _number(step)
    agent = _agent(step, number, fallbacks) if number else None
    entries = [
        _entry("sender_mode", _choice("sender_mode", "number")),
        _of_number(step, number),
        *(
            _of_user(step, agent)
            if number
            else [_entry("send_as_mode", _("Choose one of its users, or none"))]
        ),
        _entry(
            "recipient",
            _("The property that the classic step takes"),
            _("HubSpot sends the value of the property, not its name."),
        ),
        _entry(
            "message",
            _("The text of the classic step"),
            _("Copy it in HubSpot: it fills the tokens in before it calls, so they cannot be read here."),
        ),
    ]
    return Proposal(entries, newest.template if newest else "")


def beginning(step: ClassicStep) -> dict[str, Any]:
    """What the form of a new action in place of the step begins with: all but the text.

    The text at hand holds a customer's data, and what an action says is kept for good and sent to everybody.
    """
    number = _number(step)
    agent = _agent(step, number, step.fallbacks.all()) if number else None
    kind = step.object_type if step.object_type in ObjectType.values else ObjectType.CONTACT.value
    names = {"workflow": step.workflow or "–", "step": step.step or "–"}
    return {
        "name": saving.free_name(step.workspace, _("Workflow %(workflow)s, step %(step)s") % names),
        "object_type": kind,
        "sender_kind": "number",
        "sender_number": number.pk if number else "",
        "send_as_kind": "user" if agent else "none",
        "send_as_agent": agent.pk if agent else "",
        "recipient_property": _RECIPIENTS.get(kind, "Contact.phone"),
        "note": _("Made from the classic step of the HubSpot workflow %(workflow)s") % names,
        "classic_step": step.pk,
    }


def replaced(pk: int, action: Action) -> None:
    """Notes the action as what the step was saved as; a step that is not of its workspace is left alone."""
    ClassicStep.objects.filter(pk=pk, workspace=action.workspace_id).update(action=action)


# --- What it sends from, and as whom -----------------------------------------------------------------------


def _number(step: ClassicStep) -> Number | None:
    """The number that the step really used, or names where it was refused before that; None for one that is gone."""
    directory = book.of(step.workspace_id)
    number = step.number or directory.by_provider_id.get(step.number_given)
    return number if number and not number.gone_at else None


def _agent(step: ClassicStep, number: Number, fallbacks: Iterable[ClassicFallback]) -> Agent | None:
    """The user it was really sent as, or names where nothing was sent; None where it went without one."""
    if step.agent and not step.agent.gone_at:
        return step.agent
    if any(each.kind == ClassicFallback.Kind.USER and each.last_at >= step.last_at for each in fallbacks):
        return None
    directory = book.of(step.workspace_id)
    named = directory.agent_by_provider_id.get(step.user_given)
    return named if named and named in directory.agents_of(number) else None


def _of_number(step: ClassicStep, number: Number | None) -> Entry:
    asked = book.of(step.workspace_id).by_provider_id.get(step.number_given)
    words = {"asked": numbers.pretty(asked.e164) if asked else step.number_given}
    if number is None:
        reason = _("%(asked)s, which the step names, is gone from Aircall.") if step.number_given else ""
        return _entry("sender_number", _("Choose a number"), reason % words)
    reason, url = "", ""
    if asked is None or asked.pk != number.pk:
        reason = (
            _("The step names %(asked)s, which is gone from Aircall: its texts leave from this one.") % words
        )
    if number.connected is not True:
        reason = _("It is not connected to the integration, and the present action refuses it until it is.")
        url = reverse("number", args=[number.pk])
    return _entry("sender_number", f"{number.name} ({numbers.pretty(number.e164)})", reason, url)


def _of_user(step: ClassicStep, agent: Agent | None) -> list[Entry]:
    if agent:
        mode = _entry("send_as_mode", _choice("send_as_mode", "user"))
        return [mode, _entry("send_as_user", f"{agent.name} ({agent.email})")]
    asked = book.of(step.workspace_id).agent_by_provider_id.get(step.user_given)
    reason = _("%(asked)s, whom the step names, is not a user of the number: its texts go without one.")
    words = {"asked": asked.email if asked else step.user_given}
    return [
        _entry("send_as_mode", _choice("send_as_mode", "default"), reason % words if step.user_given else "")
    ]


def _entry(name: str, value: str, reason: str = "", url: str = "") -> Entry:
    return Entry(_(_FIELDS[name].label), value, reason, url)


def _choice(name: str, value: str) -> str:
    return _(dict(_FIELDS[name].choices)[value])
