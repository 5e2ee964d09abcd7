"""The token that an agent shows: made, and found again. Who has it may use the agent's tools, and nothing else."""

from datetime import datetime, timedelta

from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from smsadmin.agents.models import AIAgent
from smsadmin.core import secret_tokens

TOKENS = secret_tokens.Kind("smsagent")
#: How exact it is known when an agent last called: each call would be one more write else.
_SEEN_WITHIN = timedelta(minutes=1)


@sensitive_variables()
def make() -> tuple[str, str, str]:
    """A new token: its prefix and hash, which the agent's row keeps, and the token, which nobody can read again."""
    return TOKENS.make()


@sensitive_variables()
def of_token(token: str) -> AIAgent | None:
    """The agent that a token belongs to, one that is off or archived too; None for a token that no agent has."""
    if not (prefix := TOKENS.prefix(token)):
        return None
    agent = AIAgent.objects.select_related("workspace").filter(token_prefix=prefix).first()
    return agent if agent and secret_tokens.matches(token, agent.token_hash) else None


def seen(agent: AIAgent, now: datetime) -> None:
    """Notes that the agent called, at most once a minute."""
    if agent.last_seen_at and now - agent.last_seen_at < _SEEN_WITHIN:
        return
    before = Q(last_seen_at=None) | Q(last_seen_at__lte=now - _SEEN_WITHIN)
    AIAgent.objects.filter(before, pk=agent.pk).update(last_seen_at=now)
