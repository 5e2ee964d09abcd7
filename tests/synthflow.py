"""The sandbox's Synthflow without a socket: what our client asks is handed to it as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from smsadmin.providers import http
from smsadmin.providers.base import Exchange
from smsadmin.providers.synthflow import client
from smsadmin.sandbox.seeds import seeds
from smsadmin.sandbox.server import answer
from smsadmin.sandbox.state import Settings, State
from smsadmin.sandbox.web import Request


@dataclass
class Workspace:
    """What it has (`state`), and the paths that were asked for."""

    state: State
    asked: list[str] = field(default_factory=list)

    def add(self, action_id: str, kind: str, body: dict[str, Any], **attached: dict[str, Any]) -> None:
        self.state.synthflow_actions[action_id] = {
            "action_id": action_id,
            "type": kind,
            "body": body,
            "attached": attached,
        }


@pytest.fixture
def synthflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    there = Workspace(State(Settings(), seeds))

    def call(method: str, url: str, *, headers: Any, params: Any = None, **_options: Any) -> http.Answer:
        target = urlsplit(url).path + (f"?{urlencode(params)}" if params else "")
        there.asked.append(target)
        sent = {name.lower(): value for name, value in headers.items()}
        path = urlsplit(url).path.removeprefix("/synthflow")
        found = answer(there.state, Request(method, target, path, sent, b""), "synthflow")
        exchange = Exchange(method, url, http_status=found.status, answer=found.body.decode()[:1000])
        return http.Answer(exchange, body=json.loads(found.body) if found.body.startswith(b"{") else None)

    monkeypatch.setattr(http, "call", call)
    monkeypatch.setattr(client, "PACE", 0)
    yield there
    there.state.close()
