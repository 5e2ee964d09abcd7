"""The live log: what it asks for by itself, what it says of what came, and when it stops."""

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from smsadmin.core.status import Status
from tests.factories import make_member, make_message, make_workspace

HTMX = {"HX-Request": "true"}


@pytest.fixture
def workspace(db):
    return make_workspace()


@pytest.fixture
def viewer(workspace):
    browser = Client()
    browser.force_login(make_member(workspace, "viewer").user)
    return browser


def rows(page):
    return re.findall(r'<tr id="m-([0-9a-f-]{36})"', page)


def question(page):
    """What the page asks by itself, "" where it asks no more."""
    found = re.search(r'data-live hx-get="([^"]+)" hx-trigger="every 5s"', page)
    return html.unescape(found[1]) if found else ""


def asked(viewer, address):
    return viewer.get(address, headers=HTMX)


def announced(page):
    return " ".join(re.findall(r"data-announce>\s*([^<]*?)\s*<", page))


def test_the_log_is_still_until_it_is_asked_to_be_live(viewer, workspace):
    make_message(workspace, status=Status.FAILED)

    still = viewer.get("/log/?status=failed").content.decode()

    assert question(still) == ""
    assert 'href="/log/?status=failed&amp;live=1"' in still
    live = viewer.get("/log/?status=failed&live=1").content.decode()
    assert question(live).startswith("/log/?status=failed&live=1&shown=")
    assert 'href="/log/?status=failed"' in live
    assert re.search(r'<noscript><a [^>]*href="/log/\?status=failed&amp;live=1"', live)


def test_news_stands_on_top_and_is_counted_once(viewer, workspace):
    now = timezone.now()
    old = make_message(workspace, at=now - timedelta(minutes=1))
    first = viewer.get("/log/?live=1").content.decode()
    new = [make_message(workspace, at=now + timedelta(seconds=each)) for each in (1, 2)]

    second = asked(viewer, question(first)).content.decode()
    third = asked(viewer, question(second)).content.decode()

    assert rows(second) == rows(third) == [str(each.pk) for each in (new[1], new[0], old)]
    assert announced(second) == "2 new messages"
    assert announced(third) == ""


@pytest.mark.parametrize(("status", "was_shown"), [("failed", False), ("", True)])
def test_what_came_before_and_changed_since_is_shown_as_it_is_now(viewer, workspace, status, was_shown):
    """A message fails after later ones came in: a tail that only looked for newer ids would never show it."""
    message = make_message(workspace, at=timezone.now() - timedelta(minutes=1), status=Status.SENDING)
    make_message(workspace, status=Status.FAILED)
    first = viewer.get(f"/log/?live=1&status={status}", follow=True).content.decode()
    assert (str(message.pk) in rows(first)) is was_shown

    message.status = Status.FAILED
    message.save()
    second = asked(viewer, question(first)).content.decode()

    assert str(message.pk) in rows(second)
    assert announced(second) == ("" if was_shown else "1 new message")
    assert "Sending</span>" not in second


def test_an_answer_to_the_page_itself_changes_neither_its_address_nor_its_filters(viewer, workspace):
    make_message(workspace)
    page = viewer.get("/log/?live=1").content.decode()

    response = asked(viewer, question(page))

    assert "HX-Push-Url" not in response
    assert "log-filters" not in response.content.decode()
    switched = asked(viewer, "/log/?live=1")
    assert switched["HX-Push-Url"] == "/log/?live=1"
    assert "log-filters" in switched.content.decode()


def test_an_empty_log_can_be_watched(viewer, workspace):
    page = viewer.get("/log/?live=1").content.decode()
    assert "No message matches yet." in page

    message = make_message(workspace)
    assert rows(asked(viewer, question(page)).content.decode()) == [str(message.pk)]


def test_it_stops_by_itself_and_can_be_gone_on_with(viewer, workspace, monkeypatch):
    make_message(workspace)
    page = viewer.get("/log/?live=1").content.decode()
    later = timezone.now() + timedelta(minutes=31)
    monkeypatch.setattr(timezone, "now", lambda: later)

    response = asked(viewer, question(page)).content.decode()

    assert question(response) == ""
    assert announced(response) == "Live ended after 30 minutes."
    assert "Go on live" in response
    assert question(viewer.get("/log/?live=1").content.decode())


@pytest.mark.parametrize("given", ["ends=x", "ends=99999999999999999999", "shown=zz", "shown=", "live=2"])
def test_a_question_that_was_tampered_with_is_answered(viewer, workspace, given):
    make_message(workspace)

    assert asked(viewer, f"/log/?live=1&{given}").status_code == 200


def test_a_page_of_older_messages_is_not_live(viewer, workspace):
    newer, older = make_message(workspace), make_message(workspace, at=timezone.now() - timedelta(hours=1))

    page = viewer.get(f"/log/?live=1&before={newer.pk}").content.decode()

    assert rows(page) == [str(older.pk)]
    assert question(page) == ""
