"""When a limit will be reached, if it goes on as it did since its window began."""

from datetime import datetime

from smsadmin.core.windows import started_at
from smsadmin.quotas.counting import Usage

#: With less of its window over, or less of it used, a pace says nothing.
LEAST_ELAPSED = 0.05
LEAST_USED = 0.1


def runs_out_at(usage: Usage, now: datetime) -> datetime | None:
    """When all of the limit is used, what is kept for priority traffic included, at its window's pace so far.

    None where that cannot be told yet, where the window ends first, and where nothing is left: what ran out is no
    forecast. So a moment is never before `now`, and always before the reset.
    """
    limit = usage.limit
    began = started_at(limit.window, now, limit.zone)
    elapsed, length = now - began, usage.resets_at - began
    if not usage.left or elapsed < LEAST_ELAPSED * length or usage.used < LEAST_USED * limit.limit:
        return None
    at = now + elapsed * (usage.left / usage.used)
    return at if at < usage.resets_at else None
