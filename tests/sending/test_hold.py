"""Messages that wait for quota room: held, released in their order, given up in time, and never counted twice."""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from smsadmin.actions import saving
from smsadmin.core.message import SendRequest
from smsadmin.core.trace import STEPS
from smsadmin.core.windows import Moment, Window
from smsadmin.directory.models import Number
from smsadmin.quotas.models import Counter, Rule, Scope
from smsadmin.sending import explain, hold, ledger, log, tasks
from smsadmin.sending.accept import accept
from smsadmin.sending.hold import release
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand
from smsadmin.sending.rehearse import rehearse
from smsadmin.sending.signals import settled
from tests.factories import FakeProvider, ask, make_action, make_number, make_workspace
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


def test_while_there_is_room_a_policy_to_hold_costs_nothing(
    number: Number, django_assert_num_queries: Any
) -> None:
    accept(as_mia(number), NOW)
    with CaptureQueriesContext(connection) as plain:
        accept(as_mia(number), NOW)
    with django_assert_num_queries(len(plain)):
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
    assert {message.next_attempt_at for message in line[2:]} == {RESET + MINUTE}
    assert {message.error_facts["resets"] for message in line[2:]} == {(RESET + MINUTE).isoformat()}

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
    assert short.next_attempt_at == RESET < long.next_attempt_at

    release(RESET)

    assert status(long, short) == ["held", "held"]
    assert (short.next_attempt_at, short.error_code) == (long.next_attempt_at, "USER_OUT_OF_SEGMENTS")


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
    assert not ledger.release(message, demand.subjects, RESET)
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
    Rule.objects.filter(scope=Scope.NUMBER, window="minute").update(limit=0)
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

ARRIVALS = st.lists(
    st.tuples(
        st.integers(0, 50),  # seconds after the one before
        st.sampled_from(["mia", "leo", ""]),
        st.integers(1, 2),  # segments
        st.sampled_from([0, 1, 2, 5, 60]),  # minutes it may be held
    ),
    min_size=1,
    max_size=14,
)
LIMITS = {
    (Scope.NUMBER, "minute", "messages"): 2,
    (Scope.NUMBER, "hour", "messages"): 6,
    (Scope.USER, "minute", "messages"): 1,
    (Scope.USER, "month", "segments"): 7,
}


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ARRIVALS)
def test_lines_leave_in_their_order_no_limit_is_exceeded_and_nothing_is_lost(
    db: None, arrivals: list[tuple[int, str, int, int]]
) -> None:
    with transaction.atomic():
        number = make_number(make_workspace(), users=("mia@example.com", "leo@example.com"))
        for (scope, window, unit), most in LIMITS.items():
            limit(number, scope, most, window, unit)
        came = _come_in(number, arrivals)
        _sweep_to_the_end(came)
        rows = list(Message.objects.filter(number=number).order_by("pk"))
        transaction.set_rollback(True)

    assert len(rows) == len(arrivals)
    assert {row.status for row in rows} <= {"queued", "rejected", "expired"}
    _assert_in_order([row for row in rows if row.expires_at])
    _assert_within_limits([row for row in rows if row.status == "queued"])


def _come_in(number: Number, arrivals: list[tuple[int, str, int, int]]) -> datetime:
    agents = {agent.name.lower(): agent.pk for agent in number.agents.all()}
    now = NOW
    for seconds, who, segments, minutes in arrivals:
        now += timedelta(seconds=seconds)
        user = {"send_as_kind": "user", "send_as_user_id": agents[who]} if who else {}
        text = "x" * (160 if segments == 1 else 161)
        accept(ask(number, message=text, at_quota="hold", hold_minutes=minutes, **user), now)
        release(now)
    return now


def _sweep_to_the_end(now: datetime) -> None:
    """Sweeps at every moment for which something waits: not many, for each ends a window or a hold."""
    waiting = Message.objects.filter(status="held").order_by("next_attempt_at")
    for _ in range(100):
        first = waiting.first()
        if first is None:
            return
        assert first.next_attempt_at
        now = max(now, first.next_attempt_at)
        release(now)
    raise AssertionError("some message is neither released nor given up")


def _assert_in_order(rows: list[Message]) -> None:
    """`rows` were held; of each line they left one after the other, none of them late."""
    lines: dict[Any, list[datetime]] = defaultdict(list)
    for row in rows:
        if row.status == "queued":
            assert row.accepted_at
            assert row.expires_at
            assert row.accepted_at < row.expires_at
            lines[row.agent_id].append(row.accepted_at)
    assert all(left == sorted(left) for left in lines.values())


def _assert_within_limits(rows: list[Message]) -> None:
    used: Tally[Any] = Tally()
    for row in rows:
        assert row.accepted_at
        for scope, window, unit in LIMITS:
            subject = row.number_id if scope == Scope.NUMBER else row.agent_id
            if subject is not None:
                at = Moment.of(row.accepted_at).in_window(Window(window))
                used[scope, window, unit, subject, at] += row.segments if unit == "segments" else 1
    assert all(amount <= LIMITS[key[:3]] for key, amount in used.items()), used
