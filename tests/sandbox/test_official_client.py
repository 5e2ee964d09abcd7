"""HubSpot's own Python client, pointed at the sandbox: what it sends is taken, and what comes back it can read."""

import json

import pytest
from hubspot import HubSpot
from hubspot.automation import actions
from hubspot.crm.contacts import PublicObjectSearchRequest
from hubspot.crm.objects import communications

from smsadmin.triggers.hubspot import definition as ours
from smsadmin.triggers.hubspot.catalogue import ADVANCED
from tests.sandbox.conftest import SUCCESS

APP = 123456


def official(sandbox, **credential):
    """The client as its factory makes it, with our address in place of HubSpot's."""

    def made(package, name, config):
        configuration = package.Configuration(host=f"{sandbox.url}/hubspot")
        configuration.access_token = config.get("access_token")
        if key := config.get("api_key"):
            configuration.api_key["developer_hapikey"] = key
        return getattr(package, name)(api_client=package.ApiClient(configuration=configuration))

    return HubSpot(api_factory=made, **credential)


@pytest.fixture
def developer(sandbox):
    return official(sandbox, api_key="sandbox-developer-key").automation.actions


@pytest.fixture
def portal(sandbox):
    return official(sandbox, access_token="sandbox-hubspot-token")


@pytest.fixture
def egg(db):
    """Our definition as the client's own model reads it from JSON; it wants keys that today's interface has dropped."""
    body = ours.as_api(ADVANCED)
    for each in [*body["inputFields"], *body["outputFields"]]:
        kind = each["typeDefinition"]
        kind["externalOptions"] = "optionsUrl" in kind
        for place, option in enumerate(kind["options"]):
            option |= {
                "description": "",
                "displayOrder": place,
                "doubleData": 0.0,
                "hidden": False,
                "readOnly": False,
            }
    return read(body, "PublicActionDefinitionEgg")


def read(body, model):
    class Answer:
        data = json.dumps(body)

    return actions.ApiClient().deserialize(Answer, model)


def test_a_definition_is_created_and_read_back(developer, egg):
    made = developer.definitions_api.create(APP, egg)
    found = developer.definitions_api.get_by_id(made.id, APP)

    assert (found.id, found.revision_id, found.published) == (made.id, "1", False)
    assert found.labels["de"].action_name
    assert found.input_fields[0].type_definition.name == "sender_mode"
    assert found.object_types[0] == "0-1"


def test_a_definition_is_changed_listed_and_archived(developer, egg):
    made = developer.definitions_api.create(APP, egg)

    changed = developer.definitions_api.update(
        made.id, APP, actions.PublicActionDefinitionPatch(published=True)
    )
    revisions = developer.revisions_api.get_page(made.id, APP).results
    listed = developer.definitions_api.get_page(APP).results
    developer.definitions_api.archive(made.id, APP)

    assert (changed.published, changed.revision_id) == (True, "2")
    assert [each.revision_id for each in revisions] == ["2", "1"]
    assert [each.id for each in listed] == [made.id]
    assert developer.definitions_api.get_page(APP).results == []


def test_a_refusal_is_the_clients_own_exception(sandbox):
    with pytest.raises(actions.ApiException) as refused:
        official(sandbox, api_key="wrong").automation.actions.definitions_api.get_page(APP)

    assert refused.value.status == 401
    assert json.loads(refused.value.body)["category"] == "INVALID_AUTHENTICATION"


def blocked(control, product, count=1):
    """Callback ids of executions that wait."""
    fields = {"hs_execution_state": "BLOCK", "hs_expiration_duration": "PT1H"}
    product.answer = lambda call: (200, {"outputFields": fields})
    started = control.post("/enrol", json={"workflow": "Welcome text", "records": count}).json()
    control.get(f"/enrol/{started['id']}", params={"wait": 5})
    return [each["callback_id"] for each in control.get("/action-log").json()]


def test_blocked_executions_are_completed_one_by_one_and_in_a_batch(portal, control, product):
    first, *rest = blocked(control, product, 3)
    outputs = {**SUCCESS["outputFields"], "status": "sent"}
    api = portal.automation.actions.callbacks_api

    api.complete(first, actions.CallbackCompletionRequest(output_fields=outputs))
    batch = [actions.CallbackCompletionBatchRequest(callback_id=each, output_fields=outputs) for each in rest]
    api.complete_batch(actions.BatchInputCallbackCompletionBatchRequest(inputs=batch))

    assert [each["state"] for each in control.get("/action-log").json()] == ["success"] * 3


def test_a_communication_is_logged_on_a_contact(portal, sandbox):
    properties = {
        "hs_communication_channel_type": "SMS",
        "hs_communication_logged_from": "CRM",
        "hs_communication_body": "Grüße Zoë",
        "hs_timestamp": "2026-11-21T10:00:00.000Z",
    }
    kind = communications.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=81)
    to = communications.PublicAssociationsForObject(to=communications.PublicObjectId(id="4242"), types=[kind])
    asked = communications.SimplePublicObjectInputForCreate(properties=properties, associations=[to])

    made = portal.crm.objects.communications.basic_api.create(asked)

    assert made.properties["hs_communication_body"] == "Grüße Zoë"
    assert made.id in sandbox.state.records["contacts"]["4242"].associations["communications"]


def test_contacts_are_searched_and_read(portal):
    contact = portal.crm.contacts.basic_api.get_by_id("4242", properties=["email", "phone"])
    by_email = {"propertyName": "email", "operator": "EQ", "value": contact.properties["email"]}
    query = PublicObjectSearchRequest(
        filter_groups=[{"filters": [by_email]}], properties=["phone"], limit=10, after="0", sorts=[]
    )

    found = portal.crm.contacts.search_api.do_search(query)

    assert found.total == 1
    assert found.results[0].properties["phone"] == contact.properties["phone"]
