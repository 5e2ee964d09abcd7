"""Pages that go on from a row: places in addresses, and the pages between them."""

from datetime import UTC, datetime

import pytest

from smsadmin.inbox.models import Thread
from smsadmin.keyset import Keyset, Page, page_of
from smsadmin.sending.models import Message

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


def numbered(count):
    """The numbers below this one, as rows that are their own places."""

    def next_to(place, newer, wanted):
        there = [n for n in range(count) if place is None or (n > place if newer else n < place)]
        return sorted(there, reverse=not newer)[:wanted]

    return next_to


def turned(count, most, *, rising):
    """The pages of the numbers below `count`: on to the end, and from there back to the beginning."""

    def page(before="", after=""):
        places = (int(place) if place else None for place in (before, after))
        return page_of(numbered(count), str, *places, most=most, rising=rising)

    on = [page()]
    while place := (on[-1].newer if rising else on[-1].older):
        on.append(page(after=place) if rising else page(before=place))
    back = [on[-1]]
    while place := (back[0].older if rising else back[0].newer):
        back.insert(0, page(before=place) if rising else page(after=place))
    return [each.rows for each in on], [each.rows for each in back]


@pytest.mark.parametrize("rising", [False, True])
@pytest.mark.parametrize("count", [0, 1, 3, 6, 7])
def test_pages_lead_on_and_back_without_gap_or_repeat(count, rising):
    numbers = list(range(count)) if rising else list(range(count))[::-1]
    pages = [numbers[at : at + 3] for at in range(0, count, 3)] or [[]]

    assert turned(count, 3, rising=rising) == (pages, pages)


def test_what_is_too_little_for_a_page_before_is_the_first_page():
    for before in (None, 2):  # where an address names both
        assert page_of(numbered(6), str, before, 4, most=3) == Page([5, 4, 3], "", "3")


def test_a_place_is_read_as_it_was_written():
    thread = Thread(pk=7, last_at=NOON)
    message = Message()

    by_moment, by_id = Keyset(Thread, "last_at"), Keyset(Message)

    assert by_moment.read(by_moment.place(thread)) == (NOON, 7)
    assert by_id.read(by_id.place(message))[1] == message.pk


@pytest.mark.parametrize(
    "text",
    ["", "x", "-", "1-", "-1", "1-x", "5" * 5000, "1-" + "5" * 5000, "5" * 5000 + "-1", "9" * 17 + "-1"],
)
def test_what_is_no_place_is_none(text):
    assert Keyset(Thread, "last_at").read(text) is None
    assert Keyset(Message).read(text) is None


def test_digits_without_end_are_no_id():
    assert Keyset(Thread).read("5" * 5_000) is None


@pytest.mark.django_db
def test_an_id_that_no_database_stores_is_beyond_all_others():
    for text, order in ((f"1-{10**30}", Keyset(Thread, "last_at")), (f"{10**30}", Keyset(Thread))):
        assert order.page(Thread.objects.all(), before=text).rows == []


def test_addresses_keep_the_filters():
    page = Page([1], newer="", older="5")

    assert page.turned("/log/", {"status": "failed"}) == {
        "newer": "",
        "older": "/log/?status=failed&before=5",
    }
