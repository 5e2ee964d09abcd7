"""A connected portal, signed calls from it, and a provider that keeps a list instead of sending."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from hubspot.utils.signature import Signature

from smsadmin import cache
from smsadmin.core.message import Accepted, Sms
from smsadmin.providers.base import Exchange, Result
from smsadmin.sending import bell, dispatch, refused
from smsadmin.sending.models import Message
from smsadmin.triggers.hubspot import answer, views
from smsadmin.workspaces.models import Connection, Workspace
from tests.factories import PORTAL, make_connection, make_number, make_workspace

SECRET = "sandbox-client-secret"
SEND = "/hubspot/actions/send-sms"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """Nothing remembered from another test, nobody to wait for, and no bell."""
    settings.HUBSPOT_CLIENT_SECRET, settings.DISPATCH_LINGER = "", 0
    monkeypatch.setattr(views, "waiters", answer.Waiters(0))
    monkeypatch.setitem(refused._kept, "rows", 0)
    monkeypatch.setattr(bell, "ring", lambda connection_id: None)
    cache.forget()
    yield
    cache.forget()


@dataclass
class Portal:
    """The HubSpot portal as it calls us."""

    connection: Connection
    client: Client = field(default_factory=Client)

    @property
    def workspace(self) -> Workspace:
        return self.connection.workspace

    def call(self, path: str, payload: Any, *, secret: str = SECRET, version: str = "v2") -> HttpResponse:
        """POSTs what HubSpot would, signed with its own client for the address it believes to call."""
        body = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
        return self.client.post(
            path,
            body.encode("utf-8", "surrogatepass"),
            "application/json",
            headers=signed(path, body, secret, version),
        )

    def run(self, inputs: dict[str, Any] | None = None, query: str = "", **changes: Any) -> dict[str, Any]:
        """The output fields that an execution is answered with; it must be a 200."""
        response = self.call(f"{SEND}{query}", execution(inputs, **changes))
        assert response.status_code == 200, response.content
        return response.json()["outputFields"]


def signed(path: str, body: str, secret: str = SECRET, version: str = "v2") -> dict[str, str]:
    uri, now = f"http://testserver{path}", str(int(time.time() * 1000))
    body = body.encode("utf-8", "replace").decode()
    made = Signature.get_signature(secret, body, version, uri, "POST", now)
    if version == "v3":
        return {"X-HubSpot-Signature-v3": made, "X-HubSpot-Request-Timestamp": now}
    return {"X-HubSpot-Signature": made, "X-HubSpot-Signature-Version": "v2"}


def execution(inputs: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """An execution with the keys HubSpot documents and no others."""
    documented = {
        "callbackId": "ap-9000001-700000000001-4-0",
        "origin": {"portalId": int(PORTAL), "actionDefinitionId": 123456789, "actionDefinitionVersion": 3},
        "context": {"source": "WORKFLOWS", "workflowId": 1700000001},
        "object": {"objectId": 4242, "objectType": "CONTACT", "properties": {}},
        "inputFields": inputs or {},
    }
    return documented | changes


@pytest.fixture
def portal(db: None) -> Portal:
    return Portal(make_connection(make_workspace(), "hubspot"))


@pytest.fixture
def line(portal: Portal) -> Any:
    """An eligible number with two users."""
    account = make_connection(portal.workspace, requests_per_minute=60_000)  # nobody paces a fake
    users = ("mia@example.com", "leo@example.com")
    return make_number(portal.workspace, "+12025550100", name="Sales", connection=account, users=users)


@pytest.fixture
def inputs(line: Any) -> dict[str, str]:
    """What a step's own fields hold when all is well."""
    return {
        "sender_mode": "number",
        "sender_number": line.provider_id,
        "send_as_mode": "default",
        "recipient": "+12025550123",
        "message": "Hi Zoë",
    }


@dataclass
class FakeProvider:
    name: str = "Aircall"
    result: Callable[[Sms], Result] = lambda sms: Result(Exchange("POST", "/"), accepted=Accepted("SM1"))
    sent: list[Sms] = field(default_factory=list)

    def send(self, sms: Sms) -> Result:
        self.sent.append(sms)
        return self.result(sms)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> FakeProvider:
    fake = FakeProvider()
    monkeypatch.setattr(dispatch, "provider_of", lambda connection: fake)
    return fake


@pytest.fixture
def worker(line: Any, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, settings: Any) -> FakeProvider:
    """A worker that sends while the request waits; the wait itself takes no time."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(dispatch, "LONGEST_TURN", 0.1)  # not to sit out a rate limit

    def sleep(seconds: float) -> None:
        clock.now += seconds
        if Message.objects.filter(status="queued", attempts=0).exists():
            dispatch.drain(line.connection_id, sleep=lambda _: None)

    monkeypatch.setattr(answer, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep))
    monkeypatch.setattr(views, "waiters", answer.Waiters(1))
    settings.HUBSPOT_ANSWER_WAIT = 4.0
    return provider
