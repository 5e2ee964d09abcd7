"""A sandbox in this process, clients for its services, and a stand-in for the product it calls."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from smsadmin.sandbox.server import SandboxServer, running
from smsadmin.sandbox.state import Settings

SECRET = "sandbox-client-secret"
SUCCESS = {"outputFields": {"hs_execution_state": "SUCCESS", "status": "accepted"}}


@dataclass
class Call:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Where the product would listen: keeps what comes in, answers what the test says."""

    url: str = ""
    calls: queue.Queue[Call] = field(default_factory=queue.Queue)
    answer: Callable[[Call], tuple[int, Any]] = lambda call: (200, SUCCESS)

    def next(self) -> Call:
        return self.calls.get(timeout=5)

    def take(self, count: int) -> list[Call]:
        return [self.next() for _ in range(count)]


@pytest.fixture
def product() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            call = Call(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            status, answer = receiver.answer(call)
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            receiver.calls.put(call)

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    yield receiver
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Clock:
    """Epoch seconds that only move when a test moves them; starts at the beginning of a minute."""

    seconds: float = 1_795_291_200.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(product: Receiver, clock: Clock) -> Iterator[SandboxServer]:
    settings = Settings(
        base_url=product.url,
        aircall_event_delay=0.0,
        aircall_webhook_retry_delay=0.0,
        twilio_event_delay=0.0,
        runner_retry_delay=0.0,
    )
    with running(settings, now=clock) as server:
        yield server


def client(url: str, **options: Any) -> httpx.Client:
    """Without certificates, which take longer to load than a test to run."""
    return httpx.Client(base_url=url, trust_env=False, verify=False, **options)


@pytest.fixture
def aircall(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    headers = {"Content-Type": "application/json"}
    auth = ("sandbox-id", "sandbox-token")
    with client(f"{sandbox.url}/aircall", auth=auth, headers=headers) as http:
        yield http


@pytest.fixture
def hubspot(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer sandbox-hubspot-token"}
    with client(f"{sandbox.url}/hubspot", headers=headers) as http:
        yield http


@pytest.fixture
def control(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    with client(f"{sandbox.url}/_control") as http:
        yield http
