"""The action in HubSpot: made, compared, updated, published and taken away there, over real HTTP."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse

from smsadmin.connections import publishing
from smsadmin.connections.models import HubSpotAction
from smsadmin.providers.hubspot import actions
from smsadmin.sandbox.faults import Fault
from smsadmin.sandbox.server import SandboxServer, running
from smsadmin.sandbox.state import Settings
from smsadmin.triggers.hubspot import definition
from smsadmin.triggers.hubspot.catalogue import ADVANCED, CLASSIC
from tests.factories import make_member, make_user, make_workspace

pytestmark = pytest.mark.django_db

PAGE = "/connections/hubspot-action/"


@pytest.fixture
def sandbox(settings: Any) -> Iterator[SandboxServer]:
    with running(Settings(), now=time.time) as server:
        settings.HUBSPOT_BASE_URL = f"{server.url}/hubspot"
        yield server


@pytest.fixture
def owner(client: Client) -> Client:
    client.force_login(make_member(make_workspace(), "owner").user)
    return client


def do(owner: Client, step: str, generation: str = "advanced") -> str:
    """Takes a step with a form, as the page's buttons do, and reads the page after it."""
    return text(owner.post(f"{PAGE}{generation}/{step}/", follow=True))


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def held(sandbox: SandboxServer) -> list[dict[str, Any]]:
    """The definitions at HubSpot that are not archived."""
    found = sandbox.state.actions.values()
    return [each.definition for each in found if each.archived_at is None]


def row(generation: str = "advanced") -> HubSpotAction:
    return HubSpotAction.objects.get(generation=generation)


# --- A definition's life ------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", [ADVANCED, CLASSIC], ids=lambda each: each.key)
def test_from_the_draft_to_the_archive(owner: Client, sandbox: SandboxServer, generation: Any) -> None:
    key = generation.key
    assert "HubSpot holds no" in do(owner, "compare", key)

    assert "HubSpot's definition is like ours." in do(owner, "create", key)
    [made] = held(sandbox)
    assert made["published"] is False
    assert (row(key).revision, row(key).published, row(key).differences) == ("1", False, [])

    sandbox.state.actions[row(key).definition_id].definition["actionUrl"] = "https://old.example"
    assert "1 difference between smsadmin and HubSpot" in do(owner, "compare", key)
    assert "https://old.example" in text(owner.get(PAGE))

    assert "is like ours now" in do(owner, "update", key)
    assert (row(key).revision, row(key).differences) == ("2", [])

    assert "it is offered in workflows now" in do(owner, "publish", key)
    assert (held(sandbox)[0]["published"], row(key).published) == (True, True)

    assert "is no longer offered" in do(owner, "unpublish", key)
    assert (held(sandbox)[0]["published"], row(key).published) == (False, False)

    assert "is archived at HubSpot" in do(owner, "archive", key)
    assert (held(sandbox), row(key).definition_id) == ([], "")


@pytest.mark.parametrize(
    ("token", "version"),
    [("", "2026-03"), ("sandbox-developer-token", "2026-03"), ("sandbox-developer-token", "legacy")],
)
def test_both_credentials_and_both_path_families_work(
    owner: Client, sandbox: SandboxServer, settings: Any, token: str, version: str
) -> None:
    settings.HUBSPOT_DEVELOPER_TOKEN, settings.HUBSPOT_API_VERSION = token, version

    do(owner, "create")

    paths = {each["path"].partition("?")[0] for each in sandbox.state.requests}
    undated = not token or version == "legacy"
    assert paths == {f"/hubspot/automation/{'v4/actions' if undated else 'actions/2026-03'}/123456"}
    assert not any(settings.HUBSPOT_DEVELOPER_KEY in each["path"] for each in sandbox.state.requests)


def test_a_definition_that_was_made_otherwise_is_found_by_its_address(
    owner: Client, sandbox: SandboxServer
) -> None:
    for number in range(120):  # ours is not on the first page
        actions.create({**definition.as_api(CLASSIC), "actionUrl": f"https://other.example/{number}"})
    made = actions.create(definition.as_api(ADVANCED))

    do(owner, "create")

    assert row().definition_id == made["id"]
    assert len(held(sandbox)) == 121


def test_one_that_was_archived_elsewhere_is_gone_here_too(owner: Client, sandbox: SandboxServer) -> None:
    do(owner, "create")
    actions.archive(row().definition_id)

    assert "HubSpot holds no" in do(owner, "compare")
    assert row().definition_id == ""


def test_an_update_does_not_publish_and_publishing_does_not_update(
    owner: Client, sandbox: SandboxServer, settings: Any
) -> None:
    do(owner, "create")
    settings.BASE_URL = "http://localhost:9999"
    do(owner, "publish")
    assert held(sandbox)[0]["actionUrl"].startswith("http://testserver/")

    do(owner, "update")

    assert held(sandbox)[0]["actionUrl"].startswith("http://localhost:9999/")
    assert held(sandbox)[0]["published"] is True


# --- Asking first -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("update", "nobody but the developer account of the app sees the change"),
        ("publish", "everybody who edits a workflow in a portal with the app is offered it"),
        ("unpublish", "Steps that are in workflows keep running"),
        ("archive", "unpublish it instead"),
    ],
)
def test_a_change_asks_and_says_what_it_means(
    owner: Client, sandbox: SandboxServer, step: str, words: str
) -> None:
    do(owner, "create")
    if step == "unpublish":
        do(owner, "publish")
    before = len(sandbox.state.requests)

    page = text(owner.get(f"{PAGE}advanced/{step}/"))

    assert words in page
    assert len(sandbox.state.requests) == before


def test_publishing_an_old_definition_says_so(owner: Client, sandbox: SandboxServer, settings: Any) -> None:
    do(owner, "create")
    settings.BASE_URL = "http://localhost:9999"
    do(owner, "compare")

    assert "Update it first" in text(owner.get(f"{PAGE}advanced/publish/"))


@pytest.mark.parametrize("step", ["update", "publish", "unpublish", "archive"])
def test_what_hubspot_does_not_hold_cannot_be_changed(
    owner: Client, sandbox: SandboxServer, step: str
) -> None:
    for method in (owner.get, owner.post):
        assert method(f"{PAGE}advanced/{step}/").url == PAGE
    assert len(sandbox.state.requests) == 0


@pytest.mark.parametrize("url", ["advanced/destroy/", "other/compare/", "other/publish/"])
def test_there_are_no_other_steps_and_generations(owner: Client, url: str) -> None:
    assert owner.post(PAGE + url).status_code == 404


# --- What stands in the way ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"HUBSPOT_APP_ID": ""}, "set HUBSPOT_APP_ID"),
        ({"HUBSPOT_DEVELOPER_KEY": ""}, "set HUBSPOT_DEVELOPER_KEY"),
        ({"SANDBOX": False}, "BASE_URL must begin with https://"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_asked(
    owner: Client, sandbox: SandboxServer, settings: Any, changes: dict[str, Any], words: str
) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)

    page = text(owner.get(PAGE))
    refused = owner.post(f"{PAGE}advanced/create/")

    assert words in page
    assert "Create it in HubSpot" not in page
    assert (refused.status_code, words in text(refused)) == (422, True)
    assert len(sandbox.state.requests) == 0


def test_the_address_that_hubspot_cannot_call_is_named_beside_the_files(owner: Client, settings: Any) -> None:
    assert "which HubSpot cannot call" not in text(owner.get(PAGE))

    settings.SANDBOX = False

    assert "The files name http://testserver, which HubSpot cannot call" in text(owner.get(PAGE))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("401", "does not accept the developer key"),
        ("403", "lacks the permission"),
        ("400", "HubSpot refused"),
        ("429", "did not answer usably"),
        ("500", "did not answer usably: HTTP 500"),
        ("reset", "the connection was reset"),
    ],
)
def test_a_refusal_is_told_and_what_was_known_stays(
    owner: Client, sandbox: SandboxServer, fault: str, words: str
) -> None:
    do(owner, "create")
    known = row().definition_id
    sandbox.state.faults.append(Fault.parse({"service": "hubspot", "kind": fault}))

    refused = owner.post(f"{PAGE}advanced/compare/")

    assert (refused.status_code, words in text(refused)) == (422, True)
    assert row().definition_id == known


def test_an_app_that_hubspot_does_not_know_is_named(
    owner: Client, sandbox: SandboxServer, settings: Any
) -> None:
    settings.HUBSPOT_APP_ID = "999"

    assert "does not know the app 999" in text(owner.post(f"{PAGE}advanced/compare/"))


def test_a_definition_refused_for_its_dependencies_is_taken_with_one_of_them(
    owner: Client, sandbox: SandboxServer, settings: Any
) -> None:
    sandbox.state.settings.change({"hubspot_two_dependencies": False})
    assert "A field depends on two others" in do(owner, "create")

    settings.HUBSPOT_ONE_DEPENDENCY = True

    assert "HubSpot has “Send SMS” now." in do(owner, "create")


def test_without_a_comparison_the_page_asks_nobody(owner: Client, settings: Any) -> None:
    settings.HUBSPOT_BASE_URL = "http://127.0.0.1:9/hubspot"

    assert text(owner.get(PAGE)).count("Not compared yet") == 2


# --- Files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("without", ["HUBSPOT_APP_ID", "HUBSPOT_DEVELOPER_KEY"])
def test_the_files_need_no_app_and_no_key(owner: Client, settings: Any, without: str) -> None:
    setattr(settings, without, "")

    plain = owner.get(reverse("hubspot-definition"), {"generation": "classic"})
    archive = owner.get(reverse("hubspot-project"), {"auth": "oauth"})

    assert json.loads(plain.content) == definition.as_api(CLASSIC)
    assert plain["Content-Disposition"] == 'attachment; filename="smsadmin_send_sms_classic.json"'
    with zipfile.ZipFile(io.BytesIO(archive.content)) as opened:
        app = json.loads(opened.read("src/app/app-hsmeta.json"))
    assert app["config"]["auth"]["type"] == "oauth"
    assert "@" in app["config"]["support"]["supportEmail"]


@pytest.mark.parametrize("url", ["definition.json?generation=other", "project.zip?auth=other"])
def test_there_are_no_other_files(owner: Client, url: str) -> None:
    assert owner.get(PAGE + url).status_code == 404


# --- Who may ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "operator", "editor"])
def test_only_owners_see_and_change_the_installations_action(client: Client, role: str) -> None:
    client.force_login(make_member(make_workspace(), role).user)

    for url in (PAGE, f"{PAGE}definition.json", f"{PAGE}project.zip", f"{PAGE}advanced/publish/"):
        assert client.get(url).status_code == 403
    for step in ("compare", "create", "update", "publish", "unpublish", "archive"):
        assert client.post(f"{PAGE}advanced/{step}/").status_code == 403


STEPS = ("compare", "create", "update", "publish", "unpublish", "archive")


def test_an_owner_of_one_workspace_among_several_reads_and_downloads_only(
    owner: Client, sandbox: SandboxServer
) -> None:
    do(owner, "create")
    make_workspace()
    before = len(sandbox.state.requests)

    page = text(owner.get(PAGE))

    assert "only an administrator of the installation changes it" in page
    assert "HubSpot's definition is like ours." in page
    assert not any(f"/advanced/{step}/" in page for step in STEPS)
    for step in STEPS:
        refused = owner.post(f"{PAGE}advanced/{step}/")
        assert (refused.status_code, "administrator of the installation" in text(refused)) == (403, True)
    assert owner.get(f"{PAGE}advanced/publish/").status_code == 403
    assert owner.get(reverse("hubspot-definition")).status_code == 200
    assert owner.get(reverse("hubspot-project")).status_code == 200
    assert len(sandbox.state.requests) == before


def test_an_administrator_changes_it_among_several_workspaces(client: Client, sandbox: SandboxServer) -> None:
    make_workspace()
    administrator = make_member(make_workspace(), "owner", make_user(is_superuser=True)).user
    client.force_login(administrator)

    do(client, "create")
    assert "it is offered in workflows now" in do(client, "publish")


def test_who_published_is_on_the_record(owner: Client, sandbox: SandboxServer) -> None:
    do(owner, "create")
    do(owner, "publish")

    newest = LogEntry.objects.get_for_object(row()).first()
    assert newest
    assert sorted(newest.changes_dict) == ["published", "revision"]
    assert newest.actor


def test_an_unreachable_server_is_no_obstacle_in_the_sandbox_alone(settings: Any) -> None:
    assert publishing.obstacle() == ""
    settings.SANDBOX = False
    assert publishing.obstacle() != ""
    settings.BASE_URL = "https://sms.example.com"
    assert publishing.obstacle() == ""
