"""A workspace with a HubSpot portal, played by the sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smsadmin import cache
from smsadmin.workspaces.models import Connection, Workspace
from tests.crm.standin import StandIn, stand_in
from tests.factories import make_connection, make_workspace


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    cache.forget()
    yield
    cache.forget()


@pytest.fixture
def hubspot(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return stand_in(monkeypatch)


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def portal(workspace: Workspace) -> Connection:
    return make_connection(workspace, "hubspot")
