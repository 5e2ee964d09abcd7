"""A workspace with two accounts, and a provider for each: the flow's clock and bell are those of the sending tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from smsadmin.directory.models import Number
from smsadmin.routing.models import Route
from smsadmin.sending import dispatch
from smsadmin.workspaces.models import Connection, Workspace
from tests.factories import FakeProvider, make_connection, make_number, make_route, make_workspace
from tests.sending.conftest import Clock, _fresh, clock, drain, rings

__all__ = ("Clock", "_fresh", "clock", "drain", "rings")


@dataclass
class House:
    """The number that actions name, with mia and leo on it, one of another account, and one of a third."""

    workspace: Workspace
    first: Number
    second: Number
    third: Number
    providers: dict[int, FakeProvider]

    def of(self, number: Number) -> FakeProvider:
        """The provider of the number's account."""
        return self.providers[number.connection_id]

    @property
    def asked(self) -> int:
        """How often any of the providers was asked to carry something."""
        return sum(len(provider.sent) for provider in self.providers.values())

    def failover(self, via: Number, **columns: Any) -> Route:
        return make_route(via, when="failover", **columns)


@pytest.fixture
def house(db: None, monkeypatch: pytest.MonkeyPatch) -> House:
    workspace = make_workspace()
    first = make_number(workspace, "+12025550101", users=("mia@example.com", "leo@example.com"))
    second, third = (
        make_number(
            workspace,
            e164,
            connection=make_connection(workspace, Connection.Kind.CALLR, name=name),
            name=name,
        )
        for e164, name in (("+12025550202", "Second"), ("+12025550303", "Third"))
    )
    providers = {
        each.connection_id: FakeProvider(name)
        for each, name in ((first, "Aircall"), (second, "Callr"), (third, "Callr"))
    }
    monkeypatch.setattr(dispatch, "provider_of", lambda connection: providers[connection.pk])
    return House(workspace, first, second, third, providers)


@pytest.fixture
def work(house: House, drain: Callable[..., int]) -> Callable[..., None]:
    """Drains all accounts in turn until nothing leaves any more, as workers do."""

    def run(seconds: float = 0) -> None:
        while sum(drain(account, seconds) for account in house.providers):
            pass

    return run
