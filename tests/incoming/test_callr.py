"""What Callr's webhooks tell us, those of v2 and the earlier ones: who is believed, and what comes of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from smsadmin import cache
from smsadmin.directory.callr_reader import add_pool
from smsadmin.directory.models import Number
from smsadmin.incoming.models import InboundMessage, OutsideMessage, ProviderCall, Webhook
from smsadmin.providers.callr import signatures
from smsadmin.sending.models import Message, RefusedCall
from smsadmin.workspaces.models import Connection
from tests.factories import make_connection, make_message, make_number, make_workspace
from tests.incoming.conftest import handle, receipts, status

ADA, OURS, SECRET = "+33612345678", "+33639980042", "callr-secret"
#: Signatures of this body that were made elsewhere, with the secret "callr-secret".
VECTOR = b'{"event_id":"evt_1","type":"v2.sms.inbound.received"}'
SHA256 = "4MXF5q47m5+DThuiBV/RJKxeK5Cmj3hjeBah5F8QmoQ="
SHA512 = "T+ef33EL/MMD8/UxLZqlAXhShLdLskTqU9+qa4/FTEkcALon8/T4kyA2VcaRggqFWgbrP5JlfYN57ukzR03yTg=="
HEADER = "X-CALLR-HmacSignature"


@dataclass
class Account:
    """A Callr account of a workspace, and Callr as it calls us."""

    connection: Connection
    number: Number
    pool: Number
    client: Client = field(default_factory=Client)

    def post(self, body: bytes, headers: dict[str, str], address: str = "portal") -> HttpResponse:
        path = f"/callr/webhooks/{address}"
        return self.client.post(path, body, "application/json", headers=headers)

    def tell(self, payload: dict[str, Any], *, length: int = 32) -> None:
        body = json.dumps(payload).encode()
        answer = self.post(body, {HEADER: signatures.sign(body, SECRET, length)})
        assert answer.status_code == 200, answer.content

    def message(self, status: str = "sent", **columns: Any) -> Message:
        at = columns.pop("at", timezone.now())
        mine = {"number": self.number, "recipient": ADA, "body": "Hi Ada", "claimed_at": at}
        return make_message(self.connection.workspace, at=at, status=status, **(mine | columns))


@pytest.fixture
def callr(db: None) -> Account:
    connection = make_connection(
        make_workspace(), "callr", external_id="sandbox1", secrets={"api_key": "key", "hmac_secret": SECRET}
    )
    Webhook.objects.create(
        connection=connection,
        workspace=connection.workspace,
        address_hash=hashlib.sha256(b"portal").hexdigest(),
        secrets={"address": "portal"},
    )
    number = make_number(connection.workspace, OURS, connection=connection, provider_id=OURS)
    return Account(connection, number, add_pool(connection))


_events = iter(range(10**6))


def v2(status: str = "delivered", **data: Any) -> dict[str, Any]:
    sms = {
        "sid": "abcd1234",
        "direction": "outbound",
        "fromNumber": OURS,
        "toNumber": ADA,
        "status": status,
        "bodyText": "Hi Ada",
        "parts": 1,
        "billingDebit": "1.00",
        "createdAt": timezone.now().isoformat(),
        "updatedAt": timezone.now().isoformat(),
    }
    envelope = {"event_id": f"evt_{next(_events)}", "type": "v2.sms.outbound.whatever-it-is-called"}
    return {**envelope, "data": sms | data}


def inbound(**data: Any) -> dict[str, Any]:
    sms = {"sid": "ef567890", "direction": "inbound", "fromNumber": ADA, "toNumber": OURS, "bodyText": "Yes"}
    return {**v2(**(sms | data)), "type": "v2.sms.inbound.received"}


def v1(status: str = "RECEIVED", event: str = "sms.mt.status_update", **data: Any) -> dict[str, Any]:
    sms = {
        "type": "OUT",
        "hash": "ABCD1234",
        "from": OURS,
        "to": ADA,
        "text": "Hi Ada",
        "parts": 1,
        "options": {"webhook": {"endpoint": "https://private.example"}},
        "status": status,
        "date_creation": f"{timezone.now():%Y-%m-%d %H:%M:%S}",
        "date_update": f"{timezone.now():%Y-%m-%d %H:%M:%S}",
    }
    event_id = f"evt_{next(_events)}"
    return {"event_id": event_id, "hook_hash": None, "try": 0, "type": event, "data": sms | data}


# --- Who is believed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", [SHA256, SHA512], ids=["sha256", "sha512"])
def test_a_signature_of_either_length_is_believed(callr, signature, rings):
    assert callr.post(VECTOR, {HEADER: signature}).status_code == 200
    assert rings == [1]


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        (SHA256[:-2] + "A=", "forged"),
        (signatures.sign(VECTOR, "another"), "forged"),
        (signatures.sign(VECTOR + b" ", SECRET), "forged"),
        (SHA256[:20], "forged"),
        ("no base64 at all", "forged"),
        ("ünlesbar", "forged"),
        ("", "unsigned"),
    ],
)
def test_a_call_that_is_not_signed_by_callr_is_refused_and_listed(callr, signature, reason):
    answer = callr.post(VECTOR, {HEADER: signature})

    assert answer.status_code == 401
    refusal = RefusedCall.objects.get()
    assert (refusal.reason, refusal.workspace) == (reason, callr.connection.workspace)
    assert refusal.path == "/callr/webhooks/•••"
    assert not ProviderCall.objects.exists()


def test_without_the_secret_no_call_is_believed(callr):
    callr.connection.secrets = {"api_key": "key"}
    callr.connection.save()

    assert callr.post(VECTOR, {HEADER: signatures.sign(VECTOR, "")}).status_code == 401
    assert RefusedCall.objects.get().reason == "secret"


def test_the_header_is_the_one_that_the_account_names(callr):
    callr.connection.options = {"signature_header": "X-Callr-Signature"}
    callr.connection.save()

    assert callr.post(VECTOR, {"X-Callr-Signature": SHA256}).status_code == 200
    assert callr.post(VECTOR, {HEADER: SHA256}).status_code == 401


def test_where_an_account_says_so_the_address_speaks_alone(callr):
    callr.connection.options = {"signed": False}
    callr.connection.save()

    assert callr.post(VECTOR, {}).status_code == 200


def test_the_address_of_an_aircall_account_is_none_of_callrs(callr):
    body = json.dumps({"event": "message.sent"}).encode()

    assert callr.client.post("/aircall/webhooks/portal", body, "application/json").status_code == 404
    assert callr.post(VECTOR, {HEADER: SHA256}, "somebody-guessed").status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"data": {}}', b'{"type": 5.5}'])
def test_what_cannot_be_read_is_400_also_where_it_is_signed(callr, body):
    answer = callr.post(body, {HEADER: signatures.sign(body, SECRET)})

    assert answer.status_code == 400
    assert RefusedCall.objects.get().reason == "malformed"


# --- Stored -------------------------------------------------------------------------------------------


def test_costs_and_options_are_never_stored(callr):
    callr.tell(v2())
    callr.tell(v1())
    kept = json.dumps(list(ProviderCall.objects.values_list("body", flat=True)))

    assert [word for word in ("billing", "private.example") if word in kept] == []


def test_once_handled_the_text_is_gone(callr):
    callr.tell(inbound())
    callr.tell(v1())
    handle()

    kept = json.dumps(list(ProviderCall.objects.values_list("body", flat=True)))
    assert not any(text in kept for text in ("Yes", "Hi Ada"))


# --- Delivery reports ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "after"),
    [
        ("created", "sent"),
        ("pending", "sent"),
        ("sent", "sent"),
        ("remote-queued", "sent"),
        ("delivered", "delivered"),
        ("failed", "undelivered"),
        ("expired", "undelivered"),
        ("error", "undelivered"),
        ("never heard of", "sent"),
    ],
)
def test_every_status_of_v2_means_what_callr_says(callr, word, after):
    message = callr.message(provider_id="abcd1234")
    callr.tell(v2(word))
    handle()

    assert status(message) == after
    assert receipts(message)[0]["status"] == word


@pytest.mark.parametrize(
    ("word", "after"),
    [
        ("REMOTE_QUEUED", "sent"),
        ("RECEIVED", "delivered"),
        ("EXPIRED", "undelivered"),
        ("FAILED", "undelivered"),
    ],
)
def test_the_earlier_apis_words_and_hash_are_understood(callr, word, after):
    message = callr.message(provider_id="abcd1234")
    callr.tell(v1(word), length=64)
    handle()

    assert status(message) == after


def test_why_a_message_was_not_accepted_is_shown(callr):
    message = callr.message(provider_id="abcd1234")
    callr.tell(v1("ERROR", status_error="No credit left"))
    handle()

    message.refresh_from_db()
    assert message.error_facts["answer"] == "ERROR: No credit left"


@pytest.mark.parametrize("spelling", ["event_id", "eventId"])
def test_the_same_event_told_again_does_nothing(callr, spelling):
    message = callr.message(provider_id="abcd1234")
    event = v2()
    event[spelling] = event.pop("event_id")
    for changed in ("delivered", "delivered, told again"):
        event["data"]["network"] = event["data"]["updatedAt"] = changed
        callr.tell(event)
    handle()

    assert list(ProviderCall.objects.order_by("pk").values_list("outcome", flat=True)) == ["moved", "repeat"]
    assert status(message) == "delivered"


def test_reports_in_the_wrong_order_do_not_take_a_message_back(callr):
    message = callr.message(provider_id="abcd1234")
    for word in ("delivered", "sent", "remote-queued", "pending"):
        callr.tell(v2(word))
    handle()

    assert status(message) == "delivered"


def test_a_message_whose_answer_was_lost_is_recognised_and_gets_its_id(callr):
    message = callr.message("unknown", error_code="PROVIDER_UNKNOWN")
    callr.tell(v2())
    handle()

    assert status(message) == "delivered"
    assert message.provider_id == "abcd1234"


def test_a_word_that_it_waits_at_callr_settles_that_callr_has_it(callr):
    message = callr.message("unknown", error_code="PROVIDER_UNKNOWN")
    callr.tell(v2("pending"))
    handle()

    assert status(message) == "sent"


def test_so_is_one_whose_sender_callr_picked(callr):
    message = callr.message("unknown", error_code="PROVIDER_UNKNOWN", number=callr.pool, sender="")
    callr.tell(v2(fromNumber="36180"))
    handle()

    assert status(message) == "delivered"


def test_so_is_one_that_was_sent_under_a_name(callr):
    workspace = callr.connection.workspace
    name = make_number(workspace, "ACME", connection=callr.connection, provider_id="name:ACME", kind="name")
    message = callr.message("unknown", error_code="PROVIDER_UNKNOWN", number=name, sender="ACME")
    callr.tell(v2(fromNumber="ACME"))
    handle()

    assert status(message) == "delivered"


@pytest.mark.parametrize(("word", "kept"), [("sent", 1), ("delivered", 1), ("pending", 0), ("error", 0)])
def test_what_another_program_sent_is_kept_once_it_left(callr, word, kept):
    callr.tell(v2(word, sid="ffff0000"))
    callr.tell(v2(word, sid="ffff0000"))
    handle()

    assert OutsideMessage.objects.count() == kept


def test_calls_bills_and_files_come_to_nothing(callr):
    callr.tell({"event_id": "evt", "type": "call.inbound_hangup", "data": {"hash": "X", "callerid": ADA}})
    handle()

    call = ProviderCall.objects.get()
    assert (call.outcome, call.body["data"]) == ("unused", {"hash": "X"})


# --- Replies ------------------------------------------------------------------------------------------


def _v1_inbound() -> dict[str, Any]:
    return v1("RECEIVED", "sms.mo", **{"type": "IN", "from": ADA, "to": OURS, "text": "Yes"})


@pytest.mark.parametrize("made", [inbound, _v1_inbound], ids=["v2", "legacy"])
def test_a_text_to_one_of_our_numbers_answers_the_newest_message(callr, made):
    message = callr.message(provider_id="abcd1234")
    callr.tell(made())
    handle()

    reply = InboundMessage.objects.get()
    assert (reply.number, reply.sender, reply.body, reply.answers) == (callr.number, ADA, "Yes", message.pk)


def test_a_text_that_somebody_replays_under_another_id_in_the_header_is_kept_once(callr):
    """The signature is of the body alone."""
    event = inbound()
    del event["event_id"], event["data"]["sid"]
    for n in range(3):
        body = json.dumps({**event, "try": min(n, 1)}).encode()  # which the earlier API counts up itself
        headers = {HEADER: signatures.sign(body, SECRET), "X-CALLR-EventId": f"evt_replayed_{n}"}
        assert callr.post(body, headers).status_code == 200
    handle()

    assert InboundMessage.objects.count() == 1


def test_texts_without_any_id_that_say_different_things_are_all_kept(callr):
    for said in ("Yes", "No"):
        event = inbound(bodyText=said)
        del event["event_id"], event["data"]["sid"]
        callr.tell(event)
    handle()

    assert InboundMessage.objects.count() == 2


def test_a_text_to_a_sender_that_callr_picked_answers_what_went_out_so(callr):
    message = callr.message(provider_id="abcd1234", number=callr.pool, sender="")
    callr.tell(inbound(toNumber="36180"))
    handle()

    reply = InboundMessage.objects.get()
    assert (reply.number, reply.answers) == (callr.pool, message.pk)


def test_without_a_direction_the_events_name_says_it(callr):
    event = inbound()
    del event["data"]["direction"]
    callr.tell(event)
    handle()

    assert InboundMessage.objects.count() == 1


@pytest.mark.parametrize("data", [None, [], "text", 5, {"sid": {}, "status": [], "fromNumber": True}])
def test_a_message_that_is_none_is_stored_and_comes_to_nothing(callr, data):
    callr.tell({**v2(), "data": data})
    handle()

    assert ProviderCall.objects.get().outcome == "not_ours"


@pytest.fixture(autouse=True)
def _fresh() -> None:
    cache.forget()
