"""What must not be so of agents when the product starts for real."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError

from smsadmin.agents import sample
from smsadmin.agents.models import AIAgent
from smsadmin.core import secret_tokens
from smsadmin.workspaces.checks import sample_is_safe


@register(Tags.database)
def no_sample_agent(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The sample agent's token and signing secret are published: whoever knows them may have texts sent."""
    if sample_is_safe() or not databases:
        return []
    try:
        agent = AIAgent.objects.filter(public_id=sample.PUBLIC_ID, enabled=True).first()
    except DatabaseError:  # before the first migration there is none
        return []
    if agent is None or not _is_published(agent):
        return []
    return [
        Error(
            f"The sample agent “{agent.name}” has the published token or signing secret, and this installation talks "
            "to real providers or is reached from other machines (BASE_URL).",
            hint="Start it as before, and on the agent's page make a new token and a new signing secret, or archive "
            "or delete the agent.",
            id="smsadmin.E002",
        )
    ]


def _is_published(agent: AIAgent) -> bool:
    has_token = secret_tokens.matches(sample.TOKEN, agent.token_hash)
    return has_token or agent.secrets.get("signing") == sample.SIGNING
