"""Each sentence, row and list item of Aircall's help on the advanced Send SMS action, by what others see of us: the
address that HubSpot calls, its dropdowns, its action's definition, and the editor's form."""

# ruff: noqa: F811  (fixtures of another folder are imported, and named by tests)

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from smsadmin import cache
from smsadmin.actions.models import Action
from smsadmin.classic.models import ClassicSettings
from smsadmin.consent.models import Policy
from smsadmin.core.windows import Window
from smsadmin.directory.models import Association, Number
from smsadmin.incoming import bell as incoming_bell
from smsadmin.incoming.replies import replies_to
from smsadmin.providers.hubspot import scopes
from smsadmin.quotas.models import Counter, Rule, Scope
from smsadmin.sending import hold
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled
from smsadmin.triggers.hubspot import definition
from smsadmin.triggers.hubspot.catalogue import ADVANCED, CLASSIC
from smsadmin.triggers.hubspot.parse import UNAVAILABLE
from smsadmin.writeback.models import Engagement
from tests.actions.test_pages import errors, form
from tests.factories import make_agent, make_member, make_number
from tests.told_by_aircall import listening, texted
from tests.triggers.hubspot.conftest import (  # noqa: F401  fixtures
    SEND,
    Portal,
    _fresh,
    execution,
    inputs,
    line,
    portal,
    provider,
    worker,
)

NUMBERS, USERS = "/hubspot/options/sender-numbers", "/hubspot/options/send-as-users"
SENDER, ADA = "+12025550100", "+12025550123"
Inputs = dict[str, str]


@pytest.fixture
def account(line: Number, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(incoming_bell, "ring", lambda: None)
    return listening(line)


@pytest.fixture
def editor(portal: Portal, line: Number) -> Client:
    """Somebody at the form of the action. (Without a portal to read, for no test calls HubSpot.)"""
    type(portal.connection).objects.filter(pk=portal.connection.pk).update(secrets={})
    client = Client()
    client.force_login(make_member(portal.workspace, "editor").user)
    return client


def options(portal: Portal, path: str, **chosen: str) -> list[dict[str, str]]:
    """The choices of a dropdown, with these values in the fields before it."""
    payload = {
        "origin": {"portalId": 9000001, "actionDefinitionId": 1, "actionDefinitionVersion": 1},
        "inputFields": {name: {"type": "STATIC_VALUE", "value": value} for name, value in chosen.items()},
    }
    return portal.call(path, payload).json()["options"]


def message_of(outputs: dict[str, Any]) -> Message:
    return Message.objects.get(pk=outputs["message_id"])


def fields() -> dict[str, dict[str, Any]]:
    """The step's fields, as HubSpot's editor is told of them."""
    return {each["typeDefinition"]["name"]: each for each in definition.as_api(ADVANCED)["inputFields"]}


def choices(name: str) -> list[str]:
    return [each["value"] for each in fields()[name]["typeDefinition"]["options"]]


# --- What it does ------------------------------------------------------------------------------------------


def test_it_sends_texts_from_aircall_numbers_when_a_workflow_asks(portal, inputs, worker):
    assert portal.run(inputs)["status"] == "sent"
    [sms] = worker.sent
    assert (sms.sender, sms.recipient, sms.body) == (SENDER, ADA, "Hi Zoë")


def test_the_number_comes_first_then_optionally_the_user(db):
    names = list(fields())
    assert names.index("sender_number") < names.index("send_as_user")
    dependencies = definition.as_api(ADVANCED)["inputFieldDependencies"]
    controlled = {
        (each["controllingFieldName"], name) for each in dependencies for name in each["dependentFieldNames"]
    }
    assert ("sender_number", "send_as_user") in controlled
    assert not fields()["send_as_user"]["isRequired"]


def test_number_and_user_can_be_static_or_mapped_to_a_property(db):
    for chosen, mapped in (("sender_number", "sender_number_custom"), ("send_as_user", "send_as_email")):
        assert fields()[chosen]["supportedValueTypes"] == ["STATIC_VALUE"]
        assert fields()[mapped]["supportedValueTypes"] == ["OBJECT_PROPERTY"]


def test_sms_only_no_field_takes_pictures_or_files(portal, inputs, worker):
    assert not {"file", "media"} & {each["typeDefinition"]["fieldType"] for each in fields().values()}
    message = message_of(portal.run({**inputs, "media": "https://example.com/a.png"}))
    assert message.media == []


def test_workflows_of_the_previous_action_continue_to_work(portal, line, inputs):
    ClassicSettings.objects.create(workspace=portal.workspace, enabled=True)
    cache.forget()
    user = line.agents.get(email="mia@example.com").provider_id
    response = portal.call(f"{SEND}-classic", execution({**inputs, "send_as_user": user}))
    assert response.json()["outputFields"]["errorCode"] == ""
    assert portal.run(inputs)["errorCode"] == ""
    assert definition.action_url(CLASSIC) != definition.action_url(ADVANCED)


# --- Requirements ------------------------------------------------------------------------------------------


def test_at_least_one_number_must_be_enabled_for_messaging(portal, line):
    Number.objects.update(sms_capable=False)
    cache.forget()
    [option] = options(portal, NUMBERS)
    assert option["value"] == UNAVAILABLE
    assert (
        portal.run({"sender_mode": "number", "sender_number": UNAVAILABLE})["errorCode"] == "SENDER_REQUIRED"
    )


def test_scopes_that_are_lacking_are_named_so_that_they_can_be_added_by_reauthenticating(portal):
    connection = portal.connection
    connection.scopes = ["oauth"]
    assert "crm.objects.contacts.write" in scopes.missing(connection, scopes.ENGAGEMENTS)
    connection.scopes = ["oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "automation"]
    assert not scopes.missing(connection, scopes.ENGAGEMENTS)


# --- 1. Select the action ----------------------------------------------------------------------------------

OBJECT_TYPES = {
    "contact": "0-1",
    "deal": "0-3",
    "ticket": "0-5",
    "company": "0-2",
    "quote": "0-14",
    "users": "0-115",
    "order": "0-123",
    "cart": "0-142",
    "invoice": "0-53",
    "lead": "0-136",
}


@pytest.mark.parametrize("kind", OBJECT_TYPES)
def test_it_is_available_in_workflows_based_on(portal, inputs, kind):
    assert OBJECT_TYPES[kind] in definition.as_api(ADVANCED)["objectTypes"]
    for spelling in (kind.removesuffix("s").upper(), OBJECT_TYPES[kind]):
        record = {"objectId": 4242, "objectType": spelling, "properties": {}}
        message = message_of(portal.run(inputs, object=record, callbackId=f"ap-{spelling}"))
        assert (message.status, message.object_type) == ("queued", kind.removesuffix("s"))


def test_it_is_available_in_no_other(db):
    assert len(definition.as_api(ADVANCED)["objectTypes"]) == len(OBJECT_TYPES)


# --- 2. Choose the number (from) -----------------------------------------------------------------------------


def test_the_number_is_selected_in_two_ways(db):
    assert choices("sender_mode") == ["number", "custom"]


def test_option_a_is_an_existing_sms_capable_number_of_the_dropdown(portal, line, inputs):
    [option] = options(portal, NUMBERS)
    assert option["value"] == line.provider_id
    assert message_of(portal.run({**inputs, "sender_number": option["value"]})).sender == SENDER


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"connected": False}, id="connected to the HubSpot integration"),
        pytest.param({"connected": None}, id="known to be connected"),
        pytest.param({"sms_capable": False}, id="SMS capable"),
        pytest.param({"third_party": True}, id="not using third party messaging services"),
        pytest.param({"proxy_mode": True}, id="not using the Aircall Messaging API"),
    ],
)
def test_only_numbers_that_meet_each_criterion_appear_and_send(portal, line, inputs, columns):
    other = make_number(portal.workspace, name="Other", **columns)
    assert [each["value"] for each in options(portal, NUMBERS)] == [line.provider_id]
    found = portal.run({**inputs, "sender_number": other.provider_id})
    assert found["errorCode"].startswith("NUMBER_")
    assert found["hs_execution_state"] == "FAIL_CONTINUE"


def test_an_empty_list_says_to_make_numbers_sms_enabled_and_free_of_other_services(portal, line):
    Number.objects.update(third_party=True)
    cache.forget()
    [option] = options(portal, NUMBERS)
    assert option["value"] == UNAVAILABLE
    assert "Directory" in option["label"]


def test_option_b_maps_the_number_to_a_property_of_the_record(portal, line, inputs):
    custom = {**inputs, "sender_mode": "custom", "sender_number_custom": SENDER}
    assert message_of(portal.run(custom)).sender == SENDER


@pytest.mark.parametrize(
    "value", ["2025550100", "(202) 555-0100", "+1 202 555 0100", "00 1 202 555 0100", "Sales"]
)
def test_a_custom_number_must_be_formatted_in_e164(portal, line, inputs, value):
    custom = {**inputs, "sender_mode": "custom", "sender_number_custom": value}
    assert portal.run(custom)["errorCode"] == "NUMBER_NOT_E164"


def test_a_custom_number_that_does_not_exist_in_the_integration_sends_nothing_and_errs(
    portal, line, inputs, provider
):
    custom = {**inputs, "sender_mode": "custom", "sender_number_custom": "+15550199"}
    found = portal.run(custom)
    assert (found["status"], found["errorCode"]) == ("failed", "NUMBER_NOT_IN_INTEGRATION")
    assert provider.sent == []


# --- 3. Select the send-as user ------------------------------------------------------------------------------


def test_the_user_field_appears_with_the_choice_of_a_user(db):
    dependencies = definition.as_api(ADVANCED)["inputFieldDependencies"]
    shown = {
        name: each["controllingFieldValue"]
        for each in dependencies
        if each["dependencyType"] == "CONDITIONAL_SINGLE_FIELD"
        and each["controllingFieldName"] == "send_as_mode"
        for name in each["dependentFieldNames"]
    }
    assert shown == {"send_as_user": "user", "send_as_email": "custom"}


@pytest.mark.parametrize("mode", ["default", ""], ids=["Default", "no selection"])
def test_option_a_sends_from_the_number_without_a_user_and_is_the_default(portal, inputs, worker, mode):
    portal.run({**inputs, "send_as_mode": mode})
    assert (worker.sent[0].sender, worker.sent[0].send_as_id) == (SENDER, "")


def test_option_b_lists_only_the_users_of_the_selected_number(portal, line):
    other = make_number(portal.workspace, users=("zoe@example.com",))
    of_line = options(portal, USERS, sender_number=line.provider_id)
    assert [each["description"] for each in of_line] == ["leo@example.com", "mia@example.com"]
    of_other = options(portal, USERS, sender_number=other.provider_id)
    assert [each["description"] for each in of_other] == ["zoe@example.com"]


def test_option_b_sends_as_the_user_and_never_as_one_without_access_to_the_number(
    portal, inputs, line, worker
):
    mia = line.agents.get(email="mia@example.com")
    stranger = make_agent(portal.workspace, "stranger@example.com")
    as_user = {**inputs, "send_as_mode": "user"}
    portal.run({**as_user, "send_as_user": mia.provider_id})
    assert worker.sent[0].send_as_id == mia.provider_id
    found = portal.run({**as_user, "send_as_user": stranger.provider_id}, callbackId="ap-2")
    assert found["errorCode"] == "USER_NOT_ON_NUMBER"


def test_option_b_is_available_with_a_chosen_number_only(editor, portal, line):
    mia = line.agents.get(email="mia@example.com")
    typed = form(line, sender_kind="property", sender_property="Contact.our_number")
    response = editor.post("/actions/new/", {**typed, "send_as_kind": "user", "send_as_agent": mia.pk})
    assert response.status_code == 422
    assert not Action.objects.exists()


@pytest.mark.parametrize("sender", ["number", "custom"])
def test_option_c_maps_the_user_to_an_email_for_both_kinds_of_number(portal, inputs, worker, sender):
    custom = {"sender_mode": sender, "sender_number_custom": SENDER}
    custom |= {"send_as_mode": "custom", "send_as_email": "MIA@example.com"}
    assert message_of(portal.run({**inputs, **custom})).send_as == "mia@example.com"


@pytest.mark.parametrize("value", ["Mia", "774433", "", "nobody@example.com"])
def test_a_custom_user_must_be_the_email_of_a_user_of_the_number(portal, inputs, value):
    found = portal.run({**inputs, "send_as_mode": "custom", "send_as_email": value})
    assert found["errorCode"] in {"USER_NOT_FOUND", "USER_REQUIRED"}
    assert found["hs_execution_state"] == "FAIL_CONTINUE"


# --- 4. The recipient, 5. the message, 6. saving ---------------------------------------------------------------


def test_the_recipient_is_a_property_of_the_record(portal, inputs):
    assert fields()["recipient"]["supportedValueTypes"] == ["OBJECT_PROPERTY"]
    assert message_of(portal.run({**inputs, "recipient": "+33612345678"})).recipient == "+33612345678"


@pytest.mark.parametrize(("characters", "code"), [(1600, ""), (1601, "MESSAGE_TOO_LONG")])
def test_the_text_may_have_up_to_1600_characters(portal, inputs, characters, code):
    assert portal.run({**inputs, "message": "x" * characters})["errorCode"] == code


def test_record_tokens_such_as_contact_first_name_personalise_the_text(portal, inputs):
    record = {"objectId": 4242, "objectType": "CONTACT", "properties": {"firstname": "Zoë"}}
    found = portal.run({**inputs, "message": "Hi {{Contact.FirstName}}!"}, object=record)
    assert message_of(found).body == "Hi Zoë!"


def test_required_fields_are_required_of_the_step(db):
    required = {name for name, each in fields().items() if each["isRequired"]}
    assert {"sender_mode", "recipient", "message"} <= required


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"sender_number": ""}, "SENDER_REQUIRED", id="the number"),
        pytest.param({"send_as_mode": "user"}, "USER_REQUIRED", id="the user, if Specific user is chosen"),
        pytest.param({"send_as_mode": "custom"}, "USER_REQUIRED", id="the user, if Custom Input is chosen"),
        pytest.param({"recipient": ""}, "RECIPIENT_MISSING", id="the recipient"),
        pytest.param({"message": ""}, "MESSAGE_EMPTY", id="the message"),
    ],
)
def test_a_step_without_what_is_required_sends_nothing(portal, inputs, changes, code):
    assert portal.run({**inputs, **changes})["errorCode"] == code


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"sender_number": ""}, "sender_number", id="the number"),
        pytest.param({"sender_number": "424242"}, "sender_number", id="a number that is not one of ours"),
        pytest.param({"send_as_kind": "user"}, "send_as_agent", id="the user, if Specific user is chosen"),
        pytest.param({"send_as_kind": "property"}, "send_as_property", id="the user, if Custom Input is"),
        pytest.param({"message": ""}, "message", id="the message"),
    ],
)
def test_an_action_cannot_be_saved_while_a_required_field_is_missing_or_wrong(
    editor, portal, line, changes, field
):
    response = editor.post("/actions/new/", {**form(line), **changes})
    assert response.status_code == 422
    assert field in errors(response)
    assert not Action.objects.exists()


# --- Why your number may not appear ----------------------------------------------------------------------------


def test_changes_of_numbers_and_users_appear_within_ten_minutes(portal, line):
    assert settings.CELERY_BEAT_SCHEDULE["refresh the directory"]["schedule"] <= 600
    Association.objects.filter(agent__email="leo@example.com").delete()
    cache.forget()
    [option] = options(portal, USERS, sender_number=line.provider_id)
    assert option["description"] == "mia@example.com"


# --- Phone number formatting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["+15550199", "+44 20 7946 0018", "+1 202-555-0123"])
def test_a_recipient_with_country_code_is_correct(portal, inputs, value):
    assert portal.run({**inputs, "recipient": value})["errorCode"] == ""


@pytest.mark.parametrize("value", ["555 0199", "(555) 019 9999"])
def test_a_recipient_without_country_code_fails(portal, inputs, value):
    found = portal.run({**inputs, "recipient": value})
    assert found["errorCode"] == "RECIPIENT_NO_COUNTRY_CODE"
    assert value in found["errorMessage"]


# --- Send As User errors -----------------------------------------------------------------------------------------


def use_up(line: Number, scope: str, window: Window, amount: int) -> None:
    """The number, or Mia, has used so many messages of the window that goes on."""
    holder = line.pk if scope == Scope.NUMBER else line.agents.get(email="mia@example.com").pk
    Counter.objects.filter(scope=scope, subject_id=holder).update(**{f"{window}_messages": amount})


def as_mia(inputs: Inputs) -> Inputs:
    return {**inputs, "send_as_mode": "custom", "send_as_email": "mia@example.com"}


def refused(found: dict[str, Any], code: str) -> None:
    assert (found["status"], found["errorCode"], found["hs_execution_state"]) == (
        "failed",
        code,
        "FAIL_CONTINUE",
    )
    assert found["errorMessage"]
    assert message_of(found).status == "rejected"


def test_a_custom_number_not_found_in_the_integration_sends_nothing(portal, line, inputs):
    refused(
        portal.run({**inputs, "sender_mode": "custom", "sender_number_custom": "+12025550199"}),
        "NUMBER_NOT_IN_INTEGRATION",
    )


def test_sms_enabled_numbers_outside_the_integration_are_not_used_as_a_fallback(portal, line, inputs):
    make_number(portal.workspace, "+12025550188", connected=False)
    refused(
        portal.run({**inputs, "sender_mode": "custom", "sender_number_custom": "+12025550188"}),
        "NUMBER_NOT_IN_INTEGRATION",
    )


def test_a_custom_user_who_is_not_associated_with_the_number_sends_nothing(portal, line, inputs):
    make_agent(portal.workspace, "zoe@example.com")
    refused(
        portal.run({**inputs, "send_as_mode": "custom", "send_as_email": "zoe@example.com"}),
        "USER_NOT_ON_NUMBER",
    )


def test_a_user_without_message_segments_left_sends_nothing(portal, line, inputs):
    Rule.objects.create(
        workspace=portal.workspace, scope=Scope.USER, window=Window.MONTH, unit="segments", limit=1
    )
    cache.forget()
    assert portal.run(as_mia(inputs))["errorCode"] == ""
    refused(portal.run(as_mia(inputs), callbackId="ap-2"), "USER_OUT_OF_SEGMENTS")


def test_there_is_no_silent_fallback_each_invalid_value_is_an_error_in_the_log(
    portal, line, inputs, provider
):
    for number, changes in enumerate(
        (
            {"sender_number": "424242"},
            {"send_as_mode": "user", "send_as_user": "424242"},
            {"send_as_mode": "nonsense", "send_as_user": ""},
        )
    ):
        found = portal.run({**inputs, **changes}, callbackId=f"ap-{number}")
        assert found["status"] == "failed"
    assert Message.objects.filter(status="rejected").count() == 3
    assert provider.sent == []


def test_action_logs_identify_whether_it_is_the_number_the_user_or_the_segments(db):
    label = {}
    for rule in definition.as_api(ADVANCED)["executionRules"]:
        codes = rule["conditions"].get("errorCode", [])
        label |= dict.fromkeys([codes] if isinstance(codes, str) else codes, rule["labelName"])
    codes = ("NUMBER_NOT_IN_INTEGRATION", "USER_NOT_ON_NUMBER", "USER_OUT_OF_SEGMENTS")
    assert len({label[code] for code in codes}) == 3
    texts = definition.labels(ADVANCED, "en")["executionRules"]
    assert all("{{ errorMessage }}" in texts[label[code]] for code in codes)


# --- Limits and constraints --------------------------------------------------------------------------------------

LIMITS = [(Window.MINUTE, 200), (Window.HOUR, 1_000), (Window.DAY, 5_000), (Window.MONTH, 10_000)]


@pytest.mark.parametrize("scope", [Scope.USER, Scope.NUMBER])
@pytest.mark.parametrize(("window", "limit"), LIMITS)
def test_messages_are_limited_per_user_and_per_number(portal, line, inputs, scope, window, limit):
    assert portal.run(as_mia(inputs))["errorCode"] == ""
    use_up(line, scope, window, limit - 1)
    assert portal.run(as_mia(inputs), callbackId="ap-last")["errorCode"] == ""
    code = "NUMBER_QUOTA_EXCEEDED" if scope == Scope.NUMBER else "USER_QUOTA_EXCEEDED"
    refused(portal.run(as_mia(inputs), callbackId="ap-over"), code)


@pytest.mark.parametrize(("window", "limit"), LIMITS)
def test_these_limits_cannot_be_increased(editor, portal, window, limit):
    """(The form takes a higher figure only with a reason that is kept: the provider goes on refusing.)"""
    rule = portal.workspace.quota_rules.get(preset=f"action-number-{window}")
    assert rule.limit == limit
    response = editor.post(f"/quotas/rules/{rule.pk}/", {"limit": limit + 1, "enabled": "on"})
    assert response.status_code == 422
    rule.refresh_from_db()
    assert rule.limit == limit


def test_what_exceeded_a_limit_is_not_sent_again_by_the_system(portal, line, inputs):
    portal.run(as_mia(inputs))
    use_up(line, Scope.NUMBER, Window.MINUTE, 200)
    found = portal.run(as_mia(inputs), callbackId="ap-over")
    hold.release(timezone.now() + timedelta(days=40))
    assert message_of(found).status == "rejected"


# --- Message logging and replies -----------------------------------------------------------------------------------


def test_each_sms_is_logged_as_an_engagement_on_its_record(portal, inputs, worker):
    message = message_of(portal.run(inputs))
    settled.send(sender=Message, ids=[message.pk])
    assert Engagement.objects.filter(message=message).exists()


def test_messages_go_the_way_that_shows_them_in_the_aircall_conversation(portal, inputs, worker):
    portal.run(inputs)
    assert not worker.sent[0].proxy


def test_replies_are_seen_beside_the_message_and_logged(
    portal, inputs, worker, account, django_capture_on_commit_callbacks
):
    message = message_of(portal.run(inputs))
    with django_capture_on_commit_callbacks(execute=True):
        reply = texted(account, ADA, "Yes, thank you")
    assert replies_to(message) == [reply]
    assert Engagement.objects.filter(inbound=reply).exists()


# --- Managing opt-outs ---------------------------------------------------------------------------------------------


def keep_opt_outs(portal: Portal, kept_by: str) -> None:
    Policy.objects.create(workspace=portal.workspace, kept_by=kept_by, writes_back=False)
    cache.forget()


def test_nothing_manages_opt_outs_unless_somebody_configures_it(portal, inputs, worker, account):
    portal.run(inputs)
    texted(account, ADA, "Stop")
    assert portal.run(inputs, callbackId="ap-2")["errorCode"] == ""


def test_a_property_that_a_workflow_updates_prevents_further_messages(portal, inputs):
    keep_opt_outs(portal, Policy.KeptBy.HUBSPOT)
    record = {"objectId": 4242, "objectType": "CONTACT", "properties": {"sms_opt_out": "true"}}
    refused(portal.run(inputs, object=record), "RECIPIENT_OPTED_OUT")


def test_a_contact_who_replies_stop_gets_no_further_messages_where_the_list_is_kept_here(
    portal, inputs, worker, account
):
    keep_opt_outs(portal, Policy.KeptBy.HERE)
    record = {"objectId": 4242, "objectType": "CONTACT", "properties": {"sms_opt_out": None}}
    portal.run(inputs, object=record)
    texted(account, ADA, "Stop")
    refused(portal.run(inputs, object=record, callbackId="ap-2"), "RECIPIENT_OPTED_OUT")
