"""What Aircall POSTs to us: who is believed, what is stored, and what is turned away."""

import json

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from smsadmin import cache
from smsadmin.incoming import views
from smsadmin.incoming.models import ProviderCall, ProxyConfiguration, Webhook
from smsadmin.sending.models import RefusedCall
from tests.factories import make_connection, make_message, make_number
from tests.incoming.conftest import ADDRESS, TOKEN, handle, make_account, receipts, status


def the_refusal():
    return RefusedCall.objects.get()


# --- Stored -------------------------------------------------------------------------------------------


@pytest.mark.services
def test_a_call_is_stored_and_rung_for_before_anything_is_made_of_it(account, rings):
    message = account.message(provider_id="SM1")

    call = account.tell("message.status_updated", id="SM1", status="delivered")

    assert (call.workspace, call.connection) == (account.workspace, account.connection)
    assert (call.event, call.provider_id, call.outcome) == ("message.status_updated", "SM1", "waiting")
    assert rings == [1]
    assert status(message) == "sent"


def test_the_token_the_contact_and_links_to_media_are_never_stored(account):
    media = [{"file_name": "a.png", "presigned_url": "https://files.example/secret"}]
    account.tell("message.received", id="SM1", direction="inbound", media_details=media)
    kept = json.dumps(ProviderCall.objects.get().body)

    assert [word for word in (TOKEN, "ada@example.com", "presigned", "secret") if word in kept] == []
    assert ProviderCall.objects.get().body["data"]["media"] == 1


def test_of_anything_but_a_message_only_its_id_is_stored(account):
    payload = account.event("user.created.v2") | {"data": {"id": 456, "email": "mia@example.com"}}
    account.post(payload)

    assert ProviderCall.objects.get().body["data"] == {"id": 456}


@pytest.mark.services
def test_what_no_database_stores_is_shown_and_kept(account):
    account.tell("message.received", id="SM\x00", direction="inbound", body="a\x00b\ud800")

    assert ProviderCall.objects.get().body["data"]["body"] == "a\ufffdb\ufffd"


def test_the_webhook_knows_when_it_was_last_called(account):
    account.tell("message.sent", id="SM1", status="sent")

    heard = Webhook.objects.get().last_call_at
    assert heard
    assert abs((timezone.now() - heard).total_seconds()) < 60


def test_a_second_call_within_a_minute_writes_no_more_to_the_webhook(account, django_assert_num_queries):
    account.tell("message.sent", id="SM1", status="sent")
    with django_assert_num_queries(1):  # the row itself; the webhook is remembered for a moment
        account.post(account.event("message.sent", id="SM2", status="sent"))


def test_a_callback_of_a_number_that_was_configured_elsewhere_is_believed_by_its_address(account):
    account.calls_us()
    message = account.message(provider_id="SM1")

    told = account.call_back(token="of the number", status="delivered", updated_at=1_795_291_200_000)
    assert told.status_code == 200
    handle()

    assert status(message) == "delivered"
    assert "of the number" not in json.dumps(ProviderCall.objects.get().body)
    assert receipts(message)[0]["provider_at"] == "2026-11-21T20:00:00+00:00"


# --- Turned away --------------------------------------------------------------------------------------


def test_an_unknown_address_is_404_and_kept_without_it(account):
    response = account.post(account.event("message.sent"), "/aircall/webhooks/somebody-guessed")

    assert response.status_code == 404
    assert not ProviderCall.objects.exists()
    assert (the_refusal().reason, the_refusal().workspace) == ("address", None)
    assert the_refusal().path == "/aircall/webhooks/•••"


@pytest.mark.parametrize("token", ["forged", "", None, 5, ["x"], {}])
def test_a_forged_token_is_401_and_changes_nothing(account, token):
    message = account.message(provider_id="SM1")

    response = account.post(account.event("message.sent", id="SM1", status="delivered", token=token))
    handle()

    assert response.status_code == 401
    assert status(message) == "sent"
    assert (the_refusal().reason, the_refusal().workspace) == ("token", account.workspace)
    assert ADDRESS not in the_refusal().path


@pytest.mark.parametrize("token", ["forged", "", TOKEN])
def test_a_callback_carries_the_token_of_its_number(account, token):
    account.calls_us("of the number")

    assert account.call_back(token=token).status_code == 401
    assert the_refusal().reason == "token"
    assert account.call_back(token="of the number").status_code == 200


@pytest.mark.parametrize("named", [{"id": 1}, {"id": ""}, {"id": True}, {}, None, "text"])
def test_a_callback_of_a_number_that_is_not_known_here_is_401(account, named):
    account.calls_us()

    assert account.call_back(number=named).status_code == 401
    assert the_refusal().reason == "token"
    assert not ProviderCall.objects.exists()


def test_a_callback_of_a_number_that_was_never_looked_at_is_401(account):
    account.number.proxy_mode = True
    account.number.save()

    assert account.call_back().status_code == 401


def test_by_its_address_alone_no_number_is_believed_that_is_not_in_proxy_mode(account):
    account.calls_us(proxy_mode=False)

    assert account.call_back().status_code == 401


def test_a_callback_of_a_number_that_calls_elsewhere_is_401(account):
    account.calls_us()
    ProxyConfiguration.objects.update(callback="other")

    assert account.call_back().status_code == 401


def test_a_callback_of_another_accounts_number_is_401(account):
    other = make_account("another-address")
    other.number.provider_id = "777"
    other.number.save()
    other.calls_us()

    assert account.call_back(number={"id": 777}).status_code == 401


@pytest.mark.parametrize("event", ["message.sent", "number.deleted", "integration.deleted"])
def test_no_callback_tells_of_anything_but_messages_of_its_number(account, event):
    account.calls_us()

    assert account.call_back(event).status_code == 401


@pytest.mark.parametrize("event", ["integration.deleted", "message.updated", None, ""])
def test_a_webhooks_token_is_not_left_out_by_naming_a_callback_too(account, event):
    account.calls_us()
    payload = account.event("x", token="forged") | {"event": event, "event_name": "message.updated"}

    assert account.post(payload).status_code == (401 if event else 400)
    assert not ProviderCall.objects.exists()


def test_forged_numbers_fill_no_memory(account):
    account.calls_us()
    account.call_back()
    before = len(cache._values)

    for forged in range(1, 20):
        account.call_back(number={"id": forged})

    assert len(cache._values) == before


def test_before_we_are_told_the_token_the_address_speaks_alone(db):
    account = make_account(token="")

    assert account.post(account.event("message.sent", token="new")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '"text"',
        "null",
        b"\xff\xfe",
        "[" * 100_000,
        "{}",
        '{"event": 5}',
        '{"event": "message.sent", "timestamp": NaN}',
        '{"event": "message.sent", "timestamp": 1e999}',
    ],
    ids=range(11),
)
def test_what_cannot_be_read_is_400(account, body):
    assert account.post(body).status_code == 400
    assert the_refusal().reason == "malformed"
    assert not ProviderCall.objects.exists()


@pytest.mark.parametrize("most", ["ours", "django's"])
def test_a_body_that_is_too_long_is_413(account, monkeypatch, settings, most):
    if most == "ours":
        monkeypatch.setattr(views, "MOST_BYTES", 1_000)
    else:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000

    assert account.post(account.event("message.sent", body="x" * 1_000)).status_code == 413
    assert the_refusal().reason == "malformed"


@pytest.mark.parametrize("data", [None, [], "text", 5, {"id": {}, "number": "x", "status": []}])
def test_a_message_that_is_none_is_stored_and_comes_to_nothing(account, data):
    assert account.post(account.event("message.sent") | {"data": data}).status_code == 200

    handle()

    assert ProviderCall.objects.get().outcome == "not_ours"


def test_a_database_that_is_away_is_503_so_that_aircall_tells_it_again(account, monkeypatch):
    def away(*_args, **_columns):
        raise DatabaseError("gone")

    monkeypatch.setattr(ProviderCall.objects, "create", away)

    assert account.post(account.event("message.sent")).status_code == 503


def test_only_posts_are_heard(account):
    assert Client().get(f"/aircall/webhooks/{ADDRESS}").status_code == 405


@pytest.mark.services
def test_another_workspaces_account_cannot_speak_of_our_messages(account):
    other = make_account("another-address")
    ours = account.message(provider_id="SM1")
    unknown = account.message("unknown")

    other.tell("message.status_updated", id="SM1", status="undelivered")
    other.tell("message.sent", id="SM2", status="sent", number={"id": int(account.number.provider_id)})
    handle()

    assert (status(ours), status(unknown)) == ("sent", "unknown")
    assert set(ProviderCall.objects.values_list("outcome", flat=True)) == {"not_ours"}


@pytest.mark.services
def test_another_account_of_the_same_workspace_cannot_either(account):
    second = make_connection(account.workspace)
    same_id = account.number.provider_id
    number = make_number(account.workspace, connection=second, provider_id=same_id)
    message = make_message(account.workspace, number=number, provider_id="SM1")
    unknown = account.message("unknown", number=number)

    account.tell("message.status_updated", id="SM1", status="undelivered")
    account.tell("message.sent", id="SM2", status="sent")
    handle()

    assert (status(message), status(unknown)) == ("sent", "unknown")
