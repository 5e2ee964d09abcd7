"""Faults: what goes wrong, seen from the other end of the socket."""

import httpx
import pytest

from smsadmin.sandbox.faults import MAGIC_RECIPIENTS

SEND = "/v1/numbers/812001/messages/native/send"
BODY = {"to": "+12135550142", "body": "Hello Ada"}


def fault(control, **data):
    answer = control.post("/faults", json={"service": "aircall"} | data)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("429", 429, "Too Many Requests"),
        ("500", 500, "Internal Server Error"),
        ("502", 502, "<html>"),
        ("503", 503, "Internal Server Error"),
        ("edge403", 403, '{"message":"Forbidden"}'),
        ("forbidden", 403, '"error":"Forbidden"'),
    ],
)
def test_a_refusal_is_answered_and_nothing_is_sent(aircall, control, kind, status, body):
    fault(control, kind=kind, count=1)
    answer = aircall.post(SEND, json=BODY)

    assert (answer.status_code, body in answer.text) == (status, True)
    assert control.get("/messages").json() == []
    assert aircall.post(SEND, json=BODY).status_code == 200


@pytest.mark.parametrize(
    ("kind", "error", "sent"),
    [
        ("reset_before", httpx.ReadError, 0),
        ("reset", httpx.ReadError, 0),
        ("hang", httpx.ReadTimeout, 0),
        ("reset_after", httpx.ReadError, 1),
        ("timeout", httpx.ReadTimeout, 1),
        ("slow", httpx.ReadTimeout, 1),
        ("cut", httpx.RemoteProtocolError, 1),
        ("garbage", httpx.RemoteProtocolError, 1),
    ],
)
def test_a_broken_connection_is_seen_and_the_message_is_out_or_not(aircall, control, kind, error, sent):
    fault(control, kind=kind, count=1)

    with pytest.raises(error):
        aircall.post(SEND, json=BODY, timeout=0.2)

    assert len(control.get("/messages").json()) == sent


@pytest.mark.parametrize("kind", ["invalid_json", "no_id", "500_after"])
def test_an_answer_that_hides_the_acceptance(aircall, control, kind):
    fault(control, kind=kind, count=1)
    answer = aircall.post(SEND, json=BODY)

    assert len(control.get("/messages").json()) == 1
    if kind == "invalid_json":
        with pytest.raises(ValueError, match="Unterminated"):
            answer.json()
    if kind == "no_id":
        assert "id" not in answer.json()
        assert answer.json()["status"] == "pending"
    if kind == "500_after":
        assert answer.status_code == 500


def test_a_slow_answer_is_the_right_one(aircall, control):
    fault(control, kind="slow", count=1, seconds=0.05)

    assert aircall.post(SEND, json=BODY).json()["status"] == "pending"


def test_a_magic_recipient_meets_its_fault_every_time(aircall):
    by_kind = {kind: recipient for recipient, kind in MAGIC_RECIPIENTS.items()}
    for _ in range(2):
        assert aircall.post(SEND, json=BODY | {"to": by_kind["500"]}).status_code == 500
    with pytest.raises(httpx.ReadError):
        aircall.post(SEND, json=BODY | {"to": by_kind["reset_after"]})


def test_a_share_strikes_that_part_of_the_sends(aircall, control):
    control.post("/settings", json={"aircall_requests_per_minute": 0})
    fault(control, kind="500", share=0.3)
    statuses = [aircall.post(SEND, json=BODY).status_code for _ in range(100)]

    assert 15 < statuses.count(500) < 45


def test_a_fault_leaves_other_requests_and_other_recipients_alone(aircall, control):
    fault(control, kind="500", recipient="+12135550143")

    assert aircall.get("/v1/numbers").status_code == 200
    assert aircall.post(SEND, json=BODY).status_code == 200
    assert aircall.post(SEND, json=BODY | {"to": "+12135550143"}).status_code == 500


def test_a_path_widens_a_fault_beyond_sends(aircall, control):
    fault(control, kind="503", path="/v1/numbers$")

    assert aircall.get("/v1/numbers").status_code == 503


def test_faults_are_listed_and_cleared(aircall, control):
    fault(control, kind="500")
    assert [item["kind"] for item in control.get("/faults").json()] == ["500"]

    control.delete("/faults")

    assert aircall.post(SEND, json=BODY).status_code == 200


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "earthquake"},
        {"kind": "500", "service": "pigeon"},
        {"kind": "500", "often": 1},
        {"kind": "500", "path": "("},
    ],
)
def test_a_fault_that_does_not_exist_is_refused_with_a_sentence(control, data):
    answer = control.post("/faults", json=data)

    assert answer.status_code == 400
    assert answer.json()["message"].endswith(".")


def test_the_request_log_names_the_fault_and_hides_secrets(aircall, control, hubspot):
    fault(control, kind="reset_before", count=1)
    with pytest.raises(httpx.ReadError):
        aircall.post(SEND, json=BODY)
    hubspot.get("/oauth/v1/access-tokens/secret-token")

    reset, lookup = control.get("/requests").json()
    assert (reset["status"], reset["fault"], reset["method"]) == ("reset", "reset_before", "POST")
    assert lookup["path"] == "/hubspot/oauth/v1/access-tokens/***"
