"""Texts to our numbers: kept once, and joined to the message they probably answer."""

from datetime import timedelta

import pytest

from smsadmin.consent.models import OptOut, Policy
from smsadmin.incoming.models import InboundMessage, ProviderCall
from smsadmin.incoming.replies import replies_to
from smsadmin.incoming.signals import received
from tests.factories import make_number
from tests.incoming.conftest import ADA, NOW, handle, make_account


def texted(account, body="Yes", at=NOW, **data):
    """Ada texts one of our numbers."""
    serial = ProviderCall.objects.count()
    inbound = {"id": f"IN{serial}", "direction": "inbound", "status": "received", "body": body}
    account.tell("message.received", at=at, **(inbound | data))
    handle()


def bodies(message):
    return [reply.body for reply in replies_to(message)]


@pytest.mark.services
def test_a_reply_is_kept_with_the_message_it_answers(account):
    message = account.message(at=NOW - timedelta(hours=1))

    texted(account)

    [reply] = replies_to(message)
    assert (reply.workspace, reply.number) == (account.workspace, account.number)
    assert (reply.sender, reply.body, reply.at, reply.media) == (ADA, "Yes", NOW, 0)
    call = ProviderCall.objects.get()
    assert (call.outcome, call.message) == ("reply", message.pk)
    assert "Yes" not in str(call.body)


def test_a_reply_answers_our_newest_message_before_it(account):
    first = account.message(at=NOW - timedelta(hours=2))
    second = account.message(at=NOW - timedelta(hours=1))
    third = account.message(at=NOW + timedelta(hours=1))

    texted(account, "To the first", at=NOW - timedelta(minutes=90))
    texted(account, "To the second", at=NOW - timedelta(minutes=30))
    texted(account, "To the second too", at=NOW)

    assert bodies(first) == ["To the first"]
    assert bodies(second) == ["To the second", "To the second too"]
    assert bodies(third) == []


@pytest.mark.parametrize("status", ["rejected", "held", "queued", "failed", "expired", "cancelled"])
def test_what_never_left_is_not_answered(account, status):
    sent = account.message(at=NOW - timedelta(hours=2))
    account.message(status, at=NOW - timedelta(hours=1))

    texted(account)

    assert bodies(sent) == ["Yes"]


@pytest.mark.parametrize("status", ["sending", "sent", "delivered", "undelivered", "unknown"])
def test_what_may_have_arrived_is(account, status):
    message = account.message(status, at=NOW - timedelta(hours=1))

    texted(account)

    assert bodies(message) == ["Yes"]


def test_after_thirty_days_nobody_answers_any_more(account):
    message = account.message(at=NOW - timedelta(days=31))

    texted(account)

    assert bodies(message) == []
    assert InboundMessage.objects.get().answers is None


def test_a_message_to_somebody_else_or_from_another_number_or_workspace_is_not_answered(account):
    other = make_account("elsewhere")
    at = NOW - timedelta(hours=1)
    account.message(at=at, recipient="+12025550199")
    account.message(at=at, number=make_number(account.workspace, connection=account.connection))
    other.message(at=at)

    texted(account)

    assert InboundMessage.objects.get().answers is None


def test_another_workspace_reads_no_reply_of_ours(account):
    message = account.message(at=NOW - timedelta(hours=1))
    texted(account)
    InboundMessage.objects.update(workspace=make_account("elsewhere").workspace)

    assert replies_to(message) == []


@pytest.mark.services
def test_the_same_text_told_twice_is_one(account):
    account.message(at=NOW - timedelta(hours=1))
    texted(account, id="IN1")
    texted(account, id="IN1", updated_at="2026-11-21T11:00:00Z")

    assert InboundMessage.objects.count() == 1
    assert list(ProviderCall.objects.order_by("pk").values_list("outcome", flat=True)) == ["reply", "repeat"]


def test_a_text_by_callback_is_kept_too(account):
    """Of a number in proxy mode: other keys, milliseconds, and a sender without plus."""
    data = {
        "id": "IN1",
        "status": "received",
        "direction": "inbound",
        "created_at": 1_795_255_650_000,
        "raw_digits": ADA.lstrip("+"),
        "number": {"id": int(account.number.provider_id)},
        "body": "Stop",
    }
    account.calls_us("t")
    assert account.call_back("message.received", "t", **data).status_code == 200
    handle()

    kept = InboundMessage.objects.get()
    assert (kept.sender, kept.body, kept.at, kept.number) == (ADA, "Stop", NOW, account.number)


@pytest.mark.parametrize(
    "data",
    [
        {"direction": "outbound"},
        {"channel": "whatsapp"},
        {"external_number": None, "raw_digits": None, "number": None},
    ],
)
def test_what_is_no_text_to_us_is_not_kept(account, data):
    texted(account, **data)

    assert not InboundMessage.objects.exists()
    assert ProviderCall.objects.get().outcome == "unused"


def test_our_own_number_never_answers_itself(account):
    texted(account, external_number=account.number.e164)

    assert not InboundMessage.objects.exists()


def test_a_sender_that_is_no_phone_number_and_a_number_we_do_not_know_are_kept_as_they_came(account):
    texted(account, external_number="BANK", number={"id": 987, "e164_digits": "+12025550177"})

    kept = InboundMessage.objects.get()
    assert (kept.sender, kept.number, kept.answers) == ("BANK", None, None)


def test_pictures_are_counted(account):
    texted(account, "", media_details=[{"presigned_url": "https://x"}, {"presigned_url": "https://y"}])

    assert InboundMessage.objects.get().media == 2


@pytest.mark.django_db(transaction=True)
def test_a_receiver_that_fails_does_not_undo_what_was_heard(account, monkeypatch):
    Policy.objects.create(workspace=account.workspace, kept_by="here", hubspot_property="")
    told = []

    def broken(inbound, **_):
        told.append(OptOut.objects.get(number=ADA).is_out)
        raise ValueError

    received.connect(broken)
    try:
        texted(account, "STOP")
    finally:
        received.disconnect(broken)

    assert told == [True]
    assert OptOut.objects.get(number=ADA).is_out
    assert ProviderCall.objects.get().outcome == "reply"


def test_replies_are_one_query(account, django_assert_num_queries):
    message = account.message(at=NOW - timedelta(hours=1))
    for _ in range(3):
        texted(account)

    with django_assert_num_queries(1):
        assert len(replies_to(message)) == 3
