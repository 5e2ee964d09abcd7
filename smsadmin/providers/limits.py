"""What an answer of a provider that carries messages says of its request limit.

Aircall developer docs, "Rate limiting": X-AircallApi-Remaining and X-AircallApi-Reset when the limit is
reached; clients see them on other answers too. Retry-After is documented nowhere, and obeyed of whoever sends it.
docs/integrations/aircall.md and callr.md have the rest."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from smsadmin.providers.base import Exchange

WAIT, LEFT, RESET = "retry-after", "x-aircallapi-remaining", "x-aircallapi-reset"
#: A wait that names no time.
SOME_TIME = timedelta(seconds=2)
SHORTEST = timedelta(seconds=0.5)
LONGEST = timedelta(hours=1)
MOST_PAUSE = timedelta(minutes=1)  # between two tries of one request
#: A limit is one of a minute, so its window ends within one.
WINDOW = timedelta(seconds=60)
_MILLISECONDS = 1e11  # a Unix time beyond this


@dataclass(frozen=True, slots=True)
class RateLimitHint:
    """`until` when nothing is to be asked, or how many requests are `left` until `resets_at`; None: it does not say.

    `words` are its own.
    """

    until: datetime | None = None
    left: int | None = None
    resets_at: datetime | None = None
    words: str = ""


def said(status: int | None, headers: Mapping[str, str], now: datetime) -> RateLimitHint:
    """What an answer says of the limit. The names of headers are in lower case."""
    if status == 429 or WAIT in headers:
        wait = asked(headers, now)
        until = now + min(max(SOME_TIME if wait is None else wait, SHORTEST), LONGEST)
        return RateLimitHint(until=until, words=_words(status, headers))
    left, resets_at = _number(headers.get(LEFT)), _moment(headers.get(RESET))
    if left is None or left < 0 or resets_at is None or resets_at <= now:
        return RateLimitHint()
    resets_at = min(resets_at, now + WINDOW)
    if left < 1:
        return RateLimitHint(until=resets_at, words=_words(None, headers))
    return RateLimitHint(left=int(left), resets_at=resets_at)


def asked(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """How long an answer asks to wait: Retry-After, in seconds or as a date, else until X-AircallApi-Reset."""
    given = headers.get(WAIT, "")
    if (seconds := _number(given)) is not None:
        return timedelta(seconds=min(max(seconds, 0), LONGEST.total_seconds()))
    date, reset = _date(given), _moment(headers.get(RESET))
    at = date if date and date > now else reset or date
    return min(at - now, LONGEST) if at else None


def pause(exchange: Exchange) -> float:
    """Seconds until a request that was answered so, or not at all, may be made again, at most a minute."""
    wait = asked(exchange.headers, datetime.now(UTC))
    return min(max(SOME_TIME if wait is None else wait, SHORTEST), MOST_PAUSE).total_seconds()


def _words(status: int | None, headers: Mapping[str, str]) -> str:
    named = {WAIT: "Retry-After", LEFT: "X-AircallApi-Remaining", RESET: "X-AircallApi-Reset"}
    told = [f"HTTP {status}"] if status else []
    return ", ".join(told + [f"{name}: {headers[key]}" for key, name in named.items() if key in headers])


def _moment(text: str | None) -> datetime | None:
    """A Unix time. Its unit is not documented: what is too large for seconds is read as milliseconds."""
    if (number := _number(text)) is None:
        return None
    try:
        return datetime.fromtimestamp(number / 1000 if number > _MILLISECONDS else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
