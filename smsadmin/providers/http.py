"""The one place that speaks HTTP to the outside.

Connect failures are retried by the transport, for then nothing was sent. Nothing else is: what a repeat would
mean is the caller's to decide, so each call returns an Exchange that says how far it came.
"""

import ipaddress
import re
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from threading import Lock, Thread
from typing import Any

import httpx
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from smsadmin.providers.base import Exchange, Turn

NOT_SENT = "not_sent"  # no connection: nothing left this server
NO_ANSWER = "no_answer"  # the request may have arrived
WITHHELD = "withheld"  # it was not the request's turn: it was not made
MOST_KEPT = 1_000  # characters of an answer that the log keeps
MOST_READ = 4_096  # bytes of an answer by a server that anybody may have named
PRIVATE = "the address is of a private network"
UNSAFE = "the address does not begin with https://"

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

    @property
    def is_passing(self) -> bool:
        """Whether a read may be answered otherwise a moment later: not one that was not made."""
        if self.broke == WITHHELD:
            return False
        return not self.status or self.status == 429 or self.status >= 500


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


@sensitive_variables()
def call_in_turn(turn: Turn | None, method: str, url: str, **parts: Any) -> Answer:
    """One request as `call` makes it once its turn has come, which hears of the answer; at once without a turn."""
    if turn is None:
        return call(method, url, **parts)
    if why_not := turn.begin():
        return Answer(Exchange(method, url, failure=why_not), WITHHELD)
    answer = call(method, url, **parts)
    turn.heard(answer.exchange)
    return answer


@sensitive_variables()
def post_outside(
    url: str, content: bytes, *, headers: dict[str, str], read_timeout: float, private: bool = False
) -> Answer:
    """Posts to an address that somebody typed in, as call_outside does."""
    return call_outside(
        "POST", url, content, headers=headers, read_timeout=read_timeout, private=private, most=MOST_READ
    )


@sensitive_variables()
def call_outside(
    method: str,
    url: str,
    content: bytes = b"",
    *,
    headers: dict[str, str],
    read_timeout: float,
    private: bool = False,
    most: int,
) -> Answer:
    """Calls an address that somebody typed in, and parts_of() could read; never raises for what the network or the
    other side does. The text of the answer is in `body`.

    Without `private`, only https and only hosts whose every address is public: else a form would reach what stands
    behind our firewall. The connection goes to the very address that was looked at, so that no name changes its
    mind in between. Redirects are not followed, and no more than `most` bytes of the answer are read. The exchange
    names the host alone: paths and queries of such addresses are often secrets.

    It takes `read_timeout` seconds at most, all of it together: looking up the name, connecting, and an answer that
    comes in drops. An answer that has begun by then is what came of it.
    """
    started = time.monotonic()
    connect = min(settings.PROVIDER_CONNECT_TIMEOUT, read_timeout)
    timeout = httpx.Timeout(read_timeout, connect=connect)

    def answered(how_far: str, text: str | None = None, **came: Any) -> Answer:
        host = f"{httpx.URL(url).scheme}://{host_of(url)}"
        return Answer(Exchange(method, host, elapsed_ms=_since(started), **came), how_far, text)

    course = _Course()
    parts = (method, url, content, headers, timeout, private, most, course)
    thread = Thread(target=_followed, args=parts, name="outside", daemon=True)
    thread.start()
    thread.join(read_timeout)
    is_late = thread.is_alive()
    course.end()
    if is_late and not course.status:
        awaited = "answer" if course.is_sent else "connection"
        failure = f"no {awaited} within {read_timeout:g} s"
        return answered(NO_ANSWER if course.is_sent else NOT_SENT, failure=failure)
    try:
        if course.error and not is_late:
            raise course.error
    except _Forbidden as forbidden:
        return answered(NOT_SENT, failure=str(forbidden))
    except _NOTHING_SENT as error:
        return answered(NOT_SENT, failure=_words(error, timeout))
    except httpx.HTTPError as error:
        return answered(NO_ANSWER, failure=_words(error, timeout))
    text = _legible(course.read[:most].decode(errors="replace"))
    return answered("", text, http_status=course.status, headers=course.headers, answer=text[:MOST_KEPT])


class _LateError(Exception):
    """Nobody waits for this request any more."""


class _Course:
    """How far a request came that is made in a thread of its own. Only so does it end in time: looking up a name knows
    no timeout, and that of a socket begins anew with each byte."""

    def __init__(self) -> None:
        self.status, self.read = 0, b""
        self.headers: dict[str, str] = {}
        self.error: Exception | None = None
        self.is_sent = self._is_over = False  # is_sent: the request may have arrived, or part of it
        self._socket: socket.socket | None = None
        self._lock = Lock()

    def step(self, name: str, facts: dict[str, Any]) -> None:
        """Hears of each step before and after it is taken, as httpcore tells them. Raises _LateError once over."""
        with self._lock:
            if self._is_over:
                raise _LateError
            if name.endswith((".connect_tcp.complete", ".start_tls.complete")):
                self._socket = facts["return_value"].get_extra_info("socket")
            elif name.endswith(".send_request_headers.started"):
                self.is_sent = True

    def end(self) -> None:
        """Has the thread stop, which may wait for the other side. A name that is being looked up is waited for; nothing
        follows from it any more."""
        with self._lock:
            self._is_over = True
            if self._socket:
                with suppress(OSError):  # closed already, or TLS is about to begin on it
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


@sensitive_variables()
def _followed(*parts: Any) -> None:
    """Makes a request; what becomes of it stands in its course, which is the last of these parts."""
    course = parts[-1]
    try:
        _called(*parts)
    except Exception as error:
        course.error = error


@sensitive_variables()
def _called(
    method: str,
    url: str,
    content: bytes,
    headers: dict[str, str],
    timeout: httpx.Timeout,
    private: bool,
    most: int,
    course: _Course,
) -> None:
    """Notes status, headers and beginning of the answer in the course. The client is a new one: a kept-alive connection
    to the same IP address may have been opened, and its certificate checked, for another host. Raises _Forbidden,
    _LateError, or what httpx raises."""
    parsed = httpx.URL(url)
    sent = httpx.Headers(headers)  # in which ours prevail, however theirs are spelt
    sent.update({"User-Agent": "smsadmin", "Host": host_of(url), "Accept-Encoding": "identity"})
    reached = parsed.copy_with(host=_reached(parsed, private))
    transport = httpx.HTTPTransport(verify=_tls())
    with httpx.Client(transport=transport, timeout=timeout, follow_redirects=False) as fresh:
        told = {"sni_hostname": parsed.raw_host.decode(), "trace": course.step}
        with fresh.stream(method, reached, content=content, headers=sent, extensions=told) as response:
            course.headers, course.status = dict(response.headers), response.status_code
            for chunk in response.iter_raw():
                course.read += chunk
                if len(course.read) >= most:
                    break


def host_of(url: str) -> str:
    """The host of an address, with its port where that is not the usual one."""
    return httpx.URL(url).netloc.decode()


def parts_of(url: str) -> tuple[str, str, bool]:
    """The scheme and host of an address, and whether it names a user. Raises ValueError for what is no address."""
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from error
    return read.scheme, read.host, bool(read.userinfo)


class _Forbidden(Exception):
    """We do not call this address; says why."""


def _reached(url: httpx.URL, private: bool) -> str:
    """The IP address to connect to. Raises _Forbidden, or httpx.ConnectError for a host that is unknown."""
    if url.scheme != "https" and not private:
        raise _Forbidden(UNSAFE)
    try:
        found = socket.getaddrinfo(
            url.raw_host.decode().strip("[]"), url.port or url.scheme, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError(str(error)) from error
    addresses = [str(each[4][0]) for each in found]
    if not private and not all(map(is_public, addresses)):
        raise _Forbidden(PRIVATE)
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; an IPv6 address that stands for an IPv4 one is as that."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if stands_for := ip.ipv4_mapped or ip.sixtofour:
            return is_public(str(stands_for))
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)))
        return ip.is_global and ip in _UNICAST
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: All of the internet (RFC 4291; IANA, "IPv6 Global Unicast Address Assignments"): what else Python takes for global
#: leads into networks of one's own, as other translations of IPv4 do.
_UNICAST = ipaddress.IPv6Network("2000::/3")


@cache
def _tls() -> ssl.SSLContext:
    """The certificates that are believed, read once: that takes longer than many a request."""
    return httpx.create_ssl_context()


def client() -> httpx.Client:
    """This thread's own kept-alive client: sharing one between threads is slower than one thread alone.

    Idle connections are dropped early, for a request on one that the peer has just closed has no clear outcome.
    """
    if not hasattr(_local, "client"):
        _local.client = httpx.Client(
            transport=httpx.HTTPTransport(
                verify=_tls(),
                retries=2,
                limits=httpx.Limits(max_keepalive_connections=4, keepalive_expiry=4.0),
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
        if tls := _of_tls(error):
            return f"no secure connection (TLS) came about: {tls}"
        return "the connection was refused or the host is unknown"
    words = _FAILURES.get(type(error), type(error).__name__)
    return words.format(read=timeout.read)


def _of_tls(error: BaseException | None) -> str:
    """What TLS says of why it failed, "" where it was something else; httpx has it among the causes of its error."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    if error is None:
        return ""
    certificate = getattr(error, "verify_message", "")  # of a certificate: in words
    return certificate or (error.reason or type(error).__name__).replace("_", " ").lower()


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
