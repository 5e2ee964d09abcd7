"""Texts that leave our numbers without us: kept once, counted beside the limits, and deleted like all others."""

from datetime import timedelta

import pytest
from django.utils import timezone

from smsadmin.incoming import outside
from smsadmin.incoming.models import OutsideMessage, ProviderCall
from smsadmin.incoming.purging import purge
from smsadmin.privacy.models import Part
from tests.factories import make_member, make_number
from tests.incoming.conftest import ADA, NOW, handle, make_account, status

pytestmark = pytest.mark.services

SMILEY = "Hello 🙂" * 10  # 70 UTF-16 units and more: two segments


def kept():
    return list(OutsideMessage.objects.order_by("pk").values_list("number", "party", "body", "segments"))


def test_a_text_that_somebody_sends_in_the_app_is_kept_with_its_segments(account, now):
    account.tell("message.sent", id="APP1", body=SMILEY, at=now)
    handle()

    assert kept() == [(account.number.pk, ADA, SMILEY, 2)]
    assert OutsideMessage.objects.get().at == now


def test_what_aircall_counts_prevails(account):
    account.tell("message.sent", id="APP1", body="Hello", segments=3)
    handle()

    assert kept()[0][3] == 3


def test_repeated_and_out_of_order_it_is_one(account):
    account.tell("message.status_updated", id="APP1", status="delivered")
    account.tell("message.sent", id="APP1", status="sent")
    account.tell("message.sent", id="APP1", status="sent")
    account.tell("message.sent", id="APP1", status="sent", updated_at="2026-11-21T10:09:00.000Z")
    handle()

    assert len(kept()) == 1


def test_what_we_sent_ourselves_is_not_among_them(account):
    known, unknown = account.message(provider_id="SM1"), account.message("unknown", body="Hi Bob")
    account.tell("message.sent", id="SM1")
    account.tell("message.sent", id="SM2", body="Hi Bob")
    handle()

    assert (status(known), status(unknown), kept()) == ("sent", "sent", [])


@pytest.mark.parametrize(
    "data",
    [{"direction": "inbound"}, {"channel": "whatsapp"}],
    ids=["inbound", "another service"],
)
def test_what_is_no_text_from_us_is_not_either(account, data):
    account.tell("message.sent", id="APP1", **data)
    handle()

    assert kept() == []


@pytest.mark.parametrize("event", ["sent", "received", "status_updated"])
def test_events_of_group_messages_are_listed_and_nothing_follows(account, event):
    account.tell(f"group_message.{event}", group_message_id="G1", participants=[ADA])
    handle()

    assert ProviderCall.objects.get().outcome == "unused"
    assert kept() == []


def test_one_that_turns_out_to_be_ours_is_taken_out_again(account):
    """Its own event came while nobody could tell; a later one is recognised."""
    account.tell("message.sent", id="SM1", status="sent")
    handle()
    assert len(kept()) == 1

    message = account.message("unknown")
    account.tell("message.status_updated", id="SM1", status="delivered")
    handle()

    assert (status(message), kept()) == ("delivered", [])


def test_use_is_what_left_within_a_time_in_one_query(account, now, django_assert_num_queries):
    other = make_number(account.workspace, connection=account.connection)
    for nth, at in enumerate((-1, 0, 59, 60)):
        account.tell("message.sent", id=f"APP{nth}", body=SMILEY, at=NOW + timedelta(seconds=at))
    handle()

    with django_assert_num_queries(1):
        used = outside.use(account.number, NOW, NOW + timedelta(seconds=60))
    assert (used.messages, used.segments) == (2, 4)
    assert outside.use(other, NOW, NOW + timedelta(seconds=60)) == outside.Use(0, 0)


def test_the_page_of_the_number_shows_it_apart_from_what_limits_count(account, client):
    account.tell("message.sent", id="APP1", body=SMILEY)
    handle()
    client.force_login(make_member(account.workspace, "viewer").user)

    page = " ".join(client.get(f"/quotas/numbers/{account.number.pk}/?window=day").content.decode().split())

    assert "Sent by others in this window" in page
    assert "2 segments, by people in Aircall or other programs: no limit here counts them" in page
    assert ADA not in page


def test_it_is_deleted_by_age_text_first_then_the_number_then_the_row(account):
    account.tell("message.sent", id="APP1", body="Hello")
    handle()
    old = timezone.now() - timedelta(days=10)
    OutsideMessage.objects.update(at=old)
    before = timezone.now() - timedelta(days=5)

    assert purge(make_account("elsewhere").workspace, before, Part.MESSAGE) == 0
    assert purge(account.workspace, before, Part.TEXT) == 1
    assert kept() == [(account.number.pk, ADA, "", 1)]
    assert purge(account.workspace, before, Part.NUMBER) == 1
    assert kept() == [(account.number.pk, "", "", 1)]
    assert purge(account.workspace, before, Part.NUMBER) == 0
    assert purge(account.workspace, before, Part.MESSAGE) == 1
    assert kept() == []
