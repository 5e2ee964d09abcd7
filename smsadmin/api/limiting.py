"""How often a key may ask."""

from datetime import datetime

from django.conf import settings

from smsadmin import limiting
from smsadmin.api.models import Key
from smsadmin.api.problems import Problem
from smsadmin.quotas import headers


def count(key: Key, now: datetime) -> None:
    """Counts one request; raises the Problem (429) of one too many."""
    most = settings.API_REQUESTS_PER_MINUTE
    if ends := limiting.count(f"api:{key.pk}", most, now):
        told = headers.rate_limit(most, 0, ends, now) | headers.retry_after(ends, now)
        again = f"Make the same request again in {told['Retry-After']} s."
        raise Problem(429, "TOO_MANY_REQUESTS", f"This key may make {most} requests a minute. {again}", told)
