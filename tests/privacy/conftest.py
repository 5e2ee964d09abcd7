"""Messages that say what must not be read, in every place that repeats it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from smsadmin import cache
from smsadmin.core.status import TROUBLE, Status
from smsadmin.privacy.models import Policy
from smsadmin.sending.models import Event, Message
from smsadmin.workspaces.models import Role, Workspace
from tests.factories import make_action, make_member, make_message, make_workspace

RECIPIENT, GIVEN = "+4915112345678", "0151 123 456 78"
NAME, CITY, MAIL = "Quetzalcoatl", "Zyzzyvaville", "quetz@zyzzyva.example"
TEMPLATE = "Dear {{Contact.firstname}}, see you in {{Contact.city}}"
BODY = f"Dear {NAME}, see you in {CITY}"


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    cache.forget()
    yield
    cache.forget()


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace("Example & Söhne")


def signed_in(workspace: Workspace, role: str = Role.VIEWER) -> Client:
    client = Client()
    client.force_login(make_member(workspace, role).user)
    return client


def policy(workspace: Workspace, **columns: Any) -> Policy:
    cache.forget()
    return Policy.objects.update_or_create(workspace=workspace, defaults=columns)[0]


def telling(workspace: Workspace, **columns: Any) -> Message:
    """A message whose every column that may, and whose timeline, repeats its number, its text and its values."""
    if "action" not in columns:
        columns["action"] = make_action(workspace, message=TEMPLATE)
    action = columns["action"]
    said = f"Cannot text {NAME} ({MAIL}) at {RECIPIENT}, 0151-12345678 or {GIVEN}: “{BODY}”"
    if columns.get("status") in TROUBLE:
        facts = {
            "provider": "Aircall",
            "answer": said,
            "http_status": 400,
            "recipient": RECIPIENT,
            "reason": said,
        }
        columns = {"error_code": "PROVIDER_REJECTED", "error_facts": {**facts, "value": GIVEN}, **columns}
    defaults = {
        "version": action and action.current,
        "recipient": RECIPIENT,
        "recipient_given": GIVEN,
        "body": BODY,
        "template": TEMPLATE,
        "inputs": {
            "values": {
                "contact": {"phone": GIVEN, "firstname": NAME, "city": CITY, "email": MAIL, "nothing": None}
            }
        },
        "trace": [
            [
                "recipient",
                "passed",
                "recipient.read",
                {"source": "phone", "value": GIVEN, "recipient": RECIPIENT},
            ],
            [
                "message",
                "passed",
                "message.tokens",
                {"tokens": f"Contact.firstname = “{NAME}”, city = “{CITY}”"},
            ],
            ["encoding", "passed", "encoding.unicode", {"characters": f"“{NAME}”"}],
            ["not_sender", "passed", "not_sender.yes", {"recipient": RECIPIENT, "sender": "+12025550101"}],
        ],
    }
    message = make_message(workspace, **{**defaults, **columns})
    exchange = {
        "method": "POST",
        "url": "https://api.aircall.io/v1/numbers/1/messages/native/send",
        "request": {"to": RECIPIENT, "body": BODY},
        "status": 400,
        "answer": said,
        "ms": 40,
    }
    happened(message, Event.Kind.ATTEMPT, exchange)
    happened(message, Event.Kind.ATTEMPT, {"failure": f"ValueError({BODY!r})"})
    happened(
        message,
        Event.Kind.RECEIPT,
        {"status": "sent", "means": "sent", "said": {"to": [RECIPIENT], "text": BODY}},
    )
    return message


def happened(message: Message, kind: str, data: dict[str, Any]) -> Event:
    return Event.objects.create(message=message, at=message.received_at, kind=kind, data=data)


def one_of_each(workspace: Workspace) -> dict[Status, Message]:
    """A message of every status."""
    action = make_action(workspace, message=TEMPLATE)
    return {status: telling(workspace, status=status, action=action) for status in Status}
