"""Each threshold of a limit is written once for its window, by the message that crosses it or by the next look."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from smsadmin import cache
from smsadmin.core.windows import Window, resets_at
from smsadmin.directory.models import Number
from smsadmin.quotas import counting, crossing
from smsadmin.quotas.counting import Change
from smsadmin.quotas.models import Counter, Crossing, Rule, Scope
from smsadmin.quotas.rulebook import Limit, Meter, Subject
from smsadmin.sending import hold
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace
from tests.factories import ask, make_agent, make_number, make_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.services]

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
ALL = list(Crossing.THRESHOLDS)
DAY = "day"


@pytest.fixture
def workspace() -> Workspace:
    """A workspace without limits."""
    made = make_workspace()
    made.quota_rules.all().delete()
    return made


@pytest.fixture
def number(workspace: Workspace) -> Number:
    return make_number(workspace)


@pytest.fixture
def send(django_capture_on_commit_callbacks: Any) -> Callable[..., Message]:
    """Accepts messages, each with its commit; returns the last."""

    def sending(number: Number, count: int = 1, now: datetime = NOW, **over: Any) -> Message:
        for _ in range(count):
            with django_capture_on_commit_callbacks(execute=True):
                message = accept(ask(number, **over), now)
        return message

    return sending


def limit(workspace: Workspace, most: int, window: str = DAY, **columns: Any) -> Rule:
    """A limit of every number."""
    made = Rule.objects.create(
        workspace=workspace, window=window, limit=most, **{"scope": Scope.NUMBER, **columns}
    )
    cache.forget()
    return made


def lower(rule: Rule, most: int) -> None:
    Rule.objects.filter(pk=rule.pk).update(limit=most)
    cache.forget()


def written(**columns: Any) -> list[tuple[int, int]]:
    """Threshold and what was used, of each; without forecasts."""
    rows = Crossing.objects.filter(**columns).exclude(threshold=Crossing.FORECAST).order_by("pk")
    return list(rows.values_list("threshold", "used"))


def thresholds(**columns: Any) -> list[int]:
    return [threshold for threshold, _used in written(**columns)]


# --- Arithmetic ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "before", "used", "expected"),
    [
        (10, 3, 4, []),
        (10, 4, 5, [50]),
        (10, 5, 6, []),
        (10, 7, 8, [80]),
        (10, 8, 9, [90]),
        (10, 9, 10, [100]),
        (10, 0, 10, ALL),
        (10, 4, 9, [50, 80, 90]),
        (1, 0, 1, ALL),
        (3, 1, 2, [50]),  # 1.5 is reached by 2
        (3, 2, 3, [80, 90, 100]),
        (7, 5, 6, [80]),  # 5.6; 90 % are 6.3
        (13_000, 6_499, 6_500, [50]),
        (13_000, 11_699, 11_700, [90]),
        (10, 10, 11, []),  # a limit that was lowered: reached before
        (10, 0, 0, []),
    ],
)
def test_a_threshold_is_crossed_by_what_first_reaches_it(
    workspace: Workspace, most: int, before: int, used: int, expected: list[int]
) -> None:
    its = Limit(Scope.NUMBER, Window.DAY, "segments", most)
    subject = Subject(workspace.pk, Scope.NUMBER, 7)
    position = {"scope": "number", "subject": 7, "day_segments": used}

    found = crossing.crossed([Meter(subject, "UTC", (its,))], [position], used - before, NOW)

    assert [each.threshold for each in found] == expected


def test_each_zone_and_subject_has_its_own_position(workspace: Workspace) -> None:
    """Where the rules changed between counting and noting, what has no position is left to the sweep."""
    here, there = (Limit(Scope.NUMBER, Window.DAY, "messages", 10, zone) for zone in ("UTC", "Asia/Tokyo"))
    subject = Subject(workspace.pk, Scope.NUMBER, 7)
    meters = [Meter(subject, "UTC", (here,)), Meter(subject, "Asia/Tokyo", (there,))]
    at_home = {"scope": "number", "subject": 7, "day_messages": 5}
    abroad = {"scope": "number", "subject": 7, "zone": "Asia/Tokyo", "day_messages": 8}
    another = {"scope": "user", "subject": 7, "day_messages": 10}

    both = list(crossing.crossed(meters, [at_home, abroad, another], 1, NOW))
    one = list(crossing.crossed(meters, [at_home], 1, NOW))

    assert [(each.zone, each.threshold) for each in both] == [("UTC", 50), ("Asia/Tokyo", 80)]
    assert both[1].began_at == datetime(2026, 11, 20, 15, tzinfo=UTC)
    assert [each.zone for each in one] == ["UTC"]


# --- By messages --------------------------------------------------------------------------------------


def test_the_message_that_crosses_writes_it(workspace: Workspace, number: Number, send: Any) -> None:
    limit(workspace, 10)

    send(number, 12)

    assert written() == [(50, 5), (80, 8), (90, 9), (100, 10)]
    row = Crossing.objects.first()
    assert row
    assert (row.workspace, row.scope, row.subject_id, row.zone) == (workspace, "number", number.pk, "UTC")
    assert (row.window, row.unit, row.limit, row.at) == ("day", "messages", 10, NOW)
    assert row.began_at == NOW.replace(hour=0, minute=0)


def test_one_message_may_cross_several(workspace: Workspace, number: Number, send: Any) -> None:
    limit(workspace, 10, unit="segments")
    send(number)

    send(number, message="x" * 1_300)  # 9 segments

    assert written() == [(each, 10) for each in ALL]


def test_the_user_crosses_as_the_number_does(workspace: Workspace, send: Any) -> None:
    number = make_number(workspace, users=("mia@example.com",))
    mia = number.agents.get()
    limit(workspace, 4)
    limit(workspace, 2, scope=Scope.USER)

    send(number, 2, send_as_kind="user", send_as_user_id=mia.pk)

    assert thresholds(scope="number") == [50]
    assert thresholds(scope="user", subject_id=mia.pk) == ALL


def test_each_window_begins_anew(workspace: Workspace, number: Number, send: Any) -> None:
    limit(workspace, 2, "minute")
    for minute in range(3):
        send(number, 2, NOW + timedelta(minutes=minute))

    assert thresholds() == ALL * 3


def test_a_released_message_crosses_too(
    workspace: Workspace, number: Number, send: Any, django_capture_on_commit_callbacks: Any
) -> None:
    limit(workspace, 1, "minute")
    send(number, 2, at_quota="hold", hold_minutes=60)
    Crossing.objects.all().delete()

    with django_capture_on_commit_callbacks(execute=True):
        hold.release(NOW + timedelta(minutes=1))

    assert thresholds(began_at=NOW + timedelta(minutes=1)) == ALL


def test_what_is_given_back_and_used_again_crosses_once(
    workspace: Workspace, number: Number, send: Any
) -> None:
    limit(workspace, 10)
    send(number, 5)
    counting.adjust([Change(Scope.NUMBER, number.pk, NOW, messages=-2, segments=-2)])

    send(number, 3)

    assert written() == [(50, 5)]


def test_where_nothing_is_crossed_the_database_is_not_asked(
    workspace: Workspace, number: Number, send: Any
) -> None:
    """But for the commit that a message makes anyway."""
    limit(workspace, 100)
    send(number)
    with CaptureQueriesContext(connection) as seen:
        send(number)

    assert not [query for query in seen if "quotas_crossing" in query["sql"]]
    position = Message.objects.latest("pk").quota
    with CaptureQueriesContext(connection) as seen:
        crossing.note([Subject.of(number)], position, 1, NOW)
    assert len(seen) == 0


@pytest.mark.parametrize("broken", ["write", "crossed"])
def test_an_error_stops_no_message(
    workspace: Workspace, number: Number, send: Any, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    limit(workspace, 1)

    def breaks(*_: Any) -> None:
        raise DatabaseError("no room on the disk")

    with monkeypatch.context() as patched:
        patched.setattr(crossing, broken, breaks)
        message = send(number)

    message.refresh_from_db()
    assert message.status == "queued"
    assert thresholds() == []
    crossing.sweep(NOW)
    assert thresholds() == ALL


def test_what_was_not_committed_was_not_crossed(
    workspace: Workspace, number: Number, django_capture_on_commit_callbacks: Any
) -> None:
    limit(workspace, 1)

    accept(ask(number), NOW)  # and the process dies before the commit

    assert thresholds() == []


# --- By looking ---------------------------------------------------------------------------------------


def test_a_lowered_limit_is_found_by_the_next_look(workspace: Workspace, number: Number, send: Any) -> None:
    rule = limit(workspace, 100)
    send(number, 9)
    lower(rule, 10)

    crossing.sweep(NOW + timedelta(minutes=1))
    crossing.sweep(NOW + timedelta(minutes=2))
    assert written() == [(50, 9), (80, 9), (90, 9)]

    send(number, 1, NOW + timedelta(minutes=3))
    crossing.sweep(NOW + timedelta(minutes=4))
    assert written()[3:] == [(100, 10)]


def test_a_raised_limit_is_not_crossed_again_in_its_window(
    workspace: Workspace, number: Number, send: Any
) -> None:
    rule = limit(workspace, 4)
    send(number, 2)
    lower(rule, 6)

    send(number, 1)
    crossing.sweep(NOW)

    assert written() == [(50, 2)]


def test_a_count_that_was_put_right_is_found(workspace: Workspace, number: Number, send: Any) -> None:
    limit(workspace, 10)
    send(number)
    Counter.objects.update(day_messages=8)

    crossing.sweep(NOW)

    assert written() == [(50, 8), (80, 8)]


def test_a_window_that_is_over_is_not_looked_at(workspace: Workspace, number: Number, send: Any) -> None:
    rule = limit(workspace, 100)
    send(number, 9)
    lower(rule, 10)

    crossing.sweep(NOW + timedelta(days=1))

    assert thresholds() == []


def test_limits_of_other_zones_are_looked_at_in_their_own_windows(
    workspace: Workspace, number: Number, send: Any
) -> None:
    evening = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)  # 1:30 of the day of 25 hours in Paris
    limit(workspace, 4, zone="Europe/Paris")
    send(number, 2, evening)
    Crossing.objects.all().delete()

    crossing.sweep(evening + timedelta(hours=23))

    [row] = Crossing.objects.all()
    assert row.began_at == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert resets_at(Window.DAY, row.began_at, row.zone) == datetime(2026, 10, 25, 23, tzinfo=UTC)
    crossing.sweep(evening + timedelta(hours=23, minutes=30))
    assert Crossing.objects.count() == 1


def test_a_limit_of_a_new_zone_is_looked_at_by_what_the_log_says(
    workspace: Workspace, number: Number, send: Any
) -> None:
    limit(workspace, 100)
    send(number, 3)
    limit(workspace, 4, zone="Asia/Tokyo")

    crossing.sweep(NOW)

    assert thresholds() == [50]
    counter = Counter.objects.get(zone="Asia/Tokyo")
    assert (counter.day_messages, counter.turns) == (3, 3)
    send(number)
    assert thresholds() == [50, 80, 90, 100]


# --- What will run out --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "used", "minutes", "expected"),
    [
        ("hour", 4, 15, True),  # 16 an hour
        ("hour", 2, 15, False),  # 8 an hour
        ("hour", 10, 15, False),  # ran out already
        ("minute", 4, 0, False),
    ],
)
def test_what_will_run_out_is_written_once(
    workspace: Workspace, number: Number, send: Any, window: str, used: int, minutes: int, expected: bool
) -> None:
    limit(workspace, 10, window)
    began = NOW.replace(minute=0)
    send(number, used, began)
    Crossing.objects.all().delete()

    crossing.sweep(began + timedelta(minutes=minutes, seconds=30))
    crossing.sweep(began + timedelta(minutes=minutes + 1))

    rows = Crossing.objects.filter(threshold=Crossing.FORECAST)
    assert rows.count() == int(expected)
    for row in rows:
        assert row.runs_out_at
        assert row.at < row.runs_out_at < began + timedelta(hours=1)


def test_the_next_window_is_foreseen_anew(workspace: Workspace, number: Number, send: Any) -> None:
    limit(workspace, 10, "hour")
    for hour in range(3):
        began = NOW.replace(minute=0) + timedelta(hours=hour)
        send(number, 4, began)
        crossing.sweep(began + timedelta(minutes=10))
        crossing.sweep(began + timedelta(minutes=11))

    assert Crossing.objects.filter(threshold=Crossing.FORECAST).count() == 3


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"limit": 4, "window": "day"}, False),  # used up, long after the hour
        ({"limit": 9, "window": "day"}, False),  # five more of the six that are left
        ({"limit": 10, "window": "day"}, True),
        ({"limit": 4, "window": "day", "zone": "Asia/Tokyo"}, False),
        ({"limit": 4, "window": "month", "unit": "segments"}, False),
        ({"limit": 4, "window": "minute"}, True),  # a new one each minute
        ({"limit": 4, "window": "day", "scope": Scope.USER}, True),  # of somebody else
    ],
)
def test_nothing_runs_out_that_another_limit_of_the_holder_does_not_let(
    workspace: Workspace, number: Number, send: Any, columns: dict[str, Any], expected: bool
) -> None:
    began = NOW.replace(minute=0)
    limit(workspace, 10, "hour")
    limit(workspace, columns.pop("limit"), **columns)
    send(number, 4, began)

    crossing.sweep(began + timedelta(minutes=15))

    foreseen = Crossing.objects.filter(threshold=Crossing.FORECAST, window="hour")
    assert foreseen.exists() == expected


@pytest.mark.parametrize(("most", "expected"), [(4, False), (5, True)])
def test_a_limit_of_messages_does_not_say_how_many_segments_it_lets(
    workspace: Workspace, number: Number, send: Any, most: int, expected: bool
) -> None:
    began = NOW.replace(minute=0)
    limit(workspace, 10, "hour", unit="segments")
    limit(workspace, most)
    send(number, 4, began)

    crossing.sweep(began + timedelta(minutes=15))

    assert Crossing.objects.filter(threshold=Crossing.FORECAST, unit="segments").exists() == expected


def test_what_another_limit_let_again_is_foreseen_then(
    workspace: Workspace, number: Number, send: Any
) -> None:
    """23:00 in Paris is its midnight; the day that runs out is that of UTC."""
    evening = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
    limit(workspace, 100)
    limit(workspace, 90, zone="Europe/Paris")
    send(number, 90, evening - timedelta(hours=10))

    crossing.sweep(evening)
    assert not Crossing.objects.filter(threshold=Crossing.FORECAST).exists()
    send(number, 6, datetime(2026, 11, 22, 23, 1, tzinfo=UTC))
    crossing.sweep(datetime(2026, 11, 22, 23, 2, tzinfo=UTC))

    [row] = Crossing.objects.filter(threshold=Crossing.FORECAST)
    assert (row.zone, row.used) == ("UTC", 96)


# --- What it costs, and at once -----------------------------------------------------------------------


def test_a_look_costs_few_queries_however_many_there_are(workspace: Workspace) -> None:
    def used(count: int) -> None:
        for holder in [make_number(workspace), make_agent(workspace)] * count:
            subject = Subject.of(holder)
            if not Counter.objects.filter(scope=subject.scope, subject_id=subject.subject_id).exists():
                for _ in range(2):
                    counting.reserve([subject], 1, NOW)

    def queries() -> int:
        cache.forget()
        with CaptureQueriesContext(connection) as seen:
            crossing.look(workspace.pk, NOW)
        return len(seen)

    limit(workspace, 3)
    limit(workspace, 3, scope=Scope.USER)
    used(1)
    few = queries()
    for _ in range(20):
        used(1)
    assert queries() == few
    assert len(thresholds()) == 42
    limit(workspace, 5, zone="Asia/Tokyo")
    crossing.look(workspace.pk, NOW)  # makes its counters, and writes nothing: two of five
    with CaptureQueriesContext(connection) as seen:
        crossing.look(workspace.pk, NOW)
    assert not [query for query in seen if query["sql"].startswith("INSERT")]


def test_one_workspace_whose_look_fails_stops_no_other(
    workspace: Workspace, number: Number, send: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_workspace()
    limit(workspace, 1)
    accept(ask(number), NOW)
    look = crossing.look

    def looks(workspace_id: int, now: datetime) -> None:
        look(workspace_id, now)
        broken.remove(workspace_id)
        raise ValueError("of each")

    broken = {workspace.pk, other.pk}
    monkeypatch.setattr(crossing, "look", looks)

    crossing.sweep(NOW)

    assert broken == set()
    assert thresholds() == ALL


def test_workspaces_are_looked_at_by_themselves(workspace: Workspace, number: Number) -> None:
    other = make_workspace()
    limit(workspace, 1)
    accept(ask(number), NOW)

    crossing.look(other.pk, NOW)
    assert thresholds() == []
    crossing.look(workspace.pk, NOW)
    assert set(Crossing.objects.values_list("workspace", flat=True)) == {workspace.pk}


THREADS = 8


@pytest.mark.django_db(transaction=True)
def test_however_many_send_and_look_at_once_each_is_written_once() -> None:
    workspace = make_workspace()
    workspace.quota_rules.all().delete()
    numbers = [make_number(workspace) for _ in range(2)]
    limit(workspace, 20)
    limit(workspace, 40, "month")
    together = threading.Barrier(THREADS)

    def work(nth: int) -> None:
        try:
            together.wait()
            for turn in range(10):
                if nth < 2:
                    crossing.look(workspace.pk, NOW)
                else:
                    accept(ask(numbers[(nth + turn) % 2]), NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))

    for number in numbers:
        assert Message.objects.filter(number=number, status="queued").count() == 20
        assert sorted(thresholds(subject_id=number.pk, window="day")) == ALL
        assert sorted(thresholds(subject_id=number.pk, window="month")) == [50]
