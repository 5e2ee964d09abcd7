"""The worker that handles what was told: nothing is lost, whoever fails or is killed."""

import pytest
from django.db import DataError, InterfaceError, OperationalError

from smsadmin.directory import bell as directory_bell
from smsadmin.incoming import bell, handling, receipts
from smsadmin.incoming.models import ProviderCall
from smsadmin.sending.models import Event, Message
from smsadmin.sending.signals import settled
from tests.incoming.conftest import handle, later, make_account, status


@pytest.fixture
def refreshed(monkeypatch):
    """The accounts that were asked to be read again."""
    found = []
    monkeypatch.setattr(directory_bell, "ring", lambda ids: found.append(list(ids)))
    return found


@pytest.mark.parametrize(
    "event",
    [
        "number.created",
        "number.opened",
        "number.closed",
        "number.deleted",
        "user.created.v2",
        "user.deleted.v2",
    ],
)
def test_changed_numbers_and_users_ask_for_a_refresh_once_for_many(account, refreshed, event):
    for serial in range(3):
        account.post(account.event(event) | {"data": {"id": serial}})
    handle()

    assert refreshed == [[account.connection.pk]]
    assert set(ProviderCall.objects.values_list("outcome", flat=True)) == {"refresh"}


def test_an_event_that_nothing_follows_from_is_kept(account, refreshed):
    account.post(account.event("call.ended") | {"data": {"id": 5}})
    handle()

    assert (ProviderCall.objects.get().outcome, refreshed) == ("unused", [])


def test_an_error_of_our_own_is_tried_again_and_then_kept_for_somebody_to_look_at(
    account, now, time_machine, monkeypatch
):
    def broken(*_):
        raise RuntimeError("oh")

    message = account.message(provider_id="SM1")
    monkeypatch.setattr(receipts, "_noted", broken)
    account.tell("message.status_updated", id="SM1", status="delivered")
    other = account.message(provider_id="SM2", number=account.number)
    handle()
    assert ProviderCall.objects.get().outcome == "waiting"

    for _ in handling.PAUSES:
        later(time_machine, minutes=4)

    call = ProviderCall.objects.get()
    assert (call.outcome, call.detail) == ("failed", "RuntimeError")
    assert call.body["data"]["id"] == "SM1"
    assert (status(message), status(other)) == ("sent", "sent")


def test_what_was_written_with_a_failure_is_not(account, monkeypatch):
    """The row moves, the timeline shows it and the call is done, or nothing of it."""
    message = account.message(provider_id="SM1")
    account.tell("message.status_updated", id="SM1", status="delivered")
    written = handling._written

    def killed(*args):
        written(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(handling, "_written", killed)
    with pytest.raises(KeyboardInterrupt):
        handle()
    assert (status(message), Event.objects.count()) == ("sent", 0)

    monkeypatch.setattr(handling, "_written", written)
    handle()
    assert status(message) == "delivered"


@pytest.mark.parametrize("away_for", [OperationalError, InterfaceError])
def test_a_database_that_is_away_leaves_the_call_to_the_next_sweep(account, monkeypatch, away_for):
    message = account.message(provider_id="SM1")
    account.tell("message.status_updated", id="SM1", status="delivered")

    def away(*_):
        raise away_for("gone")

    with monkeypatch.context() as patch:
        patch.setattr(handling, "_result", away)
        with pytest.raises(away_for):
            handle()

    assert ProviderCall.objects.get().looks == 0
    handle()
    assert status(message) == "delivered"


def moved_by(account, serial):
    """A message, and the call that moves it."""
    message = account.message(provider_id=f"SM{serial}")
    return message, account.tell("message.status_updated", id=f"SM{serial}", status="delivered")


def fail_at(call, error, monkeypatch):
    """The call is one that we fail at."""
    result = handling._result

    def failing(each, now):
        if each.pk == call.pk:
            raise error
        return result(each, now)

    monkeypatch.setattr(handling, "_result", failing)


def test_a_call_that_the_database_refuses_stops_none_behind_it(account, monkeypatch):
    (first, spoilt), (second, _call) = moved_by(account, 1), moved_by(account, 2)
    fail_at(spoilt, DataError("no such thing"), monkeypatch)

    handle()

    assert (status(first), status(second)) == ("sent", "delivered")
    spoilt.refresh_from_db()
    assert (spoilt.outcome, spoilt.detail, spoilt.looks) == ("waiting", "DataError", 1)


def test_what_moved_before_the_database_went_away_is_told(account, monkeypatch):
    (first, _call), (second, away) = moved_by(account, 1), moved_by(account, 2)
    fail_at(away, OperationalError("gone"), monkeypatch)
    heard = []

    def listen(ids, **_):
        heard.extend(ids)

    settled.connect(listen)
    with pytest.raises(OperationalError):
        handle()
    settled.disconnect(listen)

    assert (status(first), status(second)) == ("delivered", "sent")
    assert heard == [first.pk]


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_the_repeated_receipt_of_a_message_that_was_deleted_stops_nobody(rings):
    """Its foreign key would be held against it when the transaction ends."""
    account = make_account()
    account.message(provider_id="SM1")
    event = account.event("message.status_updated", id="SM1", status="delivered")
    account.post(event)
    handle()
    Message.objects.all().delete()
    account.post(event)
    message, _call = moved_by(account, 2)

    handle()

    assert status(message) == "delivered"
    assert list(ProviderCall.objects.order_by("pk").values_list("outcome", flat=True)) == [
        "moved",
        "repeat",
        "moved",
    ]


def test_whoever_was_rung_looks_again_longer_than_bells_are_quiet(account):
    message = account.message(provider_id="SM1")
    slept = []

    def meanwhile(seconds):
        slept.append(seconds)
        account.tell("message.status_updated", id="SM1", status="delivered")

    assert handling.run(linger=True, sleep=meanwhile) == 1
    assert status(message) == "delivered"
    assert slept[0] > bell.QUIET


def test_many_calls_are_handled_in_steps(account, monkeypatch):
    monkeypatch.setattr(handling, "MOST_AT_ONCE", 3)
    for serial in range(8):
        account.tell("message.sent", id=f"SM{serial}", status="sent")

    assert handle() == 8
