"""Headroom holds against what acceptance and the sweep really do."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsadmin import cache
from smsadmin.core.windows import Moment, Window
from smsadmin.directory.models import Agent, Number
from smsadmin.quotas import headroom
from smsadmin.quotas.models import Counter, Rule, Scope
from smsadmin.sending import expected, lines
from smsadmin.sending.accept import accept
from smsadmin.sending.hold import release
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand
from smsadmin.workspaces.models import Workspace
from tests.factories import ask, make_agent, make_number, make_workspace, put_on

NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WEEK = 7 * 24 * 60


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def number(workspace: Workspace) -> Number:
    found = make_number(workspace, "+12025550101", country="US")
    put_on(found, make_agent(workspace, "mia@example.com"))
    return found


@pytest.fixture
def mia(number: Number) -> Agent:
    return number.agents.get()


def limits(workspace: Workspace, *rules: tuple[str, str, str, int]) -> None:
    """The workspace has these limits (scope, window, unit, limit) and no other."""
    workspace.quota_rules.all().delete()
    for scope, window, unit, limit in rules:
        Rule.objects.create(workspace=workspace, scope=scope, window=window, unit=unit, limit=limit)
    cache.forget()


def use(holder: Number | Agent, **columns: int) -> None:
    """What is used by now, by column, as "minute_messages"."""
    moment = Moment.of(NOW)
    windows = {f"{window}_at": moment.in_window(window) for window in Window}
    scope = Scope.NUMBER if isinstance(holder, Number) else Scope.USER
    Counter.objects.create(
        workspace_id=holder.workspace_id, scope=scope, subject_id=holder.pk, **windows, **columns
    )


def fit(
    number: Number, asked: int, agent: Agent | None = None, segments: int = 1, **more: Any
) -> headroom.Fit:
    return headroom.fit(number.workspace_id, Demand(number, agent, segments, **more), asked, NOW)


# --- What is left ------------------------------------------------------------------------------------


def binding(holder: Number | Agent) -> str:
    found = headroom.of_one(holder, NOW)
    assert headroom.of(holder.workspace_id, [holder], NOW) == [found]
    assert found.binding
    return str(found.binding.usage.limit.window)


def test_the_limit_that_runs_out_first_is_forecast_by_its_pace(workspace: Workspace, number: Number) -> None:
    limits(workspace, ("number", "hour", "messages", 100), ("number", "day", "messages", 1_000))
    use(number, hour_messages=60, day_messages=900)  # after 7 minutes, and after 10 hours
    assert binding(number) == "hour"


def test_where_nothing_is_forecast_it_is_the_fullest(workspace: Workspace, number: Number) -> None:
    limits(workspace, ("number", "minute", "messages", 100), ("number", "day", "messages", 1_000))
    use(number, minute_messages=20, day_messages=300)
    assert binding(number) == "day"


def test_of_those_without_room_it_is_the_one_that_resets_last(workspace: Workspace, number: Number) -> None:
    limits(workspace, *(("number", window, "messages", 10) for window in ("minute", "hour", "day")))
    use(number, minute_messages=10, hour_messages=10, day_messages=9)
    assert binding(number) == "hour"


def test_a_limit_of_nothing_has_run_out(workspace: Workspace, number: Number) -> None:
    limits(workspace, ("number", "minute", "messages", 0), ("number", "day", "messages", 10))
    use(number, day_messages=9)
    assert binding(number) == "minute"


def test_nobody_runs_out_of_no_limit(workspace: Workspace, number: Number) -> None:
    limits(workspace)
    [found] = headroom.of(workspace.pk, [number], NOW)
    assert (found.limits, found.binding) == ((), None)


def test_many_holders_cost_what_one_costs(workspace: Workspace, number: Number) -> None:
    holders = [
        number,
        *(make_number(workspace) for _ in range(20)),
        *(make_agent(workspace) for _ in range(20)),
    ]
    for holder in holders:
        use(holder, minute_messages=3)
    headroom.of(workspace.pk, [number], NOW)  # the rules are read once in a while
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(headroom.of(workspace.pk, holders, NOW)) == 41
    assert len(queries) == 2


# --- Would they fit? ---------------------------------------------------------------------------------


def test_those_without_room_wait_for_the_resets_one_after_the_other(
    workspace: Workspace, number: Number
) -> None:
    limits(workspace, ("number", "minute", "messages", 2), ("number", "hour", "messages", 5))
    found = fit(number, 8)
    reset, hour = NOW.replace(minute=8, second=0), NOW.replace(hour=11, minute=0, second=0)
    assert (found.fits, found.now, found.is_never) == (False, 2, False)
    waits = [headroom.Wait(2, reset), headroom.Wait(1, reset + MINUTE), headroom.Wait(2, hour)]
    assert list(found.waits) == [*waits, headroom.Wait(1, hour + MINUTE)]
    assert found.done_at(NOW) == hour + MINUTE
    assert found.binding
    assert found.binding.limit.window == Window.MINUTE


def test_all_that_fit_are_done_now(number: Number) -> None:
    found = fit(number, 200)
    assert (found.fits, found.now, found.waits, found.done_at(NOW)) == (True, 200, (), NOW)


def test_a_message_larger_than_a_limit_never_fits(workspace: Workspace, number: Number, mia: Agent) -> None:
    limits(workspace, ("user", "month", "segments", 5))
    found = fit(number, 3, mia, segments=6)
    assert (found.fits, found.now, found.is_never, found.waits, found.done_at(NOW)) == (
        False,
        0,
        True,
        (),
        None,
    )
    assert found.binding
    assert found.binding.limit.limit == 5
    assert fit(number, 3, None, segments=6).fits


def test_marketing_leaves_what_is_kept(workspace: Workspace, number: Number) -> None:
    limits(workspace, ("number", "hour", "messages", 100))
    assert (fit(number, 100).now, fit(number, 100, priority=False).now) == (100, 90)


def test_the_limit_in_the_way_of_marketing_is_the_one_that_leaves_least_for_it(
    workspace: Workspace, number: Number
) -> None:
    limits(workspace, ("number", "minute", "messages", 100), ("number", "hour", "messages", 1_000))
    use(number, hour_messages=890)
    found = [fit(number, 200, priority=priority).binding for priority in (True, False)]
    assert [each.limit.window for each in found if each] == ["minute", "hour"]


def test_what_is_held_goes_first(workspace: Workspace, number: Number) -> None:
    limits(workspace, ("number", "minute", "messages", 1))
    for _ in range(3):
        accept(ask(number, at_quota="hold", hold_minutes=60), NOW)
    assert [*Message.objects.order_by("pk").values_list("status", flat=True)] == ["queued", "held", "held"]
    [wait] = fit(number, 1).waits
    assert wait.until == NOW.replace(minute=10, second=0)


def test_what_is_given_up_before_its_turn_takes_no_room(workspace: Workspace, number: Number) -> None:
    limits(workspace, ("number", "minute", "messages", 1))
    for _ in range(3):
        accept(ask(number, at_quota="hold", hold_minutes=2), NOW)
    Message.objects.filter(status="held").update(expires_at=NOW + MINUTE)
    [wait] = fit(number, 1).waits
    assert wait.until == NOW.replace(minute=9, second=0)  # behind the one held message that still leaves


def test_more_than_is_looked_at_is_said(
    workspace: Workspace, number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits(workspace, ("number", "minute", "messages", 1))
    for _ in range(5):
        accept(ask(number, at_quota="hold", hold_minutes=60), NOW)
    assert fit(number, 1).is_exact
    monkeypatch.setattr(expected, "MOST", 3)
    found = fit(number, 1)
    assert not found.is_exact
    assert found.waits[0].until == NOW.replace(minute=11, second=0)


def test_what_shares_no_limit_with_it_is_not_looked_at(
    workspace: Workspace, number: Number, mia: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's messages go out from several numbers: what waits at one may be in the way at another."""
    far, another = make_number(workspace, "+12025550102"), make_agent(workspace)
    put_on(number, another)
    put_on(far, another)
    alone = make_number(workspace, "+12025550103")
    limits(workspace, ("number", "minute", "messages", 1), ("user", "minute", "messages", 1))
    for sender, agent in ((far, another), (far, another), (alone, None), (alone, None), (alone, None)):
        whose = {"send_as_kind": "user", "send_as_user_id": agent.pk} if agent else {}
        accept(ask(sender, at_quota="hold", hold_minutes=60, **whose), NOW)
    monkeypatch.setattr(expected, "MOST", 1)
    assert fit(number, 1, mia).is_exact
    assert not fit(alone, 1).is_exact
    as_another = {"send_as_kind": "user", "send_as_user_id": another.pk}
    accept(ask(number, at_quota="hold", hold_minutes=60, **as_another), NOW)
    assert not fit(number, 1, mia).is_exact  # at the number another's, who waits at the far number too


def test_what_another_workspace_holds_is_not_ahead(number: Number) -> None:
    other = make_number(make_workspace())
    limits(other.workspace, ("number", "minute", "messages", 1))
    for _ in range(3):
        accept(ask(other, at_quota="hold", hold_minutes=60), NOW)
    assert fit(number, 200).fits


@pytest.mark.timeout(10)
def test_ten_thousand_are_answered_in_an_instant(workspace: Workspace, number: Number, mia: Agent) -> None:
    found = fit(number, 10_000, mia)
    assert sum(wait.count for wait in found.waits) + found.now == 10_000


scopes = st.sampled_from(["number", "user"])
rules = st.tuples(
    scopes,
    st.sampled_from(["minute", "hour", "day", "month"]),
    st.sampled_from(["messages", "segments"]),
    st.integers(0, 12),
)
figures = st.fixed_dictionaries(
    {f"{window}_{unit}": st.integers(0, 6) for window in Window for unit in ("messages", "segments")}
)
TEXTS = {1: "x" * 160, 2: "x" * 161, 3: "x" * 307}
property_test = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@contextmanager
def taken_back() -> Iterator[None]:
    """An example leaves no rows to the next."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@property_test
@given(
    st.lists(rules, max_size=5),
    figures,
    figures,
    st.integers(1, 8),
    st.sampled_from(sorted(TEXTS)),
    st.sampled_from(["alerting", "marketing"]),
)
def test_as_many_are_accepted_as_it_says_fit_now(
    workspace: Workspace,
    number: Number,
    mia: Agent,
    given_rules: list[tuple[str, str, str, int]],
    of_number: dict[str, int],
    of_user: dict[str, int],
    asked: int,
    segments: int,
    kind: str,
) -> None:
    with taken_back():
        limits(workspace, *given_rules)
        use(number, **of_number)
        use(mia, **of_user)
        found = fit(number, asked, mia, segments, priority=kind == "alerting")
        as_mia = {
            "send_as_kind": "user",
            "send_as_user_id": mia.pk,
            "message": TEXTS[segments],
            "traffic": kind,
        }

        statuses = [accept(ask(number, **as_mia), NOW).status for _ in range(asked)]

        assert statuses.count("queued") == found.now
        assert found.fits == (found.now == asked)


@settings(property_test, max_examples=15)
@given(
    st.lists(
        st.tuples(scopes, st.sampled_from(["minute", "hour"]), st.just("messages"), st.integers(1, 4)),
        min_size=1,
    ),
    st.integers(0, 2),
    st.integers(1, 4),
)
def test_the_sweep_lets_the_last_go_when_it_says(
    workspace: Workspace,
    number: Number,
    mia: Agent,
    given_rules: list[tuple[str, str, str, int]],
    before: int,
    asked: int,
) -> None:
    with taken_back():
        limits(workspace, *given_rules)
        as_mia = {"send_as_kind": "user", "send_as_user_id": mia.pk, "at_quota": "hold", "hold_minutes": WEEK}
        for _ in range(before):
            accept(ask(number, **as_mia), NOW)
        found = fit(number, asked, mia)
        expected = [NOW] * found.now + [wait.until for wait in found.waits for _ in range(wait.count)]

        messages = [accept(ask(number, **as_mia), NOW) for _ in range(asked)]
        due = NOW
        while heads := lines.all_heads(due):
            due, before_that = min(head.next_attempt_at for head in heads), due
            assert due > before_that
            release(due)  # a sweep before that finds nothing to do

        rows = Message.objects.filter(pk__in=[each.pk for each in messages])
        assert sorted(rows.values_list("accepted_at", flat=True)) == expected
        assert found.done_at(NOW) == expected[-1]
