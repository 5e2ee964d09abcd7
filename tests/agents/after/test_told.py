"""The story of a call, from what each platform tells of it."""

import json

import pytest

from smsadmin.agents.after import told
from smsadmin.agents.after.story import Story
from tests.agents.after.conftest import ADA, CALL, record, webhook_body


def story(platform, body):
    return told.read(platform, body).story


def test_synthflows_webhook():
    found = told.read("synthflow", webhook_body())
    assert found.call_id == CALL
    assert found.story.status == "completed"
    assert found.story.end_reason == "human_goodbye"
    assert (found.story.party, found.story.duration, found.story.agent_id) == (ADA, 32, "agent-1")
    assert found.story.executed("extract_info_1").error == ""
    assert found.story.value("purchase") == "car"
    assert found.story.is_over


def test_synthflows_newer_webhook_has_variables_and_scores():
    body = webhook_body() | {
        "collected_variables": {"date": "3 March", "interested": True},
        "analysis": {"politeness": 5, "politeness_feedback": "polite"},
    }
    assert story("synthflow", body).variables == {"date": "3 March", "interested": True}


@pytest.mark.parametrize(
    "collected",
    [
        {"name": {"value": "Ada", "collected": True}, "age": {"value": None, "collected": False}},
        {"agent-1": {"name": {"value": "Ada", "collected": True}}},
        [{"name": "name", "value": "Ada", "collected": True}],
        {"name": "Ada", "age": None},
    ],
)
def test_collected_variables_are_read_in_every_form(collected):
    assert story("synthflow", webhook_body() | {"collected_variables": collected}).variables == {
        "name": "Ada"
    }


def test_synthflows_record_of_a_call():
    found = told.synthflow_record(record())
    assert (found.party, found.number, found.direction) == (ADA, "+12025550100", "inbound")
    assert found.variables == {"first_name": "Ada"}
    assert found.value("slot.date") == "3 March"
    outbound = told.synthflow_record(record(type_of_call="outbound"))
    assert (outbound.party, outbound.number) == ("+12025550100", ADA)


@pytest.mark.parametrize("status", ["in-progress", "ringing", "pending", "registered", "paused"])
def test_a_call_that_goes_on_is_not_over(status):
    assert not story("synthflow", webhook_body(status=status)).is_over


def test_what_was_said_and_recorded_is_not_read():
    for found in (story("synthflow", webhook_body()), told.synthflow_record(record())):
        kept = json.dumps(found.as_json())
        assert "Rosebud" not in kept
        assert "r.wav" not in kept


def test_a_failed_action_says_why():
    body = webhook_body() | {"executed_actions": {"pay": {"name": "pay", "error_message": "card declined"}}}
    assert story("synthflow", body).executed("pay").error == "card declined"


def test_vapis_end_of_call_report():
    body = {
        "message": {
            "type": "end-of-call-report",
            "endedReason": "customer-ended-call",
            "durationSeconds": 41.6,
            "call": {"id": "v1", "type": "outboundPhoneCall", "customer": {"number": ADA}},
            "phoneNumber": {"number": "+12025550100"},
            "analysis": {"summary": "Rosebud", "structuredData": {"city": "Berlin"}},
            "artifact": {
                "transcript": "Rosebud",
                "messages": [
                    {"role": "user", "message": "Rosebud"},
                    {"role": "tool_call_result", "name": "book", "result": '{"date": "3 March"}'},
                ],
            },
        }
    }
    found = told.read("vapi", body)
    assert (found.call_id, found.story.party, found.story.number) == ("v1", ADA, "+12025550100")
    assert (found.story.direction, found.story.duration) == ("outbound", 42)
    assert found.story.value("city") == "Berlin"
    assert found.story.value("date") == "3 March"
    assert "Rosebud" not in json.dumps(found.story.as_json())
    assert told.read("vapi", {"message": {"type": "status-update", "call": {"id": "v1"}}}) is None


def test_retell_tells_in_two_parts():
    call = {
        "call_id": "r1",
        "call_status": "ended",
        "direction": "inbound",
        "from_number": ADA,
        "to_number": "+12025550100",
        "duration_ms": 32_400,
        "disconnection_reason": "user_hangup",
        "transcript": "Rosebud",
        "transcript_with_tool_calls": [
            {"role": "tool_call_invocation", "tool_call_id": "t1", "name": "book", "arguments": "{}"},
            {"role": "tool_call_result", "tool_call_id": "t1", "content": "no", "successful": False},
        ],
    }
    ended = story("retell", {"event": "call_ended", "call": call})
    assert (ended.party, ended.duration, ended.is_whole) == (ADA, 32, False)
    assert ended.executed("book").error
    analysis = {"call_analysis": {"call_summary": "Rosebud", "custom_analysis_data": {"city": "Berlin"}}}
    whole = story("retell", {"event": "call_analyzed", "call": call | analysis})
    assert whole.is_whole
    assert whole.variables == {"city": "Berlin"}
    assert told.read("retell", {"event": "call_started", "call": call}) is None
    for both in (whole.after(ended), ended.after(whole)):  # in whichever order they come
        assert (both.is_whole, both.variables, both.party) == (True, {"city": "Berlin"}, ADA)


def test_the_plain_form_of_everybody_else():
    body = {
        "call_id": "p1",
        "status": "done",
        "end_reason": "goodbye",
        "direction": "inbound",
        "party": ADA,
        "duration": 12,
        "actions": [{"name": "book", "error": None, "values": {"date": "3 March"}}],
        "variables": {"city": "Berlin"},
    }
    for platform in ("other", "mcp", "openai", "synthflow"):
        found = told.read(platform, body)
        assert found.call_id == "p1"
        assert (found.story.value("date"), found.story.value("city")) == ("3 March", "Berlin")


@pytest.mark.parametrize("body", [[], "x", None, {}, {"call": "x"}, {"lead": 3}, {"call": {"duration": "x"}}])
def test_a_body_without_a_call_is_unreadable(body):
    for platform in ("synthflow", "vapi", "retell", "other"):
        with pytest.raises(told.UnreadableError):
            told.read(platform, body)


def test_a_story_survives_its_row():
    from smsadmin.agents.after.keeping import Proof, write
    from smsadmin.agents.models import AgentCall

    kept = story("synthflow", webhook_body())
    call = AgentCall(call_id=CALL)
    write(call, kept, Proof.BODY)
    assert Story.of(call) == kept
