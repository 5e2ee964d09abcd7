"""Connecting an Aircall account by OAuth: there and back over real HTTP at the sandbox, and who may come back."""

import re
import time
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from django.db import connection as database
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsadmin.connections import aircall_pages
from smsadmin.directory import bell as directory_bell
from smsadmin.directory import mirror
from smsadmin.incoming import handling, webhooks
from smsadmin.incoming.models import ProviderCall
from smsadmin.providers import registry
from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import Settings
from smsadmin.sending import bell
from smsadmin.workspaces.models import Connection
from tests.factories import make_connection, make_member, make_number, make_workspace
from tests.sandbox.conftest import product

__all__ = ["product"]


@pytest.fixture
def sandbox(settings):
    settings.PROVIDER_READ_TIMEOUT = 1.0
    settings.BASE_URL = "http://product.example"
    with running(Settings(aircall_requests_per_minute=0), now=time.time) as server:
        settings.AIRCALL_BASE_URL = f"{server.url}/aircall"
        settings.AIRCALL_AUTHORIZE_URL = f"{server.url}/aircall/oauth/authorize"
        yield server


@pytest.fixture(autouse=True)
def rung(monkeypatch):
    """The accounts whose numbers are read again, and those whose messages are looked at."""
    found = {"mirror": [], "sending": []}
    monkeypatch.setattr(directory_bell, "ring", found["mirror"].extend)
    monkeypatch.setattr(bell, "ring", found["sending"].append)
    return found


@pytest.fixture
def workspace(db):
    return make_workspace()


@pytest.fixture
def owner(client, workspace):
    client.force_login(make_member(workspace, "owner").user)
    return client


def words(response):
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()))


def link(client):
    """Where the page sends an admin."""
    page = client.get(reverse("aircall-install")).content.decode()
    return unescape(re.search(r'href="(http[^"]+/oauth/authorize[^"]*)"', page)[1])


def come_back(client):
    """To Aircall and back: the address that the browser opens here in the end."""
    answer = httpx.get(link(client), trust_env=False)
    assert answer.status_code == 302
    return answer.headers["location"].removeprefix("http://product.example")


def connect(client):
    return client.get(come_back(client), follow=True)


def test_an_admin_goes_to_aircall_with_the_documented_request(sandbox, owner):
    asked = parse_qs(urlsplit(link(owner)).query)

    assert asked.pop("state")[0].count(":") == 2
    assert asked == {
        "client_id": ["sandbox-aircall-client"],
        "redirect_uri": ["http://product.example/aircall/oauth/callback"],
        "response_type": ["code"],
        "scope": ["public_api"],
    }


def test_granted_access_makes_a_connection_that_works_by_its_token(sandbox, owner, workspace, rung):
    page = connect(owner)

    made = Connection.objects.get(workspace=workspace)
    assert "“Aircall” is connected" in words(page)
    assert (made.kind, made.auth, made.external_id) == ("aircall", "oauth", "oauth-1")
    assert (made.state, made.state_detail) == ("working", "Aircall accepts the app.")
    assert set(made.secrets) == {"access_token"}
    assert registry.aircall(made).ping().status == 200
    assert rung == {"mirror": [made.pk], "sending": [made.pk]}


def test_the_token_is_encrypted_and_on_no_page(sandbox, owner):
    connect(owner)
    token = Connection.objects.get().secrets["access_token"]

    with database.cursor() as cursor:
        cursor.execute("SELECT * FROM workspaces_connection")
        assert token not in str(cursor.fetchall())
    for address in (reverse("connections"), reverse("connection", args=[Connection.objects.get().pk])):
        assert token not in owner.get(address).content.decode()


def test_at_the_real_aircall_the_admin_ends_on_its_own_page(sandbox, owner, settings):
    back = come_back(owner)
    settings.SANDBOX = False
    settings.AIRCALL_AUTHORIZE_URL = "https://dashboard.aircall.io/oauth/authorize"

    assert owner.get(back)["Location"] == "https://dashboard.aircall.io/oauth/success"


def test_an_app_that_is_switched_off_at_aircall_says_so(sandbox, owner):
    sandbox.state.settings.change({"aircall_app_active": False})

    connect(owner)

    assert "switched off there" in Connection.objects.get().state_detail


def test_an_admin_who_does_not_agree_is_told_what_aircall_says(sandbox, owner):
    sandbox.state.settings.change({"aircall_admin_agrees": False})

    assert "Nothing was connected: Aircall says “access_denied”." in words(connect(owner))
    assert not Connection.objects.exists()


# --- Who may come back -----------------------------------------------------------------------------------


def test_a_state_works_once(sandbox, owner):
    back = come_back(owner)
    owner.get(back)
    Connection.objects.all().delete()

    assert "this was not begun here" in words(owner.get(back, follow=True))
    assert not Connection.objects.exists()


def test_a_state_of_another_session_is_refused_even_of_the_same_person(sandbox, owner, workspace):
    back = come_back(owner)
    elsewhere = Client()
    elsewhere.force_login(make_member(workspace, "owner").user)

    assert "this was not begun here" in words(elsewhere.get(back, follow=True))
    assert not Connection.objects.exists()


def test_a_state_of_another_workspace_is_refused(sandbox, owner, workspace):
    back = come_back(owner)
    make_member(other := make_workspace(), "owner", user=workspace.member_set.get().user)
    owner.post(reverse("switch-workspace"), {"workspace": other.pk})

    assert "this was not begun here" in words(owner.get(back, follow=True))
    assert not Connection.objects.exists()


@pytest.mark.parametrize("spoil", ["", "x", "changed"])
def test_a_state_that_we_did_not_sign_is_refused(sandbox, owner, spoil):
    back = come_back(owner)
    state = parse_qs(urlsplit(back).query)["state"][0]
    forged = state[:-1] + ("a" if state[-1] != "a" else "b") if spoil == "changed" else spoil

    assert "this was not begun here" in words(
        owner.get(f"{back.partition('&state=')[0]}&state={quote(forged)}", follow=True)
    )
    assert not Connection.objects.exists()


def test_who_takes_longer_than_an_hour_begins_again(sandbox, owner, time_machine):
    back = come_back(owner)
    time_machine.move_to(timezone.now() + timedelta(seconds=3_601))

    assert "or too long ago" in words(owner.get(back, follow=True))


@pytest.mark.parametrize("role", ["viewer", "operator", "editor"])
def test_only_owners_connect(sandbox, client, workspace, role):
    client.force_login(make_member(workspace, role).user)

    assert client.get(reverse("aircall-install")).status_code == 403
    assert client.get(reverse("aircall-oauth-callback") + "?code=x").status_code == 403


def test_whoever_is_signed_out_signs_in_first(client, db):
    answer = client.get(reverse("aircall-oauth-callback") + "?code=x")

    assert answer["Location"].startswith("/accounts/login/")


# --- What Aircall says --------------------------------------------------------------------------------------


def test_a_code_that_aircall_does_not_take_connects_nothing(sandbox, owner):
    back = come_back(owner)
    sandbox.state.aircall_codes.clear()

    assert "Aircall did not take the code (HTTP 400): invalid_grant" in words(owner.get(back, follow=True))


def test_without_the_name_of_the_company_nothing_is_connected(sandbox, owner, monkeypatch):
    monkeypatch.setattr(aircall_pages.Aircall, "integration", lambda client: {"name": "smsadmin"})

    assert "Aircall does not say which company granted access." in words(connect(owner))
    assert not Connection.objects.exists()


def test_a_company_of_another_workspace_is_not_taken_over(sandbox, owner):
    other = make_connection(make_workspace("Somebody else"), external_id="oauth-1")

    page = words(connect(owner))

    assert "in use elsewhere" in page
    assert "Somebody else" not in page
    assert Connection.objects.get().secrets == other.secrets


def test_granting_access_again_brings_the_same_connection_back(sandbox, owner, rung):
    connect(owner)
    connection = Connection.objects.get()
    connection.mark("disconnected", "The app was removed at Aircall.")
    Connection.objects.update(name="Sales")

    connect(owner)

    again = Connection.objects.get()
    assert (again.pk, again.name, again.state, again.lost_at) == (connection.pk, "Sales", "working", None)
    assert again.secrets != connection.secrets
    assert rung["sending"] == [connection.pk] * 2


def test_an_installation_that_is_no_partner_says_what_to_do_instead(owner, settings):
    settings.AIRCALL_CLIENT_ID = ""

    page = owner.get(reverse("aircall-install"))

    assert "This installation is no partner of Aircall" in words(page)
    assert reverse("connection-new", args=["aircall"]) in page.content.decode()


def test_the_page_of_the_connection_asks_for_no_key_and_saves_the_rest(sandbox, owner):
    connect(owner)
    address = reverse("connection", args=[Connection.objects.get().pk])

    assert "API token" not in words(owner.get(address))
    assert "Access granted at Aircall: set" in words(owner.get(reverse("connections")))
    owner.post(address, {"name": "Sales", "requests_per_minute": "90"})
    saved = Connection.objects.get()
    assert (saved.name, saved.requests_per_minute, saved.external_id) == ("Sales", 90, "oauth-1")
    assert saved.secrets["access_token"]


# --- Which numbers -----------------------------------------------------------------------------------------


def test_the_numbers_that_an_admin_connected_to_the_app_count_as_connected_unless_somebody_said_otherwise(
    sandbox, owner
):
    connect(owner)
    connection = Connection.objects.get()
    ours = {str(each.id) for each in sandbox.state.numbers.values() if each.connected_to_hubspot}
    stated = make_number(
        connection.workspace, connection=connection, provider_id=min(ours), connected=False, name="Stated"
    )

    mirror.refresh(connection.pk, sleep=lambda seconds: None)

    numbers = connection.numbers.exclude(pk=stated.pk)
    assert {each.provider_id for each in numbers if each.connected} == ours - {stated.provider_id}
    assert set(numbers.values_list("connected_source", flat=True)) == {"probe"}
    stated.refresh_from_db()
    assert (stated.connected, stated.connected_source) == (False, "admin")


# --- Its end ------------------------------------------------------------------------------------------------


def told(connection, **data):
    call = ProviderCall.objects.create(
        workspace=connection.workspace,
        connection=connection,
        at=timezone.now(),
        event="integration.deleted",
        body={"event": "integration.deleted", "data": data},
        fingerprint="0" * 32,
        next_look_at=timezone.now(),
    )
    handling.run()
    call.refresh_from_db()
    connection.refresh_from_db()
    return call.outcome


def test_an_app_that_is_removed_at_aircall_disconnects_the_account(workspace):
    connection = make_connection(workspace, auth="oauth", external_id="oauth-1")

    assert told(connection, integration_id=42, company_id=1) == "ended"
    assert (connection.state, connection.state_detail) == ("disconnected", "The app was removed at Aircall.")
    assert connection.lost_at


@pytest.mark.parametrize(
    ("columns", "data"),
    [
        ({"auth": "oauth", "external_id": "oauth-1"}, {"company_id": 2}),
        ({"auth": "oauth", "external_id": "oauth-1"}, {}),
        ({"auth": "key", "external_id": "api-1"}, {"company_id": 1}),
    ],
    ids=["another company", "no company", "connected by a key"],
)
def test_the_end_of_another_app_changes_nothing(workspace, columns, data):
    connection = make_connection(workspace, **columns)

    assert told(connection, **data) == "unused"
    assert connection.lost_at is None


def test_the_sandbox_tells_the_apps_own_webhook_and_takes_the_token_back(sandbox, owner, product, settings):
    connect(owner)
    connection = Connection.objects.get()
    settings.BASE_URL = product.url
    webhooks.set_up(connection)

    httpx.post(f"{sandbox.url}/_control/aircall/uninstall", trust_env=False).raise_for_status()

    heard = product.next().json
    assert (heard["event"], heard["data"]) == ("integration.deleted", {"integration_id": 42, "company_id": 1})
    assert registry.aircall(connection).ping().status == 403
