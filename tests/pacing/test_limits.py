"""What an answer of Aircall says of its limit, and what follows for everything that asks the account."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smsadmin.pacing import account, slots, turns
from smsadmin.providers import limits
from smsadmin.providers.base import Exchange
from smsadmin.providers.limits import RateLimitHint
from smsadmin.workspaces.models import Connection
from tests.factories import make_connection, make_workspace

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
UNIX = int(NOW.timestamp())


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (200, {}, RateLimitHint()),
        (200, {"x-aircallapi-limit": "60"}, RateLimitHint()),
        (200, {"x-aircallapi-remaining": "12"}, RateLimitHint()),  # until when, it does not say
        (
            200,
            {"x-aircallapi-remaining": "12", "x-aircallapi-reset": str(UNIX + 40)},
            RateLimitHint(left=12, resets_at=after(40)),
        ),
        (
            200,
            {"x-aircallapi-remaining": "12", "x-aircallapi-reset": str((UNIX + 40) * 1000)},
            RateLimitHint(left=12, resets_at=after(40)),
        ),
        (200, {"x-aircallapi-remaining": "12", "x-aircallapi-reset": str(UNIX - 40)}, RateLimitHint()),
        (200, {"x-aircallapi-remaining": "-1", "x-aircallapi-reset": str(UNIX + 40)}, RateLimitHint()),
        (200, {"x-aircallapi-remaining": "many", "x-aircallapi-reset": "soon"}, RateLimitHint()),
        (200, {"x-aircallapi-remaining": "1", "x-aircallapi-reset": "1e300"}, RateLimitHint()),
        (
            200,
            {"x-aircallapi-remaining": "3", "x-aircallapi-reset": str(UNIX + 86_400)},
            RateLimitHint(left=3, resets_at=after(60)),
        ),
        (
            200,
            {"x-aircallapi-remaining": "0", "x-aircallapi-reset": str(UNIX + 40)},
            RateLimitHint(after(40), words=f"X-AircallApi-Remaining: 0, X-AircallApi-Reset: {UNIX + 40}"),
        ),
        (503, {"retry-after": "7"}, RateLimitHint(after(7), words="HTTP 503, Retry-After: 7")),
        (429, {"retry-after": "7"}, RateLimitHint(after(7), words="HTTP 429, Retry-After: 7")),
        (429, {"retry-after": "90000"}, RateLimitHint(after(3600), words="HTTP 429, Retry-After: 90000")),
        (
            429,
            {"retry-after": "Sun, 22 Nov 2026 10:00:09 GMT"},
            RateLimitHint(after(9), words="HTTP 429, Retry-After: Sun, 22 Nov 2026 10:00:09 GMT"),
        ),
        (
            429,
            {"x-aircallapi-reset": str(UNIX + 30)},
            RateLimitHint(after(30), words=f"HTTP 429, X-AircallApi-Reset: {UNIX + 30}"),
        ),
        (429, {}, RateLimitHint(after(2), words="HTTP 429")),
    ],
)
def test_an_answer_says_how_long_to_wait_or_how_much_is_left(
    status: int, headers: dict[str, str], said: RateLimitHint
) -> None:
    assert limits.said(status, headers, NOW) == said


@pytest.fixture
def aircall(db: None) -> Connection:
    return make_connection(make_workspace())


def heard(aircall: Connection, status: int, **headers: Any) -> None:
    named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    turns.heed(aircall, Exchange("GET", "https://api.example", http_status=status, headers=named), NOW)


def next_slot(aircall: Connection) -> datetime:
    return slots.reserve(aircall.pk, account.rate(aircall), now=NOW)


def test_any_answer_may_pause_the_account_for_everybody(aircall: Connection) -> None:
    heard(aircall, 200, retry_after=12)
    assert next_slot(aircall) == after(12)


def test_few_requests_left_lower_the_pace_until_the_limit_resets(aircall: Connection) -> None:
    heard(aircall, 200, x_aircallapi_remaining=5, x_aircallapi_reset=UNIX + 50)
    assert next_slot(aircall) == after(45)


def test_as_many_left_as_the_pace_makes_change_nothing_and_cost_no_query(
    aircall: Connection, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        heard(aircall, 200, x_aircallapi_remaining=100, x_aircallapi_reset=UNIX + 50)
        heard(aircall, 200)
    assert next_slot(aircall) == NOW


# The turns of a page


class Slept(list[float]):
    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def test_a_page_does_not_wait_while_few_have_gone_ahead(aircall: Connection, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    page = turns.Page(aircall, sleep := Slept())
    assert [page.begin() for _ in range(turns.AHEAD + 1)] == [""] * (turns.AHEAD + 1)
    assert not any(sleep)
    assert next_slot(aircall) == after(turns.AHEAD + 1)  # what comes after waits


def test_a_page_waits_a_moment_then_leaves_all_the_same_and_is_counted(
    aircall: Connection, time_machine: Any
) -> None:
    time_machine.move_to(NOW, tick=False)
    slots.reserve(aircall.pk, account.rate(aircall), turns.AHEAD + 2, NOW)
    page = turns.Page(aircall, sleep := Slept())
    assert [page.begin(), page.begin()] == ["", ""]
    assert list(sleep) == [2.0]
    assert next_slot(aircall) == after(turns.AHEAD + 4)


def test_no_page_asks_while_aircall_wants_to_be_left_alone(aircall: Connection, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    slots.pause(aircall.pk, after(30), "HTTP 429")
    assert turns.Page(aircall, Slept()).begin() == "it asked to wait until 10:00:30 UTC"


# The turns of the mirror


def test_the_mirror_takes_every_second_slot_at_most(aircall: Connection, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    share, times = turns.Share(aircall, time_machine.shift), []
    for _ in range(4):
        share.begin()
        times.append(datetime.now(UTC))
    assert times == [after(2 * n) for n in range(4)]


def test_the_mirror_does_not_wait_for_the_end_of_a_long_pause(aircall: Connection, time_machine: Any) -> None:
    time_machine.move_to(NOW, tick=False)
    slots.pause(aircall.pk, after(600), "HTTP 429")
    assert turns.Share(aircall, sleep := Slept()).begin() == "it asked to wait until 10:10:00 UTC"
    assert list(sleep) == []


def test_the_mirror_takes_another_slot_when_a_pause_comes_while_it_waits(
    aircall: Connection, time_machine: Any
) -> None:
    time_machine.move_to(NOW, tick=False)
    slots.reserve(aircall.pk, account.rate(aircall), 5, NOW)

    def sleep(seconds: float) -> None:
        if slots.of(aircall.pk).paused_until is None:
            slots.pause(aircall.pk, after(30), "HTTP 429")
        time_machine.shift(seconds)

    turns.Share(aircall, sleep).begin()
    assert datetime.now(UTC) == after(30)
