"""Connecting a Twilio account: its credentials, its numbers that tell us of their texts, and its error codes."""

import time
from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache
from smsadmin.connections.error_codes import table
from smsadmin.connections.models import ErrorCode
from smsadmin.consent.models import OptOut, Policy
from smsadmin.directory import tasks
from smsadmin.incoming import addresses
from smsadmin.incoming.models import Webhook
from smsadmin.pacing import account as paced
from smsadmin.providers import registry
from smsadmin.providers.twilio.codes import Refusal
from smsadmin.providers.twilio.options import Options
from smsadmin.sandbox.faults import Fault
from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import TWILIO_KEY_SECRET, TWILIO_KEY_SID, TWILIO_SID, Settings
from smsadmin.sending import dispatch
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection
from tests.factories import ask, make_connection, make_member, make_number, make_workspace

pytestmark = pytest.mark.django_db

FIELDS = {"name": "Twilio", "sid": TWILIO_SID, "auth_token": "token-1", "answers_keywords": "on"}
OURS, VOICE, OPTED_OUT, FULL = "+12065550188", "+442079460955", "+15005550004", "+15005550008"


@pytest.fixture
def workspace():
    cache.forget()
    return make_workspace()


@pytest.fixture
def owner(client, workspace, monkeypatch):
    monkeypatch.setattr(tasks.refresh, "apply_async", lambda args, **_: None)
    client.force_login(make_member(workspace, "owner").user)
    return client


@pytest.fixture
def account(workspace):
    return make_connection(workspace, "twilio", external_id=TWILIO_SID)


@pytest.fixture
def sandbox(settings):
    with running(Settings(twilio_event_delay=0.0), now=time.time) as server:
        settings.TWILIO_BASE_URL = f"{server.url}/twilio"
        yield server


def create(owner, **over):
    return owner.post(reverse("connection-new", args=["twilio"]), {**FIELDS, **over})


def page(owner, name, connection, **query):
    return owner.get(reverse(name, args=[connection.pk]), query).content.decode()


def test_an_account_is_connected_with_what_is_left_to_choose(owner, workspace):
    chosen = {"key_sid": "SK1", "key_secret": "s", "validity": "600", "overrides": "rc=2&rp=all"}
    assert create(owner, **chosen, answers_keywords="").status_code == 302

    connection = Connection.objects.get()
    assert (connection.kind, connection.external_id) == ("twilio", TWILIO_SID)
    assert connection.secrets == {"auth_token": "token-1", "key_sid": "SK1", "key_secret": "s"}
    assert Options.read(connection.options) == Options(
        validity=600, overrides="rc=2&rp=all", answers_keywords=False
    )
    shown = page(owner, "connection", connection)
    assert "token-1" not in shown
    address = Webhook.objects.get().secrets["address"]
    for event in ("status", "inbound"):
        assert f"http://testserver/twilio/{event}/{address}" in shown
    sender = registry.provider(connection)
    assert sender.callback == f"http://testserver/twilio/status/{address}"


def test_what_is_missing_or_cannot_be_is_said_in_place(owner):
    wrong = {
        "sid": {"sid": "AC1"},
        "auth_token": {"auth_token": ""},
        "key_secret": {"key_sid": "SK1"},
        "key_sid": {"key_sid": "AC1", "key_secret": "s"},
        "overrides": {"overrides": "#rc 2"},
        "validity": {"validity": "5"},
    }
    for field, given in wrong.items():
        answer = create(owner, **given)
        assert answer.status_code == 422
        assert field in answer.context["form"].errors
    assert not Connection.objects.exists()


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000", "https://my_host.example"])
def test_twilio_is_not_told_an_address_that_it_refuses(owner, account, settings, base_url):
    settings.BASE_URL, settings.SANDBOX = base_url, False

    assert registry.provider(account).callback == ""
    assert "is not asked to tell what becomes of messages" in page(owner, "connection", account)


def test_the_test_says_whose_account_it_is(owner, account, sandbox):
    def says(**settings):
        sandbox.state.settings.change(settings)
        address = reverse("connection-test", args=[account.pk])
        return owner.post(address, follow=True).content.decode()

    assert "Twilio accepts the credentials of Sandbox account." in says()
    assert "on trial: it texts verified numbers alone" in says(twilio_trial=True)
    assert "says that the account is suspended" in says(twilio_account_status="suspended")
    account.refresh_from_db()
    assert account.state == "misconfigured"
    account.secrets = {**account.secrets, "key_sid": TWILIO_KEY_SID, "key_secret": "wrong"}
    account.save()
    assert "Twilio refused the API key (HTTP 401)." in says(
        twilio_account_status="active", twilio_trial=False
    )
    account.secrets = {**account.secrets, "key_secret": TWILIO_KEY_SECRET}
    account.save()
    assert "Twilio accepts the credentials of Sandbox account." in says()
    account.secrets = {**account.secrets, "auth_token": "changed"}
    account.save()
    assert (
        "accepts the API key, and refused the Auth Token (HTTP 401): signatures cannot be checked" in says()
    )
    account.refresh_from_db()
    assert (account.state, account.lost_at) == ("working", None)  # texts go on
    assert "Twilio refused the API key (HTTP 401)." in says(twilio_credentials_refused=True)
    assert "Look in the Twilio Console" in page(owner, "connection", account)
    account.secrets = {"auth_token": "changed"}
    account.save()
    assert "Twilio refused the credentials (HTTP 401)." in says(twilio_credentials_refused=False)


def test_it_has_a_pace_of_its_own(account, settings):
    settings.TWILIO_REQUESTS_PER_MINUTE = 77

    assert paced.per_minute(account) == 77


# --- Texts that come in -------------------------------------------------------------------------------


def test_chosen_numbers_tell_us_once_somebody_has_seen_what_that_replaces(owner, account, sandbox):
    texts = sandbox.state.twilio_numbers[OURS]
    texts.sms_url, texts.sms_fallback_url = "https://elsewhere.example/texts", "https://spare.example/texts"
    url = reverse("twilio-incoming", args=[account.pk])

    assert "https://elsewhere.example/texts" in owner.get(url).content.decode()
    asked = owner.post(url, {"number": [texts.sid, sandbox.state.twilio_numbers[VOICE].sid]}).content.decode()
    assert "What is set there now is replaced" in asked
    assert "https://spare.example/texts" in asked
    assert "+44" not in asked.partition("<main")[2]  # it cannot text
    assert texts.sms_url == "https://elsewhere.example/texts"

    done = owner.post(url, {"number": texts.sid, "do": "set"}, follow=True).content.decode()
    assert "1 number tells us of its texts from now on." in done
    address = Webhook.objects.get().secrets["address"]
    ours = f"http://testserver/twilio/inbound/{address}"
    assert (texts.sms_url, texts.sms_fallback_url) == (ours, ours)
    assert owner.post(url, {}).status_code == 422


def test_a_number_that_an_application_or_get_keeps_from_us_is_not_said_to_tell_us(owner, account, sandbox):
    url, texts = reverse("twilio-incoming", args=[account.pk]), sandbox.state.twilio_numbers[OURS]
    texts.sms_url = texts.sms_fallback_url = addresses.for_twilio(account).inbound
    assert " Here</td>" in owner.get(url).content.decode()
    texts.sms_method = "GET"
    assert "by GET, which is not answered" in owner.get(url).content.decode()
    texts.sms_application_sid = f"AP{7:032x}"
    assert texts.sms_application_sid in owner.get(url).content.decode()

    asked = owner.post(url, {"number": texts.sid}).content.decode()
    assert "What is set there now is replaced" in asked
    assert texts.sms_application_sid in asked
    owner.post(url, {"number": texts.sid, "do": "set"})
    assert (texts.sms_method, texts.sms_application_sid) == ("POST", "")
    assert " Here</td>" in owner.get(url).content.decode()


def test_how_twilio_repeats_a_failed_call_goes_along_and_can_be_changed_later(owner, account, sandbox):
    url, texts = reverse("twilio-incoming", args=[account.pk]), sandbox.state.twilio_numbers[OURS]
    owner.post(url, {"number": texts.sid, "do": "set"})
    before = texts.sms_url
    account.options = {"overrides": "rc=2&rp=all"}
    account.save()

    assert "is set otherwise than it would be now" in owner.get(url).content.decode()
    assert "nothing is replaced" in owner.post(url, {"number": texts.sid}).content.decode()
    owner.post(url, {"number": texts.sid, "do": "set"})
    assert texts.sms_url == texts.sms_fallback_url == f"{before}#rc=2&rp=all"
    assert " Here</td>" in owner.get(url).content.decode()


def test_numbers_that_cannot_be_read_or_changed_are_said(owner, account, sandbox):
    url, texts = reverse("twilio-incoming", args=[account.pk]), sandbox.state.twilio_numbers[OURS]
    path = r"/IncomingPhoneNumbers/\w+\.json$"
    sandbox.state.faults.append(Fault.parse({"service": "twilio", "kind": "404", "path": path}))
    shown = owner.post(url, {"number": texts.sid, "do": "set"}, follow=True).content.decode()
    assert "could not be changed. Twilio answered HTTP 404: 20404" in shown
    sandbox.state.settings.twilio_credentials_refused = True
    assert "Twilio refused the credentials (HTTP 401)." in owner.get(url).content.decode()


# --- Error codes --------------------------------------------------------------------------------------


def test_a_code_is_changed_added_and_put_back(owner, account, workspace):
    url = reverse("error-codes", args=[account.pk])
    given = {"code": "21612", "error": "RECIPIENT_REFUSED", "again": "later", "note": "As support says"}

    assert owner.post(url, given).status_code == 302
    assert owner.post(url, {**given, "code": "29999"}).status_code == 302
    found = table(workspace.pk).of(Refusal(21612, http_status=400))
    assert (found.error, found.again) == ("RECIPIENT_REFUSED", "later")
    shown = page(owner, "error-codes", account, code="21612")
    assert "2 are not as shipped" in shown
    assert 'value="21612"' in shown
    assert LogEntry.objects.get_for_model(ErrorCode).exists()

    owner.post(url, {"code": "21612", "do": "reset"})
    assert table(workspace.pk).of(Refusal(21612)).error == "SENDER_REFUSED"
    assert table(make_workspace().pk).overrides == {}


def test_a_code_of_receipts_cannot_mean_that_a_message_never_left(owner, account):
    url = reverse("error-codes", args=[account.pk])
    shown = owner.get(url, {"code": "30003"}).content.decode()

    assert 'value="DELIVERY_FAILED"' in shown
    assert 'value="RATE_LIMITED"' not in shown
    assert 'value="RATE_LIMITED"' in owner.get(url, {"code": "21611"}).content.decode()
    assert "?code=20429" not in shown  # HTTP 429 asks no table


@pytest.mark.parametrize(
    "given",
    [
        {"code": "30003", "error": "RATE_LIMITED"},
        {"code": "20429"},
        {"code": "12"},
        {"error": "ACTION_DISABLED"},
        {"again": "never"},
        {"code": ""},
    ],
)
def test_what_cannot_be_a_meaning_is_refused(owner, account, given):
    answer = owner.post(
        reverse("error-codes", args=[account.pk]),
        {"code": "21612", "error": "PROVIDER_REJECTED", "again": "no", **given},
    )

    assert answer.status_code == 422
    assert not ErrorCode.objects.exists()


def test_only_owners_see_their_own_account(client, account):
    for name in ("error-codes", "twilio-incoming"):
        url = reverse(name, args=[account.pk])
        client.force_login(make_member(account.workspace, "editor").user)
        assert client.get(url).status_code == 403
        client.force_login(make_member(make_workspace(), "owner").user)
        assert client.get(url).status_code == 404


# --- A refused send -----------------------------------------------------------------------------------


def test_21610_is_learnt_from_the_answer_to_a_send(account, sandbox):
    Policy.objects.create(workspace=account.workspace, kept_by=Policy.KeptBy.HERE)
    number = make_number(account.workspace, OURS, connection=account, provider_id=OURS)
    cache.forget()
    message = accept(ask(number, phone=OPTED_OUT))
    dispatch.drain(account.pk, sleep=lambda seconds: None)

    message.refresh_from_db()
    assert (message.status, message.error_code) == ("failed", "RECIPIENT_OPTED_OUT")
    assert OptOut.objects.get(is_out=True).number == OPTED_OUT
    assert accept(ask(number, phone=OPTED_OUT)).status == "rejected"


def test_credentials_that_may_not_send_stop_nothing_else_of_the_account(account, sandbox):
    sandbox.state.settings.twilio_events_dropped = 1.0
    fault = {"service": "twilio", "kind": "401", "path": r"/Messages\.json$", "count": 1}
    sandbox.state.faults.append(Fault.parse(fault))
    number = make_number(account.workspace, OURS, connection=account, provider_id=OURS)
    messages = [accept(ask(number)), accept(ask(number))]
    dispatch.drain(account.pk, sleep=lambda seconds: None)

    ends = {each.refresh_from_db() or (each.status, each.error_code) for each in messages}
    assert ends == {("failed", "PROVIDER_REJECTED"), ("sent", "")}
    account.refresh_from_db()
    assert account.lost_at is None


def test_of_a_full_queue_each_answer_is_counted(account, sandbox):
    number = make_number(account.workspace, FULL, connection=account, provider_id=FULL)
    message = accept(ask(number))
    for ago in (timedelta(), timedelta(hours=1), timedelta(hours=25)):
        now = timezone.now()
        Message.objects.filter(pk=message.pk).update(accepted_at=now - ago, next_attempt_at=now)
        dispatch.drain(account.pk, sleep=lambda seconds: None)

    message.refresh_from_db()
    assert (message.error_code, message.error_facts["attempts"]) == ("RATE_LIMITED", 3)
