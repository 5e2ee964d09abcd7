"""The page of the keys: made and revoked without JavaScript, the token shown once, and only to who may make one."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from smsadmin import settings as product
from smsadmin.api import keys
from smsadmin.api.forms import KeyForm
from smsadmin.api.keys import TOKENS
from smsadmin.api.models import Key
from smsadmin.workspaces.models import Member, Workspace
from tests.factories import make_member, make_workspace

PAGE = "/settings/api-keys/"


@pytest.fixture(autouse=True)
def _people(_fresh: None, settings: Any) -> None:
    settings.MIDDLEWARE = product.MIDDLEWARE


@pytest.fixture
def client(owner: Member) -> Client:
    return signed_in(owner)


def signed_in(member: Member) -> Client:
    browser = Client()
    browser.force_login(member.user)
    return browser


def words(response: Any) -> str:
    bare = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))


def make(
    client: Client, name: str = "Campaign planner", days: str = "90", scopes: tuple[str, ...] = ("quotas",)
) -> Any:
    return client.post(PAGE, {"name": name, "days": days, "scopes": scopes})


def test_a_key_is_made_and_its_token_shown_once_and_works(client: Client, owner: Member) -> None:
    response = make(client)
    found = TOKENS.form.search(response.content.decode())
    assert found
    token, key = found[0], Key.objects.get()
    assert keys.of_token(token) == key
    assert (key.workspace, key.created_by, key.name) == (owner.workspace, owner.user, "Campaign planner")
    assert key.expires_at
    assert key.expires_at - key.created_at == timedelta(days=90)
    assert "no-store" in response["Cache-Control"]
    assert Client().get("/api/v1/quotas/", headers={"Authorization": f"Bearer {token}"}).status_code == 200

    again = client.get(PAGE)

    assert "Campaign planner" in words(again)
    assert f"smsadmin_{key.prefix}_…" in words(again)
    assert token.rpartition("_")[2] not in again.content.decode()


@pytest.mark.parametrize(
    ("scopes", "asked", "begun"),
    [(("quotas",), 200, 403), (("flows",), 403, 404), (("quotas", "flows"), 200, 404)],
)
def test_a_key_does_what_was_ticked_and_nothing_else(
    client: Client, scopes: tuple[str, ...], asked: int, begun: int
) -> None:
    found = TOKENS.form.search(make(client, scopes=scopes).content.decode())
    assert found
    headers = {"Authorization": f"Bearer {found[0]}"}

    assert Client().get("/api/v1/quotas/", headers=headers).status_code == asked
    answer = Client().post("/api/v1/flows/1/runs", "{}", content_type="application/json", headers=headers)
    assert answer.status_code == begun
    if begun == 403:
        assert (answer.json()["code"], answer.json()["scope"]) == ("KEY_SCOPE", "flows")


def test_a_key_in_test_mode_says_so_on_the_page_and_in_its_answers(client: Client) -> None:
    made = client.post(PAGE, {"name": "Trial", "days": "90", "scopes": ["messages"], "test": "on"})
    assert "with it only verified test numbers are texted" in words(made)
    assert "/api/v1/messages" in words(made)
    assert "Test mode" in words(client.get(PAGE)).partition("Make a key")[0]
    token = TOKENS.form.search(made.content.decode())
    assert token
    answer = Client().get("/api/v1/messages", headers={"Authorization": f"Bearer {token[0]}"})
    assert (answer.status_code, answer["Smsadmin-Test"]) == (200, "true")


def test_the_same_form_sent_again_makes_no_second_key(client: Client) -> None:
    make(client)
    response = make(client)
    assert response.status_code == 422
    assert "There is a key “Campaign planner” already" in words(response)
    assert Key.objects.count() == 1


def test_two_clicks_at_once_make_one_key(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make(client)
    monkeypatch.setattr(KeyForm, "clean_name", lambda form: form.cleaned_data["name"])
    response = make(client)
    assert response.status_code == 422
    assert "There is a key “Campaign planner” already" in words(response)
    assert not TOKENS.form.search(response.content.decode())


def test_the_name_of_a_revoked_key_is_free_again(client: Client) -> None:
    make(client)
    client.post(f"{PAGE}{Key.objects.get().pk}/revoke/")
    assert make(client).status_code == 200


def test_two_workspaces_may_use_one_name(client: Client) -> None:
    make(client)
    assert make(signed_in(make_member(make_workspace()))).status_code == 200


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"name": " ", "days": "90"}, "name", "Say which program will use it."),
        ({"name": "Planner", "days": ""}, "days", "Choose one of the list."),
        ({"name": "Planner", "days": "7"}, "days", "Choose one of the list."),
        ({"name": "Planner", "days": "90", "scopes": []}, "scopes", "Choose at least one."),
    ],
)
def test_what_cannot_be_made_is_said_at_its_field(
    client: Client, typed: dict[str, Any], field: str, sentence: str
) -> None:
    response = client.post(PAGE, {"scopes": ["quotas"], **typed})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert sentence in words(response)
    assert not Key.objects.exists()


def test_a_key_may_last_until_it_is_revoked(client: Client) -> None:
    make(client, days="ever")
    assert Key.objects.get().expires_at is None


def test_a_revoked_key_stays_on_the_page_and_is_refused(client: Client) -> None:
    token = TOKENS.form.search(make(client).content.decode())
    assert token

    page = client.post(f"{PAGE}{Key.objects.get().pk}/revoke/", follow=True)

    assert page.redirect_chain == [(PAGE, 302)]
    assert "“Campaign planner” is revoked: it is refused from now on." in words(page)
    assert "Revoked" in words(page)
    assert "/revoke/" not in page.content.decode()
    refused = Client().get("/api/v1/quotas/", headers={"Authorization": f"Bearer {token[0]}"})
    assert refused.json()["code"] == "KEY_REVOKED"


def test_an_expired_key_says_so_and_stands_below_those_in_force(client: Client, owner: Member) -> None:
    now = timezone.now()
    for name, expires_at in (("In force", None), ("Old one", now)):
        keys.make(owner.workspace, name, owner.user, now, expires_at)
    said = words(client.get(PAGE))
    assert said.index("In force") < said.index("Old one") < said.index("Expired")


def test_the_key_that_was_just_made_takes_the_focus(client: Client) -> None:
    made = make(client).content.decode()
    assert re.search(r'<section class="card" tabindex="-1" autofocus aria-labelledby="made-title">', made)
    assert 'id="made-title"' in made
    assert "autofocus" not in client.get(PAGE).content.decode()


def test_a_key_outlives_the_membership_of_its_maker_and_both_pages_say_so(
    client: Client, workspace: Workspace, owner: Member
) -> None:
    leaving, now = make_member(workspace, "editor"), timezone.now()
    keys.make(workspace, "Ended", leaving.user, now, now)
    _key, token = keys.make(workspace, "Planner", leaving.user, now, None)
    keys.make(workspace, "Kept", owner.user, now, None)
    elsewhere = make_member(make_workspace(), user=leaving.user)
    keys.make(elsewhere.workspace, "Elsewhere", leaving.user, now, None)
    assert words(client.get("/settings/")).count("1 API key that they made goes on working.") == 2
    assert "no longer a member" not in words(client.get(PAGE))

    said = words(client.post(f"/settings/members/{leaving.pk}/remove/", follow=True))

    assert "API keys that they made still work: Planner. Revoke under API keys what" in said
    assert words(client.get(PAGE)).count("no longer a member") == 1
    assert Client().get("/api/v1/quotas/", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_of_who_made_no_key_nothing_is_said(client: Client, workspace: Workspace) -> None:
    leaving = make_member(workspace, "editor")
    assert "goes on working" not in words(client.get("/settings/"))
    said = words(client.post(f"/settings/members/{leaving.pk}/remove/", follow=True))
    assert "still work" not in said


def test_an_empty_page_says_what_a_key_is_for(client: Client) -> None:
    assert "No keys yet" in words(client.get(PAGE))


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("editor", 200), ("operator", 403), ("viewer", 403)]
)
def test_owners_and_editors_alone_see_and_make_keys(
    client: Client, workspace: Workspace, role: str, status: int
) -> None:
    make(client, name="Secret name")
    browser = signed_in(make_member(workspace, role))
    page = browser.get(PAGE)
    assert page.status_code == status
    assert ("Secret name" in page.content.decode()) == (status == 200)
    assert make(browser, name="Another").status_code == status
    assert (browser.post(f"{PAGE}{Key.objects.earliest('pk').pk}/revoke/").status_code == 302) == (
        status == 200
    )
    assert (PAGE in browser.get("/settings/").content.decode()) == (status == 200)


def test_another_workspaces_keys_are_neither_shown_nor_revoked(client: Client) -> None:
    stranger = make_member(make_workspace())
    key, _ = keys.make(stranger.workspace, "Theirs", stranger.user, timezone.now(), None)
    assert "Theirs" not in client.get(PAGE).content.decode()
    assert client.post(f"{PAGE}{key.pk}/revoke/").status_code == 404
    assert Key.objects.get().revoked_at is None
