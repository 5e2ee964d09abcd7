"""An answer is a send like every other: within all rules, once for a form, and about the record of its thread."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.urls import reverse

from smsadmin import cache
from smsadmin.consent.models import OptOut
from smsadmin.consent.models import Policy as ConsentPolicy
from smsadmin.core.status import Status
from smsadmin.inbox import answering
from smsadmin.inbox.answering import Answer
from smsadmin.providers.hubspot import client as hubspot
from smsadmin.quotas.models import PriorityShare
from smsadmin.resends import making
from smsadmin.sending.models import Event, Message
from tests.factories import PORTAL, make_agent, make_connection, make_message
from tests.inbox.conftest import ADA, NOON, ago, hidden, member, texted, words


def answer(client, thread, body="See you at ten", **data):
    """Types an answer into the form of the page as it is now, and sends it."""
    token = data.pop("token", None) or hidden(client.get(f"/inbox/{thread.pk}/"), "token")
    data = {"body": body, "token": token, "seen": thread.newest_id or 0, **data}
    return client.post(f"/inbox/{thread.pk}/", data)


def limit(line, most):
    """How many messages each number has in a minute."""
    line.workspace.quota_rules.filter(scope="number", window="minute", unit="messages").update(limit=most)
    cache.forget()


def test_an_answer_is_sent_from_the_number_of_its_thread(
    operator, line, rings, django_capture_on_commit_callbacks
):
    thread = texted(line)

    with django_capture_on_commit_callbacks(execute=True):
        response = answer(operator, thread)

    message = Message.objects.get()
    assert (message.status, message.trigger, message.number, message.recipient) == (
        "queued",
        "inbox",
        line,
        ADA,
    )
    assert (message.body, message.agent, message.traffic) == ("See you at ten", None, "alerting")
    assert response.url == f"/inbox/{thread.pk}/#answer"
    assert rings == [line.connection_id]
    thread.refresh_from_db()
    assert (thread.answer, thread.unread) == (message.pk, 0)
    assert "Answer by" in words(operator.get(reverse("message", args=[message.pk])))


def test_an_answer_can_be_sent_as_a_user_of_the_number_alone(operator, line):
    thread, mia = texted(line), line.agents.get()
    stranger = make_agent(line.workspace, "leo@example.com")

    assert answer(operator, thread, send_as=stranger.pk).status_code == 422
    answer(operator, thread, send_as=mia.pk)

    assert Message.objects.get().agent == mia


def test_a_double_click_sends_once_and_other_words_are_another_message(operator, line):
    thread = texted(line)
    token = hidden(operator.get(f"/inbox/{thread.pk}/"), "token")

    for body in ("Yes", "Yes", "No"):  # the last after going back in the browser
        assert answer(operator, thread, body, token=token).status_code == 302

    assert sorted(Message.objects.values_list("body", flat=True)) == ["No", "Yes"]
    assert Event.objects.filter(kind=Event.Kind.REPEAT).count() == 1


def test_an_answer_is_about_the_record_of_the_message_that_was_answered(operator, line):
    make_message(
        line.workspace, number=line, recipient=ADA, object_type="company", object_id="7", at=ago(hours=2)
    )
    make_message(
        line.workspace, number=line, recipient=ADA, object_type="contact", object_id="501", at=ago(hours=1)
    )
    make_message(
        line.workspace, number=line, recipient=ADA, at=ago(minutes=5)
    )  # of an API that knows no record
    thread = texted(line)

    answer(operator, thread)
    answer(operator, thread, "And another")

    for message in Message.objects.filter(trigger="inbox"):
        assert (message.object_type, message.object_id) == ("contact", "501")
        assert message.origin["portal"] == PORTAL
        assert not {"callback_id", "workflow"} & set(message.origin)
        assert message.reply == ""


def test_an_answer_without_a_known_record_is_sent_all_the_same(operator, line):
    answer(operator, texted(line))

    message = Message.objects.get()
    assert (message.status, message.object_type, message.object_id) == ("queued", "", "")
    assert "portal" not in message.origin


def test_an_answer_has_no_tokens(operator, line):
    response = answer(operator, texted(line), "Hi {{Contact.firstname}}")

    assert response.status_code == 422
    assert "begins a token" in words(response)
    assert not Message.objects.exists()


@pytest.mark.parametrize("body", ["", "  \n "])
def test_an_empty_answer_is_not_sent(operator, line, body):
    response = answer(operator, texted(line), body)

    assert response.status_code == 422
    assert "Write the answer" in words(response)
    assert not Message.objects.exists()


def test_a_refusal_stands_beside_the_text_and_the_next_try_is_another(operator, line):
    thread = texted(line)
    limit(line, 0)
    response = answer(operator, thread, "See you at ten")

    said = words(response)
    assert response.status_code == 422
    assert "has used 0 of 0 messages per minute" in said
    assert (
        response.content.decode().count("See you at ten") == 1
    )  # in its field, and not as if it had been said
    assert "See you at ten</textarea>" in response.content.decode()
    assert Message.objects.get().status == Status.REJECTED
    thread.refresh_from_db()
    assert (thread.answer, thread.unread) == (None, 1)

    limit(line, 10)
    answer(operator, thread, "See you at ten", token=hidden(response, "token"))
    assert Message.objects.filter(status="queued").count() == 1


def test_too_long_an_answer_is_refused_with_its_text_kept(operator, line):
    response = answer(operator, texted(line), "x" * 1601)

    assert response.status_code == 422
    assert "1,601" in words(response)
    assert "x" * 1601 in response.content.decode()


def test_an_answer_may_use_what_is_kept_for_replies(operator, line):
    limit(line, 1)
    PriorityShare.objects.update_or_create(workspace=line.workspace, defaults={"percent": 100})
    cache.forget()
    thread = texted(line)
    assert "1 left" in words(operator.get(f"/inbox/{thread.pk}/"))

    assert answer(operator, thread).status_code == 302


# --- Where nobody can answer --------------------------------------------------------------------------


def test_a_number_that_cannot_text_any_more_says_why_instead_of_a_form(operator, line):
    thread = texted(line)
    line.sms_capable = False
    line.save()
    cache.forget()

    said = words(operator.get(f"/inbox/{thread.pk}/"))

    assert "It cannot text. Enable messaging for the number in Aircall" in said
    assert "Send the answer" not in said
    assert operator.post(f"/inbox/{thread.pk}/", {"body": "Hi", "token": "x"}).status_code == 422
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"gone_at": NOON}, "Aircall no longer lists this number."),
        ({"third_party": True}, "It uses another messaging service."),
        ({"connected": None}, "Nobody has confirmed that it is connected to HubSpot."),
    ],
)
def test_every_fact_that_keeps_a_number_from_texting_is_told(line, columns, why):
    thread = texted(line)
    for name, value in columns.items():
        setattr(line, name, value)
    thread.number = line

    assert answering.obstacle(thread).sentence == why


def test_a_short_code_and_a_number_nobody_knows_cannot_be_answered(operator, line):
    for thread in (texted(line, sender="40404"), texted(line, number=None)):
        said = words(operator.get(f"/inbox/{thread.pk}/"))
        assert "Send the answer" not in said
        assert "short code" in said or "the directory does not know" in said


def test_who_has_opted_out_is_not_answered(operator, line):
    thread = texted(line)
    ConsentPolicy.objects.create(workspace=line.workspace, kept_by="here", hubspot_property="")
    OptOut.objects.create(workspace=line.workspace, number=ADA, is_out=True, since=NOON)
    cache.forget()

    assert "Opted out" in words(operator.get("/inbox/"))
    said = words(operator.get(f"/inbox/{thread.pk}/"))
    assert "+1 312-555-0123 has opted out of text messages" in said
    assert "Send the answer" not in said


def test_the_send_itself_looks_whether_somebody_has_opted_out_meanwhile(operator, line, monkeypatch):
    thread = texted(line)
    ConsentPolicy.objects.create(workspace=line.workspace, kept_by="here", hubspot_property="")
    OptOut.objects.create(workspace=line.workspace, number=ADA, is_out=True, since=NOON)
    cache.forget()
    monkeypatch.setattr(answering, "obstacle", lambda thread: None)

    response = answer(operator, thread)

    assert response.status_code == 422
    assert Message.objects.get().error_code == "RECIPIENT_OPTED_OUT"


def test_the_property_that_says_so_is_read_before_an_answer(line, operator, monkeypatch):
    make_connection(line.workspace, "hubspot")
    ConsentPolicy.objects.create(workspace=line.workspace, kept_by="hubspot", hubspot_property="sms_opt_out")
    make_message(
        line.workspace, number=line, recipient=ADA, object_type="contact", object_id="501", at=ago(hours=1)
    )
    asked = []

    def completed(record, names, portal):
        asked.append((record.object_id, names, portal.external_id))
        return replace(record, properties={"sms_opt_out": "true"})

    monkeypatch.setattr(answering, "completed", completed)
    cache.forget()

    response = answer(operator, texted(line))

    assert response.status_code == 422
    assert asked == [("501", {("contact", "sms_opt_out")}, PORTAL)]
    assert Message.objects.get(trigger="inbox").error_code == "RECIPIENT_OPTED_OUT"


def test_an_answer_goes_where_the_property_cannot_be_read(line, operator, monkeypatch):
    make_connection(line.workspace, "hubspot")
    ConsentPolicy.objects.create(workspace=line.workspace, kept_by="hubspot", hubspot_property="sms_opt_out")
    make_message(
        line.workspace, number=line, recipient=ADA, object_type="contact", object_id="501", at=ago(hours=1)
    )

    def away(record, names, portal):
        raise hubspot.Unavailable("HubSpot did not answer.")

    monkeypatch.setattr(answering, "completed", away)
    cache.forget()

    assert answer(operator, texted(line)).status_code == 302


# --- Proxy mode ---------------------------------------------------------------------------------------


def test_a_number_in_proxy_mode_answers_with_pictures_and_as_nobody(operator, line):
    line.proxy_mode = True
    line.save()
    cache.forget()
    thread = texted(line)
    assert "Send as" not in words(operator.get(f"/inbox/{thread.pk}/"))

    wrong = answer(operator, thread, attachments="http://files.example/a.png")
    assert wrong.status_code == 422
    answer(operator, thread, attachments="https://files.example/a.png\nhttps://files.example/b.png")

    message = Message.objects.get()
    assert (message.proxy, message.status) == (True, "queued")
    assert message.media == ["https://files.example/a.png", "https://files.example/b.png"]


def test_other_numbers_offer_no_pictures(operator, line):
    thread = texted(line)
    assert "pictures" not in words(operator.get(f"/inbox/{thread.pk}/"))

    answer(operator, thread, attachments="https://files.example/a.png")
    assert Message.objects.get().media == []


def test_an_answer_that_failed_is_sent_again_as_one(operator, line):
    """By a person, from a number in proxy mode too, with its pictures."""
    line.proxy_mode = True
    line.save()
    cache.forget()
    answer(operator, texted(line), attachments="https://files.example/a.png")

    ask = making.request(Message.objects.get(), "original")

    assert (ask.via, ask.by_person, ask.media) == ("any", True, ("https://files.example/a.png",))


# --- Measuring ----------------------------------------------------------------------------------------


def test_an_answer_is_measured_as_it_is_typed(operator, line):
    thread = texted(line)
    data = {"do": "measure", "body": "Grüße 👋 " * 20, "send_as": line.agents.get().pk}

    response = operator.post(f"/inbox/{thread.pk}/", data, headers={"HX-Request": "true"})

    said = words(response)
    assert "159 of 1,600 characters · UCS-2 · 3 segments" in said
    assert not Message.objects.exists()


def test_the_tightest_limit_is_told_and_whether_the_answer_fits(line):
    thread = texted(line)
    mia = line.agents.get()
    rule = line.workspace.quota_rules.get(scope="user", window="month", unit="segments")
    rule.limit = 2
    rule.save()
    cache.forget()

    found = answering.measured(thread, "x" * 400, str(mia.pk), NOON + timedelta(days=1))
    assert (found.room.whose, found.room.holds, found.measure.segments) == ("Mia", True, 3)
    assert not answering.measured(thread, "x" * 400, "", NOON).room.holds


def test_the_same_answer_of_a_form_is_one_message(line, workspace):
    thread, user = texted(line), member(workspace).user

    first, second = (answering.send(thread, Answer("Hi", "token"), user) for _ in range(2))

    assert first == second
