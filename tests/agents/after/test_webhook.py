"""What a platform tells is believed only where it is proven, stored first, and harmless when it is told again."""

import pytest

from smsadmin.agents.after import views
from smsadmin.agents.after.proof import signature
from smsadmin.agents.after.story import Story
from smsadmin.agents.models import AgentCall
from smsadmin.agents.reading import calls_for_reader
from smsadmin.sending.models import RefusedCall
from tests.agents.after.conftest import ADA, CALL, SECRET, made_house, webhook_body
from tests.factories import make_member

#: Of the id of the call alone, with the secret synth-secret.
VECTOR = "dZEHGQs7nF27O3RgkjbFo1sOiX6sB6TqrsJsOo6JvB4="


def test_the_signature_covers_the_id_alone():
    assert signature(SECRET, CALL) == VECTOR


@pytest.mark.parametrize(
    "header",
    ["Synthflow-Signature", "SYNTHFLOW-SIGNATURE", "HTTP_SYNTHFLOW_SIGNATURE", "Http-Synthflow-Signature"],
)
def test_the_signature_is_found_however_its_header_is_spelt(house, header):
    assert house.tell(webhook_body(), **{header: VECTOR}).status_code == 200
    assert house.call.call_id == CALL


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "unsigned"),
        ({"Synthflow-Signature": "x" + VECTOR[1:]}, "forged agent"),
        ({"Synthflow-Signature": "ß"}, "forged agent"),
        ({"Authorization": "Bearer smsagent_00000000_x"}, "unknown token"),
    ],
)
def test_a_call_of_nobody_is_turned_away_and_listed(house, headers, reason):
    assert house.tell(webhook_body(), **headers).status_code == 401
    assert not AgentCall.objects.exists()
    assert RefusedCall.objects.get().reason == reason
    assert RefusedCall.objects.get().workspace == house.workspace


def test_without_a_secret_nothing_can_be_believed(house):
    house.agent.secrets = {}
    house.agent.save()
    assert house.tell_signed().status_code == 401
    assert RefusedCall.objects.get().reason == "secret"


def test_another_agents_token_is_no_proof(house):
    other = made_house()
    house.token = other.token
    assert house.tell_plainly({}).status_code == 401


def test_retell_and_vapi_prove_themselves_as_with_tools(db, monkeypatch):
    import hashlib
    import hmac
    import json
    import time

    retell = made_house("retell")
    body = json.dumps({"event": "call_analyzed", "call": {"call_id": "r1", "from_number": ADA}}).encode()
    stamp = str(int(time.time() * 1000))
    digest = hmac.new(SECRET.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
    assert retell.tell(body, **{"X-Retell-Signature": f"v={stamp},d={digest}"}).status_code == 200
    assert retell.call.told["proof"] == "body"
    assert retell.tell(body + b" ", **{"X-Retell-Signature": f"v={stamp},d={digest}"}).status_code == 401

    vapi = made_house("vapi")
    report = {"message": {"type": "end-of-call-report", "call": {"id": "v1"}}}
    assert vapi.tell(report, **{"X-Vapi-Secret": SECRET}).status_code == 200
    assert vapi.tell(report, **{"X-Vapi-Secret": "another"}).status_code == 401


def test_unknown_and_archived_agents_have_no_address(house):
    house.agent.enabled, house.agent.archived_at = False, house.agent.created_at
    house.agent.save()
    assert house.tell_signed().status_code == 404


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[]", 400), (b"\xff", 400), (b"{}", 400)])
def test_what_cannot_be_read_is_refused(house, body, status):
    assert house.tell(body, Authorization=f"Bearer {house.token}").status_code == status
    assert not AgentCall.objects.exists()


def test_a_call_is_stored_before_anything_follows_from_it(house):
    house.attach()
    assert house.tell_signed().status_code == 200
    call = house.call
    story = Story.of(call)
    assert (story.status, story.end_reason, story.party, story.duration) == (
        "completed",
        "human_goodbye",
        ADA,
        32,
    )
    assert (call.after, call.ended_at is not None, house.texts) == ("waiting", True, [])
    assert "Rosebud" not in str(call.told)


def test_what_is_not_proven_is_kept_apart(house):
    house.tell_signed()
    call = house.call
    assert (call.status, call.party, call.number, call.duration) == ("", "", "", None)
    assert call.told["facts"]["party"] == ADA
    viewer = make_member(house.workspace, "viewer")
    assert ADA not in str(calls_for_reader([call], viewer)[0].told)


def test_spaces_around_an_id_make_no_other_call(house):
    house.tell_plainly({"call_id": f" {CALL} "})
    assert house.call.call_id == CALL
    assert house.tell_plainly({"call_id": " "}).status_code == 400


def test_an_id_that_is_no_text_is_signed_like_any_other(house):
    body = b'{"call": {"call_id": "\\ud800", "status": "completed"}}'
    assert house.tell(body, **{"Synthflow-Signature": "x"}).status_code == 401
    assert house.tell(body, **{"Synthflow-Signature": signature(SECRET, "\ud800")}).status_code == 200
    assert house.call.call_id == "\ufffd"


def test_what_we_fail_at_is_answered_in_json_and_logged(house, monkeypatch, caplog):
    monkeypatch.setattr(views, "_payload", lambda body: 1 / 0)
    answer = house.tell_plainly({})
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/json")
    assert "ZeroDivisionError" in caplog.text


def test_a_signed_call_that_goes_on_is_not_kept(house):
    assert house.tell_signed(status="in-progress").json() == {"message": "nothing follows from it"}
    assert not AgentCall.objects.exists()


def test_an_unproven_word_changes_nothing_that_is_proven(house):
    house.tell_plainly({"party": ADA, "variables": {"purchase": "car"}})
    house.tell_signed(status="failed")
    assert house.call.status == "ended"
    assert house.call.told["proof"] == "body"


def test_what_is_proven_replaces_what_was_not(house):
    house.tell_signed()
    house.tell_plainly({"status": "done", "variables": {"purchase": "boat"}})
    assert (house.call.status, house.call.told["actions"]) == ("done", [])
