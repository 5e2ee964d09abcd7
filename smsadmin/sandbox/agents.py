"""A simulated agent: it has a call, uses our tools in its platform's own dialect over HTTP, and tells of the end.

Shapes: Synthflow, Vapi and Retell docs, OpenAI's function calling, Model Context Protocol 2026-07-28.
"""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from smsadmin.sandbox.state import SAMPLE_AGENT_ID, SAMPLE_AGENT_TOKEN, SYNTHFLOW_WEBHOOK_SECRET, State

Json = dict[str, Any]
PLATFORMS = ("synthflow", "vapi", "retell", "openai", "mcp", "other")
TIMEOUT = 15.0


@dataclass
class Call:
    """What is asked for. `agent` is the public id of the agent here: its webhook has that in its address, and so have
    tools that are called with a signature instead of a token."""

    platform: str
    agent: str = ""
    token: str = ""
    secret: str = ""
    url: str = ""
    webhook_url: str = ""
    tools: list[Json] = field(default_factory=list)
    end: Json | None = None
    model_id: str = "agent-sales"
    call_id: str = ""
    party: str = "+12025550143"
    number: str = "+12025550100"
    direction: str = "inbound"
    time: float = 0.0

    @property
    def ends(self) -> tuple[str, str]:
        """Who called, and who was called."""
        return (self.party, self.number) if self.direction == "inbound" else (self.number, self.party)


def have(state: State, asked: Mapping[str, Any]) -> Json:
    """Has a call; what our endpoints answered to each tool, and to the end. Raises ValueError."""
    if asked.get("platform") not in PLATFORMS:
        raise ValueError(f"platform is one of {', '.join(PLATFORMS)}.")
    if unknown := set(asked) - set(Call.__dataclass_fields__):
        raise ValueError(f"A call has no {', '.join(sorted(unknown))}.")
    call = Call(**{"call_id": f"call-{uuid.uuid4().hex}", "time": state.now(), **asked})
    if not (call.agent or call.token or call.secret or call.url):  # the one of the sample workspace
        call.agent, call.token = SAMPLE_AGENT_ID, SAMPLE_AGENT_TOKEN
    base = state.settings.base_url
    call.url = call.url or f"{base}/mcp/" if call.platform == "mcp" else call.url or f"{base}/agents/tools/"
    call.webhook_url = call.webhook_url or f"{base}/agents/webhooks/{call.agent}"
    answers = [_answer(state, *request) for request in _USES[call.platform](call)]
    ended = _answer(state, *_ended(state, call)) if call.end is not None else None
    return {"call_id": call.call_id, "answers": answers, "end": ended}


def _answer(state: State, url: str, content: bytes, headers: Mapping[str, str]) -> Json:
    sent = {"Content-Type": "application/json", **headers}
    try:
        answer = state.http.post(url, content=content, headers=sent, timeout=TIMEOUT)
    except httpx.HTTPError as error:
        return {"status": 0, "body": str(error)}
    try:
        return {"status": answer.status_code, "body": answer.json()}
    except ValueError:
        return {"status": answer.status_code, "body": answer.text[:500]}


Posted = tuple[str, bytes, dict[str, str]]


def _content(body: Json) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _bearer(call: Call) -> dict[str, str]:
    return {"Authorization": f"Bearer {call.token}"} if call.token else {}


def _signed(call: Call, url: str, content: bytes) -> Posted:
    """With the token, or with the platform's signature where there is none."""
    if call.token or not call.secret:
        return url, content, _bearer(call)
    named = url if "/agents/webhooks/" in url else f"{url}?agent={call.agent}"
    stamp = str(int(call.time * 1000))
    return named, content, _SIGNATURES[call.platform](call.secret, content, stamp)


def sign_retell(secret: str, content: bytes, stamp: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), content + stamp.encode(), hashlib.sha256).hexdigest()
    return {"x-retell-signature": f"v={stamp},d={digest}"}


def sign_vapi(secret: str, content: bytes, stamp: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + content, hashlib.sha256).hexdigest()
    return {"x-signature": digest, "x-timestamp": stamp}


def sign_synthflow(secret: str, call_id: str) -> str:
    """Of the id of the call alone."""
    return base64.b64encode(hmac.digest(secret.encode(), call_id.encode(), "sha256")).decode()


_SIGNATURES: dict[str, Callable[[str, bytes, str], dict[str, str]]] = {
    "vapi": sign_vapi,
    "retell": sign_retell,
}


# Tools


def _by_synthflow(call: Call) -> list[Posted]:
    """Custom actions as people set them up: one address and one flat body for each."""
    facts = {"call_id": call.call_id, "user_phone_number": call.party, "direction": call.direction}
    ours = "to_phone_number" if call.direction == "inbound" else "from_phone_number"
    return [
        (
            f"{call.url}{tool['name']}",
            _content({**facts, ours: call.number, **_arguments(tool)}),
            _bearer(call),
        )
        for tool in call.tools
    ]


def _by_vapi(call: Call) -> list[Posted]:
    """All of a turn's in one request."""
    listed = [
        {"id": f"tc_{n}", "name": tool["name"], "arguments": _arguments(tool)}
        for n, tool in enumerate(call.tools)
    ]
    if not listed:
        return []
    message = {
        "type": "tool-calls",
        "timestamp": int(call.time * 1000),
        "toolCallList": listed,
        "toolWithToolCallList": [{"name": each["name"], "toolCall": each} for each in listed],
        "call": _call_of_vapi(call),
        "assistant": {"name": "Sandbox"},
        "artifact": {"messages": []},
    }
    return [_signed(call, call.url, _content({"message": message}))]


def _call_of_vapi(call: Call) -> Json:
    return {
        "id": call.call_id,
        "type": f"{call.direction}PhoneCall",
        "customer": {"number": call.party},
        "phoneNumber": {"number": call.number},
    }


def _by_retell(call: Call) -> list[Posted]:
    return [
        _signed(
            call,
            call.url,
            _content({"name": tool["name"], "args": _arguments(tool), "call": _call_of_retell(call)}),
        )
        for tool in call.tools
    ]


def _call_of_retell(call: Call) -> Json:
    caller, called = call.ends
    return {
        "call_id": call.call_id,
        "call_type": "phone_call",
        "direction": call.direction,
        "from_number": caller,
        "to_number": called,
    }


def _by_openai(call: Call) -> list[Posted]:
    """The arguments are a string."""
    calls = [
        {
            "id": f"call_{n}",
            "type": "function",
            "function": {"name": tool["name"], "arguments": json.dumps(_arguments(tool))},
        }
        for n, tool in enumerate(call.tools)
    ]
    body = {"tool_calls": calls, "call_id": call.call_id, "user_phone_number": call.party}
    return [(call.url, _content(body), _bearer(call))] if calls else []


def _by_mcp(call: Call) -> list[Posted]:
    """Stateless, as of 2026-07-28; who it talks with stands in headers, as platforms that speak MCP add them."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "sandbox", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    posted = []
    for n, tool in enumerate(call.tools):
        params = {"name": tool["name"], "arguments": _arguments(tool), "_meta": meta}
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": tool["name"],
            "X-Call-Id": call.call_id,
            "X-Caller-Number": call.party,
            **_bearer(call),
        }
        body = {"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": params}
        posted.append((call.url, _content(body), headers))
    return posted


def _arguments(tool: Mapping[str, Any]) -> Json:
    found = tool.get("arguments", {})
    return dict(found) if isinstance(found, dict) else {}


_USES: dict[str, Callable[[Call], list[Posted]]] = {
    "synthflow": _by_synthflow,
    "vapi": _by_vapi,
    "retell": _by_retell,
    "openai": _by_openai,
    "mcp": _by_mcp,
    "other": _by_synthflow,
}


# The end


def _ended(state: State, call: Call) -> Posted:
    """The end in the platform's own form; those that have none write the plain one."""
    end = call.end or {}
    facts = {
        "status": end.get("status", "completed"),
        "reason": end.get("end_reason", "human_goodbye"),
        "duration": int(end.get("duration", 42)),
        "actions": end.get("actions", {}),
        "variables": end.get("variables", {}),
    }
    if call.platform == "synthflow":
        return _end_of_synthflow(state, call, facts, end)
    body = _ENDS.get(call.platform, _plain_end)(call, facts)
    return _signed(call, call.webhook_url, _content(body))


def _end_of_synthflow(state: State, call: Call, facts: Json, end: Json) -> Posted:
    """Signed over the id alone, and a record of it: another one where `record` says so, none where that is null."""
    executed = {
        name: {
            "name": name,
            "action_type": "custom_action_type",
            "description": "",
            "parameters_hard_coded": {},
            "error_message": each.get("error"),
            "return_value": each.get("values", {}),
        }
        for name, each in facts["actions"].items()
    }
    caller, called = call.ends
    record = {
        "call_id": call.call_id,
        "model_id": call.model_id,
        "status": facts["status"],
        "type_of_call": call.direction,
        "phone_number_from": caller,
        "phone_number_to": called,
        "duration": facts["duration"],
        "transcript": "\nbot: Hello\nhuman: Goodbye",
        "recording_url": None,
        "end_call_reason": "human_ended_call",
        "executed_actions": executed,
        "collected_variables": {
            call.model_id: {
                name: {"value": value, "collected": True} for name, value in facts["variables"].items()
            }
        },
    }
    if end.get("record", {}) is not None:
        state.synthflow_calls[call.call_id] = {**record, **end.get("record", {})}
    body = {
        "status": facts["status"],
        "error_message": "",
        "lead": {"name": "Ada", "phone_number": call.party},
        "call": {
            "status": facts["status"],
            "end_call_reason": facts["reason"],
            "model_id": call.model_id,
            "timezone": "Europe/Berlin",
            "call_id": call.call_id,
            "duration": facts["duration"],
            "transcript": record["transcript"],
        },
        "executed_actions": executed,
        "collected_variables": facts["variables"],
        "analysis": {"politeness": 5, "politeness_feedback": "polite"},
    }
    secret = call.secret or SYNTHFLOW_WEBHOOK_SECRET
    header = state.settings.synthflow_signature_header
    return call.webhook_url, _content(body), {header: sign_synthflow(secret, call.call_id)}


def _end_of_vapi(call: Call, facts: Json) -> Json:
    results = [
        {"role": "tool_call_result", "name": name, "result": json.dumps(each.get("values", {}))}
        for name, each in facts["actions"].items()
    ]
    return {
        "message": {
            "type": "end-of-call-report",
            "endedReason": facts["reason"],
            "durationSeconds": facts["duration"],
            "call": _call_of_vapi(call),
            "analysis": {"summary": "They talked.", "structuredData": facts["variables"]},
            "artifact": {"transcript": "AI: Hello\nUser: Goodbye", "messages": results},
        }
    }


def _end_of_retell(call: Call, facts: Json) -> Json:
    return {
        "event": "call_analyzed",
        "call": {
            **_call_of_retell(call),
            "call_status": facts["status"],
            "disconnection_reason": facts["reason"],
            "duration_ms": facts["duration"] * 1000,
            "transcript": "Agent: Hello\nUser: Goodbye",
            "call_analysis": {"call_summary": "They talked.", "custom_analysis_data": facts["variables"]},
        },
    }


def _plain_end(call: Call, facts: Json) -> Json:
    return {
        "call_id": call.call_id,
        "status": facts["status"],
        "end_reason": facts["reason"],
        "direction": call.direction,
        "party": call.party,
        "number": call.number,
        "duration": facts["duration"],
        "actions": [{"name": name, **each} for name, each in facts["actions"].items()],
        "variables": facts["variables"],
    }


_ENDS: dict[str, Callable[[Call, Json], Json]] = {"vapi": _end_of_vapi, "retell": _end_of_retell}
