"""The sandbox's Aircall over real HTTP, and an Aircall that answers whatever a test says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from smsadmin.providers import http
from smsadmin.providers.aircall.client import Aircall
from smsadmin.providers.aircall.send import AircallSender
from smsadmin.sandbox.server import SandboxServer, running
from smsadmin.sandbox.state import Settings


@pytest.fixture
def sandbox(settings: Any) -> Iterator[SandboxServer]:
    settings.PROVIDER_READ_TIMEOUT = 0.3
    with running(Settings(aircall_event_delay=0.0), now=time.time) as server:
        settings.AIRCALL_BASE_URL = f"{server.url}/aircall"
        yield server


@pytest.fixture
def sender() -> AircallSender:
    return AircallSender(Aircall("sandbox-id", "sandbox-token", pause=lambda seconds: None))


Answers = Callable[..., list[httpx.Request]]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Answers:
    """Makes Aircall give these answers (or raise these errors) in turn; returns the list of requests it gets."""
    settings.AIRCALL_BASE_URL = "https://aircall.example"
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
