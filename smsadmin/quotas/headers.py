"""What HTTP tells a caller about a limit: RateLimit-Limit, -Remaining and -Reset, and Retry-After where it was refused.

Both times are whole seconds from now, rounded up, so that whoever waits that long is not early.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from smsadmin.core import errors
from smsadmin.quotas.counting import Usage

Headers = dict[str, str]


def rate_limit(limit: int, remaining: int, resets_at: datetime, now: datetime) -> Headers:
    """What is left of a limit, and when it starts anew."""
    return {
        "RateLimit-Limit": str(limit),
        "RateLimit-Remaining": str(max(remaining, 0)),
        "RateLimit-Reset": str(_seconds(resets_at, now)),
    }


def retry_after(resets_at: datetime, now: datetime) -> Headers:
    """For a refusal alone: when to ask again."""
    return {"Retry-After": str(_seconds(resets_at, now))}


def of_usage(usage: Usage, now: datetime, *, priority: bool = True) -> Headers:
    """Of one limit of a number or user. Traffic without priority reads what is left for it."""
    return rate_limit(usage.limit.limit, usage.left_for(priority=priority), usage.resets_at, now)


def of_refusal(code: str, facts: Mapping[str, Any], now: datetime) -> Headers:
    """Of the limit that refused a message, by its error; none where it was not a limit, or one that has reset since."""
    error = errors.CATALOGUE.get(code)
    if error is None or error.whose != errors.Whose.QUOTA:
        return {}
    resets_at = datetime.fromisoformat(facts["resets"])
    left = facts["limit"] - facts["used"] - facts.get("kept", 0)
    return rate_limit(facts["limit"], left, resets_at, now) if resets_at > now else {}


def _seconds(until: datetime, now: datetime) -> int:
    return max(math.ceil((until - now) / timedelta(seconds=1)), 0)
