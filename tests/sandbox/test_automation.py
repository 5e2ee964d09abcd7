"""The definitions of an app's own actions: what HubSpot takes, keeps and tells, and who may."""

import pytest

from tests.sandbox.conftest import client

ACTIONS = "/automation/v4/actions/123456"
DATED = "/automation/actions/2026-03/123456"
KEY = {"hapikey": "sandbox-developer-key"}
RULES = [
    {"labelName": "known", "conditions": {"errorCode": ["A", "B"], "status": "failed"}},
    {"labelName": "failed", "conditions": {"status": "failed"}},
]


def field(name="message", **over):
    kind = {"name": name, "type": "string", "fieldType": "text", "options": []} | over
    return {"typeDefinition": kind, "supportedValueTypes": ["STATIC_VALUE"], "isRequired": True}


def definition(**over):
    outputs = [{"name": each, "type": "string", "fieldType": "text"} for each in ("status", "errorCode")]
    return {
        "actionUrl": "https://app.example/act",
        "published": False,
        "objectTypes": ["CONTACT", "0-3", "deal"],
        "inputFields": [field()],
        "outputFields": [{"typeDefinition": each} for each in outputs],
        "executionRules": RULES,
        "labels": {
            "en": {"actionName": "Act", "executionRules": {"known": "Known {{ errorCode }}", "failed": "No"}},
            "de": {"actionName": "Tu", "executionRules": {"known": "Bekannt: {{ errorCode }}"}},
        },
        "functions": [],
    } | over


@pytest.fixture
def app(sandbox):
    """The app's owner, with the developer key."""
    with client(f"{sandbox.url}/hubspot", params=KEY) as http:
        yield http


@pytest.fixture
def made(app):
    return app.post(ACTIONS, json=definition()).json()


def test_a_definition_comes_back_with_an_id_a_revision_and_object_types_by_id(made, app):
    assert (made["revisionId"], made["published"], made["functions"]) == ("1", False, [])
    assert made["objectTypes"] == ["0-1", "0-3", "0-3"]
    assert made["inputFields"][0]["automationFieldType"] is None
    assert app.get(f"{ACTIONS}/{made['id']}").json() == made


def test_a_change_is_a_revision_that_leaves_the_rest_and_drops_functions(made, app):
    functions = [{"functionType": "PRE_ACTION_EXECUTION", "functionSource": "exports.main = 1"}]
    changes = {"published": True, "functions": functions, "id": "1", "revisionId": "99"}

    answer = app.patch(f"{ACTIONS}/{made['id']}", json=changes)

    assert answer.json() == made | {"published": True, "revisionId": "2"}
    history = app.get(f"{ACTIONS}/{made['id']}/revisions").json()["results"]
    assert [(each["revisionId"], each["definition"]["published"]) for each in history] == [
        ("2", True),
        ("1", False),
    ]
    first = app.get(f"{ACTIONS}/{made['id']}/revisions/1").json()
    assert first["definition"]["published"] is False


def test_an_archived_definition_is_listed_only_where_asked_for(made, app):
    assert app.delete(f"{ACTIONS}/{made['id']}").status_code == 204

    assert app.get(ACTIONS).json()["results"] == []
    assert app.get(f"{ACTIONS}/{made['id']}").status_code == 404
    assert app.patch(f"{ACTIONS}/{made['id']}", json={"published": True}).status_code == 404
    [archived] = app.get(ACTIONS, params={"archived": "true"}).json()["results"]
    assert (archived["id"], archived["archivedAt"]) == (made["id"], 1_795_291_200_000)


def test_lists_come_in_pages(app):
    made = [app.post(ACTIONS, json=definition()).json()["id"] for _ in range(3)]

    first = app.get(ACTIONS, params={"limit": 2}).json()
    rest = app.get(ACTIONS, params={"limit": 2, "after": first["paging"]["next"]["after"]}).json()

    assert [each["id"] for each in first["results"] + rest["results"]] == made
    assert "paging" not in rest


def test_whether_a_record_is_needed_is_asked_and_set(made, app):
    address = f"{ACTIONS}/{made['id']}/requires-object"

    assert app.get(address).json() == {"requiresObject": True}
    assert app.post(address, json={"requiresObject": False}).status_code == 204
    assert app.get(address).json() == {"requiresObject": False}
    assert app.post(address, json={"requiresObject": "no"}).status_code == 400


def test_functions_are_text_and_have_their_own_addresses(made, app):
    address = f"{ACTIONS}/{made['id']}/functions/PRE_ACTION_EXECUTION"

    assert app.put(address, content="exports.main = 1").status_code == 200
    assert app.get(f"{ACTIONS}/{made['id']}/functions").json()["results"] == [
        {"functionType": "PRE_ACTION_EXECUTION", "id": "0"}
    ]
    assert app.get(address).json()["functionSource"] == "exports.main = 1"
    assert (app.delete(address).status_code, app.get(address).status_code) == (204, 404)


@pytest.mark.parametrize(("method", "path"), [("PUT", "/{id}"), ("POST", "/{id}/functions")])
def test_what_captured_traffic_shows_as_not_allowed(made, app, method, path):
    assert app.request(method, ACTIONS + path.format(**made), json={}).status_code == 405


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"actionUrl": "http://app.example/act"}, "HTTPS"),
        ({"objectTypes": ["PARROT"]}, "PARROT"),
        ({"labels": {"de": {"actionName": "Tu"}}}, "labels must have en"),
        ({"labels": {"en": {}}}, "actionName"),
        ({"executionRules": [{"labelName": "other", "conditions": {}}]}, "other"),
        ({"inputFields": [field(), field()]}, "same name"),
        ({"inputFields": [field(fieldType="select")]}, "select"),
        (
            {
                "inputFieldDependencies": [
                    {
                        "dependencyType": "SINGLE_FIELD",
                        "controllingFieldName": "nobody",
                        "dependentFieldNames": ["message"],
                    }
                ]
            },
            "nobody",
        ),
    ],
)
def test_what_is_no_definition_is_refused_and_nothing_is_kept(app, change, words):
    answer = app.post(ACTIONS, json=definition(**change))

    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert words in answer.json()["message"]
    assert app.get(ACTIONS).json()["results"] == []


@pytest.mark.parametrize(
    ("path", "params", "token", "status"),
    [
        (ACTIONS, KEY, "", 200),
        (DATED, KEY, "", 401),
        (ACTIONS, {"hapikey": "wrong"}, "", 401),
        (ACTIONS, {}, "sandbox-developer-token", 200),
        (DATED, {}, "sandbox-developer-token", 200),
        (DATED, {}, "sandbox-hubspot-token", 403),
        (DATED, {}, "", 401),
        (ACTIONS.replace("6", "7"), KEY, "", 404),
    ],
)
def test_the_apps_credentials_open_it_and_a_portals_do_not(sandbox, path, params, token, status):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with client(f"{sandbox.url}/hubspot", headers=headers) as http:
        assert http.get(path, params=params).status_code == status


def test_a_missing_scope_is_named(sandbox):
    with client(f"{sandbox.url}/hubspot", headers={"Authorization": "Bearer sandbox-hubspot-token"}) as http:
        refused = http.post(DATED, json=definition()).json()

    assert refused["errors"][0]["context"]["requiredGranularScopes"] == ["developers-write"]


def test_the_key_is_not_in_the_list_of_requests(made, control):
    assert all("sandbox-developer-key" not in each["path"] for each in control.get("/requests").json())


# --- Runs by a definition -----------------------------------------------------------------------------


def run(control, product, outputs, workflow, **asked):
    product.answer = lambda call: (200, {"outputFields": outputs})
    started = control.post("/enrol", json={"workflow": workflow, **asked})
    if started.status_code == 201:
        control.get(f"/enrol/{started.json()['id']}", params={"wait": 5})
    return started


@pytest.fixture
def workflow(app, product):
    """A workflow with an action that the product answers."""
    url = f"{product.url}/act"
    made = app.post(
        ACTIONS, json=definition(actionUrl=url, objectRequestOptions={"properties": ["city", "nowhere"]})
    )
    return {"name": "By definition", "definition": made.json()["id"], "inputs": {}}


def test_a_run_calls_the_definitions_address_with_its_properties_and_revision(
    control, product, workflow, app
):
    app.patch(f"{ACTIONS}/{workflow['definition']}", json={"published": True})
    run(control, product, {"hs_execution_state": "SUCCESS"}, workflow)
    call = product.next()

    assert call.path == "/act"
    assert list(call.json["object"]["properties"]) == ["city"]
    origin = call.json["origin"]
    assert (str(origin["actionDefinitionId"]), origin["actionDefinitionVersion"]) == (
        workflow["definition"],
        2,
    )


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (
            {"hs_execution_state": "FAIL_CONTINUE", "status": "failed", "errorCode": "B"},
            {"rule": "known", "en": "Known B", "de": "Bekannt: B"},
        ),
        (  # the first that fits; German is missing, so English is shown
            {"hs_execution_state": "FAIL_CONTINUE", "status": "failed", "errorCode": "C"},
            {"rule": "failed", "en": "No", "de": "No"},
        ),
        (
            {"hs_execution_state": "SUCCESS", "status": "sent"},
            {"rule": None, "en": "Action succeeded", "de": "Aktion erfolgreich"},
        ),
        (
            {"hs_execution_state": "FAIL_CONTINUE"},
            {"rule": None, "en": "An unknown error occurred", "de": "Ein unbekannter Fehler ist aufgetreten"},
        ),
    ],
)
def test_the_action_log_says_what_the_first_rule_that_fits_says(
    control, product, workflow, outputs, expected
):
    run(control, product, outputs, workflow)

    assert control.get("/action-log").json()[-1]["log"] == expected


def test_a_rule_sees_declared_outputs_alone(control, product, workflow, app):
    rules = [{"labelName": "known", "conditions": {"color": "red"}}, *RULES]
    app.patch(f"{ACTIONS}/{workflow['definition']}", json={"executionRules": rules})

    run(control, product, {"status": "failed", "color": "red"}, workflow)

    assert control.get("/action-log").json()[-1]["log"]["rule"] == "failed"


def test_a_blocked_execution_has_no_log_yet(control, product, workflow):
    run(control, product, {"hs_execution_state": "BLOCK"}, workflow)

    assert control.get("/action-log").json()[-1]["log"] is None


def test_records_of_other_types_do_not_get_there(control, product, workflow):
    refused = run(control, product, {}, workflow | {"object_type": "tickets"})

    assert (refused.status_code, "not offered" in refused.json()["message"]) == (400, True)


def test_a_workflow_by_address_goes_by_the_definition_that_calls_it(control, product, app):
    app.post(ACTIONS, json=definition(actionUrl=f"{product.url}/hubspot/actions/send-sms"))

    run(control, product, {"hs_execution_state": "FAIL_CONTINUE", "status": "failed"}, "Welcome text")

    assert control.get("/action-log").json()[-1]["log"]["rule"] == "failed"


@pytest.mark.parametrize(
    "path", ["companies", "deals", "tickets", "quotes", "users", "orders", "carts", "invoices", "leads"]
)
def test_every_record_type_has_a_workflow_with_a_recipient(control, product, path):
    run(control, product, {}, f"Text for {path}", records=1)
    body = product.next().json

    assert body["inputFields"]["recipient"]
    assert "{{" not in body["inputFields"]["message"]


def test_a_classic_workflow_calls_the_classic_address_with_its_four_fields(control, product):
    run(control, product, {}, "Welcome text (classic)")
    call = product.next()

    assert call.path == "/hubspot/actions/send-sms-classic"
    assert set(call.json["inputFields"]) == {"sender_number", "send_as_user", "recipient", "message"}
