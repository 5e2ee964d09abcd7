"""A portal that installed our app in the sandbox, and a HubSpot that answers whatever a test says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from smsadmin.providers import http
from smsadmin.sandbox.server import SandboxServer, running
from smsadmin.sandbox.state import Settings
from smsadmin.workspaces.models import Connection
from tests.factories import PORTAL, make_connection, make_workspace

SCOPES = ["automation", "crm.objects.contacts.read", "crm.objects.contacts.write", "oauth"]


@pytest.fixture
def sandbox(settings: Any) -> Iterator[SandboxServer]:
    with running(Settings(), now=time.time) as server:
        settings.HUBSPOT_BASE_URL = f"{server.url}/hubspot"
        yield server


@pytest.fixture
def portal(db: None) -> Connection:
    """A portal by OAuth whose access token lives for another twenty minutes."""
    return make_connection(
        make_workspace(),
        "hubspot",
        auth="oauth",
        state="working",
        secrets={"access_token": "access-1", "refresh_token": "refresh-1"},
        scopes=SCOPES,
        token_expires_at=timezone.now() + timedelta(minutes=20),
        proven_at=timezone.now(),
    )


@pytest.fixture
def installed(sandbox: SandboxServer, portal: Connection) -> SandboxServer:
    """The sandbox, which knows the tokens of the portal."""
    grant = {"scopes": SCOPES, "portal": int(PORTAL)}
    sandbox.state.refresh_tokens["refresh-1"] = grant
    sandbox.state.access_tokens["access-1"] = {**grant, "expires_at": time.time() + 1200}
    return sandbox


def expire(portal: Connection, left: timedelta = timedelta(minutes=4)) -> None:
    """From now on the portal's token has only so long to live."""
    portal.token_expires_at = timezone.now() + left
    portal.save()


def refreshes(sandbox: SandboxServer) -> int:
    return sum(each["path"].endswith("/token") for each in sandbox.state.requests)


Answers = Callable[..., list[httpx.Request]]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    """Makes HubSpot give these answers (or raise these errors) in turn; returns the list of requests it gets."""
    headers = http.client().headers

    def give(*prepared: httpx.Response | Exception) -> list[httpx.Request]:
        requests: list[httpx.Request] = []
        left = list(prepared)

        def handle(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            answer = left.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        client = httpx.Client(transport=httpx.MockTransport(handle), headers=headers)
        monkeypatch.setattr(http, "client", lambda: client)
        return requests

    return give
