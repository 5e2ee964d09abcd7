"""What an answer to a send means where it says nothing of the message itself, whoever the provider is.

No provider has a key that makes a repeat harmless, so only what surely never left is tried again: a refused
connection, 429, refused credentials. Of anything else without a clear answer nobody knows.
"""

import random

from smsadmin.core import errors
from smsadmin.providers import http, limits
from smsadmin.providers.base import Result
from smsadmin.providers.http import Answer

#: Seconds after which a message may be looked at again whose account was refused, or whose provider was not reached.
_AFTER_REFUSAL, _AFTER_NO_CONNECTION = 60.0, 5.0
#: RFC 9110 and 8470: the server gave up waiting, or put it off. What was done by then it does not say.
_TOO_LATE_OR_EARLY = (408, 425)
#: How much longer than asked for a pause may be: those who wait should not come back together.
_JITTER = 0.5


def without_word(answer: Answer, provider: str, *, jitter: bool = True) -> Result | None:
    """What any answer means that says nothing of the message, or none at all; None for one that does."""
    exchange = answer.exchange
    if answer.broke == http.NOT_SENT:
        return _unreached(answer, exchange.failure)
    if answer.broke:
        return unknown(answer, provider, exchange.failure)
    if answer.status == 429:
        asked = limits.pause(exchange)
        wait = spread(asked) if jitter else asked
        return Result(exchange, retry_in=wait, reason="rate_limited", detail="HTTP 429")
    is_clear = 200 <= answer.status < 300 or 400 <= answer.status < 500
    if not is_clear or answer.status in _TOO_LATE_OR_EARLY:
        return unknown(answer, provider, f"HTTP {answer.status}")
    return None


def unknown(answer: Answer, provider: str, reason: str) -> Result:
    """It may have left."""
    return Result(answer.exchange, error=errors.ProviderUnknown(provider=provider, reason=reason))


def refused_account(answer: Answer) -> Result:
    """A ping found the credentials bad, so nothing of the account leaves: the message waits for better ones."""
    detail = f"HTTP {answer.status}"
    return Result(answer.exchange, retry_in=_AFTER_REFUSAL, reason="credential", detail=detail, requests=2)


def refused_unclear(answer: Answer, ping: Answer) -> Result:
    """Nobody can tell whether the credentials are good; that the message never left is sure."""
    return _unreached(answer, ping.exchange.failure or f"HTTP {ping.status}", requests=2)


def spread(seconds: float) -> float:
    """A pause with its jitter."""
    return seconds * random.uniform(1, 1 + _JITTER)  # noqa: S311 (no secret hinges on it)


def _unreached(answer: Answer, detail: str, requests: int = 1) -> Result:
    wait = _AFTER_NO_CONNECTION
    return Result(answer.exchange, retry_in=wait, reason="unreachable", detail=detail, requests=requests)
