"""How fast a portal may be asked: all processes take their turns, and all wait where HubSpot says so.

HubSpot docs, "API usage guidelines": at least 100 calls in any ten seconds for an app and portal, 5 searches a second
for a portal, and a limit by the portal's day.
"""

import random
import time
from contextlib import suppress
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import IntegrityError
from django.utils import timezone

from smsadmin.pacing import slots
from smsadmin.providers.http import Answer
from smsadmin.providers.hubspot.oauth import retry_after
from smsadmin.providers.hubspot.unavailable import RateLimited, Unavailable
from smsadmin.workspaces.models import Connection

_SPACING = timedelta(seconds=10) / 80
#: 80 calls in ten seconds, 20 of them at once: so never more than the 100 of HubSpot's smallest plan.
RATE = slots.Rate(_SPACING, burst=_SPACING * 20)
#: Four searches a second, two of them at once: so never more than 5.
SEARCH = slots.Rate(timedelta(seconds=0.25), burst=timedelta(seconds=0.25))
#: Without Retry-After: the ten seconds that the limit rolls over, and some more for some of those who wait.
PAUSE, JITTER = 10.0, 2.0
#: No limit of HubSpot's but that of a day lasts longer.
LONGEST_PAUSE = 3600.0
_GONE = "the portal is no longer connected"
_LATE = timedelta(minutes=1)  # a longer pause is no matter of pace


def take(connection: Connection, patience: float, *, is_search: bool = False) -> None:
    """Waits for the portal's next turn, at most `patience` seconds. Raises RateLimited, or Unavailable where HubSpot
    wants to be left alone for long or the connection was deleted."""
    within = timedelta(seconds=patience)
    searches_from = _search_turn(connection.pk, within) if is_search else timezone.now()
    try:
        begins = searches_from and slots.take(connection.pk, RATE, within=within)
    except IntegrityError:
        raise Unavailable(_GONE) from None
    if not (searches_from and begins):
        raise _refusal(connection)
    begins = max(searches_from, begins)
    if (wait := (begins - timezone.now()).total_seconds()) > 0:
        time.sleep(wait)


def heed(connection: Connection, answer: Answer, *, is_search: bool = False) -> None:
    """Has every process wait as the answer asks: HTTP 429, 477, or headers that say that nothing is left."""
    with suppress(IntegrityError):  # the connection was deleted meanwhile: nobody is left to wait
        _heed(connection, answer, is_search=is_search)


def _heed(connection: Connection, answer: Answer, *, is_search: bool) -> None:
    now, asked = timezone.now(), retry_after(answer)
    match answer.status:
        case 429 if _policy(answer) == "DAILY":
            slots.pause(connection.pk, _next_day(connection, now), "the portal's calls of today are used up")
        case 429 if is_search and not _policy(answer):  # the searches of a second: other calls may go on
            later = now + timedelta(seconds=min(asked or 1.0, LONGEST_PAUSE)) + SEARCH.burst
            Connection.objects.filter(pk=connection.pk).update(next_search_at=later)
        case 429:
            seconds = min(asked or PAUSE + random.random() * JITTER, LONGEST_PAUSE)  # noqa: S311
            slots.pause(connection.pk, now + timedelta(seconds=seconds), "HubSpot asked to slow down")
        case 477:
            seconds = min(asked or 60.0, 86_400.0)
            slots.pause(
                connection.pk, now + timedelta(seconds=seconds), "HubSpot is moving the portal's data"
            )
        case _ if _left(answer) == "0":
            slots.pause(connection.pk, now + timedelta(seconds=1), "HubSpot asked to slow down")


def _search_turn(connection_id: int, within: timedelta) -> datetime | None:
    """The next turn of a search, if it begins within that time (GCRA, as for all calls). Raises Unavailable where the
    connection was deleted."""
    portal = Connection.objects.filter(pk=connection_id)
    while True:
        now = timezone.now()
        stored = portal.values_list("next_search_at").first()
        if stored is None:
            raise Unavailable(_GONE)
        [taken] = stored
        ends = max(taken or now, now)
        begins = max(ends - SEARCH.burst, now)
        if begins > now + within:
            return None
        if portal.filter(next_search_at=taken).update(next_search_at=ends + SEARCH.spacing):
            return begins


def _refusal(connection: Connection) -> Unavailable:
    pace = slots.of(connection.pk)
    if pace.paused_until and pace.paused_until > timezone.now() + _LATE:
        return Unavailable(pace.paused_for)
    return RateLimited("its turn is too far off")


def _next_day(connection: Connection, now: datetime) -> datetime:
    """Midnight in the portal. Where nobody knows its time zone, an hour later: it may be any."""
    try:
        zone = ZoneInfo(connection.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return now + timedelta(hours=1)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone)


def _policy(answer: Answer) -> str:
    return str(answer.body.get("policyName", "")) if isinstance(answer.body, dict) else ""


def _left(answer: Answer) -> str:
    headers = answer.exchange.headers
    return next((v for name, v in headers.items() if name.lower() == "x-hubspot-ratelimit-remaining"), "")
