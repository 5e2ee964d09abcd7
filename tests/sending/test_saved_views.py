"""Filters under a name: whose they are, who sees them, who deletes them."""

import html
import re
from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from smsadmin.sending import saved
from smsadmin.sending.saved import SavedView
from smsadmin.workspaces.models import Role
from tests.factories import make_member, make_message, make_workspace

FAILED = "status=failed&since=2h"


@pytest.fixture
def workspace(db):
    return make_workspace()


def signed_in(workspace, role=Role.VIEWER):
    browser = Client()
    browser.member = make_member(workspace, role)
    browser.force_login(browser.member.user)
    return browser


def save(browser, name="Failed now", query=FAILED, **form):
    return browser.post(reverse("save-view"), {"name": name, "query": query, **form})


def shown(browser, address="/log/"):
    """The names of the views above the log; the one that is open with an asterisk."""
    page = browser.get(address).content.decode()
    bar = re.search(r'<nav class="shares" aria-label="Saved views">(.*?)</nav>', page, re.S)
    links = re.findall(r"<a[^>]*?href=\"([^\"]*)\"( aria-current)?[^>]*>([^<]*)", bar[1]) if bar else []
    return [(name.strip() + "*" * bool(here), html.unescape(url)) for url, here, name in links]


def test_a_view_is_saved_as_the_address_of_its_filter_and_opens_it(workspace):
    viewer = signed_in(workspace)

    response = save(viewer, query="since=2h&status=failed&foo=bar&q=SM77+is%3Areal")

    address = "/log/?q=SM77&status=failed&trigger=no-tests&since=2h"
    assert response.url == address
    assert shown(viewer) == [("Failed now", address)]
    assert shown(viewer, address) == [("Failed now*", address)]
    assert viewer.get(address).status_code == 200


def test_only_a_narrowed_log_can_be_saved(workspace):
    viewer = signed_in(workspace)

    assert "Save this view" not in viewer.get("/log/").content.decode()
    assert "Save this view" in viewer.get("/log/?status=failed").content.decode()
    assert "Save this view" not in viewer.get("/log/?status=gone").content.decode()
    assert "Save this view" not in viewer.get("/log/?q=x:y").content.decode()


def test_a_view_is_ones_own_unless_an_editor_shares_it(workspace):
    viewer, editor = signed_in(workspace), signed_in(workspace, Role.EDITOR)
    stranger = signed_in(make_workspace(), Role.OWNER)

    save(viewer, "Mine", shared="on")
    save(editor, "Ours", shared="on")
    save(editor, "Theirs")

    assert [name for name, _url in shown(viewer)] == ["Mine", "Ours"]
    assert [name for name, _url in shown(editor)] == ["Ours", "Theirs"]
    assert shown(stranger) == []
    assert 'name="shared"' not in viewer.get("/log/?status=failed").content.decode()
    assert 'name="shared"' in editor.get("/log/?status=failed").content.decode()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "This field is required."),
        ("x" * 61, "at most 60 characters"),
        ("Failed now", "There is a view “Failed now” already; choose another name."),
    ],
)
def test_a_name_that_cannot_be_says_so_and_keeps_what_was_typed(workspace, name, sentence):
    viewer = signed_in(workspace)
    make_message(workspace)
    save(viewer, "Failed now")

    response = save(viewer, name, query="status=sent")

    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert f'name="name" value="{name}"' in page or not name
    assert 'name="query" value="status=sent"' in page
    assert '<details class="menu" id="saved-new" open>' in page
    assert len(shown(viewer)) == 1


def test_there_are_so_many_views_and_no_more(workspace, monkeypatch):
    monkeypatch.setattr(saved, "MOST", 1)
    editor = signed_in(workspace, Role.EDITOR)
    save(editor, "Mine")
    save(editor, "Ours", shared="on")

    response = save(editor, "Another")

    assert response.status_code == 422
    assert "There are 1 views already; delete one first." in response.content.decode()


def test_a_view_of_ones_own_and_a_shared_one_are_deleted_by_those_who_may(workspace):
    viewer, editor = signed_in(workspace), signed_in(workspace, Role.EDITOR)
    stranger = signed_in(make_workspace(), Role.OWNER)
    save(viewer, "Mine")
    save(editor, "Ours", shared="on")
    mine, ours = SavedView.objects.get(name="Mine"), SavedView.objects.get(name="Ours")

    def delete(browser, view):
        return browser.post(reverse("delete-view", args=[view.pk]), {"query": FAILED})

    assert delete(viewer, ours).status_code == 403
    assert delete(editor, mine).status_code == 404
    assert delete(stranger, ours).status_code == 404
    assert delete(viewer, mine).url == "/log/?status=failed&since=2h"
    assert delete(editor, ours).status_code == 302
    assert not SavedView.objects.exists()
    assert editor.get(reverse("delete-view", args=[1])).status_code == 405


def test_names_are_escaped(workspace):
    viewer = signed_in(workspace)
    save(viewer, "<b>x</b>")

    page = viewer.get("/log/").content.decode()

    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x" not in page


def test_nobody_has_two_views_of_one_name(workspace):
    person = make_member(workspace).user
    for owner in (person, None):
        SavedView.objects.create(workspace=workspace, person=owner, name="x", query="")
        with pytest.raises(IntegrityError), transaction.atomic():
            SavedView.objects.create(workspace=workspace, person=owner, name="x", query="")


def test_a_shared_view_that_may_name_a_recipient_is_not_for_those_who_see_no_numbers(workspace):
    editor, viewer = signed_in(workspace, Role.EDITOR), signed_in(workspace)
    for name, query in (("Ada", "recipient=%2B4915112345678"), ("Found", "q=0151+12345678"), ("All", FAILED)):
        save(editor, name, query, shared=True)
    save(viewer, "Mine", "recipient=%2B4915112345678")

    assert [name for name, _ in shown(editor)] == ["Ada", "All", "Found"]
    assert [name for name, _ in shown(viewer)] == ["All", "Mine"]


def test_an_earlier_view_of_what_counts_asks_for_the_rest_of_its_filter(workspace):
    migration = import_module("smsadmin.sending.migrations.0010_saved_views_without_counted")
    saved = SavedView.objects.create(workspace=workspace, name="Counted", query="status=counted&number=7")
    other = SavedView.objects.create(workspace=workspace, name="Sent", query="status=sent")
    migration.forwards(apps, None)
    saved.refresh_from_db()
    other.refresh_from_db()
    assert (saved.query, other.query) == ("number=7", "status=sent")
