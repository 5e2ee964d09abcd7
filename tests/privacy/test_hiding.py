"""Actions that keep no values: what is needed until a message is settled is gone once it is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from smsadmin.core import errors
from smsadmin.core.message import Accepted, Record, SendRequest, Sms
from smsadmin.core.status import Status
from smsadmin.directory.models import Number
from smsadmin.privacy import forgetting
from smsadmin.providers.base import Exchange, Result
from smsadmin.quotas.models import Rule
from smsadmin.sending import again, dispatch, hold, log
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Event, Message
from smsadmin.trials import sending as trials
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.models import Connection
from tests.factories import (
    FakeProvider,
    ask,
    make_action,
    make_connection,
    make_message,
    make_user,
    rate_limited,
    refused,
)
from tests.privacy.conftest import BODY, CITY, NAME, RECIPIENT, TEMPLATE
from tests.sending.conftest import NOW, Clock, _fresh, clock, drain, number, provider, rings

__all__ = ["_fresh", "clock", "drain", "number", "provider", "rings"]

pytestmark = pytest.mark.services

Drain = Callable[..., int]
VALUES = {"phone": RECIPIENT, "firstname": NAME, "city": CITY}


def hiding(number: Number, *, hide: bool = True, **over: Any) -> SendRequest:
    """A request of a saved action that keeps no values."""
    action = make_action(number.workspace, sender_number=number, message=TEMPLATE, hide_values=hide)
    columns = {"action_id": action.pk, "version_id": action.current_id, "action_name": action.name}
    config = {"message": TEMPLATE, "hide_values": hide}
    return ask(
        number,
        **{**columns, **config, "version_number": 1, "record": Record("contact", "501", VALUES), **over},
    )


def told(message: Message) -> list[str]:
    """Which of the secrets the database still says of a message."""
    row = list(Message.objects.filter(pk=message.pk).values())
    said = f"{row} {list(Event.objects.filter(message=message).values())}"
    return [secret for secret in (BODY, NAME, CITY) if secret in said]


def echoing(sms: Sms, status: int = 200, **result: Any) -> Result:
    """An exchange as it is kept: with the text in it, both ways."""
    request = {"to": sms.recipient, "body": sms.body}
    exchange = Exchange("POST", "https://provider.example/send", request, status, f"got “{sms.body}”")
    return Result(exchange, **result)


def seen(message: Message) -> Message:
    message.refresh_from_db()
    return message


@pytest.fixture(autouse=True)
def _provider_repeats_the_text(provider: FakeProvider) -> None:
    provider.otherwise = lambda sms: echoing(sms, accepted=Accepted("sms-1", "pending"))


def test_the_text_is_there_until_it_is_sent_and_gone_then(
    number: Number, provider: FakeProvider, drain: Drain
) -> None:
    message = accept(hiding(number), NOW)
    assert told(message)

    drain(number.connection_id)

    assert [sms.body for sms in provider.sent] == [BODY]
    assert told(message) == []
    assert (seen(message).status, message.body, message.inputs) == ("sent", "", {})
    assert message.values_gone_at is not None
    assert (message.recipient, message.template, message.segments) == (RECIPIENT, TEMPLATE, 1)


def test_an_action_that_hides_nothing_keeps_everything(number: Number, drain: Drain) -> None:
    message = accept(hiding(number, hide=False), NOW)

    drain(number.connection_id)

    assert seen(message).body == BODY
    assert message.values_gone_at is None


def test_a_workflows_own_fields_never_hide(number: Number, drain: Drain) -> None:
    message = accept(ask(number, message=TEMPLATE, properties={"firstname": NAME, "city": CITY}), NOW)

    drain(number.connection_id)

    assert seen(message).body == BODY


def test_what_is_tried_again_needs_its_text(
    number: Number, provider: FakeProvider, drain: Drain, clock: Clock
) -> None:
    message = accept(hiding(number), NOW)
    provider.answer(RECIPIENT, rate_limited(30))
    drain(number.connection_id)
    assert (seen(message).status, message.body) == ("queued", BODY)

    drain(number.connection_id, seconds=60)

    assert [sms.body for sms in provider.sent] == [BODY, BODY]
    assert told(message) == []


def test_a_held_message_keeps_its_text_until_it_was_sent(
    number: Number, provider: FakeProvider, drain: Drain, clock: Clock
) -> None:
    Rule.objects.filter(workspace=number.workspace, scope="number", window="minute").update(limit=1)
    accept(ask(number), NOW)
    message = accept(hiding(number, at_quota="hold", hold_minutes=60), NOW)
    assert (message.status, message.body) == ("held", BODY)

    clock.at = NOW + timedelta(minutes=1)
    hold.release(clock.at)
    assert seen(message).body == BODY
    drain(number.connection_id)

    assert provider.sent[-1].body == BODY
    assert (seen(message).status, told(message)) == ("sent", [])


def test_a_held_message_that_found_no_room_loses_its_text(number: Number) -> None:
    Rule.objects.filter(workspace=number.workspace, scope="number", window="minute").update(limit=1)
    accept(ask(number), NOW)
    message = accept(hiding(number, at_quota="hold", hold_minutes=1), NOW)
    Message.objects.filter(pk=message.pk).update(expires_at=NOW)

    hold.release(NOW + timedelta(minutes=1))

    assert (seen(message).status, told(message)) == ("expired", [])


def test_what_the_provider_refused_keeps_why_and_not_what(
    number: Number, provider: FakeProvider, drain: Drain
) -> None:
    error = errors.ProviderRejected(provider="Aircall", answer=f"{NAME} is blocked", http_status=400)
    provider.answer(RECIPIENT, lambda sms: echoing(sms, 400, error=error))
    message = accept(hiding(number), NOW)

    drain(number.connection_id)

    assert (seen(message).status, told(message)) == ("failed", [])
    assert message.error_facts == {"provider": "Aircall", "answer": "••• is blocked", "http_status": 400}


def test_a_refused_message_is_written_without_values(number: Number) -> None:
    message = accept(hiding(number, record=Record("contact", "501", {**VALUES, "phone": "n/a"})), NOW)

    assert (message.status, told(message)) == ("rejected", [])
    assert message.values_gone_at == NOW
    assert message.error_facts["value"] == "n/a"  # to whom, not what


def test_a_lost_message_loses_its_text_and_a_late_answer_brings_nothing_back(
    number: Number, provider: FakeProvider, drain: Drain, clock: Clock
) -> None:
    """The worker was slow, not dead: its answer comes after the message was given up."""

    def slow(sms: Sms) -> Result:
        later = clock.at + timedelta(hours=1)
        dispatch.sweep(later)
        assert (seen(message).status, told(message)) == ("unknown", [])
        return echoing(sms, accepted=Accepted("sms-9", "pending"))

    provider.otherwise = slow
    message = accept(hiding(number), NOW)

    drain(number.connection_id)

    assert (seen(message).status, message.provider_id, told(message)) == ("sent", "sms-9", [])
    assert [event.data.get("status") for event in message.events.filter(kind="attempt")] == [200]


def test_a_receipt_changes_the_status_alone(number: Number, drain: Drain) -> None:
    message = accept(hiding(number), NOW)
    drain(number.connection_id)

    log.receipt(seen(message), log.Receipt("delivered", Status.DELIVERED, "message.status_updated"), NOW)

    assert (seen(message).status, told(message)) == ("delivered", [])


def test_such_a_message_is_sent_again_only_from_a_record_that_can_be_read(
    number: Number, provider: FakeProvider, drain: Drain
) -> None:
    provider.answer(
        RECIPIENT, refused(errors.ProviderRejected(provider="Aircall", answer="no", http_status=400))
    )
    portal = make_connection(number.workspace, Connection.Kind.HUBSPOT)
    message = accept(hiding(number, origin={"portal": portal.external_id}), NOW)
    drain(number.connection_id)

    assert again.verdicts(number.workspace, [seen(message)])[message.pk].may
    portal.delete()
    assert again.verdicts(number.workspace, [message])[message.pk].reason == again.Reason.GONE


def test_a_test_of_a_form_that_hides_values_keeps_none(number: Number, drain: Drain, clock: Clock) -> None:
    phone = TestNumber.objects.create(
        workspace=number.workspace, e164="+447400123456", label="Alex", verified_at=NOW
    )
    wish = hiding(number)
    sent = [
        trials.send_test(
            number.workspace,
            make_user(),
            phone,
            config,
            wish.record,
            token=f"{config.hide_values}",
            name="New",
        )
        for config in (wish.config, hiding(number, hide=False).config)
    ]
    clock.at = timezone.now()  # by which tests are accepted

    drain(number.connection_id)

    assert [bool(told(message)) for message in sent] == [False, True]


# --- When something breaks in between -------------------------------------------------------------------


def test_a_database_that_fails_does_not_stop_the_drain_and_the_sweep_comes_by(
    number: Number, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_given: Any) -> None:
        raise DatabaseError("away")

    with monkeypatch.context() as broken:
        broken.setattr(forgetting.log, "forget_values", away)
        message = accept(hiding(number), NOW)
        drain(number.connection_id)
    assert (seen(message).status, message.body) == ("sent", BODY)

    forgetting.sweep(NOW + timedelta(hours=1))

    assert told(message) == []


def test_the_sweep_forgets_nothing_else(number: Number) -> None:
    hidden, shown = hiding(number), hiding(number, hide=False)
    waiting = accept(hidden, NOW)
    kept = make_message(
        number.workspace, at=NOW, action_id=shown.action_id, version_id=shown.version_id, body=BODY
    )

    forgetting.sweep(NOW)

    assert (seen(waiting).body, seen(kept).body) == (BODY, BODY)


def test_who_hides_nothing_pays_one_query(number: Number, django_assert_num_queries: Any) -> None:
    message = make_message(number.workspace)

    with django_assert_num_queries(1):
        forgetting.forget_hidden([message.pk])
