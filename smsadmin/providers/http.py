"""The one place that speaks HTTP to the outside.

Connect failures are retried by the transport, for then nothing was sent. Nothing else is: what a repeat would
mean is the caller's to decide, so each call returns an Exchange that says how far it came.
"""

import re
import threading
import time
from dataclasses import dataclass
from typing import Any

import httpx
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from smsadmin.providers.base import Exchange

NOT_SENT = "not_sent"  # no connection: nothing left this server
NO_ANSWER = "no_answer"  # the request may have arrived
MOST_KEPT = 1_000  # characters of an answer that the log keeps

_local = threading.local()
_ILLEGIBLE = re.compile("[\x00\ud800-\udfff]")
_NOTHING_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.InvalidURL,
    httpx.UnsupportedProtocol,
)
_FAILURES: dict[type[Exception], str] = {
    httpx.ReadTimeout: "no answer within {read:g} s",
    httpx.WriteTimeout: "the request could not be written within {read:g} s",
    httpx.ReadError: "the connection was reset",
    httpx.WriteError: "the connection was reset",
    httpx.RemoteProtocolError: "the answer broke off or was not HTTP",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An exchange, how far it came ("" when an answer arrived), and the parsed JSON body (None: not JSON)."""

    exchange: Exchange
    broke: str = ""
    body: Any = None

    @property
    def status(self) -> int:
        return self.exchange.http_status or 0


@sensitive_variables()
def call(
    method: str,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    json_body: Any = None,
    params: dict[str, str] | None = None,
    data: dict[str, str] | None = None,
    read_timeout: float | None = None,
) -> Answer:
    """Makes one request; never raises for what the network or the other side does."""
    started = time.monotonic()
    logged: dict[str, Any] = {"method": method, "url": url, "request": json_body}
    timeout = httpx.Timeout(
        read_timeout or settings.PROVIDER_READ_TIMEOUT, connect=settings.PROVIDER_CONNECT_TIMEOUT
    )
    try:
        response = client().request(
            method, url, headers=headers, auth=auth, json=json_body, params=params, data=data, timeout=timeout
        )
    except _NOTHING_SENT as error:
        return Answer(
            Exchange(**logged, elapsed_ms=_since(started), failure=_words(error, timeout)), NOT_SENT
        )
    except httpx.HTTPError as error:
        return Answer(
            Exchange(**logged, elapsed_ms=_since(started), failure=_words(error, timeout)), NO_ANSWER
        )
    exchange = Exchange(
        **logged,
        http_status=response.status_code,
        answer=response.text[:MOST_KEPT],
        elapsed_ms=_since(started),
        headers=dict(response.headers),
    )
    return Answer(exchange, body=_parsed(response))


def client() -> httpx.Client:
    """This thread's own kept-alive client: sharing one between threads is slower than one thread alone.

    Idle connections are dropped early, for a request on one that the peer has just closed has no clear outcome.
    """
    if not hasattr(_local, "client"):
        _local.client = httpx.Client(
            transport=httpx.HTTPTransport(
                retries=2, limits=httpx.Limits(max_keepalive_connections=4, keepalive_expiry=4.0)
            ),
            headers={"User-Agent": "smsadmin", "Accept": "application/json"},
            follow_redirects=False,
        )
    return _local.client


def _parsed(response: httpx.Response) -> Any:
    try:
        return _legible(response.json())
    except (ValueError, RecursionError):
        return None


def _legible(value: Any) -> Any:
    """JSON without what no database, no page and no text takes: NUL, and halves of surrogate pairs."""
    if isinstance(value, dict):
        return {_legible(name): _legible(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_legible(each) for each in value]
    return _ILLEGIBLE.sub("", value) if isinstance(value, str) else value


def _words(error: Exception, timeout: httpx.Timeout) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {timeout.connect:g} s"
    if isinstance(error, httpx.ConnectError):
        return "the connection was refused or the host is unknown"
    words = _FAILURES.get(type(error), type(error).__name__)
    return words.format(read=timeout.read)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
