"""How often an agent may call: so many calls in each minute, counted in the cache that all web processes share."""

from datetime import datetime

from django.conf import settings
from django.core.cache import caches

from smsadmin.agents.models import AIAgent
from smsadmin.core.windows import Moment, Window, resets_at

_KEPT = 120  # seconds: longer than the minute that is counted


class TooMany(Exception):
    """One call too many; `seconds` is when there is room again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Again in {seconds} s.")
        self.seconds = seconds


def count(agent: AIAgent, now: datetime) -> None:
    """Counts one call; raises TooMany."""
    name = f"agent:{agent.pk}:{Moment.of(now).minute}"
    cache = caches["api"]
    cache.add(name, 0, _KEPT)
    if cache.incr(name) > settings.AGENT_REQUESTS_PER_MINUTE:
        raise TooMany(max(1, round((resets_at(Window.MINUTE, now) - now).total_seconds())))
