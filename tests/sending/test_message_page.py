"""The message page as an answer: what a message was made of, what happened to it, and what is around it."""

import html
import re
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache
from smsadmin.actions import saving
from smsadmin.core.ids import key16
from smsadmin.core.message import Record
from smsadmin.core.status import Status
from smsadmin.incoming.models import InboundMessage
from smsadmin.privacy.models import Policy
from smsadmin.providers.base import Exchange
from smsadmin.quotas.models import Rule
from smsadmin.sending import log, presenters, settle
from smsadmin.sending.accept import accept
from smsadmin.sending.filters import log_url
from smsadmin.sending.models import Event, Message
from smsadmin.sending.presenters import positions, texts, versions
from smsadmin.sending.presenters.neighbours import around
from smsadmin.workspaces.models import Role
from tests.factories import (
    PORTAL,
    ask,
    make_action,
    make_agent,
    make_member,
    make_message,
    make_number,
    make_user,
    make_version,
    make_workspace,
    uuid7_at,
)
from tests.plans import plans_of_log, reads_whole_log
from tests.sending.conftest import NOW


@pytest.fixture
def workspace(db):
    return make_workspace(time_zone="Europe/Berlin")


@pytest.fixture
def line(workspace):
    return make_number(workspace, "+12025550101", name="Sales US", users=("mia@example.com",))


def page_of(message, role=Role.OPERATOR):
    """The page as somebody of this role sees it."""
    browser = Client()
    browser.force_login(make_member(message.workspace, role).user)
    response = browser.get(reverse("message", args=[message.pk]))
    assert response.status_code == 200
    return response.content.decode()


def words(page):
    bare = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))


def happened(message, at, kind, **data):
    return Event.objects.create(message=message, at=at, kind=kind, data=data)


# --- What it was made of ----------------------------------------------------------------------------------


def made(number, template, phone="+13125550123", **properties):
    """A message of this template, for a record with these properties."""
    record = Record("contact", "501", {"phone": phone, **properties})
    return accept(ask(number, record=record, message=template))


def rows(message):
    """What was asked of the record: name, purpose, what it had, what was used, and whether that is the fallback."""
    return [
        (each.name, each.purpose, each.had, each.used, each.fell_back) for each in texts.text(message).inputs
    ]


def test_every_input_stands_beside_what_became_of_it_in_the_order_of_the_template(line):
    template = (
        'Hi {{Contact.firstname}}, see {{city | default("us")}}. {{Contact.firstname}} {{sign | default("")}}'
    )
    message = made(line, template, phone="+1 312-555-0123", firstname="Ada", city="  ", sign=None)

    assert rows(message) == [
        ("Contact.phone", "Recipient", "+1 312-555-0123", "+1 312-555-0123", False),
        ("{{Contact.firstname}}", "", "Ada", "Ada", False),
        ('{{city | default("us")}}', "", None, "us", True),
        ('{{sign | default("")}}', "", None, "", True),
    ]


def test_a_value_that_is_missing_and_a_property_that_does_not_exist_are_told_apart(line):
    missing = made(line, "Hi {{Contact.firstname}}", firstname="")
    unknown = made(line, "Hi {{Contact.frstname}}", firstname="Ada")

    assert (
        words(page_of(missing)).count(
            "{{Contact.firstname}} In the text nothing nothing there is no fallback either"
        )
        == 1
    )
    assert "{{Contact.frstname}} In the text no such property nothing" in words(page_of(unknown))


def test_sender_and_user_that_a_property_names_are_inputs_too(line):
    config = {
        "sender_kind": "property",
        "sender_property": "Contact.line",
        "send_as_kind": "property",
        "send_as_property": "Contact.owner",
    }
    record = Record(
        "contact", "501", {"phone": "+13125550123", "line": "+12025550101", "owner": "MIA@example.com"}
    )
    message = accept(ask(line, record=record, **config))

    assert rows(message)[:2] == [
        ("Contact.line", "Sender number", "+12025550101", "+1 202-555-0101", False),
        ("Contact.owner", "Send as", "MIA@example.com", "mia@example.com", False),
    ]


def marked(pieces):
    return [text for text, kind in pieces if kind == "filled"]


@pytest.mark.parametrize(
    ("template", "values", "config", "filled"),
    [
        ("Hi {{firstname}}, {{city}}!", {"firstname": "Ada", "city": "Rome"}, {}, ["Ada", "Rome"]),
        ("{{firstname}}", {"firstname": "  Ada \t "}, {}, ["  Ada   "]),
        ("{{firstname}}\r\n{{city}}", {"firstname": "Ada\x07", "city": "Köln"}, {}, ["Ada", "Köln"]),
        ("“{{firstname}}”", {"firstname": "Ada’s"}, {"encoding": "gsm"}, ["Ada's"]),
        ('Hi {{firstname | default("")}}', {"firstname": ""}, {}, []),
    ],
)
def test_the_filled_in_places_are_marked_in_the_text_as_it_was_sent(line, template, values, config, filled):
    record = Record("contact", "501", {"phone": "+13125550123", **values})
    message = accept(ask(line, record=record, message=template, **config))

    shown = texts.text(message)

    assert marked(shown.body) == filled
    assert "".join(text for text, _ in shown.body).rstrip() == message.body
    assert marked(shown.template) == re.findall(r"\{\{.*?\}\}", template)


def test_a_text_whose_places_cannot_be_told_is_shown_without_marks(line):
    message = made(line, "e{{accent}}", accent="\u0301")  # which together are one letter

    assert message.body == "é"
    assert texts.text(message).body == [("é", "")]


def test_marks_are_no_colour_alone_and_what_is_marked_is_escaped(line):
    page = page_of(made(line, "Hi {{firstname}}", firstname="<b>Ada</b>"))

    assert '<mark class="filled">&lt;b&gt;Ada&lt;/b&gt;</mark>' in page
    assert '<mark class="filled">{{firstname}}</mark>' in page
    assert "<b>Ada" not in page


def test_a_template_that_says_no_more_than_the_text_is_not_repeated(line):
    assert "Its template" not in page_of(made(line, "Hello"))
    assert "Its template" in page_of(made(line, "Hello {{Contact.phone}}"))


def test_a_template_that_cannot_be_read_is_shown_as_it_is(line):
    message = made(line, "Hi {{Contact.firstname")

    assert texts.text(message).template == [("Hi {{Contact.firstname", "")]
    assert "TOKEN_UNKNOWN" in page_of(message)


def test_an_older_message_says_that_its_values_were_not_kept(workspace):
    assert "made by an earlier version of smsadmin" in page_of(make_message(workspace))


@pytest.mark.parametrize(
    ("hides", "days", "why"),
    [
        (True, None, "Its action has the text and the values deleted once a message is settled."),
        (False, 30, "the workspace keeps them for 30 days."),
        (False, None, "as the workspace kept them for some days only."),
    ],
)
def test_deleted_values_say_when_and_why(workspace, hides, days, why):
    action = make_action(workspace, hide_values=hides)
    message = make_message(workspace, action=action, version=action.current)
    Policy.objects.create(workspace=workspace, text_days=days)
    log.forget_values([message.pk], datetime.fromisoformat("2026-11-20T12:00:00Z"))
    message.refresh_from_db()

    page = words(page_of(message))

    assert why in page
    assert "Deleted 20 Nov 2026, 13:00:00 CET (12:00:00 UTC) ." in page
    assert "The text was deleted." in page


# --- Timeline ------------------------------------------------------------------------------------------------


def lines(message, successor=None):
    return presenters.timeline(message, list(message.events.all()), successor)


@pytest.mark.parametrize(
    ("data", "name", "note", "tone"),
    [
        ({"status": "delivered", "means": "delivered", "moved": True}, "Delivery receipt", "", "good"),
        ({"status": "failed", "means": "undelivered", "moved": True}, "Delivery receipt", "", "bad"),
        (
            {"status": "sent", "means": "sent", "moved": False, "late": True},
            "Late delivery receipt",
            "The message had come further by then, so nothing changed.",
            "warn",
        ),
        (
            {"status": "sent", "means": "sent", "moved": False, "repeated": True},
            "The same delivery receipt again",
            "It had come before; nothing changed.",
            "neutral",
        ),
        (
            {"status": "sent", "means": "sent", "moved": False},
            "Delivery receipt",
            "That was known already.",
            "neutral",
        ),
        (
            {"status": "pending", "means": "", "moved": False},
            "Delivery receipt",
            "It is not known what that means, so nothing changed.",
            "warn",
        ),
        (
            {"status": "sent", "means": "sent", "moved": False, "ambiguous": True},
            "A delivery receipt, perhaps of this message",
            "Another message with the same text may be meant, so nothing changed.",
            "warn",
        ),
    ],
)
def test_a_receipt_says_how_it_came_and_what_it_did(workspace, data, name, note, tone):
    message = make_message(workspace)
    event = happened(message, timezone.now(), "receipt", **data)

    [line] = presenters.timeline(message, [event])[-1:]

    assert (line.name, line.tone) == (name, tone)
    assert line.note == f"Aircall says “{data['status']}”. {note}".strip()


def test_every_receipt_that_the_log_writes_has_its_line(workspace):
    message = make_message(workspace, provider_id="SM1")
    at = message.received_at + timedelta(hours=5)
    said = log.Receipt("delivered", Status.DELIVERED, "message.status_updated", at)
    log.receipt(message, said, at + timedelta(seconds=1))
    log.receipt_repeated(message.pk, said, at + timedelta(seconds=2))
    early = log.Receipt("sent", Status.SENT, "message.sent", message.received_at)
    log.receipt(message, early, at + timedelta(seconds=3))
    message.refresh_from_db()

    shown = lines(message)

    assert [line.name for line in shown[-4:]] == [
        "Delivery receipt",
        "Delivered",
        "The same delivery receipt again",
        "Late delivery receipt",
    ]
    assert "Aircall dates it" in shown[-1].note
    assert "Aircall dates it" not in shown[-4].note


def test_a_decision_says_who_took_it_and_their_note(workspace):
    message = make_message(workspace, status=Status.UNKNOWN)
    log.decided(message.pk, timezone.now(), status="failed", by=1, who="Mia", note="Asked the customer")

    decision = next(line for line in lines(message) if "Mia" in line.name)

    assert (decision.name, decision.note) == ("Mia found that it had not gone out", "“Asked the customer”")


def test_what_was_unknown_stays_so_in_the_timeline_until_somebody_decided(workspace):
    facts = {"provider": "Aircall", "reason": "no answer within 30 s"}
    message = make_message(workspace, status=Status.UNKNOWN, error_code="PROVIDER_UNKNOWN", error_facts=facts)
    assert settle.decide(message, False, "", make_user(), timezone.now())
    message.refresh_from_db()

    names = [line.name for line in lines(message)]

    assert names.index("Unknown") < next(at for at, name in enumerate(names) if "had not gone out" in name)
    assert "Failed" not in names


def test_what_a_person_found_not_sent_does_not_claim_that_it_may_have_gone_out(workspace):
    facts = {"provider": "Aircall", "reason": "no answer within 30 s"}
    message = make_message(workspace, status=Status.FAILED, error_code="PROVIDER_UNKNOWN", error_facts=facts)

    page = words(page_of(message))

    assert (
        "Not sent: Somebody found out that it had not gone out. What was known before: Aircall gave no clear answer"
        in page
    )
    assert "Look in the conversation whether it arrived" not in page
    assert "Not to be sent again as it is." not in page


def test_deletions_and_another_day_show_in_the_timeline(workspace):
    start = datetime.fromisoformat("2026-11-20T22:59:00Z")
    message = make_message(workspace, at=start, values_gone_at=start + timedelta(days=2))
    happened(message, start + timedelta(minutes=2), "repeat")

    with timezone.override("Europe/Berlin"):
        shown = [(line.day, line.name) for line in lines(message)]

    assert shown[-2:] == [("21 Nov", "The same request came again"), ("22 Nov", "Text and values deleted")]
    assert {day for day, _name in shown[:-2]} == {""}


def test_what_happened_at_once_stays_in_the_order_it_was_written(workspace):
    message = make_message(workspace)
    events = [happened(message, message.received_at, kind) for kind in ("repeat", "lost")]

    forwards = presenters.timeline(message, events)

    assert forwards == presenters.timeline(message, events[::-1])


# --- Sent again ----------------------------------------------------------------------------------------------


def sent_again(message, **columns):
    origin = {"who": "Mia", "by": 1, "resend": "01a1f8e0-0000-7000-8000-000000000000", "portal": PORTAL}
    return make_message(
        message.workspace, trigger="resend", original=message.pk, origin=origin, at=timezone.now(), **columns
    )


def test_a_message_and_its_successor_lead_to_each_other(workspace):
    first = make_message(workspace, status=Status.FAILED, error_code="RATE_LIMITED")
    second = sent_again(first)

    before, after = page_of(first), page_of(second)

    assert f'href="{reverse("message", args=[second.pk])}"' in before
    assert f'data-copy="{second.pk}"' in before
    assert "Sent again as another message" in before
    assert f'href="{reverse("message", args=[first.pk])}"' in after
    assert f'data-copy="{first.pk}"' in after
    assert "Sent again by Mia" in words(after)
    assert 'href="/resends/01a1f8e0-0000-7000-8000-000000000000/"' in after


def test_the_newest_of_those_that_followed_is_told(workspace):
    first = make_message(workspace, status=Status.FAILED, error_code="RATE_LIMITED")
    second = sent_again(first, status=Status.FAILED, error_code="RATE_LIMITED")
    assert "The new message is now: Failed" in words(page_of(first))

    sent_again(second, status=Status.DELIVERED)

    assert "It took 2 messages so far; the newest is now: Delivered" in words(page_of(first))


# --- Quota ---------------------------------------------------------------------------------------------------


def test_a_message_takes_one_of_messages_and_its_segments_of_segments(workspace, line):
    quota = [
        {"scope": "number", "subject": line.pk, "minute_messages": 120},
        {"scope": "user", "subject": 1, "month_messages": 1, "month_segments": 9},
    ]
    message = make_message(workspace, number=line, send_as="mia@example.com", segments=3, quota=quota)

    [(_number, [minute]), (_user, [month, segments])] = positions.quota(message)

    assert (minute.before, minute.after) == (119, 120)
    assert (month.before, month.after) == (0, 1)
    assert (segments.before, segments.after) == (6, 9)
    assert "119 → 120 of 200" in words(page_of(message))


def test_a_message_that_was_held_says_when_it_was_counted(workspace, line):
    start = datetime.fromisoformat("2026-11-20T12:00:00Z")
    quota = [{"scope": "number", "subject": line.pk, "minute_messages": 1}]
    columns = {"number": line, "at": start, "quota": quota}
    released = make_message(workspace, expires_at=start, accepted_at=start + timedelta(hours=1), **columns)

    assert "counted when it was released: 20 Nov 2026, 14:00:00 CET" in words(page_of(released))
    assert "Counted when it was accepted: 20 Nov 2026, 13:00:00 CET" in words(
        page_of(make_message(workspace, accepted_at=start, **columns))
    )


def test_a_limit_in_another_zone_names_it(workspace, line):
    Rule.objects.create(
        workspace=workspace, scope="number", window="day", unit="messages", limit=50, zone="Europe/Paris"
    )
    cache.forget()
    counted = {"scope": "number", "subject": line.pk, "day_messages": 7}
    message = make_message(workspace, number=line, quota=[counted, {**counted, "zone": "Europe/Paris"}])

    [(_number, [of_utc]), (_again, [of_paris])] = positions.quota(message)

    assert (of_utc.window, of_utc.limit) == ("Day", 5_000)
    assert (of_paris.window, of_paris.limit, of_paris.before) == ("Day in Europe/Paris", 50, 6)


def test_what_was_given_back_or_corrected_says_so(workspace, line):
    quota = [{"scope": "number", "subject": line.pk, "minute_messages": 1}]
    at = datetime.fromisoformat("2026-11-20T12:00:00Z")
    message = make_message(
        workspace,
        number=line,
        quota=quota,
        segments=1,
        provider_segments=3,
        refunded_at=at,
        status=Status.FAILED,
    )

    text = words(page_of(message))

    assert "Given back: 20 Nov 2026, 13:00:00 CET (12:00:00 UTC) . It surely never left" in text
    assert "Segments: 1 when it was counted, 3 as the provider counted them" in text
    assert "Given back:" not in words(page_of(make_message(workspace, number=line, quota=quota)))


# --- The action then and now ---------------------------------------------------------------------------------


def test_the_difference_to_the_present_version_is_folded_in(workspace):
    action = make_action(workspace, name="Welcome", message="Hi Ada")
    message = make_message(workspace, action=action, version=action.current)
    assert "Welcome: Version 1 · unchanged since" in words(page_of(message))

    make_version(action, sender_number=action.current.sender_number, message="Hello Ada")
    page = page_of(message)

    assert "Welcome: Version 1 · now: Version 2" in words(page)
    assert "What changed: 1 field" in words(page)
    assert re.search(r"<del>.*?Hi</del><ins>.*?Hello</ins> Ada", page)
    for number in (1, 2):
        assert reverse("action-version", args=[action.pk, number]) in page


def test_a_version_that_does_the_same_as_the_present_one_says_so(workspace):
    action = make_action(workspace, message="Hi")
    message = make_message(workspace, action=action, version=action.current)
    make_version(action, sender_number=action.current.sender_number, message="Hi")

    assert "It does the same as then." in words(page_of(message))


def test_an_action_that_is_off_archived_or_gone_is_told(workspace):
    action = make_action(workspace, name="Welcome")
    trace = [["action", "passed", "action.saved", {"action": "Welcome", "version": 1}]]
    message = make_message(workspace, action=action, version=action.current, trace=trace)

    saving.switch(action, on=False, reason="Legal review")
    assert "The action is off: Legal review" in words(page_of(message))
    saving.archive(action)
    assert "The action is archived." in words(page_of(message))
    gone = make_message(workspace, trace=trace)
    assert "Welcome: Version 1 The action was deleted since." in words(page_of(gone))


def test_what_was_configured_where_it_was_asked_for_has_no_version(workspace):
    assert versions.standing(make_message(workspace)) is None


# --- Around it -----------------------------------------------------------------------------------------------


def near(message, role=Role.OPERATOR):
    """The lists around a message: title, the ids from the newest on."""
    member = make_member(message.workspace, role)
    return {each.shared.title: [row.pk for row, _cause in each.rows] for each in around(message, member)}


def test_what_is_around_a_message_is_listed_newest_first(workspace):
    now = timezone.now()
    common = {"recipient": "+441632960961", "object_id": "501", "object_type": "contact"}
    stopped = {"status": Status.FAILED, "error_code": "RATE_LIMITED"}
    message = make_message(workspace, at=now, **common, **stopped)
    ids = [make_message(workspace, at=now - timedelta(days=day), **common).pk for day in range(1, 7)]
    make_message(workspace, recipient="+441632960962", object_id="501", object_type="deal")
    other = {"recipient": "+441632960962", "object_id": "501", "object_type": "contact"}
    make_message(workspace, **other, origin={"workflow": "18"})
    cause = make_message(workspace, recipient="+441632960962", **stopped)
    make_message(make_workspace(), **common, **stopped)

    assert near(message) == {
        "To the same recipient": ids[:5],
        "Of the same enrolment": ids[:5],
        "With the same cause": [cause.pk],
    }
    page = page_of(message)
    for url in (
        log_url(recipient="+441632960961"),
        log_url(record="501", workflow="17"),
        log_url(cause=message.cause),
    ):
        assert html.escape(url) in page


def test_what_a_message_does_not_share_is_not_listed(workspace):
    message = make_message(workspace, recipient="", recipient_given="n/a", object_id="", number=None)

    assert near(message) == {}
    assert "Around it" not in page_of(message)


def test_whoever_may_not_see_the_number_sees_its_other_messages_but_not_the_number(workspace):
    message, other = make_message(workspace), make_message(workspace)
    Policy.objects.create(workspace=workspace, viewers=Policy.Viewers.MASKED)

    page = page_of(message, Role.VIEWER)

    assert reverse("message", args=[other.pk]) in page
    for spelling in ("33612345678", "+33 6 12 34 56 78", "Hi Ada"):
        assert spelling not in page


@pytest.mark.services
@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_the_page_asks_few_questions_and_none_of_the_whole_log(workspace, line, role):
    """However long the log is, and however much is around the message."""
    action = make_action(workspace, sender_number=line)
    make_version(action, sender_number=line)
    agent = make_agent(workspace)

    def row(serial, **columns):
        return Message(
            pk=uuid7_at(NOW),
            workspace=workspace,
            trigger="hubspot",
            key=key16(serial),
            origin={"portal": PORTAL, "workflow": str(serial % 30)},
            object_id=str(serial),
            object_type="contact",
            number=line,
            agent=agent,
            action=action,
            recipient=f"+336{serial:08}",
            status=Status.SENT,
            **columns,
        )

    Message.objects.bulk_create([row(serial) for serial in range(12_000)], batch_size=5_000)
    common = {"number": line, "object_id": "77", "object_type": "contact", "recipient": "+33600000077"}
    common |= {"status": Status.FAILED, "error_code": "RATE_LIMITED", "action": action}
    common["version"] = action.versions.get(number=1)
    messages = [make_message(workspace, **common) for _ in range(20)]
    make_message(workspace, original=messages[0].pk, **common)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    browser = Client()
    browser.force_login(make_member(workspace, role).user)
    browser.get(reverse("message", args=[messages[1].pk]))

    with CaptureQueriesContext(connection) as captured:
        page = browser.get(reverse("message", args=[messages[0].pk])).content.decode()

    assert page.count('class="row-link"') == 15
    assert len(captured) <= 24
    assert [plan for plan in plans_of_log(captured) if reads_whole_log(plan)] == []


# --- Replies, ids, the raw exchange --------------------------------------------------------------------------


def replied(message, at, **columns):
    return InboundMessage.objects.create(
        workspace=message.workspace,
        connection=message.connection,
        number=message.number,
        sender=message.recipient,
        at=at,
        provider_id=f"in-{at:%M%S}",
        answers=message.pk,
        **columns,
    )


def test_replies_are_listed_as_they_came(workspace):
    message = make_message(workspace)
    assert "replies-title" not in page_of(message)
    start = datetime.fromisoformat("2026-11-20T12:00:00Z")
    replied(message, start + timedelta(minutes=1), body="<i>Thanks</i>", media=2)
    replied(message, start, body="Who is this?")

    page = page_of(message)

    assert "2 replies" in words(page)
    assert page.index("Who is this?") < page.index("&lt;i&gt;Thanks&lt;/i&gt;")
    assert "2 pictures or files, which are not kept here" in words(page)


def test_replies_to_a_masked_message_are_masked(workspace):
    Policy.objects.create(workspace=workspace, viewers=Policy.Viewers.MASKED)
    message = make_message(workspace)
    replied(message, timezone.now(), body="Who is this?")

    page = page_of(message, Role.VIEWER)

    assert "1 reply" in words(page)
    assert "Who is this?" not in page


def test_the_account_is_named_without_its_key(workspace):
    message = make_message(workspace)

    page = page_of(message)

    assert f'data-copy="{message.connection.name}"' in page
    assert message.connection.external_id not in page


def test_no_header_reaches_what_is_kept_of_an_exchange():
    headers = {"Authorization": "Basic c2VjcmV0", "X-Request-Id": "1"}
    kept = Exchange("POST", "https://api/send", {"to": "+1"}, 200, "{}", 3, headers=headers).as_json()

    assert set(kept) == {"method", "url", "request", "status", "answer", "ms"}
