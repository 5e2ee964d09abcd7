"""How often a key may ask: so many requests in each minute, counted in the cache that all web processes share."""

from datetime import datetime

from django.conf import settings
from django.core.cache import caches

from smsadmin.api.models import Key
from smsadmin.api.problems import Problem
from smsadmin.core.windows import Moment, Window, resets_at
from smsadmin.quotas import headers

_KEPT = 120  # seconds: longer than the minute that is counted


def count(key: Key, now: datetime) -> None:
    """Counts one request; raises the Problem (429) of one too many."""
    name, most = f"api:{key.pk}:{Moment.of(now).minute}", settings.API_REQUESTS_PER_MINUTE
    cache = caches["api"]
    cache.add(name, 0, _KEPT)
    if cache.incr(name) <= most:
        return
    ends = resets_at(Window.MINUTE, now)
    told = headers.rate_limit(most, 0, ends, now) | headers.retry_after(ends, now)
    detail = (
        f"This key may make {most} requests a minute. Make the same request again in {told['Retry-After']} s."
    )
    raise Problem(429, "TOO_MANY_REQUESTS", detail, told)
