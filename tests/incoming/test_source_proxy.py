"""Aircall help, "Send Message endpoint": each of its sentences about proxy mode, held against the product."""

import json
import time

import httpx
import pytest
from django.test import Client
from django.urls import reverse

from smsadmin import cache
from smsadmin.core.message import Accepted, Sms
from smsadmin.incoming import bell, handling, proxy
from smsadmin.incoming.models import InboundMessage, ProxyConfiguration
from smsadmin.providers.aircall import webhooks as wire
from smsadmin.providers.aircall.client import Aircall, NotInPlan
from smsadmin.providers.aircall.send import AircallSender
from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import Settings
from smsadmin.sending.accept import accept
from tests.factories import (
    ask,
    make_connection,
    make_member,
    make_message,
    make_number,
    make_user,
    make_workspace,
)
from tests.providers.conftest import answers

__all__ = ["answers"]

ID = 812001  # a number of the sandbox, in native mode
THEIRS = {"id": 84_848_484, "name": "US SMS line 1", "digits": "+1 626-800-9000", "country": "US"}
#: The documented answer to a send, and the documented payload of a received message; ids and numbers as given there.
SENT = {
    "id": "abcdSMc6Dc8ea2bc71ab19102c3de4f60ba18aa",
    "status": "pending",
    "direct_link": "https://api.aircall.io/v1/numbers/1234567/messages/abcdSMc6Dc8ea2bc71ab19102c3de4f60ba18aa",
    "direction": "outbound",
    "created_at": 1_722_758_201_825,
    "sent_at": 1_722_758_201_825,
    "updated_at": 1_722_758_201_825,
    "raw_digits": "13023063029",
    "number": THEIRS,
    "body": "body of the message",
}
RECEIVED = {
    "resource": "message",
    "event_name": "message.received",
    "timestamp": 1_722_604_989_549,
    "token": "91aa69db-c65e-42d9-85e7-g346b1h2204aa",
    "data": {
        "id": "abdcSM11da5992cb15eed9f21bcdb26d264bb40a",
        "status": "received",
        "direction": "inbound",
        "created_at": 1_722_604_989_549,
        "sent_at": 1_722_604_989_549,
        "updated_at": 1_722_604_989_549,
        "raw_digits": "18704575426",
        "number": THEIRS,
        "body": "Body of the message received",
    },
}


@pytest.fixture(autouse=True)
def _nobody_rung(monkeypatch):
    monkeypatch.setattr(bell, "ring", lambda: None)
    cache.forget()


@pytest.fixture
def sandbox(settings):
    settings.PROVIDER_READ_TIMEOUT, settings.BASE_URL = 1.0, "http://127.0.0.1:9"
    with running(Settings(aircall_requests_per_minute=0, aircall_event_delay=0.0), now=time.time) as server:
        settings.AIRCALL_BASE_URL = f"{server.url}/aircall"
        yield server
        server.state.scheduler.clear()


@pytest.fixture
def number(db):
    account = make_connection(make_workspace())
    return make_number(account.workspace, "+12025550101", connection=account, provider_id=str(ID))


def sms(**columns):
    return Sms("message-1", "+12025550101", str(ID), "+13125550123", "Hello", proxy=True, **columns)


def sender():
    return AircallSender(Aircall("sandbox-id", "sandbox-token"))


@pytest.mark.parametrize("media", [(), ("https://files.example/a.png",)], ids=["SMS", "MMS"])
def test_the_send_message_endpoint_sends_sms_or_mms_from_aircall_numbers(sandbox, number, media):
    proxy.configure(number, make_user())

    assert sender().send(sms(media=media)).accepted

    [message] = sandbox.state.messages
    assert (message.mode, message.sender, message.media) == ("proxy", "+12025550101", list(media))


def test_sending_through_the_api_is_available_only_on_the_professional_plan(sandbox, number):
    sandbox.state.settings.change({"aircall_plan_has_api": False})

    with pytest.raises(NotInPlan, match="Professional"):
        proxy.configure(number, make_user())
    assert sender().send(sms()).plan_refused


def test_the_number_is_configured_with_a_post_to_messages_configuration(sandbox, number):
    proxy.configure(number, make_user())

    [request] = [each for each in sandbox.state.requests if each["method"] == "POST"]
    assert request["path"] == f"/aircall/v1/numbers/{ID}/messages/configuration"
    assert sandbox.state.numbers[ID].configuration


def test_the_number_then_sends_through_the_api_only_not_through_the_app(sandbox, number, client):
    proxy.configure(number, make_user())

    native = Sms("message-1", "+12025550101", str(ID), "+13125550123", "Hello")
    assert "LineIsNotNativeException" in sender().send(native).error.facts["answer"]
    client.force_login(make_member(number.workspace).user)
    page = client.get(reverse("messaging-api-configure", args=[number.pk])).content.decode()
    assert "number stays in proxy mode: nobody texts from it in the Aircall app" in page


def test_a_get_confirms_the_configuration(sandbox, number):
    proxy.configure(number, make_user())
    ProxyConfiguration.objects.all().delete()

    found = proxy.look(number)

    assert (found.type, found.callback) == ("Public Api", "ours")


def test_a_delete_removes_the_configuration_and_disables_api_messaging(sandbox, number):
    proxy.configure(number, make_user())
    proxy.remove(number)

    assert sandbox.state.numbers[ID].configuration is None
    assert sender().send(sms()).learnt == {"proxy_mode": False}


def test_configuration_is_required_before_a_message_can_be_sent(sandbox, number):
    assert sender().send(sms()).error.code == "PROVIDER_REJECTED"
    assert not sandbox.state.messages


def test_the_response_body_is_reviewed_to_confirm_the_status(answers):
    answers(httpx.Response(200, json=SENT))

    accepted = sender().send(sms()).accepted

    assert accepted == Accepted("abcdSMc6Dc8ea2bc71ab19102c3de4f60ba18aa", "pending")
    assert wire.STATUS_WORDS["pending"] is None  # taken; what became of it is told later


def test_what_is_sent_through_the_api_is_recorded_nowhere_else_so_the_log_says_so_and_keeps_it(
    number, client
):
    message = make_message(number.workspace, number=number, proxy=True, body="Your parcel")
    client.force_login(make_member(number.workspace).user)

    page = client.get(reverse("message", args=[message.pk])).content.decode()

    assert "recorded here, and nowhere at Aircall" in page
    assert "Your parcel" in page


def test_the_callback_url_is_specified_when_the_number_is_configured(sandbox, number):
    proxy.configure(number, make_user())

    url = sandbox.state.numbers[ID].configuration.callback_url
    assert url.startswith("http://127.0.0.1:9/aircall/callbacks/")


@pytest.fixture
def theirs(sandbox, number):
    """The number of the documented payload, configured from here, with the documented token."""
    proxy.configure(number, make_user())
    number.provider_id = str(THEIRS["id"])
    number.save()
    ProxyConfiguration.objects.update(secrets={"token": RECEIVED["token"]})
    cache.forget()
    return number


def call_back(number, payload):
    address = proxy.webhooks.address(number.connection).removeprefix("http://127.0.0.1:9")
    return Client().post(address, json.dumps(payload), "application/json").status_code


def test_that_endpoint_receives_inbound_messages_as_documented(theirs):
    assert call_back(theirs, RECEIVED) == 200
    handling.run()

    inbound = InboundMessage.objects.get()
    assert (inbound.number, inbound.sender) == (theirs, "+18704575426")
    assert (inbound.body, inbound.provider_id) == (RECEIVED["data"]["body"], RECEIVED["data"]["id"])
    assert int(inbound.at.timestamp() * 1000) == RECEIVED["data"]["created_at"]


def test_and_responses_to_messages_that_were_sent(theirs):
    at = wire.moment(RECEIVED["timestamp"])
    message = make_message(theirs.workspace, number=theirs, at=at, recipient="+18704575426", proxy=True)

    call_back(theirs, RECEIVED)
    handling.run()

    assert InboundMessage.objects.get().answers == message.pk


def test_the_token_tells_its_number_calls_from_forged_ones(theirs):
    assert call_back(theirs, RECEIVED | {"token": "forged"}) == 401
    assert not InboundMessage.objects.exists()


def test_workflows_cannot_send_from_a_number_that_is_set_up_so(sandbox, number):
    proxy.configure(number, make_user())
    cache.forget()

    assert accept(ask(number)).error_code == "NUMBER_IN_PROXY_MODE"
