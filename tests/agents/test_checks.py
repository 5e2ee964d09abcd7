"""The published token of the sample agent must not open a door to real providers."""

from __future__ import annotations

from typing import Any

import pytest

from smsadmin.agents import credentials, sample
from smsadmin.agents.checks import no_sample_agent
from smsadmin.agents.models import AIAgent
from tests.factories import make_ai_agent, make_workspace


@pytest.fixture
def agent(db: None, settings: Any) -> AIAgent:
    settings.SANDBOX = False
    found, _token = make_ai_agent(make_workspace(), public_id=sample.PUBLIC_ID)
    found.token_prefix, found.token_hash = credentials.TOKENS.keep(sample.TOKEN)
    found.secrets = {"signing": sample.SIGNING}
    found.save()
    return found


def found() -> list[str | None]:
    return [message.id for message in no_sample_agent(databases=["default"])]


def test_it_stops_a_start_with_real_providers_or_for_other_machines(agent: AIAgent, settings: Any) -> None:
    assert found() == ["smsadmin.E002"]
    settings.SANDBOX, settings.BASE_URL = True, "https://sms.example.com"
    assert found() == ["smsadmin.E002"]
    settings.BASE_URL = "http://127.0.0.1:8000"
    assert found() == []
    assert no_sample_agent(databases=None) == []


@pytest.mark.parametrize("left", ["the token", "the secret", "off", "nothing"])
def test_both_must_be_new_or_the_agent_off(agent: AIAgent, left: str) -> None:
    if left != "the token":
        agent.token_prefix, agent.token_hash, _token = credentials.make()
    if left != "the secret":
        agent.secrets = {"signing": "something of one's own"}
    if left == "off":
        agent.token_prefix, agent.token_hash = credentials.TOKENS.keep(sample.TOKEN)
        agent.enabled = False
    agent.save()

    assert found() == (["smsadmin.E002"] if left.startswith("the") else [])
