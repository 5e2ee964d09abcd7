"""The action as HubSpot is told of it: both generations, in two languages, over the API and as a project folder."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.urls import resolve
from django.utils import timezone

from smsadmin.consent.models import Policy
from smsadmin.core.errors import CATALOGUE, SendError
from smsadmin.core.status import Status
from smsadmin.crm.models import PropertyList
from smsadmin.sending.models import Message
from smsadmin.triggers.hubspot import answer, catalogue, definition, requested
from smsadmin.triggers.hubspot.catalogue import ADVANCED, CLASSIC, GENERATIONS, LOG_TEXTS, Generation
from smsadmin.workspaces.models import Connection
from tests.factories import make_action, make_connection, make_workspace
from tests.interfaces import problems

EVERY = pytest.mark.parametrize("generation", GENERATIONS.values(), ids=lambda each: each.key)
TYPES = {
    "CONTACT": "0-1", "COMPANY": "0-2", "DEAL": "0-3", "TICKET": "0-5", "QUOTE": "0-14", "INVOICE": "0-53",
    "USER": "0-115", "ORDER": "0-123", "LEAD": "0-136", "CART": "0-142",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _address(db: None, settings: Any) -> None:
    settings.BASE_URL = "https://sms.example.com"


def fields(generation: Generation) -> dict[str, dict[str, Any]]:
    return {each["typeDefinition"]["name"]: each for each in definition.as_api(generation)["inputFields"]}


def dependencies(generation: Generation) -> list[tuple[str, str, str]]:
    """(controlling field, the value it must have, dependent field)"""
    return [
        (each["controllingFieldName"], each.get("controllingFieldValue", ""), dependent)
        for each in definition.as_api(generation)["inputFieldDependencies"]
        for dependent in each["dependentFieldNames"]
    ]


# --- Fields -------------------------------------------------------------------------------------------


def test_the_advanced_action_has_the_fields_of_the_documented_steps_in_their_order() -> None:
    found = fields(ADVANCED)

    assert list(found) == [
        *("sender_mode", "sender_number", "sender_number_custom"),
        *("send_as_mode", "send_as_user", "send_as_email"),
        *("recipient", "message"),
    ]
    choices = {
        name: [option["value"] for option in each["typeDefinition"]["options"]]
        for name, each in found.items()
        if each["typeDefinition"]["options"]
    }
    assert choices == {"sender_mode": ["number", "custom"], "send_as_mode": ["default", "user", "custom"]}
    required = [name for name, each in found.items() if each["isRequired"]]
    assert required == ["sender_mode", "send_as_mode", "recipient", "message"]


def test_the_classic_action_has_one_picked_number_and_user_and_nothing_to_choose_from() -> None:
    found = fields(CLASSIC)

    assert list(found) == ["sender_number", "send_as_user", "recipient", "message"]
    assert all(each["isRequired"] for each in found.values())
    values = {name: each["supportedValueTypes"] for name, each in found.items()}
    assert values == {
        "sender_number": ["STATIC_VALUE"],
        "send_as_user": ["STATIC_VALUE"],
        "recipient": ["OBJECT_PROPERTY"],
        "message": ["STATIC_VALUE"],
    }


@pytest.mark.parametrize("name", ["sender_number_custom", "send_as_email", "recipient"])
def test_what_is_mapped_comes_from_a_property_of_the_record(name: str) -> None:
    assert fields(ADVANCED)[name]["supportedValueTypes"] == ["OBJECT_PROPERTY"]


def test_each_mode_shows_its_own_field_and_users_follow_the_number() -> None:
    assert dependencies(ADVANCED) == [
        ("sender_mode", "number", "sender_number"),
        ("sender_mode", "custom", "sender_number_custom"),
        ("send_as_mode", "user", "send_as_user"),
        ("send_as_mode", "custom", "send_as_email"),
        ("sender_number", "", "send_as_user"),
    ]
    assert dependencies(CLASSIC) == [("sender_number", "", "send_as_user")]


def test_no_field_depends_on_two_others_where_hubspot_refuses_that(settings: Any) -> None:
    settings.HUBSPOT_ONE_DEPENDENCY = True

    dependents = [dependent for _controlling, _value, dependent in dependencies(ADVANCED)]

    assert len(set(dependents)) == len(dependents)
    assert ("sender_number", "", "send_as_user") in dependencies(ADVANCED)


@pytest.mark.parametrize(
    ("generation", "action", "query"),
    [
        (ADVANCED, "https://sms.example.com/hubspot/actions/send-sms", ""),
        (CLASSIC, "https://sms.example.com/hubspot/actions/send-sms-classic", "?generation=classic"),
    ],
)
def test_every_address_is_ours_and_answered(generation: Generation, action: str, query: str) -> None:
    body = definition.as_api(generation)
    lists = [each["typeDefinition"].get("optionsUrl") for each in body["inputFields"]]

    assert body["actionUrl"] == action
    assert [url for url in lists if url] == [
        f"https://sms.example.com/hubspot/options/sender-numbers{query}",
        f"https://sms.example.com/hubspot/options/send-as-users{query}",
    ]
    for url in [action, *filter(None, lists)]:
        assert resolve(url.removeprefix("https://sms.example.com").partition("?")[0])


@EVERY
def test_workflows_of_all_ten_record_types_are_offered_it(generation: Generation) -> None:
    assert definition.as_api(generation)["objectTypes"] == list(TYPES.values())


# --- Outputs and the action log -----------------------------------------------------------------------


@EVERY
def test_every_output_of_an_answer_is_declared(generation: Generation) -> None:
    declared = [each["typeDefinition"]["name"] for each in definition.as_api(generation)["outputFields"]]
    sent = answer.final(Message(status=Status.SENT), "en")

    assert declared == [
        *("status", "message_id", "segments", "sender", "recipient_e164", "errorCode", "errorMessage")
    ]
    assert set(sent) - {"hs_execution_state"} == set(declared)


def first_rule(outputs: dict[str, str]) -> str | None:
    """The label that HubSpot shows: of the first rule whose conditions all hold."""
    for rule in definition.as_api(ADVANCED)["executionRules"]:
        wanted = {
            name: value if isinstance(value, list) else [value] for name, value in rule["conditions"].items()
        }
        if all(outputs.get(name) in values for name, values in wanted.items()):
            label: str = rule["labelName"]
            return label
    return None


@pytest.mark.parametrize("error", CATALOGUE.values(), ids=lambda error: error.code)
def test_every_code_has_a_rule_of_its_own_kind(error: type[SendError]) -> None:
    label = first_rule({"status": "failed", "errorCode": error.code})

    assert label == catalogue.label_of(error)
    assert "{{ errorMessage }}" in LOG_TEXTS[str(label)]


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("NUMBER_NOT_IN_INTEGRATION", "sender"),
        ("USER_NOT_ON_NUMBER", "user"),
        ("USER_OUT_OF_SEGMENTS", "quota"),
        ("NUMBER_QUOTA_EXCEEDED", "quota"),
        ("RECIPIENT_NO_COUNTRY_CODE", "recipient"),
        ("RECIPIENT_OPTED_OUT", "optedOut"),
        ("MESSAGE_TOO_LONG", "message"),
        ("TOKEN_UNRESOLVED", "message"),
        ("PROVIDER_REJECTED", "provider"),
        ("PROVIDER_UNKNOWN", "unknown"),
        ("DELIVERY_FAILED", "undelivered"),
        ("CREDENTIAL_REJECTED", "connection"),
        ("INTERNAL_ERROR", "internal"),
    ],
)
def test_the_log_says_whose_it_is(code: str, label: str) -> None:
    assert catalogue.label_of(CATALOGUE[code]) == label


@pytest.mark.parametrize("status", ["accepted", "sent", "delivered", "undelivered", "failed", "unknown"])
def test_every_outcome_without_a_known_code_has_a_rule_too(status: str) -> None:
    assert first_rule({"status": status, "errorCode": ""}) == status
    assert first_rule({"status": status, "errorCode": "OF_A_LATER_VERSION"}) == status


@EVERY
@pytest.mark.parametrize("locale", ["en", "de"])
def test_every_name_has_a_label_and_every_rule_a_text(generation: Generation, locale: str) -> None:
    body = definition.as_api(generation)
    labels = body["labels"][locale]
    outputs = {each["typeDefinition"]["name"] for each in body["outputFields"]}

    assert labels["actionName"]
    assert set(labels["inputFieldLabels"]) == set(fields(generation))
    assert set(labels["outputFieldLabels"]) == outputs
    assert {each["labelName"] for each in body["executionRules"]} <= set(labels["executionRules"])
    for text in labels["executionRules"].values():
        assert set(re.findall(r"\{\{ (\w+) \}\}", text)) <= outputs
    for name, options in labels["inputFieldOptionLabels"].items():
        assert set(options) == {
            each["value"] for each in fields(generation)[name]["typeDefinition"]["options"]
        }


def test_the_texts_of_a_language_are_that_languages() -> None:
    labels = definition.as_api(ADVANCED)["labels"]

    assert labels["en"]["inputFieldOptionLabels"]["send_as_mode"]["default"] == "Default (no user)"
    assert labels["de"]["inputFieldOptionLabels"]["send_as_mode"]["default"] != "Default (no user)"


# --- Properties that come along -----------------------------------------------------------------------


def test_the_opt_out_and_what_saved_actions_name_of_their_records_come_along() -> None:
    workspace = make_workspace()
    make_action(workspace, message="Hi {{Contact.FirstName}}", recipient_property="Contact.mobilephone")
    make_action(workspace, message="{{Contact.city}}", enabled=False)
    make_action(workspace, object_type="deal", message="{{Deal.amount}} {{Contact.lastname}}")

    assert requested.properties() == ["amount", "firstname", "mobilephone", "sms_opt_out"]


def test_a_property_is_requested_by_the_name_that_hubspot_lists() -> None:
    workspace = make_workspace()
    portal = make_connection(workspace, Connection.Kind.HUBSPOT)
    listed = [{"name": "vip_level", "label": "VIP level"}]
    now = timezone.now() - timedelta(days=2)
    PropertyList.objects.create(
        connection=portal, object_type="contact", language="en", properties=listed, read_at=now, tried_at=now
    )
    make_action(workspace, message="{{Contact.VipLevel}} {{Contact.Nowhere}}")

    assert "vip_level" in requested.properties()
    assert not {"VipLevel", "Nowhere", "nowhere"} & set(requested.properties())


def test_a_workspaces_own_opt_out_property_comes_along() -> None:
    Policy.objects.create(workspace=make_workspace(), kept_by="hubspot", hubspot_property="no_texts")

    assert requested.properties() == ["no_texts", "sms_opt_out"]


def test_a_workspace_that_keeps_no_opt_outs_adds_no_property() -> None:
    Policy.objects.create(workspace=make_workspace(), kept_by="nobody")

    assert requested.properties() == ["sms_opt_out"]


def test_the_number_of_queries_does_not_grow_with_actions(django_assert_num_queries: Any) -> None:
    workspace = make_workspace()
    for _ in range(4):
        make_action(workspace, message="Hi {{Contact.firstname}}")

    with django_assert_num_queries(3):
        requested.properties()


# --- Forms --------------------------------------------------------------------------------------------


@EVERY
def test_hubspot_would_take_it(generation: Generation, settings: Any) -> None:
    url = f"{settings.HUBSPOT_BASE_URL}/automation/actions/2026-03/123456"

    assert problems("POST", url, json_body=definition.as_api(generation)) == []
    assert problems("PATCH", f"{url}/17", json_body=definition.changeable(generation)) == []


def test_a_new_definition_is_a_draft_and_an_update_leaves_that_as_it_is() -> None:
    assert definition.as_api(ADVANCED)["published"] is False
    assert not {"published", "functions"} & set(definition.changeable(ADVANCED))


def unpacked(auth: str) -> dict[str, Any]:
    archive = definition.as_zip(definition.as_project(GENERATIONS.values(), auth, "admin@example.com"))
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: json.loads(opened.read(name)) for name in opened.namelist()}


def test_a_project_folder_has_an_app_and_both_generations() -> None:
    files = unpacked("static")

    assert sorted(files) == [
        "hsproject.json",
        "src/app/app-hsmeta.json",
        "src/app/workflow-actions/send-sms-classic-hsmeta.json",
        "src/app/workflow-actions/send-sms-hsmeta.json",
    ]
    app = files["src/app/app-hsmeta.json"]
    assert (app["type"], app["config"]["auth"]["type"]) == ("app", "static")
    assert app["config"]["permittedUrls"]["fetch"] == ["https://sms.example.com"]
    assert {"oauth", "automation", "crm.objects.contacts.write"} <= set(
        app["config"]["auth"]["requiredScopes"]
    )
    action = files["src/app/workflow-actions/send-sms-hsmeta.json"]
    body = definition.changeable(ADVANCED)
    assert action["type"] == "workflow-action"
    assert action["config"]["supportedClients"] == [{"client": "WORKFLOWS"}]
    assert action["config"]["objectTypes"] == list(TYPES)
    for same in (
        "actionUrl",
        "inputFields",
        "inputFieldDependencies",
        "outputFields",
        "labels",
        "executionRules",
    ):
        assert action["config"][same] == body[same]


def test_only_oauth_names_where_the_browser_comes_back_to() -> None:
    oauth, static = (
        unpacked(auth)["src/app/app-hsmeta.json"]["config"]["auth"] for auth in ("oauth", "static")
    )

    assert oauth["redirectUrls"] == ["https://sms.example.com/hubspot/oauth/callback"]
    assert "redirectUrls" not in static


def test_the_same_folder_is_the_same_archive_to_the_byte() -> None:
    archives = {
        definition.as_zip(definition.as_project(order, "static", "admin@example.com"))
        for order in ([ADVANCED, CLASSIC], [CLASSIC, ADVANCED])
    }

    [archive] = archives
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert {each.date_time for each in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_every_file_has_a_uid_of_its_own() -> None:
    uids = [each["uid"] for each in unpacked("static").values() if "uid" in each]

    assert len(uids) == len(set(uids)) == 3
