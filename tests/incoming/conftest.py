"""An Aircall account that tells us things, and nobody rung for: tests handle what was told when they say so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from smsadmin import cache
from smsadmin.directory.models import Number
from smsadmin.incoming import bell, handling
from smsadmin.incoming.models import ProviderCall, ProxyConfiguration, Webhook
from smsadmin.providers.aircall.client import PROXY_TYPE
from smsadmin.sending import refused
from smsadmin.sending.models import Event, Message
from smsadmin.workspaces.models import Connection, Workspace
from tests.factories import make_connection, make_message, make_number, make_workspace

ADDRESS, TOKEN = "address-of-the-webhook", "token-of-the-webhook"
ADA = "+13125550123"
NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How often a worker was rung for."""
    rung: list[int] = []
    monkeypatch.setattr(bell, "ring", lambda: rung.append(1))
    monkeypatch.setitem(refused._kept, "rows", 0)
    cache.forget()
    yield rung
    cache.forget()


@pytest.fixture
def now(time_machine: Any) -> datetime:
    """A clock that stands still until a test moves it."""
    time_machine.move_to(NOW, tick=False)
    return NOW


@dataclass
class Account:
    """An Aircall account of a workspace, and Aircall as it calls us."""

    connection: Connection
    number: Number
    address: str = ADDRESS
    client: Client = field(default_factory=Client)

    @property
    def workspace(self) -> Workspace:
        return self.connection.workspace

    def post(self, payload: Any, path: str = "") -> HttpResponse:
        body = payload if isinstance(payload, str | bytes) else json.dumps(payload)
        return self.client.post(path or f"/aircall/webhooks/{self.address}", body, "application/json")

    def tell(
        self, event: str, *, at: datetime | None = None, token: str = TOKEN, **data: Any
    ) -> ProviderCall:
        """What Aircall POSTs for an event of a message; the row that it became."""
        response = self.post(self.event(event, at=at, token=token, **data))
        assert response.status_code == 200, response.content
        return ProviderCall.objects.latest("pk")

    def event(
        self, event: str, *, at: datetime | None = None, token: str = TOKEN, **data: Any
    ) -> dict[str, Any]:
        moment = (at or timezone.now()).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        number = {
            "id": int(self.number.provider_id),
            "digits": "+1 202-555-0101",
            "e164_digits": self.number.e164,
        }
        described = {
            "direction": "outbound",
            "external_number": ADA,
            "raw_digits": ADA,
            "body": "Hi Ada",
            "channel": None,
            "media_details": [],
            "created_at": moment,
            "updated_at": moment,
            "number": number,
            "contact": {"first_name": "Ada", "emails": [{"value": "ada@example.com"}]},
        }
        seconds = int((at or timezone.now()).timestamp())
        envelope = {"resource": "message", "event": event, "timestamp": seconds, "token": token}
        return {**envelope, "data": described | data}

    def calls_us(self, token: str = "", *, proxy_mode: bool = True) -> None:
        """The number has a configuration that calls us, with this token where we were told it."""
        self.number.proxy_mode = proxy_mode
        self.number.save()
        ProxyConfiguration.objects.update_or_create(
            number=self.number,
            defaults={
                "workspace": self.workspace,
                "type": PROXY_TYPE,
                "callback": ProxyConfiguration.Callback.OURS,
                "secrets": {"token": token} if token else {},
            },
        )
        cache.forget()

    def call_back(self, event: str = "message.updated", token: str = "", **data: Any) -> HttpResponse:
        """A callback of the number."""
        described = {"id": "SM1", "number": {"id": int(self.number.provider_id)}, "direction": "outbound"}
        payload = {"resource": "message", "event_name": event, "token": token, "data": described | data}
        return self.post(payload, f"/aircall/callbacks/{self.address}")

    def message(self, status: str = "sent", **columns: Any) -> Message:
        """A message from the number to Ada, claimed when it was received."""
        at = columns.pop("at", timezone.now())
        defaults = {"number": self.number, "recipient": ADA, "body": "Hi Ada", "claimed_at": at}
        if status == "unknown":
            defaults |= {"error_code": "PROVIDER_UNKNOWN", "error_facts": {"provider": "Aircall"}}
        return make_message(self.workspace, at=at, status=status, **(defaults | columns))


def make_account(address: str = ADDRESS, token: str = TOKEN) -> Account:
    connection = make_connection(make_workspace())
    secrets = {"address": address, **({"token": token} if token else {})}
    Webhook.objects.create(
        connection=connection,
        workspace=connection.workspace,
        address_hash=hashlib.sha256(address.encode()).hexdigest(),
        secrets=secrets,
        provider_id="webhook-1",
        state="working",
    )
    return Account(connection, make_number(connection.workspace, connection=connection), address)


@pytest.fixture
def account(db: None) -> Account:
    return make_account()


def handle() -> int:
    return handling.run()


def later(time_machine: Any, **distance: float) -> None:
    """Time passes, and the sweep looks."""
    time_machine.move_to(timezone.now() + timedelta(**distance), tick=False)
    handle()


def status(message: Message) -> str:
    message.refresh_from_db()
    return message.status


def receipts(message: Message) -> list[dict[str, Any]]:
    """What the timeline says of receipts, in order."""
    return [event.data for event in message.events.filter(kind=Event.Kind.RECEIPT)]
