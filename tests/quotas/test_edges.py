"""The front door at the edges of quota windows: the last microsecond of one, the first of the next, in any zone."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import F

from smsadmin import cache
from smsadmin.core.windows import Window, resets_at, started_at
from smsadmin.directory.models import Number
from smsadmin.quotas.models import Counter, Rule, Scope
from smsadmin.sending import ledger
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.sending.quota import Demand
from tests.counted import assert_counters_equal_the_log
from tests.factories import ask, make_number, make_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.services]

MICROSECOND = timedelta(microseconds=1)
PARIS = "Europe/Paris"
SUMMER_BEGINS, SUMMER_ENDS = datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)


@pytest.fixture
def number() -> Number:
    return make_number(make_workspace(), users=("mia@example.com",))


def only(number: Number, window: str, zone: str, *, limit: int = 1, scope: str = Scope.NUMBER) -> None:
    """The workspace has this limit and no other."""
    Rule.objects.filter(workspace=number.workspace_id).delete()
    Rule.objects.create(workspace=number.workspace, scope=scope, window=window, zone=zone, limit=limit)
    cache.forget()


def send(number: Number, now: datetime) -> Message:
    mia = number.agents.get()
    return accept(ask(number, send_as_kind="user", send_as_user_id=mia.pk), now)


def has_room(number: Number, now: datetime) -> bool:
    return send(number, now).status == "queued"


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("window", Window)
@pytest.mark.parametrize("zone", ["UTC", PARIS, "Asia/Kathmandu", "America/New_York"])
def test_a_limit_holds_to_the_last_microsecond_and_not_for_the_first_of_the_next_window(
    number: Number, zone: str, window: Window, scope: str
) -> None:
    only(number, window, zone, scope=scope)
    now = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)
    began, resets = started_at(window, now, zone), resets_at(window, now, zone)

    assert has_room(number, began - MICROSECOND)
    assert has_room(number, began)
    refused = send(number, resets - MICROSECOND)
    assert refused.error_code == f"{scope.upper()}_QUOTA_EXCEEDED"
    assert refused.error_facts["resets"] == resets.isoformat()
    assert has_room(number, resets)
    assert not has_room(number, resets)


@pytest.mark.parametrize(("noon", "hours"), [(SUMMER_BEGINS, 23), (SUMMER_ENDS, 25)])
def test_a_day_on_which_the_clocks_change_has_one_limit_from_midnight_to_midnight(
    number: Number, noon: datetime, hours: int
) -> None:
    only(number, Window.DAY, PARIS, limit=2)
    midnight = started_at(Window.DAY, noon, PARIS)
    following = midnight + timedelta(hours=hours)

    assert has_room(number, midnight - MICROSECOND)
    assert [has_room(number, midnight), has_room(number, noon)] == [True, True]
    assert not has_room(number, following - MICROSECOND)
    assert [has_room(number, following) for _ in range(3)] == [True, True, False]


def test_the_hour_that_comes_twice_has_its_limit_twice(number: Number) -> None:
    only(number, Window.HOUR, PARIS)
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # half past two, in summer time
    assert [has_room(number, first), has_room(number, first)] == [True, False]
    assert [has_room(number, first + timedelta(hours=1)), has_room(number, first)] == [True, False]


@pytest.mark.parametrize(
    ("zone", "month_begins"),
    [
        ("Pacific/Kiritimati", datetime(2026, 11, 30, 10, tzinfo=UTC)),  # ahead of UTC
        ("Pacific/Pago_Pago", datetime(2026, 12, 1, 11, tzinfo=UTC)),  # behind it
    ],
)
def test_a_month_begins_when_it_does_in_the_zone(number: Number, zone: str, month_begins: datetime) -> None:
    only(number, Window.MONTH, zone)
    assert has_room(number, month_begins - timedelta(days=29))
    for still_full in (month_begins - MICROSECOND, datetime(2026, 12, 1, tzinfo=UTC) - timedelta(days=2)):
        assert not has_room(number, still_full)
    assert has_room(number, month_begins)


def test_a_limit_in_a_zone_and_one_in_utc_hold_at_once_each_in_its_own_day(number: Number) -> None:
    only(number, Window.DAY, PARIS, limit=2)
    Rule.objects.create(
        workspace=number.workspace, scope=Scope.NUMBER, window=Window.DAY, zone="UTC", limit=3
    )
    cache.forget()
    before = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)  # the 21st in Paris
    after = before + timedelta(hours=1)  # the 22nd there, still the 21st in UTC

    assert [has_room(number, before) for _ in range(3)] == [True, True, False]
    in_both = send(number, after)
    refused = send(number, after)

    positions = {
        each.get("zone", "UTC"): each["day_messages"] for each in in_both.quota if "day_messages" in each
    }
    assert positions == {"UTC": 3, PARIS: 1}
    assert refused.error_facts["resets"] == "2026-11-22T00:00:00+00:00"
    counters = Counter.objects.filter(scope=Scope.NUMBER, subject_id=number.pk)
    assert dict(counters.values_list("zone", "day_messages")) == {"UTC": 3, PARIS: 1}


def test_a_message_of_a_server_whose_clock_is_behind_is_accepted_in_the_windows_that_have_begun(
    number: Number,
) -> None:
    only(number, Window.HOUR, "UTC", limit=3)
    edge = datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert has_room(number, edge + timedelta(seconds=20))

    late = send(number, edge - timedelta(seconds=5))

    assert (late.status, late.accepted_at) == ("queued", edge)
    assert Message.objects.get(pk=late.pk).accepted_at == edge
    assert [each["hour_messages"] for each in late.quota if "hour_messages" in each] == [2]
    assert_counters_equal_the_log()
    assert has_room(number, edge - timedelta(seconds=5))
    refused = send(number, edge - timedelta(seconds=5))
    assert refused.error_facts["resets"] == (edge + timedelta(hours=1)).isoformat()


def test_a_held_message_is_released_in_the_windows_that_have_begun(number: Number) -> None:
    only(number, Window.MINUTE, "UTC")
    edge = datetime(2026, 11, 21, 10, tzinfo=UTC)
    has_room(number, edge - timedelta(seconds=30))
    held = accept(ask(number, at_quota="hold", hold_minutes=60), edge - timedelta(seconds=20))
    Rule.objects.update(limit=2)
    cache.forget()
    assert has_room(number, edge + timedelta(seconds=1))

    assert ledger.release(held, Demand(number, None, 1), edge - timedelta(seconds=1))

    held.refresh_from_db()
    assert (held.status, held.accepted_at) == ("queued", edge)
    assert_counters_equal_the_log()


def test_the_one_statement_takes_messages_where_the_counter_of_a_zone_has_missed_none(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(number, Window.DAY, PARIS, limit=9)
    now = datetime(2026, 11, 21, 10, tzinfo=UTC)
    has_room(number, now)  # makes the counters
    steps: list[Message] = []
    by_steps = ledger._enter_step_by_step

    def noted(message: Message, demand: Demand, now: datetime, *, in_line: bool) -> None:
        steps.append(message)
        by_steps(message, demand, now, in_line=in_line)

    monkeypatch.setattr(ledger, "_enter_step_by_step", noted)
    always = connection.vendor != "postgresql"  # which alone has the one statement
    assert [has_room(number, now) for _ in range(3)] == [True] * 3
    assert len(steps) == (3 if always else 0)

    Counter.objects.filter(scope=Scope.NUMBER, zone="UTC").update(turns=F("turns") + 1)
    steps.clear()
    assert has_room(number, now)
    assert len(steps) == 1
    assert has_room(number, now)
    assert len(steps) == (2 if always else 1)
    assert_counters_equal_the_log()
