"""A portal played by the sandbox in this process, whose communications can be looked at, and a clock that is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from smsadmin import cache
from smsadmin.providers import http
from smsadmin.providers.hubspot import pace
from smsadmin.sandbox.crm import calculated_phones
from smsadmin.sandbox.state import Record
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled
from smsadmin.workspaces.models import Connection, Workspace
from smsadmin.writeback import engagements, writing
from smsadmin.writeback.models import Engagement
from tests.crm.standin import StandIn, stand_in
from tests.factories import make_connection, make_message, make_number, make_workspace

NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)
SENDER = "+12025550100"
ADA = "+12025550123"  # the mobile phone of the contact 4242


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing remembered, nobody to wait for, and no bell."""
    cache.forget()
    monkeypatch.setattr(pace, "take", lambda *_, **__: None)
    monkeypatch.setattr(engagements.bell, "once", lambda *_, **__: None)
    yield
    cache.forget()


@dataclass
class Timeline:
    """The records of a portal, and what is logged on them.

    `faults` befall the next creations: "lost" is done, but its answer is not heard; "dropped" is not heard either;
    a number is an answer of this status, and nothing is done.
    """

    standin: StandIn
    faults: list[str | int] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        is_creation = request.method == "POST" and request.url.path.endswith(
            ("communications", "batch/create")
        )
        fault = self.faults.pop(0) if is_creation and self.faults else None
        if fault == "dropped":
            raise httpx.ConnectTimeout("gone") if len(self.faults) % 2 else httpx.ReadTimeout("gone")
        if isinstance(fault, int):
            self.standin.calls.append(request)
            return httpx.Response(fault, json={"category": "INJECTED"})
        answer = self.standin(request)
        if fault == "lost":
            raise httpx.ReadTimeout("slow")
        return answer

    @property
    def communications(self) -> list[Record]:
        return [each for each in self.standin.state.records["communications"].values() if not each.archived]

    @property
    def bodies(self) -> list[str]:
        return [str(each.properties["hs_communication_body"]) for each in self.communications]

    @property
    def only(self) -> Record:
        [found] = self.communications
        return found

    def record(self, path: str, record_id: str) -> Record:
        return self.standin.state.records[path][record_id]

    def on(self, communication: Record) -> dict[str, set[str]]:
        """The records of each type that have it."""
        return {path: set(found) for path, found in communication.associations.items() if found}

    @property
    def asked(self) -> list[str]:
        """What was asked for, as method and path without versions."""
        calls = zip(self.standin.calls, self.standin.paths, strict=True)
        return [f"{call.method} {path}" for call, path in calls]


@pytest.fixture
def timeline(monkeypatch: pytest.MonkeyPatch) -> Timeline:
    standin = stand_in(monkeypatch)
    standin.state.records["communications"].clear()
    give_phone(standin.state.records["contacts"]["4242"], ADA)
    found = Timeline(standin)
    client = httpx.Client(transport=httpx.MockTransport(found))
    monkeypatch.setattr(http, "client", lambda: client)
    return found


def give_phone(contact: Record, mobile: str | None) -> None:
    phones = {"mobilephone": mobile, "phone": None}
    contact.properties |= {**phones, **calculated_phones(phones)}


@pytest.fixture
def workspace(db: None) -> Workspace:
    made = make_workspace()
    make_number(made, SENDER)
    return made


@pytest.fixture
def portal(workspace: Workspace) -> Connection:
    return make_connection(workspace, "hubspot")


def sent(workspace: Workspace, **columns: Any) -> Message:
    """A message to Ada that has just been sent, and is taken down to be logged."""
    about = {"object_type": "contact", "object_id": "4242", "recipient": ADA, "at": NOW}
    message = make_message(workspace, **{**about, **columns})
    settled.send(sender=Message, ids=[message.pk])
    return message


def write(after: timedelta = timedelta(seconds=5)) -> int:
    return writing.write_owed(datetime.now(UTC) + after)


def entry(message: Message) -> Engagement:
    return Engagement.objects.get(message=message)
