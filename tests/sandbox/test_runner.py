"""The workflow runner: what it sends, how it signs, when it repeats, what it waits for."""

import threading

import pytest
from hubspot.utils.signature import Signature

from smsadmin.sandbox.signing import sign_v2, sign_v3
from tests.sandbox.conftest import SECRET, SUCCESS


def enrol(control, wait=5, **asked):
    """Enrol and wait until every record has an answer; the progress."""
    started = control.post("/enrol", json={"workflow": "Welcome text", "records": 1} | asked)
    assert started.status_code == 201, started.text
    return control.get(f"/enrol/{started.json()['id']}", params={"wait": wait}).json()


def action_log(control, **filters):
    return control.get("/action-log", params=filters).json()


def uri(product, call):
    return product.url + call.path


def test_signatures_equal_those_of_hubspots_own_client():
    url, body = "https://sms.example.com/hubspot/actions/send-sms?ws=main&v=2", "Grüße Zoë 👋"

    assert sign_v2(SECRET, "POST", url, body.encode()) == Signature.get_signature(SECRET, body, "v2", url)
    ours = sign_v3(SECRET, "POST", url, body.encode(), 1767225600000)
    assert ours == Signature.get_signature(SECRET, body, "v3", url, "POST", "1767225600000")


def test_version_3_hashes_the_uri_with_some_escapes_decoded():
    url = "https://a.example/x?to=%2B15550199&cb=https%3A%2f%2Fa%3Fy=1&tag=a%2Cb%3Bc&q=%20"
    hashed = "https://a.example/x?to=%2B15550199&cb=https://a?y=1&tag=a,b;c&q=%20"

    expected = Signature.get_signature(SECRET, "", "v3", hashed, "GET", "1767225600000")
    assert sign_v3(SECRET, "GET", url, b"", 1767225600000) == expected


def test_an_execution_is_signed_so_that_hubspots_client_accepts_it(control, product):
    enrol(control)
    call = product.next()
    body, url = call.body.decode(), uri(product, call)
    timestamp = call.headers["x-hubspot-request-timestamp"]

    assert Signature.is_valid(call.headers["x-hubspot-signature"], SECRET, body, url)
    expected = Signature.get_signature(SECRET, body, "v3", url, "POST", timestamp)
    assert call.headers["x-hubspot-signature-v3"] == expected


@pytest.mark.parametrize(
    ("kind", "valid", "version_3"), [("v2", True, False), ("bad", False, True), ("none", False, False)]
)
def test_signing_is_a_switch(control, product, kind, valid, version_3):
    control.post("/settings", json={"runner_signature": kind})
    enrol(control)
    call = product.next()
    signature = call.headers.get("x-hubspot-signature", "")

    assert Signature.is_valid(signature, SECRET, call.body.decode(), uri(product, call)) is valid
    assert ("x-hubspot-signature-v3" in call.headers) is version_3


def test_a_stale_signature_is_ten_minutes_old(control, product, clock):
    control.post("/settings", json={"runner_signature": "stale"})
    enrol(control)

    assert int(product.next().headers["x-hubspot-request-timestamp"]) == (clock() - 600) * 1000


def test_the_body_has_the_core_the_extra_keys_and_rendered_inputs(control, product, sandbox):
    enrol(control)
    body = product.next().json

    assert body["callbackId"].startswith("ap-9000001-")
    assert body["origin"]["portalId"] == 9000001
    assert body["context"]["source"] == "WORKFLOWS"
    assert (body["object"]["objectId"], body["object"]["objectType"]) == (4242, "CONTACT")
    assert body["object"]["properties"]["firstname"] == "Ada"
    assert body["inputFields"]["message"].startswith("Hi Ada, ")
    assert body["inputFields"]["recipient"] == sandbox.state.records["contacts"]["4242"].properties["phone"]
    assert body["fields"] == body["inputFields"]
    assert body["typedInputs"]["recipient"]["type"] == "STRING"


def test_the_documented_payload_is_a_switch(control, product):
    control.post("/settings", json={"runner_payload": "documented"})
    enrol(control)
    body = product.next().json

    assert set(body) == {"callbackId", "origin", "context", "object", "inputFields"}
    assert set(body["context"]) == {"source", "workflowId"}


@pytest.mark.parametrize(
    ("empty", "expected"), [("missing", {}), ("null", {"to": None}), ("empty", {"to": ""})]
)
def test_an_unset_property_is_sent_as_the_switch_says(control, product, empty, expected):
    control.post("/settings", json={"runner_empty_input": empty})
    inputs = {"to": {"type": "OBJECT_PROPERTY", "propertyName": "sms_opt_out"}}
    enrol(control, workflow={"name": "Inline", "inputs": inputs, "action_url": "/act?action=7"})
    call = product.next()

    assert call.path == "/act?action=7"
    assert call.json["inputFields"] == expected


def test_a_5xx_is_repeated_with_the_same_callback_id_until_it_is_answered(control, product):
    answers = iter([(503, {}), (500, b"<html>"), (200, b""), (200, SUCCESS)])
    product.answer = lambda call: next(answers)
    progress = enrol(control)
    calls = product.take(4)

    assert len({call.json["callbackId"] for call in calls}) == 1
    assert progress["success"] == 1
    assert action_log(control)[0]["attempts"] == 4


def test_repeats_end_after_the_attempts_allowed(control, product):
    control.post("/settings", json={"runner_attempts": 3})
    product.answer = lambda call: (503, {})

    assert enrol(control)["no_answer"] == 1
    assert action_log(control)[0]["attempts"] == 3


def test_nobody_listening_counts_as_no_answer(control):
    control.post("/settings", json={"runner_attempts": 2, "base_url": "http://127.0.0.1:9"})
    progress = enrol(control)

    assert progress["no_answer"] == 1
    assert "ConnectError" in action_log(control)[0]["error"]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((200, b"<html>hello</html>"), {"success": 1, "failed": {}}),
        ((401, {"errorCode": "SIGNATURE_INVALID"}), {"success": 0, "failed": {"SIGNATURE_INVALID": 1}}),
        ((404, b"no"), {"success": 0, "failed": {"HTTP 404": 1}}),
        (
            (
                200,
                {"outputFields": {"hs_execution_state": "FAIL_CONTINUE", "errorCode": "USER_NOT_ON_NUMBER"}},
            ),
            {"success": 0, "failed": {"USER_NOT_ON_NUMBER": 1}},
        ),
    ],
)
def test_an_answer_settles_the_execution_at_once(control, product, answer, outcome):
    product.answer = lambda call: answer
    progress = enrol(control)

    assert {name: progress[name] for name in outcome} == outcome
    assert action_log(control)[0]["attempts"] == 1


def test_a_share_of_the_deliveries_comes_twice(control, product):
    progress = enrol(control, records=10, repeat=1.0)
    calls = product.take(20)

    assert progress["repeated"] == 10
    assert len({call.json["callbackId"] for call in calls}) == 10
    assert all(len(entry["repeats"]) == 1 for entry in action_log(control))


BLOCK = {
    "outputFields": {"hs_execution_state": "BLOCK", "hs_expiration_duration": "PT1H", "status": "queued"}
}
SENT = {"outputFields": {"hs_execution_state": "SUCCESS", "status": "sent"}, "typedOutputs": {}}


def complete(hubspot, callback_id, **body):
    return hubspot.post(f"/automation/v4/actions/callbacks/{callback_id}/complete", json=SENT | body)


def test_a_blocked_execution_waits_for_its_callback(control, hubspot, product):
    product.answer = lambda call: (200, BLOCK)
    assert enrol(control)["blocked"] == 1
    callback_id = product.next().json["callbackId"]

    assert complete(hubspot, callback_id).status_code == 204
    [entry] = action_log(control, state="success")
    assert (entry["outputs"]["status"], entry["final"]) == ("sent", True)
    assert complete(hubspot, callback_id).status_code == 404
    assert [item["known"] for item in control.get("/callbacks").json()] == [True, False]


def test_a_blocked_execution_expires(control, hubspot, product, clock):
    product.answer = lambda call: (200, BLOCK)
    enrol(control)
    clock.seconds += 3600

    assert action_log(control)[0]["state"] == "expired"
    assert complete(hubspot, product.next().json["callbackId"]).status_code == 404


def test_a_callback_that_overtakes_the_blocking_answer_is_kept(control, hubspot, product):
    arrived, go_on = threading.Event(), threading.Event()
    held = []

    def answer(call):
        held.append(call.json["callbackId"])
        arrived.set()
        go_on.wait(5)
        return 200, BLOCK

    product.answer = answer
    enrolment = control.post("/enrol", json={"workflow": "Welcome text"}).json()
    arrived.wait(5)
    assert complete(hubspot, held[0]).status_code == 204
    assert complete(hubspot, held[0]).status_code == 404
    go_on.set()

    progress = control.get(f"/enrol/{enrolment['id']}", params={"wait": 5}).json()
    assert (progress["success"], progress["blocked"]) == (1, 0)


def test_a_batch_completes_those_that_wait(control, hubspot, product):
    product.answer = lambda call: (200, BLOCK)
    enrol(control, records=3)
    inputs = [{"callbackId": call.json["callbackId"], **SENT} for call in product.take(3)]
    path = "/automation/actions/callbacks/2026-03/complete"

    assert hubspot.post(path, json={"inputs": inputs}).status_code == 204
    assert len(action_log(control, state="success")) == 3
    assert hubspot.post(path, json={"inputs": inputs}).status_code == 404


def test_a_completion_names_success_or_failure(hubspot):
    body = {"outputFields": {"hs_execution_state": "BLOCK"}}
    assert hubspot.post("/automation/v4/actions/callbacks/x/complete", json=body).status_code == 400


def test_records_can_be_chosen_and_an_unknown_workflow_lists_the_names(control, product):
    enrol(control, record_ids=["4250", "4251"], records=2)
    assert {call.json["object"]["objectId"] for call in product.take(2)} == {4250, 4251}

    answer = control.post("/enrol", json={"workflow": "Nothing"})
    assert answer.status_code == 404
    assert "Welcome text, Owner follow-up, Sales reminder" in answer.json()["message"]
