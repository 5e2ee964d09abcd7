"""How long an account's queue is and when it will be empty, and the page that says so."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from smsadmin.directory.models import Number, Refresh
from smsadmin.pacing import account, queue, slots
from smsadmin.sending import dispatch
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection
from tests.factories import (
    FakeProvider,
    accepted,
    ask,
    make_connection,
    make_member,
    make_number,
    make_workspace,
    rate_limited,
)
from tests.plans import plans_of_log, reads_whole_log
from tests.sending.conftest import NOW, Clock
from tests.sending.test_dispatch import copies


def wait(number: Number, count: int, **columns: Any) -> None:
    """So many messages of the number, due when they are not told otherwise."""
    Message.objects.bulk_create(copies(accept(ask(number), NOW), count - 1, **columns))


def account_of(number: Number) -> Connection:
    return Connection.objects.get(pk=number.connection_id)


def test_a_queue_is_told_apart_by_what_is_due_later_and_under_way(number: Number, rings: list[int]) -> None:
    wait(number, 3)
    later = accept(ask(number), NOW)
    Message.objects.filter(pk=later.pk).update(next_attempt_at=NOW + timedelta(minutes=5))
    sending = accept(ask(number), NOW)
    Message.objects.filter(pk=sending.pk).update(status="sending")
    wait(make_number(make_workspace()), 2)

    found = queue.of(account_of(number), NOW)

    assert (found.due, found.later, found.in_flight, found.queued) == (3, 1, 1, 4)
    assert (found.per_minute, found.share) == (60, 0)
    assert found.ends_at == NOW + timedelta(minutes=5)
    assert [(line.number, line.due, line.later) for line in found.lines] == [(number, 3, 1)]


def test_nothing_waits(number: Number) -> None:
    found = queue.of(account_of(number), NOW)
    assert (found.queued, found.ends_at, found.lines) == (0, None, [])


@pytest.mark.parametrize("per_minute", [20, 60, 300])
def test_the_expected_end_is_that_of_the_drain(
    number: Number, provider: FakeProvider, drain: Any, clock: Clock, per_minute: int
) -> None:
    """A short and a long line, and a pause that Aircall asked for before."""
    short = make_number(number.workspace)
    Connection.objects.filter(pk=number.connection_id).update(requests_per_minute=per_minute)
    slots.pause(number.connection_id, NOW + timedelta(seconds=15), "HTTP 429")
    wait(number, per_minute)
    wait(short, per_minute // 4)
    left: dict[str, Any] = {}
    provider.otherwise = lambda sms: left.update({sms.sender: clock.at}) or accepted()

    found = queue.of(account_of(number), NOW)
    drain(number.connection_id)

    allowed = timedelta(seconds=3)
    ends = {line.number.e164: line.ends_at for line in found.lines}
    assert found.ends_at == max(each for each in ends.values() if each)
    for sender, at in left.items():
        expected = ends[sender]
        assert expected is not None
        assert abs(expected - at) <= allowed


def test_the_mirror_s_share_puts_the_end_off(number: Number) -> None:
    Refresh.objects.create(
        workspace=number.workspace,
        connection_id=number.connection_id,
        state=Refresh.State.DONE,
        started_at=NOW,
        finished_at=NOW,
        lease_until=NOW,
        requests=120,
    )
    wait(number, 60)
    found = queue.of(account_of(number), NOW)
    assert (found.share, found.percent) == (pytest.approx(0.2), 20)
    assert found.ends_at == NOW + timedelta(seconds=75)


def test_the_mirror_takes_no_more_than_half(number: Number) -> None:
    columns = {"workspace": number.workspace, "connection_id": number.connection_id, "state": "done"}
    Refresh.objects.create(started_at=NOW, lease_until=NOW, requests=9_999, **columns)
    assert queue.of(account_of(number), NOW).share == 0.5


def test_without_credentials_nobody_knows_when_it_ends(number: Number) -> None:
    wait(number, 2)
    lost = account_of(number)
    lost.mark(Connection.State.REJECTED)
    found = queue.of(lost, NOW)
    assert (found.is_lost, found.queued, found.ends_at) == (True, 2, None)


@pytest.mark.services
@pytest.mark.django_db
def test_counting_reads_the_queue_alone_and_costs_the_same_for_many(django_assert_num_queries: Any) -> None:
    numbers = [make_number(make_workspace()) for _ in range(3)]
    for each in numbers:
        wait(each, 2)
    with CaptureQueriesContext(connection) as captured:
        queue.of_all([account_of(numbers[0])], NOW)
    asked = len(captured) - 1  # the account itself
    assert plans_of_log(captured)
    assert not [plan for plan in plans_of_log(captured) if reads_whole_log(plan)]
    accounts = [account_of(each) for each in numbers]
    with django_assert_num_queries(asked):
        queue.of_all(accounts, NOW)


# The page


@pytest.fixture
def viewer(client: Client, number: Number) -> Client:
    client.force_login(make_member(number.workspace, "viewer").user)
    return client


def shown(client: Client, number: Number) -> str:
    return client.get(reverse("connection-queue", args=[number.connection_id])).content.decode()


def test_the_page_says_what_waits_by_number(viewer: Client, number: Number) -> None:
    wait(number, 2)
    page = shown(viewer, number)
    assert number.name in page
    assert "Empty at about" in page
    assert "Nothing waits" not in page


def test_the_page_says_until_when_aircall_asked_to_wait_and_in_which_words(
    viewer: Client, number: Number, time_machine: Any
) -> None:
    time_machine.move_to(NOW, tick=False)
    until = timezone.now() + timedelta(seconds=42)
    slots.pause(number.connection_id, until, "HTTP 429, Retry-After: 42")
    page = shown(viewer, number)
    assert "Aircall asked to wait until" in page
    assert "HTTP 429, Retry-After: 42" in page
    assert f"{until:%S}</time>" in page
    connections = viewer.get(reverse("connections")).content.decode()
    assert "Aircall asked to wait until" in connections


def test_the_page_says_that_credentials_are_refused(viewer: Client, number: Number) -> None:
    account_of(number).mark(Connection.State.REJECTED)
    assert "Aircall has refused the credentials since" in shown(viewer, number)


def test_the_queue_of_another_workspace_or_of_a_portal_is_not_shown(viewer: Client, number: Number) -> None:
    theirs = make_connection(make_workspace())
    portal = make_connection(number.workspace, "hubspot")
    for other in (theirs, portal):
        assert viewer.get(reverse("connection-queue", args=[other.pk])).status_code == 404


# Mirror and sends together


@pytest.mark.parametrize("faulty", [False, True])
def test_mirror_and_sends_together_keep_the_pace_and_lose_or_double_nothing(
    number: Number,
    provider: FakeProvider,
    clock: Clock,
    time_machine: Any,
    faulty: bool,
) -> None:
    """The mirror asks while the drain waits for its slots; with faults, every seventh answer is a 429."""
    time_machine.move_to(NOW, tick=False)
    wait(number, 150)
    times: list[Any] = []
    sent: list[str] = []

    def answer(sms: Any) -> Any:
        times.append(clock.at)
        if faulty and len(times) % 7 == 0:
            return rate_limited(3)
        sent.append(sms.message_id)
        return accepted()

    provider.otherwise = answer
    reading = {"at": NOW}

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        time_machine.move_to(clock.at, tick=False)
        if clock.at >= reading["at"]:  # the mirror's next read: it reserves, and leaves when its slot begins
            rate = account.rate(account_of(number))
            begins = slots.reserve(number.connection_id, rate, now=clock.at)
            times.append(begins)
            reading["at"] = begins + 2 * rate.spacing

    for _ in range(60):
        dispatch.drain(number.connection_id, sleep)
        if not Message.objects.filter(status__in=["queued", "sending"]).exists():
            break
        sleep(5)

    assert sorted(sent) == sorted(set(sent))
    statuses = set(Message.objects.values_list("status", flat=True))
    assert statuses == ({"sent"} if not faulty else statuses & {"sent", "failed"})
    failed = Message.objects.filter(status="failed")
    assert set(failed.values_list("error_code", flat=True)) <= {"RATE_LIMITED"}
    assert len(sent) + failed.count() == 150
    minute = timedelta(seconds=59.99)
    assert max(sum(1 for t in times if start <= t < start + minute) for start in times) <= 60
