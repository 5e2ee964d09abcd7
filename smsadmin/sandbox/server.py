"""The sandbox's HTTP server: keep-alive, one write per answer, and faults down to the socket."""

import contextlib
import io
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import urlsplit

from smsadmin.sandbox import aircall, automation, callr, control, faults, hubspot, synthflow, twilio
from smsadmin.sandbox.seeds import seeds
from smsadmin.sandbox.state import Settings, State, iso
from smsadmin.sandbox.web import HttpError, Request, Response, Wire, json_response


def _hubspot(state: State, request: Request) -> Response:
    """An app's own actions have credentials of their own; everything else of HubSpot's is called with a portal's."""
    part = automation if automation.owns(request.path) else hubspot
    return part.handle(state, request)


SERVICES: dict[str, Callable[[State, Request], Response]] = {
    "aircall": aircall.handle,
    "hubspot": _hubspot,
    "callr": callr.handle,
    "twilio": twilio.handle,
    "synthflow": synthflow.handle,
    "_control": control.handle,
}
REFUSALS: dict[str, Callable[[State, str], Response]] = {
    "aircall": aircall.refusal,
    "hubspot": hubspot.refusal,
    "callr": callr.refusal,
    "twilio": twilio.refusal,
    "synthflow": synthflow.refusal,
}
SECRET_IN_TARGET = re.compile(r"((?:client_secret|token|code|hapikey)=|/access-tokens/)[^&/]+")


class SandboxServer(ThreadingHTTPServer):
    """Listens on the loopback address; `state` is what the stand-ins know."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, port: int, settings: Settings, now: Callable[[], float] = time.time):
        self.state = State(settings, seeds, now)
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Without asking the name service who we are, which takes seconds on some machines."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def server_close(self) -> None:
        self.stopping.set()
        self.state.close()
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is no news; anything else is printed as usual."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def make_server(port: int, settings: Settings, now: Callable[[], float] = time.time) -> SandboxServer:
    """A sandbox bound to `port` (0 picks a free one); raises OSError when the port is in use."""
    return SandboxServer(port, settings, now)


@contextlib.contextmanager
def running(
    settings: Settings, port: int = 0, now: Callable[[], float] = time.time
) -> Iterator[SandboxServer]:
    """A sandbox that serves in a thread of this process until the block ends."""
    server = make_server(port, settings, now)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(state: State, request: Request, service: str) -> Response:
    """The service's response to a request, after the fault it meets, if any."""
    if service not in SERVICES:
        return json_response({"message": "Not Found"}, 404)
    met = None
    if service in REFUSALS:
        with state.lock:
            met = faults.find(state.faults, service, request, state.random)
    if met is None:
        return _handled(state, request, service)
    kind, seconds = met
    if (response := faults.before(kind, seconds)) is None:
        if kind in faults.AFTER:
            response = faults.after(kind, seconds, _handled(state, request, service))
        else:
            response = REFUSALS[service](state, kind)
    response.fault = kind
    return response


def _handled(state: State, request: Request, service: str) -> Response:
    try:
        with state.lock:
            return SERVICES[service](state, request)
    except HttpError as error:
        return error.response


def index(server: SandboxServer) -> Response:
    """`GET /`: where everything is."""
    url = server.url
    return json_response(
        {
            "sandbox": "smsadmin",
            "aircall": f"{url}/aircall/v1",
            "hubspot": f"{url}/hubspot",
            "callr": f"{url}/callr/v2.0",
            "twilio": f"{url}/twilio/2010-04-01",
            "synthflow": f"{url}/synthflow/v2",
            "control": control.INDEX,
            "fault_kinds": faults.kinds(),
            "magic_recipients": faults.MAGIC_RECIPIENTS,
        }
    )


class Handler(BaseHTTPRequestHandler):
    server: SandboxServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered, so that head and body leave in one write

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        service, _, rest = urlsplit(self.path).path.lstrip("/").partition("/")
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, f"/{rest}", headers, body)
        response = index(self.server) if not service else answer(self.server.state, request, service)
        if service != "_control":
            self._remember(service, response)
        self._write(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    def _remember(self, service: str, response: Response) -> None:
        self.server.state.requests.append(
            {
                "service": service,
                "method": self.command,
                "path": SECRET_IN_TARGET.sub(r"\1***", self.path),
                "status": response.status if response.wire is Wire.WHOLE else response.wire,
                "fault": response.fault or None,
                "time": iso(self.server.state.now()),
            }
        )

    def _write(self, response: Response) -> None:
        if response.delay:
            self.server.stopping.wait(response.delay)
        if response.wire in (Wire.RESET, Wire.HANG):
            self._reset()
        elif response.wire is Wire.GARBAGE:
            self.wfile.write(b"\x00\x15\x03 this is not HTTP\r\n\r\n")
            self.close_connection = True
        else:
            self._write_http(response)

    def _write_http(self, response: Response) -> None:
        self.send_response(response.status, reason(response.status))
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if response.wire is Wire.CUT:
            self.wfile.write(response.body[: len(response.body) // 2])
            self.close_connection = True
        else:
            self.wfile.write(response.body)

    def _reset(self) -> None:
        """End the connection with RST: linger of zero, and no reference left that would keep it open."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.wfile.close()
        self.connection.close()
        self.wfile = io.BytesIO()  # the base class flushes once more
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing on the terminal: GET /_control/requests tells."""


def reason(status: int) -> str:
    """The phrase beside a status; HubSpot has codes of its own."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
