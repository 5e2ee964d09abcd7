"""An account whose credentials are refused: what it has waits, goes out once they work again, and is given up after a
day."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from smsadmin.core import errors
from smsadmin.directory.models import Number
from smsadmin.providers.base import Result
from smsadmin.quotas.models import Counter
from smsadmin.sending import dispatch, log
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled
from smsadmin.workspaces.models import Connection
from tests.factories import FakeProvider, ask, make_number, make_workspace, refused
from tests.sending.conftest import NOW, Clock

DrainFor = Callable[..., int]
DAY = timedelta(hours=24)


def without_credentials() -> Result:
    """As the adapter says it: nothing of the account gets through."""
    exchange = refused(errors.CredentialRejected(provider="Aircall"), 401).exchange
    return Result(exchange, retry_in=60, reason="credential", detail="HTTP 401")


@pytest.fixture
def account(number: Number) -> Connection:
    return Connection.objects.get(pk=number.connection_id)


def statuses() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("status", flat=True))


def lose(account: Connection, at: Any) -> None:
    account.mark(Connection.State.REJECTED, "HTTP 401")
    Connection.objects.filter(pk=account.pk).update(lost_at=at)


def test_a_message_refused_with_its_account_waits_and_takes_the_others_with_it(
    number: Number, provider: FakeProvider, drain: DrainFor, account: Connection, rings: list[int]
) -> None:
    for _ in range(3):
        accept(ask(number), NOW)
    provider.otherwise = without_credentials()

    assert drain(number.connection_id) == 1

    account.refresh_from_db()
    assert statuses() == ["queued"] * 3
    assert set(Message.objects.values_list("attempts", flat=True)) == {0}
    assert (account.state, account.state_detail) == ("rejected", "Refused while sending")
    assert account.lost_at is not None
    dispatch.sweep(NOW + timedelta(hours=1))
    assert rings == []


def test_it_is_sent_when_the_credentials_work_again(
    number: Number, provider: FakeProvider, drain: DrainFor, account: Connection, rings: list[int]
) -> None:
    accept(ask(number), NOW)
    provider.answer(provider_of_first(), without_credentials())
    drain(number.connection_id)
    rings.clear()

    account.refresh_from_db()
    account.mark(Connection.State.WORKING)
    dispatch.sweep(NOW + timedelta(seconds=5))

    assert rings == [number.connection_id]
    drain(number.connection_id)
    assert statuses() == ["sent"]
    assert len(provider.sent) == 2


@pytest.mark.services
@pytest.mark.django_db
def test_a_refusal_of_the_old_key_leaves_the_new_one_alone_and_ends_the_turn(
    number: Number, provider: FakeProvider, clock: Clock, account: Connection, rings: list[int]
) -> None:
    accept(ask(number), NOW)

    def changed_meanwhile(sms: Any) -> Result:
        account.secrets = {"api_id": "new", "api_token": "new"}
        account.save(update_fields=["secrets"])
        account.mark(Connection.State.WORKING)
        return without_credentials()

    rings.clear()
    provider.otherwise = changed_meanwhile
    assert dispatch.drain(number.connection_id, clock.sleep) == 1

    account.refresh_from_db()
    assert (account.state, account.lost_at, statuses()) == ("working", None, ["queued"])
    assert rings == [number.connection_id]  # the next turn has the new key


def test_whoever_still_holds_the_old_credentials_cannot_say_that_the_new_ones_are_lost(
    number: Number, account: Connection
) -> None:
    held = Connection.objects.get(pk=account.pk)
    account.secrets = {"api_id": "new", "api_token": "new"}
    account.save(update_fields=["secrets"])
    for state in Connection.LOST:
        held.mark(state, "HTTP 401")
        account.refresh_from_db()
        assert (account.state, account.lost_at) == ("untested", None)
    account.mark(Connection.State.REJECTED, "HTTP 401")
    account.refresh_from_db()
    assert account.lost_at


def provider_of_first() -> str:
    return Message.objects.get().recipient


def test_another_process_that_lost_the_credentials_stops_the_drain_before_its_next_claim(
    number: Number, provider: FakeProvider, drain: DrainFor, account: Connection
) -> None:
    for _ in range(3):
        accept(ask(number), NOW)

    def lost_meanwhile(sms: Any) -> Result:
        lose(account, NOW)
        return refused(errors.ProviderRejected(provider="Aircall", answer="no", http_status=400))

    provider.otherwise = lost_meanwhile
    drain(number.connection_id)
    assert sorted(statuses()) == ["failed", "queued", "queued"]


def test_a_drain_of_a_lost_account_does_nothing(
    number: Number, provider: FakeProvider, clock: Clock, account: Connection, rings: list[int]
) -> None:
    accept(ask(number), NOW)
    lose(account, NOW)
    rings.clear()
    assert dispatch.drain(number.connection_id, clock.sleep) == 0
    assert (provider.sent, rings) == ([], [])


@pytest.mark.services
@pytest.mark.django_db
def test_what_waited_for_a_day_is_given_up_and_counts_no_more(
    number: Number, account: Connection, rings: list[int]
) -> None:
    told: list[Any] = []

    def hear(ids: list[Any], **_: Any) -> None:
        told.extend(ids)

    settled.connect(hear)
    old = accept(ask(number), NOW)
    accept(ask(number), NOW + timedelta(hours=2))
    elsewhere = accept(ask(make_number(make_workspace())), NOW)
    lose(account, NOW - timedelta(hours=1))

    dispatch.sweep(NOW + DAY - timedelta(seconds=1))
    assert statuses() == ["queued"] * 3

    dispatch.sweep(NOW + DAY)

    old.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (old.status, old.error_code, old.error_facts) == (
        "failed",
        "CREDENTIAL_REJECTED",
        {"provider": "Aircall"},
    )
    assert old.finished_at == old.refunded_at == NOW + DAY
    assert told == [old.pk]
    assert sorted(statuses()) == ["failed", "queued", "queued"]
    assert elsewhere.status == "queued"
    counter = Counter.objects.get(scope="number", subject_id=number.pk)
    assert counter.month_messages == 1


def test_the_day_begins_when_the_credentials_are_lost(number: Number, account: Connection) -> None:
    accept(ask(number), NOW)
    lose(account, NOW + timedelta(hours=23))
    dispatch.sweep(NOW + DAY)
    assert statuses() == ["queued"]


def test_a_message_that_a_drain_has_taken_is_not_given_up(number: Number, account: Connection) -> None:
    message = accept(ask(number), NOW)
    log.claim([message.pk], message.pk, NOW + DAY, NOW + DAY + timedelta(seconds=60))
    lose(account, NOW)
    dispatch.sweep(NOW + DAY)
    assert statuses() == ["sending"]


def test_many_are_given_up_in_several_sweeps(number: Number, account: Connection) -> None:
    for _ in range(3):
        accept(ask(number), NOW)
    error = errors.CredentialRejected(provider="Aircall")
    assert len(log.given_up(account.pk, NOW, error, NOW + DAY, limit=2)) == 2
    assert len(log.given_up(account.pk, NOW, error, NOW + DAY, limit=2)) == 1
