"""Every writer of an error writes its cause too, and rows of before causes were kept get theirs."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from smsadmin.core import errors
from smsadmin.core.causes import cause
from smsadmin.core.message import Record
from smsadmin.core.status import Status
from smsadmin.directory.models import Number
from smsadmin.sending import log
from smsadmin.sending.accept import accept, refuse
from smsadmin.sending.log import Outcome
from smsadmin.sending.models import Message
from tests.factories import ask, make_action, make_message, make_workspace
from tests.sending.conftest import NOW

backfill = import_module("smsadmin.sending.migrations.0004_causes_of_earlier_messages")


def of(message: Message) -> str:
    message.refresh_from_db()
    return message.cause


@pytest.mark.services
@pytest.mark.django_db
def test_a_message_that_was_accepted_has_no_cause(number: Number) -> None:
    assert of(accept(ask(number), NOW)) == ""


def test_a_rejected_message_has_the_cause_of_its_error(number: Number) -> None:
    message = accept(ask(number, phone=""), NOW)

    assert of(message) == cause("RECIPIENT_MISSING", message.error_facts)
    assert of(message).startswith("RECIPIENT_MISSING.")


def test_a_cause_that_hinges_on_who_asked_knows_the_action_else_the_workflow(number: Number) -> None:
    action = make_action(number.workspace)
    by_action = accept(ask(number, message=" ", action_id=action.pk, origin={"workflow": "17"}), NOW)
    by_workflow = accept(ask(number, message=" ", origin={"workflow": "17"}), NOW)
    by_nobody = refuse(ask(number), errors.MessageEmpty(), NOW)

    assert of(by_action) == cause("MESSAGE_EMPTY", {}, f"action {action.pk}")
    assert of(by_workflow) == cause("MESSAGE_EMPTY", {}, "workflow 17")
    assert of(by_nobody) == "MESSAGE_EMPTY"


@pytest.mark.services
@pytest.mark.django_db
def test_outcomes_write_and_clear_causes(number: Number) -> None:
    refused, again = (accept(ask(number), NOW) for _ in range(2))
    Message.objects.filter(pk=again.pk).update(cause="RATE_LIMITED.0")
    log.claim([refused.pk, again.pk], refused.pk, NOW, NOW + timedelta(seconds=60))
    error = errors.ProviderRejected(provider="Aircall", answer="no", http_status=400)

    log.finish(
        [
            Outcome(refused.pk, Status.FAILED, NOW, error=error),
            Outcome(again.pk, Status.QUEUED, NOW, next_attempt_at=NOW),
        ],
        refused.pk,
    )

    assert of(refused) == cause("PROVIDER_REJECTED", error.facts)
    assert of(again) == ""


def test_a_lost_message_has_a_cause_until_it_is_settled(number: Number) -> None:
    message = accept(ask(number), NOW)
    log.claim([message.pk], message.pk, NOW, NOW + timedelta(seconds=60))
    log.lost(NOW + timedelta(seconds=61))
    assert of(message).startswith("PROVIDER_UNKNOWN.")

    log.move(message.pk, Status.DELIVERED, NOW)

    assert of(message) == ""


def test_an_expired_message_is_a_cause_of_its_action(number: Number) -> None:
    action = make_action(number.workspace)
    message = make_message(
        number.workspace,
        status=Status.HELD,
        action=action,
        next_attempt_at=NOW,
        expires_at=NOW,
        error_code="NUMBER_QUOTA_EXCEEDED",
        error_facts={"subject": number.e164, "window": "day"},
    )

    log.expired(NOW)

    assert of(message) == cause("EXPIRED", {}, f"action {action.pk}")


# Rows of before


def forgotten(message: Message) -> str:
    """The cause a message has; the row no longer knows it."""
    found = message.cause
    Message.objects.filter(pk=message.pk).update(cause="")
    return found


@pytest.mark.services
@pytest.mark.django_db
def test_earlier_messages_get_the_cause_they_would_have_got(
    number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "BATCH", 2)
    action = make_action(number.workspace)
    record = Record("contact", "501", {})
    asked = [
        ask(number, phone=""),
        ask(number, phone="0612345678"),
        ask(number, message=" ", action_id=action.pk),
        ask(number, message=" ", origin={"workflow": "17"}),
        ask(number, message="{{Contact.city}}", properties={"city": ""}),
        ask(number, record=record),
    ]
    made = [accept(each, NOW) for each in asked]
    made.append(make_message(make_workspace(), status=Status.FAILED, error_code="RATE_LIMITED"))
    sent = make_message(number.workspace)
    causes = [forgotten(message) for message in made]
    assert all(causes)

    backfill.fill(apps, SimpleNamespace(connection=connection))

    assert [of(message) for message in made] == causes
    assert of(sent) == ""


@pytest.mark.services
@pytest.mark.django_db
def test_what_a_message_got_meanwhile_stays(number: Number) -> None:
    message = make_message(
        number.workspace, status=Status.FAILED, error_code="RATE_LIMITED", cause="RATE_LIMITED.1"
    )

    backfill.fill(apps, SimpleNamespace(connection=connection))

    assert of(message) == "RATE_LIMITED.1"
