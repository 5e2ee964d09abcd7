"""Quota windows: calendar minutes, hours, days and months in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from smsadmin.core.windows import Moment, Window, resets_at, started_at

LAST = datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
FIRST = datetime(2027, 1, 1, tzinfo=UTC)
LEAP = datetime(2028, 2, 29, 12, 30, 15, tzinfo=UTC)


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
