"""An execution payload, whatever HubSpot's version of it, becomes one request or a sentence saying why not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsadmin.directory.book import Book
from smsadmin.triggers.hubspot import parse
from smsadmin.triggers.hubspot.parse import Execution, PayloadError

INPUTS = {"sender_number": "84848484", "recipient": "+12025550123", "message": "Grüße Zoë 👋"}
DOCUMENTED = {
    "callbackId": "ap-9000001-700000000001-4-0",
    "origin": {"portalId": 9000001, "actionDefinitionId": 123456789, "actionDefinitionVersion": 3},
    "context": {"source": "WORKFLOWS", "workflowId": 1700000001},
    "object": {"objectId": 4242, "objectType": "CONTACT", "properties": {"firstname": "Zoë", "phone": None}},
    "inputFields": INPUTS,
}
INDEX = {"enrollmentId": 700000000001, "actionExecutionIndex": 0}
EXTENDED = {
    "callbackId": "ap-9000001-700000000001-4-0",
    "origin": {
        **DOCUMENTED["origin"],
        "userId": None,
        "actionExecutionIndexIdentifier": INDEX,
        "extensionDefinitionVersionId": 3,
        "extensionDefinitionId": 123456789,
    },
    "context": {**DOCUMENTED["context"], "actionId": 4, "actionExecutionIndexIdentifier": INDEX},
    "object": DOCUMENTED["object"],
    "fields": INPUTS,
    "inputFields": INPUTS,
    "typedInputs": {name: {"value": value, "type": "STRING"} for name, value in INPUTS.items()},
}


def execution(**changes):
    return parse.execution(DOCUMENTED | changes)


def without(payload, *names):
    return {name: value for name, value in payload.items() if name not in names}


def test_the_documented_payload_is_read():
    assert execution() == Execution(
        portal_id="9000001",
        callback_id="ap-9000001-700000000001-4-0",
        object_type="contact",
        object_id="4242",
        properties={"firstname": "Zoë", "phone": None},
        inputs=INPUTS,
        workflow_id="1700000001",
    )


def test_the_extended_payload_says_the_same_and_names_the_step():
    extended = parse.execution(EXTENDED)
    assert extended.step == "4"
    assert {
        name: getattr(extended, name) for name in ("portal_id", "callback_id", "inputs", "properties")
    } == {name: getattr(execution(), name) for name in ("portal_id", "callback_id", "inputs", "properties")}


@pytest.mark.parametrize(
    "names", [("fields", "typedInputs"), ("inputFields", "typedInputs"), ("inputFields", "fields")]
)
def test_each_spelling_of_the_inputs_is_enough(names):
    assert parse.execution(without(EXTENDED, *names)).inputs == INPUTS


def test_unknown_keys_are_ignored_everywhere():
    strange = {"new": {"deep": [1, {"x": None}]}}
    payload = DOCUMENTED | strange
    payload |= {name: payload[name] | strange for name in ("origin", "context", "object")}
    assert parse.execution(payload) == execution()


@pytest.mark.parametrize("missing", ["context", "object", "inputFields"])
def test_every_key_but_the_callback_id_may_be_missing_or_null(missing):
    assert parse.execution(without(DOCUMENTED, missing)) == execution(**{missing: None})


@pytest.mark.parametrize("given", [None, "", 7, ["ap-1"], {}, False])
def test_without_a_callback_id_a_repeat_could_not_be_told_so_it_is_refused(given):
    with pytest.raises(PayloadError, match="callbackId"):
        execution(callbackId=given)


@pytest.mark.parametrize("name", ["context", "object"])
@pytest.mark.parametrize("given", ["text", 7, ["list"], True])
def test_a_part_that_must_be_an_object_is_refused_by_name(name, given):
    with pytest.raises(PayloadError, match=name):
        execution(**{name: given})


@pytest.mark.parametrize("empty", [None, ""])
def test_an_input_without_value_is_as_if_it_were_missing(empty):
    assert execution(inputFields={**INPUTS, "recipient": empty}).inputs == without(INPUTS, "recipient")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (995, "995"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (["a"], ""),
        ({"a": 1}, ""),
        ([], ""),
        ({}, ""),
    ],
)
def test_values_are_text_and_what_has_no_text_is_empty(given, text):
    read = execution(inputFields={"message": given}, object={"objectId": given, "properties": {"p": given}})
    assert (read.inputs["message"], read.object_id, read.properties["p"]) == (text, text, text)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        *[(each, name) for each, name in parse.OBJECT_TYPES.items()],
        *[(name.upper(), name) for name in parse.OBJECT_TYPES.values()],
        ("Contact", "contact"),
        ("2-1234567", "2-1234567"),
        ("SPACESHIP", "spaceship"),
        (None, ""),
        (7, "7"),
    ],
)
def test_an_object_type_may_come_as_name_or_id_in_any_case(given, name):
    assert parse.object_type(given) == name


@pytest.mark.parametrize(
    ("payload", "portal"),
    [
        ({"origin": {"portalId": 9000001}}, "9000001"),
        ({"origin": {"portalId": "9000001"}}, "9000001"),
        ({"portalId": 9000001}, "9000001"),
        ({"origin": None, "portalId": 9000001}, "9000001"),
        ({"origin": {"userId": 1}, "portalId": 9000001}, "9000001"),
        ({"origin": {}}, ""),
        ({"origin": []}, ""),
        ({"origin": {"portalId": [9000001]}}, ""),
        ({}, ""),
    ],
)
def test_the_portal_is_found_in_either_place_or_nowhere(payload, portal):
    assert parse.portal_of(payload) == portal


@pytest.mark.parametrize("payload", [None, [], "text", 7, True])
def test_a_body_that_is_no_object_is_refused(payload):
    with pytest.raises(PayloadError):
        parse.portal_of(payload)


def test_the_log_is_told_where_a_message_came_from():
    assert parse.execution(EXTENDED).origin == {
        "portal": "9000001",
        "callback_id": "ap-9000001-700000000001-4-0",
        "workflow": "1700000001",
        "step": "4",
    }


def test_one_callback_id_in_two_portals_is_two_messages():
    assert execution().key != execution(origin={"portalId": 9000002}).key


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PAYLOADS = ANYTHING | st.fixed_dictionaries(
    {},
    optional={
        "callbackId": st.just("ap-1") | ANYTHING,
        "origin": st.fixed_dictionaries({}, optional={"portalId": ANYTHING}) | ANYTHING,
        "context": ANYTHING,
        "object": st.fixed_dictionaries({}, optional={"objectType": ANYTHING, "properties": ANYTHING})
        | ANYTHING,
        "inputFields": ANYTHING,
        "fields": ANYTHING,
        "typedInputs": ANYTHING,
    },
)


@given(PAYLOADS)
def test_any_json_is_an_execution_or_a_refusal_in_words(payload):
    payload = json.loads(json.dumps(payload))
    try:
        parse.portal_of(payload)
        read = parse.execution(payload)
    except PayloadError:
        return
    assert read.callback_id
    assert all(isinstance(value, str) for value in read.inputs.values())
    assert all(isinstance(value, str | None) for value in read.properties.values())


# The step's own fields as a configuration


class Row:
    def __init__(self, pk):
        self.pk = pk


BOOK = Book({}, {}, {"84848484": Row(7)}, {}, {}, {"774433": Row(9)}, {})


@pytest.mark.parametrize(
    ("inputs", "kind", "number"),
    [
        ({"sender_mode": "number", "sender_number": "84848484"}, "number", 7),
        ({"sender_number": "84848484"}, "number", 7),
        ({"sender_mode": "number", "sender_number": "1"}, "number", 0),
        ({"sender_mode": "number"}, "number", None),
        ({"sender_mode": "number", "sender_number": parse.UNAVAILABLE}, "number", None),
        ({"sender_mode": "number", "sender_number_custom": "+12025550100"}, "number", None),
        ({"sender_mode": "custom", "sender_number_custom": "+12025550100"}, "property", None),
        ({"sender_number_custom": "+12025550100"}, "property", None),
        ({"sender_mode": "custom", "sender_number": "84848484"}, "property", 7),
        ({"sender_mode": "no such mode"}, "number", None),
        ({}, "number", None),
    ],
)
def test_the_sender_follows_the_mode_and_an_empty_mode_the_filled_field(inputs, kind, number):
    config = parse.config(inputs, BOOK)
    assert (config.sender_kind, config.sender_number_id) == (kind, number)


@pytest.mark.parametrize(
    ("inputs", "kind", "agent"),
    [
        ({"send_as_mode": "default"}, "none", None),
        ({"send_as_mode": "default", "send_as_user": "774433"}, "none", 9),
        ({"send_as_mode": "user", "send_as_user": "774433"}, "user", 9),
        ({"send_as_user": "774433"}, "user", 9),
        ({"send_as_mode": "user", "send_as_user": "1"}, "user", 0),
        ({"send_as_mode": "user"}, "user", None),
        ({"send_as_mode": "user", "send_as_user": parse.UNAVAILABLE}, "user", None),
        ({"send_as_mode": "custom", "send_as_email": "mia@example.com"}, "property", None),
        ({"send_as_email": "mia@example.com"}, "property", None),
        ({"send_as_mode": "no such mode"}, "user", None),
        ({}, "none", None),
    ],
)
def test_the_user_follows_the_mode_and_no_mode_silently_means_no_user(inputs, kind, agent):
    config = parse.config(inputs, BOOK)
    assert (config.send_as_kind, config.send_as_user_id) == (kind, agent)
