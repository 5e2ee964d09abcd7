"""The sandbox's Callr: REST v2 and JSON-RPC, statuses that advance, signed webhooks, and a switch for each unknown."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from smsadmin.sandbox.server import SandboxServer
from tests.sandbox.conftest import Call, Receiver, client

ADA, OURS, SECRET = "+33612345678", "+33639980042", "callr-secret"
SMS = {"to": ADA, "trafficType": "alerting"}


@pytest.fixture
def callr(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    sandbox.state.settings.callr_event_delay = sandbox.state.settings.callr_webhook_retry_delay = 0.0
    with client(f"{sandbox.url}/callr", headers={"x-api-key": "sandbox-callr-key"}) as http:
        yield http


@pytest.fixture
def portal(control: httpx.Client, product: Receiver) -> Receiver:
    """Where the webhook leads that somebody made in the portal."""
    made = control.post("/callr/webhooks", json={"url": f"{product.url}/callr", "secret": SECRET})
    assert made.status_code == 201
    return product


def send(callr: httpx.Client, text: Any = "Hello", **query: str) -> httpx.Response:
    return callr.post("/v2.0/sms", params={**SMS, **query}, json={"text": text})


def switch(control: httpx.Client, **settings: Any) -> None:
    assert control.post("/settings", json=settings).status_code == 200


# --- REST v2 ------------------------------------------------------------------------------------------


def test_a_ping_needs_the_key_in_its_header_or_as_basic_credentials(callr, sandbox):
    assert callr.get("/v2.0/ping").json()["pong"] == "pong"
    with client(f"{sandbox.url}/callr") as nobody:
        assert nobody.get("/v2.0/ping").status_code == 401
        assert nobody.get("/v2.0/ping").json().keys() == {"code", "message"}
        for known in [("sandbox1", "sandbox-callr-key"), ("sandbox-callr-login", "sandbox-callr-password")]:
            assert nobody.get("/v2.0/ping", auth=known).status_code == 200
        assert nobody.get("/v2.0/ping", auth=("sandbox1", "forged")).status_code == 401


def test_an_sms_is_taken_and_can_be_read_back(callr, control):
    answer = send(callr, "Grüße 👋", **{"from": "ACME"})

    assert (answer.status_code, answer.json()["status"], answer.json()["encoding"]) == (
        201,
        "created",
        "unicode",
    )
    sid = answer.json()["sid"]
    assert (len(sid), sid) == (8, sid.lower())
    assert callr.get(f"/v2.0/sms/{sid}").json()["toType"] == "MOBILE"
    [kept] = control.get("/messages", params={"service": "callr"}).json()
    wanted = {"id": sid, "sender": "ACME", "recipient": ADA, "body": "Grüße 👋", "traffic": "alerting"}
    assert wanted.items() <= kept.items()


def test_without_a_sender_one_is_picked(callr):
    assert send(callr).json()["fromNumber"] == "36180"


def test_a_plus_that_is_not_encoded_is_a_space_and_refused(callr):
    answer = callr.post(f"/v2.0/sms?to={ADA}&trafficType=alerting", json={"text": "Hello"})

    assert answer.status_code == 400
    assert answer.json().keys() == {"code", "message"}


@pytest.mark.parametrize(
    "query",
    [
        {"to": "0612345678"},
        {"trafficType": "urgent"},
        {"from": "TWELVE LETTERS"},
        {"from": "12345678"},
        {"from": "+33600000000"},
        {"encoding": "utf-8"},
        {"color": "green"},
    ],
)
def test_what_cannot_be_is_400(callr, query):
    assert send(callr, **query).status_code == 400


@pytest.mark.parametrize(
    "body", [{}, {"text": ""}, {"text": 5}, {"body": "Hello"}, {"text": "a", "body": "a"}]
)
def test_the_body_has_text_and_nothing_else(callr, body):
    assert callr.post("/v2.0/sms", params=SMS, json=body).status_code == 400


def test_build_mode_refuses_who_is_no_testing_number(callr, control):
    switch(
        control, callr_build_mode=True, callr_testing_numbers=f"+33600000000 {ADA}", callr_build_mode_code="x"
    )

    assert send(callr).status_code == 201
    refused = send(callr, to="+33612345679")
    assert (refused.status_code, refused.json()["code"]) == (403, "x")


def test_numbers_are_a_search_list(callr):
    page = callr.get("/v2.0/numbers", params={"offset": "1", "limit": "2"}).json()

    assert (page["offset"], page["total"], page["hasMore"], len(page["hits"])) == (1, 4, True, 2)
    assert page["hits"][0]["e164"] == OURS
    assert callr.get("/v2.0/numbers", params={"limit": "101"}).status_code == 400


@pytest.mark.parametrize(
    ("reply", "keys"), [("sid", {"sid"}), ("hash", {"hash"}), ("id", {"id"}), ("empty", None)]
)
def test_the_form_of_the_answer_is_a_switch(callr, control, reply, keys):
    switch(control, callr_reply=reply, callr_reply_status=202)
    answer = send(callr)

    assert answer.status_code == 202
    assert (set(answer.json()) if answer.content else None) == keys


def test_so_are_the_names_of_the_parameters(callr, control):
    switch(control, callr_sender_parameter="senderId")

    assert send(callr, senderId="ACME").status_code == 201
    assert send(callr, **{"from": "ACME"}).status_code == 400


def test_requests_can_be_limited(callr, control):
    switch(control, callr_requests_per_minute=2)

    assert [send(callr).status_code for _ in range(3)] == [201, 201, 429]


def test_a_fault_without_a_path_meets_sends_alone(callr, control):
    control.post("/faults", json={"service": "callr", "kind": "500", "recipient": ADA, "count": 1})

    assert callr.get("/v2.0/numbers").status_code == 200
    assert [send(callr, to=to).status_code for to in ("+33612345679", ADA, ADA)] == [201, 500, 201]


# --- JSON-RPC -----------------------------------------------------------------------------------------


def call(callr: httpx.Client, method: str, *parameters: Any) -> dict[str, Any]:
    asked = {"jsonrpc": "2.0", "id": 42, "method": method, "params": list(parameters)}
    headers = {"Authorization": "Api-Key sandbox-callr-key"}
    answer = callr.post("/json-rpc/v1.1/", json=asked, headers=headers)
    assert (answer.status_code, answer.json()["id"]) == (200, 42)
    return answer.json()


def test_the_earlier_api_takes_the_same_sms(callr, control):
    options = {"nature": "MARKETING", "force_encoding": "UNICODE"}
    sms_hash = call(callr, "sms.send", "ACME", ADA, "Hello", options)["result"]

    assert sms_hash == sms_hash.upper()
    assert call(callr, "sms.get", sms_hash)["result"]["text"] == "Hello"
    [kept] = control.get("/messages").json()
    assert (kept["id"], kept["mode"], kept["encoding"]) == (sms_hash.lower(), "rpc", "unicode")


@pytest.mark.parametrize(
    ("method", "parameters", "message"),
    [
        ("sms.send", ["12345", ADA, "Hello", None], "PROPERTY_VALUE_ERROR [from]"),
        ("sms.send", ["SMS", None, "Hello", None], "PROPERTY_TYPE_ERROR [to]"),
        ("sms.send", ["SMS", ADA, None, None], "INVALID_PARAM_FORMAT [body]"),
        ("sms.get", ["FFFFFFFF"], "PROPERTY_VALUE_ERROR [id]"),
    ],
)
def test_its_errors_are_those_that_sdks_meet(callr, method, parameters, message):
    assert call(callr, method, *parameters)["error"]["message"] == message


def test_its_credentials_are_refused_with_401(sandbox):
    with client(f"{sandbox.url}/callr", headers={"Authorization": "Api-Key forged"}) as nobody:
        assert nobody.post("/json-rpc/v1.1/", json={}).status_code == 401


# --- Webhooks -----------------------------------------------------------------------------------------


def signature_of(heard: Call, algorithm: str) -> str:
    return base64.b64encode(hmac.digest(SECRET.encode(), heard.body, algorithm)).decode()


def test_every_step_of_an_sms_is_told_signed(callr, portal):
    sid = send(callr).json()["sid"]
    heard = portal.take(4)

    assert sorted(each.json["data"]["status"] for each in heard) == [
        "delivered",
        "pending",
        "remote-queued",
        "sent",
    ]
    for each in heard:
        assert each.headers["x-callr-hmacsignature"] == signature_of(each, "sha256")
        assert each.headers["x-callr-eventid"] == each.json["event_id"]
        assert (each.json["type"], each.json["data"]["sid"]) == ("v2.sms.outbound.status-updated", sid)
    assert callr.get(f"/v2.0/sms/{sid}").json()["status"] == "delivered"


@pytest.mark.parametrize(
    ("recipient", "end"), [("+12025550191", "failed"), ("+12025550192", "expired"), ("+12025550194", "error")]
)
def test_some_recipients_never_get_it(callr, portal, recipient, end):
    send(callr, to=recipient)
    steps = {portal.next().json["data"]["status"] for _ in range(2 if end == "error" else 4)}

    assert end in steps
    assert "delivered" not in steps


def test_what_v2_leaves_open_about_its_webhooks_are_switches(callr, control, portal):
    switch(
        control,
        callr_signature="sha512",
        callr_signature_header="X-Callr-Signature",
        callr_envelope="camel",
        callr_delivery_event="v2.sms.outbound.delivered",
    )
    send(callr)
    heard = portal.next()

    assert heard.headers["x-callr-signature"] == signature_of(heard, "sha512")
    assert {"eventId", "eventAt"} <= set(heard.json)
    assert heard.json["type"] == "v2.sms.outbound.delivered"


def test_the_earlier_webhooks_are_a_switch_too(callr, control, portal):
    switch(control, callr_webhooks="legacy")
    send(callr)
    heard = {each.json["data"]["status"]: each.json for each in portal.take(4)}

    assert set(heard) == {"PENDING", "SENT", "REMOTE_QUEUED", "RECEIVED"}
    assert heard["SENT"]["type"] == "sms.mt.status_update"
    assert (heard["SENT"]["hook_hash"], heard["SENT"]["try"]) == (None, 0)


def test_what_is_not_taken_is_told_again_with_the_same_event_id(callr, control, portal):
    switch(control, callr_webhooks="legacy")
    refused = iter([500])
    portal.answer = lambda call: (next(refused, 200), {})
    send(callr, to="+12025550194")
    heard = portal.take(3)

    again = [each.json for each in heard if each.json["try"] == 1]
    assert len(again) == 1
    assert [each.json["event_id"] for each in heard].count(again[0]["event_id"]) == 2


def test_repeats_and_disorder_are_switches(callr, control, portal):
    switch(control, callr_events_doubled=1.0, callr_events_shuffled=1.0)
    send(callr)
    heard = [each.json["event_id"] for each in portal.take(8)]

    assert len(set(heard)) == 4


@pytest.mark.parametrize("reference", [OURS, OURS[1:], "36180"])
def test_a_text_from_outside_is_told(control, callr, portal, reference):
    answer = control.post("/inbound", json={"number": reference, "from": ADA, "body": "Yes"})
    heard = portal.next().json

    assert answer.json()["service"] == "callr"
    assert heard["type"] == "v2.sms.inbound.received"
    told = {"fromNumber": ADA, "bodyText": "Yes", "direction": "inbound", "status": "delivered"}
    assert told.items() <= heard["data"].items()


def test_its_signature_is_the_one_of_the_product(callr, portal):
    """Both made on their own: they agree on a body that both sign."""
    from smsadmin.providers.callr import signatures

    send(callr)
    heard = portal.next()
    assert signatures.is_signed(heard.body, SECRET, heard.headers["x-callr-hmacsignature"])


def test_the_index_names_it(sandbox):
    with client(sandbox.url) as http:
        assert json.dumps(http.get("/").json()["callr"]).endswith('/callr/v2.0"')
