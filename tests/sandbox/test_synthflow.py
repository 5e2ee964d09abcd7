"""The sandbox's Synthflow: a list in pages, attachments, records of calls; and agents that have calls over HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from smsadmin.agents import rendering, tools
from smsadmin.agents.models import Attachment
from smsadmin.sandbox import synthflow_bodies
from smsadmin.sandbox.server import SandboxServer
from tests.factories import make_ai_agent, make_attachment, make_workspace
from tests.sandbox.conftest import client

SECRET = "a-secret"


@pytest.fixture
def synthflow(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer sandbox-synthflow-key"}
    with client(f"{sandbox.url}/synthflow/v2", headers=headers) as http:
        yield http


def test_a_key_is_needed(synthflow, sandbox):
    with client(f"{sandbox.url}/synthflow/v2") as nobody:
        assert nobody.get("/actions").status_code == 401


def test_actions_come_in_pages_of_two(synthflow):
    first = synthflow.get("/actions").json()["response"]
    assert first["pagination"] == {"total_records": 3, "limit": 2, "offset": 0}
    assert [each["action_type"] for each in first["actions"]] == ["SEND_SMS", "INCALL_SMS"]
    rest = synthflow.get("/actions", params={"offset": 2}).json()["response"]["actions"]
    assert [each["action_type"] for each in rest] == ["REAL_TIME_BOOKING"]


def test_an_action_is_made_attached_and_read_back(synthflow):
    made = synthflow.post("/actions", json={"SEND_SMS": {"content": "Hi {name}", "instructions": "Always"}})
    action_id = made.json()["response"]["action_id"]
    item = {"action_id": action_id, "attachment_type": "after", "trigger_condition": "At the end"}
    assert synthflow.post("/actions/attach", json={"model_id": "agent-sales", "items": [item]}).is_success
    found = synthflow.get(f"/actions/{action_id}", params={"include_assistants": "true"}).json()["response"]
    assert found["parameters_hard_coded"] == {"sms_message_text": "Hi {name}", "instructions": "Always"}
    assert found["input_variables"]["assistants"][0]["trigger_condition"] == "At the end"


CUSTOM = {
    "http_mode": "POST",
    "url": "https://x.example/",
    "run_action_before_call_start": False,
    "name": "x",
}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("FOO", {}),
        ("SEND_SMS", {"content": "Hi"}),
        ("INCALL_SMS", {"message_body": ""}),
        *(("CUSTOM_ACTION", {key: CUSTOM[key] for key in CUSTOM if key != missing}) for missing in CUSTOM),
        ("CUSTOM_ACTION", {**CUSTOM, "http_mode": "DELETE"}),
        ("CUSTOM_ACTION", {**CUSTOM, "headers": {"Authorization": "Bearer x"}}),
        ("CUSTOM_ACTION", {**CUSTOM, "variables_during_the_call": [{"name": "date", "description": "When"}]}),
    ],
)
def test_what_lacks_something_or_has_it_otherwise_is_no_action(kind, body):
    assert synthflow_bodies.wrong(kind, body)
    assert not synthflow_bodies.wrong("CUSTOM_ACTION", CUSTOM)


def test_the_set_up_that_we_show_is_taken_as_it_is(synthflow, control, db):
    agent, token = make_ai_agent(make_workspace(), "synthflow", external_id="agent-sales")
    attachment = make_attachment(agent, recipient=Attachment.Recipient.ARGUMENT)
    make, attach = rendering.setup(agent, tools.of(attachment), "https://sms.example.com", token)

    made = synthflow.post("/actions", content=make.code)
    assert made.status_code == 201, made.text
    item = attach.code.replace("ACTION_ID", made.json()["response"]["action_id"])
    assert synthflow.post("/actions/attach", content=item).json()["response"] == {"attached": 1}
    assert synthflow.post("/actions", json={"SEND_SMS": {}}).status_code == 400
    unused = make.code.replace("<date>", "")
    assert "<date>" in synthflow.post("/actions", content=unused).json()["detail"]["description"]


def test_what_is_unknown_is_told_in_the_shape_that_is_set(synthflow, control):
    assert synthflow.get("/calls/x").json()["detail"]["description"] == "There is no such call."
    control.post("/settings", json={"synthflow_error_shape": "error"})
    assert synthflow.get("/assistants/x").json() == {
        "error": "error",
        "message": "There is no such assistant.",
    }


def have(control, product, **asked: Any) -> dict[str, Any]:
    asked = {"url": f"{product.url}/agents/tools/", "webhook_url": f"{product.url}/end", **asked}
    answer = control.post("/agent-calls", json=asked)
    assert answer.status_code == 201, answer.text
    return answer.json()


TOOL = {"name": "send_link", "arguments": {"topic": "visit"}}


def test_synthflow_calls_a_tool_and_signs_the_id_of_the_call_at_its_end(control, product, synthflow):
    made = have(control, product, platform="synthflow", token="t", secret=SECRET, tools=[TOOL], end={})
    tool, end = product.take(2)

    assert (tool.path, tool.headers["authorization"]) == ("/agents/tools/send_link", "Bearer t")
    assert tool.json["topic"] == "visit"
    assert tool.json["call_id"] == end.json["call"]["call_id"] == made["call_id"]
    digest = hmac.digest(SECRET.encode(), made["call_id"].encode(), "sha256")
    assert end.headers["synthflow-signature"] == base64.b64encode(digest).decode()
    assert [each["status"] for each in made["answers"]] == [200]
    record = synthflow.get(f"/calls/{made['call_id']}").json()["response"]["calls"][0]
    assert (record["status"], record["phone_number_from"]) == ("completed", "+12025550143")


def test_a_record_may_differ_or_be_missing(control, product, synthflow):
    other = have(control, product, platform="synthflow", end={"record": {"status": "failed"}})
    assert synthflow.get(f"/calls/{other['call_id']}").json()["response"]["calls"][0]["status"] == "failed"
    none = have(control, product, platform="synthflow", end={"record": None})
    assert synthflow.get(f"/calls/{none['call_id']}").status_code == 404


def test_retell_signs_the_body_and_the_time(control, product):
    have(control, product, platform="retell", agent="id", secret=SECRET, tools=[TOOL])
    call = product.next()
    assert call.path == "/agents/tools/?agent=id"
    stamp, digest = call.headers["x-retell-signature"].removeprefix("v=").split(",d=")
    assert digest == hmac.new(SECRET.encode(), call.body + stamp.encode(), hashlib.sha256).hexdigest()
    assert call.json["args"] == {"topic": "visit"}


def test_vapi_asks_for_all_tools_at_once(control, product):
    have(control, product, platform="vapi", token="t", tools=[TOOL, TOOL], end={})
    asked, end = product.take(2)
    assert len(asked.json["message"]["toolCallList"]) == 2
    assert end.json["message"]["type"] == "end-of-call-report"


def test_openai_and_mcp_and_others(control, product):
    have(control, product, platform="openai", token="t", tools=[TOOL])
    assert product.next().json["tool_calls"][0]["function"]["arguments"] == '{"topic": "visit"}'
    have(control, product, platform="mcp", token="t", tools=[TOOL])
    call = product.next()
    assert (call.headers["mcp-name"], call.json["method"]) == ("send_link", "tools/call")
    have(control, product, platform="other", token="t", end={"variables": {"x": 1}})
    assert product.next().json["variables"] == {"x": 1}


def test_what_no_platform_is_is_refused(control):
    assert control.post("/agent-calls", json={"platform": "fax"}).status_code == 400
    assert control.post("/agent-calls", json={"platform": "mcp", "mood": "good"}).status_code == 400
