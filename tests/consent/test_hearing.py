"""What a text to one of our numbers changes, once and in the order in which texts were written."""

from datetime import timedelta

import pytest
from django.utils import timezone

from smsadmin.consent.models import Change, OptOut, Review
from smsadmin.incoming.models import InboundMessage
from smsadmin.incoming.signals import received
from smsadmin.sending.models import Message
from tests.consent.conftest import ADA, BOB, is_out, texted
from tests.factories import make_number, make_workspace
from tests.incoming.conftest import handle, make_account

NOW = timezone.now()


def ago(minutes):
    return NOW - timedelta(minutes=minutes)


@pytest.mark.services
def test_stop_opts_out_and_start_brings_back(workspace, number, policy):
    texted(number, "Stop!", at=ago(10))
    assert is_out(workspace)

    texted(number, "START", at=ago(5))
    assert not is_out(workspace)
    assert [(each.is_out, each.source, each.words, each.at) for each in Change.objects.order_by("pk")] == [
        (True, "text", "Stop!", ago(10)),
        (False, "text", "START", ago(5)),
    ]


def test_a_repeated_stop_changes_nothing(workspace, number, policy):
    texted(number, "STOP", at=ago(10))
    texted(number, "STOP", at=ago(5))

    found = OptOut.objects.get()
    assert (found.is_out, found.since, found.said_at) == (True, ago(10), ago(5))
    assert Change.objects.count() == 1


@pytest.mark.parametrize(
    ("texts", "out"),
    [
        ([("START", 5), ("STOP", 10)], True),  # who never was out leaves no trace by a START
        ([("STOP", 5), ("START", 10)], True),
        ([("STOP", 15), ("STOP", 5), ("START", 10)], True),  # a second STOP came after the START
        ([("STOP", 10), ("START", 5), ("STOP", 7)], False),
        ([("START", 5), ("STOP", 5)], True),  # at the same moment
        ([("STOP", 5), ("START", 5)], True),
    ],
)
def test_texts_count_in_the_order_in_which_they_were_written(workspace, number, policy, texts, out):
    for body, minutes in texts:
        texted(number, body, at=ago(minutes))

    assert is_out(workspace) == out


def test_a_clock_that_is_ahead_keeps_nobody_from_coming_back(workspace, number, policy):
    texted(number, "STOP", at=timezone.now() + timedelta(days=400))
    texted(number, "START")

    assert not is_out(workspace)


def test_who_never_was_out_is_not_listed_for_a_start(workspace, number, policy):
    texted(number, "START")

    assert not OptOut.objects.exists()
    assert not Change.objects.exists()


def test_each_workspace_has_its_own_list(workspace, number, policy):
    other = make_workspace()
    texted(number, "STOP")

    assert is_out(workspace)
    assert not is_out(other)


@pytest.mark.parametrize("body", ["No", "end", "Cancel my appointment", "stop please", ""])
def test_other_texts_opt_nobody_out(workspace, number, policy, body):
    texted(number, body)

    assert not OptOut.objects.exists()


def test_nothing_follows_where_no_list_is_kept(workspace, number, keep):
    keep(kept_by="hubspot", hubspot_property="sms_opt_out")
    texted(number, "STOP")
    texted(number, "please stop texting me")

    assert not OptOut.objects.exists()
    assert not Review.objects.exists()


def test_who_cannot_be_texted_cannot_opt_out(workspace, number, policy):
    for sender in ("36180", "Example", ""):
        texted(number, "STOP", sender)

    assert not OptOut.objects.exists()


def test_a_plain_yes_brings_back_only_who_is_out(workspace, number, keep):
    keep(doubtful_words=True)
    texted(number, "Yes", BOB)
    assert not OptOut.objects.exists()

    texted(number, "Cancel", at=ago(5))
    assert is_out(workspace)
    texted(number, "Yes")
    assert not is_out(workspace)


# The review list


def test_a_near_miss_waits_for_a_person(workspace, number, policy):
    inbound = texted(number, "please stop texting me")

    review = Review.objects.get()
    assert (review.inbound, review.guess, review.why, review.state) == (inbound, "stop", "phrase", "open")
    assert not is_out(workspace)


def test_coming_back_is_reviewed_only_of_who_is_out(workspace, number, policy):
    texted(number, "strat")
    assert not Review.objects.exists()

    texted(number, "STOP", at=ago(5))
    texted(number, "strat")
    assert Review.objects.get().guess == "start"


# Answers

ANSWERS = {"stop_answer": "You get no more.", "start_answer": "Welcome back.", "help_answer": "Text STOP."}


def answers():
    return [(each.body, each.status, each.recipient, each.trigger) for each in Message.objects.order_by("pk")]


def test_an_opt_out_is_confirmed_once_although_the_recipient_is_out(number, keep):
    keep(**ANSWERS)
    texted(number, "STOP", at=ago(5))
    texted(number, "STOP", at=ago(4))

    assert answers() == [("You get no more.", "queued", ADA, "opt-out")]
    assert Message.objects.get().number == number


def test_coming_back_is_confirmed_once(number, keep):
    keep(**ANSWERS)
    texted(number, "STOP", at=ago(5))
    texted(number, "START", at=ago(4))
    texted(number, "START", at=ago(3))

    assert [body for body, *_ in answers()] == ["You get no more.", "Welcome back."]


def test_help_is_given_once_an_hour(number, keep, time_machine):
    keep(**ANSWERS)
    time_machine.move_to(NOW, tick=False)
    texted(number, "HELP")
    texted(number, "INFO")
    assert [body for body, *_ in answers()] == ["Text STOP."]

    time_machine.move_to(NOW + timedelta(minutes=61), tick=False)
    texted(number, "HELP")
    assert len(answers()) == 2


def test_who_is_out_gets_no_help_either(number, keep):
    keep(help_answer="Text STOP.")
    texted(number, "STOP", at=ago(5))
    texted(number, "HELP")

    [message] = Message.objects.all()
    assert (message.status, message.error_code) == ("rejected", "RECIPIENT_OPTED_OUT")


def test_without_a_text_nothing_is_answered(number, policy):
    for body in ("STOP", "START", "HELP"):
        texted(number, body)

    assert answers() == []


def test_an_answer_that_cannot_be_made_takes_back_nothing(workspace, number, keep, monkeypatch):
    keep(**ANSWERS)
    monkeypatch.setattr("smsadmin.consent.answering.accept", lambda *arguments: 1 / 0)

    texted(number, "STOP")

    assert is_out(workspace)


# As providers tell it


@pytest.fixture
def account(keep):
    made = make_account()
    keep().__class__.objects.create(workspace=made.workspace, kept_by="here", hubspot_property="")
    return made


def test_a_stop_that_is_told_twice_counts_once(account, django_capture_on_commit_callbacks):
    event = {"id": "IN1", "direction": "inbound", "status": "received", "body": "STOP"}
    told = []
    received.connect(on_received := lambda inbound, **_: told.append(inbound.pk))
    try:
        account.tell("message.received", **event)
        account.tell("message.received", **event)
        with django_capture_on_commit_callbacks(execute=True):
            handle()
    finally:
        received.disconnect(on_received)

    assert is_out(account.workspace)
    assert Change.objects.get().inbound == InboundMessage.objects.get()
    assert told == [InboundMessage.objects.get().pk]


@pytest.mark.services
def test_a_text_that_we_fail_at_is_heard_when_it_is_tried_again(account, monkeypatch, time_machine):
    time_machine.move_to(NOW, tick=False)
    account.tell("message.received", id="IN1", direction="inbound", body="STOP")
    with monkeypatch.context() as broken:
        broken.setattr("smsadmin.incoming.replies.hear", lambda *arguments: 1 / 0)
        handle()
    assert not InboundMessage.objects.exists()

    time_machine.move_to(NOW + timedelta(minutes=1), tick=False)
    handle()
    assert is_out(account.workspace)


def test_the_answer_leaves_from_the_number_that_was_texted(workspace, number, keep):
    keep(**ANSWERS)
    other = make_number(workspace)
    texted(other, "STOP")

    assert Message.objects.get().number == other


def test_a_number_in_proxy_mode_answers_too(workspace, keep):
    keep(**ANSWERS)
    texted(make_number(workspace, proxy_mode=True), "STOP")

    assert [status for _body, status, *_ in answers()] == ["queued"]
