"""The dropdowns of the workflow editor (HubSpot docs: external options)."""

import json

import pytest
from django.db import DatabaseError
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from smsadmin import cache
from smsadmin.directory.models import Number
from smsadmin.providers import http
from smsadmin.triggers.hubspot import calls
from smsadmin.triggers.hubspot.parse import UNAVAILABLE
from tests.factories import make_agent, make_number, make_workspace, put_on
from tests.triggers.hubspot.conftest import execution

NUMBERS, USERS = "/hubspot/options/sender-numbers", "/hubspot/options/send-as-users"
ORIGIN = {"portalId": 9000001, "actionDefinitionId": 123456789, "actionDefinitionVersion": 3}


@pytest.fixture(autouse=True)
def _no_provider(monkeypatch):
    """The editor is answered from the mirror alone."""

    def call(*args, **kwargs):
        raise AssertionError("a dropdown asked the provider")

    monkeypatch.setattr(http, "call", call)


def ask(portal, path, number=None, version="v2", **fetch):
    fields = {} if number is None else {"sender_number": {"type": "STATIC_VALUE", "value": number}}
    payload = {"origin": ORIGIN, "objectTypeId": "0-1", "inputFields": fields, "fetchOptions": fetch}
    response = portal.call(path, payload, version=version)
    assert response.status_code == 200, response.content
    return response.json()


def labels(answer):
    return [option["label"] for option in answer["options"]]


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_a_number_is_offered_with_name_digits_country_and_its_stable_id(portal, line, version):
    answer = ask(portal, NUMBERS, version=version)
    assert answer == {
        "options": [
            {"label": "Sales (+1 202-555-0100)", "description": "US", "value": line.provider_id},
        ],
        "searchable": True,
    }


def test_only_numbers_that_may_text_are_offered_and_only_the_workspaces_own(portal, line):
    for fact in ({"connected": None}, {"connected": False}, {"sms_capable": None}, {"sms_capable": False}):
        make_number(portal.workspace, **fact)
    for fact in ({"third_party": True}, {"proxy_mode": True}, {"gone_at": line.seen_at}):
        make_number(portal.workspace, **fact)
    make_number(make_workspace())
    assert labels(ask(portal, NUMBERS)) == ["Sales (+1 202-555-0100)"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["Berlin", "Paris"]),
        ("  PAR ", ["Paris"]),
        ("33 1 86", ["Paris"]),
        ("+33186", ["Paris"]),
        ("(030) 901", []),
        ("30 9018", ["Berlin"]),
        ("nothing like it", []),
        ("%", []),
        (7, []),
    ],
)
def test_numbers_are_searched_by_name_and_digits_however_spaced(portal, search, found):
    make_number(portal.workspace, "+33186261234", name="Paris", country="FR")
    make_number(portal.workspace, "+4930901820", name="Berlin", country="DE")
    answer = ask(portal, NUMBERS, q=search)
    assert [label.partition(" (")[0] for label in labels(answer)] == found
    assert answer["searchable"]  # an empty find is a list, not the sentence


def test_long_lists_come_in_pages_of_a_hundred_without_gap_or_double(portal, line):
    columns = {"workspace": line.workspace, "connection": line.connection, "seen_at": line.seen_at}
    Number.objects.bulk_create(
        Number(
            provider_id=str(number),
            e164=f"+1202555{number}",
            name=f"Line {number}",
            connected=True,
            sms_capable=True,
            **columns,
        )
        for number in range(1000, 1220)
    )
    cache.forget()
    seen, after, pages = [], "", 0
    while after is not None:
        answer = ask(portal, NUMBERS, **({"after": after} if after else {}))
        seen += [option["value"] for option in answer["options"]]
        after, pages = answer.get("after"), pages + 1
        assert len(answer["options"]) <= 100
    assert (pages, len(seen), len(set(seen))) == (3, 221, 221)
    assert labels(ask(portal, NUMBERS, after="9" * 9)) == []


def test_the_users_are_those_of_the_chosen_number_by_name(portal, line):
    other = make_number(portal.workspace, users=("ann@example.com",))
    assert ask(portal, USERS, line.provider_id) == {
        "options": [
            {"label": "Leo", "description": "leo@example.com", "value": _id(portal, "leo@example.com")},
            {"label": "Mia", "description": "mia@example.com", "value": _id(portal, "mia@example.com")},
        ],
        "searchable": True,
    }
    assert labels(ask(portal, USERS, other.provider_id)) == ["Ann"]
    assert labels(ask(portal, USERS, line.provider_id, q="MIA@")) == ["Mia"]


def _id(portal, email):
    return portal.workspace.agents.get(email=email).provider_id


def test_a_user_who_is_gone_is_not_offered(portal, line):
    put_on(
        line,
        make_agent(portal.workspace, "gone@example.com", connection=line.connection, gone_at=line.seen_at),
    )
    assert labels(ask(portal, USERS, line.provider_id)) == ["Leo", "Mia"]


def only_sentence(answer):
    assert len(answer["options"]) == 1
    assert answer["searchable"] is False
    option = answer["options"][0]
    assert (option["value"], option["description"]) == (UNAVAILABLE, "")
    return option["label"]


def test_where_nothing_can_be_offered_one_option_says_why(portal):
    assert "connect Aircall" in only_sentence(ask(portal, NUMBERS))
    deaf = make_number(portal.workspace, sms_capable=None)
    assert "confirm numbers" in only_sentence(ask(portal, NUMBERS))
    assert "Choose a number first" in only_sentence(ask(portal, USERS))
    assert "cannot text" in only_sentence(ask(portal, USERS, deaf.provider_id))
    assert "cannot text" in only_sentence(ask(portal, USERS, "no such number"))
    assert "cannot text" in only_sentence(ask(portal, USERS, UNAVAILABLE))
    lonely = make_number(portal.workspace, name="Lonely %s line")
    assert "Lonely %s line has no users" in only_sentence(ask(portal, USERS, lonely.provider_id))


def test_the_number_may_also_come_as_plain_text_and_a_property_names_no_number_yet(portal, line):
    payload = {"origin": ORIGIN, "inputFields": {"sender_number": line.provider_id}}
    assert labels(portal.call(USERS, payload).json()) == ["Leo", "Mia"]
    payload["inputFields"]["sender_number"] = {"type": "OBJECT_PROPERTY", "propertyName": "line"}
    assert "Choose a number first" in only_sentence(portal.call(USERS, payload).json())


@pytest.mark.parametrize("path", [NUMBERS, USERS])
@pytest.mark.parametrize(
    "fetch",
    [None, "text", 7, [], ["q"], {"q": None}, {"q": ["a"]}, {"q": {"a": 1}}, {"after": None}, {"after": "x"},
     {"after": -5}, {"after": 1.5}, {"after": "9" * 5_000}, {"after": ["1"]}, {"after": "²"}, {"after": True}],
)  # fmt: skip
def test_a_malformed_fetch_is_answered_like_none(portal, line, path, fetch):
    payload = {"origin": ORIGIN, "inputFields": {"sender_number": line.provider_id}, "fetchOptions": fetch}
    response = portal.call(path, payload)
    assert response.status_code == 200
    assert isinstance(response.json()["options"], list)


@pytest.mark.parametrize(
    "fields", [None, "text", 7, [], ["sender_number"], {"sender_number": [1]}, {"sender_number": {}}]
)
def test_malformed_fields_name_no_number(portal, line, fields):
    response = portal.call(USERS, {"origin": ORIGIN, "inputFields": fields})
    assert response.status_code == 200
    assert only_sentence(response.json())


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=4,
)


@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from([NUMBERS, USERS]),
    st.fixed_dictionaries(
        {},
        optional={
            "inputFields": st.dictionaries(st.just("sender_number"), ODD) | ODD,
            "fetchOptions": st.dictionaries(st.sampled_from(["q", "after"]), ODD) | ODD,
        },
    ),
)
def test_any_signed_question_is_answered(portal, path, payload):
    assert portal.call(path, json.dumps(payload | {"origin": ORIGIN})).status_code == 200


@pytest.mark.parametrize("path", [NUMBERS, USERS])
def test_an_unsigned_question_is_401_and_an_unknown_portal_403(portal, path):
    assert portal.call(path, {"origin": ORIGIN}, secret="wrong").status_code == 401
    assert portal.call(path, {"origin": {"portalId": 1}}).status_code == 403


@pytest.mark.parametrize("path", [NUMBERS, USERS])
def test_a_database_that_is_down_is_503(portal, path, monkeypatch):
    def broken(*_):
        raise DatabaseError

    monkeypatch.setattr(calls, "remembered", broken)
    assert portal.call(path, {"origin": ORIGIN}).status_code == 503


def test_the_sentence_that_was_picked_is_refused_when_the_record_comes(portal, inputs):
    assert portal.run({**inputs, "sender_number": UNAVAILABLE})["errorCode"] == "SENDER_REQUIRED"
    user = {"send_as_mode": "user", "send_as_user": UNAVAILABLE}
    again = execution({**inputs, **user}, callbackId="ap-2")
    assert (
        portal.call("/hubspot/actions/send-sms", again).json()["outputFields"]["errorCode"] == "USER_REQUIRED"
    )
