"""Every platform as the sandbox plays it: a tool during the call, an action after it, and the platform's own proof."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from smsadmin.sandbox import agents as platforms
from tests.agents.after.conftest import ADA, SECRET, made_house


def post(url: str, *, content: bytes, headers: dict[str, str], **_options: Any) -> httpx.Response:
    """What the sandbox sends, handed to our endpoint."""
    address = urlsplit(url)
    path = f"{address.path}?{address.query}" if address.query else address.path
    answer = Client().post(path, content, "application/json", headers=headers)
    return httpx.Response(answer.status_code, content=answer.content)


@pytest.fixture
def sandbox() -> SimpleNamespace:
    settings = SimpleNamespace(base_url="http://testserver", synthflow_signature_header="Synthflow-Signature")
    now = timezone.now().timestamp
    return SimpleNamespace(http=SimpleNamespace(post=post), settings=settings, now=now, synthflow_calls={})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("platform", "signs"),
    [
        ("synthflow", False),
        ("vapi", False),
        ("vapi", True),
        ("retell", False),
        ("retell", True),
        ("openai", False),
        ("mcp", False),
        ("other", False),
    ],
)
def test_a_call_with_a_tool_and_an_end(sandbox, platform, signs):
    house = made_house(platform)
    house.trust()
    during = house.attach("Link for your {{topic}}", when="during", tool_name="send_link")
    house.attach(
        "Thanks, {{first_name}}",
        {
            "match": "all",
            "conditions": [{"fact": "variable", "test": "true", "name": "interested", "value": ""}],
        },
    )
    proof = {"secret": SECRET} if signs else {"token": house.token, "secret": SECRET}

    call = platforms.have(
        sandbox,
        {
            "platform": platform,
            "agent": str(house.agent.public_id),
            **proof,
            "tools": [{"name": during.tool_name, "arguments": {"topic": "visit"}}],
            "end": {"variables": {"interested": True, "first_name": "Ada"}},
        },
    )

    assert [each["status"] for each in call["answers"]] == [200]
    assert call["end"] == {"status": 200, "body": {"message": "stored"}}
    house.work()
    assert house.texts == [(ADA, "Link for your visit"), (ADA, "Thanks, Ada")]
    assert house.call.call_id == call["call_id"]  # one row for both
