"""The front door: exactly one row for every request, counted or refused with its reason."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from smsadmin import cache
from smsadmin.core import errors
from smsadmin.core.message import SendRequest
from smsadmin.core.trace import STEPS
from smsadmin.directory.models import Number
from smsadmin.quotas.models import Counter, Rule, Scope
from smsadmin.sending import accept as accept_module
from smsadmin.sending import explain, ledger, log
from smsadmin.sending.accept import accept, refuse
from smsadmin.sending.models import Message
from tests.factories import ask, make_number, make_workspace
from tests.sending.conftest import NOW, events

pytestmark = pytest.mark.services  # PostgreSQL counts and writes in another way (sending.ledger)


def counted(number: Number, scope: str = Scope.NUMBER) -> dict[str, int]:
    """What is counted this minute, by subject."""
    counters = Counter.objects.filter(workspace_id=number.workspace_id, scope=scope)
    return {str(each.subject_id): each.minute_messages for each in counters if each.minute_messages}


def as_mia(number: Number, **over: Any) -> SendRequest:
    agent = number.agents.get(email="mia@example.com")
    return ask(number, send_as_kind="user", send_as_user_id=agent.pk, **over)


def limit(number: Number, scope: str, limit: int, window: str = "minute", unit: str = "messages") -> None:
    Rule.objects.filter(workspace=number.workspace_id, scope=scope, window=window, unit=unit).update(
        limit=limit
    )
    cache.forget()


def at_once(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """The results of 16 threads, each call with a database connection of its own."""

    def one(item: Any) -> Any:
        try:
            return function(item)
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(one, items))


def test_an_accepted_message_is_queued_with_all_that_its_sending_needs(number: Number) -> None:
    message = accept(as_mia(number, phone="+33 6 12 34 56 78", message="Héllo"), NOW)

    row = Message.objects.get()
    assert row == message
    assert (row.status, row.error_code) == ("queued", "")
    assert (row.sender, row.send_as, row.recipient) == (number.e164, "mia@example.com", "+33612345678")
    assert (row.recipient_given, row.template, row.body) == ("+33 6 12 34 56 78", "Héllo", "Héllo")
    assert (row.encoding, row.characters, row.segments) == ("GSM-7", 5, 1)
    assert (row.connection_id, row.accepted_at, row.next_attempt_at) == (number.connection_id, NOW, NOW)
    assert [step[0] for step in row.trace] == list(STEPS)


def test_acceptance_rings_for_the_account(
    number: Number, rings: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        accept(ask(number))
    assert rings == [number.connection_id]


def test_a_rejected_message_says_why_on_its_row_and_counts_nothing(
    number: Number, rings: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        message = accept(ask(number, phone="0612345678"), NOW)

    row = Message.objects.get()
    assert row == message
    assert (row.status, row.error_code) == ("rejected", "RECIPIENT_NO_COUNTRY_CODE")
    assert (row.error_facts, row.finished_at) == ({"value": "0612345678"}, NOW)
    assert row.trace[-1] == ["recipient", "refused", "RECIPIENT_NO_COUNTRY_CODE", {"value": "0612345678"}]
    assert counted(number) == {}
    assert rings == []


def test_each_window_of_number_and_user_counts_the_message_and_its_segments(number: Number) -> None:
    accept(as_mia(number, message="x" * 161), NOW)
    for counter in Counter.objects.all():
        for window in ("minute", "hour", "day", "month"):
            assert getattr(counter, f"{window}_messages") == 1
            assert getattr(counter, f"{window}_segments") == 2
    assert {counter.scope for counter in Counter.objects.all()} == {"number", "user"}


def test_the_quota_position_of_that_moment_is_on_the_row(number: Number) -> None:
    accept(as_mia(number), NOW)
    of_number, of_user = accept(as_mia(number), NOW).quota
    assert (of_number["scope"], of_number["minute_messages"], of_number["month_messages"]) == ("number", 2, 2)
    assert (of_user["scope"], of_user["minute_messages"], of_user["month_segments"]) == ("user", 2, 2)


# A repeat


@pytest.mark.parametrize("over", [{}, {"phone": "0612345678"}, {"action_enabled": False}])
def test_a_repeat_gets_the_first_row_sends_nothing_and_counts_nothing(
    number: Number, rings: list[int], over: dict[str, Any], django_capture_on_commit_callbacks: Any
) -> None:
    first = accept(ask(number, key="once", **over), NOW)
    before = counted(number)

    with django_capture_on_commit_callbacks(execute=True):
        second = accept(ask(number, key="once", **over), NOW + timedelta(seconds=9))

    assert second == first
    assert Message.objects.get().status == first.status
    assert counted(number) == before
    assert events(first) == [("repeat", {})]
    assert rings == []


def test_a_repeat_gets_the_first_answer_whatever_it_asks_now(number: Number) -> None:
    first = accept(ask(number, key="once"), NOW)
    assert accept(ask(number, key="once", phone=""), NOW) == first
    assert (
        refuse(ask(number, key="once"), errors.ScopeMissing(scope="crm.objects.contacts.read"), NOW) == first
    )
    limit(number, Scope.NUMBER, 0)
    assert accept(ask(number, key="once"), NOW) == first
    assert Message.objects.get().status == "queued"


def test_the_same_key_of_another_trigger_or_workspace_is_another_message(number: Number) -> None:
    accept(ask(number, key="once"), NOW)
    accept(ask(number, key="once", trigger="api"), NOW)
    accept(ask(make_number(make_workspace()), key="once"), NOW)
    assert Message.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_of_requests_with_one_key_that_race_one_is_accepted(number: Number, rings: list[int]) -> None:
    found = at_once(lambda _: accept(as_mia(number, key="once"), NOW), range(16))

    row = Message.objects.get()
    assert {message.pk for message in found} == {row.pk}
    assert counted(number) == {str(number.pk): 1}
    assert events(row) == [("repeat", {})] * 15
    assert rings == [number.connection_id]


# Refused before it could be resolved


def test_a_request_refused_by_its_trigger_leaves_its_row_too(number: Number) -> None:
    message = refuse(ask(number), errors.ScopeMissing(scope="crm.objects.contacts.read"), NOW)
    assert Message.objects.get() == message
    assert (message.status, message.error_code, message.trace) == ("rejected", "SCOPE_MISSING", [])


# What goes wrong


def test_an_unforeseen_failure_ends_on_the_row_with_nothing_queued_or_counted(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(log, "queued", broken)
    message = accept(ask(number), NOW)

    assert Message.objects.get() == message
    assert (message.status, message.error_code) == ("rejected", "INTERNAL_ERROR")
    assert message.error_facts == {"kind": "ZeroDivisionError"}
    assert [step[0] for step in message.trace] == list(STEPS)[:-1]
    assert counted(number) == {}


def test_an_unforeseen_failure_in_a_step_ends_on_the_row(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(draft: Any) -> Any:
        raise KeyError("boom")

    monkeypatch.setattr(accept_module, "CHECKS", (("length", broken),))
    assert accept(ask(number), NOW).error_code == "INTERNAL_ERROR"


def test_when_the_database_cannot_write_nothing_was_accepted(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OperationalError("the disk is full")

    monkeypatch.setattr(ledger, "enter", broken)
    with pytest.raises(DatabaseError):
        accept(ask(number), NOW)
    assert not Message.objects.exists()


def test_a_row_that_the_database_refuses_is_no_repeat_and_counts_nothing(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued = log.queued

    def spoilt(*arguments: Any) -> Message:
        message = queued(*arguments)
        message.attempts = -1  # against a check of the table
        return message

    monkeypatch.setattr(log, "queued", spoilt)
    with pytest.raises(IntegrityError), transaction.atomic():
        accept(as_mia(number), NOW)
    assert not Message.objects.exists()
    assert counted(number) == counted(number, Scope.USER) == {}


@pytest.mark.django_db
@pytest.mark.parametrize("odd", ["nul \x00 nul", "half \ud83d a pair"])
def test_characters_that_no_database_stores_do_not_lose_the_request(number: Number, odd: str) -> None:
    sent = accept(ask(number, key=odd, message=odd, origin={"portal": odd}, properties={"note": odd}), NOW)
    refused = accept(ask(number, phone=odd), NOW)
    with_token = accept(ask(number, message="{{note}}", properties={"note": odd}), NOW)

    assert accept(ask(number, key=odd), NOW) == sent
    assert (sent.status, refused.status, with_token.status) == ("queued", "rejected", "queued")
    sent.refresh_from_db()
    assert sent.origin["portal"] == odd.replace("\x00", "\ufffd").replace("\ud83d", "\ufffd")
    assert "\ufffd" not in sent.body  # what cannot be sent is left out


# Quotas


def test_over_the_number_quota_is_refused_with_what_was_used_and_when_there_is_room(number: Number) -> None:
    limit(number, Scope.NUMBER, 1)
    accept(ask(number), NOW)

    message = accept(ask(number), NOW)

    assert (message.status, message.error_code) == ("rejected", "NUMBER_QUOTA_EXCEEDED")
    assert message.error_facts == {
        "subject": number.e164,
        "used": 1,
        "limit": 1,
        "unit": "messages",
        "window": "minute",
        "resets": "2026-11-21T10:08:00+00:00",
    }
    assert [step[0] for step in message.trace] == list(STEPS)
    assert message.trace[-1][1:3] == ["refused", "NUMBER_QUOTA_EXCEEDED"]
    assert counted(number) == {str(number.pk): 1}
    assert "…" not in explain.sentence(message)


@pytest.mark.parametrize(
    ("window", "unit", "code"),
    [
        ("minute", "messages", "USER_QUOTA_EXCEEDED"),
        ("month", "messages", "USER_QUOTA_EXCEEDED"),
        ("month", "segments", "USER_OUT_OF_SEGMENTS"),
    ],
)
def test_when_the_user_has_no_room_nothing_is_counted_for_the_number(
    number: Number, window: str, unit: str, code: str
) -> None:
    limit(number, Scope.USER, 1, window, unit)
    accept(as_mia(number), NOW)

    message = accept(as_mia(number), NOW)

    assert (message.status, message.error_code) == ("rejected", code)
    assert counted(number) == {str(number.pk): 1}
    assert "…" not in explain.sentence(message) + explain.fix(message)


def test_a_text_longer_than_the_segments_left_is_refused_and_a_shorter_one_goes(number: Number) -> None:
    limit(number, Scope.USER, 3, "month", "segments")
    accept(as_mia(number, message="x" * 161), NOW)

    refused = accept(as_mia(number, message="x" * 161), NOW)

    assert refused.error_facts.items() >= {"left": 1, "limit": 3, "needed": 2}.items()
    assert accept(as_mia(number, message="x" * 160), NOW).status == "queued"


def test_without_a_user_only_the_number_counts(number: Number) -> None:
    limit(number, Scope.USER, 0)
    assert accept(ask(number), NOW).status == "queued"


@pytest.mark.django_db(transaction=True)
def test_of_300_requests_at_once_a_number_takes_its_200(number: Number) -> None:
    found = at_once(lambda _: accept(ask(number), NOW), range(300))

    codes = [message.error_code for message in found]
    assert codes.count("") == 200
    assert codes.count("NUMBER_QUOTA_EXCEEDED") == 100
    assert Message.objects.filter(status="queued").count() == 200
    assert Message.objects.count() == 300
    assert counted(number) == {str(number.pk): 200}


@pytest.mark.django_db(transaction=True)
def test_of_300_requests_at_once_a_user_takes_200_whichever_number_they_come_from(number: Number) -> None:
    other = make_number(number.workspace, users=("mia@example.com",))

    found = at_once(lambda turn: accept(as_mia((number, other)[turn % 2]), NOW), range(300))

    codes = [message.error_code for message in found]
    assert codes.count("") == 200
    assert codes.count("USER_QUOTA_EXCEEDED") == 100
    assert sum(counted(number).values()) == 200
    assert list(counted(number, Scope.USER).values()) == [200]
