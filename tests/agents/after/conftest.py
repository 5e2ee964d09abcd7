"""A Synthflow agent with an action for after its calls, and what platforms tell of a call."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from smsadmin.agents import bell
from smsadmin.agents.after import running
from smsadmin.agents.after.proof import signature
from smsadmin.agents.models import AgentCall, AIAgent, Attachment
from smsadmin.providers import http
from smsadmin.providers.base import Exchange
from smsadmin.sending.models import Message
from tests.factories import make_action, make_ai_agent, make_attachment, make_connection, make_workspace

SECRET = "synth-secret"
CALL = "1711646262471x768387119913843100"
ADA = "+12025550143"


def webhook_body(**call: Any) -> dict[str, Any]:
    """What Synthflow's docs show of a call that is over."""
    return {
        "status": "completed",
        "error_message": "",
        "lead": {"name": "David", "phone_number": ADA},
        "call": {
            "status": "completed",
            "end_call_reason": "human_goodbye",
            "model_id": "agent-1",
            "timezone": "Europe/Berlin",
            "call_id": CALL,
            "duration": 32,
            "start_time": "2024-03-28T18:17:46.205134+01:00",
            "transcript": "\nbot: Your secret word?\nhuman: Rosebud",
            **call,
        },
        "executed_actions": {
            "extract_info_1": {
                "name": "extract_info_1",
                "action_type": "extract_info_action_type",
                "description": "",
                "parameters_hard_coded": {"identifier": "purchase"},
                "error_message": None,
                "return_value": {"purchase": "car"},
            }
        },
    }


def record(**over: Any) -> dict[str, Any]:
    """The same call as Synthflow's API gives it."""
    return {
        "call_id": CALL,
        "model_id": "agent-1",
        "status": "completed",
        "type_of_call": "inbound",
        "phone_number_from": ADA,
        "phone_number_to": "+12025550100",
        "transcript": "Rosebud",
        "recording_url": "https://example.com/r.wav",
        "duration": 32,
        "end_call_reason": "human_ended_call",
        "executed_actions": {"book": {"name": "book", "return_value": {"slot": {"date": "3 March"}}}},
        "collected_variables": {"agent-1": {"first_name": {"value": "Ada", "collected": True}}},
        **over,
    }


@dataclass
class House:
    """The workspace's agent, and what happens to it."""

    workspace: Any
    agent: AIAgent
    token: str
    client: Client = field(default_factory=Client)

    @property
    def url(self) -> str:
        return f"/agents/webhooks/{self.agent.public_id}"

    def attach(
        self, message: str = "Thank you for the {{purchase}}", rule: Any = None, **over: Any
    ) -> Attachment:
        hides = over.pop("hide_values", False)
        columns = {
            "object_type": "call",
            "recipient_property": "phone",
            "message": message,
            "hide_values": hides,
        }
        action = make_action(self.workspace, **columns)
        over = {"tool_name": f"send_{action.pk}", "when": "after", "rule": rule or {}, **over}
        return make_attachment(self.agent, action, **over)

    def connect(self) -> None:
        self.agent.connection = make_connection(
            self.workspace, "synthflow", name="Synthflow", external_id="ws", secrets={"api_key": "key"}
        )
        self.agent.save()

    def trust(self) -> None:
        """What is not proven counts too."""
        self.agent.options = {running.TRUSTS: True}
        self.agent.save()

    def tell(self, body: Any, **headers: str) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(self.url, content, "application/json", headers=headers)

    def tell_signed(self, **call: Any) -> Any:
        body = webhook_body(**call)
        return self.tell(body, **{"Synthflow-Signature": signature(SECRET, body["call"]["call_id"])})

    def tell_plainly(self, body: dict[str, Any]) -> Any:
        return self.tell({"call_id": CALL, **body}, Authorization=f"Bearer {self.token}")

    def work(self) -> int:
        """What a worker does once all that waits is due."""
        AgentCall.objects.filter(after="waiting").update(next_look_at=timezone.now())
        return running.run()

    @property
    def call(self) -> AgentCall:
        return AgentCall.objects.get()

    @property
    def decided(self) -> list[dict[str, Any]]:
        return self.call.told["decided"]

    @property
    def texts(self) -> list[tuple[str, str]]:
        return list(Message.objects.order_by("pk").values_list("recipient", "body"))


@pytest.fixture(autouse=True)
def _rings_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "ring", lambda: None)


@pytest.fixture
def house(db: None) -> House:
    return made_house()


def made_house(platform: str = "synthflow") -> House:
    workspace = make_workspace()
    secrets = {"signing": SECRET}
    agent, token = make_ai_agent(workspace, platform, external_id="agent-1", secrets=secrets)
    return House(workspace, agent, token)


@dataclass
class Api:
    """What Synthflow answers: a status and a body, or None for no connection; and what it was asked."""

    status: int = 200
    body: Any = None
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def says(self, **over: Any) -> None:
        self.status, self.down = 200, False
        self.body = {"status": "ok", "response": {"calls": [record(**over)]}}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    answers = Api()
    answers.says()

    def call(method: str, url: str, **_options: Any) -> http.Answer:
        answers.asked.append(url)
        exchange = Exchange(method, url, http_status=None if answers.down else answers.status)
        return http.Answer(exchange, http.NO_ANSWER if answers.down else "", answers.body)

    monkeypatch.setattr(http, "call", call)
    return answers
