"""A workspace with a line, people who sign in to it, and somebody who texts it."""

import html
import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from smsadmin import cache
from smsadmin.directory.models import Number
from smsadmin.inbox.models import Thread
from smsadmin.incoming.models import InboundMessage
from smsadmin.incoming.signals import received
from smsadmin.sending import bell
from smsadmin.workspaces.models import Member, Role, Workspace
from tests.factories import make_member, make_number, make_workspace

ADA, BOB = "+13125550123", "+33612345678"
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_serial = itertools.count(1)


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The accounts whose drain was rung for."""
    rung: list[int] = []
    monkeypatch.setattr(bell, "ring", rung.append)
    cache.forget()
    yield rung
    cache.forget()


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def line(workspace: Workspace) -> Number:
    return make_number(workspace, "+12025550101", name="Sales US", users=("mia@example.com",))


@pytest.fixture
def operator(workspace: Workspace) -> Client:
    return signed_in(workspace)


@pytest.fixture
def viewer(workspace: Workspace) -> Client:
    return signed_in(workspace, Role.VIEWER)


def signed_in(workspace: Workspace, role: str = Role.OPERATOR) -> Client:
    browser = Client()
    browser.force_login(make_member(workspace, role).user)
    return browser


def stored(line: Number, body: str = "Yes", sender: str = ADA, **columns: Any) -> InboundMessage:
    """A text to the line that nobody has told the inbox of."""
    columns = {"at": timezone.now(), "provider_id": f"IN{next(_serial)}", "number": line, **columns}
    return InboundMessage.objects.create(
        workspace=line.workspace, connection=line.connection, sender=sender, body=body, **columns
    )


def texted(line: Number, body: str = "Yes", sender: str = ADA, **columns: Any) -> Thread:
    """A text to the line, as it comes in; the thread that it is in."""
    inbound = stored(line, body, sender, **columns)
    received.send(sender=InboundMessage, inbound=inbound)
    return Thread.objects.get(entries=inbound.pk)


def member(workspace: Workspace, role: str = Role.OPERATOR) -> Member:
    return make_member(workspace, role)


def ago(**distance: float) -> datetime:
    return timezone.now() - timedelta(**distance)


def words(response: Any) -> str:
    """What a page says, without its frame."""
    text = response.content.decode()
    bare = re.sub(r"<(svg|head|nav|header)\b.*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))


def hidden(response: Any, name: str) -> str:
    """The value of a hidden field of the page's form."""
    found = re.search(rf'name="{name}" value="([^"]*)"', response.content.decode())
    assert found
    return found[1]
