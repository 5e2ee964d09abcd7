"""Agents as their pages show them: what each may use, why not, and how its platform is set up."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from smsadmin.actions.models import Action
from smsadmin.agents import rendering, saving, tools
from smsadmin.agents.advice import Advice, advise
from smsadmin.agents.after import rules
from smsadmin.agents.after.running import TRUSTS
from smsadmin.agents.models import AIAgent, Attachment
from smsadmin.agents.rendering import Snippet
from smsadmin.agents.tools import Tool
from smsadmin.agents.variables import Setting


def state_of(agent: AIAgent) -> str:
    """ "on", "off" or "archived"."""
    if agent.archived_at:
        return "archived"
    return "on" if agent.enabled else "off"


@dataclass(frozen=True, slots=True)
class Value:
    """A token of the text, and who says what stands for it."""

    token: str
    words: str


@dataclass(frozen=True, slots=True)
class Attached:
    """An action that an agent may use, in words. `obstacle` says why it cannot be used now, "" where it can; `tool`
    is None for an action without a version."""

    attachment: Attachment
    condition: str
    is_inherited: bool
    advice: Sequence[Advice] = ()
    values: Sequence[Value] = ()
    rule: str = ""
    obstacle: str = ""
    tool: Tool | None = None
    schema: str = ""
    snippets: Sequence[Snippet] = field(default_factory=list)

    @property
    def is_after(self) -> bool:
        return self.attachment.when == Attachment.When.AFTER

    @property
    def lacks_rule(self) -> bool:
        return lacks_rule(self.attachment)

    @property
    def lacks_token(self) -> bool:
        """Whether the set-up is shown with a place for the token, which nobody can read again."""
        return any(rendering.NO_TOKEN in each.code for each in self.snippets)


def attached(agent: AIAgent, token: str = "") -> list[Attached]:
    """What the agent may use, by the name of the tool; with the set-up of its platform, `token` filled in."""
    found = agent.attachments.select_related("action__current").order_by("tool_name")
    return [of(_with_agent(each, agent), token) for each in found]


def of(attachment: Attachment, token: str = "") -> Attached:
    """One attachment, whose agent and action with its version are read."""
    condition = tools.condition(attachment)
    version = attachment.action.current
    if version is None:
        return Attached(attachment, condition, not attachment.condition, obstacle=obstacle(attachment))
    tool, is_during = tools.of(attachment), attachment.when == Attachment.When.DURING
    return Attached(
        attachment,
        condition,
        not attachment.condition,
        advice=[each for each in advise(condition) if not each.is_hint] if is_during else (),
        values=[
            Value("{{" + need.label + "}}", _said(setting, attachment))
            for need, setting in tools.said(attachment, version).items()
        ],
        rule="" if is_during else rules.words(attachment.rule),
        obstacle=obstacle(attachment),
        tool=tool,
        schema=json.dumps(tool.schema, indent=2, ensure_ascii=False),
        snippets=rendering.setup(attachment.agent, tool, settings.BASE_URL, token) if is_during else (),
    )


def obstacle(attachment: Attachment) -> str:
    """Why an agent that is on cannot use it now; "" where it can."""
    action = attachment.action
    if lacks_rule(attachment):
        return _("It has no rule yet: write after which calls it is sent, then switch it on.")
    if not attachment.enabled:
        return _("It is switched off for this agent.")
    if action.archived_at:
        return _("Its action is archived.")
    if not action.enabled:
        return _("Its action is switched off.")
    return "" if action.current else _("Its action says nothing yet.")


def lacks_rule(attachment: Attachment) -> bool:
    """Whether nobody has said yet after which calls it is sent: it was brought in so."""
    return attachment.when == Attachment.When.AFTER and rules.is_unwritten(attachment.rule)


def _with_agent(attachment: Attachment, agent: AIAgent) -> Attachment:
    attachment.agent = agent
    return attachment


def _said(setting: Setting, attachment: Attachment) -> str:
    """Who says a value, in words."""
    if setting.source == "fixed":
        if not setting.value:
            return _("nothing: its fallback is sent")
        return _("always “%(value)s”") % {"value": setting.value}
    if setting.source == "nobody":
        return _("nobody: say it here, or nothing is sent")
    told = {"name": setting.name}
    if attachment.when == Attachment.When.AFTER:
        return _("%(name)s, as the platform collected it in the call") % told
    if setting.required:
        return _("%(name)s, given by the agent") % told
    return _("%(name)s, if the agent gives it") % told


@dataclass(frozen=True, slots=True)
class Holder:
    """An agent that has an action, as the action's page shows it."""

    agent: AIAgent
    attachment: Attachment
    url: str
    condition: str


def holders(action: Action) -> list[Holder]:
    """The agents that an action is attached to, by name."""
    found = Attachment.objects.filter(action=action, agent__archived_at=None).select_related("agent")
    condition = action.current.condition if action.current else ""
    return [
        Holder(
            each.agent,
            each,
            reverse("attachment", args=[each.agent_id, each.pk]),
            each.condition or condition,
        )
        for each in found.order_by("agent__name", "tool_name")
    ]


def end_address(agent: AIAgent) -> str:
    """Where the agent's platform tells that a call is over."""
    return f"{settings.BASE_URL}{reverse('agent-webhook', args=[agent.public_id])}"


def end_proof(agent: AIAgent) -> str:
    """Why what is told there is believed."""
    told = {"platform": agent.get_platform_display()}
    if agent.platform in saving.SIGNING:
        return _("%(platform)s signs what it tells there, so no token is needed.") % told
    return _("What is told there counts where the agent's token comes with it: Authorization: Bearer …")


def end_doubt(agent: AIAgent) -> str:
    """Why what is told there is not believed, or nothing is sent by it; "" where neither is so."""
    told = {"platform": agent.get_platform_display()}
    if agent.platform in saving.SIGNING and not agent.secrets.get("signing"):
        words = _(
            "Enter the secret that %(platform)s signs with under Settings: until then what it tells there is refused, "
            "unless the agent's token comes with it."
        )
        return words % told
    if agent.platform == AIAgent.Platform.SYNTHFLOW and not (
        agent.connection_id or agent.options.get(TRUSTS)
    ):
        return _(
            "Synthflow signs the id of a call, not what it tells of it: nothing is sent after a call until its account "
            "is chosen under Settings, so that it can be asked."
        )
    return ""


def mcp_address() -> str:
    """Where clients of the Model Context Protocol find the tools of the agent whose token they show."""
    return f"{settings.BASE_URL}{reverse('mcp')}"


def mcp_configuration(token: str = "") -> str:
    """What is added to the configuration of a client of the Model Context Protocol."""
    headers = {"Authorization": f"Bearer {token or rendering.NO_TOKEN}"}
    server = {"type": "http", "url": mcp_address(), "headers": headers}
    return json.dumps({"mcpServers": {"smsadmin": server}}, indent=2)
