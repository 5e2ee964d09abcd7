"""What a process may rely on for a moment."""

from types import SimpleNamespace
from typing import Any

import pytest

from smsadmin import cache


class Source:
    """Counts how often it is read, and gives that number."""

    def __init__(self) -> None:
        self.reads = 0

    def __call__(self) -> int:
        self.reads += 1
        return self.reads


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = SimpleNamespace(at=100.0)
    made.monotonic = lambda: made.at
    monkeypatch.setattr(cache, "time", made)
    monkeypatch.setattr(cache, "_values", {})
    return made


def test_a_value_is_read_once_and_again_when_its_time_is_over(clock: SimpleNamespace, settings: Any) -> None:
    settings.CONFIGURATION_TTL = 1.0
    source = Source()
    assert [cache.remembered("key", source) for _ in range(3)] == [1, 1, 1]
    clock.at += 0.99
    assert cache.remembered("key", source) == 1
    clock.at += 0.02
    assert cache.remembered("key", source) == 2


def test_a_value_may_have_a_life_of_its_own(clock: SimpleNamespace) -> None:
    source = Source()
    cache.remembered("key", source, seconds=600)
    clock.at += 599
    assert cache.remembered("key", source, seconds=600) == 1


def test_with_no_life_nothing_is_kept(clock: SimpleNamespace, settings: Any) -> None:
    settings.CONFIGURATION_TTL = 0
    source = Source()
    assert [cache.remembered("key", source) for _ in range(2)] == [1, 2]


def test_keys_are_kept_apart_and_nothing_found_is_kept_too(clock: SimpleNamespace) -> None:
    source = Source()
    assert cache.remembered(("a", 1), lambda: source() and None) is None
    assert cache.remembered(("a", 1), source) is None
    assert cache.remembered(("a", 2), source) == 2


def test_what_was_changed_here_is_seen_at_once(clock: SimpleNamespace) -> None:
    source = Source()
    cache.remembered("key", source)
    cache.forget()
    assert cache.remembered("key", source) == 2


def test_a_read_that_fails_is_not_remembered(clock: SimpleNamespace) -> None:
    source = Source()
    with pytest.raises(ZeroDivisionError):
        cache.remembered("key", lambda: 1 // 0)
    assert cache.remembered("key", source) == 1


def test_what_has_ended_is_dropped_and_not_kept_for_good(clock: SimpleNamespace) -> None:
    for key in ("a", "b"):
        cache.remembered(key, lambda: "customers", seconds=10)
    cache.remembered("c", lambda: "kept", seconds=60)
    clock.at += 20

    cache.remembered("d", lambda: "new", seconds=10)

    assert set(cache._values) == {"c", "d"}
    assert cache.remembered("c", lambda: "loaded again") == "kept"
