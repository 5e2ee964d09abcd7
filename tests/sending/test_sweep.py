"""The bell and the sweep: a lost ring loses nothing."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from smsadmin.directory.models import Number
from smsadmin.sending import bell, dispatch, log
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled
from smsadmin.sending.tasks import drain as drain_task
from tests.factories import ask, make_number, make_workspace
from tests.sending.conftest import NOW, Clock, events

ring, once = bell.ring, bell.once  # the fixture `rings` puts a list in their place


class Task:
    """A task that keeps its calls, or fails as a broken broker makes it."""

    def __init__(self, error: Exception | None = None, name: str = "drain") -> None:
        self.name, self.error, self.calls = name, error, list[Any]()

    def apply_async(self, arguments: tuple[Any, ...], **options: Any) -> None:
        assert options == {"retry": False}
        self.calls.append(arguments)
        if self.error:
            raise self.error


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(bell, "time", SimpleNamespace(monotonic=clock.monotonic))
    monkeypatch.setattr(bell, "_rung", {})
    return clock


def test_a_burst_rings_once(time: Clock) -> None:
    task = Task()
    for _ in range(50):
        once(task, 7, quiet=0.1)
        time.sleep(0.001)
    assert task.calls == [(7,)]
    time.sleep(0.1)
    once(task, 7, quiet=0.1)
    assert task.calls == [(7,), (7,)]


def test_whoever_can_ring_rings_at_our_broker() -> None:
    assert drain_task.app.main == "smsadmin"


def test_accounts_are_rung_for_apart(time: Clock) -> None:
    task = Task()
    once(task, 7, quiet=0.1)
    once(task, 8, quiet=0.1)
    assert task.calls == [(7,), (8,)]


def test_a_broken_broker_is_not_asked_again_by_every_message(time: Clock) -> None:
    task = Task(OSError("connection refused"))
    for _ in range(40):
        once(task, 7, quiet=0.1)
        time.sleep(0.1)
    assert len(task.calls) == 1
    time.sleep(bell.QUIET_WHEN_BROKEN)
    once(task, 7, quiet=0.1)
    assert len(task.calls) == 2


@pytest.mark.django_db(transaction=True)
def test_a_broken_broker_fails_no_acceptance(
    number: Number, time: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task(RuntimeError("whatever the library raises"))
    monkeypatch.setattr(bell, "ring", ring)
    monkeypatch.setattr(bell, "once", once)
    monkeypatch.setattr(drain_task, "apply_async", task.apply_async)
    assert accept(ask(number), NOW).status == "queued"
    assert task.calls == [(number.connection_id,)]


def test_a_process_is_quiet_for_less_time_than_a_drain_lingers(
    time: Clock, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    quiet: list[float] = []
    monkeypatch.setattr(bell, "once", lambda *_, quiet=0.0, into=quiet: into.append(quiet))
    ring(7)
    assert 0 < quiet[0] < settings.DISPATCH_LINGER / 2


def test_the_sweep_rings_for_accounts_with_due_rows(number: Number, rings: list[int]) -> None:
    other, idle, later = (make_number(make_workspace()) for _ in range(3))
    accept(ask(number), NOW)
    accept(ask(number), NOW)
    accept(ask(other), NOW)
    accept(ask(idle, phone=""), NOW)
    put_off = accept(ask(later), NOW)
    Message.objects.filter(pk=put_off.pk).update(next_attempt_at=NOW + timedelta(seconds=9))

    dispatch.sweep(NOW)
    assert sorted(rings) == sorted([number.connection_id, other.connection_id])

    rings.clear()
    dispatch.sweep(NOW + timedelta(seconds=9))
    assert later.connection_id in rings


def test_rows_of_a_worker_that_died_become_unknown_and_never_queued(number: Number, rings: list[int]) -> None:
    told: list[Any] = []

    def hear(ids: list[Any], **_: Any) -> None:
        told.extend(ids)

    settled.connect(hear)
    message = accept(ask(number), NOW)
    log.claim([message.pk], message.pk, NOW, NOW + timedelta(seconds=60))

    dispatch.sweep(NOW + timedelta(seconds=60))
    message.refresh_from_db()
    assert message.status == "sending"

    dispatch.sweep(NOW + timedelta(seconds=61))
    message.refresh_from_db()
    assert (message.status, message.error_code) == ("unknown", "PROVIDER_UNKNOWN")
    assert events(message) == [("lost", {})]
    assert told == [message.pk]
    assert rings == []
