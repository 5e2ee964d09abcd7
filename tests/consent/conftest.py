"""A workspace that keeps a list of opt-outs, and texts that come in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from smsadmin import cache
from smsadmin.consent import bell as consent_bell
from smsadmin.consent.hearing import hear
from smsadmin.consent.models import OptOut, Policy
from smsadmin.directory.models import Number
from smsadmin.incoming.models import InboundMessage
from smsadmin.sending import bell
from smsadmin.workspaces.models import Member, Role, Workspace
from tests.factories import make_member, make_number, make_workspace

ADA, BOB = "+13125550123", "+33612345678"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing remembered from another test, and no bell."""
    monkeypatch.setattr(bell, "ring", lambda connection_id: None)
    monkeypatch.setattr(consent_bell, "ring", lambda: None)
    cache.forget()
    yield
    cache.forget()


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def number(workspace: Workspace) -> Number:
    return make_number(workspace)


@pytest.fixture
def keep(workspace: Workspace) -> Callable[..., Policy]:
    """Decides what the workspace does about opt-outs; a list here unless it says otherwise."""

    def decide(**columns: Any) -> Policy:
        values = {"kept_by": "here", "hubspot_property": "", **columns}
        policy, _new = Policy.objects.update_or_create(workspace=workspace, defaults=values)
        cache.forget()
        return policy

    return decide


@pytest.fixture
def policy(keep: Callable[..., Policy]) -> Policy:
    return keep()


def texted(
    number: Number, body: str, sender: str = ADA, *, at: datetime | None = None, **columns: Any
) -> Any:
    """Somebody texts one of our numbers, and it is heard."""
    inbound = InboundMessage.objects.create(
        workspace_id=number.workspace_id,
        connection_id=number.connection_id,
        number=number,
        sender=sender,
        body=body,
        at=at or timezone.now(),
        provider_id=f"IN{InboundMessage.objects.count()}",
        **columns,
    )
    hear(inbound, timezone.now())
    return inbound


def is_out(workspace: Workspace, number: str = ADA) -> bool:
    return OptOut.objects.filter(workspace=workspace, number=number, is_out=True).exists()


@pytest.fixture
def signed_in(workspace: Workspace) -> Callable[[str], Client]:
    """A browser of a member with this role."""

    def sign_in(role: str = Role.OPERATOR) -> Client:
        member: Member = make_member(workspace, role)
        client = Client()
        client.force_login(member.user)
        return client

    return sign_in
