"""Quota windows: calendar minutes, hours, days and months in UTC and in any zone."""

from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import cache, partial
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsadmin.core.windows import Moment, Window, resets_at, started_at

LAST = datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
FIRST = datetime(2027, 1, 1, tzinfo=UTC)
LEAP = datetime(2028, 2, 29, 12, 30, 15, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize("window", Window)
def test_at_new_year_every_window_is_a_new_one(window: Window) -> None:
    assert Moment.of(FIRST).in_window(window) == Moment.of(LAST).in_window(window) + 1


@pytest.mark.parametrize(
    ("window", "start", "length"),
    [
        (Window.MINUTE, datetime(2026, 11, 21, 10, 7, tzinfo=UTC), timedelta(minutes=1)),
        (Window.HOUR, datetime(2026, 11, 21, 10, tzinfo=UTC), timedelta(hours=1)),
        (Window.DAY, datetime(2026, 11, 21, tzinfo=UTC), timedelta(days=1)),
        (Window.MONTH, datetime(2026, 11, 1, tzinfo=UTC), timedelta(days=30)),
        (Window.MONTH, datetime(2028, 2, 1, tzinfo=UTC), timedelta(days=29)),
    ],
)
def test_a_window_holds_its_first_and_its_last_microsecond(
    window: Window, start: datetime, length: timedelta
) -> None:
    number = Moment.of(start).in_window(window)
    almost_over = start + length - timedelta(microseconds=1)
    assert Moment.of(almost_over).in_window(window) == number
    assert Moment.of(start - timedelta(microseconds=1)).in_window(window) == number - 1
    assert Moment.of(start + length).in_window(window) == number + 1
    assert started_at(window, start) == started_at(window, almost_over) == start
    assert resets_at(window, start) == resets_at(window, almost_over) == start + length


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window.MINUTE, datetime(2028, 2, 29, 12, 31, tzinfo=UTC)),
        (Window.HOUR, datetime(2028, 2, 29, 13, tzinfo=UTC)),
        (Window.DAY, datetime(2028, 3, 1, tzinfo=UTC)),
        (Window.MONTH, datetime(2028, 3, 1, tzinfo=UTC)),
    ],
)
def test_there_is_room_again_when_the_window_ends(window: Window, expected: datetime) -> None:
    assert resets_at(window, LEAP) == expected


@pytest.mark.parametrize("window", Window)
def test_windows_are_those_of_utc_wherever_the_clock_stands(window: Window) -> None:
    kathmandu = LAST.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert Moment.of(kathmandu) == Moment.of(LAST)
    assert resets_at(window, kathmandu) == resets_at(window, LAST)


# --- Other zones, and the days on which their clocks are put forward or back --------------------------------


@pytest.mark.parametrize(
    ("zone", "now", "began", "resets"),
    [
        # The 23-hour and the 25-hour day, and the hours in them that are left out and repeated.
        ("Europe/Paris", "2026-03-29 10:00", "2026-03-28 23:00", "2026-03-29 22:00"),
        ("Europe/Paris", "2026-10-25 10:00", "2026-10-24 22:00", "2026-10-25 23:00"),
        ("America/New_York", "2026-03-08 10:00", "2026-03-08 05:00", "2026-03-09 04:00"),
        ("America/New_York", "2026-11-01 10:00", "2026-11-01 04:00", "2026-11-02 05:00"),
        # Half an hour less, half an hour more.
        ("Australia/Lord_Howe", "2026-10-03 20:00", "2026-10-03 13:30", "2026-10-04 13:00"),
        ("Australia/Lord_Howe", "2026-04-04 20:00", "2026-04-04 13:00", "2026-04-05 13:30"),
        ("Asia/Kathmandu", "2026-06-01 10:00", "2026-05-31 18:15", "2026-06-01 18:15"),
        # No midnight: the day begins at one o'clock.
        ("America/Havana", "2026-03-08 10:00", "2026-03-08 05:00", "2026-03-09 04:00"),
        ("Asia/Beirut", "2026-03-29 10:00", "2026-03-28 22:00", "2026-03-29 21:00"),
        # Two midnights of the same date, and an hour before midnight that comes twice.
        ("America/Havana", "2026-11-01 10:00", "2026-11-01 04:00", "2026-11-02 05:00"),
        ("Asia/Beirut", "2026-10-24 10:00", "2026-10-23 21:00", "2026-10-24 22:00"),
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(zone: str, now: str, began: str, resets: str) -> None:
    assert_window(Window.DAY, zone, now, began, resets)


@pytest.mark.parametrize(
    ("zone", "now", "began", "resets"),
    [
        (
            "Europe/Paris",
            "2026-03-29 00:30",
            "2026-03-29 00:00",
            "2026-03-29 01:00",
        ),  # one, then three o'clock
        ("Europe/Paris", "2026-03-29 01:30", "2026-03-29 01:00", "2026-03-29 02:00"),
        ("Europe/Paris", "2026-10-25 00:30", "2026-10-25 00:00", "2026-10-25 01:00"),  # two o'clock, twice
        ("Europe/Paris", "2026-10-25 01:30", "2026-10-25 01:00", "2026-10-25 02:00"),
        ("America/Havana", "2026-11-01 05:30", "2026-11-01 05:00", "2026-11-01 06:00"),  # midnight, again
        ("Asia/Beirut", "2026-10-24 21:30", "2026-10-24 21:00", "2026-10-24 22:00"),  # eleven, again
        ("Asia/Kathmandu", "2026-06-01 10:20", "2026-06-01 10:15", "2026-06-01 11:15"),
        ("Australia/Lord_Howe", "2026-10-03 15:10", "2026-10-03 14:30", "2026-10-03 15:30"),
        ("Australia/Lord_Howe", "2026-10-03 15:40", "2026-10-03 15:30", "2026-10-03 16:00"),  # half past two
    ],
)
def test_an_hour_that_comes_twice_is_two_hours(zone: str, now: str, began: str, resets: str) -> None:
    assert_window(Window.HOUR, zone, now, began, resets)


@pytest.mark.parametrize(
    ("zone", "now", "began", "resets"),
    [
        ("Europe/Paris", "2026-03-15 10:00", "2026-02-28 23:00", "2026-03-31 22:00"),
        ("Europe/Paris", "2026-12-31 23:30", "2026-12-31 23:00", "2027-01-31 23:00"),
        ("America/New_York", "2026-11-01 03:59", "2026-10-01 04:00", "2026-11-01 04:00"),
        ("America/Havana", "2026-11-15 10:00", "2026-11-01 04:00", "2026-12-01 05:00"),
        ("Pacific/Kiritimati", "2026-02-28 10:00", "2026-02-28 10:00", "2026-03-31 10:00"),
    ],
)
def test_a_month_is_that_of_the_zone(zone: str, now: str, began: str, resets: str) -> None:
    assert_window(Window.MONTH, zone, now, began, resets)


def assert_window(window: Window, zone: str, now: str, began: str, resets: str) -> None:
    """The window that holds `now` runs from `began` to `resets`, all in UTC, and its edges are in different ones."""
    at, start, end = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (now, began, resets))
    inside = Moment.of(at, zone).in_window(window)
    for each in (start, at, end - MICROSECOND):
        assert started_at(window, each, zone) == start
        assert resets_at(window, each, zone) == end
        assert Moment.of(each, zone).in_window(window) == inside
    assert (
        Moment.of(start - MICROSECOND, zone).in_window(window)
        < inside
        < Moment.of(end, zone).in_window(window)
    )


HARD_ZONES = [
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Havana",
    "Asia/Beirut",
    "Africa/Cairo",
    "Antarctica/Troll",
    "Pacific/Kiritimati",
]
ZONES = st.sampled_from(HARD_ZONES) | st.sampled_from(sorted(available_timezones()))
#: Years in which messages are sent: some zones once went back over a midnight that was already over.
YEARS = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
INSTANTS = st.timedeltas(timedelta(0), YEARS[1] - YEARS[0]).map(lambda since: YEARS[0] + since)


@cache
def changes(zone: str) -> list[datetime]:
    """When the zone's clocks are changed in these years."""
    offset = partial(_offset, ZoneInfo(zone))
    days = [YEARS[0] + timedelta(days=day) for day in range((YEARS[1] - YEARS[0]).days + 1)]
    return [
        before + timedelta(minutes=bisect_left(range(1_440), True, key=_differs(offset, before)))
        for before, after in pairwise(days)
        if offset(before) != offset(after)
    ]


def _offset(zone: ZoneInfo, at: datetime) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


def _differs(offset: Callable[[datetime], Any], before: datetime) -> Callable[[int], bool]:
    return lambda minutes: offset(before + timedelta(minutes=minutes)) != offset(before)


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone and an instant, one in two near a change of its clocks."""
    zone = draw(ZONES)
    if draw(st.booleans()) and (known := changes(zone)):
        seconds = draw(st.integers(-93_600, 93_600))
        return zone, draw(st.sampled_from(known)) + timedelta(seconds=seconds)
    return zone, draw(INSTANTS)


@pytest.mark.parametrize("window", Window)
@settings(max_examples=300, deadline=None)
@given(where=moments())
def test_windows_part_time_without_gap_or_overlap(window: Window, where: tuple[str, datetime]) -> None:
    zone, now = where
    began, resets = started_at(window, now, zone), resets_at(window, now, zone)
    assert began <= now < resets
    number = Moment.of(now, zone).in_window(window)
    for inside in (began, began + (resets - began) / 2, resets - MICROSECOND):
        assert (started_at(window, inside, zone), resets_at(window, inside, zone)) == (began, resets)
        assert Moment.of(inside, zone).in_window(window) == number
    assert started_at(window, resets, zone) == resets
    assert resets_at(window, began - MICROSECOND, zone) == began
    assert Moment.of(began - MICROSECOND, zone).in_window(window) < number
    assert Moment.of(resets, zone).in_window(window) > number


@settings(max_examples=300, deadline=None)
@given(where=moments(), seconds=st.integers(0, 90 * 86_400))
def test_the_number_of_a_window_never_falls(where: tuple[str, datetime], seconds: int) -> None:
    zone, now = where
    earlier, later = Moment.of(now, zone), Moment.of(now + timedelta(seconds=seconds), zone)
    for window in Window:
        assert earlier.in_window(window) <= later.in_window(window)


@pytest.mark.parametrize("window", Window)
@pytest.mark.parametrize("zone", HARD_ZONES)
def test_each_window_around_a_change_of_the_clocks_ends_where_the_next_begins(
    zone: str, window: Window
) -> None:
    """Two days before to two days after each change, window by window."""
    for change in changes(zone)[:4]:
        now, ends = started_at(window, change - timedelta(days=2), zone), change + timedelta(days=2)
        step = timedelta(hours=5) if window is Window.MINUTE else timedelta(0)
        while now < ends:
            following = resets_at(window, now, zone)
            assert started_at(window, following, zone) == following > now
            assert Moment.of(now, zone).in_window(window) < Moment.of(following, zone).in_window(window)
            now = following + step
