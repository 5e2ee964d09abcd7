"""docs/webhooks.md says what is so: its verification works, its events exist, its examples have the fields."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from smsadmin.core.status import Status
from smsadmin.directory.models import Number
from smsadmin.hooks import delivering, events, telling
from smsadmin.incoming.models import InboundMessage
from smsadmin.quotas import crossing
from smsadmin.quotas.models import Crossing, Scope
from smsadmin.sending import log
from tests.factories import make_action, make_agent, make_message
from tests.hooks.conftest import Travel, make_hook
from tests.notices.conftest import SECRET, Receiver
from tests.sending.conftest import NOW

PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text()
pytestmark = pytest.mark.django_db


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def shape(value: Any) -> Any:
    """The names in a document, without the values."""
    return {name: shape(each) for name, each in value.items()} if isinstance(value, dict) else None


def test_every_event_is_in_the_table() -> None:
    table = PAGE.partition("## What is posted")[0]
    named = set(re.findall(r"`([a-z_]+\.[a-z]+)`", table))
    named |= {f"failure_group{short}" for short in re.findall(r"`(\.[a-z]+)`", table)}

    assert named == set(events.KINDS)


def test_the_examples_have_the_fields_that_are_sent_and_the_snippet_takes_them(
    number: Number, receiver: Receiver, travel: Travel
) -> None:
    travel(NOW)
    workspace = number.workspace
    make_hook(workspace, "message.*", "quota.*", "failure_group.*", url=receiver.url)
    action = make_action(workspace)
    message = make_message(
        workspace, action=action, version=action.current, number=number, agent=make_agent(workspace),
        object_type="contact", object_id="501", error_code="RATE_LIMITED",
        error_facts={"provider": "Aircall", "attempts": 5},
    )  # fmt: skip
    telling.grouped(workspace.pk, [telling.Group(message.cause, "new", message.pk, NOW, 3)], NOW)
    log.move(message.pk, Status.DELIVERED, NOW)
    common = {"workspace": workspace, "connection": number.connection, "number": number, "provider_id": "1"}
    telling.received(InboundMessage.objects.create(**common, sender="+33612345678", body="Yes", at=NOW), NOW)
    reached = Crossing(
        workspace=workspace, scope=Scope.NUMBER, subject_id=number.pk, zone="UTC", window="day",
        unit="messages", began_at=NOW.replace(hour=0), threshold=100, at=NOW, used=10, limit=10,
    )  # fmt: skip
    crossing.write([reached])
    delivering.sweep()
    [snippet] = blocks("python")
    defined: dict[str, Any] = {}
    exec(snippet, defined)

    sent = {}
    for got in receiver.got:
        defined["verify"](SECRET, got.headers, got.body)
        with pytest.raises(ValueError, match="not signed"):
            defined["verify"](SECRET, got.headers, got.body + b" ")
        document = json.loads(got.body)
        sent[document["type"]] = shape(document)

    assert {example["type"]: shape(example) for example in map(json.loads, blocks("json"))} == sent
