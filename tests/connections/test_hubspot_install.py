"""A HubSpot portal by OAuth: installed over real HTTP, refused, reauthenticated, uninstalled."""

import re
import time
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from django.contrib.messages import get_messages
from django.core import signing
from django.urls import reverse
from django.utils import timezone

from smsadmin.connections import consent_state
from smsadmin.providers.hubspot import oauth, scopes, tokens
from smsadmin.sandbox.server import running
from smsadmin.sandbox.signing import signature_headers
from smsadmin.sandbox.state import Settings
from smsadmin.workspaces.models import Connection
from tests.factories import make_connection, make_member, make_workspace

pytestmark = pytest.mark.django_db
CALLBACK = "/hubspot/oauth/callback"


@pytest.fixture
def sandbox(settings):
    with running(Settings(), now=time.time) as server:
        settings.HUBSPOT_BASE_URL = f"{server.url}/hubspot"
        settings.HUBSPOT_AUTHORIZE_URL = f"{server.url}/hubspot/oauth/authorize"
        yield server


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def owner(client, workspace):
    client.force_login(make_member(workspace, "owner").user)
    return client


def gone_to_hubspot(client):
    """Where HubSpot sends somebody back to who agrees at once: our path and query."""
    there = client.get(reverse("hubspot-install")).headers["Location"]
    back = urlsplit(httpx.get(there, trust_env=False).headers["Location"])
    return f"{back.path}?{back.query}"


def words(response):
    return " ".join(str(each) for each in get_messages(response.wsgi_request))


def text(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def installed(client):
    response = client.get(gone_to_hubspot(client))
    assert response.headers["Location"] == "/connections/", response
    return response


# --- Installing ---------------------------------------------------------------------------------------


def test_a_portal_is_installed_from_the_button_to_the_first_call(owner, workspace, sandbox):
    response = installed(owner)

    made = Connection.objects.get(workspace=workspace)
    assert (made.kind, made.auth, made.external_id) == ("hubspot", "oauth", "9000001")
    assert (made.name, made.state, made.lost_at) == ("sandbox.example.com", "working", None)
    assert set(made.secrets) == {"access_token", "refresh_token"}
    assert made.secrets["access_token"] in sandbox.state.access_tokens
    assert made.proven_at
    assert made.time_zone == "US/Eastern"
    assert made.scopes == sorted({*scopes.REQUIRED, *scopes.OPTIONAL})
    assert timedelta(minutes=29) < made.token_expires_at - timezone.now() <= timedelta(minutes=30)
    assert "portal 9000001" in words(response)
    page = text(owner.get(reverse("connections")))
    assert "by OAuth" in page
    assert "not known" not in page
    assert made.secrets["access_token"] not in owner.get(reverse("connections")).content.decode()


def test_an_install_with_the_consent_page(owner, workspace, sandbox):
    sandbox.state.settings.hubspot_consent = "asked"
    there = owner.get(reverse("hubspot-install")).headers["Location"]
    page = httpx.get(there, trust_env=False).text
    assert "crm.objects.contacts.read" in page

    def decided(decision):
        answer = httpx.get(f"{there}&portal=9000077&decision={decision}", trust_env=False)
        return answer.headers["Location"].partition(CALLBACK)[2]

    owner.get(CALLBACK + decided("agree"))
    assert Connection.objects.get(workspace=workspace).external_id == "9000077"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("error=access_denied", "access was not granted on HubSpot's page"),
        ("error=server_error&error_description=Try+later", "HubSpot says “Try later”."),
        ("error=odd", "HubSpot says “odd”."),
        ("code=spent", "HubSpot says “missing or unknown auth code”."),
        ("", "HubSpot says “missing or unknown auth code”."),
    ],
)
def test_a_refusal_is_said_in_words(owner, sandbox, query, said):
    there = owner.get(reverse("hubspot-install")).headers["Location"]
    state = httpx.QueryParams(urlsplit(there).query)["state"]

    response = owner.get(f"{CALLBACK}?{query}&state={state}")

    assert response.headers["Location"] == "/connections/"
    assert said in words(response)
    assert not Connection.objects.exists()


def test_what_a_link_says_of_an_error_is_not_repeated_without_a_state(owner):
    response = owner.get(f"{CALLBACK}?error=Call+this+number")
    assert "Call this number" not in words(response)


def test_scopes_that_were_not_granted_are_named(owner, workspace, sandbox):
    sandbox.state.settings.hubspot_granted_scopes = " ".join(scopes.REQUIRED)

    response = installed(owner)

    assert "crm.objects.deals.read" in words(response)
    page = text(owner.get(reverse("connections")))
    assert "Reauthenticate to add crm.objects.owners.read" not in page  # automation does as well
    assert "Reauthenticate to add crm.schemas.contacts.write, crm.objects.companies.read" in page
    assert Connection.objects.get(workspace=workspace).scopes == sorted(scopes.REQUIRED)


# --- The state ----------------------------------------------------------------------------------------


def refused(client, address):
    response = client.get(address)
    assert "this was not begun here, or too long ago" in words(response)
    return not Connection.objects.exists()


def test_a_state_is_good_once(owner, sandbox):
    back = gone_to_hubspot(owner)
    owner.get(back)
    Connection.objects.all().delete()
    assert refused(owner, back)


def test_a_state_is_good_for_this_session_only(owner, workspace, client_class, sandbox):
    back = gone_to_hubspot(owner)
    other = client_class()
    other.force_login(make_member(workspace, "owner").user)
    assert refused(other, back)


@pytest.fixture
def client_class(client):
    return type(client)


def test_a_state_is_good_for_this_workspace_only(owner, workspace, sandbox):
    back = gone_to_hubspot(owner)
    person = workspace.member_set.get().user
    second = make_member(make_workspace(), "owner", person).workspace
    session = owner.session
    session["workspace"] = second.pk
    session.save()
    assert refused(owner, back)


def test_a_state_ends(owner, sandbox, monkeypatch):
    back = gone_to_hubspot(owner)
    later = time.time() + consent_state.LIFE.total_seconds() + 1
    monkeypatch.setattr(signing.time, "time", lambda: later)
    assert refused(owner, back)


@pytest.mark.parametrize("state", ["", "&state=", "&state=forged"])
def test_a_forged_state_is_refused(owner, state):
    owner.get(reverse("hubspot-install"))
    assert refused(owner, f"{CALLBACK}?code=x{state}")


# --- Whose portal -------------------------------------------------------------------------------------


def test_a_portal_of_another_workspace_is_refused_without_a_word_about_it(owner, sandbox):
    theirs = make_connection(
        make_workspace("Rival Ltd"), "hubspot", name="Rival portal", proven_at=timezone.now()
    )

    response = installed(owner)

    assert "in use elsewhere" in words(response)
    assert "Rival" not in words(response)
    theirs.refresh_from_db()
    assert (theirs.auth, theirs.secrets["access_token"]) == ("key", "sandbox-hubspot-token")
    assert Connection.objects.count() == 1
    assert sandbox.state.refresh_tokens  # revoking them might end the other's access


def test_a_portal_that_another_workspace_only_typed_in_gives_way(owner, workspace, sandbox, client_class):
    theirs = make_connection(make_workspace(), "hubspot", scopes=["tickets"])
    theirs.mark("rejected", "refused")

    response = installed(owner)

    assert "is connected" in words(response)
    mine = Connection.objects.get(external_id="9000001")
    assert (mine.workspace, mine.state, bool(mine.proven_at)) == (workspace, "working", True)
    theirs.refresh_from_db()
    assert (theirs.external_id, theirs.state) == (f"unproven-{theirs.pk}", "misconfigured")
    assert dict(theirs.secrets) == {"client_secret": "sandbox-client-secret"}
    assert (theirs.scopes, theirs.lost_at, theirs.proven_at) == (None, None, None)

    other = client_class()
    other.force_login(make_member(theirs.workspace, "owner").user)
    said = "Another workspace proved that portal 9000001 is theirs"
    other.post(reverse("connection-test", args=[theirs.pk]))  # which cannot say more
    page = text(other.get(reverse("connections")))
    assert said in page
    assert "unproven-" not in page
    form = other.get(reverse("connection", args=[theirs.pk])).context["form"]
    assert "portal" not in form.initial


def test_an_install_proves_the_portal_before_anything_else_is_asked(owner, sandbox, monkeypatch):
    """Else a second install of the portal would take the first for unproven."""
    stored = []
    monkeypatch.setattr(tokens, "keep", lambda *_granted: stored.append(Connection.objects.get().proven_at))
    installed(owner)
    [proven_at] = stored
    assert proven_at


def test_access_to_nobody_knows_which_portal_is_given_back(owner, sandbox, monkeypatch):
    back = gone_to_hubspot(owner)
    exchange = oauth.exchange
    monkeypatch.setattr(oauth, "exchange", lambda code: replace(exchange(code), portal=""))
    monkeypatch.setattr(oauth, "introspect", lambda token: oauth.Token(active=True))

    response = owner.get(back)

    assert "does not say which portal" in words(response)
    assert not Connection.objects.exists()
    assert not sandbox.state.refresh_tokens


def test_the_workspaces_own_portal_is_reauthenticated_and_stays_the_same_connection(
    owner, workspace, sandbox
):
    mine = make_connection(workspace, "hubspot", name="Mine", scopes_refused=["tickets"])
    mine.mark("disconnected", "gone")

    installed(owner)

    mine.refresh_from_db()
    assert (mine.name, mine.auth, mine.state, mine.lost_at) == ("Mine", "oauth", "working", None)
    assert mine.secrets["client_secret"] == "sandbox-client-secret"
    assert mine.secrets["access_token"] != "sandbox-hubspot-token"
    assert mine.scopes_refused == []
    assert Connection.objects.count() == 1


def test_several_portals_belong_to_one_workspace(owner, workspace, sandbox):
    installed(owner)
    sandbox.state.settings.hubspot_portal = 9000002
    installed(owner)

    assert {each.external_id for each in workspace.connections.all()} == {"9000001", "9000002"}


def test_the_installations_secret_signs_for_an_installed_portal(owner, sandbox, settings, client_class):
    """HubSpot's own token came with the code: the portal is proven without a test."""
    settings.HUBSPOT_CLIENT_SECRET = sandbox.state.settings.hubspot_client_secret
    installed(owner)

    body = b'{"origin": {"portalId": 9000001}, "inputFieldName": "sender_number"}'
    path = "/hubspot/options/sender-numbers"
    uri = f"{settings.BASE_URL}{path}"
    signed = signature_headers("v2+v3", settings.HUBSPOT_CLIENT_SECRET, "POST", uri, body, time.time())
    answer = client_class().post(path, body, content_type="application/json", headers=signed)
    assert answer.status_code == 200


# --- Out again ----------------------------------------------------------------------------------------


def test_uninstalling_asks_then_ends_the_access_here_and_there(owner, workspace, sandbox):
    installed(owner)
    made = Connection.objects.get()
    url = reverse("hubspot-uninstall", args=[made.pk])

    assert "HubSpot mails the portal's admins" in text(owner.get(url))
    assert sandbox.state.refresh_tokens
    response = owner.post(url)

    assert "no longer installed in portal 9000001" in words(response)
    made.refresh_from_db()
    assert (made.auth, made.state, dict(made.secrets)) == ("key", "disconnected", {})
    assert made.lost_at is None  # somebody wanted it: no reason for alarm
    assert not sandbox.state.refresh_tokens
    assert not sandbox.state.access_tokens
    assert owner.get(url).status_code == 404
    assert "without access" in text(owner.get(reverse("connections")))


def test_uninstalling_gives_the_access_up_here_even_where_hubspot_does_not_answer(owner, workspace, sandbox):
    installed(owner)
    made = Connection.objects.get()
    made.secrets = {**made.secrets, "client_secret": "own"}
    made.save()
    sandbox.state.settings.hubspot_installs = "revoked"

    response = owner.post(reverse("hubspot-uninstall", args=[made.pk]))

    assert "HubSpot did not confirm it" in words(response)
    made.refresh_from_db()
    assert (made.state, dict(made.secrets)) == ("disconnected", {"client_secret": "own"})


def test_after_that_a_static_token_may_take_its_place(owner, workspace, sandbox):
    installed(owner)
    made = Connection.objects.get()
    owner.post(reverse("hubspot-uninstall", args=[made.pk]))

    typed = {"name": "P", "portal": "9000001", "access_token": "sandbox-hubspot-token", "language": ""}
    assert owner.post(reverse("connection", args=[made.pk]), typed).status_code == 302
    owner.post(reverse("connection-test", args=[made.pk]))

    made.refresh_from_db()
    assert (made.auth, made.state, made.lost_at, made.scopes) == ("key", "working", None, None)


@pytest.mark.parametrize(
    ("auth", "state", "said"),
    [
        ("oauth", "disconnected", "Ask an admin of the portal whether somebody uninstalled the app"),
        ("key", "rejected", "its token may have been rotated"),
    ],
)
def test_the_page_of_a_lost_portal_says_what_to_do(owner, workspace, auth, state, said):
    made = make_connection(workspace, "hubspot", auth=auth)
    made.mark(state, "HubSpot has withdrawn the access: it was revoked")

    page = text(owner.get(reverse("connection", args=[made.pk])))
    assert said in page
    assert "it was revoked" in page
    assert ("Reauthenticate" in page) == (auth == "oauth")


# --- Testing and changing -----------------------------------------------------------------------------


def test_a_test_renews_the_token_and_looks_up_what_it_may(owner, sandbox):
    installed(owner)
    made = Connection.objects.get()
    Connection.objects.update(
        token_expires_at=timezone.now(), scopes=["oauth"], scopes_refused=["tickets"], state="rejected"
    )

    owner.post(reverse("connection-test", args=[made.pk]))

    made.refresh_from_db()
    assert (made.state, made.scopes_refused) == ("working", [])
    assert "tickets" in made.scopes


@pytest.mark.parametrize(
    ("change", "state", "said"),
    [
        (
            {"hubspot_installs": "revoked"},
            "disconnected",
            "HubSpot has withdrawn the access: refresh token is",
        ),
        (
            {"hubspot_installs": "gone"},
            "disconnected",
            "HubSpot has withdrawn the access: missing or unknown hub id",
        ),
        (
            {"hubspot_client_secret": "another"},
            "misconfigured",
            "HubSpot does not renew the access: missing or invalid client secret",
        ),
    ],
)
def test_a_test_tells_lost_access_from_a_wrong_set_up(owner, sandbox, change, state, said):
    installed(owner)
    made = Connection.objects.get()
    Connection.objects.update(token_expires_at=timezone.now())
    sandbox.state.settings.change(change)

    for _ in range(2):
        response = owner.post(reverse("connection-test", args=[made.pk]))
        made.refresh_from_db()
        assert (made.state, made.state_detail[: len(said)]) == (state, said)
    assert said in words(response)


def test_an_installed_portal_has_no_token_and_no_id_to_type(owner, sandbox):
    installed(owner)
    made = Connection.objects.get()
    tokens = dict(made.secrets)
    page = owner.get(reverse("connection", args=[made.pk]))
    assert set(page.context["form"].fields) == {"name", "client_secret", "language", "logs_messages"}

    typed = {"name": "Berlin", "language": "de", "access_token": "x", "portal": "1"}
    assert owner.post(reverse("connection", args=[made.pk]), typed).status_code == 302

    made.refresh_from_db()
    assert (made.name, made.answers_in, made.logs_messages) == ("Berlin", "de", False)
    assert (made.external_id, dict(made.secrets), made.state) == ("9000001", tokens, "working")


@pytest.mark.parametrize("state", ["working", "disconnected", "misconfigured"])
def test_the_id_of_an_installed_portal_is_never_typed(owner, workspace, state):
    made = make_connection(workspace, "hubspot", auth="oauth", state=state)

    typed = {"name": "P", "portal": "55", "client_secret": "cs", "access_token": "at", "language": ""}
    owner.post(reverse("connection", args=[made.pk]), typed)

    made.refresh_from_db()
    assert made.external_id == "9000001"
    assert (made.secrets["access_token"] == "at") == (state == "disconnected")


def test_a_portal_answers_in_its_own_language_else_in_the_workspaces(owner, workspace):
    made = make_connection(workspace, "hubspot")
    assert made.answers_in == "en"
    workspace.language = "de"
    workspace.save()
    assert "Language of answers German" in text(owner.get(reverse("connections")))
    Connection.objects.update(language="en")
    assert "Language of answers English" in text(owner.get(reverse("connections")))


# --- Who may, and where -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["editor", "operator", "viewer"])
def test_only_owners_connect_and_uninstall(client, workspace, role):
    made = make_connection(workspace, "hubspot", auth="oauth")
    client.force_login(make_member(workspace, role).user)

    for address in (reverse("hubspot-install"), CALLBACK, reverse("hubspot-uninstall", args=[made.pk])):
        assert client.get(address).status_code == 403
    assert "Reauthenticate" not in text(client.get(reverse("connections")))


def test_another_workspaces_portal_cannot_be_uninstalled(owner):
    theirs = make_connection(make_workspace(), "hubspot", auth="oauth")
    assert owner.post(reverse("hubspot-uninstall", args=[theirs.pk])).status_code == 404
    theirs.refresh_from_db()
    assert theirs.secrets["access_token"]


def test_without_an_app_there_is_no_button_and_the_page_says_why(owner, settings):
    settings.HUBSPOT_CLIENT_ID = ""
    page = owner.get(reverse("connection-new", args=["hubspot"]))

    assert reverse("hubspot-install") not in page.content.decode()
    assert "HUBSPOT_CLIENT_ID" in text(page)
    assert owner.get(reverse("hubspot-install")).headers["Location"] == "/connections/new/hubspot/"


def test_the_three_ways_stand_on_one_page(owner):
    page = owner.get(reverse("connection-new", args=["hubspot"])).content.decode()

    assert reverse("hubspot-install") in page
    assert reverse("hubspot-action") in page
    assert 'name="access_token"' in page
    assert "/hubspot/oauth/callback" in page


def test_the_list_costs_the_same_for_any_number_of_portals(owner, workspace, django_assert_max_num_queries):
    make_connection(workspace, "hubspot")
    owner.get(reverse("connections"))
    with django_assert_max_num_queries(30) as few:
        owner.get(reverse("connections"))
    for number in range(5):
        make_connection(workspace, "hubspot", external_id=str(number), auth="oauth", scopes=["oauth"])
    with django_assert_max_num_queries(len(few.captured_queries)):
        owner.get(reverse("connections"))
