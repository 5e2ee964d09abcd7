"""The seeds: the same every time, and realistic enough to try everything on."""

from collections import Counter
from dataclasses import asdict

import phonenumbers
import pytest

from smsadmin.sandbox.faults import MAGIC_RECIPIENTS
from smsadmin.sandbox.seeds import GOOD_CONTACTS, seeds


@pytest.fixture(scope="module")
def fresh():
    return seeds()


def is_valid(text):
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        return False


def test_seeds_are_the_same_every_time_and_share_nothing(fresh):
    again = seeds()

    assert asdict(again) == asdict(fresh)
    assert again.numbers[812001] is not fresh.numbers[812001]


def test_there_are_numbers_of_every_kind_on_more_than_one_page(fresh):
    kinds = Counter(number.kind for number in fresh.numbers.values())

    assert len(fresh.numbers) == 60
    assert len({number.e164 for number in fresh.numbers.values()}) == 60
    expected = (
        "native proxy third_party voice_only french_mobile toll_free_pending unregistered not_connected"
    )
    assert set(kinds) == set(expected.split())
    assert kinds["native"] > 20


def test_users_are_on_one_several_and_no_numbers(fresh):
    places = Counter(user_id for number in fresh.numbers.values() for user_id in number.user_ids)
    counts = {places[user_id] for user_id in fresh.users}

    assert len(fresh.users) == 25
    assert {0, 1} < counts
    assert max(counts) > 3
    assert [user.segments_left for user in fresh.users.values()].count(5) == 1
    assert all(user.email.endswith("@example.com") for user in fresh.users.values())


def test_the_first_contacts_are_good_and_the_rest_a_mixture(fresh):
    phones = [record.properties["phone"] for record in fresh.records["contacts"].values()]

    assert len(phones) == 500
    assert all(phone.startswith("+") and is_valid(phone) for phone in phones[:GOOD_CONTACTS])
    good = sum(1 for phone in phones if phone and phone.startswith("+") and is_valid(phone))
    assert 350 < good < 460
    assert {None, "n/a"} < set(phones)
    assert any(phone and phone.startswith("001") for phone in phones)
    assert any(phone and phone.startswith("＋") for phone in phones)


def test_no_contact_has_a_number_that_means_something_else(fresh):
    phones = {record.properties["phone"] for record in fresh.records["contacts"].values()}
    ours = {number.e164 for number in fresh.numbers.values()}

    assert not phones & (ours | set(MAGIC_RECIPIENTS))


def test_a_good_contact_names_a_connected_number_and_a_user_on_it(fresh):
    by_digits = {number.e164: number for number in fresh.numbers.values()}
    for record in list(fresh.records["contacts"].values())[:GOOD_CONTACTS]:
        number = by_digits[record.properties["sms_sender_number"]]
        emails = [fresh.users[user_id].email for user_id in number.user_ids]
        assert number.connected_to_hubspot
        assert record.properties["sms_send_as_email"] in emails


def test_every_enrollable_type_has_records(fresh):
    assert all(records for path, records in fresh.records.items() if path != "communications")
