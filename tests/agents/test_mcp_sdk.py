"""The official SDK's client against our server over real HTTP, in both eras: discover or initialize, list, call, and
what goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from smsadmin.agents.models import AgentCall, Invocation
from smsadmin.sending.models import Message
from tests.factories import RECIPIENT, make_ai_agent, make_attachment, make_workspace

pytestmark = pytest.mark.django_db(transaction=True)


@asynccontextmanager
async def connected(url: str, token: str, mode: str) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token}", "X-Call-Id": f"call-{mode}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False) as http,
        Client(streamable_http_client(f"{url}/mcp/", http_client=http), mode=mode) as client,
    ):
        yield client


async def talk(url: str, token: str, mode: str) -> dict[str, Any]:
    async with connected(url, token, mode) as client:
        listed = await client.list_tools()
        [tool] = listed.tools
        sent = await client.call_tool(tool.name, {"date": "2 January", "to": RECIPIENT})
        refused = await client.call_tool(tool.name, {"date": "2 January", "to": "12"})
        missing = await client.call_tool(tool.name, {"to": RECIPIENT})
        with pytest.raises(MCPError) as unknown:
            await client.call_tool("nothing", {})
        return {
            "version": client.session.protocol_version,
            "server": client.session.server_info,
            "instructions": client.session.instructions,
            "tool": tool,
            "sent": sent,
            "refused": refused,
            "missing": missing,
            "unknown": unknown.value,
        }


@pytest.mark.parametrize(
    ("mode", "version"),
    [("auto", "2026-07-28"), ("legacy", "2025-11-25"), ("legacy", "2025-06-18"), ("legacy", "2025-03-26")],
)
def test_the_sdk_finds_and_uses_a_tool(
    live_server: Any, mode: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode == "legacy":  # the client asks for its newest one, unless it is told that this is
        monkeypatch.setattr("mcp.client.session.LATEST_HANDSHAKE_VERSION", version)
    agent, token = make_ai_agent(make_workspace(), "mcp")
    make_attachment(agent, recipient="argument", most_per_call=2)

    found = asyncio.run(talk(live_server.url, token, mode))

    assert (found["version"], found["server"].name) == (version, "smsadmin")
    assert "text" in found["instructions"]
    assert found["tool"].name == "send_booking"
    assert set(found["tool"].input_schema["properties"]) == {"to", "date"}
    assert (found["sent"].is_error, found["sent"].content[0].text) == (False, "The text is on its way.")
    assert found["sent"].structured_content["status"] == "queued"
    assert found["refused"].is_error
    assert found["refused"].structured_content["error"]["code"] == "recipient_no_country_code"
    assert "date" in found["missing"].content[0].text
    assert found["unknown"].error.code == -32602
    assert AgentCall.objects.get().call_id == f"call-{mode}"
    assert Message.objects.filter(status="queued").count() == 1
    assert Invocation.objects.filter(dialect="mcp").count() == 3


def test_the_sdk_is_told_that_a_token_is_not_known(live_server: Any) -> None:
    async def enter() -> None:
        async with connected(live_server.url, "smsagent_x", "auto"):
            raise AssertionError("nobody may come in")

    with pytest.RaisesGroup(MCPError, flatten_subgroups=True, allow_unwrapped=True):
        asyncio.run(enter())
