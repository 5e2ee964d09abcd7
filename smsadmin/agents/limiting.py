"""How often an agent may call."""

import math
from datetime import datetime

from django.conf import settings

from smsadmin import limiting
from smsadmin.agents.models import AIAgent


class TooMany(Exception):
    """One call too many; `seconds` is when there is room again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Again in {seconds} s.")
        self.seconds = seconds


def count(agent: AIAgent, now: datetime, *, times: int = 1) -> None:
    """Counts one call, or so many that came in one request; raises TooMany."""
    most = settings.AGENT_REQUESTS_PER_MINUTE
    if ends := limiting.count(f"agent:{agent.pk}", most, now, times=times):
        raise TooMany(math.ceil((ends - now).total_seconds()))
