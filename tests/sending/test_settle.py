"""A person settles what nobody knew: which way, how often, and what is left of it."""

from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsadmin.core.status import TROUBLE, Status
from smsadmin.notices import watching
from smsadmin.notices.models import NoticeRule
from smsadmin.resends import asking, choice, running
from smsadmin.resends.models import Resend
from smsadmin.sending import again, log, settle
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import User, Workspace
from tests.factories import ask, make_action, make_member, make_message, make_user, make_workspace
from tests.sending.conftest import events
from tests.sending.test_accept import limit

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


@pytest.mark.parametrize("arrived", [True, False])
def test_nothing_ends_by_being_decided_about(workspace: Workspace, mia: User, arrived: bool) -> None:
    """Notices and the page of failures go by when a message ended: an old one is no new failure."""
    ended = timezone.now() - timedelta(days=2)
    message = unknown(workspace, finished_at=ended)
    rule = NoticeRule.objects.create(
        workspace=workspace, name="New failures", when="any", looked_at=ended + timedelta(minutes=1)
    )

    watching.sweep(timezone.now() - timedelta(hours=1))
    told_of = rule.notices.count()

    assert decide(message, arrived, mia)

    message.refresh_from_db()
    assert message.finished_at == ended
    watching.sweep(timezone.now() + timedelta(seconds=1))
    assert rule.notices.count() == told_of


# --- The provider knows better ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrived", "means"), [(True, Status.DELIVERED), (False, Status.DELIVERED), (False, Status.SENT)]
)
def test_a_receipt_after_the_decision_is_right(
    workspace: Workspace, mia: User, arrived: bool, means: Status
) -> None:
    message = unknown(workspace)
    decide(message, arrived, mia)

    assert told(message, means)

    message.refresh_from_db()
    assert (message.status, message.error_code, message.cause) == (means, "", "")
    assert [kind for kind, _ in events(message)] == ["decision", "receipt"]
    assert not again.verdicts(workspace, [message])[message.pk].may


@pytest.mark.parametrize("status", sorted(TROUBLE - {Status.UNKNOWN}))
def test_a_receipt_moves_nothing_that_nobody_decided_about(workspace: Workspace, status: Status) -> None:
    message = make_message(workspace, status=status, error_code="PROVIDER_REJECTED")

    assert not told(message, Status.DELIVERED)

    message.refresh_from_db()
    assert (message.status, message.error_code) == (status, "PROVIDER_REJECTED")


@pytest.mark.services
def test_what_arrived_after_all_is_not_sent_again_by_a_resend_that_waited_for_room(
    workspace: Workspace, mia: User
) -> None:
    action = make_action(workspace, message="Hi Ada")
    version = action.current
    asked = {"inputs": {"values": {"enrolled_object": {"phone": "+33612345678"}}}, "object_type": "contact"}
    message = unknown(
        workspace, action=action, version=version, number=version.sender_number, object_id="501", **asked
    )
    decide(message, False, mia)
    limit(version.sender_number, "number", 1)
    accept(ask(version.sender_number))  # which fills it
    resend = asking.ask(choice.of_rows(workspace, [message.pk]), "present", mia)
    running.run(resend.pk, lambda seconds: None)
    assert resend.items.get().state == "pending"

    told(message, Status.DELIVERED)
    limit(version.sender_number, "number", 5)
    Resend.objects.update(waits_until=None)
    running.run(resend.pk, lambda seconds: None)

    item = resend.items.get()
    assert (item.state, item.reason) == ("refused", again.Reason.DELIVERED)
    assert not Message.objects.filter(original=message.pk).exists()


def test_where_it_was_sent_again_before_the_news_its_page_shows_both(workspace: Workspace, mia: User) -> None:
    message = unknown(workspace, inputs={})
    decide(message, False, mia)
    successor = make_message(workspace, trigger="resend", original=message.pk, status="sent")
    told(message, Status.DELIVERED)
    browser = Client()
    browser.force_login(make_member(workspace).user)

    page = browser.get(reverse("message", args=[message.pk])).content.decode()

    assert "Aircall says “delivered”." in page
    assert f"{mia} found that it had not gone out" in page
    assert reverse("message", args=[successor.pk]) in page


def told(message: Message, means: Status) -> bool:
    """Aircall says what became of it."""
    said = log.Receipt(means.value, means, "message.status_updated")
    return log.receipt(message, said, timezone.now() + timedelta(hours=1))
