"""Identifiers that rise with time."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import time_machine
from hypothesis import given
from hypothesis import strategies as st

from smsadmin.core.ids import first_uuid7, key16, moment_of, uuid7

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECONDS = st.integers(min_value=0, max_value=250_000_000_000_000)  # to the year 9892


def test_an_id_is_a_uuid_of_version_7() -> None:
    made = uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_an_id_tells_when_it_was_made() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    assert before <= moment_of(uuid7()) <= datetime.now(UTC)


def test_ids_of_one_millisecond_rise_in_the_order_in_which_they_are_made() -> None:
    with time_machine.travel(datetime(2026, 11, 21, 12, tzinfo=UTC), tick=False):
        made = [uuid7() for _ in range(10_000)]

    assert len({moment_of(each) for each in made}) == 1
    assert made == sorted(set(made))


@given(MILLISECONDS)
def test_the_first_id_of_a_moment_is_of_that_moment(milliseconds: int) -> None:
    first = first_uuid7(EPOCH + timedelta(milliseconds=milliseconds))
    assert first.int >> 80 == milliseconds
    assert first.version == 7


@given(MILLISECONDS, st.integers(min_value=1, max_value=10**9))
def test_ids_sort_as_their_moments(milliseconds: int, later: int) -> None:
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    assert first_uuid7(moment) < first_uuid7(moment + timedelta(milliseconds=later))


def test_no_id_of_a_moment_comes_before_its_first() -> None:
    made = uuid7()
    assert first_uuid7(moment_of(made)) <= made


def test_a_key_is_always_the_same_16_bytes() -> None:
    assert key16("9000001:ap-1") == key16("9000001:ap-1")
    assert key16("9000001:ap-1") != key16("9000001:ap-2")
    assert isinstance(key16("x" * 10_000), UUID)


def test_a_key_may_hold_half_a_surrogate_pair() -> None:
    assert key16("\ud83d") != key16("\ud83e")
