"""The sandbox's HubSpot in this process and without a socket, with what was asked of it kept in a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

import httpx
import pytest

from smsadmin.providers import http
from smsadmin.sandbox import server
from smsadmin.sandbox.hubspot import canonical
from smsadmin.sandbox.seeds import seeds
from smsadmin.sandbox.state import Settings, State
from smsadmin.sandbox.web import Request

NOW = 2_000_000_000.0  # after everything in the seeds


@dataclass
class StandIn:
    """Answers as HubSpot would, or with `answer` where that is set, to calls whose path contains `to`."""

    state: State
    answer: httpx.Response | Exception | None = None
    to: str = ""
    calls: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        if self.answer is not None and self.to in self.paths[-1]:
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer
        target = request.url.raw_path.decode()
        path = urlsplit(target).path.removeprefix("/hubspot")
        asked = Request(request.method, target, path, dict(request.headers), request.read())
        found = server.answer(self.state, asked, "hubspot")
        return httpx.Response(found.status, content=found.body, headers=found.headers)

    def fail(self, answer: httpx.Response | Exception | None, to: str = "") -> None:
        self.answer, self.to = answer, to

    @property
    def paths(self) -> list[str]:
        """What was asked for, without the service and its version."""
        return [canonical(call.url.path.removeprefix("/hubspot")) for call in self.calls]


def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A fresh one, in place of the network."""
    state = _state()
    state.reset()
    standin = StandIn(state)
    client = httpx.Client(transport=httpx.MockTransport(standin))
    monkeypatch.setattr(http, "client", lambda: client)
    return standin


@cache
def _state() -> State:
    """One for all tests, for it takes longer to make than to reset."""
    return State(Settings(hubspot_searches_per_second=1000), seeds, lambda: NOW)
