"""Every cause of the catalogue in the product: one row with it, and the same words for it on every page."""

import html
import re
import string
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from smsadmin import cache, keyset
from smsadmin.core.errors import CATALOGUE, Retry, Whose
from smsadmin.core.status import Status
from smsadmin.help import causes
from smsadmin.sending import explain, log
from smsadmin.sending.accept import refuse
from smsadmin.sending.filters import log_url
from smsadmin.sending.models import Message
from smsadmin.sending.presenters import RETRY, WHOSE
from smsadmin.workspaces.models import Role
from tests.factories import ask, make_member, make_message, make_number, make_workspace

NOW = timezone.now()

#: A value for everything that a sentence of the catalogue may name.
FACTS = {
    "action": "Welcome",
    "answer": "Sending is not allowed on this line",
    "attempts": 4,
    "characters": 1_700,
    "country": "FR",
    "email": "mia@example.com",
    "encoding": "GSM-7",
    "feature": "flows",
    "http_status": 403,
    "kind": "fixed_line",
    "left": 2,
    "limit": 1_000,
    "needed": 3,
    "portal": "9000001",
    "provider": "Aircall",
    "reason": "the connection was reset",
    "recipient": "+13125550123",
    "resets": "2026-11-21T11:00:00+00:00",
    "scope": "crm.objects.contacts.read",
    "sender": "+12025550101",
    "source": "Contact.phone",
    "subject": "+12025550101",
    "time": "22:10",
    "token": "{{Contact.firstname}}",
    "unit": "messages",
    "used": 1_000,
    "value": "06 12 34",
    "window": "hour",
}

#: Where a message stood before a cause ended it.
EARLIER = {
    Status.FAILED: Status.SENDING,
    Status.UNKNOWN: Status.SENDING,
    Status.UNDELIVERED: Status.SENT,
    Status.EXPIRED: Status.HELD,
}


@pytest.fixture
def workspace(db):
    cache.forget()
    return make_workspace()


@pytest.fixture
def client(workspace):
    return signed_in(workspace)


def signed_in(workspace, role=Role.OPERATOR):
    browser = Client()
    browser.force_login(make_member(workspace, role).user)
    return browser


def words(text):
    return html.unescape(
        " ".join(re.sub(r"<(svg|head)\b.*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL).split())
    )


def stopped(number, code):
    """A message that the flow's own writers stopped for this cause."""
    entry = CATALOGUE[code]
    error = entry(**{name: FACTS[name] for name in named_in(entry.text) + named_in(entry.fix)})
    if entry.status == Status.REJECTED:
        return refuse(ask(number), error)
    message = make_message(number.workspace, number=number, status=EARLIER[entry.status])
    assert log.move(message.pk, entry.status, NOW, error=error)
    return Message.objects.get(pk=message.pk)


def named_in(text):
    return [name for _literal, name, _spec, _conversion in string.Formatter().parse(text) if name]


def helped(client, **asked):
    return client.get(reverse("help-errors"), asked).content.decode()


def article(page, code):
    [found] = re.findall(rf'<article [^>]*id="{code}".*?</article>', page, flags=re.DOTALL)
    return found


def with_values(markup, text):
    """A sentence of the help page as it reads once each named value is what the message has."""
    for name in named_in(text):
        shown = html.escape(explain.said(f"{{{name}}}", FACTS), quote=False)
        markup = re.sub(r"<var>.*?</var>", lambda _, shown=shown: shown, markup, count=1)
    return words(markup)


# --- One row of each code ----------------------------------------------------------------------------


def test_log_message_page_and_help_say_the_same_of_every_cause(client, workspace, monkeypatch):
    monkeypatch.setattr(keyset, "PER_PAGE", len(CATALOGUE))
    number = make_number(workspace)
    messages = {code: stopped(number, code) for code in CATALOGUE}
    rows = re.findall(r"<tr\b.*?</tr>", client.get(reverse("log")).content.decode(), flags=re.DOTALL)
    helping = helped(client)

    for code, message in messages.items():
        entry = CATALOGUE[code]
        address = reverse("message", args=[message.pk])
        [row] = [each for each in rows if address in each]
        page, told = client.get(address).content.decode(), article(helping, code)
        sentence, fix = words(explain.sentence(message)), words(explain.fix(message))

        assert (message.error_code, message.status) == (code, entry.status)
        assert sentence in words(row)
        for said in (code, sentence, fix, f"Whose: {WHOSE[entry.whose]}", str(RETRY[entry.retry])):
            assert said in words(page), code
        assert f'href="{reverse("help-errors")}#{code}"' in page
        [title] = re.findall(r"<h3[^>]*>(.*?)</h3>", told)
        [remedy] = re.findall(r"<p>What fixes it: (.*?)</p>", told)
        assert with_values(title, entry.text) == sentence
        assert with_values(remedy, entry.fix) == fix
        assert f"Whose {WHOSE[entry.whose]} " in words(told)
        assert f"Sending it again {RETRY[entry.retry]} " in words(told)


def test_every_party_stage_and_retry_class_has_words_of_its_own():
    for table, kinds in ((WHOSE, Whose), (RETRY, Retry), (causes.KINDS, Whose)):
        assert len({str(table[kind]) for kind in kinds}) == len(kinds)


# --- The page ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
def test_every_member_may_read_it(workspace, role):
    browser = signed_in(workspace, role)

    assert [browser.get(reverse(name)).status_code for name in ("help-errors", "help-statuses")] == [200, 200]


@pytest.mark.parametrize("name", ["help-errors", "help-statuses"])
def test_it_needs_a_sign_in(db, name):
    assert Client().get(reverse(name)).url.startswith(reverse("account_login"))


def test_every_code_has_its_place_under_whose_it_is(client):
    groups = re.split(r'<section class="card" aria-labelledby="whose-', helped(client))[1:]

    listed = {group.partition('"')[0]: re.findall(r'<article [^>]*id="(\w+)"', group) for group in groups}

    assert listed == {
        whose.value: [code for code, entry in CATALOGUE.items() if entry.whose == whose] for whose in Whose
    }


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("code", CATALOGUE)
def test_every_value_of_a_sentence_is_called_something(code, language):
    with translation.override(language):
        shown = causes.cause(CATALOGUE[code])

    assert "{" not in shown.sentence + shown.fix
    assert (shown.sentence + shown.fix).count("<var>") == len(
        named_in(CATALOGUE[code].text) + named_in(CATALOGUE[code].fix)
    )
    assert "<var></var>" not in shown.sentence + shown.fix


def test_no_word_is_kept_for_a_value_that_no_sentence_has():
    named = {code: named_in(entry.text) + named_in(entry.fix) for code, entry in CATALOGUE.items()}

    assert set(causes.VALUES) == {name for names in named.values() for name in names}
    assert all(set(own) <= set(named[code]) for code, own in causes.OWN_VALUES.items())


def test_a_cause_leads_to_the_page_where_it_is_mended(client):
    page = helped(client)

    for code, name in {"USER_NOT_FOUND": "actions", "NUMBER_IN_PROXY_MODE": "directory"}.items():
        assert f'href="{reverse(name)}"' in article(page, code)
    assert "Where it is fixed The record in HubSpot" in words(article(page, "RECIPIENT_MISSING"))


@pytest.mark.parametrize(
    ("asked", "codes"),
    [
        ("user_not_on_number", {"USER_NOT_ON_NUMBER"}),
        ("PROXY messaging", {"NUMBER_IN_PROXY_MODE"}),  # every word, wherever it stands
        ("opt in again", {"RECIPIENT_OPTED_OUT"}),  # what fixes it
        ("smsadmin itself", {"INTERNAL_ERROR"}),
        ("{sender}", set()),
    ],
)
def test_the_search_finds_a_cause_by_what_is_said_of_it(client, asked, codes):
    assert set(re.findall(r'<article [^>]*id="(\w+)"', helped(client, q=asked))) == codes


def test_a_search_without_a_match_says_so_and_offers_the_way_back(client):
    page = helped(client, q="<b>nothing")

    assert "No cause matches “<b>nothing” was looked for" in words(page)
    assert "<b>nothing" not in page
    assert f'<a class="btn" href="{reverse("help-errors")}">' in page


def test_htmx_gets_the_causes_alone(client):
    text = client.get(
        reverse("help-errors"), {"q": "portal"}, headers={"HX-Request": "true"}
    ).content.decode()

    assert text.startswith('<section id="causes"')
    assert "<main" not in text


# --- How often ---------------------------------------------------------------------------------------


@pytest.mark.services
def test_the_messages_of_the_last_days_are_counted_by_cause(workspace):
    def made(code, **age):
        make_message(workspace, at=NOW - timedelta(**age), status=Status.REJECTED, error_code=code)

    made("MESSAGE_EMPTY", days=1)
    made("MESSAGE_EMPTY", days=6)
    made("MESSAGE_EMPTY", days=8)
    made("TOKEN_UNKNOWN", days=8)
    make_message(make_workspace(), status=Status.REJECTED, error_code="MESSAGE_EMPTY")

    since = NOW - timedelta(days=7)
    counted = causes.counts(workspace, since)

    assert {code: count.n for code, count in counted.items() if count.n} == {"MESSAGE_EMPTY": 2}
    assert counted["MESSAGE_EMPTY"].url == log_url(error="MESSAGE_EMPTY", since=since)
    assert counted["TOKEN_UNKNOWN"].url == log_url(error="TOKEN_UNKNOWN")
    assert set(counted) == set(CATALOGUE)


def test_the_log_behind_a_count_lists_what_was_counted(client, workspace):
    for _ in range(3):
        make_message(workspace, status=Status.REJECTED, error_code="MESSAGE_EMPTY")

    told = article(helped(client), "MESSAGE_EMPTY")
    [url] = re.findall(r'<a href="(/log/[^"]+)"', told)

    assert "In the last 7 days 3 messages" in words(told)
    assert client.get(html.unescape(url)).content.decode().count('class="row-link"') == 3


def test_counting_stops_at_the_cap_and_says_so(client, workspace, monkeypatch):
    monkeypatch.setattr(causes, "MOST_COUNTED", 1)
    for _ in range(3):
        make_message(workspace, status=Status.REJECTED, error_code="MESSAGE_EMPTY")

    assert "More than 1 messages" in words(article(helped(client), "MESSAGE_EMPTY"))


def test_all_counts_are_one_query(workspace, django_assert_num_queries):
    with django_assert_num_queries(1):
        causes.counts(workspace, NOW)


# --- The ways to it ----------------------------------------------------------------------------------


def test_the_log_and_the_account_menu_lead_to_it(client):
    page = client.get(reverse("log")).content.decode()

    assert page.count(f'href="{reverse("help-errors")}"') == 2
    assert f'href="{reverse("help-statuses")}"' in page


def test_a_message_that_nothing_stopped_has_nothing_to_look_up(client, workspace):
    page = client.get(reverse("message", args=[make_message(workspace).pk])).content.decode()

    assert "What this means" not in page
