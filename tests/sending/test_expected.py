"""When held messages leave, as far as is known: worked out on reading, and right also far back in a line."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from smsadmin.core.status import Status
from smsadmin.directory.models import Number
from smsadmin.quotas.models import Scope
from smsadmin.sending import expected, explain, log
from smsadmin.sending.accept import accept
from smsadmin.sending.hold import release
from smsadmin.sending.models import Message
from tests.factories import ask, make_number
from tests.sending.conftest import NOW
from tests.sending.test_accept import as_mia, limit
from tests.sending.test_hold import HOLD, MINUTE, RESET, in_order

pytestmark = pytest.mark.services


@pytest.fixture
def full(number: Number) -> Number:
    """A number that sends two messages a minute, and has sent them."""
    limit(number, Scope.NUMBER, 2)
    for _ in range(2):
        accept(ask(number), NOW)
    return number


def held(number: Number, count: int, **over: Any) -> list[Message]:
    return in_order(accept(ask(number, **HOLD | over), NOW) for _ in range(count))


def leaves(messages: list[Message], now: datetime = NOW) -> list[datetime | None]:
    found = expected.of(messages, now)
    return [found[message.pk].at for message in messages]


def test_each_leaves_with_the_first_window_that_has_room_after_those_before_it(full: Number) -> None:
    line = held(full, 5)

    assert leaves(line) == [RESET, RESET, RESET + MINUTE, RESET + MINUTE, RESET + 2 * MINUTE]
    assert [expected.of(line, NOW)[each.pk].ahead for each in line] == [0, 1, 2, 3, 4]


def test_they_leave_then(full: Number) -> None:
    line = held(full, 5)
    told = leaves(line)

    for minutes in range(3):
        release(RESET + minutes * MINUTE)

    assert (
        list(
            Message.objects.filter(pk__in=[each.pk for each in line])
            .order_by("pk")
            .values_list("accepted_at", flat=True)
        )
        == told
    )


def test_it_is_sooner_again_where_those_before_it_are_cancelled_or_a_limit_is_raised(full: Number) -> None:
    first, *_, last = held(full, 3)
    log.move(first.pk, Status.CANCELLED, NOW)
    assert leaves([last]) == [RESET]
    limit(full, Scope.NUMBER, 200)
    assert leaves([last]) == [NOW]


def test_what_is_given_up_before_it_waits_in_vain_and_makes_room_for_the_others(full: Number) -> None:
    limit(full, Scope.NUMBER, 1)
    line = held(full, 4, hold_minutes=2)
    patient = held(full, 1)

    assert leaves([*line, *patient]) == [RESET, RESET + MINUTE, None, None, RESET + 2 * MINUTE]
    assert expected.of(line, NOW)[line[2].pk].is_in_vain
    assert "there will be no room before" in explain.sentence(line[2], expected.of(line, NOW)[line[2].pk])


def test_lines_of_other_users_and_kinds_share_the_numbers_room(full: Number) -> None:
    hers = accept(as_mia(full, **HOLD), NOW)
    marketing = held(full, 1, traffic="marketing")
    nobodys = held(full, 1)

    assert leaves([hers, *marketing, *nobodys]) == [RESET, RESET, RESET + MINUTE]
    assert expected.of(nobodys, NOW)[nobodys[0].pk].ahead == 0


def test_the_sentence_says_until_when_it_really_waits(full: Number) -> None:
    last = held(full, 5)[-1]
    told = expected.of([last], NOW)[last.pk]

    assert last.next_attempt_at == RESET
    assert explain.sentence(last, told).startswith("Held until 21 Nov, 10:10: ")


def test_beyond_what_is_looked_at_it_says_after(full: Number, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "MOST", 4)
    line = held(full, 5)

    told = expected.of(line, NOW)[line[-1].pk]

    assert (told.at, told.ahead, told.is_after) == (RESET + MINUTE, 4, True)
    assert explain.sentence(line[-1], told).startswith("Held until after 21 Nov, 10:09: ")


def test_a_long_line_elsewhere_takes_no_place_from_another_number(
    full: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expected, "MOST", 4)
    other = make_number(full.workspace)
    for _ in range(2):
        accept(ask(other), NOW)
    line, elsewhere = held(full, 9), held(other, 2)

    assert leaves([*line[:2], *elsewhere]) == [RESET] * 4


def test_a_page_is_one_simulation_and_what_is_not_held_costs_nothing(
    full: Number, django_assert_max_num_queries: Any, settings: Any
) -> None:
    settings.CONFIGURATION_TTL = 600
    line, sent = held(full, 6), accept(ask(make_number(full.workspace)), NOW)
    leaves(line)
    with django_assert_max_num_queries(3):
        assert len(expected.of(line, NOW)) == 6
    with django_assert_max_num_queries(0):
        assert expected.of([sent], NOW) == {}


def test_thousands_are_looked_at_in_the_time_of_a_page(full: Number) -> None:
    [one] = held(full, 1, hold_minutes=20_000)
    rows = [Message(**{name: getattr(one, name) for name in _COPIED}) for _ in range(2_500)]
    for place, row in enumerate(rows):
        row.key = type(one.key)(int=place + 1)
    Message.objects.bulk_create(rows)

    last = max(rows, key=lambda row: row.pk)
    assert leaves([last]) == [RESET + timedelta(minutes=1_250)]


_COPIED = (
    *("workspace_id", "trigger", "number_id", "connection_id", "sender", "recipient", "segments", "traffic"),
    *("status", "error_code", "error_facts", "next_attempt_at", "expires_at"),
)
