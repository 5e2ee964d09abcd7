"""The only writer of rows: guarded steps, claims, outcomes, and rows whose worker died."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Q

from smsadmin.core import errors
from smsadmin.core.status import BEFORE, Status
from smsadmin.directory.models import Number
from smsadmin.sending import log, settle
from smsadmin.sending.accept import accept
from smsadmin.sending.log import Outcome, storable
from smsadmin.sending.models import Message
from tests.factories import ask, make_user
from tests.sending.conftest import NOW, events

LEASE = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(minutes=2)
ME, OTHER = uuid.uuid4(), uuid.uuid4()


def queued(number: Number, **columns: Any) -> Message:
    message = accept(ask(number), NOW)
    Message.objects.filter(pk=message.pk).update(**columns)
    message.refresh_from_db()
    return message


def claimed(number: Number) -> Message:
    message = queued(number)
    assert [row.pk for row in log.claim([message.pk], ME, NOW, LEASE)] == [message.pk]
    return message


def seen(message: Message) -> Message:
    message.refresh_from_db()
    return message


def test_the_database_allows_exactly_the_steps_of_the_table(number: Number) -> None:
    message = queued(number)
    for old in Status:
        for new in Status:
            Message.objects.filter(pk=message.pk).update(status=old)
            assert log.move(message.pk, new, NOW) == (old in BEFORE[new]), (old, new)
            assert seen(message).status == (new if old in BEFORE[new] else old)


def test_a_step_sets_the_error_and_ends_the_claim(number: Number) -> None:
    message = claimed(number)
    log.move(message.pk, Status.UNKNOWN, NOW, error=errors.ProviderUnknown(provider="Aircall", reason="x"))
    row = seen(message)
    assert (row.error_code, row.error_facts["reason"], row.finished_at) == ("PROVIDER_UNKNOWN", "x", NOW)
    assert (row.claim, row.lease_until) == (None, None)


def test_a_step_may_ask_for_more_than_the_status(number: Number) -> None:
    message = claimed(number)
    assert not log.move(message.pk, Status.UNKNOWN, NOW, Q(lease_until__lt=NOW))
    assert seen(message).status == "sending"


# Claims


def test_a_row_is_claimed_by_one(number: Number) -> None:
    message = claimed(number)
    assert log.claim([message.pk], OTHER, NOW, LEASE) == []
    row = seen(message)
    assert (row.status, row.claim, row.claimed_at, row.lease_until) == ("sending", ME, NOW, LEASE)


@pytest.mark.parametrize("status", [each for each in Status if each != Status.QUEUED])
def test_only_queued_rows_are_claimed(number: Number, status: Status) -> None:
    message = queued(number, status=status)
    assert log.claim([message.pk], ME, NOW, LEASE) == []
    assert seen(message).status == status


# Outcomes

SENT = {"status": Status.SENT, "event": {"status": 200}, "provider_id": "sms-1", "provider_status": "pending"}
REFUSED = {
    "status": Status.FAILED,
    "event": {"status": 400},
    "error": errors.CredentialRejected(provider="Aircall"),
}
AGAIN = {"status": Status.QUEUED, "event": {"status": 429}, "next_attempt_at": LATER}
LOST = {"status": Status.UNKNOWN, "error": errors.ProviderUnknown(provider="Aircall", reason="no answer")}


@pytest.mark.services
@pytest.mark.django_db
def test_the_outcomes_of_a_batch_are_written_together(number: Number) -> None:
    sent, refused, again, lost = (claimed(number) for _ in range(4))
    pairs = ((sent, SENT), (refused, REFUSED), (again, AGAIN), (lost, LOST))

    log.finish([Outcome(message.pk, at=NOW, **outcome) for message, outcome in pairs], ME)

    assert (seen(sent).status, sent.provider_id, sent.provider_status) == ("sent", "sms-1", "pending")
    assert (seen(refused).status, refused.error_code, refused.error_facts) == (
        "failed",
        "CREDENTIAL_REJECTED",
        {"provider": "Aircall"},
    )
    assert (seen(again).status, again.next_attempt_at, again.finished_at) == ("queued", LATER, None)
    assert (seen(lost).status, lost.error_code) == ("unknown", "PROVIDER_UNKNOWN")
    for message, outcome in pairs:
        assert (message.attempts, message.claim, message.lease_until) == (1, None, None)
        assert events(message) == [("attempt", outcome.get("event", {}))]
    assert [message.finished_at for message in (sent, refused, lost)] == [NOW] * 3


@pytest.mark.services
@pytest.mark.django_db
def test_more_outcomes_than_one_statement_takes(number: Number) -> None:
    messages = [claimed(number) for _ in range(101)]
    log.finish([Outcome(message.pk, at=NOW, **SENT) for message in messages], ME)
    assert Message.objects.filter(status="sent", attempts=1).count() == 101


def test_the_outcome_of_a_row_that_another_drain_holds_changes_nothing(number: Number) -> None:
    message = claimed(number)
    log.finish([Outcome(message.pk, at=NOW, **SENT)], OTHER)
    assert (seen(message).status, message.claim) == ("sending", ME)
    assert events(message) == [("attempt", {"status": 200})]


@pytest.mark.parametrize("early", [Status.DELIVERED, Status.UNDELIVERED])
@pytest.mark.parametrize("outcome", [SENT, REFUSED, AGAIN, LOST])
def test_an_answer_after_the_receipt_moves_nothing_back(
    number: Number, early: Status, outcome: dict[str, Any]
) -> None:
    message = claimed(number)
    log.move(message.pk, early, NOW)
    log.finish([Outcome(message.pk, at=NOW, **outcome)], ME)
    assert seen(message).status == early


@pytest.mark.services
@pytest.mark.django_db
@pytest.mark.parametrize(("outcome", "status"), [(SENT, "sent"), (REFUSED, "failed")])
def test_a_clear_answer_settles_a_row_that_was_given_up_as_lost(
    number: Number, outcome: dict[str, Any], status: str
) -> None:
    message = claimed(number)
    log.lost(LATER)
    assert seen(message).status == "unknown"

    log.finish([Outcome(message.pk, at=LATER, **outcome)], ME)

    assert seen(message).status == status
    assert message.error_code == (outcome["error"].code if "error" in outcome else "")
    assert [kind for kind, _ in events(message)] == ["lost", "attempt"]


@pytest.mark.services
@pytest.mark.django_db
@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize(
    ("outcome", "comes_to"), [(SENT, ("sent", "sms-1", "")), (REFUSED, ("failed", "", "CREDENTIAL_REJECTED"))]
)
def test_a_clear_answer_settles_a_lost_row_whatever_somebody_decided(
    number: Number, outcome: dict[str, Any], comes_to: tuple[str, ...], arrived: bool
) -> None:
    message = decided(number, arrived)

    log.finish([Outcome(message.pk, at=LATER, **outcome)], ME)

    assert (seen(message).status, message.provider_id, message.error_code) == comes_to
    assert (message.finished_at, message.attempts) == (LATER, 1)


@pytest.mark.parametrize("outcome", [AGAIN, LOST])
@pytest.mark.parametrize("arrived", [True, False])
def test_an_unclear_answer_leaves_what_somebody_decided(
    number: Number, outcome: dict[str, Any], arrived: bool
) -> None:
    message = decided(number, arrived)
    log.finish([Outcome(message.pk, at=LATER, **outcome)], ME)
    assert seen(message).status == ("sent" if arrived else "failed")


def test_a_late_answer_changes_nothing_that_is_known_under_its_id(number: Number) -> None:
    message = claimed(number)
    log.finish([Outcome(message.pk, at=NOW, **SENT)], ME)
    log.finish([Outcome(message.pk, at=LATER, **REFUSED)], ME)
    assert (seen(message).status, message.attempts) == ("sent", 1)
    message = claimed(number)
    log.finish([Outcome(message.pk, at=NOW, **REFUSED)], ME)
    log.finish([Outcome(message.pk, at=LATER, **SENT)], ME)
    assert (seen(message).status, message.attempts) == ("failed", 1)


def decided(number: Number, arrived: bool) -> Message:
    """A message whose worker has not answered yet when it is given up as lost, and somebody decides about it."""
    message = claimed(number)
    log.lost(LATER)
    assert settle.decide(seen(message), arrived, "", make_user(), LATER)
    return message


@pytest.mark.parametrize("outcome", [AGAIN, LOST])
def test_an_unclear_answer_leaves_a_lost_row_unknown_and_never_queues_it(
    number: Number, outcome: dict[str, Any]
) -> None:
    message = claimed(number)
    log.lost(LATER)
    log.finish([Outcome(message.pk, at=LATER, **outcome)], ME)
    assert seen(message).status == "unknown"
    assert message.error_facts["reason"] == "its worker stopped before the answer"


@pytest.mark.services
@pytest.mark.django_db
def test_what_no_database_stores_does_not_lose_the_outcomes_of_the_batch(number: Number) -> None:
    message, other = claimed(number), claimed(number)
    odd = {"status": Status.SENT, "event": {"answer": "\x00 \ud83d"}, "provider_id": "\x00"}
    log.finish([Outcome(message.pk, at=NOW, **odd), Outcome(other.pk, at=NOW, **SENT)], ME)
    assert (seen(message).status, seen(other).status) == ("sent", "sent")
    assert events(message) == [("attempt", {"answer": "\ufffd \ufffd"})]


def test_storable_reaches_into_lists_and_mappings_and_leaves_other_values_alone() -> None:
    assert storable({"a\x00": ["\ud83d", 1, None, {"b": "😀"}]}) == {
        "a\ufffd": ["\ufffd", 1, None, {"b": "😀"}]
    }


# Rows whose worker died


def test_a_row_whose_lease_ran_out_becomes_unknown_and_says_why(number: Number) -> None:
    message = claimed(number)
    assert log.lost(LATER) == [message.pk]

    assert (seen(message).status, message.error_code, message.finished_at) == (
        "unknown",
        "PROVIDER_UNKNOWN",
        LATER,
    )
    assert message.error_facts == {"provider": "Aircall", "reason": "its worker stopped before the answer"}
    assert events(message) == [("lost", {})]
    assert log.lost(LATER) == []


def test_a_row_within_its_lease_is_left_alone(number: Number) -> None:
    message = claimed(number)
    assert log.lost(LEASE) == []
    assert seen(message).status == "sending"


# Telling the caller


def test_a_caller_told_to_wait_is_owed_an_answer_no_earlier_than_it_can_have_read_that(
    number: Number,
) -> None:
    owed = accept(ask(number, reply="owed"), NOW)
    waiting = accept(ask(number, reply="waiting"), NOW)
    assert (owed.reply, owed.reply_at) == ("owed", NOW + log.REPLY_NOT_BEFORE)
    assert (waiting.reply, waiting.reply_at) == ("waiting", None)

    log.owe_reply(waiting.pk, NOW)

    assert (seen(waiting).reply, waiting.reply_at) == ("owed", NOW + log.REPLY_NOT_BEFORE)


def test_who_read_the_outcome_in_the_answer_is_owed_nothing(number: Number) -> None:
    message = accept(ask(number, reply="waiting"), NOW)
    log.answered(message.pk)
    log.owe_reply(message.pk, NOW)
    assert (seen(message).reply, message.reply_at) == ("given", None)


def test_a_reply_that_was_given_is_not_taken_back(number: Number) -> None:
    message = accept(ask(number, reply="owed"), NOW)
    log.reply_given([message.pk], NOW, {"status": 204})
    log.reply_given_up([message.pk], NOW, {"status": 404})
    log.reply_put_off([message.pk], NOW, LATER, {"status": 500})
    assert seen(message).reply == "given"
    assert events(message) == [("reply", {"reply": "given", "status": 204})]
