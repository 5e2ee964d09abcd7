"""A tool as each platform wants it, and what is copied into the platform to set it up.

Everything here is made from smsadmin.agents.tools.Tool: nothing is said about a tool in one form alone.
"""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from smsadmin.agents.models import AIAgent
from smsadmin.agents.running import Answer
from smsadmin.agents.tools import TO, Tool
from smsadmin.core import errors

#: Stands where the token belongs, which is shown once and not kept.
NO_TOKEN = "YOUR_AGENT_TOKEN"  # noqa: S105
#: Answers come at once; this is for slow networks. Synthflow counts in seconds, Retell in milliseconds.
PATIENCE = 8

Platform = AIAgent.Platform
Json = dict[str, Any]

#: What every answer holds, in whichever form it comes.
ANSWER: Json = {
    "type": "object",
    "properties": {
        "status": {"type": "string", "enum": ["queued", "held", "rejected"]},
        "message_id": {"type": ["string", "null"]},
        "message": {"type": "string"},
        "error": {
            "type": ["object", "null"],
            "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
            "required": ["code", "detail"],
            "additionalProperties": False,
        },
    },
    "required": ["status", "message_id", "message", "error"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Snippet:
    """Something to copy: what it is, its language ("json", "shell"), and where it goes."""

    title: str
    language: str
    code: str
    note: str


# --- Definitions --------------------------------------------------------------------------------------


def openai(tool: Tool) -> Json:
    """For Chat Completions. Strict: the model is held to the schema."""
    return {"type": "function", "function": _strict(tool)}


def responses(tool: Tool) -> Json:
    """For the Responses API."""
    return {"type": "function", **_strict(tool)}


def vapi(tool: Tool, base_url: str = "", token: str = NO_TOKEN, signed_by: UUID | None = None) -> Json:
    """A function tool with the server that it calls: with the token, or `signed_by` the agent of this public id, by a
    credential that Vapi keeps."""
    url = f"{base_url}{reverse('agent-tools')}{_query(signed_by)}"
    server = (
        {"url": url, "credentialId": "CREDENTIAL_ID"}
        if signed_by
        else {"url": url, "headers": _bearer(token)}
    )
    return {"type": "function", "function": _function(tool), "server": server}


def retell(tool: Tool, base_url: str = "", token: str = NO_TOKEN, signed_by: UUID | None = None) -> Json:
    """A custom function: with the token, or `signed_by` the agent of this public id, which needs none."""
    return {
        "type": "custom",
        "name": tool.name,
        "description": tool.description,
        "url": f"{base_url}{reverse('agent-tool', args=[tool.name])}{_query(signed_by)}",
        "method": "POST",
        **({} if signed_by else {"headers": _bearer(token)}),
        "parameters": tool.schema,
        "args_at_root": False,
        "speak_after_execution": True,
        "timeout_ms": PATIENCE * 1_000,
    }


def synthflow(tool: Tool, base_url: str = "", token: str = NO_TOKEN) -> Json:
    """The body that makes a custom action. Each variable stands in the body of the call, or Synthflow would not show
    it."""
    variables = [
        {"name": name, "description": found["description"], "type": "string"}
        for name, found in tool.properties.items()
    ]
    body = {"call_id": "<call_id>", "user_phone_number": "<user_phone_number>"}
    body |= {name: f"<{name}>" for name in tool.properties}
    return {
        "CUSTOM_ACTION": {
            "http_mode": "POST",
            "url": f"{base_url}{reverse('agent-tool', args=[tool.name])}",
            "run_action_before_call_start": False,
            "name": tool.name,
            "description": tool.description,
            "failure_timeout": PATIENCE,
            "headers": [{"key": name, "value": value} for name, value in _bearer(token).items()],
            "variables_during_the_call": variables,
            "json_body_stringified": json.dumps(body),
            "prompt": "Tell the caller: <results.data.message>",
        }
    }


def synthflow_attachment(tool: Tool, agent_id: str = "") -> Json:
    """The body that binds the action to the agent of Synthflow's id, with its condition."""
    item = {
        "action_id": "ACTION_ID",
        "attachment_type": "during",
        "trigger_condition": tool.condition or tool.description,
    }
    return {"model_id": agent_id or "AGENT_ID", "items": [item]}


def mcp(tool: Tool) -> Json:
    """An entry of tools/list."""
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.schema,
        "outputSchema": ANSWER,
        "annotations": {
            "readOnlyHint": False,
            "destructiveHint": False,
            "idempotentHint": False,
            "openWorldHint": True,
        },
    }


def strict(schema: Mapping[str, Any]) -> Json:
    """The schema as OpenAI's strict mode wants it: every property required, those that are not may be null, and no
    keyword that it does not know."""
    required = schema["required"]
    properties = {
        name: {
            **{key: value for key, value in found.items() if key != "maxLength"},
            **({} if name in required else {"type": [found["type"], "null"]}),
        }
        for name, found in schema["properties"].items()
    }
    return {**schema, "properties": properties, "required": list(properties)}


def _function(tool: Tool) -> Json:
    return {"name": tool.name, "description": tool.description, "parameters": tool.schema}


def _strict(tool: Tool) -> Json:
    return {**_function(tool), "parameters": strict(tool.schema), "strict": True}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _query(public_id: UUID | None) -> str:
    """What names the agent of a call that is signed."""
    return f"?agent={public_id}" if public_id else ""


# --- Answers ------------------------------------------------------------------------------------------


def answer(found: Answer) -> Json:
    """An answer as programs read it: ANSWER describes it."""
    return {
        "status": found.status,
        "message_id": found.message_id or None,
        "message": found.say,
        "error": None if found.ok else {"code": found.code, "detail": _detail(found)},
    }


def _detail(found: Answer) -> str:
    """Why it was rejected, for whoever reads the platform's log."""
    message = found.message
    if message is None or message.error is None:
        return found.say
    return errors.fill(message.error.sentence(message.error_facts), message.error_facts)


# --- Set-up -------------------------------------------------------------------------------------------


def setup(agent: AIAgent, tool: Tool, base_url: str, token: str = "") -> list[Snippet]:
    """What is copied into the agent's platform so that it uses the tool. Without a token its place is marked; where the
    platform signs its calls and the secret is known, both ways are there."""
    return SETUPS[Platform(agent.platform)](agent, tool, base_url, token or NO_TOKEN)


def _signer(agent: AIAgent) -> UUID | None:
    """Whom an address names whose calls are signed; None where the token is shown."""
    return agent.public_id if agent.secrets.get("signing") else None


def _synthflow(agent: AIAgent, tool: Tool, base_url: str, token: str) -> list[Snippet]:
    return [
        Snippet(
            _("Make the action"),
            "json",
            _pretty(synthflow(tool, base_url, token)),
            _("POST it to Synthflow's API at /actions, or enter the same under Actions, Custom Action."),
        ),
        Snippet(
            _("Attach it to the agent"),
            "json",
            _pretty(synthflow_attachment(tool, agent.external_id)),
            _("POST it to /actions/attach, with the id that the first answer gave.")
            if agent.external_id
            else _(
                "POST it to /actions/attach, with the id that the first answer gave and the agent's own id."
            ),
        ),
    ]


def _vapi(agent: AIAgent, tool: Tool, base_url: str, token: str) -> list[Snippet]:
    note = _(
        "POST it to Vapi's API at /tool, or enter the same as a custom tool, and add it to the assistant."
    )
    with_token = _pretty(vapi(tool, base_url, token))
    if not (signer := _signer(agent)):
        return [Snippet(_("Make the tool"), "json", with_token, note)]
    credential = _(
        "CREDENTIAL_ID stands for the Vapi credential whose secret was entered here. No token is needed."
    )
    signed = _pretty(vapi(tool, base_url, signed_by=signer))
    return [
        Snippet(_("Make the tool, signed by Vapi"), "json", signed, f"{note} {credential}"),
        Snippet(_("Or make it with the token"), "json", with_token, note),
    ]


def _retell(agent: AIAgent, tool: Tool, base_url: str, token: str) -> list[Snippet]:
    note = _("Add it to the tools of the agent's response engine, or enter the same as a custom function.")
    with_token = _pretty(retell(tool, base_url, token))
    if not (signer := _signer(agent)):
        return [Snippet(_("Add the custom function"), "json", with_token, note)]
    by_itself = _("Retell signs each call by itself; no token is needed.")
    signed = _pretty(retell(tool, base_url, signed_by=signer))
    return [
        Snippet(_("Add the custom function, signed by Retell"), "json", signed, f"{note} {by_itself}"),
        Snippet(_("Or add it with the token"), "json", with_token, note),
    ]


def _openai(agent: AIAgent, tool: Tool, base_url: str, token: str) -> list[Snippet]:
    chat = _("Put it into “tools” of a request to Chat Completions.")
    flat = _("Put it into “tools” of a request to the Responses API.")
    called = _("Hand the model's tool calls to smsadmin as they came, with who the call is with.")
    body = {
        "call_id": "CALL_ID",
        "user_phone_number": "+12025550123",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": tool.name, "arguments": json.dumps(_examples(tool))},
            }
        ],
    }
    return [
        Snippet(_("For Chat Completions"), "json", _pretty(openai(tool)), chat),
        Snippet(_("For the Responses API"), "json", _pretty(responses(tool)), flat),
        Snippet(
            _("Pass the calls on"), "shell", _curl(f"{base_url}{reverse('agent-tools')}", token, body), called
        ),
    ]


def _mcp(agent: AIAgent, tool: Tool, base_url: str, token: str) -> list[Snippet]:
    server = {"type": "http", "url": f"{base_url}{reverse('mcp')}", "headers": _bearer(token)}
    note = _("Add it to the client's configuration: it finds every tool of this agent by itself.")
    listed = _(
        "What the client reads about this tool. Some clients keep it until somebody has them read it anew."
    )
    return [
        Snippet(_("Add the server"), "json", _pretty({"mcpServers": {"smsadmin": server}}), note),
        Snippet(_("What the client finds"), "json", _pretty(mcp(tool)), listed),
    ]


def _other(agent: AIAgent, tool: Tool, base_url: str, token: str) -> list[Snippet]:
    body = {"call_id": "CALL_ID", "user_phone_number": "+12025550123", **_examples(tool)}
    url = f"{base_url}{reverse('agent-tool', args=[tool.name])}"
    note = _("Any program calls it like this; call_id is what makes a repeated call safe.")
    return [
        Snippet(_("Call it"), "shell", _curl(url, token, body), note),
        Snippet(_("Describe it to a model"), "json", _pretty(openai(tool)), _("Most models take this form.")),
    ]


SETUPS: dict[Platform, Callable[[AIAgent, Tool, str, str], list[Snippet]]] = {
    Platform.SYNTHFLOW: _synthflow,
    Platform.VAPI: _vapi,
    Platform.RETELL: _retell,
    Platform.OPENAI: _openai,
    Platform.MCP: _mcp,
    Platform.OTHER: _other,
}


def _examples(tool: Tool) -> Json:
    return {name: "+12025550123" if name == TO else "…" for name in tool.properties}


def _curl(url: str, token: str, body: Json) -> str:
    lines = [
        f"curl -X POST {url}",
        f'-H "Authorization: Bearer {token}"',
        '-H "Content-Type: application/json"',
        f"-d {shlex.quote(_pretty(body))}",
    ]
    return " \\\n  ".join(lines)


def _pretty(value: Json) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
