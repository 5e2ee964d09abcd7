"""A workspace whose failures are held against rules by a clock of the test, and a program that receives webhooks."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import time_machine
from django.test import Client

from smsadmin.core.status import Status
from smsadmin.directory.models import Number
from smsadmin.failures.models import Failure
from smsadmin.notices import bell, watching
from smsadmin.notices.models import Endpoint, Notice, NoticeRule
from smsadmin.notices.shipped import USUAL
from smsadmin.quotas.models import Crossing, Scope
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Role, Workspace
from tests.factories import make_member, make_message, make_workspace

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def at(**later: float) -> datetime:
    """A moment of the test's day, counted from its start."""
    return START + timedelta(**later)


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How often a worker was rung for."""
    rung: list[str] = []
    monkeypatch.setattr(bell, "ring", lambda: rung.append("ring"))
    return rung


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace("Example Ltd")


@pytest.fixture
def client(workspace: Workspace) -> Client:
    return signed_in(workspace)


def signed_in(workspace: Workspace, role: str = Role.EDITOR) -> Client:
    browser = Client()
    browser.force_login(make_member(workspace, role).user)
    return browser


def make_rule(workspace: Workspace, **columns: Any) -> NoticeRule:
    """A rule that tells one person of any new cause, made at the start."""
    defaults: dict[str, Any] = {"name": "Operators", "emails": ["ops@example.com"], "looked_at": START}
    return NoticeRule.objects.create(workspace=workspace, **{**defaults, **columns})


def make_limit_rule(workspace: Workspace, **columns: Any) -> NoticeRule:
    """A rule that tells in the list of notices of every threshold and forecast of a day or month."""
    usual = {**USUAL, "thresholds": [50, 80, 90, 100], "name": "Limits", "emails": [], "begun_at": START}
    return make_rule(workspace, **{**usual, "when": "quota", **columns})


def crossed(number: Number, threshold: int = 80, when: datetime = START, **columns: Any) -> Crossing:
    """A limit of the number, 10 messages a day, came to a threshold then; 0: it will run out an hour later."""
    defaults: dict[str, Any] = {
        "scope": Scope.NUMBER,
        "subject_id": number.pk,
        "zone": "UTC",
        "window": "day",
        "unit": "messages",
        "began_at": START.replace(hour=0),
        "used": threshold // 10 or 4,
        "limit": 10,
        "runs_out_at": None if threshold else when + timedelta(hours=1),
    }
    return Crossing.objects.create(
        workspace=number.workspace, threshold=threshold, at=when, **{**defaults, **columns}
    )


def make_endpoint(workspace: Workspace, url: str = "http://127.0.0.1:9/hook", **columns: Any) -> Endpoint:
    return Endpoint.objects.create(
        workspace=workspace, url=url, **{"secrets": {"secret": SECRET}, "made_at": START, **columns}
    )


def failed(
    workspace: Workspace,
    came: datetime,
    code: str = "RATE_LIMITED",
    facts: dict[str, Any] | None = None,
    after: timedelta = timedelta(0),
    **columns: Any,
) -> Message:
    """A message that came in then and failed `after` that."""
    return make_message(
        workspace,
        at=came,
        status=columns.pop("status", Status.FAILED),
        error_code=code,
        error_facts={"provider": "Aircall", "attempts": 5} if facts is None else facts,
        finished_at=came + after,
        **columns,
    )


def decide(workspace: Workspace, message: Message, state: str, when: datetime) -> None:
    """What somebody decides on the page of failures."""
    Failure.objects.update_or_create(
        workspace=workspace, cause=message.cause, defaults={"state": state, "state_at": when, "at": when}
    )


def look(now: datetime) -> int:
    """One sweep; how many notices there are afterwards."""
    watching.sweep(now)
    return Notice.objects.count()


@dataclass
class Received:
    """A webhook as it came over the wire."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A program that takes webhooks; `answers` are its next statuses, then 204."""

    url: str = ""
    got: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    said: bytes = b""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.got.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status = told.answers.pop(0) if told.answers else 204
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(told.said)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def travel() -> Iterator[Callable[[datetime], None]]:
    """Sets the clock, which then stands still."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller.move_to
