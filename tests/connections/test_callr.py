"""Connecting a Callr account: its credentials, how it is spoken to, and the webhooks that a person makes."""

import pytest
from django.urls import reverse
from django.utils import timezone

from smsadmin.directory import tasks
from smsadmin.directory.models import SenderKind
from smsadmin.incoming.models import Webhook
from smsadmin.pacing import account as paced
from smsadmin.providers import registry
from smsadmin.providers.callr.options import Options
from smsadmin.providers.callr.send import CallrSender
from smsadmin.sending import dispatch
from smsadmin.workspaces.models import Connection
from tests.connections.test_connections import outside as _outside
from tests.factories import make_connection, make_member, make_message, make_number, make_workspace

pytestmark = pytest.mark.django_db
outside = _outside

#: What the form sends beside what a test is about.
FIELDS = {
    "name": "Callr",
    "sid": "ABCD1234",
    "api_key": "key-1",
    "login": "",
    "password": "",
    "hmac_secret": "",
    "requests_per_minute": "",
    "protocol": "rest",
    "key_in": "header",
    "sender_parameter": "from",
    "encoding": "forced",
    "encoding_parameter": "encoding",
    "signed": "on",
    "signature_header": "X-CALLR-HmacSignature",
}


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def owner(client, workspace, monkeypatch):
    monkeypatch.setattr(tasks.refresh, "apply_async", lambda args, **_: None)
    client.force_login(make_member(workspace, "owner").user)
    return client


@pytest.fixture
def callr(workspace):
    return make_connection(workspace, "callr")


def create(owner, **over):
    return owner.post(reverse("connection-new", args=["callr"]), {**FIELDS, **over})


def page(owner, connection):
    return owner.get(reverse("connection", args=[connection.pk])).content.decode()


def test_a_new_account_has_the_sender_that_callr_picks_and_an_address_to_call(owner, workspace):
    assert create(owner).status_code == 302

    connection = Connection.objects.get()
    assert (connection.kind, connection.external_id) == ("callr", "abcd1234")  # v2 writes it so
    assert connection.secrets == {"api_key": "key-1"}
    assert connection.numbers.get().kind == SenderKind.POOL
    assert Webhook.objects.get().connection == connection


def test_a_login_and_its_password_do_in_place_of_a_key(owner):
    assert create(owner, api_key="", login="ada", password="word").status_code == 302
    assert Connection.objects.get().secrets == {"login": "ada", "password": "word"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"api_key": ""}, "api_key"),
        ({"api_key": "", "login": "ada"}, "password"),
        ({"sid": ""}, "sid"),
        ({"sid": "with a space"}, "sid"),
        ({"sender_parameter": "a&b"}, "sender_parameter"),
        ({"signature_header": "X Y"}, "signature_header"),
        ({"protocol": "soap"}, "protocol"),
    ],
)
def test_what_is_missing_or_cannot_be_is_said_in_place(owner, given, field):
    answer = create(owner, **given)

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not Connection.objects.exists()


def test_secrets_are_kept_where_they_are_left_empty_and_never_shown(owner, callr):
    owner.post(reverse("connection", args=[callr.pk]), {**FIELDS, "api_key": "", "hmac_secret": "new-one"})

    callr.refresh_from_db()
    assert callr.secrets == {"api_key": "sandbox-callr-key", "hmac_secret": "new-one"}
    assert "sandbox-callr-key" not in page(owner, callr)
    assert "new-one" not in page(owner, callr)


def test_how_callr_is_spoken_to_is_kept_with_the_account(owner, callr):
    spoken = {"protocol": "rpc", "signature_header": "X-Callr-Signature", "sender_parameter": "senderId"}
    owner.post(reverse("connection", args=[callr.pk]), {**FIELDS, **spoken, "signed": ""})

    callr.refresh_from_db()
    assert Options.read(callr.options) == Options(**spoken, signed=False)
    sender = registry.provider(callr)
    assert isinstance(sender, CallrSender)
    assert sender.callr.options.protocol == "rpc"


def test_the_end_of_the_earlier_interface_is_shown_with_its_day(owner, callr):
    assert "Callr ends JSON-RPC on June 30, 2027" in page(owner, callr)
    assert "It sends by an interface that ends" not in page(owner, callr)

    callr.options = {"protocol": "rpc"}
    callr.save()
    assert "It sends by an interface that ends" in page(owner, callr)


def test_the_page_shows_the_address_and_what_is_missing(owner, callr):
    callr.secrets = {"api_key": "key"}
    callr.save()
    shown = page(owner, callr)

    address = Webhook.objects.get(connection=callr).secrets["address"]
    assert f"/callr/webhooks/{address}" in shown
    assert "every call of Callr&#x27;s is refused" in shown
    assert "Callr has not called yet" in shown


def test_once_callr_has_called_nothing_is_missing(owner, callr):
    page(owner, callr)
    Webhook.objects.update(last_call_at=timezone.now())
    shown = page(owner, callr)

    assert "Callr has not called yet" not in shown
    assert "Something is missing" not in shown


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        ((200, {"pong": "pong"}), "working", "Callr accepts the credentials."),
        ((401, {}), "rejected", "Callr refused the credentials (HTTP 401)."),
        ((403, {"code": "nope"}), "rejected", "Callr answered HTTP 403: nope"),
        (None, "unreachable", "Callr did not answer: no connection within 5 s."),
    ],
)
def test_the_test_says_whether_the_credentials_are_accepted(owner, callr, outside, answer, state, words):
    outside["/v2.0/ping"] = answer
    shown = owner.post(reverse("connection-test", args=[callr.pk]), follow=True).content.decode()

    callr.refresh_from_db()
    assert (callr.state, callr.state_detail) == (state, words)
    assert words in shown


def test_the_list_shows_pace_queue_and_when_callr_called_last(owner, callr):
    shown = owner.get(reverse("connections")).content.decode()

    assert "Not heard yet" in shown
    assert reverse("connection-queue", args=[callr.pk]) in shown
    assert owner.get(reverse("connection-queue", args=[callr.pk])).status_code == 200


def test_each_kind_has_its_own_pace(settings, workspace, callr):
    settings.CALLR_REQUESTS_PER_MINUTE, settings.AIRCALL_REQUESTS_PER_MINUTE = 30, 90

    assert paced.per_minute(callr) == 30
    assert paced.per_minute(make_connection(workspace)) == 90


def test_what_waited_a_day_for_callrs_credentials_is_given_up(workspace, callr):
    long_ago = timezone.now() - 2 * dispatch.WITHOUT_CREDENTIALS
    number = make_number(workspace, "+33639980042", connection=callr)
    message = make_message(workspace, at=long_ago, number=number, status="queued")
    callr.lost_at = long_ago
    callr.save()

    dispatch.sweep()

    message.refresh_from_db()
    assert (message.status, message.error_code) == ("failed", "CREDENTIAL_REJECTED")
    assert message.error_facts["provider"] == "Callr"


def test_only_owners_see_the_address(client, workspace, callr):
    client.force_login(make_member(workspace, "editor").user)

    assert client.get(reverse("connection", args=[callr.pk])).status_code == 403
