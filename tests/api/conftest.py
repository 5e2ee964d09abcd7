"""A workspace with a key, and its API as a program calls it: without a session, through few middlewares."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from smsadmin import cache
from smsadmin.api import keys
from smsadmin.api.models import Key, KeyScope
from smsadmin.api.problems import help_url
from smsadmin.directory.models import Agent, Number
from smsadmin.sending import bell
from smsadmin.workspaces.models import Member, Workspace
from tests.factories import make_agent, make_member, make_number, make_workspace, put_on


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """Nothing remembered or counted by another test; requests are answered as smsadmin.wsgi answers these paths."""
    settings.MIDDLEWARE = settings.MACHINE_MIDDLEWARE
    monkeypatch.setattr(bell, "ring", lambda connection_id: None)
    cache.forget()
    caches["api"].clear()
    yield
    cache.forget()


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def owner(workspace: Workspace) -> Member:
    return make_member(workspace)


@pytest.fixture
def number(workspace: Workspace) -> Number:
    found = make_number(workspace, "+12025550101", name="Sales US", country="US")
    put_on(found, make_agent(workspace, "mia@example.com"))
    return found


@pytest.fixture
def mia(number: Number) -> Agent:
    return number.agents.get()


@dataclass
class Program:
    """Somebody's program with its key."""

    key: Key
    token: str
    client: Client

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1/{path}", query, headers=self.headers)

    def post(self, path: str, body: Any = None, key: str = "", **headers: str) -> Any:
        """`key` is the idempotency key; a body that is no JSON yet becomes so."""
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        headers = {**self.headers, **headers, **({"Idempotency-Key": key} if key else {})}
        return self.client.post(f"/api/v1/{path}", content, "application/json", headers=headers)

    def delete(self, path: str, **query: str) -> Any:
        return self.client.delete(f"/api/v1/{path}", query_params=query, headers=self.headers)


def make_program(member: Member, *, test: bool = False, **columns: Any) -> Program:
    name = "Trial" if test else "Planner"
    key, token = keys.make(member.workspace, name, member.user, timezone.now(), None, KeyScope, test=test)
    Key.objects.filter(pk=key.pk).update(**columns)
    return Program(key, token, Client())


@pytest.fixture
def program(owner: Member) -> Program:
    return make_program(owner)


def told(response: Any, status: int, code: str) -> dict[str, Any]:
    """The problem that a call was answered with; it must be this one, and complete."""
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    problem: dict[str, Any] = response.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, help_url(code))
    assert problem["title"]
    assert problem["detail"]
    return problem
