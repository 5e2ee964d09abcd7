"""What an agent is told of an action that it may use: one definition, of which every platform gets its own rendering
(smsadmin.agents.rendering).

Names and schemas hang on the attachment alone and come in one order: platforms keep what they once read.
"""

from dataclasses import dataclass
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from smsadmin.actions.models import ActionVersion
from smsadmin.agents import variables
from smsadmin.agents.models import AIAgent, Attachment
from smsadmin.agents.variables import Need, Setting

#: Longer descriptions are cut by some platforms.
MOST_DESCRIPTION = 1_024
#: Of one value that an agent gives.
MOST_VALUE = 500
#: The parameter with the number, where the agent gives it.
TO = "to"
E164 = r"^\+[1-9][0-9]{6,14}$"


@dataclass(frozen=True)
class Tool:
    """`schema` is a JSON Schema (2020-12) of an object whose values are texts. `when`: Attachment.When. `condition` is
    the part of the description that says when to use it, in the admin's words."""

    name: str
    title: str
    description: str
    schema: dict[str, Any]
    attachment_id: int
    when: str
    condition: str = ""

    @property
    def properties(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.schema["properties"]
        return found

    @property
    def required(self) -> list[str]:
        found: list[str] = self.schema["required"]
        return found


def of(attachment: Attachment) -> Tool:
    """The tool of an attachment, as its agent sees it. Reads its agent, its action and the action's current version,
    which must be there."""
    action = attachment.action
    assert action.current
    with translation.override(attachment.agent.language):
        return Tool(
            name=attachment.tool_name,
            title=action.name,
            description=_description(attachment),
            schema=_schema(attachment, action.current),
            attachment_id=attachment.pk,
            when=attachment.when,
            condition=condition(attachment),
        )


def offered(agent: AIAgent) -> list[Tool]:
    """What the agent may use during a call, by name: attachments that are on, of actions that are on. None while the
    agent is off."""
    return [of(attachment) for attachment in attached(agent)] if agent.enabled else []


def attached(agent: AIAgent) -> list[Attachment]:
    """The attachments behind `offered`, with all that it reads."""
    found = agent.attachments.filter(
        enabled=True, when=Attachment.When.DURING, action__enabled=True, action__current__isnull=False
    )
    return _with_agent(list(found.select_related("action__current").order_by("tool_name")), agent)


def named(agent: AIAgent, name: str) -> Attachment | None:
    """The agent's tool of that name, one that is off too; None where none is used during a call."""
    if not variables.NAME.fullmatch(name):
        return None
    found = agent.attachments.filter(tool_name=name, when=Attachment.When.DURING)
    return next(iter(_with_agent(list(found.select_related("action__current")), agent)), None)


def _with_agent(found: list[Attachment], agent: AIAgent) -> list[Attachment]:
    for attachment in found:
        attachment.agent = agent
    return found


def said(attachment: Attachment, version: ActionVersion) -> dict[Need, Setting]:
    """Who says each value that the action needs."""
    return variables.settings(attachment.variables, variables.needed(version), version.object_type)


def condition(attachment: Attachment) -> str:
    """When the agent is to use it, in plain words: its own, else the action's."""
    current = attachment.action.current
    return attachment.condition or (current.condition if current else "")


def _description(attachment: Attachment) -> str:
    """What it does, when to use it, and how often at most. Where that is too long the condition is cut."""
    what = _sentence(attachment.what) or _("Sends the text message “%(name)s”.") % {
        "name": attachment.action.name
    }
    most = attachment.most_per_call
    guard = ngettext(
        "Do not use it more than once per call.",
        "Use it again only when asked to, and at most %(most)d times per call.",
        most,
    ) % {"most": most}
    when = _sentence(condition(attachment))
    if not when:
        return f"{what} {guard}"
    lead = _("Use this when: ")
    room = MOST_DESCRIPTION - len(f"{what} {lead} {guard}")
    return f"{what} {lead}{_cut(when, room)} {guard}"


def _sentence(text: str) -> str:
    """On one line, and with a full stop."""
    line = " ".join(text.split())
    return line if not line or line[-1] in ".!?…" else f"{line}."


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _schema(attachment: Attachment, version: ActionVersion) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    if attachment.recipient == Attachment.Recipient.ARGUMENT:
        properties[TO] = _text(
            _("The phone number to text, with + and country code, for example +12025550123.")
        )
        properties[TO]["pattern"] = E164
        required.append(TO)
    for need, setting in said(attachment, version).items():
        if setting.source != "agent":
            continue
        properties[setting.name] = _text(_about(need, setting)) | {"maxLength": MOST_VALUE}
        if setting.required:
            required.append(setting.name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _about(need: Need, setting: Setting) -> str:
    words = _sentence(setting.description) or _("What stands for “%(label)s” in the text.") % {
        "label": need.label
    }
    if not setting.example:
        return words
    return f"{words} " + _("For example: %(example)s") % {"example": setting.example}
