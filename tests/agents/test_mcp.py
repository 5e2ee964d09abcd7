"""The Model Context Protocol at /mcp/: both eras, message by message."""

import base64
import json
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from smsadmin.agents import running
from smsadmin.agents.mcp import protocol, versions
from smsadmin.agents.models import AgentCall, Attachment, Invocation
from smsadmin.sending.models import Message, RefusedCall
from tests.factories import RECIPIENT, make_action, make_ai_agent, make_attachment, make_workspace

MODERN, LEGACY = "2026-07-28", "2025-11-25"
TOOL, ARGUMENTS = "send_booking", {"date": "2026-01-02", "to": RECIPIENT}
META = {protocol.VERSION_KEY: MODERN, protocol.CAPABILITIES_KEY: {}}


@pytest.fixture
def token(db: None) -> str:
    agent, token = make_ai_agent(make_workspace(), "mcp")
    make_attachment(agent, recipient="argument", most_per_call=5)
    return token


def post(token: str, body: Any, **headers: str) -> HttpResponse:
    sent = body if isinstance(body, str | bytes) else json.dumps(body)
    given = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    if token:
        given["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return Client().post("/mcp/", sent, content_type="application/json", **given)  # type: ignore[arg-type]


def message(method: str, params: Any = None, **more: Any) -> dict[str, Any]:
    found = {"jsonrpc": "2.0", "id": 3, "method": method, **more}
    return found if params is None else {**found, "params": params}


def modern(token: str, method: str, params: Any = None, **headers: str) -> HttpResponse:
    params = {"_meta": META, **(params or {})}
    said = {"mcp_protocol_version": MODERN, "mcp_method": method}
    if method == "tools/call":
        said["mcp_name"] = str(params.get("name"))
    kept = {name: value for name, value in {**said, **headers}.items() if value != "-"}
    return post(token, message(method, params), **kept)


def legacy(token: str, method: str, params: Any = None, **headers: str) -> Any:
    return post(token, message(method, params), **{"mcp_protocol_version": LEGACY, **headers}).json()


# --- The modern era -----------------------------------------------------------------------------------


def test_discover_says_what_is_spoken_here(token: str) -> None:
    result = modern(token, "server/discover").json()["result"]
    assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == ("complete", 3_600_000, "private")
    assert result["supportedVersions"][0] == MODERN
    assert LEGACY in result["supportedVersions"]
    assert result["capabilities"] == {"tools": {}}
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "smsadmin"
    assert "text" in result["instructions"]


def test_the_list_is_the_agents_own_in_one_order(token: str) -> None:
    attachment = Attachment.objects.get()
    for name in ("b_tool", "a_tool"):
        make_attachment(attachment.agent, attachment.action, tool_name=name)
    make_attachment(attachment.agent, attachment.action, tool_name="off", enabled=False)
    make_attachment(attachment.agent, attachment.action, tool_name="later", when="after")
    make_attachment(
        attachment.agent, make_action(attachment.workspace, enabled=False), tool_name="action_off"
    )
    make_attachment(make_ai_agent(attachment.workspace)[0], attachment.action, tool_name="of_another")

    result = modern(token, "tools/list").json()["result"]

    assert [each["name"] for each in result["tools"]] == ["a_tool", "b_tool", TOOL]
    assert (result["resultType"], result["cacheScope"]) == ("complete", "private")
    for tool in result["tools"]:
        Draft202012Validator.check_schema(tool["inputSchema"])
        Draft202012Validator.check_schema(tool["outputSchema"])
    assert result["tools"][2]["inputSchema"]["required"] == ["to", "date"]


def test_a_call_sends_and_says_so_in_two_forms(token: str) -> None:
    params = {"name": TOOL, "arguments": ARGUMENTS}
    response = modern(token, "tools/call", params, x_call_id="call-9")
    result = response.json()["result"]
    listed = modern(token, "tools/list").json()["result"]["tools"][0]
    Draft202012Validator(listed["outputSchema"]).validate(result["structuredContent"])
    assert result["content"] == [{"type": "text", "text": "The text is on its way."}]
    assert (result["isError"], result["resultType"]) == (False, "complete")
    assert result["structuredContent"]["message_id"] == str(Message.objects.get().pk)
    assert AgentCall.objects.get().call_id == "call-9"
    assert Invocation.objects.get().dialect == "mcp"
    again = modern(token, "tools/call", params, x_call_id="call-9").json()["result"]
    assert again == result
    assert Message.objects.count() == 1


def test_what_the_model_can_mend_is_a_result_and_an_unknown_tool_is_an_error(token: str) -> None:
    bad = modern(token, "tools/call", {"name": TOOL, "arguments": {**ARGUMENTS, "to": "12"}}).json()["result"]
    assert (bad["isError"], bad["structuredContent"]["status"]) == (True, "rejected")
    missing = modern(token, "tools/call", {"name": TOOL}).json()["result"]
    assert "to, date" in missing["content"][0]["text"]
    unknown = modern(token, "tools/call", {"name": "nothing", "arguments": {}})
    assert (unknown.status_code, unknown.json()["error"]["code"], unknown.json()["id"]) == (400, -32602, 3)
    for params in ({}, {"name": 7}, {"name": TOOL, "arguments": []}):
        response = modern(token, "tools/call", params)
        assert (response.status_code, response.json()["error"]["code"]) == (400, -32602)
    Attachment.objects.update(enabled=False)
    off = modern(token, "tools/call", {"name": TOOL, "arguments": ARGUMENTS}).json()["result"]
    assert (off["isError"], off["structuredContent"]["error"]["code"]) == (True, "tool_off")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"mcp_protocol_version": "-"}, -32020),
        ({"mcp_protocol_version": LEGACY}, -32020),
        ({"mcp_method": "-"}, -32020),
        ({"mcp_method": "tools/list"}, -32020),
        ({"mcp_name": "-"}, -32020),
        ({"mcp_name": "other"}, -32020),
        ({"mcp_name": "=?base64?!?="}, -32020),
        ({"mcp_name": f"=?base64?{base64.b64encode(TOOL.encode()).decode()}?="}, 0),
    ],
)
def test_headers_say_what_the_body_says(token: str, headers: dict[str, str], code: int) -> None:
    response = modern(token, "tools/call", {"name": TOOL, "arguments": ARGUMENTS}, **headers)
    assert response.json().get("error", {}).get("code", 0) == code
    assert response.status_code == (400 if code else 200)


def test_the_envelope_is_complete_and_of_a_known_version(token: str) -> None:
    for key in META:
        meta = {name: value for name, value in META.items() if name != key}
        response = modern(token, "tools/list", {"_meta": meta})
        assert (response.status_code, response.json()["error"]["code"]) == (400, -32602)
    for version, spoken in (("2027-01-01", versions.SUPPORTED), (LEGACY, versions.MODERN)):
        said = {"_meta": {**META, protocol.VERSION_KEY: version}}
        error = modern(token, "tools/list", said, mcp_protocol_version=version).json()["error"]
        assert (error["code"], error["data"]) == (
            -32022,
            {"requested": version, "supported": list(spoken)},
        )


def test_an_unknown_method_is_not_found(token: str) -> None:
    for method in ("resources/list", "initialize", "ping"):
        response = modern(token, method)
        assert (response.status_code, response.json()["error"]["code"]) == (404, -32601)


# --- The earlier era ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "spoken"), [("2025-06-18", "2025-06-18"), (LEGACY, LEGACY), ("1999-01-01", LEGACY)]
)
def test_the_handshake_keeps_the_clients_version_where_it_is_known(
    token: str, asked: str, spoken: str
) -> None:
    params = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    response = post(token, message("initialize", params))
    result = response.json()["result"]
    assert result["protocolVersion"] == spoken
    assert result["capabilities"] == {"tools": {"listChanged": False}}
    assert "Mcp-Session-Id" not in response.headers


def test_a_notification_is_taken_in_silence(token: str) -> None:
    body = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    for headers in ({"mcp_protocol_version": LEGACY}, {"mcp_protocol_version": MODERN}, {}):
        response = post(token, body, **headers)
        assert (response.status_code, response.content) == (202, b"")


def test_earlier_results_have_nothing_of_the_later_era(token: str) -> None:
    assert legacy(token, "ping") == {"jsonrpc": "2.0", "id": 3, "result": {}}
    listed = legacy(token, "tools/list", mcp_session_id="ignored")["result"]
    assert list(listed) == ["tools"]
    told = legacy(token, "tools/call", {"name": TOOL, "arguments": ARGUMENTS})["result"]
    assert (told["isError"], "resultType" in told) == (False, False)
    assert legacy(token, "tools/call", {"name": "nothing"})["error"]["code"] == -32602
    assert legacy(token, "resources/list")["error"]["code"] == -32601
    assert legacy(token, "tools/list", {"cursor": "2"})["error"]["code"] == -32602
    for version in ("1999-01-01", "2027-01-01", "garbage"):
        for body in (message("tools/list"), [message("tools/list")]):
            response = post(token, body, mcp_protocol_version=version)
            assert (response.status_code, response.json()["error"]["code"]) == (400, -32022)


def test_several_messages_in_one_body_are_of_one_revision_alone(token: str) -> None:
    notified = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    batch = [message("ping", id=1), notified, message("nothing", id="b"), 7, message("initialize", id=4)]
    response = post(token, batch)
    found = [(each["id"], each.get("error", {}).get("code")) for each in response.json()]
    assert (response.status_code, found) == (200, [(1, None), ("b", -32601), (None, -32600), (4, -32600)])
    for silent in (
        notified,
        {**notified, "params": [1]},
        {**notified, "method": "initialize"},
        {"method": 7},
    ):
        assert post(token, [silent]).status_code == 202
    for body, headers in (
        ([message("ping")], {"mcp_protocol_version": LEGACY}),
        ([], {}),
        ([notified] * 21, {}),
    ):
        refused = post(token, body, **headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, -32600)


# --- At the door --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", -32700),
        (b"\xff", -32700),
        ('{"id": NaN}', -32700),
        ("7", -32600),
        ('{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": 7}', -32600),
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": [1], "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}', -32602),
    ],
)
def test_what_is_no_message_is_told_so(token: str, body: Any, code: int) -> None:
    response = post(token, body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)


def test_only_post_is_taken(token: str) -> None:
    for method in ("get", "delete", "put"):
        response = getattr(Client(), method)("/mcp/", HTTP_AUTHORIZATION=f"Bearer {token}")
        assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert Client().post("/mcp", "{", content_type="application/json").status_code == 401


def test_without_a_token_that_we_know_nothing_is_told(token: str) -> None:
    for shown, challenge in (
        ("", 'Bearer realm="smsadmin"'),
        ("x", 'Bearer realm="smsadmin", error="invalid_token"'),
    ):
        response = post(shown, message("tools/list"))
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, challenge)
    assert RefusedCall.objects.count() == 2


def test_pages_of_other_origins_may_not_call(token: str, settings: Any) -> None:
    settings.MCP_ALLOWED_ORIGINS = ["https://inspector.example.com"]
    for origin, status in (
        ("http://testserver", 200),
        ("https://inspector.example.com", 200),
        ("https://evil.example.com", 403),
        ("http://testserver.evil.example.com", 403),
        ("null", 403),
        ("http://[", 403),
    ):
        response = post(token, message("ping"), origin=origin)
        told = response.get("Access-Control-Allow-Origin")
        assert (response.status_code, told) == (status, origin if status == 200 else None)


def test_a_browser_is_told_what_a_page_may_send(token: str, settings: Any) -> None:
    settings.MCP_ALLOWED_ORIGINS = [page := "https://inspector.example.com"]
    asked = Client().options("/mcp/", HTTP_ORIGIN=page, HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST")
    assert (asked.status_code, asked.content) == (204, b"")
    assert (asked["Access-Control-Allow-Origin"], asked["Access-Control-Allow-Methods"]) == (page, "POST")
    allowed = asked["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type", "mcp-protocol-version", "mcp-method", "mcp-name"} <= {*allowed}
    assert post("", message("ping"), origin=page)["Access-Control-Allow-Origin"] == page  # of 401 too
    assert Client().options("/mcp/", HTTP_ORIGIN="https://evil.example.com").status_code == 403
    assert Client().options("/mcp/").status_code == 405


def test_a_fault_of_our_own_is_an_error_like_others(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(running, "use", broken)
    response = modern(token, "tools/call", {"name": TOOL, "arguments": ARGUMENTS})
    assert (response.status_code, response.json()["error"]["code"]) == (500, -32603)


def test_a_fault_at_one_of_several_takes_back_no_other(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use = running.use

    def broken_at_b(*given: Any, **named: Any) -> running.Answer:
        if given[2]["date"] == "b":
            raise OperationalError("away")
        return use(*given, **named)

    monkeypatch.setattr(running, "use", broken_at_b)
    batch = [
        message("tools/call", {"name": TOOL, "arguments": {**ARGUMENTS, "date": date}}, id=date)
        for date in ("a", "b", "c")
    ]
    response = post(token, batch)
    found = [(each["id"], each.get("error", {}).get("code")) for each in response.json()]
    assert (response.status_code, found) == (200, [("a", None), ("b", -32603), ("c", None)])
    assert Message.objects.count() == 2


def test_too_many_requests_are_told_when_to_come_again(token: str, settings: Any) -> None:
    settings.AGENT_REQUESTS_PER_MINUTE = 3
    for status in (200, 429):  # each of several in one body counts
        response = post(token, [message("ping", id=1), message("ping", id=2)])
        assert response.status_code == status
    assert response.headers["Retry-After"]


class NoTools:
    server: dict[str, Any] = {"name": "test", "version": "0"}
    instructions = ""

    def tools(self) -> list[dict[str, Any]]:
        return []

    def call(self, name: str, arguments: dict[str, Any]) -> None:
        return None


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=6)
    | st.sampled_from(["2.0", MODERN, "tools/call"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["jsonrpc", "id", "method", "params", "_meta", "name", "arguments", *META]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(
    ANYTHING,
    st.dictionaries(
        st.sampled_from(["mcp-protocol-version", "mcp-method"]), st.sampled_from([MODERN, LEGACY, ""])
    ),
)
@examples(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_whatever_is_posted_is_answered(body: Any, headers: dict[str, str]) -> None:
    status, answer = protocol.respond(body, headers, NoTools())
    assert status in (200, 202, 400, 404)
    assert (answer is None) == (status == 202)
