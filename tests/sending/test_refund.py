"""What a message that never left had counted is given back, once; what the provider counted is what counts."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from smsadmin.core import errors
from smsadmin.core.message import Accepted, Sms
from smsadmin.core.status import Status
from smsadmin.directory.models import Number
from smsadmin.providers.base import Result
from smsadmin.quotas.models import Counter, Scope
from smsadmin.sending import log, settle
from smsadmin.sending.accept import accept
from smsadmin.sending.log import Outcome, Receipt
from smsadmin.sending.models import Message
from tests.factories import (
    RECIPIENT,
    FakeProvider,
    accepted,
    ask,
    make_member,
    make_number,
    make_user,
    make_workspace,
    refused,
    unreachable,
)
from tests.sending.conftest import NOW

REFUSED = errors.ProviderRejected(provider="Aircall", answer="no", http_status=400)
UNKNOWN = errors.ProviderUnknown(provider="Aircall", reason="no answer within 30 s")
NO_KEY = errors.CredentialRejected(provider="Aircall")


def sent_by_mia(number: Number, segments: int = 2, **over: Any) -> Message:
    """An accepted message of so many segments."""
    mia = number.agents.get(email="mia@example.com")
    text = "x" * (153 * segments if segments > 1 else 1)
    message = accept(ask(number, message=text, send_as_kind="user", send_as_user_id=mia.pk, **over), NOW)
    assert (message.status, message.segments) == (Status.QUEUED, segments)
    return message


def used(window: str = "month") -> list[tuple[int, int]]:
    """Messages and segments of the number, then of the user."""
    counters = Counter.objects.order_by("scope")
    return list(counters.values_list(f"{window}_messages", f"{window}_segments"))


def seen(message: Message) -> Message:
    message.refresh_from_db()
    return message


def claimed(*messages: Message) -> uuid.UUID:
    holder = uuid.uuid4()
    log.claim([message.pk for message in messages], holder, NOW, NOW + timedelta(minutes=1))
    return holder


def finished(message: Message, status: Status, error: errors.SendError | None = None, **columns: Any) -> None:
    log.finish([Outcome(message.pk, status, NOW, error=error, **columns)], claimed(message))


# --- Given back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [refused(REFUSED), refused(NO_KEY, 401)])
def test_what_the_provider_refused_counts_no_more(
    number: Number, provider: FakeProvider, drain: Callable[..., int], result: Result
) -> None:
    sent_by_mia(number, 3)
    message = sent_by_mia(number, 2, phone="+13125550199")
    provider.answer("+13125550199", result)
    assert used() == [(2, 5), (2, 5)]

    drain(number.connection_id)

    assert seen(message).status == Status.FAILED
    assert message.refunded_at == message.finished_at
    for window in ("minute", "hour", "day", "month"):
        assert used(window) == [(1, 3), (1, 3)]
    assert message.quota[0]["month_messages"] == 2  # as it stood


def test_what_was_never_taken_counts_until_its_attempts_are_used_up(
    number: Number, provider: FakeProvider, drain: Callable[..., int]
) -> None:
    message, counted = sent_by_mia(number), list[Any]()

    def refuse(sms: Sms) -> Result:
        counted.append(used())
        return unreachable()

    provider.answer(RECIPIENT, *[refuse] * 5)
    drain(number.connection_id, seconds=300)

    assert counted == [[(1, 2), (1, 2)]] * 5
    assert (seen(message).status, used()) == (Status.FAILED, [(0, 0), (0, 0)])
    assert message.refunded_at


@pytest.mark.parametrize("result", [refused(UNKNOWN, 500), accepted(), ValueError("a bug")])
def test_what_may_have_left_goes_on_counting(
    number: Number, provider: FakeProvider, drain: Callable[..., int], result: Any
) -> None:
    message = sent_by_mia(number)
    provider.answer(RECIPIENT, result)
    drain(number.connection_id)
    assert (seen(message).refunded_at, used()) == (None, [(1, 2), (1, 2)])


def test_an_undelivered_message_goes_on_counting(number: Number) -> None:
    message = sent_by_mia(number)
    finished(message, Status.SENT, provider_id="SM1")
    log.receipt(message, Receipt("failed", Status.UNDELIVERED, "message.status_updated"), NOW)
    assert (seen(message).status, message.refunded_at) == (Status.UNDELIVERED, None)
    assert used() == [(1, 2), (1, 2)]


def test_a_person_who_says_that_it_did_not_arrive_gives_nothing_back_a_late_refusal_does(
    number: Number,
) -> None:
    message = sent_by_mia(number)
    finished(message, Status.UNKNOWN, UNKNOWN)
    settle.decide(seen(message), arrived=False, note="", by=make_user(), now=NOW)
    assert (seen(message).status, message.refunded_at) == (Status.FAILED, None)
    assert used() == [(1, 2), (1, 2)]

    finished(message, Status.FAILED, REFUSED)
    assert used() == [(0, 0), (0, 0)]
    assert seen(message).refunded_at


def test_a_message_that_was_lost_and_then_clearly_refused_is_given_back(number: Number) -> None:
    message = sent_by_mia(number)
    holder = claimed(message)
    log.lost(NOW + timedelta(hours=1))
    assert (seen(message).status, used()) == (Status.UNKNOWN, [(1, 2), (1, 2)])
    log.finish([Outcome(message.pk, Status.FAILED, NOW, error=REFUSED)], holder)
    assert used() == [(0, 0), (0, 0)]


def test_a_refusal_told_again_gives_nothing_back(number: Number) -> None:
    other, message = sent_by_mia(number), sent_by_mia(number, 1)
    holder = claimed(message)
    for _ in range(3):
        log.finish([Outcome(message.pk, Status.FAILED, NOW, error=REFUSED)], holder)
    assert (used(), seen(other).refunded_at) == ([(1, 2), (1, 2)], None)


def test_a_message_that_a_receipt_has_settled_is_not_given_back(number: Number) -> None:
    message = sent_by_mia(number)
    holder = claimed(message)
    log.receipt(message, Receipt("delivered", Status.DELIVERED, "message.status_updated"), NOW)
    log.finish([Outcome(message.pk, Status.FAILED, NOW, error=REFUSED)], holder)
    assert (seen(message).status, used()) == (Status.DELIVERED, [(1, 2), (1, 2)])


def test_a_window_that_is_over_is_left_alone(number: Number) -> None:
    message = sent_by_mia(number)
    later = NOW + timedelta(hours=2)
    accept(ask(number), later)
    finished(message, Status.FAILED, REFUSED)
    number_counter = Counter.objects.get(scope=Scope.NUMBER)
    assert [number_counter.hour_messages, number_counter.day_messages, number_counter.month_messages] == [
        1,
        1,
        1,
    ]
    assert Counter.objects.get(scope=Scope.USER).hour_messages == 0


def test_what_failed_and_its_counters_are_written_together(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = sent_by_mia(number)

    def fails(changes: Any) -> None:
        raise RuntimeError("the power went out")

    monkeypatch.setattr(log.counting, "adjust", fails)
    with pytest.raises(RuntimeError):
        finished(message, Status.FAILED, REFUSED)
    assert (seen(message).status, message.refunded_at, used()) == (Status.SENDING, None, [(1, 2), (1, 2)])


def test_a_batch_without_failures_costs_no_query_more(
    number: Number, django_assert_num_queries: Callable[..., Any]
) -> None:
    messages = [sent_by_mia(number) for _ in range(3)]
    holder = claimed(*messages)
    sent = [Outcome(m.pk, Status.SENT, NOW, provider_id=str(m.pk)) for m in messages]
    with django_assert_num_queries(4):  # the outcomes, the timelines, and a savepoint around them
        log.finish(sent, holder)


# --- Segments -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [1, 4])
def test_the_segments_of_an_answer_are_what_counts(
    number: Number, provider: FakeProvider, drain: Callable[..., int], told: int
) -> None:
    other, message = sent_by_mia(number, 3), sent_by_mia(number, 2, phone="+13125550199")
    answer = replace(accepted(), accepted=Accepted("SM1", "pending", segments=told))
    provider.answer("+13125550199", answer)

    drain(number.connection_id)

    assert (seen(message).segments, message.provider_segments) == (2, told)
    assert seen(other).provider_segments is None
    assert used() == [(2, 3 + told), (2, 3 + told)]


def test_the_same_count_changes_nothing_and_is_not_written(number: Number) -> None:
    message = sent_by_mia(number)
    finished(message, Status.SENT, provider_id="SM1", segments=2)
    assert (seen(message).provider_segments, used()) == (None, [(1, 2), (1, 2)])


def test_receipts_correct_the_segments_once_and_the_last_count_prevails(number: Number) -> None:
    message = sent_by_mia(number)
    finished(message, Status.SENT, provider_id="SM1", segments=5)
    for told, expected in ((5, 5), (None, 5), (3, 3), (3, 3), (2, 2)):
        said = Receipt("delivered", Status.DELIVERED, "message.status_updated", segments=told)
        log.receipt(message, said, NOW)
        assert (seen(message).provider_segments, used()) == (expected, [(1, expected)] * 2)


def test_what_is_given_back_is_what_was_counted_last(number: Number) -> None:
    message = sent_by_mia(number)
    finished(message, Status.UNKNOWN, UNKNOWN)
    log.receipt(message, Receipt("pending", None, "message.sent", segments=6), NOW)
    assert used() == [(1, 6), (1, 6)]
    finished(message, Status.FAILED, REFUSED)
    assert used() == [(0, 0), (0, 0)]
    log.receipt(message, Receipt("pending", None, "message.sent", segments=9), NOW)
    assert used() == [(0, 0), (0, 0)]


# --- On the message page ------------------------------------------------------------------------------


def test_the_page_says_that_it_was_given_back_and_what_the_provider_counted(
    number: Number, client: Client
) -> None:
    client.force_login(make_member(number.workspace).user)
    message = sent_by_mia(number, 3)
    finished(message, Status.UNKNOWN, UNKNOWN, segments=4)
    page = " ".join(client.get(reverse("message", args=[message.pk])).content.decode().split())
    assert "3 segments (the provider counted 4)" in page
    assert "Given back" not in page

    finished(message, Status.FAILED, REFUSED)
    page = " ".join(client.get(reverse("message", args=[message.pk])).content.decode().split())
    assert page.count("It surely never left, so it counts against no quota any more.") == 1


# --- At the same time ---------------------------------------------------------------------------------


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_of_twenty_that_bring_the_same_refusal_one_gives_back() -> None:
    number = make_number(make_workspace(), users=("mia@example.com",))
    sent_by_mia(number)
    message = sent_by_mia(number)
    holder = claimed(message)

    def finish(_turn: int) -> None:
        try:
            log.finish([Outcome(message.pk, Status.FAILED, NOW, error=REFUSED)], holder)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(finish, range(20)))
    assert used() == [(1, 2), (1, 2)]


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_giving_back_correcting_and_accepting_never_wait_in_a_circle() -> None:
    """Batches over several numbers and users, in every order, beside messages that are being accepted."""
    workspace = make_workspace()
    users = ("mia@example.com", "leo@example.com")
    numbers = [make_number(workspace, users=users) for _ in range(4)]
    agents = list(workspace.agents.order_by("pk"))

    def message(number: Number, turn: int) -> Message:
        agent = agents[turn % 2]
        return accept(ask(number, send_as_kind="user", send_as_user_id=agent.pk), NOW)

    for turn, number in enumerate(numbers * 2):
        message(number, turn // 4)

    def work(turn: int) -> None:
        try:
            for each in range(4):
                order = numbers if (turn + each) % 2 else numbers[::-1]
                made = [message(number, turn + each) for number in order]
                holder = claimed(*made)
                outcomes = [
                    Outcome(m.pk, Status.FAILED, NOW, error=REFUSED)
                    if index % 2
                    else Outcome(m.pk, Status.SENT, NOW, provider_id=str(m.pk), segments=3)
                    for index, m in enumerate(made)
                ]
                log.finish(outcomes, holder)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert sum(messages for messages, _ in used()[:4]) == 8 + 8 * 4 * 2
    assert sum(segments for _, segments in used()[:4]) == 8 + 8 * 4 * 2 * 3
