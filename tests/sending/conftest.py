"""The flow without its surroundings: a clock that is moved by hand, a provider and a bell that keep lists."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from smsadmin import cache
from smsadmin.directory.models import Number
from smsadmin.sending import bell, dispatch
from smsadmin.sending.models import Message
from tests.factories import FakeProvider, make_number, make_workspace

NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self, start: datetime = NOW) -> None:
        self.at = self.start = start

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - self.start).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Rows are rolled back after a test; what a process remembers of them must go too."""
    cache.forget()
    yield
    cache.forget()


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The connections that were rung for."""
    rung: list[int] = []
    monkeypatch.setattr(bell, "ring", rung.append)
    monkeypatch.setattr(bell, "once", lambda *_, **__: None)
    return rung


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(dispatch, "timezone", SimpleNamespace(now=made.now))
    monkeypatch.setattr(dispatch, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> FakeProvider:
    fake = FakeProvider()
    monkeypatch.setattr(dispatch, "provider_of", lambda connection: fake)
    return fake


@pytest.fixture
def number(db: None) -> Number:
    """An eligible number with two users on it."""
    return make_number(make_workspace(), users=("mia@example.com", "leo@example.com"))


@pytest.fixture
def drain(clock: Clock, rings: list[int]) -> Callable[..., int]:
    """Runs the drain of an account until it rings no more; then, for some seconds of the clock, as the sweep does."""

    def run(connection_id: int, seconds: float = 0) -> int:
        done, ends = 0, clock.at + timedelta(seconds=seconds)
        while True:
            rings.clear()
            done += dispatch.drain(connection_id, clock.sleep)
            if rings:
                continue
            if clock.at >= ends:
                return done
            clock.sleep(5)

    return run


def events(message: Message) -> list[tuple[str, Any]]:
    return list(message.events.values_list("kind", "data"))
