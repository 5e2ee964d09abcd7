"""How fast an account may be asked: one pace for everything that asks it.

Aircall's documents name 120 requests a minute for a company in one place and 60 in another; 60 is safe with both.
Callr's name none; an example of theirs makes one a second. Twilio's name none either: it refuses too many at once, and
queues what it takes.
"""

import math
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings

from smsadmin.pacing.slots import Rate
from smsadmin.workspaces.models import Connection

MOST_AT_ONCE = 50
#: What the installation says of accounts of each kind.
_SETTINGS: Mapping[str, str] = {
    Connection.Kind.AIRCALL: "AIRCALL_REQUESTS_PER_MINUTE",
    Connection.Kind.CALLR: "CALLR_REQUESTS_PER_MINUTE",
    Connection.Kind.TWILIO: "TWILIO_REQUESTS_PER_MINUTE",
}


def per_minute(connection: Connection) -> int:
    """Requests a minute, as the connection or else the installation says."""
    return connection.requests_per_minute or as_installed(connection.kind)


def as_installed(kind: str) -> int:
    """Requests a minute of accounts of this kind that say nothing else."""
    installed: int = getattr(settings, _SETTINGS.get(kind, _SETTINGS[Connection.Kind.AIRCALL]))
    return installed


def at_once(connection: Connection) -> int:
    """The most requests that leave together: what a second sends."""
    return max(1, min(math.ceil(per_minute(connection) / 60), MOST_AT_ONCE))


def rate(connection: Connection) -> Rate:
    """The slots of the account: no minute sees more than `per_minute` requests, wherever it begins, also where they
    leave `at_once`."""
    return Rate(timedelta(seconds=60 / (per_minute(connection) - at_once(connection) + 1)))
