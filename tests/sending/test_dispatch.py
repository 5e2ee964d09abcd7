"""The drain: what it claims, at what pace, in whose turn, and what it writes afterwards."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from celery.signals import worker_shutting_down
from django.db import OperationalError, connection

from smsadmin.core import errors
from smsadmin.core.message import Sms
from smsadmin.directory.models import Number
from smsadmin.pacing import slots
from smsadmin.providers.base import Exchange, Result
from smsadmin.sending import dispatch, log
from smsadmin.sending.accept import accept
from smsadmin.sending.log import Claimed
from smsadmin.sending.models import Drain, Message
from smsadmin.sending.signals import settled
from smsadmin.workspaces.models import Connection
from tests.factories import (
    FakeProvider,
    accepted,
    ask,
    make_number,
    make_workspace,
    rate_limited,
    refused,
    unreachable,
)
from tests.sending.conftest import NOW, Clock, events

DrainFor = Callable[..., int]
ELSEWHERE = uuid.uuid4()


def queue(number: Number, count: int = 1, **over: Any) -> list[Message]:
    return [accept(ask(number, **over), NOW) for _ in range(count)]


def pace(number: Number, per_minute: int) -> None:
    Connection.objects.filter(pk=number.connection_id).update(requests_per_minute=per_minute)


def seen(message: Message) -> Message:
    message.refresh_from_db()
    return message


def phone(index: int) -> str:
    return f"+1312555{index:04}"


@pytest.fixture
def times(clock: Clock, provider: FakeProvider) -> list[datetime]:
    """When each message left."""
    left: list[datetime] = []
    provider.otherwise = lambda sms: left.append(clock.at) or accepted()
    return left


# One message


def test_a_queued_message_is_sent_once_as_its_row_says(
    number: Number, provider: FakeProvider, drain: DrainFor
) -> None:
    mia = number.agents.get(email="mia@example.com")
    message = accept(ask(number, send_as_kind="user", send_as_user_id=mia.pk), NOW)

    assert drain(number.connection_id) == 1

    [sms] = provider.sent
    assert sms == Sms(
        str(message.pk),
        number.e164,
        number.provider_id,
        message.recipient,
        "Hello",
        send_as_id=mia.provider_id,
    )
    assert (seen(message).status, message.provider_id, message.provider_status) == (
        "sent",
        "sms-1",
        "pending",
    )
    assert (message.attempts, message.error_code, message.claim) == (1, "", None)
    [(kind, exchange)] = events(message)
    assert (kind, exchange["status"]) == ("attempt", 200)
    assert drain(number.connection_id) == 0


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("per_minute", [60, 600])
def test_the_claim_is_committed_before_anything_leaves(
    number: Number, provider: FakeProvider, drain: DrainFor, per_minute: int
) -> None:
    """Read through another connection, as a worker that takes over would."""
    pace(number, per_minute)
    messages = queue(number, 3)
    found: list[Any] = []

    def look(sms: Sms) -> None:
        try:
            row = Message.objects.get(pk=sms.message_id)
            found.append((row.status, row.claim is not None, row.lease_until > row.claimed_at))
        finally:
            connection.close()

    def answer(sms: Sms) -> Result:
        assert not connection.in_atomic_block
        other = threading.Thread(target=look, args=(sms,))
        other.start()
        other.join()
        return accepted()

    provider.otherwise = answer
    drain(number.connection_id)
    assert found == [("sending", True, True)] * 3
    assert [seen(message).status for message in messages] == ["sent"] * 3


def unclear() -> Result:
    return refused(errors.ProviderUnknown(provider="Aircall", reason="HTTP 502"), 502)


REJECTED = errors.ProviderRejected(provider="Aircall", answer="Invalid number", http_status=400)


@pytest.mark.parametrize(
    ("reaction", "status", "code", "facts"),
    [
        (accepted(""), "sent", "", {}),
        (refused(REJECTED), "failed", "PROVIDER_REJECTED", {"answer": "Invalid number", "http_status": 400}),
        (refused(errors.CredentialRejected(provider="Aircall"), 401), "failed", "CREDENTIAL_REJECTED", {}),
        (unclear(), "unknown", "PROVIDER_UNKNOWN", {"reason": "HTTP 502"}),
        (ValueError("odd answer"), "unknown", "PROVIDER_UNKNOWN", {"reason": "internal error: ValueError"}),
        (Result(Exchange("POST", "")), "unknown", "PROVIDER_UNKNOWN", {}),
    ],
    ids=[
        "accepted without an id",
        "refused",
        "credential",
        "5xx",
        "exception",
        "an adapter that says nothing",
    ],
)
def test_an_answer_settles_the_message(
    number: Number,
    provider: FakeProvider,
    drain: DrainFor,
    reaction: Any,
    status: str,
    code: str,
    facts: dict[str, Any],
) -> None:
    [message] = queue(number)
    provider.answer(message.recipient, reaction)

    drain(number.connection_id, seconds=20)

    assert (seen(message).status, message.error_code) == (status, code)
    assert message.error_facts.items() >= facts.items()
    assert message.attempts == len(provider.sent) == len(events(message)) == 1


def test_what_was_settled_is_told_to_others(number: Number, provider: FakeProvider, drain: DrainFor) -> None:
    told: list[Any] = []

    def hear(ids: list[Any], **_: Any) -> None:
        told.extend(ids)

    settled.connect(hear)
    fine, later = queue(number)[0], queue(number, phone=phone(1))[0]
    provider.answer(later.recipient, *[unreachable()] * 9)
    drain(number.connection_id)
    assert told == [fine.pk]


# What surely never left


def test_an_unreachable_provider_is_tried_later_each_time_and_given_up_after_five_attempts(
    number: Number, provider: FakeProvider, drain: DrainFor, clock: Clock
) -> None:
    [message] = queue(number)
    provider.otherwise = unreachable(5.0)
    waits = []
    for _ in range(4):
        drain(number.connection_id)
        answered = message.events.last().at
        assert (seen(message).status, message.finished_at) == ("queued", None)
        waits.append((message.next_attempt_at - answered).total_seconds())
        clock.at = message.next_attempt_at
    drain(number.connection_id)

    assert waits == [5, 20, 45, 80]
    assert (seen(message).status, message.error_code, message.attempts) == (
        "failed",
        "PROVIDER_UNAVAILABLE",
        5,
    )
    assert message.error_facts == {
        "provider": "Aircall",
        "reason": "the connection was refused",
        "attempts": 5,
    }
    assert drain(number.connection_id, seconds=100) == 0
    assert len(provider.sent) == 5


def test_a_provider_that_keeps_saying_slow_down_loses_no_message_for_a_day(
    number: Number, provider: FakeProvider, drain: DrainFor, clock: Clock
) -> None:
    [message] = queue(number)
    provider.otherwise = rate_limited(10)
    drain(number.connection_id, seconds=90)
    assert (seen(message).status, message.attempts) == ("queued", 0)
    assert len(provider.sent) > dispatch.MOST_ATTEMPTS

    clock.at = clock.start + timedelta(hours=24, seconds=-1)
    dispatch.drain(number.connection_id, clock.sleep)
    assert (seen(message).status, message.next_attempt_at) == (
        "queued",
        clock.start + timedelta(hours=24, seconds=59),  # later each time, a minute at most
    )
    drain(number.connection_id, seconds=60)
    assert (seen(message).status, message.error_code) == ("failed", "RATE_LIMITED")
    assert message.error_facts == {"provider": "Aircall", "attempts": len(provider.sent)}
    assert message.refunded_at == message.finished_at


def test_slow_down_uses_up_no_attempt(number: Number, provider: FakeProvider, drain: DrainFor) -> None:
    [message] = queue(number)
    provider.answer(message.recipient, *[rate_limited(1)] * 6, *[unreachable(1)] * 4)
    drain(number.connection_id, seconds=300)
    assert (seen(message).status, message.attempts, len(provider.sent)) == ("sent", 5, 11)


def test_a_long_pause_keeps_no_thread_and_the_sweep_rings_when_it_is_over(
    number: Number, provider: FakeProvider, clock: Clock, rings: list[int]
) -> None:
    messages = queue(number, 2)
    other = make_number(make_workspace())
    accept(ask(other), NOW)
    rings.clear()
    provider.answer(messages[0].recipient, rate_limited(60))

    dispatch.drain(number.connection_id, clock.sleep)
    dispatch.drain(number.connection_id, clock.sleep)  # as one that was rung for by an acceptance

    assert clock.at - clock.start < timedelta(seconds=2)
    assert (len(provider.sent), rings) == (1, [])
    until = slots.of(number.connection_id).paused_until
    assert until
    dispatch.sweep(until - timedelta(seconds=1))
    assert rings == [other.connection_id]
    dispatch.sweep(until)
    assert number.connection_id in rings


def test_what_never_left_is_sent_when_the_provider_is_back(
    number: Number, provider: FakeProvider, drain: DrainFor
) -> None:
    [message] = queue(number)
    provider.answer(message.recipient, unreachable(), rate_limited())
    drain(number.connection_id, seconds=60)
    assert (seen(message).status, message.attempts, message.error_code) == ("sent", 2, "")


def test_after_slow_down_nothing_of_the_account_leaves_before_its_time(
    number: Number, provider: FakeProvider, drain: DrainFor, clock: Clock, times: list[datetime]
) -> None:
    messages = queue(number, 3)
    provider.answer(messages[0].recipient, rate_limited(45))
    drain(number.connection_id, seconds=60)
    assert min(times) >= clock.start + timedelta(seconds=45)
    assert Counter(seen(message).status for message in messages) == {"sent": 3}


def test_an_unknown_message_is_never_sent_again(
    number: Number, provider: FakeProvider, drain: DrainFor
) -> None:
    [message] = queue(number)
    provider.otherwise = unclear()
    drain(number.connection_id)
    for _ in range(3):
        dispatch.sweep()
        drain(number.connection_id, seconds=30)
    assert len(provider.sent) == 1
    assert seen(message).status == "unknown"


def test_a_pause_that_comes_while_a_drain_waits_for_its_slot_holds_for_it_too(
    number: Number, provider: FakeProvider, clock: Clock, times: list[datetime]
) -> None:
    """The mirror met a 429 meanwhile."""
    queue(number, 2)
    until = clock.start + timedelta(seconds=15)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        slots.pause(number.connection_id, until, "HTTP 429")

    dispatch.drain(number.connection_id, sleep)
    assert times == [clock.start, until]


# Pace and turns


@pytest.mark.parametrize("per_minute", [20, 60, 61, 121])
def test_no_minute_sees_more_messages_than_the_account_may_send(
    number: Number, drain: DrainFor, times: list[datetime], per_minute: int
) -> None:
    seconds = 75
    pace(number, per_minute)
    many = int(per_minute * seconds / 60)
    Message.objects.bulk_create(copies(queue(number)[0], many))

    drain(number.connection_id)

    assert len(times) == many + 1
    minute = timedelta(seconds=59.99)
    assert max(sum(1 for t in times if start <= t < start + minute) for start in times) <= per_minute
    assert max(Counter(times).values()) <= -(-per_minute // 60)  # what a second sends
    assert times[-1] - times[0] < timedelta(seconds=seconds * 1.05)  # and no slower than it may


def copies(message: Message, count: int, **columns: Any) -> list[Message]:
    made = []
    for _ in range(count):
        values = {f.attname: getattr(message, f.attname) for f in Message._meta.concrete_fields}
        made.append(Message(**values | {"id": uuid.uuid4(), "key": uuid.uuid4()} | columns))
    return made


def test_the_pace_holds_from_one_drain_to_the_next(
    number: Number, drain: DrainFor, times: list[datetime]
) -> None:
    for _ in range(3):
        queue(number)
        drain(number.connection_id)
    assert min(b - a for a, b in pairwise(times)) >= timedelta(seconds=1)


@pytest.mark.services
@pytest.mark.django_db
def test_numbers_take_turns(number: Number, provider: FakeProvider, drain: DrainFor) -> None:
    busy, quiet = number, make_number(number.workspace)
    queue(busy, 6)
    queue(quiet, 3)
    drain(number.connection_id)
    assert [sms.sender for sms in provider.sent] == [busy.e164, quiet.e164] * 3 + [busy.e164] * 3


@pytest.mark.services
@pytest.mark.django_db
def test_a_batch_is_shared_by_the_numbers_that_wait(
    number: Number, provider: FakeProvider, drain: DrainFor
) -> None:
    pace(number, 300)
    others = [make_number(number.workspace) for _ in range(2)]
    queue(number, 9)
    for other in others:
        queue(other, 1)
    drain(number.connection_id)
    first_second = Counter(sms.sender for sms in provider.sent[:4])
    assert all(first_second[other.e164] == 1 for other in others)


def test_a_number_whose_share_was_cut_short_begins_the_next_turn(
    number: Number, provider: FakeProvider, drain: DrainFor
) -> None:
    """Five leave together, so that of two numbers one gets three and the other two."""
    pace(number, 300)
    other = make_number(number.workspace)
    queue(number, 20)
    queue(other, 20)
    drain(number.connection_id)
    assert Counter(sms.sender for sms in provider.sent[:20]) == {number.e164: 10, other.e164: 10}


def test_the_oldest_message_of_a_number_goes_first(
    number: Number, provider: FakeProvider, drain: DrainFor
) -> None:
    messages = sorted(queue(number, 4), key=lambda message: message.pk)
    drain(number.connection_id)
    assert [sms.message_id for sms in provider.sent] == [str(message.pk) for message in messages]


def test_a_drain_sends_only_its_own_account(number: Number, provider: FakeProvider, drain: DrainFor) -> None:
    [other] = queue(make_number(make_workspace()))
    queue(number)
    assert drain(number.connection_id) == 1
    assert seen(other).status == "queued"


# One drain for each account


def test_an_account_is_held_by_one_drain(
    number: Number, provider: FakeProvider, drain: DrainFor, rings: list[int]
) -> None:
    [message] = queue(number)
    Drain.objects.create(pk=number.connection_id, holder=ELSEWHERE, lease_until=NOW + timedelta(seconds=60))
    rings.clear()
    assert drain(number.connection_id) == 0
    assert seen(message).status == "queued"
    assert Drain.objects.get().holder == ELSEWHERE
    assert rings == []


def test_a_drain_whose_lease_ran_out_is_replaced(
    number: Number, provider: FakeProvider, drain: DrainFor
) -> None:
    queue(number)
    Drain.objects.create(pk=number.connection_id, holder=ELSEWHERE, lease_until=NOW - timedelta(seconds=1))
    assert drain(number.connection_id) == 1
    assert Drain.objects.get().holder is None


def test_a_drain_that_lost_its_account_claims_nothing_more(
    number: Number, provider: FakeProvider, drain: DrainFor
) -> None:
    messages = queue(number, 3)

    def taken_over(sms: Sms) -> Result:
        Drain.objects.update(holder=ELSEWHERE, lease_until=NOW + timedelta(hours=1))
        return accepted()

    provider.otherwise = taken_over
    assert drain(number.connection_id) == 1
    assert Counter(seen(message).status for message in messages) == {"sent": 1, "queued": 2}
    assert Drain.objects.get().holder == ELSEWHERE


def test_a_drain_gives_the_account_back_when_it_fails(
    number: Number, provider: FakeProvider, drain: DrainFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(number)
    monkeypatch.setattr(log, "claim", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        drain(number.connection_id)
    assert Drain.objects.get().holder is None


def test_a_long_queue_lets_other_accounts_have_the_thread_and_rings_again(
    number: Number, provider: FakeProvider, clock: Clock, rings: list[int]
) -> None:
    Message.objects.bulk_create(copies(queue(number)[0], 40))
    done = dispatch.drain(number.connection_id, clock.sleep)
    assert 15 <= done <= dispatch.LONGEST_TURN + 1
    assert rings == [number.connection_id]


def test_a_worker_that_is_to_stop_claims_nothing_more(
    number: Number, provider: FakeProvider, clock: Clock, rings: list[int]
) -> None:
    messages = queue(number, 3)

    def asked_to_stop(sms: Sms) -> Result:
        dispatch.stopping.set()
        return accepted()

    provider.otherwise = asked_to_stop
    try:
        dispatch.drain(number.connection_id, clock.sleep)
    finally:
        dispatch.stopping.clear()
    assert Counter(seen(message).status for message in messages) == {"sent": 1, "queued": 2}
    assert rings == []


def test_a_message_accepted_while_the_drain_lingers_needs_no_ring(
    number: Number, provider: FakeProvider, clock: Clock, settings: Any
) -> None:
    late: list[Message] = []

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if not late and clock.monotonic() > settings.DISPATCH_LINGER / 2:
            late.extend(queue(number))

    dispatch.drain(number.connection_id, sleep)
    assert seen(late[0]).status == "sent"


# Several at once


def test_one_message_that_fails_does_not_lose_what_became_of_the_others(
    number: Number, provider: FakeProvider, drain: DrainFor
) -> None:
    pace(number, 600)
    messages = [queue(number, phone=phone(index))[0] for index in range(5)]
    provider.answer(phone(1), RuntimeError("boom"))
    provider.answer(phone(2), refused(REJECTED))
    provider.answer(phone(3), unclear())
    drain(number.connection_id)
    assert [seen(message).status for message in messages] == ["sent", "unknown", "failed", "unknown", "sent"]


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_one_slow_answer_does_not_keep_the_others_waiting(
    number: Number, provider: FakeProvider, drain: DrainFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "TOGETHER", 0.01)
    pace(number, 600)
    slow, *others = [queue(number, phone=phone(index))[0] for index in range(4)]
    written = threading.Event()
    finish = log.finish

    def finish_and_tell(outcomes: Any, holder: Any) -> None:
        finish(outcomes, holder)
        if Message.objects.filter(status="sent").count() == len(others):
            written.set()

    monkeypatch.setattr(log, "finish", finish_and_tell)
    provider.answer(slow.recipient, lambda sms: accepted() if written.wait(5) else unclear())
    drain(number.connection_id)
    assert [seen(message).status for message in (slow, *others)] == ["sent"] * 4


def test_the_lease_covers_the_turns_that_the_sending_threads_must_take(
    number: Number, provider: FakeProvider, clock: Clock, settings: Any
) -> None:
    settings.DISPATCH_THREADS, settings.DISPATCH_LEASE = 2, 60.0
    pace(number, 300)
    messages = queue(number, 5)
    leases = set()
    provider.otherwise = accepted()
    claim = log.claim

    def kept(ids: Any, holder: Any, now: datetime, lease_until: datetime, *only: Any) -> list[Claimed]:
        leases.add(lease_until - now)
        assert Drain.objects.get().lease_until == lease_until
        return claim(ids, holder, now, lease_until, *only)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "claim", kept)
        dispatch.drain(number.connection_id, clock.sleep)
    assert leases == {timedelta(seconds=180)}
    assert {seen(message).status for message in messages} == {"sent"}


def test_an_answer_that_comes_after_the_row_was_given_up_still_settles_it(
    number: Number, provider: FakeProvider, drain: DrainFor, clock: Clock
) -> None:
    [message] = queue(number)

    def very_slow(sms: Sms) -> Result:
        clock.sleep(3_600)
        dispatch.sweep(clock.at)
        assert seen(message).status == "unknown"
        return accepted("sms-9")

    provider.otherwise = very_slow
    drain(number.connection_id)
    assert (seen(message).status, message.provider_id, message.error_code) == ("sent", "sms-9", "")
    assert [kind for kind, _ in events(message)] == ["lost", "attempt"]
    assert len(provider.sent) == 1


# What answers prove


def test_a_send_that_proves_proxy_mode_corrects_the_directory(
    number: Number, provider: FakeProvider, drain: DrainFor
) -> None:
    other = make_number(number.workspace)
    queue(number)
    queue(other, phone=phone(1))
    provider.answer(queue(number)[0].recipient, refused(REJECTED, proxy_mode=True))
    drain(number.connection_id)
    number.refresh_from_db()
    other.refresh_from_db()
    assert (number.proxy_mode, number.proxy_mode_source) == (True, "send")
    assert other.proxy_mode is False


def test_a_send_that_succeeds_shows_on_the_connection(
    number: Number, provider: FakeProvider, drain: DrainFor
) -> None:
    account = Connection.objects.get(pk=number.connection_id)
    account.mark(Connection.State.UNREACHABLE, "HTTP 502")
    queue(number)
    drain(number.connection_id)
    account.refresh_from_db()
    assert (account.state, account.state_detail) == ("working", "")


def test_a_refusal_for_the_account_s_plan_is_kept(
    number: Number, provider: FakeProvider, drain: DrainFor
) -> None:
    [message] = queue(number)
    provider.answer(message.recipient, replace(refused(REJECTED, 403), plan_refused=True))
    drain(number.connection_id)
    assert Connection.objects.get(pk=number.connection_id).plan_refused_at


# When the database or the worker goes away


def test_answers_are_kept_while_the_database_is_away_for_a_moment(
    number: Number, provider: FakeProvider, drain: DrainFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    [message] = queue(number)
    finish, tries = log.finish, iter([OperationalError("gone"), OperationalError("gone"), None])

    def away_twice(*arguments: Any) -> None:
        if error := next(tries):
            raise error
        finish(*arguments)

    monkeypatch.setattr(log, "finish", away_twice)
    monkeypatch.setattr(dispatch.connection, "close", lambda: None)  # the test's own transaction goes on

    drain(number.connection_id)

    assert (seen(message).status, len(provider.sent)) == ("sent", 1)


def test_a_worker_that_is_asked_to_stop_claims_no_other_batch(
    number: Number, provider: FakeProvider, drain: DrainFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace(number, 60)
    messages = queue(number, 3)
    stopping = threading.Event()
    monkeypatch.setattr(dispatch, "stopping", stopping)
    provider.otherwise = lambda sms: stopping.set() or accepted()

    drain(number.connection_id)

    assert [seen(message).status for message in messages] == ["sent", "queued", "queued"]


def test_celery_s_stop_reaches_the_drains() -> None:
    try:
        worker_shutting_down.send(sender=None, sig="SIGTERM", how="Warm", exitcode=0)
        assert dispatch.stopping.is_set()
    finally:
        dispatch.stopping.clear()
