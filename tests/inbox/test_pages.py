"""The list and the thread's page: what stands there, for whom, and what its forms do."""

from datetime import timedelta
from itertools import chain

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache, keyset
from smsadmin.consent.models import Policy as ConsentPolicy
from smsadmin.consent.models import Review
from smsadmin.core.ids import first_uuid7
from smsadmin.inbox import conversation, listing, threads
from smsadmin.inbox.models import Thread
from smsadmin.incoming.models import OutsideMessage
from smsadmin.privacy.models import Policy
from tests.factories import make_message, make_number, make_workspace
from tests.inbox.conftest import ADA, BOB, NOON, ago, hidden, member, texted, words

HTMX = {"HX-Request": "true"}


def page(client, thread, **query):
    return client.get(f"/inbox/{thread.pk}/", query)


def outside(line, body="From the app", **columns):
    """What somebody texted in Aircall itself."""
    columns = {"at": timezone.now(), "provider_id": f"O{OutsideMessage.objects.count()}", **columns}
    return OutsideMessage.objects.create(
        workspace=line.workspace, connection=line.connection, number=line, party=ADA, body=body, **columns
    )


# --- The list -----------------------------------------------------------------------------------------


def test_the_list_has_the_newest_thread_first_with_its_last_words(operator, line):
    texted(line, "Earlier", sender=BOB, at=ago(hours=2))
    texted(line, "Yes", at=ago(minutes=4))
    texted(make_number(make_workspace()), "Somebody else's")

    said = words(operator.get("/inbox/"))

    assert said.index("+1 312-555-0123 1 unread 4 min ago Yes to Sales US") < said.index("+33 6 12 34 56 78")
    assert "Earlier" in said
    assert "Somebody else's" not in said


def test_the_last_words_are_ours_where_we_answered_last(operator, line):
    thread = texted(line, "Yes", at=ago(hours=2))
    message = make_message(line.workspace, number=line, recipient=ADA, body="See you", at=ago(hours=1))
    threads.answered(thread, message)

    assert "Answered: See you Sent" in words(operator.get("/inbox/"))
    texted(line, "Thanks", at=ago(minutes=1))
    assert "Answered:" not in words(operator.get("/inbox/"))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"open", "unread"}),
        ("?show=unread", {"unread"}),
        ("?show=closed", {"closed"}),
        ("?show=all", {"open", "unread", "closed"}),
        ("?show=all&q=555-0102", {"open"}),
        ("?show=all&q=%2B1+312+555+0103", {"closed"}),
        ("?show=all&q=Support", {"closed"}),
        ("?show=all&q=nobody", set()),
    ],
)
def test_the_list_can_be_narrowed(operator, line, query, found):
    texted(line, "is unread", sender="+13125550101")
    threads.read(texted(line, "is open", sender="+13125550102"), 10**9)
    support = make_number(line.workspace, name="Support")
    threads.close(texted(support, "is closed", sender="+13125550103"), 10**9, NOON)

    said = words(operator.get(f"/inbox/{query}"))

    assert {each for each in ("open", "unread", "closed") if f"is {each}" in said} == found


def test_the_list_of_one_number_has_its_threads_alone(operator, line):
    texted(line, "To sales")
    support = make_number(line.workspace)
    texted(support, "To support")

    said = words(operator.get(f"/inbox/?number={support.pk}"))

    assert "To support" in said
    assert "To sales" not in said
    assert operator.get("/inbox/?number=0").status_code == 422


def test_pages_follow_one_another_without_gap_or_repeat(operator, workspace, line, monkeypatch):
    monkeypatch.setattr(keyset, "PER_PAGE", 2)
    for n in range(5):  # two of one moment
        texted(line, sender=f"+1312555010{n}", at=NOON + timedelta(minutes=n // 2))
    rows = Thread.objects.filter(workspace=workspace)

    first = listing.page_of(rows)
    second = listing.page_of(rows, before=first.older)
    third = listing.page_of(rows, before=second.older)

    pks = [[thread.pk for thread in each.rows] for each in (first, second, third)]
    assert [*chain(*pks)] == list(rows.order_by("-last_at", "-pk").values_list("pk", flat=True))
    assert (first.newer, third.older) == ("", "")
    assert listing.page_of(rows, after=third.newer).rows == second.rows
    assert listing.page_of(rows, after=second.newer).rows == first.rows
    for wrong in ("x", "1-", "99999999999999999999-1", "-"):
        assert operator.get("/inbox/", {"before": wrong}).status_code == 200


def test_the_list_costs_the_same_for_any_number_of_threads(operator, line):
    def queries():
        cache.forget()
        with CaptureQueriesContext(connection) as captured:
            operator.get("/inbox/")
        return len(captured)

    def one_more(sender):
        thread = texted(line, sender=sender, at=ago(hours=1))
        threads.answered(thread, make_message(line.workspace, number=line, recipient=sender))

    one_more("+13125550001")
    few = queries()
    for n in range(2, 9):
        one_more(f"+1312555000{n}")
    assert queries() == few


def test_htmx_gets_the_list_alone_and_it_asks_again(operator, line):
    texted(line)
    response = operator.get("/inbox/?show=unread", headers=HTMX)

    text = response.content.decode()
    assert text.startswith('<section id="threads"')
    assert 'hx-get="/inbox/?show=unread" hx-trigger="every 20s"' in text


def test_an_empty_inbox_says_why(operator, line):
    assert "No text yet" in words(operator.get("/inbox/"))
    thread = texted(line)
    assert "No thread matches" in words(operator.get("/inbox/?show=closed"))
    threads.close(thread, thread.newest_id, NOON)
    assert "No open thread" in words(operator.get("/inbox/"))


def test_the_sidebar_and_the_overview_count_unread_threads(operator, line):
    assert "nav-count" not in operator.get("/log/").content.decode()
    texted(line)
    cache.forget()

    assert '<span class="nav-count">1<' in operator.get("/log/").content.decode()
    assert "1 thread with unread replies" in words(operator.get("/"))


# --- The conversation ---------------------------------------------------------------------------------


def test_a_conversation_is_in_the_order_of_time_with_what_caused_what(operator, line):
    asked = make_message(line.workspace, number=line, recipient=ADA, body="Coming?", at=ago(hours=3))
    thread = texted(line, "Yes", at=ago(hours=2), answers=asked.pk, media=2)
    outside(line, at=ago(hours=1))
    make_message(line.workspace, number=line, recipient=BOB, body="To somebody else")
    make_message(line.workspace, number=make_number(line.workspace), recipient=ADA, body="From another line")

    response = page(operator, thread)
    said = words(response)

    first, second, third = (said.index(each) for each in ("Coming?", "Yes 2 pictures", "From the app"))
    assert first < second < third
    assert "answers the message of HubSpot workflow 17, step 4" in said
    assert f'href="{reverse("message", args=[asked.pk])}"' in response.content.decode()
    assert "not sent from here" in said
    assert "To somebody else" not in said
    assert "From another line" not in said


def test_a_code_for_a_test_number_is_not_told(operator, line):
    thread = texted(line)
    make_message(
        line.workspace, number=line, recipient=ADA, body="246810 is the code", trigger="verification"
    )

    said = words(page(operator, thread))

    assert "Code for a test number" in said
    assert "246810" not in said


def test_a_text_that_speaks_of_opting_out_is_marked(operator, viewer, line):
    ConsentPolicy.objects.create(workspace=line.workspace, kept_by="here", hubspot_property="")
    cache.forget()
    thread = texted(line, "Stop")
    texted(line, "stopp it")
    Review.objects.create(
        workspace=line.workspace, inbound=thread.entries.latest("pk").inbound, guess="stop", why="within"
    )

    said = words(page(operator, thread))
    assert "Said STOP" in said
    assert "It may be about opting out: decide Open the list" in said
    masked = words(page(viewer, thread))
    assert "STOP" not in masked
    assert "decide" in masked


def test_what_failed_says_why(operator, line):
    thread = texted(line)
    facts = {"provider": "Aircall", "answer": "no such user", "http_status": 400}
    make_message(
        line.workspace, number=line, recipient=ADA, status="failed",
        error_code="PROVIDER_REJECTED", error_facts=facts,
    )  # fmt: skip

    assert "no such user" in words(page(operator, thread))


def test_earlier_texts_follow_without_gap_or_repeat(operator, line, monkeypatch):
    monkeypatch.setattr(conversation, "PER_PAGE", 3)
    at = NOON - timedelta(hours=1)
    for n in range(4):
        thread = texted(line, f"in {n}", at=at + timedelta(minutes=n // 2))  # two of each moment
        make_message(
            line.workspace, number=line, recipient=ADA, body=f"out {n}", at=at + timedelta(minutes=n)
        )
        outside(line, f"app {n}", at=at)
    reader = member(line.workspace)

    said, before = [], ""
    while True:
        found = conversation.page(thread, reader, before)
        said = [text.body for text in found.texts] + said
        if not (before := found.earlier):
            break

    assert len(said) == len(set(said)) == 12
    assert said[-2:] == ["out 2", "out 3"]
    for wrong in ("x", "..", "a.b.c", f"{first_uuid7(NOON).hex}.1-x.9999999999999999999999-1"):
        assert page(operator, thread, before=wrong).status_code == 200


def test_a_conversation_costs_the_same_for_any_number_of_texts(operator, line):
    def queries():
        cache.forget()
        with CaptureQueriesContext(connection) as captured:
            page(operator, Thread.objects.get())
        return len(captured)

    def one_more():
        asked = make_message(line.workspace, number=line, recipient=ADA)
        texted(line, answers=asked.pk)

    one_more()
    few = queries()
    for _ in range(8):
        one_more()
    assert queries() == few


def test_an_old_page_has_no_form_and_leads_back(operator, line):
    thread = texted(line)
    said = page(operator, thread, before="x").content.decode()

    assert "Back to the newest" in said
    assert "Send the answer" not in said
    assert 'hx-trigger="every' not in said


def test_a_part_of_the_page_asks_for_news_and_what_is_typed_is_not_in_it(operator, line):
    response = operator.get(f"/inbox/{texted(line).pk}/", headers=HTMX)

    text = response.content.decode()
    assert text.startswith('<section id="talk"')
    assert "textarea" not in text


def test_a_thread_of_another_workspace_is_not_found(operator, line):
    thread = texted(make_number(make_workspace()))
    for name in ("thread", "thread-read", "thread-unread", "thread-close", "thread-reopen"):
        assert operator.post(reverse(name, args=[thread.pk])).status_code == 404
    assert page(operator, thread).status_code == 404


# --- Who may see and do what --------------------------------------------------------------------------


def test_a_viewer_reads_it_masked(viewer, line):
    asked = make_message(line.workspace, number=line, recipient=ADA, body="Coming?", at=ago(hours=1))
    thread = texted(line, "Secret answer", answers=asked.pk)
    outside(line, "Secret too")

    for response in (viewer.get("/inbox/"), page(viewer, thread)):
        text = response.content.decode()
        assert "+1 ••• •••23" in words(response)
        for secret in ("3125550123", "312-555", "Secret", "Coming"):
            assert secret not in text
    assert words(page(viewer, thread)).count("•••") >= 5  # the number, and three texts


def test_a_viewer_who_may_see_everything_does(viewer, line):
    Policy.objects.create(workspace=line.workspace, viewers=Policy.Viewers.EVERYTHING)
    thread = texted(line, "An answer")

    assert "An answer" in words(page(viewer, thread))


def test_a_viewer_finds_a_number_that_they_know_and_no_part_of_one(viewer, line):
    texted(line)

    assert "+1 •••" in words(viewer.get("/inbox/?q=%2B13125550123"))
    assert "No thread matches" in words(viewer.get("/inbox/?q=5550123"))


def test_a_viewer_changes_nothing(viewer, line, rings):
    thread = texted(line)
    assert "operators, editors and owners can answer" in words(page(viewer, thread))

    assert viewer.post(f"/inbox/{thread.pk}/", {"body": "Hello", "token": "x"}).status_code == 403
    assert viewer.post(f"/inbox/{thread.pk}/", {"body": "Hello", "do": "measure"}).status_code == 403
    for name in ("thread-read", "thread-unread", "thread-close", "thread-reopen"):
        assert viewer.post(reverse(name, args=[thread.pk]), {"seen": 10**9}).status_code == 403
    assert Thread.objects.values_list("unread", "done_at").get() == (1, None)
    assert rings == []


# --- What its forms do --------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", ["-1", str(2**63), str(10**30)])
def test_a_text_that_no_page_showed_answers_and_reads_nothing(operator, line, seen):
    thread = texted(line)
    typed = {"body": "Hello", "token": "x", "seen": seen}

    assert operator.post(f"/inbox/{thread.pk}/", typed).status_code == 422
    assert operator.post(f"/inbox/{thread.pk}/read/", {"seen": seen}).status_code == 302
    assert Thread.objects.get().unread == 1


@pytest.mark.parametrize("query", ["number={}", "before={0}-{0}", "after={0}-{0}"])
def test_an_id_that_no_database_stores_is_none(operator, line, query):
    thread = texted(line)
    enormous = query.format(10**30)

    assert operator.get(f"/inbox/?{enormous}").status_code == (422 if "number" in query else 200)
    assert operator.get(f"/inbox/{thread.pk}/?{enormous}").status_code == 200
    assert operator.get(f"/inbox/{10**30}/").status_code == 404
    assert operator.get(f"/inbox/next/?after={10**30}").status_code == 302


def test_reading_a_page_marks_nothing_and_its_form_does(operator, line):
    thread = texted(line)
    response = page(operator, thread)
    assert Thread.objects.get().unread == 1
    assert 'hx-trigger="load, submit"' in response.content.decode()

    after = operator.post(f"/inbox/{thread.pk}/read/", {"seen": hidden(response, "seen")})

    assert after.url == f"/inbox/{thread.pk}/"
    assert Thread.objects.get().unread == 0


def test_htmx_marks_it_and_takes_the_button_away(operator, line):
    thread = texted(line)
    after = operator.post(f"/inbox/{thread.pk}/read/", {"seen": thread.newest_id}, headers=HTMX)

    assert (after.status_code, after.content) == (200, b"")
    assert Thread.objects.get().unread == 0


def test_a_thread_is_closed_opened_and_unread_by_its_buttons(operator, line):
    thread = texted(line)
    threads.read(thread, thread.newest_id)

    assert "is unread again" in words(operator.post(f"/inbox/{thread.pk}/unread/", follow=True))
    closed = operator.post(f"/inbox/{thread.pk}/close/", {"seen": thread.newest_id}, follow=True)
    assert "The thread is closed." in words(closed)
    thread.refresh_from_db()
    assert thread.unread == 0
    assert thread.done_at
    assert "open again" in words(operator.post(f"/inbox/{thread.pk}/reopen/", follow=True))


def test_closing_a_page_that_is_behind_says_so(operator, line):
    seen = texted(line).newest_id
    thread = texted(line)

    after = operator.post(f"/inbox/{thread.pk}/close/", {"seen": seen}, follow=True)

    assert "A text has come in the meantime" in words(after)
    assert Thread.objects.get().done_at is None


def test_the_next_unread_thread_is_one_click_away(operator, line):
    first, second = texted(line, at=ago(hours=1)), texted(line, sender=BOB)

    assert f"/inbox/next/?after={first.pk}" in page(operator, first).content.decode()
    assert operator.get(f"/inbox/next/?after={first.pk}").url == f"/inbox/{second.pk}/"
    assert operator.get("/inbox/next/").url == f"/inbox/{first.pk}/"
    threads.read(second, 10**9)
    assert "No other thread is unread" in words(operator.get(f"/inbox/next/?after={first.pk}", follow=True))
    assert "Next unread" not in words(page(operator, first))
