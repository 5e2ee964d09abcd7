"""Each sentence of Aircall's help on the earlier action, and what its help on the present one says of the earlier.

Aircall help (German): "SMS senden über HubSpot", the action in private beta. Aircall help: advanced Send SMS action.
"""

from datetime import timedelta

import pytest
from django.conf import settings
from django.urls import resolve
from django.utils import timezone

from smsadmin import cache
from smsadmin.classic import sunset
from smsadmin.classic.models import ClassicFallback
from smsadmin.consent.models import Policy
from smsadmin.core.windows import Window
from smsadmin.directory.models import Association, Number
from smsadmin.incoming import bell as incoming_bell
from smsadmin.incoming.replies import replies_to
from smsadmin.notices.models import Notice
from smsadmin.quotas.models import Counter, Rule, Scope
from smsadmin.sending import hold
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled
from smsadmin.triggers.hubspot import definition
from smsadmin.triggers.hubspot.catalogue import ADVANCED, CLASSIC
from smsadmin.triggers.hubspot.parse import UNAVAILABLE
from smsadmin.writeback.models import Engagement
from tests.classic.conftest import CLASSIC as ADDRESS
from tests.classic.conftest import NUMBERS, SEND, USERS, Classic, execution, trace
from tests.factories import make_member, make_number
from tests.told_by_aircall import listening, texted

ADA = "+12025550123"
OBJECT_TYPES = {
    "CONTACT": "0-1",
    "DEAL": "0-3",
    "TICKET": "0-5",
    "COMPANY": "0-2",
    "QUOTE": "0-14",
    "USER": "0-115",
    "ORDER": "0-123",
    "CART": "0-142",
    "INVOICE": "0-53",
    "LEAD": "0-136",
}


@pytest.fixture
def account(classic: Classic, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(incoming_bell, "ring", lambda: None)
    return listening(classic.line)


def use_up(classic: Classic, scope: str, window: Window, amount: int) -> None:
    """The number, or its user, has used so many messages of the window that goes on."""
    message = classic.message(callbackId="ap-first")
    holder = message.number_id if scope == Scope.NUMBER else message.agent_id
    Counter.objects.filter(scope=scope, subject_id=holder).update(**{f"{window}_messages": amount})


# --- What it is, and who may use it ------------------------------------------------------------------------


def test_it_sends_texts_automatically_from_hubspot_workflows(classic, worker):
    found = classic.run()
    assert (found["status"], found["hs_execution_state"]) == ("sent", "SUCCESS")
    [sms] = worker.sent
    assert (sms.sender, sms.recipient, sms.body) == ("+12025550100", ADA, "Hi Zoë")


def test_the_function_is_in_private_beta_and_off_until_it_is_switched_on(classic):
    classic.set(enabled=False)
    assert classic.run()["errorCode"] == "FEATURE_NOT_ENABLED"
    assert not Message.objects.exclude(status="rejected").exists()


def test_at_least_one_number_must_be_enabled_for_messages(classic):
    Number.objects.update(sms_capable=False)
    cache.forget()
    assert classic.list(NUMBERS) == []
    assert classic.run()["errorCode"] == "NUMBER_NOT_SMS_CAPABLE"


# --- Choose the action -------------------------------------------------------------------------------------


def test_it_is_an_action_of_its_own_beside_the_present_one(db):
    found = definition.as_api(CLASSIC)
    assert found["actionUrl"].endswith(ADDRESS)
    assert resolve(ADDRESS).url_name == "hubspot-send-sms-classic"
    assert found["actionUrl"] != definition.as_api(ADVANCED)["actionUrl"]
    names = {definition.labels(each, "en")["actionName"] for each in (ADVANCED, CLASSIC)}
    assert len(names) == 2


def test_it_is_offered_for_the_ten_object_types(db):
    assert sorted(definition.as_api(CLASSIC)["objectTypes"]) == sorted(OBJECT_TYPES.values())


@pytest.mark.parametrize("kind", OBJECT_TYPES)
def test_it_works_in_workflows_of_each_object_type(classic, kind):
    record = {"objectId": 4242, "objectType": kind, "properties": {}}
    message = classic.message(object=record)
    assert (message.status, message.object_type) == ("queued", kind.lower())


# --- Aircall number (from) -----------------------------------------------------------------------------------


def test_the_list_has_only_numbers_that_can_text_and_are_linked_to_the_integration(classic):
    for columns in (
        {"connected": False},
        {"connected": None},
        {"sms_capable": False},
        {"third_party": True},
        {"proxy_mode": True},
    ):
        make_number(classic.workspace, **columns)
    [option] = classic.list(NUMBERS)
    assert option == {
        "label": "Sales (+1 202-555-0100)",
        "description": "US",
        "value": classic.line.provider_id,
    }


def test_without_a_number_that_can_text_the_list_is_empty_and_the_action_cannot_be_saved(classic):
    Number.objects.update(connected=False)
    cache.forget()
    assert classic.list(NUMBERS) == []
    [field] = [each for each in CLASSIC.fields if each.name == "sender_number"]
    assert field.required


def test_where_it_is_not_active_the_list_of_numbers_says_so(classic):
    classic.set(enabled=False)
    [option] = classic.list(NUMBERS)
    assert "private beta" in option["label"]
    assert "not switched on in your account" in option["label"]
    assert option["value"] == UNAVAILABLE


# --- Sender user ---------------------------------------------------------------------------------------------


def test_the_list_has_only_the_users_of_the_chosen_number(classic):
    other = make_number(classic.workspace, users=("zoe@example.com",))
    assert [each["description"] for each in classic.list(USERS, classic.line.provider_id)] == [
        "leo@example.com",
        "mia@example.com",
    ]
    assert [each["description"] for each in classic.list(USERS, other.provider_id)] == ["zoe@example.com"]


def test_the_chosen_user_is_whom_it_is_sent_as(classic, worker):
    classic.run(classic.inputs(send_as_user=classic.user("leo@example.com").provider_id))
    assert worker.sent[0].send_as_id == classic.user("leo@example.com").provider_id


def test_new_numbers_and_users_take_at_most_ten_minutes_to_appear(db):
    assert settings.CELERY_BEAT_SCHEDULE["refresh the directory"]["schedule"] <= 600


# --- Recipient number (to) and message ---------------------------------------------------------------------


def test_the_recipient_is_the_phone_property_that_the_step_names(classic):
    assert classic.message(classic.inputs(recipient="+33 6 12 34 56 78")).recipient == "+33612345678"


@pytest.mark.parametrize(("characters", "code"), [(1600, ""), (1601, "MESSAGE_TOO_LONG")])
def test_the_text_may_have_up_to_1600_characters(classic, characters, code):
    assert classic.run(classic.inputs(message="x" * characters))["errorCode"] == code


def test_tokens_of_the_record_personalise_the_text(classic):
    record = {"objectId": 4242, "objectType": "CONTACT", "properties": {"firstname": "Zoë"}}
    message = classic.message(classic.inputs(message="Hi {{Contact.FirstName}}"), object=record)
    assert message.body == "Hi Zoë"


# --- Save the action ---------------------------------------------------------------------------------------


def test_every_field_is_required_so_that_it_cannot_be_saved_without(db):
    fields = definition.as_api(CLASSIC)["inputFields"]
    assert {each["typeDefinition"]["name"]: each["isRequired"] for each in fields} == {
        "sender_number": True,
        "send_as_user": True,
        "recipient": True,
        "message": True,
    }


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("sender_number", "SENDER_REQUIRED"),
        ("send_as_user", "USER_REQUIRED"),
        ("recipient", "RECIPIENT_MISSING"),
        ("message", "MESSAGE_EMPTY"),
    ],
)
def test_a_step_that_lacks_a_field_all_the_same_sends_nothing(classic, field, code):
    assert classic.run(classic.inputs(**{field: ""}))["errorCode"] == code


# --- Notes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [Scope.NUMBER, Scope.USER])
@pytest.mark.parametrize(("window", "limit"), [(Window.DAY, 5_000), (Window.MONTH, 10_000)])
def test_5000_messages_a_day_and_10000_a_month_from_a_user_and_a_number(classic, scope, window, limit):
    assert Rule.objects.filter(
        workspace=classic.workspace, scope=scope, window=window, unit="messages", limit=limit, enabled=True
    ).exists()
    use_up(classic, scope, window, limit - 1)
    assert classic.run(callbackId="ap-last")["errorCode"] == ""
    code = "NUMBER_QUOTA_EXCEEDED" if scope == Scope.NUMBER else "USER_QUOTA_EXCEEDED"
    assert classic.run(callbackId="ap-over")["errorCode"] == code


@pytest.mark.parametrize("window", [Window.MINUTE, Window.HOUR])
def test_no_other_limit_is_named_and_none_stops_it(classic, window):
    for scope in Scope:
        use_up(classic, scope, window, 100_000)
    assert classic.run(callbackId="ap-next")["errorCode"] == ""


def test_messages_count_for_the_number_and_the_user_of_the_step(classic):
    message = classic.message()
    counted = {(each["scope"], each["subject"]) for each in message.quota}
    assert counted == {("number", classic.line.pk), ("user", classic.user().pk)}


def test_what_exceeds_a_limit_is_not_tried_again(classic):
    use_up(classic, Scope.NUMBER, Window.DAY, 5_000)
    found = classic.run(callbackId="ap-over")
    assert (found["status"], found["hs_execution_state"]) == ("failed", "FAIL_CONTINUE")
    hold.release(timezone.now() + timedelta(days=2))
    assert Message.objects.get(pk=found["message_id"]).status == "rejected"


def test_action_logs_show_whether_it_succeeded(classic, worker):
    good, bad = classic.run(), classic.run(classic.inputs(recipient=""), callbackId="ap-2")
    assert good["hs_execution_state"] == "SUCCESS"
    assert bad["hs_execution_state"] == "FAIL_CONTINUE"
    assert bad["errorMessage"] == "The record has no recipient number: recipient is empty."
    assert [rule["labelName"] for rule in definition.as_api(CLASSIC)["executionRules"]]


# --- Logging and the conversation ---------------------------------------------------------------------------


def test_each_text_is_logged_as_an_engagement_on_its_record(classic, worker):
    message = classic.message()
    settled.send(sender=Message, ids=[message.pk])
    row = Engagement.objects.get(message=message)
    assert (message.object_type, message.object_id) == ("contact", "4242")
    assert row.state == Engagement.State.OWED


def test_it_goes_the_way_that_aircall_shows_in_its_conversations(classic, worker):
    """(Not by the Messaging API, whose texts Aircall shows nowhere.)"""
    classic.run()
    assert not worker.sent[0].proxy


def test_a_reply_is_seen_beside_the_message_that_it_answers(classic, worker, account):
    message = classic.message()
    reply = texted(account, ADA, "Yes, thank you")
    assert replies_to(message) == [reply]


def test_what_follows_is_logged_on_the_record_too(
    classic, worker, account, django_capture_on_commit_callbacks
):
    message = classic.message()
    with django_capture_on_commit_callbacks(execute=True):
        reply = texted(account, ADA, "Yes, thank you")
    assert reply.answers == message.pk
    assert Engagement.objects.filter(inbound=reply).exists()


def keep_opt_outs(classic: Classic, kept_by: str) -> None:
    Policy.objects.create(workspace=classic.workspace, kept_by=kept_by, writes_back=False)
    cache.forget()


def test_there_is_no_built_in_way_to_manage_opt_outs_until_somebody_chooses_one(classic, worker, account):
    classic.run()
    texted(account, ADA, "Stopp")
    assert classic.run(callbackId="ap-2")["errorCode"] == ""


def test_a_property_that_a_workflow_sets_is_enforced_by_the_steps_that_text(classic):
    keep_opt_outs(classic, Policy.KeptBy.HUBSPOT)
    record = {"objectId": 4242, "objectType": "CONTACT"}
    out, still_in = ({**record, "properties": {"sms_opt_out": value}} for value in ("true", "false"))
    assert classic.run(object=out)["errorCode"] == "RECIPIENT_OPTED_OUT"
    assert classic.run(object=still_in, callbackId="ap-2")["errorCode"] == ""


def test_a_recipient_who_texts_the_word_stopp_is_texted_no_more_where_the_list_is_kept_here(
    classic, worker, account
):
    keep_opt_outs(classic, Policy.KeptBy.HERE)
    record = {"objectId": 4242, "objectType": "CONTACT", "properties": {"sms_opt_out": None}}
    classic.run(object=record)
    texted(account, ADA, "Stopp")
    assert classic.run(object=record, callbackId="ap-2")["errorCode"] == "RECIPIENT_OPTED_OUT"


# --- What the help on the present action says of the previous version ----------------------------------------


def test_existing_workflows_of_the_previous_action_continue_to_work_beside_the_present_one(classic):
    inputs = {"sender_mode": "number", "send_as_mode": "user", **classic.inputs()}
    present = classic.portal.call(SEND, execution(inputs)).json()["outputFields"]
    previous = classic.run()  # the same callback id: they are two executions
    assert present["errorCode"] == previous["errorCode"] == ""
    assert Message.objects.count() == 2


def test_the_previous_version_is_sunset_with_advance_notice(classic):
    make_member(classic.workspace)
    classic.set(sunset_on=timezone.localdate() + timedelta(days=30))
    sunset.sweep()
    assert Notice.objects.get().kind == "classic.sunset"
    assert classic.run()["errorCode"] == ""

    classic.set(sunset_on=timezone.localdate() - timedelta(days=1))
    assert classic.run(callbackId="ap-2")["errorCode"] == "FEATURE_NOT_ENABLED"


def test_unlike_the_present_action_the_previous_one_falls_back_silently_which_is_shown_here(classic):
    Association.objects.filter(agent=classic.user()).delete()
    cache.forget()
    inputs = {"sender_mode": "number", "send_as_mode": "user", **classic.inputs()}
    present = classic.portal.call(SEND, execution(inputs)).json()["outputFields"]
    assert present["errorCode"] == "USER_NOT_ON_NUMBER"

    message = classic.message()
    assert message.status == "queued"
    assert trace(message)["send_as"][:2] == ("warning", "send_as.fallback")


def test_sms_enabled_numbers_outside_the_integration_were_a_fallback_and_are_none_any_more(classic):
    Number.objects.update(connected=False)
    cache.forget()
    inputs = {"sender_mode": "number", **classic.inputs()}
    present = classic.portal.call(SEND, execution(inputs)).json()["outputFields"]
    assert present["errorCode"] == "NUMBER_NOT_IN_INTEGRATION"

    assert classic.run()["errorCode"] == ""
    assert ClassicFallback.objects.get().kind == ClassicFallback.Kind.OUTSIDE
