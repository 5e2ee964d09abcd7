"""Workers killed at the worst moments, and a broker that forgets: nothing is sent twice, nothing is lost."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connection

from smsadmin import cache
from smsadmin.celery import app
from smsadmin.directory.models import Number
from smsadmin.sandbox.server import SandboxServer, running
from smsadmin.sandbox.state import Settings
from smsadmin.sending import bell, dispatch
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Event, Message
from smsadmin.workspaces.models import Connection
from tests.counted import assert_counters_equal_the_log
from tests.e2e.processes import Program, until
from tests.factories import ask, make_connection, make_number, make_workspace

KILLS = int(os.environ.get("CHAOS_KILLS", "5"))  # `make chaos` kills more often
MESSAGES, NUMBERS = KILLS * 25, 4
AT_ONCE = 10  # messages in flight; the kills use up less than half of them
LEASE = 1.0  # seconds: short, for every kill waits for it
ANSWER = 0.25  # seconds that the stand-in takes after it has taken a message

pytestmark = [pytest.mark.processes, pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Aircall's stand-in, which takes a message at once and answers late."""
    quick = Settings(aircall_requests_per_minute=0, aircall_number_limits=False, aircall_event_delay=0.0)
    with running(quick) as server:
        slow = {"kind": "slow", "seconds": ANSWER}
        httpx.post(f"{server.url}/_control/faults", json=slow, trust_env=False).raise_for_status()
        yield server


@pytest.fixture
def account(transactional_db: None, sandbox: SandboxServer) -> Connection:
    """An account with some numbers, each with quota enough, at a pace that keeps `AT_ONCE` in flight."""
    workspace = make_workspace()
    account = make_connection(workspace, requests_per_minute=AT_ONCE * 60)
    for provider_id in list(sandbox.state.numbers)[:NUMBERS]:
        make_number(workspace, connection=account, provider_id=str(provider_id))
    return account


class Workers:
    """One worker at a time, on this test's database and broker and on the sandbox."""

    def __init__(self, sandbox: SandboxServer, folder: Path) -> None:
        database = connection.settings_dict
        if connection.vendor == "sqlite":
            url = f"sqlite:///{database['NAME']}"
        else:
            url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
        self.environment = dict(
            os.environ,
            DJANGO_SETTINGS_MODULE="smsadmin.settings",
            DATABASE_URL=url,
            AIRCALL_BASE_URL=f"{sandbox.url}/aircall",
            DISPATCH_LEASE=str(LEASE),
            PROVIDER_READ_TIMEOUT="20",  # a machine that is busy must not look like a silent provider
        )
        self.folder, self.started = folder, list[Program]()

    def start(self) -> Program:
        celery = ["-m", "celery", "-A", "smsadmin.celery:app", "worker", "-P", "threads", "-c", "4"]
        log = self.folder / f"worker-{len(self.started)}.log"
        self.started.append(Program([*celery, "-l", "INFO"], self.environment, log))
        return self.started[-1]

    def end(self) -> None:
        for worker in self.started:
            worker.kill()


@pytest.fixture
def workers(account: Connection, sandbox: SandboxServer, tmp_path: Path) -> Iterator[Workers]:
    """Nobody has rung before, and nobody works when the database is emptied."""
    app.control.purge()
    cache.forget()
    bell._rung.clear()
    made = Workers(sandbox, tmp_path)
    yield made
    made.end()
    app.control.purge()
    cache.forget()


@pytest.mark.timeout(180)
def test_workers_killed_in_flight_send_nothing_twice_and_lose_nothing(
    account: Connection, sandbox: SandboxServer, workers: Workers
) -> None:
    accept_many(account, MESSAGES)

    hits = 0
    moments = cycle((just_claimed, taken_by_the_provider, some_sent_and_more_taken))
    for kills, moment in enumerate(moments, start=1):
        worker = workers.start()
        moment(sandbox, worker)
        worker.kill()
        hits += bool(in_flight())
        if hits == KILLS:
            break
        assert kills < KILLS * 2, f"{hits} of {kills} kills met messages in flight"
    Connection.objects.filter(pk=account.pk).update(requests_per_minute=6000)
    last = workers.start()
    sweep_until(lambda: not unsettled().exists(), last, seconds=60)

    received = Counter(message.body for message in sandbox.state.messages)
    by_status: dict[str, set[str]] = {"sent": set(), "unknown": set()}
    for body, status in Message.objects.values_list("body", "status"):
        by_status[status].add(body)
    assert max(received.values()) == 1, received.most_common(5)
    assert len(by_status["sent"]) + len(by_status["unknown"]) == MESSAGES
    assert by_status["sent"] <= set(received)
    assert set(received) <= by_status["sent"] | by_status["unknown"]
    assert len(by_status["unknown"]) >= KILLS
    assert by_status["unknown"] & set(received), "no kill came between the message and its answer"
    assert_explained(by_status["unknown"])
    # Nobody knows whether these left, so they go on counting.
    assert not Message.objects.filter(refunded_at__isnull=False).exists()
    assert_counters_equal_the_log()


def just_claimed(sandbox: SandboxServer, worker: Program) -> None:
    """Rows are claimed, and what a worker killed before has left is settled."""
    sweep_until(lambda: not in_flight(), worker)
    sweep_until(in_flight, worker)


def taken_by_the_provider(sandbox: SandboxServer, worker: Program) -> None:
    """The stand-in has taken a message that it has not answered yet."""
    just_claimed(sandbox, worker)
    sweep_until(lambda: in_flight() & taken(sandbox), worker)


def some_sent_and_more_taken(sandbox: SandboxServer, worker: Program) -> None:
    """Not the first batch of this worker."""
    before = status_counts()["sent"]
    sweep_until(lambda: status_counts()["sent"] > before, worker)
    taken_by_the_provider(sandbox, worker)


def in_flight() -> set[str]:
    return set(Message.objects.filter(status="sending").values_list("body", flat=True))


def taken(sandbox: SandboxServer) -> set[str]:
    return {message.body for message in list(sandbox.state.messages)}


def sweep_until(found: Any, worker: Program, seconds: float = 30.0) -> None:
    """Polls, and sweeps now and then as the scheduler does."""
    swept = 0.0

    def sweep_and_look() -> bool:
        nonlocal swept
        assert worker.process.poll() is None, worker.output[-2000:]
        if time.monotonic() - swept > 0.3:
            dispatch.sweep()
            swept = time.monotonic()
        return bool(found())

    until(sweep_and_look, seconds, lambda: (status_counts(), worker.output[-2000:]))


def assert_explained(bodies: set[str]) -> None:
    """Each of these says that its worker died, in the row and in its timeline."""
    for message in Message.objects.filter(body__in=bodies):
        assert message.error_code == "PROVIDER_UNKNOWN"
        assert message.error_facts["reason"] == "its worker stopped before the answer"
        assert Event.objects.filter(message=message, kind=Event.Kind.LOST).count() == 1


def test_a_broker_that_forgot_its_bells_loses_no_message(
    account: Connection, sandbox: SandboxServer, workers: Workers
) -> None:
    accept_many(account, 40)
    assert app.control.purge() >= 1
    worker = workers.start()
    worker.wait_until_it_says(" ready.")
    assert status_counts() == {"queued": 40}

    sweep_until(lambda: not unsettled().exists(), worker)

    assert status_counts() == {"sent": 40}
    assert len(sandbox.state.messages) == 40
    assert_counters_equal_the_log()
    assert taken(sandbox) == {f"Message {index}" for index in range(40)}


def accept_many(account: Connection, count: int) -> None:
    numbers = cycle(Number.objects.filter(connection=account))
    for index, number in zip(range(count), numbers, strict=False):
        assert accept(ask(number, message=f"Message {index}")).status == "queued"


def unsettled() -> Any:
    return Message.objects.filter(status__in=("queued", "sending"))


def status_counts() -> Counter[str]:
    return Counter(Message.objects.values_list("status", flat=True))
