"""What somebody who means harm gets out of the directory's pages."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from smsadmin.directory.models import Number
from smsadmin.workspaces.models import Workspace
from tests.factories import make_member, make_number

EVIL = "<img src=x onerror=alert(1)>\"' onfocus=evil"
PLACES = [
    "//evil.example",
    "https://evil.example/",
    "1\r\nLocation: https://evil.example/",
    "javascript:evil",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_fix_leads_back_to_the_directory_and_nowhere_else(
    editor: Client, workspace: Workspace, place: str
) -> None:
    number = make_number(workspace, connected=None)
    typed = {"fact": "connected", "connected": "yes", "sms_capable": "yes", "scope": "all"}
    typed |= {"page": place, "q": place, "show": place, "next": place}

    for url in (reverse("number-mend", args=[number.pk]), reverse("directory-confirm")):
        response = editor.post(url, typed)
        assert response.status_code == 302
        assert response["Location"].startswith("/directory/")
        assert "\n" not in response["Location"]


def test_every_change_needs_the_token_of_its_page(workspace: Workspace) -> None:
    number = make_number(workspace, connected=None)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_member(workspace, "owner").user)
    mend = reverse("number-mend", args=[number.pk])

    for url in (
        mend, reverse("number", args=[number.pk]), reverse("directory-confirm"), reverse("directory-refresh")
    ):  # fmt: skip
        assert browser.post(url, {"fact": "connected", "connected": "yes", "scope": "all"}).status_code == 403
    assert browser.get(mend).status_code == 405
    assert Number.objects.get().connected is None


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_below_editor_nobody_mends_or_confirms(client: Client, workspace: Workspace, role: str) -> None:
    number = make_number(workspace, connected=None)
    client.force_login(make_member(workspace, role).user)

    for url in (reverse("number-mend", args=[number.pk]), reverse("directory-confirm")):
        assert client.post(url, {"fact": "connected", "connected": "yes", "scope": "all"}).status_code == 403
    assert Number.objects.get().connected is None


@pytest.mark.services
@pytest.mark.parametrize("odd", ["9" * 30, "9223372036854775808", "\x00", "²", "-1", ""])
def test_ids_pages_and_ticks_that_nobody_posts_break_nothing(
    editor: Client, workspace: Workspace, odd: str
) -> None:
    number = make_number(workspace, connected=None)
    typed = {
        "number": [odd],
        "connected": "yes",
        "sms_capable": "keep",
        "scope": "ticked",
        "page": odd,
        "q": odd,
    }

    assert editor.post(reverse("directory-confirm"), typed).status_code in (302, 422)
    mended = editor.post(
        reverse("number-mend", args=[number.pk]), {"fact": "sms_capable", "page": odd, "q": odd}
    )
    assert mended.status_code == 302
    for name in ("directory", "directory-users", "directory-freshness"):
        assert (
            editor.get(reverse(name), {"page": odd, "q": odd, "show": odd, "asked": odd}).status_code == 200
        )
    assert Number.objects.get().connected is None


def test_a_facts_name_is_one_of_the_four(editor: Client, workspace: Workspace) -> None:
    number = make_number(workspace, connected=None)

    for fact in ("workspace", "gone_at", "e164", "__class__", ""):
        assert editor.post(reverse("number-mend", args=[number.pk]), {"fact": fact}).status_code == 404


def test_names_in_notices_are_shown_and_not_obeyed(editor: Client, workspace: Workspace) -> None:
    number = make_number(workspace, name=EVIL, connected=None, users=("mia@example.com",))
    number.agents.update(name=EVIL)

    pages = [
        editor.post(reverse("number-mend", args=[number.pk]), {"fact": "connected"}, follow=True),
        editor.get(reverse("directory"), {"q": EVIL, "asked": '1" onfocus=evil'}),
        editor.get(reverse("directory-users")),
        editor.get(reverse("number", args=[number.pk])),
    ]

    for page in pages:
        shown = page.content.decode()
        assert "onfocus=evil" in shown
        assert "<img" not in shown
        assert "\"' onfocus" not in shown
