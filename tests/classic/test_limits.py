"""Of the limits those per day and month stop the classic action; it counts in all windows, for everybody."""

import random
from collections import Counter as Tally
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from smsadmin import cache
from smsadmin.classic.models import ClassicSettings
from smsadmin.core.message import SendRequest
from smsadmin.core.windows import Window
from smsadmin.directory.models import Number
from smsadmin.quotas import counting
from smsadmin.quotas.counting import QuotaExceeded
from smsadmin.quotas.models import Rule, Scope
from smsadmin.quotas.rulebook import Subject
from smsadmin.sending import hold
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand
from smsadmin.sending.room import when_room
from smsadmin.workspaces.models import Workspace
from tests.counted import assert_counters_equal_the_log
from tests.factories import ask, make_number, make_workspace
from tests.sending.test_accept import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]

NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)
DAY_AND_MONTH = frozenset({Window.DAY, Window.MONTH})


@pytest.fixture
def number() -> Number:
    number = make_number(make_workspace(), users=("mia@example.com",))
    ClassicSettings.objects.create(workspace=number.workspace, enabled=True)
    cache.forget()
    return number


def only(workspace: Workspace, *rules: tuple[str, str, int]) -> None:
    """The workspace has these limits and no other: for each whose, in which window, how many."""
    workspace.quota_rules.all().delete()
    for scope, window, limit in rules:
        Rule.objects.create(workspace=workspace, scope=scope, window=window, limit=limit)
    cache.forget()


def request(number: Number, generation: str) -> SendRequest:
    mia = number.agents.get()
    return ask(number, send_as_kind="user", send_as_user_id=mia.pk, generation=generation)


def send(number: Number, generation: str, now: datetime = NOW) -> Message:
    return accept(request(number, generation), now)


@pytest.mark.parametrize("scope", [Scope.NUMBER, Scope.USER])
@pytest.mark.parametrize("window", [Window.MINUTE, Window.HOUR])
def test_limits_per_minute_and_hour_stop_the_present_action_and_not_the_classic_one(number, scope, window):
    only(number.workspace, (scope, window, 1))

    assert [send(number, "classic").status for _ in range(3)] == ["queued"] * 3
    assert send(number, "advanced").status == "rejected"

    assert_counters_equal_the_log()
    subject = Subject.of(number if scope == Scope.NUMBER else number.agents.get())
    [usage] = counting.usage(subject, NOW)
    assert usage.used == 3


@pytest.mark.parametrize(
    ("scope", "code"), [(Scope.NUMBER, "NUMBER_QUOTA_EXCEEDED"), (Scope.USER, "USER_QUOTA_EXCEEDED")]
)
@pytest.mark.parametrize("window", [Window.DAY, Window.MONTH])
def test_limits_per_day_and_month_stop_both(number, scope, code, window):
    only(number.workspace, (scope, window, 2), (scope, Window.MINUTE, 2))
    assert send(number, "advanced").status == "queued"
    assert send(number, "classic").status == "queued"

    for generation in ("classic", "advanced"):
        assert send(number, generation).error_code == code

    assert send(number, "classic").error_facts["window"] == window
    assert_counters_equal_the_log()


def test_what_stops_it_is_the_limit_that_holds_though_another_is_further_exceeded(number):
    only(number.workspace, (Scope.NUMBER, Window.MINUTE, 1), (Scope.NUMBER, Window.DAY, 3))
    assert [send(number, "classic").status for _ in range(4)] == ["queued"] * 3 + ["rejected"]
    assert Message.objects.get(status="rejected").error_facts["window"] == "day"


def test_classic_messages_use_up_the_hour_of_the_present_action(number):
    only(number.workspace, (Scope.NUMBER, Window.HOUR, 2))
    send(number, "classic")
    assert [send(number, "advanced").status for _ in range(2)] == ["queued", "rejected"]


def test_its_position_is_kept_in_every_window_and_its_trace_says_which_limits_hold(number):
    only(number.workspace, (Scope.NUMBER, Window.MINUTE, 1), (Scope.NUMBER, Window.DAY, 9))
    send(number, "classic")
    message = send(number, "classic")
    assert message.quota[0]["minute_messages"] == 2
    assert message.quota[0]["day_messages"] == 2
    assert message.trace[-1][2] == "quota.classic"


def test_201_parallel_messages_of_both_generations_obey_their_own_limits(number):
    """(A minute's limit of 40 for the present action alone, a day's of 120 for both.)"""
    only(
        number.workspace,
        (Scope.NUMBER, Window.MINUTE, 40),
        (Scope.USER, Window.HOUR, 60),
        (Scope.NUMBER, Window.DAY, 120),
    )
    generations = ["classic"] * 101 + ["advanced"] * 100
    random.Random(4).shuffle(generations)

    messages = at_once(lambda generation: (generation, send(number, generation)), generations)

    found = Tally((generation, message.status) for generation, message in messages)
    assert found["classic", "queued"] + found["advanced", "queued"] == min(
        120, 101 + found["advanced", "queued"]
    )
    taken = [m for generation, m in messages if generation == "advanced" and m.status == "queued"]
    assert all(message.quota[0]["minute_messages"] <= 40 for message in taken)
    for generation, message in messages:
        if message.status == "rejected":
            windows = {"day"} if generation == "classic" else {"minute", "hour", "day"}
            assert message.error_facts["window"] in windows
    assert_counters_equal_the_log()


def test_it_is_never_held_and_never_waits_behind_those_that_are(number):
    only(number.workspace, (Scope.NUMBER, Window.MINUTE, 1))
    send(number, "advanced")
    waiting = request(number, "advanced")
    held = accept(replace(waiting, config=replace(waiting.config, at_quota="hold", hold_minutes=60)), NOW)
    assert held.status == "held"

    assert send(number, "classic").status == "queued"

    hold.release(NOW + timedelta(minutes=1))
    held.refresh_from_db()
    assert held.status == "queued"
    assert_counters_equal_the_log()


def test_a_day_that_is_used_up_refuses_it_at_once_and_nothing_tries_it_again(number):
    only(number.workspace, (Scope.NUMBER, Window.DAY, 1))
    send(number, "classic")
    refused = send(number, "classic")
    hold.release(NOW + timedelta(days=1))
    refused.refresh_from_db()
    assert (refused.status, refused.next_attempt_at) == ("rejected", None)


def test_a_plan_knows_which_limits_hold(number):
    only(number.workspace, (Scope.NUMBER, Window.MINUTE, 1), (Scope.NUMBER, Window.DAY, 2))
    of_both = Demand(number, None, 1, windows=DAY_AND_MONTH)
    [first, second, third] = when_room(number.workspace_id, [of_both] * 3, NOW)
    assert first == second == NOW
    assert third
    assert third > NOW + timedelta(hours=1)


def test_reserving_for_some_windows_names_the_limit_that_stopped_it(number):
    only(number.workspace, (Scope.NUMBER, Window.MINUTE, 0), (Scope.NUMBER, Window.DAY, 0))
    with pytest.raises(QuotaExceeded) as stopped:
        counting.reserve([Subject.of(number)], 1, NOW, windows=frozenset({Window.DAY}))
    assert stopped.value.usage.limit.window == Window.DAY
