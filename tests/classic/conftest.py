"""A portal whose workspace may use the classic action, and what its steps ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse

from smsadmin import cache
from smsadmin.classic.models import ClassicSettings, ClassicStep
from smsadmin.directory.models import Agent, Number
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace
from tests.triggers.hubspot.conftest import (  # noqa: F401  fixtures
    SEND,
    Portal,
    _fresh,
    execution,
    line,
    portal,
    provider,
    worker,
)

CLASSIC = "/hubspot/actions/send-sms-classic"
NUMBERS, USERS = "/hubspot/options/sender-numbers", "/hubspot/options/send-as-users"
OF_CLASSIC = "?generation=classic"


@dataclass
class Classic:
    """Steps of the classic action as the portal runs them, and as its editor shows them."""

    portal: Portal
    line: Number

    @property
    def workspace(self) -> Workspace:
        return self.portal.workspace

    def user(self, email: str = "mia@example.com") -> Agent:
        return Agent.objects.get(workspace=self.workspace, email=email)

    def inputs(self, **changes: str) -> dict[str, str]:
        """What a step holds when all is well."""
        found = {
            "sender_number": self.line.provider_id,
            "send_as_user": self.user().provider_id,
            "recipient": "+12025550123",
            "message": "Hi Zoë",
        }
        return found | changes

    def post(self, inputs: dict[str, str] | None = None, **changes: Any) -> HttpResponse:
        return self.portal.call(CLASSIC, execution(inputs or self.inputs(), **changes))

    def run(self, inputs: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
        """The output fields that an execution is answered with; it must be a 200."""
        response = self.post(inputs, **changes)
        assert response.status_code == 200, response.content
        return response.json()["outputFields"]

    def message(self, inputs: dict[str, str] | None = None, **changes: Any) -> Message:
        """The message that an execution made."""
        return Message.objects.get(pk=self.run(inputs, **changes)["message_id"])

    def list(self, path: str, number: str = "", query: str = OF_CLASSIC) -> list[dict[str, str]]:
        """The options of a dropdown of the editor."""
        payload = {
            "origin": {"portalId": 9000001, "actionDefinitionId": 1, "actionDefinitionVersion": 1},
            "inputFields": {"sender_number": {"type": "STATIC_VALUE", "value": number}} if number else {},
        }
        response = self.portal.call(f"{path}{query}", payload)
        assert response.status_code == 200, response.content
        return response.json()["options"]

    def set(self, **columns: Any) -> None:
        """Changes the workspace's settings for the classic action."""
        ClassicSettings.objects.filter(workspace=self.workspace).update(**columns)
        cache.forget()

    def step(self) -> ClassicStep:
        return ClassicStep.objects.get(workspace=self.workspace)


@pytest.fixture
def classic(portal: Portal, line: Number) -> Classic:  # noqa: F811
    ClassicSettings.objects.create(workspace=portal.workspace, enabled=True)
    cache.forget()
    return Classic(portal, line)


def trace(message: Message) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """The steps of a message's trace: verdict, sentence and facts by name."""
    return {name: (verdict, say, facts) for name, verdict, say, facts in message.trace}
