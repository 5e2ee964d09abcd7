"""The workflow editor: which fields it shows, what it asks for their options, and when it saves."""

import pytest
from hubspot.utils.signature import Signature

from tests.sandbox.conftest import SECRET, client
from tests.sandbox.test_automation import ACTIONS, KEY, definition


def static(value):
    return {"type": "STATIC_VALUE", "value": value}


def field(name, required=False, values="STATIC_VALUE", options=(), url=None):
    kind = {"name": name, "type": "string", "fieldType": "text", "options": []}
    if options or url:
        kind |= {"type": "enumeration", "fieldType": "select", "optionsUrl": url}
        kind["options"] = [{"value": each, "label": each.title()} for each in options]
    return {"typeDefinition": kind, "supportedValueTypes": [values], "isRequired": required}


def depends(controlling, dependent, value=None):
    found = {
        "dependencyType": "CONDITIONAL_SINGLE_FIELD" if value else "SINGLE_FIELD",
        "controllingFieldName": controlling,
        "dependentFieldNames": [dependent],
    }
    return found | ({"controllingFieldValue": value} if value else {})


@pytest.fixture
def step(sandbox, product, control):
    """Opens a step with a mode, a number that one mode shows, and users that follow the number."""
    options = f"{product.url}/options?generation=classic"
    body = definition(
        published=True,
        actionUrl=f"{product.url}/act",
        inputFields=[
            field("mode", required=True, options=("number", "custom")),
            field("number", required=True, url=options),
            field("user", url=options),
            field("recipient", required=True, values="OBJECT_PROPERTY"),
        ],
        inputFieldDependencies=[depends("mode", "number", "number"), depends("number", "user")],
    )
    body["labels"]["de"]["inputFieldLabels"] = {"mode": "Modus"}
    with client(f"{sandbox.url}/hubspot", params=KEY) as app:
        made = app.post(ACTIONS, json=body).json()["id"]
    product.answer = lambda call: (200, {"options": [{"label": "Ann", "value": "1", "description": ""}]})

    def opened(**asked):
        return control.post("/editor", json={"definition": made, **asked})

    opened.app = lambda changes: client(f"{sandbox.url}/hubspot", params=KEY).patch(
        f"{ACTIONS}/{made}", json=changes
    )
    return opened


def shown(answer):
    return {each["name"]: each for each in answer.json()["fields"]}


FILLED = {
    "mode": static("number"),
    "number": static("7"),
    "user": static("1"),
    "recipient": {"type": "OBJECT_PROPERTY", "propertyName": "phone"},
}


def test_a_new_step_shows_what_depends_on_nothing(step, product):
    fields = shown(step())

    assert {name: (each["visible"], each["enabled"]) for name, each in fields.items()} == {
        "mode": (True, True),
        "number": (False, False),
        "user": (True, False),
        "recipient": (True, True),
    }
    assert [each["value"] for each in fields["mode"]["options"]] == ["number", "custom"]
    assert product.calls.empty()


def test_a_mode_shows_its_field_and_a_number_wakes_its_users(step):
    fields = shown(step(inputs={"mode": static("number"), "number": static("7")}))

    assert fields["number"]["visible"]
    assert fields["user"]["enabled"]
    assert fields["user"]["options"] == [{"label": "Ann", "value": "1"}]


def test_a_number_that_is_hidden_wakes_nobody(step):
    assert not shown(step(inputs={**FILLED, "mode": static("custom")}))["user"]["enabled"]


def test_options_are_asked_for_signed_with_the_query_and_linked_values_alone(step, product):
    step(object_type="deals", inputs=FILLED)
    _number, call = product.take(2)
    body, url = call.body.decode(), product.url + call.path

    assert call.path == "/options?generation=classic"
    assert Signature.is_valid(call.headers["x-hubspot-signature"], SECRET, body, url)
    assert (call.json["objectTypeId"], call.json["inputFieldName"]) == ("0-3", "user")
    assert call.json["inputFields"] == {"number": FILLED["number"]}


def test_a_search_goes_along_only_where_the_list_is_searchable(step, product):
    answers = {}
    product.answer = lambda call: (200, {"options": [], **answers})
    asked = {"inputs": FILLED, "open": {"user": {"q": "ann"}}}

    assert shown(step(**asked))["user"]["error"] == "This list has no search box."
    assert all("q" not in call.json["fetchOptions"] for call in product.take(2))

    answers["searchable"] = True
    step(**asked)
    assert product.take(3)[-1].json["fetchOptions"] == {"q": "ann"}


def test_the_next_page_is_asked_for_with_the_cursor_of_the_first(step, product):
    product.answer = lambda call: (200, {"options": [], "after": "100", "searchable": True})
    first = shown(step(inputs=FILLED))["user"]

    step(inputs=FILLED, open={"user": {"after": first["after"]}})

    assert product.take(5)[-1].json["fetchOptions"] == {"after": "100"}


@pytest.mark.parametrize(
    ("status", "body"), [(500, {"options": []}), (200, b"<html>"), (200, {"options": [{}]}), (200, [])]
)
def test_an_answer_without_options_is_an_error_that_keeps_the_step_from_being_saved(
    step, product, status, body
):
    product.answer = lambda call: (status, body)
    answer = step(inputs=FILLED, save="Broken")

    assert shown(answer)["user"]["error"]
    assert answer.json()["workflow"] is None


@pytest.mark.parametrize("name", ["mode", "number", "recipient"])
def test_a_visible_required_field_must_be_filled(step, name):
    inputs = {**FILLED, name: static("")}
    if name == "mode":
        inputs.pop("number")

    answer = step(inputs=inputs, save="Unfinished").json()

    assert answer["workflow"] is None
    assert f"{name} is required." in answer["problems"]


def test_a_hidden_required_field_need_not_be(step, control):
    inputs = {"mode": static("custom"), "recipient": FILLED["recipient"]}

    assert step(inputs=inputs).json()["problems"] == []


def test_the_value_of_a_hidden_field_is_not_saved(step, control):
    answer = step(inputs={**FILLED, "mode": static("custom")}, save="Custom").json()

    assert set(answer["workflow"]["inputs"]) == {"mode", "user", "recipient"}


def test_a_field_takes_only_the_kinds_of_value_it_declares(step):
    answer = step(inputs={**FILLED, "recipient": static("+12025550123")}).json()

    assert answer["problems"] == ["recipient takes OBJECT_PROPERTY."]


def test_a_saved_step_is_a_workflow_that_runs(step, control, product):
    step(inputs=FILLED, save="Mine")
    product.take(2)

    started = control.post("/enrol", json={"workflow": "Mine"}).json()
    control.get(f"/enrol/{started['id']}", params={"wait": 5})

    call = product.next()
    assert call.path == "/act"
    assert (call.json["inputFields"]["number"], "phone" in call.json["inputFields"]) == ("7", False)


def test_labels_are_in_the_editors_language_or_english(step):
    assert shown(step(language="de"))["mode"]["label"] == "Modus"
    assert step(language="fr").json()["action"] == "Act"


@pytest.mark.parametrize("asked", [{"definition": "1"}, {"object_type": "tickets"}, {"color": "red"}])
def test_what_no_editor_offers_is_refused(step, asked):
    assert step(**asked).status_code == 400


def test_a_draft_is_not_offered(step):
    step.app({"published": False})

    assert "is a draft" in step().json()["message"]
