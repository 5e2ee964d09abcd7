"""Resends without a worker: what is rung for is listed, and failed messages are made as the flow leaves them."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from smsadmin import cache
from smsadmin.actions.models import Action
from smsadmin.quotas.models import Rule
from smsadmin.resends import asking, bell, choice, presenters, running
from smsadmin.resends.models import Resend
from smsadmin.sending import bell as sending_bell
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Member, Role, Workspace
from tests.factories import make_action, make_member, make_message, make_workspace

VALUES = {"enrolled_object": {"phone": "+33612345678", "firstname": "Ada"}}


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    cache.forget()
    yield
    cache.forget()


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The resends that were rung for."""
    rung: list[UUID] = []
    monkeypatch.setattr(bell, "ring", rung.append)
    monkeypatch.setattr(sending_bell, "ring", lambda connection_id: None)
    return rung


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def operator(workspace: Workspace) -> Member:
    return make_member(workspace, Role.OPERATOR)


@pytest.fixture
def action(workspace: Workspace) -> Action:
    return make_action(workspace, name="Welcome", message="Hi {{Contact.firstname}}")


@pytest.fixture
def ask(operator: Member) -> Callable[..., Resend]:
    """Asks for a resend of these messages."""

    def asking_for(*messages: Message, which: str = "present") -> Resend:
        rows = choice.of_rows(operator.workspace, [message.pk for message in messages])
        return asking.ask(rows, which, operator.user)

    return asking_for


def made_with(action: Action, **columns: Any) -> Message:
    """A message of the action's present version, refused unless told otherwise, with the values it was made of."""
    version = action.current
    assert version
    defaults: dict[str, Any] = {
        "number": version.sender_number,
        "version": version,
        "object_type": "contact",
        "object_id": "501",
        "template": version.message,
        "inputs": {"values": VALUES},
        "status": "rejected",
        "error_code": "NUMBER_NOT_SMS_CAPABLE",
    }
    return make_message(action.workspace, action=action, **{**defaults, **columns})


def worked(resend: Resend) -> Resend:
    """The resend once a worker has had its turn."""
    running.run(resend.pk, lambda seconds: None)
    resend.refresh_from_db()
    return resend


def progress(resend: Resend) -> presenters.Progress:
    """How far it is."""
    [found] = presenters.progress([resend])
    return found


def outcomes(resend: Resend) -> dict[UUID, tuple[str, str]]:
    """Of each original: its item's state, and why it was refused."""
    return {
        item.original: (item.state, item.reason or item.error_code) for item in resend.items.order_by("pk")
    }


def limit(
    workspace: Workspace, scope: str, limit: int, window: str = "minute", unit: str = "messages"
) -> None:
    Rule.objects.filter(workspace=workspace, scope=scope, window=window, unit=unit).update(limit=limit)
    cache.forget()
