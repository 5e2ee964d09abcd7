"""The slots of an account: no minute sees more requests than its pace, whoever takes them, and pauses hold for all."""

import threading
from bisect import bisect_left
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsadmin.pacing import account, slots
from smsadmin.pacing.models import Pace
from smsadmin.workspaces.models import Connection
from tests.factories import make_connection, make_workspace

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
MINUTE = timedelta(seconds=60)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


@pytest.fixture
def aircall(db: None) -> Connection:
    return make_connection(make_workspace())


def most_in_a_minute(times: list[datetime]) -> int:
    """The most requests in any sixty seconds, wherever they begin."""
    times = sorted(times)
    return max((bisect_left(times, start + MINUTE) - index for index, start in enumerate(times)), default=0)


#: Who asks next: after how many seconds, and for how many requests at once or for a pause of how long.
ASKED = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.floats(0, 3), st.integers(1, 4)),
        st.tuples(st.just("take"), st.floats(0, 3), st.integers(1, 4)),
        st.tuples(st.just("pause"), st.floats(0, 3), st.integers(1, 40)),
        st.tuples(st.just("leave"), st.floats(0, 3), st.integers(0, 20)),
    ),
    max_size=120,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=ASKED, per_minute=st.sampled_from([1, 7, 60, 200]))
def test_no_minute_sees_more_requests_than_the_pace_whoever_takes_its_turns(
    aircall: Connection, asked: list[tuple[str, float, int]], per_minute: int
) -> None:
    """Each asker leaves when it was told, or takes anew where a pause came in between, as all of them do."""
    Pace.objects.all().delete()
    aircall.requests_per_minute = per_minute
    rate, most = account.rate(aircall), account.at_once(aircall)
    now, left, promised, paused = NOW, list[datetime](), list[tuple[datetime, int]](), NOW
    for what, later, count in asked:
        now += seconds(later)
        if what == "pause":
            slots.pause(aircall.pk, now + seconds(count), "HTTP 429")
            paused = max(paused, now + seconds(count))
            waiting = [each for each in promised if each[0] > now]
            left += [at for at, n in promised if at <= now for _ in range(n)]
            promised = []
            for at, n in waiting:
                begins = at if at >= paused else slots.reserve(aircall.pk, rate, n, now)
                promised.append((begins, n))
            continue
        if what == "leave":
            slots.leave(aircall.pk, rate, count, now + seconds(30), now)
            continue
        requests = min(count, most)
        begins = (
            slots.reserve(aircall.pk, rate, requests, now)
            if what == "reserve"
            else slots.take(aircall.pk, rate, seconds(20), now, requests)
        )
        if begins:
            assert begins >= now
            assert begins >= paused or begins >= now > paused
            promised.append((begins, requests))
    left += [at for at, n in promised for _ in range(n)]
    assert most_in_a_minute(left) <= per_minute


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_parallel_takers_never_share_a_slot() -> None:
    account_ = make_connection(make_workspace(), requests_per_minute=60)
    rate, found, lock = account.rate(account_), list[datetime](), threading.Lock()

    def take_ten() -> None:
        try:
            for _ in range(10):
                begins = slots.reserve(account_.pk, rate, now=NOW)
                with lock:
                    found.append(begins)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=take_ten) for _ in range(6 if connection.vendor == "postgresql" else 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found) == [NOW + rate.spacing * n for n in range(10 * len(threads))]


def test_a_slot_that_begins_too_late_is_not_taken(aircall: Connection) -> None:
    rate = slots.Rate(seconds(1))
    slots.reserve(aircall.pk, rate, 5, NOW)
    assert slots.take(aircall.pk, rate, seconds(4.9), NOW) is None
    assert slots.take(aircall.pk, rate, seconds(5), NOW) == NOW + seconds(5)
    assert slots.of(aircall.pk).next_slot_at == NOW + seconds(6)


def test_after_a_pause_slots_follow_one_another_as_ever(aircall: Connection) -> None:
    """Everybody who asks meanwhile gets a slot of their own, or they would all leave at its end."""
    rate = slots.Rate(seconds(1))
    slots.pause(aircall.pk, NOW + seconds(30), "Retry-After: 30")
    times = [slots.reserve(aircall.pk, rate, now=NOW) for _ in range(4)]
    assert times == [NOW + seconds(30 + n) for n in range(4)]


def test_a_shorter_pause_does_not_end_a_longer_one(aircall: Connection) -> None:
    slots.pause(aircall.pk, NOW + seconds(30), "Retry-After: 30")
    slots.pause(aircall.pk, NOW + seconds(10), "Retry-After: 10")
    pace = slots.of(aircall.pk)
    assert (pace.paused_until, pace.paused_for) == (NOW + seconds(30), "Retry-After: 30")


def test_a_burst_is_used_ahead_after_a_rest_and_no_more(aircall: Connection) -> None:
    rate = slots.Rate(seconds(1), burst=seconds(3))
    times = [slots.reserve(aircall.pk, rate, now=NOW) for _ in range(6)]
    assert times == [NOW, NOW, NOW, NOW, NOW + seconds(1), NOW + seconds(2)]


@pytest.mark.parametrize(
    ("left", "until", "first"),
    [(60, 30, 0), (30, 30, 0), (10, 30, 20), (1, 30, 29), (0, 30, 30)],
)
def test_what_the_other_side_still_takes_is_not_exceeded(
    aircall: Connection, left: int, until: int, first: int
) -> None:
    rate = slots.Rate(seconds(1))
    slots.leave(aircall.pk, rate, left, NOW + seconds(until), NOW)
    times = [slots.reserve(aircall.pk, rate, now=NOW) for _ in range(60)]
    assert times[0] == NOW + seconds(first)
    assert sum(1 for at in times if at < NOW + seconds(until)) <= left
    assert all(b - a == seconds(1) for a, b in pairwise(times))


def test_what_was_promised_already_is_part_of_what_is_left(aircall: Connection) -> None:
    rate = slots.Rate(seconds(1))
    promised = [slots.reserve(aircall.pk, rate, now=NOW) for _ in range(6)]  # the first has been answered
    slots.leave(aircall.pk, rate, 8, NOW + seconds(30), NOW)
    more = [slots.reserve(aircall.pk, rate, now=NOW) for _ in range(10)]
    before = [at for at in promised[1:] + more if at < NOW + seconds(30)]
    assert len(before) == 8


def test_many_answers_at_once_put_nothing_off_beyond_the_end_of_their_window(aircall: Connection) -> None:
    """Each of a batch says what is left; what the first put off is no request that the next must count."""
    aircall.requests_per_minute = 600
    rate, until = account.rate(aircall), NOW + MINUTE
    slots.reserve(aircall.pk, rate, 10, NOW)
    for left in range(300, 290, -1):
        slots.leave(aircall.pk, rate, left, until, NOW)
        assert NOW + seconds(29) < (slots.of(aircall.pk).next_slot_at or NOW) <= until


def test_what_was_promised_beyond_the_window_stays_where_it_is(aircall: Connection) -> None:
    rate = slots.Rate(seconds(1))
    slots.reserve(aircall.pk, rate, 90, NOW)
    slots.leave(aircall.pk, rate, 1, NOW + MINUTE, NOW)
    assert slots.of(aircall.pk).next_slot_at == NOW + seconds(90)


def test_accounts_have_queues_of_their_own(aircall: Connection) -> None:
    other = make_connection(make_workspace())
    rate = slots.Rate(seconds(1))
    slots.pause(other.pk, NOW + MINUTE, "HTTP 429")
    assert slots.reserve(aircall.pk, rate, 5, NOW) == NOW
    assert Counter(Pace.objects.values_list("paused_for", flat=True)) == {"": 1, "HTTP 429": 1}
