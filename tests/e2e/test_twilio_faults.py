"""Twilio that fails a fifth of the time: every message ends, none is sent twice and none is lost.

The real queue and the real drain in this process, against the sandbox over HTTP, whose callbacks come in any order,
twice or never. What must be true at the end is asked of the stand-in, which cannot be wrong about what it got.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from smsadmin import cache
from smsadmin.core.status import SETTLED
from smsadmin.incoming import bell as incoming_bell
from smsadmin.incoming import handling, lookups
from smsadmin.pacing import slots
from smsadmin.quotas.models import Rule
from smsadmin.sandbox.faults import Fault
from smsadmin.sandbox.server import SandboxServer, running
from smsadmin.sandbox.state import TWILIO_SID, Settings
from smsadmin.sending import bell, dispatch
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection
from tests.counted import assert_counters_equal_the_log
from tests.factories import ask, make_connection, make_number, make_workspace

MESSAGES = int(os.environ.get("TWILIO_MESSAGES", "30"))  # `make chaos` sends more
#: Half of them never leave, half leave and nobody is told so.
BEFORE = ("400", "429", "500", "502", "reset_before")
AFTER = ("timeout", "reset_after", "500_after", "invalid_json", "cut")
SHARE = 0.02  # of the sends meet each of these: a fifth meets one
OURS = "+12065550188"

pytestmark = pytest.mark.django_db


@dataclass
class Callbacks:
    """Where the sandbox calls: what came in is handed to the product by the test, in its own thread and database."""

    url: str
    came: queue.Queue[tuple[str, bytes, dict[str, str]]] = field(default_factory=queue.Queue)
    client: Client = field(default_factory=Client)

    def deliver(self) -> None:
        while not self.came.empty():
            path, body, headers = self.came.get()
            answer = self.client.post(path, body, "application/x-www-form-urlencoded", headers=headers)
            assert answer.status_code == 204, answer.content
        handling.run()


@pytest.fixture
def callbacks(settings: Any) -> Iterator[Callbacks]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.came.put((self.path, body, {"X-Twilio-Signature": self.headers["X-Twilio-Signature"]}))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    settings.BASE_URL = f"http://127.0.0.1:{server.server_address[1]}"
    heard = Callbacks(settings.BASE_URL)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True).start()
    yield heard
    server.shutdown()
    server.server_close()


@pytest.fixture
def sandbox(settings: Any) -> Iterator[SandboxServer]:
    quick = Settings(
        twilio_event_delay=0.05,
        twilio_events_doubled=0.2,
        twilio_events_shuffled=0.2,
        twilio_events_dropped=0.6,
        twilio_retry_after=0.01,
    )
    with running(quick, now=time.time) as server:
        settings.TWILIO_BASE_URL = f"{server.url}/twilio"
        settings.PROVIDER_READ_TIMEOUT, settings.DISPATCH_LINGER = 0.5, 0.0
        settings.CONFIGURATION_TTL = 0
        for kind in (*BEFORE, *AFTER):
            fault = {"service": "twilio", "kind": kind, "share": SHARE, "seconds": 1}
            server.state.faults.append(Fault.parse(fault))
        # At least one of those that nobody can tell from a send that never left.
        server.state.faults.append(Fault.parse({"service": "twilio", "kind": "reset_after", "count": 1}))
        yield server


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Connection:
    for module in (bell, incoming_bell):
        monkeypatch.setattr(module, "ring", lambda *_: None)
    cache.forget()
    found = make_connection(make_workspace(), "twilio", external_id=TWILIO_SID, requests_per_minute=10_000)
    Rule.objects.filter(workspace=found.workspace).update(limit=10 * MESSAGES, reason="all at once")
    make_number(found.workspace, OURS, connection=found, provider_id=OURS)
    return found


@pytest.mark.timeout(120 + MESSAGES)
def test_a_fifth_of_faults_doubles_nothing_and_loses_nothing(
    account: Connection, sandbox: SandboxServer, callbacks: Callbacks
) -> None:
    number = account.numbers.get()
    phones = [f"+1312555{serial:04}" for serial in range(MESSAGES)]
    for phone in phones:
        assert accept(ask(number, phone=phone)).status == "queued"

    settle(account, callbacks)

    received = Counter(message.recipient for message in list(sandbox.state.messages))
    assert max(received.values()) == 1, received.most_common(3)
    rows = {message.recipient: message for message in Message.objects.all()}
    assert set(rows) == set(phones)
    left = {phone for phone, each in rows.items() if each.status in ("sent", "delivered")}
    assert left == set(received), {phone: rows[phone].status for phone in left ^ set(received)}
    assert all(rows[phone].provider_id for phone in left)
    assert_counters_equal_the_log()


def settle(account: Connection, callbacks: Callbacks) -> None:
    """The queue is empty, and what left without a usable answer was told by a callback, or looked up."""
    ends = time.monotonic() + 60 + MESSAGES
    while Message.objects.exclude(status__in=SETTLED).exists():
        assert time.monotonic() < ends, Counter(Message.objects.values_list("status", flat=True))
        Message.objects.filter(status="queued").update(next_attempt_at=timezone.now())
        slots.forget(account.pk)
        dispatch.drain(account.pk, sleep=lambda seconds: time.sleep(min(seconds, 0.01)))
        callbacks.deliver()
    time.sleep(0.3)  # the last callbacks are on their way
    callbacks.deliver()
    for minutes in range(1, 21):  # some looks fail too, and are made again
        slots.forget(account.pk)
        lookups.run(timezone.now() + timedelta(minutes=minutes))
