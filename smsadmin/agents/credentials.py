"""The token that an agent shows: made, and found again. Who has it may use the agent's tools, and nothing else."""

from datetime import datetime

from django.views.decorators.debug import sensitive_variables

from smsadmin import bearers
from smsadmin.agents.models import AIAgent
from smsadmin.core import secret_tokens

TOKENS = secret_tokens.Kind("smsagent")


@sensitive_variables()
def make() -> tuple[str, str, str]:
    """A new token: its prefix and hash, which the agent's row keeps, and the token, which nobody can read again."""
    return TOKENS.make()


@sensitive_variables()
def of_token(token: str) -> AIAgent | None:
    """The agent that a token belongs to, one that is off or archived too; None for a token that no agent has."""
    return bearers.of_token(TOKENS, token, AIAgent.objects.select_related("workspace"), "token_prefix")


def seen(agent: AIAgent, now: datetime) -> None:
    """Notes that the agent called, at most once a minute."""
    bearers.seen(agent, "last_seen_at", now)
