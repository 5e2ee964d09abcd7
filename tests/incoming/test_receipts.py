"""Delivery receipts: which message one is about, and how far it may move it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from smsadmin.core.status import Status
from smsadmin.incoming import handling
from smsadmin.incoming.models import ProviderCall
from smsadmin.sending import log, settle
from smsadmin.sending.log import Outcome
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled
from tests.e2e.processes import until
from tests.factories import make_number, make_user
from tests.incoming.conftest import ADA, handle, later, make_account, receipts, status


@pytest.fixture
def heard():
    """The ids that everybody was told have been settled."""
    found = []

    def listen(ids, **_):
        found.extend(ids)

    settled.connect(listen)
    yield found
    settled.disconnect(listen)


def outcomes():
    return list(ProviderCall.objects.order_by("pk").values_list("outcome", flat=True))


# --- By its id ------------------------------------------------------------------------------------------

WORDS = [
    ("message.status_updated", "delivered", "delivered"),
    ("message.status_updated", "Delivered", "delivered"),
    ("message.status_updated", "undelivered", "undelivered"),
    ("message.status_updated", "failed", "undelivered"),
    ("message.status_updated", "rejected", "undelivered"),
    ("message.status_updated", "expired", "undelivered"),
    ("message.status_updated", "sent", "sent"),
    ("message.status_updated", "pending", "sent"),
    ("message.status_updated", "teleported", "sent"),
    ("message.updated", "delivered", "delivered"),
    ("message.sent", "sent", "sent"),
]


@pytest.mark.parametrize(("event", "word", "comes_to"), WORDS)
def test_each_word_moves_a_sent_message_where_it_should(account, event, word, comes_to):
    message = account.message(provider_id="SM1")

    account.tell(event, id="SM1", status=word)
    handle()

    assert status(message) == comes_to
    assert [each["status"] for each in receipts(message)] == [word]


@pytest.mark.services
def test_the_timeline_says_what_was_told_when_and_that_it_moved_the_message(account, heard):
    message = account.message(provider_id="SM1")

    account.tell("message.status_updated", id="SM1", status="delivered", updated_at="2026-11-21T10:00:01Z")
    handle()

    assert receipts(message) == [
        {
            "status": "delivered",
            "means": "delivered",
            "event": "message.status_updated",
            "provider_at": "2026-11-21T10:00:01+00:00",
            "moved": True,
            "late": False,
        }
    ]
    assert heard == [message.pk]
    call = ProviderCall.objects.get()
    assert (call.outcome, call.message, call.detail) == ("moved", message.pk, "delivered")


def test_a_message_that_was_not_delivered_says_so_in_the_providers_word(account):
    message = account.message(provider_id="SM1")

    account.tell("message.status_updated", id="SM1", status="failed")
    handle()

    assert status(message) == "undelivered"
    assert (message.error_code, message.provider_status) == ("DELIVERY_FAILED", "failed")
    assert message.error_facts == {"recipient": ADA, "answer": "failed"}
    assert message.cause.startswith("DELIVERY_FAILED")


def test_an_unknown_word_is_shown_and_moves_nothing(account, heard):
    message = account.message(provider_id="SM1", provider_status="pending")

    account.tell("message.status_updated", id="SM1", status="teleported")
    handle()

    assert (status(message), message.provider_status) == ("sent", "pending")
    assert receipts(message)[0] | {"means": "", "moved": False, "late": False} == receipts(message)[0]
    assert (heard, outcomes()) == ([], ["noted"])


@pytest.mark.services
def test_late_receipts_never_move_it_back(account):
    message = account.message(provider_id="SM1")

    for word in ("delivered", "sent", "undelivered"):
        account.tell("message.status_updated", id="SM1", status=word)
    handle()

    assert (status(message), message.error_code) == ("delivered", "")
    assert [(each["moved"], each["late"]) for each in receipts(message)] == [
        (True, False),
        (False, True),
        (False, True),
    ]


def test_a_receipt_that_says_what_is_known_is_not_late(account):
    message = account.message(provider_id="SM1")

    account.tell("message.status_updated", id="SM1", status="sent")
    handle()

    assert [(each["moved"], each["late"]) for each in receipts(message)] == [(False, False)]


@pytest.mark.parametrize(
    "ended", ["failed", "undelivered", "delivered", "queued", "held", "rejected", "cancelled"]
)
def test_a_receipt_moves_no_message_that_ended_otherwise_or_never_left(account, ended):
    message = account.message(ended, provider_id="SM1")

    account.tell("message.status_updated", id="SM1", status="sent")
    handle()

    assert status(message) == ended
    assert outcomes() == ["noted"]


@pytest.mark.services
def test_a_receipt_told_twice_is_shown_twice_and_counts_once(account, heard):
    message = account.message(provider_id="SM1")
    event = account.event("message.status_updated", id="SM1", status="delivered")

    for _ in range(3):
        account.post(event)
    handle()

    assert status(message) == "delivered"
    assert outcomes() == ["moved", "repeat", "repeat"]
    assert [each.get("repeated", False) for each in receipts(message)] == [False, True, True]
    assert set(ProviderCall.objects.values_list("message", flat=True)) == {message.pk}
    assert heard == [message.pk]


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_of_twenty_at_once_one_moves_it(heard, monkeypatch):
    monkeypatch.setattr(handling, "PAUSES", [timedelta(milliseconds=20)] * 100)  # repeats wait for the first
    account = make_account()
    message = account.message(provider_id="SM1")
    event = account.event("message.status_updated", id="SM1", status="delivered")
    for _ in range(20):
        account.post(event)

    def work(_):
        try:
            return handling.run()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    until(lambda: handle() == 0 and "waiting" not in outcomes())

    assert sorted(outcomes()) == ["moved", *["repeat"] * 19]
    assert status(message) == "delivered"
    assert sum(each["moved"] for each in receipts(message)) == 1
    assert heard == [message.pk]


def test_a_late_failure_after_hubspot_was_told_tells_nobody_twice(account):
    message = account.message(provider_id="SM1", reply="given")

    account.tell("message.status_updated", id="SM1", status="undelivered")
    handle()

    assert (status(message), message.reply) == ("undelivered", "given")
    assert not message.events.filter(kind="reply").exists()


def test_messages_of_another_service_and_inbound_ones_are_no_receipts(account):
    message = account.message(provider_id="SM1")

    account.tell("message.status_updated", id="SM1", status="delivered", channel="whatsapp")
    account.tell("message.status_updated", id="SM1", status="delivered", direction="inbound")
    handle()

    assert status(message) == "sent"
    assert outcomes() == ["unused", "unused"]


def test_what_people_send_in_aircall_is_kept_as_not_ours_and_without_its_text(account):
    account.tell("message.sent", id="SM9", status="sent", body="See you at six, Ben")
    handle()

    call = ProviderCall.objects.get()
    assert (call.outcome, call.message) == ("not_ours", None)
    assert "Ben" not in str(call.body)


def test_a_handled_receipt_keeps_no_text(account):
    account.message(provider_id="SM1", body="The code is 123456")

    account.tell("message.sent", id="SM1", status="sent", body="The code is 123456")
    handle()

    assert "123456" not in str(ProviderCall.objects.get().body)


# --- Before its answer ------------------------------------------------------------------------------------


@pytest.mark.services
def test_a_receipt_before_the_answer_waits_for_it(account, now, time_machine):
    message = account.message("sending", claim=None)

    account.tell("message.status_updated", id="SM1", status="delivered")
    handle()
    assert (status(message), outcomes()) == ("sending", ["waiting"])
    answered(message, now)
    handle()
    assert outcomes() == ["waiting"]  # it is not due yet

    later(time_machine, seconds=3)

    assert (status(message), outcomes()) == ("delivered", ["moved"])


def test_repeats_wait_for_the_first(account, now, time_machine):
    message = account.message("sending", claim=None)
    event = account.event("message.status_updated", id="SM1", status="delivered")
    account.post(event)
    account.post(event)
    handle()

    answered(message, now)
    later(time_machine, seconds=3)

    assert outcomes() == ["moved", "repeat"]
    assert len(receipts(message)) == 2


def test_waiting_ends(account, now, time_machine):
    account.message("sending")
    account.tell("message.sent", id="SM1", status="sent")
    handle()

    for _ in handling.PAUSES:
        assert outcomes() == ["waiting"]
        later(time_machine, minutes=4)

    assert outcomes() == ["not_ours"]


def test_a_message_with_another_text_that_is_being_sent_is_not_waited_for(account):
    account.message("sending", body="Something else")
    account.tell("message.sent", id="SM1", status="sent")
    handle()

    assert outcomes() == ["not_ours"]


def answered(message, now):
    """The provider's answer is written, as by the drain."""
    Message.objects.filter(pk=message.pk).update(claim="0" * 32)
    message.refresh_from_db()
    log.finish([Outcome(message.pk, Status.SENT, now, {}, provider_id="SM1")], message.claim)


# --- Without an id ----------------------------------------------------------------------------------------


@pytest.mark.services
def test_message_sent_settles_an_unknown_message(account, heard):
    message = account.message("unknown", finished_at=timezone.now())

    account.tell("message.sent", id="SM1", status="sent")
    account.tell("message.status_updated", id="SM1", status="delivered")
    handle()

    assert (status(message), message.provider_id, message.error_code) == ("delivered", "SM1", "")
    assert [each["moved"] for each in receipts(message)] == [True, True]
    assert heard == [message.pk, message.pk]


@pytest.mark.parametrize("word", [None, "", "pending", "sent"])
def test_that_it_was_sent_the_event_says_without_a_word(account, word):
    message = account.message("unknown")

    account.tell("message.sent", id="SM1", status=word)
    handle()

    assert status(message) == "sent"


def test_the_order_of_the_two_does_not_matter(account):
    message = account.message("unknown")

    account.tell("message.status_updated", id="SM1", status="delivered")
    account.tell("message.sent", id="SM1", status="sent")
    handle()

    assert (status(message), message.provider_id) == ("delivered", "SM1")
    assert [(each["moved"], each["late"]) for each in receipts(message)] == [(True, False), (False, True)]


def test_an_answer_without_an_id_is_made_good(account):
    message = account.message("sent", provider_id="")

    account.tell("message.sent", id="SM1", status="sent")
    account.tell("message.status_updated", id="SM1", status="delivered")
    handle()

    assert (status(message), message.provider_id) == ("delivered", "SM1")


@pytest.mark.services
@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize(
    ("event", "word", "comes_to", "code"),
    [
        ("message.sent", "sent", "sent", ""),
        ("message.status_updated", "delivered", "delivered", ""),
        ("message.status_updated", "undelivered", "undelivered", "DELIVERY_FAILED"),
    ],
)
def test_what_somebody_decided_gives_way_to_what_is_told_later(
    account, heard, arrived, event, word, comes_to, code
):
    message = account.message("unknown", finished_at=timezone.now())
    assert settle.decide(message, arrived, "", make_user(), timezone.now())
    assert heard == [message.pk]

    account.tell(event, id="SM1", status=word)
    handle()

    assert (status(message), message.provider_id, message.error_code) == (comes_to, "SM1", code)
    known = arrived and comes_to == "sent"
    assert [(each["moved"], each["late"]) for each in receipts(message)] == [(not known, False)]
    assert heard == [message.pk] * (1 if known else 2)


def test_what_failed_for_another_reason_is_no_decision(account):
    message = account.message("failed", provider_id="SM1", error_code="PROVIDER_REJECTED")

    account.tell("message.status_updated", id="SM1", status="delivered")
    handle()

    assert status(message) == "failed"
    assert [(each["moved"], each["late"]) for each in receipts(message)] == [(False, True)]


@pytest.mark.services
def test_of_two_that_it_may_be_neither_is_touched_and_both_say_so(account):
    messages = [account.message("unknown"), account.message("unknown")]

    account.tell("message.sent", id="SM1", status="sent")
    handle()

    call = ProviderCall.objects.get()
    assert (call.outcome, call.detail, call.message) == ("ambiguous", "2", None)
    for message in messages:
        assert (status(message), message.provider_id) == ("unknown", "")
        assert [each["ambiguous"] for each in receipts(message)] == [True]


def test_one_that_is_still_being_sent_is_waited_for_first(account, now, time_machine):
    """Else an unknown message could get the receipt of a later one with the same text."""
    unknown, sending = account.message("unknown"), account.message("sending", claim=None)

    account.tell("message.sent", id="SM1", status="sent")
    handle()
    assert (status(unknown), outcomes()) == ("unknown", ["waiting"])
    answered(sending, now)
    later(time_machine, seconds=3)

    assert (status(unknown), status(sending)) == ("unknown", "sent")
    assert outcomes() == ["noted"]


DIFFERENT = [
    {"body": "Hi Ben"},
    {"external_number": "+12025550199", "raw_digits": "+12025550199"},
    {"number": {"id": 1}},
    {"number": None},
    {"created_at": "2026-11-21T09:50:00Z"},
    {"created_at": "2026-11-21T10:20:00Z"},
    {"id": ""},
    {"body": ""},
]


@pytest.mark.parametrize("data", DIFFERENT, ids=lambda data: next(iter(data)))
def test_what_differs_is_another_message(account, now, data):
    message = account.message("unknown", at=now)

    account.tell("message.sent", **({"id": "SM1", "status": "sent"} | data))
    handle()

    assert (status(message), outcomes()) == ("unknown", ["not_ours"])


ALIKE = [
    {"body": " Hi \r\n Ada "},
    {"external_number": None, "raw_digits": "13125550123"},
    {"external_number": "+1 312-555-0123"},
    {"created_at": 1_795_255_650_000},
    {"created_at": None},
    {"created_at": "2026-11-21T10:16:00Z"},
]


@pytest.mark.parametrize("data", ALIKE)
def test_what_is_only_spelt_differently_is_the_same(account, now, data):
    message = account.message("unknown", at=now)

    account.tell("message.sent", **({"id": "SM1", "status": "sent"} | data))
    handle()

    assert status(message) == "sent"


@pytest.mark.parametrize(("body", "comes_to"), [("Hi Ada", "sent"), ("Hi Benedict", "unknown")])
def test_of_a_text_that_is_not_kept_the_length_must_fit(account, body, comes_to):
    message = account.message("unknown", body="", characters=6, values_gone_at=timezone.now())

    account.tell("message.sent", id="SM1", status="sent", body=body)
    handle()

    assert status(message) == comes_to


def test_a_message_from_another_number_is_another_message(account):
    other = make_number(account.workspace, connection=account.connection)
    message = account.message("unknown", number=other)

    account.tell("message.sent", id="SM1", status="sent")
    handle()

    assert status(message) == "unknown"


def test_a_message_that_waited_for_its_turn_is_found_by_when_it_was_sent(account, now):
    message = account.message("unknown", at=now - timedelta(days=6), claimed_at=now)

    account.tell("message.sent", id="SM1", status="sent")
    handle()

    assert status(message) == "sent"


def test_the_number_of_queries_does_not_grow_with_the_log(account, django_assert_max_num_queries):
    for serial in range(30):
        account.message(provider_id=f"old-{serial}", body=f"Text {serial}")
    account.message(provider_id="SM1")
    account.tell("message.status_updated", id="SM1", status="delivered")

    with django_assert_max_num_queries(16):
        handle()


@pytest.mark.services
def test_of_two_receipts_that_name_the_same_message_the_first_gives_it_its_id(account):
    message = account.message("unknown")

    assert [log.identified(message.pk, each) for each in ("SM1", "SM2")] == [True, False]
    message.refresh_from_db()
    assert message.provider_id == "SM1"


@pytest.mark.parametrize("event", ["message.sent", "message.status_updated", "message.updated"])
def test_the_segments_that_an_event_names_are_what_the_message_counts(account, event):
    message = account.message(provider_id="SM1", segments=1)

    account.tell(event, id="SM1", status="delivered", segments=3)
    handle()

    message.refresh_from_db()
    assert (message.provider_segments, message.counted_segments) == (3, 3)
