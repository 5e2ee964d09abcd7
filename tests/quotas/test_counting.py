"""Quotas: counted and tested in one step, window by window, for numbers and users alike."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsadmin import cache
from smsadmin.core.windows import Moment, Window, resets_at
from smsadmin.quotas import counting, rulebook
from smsadmin.quotas.counting import ClockBehind, QuotaExceeded, Usage
from smsadmin.quotas.documented import ship_rules
from smsadmin.quotas.models import Counter, Rule, Scope, Unit
from smsadmin.quotas.rulebook import Subject
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace
from tests.factories import ask, make_number, make_workspace

NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)
YEAR_END = datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


def number_7(workspace: Workspace) -> Subject:
    return Subject(workspace.pk, Scope.NUMBER, 7)


def user_3(workspace: Workspace) -> Subject:
    return Subject(workspace.pk, Scope.USER, 3)


def only(
    workspace: Workspace, scope: str, window: str, limit: int, unit: str = "messages", zone: str = "UTC"
) -> None:
    """The workspace has this limit and no other."""
    workspace.quota_rules.all().delete()
    Rule.objects.create(workspace=workspace, scope=scope, window=window, unit=unit, limit=limit, zone=zone)
    cache.forget()


def has_room(subject: Subject, now: datetime = NOW, segments: int = 1) -> bool:
    """Reserves, as acceptance does."""
    try:
        with transaction.atomic():
            counting.reserve([subject], segments, now)
    except QuotaExceeded:
        return False
    return True


def used(subject: Subject, window: Window, now: datetime = NOW, unit: str = "messages") -> int:
    [found] = [u for u in counting.usage(subject, now) if (u.limit.window, u.limit.unit) == (window, unit)]
    return found.used


def test_a_workspace_starts_with_the_documented_limits(workspace: Workspace) -> None:
    messages = [("minute", 200), ("hour", 1_000), ("day", 5_000), ("month", 10_000)]
    for scope in Scope:
        limits = rulebook.limits(Subject(workspace.pk, scope, 7), NOW)
        assert [(x.window, x.limit) for x in limits if x.unit == Unit.MESSAGES] == messages
    assert [
        (x.scope, x.window, x.limit) for x in rulebook.limits(user_3(workspace), NOW) if x.unit == "segments"
    ] == [("user", "month", 13_000)]
    ship_rules(workspace.pk)
    assert workspace.quota_rules.filter(enabled=True).count() == 9


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("window", Window)
def test_the_limit_is_reached_not_passed_and_there_is_room_when_the_window_ends(
    workspace: Workspace, scope: str, window: Window
) -> None:
    only(workspace, scope, window, 3)
    subject = Subject(workspace.pk, scope, 7)
    assert [has_room(subject) for _ in range(5)] == [True, True, True, False, False]
    ends = resets_at(window, NOW)
    assert not has_room(subject, ends - MICROSECOND)
    assert [has_room(subject, ends) for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize("window", Window)
def test_every_window_starts_anew_with_the_year(workspace: Workspace, window: Window) -> None:
    only(workspace, Scope.NUMBER, window, 1)
    subject = number_7(workspace)
    assert has_room(subject, YEAR_END)
    assert not has_room(subject, YEAR_END)
    assert has_room(subject, YEAR_END + MICROSECOND)


def test_a_new_minute_keeps_the_count_of_its_hour(workspace: Workspace) -> None:
    subject = number_7(workspace)
    for minute in range(3):
        has_room(subject, NOW + timedelta(minutes=minute), segments=2)
    now = NOW + timedelta(minutes=2)
    assert [used(subject, window, now) for window in Window] == [1, 3, 3, 3]


def test_segments_count_for_each_user_and_month(workspace: Workspace) -> None:
    only(workspace, Scope.USER, Window.MONTH, 10, "segments")
    subject = user_3(workspace)
    assert has_room(subject, segments=6)
    assert not has_room(subject, segments=5)
    assert has_room(subject, segments=4)
    assert not has_room(subject)
    assert has_room(subject, datetime(2026, 12, 1, tzinfo=UTC), segments=10)
    assert has_room(Subject(workspace.pk, Scope.USER, 4), segments=10)


def test_more_segments_than_the_limit_never_fit(workspace: Workspace) -> None:
    only(workspace, Scope.USER, Window.MONTH, 2, "segments")
    assert not has_room(user_3(workspace), segments=3)


def test_a_number_and_a_user_with_the_same_id_count_apart(workspace: Workspace) -> None:
    has_room(Subject(workspace.pk, Scope.NUMBER, 7))
    assert used(Subject(workspace.pk, Scope.USER, 7), Window.MINUTE) == 0


@pytest.mark.parametrize("window", Window)
def test_a_clock_that_is_behind_counts_in_no_window_that_is_over(
    workspace: Workspace, window: Window
) -> None:
    only(workspace, Scope.NUMBER, window, 2)
    subject = number_7(workspace)
    assert has_room(subject, NOW)
    back = NOW - timedelta(days=40)
    with pytest.raises(ClockBehind) as caught, transaction.atomic():
        counting.reserve([subject], 1, back)
    assert caught.value.at == NOW.replace(second=0)
    assert used(subject, window, back) == 1  # a page there tells of the newest window too
    assert has_room(subject, caught.value.at)
    assert not has_room(subject, NOW)


# --- Other calendars ---------------------------------------------------------------------------------

PARIS = "Europe/Paris"


@pytest.mark.services
def test_what_was_sent_while_the_rule_of_a_zone_was_off_counts_when_it_is_on_again(
    workspace: Workspace,
) -> None:
    number = make_number(workspace)
    only(workspace, Scope.NUMBER, "day", 5, zone=PARIS)
    rule = workspace.quota_rules.get()
    for is_enabled, statuses in ((True, ["queued"] * 2), (False, ["queued"] * 10), (True, ["rejected"] * 2)):
        Rule.objects.filter(pk=rule.pk).update(enabled=is_enabled)
        cache.forget()
        if is_enabled:
            sent = Message.objects.filter(status="queued").count()
            assert [each.used for each in counting.usage(Subject.of(number), NOW)] == [sent]
        assert [accept(ask(number), NOW).status for _ in statuses] == statuses


@pytest.mark.services
def test_who_still_has_the_old_rules_exceeds_no_limit_of_those_that_know_the_new(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = make_number(workspace)
    only(workspace, Scope.NUMBER, "day", 100)
    accept(ask(number), NOW)
    books = {"old": rulebook.read(workspace.pk)}
    Rule.objects.create(workspace=workspace, scope=Scope.NUMBER, window="day", zone=PARIS, limit=5)
    books["new"] = rulebook.read(workspace.pk)

    def send(book: str) -> str:
        monkeypatch.setattr(rulebook, "of", lambda workspace_id: books[book])
        return accept(ask(number), NOW).status

    assert [send("new"), send("old"), send("old"), send("new")] == ["queued"] * 4
    assert [send("new"), send("old"), send("new")] == ["rejected", "queued", "rejected"]


def test_where_counters_of_a_zone_are_missing_one_query_tells_what_is_used_for_all(
    workspace: Workspace, django_assert_num_queries: Callable[..., Any]
) -> None:
    numbers = [make_number(workspace) for _ in range(5)]
    for number in numbers:
        accept(ask(number), NOW)
    only(workspace, Scope.NUMBER, "day", 5, zone=PARIS)
    subjects = [Subject.of(number) for number in numbers]
    stored = counting.counters(workspace.pk, Scope.NUMBER)
    rulebook.of(workspace.pk)
    with django_assert_num_queries(1):
        found = counting.completed(stored, subjects, NOW)
    assert {own[PARIS].day_messages for own in found.values()} == {1}

    counting.complete(workspace.pk, Scope.NUMBER, subjects, NOW)
    assert set(Counter.objects.filter(zone=PARIS).values_list("day_messages", "turns")) == {(1, 1)}
    assert not counting.incomplete(counting.counters(workspace.pk, Scope.NUMBER), subjects, NOW)


def test_a_refusal_names_the_limit_that_has_room_last(workspace: Workspace) -> None:
    workspace.quota_rules.filter(window__in=["minute", "day"]).update(limit=1)
    subject = number_7(workspace)
    has_room(subject)
    with pytest.raises(QuotaExceeded) as caught, transaction.atomic():
        counting.reserve([subject], 1, NOW)
    usage = caught.value.usage
    assert (usage.limit.window, usage.used, usage.left) == (Window.DAY, 1, 0)
    assert usage.resets_at == datetime(2026, 11, 22, tzinfo=UTC)


def test_a_refusal_counts_in_no_window_and_for_no_subject(workspace: Workspace) -> None:
    workspace.quota_rules.filter(scope=Scope.USER, window="month", unit="segments").update(limit=0)
    with pytest.raises(QuotaExceeded), transaction.atomic():
        counting.reserve([number_7(workspace), user_3(workspace)], 1, NOW)
    assert {used(number_7(workspace), window) for window in Window} == {0}
    assert {used(user_3(workspace), window) for window in Window} == {0}


def test_without_rules_everything_is_counted_and_nothing_refused(workspace: Workspace) -> None:
    workspace.quota_rules.all().delete()
    assert all(has_room(number_7(workspace)) for _ in range(3))
    assert Counter.objects.get().minute_messages == 3


def test_a_limit_that_was_lowered_below_what_is_used_leaves_nothing(workspace: Workspace) -> None:
    subject = number_7(workspace)
    for _ in range(3):
        has_room(subject)
    only(workspace, Scope.NUMBER, "minute", 2)
    assert not has_room(subject)
    assert counting.usage(subject, NOW)[0].left == 0


def test_reading_usage_counts_nothing(workspace: Workspace) -> None:
    assert [u.used for u in counting.usage(user_3(workspace), NOW)] == [0] * 5
    assert not Counter.objects.exists()


def test_what_is_left_is_told_with_the_time_it_resets(workspace: Workspace) -> None:
    has_room(number_7(workspace))
    first: Usage = counting.usage(number_7(workspace), NOW)[0]
    assert (first.used, first.left, first.resets_at) == (1, 199, datetime(2026, 11, 21, 10, 8, tzinfo=UTC))


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_the_first_messages_of_a_number_may_come_all_at_once(workspace: Workspace) -> None:
    """None of them finds a counter, and none is refused for that."""
    rulebook.limits(number_7(workspace), NOW)

    def reserve(turn: int) -> bool:
        try:
            return has_room(Subject(workspace.pk, Scope.NUMBER, turn // 8))
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(reserve, range(160)))
    assert set(Counter.objects.values_list("minute_messages", flat=True)) == {8}


# Random histories

STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),  # which number
        st.integers(0, 2),  # as nobody, or as which user
        st.sampled_from([1, 161, 400]),  # characters: 1, 2 or 3 segments
        st.sampled_from([0, 1, 29, 61, 3_601, 86_400, 86_400 * 12, -61]),  # seconds until the next
    ),
    max_size=25,
)


@pytest.mark.services
@pytest.mark.django_db
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=STEPS)
def test_counters_equal_a_recount_of_the_rows(history: list[tuple[int, int, int, int]]) -> None:
    workspace = make_workspace()
    workspace.quota_rules.filter(window="minute").update(limit=3)
    workspace.quota_rules.filter(window="hour").update(limit=5)
    workspace.quota_rules.filter(unit="segments").update(limit=9)
    numbers = [make_number(workspace, users=("mia@example.com", "leo@example.com")) for _ in range(3)]
    agents = [None, *workspace.agents.order_by("pk")]
    now, made = NOW, list[Message]()
    for which, user, characters, seconds in history:
        agent = agents[user]
        as_user = {"send_as_kind": "user", "send_as_user_id": agent.pk} if agent else {}
        made.append(accept(ask(numbers[which], message="x" * characters, **as_user), now))
        now += timedelta(seconds=seconds)

    for counter in Counter.objects.filter(workspace=workspace):
        field = "number_id" if counter.scope == Scope.NUMBER else "agent_id"
        mine = [row for row in made if row.status == "queued" and getattr(row, field) == counter.subject_id]
        assert_recount(counter, mine)
    for rule in workspace.quota_rules.filter(enabled=True):
        column = f"{rule.window}_{rule.unit}"
        for counter in Counter.objects.filter(workspace=workspace, scope=rule.scope):
            assert getattr(counter, column) <= rule.limit


def assert_recount(counter: Counter, rows: list[Message]) -> None:
    """Each row counts in the windows that it was accepted in."""
    for window in Window:
        at = messages = segments = 0
        for row in rows:
            here = Moment.of(row.accepted_at).in_window(window)
            if here > at:
                at, messages, segments = here, 0, 0
            messages, segments = messages + 1, segments + row.segments
        assert getattr(counter, f"{window}_at") == at
        assert getattr(counter, f"{window}_messages") == messages
        assert getattr(counter, f"{window}_segments") == segments
