"""What a person types, as the filters of HubSpot's CRM search."""

import json

import pytest

from smsadmin.crm import standard
from smsadmin.crm.properties import Catalogue, Property
from smsadmin.crm.query import Query, newest
from smsadmin.providers.hubspot.client import Found

SEARCHABLE = ("hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number")


def portal(object_type, *more, without=()):
    """A portal with the documented properties of a type, and these hidden ones."""
    listed = [
        Property(object_type, name, label, is_phone=name in standard.PHONES)
        for name, label in standard.PROPERTIES[object_type].items()
        if name not in without
    ]
    return Catalogue(tuple(listed), tuple(Property(object_type, name, name, hidden=True) for name in more))


def groups(text, object_type="contact", known=None):
    """The filter groups, as "name operator value" joined by "and"."""
    body = Query(text, object_type, known or portal(object_type, *SEARCHABLE)).body(10)
    short = {"CONTAINS_TOKEN": "~", "EQ": "="}
    return body and [
        " and ".join(
            f"{each['propertyName']}{short[each['operator']]}{each['value']}" for each in one["filters"]
        )
        for one in body["filterGroups"]
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada", ["firstname~Ada*", "lastname~Ada*", "email~Ada*"]),
        (
            "Ada Lovelace",
            [
                "firstname~Ada* and lastname~Lovelace*",
                "lastname~Ada* and firstname~Lovelace*",
                "firstname~Ada* and firstname~Lovelace*",
                "lastname~Ada* and lastname~Lovelace*",
            ],
        ),
        ("ada@example.com", ["email~*ada@example.com*"]),
        ("  *  ", None),
        ("", None),
    ],
)
def test_a_contact_is_found_by_name_and_email(text, expected):
    assert groups(text) == expected


@pytest.mark.parametrize("text", ["Anna Maria van Dijk", "van Dijk, Anna", "Anne-Marie Lefèvre"])
def test_a_name_of_many_words_is_split_in_every_place_within_five_groups(text):
    found = groups(text)

    assert len(found) == 5
    assert all(each.count("~") == 3 for each in found)


@pytest.mark.parametrize(
    "text",
    ["+12025550123", "+1 (202) 555-0123", "001 202 555 0123", "＋１ 202 555 0123", "tel:+1-202-555-0123"],
)
def test_a_number_with_its_country_is_looked_for_by_its_national_digits_and_as_e164(text):
    assert groups(text)[:4] == [
        "hs_searchable_calculated_phone_number=2025550123",
        "hs_searchable_calculated_mobile_number=2025550123",
        "phone=+12025550123",
        "mobilephone=+12025550123",
    ]


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("(202) 555-0123", "2025550123"),
        ("0171 3920010", "1713920010"),
        ("０１７１ ３９２００１０", "1713920010"),
        ("55501", "55501"),
    ],
)
def test_a_number_without_its_country_is_looked_for_by_its_digits_without_the_leading_zero(text, digits):
    assert groups(text)[:2] == [
        f"hs_searchable_calculated_phone_number~*{digits}*",
        f"hs_searchable_calculated_mobile_number~*{digits}*",
    ]


def test_digits_may_also_begin_with_the_country():
    assert "hs_searchable_calculated_phone_number=2025550123" in groups("1 202 555 0123")


def test_only_properties_that_exist_are_asked_for():
    known = portal("contact", without=("lastname", "mobilephone"))

    assert groups("Ada Lovelace", known=known) == ["firstname~Ada* and firstname~Lovelace*"]
    assert groups("+12025550123", known=known)[0] == "phone=+12025550123"
    assert Query("Ada", "contact", known).body(10)["properties"] == ["firstname", "email", "phone"]


@pytest.mark.parametrize(
    ("object_type", "expected"),
    [
        ("company", ["name~Acme* and name~Tools*", "domain~Acme* and domain~Tools*"]),
        ("deal", ["dealname~Acme* and dealname~Tools*"]),
        ("ticket", ["subject~Acme* and subject~Tools*"]),
        ("quote", ["hs_title~Acme* and hs_title~Tools*"]),
        ("order", ["hs_order_name~Acme* and hs_order_name~Tools*"]),
        ("cart", ["hs_cart_name~Acme* and hs_cart_name~Tools*"]),
        ("invoice", ["hs_number~Acme* and hs_number~Tools*"]),
        ("lead", ["hs_lead_name~Acme* and hs_lead_name~Tools*"]),
    ],
)
def test_each_type_has_properties_that_name_it(object_type, expected):
    assert groups("Acme Tools", object_type) == expected


@pytest.mark.parametrize("object_type", standard.PROPERTIES)
@pytest.mark.parametrize(
    "text", ["x" * 500, "a b c d e f g h " * 40, "1" * 99, "+12025550123", "ä" * 90 + "@"]
)
def test_a_request_stays_within_hubspots_limits(object_type, text):
    phones = [
        Property(object_type, f"a_rather_long_phone_property_{n}", "Phone", is_phone=True) for n in range(50)
    ]
    known = portal(object_type, *SEARCHABLE)
    body = Query(text, object_type, Catalogue((*known.properties, *phones), known.hidden)).body(10)
    counts = [len(group["filters"]) for group in body["filterGroups"]] if body else [1]

    assert len(counts) <= 5
    assert max(counts) <= 6
    assert sum(counts) <= 18
    assert len(json.dumps(body)) <= 3_000


def test_newest_first_goes_by_what_the_type_calls_its_last_change():
    assert newest("contact", 5)["sorts"] == [{"propertyName": "lastmodifieddate", "direction": "DESCENDING"}]
    assert newest("deal", 5)["sorts"][0]["propertyName"] == "hs_lastmodifieddate"


# Matches


@pytest.mark.parametrize(
    ("text", "phone", "fits"),
    [
        ("+12025550123", "+12025550123", True),
        ("+12025550123", "(202) 555-0123", True),
        ("+12025550123", "+492025550123", False),  # the same digits in Germany
        ("+12025550123", None, False),
        ("(202) 555-0123", "+12025550123", True),
        ("202.555.0123", "+12025550199", False),
        ("(202) 555-0123", "(702) 555-0123", False),  # though +20 25550123 were a number in Egypt
        ("1 202 555 0123", "(202) 555-0123", True),
        ("1 202 555 0123", "+1 202-555-0123", True),
        ("1 202 555 0123", "+492025550123", False),
        ("55501", "+12025550123", True),
        ("Ada", "+12025550123", True),  # found by name: HubSpot's word is taken
    ],
)
def test_a_number_found_by_its_national_digits_is_compared_again(text, phone, fits):
    assert Query(text, "contact", portal("contact", *SEARCHABLE)).fits({"phone": phone}) is fits


def test_a_name_of_digits_only_is_no_wrong_number():
    assert Query("24680", "company", portal("company")).fits({"name": "24680 Ltd", "phone": None})


@pytest.mark.parametrize(
    ("object_type", "properties", "title", "detail"),
    [
        (
            "contact",
            {"firstname": "Ada", "lastname": "Lovelace", "email": "ada@example.com", "phone": "+12025550123"},
            "Ada Lovelace",
            "ada@example.com · +1 202-555-0123 · ID 7",
        ),
        ("contact", {"phone": "+12025550123", "mobilephone": "+12025550123"}, "+1 202-555-0123", "ID 7"),
        ("contact", {}, "ID 7", ""),
        ("company", {"name": "Acme", "domain": "acme.example"}, "Acme", "acme.example · ID 7"),
        ("deal", {"dealname": "Big one"}, "Big one", "ID 7"),
    ],
)
def test_a_person_recognises_a_record_by_name_address_number_and_id(object_type, properties, title, detail):
    asked, found = Query("x", object_type, portal(object_type)), Found("7", properties)

    assert (asked.title(found), asked.detail(found)) == (title, detail)
