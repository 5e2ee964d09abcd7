"""The worker that handles what was told: nothing is lost, whoever fails or is killed."""

import pytest
from django.db import DatabaseError

from smsadmin.directory import bell as directory_bell
from smsadmin.incoming import bell, handling, receipts
from smsadmin.incoming.models import ProviderCall
from smsadmin.sending.models import Event
from tests.incoming.conftest import handle, later, status


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


def test_a_database_that_is_away_leaves_the_call_to_the_next_sweep(account, monkeypatch):
    message = account.message(provider_id="SM1")
    account.tell("message.status_updated", id="SM1", status="delivered")

    def away(*_):
        raise DatabaseError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(handling, "_result", away)
        with pytest.raises(DatabaseError):
            handle()

    assert ProviderCall.objects.get().looks == 0
    handle()
    assert status(message) == "delivered"


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
