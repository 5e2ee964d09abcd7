"""How fast an Aircall account may be asked: one pace for everything that asks it.

Aircall's documents name 120 requests a minute for a company in one place and 60 in another; 60 is safe with both.
"""

import math
from datetime import timedelta

from django.conf import settings

from smsadmin.pacing.slots import Rate
from smsadmin.workspaces.models import Connection

MOST_AT_ONCE = 50


def per_minute(connection: Connection) -> int:
    """Requests a minute, as the connection or else the installation says."""
    return connection.requests_per_minute or settings.AIRCALL_REQUESTS_PER_MINUTE


def at_once(connection: Connection) -> int:
    """The most requests that leave together: what a second sends."""
    return max(1, min(math.ceil(per_minute(connection) / 60), MOST_AT_ONCE))


def rate(connection: Connection) -> Rate:
    """The slots of the account: no minute sees more than `per_minute` requests, wherever it begins, also where they
    leave `at_once`."""
    return Rate(timedelta(seconds=60 / (per_minute(connection) - at_once(connection) + 1)))
