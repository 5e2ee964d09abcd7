"""Messages that wait for quota room: held, released in their order, given up in time, and never counted twice."""

import re
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from smsadmin import cache
from smsadmin.actions import saving
from smsadmin.core.message import SendRequest
from smsadmin.core.status import Status
from smsadmin.core.trace import STEPS
from smsadmin.directory.models import Number
from smsadmin.quotas import rulebook
from smsadmin.quotas.models import Counter, PriorityShare, Rule, Scope
from smsadmin.sending import expected, explain, hold, ledger, lines, log, quota, tasks
from smsadmin.sending.accept import accept
from smsadmin.sending.hold import release
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand
from smsadmin.sending.rehearse import rehearse
from smsadmin.sending.signals import settled
from tests.factories import FakeProvider, ask, make_action, make_number, make_workspace
from tests.plans import plan_of
from tests.sending.conftest import NOW, events
from tests.sending.test_accept import as_mia, at_once, counted, limit

pytestmark = pytest.mark.services  # PostgreSQL counts, locks and compares in another way

RESET = NOW.replace(minute=8, second=0)  # of the minute that NOW falls in
MINUTE = timedelta(minutes=1)
HOLD = {"at_quota": "hold", "hold_minutes": 60}


def held(number: Number, *, now: datetime = NOW, **over: Any) -> Message:
    message = accept(ask(number, **HOLD | over), now)
    assert message.status == "held"
    return message


def as_leo(number: Number, **over: Any) -> SendRequest:
    agent = number.agents.get(email="leo@example.com")
    return ask(number, send_as_kind="user", send_as_user_id=agent.pk, **over)


def status(*messages: Message) -> list[str]:
    for message in messages:
        message.refresh_from_db()
    return [message.status for message in messages]


def in_order(messages: Iterable[Message]) -> list[Message]:
    """First in first: two that came in the same millisecond have no order but that of their ids."""
    return sorted(messages, key=lambda message: message.pk)


@pytest.fixture
def full(number: Number) -> Number:
    """A number that sends one message a minute, and has sent it."""
    limit(number, Scope.NUMBER, 1)
    accept(ask(number), NOW)
    return number


@pytest.fixture
def ended() -> Iterator[list[Any]]:
    """The ids of messages whose callers were to be told."""
    told: list[Any] = []

    def hear(ids: list[Any], **_: Any) -> None:
        told.extend(ids)

    settled.connect(hear)
    yield told
    settled.disconnect(hear)


# At acceptance


def test_without_room_a_message_is_held_until_the_reset_and_counts_nothing(
    full: Number, rings: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        message = held(full, message="Later", reply="owed")

    row = Message.objects.get(pk=message.pk)
    assert (row.status, row.next_attempt_at, row.expires_at) == ("held", RESET, NOW + timedelta(minutes=60))
    assert (row.accepted_at, row.finished_at, row.quota, row.body) == (None, None, [], "Later")
    assert (row.connection_id, row.reply) == (full.connection_id, "owed")
    assert counted(full) == {str(full.pk): 1}
    assert rings == []


def test_the_row_and_its_trace_say_whose_quota_which_window_and_when_there_is_room(full: Number) -> None:
    row = held(full)

    facts = {"subject": full.e164, "used": 1, "limit": 1, "unit": "messages", "window": "minute"}
    facts["resets"] = RESET.isoformat()
    assert row.trace[-1] == ["quota", "warning", "quota.held", facts]
    assert [step[0] for step in row.trace] == list(STEPS)
    assert (row.error_code, row.error_facts) == ("NUMBER_QUOTA_EXCEEDED", facts)


@pytest.mark.parametrize(
    ("user", "code", "until"),
    [
        ({"limit": 1, "window": "minute"}, "NUMBER_QUOTA_EXCEEDED", RESET),
        ({"limit": 1, "window": "hour"}, "USER_QUOTA_EXCEEDED", NOW.replace(hour=11, minute=0, second=0)),
        (
            {"limit": 1, "window": "month", "unit": "segments"},
            "USER_OUT_OF_SEGMENTS",
            NOW.replace(month=12, day=1, hour=0, minute=0, second=0),
        ),
    ],
)
def test_it_waits_for_every_limit_of_number_and_user_and_names_the_one_that_resets_last(
    number: Number, user: dict[str, Any], code: str, until: datetime
) -> None:
    limit(number, Scope.NUMBER, 1)
    limit(number, Scope.USER, **user)
    accept(as_mia(number), NOW)

    message = accept(as_mia(number, at_quota="hold", hold_minutes=20_000), NOW)

    assert (message.status, message.error_code, message.next_attempt_at) == ("held", code, until)
    assert "…" not in explain.sentence(message) + explain.trace(message)[-1].sentence


def test_a_hold_that_ends_before_there_is_room_is_refused_at_once_and_says_so(number: Number) -> None:
    limit(number, Scope.NUMBER, 1)
    limit(number, Scope.NUMBER, 1, "hour")
    accept(ask(number), NOW)

    message = accept(ask(number, at_quota="hold", hold_minutes=52), NOW)

    assert (message.status, message.error_code) == ("rejected", "NUMBER_QUOTA_EXCEEDED")
    assert message.error_facts["window"] == "hour"
    assert [step[1:3] for step in message.trace[-2:]] == [
        ["warning", "quota.not_held"],
        ["refused", "NUMBER_QUOTA_EXCEEDED"],
    ]
    assert counted(number) == {str(number.pk): 1}
    assert accept(ask(number, at_quota="hold", hold_minutes=53), NOW).status == "held"


def test_while_there_is_room_a_policy_to_hold_costs_one_statement_or_none(
    number: Number, django_assert_num_queries: Any
) -> None:
    accept(as_mia(number), NOW)
    with CaptureQueriesContext(connection) as plain:
        accept(as_mia(number), NOW)
    looks_for_its_line = 0 if connection.vendor == "postgresql" else 1
    with django_assert_num_queries(len(plain) + looks_for_its_line):
        assert accept(as_mia(number, **HOLD), NOW).status == "queued"


def test_a_repeat_finds_the_held_row_even_where_there_is_room_by_then(full: Number) -> None:
    first = held(full, key="once")
    assert accept(ask(full, key="once", **HOLD), NOW) == first
    assert accept(ask(full, key="once", **HOLD), NOW + MINUTE) == first
    assert status(first) == ["held"]
    assert events(first) == [("repeat", {})] * 2
    assert counted(full) == {str(full.pk): 1}


@pytest.mark.parametrize("minutes", [0, 20, 60])
@pytest.mark.parametrize("at_quota", ["refuse", "hold"])
@pytest.mark.parametrize("window", [None, "minute", "hour"])
@pytest.mark.parametrize("scope", [Scope.NUMBER, Scope.USER])
def test_a_rehearsal_agrees_with_the_real_send(
    number: Number, scope: str, window: str | None, at_quota: str, minutes: int
) -> None:
    if window:
        limit(number, scope, 1, window)
        accept(as_mia(number), NOW)
    request = as_mia(number, at_quota=at_quota, hold_minutes=minutes)

    told = rehearse(request, NOW)
    message = accept(request, NOW)

    assert told.would_send == (message.status != "rejected")
    assert (told.error.code if told.error else "") == (message.error_code if not told.would_send else "")
    assert told.held_until == (message.next_attempt_at if message.status == "held" else None)
    said = {"quota.would_hold": "quota.held", "quota.fits": "quota.room"}
    steps = [step.as_json() for step in told.trace]
    assert [[*step[:2], said.get(step[2], step[2]), step[3]] for step in steps] == message.trace


# Release


def test_at_the_reset_a_message_is_counted_queued_and_rung_for(full: Number, rings: list[int]) -> None:
    message = held(full)

    release(RESET - timedelta(microseconds=1))
    assert status(message) == ["held"]
    assert rings == []

    release(RESET)
    assert status(message) == ["queued"]
    assert (message.accepted_at, message.next_attempt_at) == (RESET, RESET)
    assert (message.error_code, message.error_facts) == ("", {})
    assert [(position["scope"], position["minute_messages"]) for position in message.quota] == [("number", 1)]
    assert counted(full) == {str(full.pk): 1}
    assert rings == [full.connection_id]


def test_it_is_sent_as_it_was_resolved_when_it_came_in(
    full: Number, provider: FakeProvider, drain: Any, clock: Any
) -> None:
    message = held(full, message="As it was")
    Number.objects.filter(pk=full.pk).update(connected=False)

    clock.at = RESET
    release(RESET)
    drain(full.connection_id)

    assert [sms.body for sms in provider.sent] == ["Hello", "As it was"]
    assert status(message) == ["sent"]


def test_a_line_leaves_in_its_order_as_far_as_there_is_room_and_then_waits_for_the_next_reset(
    full: Number,
) -> None:
    limit(full, Scope.NUMBER, 2)
    accept(ask(full), NOW)
    line = in_order(held(full) for _ in range(5))

    release(RESET)
    assert status(*line) == ["queued", "queued", "held", "held", "held"]
    first = line[2]  # who stands behind it waits with it
    assert (first.next_attempt_at, first.error_facts["resets"]) == (
        RESET + MINUTE,
        (RESET + MINUTE).isoformat(),
    )
    told = expected.of(line[2:], RESET)[line[4].pk]
    assert (told.at, told.facts) == (RESET + 2 * MINUTE, first.error_facts)

    release(RESET + MINUTE)
    release(RESET + 2 * MINUTE)
    assert status(*line) == ["queued"] * 5


def test_who_has_no_quota_of_their_own_holds_up_nobody_else_on_the_number(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "MOST_AT_ONCE", 1)  # nor from one sweep to the next
    limit(number, Scope.NUMBER, 1)
    accept(as_mia(number), NOW)
    hers, his = accept(as_mia(number, **HOLD), NOW), accept(as_leo(number, **HOLD), NOW)
    nobodys = held(number)
    limit(number, Scope.NUMBER, 200)
    limit(number, Scope.USER, 1, "hour")

    for _ in range(3):
        release(RESET)

    assert status(hers, his, nobodys) == ["held", "queued", "queued"]
    assert (hers.error_code, hers.error_facts["subject"]) == ("USER_QUOTA_EXCEEDED", "mia@example.com")
    assert hers.next_attempt_at == NOW.replace(hour=11, minute=0, second=0)


def test_a_number_without_room_holds_all_its_lines_and_no_other_numbers(full: Number) -> None:
    other = make_number(full.workspace)
    accept(ask(other), NOW)
    hers, his, elsewhere = accept(as_mia(full, **HOLD), NOW), accept(as_leo(full, **HOLD), NOW), held(other)
    accept(ask(full), RESET)  # a newcomer that found the room first

    release(RESET)

    assert status(hers, his, elsewhere) == ["held", "held", "queued"]
    assert hers.next_attempt_at == his.next_attempt_at == RESET + MINUTE


def test_a_line_that_waits_for_longer_is_not_woken_by_its_number(number: Number) -> None:
    limit(number, Scope.USER, 1, "hour")
    accept(as_mia(number), NOW)
    hers = accept(as_mia(number, **HOLD), NOW)
    limit(number, Scope.NUMBER, 1)
    nobodys = held(number)
    accept(ask(number), RESET)

    release(RESET)

    assert status(hers, nobodys) == ["held", "held"]
    assert nobodys.next_attempt_at == RESET + MINUTE
    assert hers.next_attempt_at == NOW.replace(hour=11, minute=0, second=0)


@pytest.mark.parametrize("scope", [Scope.NUMBER, Scope.USER])
def test_what_has_no_room_lets_nothing_shorter_past(full: Number, scope: str) -> None:
    accept(as_mia(make_number(full.workspace, users=("mia@example.com",))), NOW)
    Rule.objects.create(workspace=full.workspace, scope="number", window="month", unit="segments", limit=99)
    limit(full, Scope.NUMBER, 99, "month", "segments")
    long = accept(as_mia(full, message="x" * 161, **HOLD), NOW)
    short = accept((as_leo if scope == Scope.NUMBER else as_mia)(full, **HOLD), NOW)
    limit(full, Scope.NUMBER, 200)
    limit(full, scope, 2, "month", "segments")  # one of them is used

    release(RESET)

    assert status(long, short) == ["held", "held"]
    assert long.error_facts["unit"] == "segments"


def test_a_short_text_does_not_overtake_a_long_one_of_its_line(number: Number) -> None:
    limit(number, Scope.NUMBER, 1)
    limit(number, Scope.USER, 3, "month", "segments")
    accept(as_mia(number, message="x" * 161), NOW)
    month = {"at_quota": "hold", "hold_minutes": 20_000}
    long, short = (
        accept(as_mia(number, message="x" * 161, **month), NOW),
        accept(as_mia(number, **month), NOW),
    )
    assert (
        long.next_attempt_at
        == short.next_attempt_at
        == NOW.replace(month=12, day=1, hour=0, minute=0, second=0)
    )

    release(RESET)

    assert status(long, short) == ["held", "held"]
    assert (short.next_attempt_at, short.error_code) == (long.next_attempt_at, "USER_OUT_OF_SEGMENTS")


def test_each_number_is_swept_in_the_windows_of_its_own_turn(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [number, make_number(number.workspace)]
    limit(number, Scope.NUMBER, 1)
    lines = [(accept(ask(each), NOW), held(each), held(each)) for each in numbers]
    began = iter([RESET - MINUTE, RESET - MINUTE, RESET - MINUTE, RESET, RESET + MINUTE])
    monkeypatch.setattr(hold.timezone, "now", lambda: next(began))

    release()

    assert [status(*line) for line in lines] == [["queued", "queued", "held"]] * 2
    assert [line[1].accepted_at for line in lines] == [RESET, RESET + MINUTE]


def test_what_fails_at_one_number_holds_up_no_other_and_callers_are_told(
    full: Number, ended: list[Any], rings: list[int], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    other = make_number(full.workspace)
    accept(ask(other), NOW)
    action = make_action(full.workspace, sender_number=full)
    off, fails = in_order(held(full, action_id=action.pk, version_id=action.current_id) for _ in range(2))
    Message.objects.filter(pk=fails.pk).update(action=None)
    saving.switch(action, on=False, reason="x")
    elsewhere, counts = held(other), ledger.release

    def break_down(message: Message, *given: Any) -> bool:
        if message.pk == fails.pk:
            raise RuntimeError
        return counts(message, *given)

    monkeypatch.setattr(ledger, "release", break_down)
    release(RESET)

    assert status(off, fails, elsewhere) == ["cancelled", "held", "queued"]
    assert ended == [off.pk]
    assert rings == [other.connection_id]


def test_a_sweep_takes_so_many_of_a_number_and_the_next_one_goes_on(
    full: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "MOST_AT_ONCE", 2)
    line = in_order(held(full) for _ in range(3))
    limit(full, Scope.NUMBER, 200)

    release(RESET)
    assert status(*line) == ["queued", "queued", "held"]
    release(RESET)
    assert status(*line) == ["queued"] * 3


def test_what_is_no_longer_held_is_not_counted(full: Number) -> None:
    message = held(full)
    Message.objects.filter(pk=message.pk).update(status="cancelled")

    demand = Demand(full, None, message.segments)
    assert not ledger.release(message, demand, RESET)
    assert status(message) == ["cancelled"]
    assert Counter.objects.get().month_messages == 1


def test_the_scheduled_sweep_releases(number: Number) -> None:
    limit(number, Scope.NUMBER, 1)
    before = timezone.now() - 2 * MINUTE
    accept(ask(number), before)
    message = held(number, now=before)

    tasks.sweep()

    assert status(message) == ["queued"]


@pytest.mark.django_db(transaction=True)
def test_sweeps_at_once_release_as_many_as_there_is_room_for_in_their_order(number: Number) -> None:
    limit(number, Scope.NUMBER, 8)
    limit(number, Scope.USER, 5)
    for turn in range(8):
        accept((as_mia, as_leo)[turn % 2](number), NOW)
    for turn in range(24):
        accept((as_mia, as_leo)[turn % 2](number, **HOLD), NOW)
    line = in_order(Message.objects.filter(status="held"))

    at_once(lambda _: release(RESET), range(8))
    assert status(*line) == ["queued"] * 8 + ["held"] * 16
    assert counted(number) == {str(number.pk): 8}
    assert sorted(counted(number, Scope.USER).values()) == [4, 4]

    at_once(lambda _: release(RESET + MINUTE), range(8))
    assert status(*line) == ["queued"] * 16 + ["held"] * 8
    at_once(lambda _: release(RESET + 2 * MINUTE), range(8))
    assert status(*line) == ["queued"] * 24
    assert Counter.objects.get(scope="number").month_messages == 32


# Lines


def test_a_newcomer_of_an_action_that_holds_does_not_overtake_its_line(full: Number) -> None:
    waiting = held(full)

    newcomer = accept(ask(full, **HOLD), RESET)  # there is room again, and no sweep has come by yet

    assert status(waiting, newcomer) == ["held", "held"]
    assert newcomer.trace[-1] == ["quota", "warning", "quota.held_behind", {"resets": RESET.isoformat()}]
    assert counted(full) == {str(full.pk): 1}
    release(RESET)
    assert status(waiting, newcomer) == ["queued", "held"]


def test_nobody_is_refused_or_kept_waiting_because_another_line_waits(full: Number) -> None:
    held(full, traffic="marketing")
    others = {"refuses": {}, "alerts": HOLD, "as somebody": None}

    for who, over in others.items():
        request = as_mia(full, traffic="marketing", **HOLD) if over is None else ask(full, **over)
        limit(full, Scope.NUMBER, 200)
        assert accept(request, RESET).status == "queued", who


def test_a_rehearsal_tells_how_many_wait_before_it(full: Number) -> None:
    limit(full, Scope.NUMBER, 1, "hour")
    for _ in range(3):
        held(full)
    limit(full, Scope.NUMBER, 200, "hour")

    told = rehearse(ask(full, **HOLD), RESET)

    assert told.trace[-1].say == "quota.would_hold_behind"
    assert told.trace[-1].facts["ahead"] == 3
    assert "behind 3 of its line" in explain.steps(told.trace)[-1].sentence
    message = accept(ask(full, **HOLD), RESET)
    assert (message.status, message.next_attempt_at) == ("held", told.held_until)


def test_a_message_that_no_reset_makes_room_for_is_refused_at_once(number: Number) -> None:
    limit(number, Scope.USER, 2, "month", "segments")

    message = accept(as_mia(number, message="x" * 307, at_quota="hold", hold_minutes=20_000), NOW)

    assert (message.status, message.error_code) == ("rejected", "USER_OUT_OF_SEGMENTS")
    assert message.trace[-2][1:3] == ["warning", "quota.never_held"]


def test_what_a_lower_limit_leaves_no_room_for_is_not_in_the_way(number: Number) -> None:
    limit(number, Scope.NUMBER, 1)
    accept(as_mia(number), NOW)
    long, short = accept(as_mia(number, message="x" * 307, **HOLD), NOW), accept(as_mia(number, **HOLD), NOW)
    limit(number, Scope.USER, 2, "month", "segments")

    release(RESET)

    assert status(long, short) == ["held", "queued"]


def test_what_never_fits_uses_up_no_sweep_and_holds_up_no_newcomer(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(lines, "_CHUNK", 2)
    limit(number, Scope.NUMBER, 1)
    accept(as_mia(number), NOW)
    long = [accept(as_mia(number, message="x" * 307, **HOLD), NOW) for _ in range(3)]
    short = in_order(accept(as_mia(number, **HOLD), NOW) for _ in range(2))
    limit(number, Scope.NUMBER, 9)
    segments(number, "day", 2)  # one of them is used

    release(RESET)

    assert status(*long, *short) == ["held"] * 3 + ["queued", "held"]
    Rule.objects.filter(unit="segments", scope=Scope.NUMBER).update(window="minute")
    cache.forget()
    release(RESET)
    assert status(*long, *short) == ["held"] * 3 + ["queued"] * 2
    request = as_mia(number, **HOLD)
    assert rehearse(request, RESET + MINUTE).held_until is None
    assert accept(request, RESET + MINUTE).status == "queued"


def test_a_line_that_waits_for_longer_than_a_newcomer_may_refuses_it_at_once(number: Number) -> None:
    segments(number, "day", 3)
    accept(ask(number), NOW)
    long = held(number, message="x" * 307, hold_minutes=1_440)
    request = ask(number, **HOLD)  # there is room for it

    told, message = rehearse(request, NOW), accept(request, NOW)

    assert (message.status, message.error_code) == ("rejected", "NUMBER_QUOTA_EXCEEDED")
    assert [step[1:3] for step in message.trace[-2:]] == [
        ["warning", "quota.not_held"],
        ["refused", "NUMBER_QUOTA_EXCEEDED"],
    ]
    assert (told.error and told.error.facts) == message.error_facts == long.error_facts
    assert held(number, hold_minutes=1_440).next_attempt_at == long.next_attempt_at


def test_a_short_text_waits_behind_a_long_one_of_another_line_also_within_a_sweep(number: Number) -> None:
    segments(number, "minute", 4)
    accept(ask(number, message="x" * 590), NOW)
    first, long = accept(as_mia(number, **HOLD), NOW), held(number, message="x" * 590)
    last = accept(as_mia(number, **HOLD), NOW)

    release(RESET)
    assert status(first, long, last) == ["queued", "held", "held"]
    release(RESET + MINUTE)
    assert status(first, long, last) == ["queued", "queued", "held"]


def segments(number: Number, window: str, most: int) -> None:
    """A rule for what the number sends in a window."""
    Rule.objects.create(
        workspace=number.workspace, scope=Scope.NUMBER, window=window, unit="segments", limit=most
    )
    cache.forget()


# What is kept for replies and alerts


@pytest.fixture
def shared(number: Number) -> Number:
    """A number that sends ten messages a minute, two of which are kept; eight are used up."""
    PriorityShare.objects.create(workspace=number.workspace, percent=20)
    limit(number, Scope.NUMBER, 10)
    for _ in range(8):
        accept(ask(number), NOW)
    return number


def test_marketing_leaves_the_share_alone_and_says_so(shared: Number) -> None:
    refused = accept(ask(shared, traffic="marketing"), NOW)
    waits = accept(ask(shared, traffic="marketing", **HOLD), NOW)

    assert (refused.error_code, refused.error_facts["kept"]) == ("NUMBER_QUOTA_EXCEEDED", 2)
    assert "has used 8 of 10 messages per minute, and the last 2 are kept for replies" in explain.sentence(
        refused
    )
    assert (waits.status, waits.next_attempt_at, waits.trace[-1][2]) == ("held", RESET, "quota.held_share")
    assert "the last 2 are kept for replies and alerts" in explain.sentence(waits)
    assert [accept(ask(shared), NOW).status for _ in range(3)] == ["queued", "queued", "rejected"]


def test_where_nothing_is_left_at_all_the_share_is_not_the_reason(shared: Number) -> None:
    for _ in range(2):
        accept(ask(shared), NOW)
    assert "kept" not in accept(ask(shared, traffic="marketing"), NOW).error_facts


def test_where_only_the_share_is_left_only_marketing_waits(shared: Number) -> None:
    for _ in range(2):
        accept(ask(shared), NOW)
    first, alert = held(shared, traffic="marketing"), held(shared)
    last = held(shared, traffic="marketing")
    for _ in range(8):
        accept(ask(shared), RESET)

    release(RESET)

    assert status(first, alert, last) == ["held", "queued", "held"]
    assert first.error_facts["kept"] == expected.of([last], RESET)[last.pk].facts["kept"] == 2
    assert first.next_attempt_at == RESET + MINUTE


def test_marketing_in_the_way_of_alerts_is_passed_and_alerts_in_its_way_are_not(full: Number) -> None:
    PriorityShare.objects.create(workspace=full.workspace, percent=50)
    limit(full, Scope.NUMBER, 2)
    accept(ask(full), NOW)
    marketing, alert = held(full, traffic="marketing"), held(full)

    release(RESET)
    assert status(marketing, alert) == ["queued", "queued"]

    accept(ask(full), RESET + MINUTE)
    accept(ask(full), RESET + MINUTE)
    alert, marketing = (
        accept(ask(full, **HOLD), RESET + MINUTE),
        accept(ask(full, traffic="marketing", **HOLD), RESET + MINUTE),
    )
    release(RESET + MINUTE)
    assert status(alert, marketing) == ["held", "held"]


def test_a_hold_ends_by_the_room_that_its_kind_has(shared: Number) -> None:
    limit(shared, Scope.NUMBER, 10, "hour")

    message = accept(ask(shared, traffic="marketing", at_quota="hold", hold_minutes=20), NOW)

    assert (message.status, message.trace[-2][2]) == ("rejected", "quota.not_held")


# Nothing is late


def test_a_message_leaves_with_the_next_sweep_where_a_limit_was_raised(full: Number) -> None:
    message = held(full)
    limit(full, Scope.NUMBER, 2)

    release(NOW)

    assert status(message) == ["queued"]


def test_a_message_leaves_with_the_next_sweep_where_less_is_kept(shared: Number) -> None:
    message = held(shared, traffic="marketing")
    PriorityShare.objects.update(percent=0)
    cache.forget()

    release(NOW)

    assert status(message) == ["queued"]


def test_a_message_leaves_with_the_next_sweep_where_those_before_it_were_cancelled(number: Number) -> None:
    month = {"at_quota": "hold", "hold_minutes": 20_000}
    limit(number, Scope.USER, 3, "month", "segments")
    accept(as_mia(number, message="x" * 161), NOW)
    long = accept(as_mia(number, message="x" * 161, **month), NOW)
    short = accept(as_mia(number, **month), NOW)
    release(NOW)
    assert status(long, short) == ["held", "held"]

    log.move(long.pk, Status.CANCELLED, NOW)
    release(NOW)

    assert status(short) == ["queued"]


def test_a_sweep_with_nothing_held_is_one_query(number: Number, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        release(NOW)


def test_a_sweep_costs_no_more_for_lines_without_room(
    full: Number, django_assert_num_queries: Any, settings: Any
) -> None:
    settings.CONFIGURATION_TTL = 600
    held(full)
    release(NOW)
    with CaptureQueriesContext(connection) as one:
        release(NOW)
    others = [make_number(full.workspace) for _ in range(3)]
    for other in others:
        accept(ask(other), NOW)
        held(other)
        held(other)
    release(NOW)
    with django_assert_num_queries(len(one)):
        release(NOW)


def test_many_numbers_under_new_rules_of_another_zone_cost_no_query_each(
    full: Number, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.CONFIGURATION_TTL = 600
    held(full)
    Rule.objects.create(workspace=full.workspace, scope="number", window="day", zone="Europe/Paris", limit=99)
    cache.forget()
    release(NOW)
    with CaptureQueriesContext(connection) as one:
        release(NOW)
    for _ in range(4):
        other = make_number(full.workspace)
        accept(ask(other), NOW)
        held(other)
    Counter.objects.exclude(zone="UTC").delete()
    release(NOW)
    with django_assert_num_queries(len(one)):
        release(NOW)


def test_heads_are_the_first_of_each_line_of_all_workspaces(full: Number) -> None:
    other = make_number(make_workspace())
    for each in (full, other):
        limit(each, Scope.NUMBER, 1, "minute")
        accept(ask(each), NOW)
    firsts, late = [], held(full, hold_minutes=1)
    for request in (
        ask(full, **HOLD),
        as_mia(full, **HOLD),
        as_leo(full, traffic="marketing", **HOLD),
        ask(full, traffic="marketing", **HOLD),
        ask(other, **HOLD),
    ):
        firsts.append(accept(request, NOW))
        accept(replace(request, key=request.key + "again"), NOW)

    assert late.expires_at
    found = lines.all_heads(late.expires_at)
    assert found == in_order(firsts)
    assert [each.pk for each in found] == [each.pk for each in lines.heads(lines.waiting(late.expires_at))]


def test_a_line_whose_first_message_leaves_at_this_moment_is_there_all_the_same(
    full: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, load = held(full), lines._to_release

    def load_late(found: Any) -> Any:
        Message.objects.filter(pk=message.pk).update(status="queued")
        return load(found)

    monkeypatch.setattr(lines, "_to_release", load_late)
    assert lines.all_heads(NOW) == [message]


def test_an_empty_line_is_found_by_its_index_beside_a_long_one(full: Number) -> None:
    waits = held(full)
    rows = [Message(**{name: getattr(waits, name) for name in _COPIED}) for _ in range(3_000)]
    for place, row in enumerate(rows):
        row.key = type(waits.key)(int=place + 1)
    Message.objects.bulk_create(rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    with CaptureQueriesContext(connection) as asked:
        assert lines.first(lines.Line(full.pk, 7, "alerting"), 99) is None
        assert lines.first(lines.Line(full.pk, None, "marketing"), 99) is None
    for query in asked:
        plan = plan_of(query["sql"])
        whole_line = r"held_by_line \(number_id=\? AND <expr>=\? AND traffic=\?|COALESCE.*traffic.*::text"
        assert re.search(whole_line, plan), plan


_COPIED = (
    *("workspace_id", "trigger", "number_id", "connection_id", "sender", "recipient", "segments", "traffic"),
    *("status", "error_code", "error_facts", "next_attempt_at", "expires_at"),
)


# The end of waiting


def test_what_found_no_room_in_time_expires_uncounted_and_its_caller_is_told(
    full: Number, ended: list[Any], rings: list[int]
) -> None:
    message = held(full, reply="owed")
    expiry = message.expires_at

    release(expiry)

    assert status(message) == ["expired"]
    assert (message.error_code, message.error_facts, message.finished_at) == ("EXPIRED", {}, expiry)
    assert message.reply == "owed"
    assert ended == [message.pk]
    assert rings == []
    assert Counter.objects.get().month_messages == 1


def test_a_message_put_off_beyond_its_expiry_is_looked_at_then(full: Number, ended: list[Any]) -> None:
    limit(full, Scope.NUMBER, 1, "day")
    message = accept(ask(full, at_quota="hold", hold_minutes=60 * 24), NOW)
    Message.objects.filter(pk=message.pk).update(next_attempt_at=RESET, expires_at=RESET + MINUTE)

    release(RESET)
    assert status(message) == ["held"]
    assert message.next_attempt_at == RESET + MINUTE

    release(RESET + MINUTE)
    assert status(message) == ["expired"]
    assert ended == [message.pk]


def test_what_is_yet_to_expire_is_neither_released_nor_in_the_way(
    full: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, next_one = in_order(held(full) for _ in range(2))
    Message.objects.filter(pk=late.pk).update(expires_at=RESET)
    monkeypatch.setattr(log, "expired", lambda now: [])  # a sweep expires only so many

    release(RESET)

    assert status(late, next_one) == ["held", "queued"]


@pytest.mark.parametrize("how", [saving.archive, lambda action: saving.switch(action, on=False, reason="x")])
def test_a_message_whose_action_is_off_by_then_is_refused_uncounted(
    full: Number, ended: list[Any], rings: list[int], how: Any
) -> None:
    action = make_action(full.workspace, name="Welcome", sender_number=full)
    message = held(full, action_id=action.pk, version_id=action.current_id, action_name="Welcome")
    how(action)

    release(RESET)

    assert status(message) == ["cancelled"]
    assert (message.error_code, message.error_facts) == ("ACTION_DISABLED", {"action": "Welcome"})
    assert ended == [message.pk]
    assert rings == []
    assert Counter.objects.get().month_messages == 1


def test_a_test_of_an_unsaved_form_does_not_ask_whether_its_action_is_on(full: Number) -> None:
    action = make_action(full.workspace, sender_number=full)
    message = held(full, trigger="test", action_id=action.pk)
    saving.switch(action, on=False, reason="x")

    release(RESET)

    assert status(message) == ["queued"]


# Whatever comes in, and whenever

LIMITS = {
    (Scope.NUMBER, "minute", "messages"): 4,
    (Scope.NUMBER, "hour", "messages"): 9,
    (Scope.USER, "minute", "messages"): 2,
    (Scope.USER, "month", "segments"): 14,
}
ARRIVES = st.fixed_dictionaries(
    {
        "who": st.sampled_from(["mia", "leo", ""]),
        "segments": st.integers(1, 2),
        "traffic": st.sampled_from(["alerting", "marketing"]),
        "at_quota": st.sampled_from(["hold", "hold", "hold", "refuse"]),
        "hold_minutes": st.sampled_from([0, 1, 2, 5, 60]),
    }
)
STEPS_TAKEN = st.lists(
    st.one_of(
        *[st.tuples(st.just("arrives"), ARRIVES)] * 4,
        st.tuples(st.just("cancels"), st.integers(0, 20)),
        st.tuples(st.just("limits"), st.tuples(st.sampled_from(sorted(LIMITS)), st.integers(2, 15))),
        st.tuples(st.just("waits"), st.integers(1, 900)),
    ),
    min_size=3,
    max_size=22,
)


@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS_TAKEN)
def test_lines_leave_in_their_order_at_once_and_within_all_limits_whatever_happens(
    db: None, steps: list[tuple[str, Any]]
) -> None:
    with transaction.atomic():
        number = make_number(make_workspace(), users=("mia@example.com", "leo@example.com"))
        PriorityShare.objects.create(workspace=number.workspace, percent=25)
        for (scope, window, unit), most in LIMITS.items():
            limit(number, scope, most, window, unit)
        now = NOW
        for what, more in steps:
            now += timedelta(seconds=more if what == "waits" else 1)
            _happens(number, what, more, now)
            _assert_within_limits(number, now)
            release(now)
            _assert_within_limits(number, now)
            _assert_none_is_late(number, now)
        _sweep_to_the_end(number, now)
        rows = list(Message.objects.filter(number=number).order_by("pk"))
        counters = {
            (each.scope, each.subject_id): each for each in Counter.objects.filter(workspace=number.workspace)
        }
        transaction.set_rollback(True)

    assert len(rows) == sum(what == "arrives" for what, _ in steps)
    assert {row.status for row in rows} <= {"queued", "rejected", "expired", "cancelled"}
    _assert_in_order(rows)
    _assert_counted_once(rows, counters)


def _happens(number: Number, what: str, more: Any, now: datetime) -> None:
    if what == "arrives":
        asked = dict(more)
        who, segments = asked.pop("who"), asked.pop("segments")
        agent = number.agents.filter(name__iexact=who).first()
        user = {"send_as_kind": "user", "send_as_user_id": agent.pk} if agent else {}
        accept(ask(number, message="x" * (160 if segments == 1 else 161), **asked, **user), now)
    elif what == "cancels":
        for pk in (
            Message.objects.filter(status="held").order_by("pk").values_list("pk", flat=True)[more : more + 1]
        ):
            log.move(pk, Status.CANCELLED, now)
    elif what == "limits":
        (scope, window, unit), most = more
        limit(number, scope, most, window, unit)


def _sweep_to_the_end(number: Number, now: datetime) -> None:
    """Sweeps at the end of every minute until nothing waits: no message is held for longer than an hour."""
    for _ in range(62):
        now += MINUTE
        release(now)
        _assert_within_limits(number, now)
        _assert_none_is_late(number, now)
    assert not Message.objects.filter(status="held").exists()


def _assert_none_is_late(number: Number, now: datetime) -> None:
    """A first of its line that is held still has no room, or one before it of its kind has none where both count."""
    shut: set[tuple[Any, bool]] = set()
    seen: set[Any] = set()
    rows = Message.objects.filter(number=number, status="held", expires_at__gt=now).order_by("pk")
    for row in rows.select_related("number", "agent"):
        demand, line = hold.demand_of(row), (row.agent_id, row.traffic)
        if line in seen or quota.never(demand, now):
            continue
        seen.add(line)
        full = {each.subject for each in quota.exceeded(demand, now)}
        assert full or any((each, demand.priority) in shut for each in demand.subjects), "late"
        shut |= {(each, kind) for each in full for kind in {False, demand.priority}}


def _assert_within_limits(number: Number, now: datetime) -> None:
    """What was counted at this moment fitted in what its kind may use: its row has the positions of then."""
    for row in Message.objects.filter(number=number, accepted_at=now).select_related("number", "agent"):
        demand = hold.demand_of(row)
        for subject, position in zip(demand.subjects, row.quota, strict=True):
            for each in rulebook.limits(subject, now):
                assert position[each.column] <= each.room(priority=demand.priority)


def _assert_in_order(rows: list[Message]) -> None:
    """Of each line those that were ready to wait left one after the other, and none after it was to be given up."""
    lines: dict[Any, list[datetime]] = defaultdict(list)
    for row in rows:
        if row.status == "queued":
            assert row.accepted_at
            assert row.expires_at is None or row.accepted_at < row.expires_at
            if row.expires_at:
                lines[row.agent_id, row.traffic].append(row.accepted_at)
    assert all(left == sorted(left) for left in lines.values())


def _assert_counted_once(rows: list[Message], counters: dict[tuple[str, int], Counter]) -> None:
    used: Tally[Any] = Tally()
    for row in rows:
        assert (row.accepted_at is not None) == (row.status == "queued")
        if row.accepted_at:
            used[Scope.NUMBER.value, row.number_id] += 1
            if row.agent_id:
                used[Scope.USER.value, row.agent_id] += 1
    assert {key: each.month_messages for key, each in counters.items() if each.month_messages} == dict(used)
