"""A number's Messaging API: its pages over real HTTP at the sandbox, the typed confirmation, one message, callbacks."""

import json
import re
import time
from html import unescape

import httpx
import pytest
from django.db import connection as database
from django.test import Client
from django.urls import reverse

from smsadmin import cache
from smsadmin.directory.messaging_api_forms import MOST_MEDIA, SendForm
from smsadmin.directory.models import Number
from smsadmin.incoming import bell as incoming_bell
from smsadmin.incoming import handling
from smsadmin.incoming.models import InboundMessage, ProxyConfiguration, Webhook
from smsadmin.providers import limits
from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import ProxyConfiguration as AtAircall
from smsadmin.sandbox.state import Settings
from smsadmin.sending import bell, dispatch
from smsadmin.sending.models import Message, RefusedCall
from tests.e2e.processes import until
from tests.factories import make_connection, make_member, make_number, make_workspace

ID = 812001  # a number of the sandbox, in native mode
ADA = "+13125550123"


@pytest.fixture(autouse=True)
def _nobody_rung(monkeypatch):
    monkeypatch.setattr(bell, "ring", lambda connection_id: None)
    monkeypatch.setattr(incoming_bell, "ring", lambda: None)
    cache.forget()


@pytest.fixture
def sandbox(settings):
    settings.PROVIDER_READ_TIMEOUT, settings.DISPATCH_LINGER = 1.0, 0
    settings.BASE_URL = "http://127.0.0.1:9"
    with running(Settings(aircall_requests_per_minute=0, aircall_event_delay=0.0), now=time.time) as server:
        settings.AIRCALL_BASE_URL = f"{server.url}/aircall"
        yield server
        server.state.scheduler.clear()


@pytest.fixture
def number(db):
    account = make_connection(make_workspace(), requests_per_minute=60_000)
    return make_number(
        account.workspace, "+12025550101", connection=account, provider_id=str(ID), name="Sales"
    )


def signed_in(number, role="owner"):
    client = Client()
    client.force_login(make_member(number.workspace, role).user)
    return client


def words(response):
    text = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return unescape(" ".join(text.split()))


def at(number, what=""):
    return reverse(f"messaging-api{what}", args=[number.pk])


def press(number, what, role="owner", **values):
    values = values or {"typed": "+1 202-555-0101"}
    return signed_in(number, role).post(at(number, what), values, follow=True)


def there(sandbox):
    return sandbox.state.numbers[ID].configuration


def our_address(number):
    return Webhook.objects.get(connection=number.connection_id).secrets["address"]


def known(number):
    number.refresh_from_db()
    return number.proxy_mode, number.proxy_mode_source


# --- Looking ----------------------------------------------------------------------------------------------


def test_a_number_nobody_looked_at_says_so_and_looking_asks_aircall(sandbox, number):
    assert "not looked at from this page yet" in words(signed_in(number).get(at(number)))
    sandbox.state.numbers[ID].configuration = AtAircall("token-1", "https://others.example/hook")

    page = words(press(number, "-look", "operator"))

    assert "Aircall says that Sales is in proxy mode." in page
    assert "Public Api" in page
    assert "another address" in page
    assert "unknown: it was configured elsewhere" in page
    assert "stays at “Sent”, and texts to the number are not seen" in page
    assert known(number) == (True, "probe")
    assert "others.example" not in page


def test_what_an_admin_set_by_hand_stands_against_an_answer(sandbox, number):
    Number.objects.update(proxy_mode=False, proxy_mode_source="admin")
    sandbox.state.numbers[ID].configuration = AtAircall("token-1", None)

    press(number, "-look")

    assert known(number) == (False, "admin")
    assert ProxyConfiguration.objects.get().type == "Public Api"


def test_a_look_that_fails_says_why_and_keeps_what_was_known(sandbox, number, settings, monkeypatch):
    monkeypatch.setattr(limits, "pause", lambda _exchange: 0.0)
    settings.AIRCALL_BASE_URL = "http://127.0.0.1:9"

    page = words(press(number, "-look"))

    assert "The last try failed Aircall did not answer" in page
    assert known(number) == (False, "assumed")


@pytest.mark.parametrize("configuration", [None, AtAircall("t", None)], ids=["native", "proxy"])
def test_viewers_read_and_change_nothing(sandbox, number, configuration):
    viewer = signed_in(number, "viewer")

    assert "Only owners change the mode" in words(viewer.get(at(number)))
    for what in ("-look", "-configure", "-remove", "-send"):
        assert viewer.post(at(number, what), {"typed": "+12025550101"}).status_code == 403


@pytest.mark.parametrize("role", ["operator", "editor"])
def test_only_owners_change_the_mode(sandbox, number, role):
    for what in ("-configure", "-remove"):
        assert press(number, what, role).status_code == 403
    assert there(sandbox) is None


def test_another_workspaces_number_is_not_found(sandbox, number):
    stranger = signed_in(make_number(make_workspace()))

    for what in ("", "-configure", "-remove", "-send"):
        assert stranger.get(at(number, what)).status_code == 404
    assert stranger.post(at(number, "-look")).status_code == 404


# --- Into proxy mode, and back ----------------------------------------------------------------------------


def test_the_page_before_spells_out_what_stops_and_what_goes_on(sandbox, number):
    page = words(signed_in(number).get(at(number, "-configure")))

    for sentence in (
        "Nobody can text from this number in the Aircall app",
        "recorded nowhere at Aircall: the log here is the only record",
        "the Send SMS action does not list numbers in proxy mode",
        "Texts to the number no longer reach anybody in Aircall",
        "What it tells while this server is away is lost",
        "Calls, as before",
        "needs Aircall's Professional plan",
        "Type +1 202-555-0101",
    ):
        assert sentence in page
    assert there(sandbox) is None


@pytest.mark.parametrize("typed", ["", "yes", "+12025550102", "2025550101"])
def test_without_the_number_typed_nothing_changes(sandbox, number, typed):
    answer = signed_in(number).post(at(number, "-configure"), {"typed": typed})

    assert answer.status_code == 422
    assert there(sandbox) is None


@pytest.mark.parametrize("typed", ["+12025550101", "+1 202-555-0101", "001 (202) 555-0101", " 12025550101 "])
def test_the_number_may_be_spelt_in_any_way(sandbox, number, typed):
    press(number, "-configure", typed=typed)

    assert there(sandbox)


def test_a_number_is_put_into_proxy_mode_with_our_callback_and_the_directory_knows_at_once(sandbox, number):
    page = words(press(number, "-configure"))

    row = ProxyConfiguration.objects.get()
    address = our_address(number)
    assert there(sandbox).callback_url == f"http://127.0.0.1:9/aircall/callbacks/{address}"
    assert row.secrets == {"token": there(sandbox).token}
    assert (row.type, row.callback) == ("Public Api", "ours")
    assert row.configured_by.member_set.get().workspace == number.workspace
    assert known(number) == (True, "probe")
    assert "Sales is in proxy mode: it texts from here alone." in page
    assert "the log here is the only record" in page


def test_its_token_is_encrypted_and_neither_it_nor_the_address_is_on_a_page(sandbox, number):
    press(number, "-configure")
    secrets = [there(sandbox).token, our_address(number)]

    with database.cursor() as cursor:
        cursor.execute("SELECT * FROM incoming_proxyconfiguration")
        stored = str(cursor.fetchall())
    shown = signed_in(number).get(at(number)).content.decode()
    assert not [secret for secret in secrets if secret in stored or secret in shown]


def test_a_configuration_made_elsewhere_is_taken_over_and_keeps_its_token(sandbox, number):
    Number.objects.update(proxy_mode=True)
    sandbox.state.numbers[ID].configuration = AtAircall("token-1", "https://others.example/hook")
    press(number, "-look")
    page = words(signed_in(number).get(at(number, "-configure")))
    assert "Whatever program listens there stops working for this number" in page

    press(number, "-configure")

    assert there(sandbox).token == "token-1"
    row = ProxyConfiguration.objects.get()
    assert (row.callback, row.secrets) == ("ours", {"token": "token-1"})


def test_a_configuration_with_an_address_that_is_none_calls_elsewhere(sandbox, number):
    sandbox.state.numbers[ID].configuration = AtAircall("token-1", "https://[x/")

    press(number, "-look")

    row = ProxyConfiguration.objects.get()
    assert (row.callback, row.secrets) == ("other", {})


def test_an_address_of_ours_under_an_earlier_name_of_this_server_is_ours(sandbox, number, settings):
    press(number, "-configure")
    settings.BASE_URL = "http://new.example"

    press(number, "-look")

    assert ProxyConfiguration.objects.get().callback == "ours"


def test_leaving_says_what_stops_and_gives_texting_back(sandbox, number):
    press(number, "-configure")
    page = words(signed_in(number).get(at(number, "-remove")))
    assert "Messages with pictures and files from here" in page
    assert "Its users text from it in the Aircall app" in page

    assert "no longer in proxy mode" in words(press(number, "-remove"))

    assert there(sandbox) is None
    assert known(number) == (False, "probe")
    row = ProxyConfiguration.objects.get()
    assert (row.type, row.callback, row.secrets, row.configured_at) == ("", "none", {}, None)


def test_leaving_a_mode_that_somebody_else_left_before_works(sandbox, number):
    press(number, "-configure")
    sandbox.state.numbers[ID].configuration = None

    assert "no longer in proxy mode" in words(press(number, "-remove"))


@pytest.mark.parametrize("how", ["service", "edge"])
def test_a_plan_without_it_is_told_as_a_possibility_and_changes_nothing(sandbox, number, how):
    sandbox.state.settings.change({"aircall_plan_has_api": False, "aircall_plan_refusal": how})

    answer = press(number, "-configure")

    assert answer.status_code == 422
    assert "the plan may lack it (Professional has it)" in words(answer)
    assert known(number) == (False, "assumed")


def test_https_is_demanded_before_aircall_is_asked(sandbox, number, settings):
    settings.SANDBOX = False

    assert "Aircall calls HTTPS addresses only" in words(press(number, "-configure"))
    assert there(sandbox) is None


# --- One message ------------------------------------------------------------------------------------------


def written(**values):
    return {"recipient": ADA, "text": "Your parcel", "addresses": "", "token": "token-1", **values}


def test_a_message_with_pictures_goes_out_by_the_messaging_api_and_the_log_is_its_only_record(
    sandbox, number
):
    press(number, "-configure")
    pictures = ["https://files.example/a.png", "https://files.example/b.pdf"]

    page = press(number, "-send", "operator", **written(addresses="\n".join(pictures)))
    dispatch.drain(number.connection_id)

    [arrived] = sandbox.state.messages
    assert (arrived.mode, arrived.recipient, arrived.body, arrived.media) == (
        "proxy",
        ADA,
        "Your parcel",
        pictures,
    )
    message = Message.objects.get()
    assert (message.status, message.proxy, message.media, message.trigger) == (
        "sent",
        True,
        pictures,
        "messaging-api",
    )
    assert "recorded here, and nowhere at Aircall" in words(page)
    assert f'<a href="{pictures[0]}" rel="noopener noreferrer nofollow">' in page.content.decode()
    assert "Written by" in words(page)


def test_sent_twice_by_a_double_click_it_is_one(sandbox, number):
    Number.objects.update(proxy_mode=True)

    for _ in range(2):
        press(number, "-send", **written())

    assert Message.objects.count() == 1


def test_a_number_in_native_mode_has_no_such_page(sandbox, number):
    answer = signed_in(number).get(at(number, "-send"))

    assert answer["Location"] == at(number)


def test_one_that_left_the_mode_meanwhile_refuses_and_is_remembered_as_native(sandbox, number):
    Number.objects.update(proxy_mode=True, proxy_mode_source="probe")
    cache.forget()

    press(number, "-send", **written())
    dispatch.drain(number.connection_id)

    assert Message.objects.get().error_code == "PROVIDER_REJECTED"
    assert known(number) == (False, "send")


@pytest.mark.parametrize(
    ("media", "count"),
    [
        ("", 0),
        ("https://files.example/a.png", 1),
        ("  https://files.example/a.png\r\n\r\nhttps://files.example/b.png ", 2),
        ("https://files.example/a.png https://files.example/a.png", 1),
        ("\n".join(f"https://files.example/{nth}" for nth in range(MOST_MEDIA)), MOST_MEDIA),
    ],
)
def test_addresses_are_one_in_each_line(media, count):
    form = SendForm(written(addresses=media))

    assert form.is_valid(), form.errors
    assert len(form.cleaned_data["addresses"]) == count


@pytest.mark.parametrize(
    "media",
    [
        "http://files.example/a.png",
        "ftp://files.example/a.png",
        "javascript:alert(1)",
        "files.example/a.png",
        "https://localhost/a.png",
        "https://me:secret@files.example/a.png",
        "https://[::1",
        "https://files.example/" + "a" * 500,
        "\n".join(f"https://files.example/{nth}" for nth in range(MOST_MEDIA + 1)),
    ],
)
def test_what_is_no_https_address_is_refused(media):
    assert "addresses" in SendForm(written(addresses=media)).errors


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("recipient", "0171 3920099", "with its country code"),
        ("recipient", "", "Say to whom it goes."),
        ("text", "", "Write a text"),
        ("text", "Hi {{Contact.firstname}}", "there is no record to fill it in from"),
        ("text", "x" * 1_601, "1600"),
    ],
)
def test_what_is_missing_or_wrong_is_said_at_its_field(field, value, says):
    assert says in str(SendForm(written(**{field: value})).errors[field])


def test_a_masked_reader_sees_neither_the_number_nor_the_pictures(sandbox, number):
    Number.objects.update(proxy_mode=True)
    press(number, "-send", **written(addresses="https://files.example/a.png"))

    page = signed_in(number, "viewer").get(reverse("message", args=[Message.objects.get().pk]))

    assert "files.example" not in page.content.decode()
    assert ADA not in page.content.decode()


# --- Callbacks ------------------------------------------------------------------------------------------


def callback(number, event, token, **data):
    payload = {
        "resource": "message",
        "event_name": event,
        "timestamp": 1_722_604_989_549,
        "token": token,
        "data": {
            "id": "SM1",
            "direction": "outbound",
            "raw_digits": ADA.lstrip("+"),
            "number": {"id": ID, "digits": "+1 202-555-0101"},
            **data,
        },
    }
    address = f"/aircall/callbacks/{our_address(number)}"
    return Client().post(address, json.dumps(payload), "application/json").status_code


def test_a_callback_carries_the_token_of_its_own_number(sandbox, number):
    press(number, "-configure")
    token = there(sandbox).token

    assert callback(number, "message.updated", token, status="delivered") == 200
    for wrong in ("", "somebody's", token[:-1], None):
        assert callback(number, "message.updated", wrong, status="delivered") == 401
    assert RefusedCall.objects.filter(reason="token").count() == 4


def test_the_token_of_another_number_is_not_enough(sandbox, number):
    press(number, "-configure")
    other = make_number(number.workspace, connection=number.connection, provider_id="812002", name="Other")
    ProxyConfiguration.objects.create(
        number=other, workspace=other.workspace, callback="ours", secrets={"token": "other's"}
    )

    assert callback(number, "message.updated", "other's", status="delivered") == 401


def test_for_a_configuration_made_elsewhere_the_address_speaks_alone(sandbox, number):
    press(number, "-configure")
    ProxyConfiguration.objects.update(secrets={})
    cache.forget()

    assert callback(number, "message.updated", "anything", status="delivered") == 200
    assert "believed for their secret address alone" in words(signed_in(number).get(at(number)))


@pytest.fixture
def line(transactional_db, sandbox, live_server, settings):
    """A number of the sandbox that was put into proxy mode from here, and calls us over real HTTP."""
    account = make_connection(make_workspace(), requests_per_minute=60_000)
    found = make_number(
        account.workspace, "+12025550101", connection=account, provider_id=str(ID), name="Sales"
    )
    settings.BASE_URL = live_server.url
    press(found, "-configure")
    return found


def test_the_whole_way_a_message_is_delivered_and_answered_by_callbacks(line, sandbox):
    press(line, "-send", **written())
    dispatch.drain(line.connection_id)
    message = Message.objects.get()

    def delivered():
        handling.run()
        message.refresh_from_db()
        return message.status == "delivered"

    until(delivered, 15, lambda: message.status)
    text = {"number": ID, "from": ADA, "body": "Thank you"}
    httpx.post(f"{sandbox.url}/_control/inbound", json=text, trust_env=False).raise_for_status()
    until(lambda: handling.run() and InboundMessage.objects.exists())
    reply = InboundMessage.objects.get()
    assert (reply.sender, reply.body, reply.answers) == (ADA, "Thank you", message.pk)
