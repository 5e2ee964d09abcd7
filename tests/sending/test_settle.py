"""A person settles what nobody knew: which way, how often, and what is left of it."""

from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.utils import timezone

from smsadmin.core.status import Status
from smsadmin.sending import again, log, settle
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import User, Workspace
from tests.factories import make_message, make_user, make_workspace
from tests.sending.conftest import events

FACTS = {"provider": "Aircall", "reason": "HTTP 500"}


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def mia(db: None) -> User:
    return make_user("mia@example.com")


def unknown(workspace: Workspace, **columns: Any) -> Message:
    asked = {"inputs": {"config": {"recipient_property": "Contact.phone"}, "values": {}}}
    error = {"status": Status.UNKNOWN, "error_code": "PROVIDER_UNKNOWN", "error_facts": FACTS}
    return make_message(workspace, **{**asked, **error, **columns})


def decide(message: Message, arrived: bool, by: User, note: str = "") -> bool:
    return settle.decide(message, arrived, note, by, timezone.now())


def test_what_arrived_is_sent_and_has_no_error_any_more(workspace: Workspace, mia: User) -> None:
    message = unknown(workspace)

    assert decide(message, True, mia)

    message.refresh_from_db()
    assert (message.status, message.error_code, message.error_facts, message.cause) == ("sent", "", {}, "")
    assert not again.verdicts(workspace, [message])[message.pk].may


def test_what_did_not_arrive_keeps_its_error_and_may_be_sent_again(workspace: Workspace, mia: User) -> None:
    message = unknown(workspace)
    cause = message.cause

    assert decide(message, False, mia)

    message.refresh_from_db()
    assert (message.status, message.error_code, message.error_facts) == ("failed", "PROVIDER_UNKNOWN", FACTS)
    assert message.cause == cause
    assert again.verdicts(workspace, [message])[message.pk].may


def test_who_said_so_and_why_is_on_the_timeline_and_in_the_audit_log(workspace: Workspace, mia: User) -> None:
    message = unknown(workspace)

    decide(message, False, mia, "Asked the customer\x00")

    [event] = events(message)
    said = {"status": "failed", "by": mia.pk, "who": str(mia), "note": "Asked the customer\ufffd"}
    assert event == ("decision", said)
    entry = LogEntry.objects.get_for_object(message).get()
    assert entry.changes["status"] == ["unknown", "failed"]
    assert entry.object_repr == str(message.pk)  # no phone number


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.UNKNOWN}))
@pytest.mark.parametrize("arrived", [True, False])
def test_only_an_unknown_message_is_decided_about(
    workspace: Workspace, mia: User, status: Status, arrived: bool
) -> None:
    message = unknown(workspace)
    Message.objects.update(status=status)  # meanwhile

    assert not decide(message, arrived, mia)

    message.refresh_from_db()
    assert message.status == status
    assert events(message) == []
    assert not LogEntry.objects.get_for_object(message).exists()


def test_a_receipt_that_came_first_wins(workspace: Workspace, mia: User) -> None:
    message = unknown(workspace)
    log.move(message.pk, Status.DELIVERED, timezone.now())

    assert not decide(message, False, mia)

    assert Message.objects.get().status == Status.DELIVERED


def test_a_receipt_may_follow_what_arrived_and_not_what_did_not(workspace: Workspace, mia: User) -> None:
    arrived, lost = unknown(workspace), unknown(workspace)
    decide(arrived, True, mia)
    decide(lost, False, mia)

    later = timezone.now() + timedelta(hours=1)
    assert log.move(arrived.pk, Status.DELIVERED, later)
    assert not log.move(lost.pk, Status.DELIVERED, later)
