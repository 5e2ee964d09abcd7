"""The log and the message page, as people see them."""

import html
import itertools
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsadmin import keyset
from smsadmin.actions import saving
from smsadmin.core.errors import CATALOGUE
from smsadmin.core.ids import key16
from smsadmin.core.status import Status
from smsadmin.sending import filters as log_filters
from smsadmin.sending import listing, presenters, search
from smsadmin.sending.codes import NAMES
from smsadmin.sending.filters import GROUPS, MessageFilter, log_url
from smsadmin.sending.models import Event, Message
from smsadmin.workspaces.models import Role
from tests.factories import (
    PORTAL,
    make_action,
    make_agent,
    make_connection,
    make_member,
    make_message,
    make_number,
    make_workspace,
)

NOW = timezone.now()


@pytest.fixture
def workspace(db):
    return make_workspace(time_zone="Europe/Berlin")


@pytest.fixture
def client(workspace):
    return signed_in(workspace)


def signed_in(workspace, role=Role.OPERATOR):
    browser = Client()
    browser.force_login(make_member(workspace, role).user)
    return browser


def words(response):
    text = response.content.decode() if hasattr(response, "content") else response
    bare = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))


def listed(response):
    """The ids of the rows, from top to bottom."""
    return re.findall(r'class="row-link" href="/log/([0-9a-f-]{36})/', response.content.decode())


def rows(client, **filters):
    return listed(client.get(log_url(**filters), follow=True))


def ago(**distance):
    return NOW - timedelta(**distance)


# --- The list ---------------------------------------------------------------------------------------


def test_the_log_needs_a_sign_in(db):
    assert Client().get(reverse("log")).url.startswith(reverse("account_login"))


def test_the_newest_message_comes_first(client, workspace):
    old, new = make_message(workspace, at=ago(hours=2)), make_message(workspace, at=ago(hours=1))

    assert rows(client) == [str(new.pk), str(old.pk)]


def test_a_row_says_who_texts_whom_as_whom_and_why_not(client, workspace):
    number = make_number(workspace, "+12025550101", name="Sales US", users=("mia@example.com",))
    make_message(
        workspace,
        number=number,
        agent=workspace.agents.get(),
        status=Status.REJECTED,
        error_code="RECIPIENT_NO_COUNTRY_CODE",
        error_facts={"value": "0612345678"},
        recipient="",
        recipient_given="0612345678",
    )

    text = words(client.get(reverse("log")))

    assert (
        "Rejected The recipient “0612345678” has no known country code. "
        "Sales US +1 202-555-0101 0612345678 Mia 17 HubSpot workflow"
    ) in text


def test_another_workspaces_messages_are_not_in_the_log(client, workspace):
    other = make_message(make_workspace())

    assert rows(client) == []
    assert rows(client, q=str(other.pk)) == []
    assert rows(client, recipient=other.recipient) == []


def test_a_log_without_messages_says_what_will_be_there(client):
    assert "No message yet" in words(client.get(reverse("log")))


def test_filters_that_leave_nothing_say_so_and_offer_the_way_back(client, workspace):
    make_message(workspace)

    response = client.get(log_url(status="failed"))

    assert "No message matches" in words(response)
    assert f'<a class="btn" href="{reverse("log")}">' in response.content.decode()


def test_the_number_of_queries_does_not_grow_with_the_rows(client, workspace, django_assert_max_num_queries):
    for _ in range(30):
        number = make_number(workspace)
        make_message(workspace, number=number, agent=make_agent(workspace), action=make_action(workspace))

    with django_assert_max_num_queries(15):
        response = client.get(reverse("log"))
    assert len(listed(response)) == 30


@pytest.mark.services
def test_a_row_reads_none_of_the_long_columns(workspace):
    make_message(workspace)
    [row] = listing.page_of(Message.objects.all()).rows

    assert set(Message.LONG) <= row.get_deferred_fields()
    assert row.workflow == "17"


# --- Paging -----------------------------------------------------------------------------------------


@pytest.mark.services
def test_older_and_newer_turn_the_pages_without_gap_or_repeat(client, workspace, monkeypatch):
    monkeypatch.setattr(keyset, "PER_PAGE", 2)
    ids = [str(make_message(workspace, at=ago(minutes=minute)).pk) for minute in range(5)]

    first = client.get(reverse("log"))
    second = client.get(link(first, "next"))
    third = client.get(link(second, "next"))
    back = client.get(link(third, "prev"))

    assert [listed(page) for page in (first, second, third, back)] == [ids[:2], ids[2:4], ids[4:], ids[2:4]]
    assert link(first, "prev") == link(third, "next") == ""
    assert listed(client.get(link(back, "prev"))) == ids[:2]


def test_turning_a_page_keeps_the_filter_and_a_new_filter_starts_at_the_top(client, workspace, monkeypatch):
    monkeypatch.setattr(keyset, "PER_PAGE", 1)
    for minute in range(3):
        make_message(workspace, at=ago(minutes=minute), status=Status.FAILED)
        make_message(workspace, at=ago(minutes=minute, seconds=30))

    page = client.get(link(client.get(log_url(status="failed")), "next"))

    assert "status=failed" in link(page, "next")
    assert 'name="before"' not in page.content.decode()


def test_a_cursor_that_is_no_id_shows_the_newest_page(client, workspace):
    message = make_message(workspace)

    assert rows(client, before="x") == rows(client, after="y") == [str(message.pk)]


def link(response, rel):
    found = re.search(rf'rel="{rel}" href="([^"]+)"', response.content.decode())
    return html.unescape(found[1]) if found else ""


# --- Filters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_of_statuses_shows_each_of_them_and_no_other(client, workspace, group):
    made = {str(make_message(workspace, status=status).pk): status for status in Status}

    assert {made[pk] for pk in rows(client, status=group)} == GROUPS[group]


@pytest.mark.services
def test_every_filter_narrows_the_log_to_its_messages(client, workspace):
    wanted = make_message(
        workspace,
        at=ago(hours=3),
        number=make_number(workspace),
        agent=make_agent(workspace),
        action=make_action(workspace),
        recipient="+441632960961",
        status=Status.FAILED,
        error_code="RATE_LIMITED",
    )
    make_message(workspace, number=make_number(workspace))

    for filters in (
        {"status": "failed"},
        {"error": "RATE_LIMITED"},
        {"number": wanted.number_id},
        {"agent": wanted.agent_id},
        {"action": wanted.action_id},
        {"recipient": "+441632960961"},
        {"until": ago(hours=2)},
        {"since": ago(hours=4), "until": ago(hours=2), "status": "failed", "agent": wanted.agent_id},
    ):
        assert rows(client, **filters) == [str(wanted.pk)], filters


@pytest.mark.parametrize(
    "spelling", ["+1 (202) 555-0177", "+12025550177", "202-555-0177", "12025550177", "tel:+1-202-555-0177"]
)
def test_a_recipient_is_found_in_any_spelling(client, workspace, spelling):
    make_number(workspace, country="US")
    message = make_message(workspace, recipient="+12025550177")

    assert rows(client, recipient=spelling) == rows(client, q=spelling) == [str(message.pk)]


def test_times_are_read_in_the_viewers_zone(client, workspace):
    before = make_message(workspace, at=datetime(2026, 11, 21, 12, 59, 59, tzinfo=UTC))
    after = make_message(workspace, at=datetime(2026, 11, 21, 13, 0, tzinfo=UTC))

    assert rows(client, since="2026-11-21T14:00") == [str(after.pk)]
    assert rows(client, until="2026-11-21T14:00") == [str(before.pk)]


def test_a_link_carries_its_time_in_utc_and_the_picker_shows_it_in_the_viewers_zone(client):
    url = log_url(since=datetime(2026, 11, 21, 13, 0, tzinfo=UTC))

    assert "since=2026-11-21T13%3A00%3A00Z" in url
    assert 'value="2026-11-21T14:00"' in client.get(url).content.decode()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("recipient", "nobody", "“nobody” is not a phone number"),
        ("since", "soon", "“soon” is not a time: write 2026-11-21 14:00, 2h for two hours ago, or today."),
        ("status", "gone", "gone is not one of the available choices"),
        ("number", "4711", "not one of the available choices"),
    ],
)
def test_a_filter_that_cannot_be_read_says_so_beside_its_field(client, workspace, name, value, sentence):
    make_message(workspace)

    response = client.get(log_url(**{name: value, "q": "kept"}))

    assert response.status_code == 422
    field = re.search(rf'id="id_{name}_error">.*?</div>', response.content.decode(), re.S)
    assert field
    assert sentence in words(field[0])
    assert 'type="hidden" name="q" value="kept"' in response.content.decode()


def test_a_number_of_another_workspace_is_no_choice(client):
    other = make_number(make_workspace(), name="Their line")

    response = client.get(log_url(number=other.pk))

    assert response.status_code == 422
    assert "Their line" not in response.content.decode()


def test_htmx_gets_the_list_and_the_filters_beside_it(client, workspace):
    make_message(workspace)

    response = client.get(reverse("log"), headers={"HX-Request": "true"})

    text = response.content.decode()
    assert text.startswith('<section id="log"')
    assert '<div id="log-filters" hx-swap-oob=' in text
    assert "<main" not in text


@pytest.mark.parametrize(
    ("address", "headers", "is_open"),
    [
        ("/log/", {}, False),
        ("/log/?status=sent", {}, True),
        ("/log/?status=", {"HX-Request": "true"}, True),  # somebody is at the filters
    ],
)
def test_the_filters_are_folded_until_one_is_set_or_changed(client, address, headers, is_open):
    page = client.get(address, headers=headers).content.decode()

    assert ('<details class="fold" open>' in page) is is_open
    assert '<details class="fold"' in page


def test_the_address_shown_after_a_swap_has_only_the_filters_in_use(client):
    response = client.get(
        reverse("log"), {"q": "", "status": "failed", "error": ""}, headers={"HX-Request": "true"}
    )

    assert response["HX-Push-Url"] == "/log/?status=failed"


# --- The search box ---------------------------------------------------------------------------------


@pytest.mark.services
def test_the_search_box_finds_a_message_by_every_name_it_has(client, workspace):
    make_connection(workspace, "hubspot")
    number = make_number(workspace, "+12025550101", name="Sales US")
    message = make_message(
        workspace,
        number=number,
        agent=make_agent(workspace, email="mia@example.com", name="Mia Stone"),
        action=make_action(workspace, name="Welcome"),
        recipient="+441632960961",
        provider_id="SM77",
        key=key16(f"{PORTAL}:ap-9-8-7"),
        status=Status.FAILED,
        error_code="RATE_LIMITED",
    )
    make_message(workspace, number=make_number(workspace), recipient="+33612345678")

    for asked in (
        str(message.pk),
        f"https://sms.example.com/log/{message.pk}/",
        "SM77",
        "ap-9-8-7",
        "rate_limited",
        "+44 1632 960961",
        "+1 202 555 0101",
        "Mia@example.com",
        "stone",
        "sales us",
        "welc",
    ):
        assert rows(client, q=asked) == [str(message.pk)], asked


@pytest.mark.services
def test_a_number_is_found_as_sender_and_as_recipient(client, workspace):
    number = make_number(workspace, "+12025550101")
    sent = make_message(workspace, number=number)
    got = make_message(workspace, number=make_number(workspace), recipient="+12025550101")

    assert set(rows(client, q="+1 202-555-0101")) == {str(sent.pk), str(got.pk)}


@pytest.mark.services
@pytest.mark.parametrize("country", ["US", ""])
def test_a_recipient_that_was_refused_is_found_as_it_was_written(client, workspace, country):
    number = make_number(workspace, country=country)
    message = make_message(workspace, number=number, recipient="", recipient_given="0612345678")

    assert rows(client, q="0612345678") == [str(message.pk)]


def test_the_search_box_finds_nothing_in_texts(client, workspace):
    make_message(workspace, body="hello there")

    assert rows(client, q="hello there") == []
    assert "Texts are not searched." in words(client.get(log_url(q="hello there")))


def test_words_in_the_box_lead_to_the_address_that_the_form_writes(client, workspace):
    number = make_number(workspace, "+12025550101", name="Sales US")
    form = {
        "q": "SM77",
        "status": "failed",
        "number": str(number.pk),
        "error": "",
        "since": "2026-11-21T14:00",
    }

    from_the_form = client.get(reverse("log"), form)
    from_the_box = client.get(
        reverse("log"), {"q": 'status:failed SM77 from:"sales us" after:"2026-11-21 14:00"'}
    )

    assert from_the_form.status_code == from_the_box.status_code == 302
    assert from_the_form.url == from_the_box.url
    assert from_the_box.url == f"/log/?q=SM77&status=failed&number={number.pk}&since=2026-11-21T13%3A00%3A00Z"


def test_the_box_says_in_words_what_the_form_was_asked(client, workspace):
    number = make_number(workspace, "+12025550101", name='Sales "US"')
    response = client.get(
        log_url(q="SM77", status="failed", number=number.pk, since="today", trigger="no-tests")
    )

    box = re.search(r'id="search" name="q" value="([^"]*)"', response.content.decode())[1]
    assert html.unescape(box) == r'SM77 status:failed from:"Sales \"US\"" is:real after:today'


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (
            "statsu:failed",
            "“statsu:” is no word of this box; put it in quotes to look for it as it stands. "
            "Did you mean “status:”?",
        ),
        ("status:fialed", "“status:” does not know “fialed”. Did you mean “failed”?"),
        (
            "from:sales",
            "“sales” is more than one; write more of the name, or the number. "
            "Did you mean “Sales DE”, “Sales US”?",
        ),
        ("status:", "“status:” needs a value."),
        ("status:sent status:failed", "“status:” is there twice with different values; leave one."),
        ("x:<b>1</b>", "“x:” is no word of this box"),
        ("status:<b>", "“status:” does not know “<b>”."),
    ],
)
def test_a_word_that_is_not_understood_is_told_beside_the_box_and_nothing_is_listed(
    client, workspace, typed, sentence
):
    make_number(workspace, name="Sales DE")
    make_message(workspace, number=make_number(workspace, name="Sales US"))

    response = client.get(reverse("log"), {"q": typed})

    assert response.status_code == 422
    assert listed(response) == []
    page = response.content.decode()
    assert f'name="q" value="{html.escape(typed)}"' in page
    complaints = re.search(r'<div id="search-errors" role="alert">(.*?)</div>', page, re.S)[1]
    assert sentence in words(complaints)
    assert "<b>" not in page


def test_names_of_another_workspace_are_no_words(client):
    make_action(make_workspace(), name="Their action")

    response = client.get(reverse("log"), {"q": 'action:"Their actoin"'})

    assert response.status_code == 422
    assert "Their action”" not in response.content.decode()


def test_a_time_that_moves_stays_one(client, workspace):
    make_message(workspace, at=ago(hours=3))
    new = make_message(workspace, at=ago(hours=1))

    response = client.get(reverse("log"), {"q": "after:2h"}, follow=True)

    assert response.redirect_chain == [("/log/?since=2h", 302)]
    assert listed(response) == [str(new.pk)]
    assert re.search('<input type="text" name="since" value="2h"', response.content.decode())


@pytest.mark.parametrize("since", ["9999w", "1970-01-01"])
def test_a_time_long_ago_leaves_nothing_out(client, workspace, since):
    message = make_message(workspace)

    assert rows(client, since=since) == [str(message.pk)]


@pytest.mark.services
def test_workflows_are_looked_for_among_the_newest_that_the_other_filters_leave_and_records_among_all(
    client, workspace, monkeypatch
):
    def made(minutes, **columns):
        return str(make_message(workspace, at=ago(minutes=minutes), object_id="501", **columns).pk)

    newest, failed, oldest = made(1), made(3, status=Status.FAILED), made(5)
    for minute in (2, 4):
        make_message(workspace, at=ago(minutes=minute), origin={"workflow": "18"})

    assert rows(client, record="501") == rows(client, workflow="17") == [newest, failed, oldest]
    assert "looked through" not in words(client.get(log_url(workflow="17")))
    monkeypatch.setattr(log_filters, "NEWEST", 3)
    assert rows(client, record="501") == [newest, failed, oldest]
    assert "looked through" not in words(client.get(log_url(record="501")))
    assert rows(client, workflow="17") == [newest, failed]
    assert rows(client, workflow="17", status="failed") == [failed]
    assert rows(client, workflow="17", until=ago(minutes=2.5)) == [failed, oldest]
    assert "only the newest messages were looked through, back to" in words(
        client.get(log_url(workflow="17"))
    )


def test_causes_are_offered_by_whose_they_are_with_a_name_beside_the_code(client):
    page = client.get(reverse("log")).content.decode()

    groups = dict(re.findall(r'<optgroup label="([^"]*)">(.*?)</optgroup>', page, re.S))
    assert list(groups) == [
        "Configuration",
        "The record&#x27;s data",
        "Quota",
        "Consent",
        "The provider",
        "The carrier",
        "smsadmin",
    ]
    assert (
        '<option value="RECIPIENT_MISSING">No recipient · RECIPIENT_MISSING</option>'
        in groups["The record&#x27;s data"]
    )
    offered = sum(group.count("<option") for group in groups.values())
    assert offered - len(search.CODES) == len(CATALOGUE) == len(NAMES)


# --- Counts -----------------------------------------------------------------------------------------


def test_counts_follow_the_filter_and_lead_to_each_status(client, workspace):
    for status in (Status.SENT, Status.SENT, Status.FAILED):
        make_message(workspace, status=status, recipient="+441632960961")
    make_message(workspace)

    response = client.get(log_url(recipient="+441632960961"))

    assert counted(response) == "3 messages All 3 Sent 2 Failed 1"
    assert 'href="/log/?recipient=%2B441632960961&amp;status=failed"' in response.content.decode()


def test_counts_by_status_are_those_of_every_status_whichever_is_chosen(client, workspace):
    for status in (Status.SENT, Status.SENT, Status.FAILED, Status.REJECTED):
        make_message(workspace, status=status)

    page = client.get(log_url(status="trouble"))

    assert counted(page) == "2 messages All 4 Rejected 1 Sent 2 Failed 1 Unknown 0 Undelivered 0 Expired 0"
    assert re.findall(r'aria-current="true">(\w+) \d', page.content.decode())[:2] == ["Rejected", "Failed"]


@pytest.mark.services
def test_counts_equal_a_recount_in_one_query(workspace, rf, django_assert_num_queries):
    for number, status in enumerate(Status):
        for _ in range(number):
            make_message(
                workspace, status=status, recipient="+441632960961" if number % 2 else "+33612345678"
            )
    request = rf.get("/log/")
    request.workspace = workspace

    for asked in ({}, {"recipient": "+441632960961"}, {"status": "trouble"}, {"status": "sent"}):
        found = MessageFilter(asked, request)
        assert found.form.is_valid()
        with django_assert_num_queries(1):
            counts = listing.counts_of(found)
        assert counts.total == found.qs.count()
        unstatused = Message.objects.all()
        if "recipient" in asked:
            unstatused = unstatused.filter(recipient=asked["recipient"])
        for share in counts.shares:
            assert share.count == unstatused.filter(status=share.status).count()
        assert counts.every == unstatused.count()


@pytest.mark.services
def test_counting_stops_at_the_cap_and_says_so(client, workspace, monkeypatch):
    for minute in range(3):
        make_message(workspace, at=ago(minutes=minute))
    make_message(workspace, at=ago(hours=1), status=Status.FAILED)
    monkeypatch.setattr(listing, "MOST_COUNTED", 2)

    assert counted(client.get(reverse("log"))) == "2 messages or more Of the newest 2: All Sent 2"
    assert counted(client.get(log_url(status="failed"))) == "1 message Of the newest 2: All Sent 2 Failed 0"


def counted(response):
    """What stands above the table."""
    head = re.search(r'<div class="log-head">(.*?)</nav>', response.content.decode(), re.S)[1]
    return words(re.sub("<nav", "<div", head)).replace("Watch live ", "")


# --- The message page -------------------------------------------------------------------------------


def shown(client, message):
    return client.get(reverse("message", args=[message.pk]))


@pytest.mark.parametrize(
    ("status", "code", "facts", "headline"),
    [
        (Status.SENT, "", {}, "Sent to +33 6 12 34 56 78"),
        (Status.DELIVERED, "", {}, "Delivered to +33 6 12 34 56 78"),
        (Status.QUEUED, "", {}, "Waiting to be sent to +33 6 12 34 56 78"),
        (Status.SENDING, "", {}, "Being sent to +33 6 12 34 56 78"),
        (Status.REJECTED, "MESSAGE_EMPTY", {}, "Not sent: The message is empty."),
        (
            Status.FAILED,
            "PROVIDER_REJECTED",
            {"provider": "Aircall", "answer": "bad number", "http_status": 400},
            "Not sent: Aircall refused the message: bad number (HTTP 400).",
        ),
        (
            Status.UNKNOWN,
            "PROVIDER_UNKNOWN",
            {"provider": "Aircall", "reason": "no answer within 30 s"},
            "Nobody knows whether this was sent: Aircall gave no clear answer (no answer within 30 s); "
            "the text may have gone out.",
        ),
    ],
)
def test_the_headline_says_what_became_of_the_message(client, workspace, status, code, facts, headline):
    message = make_message(workspace, status=status, error_code=code, error_facts=facts)

    assert (
        f"<h1{' data-announce' if message.is_settled else ''}>{headline}</h1>"
        in shown(client, message).content.decode()
    )


def test_every_status_and_cause_has_a_headline_and_a_next_step_that_leads_somewhere(workspace):
    message, member = make_message(workspace, action=make_action(workspace)), make_member(workspace)

    for message.status, message.error_code in itertools.product(Status, ["", *CATALOGUE]):
        page = presenters.page(message, [], NOW, member)

        assert page["headline"]
        assert page["next_step"] is None or page["next_step"].words


def test_a_message_of_another_workspace_does_not_exist(client):
    response = shown(client, make_message(make_workspace(name="Theirs")))

    assert response.status_code == 404
    assert "Theirs" not in words(response)


def test_a_message_of_another_workspace_of_ones_own_is_a_switch_away(client, workspace):
    other = make_workspace(name="Second & last")
    message = make_message(other)
    make_member(other, Role.VIEWER, workspace.member_set.get().user)

    response = shown(client, message)

    assert response.status_code == 404
    assert "This message belongs to Second & last, where you are a member too." in words(response)
    form = {"workspace": other.pk, "next": reverse("message", args=[message.pk])}
    for name, value in form.items():
        assert f'name="{name}" value="{value}"' in response.content.decode()
    assert client.post(reverse("switch-workspace"), form).url == form["next"]
    assert shown(client, message).status_code == 200


@pytest.mark.parametrize("address", ["https://elsewhere.example/", "//elsewhere.example", "javascript:x", ""])
def test_switching_leads_nowhere_else(client, workspace, address):
    form = {"workspace": workspace.pk, "next": address}

    assert client.post(reverse("switch-workspace"), form).url == reverse("overview")


def test_a_refused_message_says_whose_it_is_what_fixes_it_and_leads_to_the_field(client, workspace):
    action = make_action(workspace)
    message = make_message(
        workspace,
        action=action,
        version=action.current,
        status=Status.REJECTED,
        error_code="USER_NOT_ON_NUMBER",
        error_facts={"email": "mia@example.com", "sender": "+12025550101"},
        trace=[
            ["action", "passed", "action.saved", {"action": "Welcome", "version": 1}],
            ["sender", "passed", "sender.chosen", {"sender": "+12025550101", "name": "Sales US"}],
            ["eligible", "passed", "eligible.yes", {}],
            [
                "send_as",
                "refused",
                "USER_NOT_ON_NUMBER",
                {"email": "mia@example.com", "sender": "+12025550101"},
            ],
        ],
    )

    response = shown(client, message)

    text = words(response)
    assert "Whose: Configuration USER_NOT_ON_NUMBER" in text
    assert "Add the user to the number in Aircall, or choose one of the number's users." in text
    assert f'href="{reverse("action", args=[action.pk])}#id_send_as"' in response.content.decode()
    assert "Send as refused mia@example.com is not a user of +1 202-555-0101" in text
    assert "Recipient not reached" in text


def test_what_an_action_that_is_still_off_refused_tells_the_reason(client, workspace):
    action = make_action(workspace)
    saving.switch(action, on=False, reason="Legal review")
    stopped = make_message(
        workspace, action=action, status=Status.REJECTED, error_code="ACTION_DISABLED", number=None, sender=""
    )

    page = words(client.get(reverse("message", args=[stopped.pk])))

    assert "The reason given for switching it off: “Legal review”." in page
    assert "No user" not in page  # nobody got as far as deciding that


def test_the_timeline_tells_what_happened_in_order_with_elapsed_times(client, workspace):
    message = make_message(
        workspace,
        at=ago(hours=1),
        accepted_at=ago(hours=1) + timedelta(milliseconds=12),
        claimed_at=ago(hours=1) + timedelta(seconds=1.5),
        finished_at=ago(hours=1) + timedelta(seconds=2),
    )
    at = message.received_at
    happened(
        message, at + timedelta(seconds=2), "attempt", status=200, ms=480, method="POST", url="https://x/"
    )
    happened(message, at + timedelta(minutes=2), "reply", reply="given", status=204)
    happened(message, at + timedelta(hours=1), "repeat")

    lines = presenters.timeline(message, list(message.events.all()))

    assert [line.name for line in lines] == [
        "Received",
        "Accepted and counted",
        "Taken by a worker",
        "Aircall answered: HTTP 200",
        "Sent",
        "HubSpot was told how it ended",
        "The same request came again",
    ]
    assert [line.elapsed for line in lines] == ["", "+12 ms", "+1.5 s", "+2.0 s", "+2.0 s", "+2 min", "+1 h"]


@pytest.mark.parametrize(
    ("kind", "data", "name", "note"),
    [
        (
            "attempt",
            {"failure": "no answer within 30 s", "ms": 30000},
            "No answer from Aircall",
            "no answer within 30 s",
        ),
        ("attempt", {"status": 500, "ms": 3}, "Aircall answered: HTTP 500", "took 3 ms"),
        ("lost", {}, "Its worker stopped before the answer came", ""),
        ("receipt", {"status": "delivered"}, "Delivery receipt", "delivered"),
        (
            "reply",
            {"reply": "owed", "status": 503, "failure": "down"},
            "could not be told yet",
            "HTTP 503 down",
        ),
        (
            "reply",
            {"reply": "failed", "why": "expired"},
            "could not be told how",
            "gone on without the answer",
        ),
    ],
)
def test_every_kind_of_event_has_its_line(workspace, kind, data, name, note):
    message = make_message(workspace, status=Status.QUEUED)
    event = happened(message, timezone.now(), kind, **data)

    line = presenters.timeline(message, [event])[-1]

    assert name in line.name
    assert note in line.note


def happened(message, at, kind, **data):
    return Event.objects.create(message=message, at=at, kind=kind, data=data)


def test_the_quota_of_that_moment_is_shown_for_number_and_user(client, workspace):
    number = make_number(workspace, "+12025550101", users=("mia@example.com",))
    message = make_message(
        workspace,
        number=number,
        send_as="mia@example.com",
        quota=[
            {"scope": "number", "subject": number.pk, "minute_messages": 12, "hour_messages": 40},
            {"scope": "user", "subject": 1, "minute_messages": 3, "month_segments": 77},
        ],
    )

    text = words(shown(client, message))

    assert "+1 202-555-0101 Minute 11 → 12 of 200 · 188 left" in text
    assert "mia@example.com Minute 2 → 3 of 200" in text
    assert "Month, segments 76 → 77 of 13,000" in text


def test_the_page_asks_again_only_until_the_message_is_settled(client, workspace):
    waiting, sent = make_message(workspace, status=Status.QUEUED), make_message(workspace)

    assert 'hx-trigger="every 3s"' in shown(client, waiting).content.decode()
    assert "hx-trigger" not in shown(client, sent).content.decode()
    fragment = client.get(reverse("message", args=[sent.pk]), headers={"HX-Request": "true"}).content.decode()
    assert fragment.startswith('<div id="message"')


def test_ids_can_be_copied_and_neighbours_lead_into_the_log(client, workspace):
    make_message(workspace)
    message = make_message(workspace, provider_id="SM77", status=Status.FAILED, error_code="RATE_LIMITED")

    page = shown(client, message).content.decode()

    for text in (str(message.pk), "SM77", message.origin["callback_id"], PORTAL):
        assert f'data-copy="{text}"' in page
    assert html.escape(log_url(error="RATE_LIMITED")) in page
    assert html.escape(log_url(recipient=message.recipient)) in page


def test_the_text_is_escaped(client, workspace):
    message = make_message(workspace, body="<b>Hi</b>", template="<i>Hi</i>")

    page = shown(client, message).content.decode()

    assert "&lt;b&gt;Hi&lt;/b&gt;" in page
    assert "<i>Hi" not in page


def test_links_into_hubspot_keep_ids_of_any_form_within_their_place(workspace, settings):
    settings.SANDBOX = False
    origin = {"portal": PORTAL, "workflow": "{portal.__class__}", "step": "1"}
    message = make_message(workspace, origin=origin, object_type="contact", object_id="../{0}?x#y")

    assert presenters.came_from(message).url == (
        f"https://app.hubspot.com/workflows/{PORTAL}/platform/flow/%7Bportal.__class__%7D/edit"
    )
    assert presenters.record(message).url == (
        f"https://app.hubspot.com/contacts/{PORTAL}/record/0-1/..%2F%7B0%7D%3Fx%23y"
    )


def test_the_raw_exchange_is_shown_without_secrets(client, workspace):
    message = make_message(workspace)
    answer = '{"id": "SM1", "api_token": "s3cret"}'
    url = "https://id:s3cret@api/v1/send?token=s3cret"
    happened(message, NOW, "attempt", method="POST", url=url, request={"to": "+1"}, status=200, answer=answer)

    page = shown(client, message).content.decode()

    assert "s3cret" not in page
    assert "POST https://•••@api/v1/send?token=•••" in page
    assert "&quot;id&quot;: &quot;SM1&quot;" in page
