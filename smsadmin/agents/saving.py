"""Agents and what they may use, made and changed. A token is in the answer of who makes it, and nowhere else."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from smsadmin.actions.models import Action
from smsadmin.agents import credentials, variables
from smsadmin.agents.models import AIAgent, Attachment
from smsadmin.workspaces.models import User, Workspace

#: What signs the calls of which platform; the others sign nothing.
SIGNING = (AIAgent.Platform.SYNTHFLOW, AIAgent.Platform.VAPI, AIAgent.Platform.RETELL)


class NameTaken(Exception):
    """Another agent of the workspace has this name; as text, a sentence for the person who chose it."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        super().__init__(name_problem(workspace, name))


def name_problem(workspace: Workspace, name: str, besides: AIAgent | None = None) -> str:
    """Why an agent (`besides`, or a new one) cannot have this name; "" when it can."""
    holder = AIAgent.objects.filter(workspace=workspace, name=name).first()
    if holder is None or holder == besides:
        return ""
    if holder.archived_at:
        return _("An archived agent has this name: choose a different one, or bring that one back.")
    return _("Another agent has this name: choose a different one.")


@sensitive_variables("token", "token_hash", "signing")
def create(
    workspace: Workspace, columns: Mapping[str, Any], by: User, *, signing: str = ""
) -> tuple[AIAgent, str]:
    """A new agent, on, and its token, which nobody can read again. Raises NameTaken."""
    prefix, token_hash, token = credentials.make()
    try:
        with transaction.atomic():
            agent = AIAgent.objects.create(
                workspace=workspace,
                token_prefix=prefix,
                token_hash=token_hash,
                token_made_at=timezone.now(),
                secrets={"signing": signing} if signing else {},
                created_by=by,
                **columns,
            )
    except IntegrityError as error:
        raise NameTaken(workspace, str(columns["name"])) from error
    return agent, token


@sensitive_variables("signing")
def change(agent: AIAgent, columns: Mapping[str, Any], *, signing: str = "") -> None:
    """Saves these columns. A signing secret that is not given stays as it is, unless the platform is another one.
    Raises NameTaken."""
    kept = agent.secrets if columns["platform"] == agent.platform else {}
    agent.secrets = {**kept, "signing": signing} if signing else kept
    for name, value in columns.items():
        setattr(agent, name, value)
    try:
        with transaction.atomic():
            agent.save(update_fields=[*columns, "secrets"])
    except IntegrityError as error:
        raise NameTaken(agent.workspace, agent.name) from error


@sensitive_variables("token")
def new_token(agent: AIAgent) -> str:
    """A token in place of the present one, which is refused from now on."""
    agent.token_prefix, agent.token_hash, token = credentials.make()
    agent.token_made_at = timezone.now()
    agent.save(update_fields=["token_prefix", "token_hash", "token_made_at"])
    return token


def switch(agent: AIAgent, *, on: bool) -> None:
    """Switches the agent on or off; an archived one stays off."""
    with _locked(agent):
        agent.enabled = on and agent.archived_at is None


def archive(agent: AIAgent) -> None:
    """Switches the agent off and puts it out of the way."""
    with _locked(agent):
        agent.enabled, agent.archived_at = False, agent.archived_at or timezone.now()


def bring_back(agent: AIAgent) -> None:
    """Takes the agent out of the archive, still off: switching it on is a decision of its own."""
    with _locked(agent):
        agent.archived_at = None


@contextmanager
def _locked(agent: AIAgent) -> Iterator[None]:
    state = ["enabled", "archived_at"]
    with transaction.atomic():
        agent.refresh_from_db(fields=state, from_queryset=AIAgent.objects.select_for_update())
        yield
        agent.save(update_fields=state)


# --- What an agent may use ----------------------------------------------------------------------------


def tool_problem(agent: AIAgent, name: str, besides: Attachment | None = None) -> str:
    """Why no tool of the agent (`besides`, or a new one) can have this name; "" when it can."""
    taken = agent.attachments.filter(tool_name=name).exclude(pk=besides.pk if besides and besides.pk else 0)
    return _("Another tool of this agent has this name: choose a different one.") if taken.exists() else ""


def free_tool_name(agent: AIAgent, action: Action) -> str:
    """What the agent could call the action: its name in small letters, numbered where it is taken."""
    taken = set(agent.attachments.values_list("tool_name", flat=True))
    return variables.free(variables.spelt(action.name) or "send_text", taken)


def attach(agents: list[AIAgent], action: Action) -> list[Attachment]:
    """The action attached to each of the agents, with the action's own condition, to whomever the agent talks with."""
    return [
        Attachment.objects.create(
            agent=agent,
            workspace=agent.workspace,
            action=action,
            tool_name=free_tool_name(agent, action),
        )
        for agent in agents
    ]
