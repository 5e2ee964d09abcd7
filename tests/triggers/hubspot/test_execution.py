"""POST /hubspot/actions/send-sms, as HubSpot calls it (HubSpot docs: "Custom workflow actions")."""

import itertools
import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from smsadmin import cache
from smsadmin.core import errors
from smsadmin.directory.models import Number
from smsadmin.providers.base import Exchange, Result
from smsadmin.providers.http import Answer
from smsadmin.quotas.models import Rule
from smsadmin.sending import dispatch, hold, log, refused
from smsadmin.sending.models import Event, Message, RefusedCall
from smsadmin.triggers.hubspot import answer, calls, views
from smsadmin.workspaces.models import Connection, Workspace
from smsadmin.writeback import callbacks
from tests.factories import (
    make_action,
    make_agent,
    make_connection,
    make_number,
    make_version,
    make_workspace,
)
from tests.triggers.hubspot.conftest import SECRET, SEND, Portal, execution, signed

EXCHANGE = Exchange("POST", "/v1/numbers/1/messages/native/send")


# Whose call it is


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_a_call_signed_with_the_portals_own_secret_is_answered(portal, inputs, version):
    response = portal.call(SEND, execution(inputs), version=version)
    assert response.status_code == 200
    assert Message.objects.get().status == "queued"


def test_the_installations_secret_is_as_good_as_a_proven_portals_own(portal, inputs, settings):
    settings.HUBSPOT_CLIENT_SECRET = "the-new-one"
    Connection.objects.update(proven_at=timezone.now())
    for number, secret in enumerate((SECRET, "the-new-one")):
        response = portal.call(SEND, execution(inputs, callbackId=f"ap-{number}"), secret=secret)
        assert response.status_code == 200


def test_nobody_reads_a_portal_by_connecting_its_id_first(portal, inputs, settings):
    settings.HUBSPOT_CLIENT_SECRET = "the-installations"
    assert portal.call(SEND, execution(inputs), secret="the-installations").status_code == 401
    assert not Message.objects.exists()


def test_an_empty_secret_signs_nothing(portal, inputs):
    portal.connection.secrets = {}
    portal.connection.save()
    assert portal.call(SEND, execution(inputs), secret="").status_code == 401


def changed(payload):
    return json.dumps(payload), signed(SEND, json.dumps(payload))


@pytest.mark.parametrize(
    ("part", "reason", "code"),
    [
        ("headers", "signature missing", "SIGNATURE_MISSING"),
        ("secret", "signature mismatch", "SIGNATURE_MISMATCH"),
        ("body", "signature mismatch", "SIGNATURE_MISMATCH"),
        ("query", "signature mismatch", "SIGNATURE_MISMATCH"),
        ("path", "signature mismatch", "SIGNATURE_MISMATCH"),
        ("time", "signature stale", "SIGNATURE_STALE"),
    ],
)
def test_a_call_that_is_not_hubspots_is_401_kept_for_the_admin_and_sends_nothing(
    portal, inputs, time_machine, part, reason, code
):
    body, path = json.dumps(execution(inputs)), SEND
    headers = signed(path, body, version="v3" if part == "time" else "v2")
    match part:
        case "headers":
            headers = {}
        case "secret":
            headers = signed(path, body, "wrong")
        case "body":
            body = body.replace("+12025550123", "+12025550124")
        case "query":
            path += "?action=1"
        case "path":
            headers = signed("/hubspot/options/sender-numbers", body)
        case "time":
            time_machine.move_to(timedelta(seconds=301))

    response = portal.client.post(path, body, "application/json", headers=headers)

    assert response.status_code == 401
    assert response.json()["errorCode"] == code
    assert response.json()["message"]
    kept = RefusedCall.objects.get()
    assert (kept.reason, kept.workspace, kept.portal, kept.path) == (
        reason,
        portal.workspace,
        "9000001",
        SEND,
    )
    assert SECRET not in kept.detail + response.text
    assert not Message.objects.exists()


def test_what_a_proxy_shows_of_host_and_scheme_does_not_matter(portal, inputs, settings):
    settings.BASE_URL, settings.ALLOWED_HOSTS = "https://sms.example.com", ["internal"]
    body = json.dumps(execution(inputs))
    headers = signed(SEND, body)
    assert (
        portal.client.post(SEND, body, "application/json", headers=headers, HTTP_HOST="internal").status_code
        == 401
    )

    made = calls.signature.v2(SECRET, "POST", f"https://sms.example.com{SEND}", body.encode())
    headers = {"X-HubSpot-Signature": made, "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    response = portal.client.post(SEND, body, "application/json", headers=headers, HTTP_HOST="internal")
    assert response.status_code == 200


@pytest.mark.parametrize("number", ["9000002", "", None, [9000001], "\x00", "\ud800", "9" * 100_000])
def test_an_unknown_portal_is_403_and_named(portal, inputs, number):
    response = portal.call(SEND, execution(inputs, origin={"portalId": number}))
    assert response.status_code == 403
    assert response.json()["errorCode"] == "PORTAL_NOT_CONNECTED"
    assert len(response.content) < 500
    assert RefusedCall.objects.get().reason == "portal"


def test_unknown_portals_are_not_remembered_for_they_never_end(portal, inputs):
    known = len(cache._values)
    for number in range(5):
        portal.call(SEND, execution(inputs, origin={"portalId": number}))
    assert len(cache._values) == known


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '"text"', "\ud800", "[" * 100_000, '{"a": 1' + "0" * 5_000]
)
def test_a_body_that_is_no_json_object_is_400(portal, body):
    response = portal.call(SEND, body)
    assert (response.status_code, response.json()["errorCode"]) == (400, "MALFORMED_REQUEST")
    assert RefusedCall.objects.get().reason == "malformed"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("odd", ["\\ud800", "\\u0000"])
def test_json_is_utf_8_and_nothing_else(portal, encoding, odd):
    body = f'{{"origin": {{"portalId": "{odd}"}}}}'.encode(encoding)
    response = portal.client.post(SEND, body, "application/json")
    assert (response.status_code, response.json()["errorCode"]) == (400, "MALFORMED_REQUEST")


def test_a_body_that_is_too_large_is_400(portal, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    response = portal.call(SEND, execution({"message": "x" * 200}))
    assert (response.status_code, response.json()["errorCode"]) == (400, "MALFORMED_REQUEST")


def test_a_signed_call_without_callback_id_is_400_and_kept_under_its_workspace(portal, inputs):
    assert portal.call(SEND, execution(inputs, callbackId="")).status_code == 400
    assert RefusedCall.objects.get().workspace == portal.workspace


def test_only_post_is_answered(portal):
    assert portal.client.get(SEND).status_code == 405


# What is refused: 200, FAIL_CONTINUE, the code and its sentence, and nothing sent

MIA, LEO = "mia@example.com", "leo@example.com"
REFUSALS = {
    "no number": ({"sender_number": ""}, "SENDER_REQUIRED", "the field for the number is empty"),
    "the sentence picked as number": (
        {"sender_number": "__unavailable__"},
        "SENDER_REQUIRED",
        "No sender number",
    ),
    "a number that is gone from the list": (
        {"sender_number": "77"},
        "NUMBER_NOT_IN_INTEGRATION",
        "77 is not",
    ),
    "no property with a number": (
        {"sender_mode": "custom"},
        "SENDER_REQUIRED",
        "sender_number_custom is empty",
    ),
    "a local number in the property": (
        {"sender_mode": "custom", "sender_number_custom": "202 555 0100"},
        "NUMBER_NOT_E164",
        "“202 555 0100” is not written as a full international number",
    ),
    "a number in the property that is not ours": (
        {"sender_mode": "custom", "sender_number_custom": "+12025550199"},
        "NUMBER_NOT_IN_INTEGRATION",
        "+1 202-555-0199 is not connected",
    ),
    "no user": ({"send_as_mode": "user"}, "USER_REQUIRED", "the field for the user is empty"),
    "the sentence picked as user": (
        {"send_as_mode": "user", "send_as_user": "__unavailable__"},
        "USER_REQUIRED",
        "the field for the user is empty",
    ),
    "an unknown user": ({"send_as_mode": "user", "send_as_user": "77"}, "USER_NOT_FOUND", "77 is not a user"),
    "no property with an email": ({"send_as_mode": "custom"}, "USER_REQUIRED", "send_as_email is empty"),
    "an unknown email": (
        {"send_as_mode": "custom", "send_as_email": "who@example.com"},
        "USER_NOT_FOUND",
        "who@example.com is not a user of this Aircall account",
    ),
    "a user of another number": (
        {"send_as_mode": "custom", "send_as_email": "ann@example.com"},
        "USER_NOT_ON_NUMBER",
        "ann@example.com is not a user of +1 202-555-0100",
    ),
    "no recipient": ({"recipient": ""}, "RECIPIENT_MISSING", "recipient is empty"),
    "a recipient without country code": (
        {"recipient": "0612345678"},
        "RECIPIENT_NO_COUNTRY_CODE",
        "0612345678",
    ),
    "a recipient that is no number": ({"recipient": "call me"}, "RECIPIENT_NOT_E164", "“call me”"),
    "a recipient too short to exist": (
        {"recipient": "+1202"},
        "RECIPIENT_IMPOSSIBLE",
        "“+1202” cannot exist",
    ),
    "the sender as recipient": ({"recipient": "+12025550100"}, "RECIPIENT_IS_SENDER", "+1 202-555-0100"),
    "no text": ({"message": ""}, "MESSAGE_EMPTY", "The message is empty."),
    "a text of white space": ({"message": " \n\t"}, "MESSAGE_EMPTY", "The message is empty."),
    "a text that is too long": (
        {"message": "x" * 1_601},
        "MESSAGE_TOO_LONG",
        "has 1,601 characters; 1,600 is the most",
    ),
    "an unknown token": ({"message": "{{contact.shoe}}"}, "TOKEN_UNKNOWN", "{{contact.shoe}}"),
    "a token without value": (
        {"message": "{{contact.firstname}}"},
        "TOKEN_UNRESOLVED",
        "{{contact.firstname}}",
    ),
}


@pytest.mark.parametrize(("changes", "code", "words"), REFUSALS.values(), ids=REFUSALS)
def test_what_cannot_change_on_a_repeat_fails_and_lets_the_workflow_go_on(
    portal, inputs, provider, line, changes, code, words
):
    make_agent(portal.workspace, "ann@example.com", connection=line.connection)
    record = {"objectId": 1, "objectType": "CONTACT", "properties": {"firstname": None}}
    portal.connection.secrets = {"client_secret": SECRET}  # nothing is read from HubSpot
    portal.connection.save()

    outputs = portal.run({**inputs, **changes}, object=record)

    assert outputs["hs_execution_state"] == "FAIL_CONTINUE"
    assert (outputs["status"], outputs["errorCode"]) == ("failed", code)
    assert words in outputs["errorMessage"]
    message = Message.objects.get()
    assert (message.status, message.error_code) == ("rejected", code)
    assert str(message.pk) == outputs["message_id"]
    assert provider.sent == []


@pytest.mark.parametrize(
    ("fact", "code"),
    [
        ({"connected": False}, "NUMBER_NOT_IN_INTEGRATION"),
        ({"connected": None}, "NUMBER_NOT_IN_INTEGRATION"),
        ({"sms_capable": False}, "NUMBER_NOT_SMS_CAPABLE"),
        ({"sms_capable": None}, "NUMBER_NOT_SMS_CAPABLE"),
        ({"third_party": True}, "NUMBER_THIRD_PARTY_MESSAGING"),
        ({"proxy_mode": True}, "NUMBER_IN_PROXY_MODE"),
    ],
)
@pytest.mark.parametrize("custom", [False, True], ids=["picked", "from a property"])
def test_a_number_that_may_not_text_is_refused_by_the_fact_that_fails(
    portal, inputs, line, fact, code, custom
):
    Number.objects.filter(pk=line.pk).update(**fact)
    cache.forget()
    if custom:
        inputs |= {"sender_mode": "custom", "sender_number_custom": line.e164}
    assert portal.run(inputs)["errorCode"] == code


@pytest.mark.parametrize(
    ("scope", "window", "unit", "code"),
    [
        *[
            ("number", window, "messages", "NUMBER_QUOTA_EXCEEDED")
            for window in ("minute", "hour", "day", "month")
        ],
        *[
            ("user", window, "messages", "USER_QUOTA_EXCEEDED")
            for window in ("minute", "hour", "day", "month")
        ],
        ("user", "month", "segments", "USER_OUT_OF_SEGMENTS"),
    ],
)
def test_a_spent_quota_fails_and_is_never_429_which_hubspot_would_repeat_for_days(
    portal, inputs, scope, window, unit, code
):
    Rule.objects.filter(scope=scope, window=window, unit=unit).update(limit=1)
    cache.forget()
    inputs |= {"send_as_mode": "custom", "send_as_email": MIA}
    assert portal.run(inputs)["errorCode"] == ""

    response = portal.call(SEND, execution(inputs, callbackId="ap-2"))

    assert response.status_code == 200
    outputs = response.json()["outputFields"]
    assert (outputs["hs_execution_state"], outputs["errorCode"]) == ("FAIL_CONTINUE", code)
    assert "1" in outputs["errorMessage"]


def test_the_portals_language_speaks(portal, inputs, monkeypatch):
    portal.workspace.language = "de"
    portal.workspace.save()
    outputs = portal.run({**inputs, "message": "x" * 1_601})
    assert "1.601" in outputs["errorMessage"]  # German groups thousands with a dot, translated or not
    assert outputs["errorCode"] == "MESSAGE_TOO_LONG"


# What is accepted


@pytest.mark.parametrize(
    ("changes", "send_as"),
    [
        ({}, ""),
        ({"send_as_mode": "custom", "send_as_email": MIA.upper()}, MIA),
        ({"sender_mode": "custom", "sender_number": "", "sender_number_custom": "+12025550100"}, ""),
        (
            {
                "sender_mode": "custom",
                "sender_number_custom": "+12025550100",
                "send_as_email": LEO,
                "send_as_mode": "",
            },
            LEO,
        ),
    ],
)
def test_an_accepted_execution_is_one_queued_row_with_what_was_asked(portal, inputs, changes, send_as):
    portal.run({**inputs, **changes})
    message = Message.objects.get()
    assert (message.status, message.sender, message.recipient) == ("queued", "+12025550100", "+12025550123")
    assert (message.body, message.send_as, message.segments) == ("Hi Zoë", send_as, 1)
    assert (message.object_type, message.object_id) == ("contact", "4242")
    assert message.origin["callback_id"] == "ap-9000001-700000000001-4-0"


def test_not_settled_in_time_holds_the_record_for_an_hour_and_the_answer_is_owed(portal, inputs):
    outputs = portal.run(inputs)
    assert (outputs["hs_execution_state"], outputs["hs_expiration_duration"]) == ("BLOCK", "PT1H")
    assert (outputs["status"], outputs["errorCode"]) == ("accepted", "")
    message = Message.objects.get()
    assert message.reply == "owed"
    assert message.reply_at > message.accepted_at


def test_without_a_token_nobody_could_complete_it_so_accepted_is_success(portal, inputs):
    portal.connection.secrets = {"client_secret": SECRET}
    portal.connection.save()
    outputs = portal.run(inputs)
    assert (outputs["hs_execution_state"], outputs["status"]) == ("SUCCESS", "accepted")
    assert "hs_expiration_duration" not in outputs
    assert Message.objects.get().reply == ""


def test_settled_while_hubspot_waits_is_told_at_once(portal, inputs, worker):
    outputs = portal.run(inputs)
    assert outputs == {
        "hs_execution_state": "SUCCESS",
        "status": "sent",
        "message_id": str(Message.objects.get().pk),
        "segments": "1",
        "sender": "+12025550100",
        "recipient_e164": "+12025550123",
        "errorCode": "",
        "errorMessage": "",
    }
    assert len(worker.sent) == 1
    assert Message.objects.get().reply == "given"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (
            errors.ProviderRejected(provider="Aircall", answer="InvalidPayload", http_status=400),
            "PROVIDER_REJECTED",
        ),
        (errors.CredentialRejected(provider="Aircall"), "CREDENTIAL_REJECTED"),
        (errors.ProviderUnknown(provider="Aircall", reason="no answer within 30 s"), "PROVIDER_UNKNOWN"),
    ],
)
def test_a_failure_at_the_provider_is_told_with_its_code_and_never_as_5xx(
    portal, inputs, worker, error, code
):
    worker.result = lambda sms: Result(EXCHANGE, error=error)
    outputs = portal.run(inputs)
    status = "unknown" if code == "PROVIDER_UNKNOWN" else "failed"
    assert (outputs["hs_execution_state"], outputs["status"]) == ("FAIL_CONTINUE", status)
    assert (outputs["errorCode"], outputs["errorMessage"]) == (code, str(error))


def test_a_wait_in_vain_ends_in_time_and_the_answer_is_owed(portal, inputs, worker):
    worker.result = lambda sms: Result(EXCHANGE, retry_in=60.0, reason="rate_limited")
    outputs = portal.run(inputs)
    assert outputs["hs_execution_state"] == "BLOCK"
    assert Message.objects.get().reply == "owed"
    assert len(worker.sent) == 1


def test_only_so_many_requests_wait_and_none_after_one_waited_in_vain():
    waiters = answer.Waiters(1)
    assert waiters.enter()
    assert not waiters.enter()
    waiters.leave(in_vain=False)
    assert waiters.enter()
    waiters.leave(in_vain=True)
    assert not waiters.enter()


@pytest.mark.parametrize(("kind", "status"), [("delivered", "delivered"), ("undelivered", "undelivered")])
def test_what_is_known_of_the_delivery_by_then_is_told(portal, inputs, line, provider, kind, status):
    portal.run(inputs)
    dispatch.drain(line.connection_id, sleep=lambda _: None)
    log.move(Message.objects.get().pk, kind, timezone.now())
    assert portal.run(inputs)["status"] == status


# Where the workflow waits for the receipt


@pytest.fixture
def waiting(portal, line):
    """Runs a saved action whose workflow waits an hour and a half for the receipt."""
    action = make_action(portal.workspace, sender_number=line, wait_minutes=90)
    return lambda **changes: portal.run({}, f"?action={action.pk}", **{"object": ADA, **changes})


def test_it_blocks_for_as_long_as_it_waits_though_the_text_was_sent(waiting, line, worker, monkeypatch):
    def asleep(seconds):
        raise AssertionError("slept for a receipt")

    monkeypatch.setattr(answer.time, "sleep", asleep)
    outputs = waiting()
    assert (outputs["hs_execution_state"], outputs["hs_expiration_duration"]) == ("BLOCK", "PT2H30M")

    dispatch.drain(line.connection_id, sleep=lambda _: None)
    assert Message.objects.get().status == "sent"
    again = waiting()
    assert (again["hs_execution_state"], again["status"]) == ("BLOCK", "accepted")
    assert Message.objects.get().reply == "owed"


def test_what_is_refused_is_told_at_once_receipt_or_not(waiting):
    assert waiting(object={**ADA, "properties": {"phone": "nobody"}})["hs_execution_state"] == "FAIL_CONTINUE"


def test_once_the_receipt_came_a_repeat_is_told_of_it(waiting, line, provider):
    waiting()
    dispatch.drain(line.connection_id, sleep=lambda _: None)
    log.move(Message.objects.get().pk, "delivered", timezone.now())
    outputs = waiting()
    assert (outputs["hs_execution_state"], outputs["status"]) == ("SUCCESS", "delivered")


def test_without_a_token_nobody_waits_for_a_receipt(portal, waiting, line, worker):
    portal.connection.secrets = {"client_secret": SECRET}
    portal.connection.save()
    cache.forget()
    outputs = waiting()
    assert (outputs["hs_execution_state"], outputs["status"]) == ("SUCCESS", "sent")


def test_a_portal_that_lost_its_credentials_is_not_told_to_wait(portal, inputs):
    portal.connection.mark(Connection.State.REJECTED)
    cache.forget()
    assert portal.run(inputs)["hs_execution_state"] == "SUCCESS"


# What is held


@pytest.fixture
def run_held(portal, line, time_machine):
    """Runs a saved action that holds, on a number that has just sent its one message an hour."""
    time_machine.move_to(datetime.fromisoformat("2026-11-21T10:00:00+00:00"), tick=False)
    Rule.objects.filter(scope="number", window="hour").update(limit=1)
    cache.forget()
    action = make_action(portal.workspace, sender_number=line, at_quota="hold", hold_minutes=240)
    runs = itertools.count(1)

    def run(**changes):
        return portal.run({}, f"?action={action.pk}", **{"object": ADA, **changes})

    assert run(callbackId="ap-0")["hs_execution_state"] == "BLOCK"
    return lambda: run(callbackId=f"ap-{next(runs)}")


def test_a_held_message_blocks_its_record_for_longer_than_it_may_be_held(run_held):
    outputs = run_held()
    assert (outputs["hs_execution_state"], outputs["hs_expiration_duration"]) == ("BLOCK", "PT5H")
    assert (outputs["status"], outputs["errorCode"], outputs["errorMessage"]) == ("accepted", "", "")
    message = Message.objects.get(status="held")
    assert message.reply == "owed"


def test_a_repeat_of_a_held_message_blocks_until_the_same_moment(run_held, time_machine):
    run_held()
    message = Message.objects.get(status="held")
    time_machine.shift(timedelta(minutes=40))
    assert answer.body(message, "en")["outputFields"]["hs_expiration_duration"] == "PT4H20M"
    time_machine.shift(timedelta(days=1))
    assert answer.body(message, "en")["outputFields"]["hs_expiration_duration"] == "PT1H"


def test_nobody_waits_for_a_held_message_and_others_are_still_waited_for(run_held, worker, monkeypatch):
    def asleep(seconds):
        raise AssertionError("slept for a held message")

    monkeypatch.setattr(answer.time, "sleep", asleep)
    assert run_held()["hs_execution_state"] == "BLOCK"
    assert Message.objects.get(status="held").reply == "owed"
    assert views.waiters.enter()


def test_without_a_token_a_held_message_is_answered_accepted(portal, run_held):
    portal.connection.secrets = {"client_secret": SECRET}
    portal.connection.save()
    cache.forget()
    outputs = run_held()
    assert (outputs["hs_execution_state"], outputs["status"]) == ("SUCCESS", "accepted")
    assert Message.objects.get(status="held").reply == ""


@pytest.mark.parametrize(
    ("later", "state", "code"),
    [(timedelta(hours=1), "SUCCESS", ""), (timedelta(hours=4), "FAIL_CONTINUE", "EXPIRED")],
)
def test_a_held_execution_is_completed_once_it_was_sent_or_given_up(
    run_held, line, provider, monkeypatch, time_machine, later, state, code
):
    told = []

    def complete(connection, inputs):
        told.extend(inputs)
        return Answer(replace(EXCHANGE, http_status=204))

    monkeypatch.setattr(callbacks.client, "complete_callbacks", complete)
    run_held()
    time_machine.shift(later + timedelta(minutes=1))
    hold.release()
    dispatch.drain(line.connection_id, sleep=time_machine.shift)
    callbacks.complete_owed()

    [outputs] = [each["outputFields"] for each in told if each["callbackId"] == "ap-1"]
    assert (outputs["hs_execution_state"], outputs["errorCode"]) == (state, code)


# A repeat


@pytest.mark.parametrize("change", [{}, {"message": "Something else"}, {"recipient": "nobody"}])
def test_the_same_callback_id_is_answered_with_the_first_result_and_sends_nothing(
    portal, inputs, worker, change
):
    first = portal.run(inputs)
    again = portal.run({**inputs, **change})
    assert again == first
    assert len(worker.sent) == 1
    assert Message.objects.get().events.filter(kind=Event.Kind.REPEAT).count() == 1


def test_a_refused_execution_stays_refused_when_it_comes_again(portal, inputs, line):
    first = portal.run({**inputs, "recipient": ""})
    assert portal.run(inputs) == first
    assert Message.objects.count() == 1


def test_a_repeat_while_the_first_is_on_its_way_holds_the_record_too(portal, inputs):
    first = portal.run(inputs)
    assert portal.run(inputs) == first
    assert first["hs_execution_state"] == "BLOCK"


def test_a_repeat_is_owed_the_answer_that_a_dead_process_was_waiting_for(portal, inputs):
    portal.run(inputs)
    Message.objects.update(reply="waiting", reply_at=None)  # its process was killed while it waited
    assert portal.run(inputs)["hs_execution_state"] == "BLOCK"
    assert Message.objects.get().reply == "owed"


def test_a_later_repeat_is_told_how_it_ended(portal, inputs, line, provider):
    assert portal.run(inputs)["hs_execution_state"] == "BLOCK"
    dispatch.drain(line.connection_id, sleep=lambda _: None)
    assert portal.run(inputs)["hs_execution_state"] == "SUCCESS"


def test_the_same_callback_id_of_another_portal_is_another_message(portal, inputs):
    other = Portal(make_connection(make_workspace(), "hubspot", external_id="9000002"))
    number = make_number(other.workspace)
    portal.run(inputs)
    other.run({**inputs, "sender_number": number.provider_id}, origin={"portalId": 9000002})
    assert Message.objects.count() == 2


# When we cannot


def broken(*_args, **_kwargs):
    raise DatabaseError("the server went away")


@pytest.mark.parametrize("where", ["portal", "accept", "keep"])
@pytest.mark.parametrize("error", [DatabaseError, InterfaceError])
def test_a_database_that_is_down_is_503_and_accepts_nothing(
    portal, inputs, provider, monkeypatch, where, error
):
    def broken(*_args, **_kwargs):
        raise error("the server went away")

    secret = SECRET
    if where == "portal":
        monkeypatch.setattr(calls, "remembered", broken)
    elif where == "accept":
        monkeypatch.setattr(log, "queued", broken)
        monkeypatch.setattr(log, "rejected", broken)
    else:
        monkeypatch.setattr(RefusedCall.objects, "create", broken)
        secret = "wrong"
    response = portal.call(SEND, execution(inputs), secret=secret)
    assert response.status_code == 503
    assert response["Content-Type"] == "application/json"
    assert not Message.objects.exists()


def test_what_nobody_foresaw_is_on_the_row_and_not_a_500(portal, inputs, monkeypatch):
    from smsadmin.sending import resolve

    monkeypatch.setattr(resolve.tokens, "render", lambda *_: 1 / 0)
    assert portal.run(inputs)["errorCode"] == "INTERNAL_ERROR"
    assert Message.objects.get().error_facts == {"kind": "ZeroDivisionError"}


# A saved action: ?action=ID


@pytest.fixture
def saved(portal, line):
    return make_action(
        portal.workspace, name="Welcome", sender_number=line, message="Hi {{Contact.FirstName}}"
    )


ADA = {"objectId": 4242, "objectType": "0-1", "properties": {"phone": "+12025550123", "firstname": "Ada"}}


def test_a_saved_action_decides_everything_and_the_row_names_its_version(portal, saved):
    make_version(saved, sender_number=saved.current.sender_number, message="Hello {{Contact.FirstName}}")
    portal.run({"message": "not this"}, f"?action={saved.pk}", object=ADA)
    message = Message.objects.get()
    assert message.body == "Hello Ada"
    assert (message.action, message.version) == (saved, saved.current)


def test_a_saved_action_that_is_switched_off_refuses(portal, saved):
    saved.enabled = False
    saved.save()
    outputs = portal.run({}, f"?action={saved.pk}", object=ADA)
    assert (outputs["errorCode"], outputs["errorMessage"]) == (
        "ACTION_DISABLED",
        "The action “Welcome” is switched off.",
    )


@pytest.mark.parametrize("action_id", ["999999", "", "x", "-1", "9" * 30, "1%20OR%201", "%00"])
def test_an_unknown_action_refuses_as_switched_off(portal, saved, action_id):
    assert portal.run({}, f"?action={action_id}", object=ADA)["errorCode"] == "ACTION_DISABLED"


def test_another_workspaces_action_is_unknown_here(portal):
    theirs = make_action(make_workspace(), name="Theirs")
    outputs = portal.run({}, f"?action={theirs.pk}", object=ADA)
    assert outputs["errorCode"] == "ACTION_DISABLED"
    assert "Theirs" not in outputs["errorMessage"]


def test_a_version_saved_after_the_message_was_queued_changes_nothing_about_it(portal, saved, line, provider):
    portal.run({}, f"?action={saved.pk}", object=ADA)
    make_version(saved, sender_number=line, message="Changed")
    dispatch.drain(line.connection_id, sleep=lambda _: None)
    assert [sms.body for sms in provider.sent] == ["Hi Ada"]


# Nothing that is signed makes us crash

ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=5,
)


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.fixed_dictionaries(
        {"callbackId": st.text(min_size=1) | ODD},
        optional={
            "inputFields": st.dictionaries(
                st.sampled_from(["sender_mode", "sender_number", "send_as_mode", "recipient", "message"]), ODD
            ),
            "object": st.fixed_dictionaries({"objectType": ODD, "objectId": ODD}) | ODD,
            "context": ODD,
        },
    )
)
def test_any_signed_payload_is_answered_with_200_or_400(portal, payload):
    portal.connection.secrets = {"client_secret": SECRET}
    portal.connection.save()
    cache.forget()
    response = portal.call(SEND, json.dumps(payload | {"origin": {"portalId": 9000001}}))
    assert response.status_code in (200, 400), response.content


@pytest.mark.parametrize("odd", ["\x00", "a\x00b", "\ud83d", "\ud83d\ude00 ok", "\u202e\u200b"])
def test_characters_that_no_database_keeps_do_not_stop_the_flow(portal, inputs, odd):
    body = json.dumps(execution({**inputs, "message": f"Hi {odd}"}, callbackId=f"ap{odd}"))
    assert portal.call(SEND, body).status_code == 200
    assert "\x00" not in json.dumps(Message.objects.values("body", "template", "origin").get())


def test_the_request_leaves_a_time_of_arrival(portal, inputs, time_machine):
    moment = datetime.fromisoformat("2026-11-21T10:00:00+00:00")
    time_machine.move_to(moment, tick=False)
    portal.run(inputs)
    assert abs(Message.objects.get().accepted_at - moment) < timedelta(seconds=1)
    assert Message.objects.get().trigger == views.TRIGGER


def test_forged_calls_fill_no_more_than_so_many_rows_a_minute(portal, monkeypatch):
    monkeypatch.setattr(refused, "MOST_KEPT_A_MINUTE", 3)
    monkeypatch.setitem(refused._kept, "minute", None)
    for _ in range(5):
        assert portal.call(SEND, execution(), secret="forged").status_code == 401
    assert RefusedCall.objects.count() == 3


def test_times_in_an_answer_are_the_workspaces(portal, line, inputs):
    Workspace.objects.filter(pk=portal.workspace.pk).update(time_zone="Asia/Tokyo")
    Rule.objects.filter(workspace=portal.workspace, scope="number", window="day").update(limit=0)
    fields = portal.run(inputs)
    assert fields["errorCode"] == "NUMBER_QUOTA_EXCEEDED"
    assert "09:00" in fields["errorMessage"]  # midnight UTC
