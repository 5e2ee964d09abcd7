"""When a limit runs out, if it goes on as it did."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from smsadmin.core.windows import Window, resets_at, started_at
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.forecast import LEAST_ELAPSED, LEAST_USED, Outlook, outlook, runs_out_at
from smsadmin.quotas.rulebook import Limit

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
NOON = MIDNIGHT + timedelta(hours=12)

moments = st.timedeltas(timedelta(0), timedelta(days=730)).map(MIDNIGHT.__add__)
longer = st.sampled_from([Window.HOUR, Window.DAY, Window.MONTH])  # a minute has no forecast
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])


def usage(used: int, limit: int, now: datetime, window: Window = Window.DAY, zone: str = "UTC") -> Usage:
    kept = limit // 10
    return Usage(Limit("number", window, "messages", limit, zone, kept), used, resets_at(window, now, zone))


def test_half_of_it_by_a_quarter_of_the_day_is_all_of_it_by_noon() -> None:
    now = MIDNIGHT + timedelta(hours=6)
    assert runs_out_at(usage(50, 100, now), now) == NOON


@pytest.mark.parametrize(
    ("used", "limit", "why"),
    [
        (0, 100, "nothing was used"),
        (0, 0, "nothing may be used"),
        (3, 0, "what was used is no longer allowed"),
        (100, 100, "it ran out already"),
        (120, 100, "it was made smaller"),
        (50, 100, "it lasts to the very reset"),
        (40, 100, "it lasts longer"),
        (9, 100, "too little was used to tell"),
    ],
)
def test_there_is_none_where(used: int, limit: int, why: str) -> None:
    assert runs_out_at(usage(used, limit, NOON), NOON) is None


def test_there_is_none_where_the_window_has_just_begun() -> None:
    early = MIDNIGHT + timedelta(days=LEAST_ELAPSED) - timedelta(seconds=1)
    assert runs_out_at(usage(90, 100, early), early) is None
    assert runs_out_at(usage(90, 100, MIDNIGHT), MIDNIGHT) is None
    assert runs_out_at(usage(90, 100, early + timedelta(seconds=1)), early + timedelta(seconds=1))


def test_what_is_kept_for_priority_traffic_is_part_of_the_limit() -> None:
    now = MIDNIGHT + timedelta(hours=8)
    assert runs_out_at(usage(90, 100, now), now) == MIDNIGHT + timedelta(hours=8) * (100 / 90)


@given(moments, st.sampled_from(Window), zones, st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_it_is_never_before_now_and_always_before_the_reset(
    now: datetime, window: Window, zone: str, used: int, limit: int
) -> None:
    given_usage = usage(used, limit, now, window, zone)
    at = runs_out_at(given_usage, now)
    assert at is None or now <= at < given_usage.resets_at


@pytest.mark.parametrize(
    ("used", "now", "window", "said"),
    [
        (100, NOON, Window.DAY, Outlook.SPENT),
        (100, NOON, Window.MINUTE, Outlook.SPENT),
        (60, NOON, Window.DAY, Outlook.RUNS_OUT),
        (50, NOON, Window.DAY, Outlook.LASTS),
        (60, MIDNIGHT + timedelta(minutes=5), Window.DAY, Outlook.TOO_EARLY),
        (0, MIDNIGHT + timedelta(seconds=30), Window.DAY, Outlook.TOO_EARLY),
        (0, NOON, Window.DAY, Outlook.TOO_LITTLE),
        (60, NOON + timedelta(seconds=30), Window.MINUTE, Outlook.TOO_SHORT),
    ],
)
def test_what_is_said_of_a_limit(used: int, now: datetime, window: Window, said: Outlook) -> None:
    assert outlook(usage(used, 100, now, window), now) is said


@given(moments, longer, zones, st.integers(1, 2**31 - 1), st.data())
def test_it_is_exact_where_use_is_linear(
    now: datetime, window: Window, zone: str, limit: int, data: st.DataObject
) -> None:
    used = data.draw(st.integers(1, limit))
    began, end = started_at(window, now, zone), resets_at(window, now, zone)
    elapsed = now - began
    assume(LEAST_USED * limit <= used < limit and elapsed >= LEAST_ELAPSED * (end - began))
    line = began + elapsed * (limit / used)  # where the line from the window's start meets the limit

    at = runs_out_at(usage(used, limit, now, window, zone), now)

    if at is None:
        assert line >= end - timedelta(milliseconds=1)
    else:
        assert abs(at - line) <= timedelta(microseconds=2)
