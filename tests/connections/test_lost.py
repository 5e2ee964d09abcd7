"""An account whose key is refused: nothing fails for it, owners are told everywhere, a good key sends what waits."""

import re
import time
from html import unescape

import pytest
from django.urls import reverse

from smsadmin import cache
from smsadmin.connections import standing
from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import Settings
from smsadmin.sending import bell, dispatch
from smsadmin.sending.accept import accept
from smsadmin.workspaces.models import Connection
from tests.factories import ask, make_connection, make_member, make_message, make_number, make_workspace

SUPPORT = "812001"  # a number of the sandbox


@pytest.fixture(autouse=True)
def rung(monkeypatch):
    """The accounts that a worker was rung for."""
    found = []
    monkeypatch.setattr(bell, "ring", found.append)
    cache.forget()
    yield found
    cache.forget()


@pytest.fixture
def sandbox(settings):
    settings.PROVIDER_READ_TIMEOUT, settings.DISPATCH_LINGER = 1.0, 0
    with running(Settings(aircall_requests_per_minute=0), now=time.time) as server:
        settings.AIRCALL_BASE_URL = f"{server.url}/aircall"
        yield server
        server.state.scheduler.clear()


@pytest.fixture
def account(db):
    return make_connection(make_workspace(), name="Main", requests_per_minute=60_000)


@pytest.fixture
def line(account):
    return make_number(account.workspace, "+12025550101", connection=account, provider_id=SUPPORT)


@pytest.fixture
def owner(client, account):
    client.force_login(make_member(account.workspace, "owner").user)
    return client


def words(response):
    text = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return unescape(" ".join(text.split()))


def drained(account):
    dispatch.drain(account.pk)
    account.refresh_from_db()
    cache.forget()


def lose(account):
    account.mark(Connection.State.REJECTED, "Refused while sending")
    cache.forget()


# --- The whole way ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_messages_wait_for_a_good_key_and_go_out_once_it_is_there(sandbox, account, line, owner, rung):
    sandbox.state.settings.change({"aircall_key_refused": True})
    messages = [accept(ask(line, phone=f"+131255501{nth:02}")) for nth in range(5)]

    drained(account)
    drained(account)

    assert account.lost_at
    for message in messages:
        message.refresh_from_db()
        assert (message.status, message.error_code) == ("queued", "")
    assert "5 messages wait." in words(owner.get(reverse("overview")))
    refused = [each for each in sandbox.state.requests if each["path"].endswith("/send")]
    assert 0 < len(refused) <= 5  # those that were under way; nothing was tried after

    sandbox.state.settings.change({"aircall_key_refused": False})
    rung.clear()
    owner.post(reverse("connection-test", args=[account.pk]))
    assert rung == [account.pk]
    drained(account)

    assert account.lost_at is None
    for message in messages:
        message.refresh_from_db()
        assert message.status == "sent"
    assert len(sandbox.state.messages) == 5


def test_new_keys_bring_it_back_too_and_a_worker_is_rung_for(account, owner, rung):
    lose(account)

    owner.post(
        reverse("connection", args=[account.pk]),
        {"name": "Main", "api_id": "sandbox-id", "api_token": "another-token"},
    )

    account.refresh_from_db()
    assert (account.lost_at, account.state) == (None, "untested")
    assert rung == [account.pk]


def test_another_name_alone_brings_nothing_back(account, owner):
    lose(account)

    owner.post(reverse("connection", args=[account.pk]), {"name": "Sales"})

    account.refresh_from_db()
    assert (account.name, account.state) == ("Sales", "rejected")
    assert account.lost_at


def test_testing_a_bad_key_changes_nothing(sandbox, account, owner):
    sandbox.state.settings.change({"aircall_key_refused": True})
    lose(account)
    since = account.lost_at

    owner.post(reverse("connection-test", args=[account.pk]))

    account.refresh_from_db()
    assert account.lost_at == since


# --- The plan ---------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["service", "edge"])
def test_a_plan_without_api_messaging_is_told_as_a_possibility_until_a_message_is_taken(
    sandbox, account, line, owner, how
):
    sandbox.state.settings.change({"aircall_plan_has_api": False, "aircall_plan_refusal": how})
    message = accept(ask(line))
    drained(account)

    message.refresh_from_db()
    page = words(owner.get(reverse("connection", args=[account.pk])))
    assert (message.status, message.error_code) == ("failed", "PROVIDER_REJECTED")
    assert account.lost_at is None
    assert "The Aircall plan may lack sending by API" in page
    assert "part of Aircall's Professional plan" in page
    assert "the same answer may have another cause" in page

    sandbox.state.settings.change({"aircall_plan_has_api": True})
    accept(ask(line))
    drained(account)
    assert account.plan_refused_at is None


# --- The banner -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["overview", "log", "directory", "connections", "help-errors"])
def test_owners_are_told_on_every_page(account, owner, name):
    lose(account)

    shown = owner.get(reverse(name))

    assert "Aircall has refused the key of “Main” since" in words(shown)
    assert f'href="/connections/{account.pk}/#lost"' in shown.content.decode()


@pytest.mark.parametrize("role", ["viewer", "operator", "editor"])
def test_nobody_else_is(client, account, role):
    client.force_login(make_member(account.workspace, role).user)
    lose(account)

    assert "lost-strip" not in client.get(reverse("overview")).content.decode()


def test_another_workspace_is_not(client, account):
    client.force_login(make_member(make_workspace(), "owner").user)
    lose(account)

    assert "lost-strip" not in client.get(reverse("overview")).content.decode()


def test_while_nothing_is_lost_a_page_costs_one_query_more_at_most(account, django_assert_num_queries):
    with django_assert_num_queries(1):
        for _ in range(3):
            assert standing.lost(account.workspace) == []


def test_what_waits_is_what_is_queued_for_that_account(account, line):
    other = make_number(account.workspace, connection=make_connection(account.workspace))
    make_message(account.workspace, number=line, status="queued")
    make_message(account.workspace, number=line, status="sent")
    make_message(account.workspace, number=other, status="queued")
    lose(account)

    [found] = standing.lost(account.workspace)
    assert (found.connection, found.waiting, found.since) == (account, 1, account.lost_at)


@pytest.mark.parametrize(
    ("auth", "state", "banner", "advice"),
    [
        ("key", "rejected", "Aircall has refused the key of “Main”", "Make a new key there"),
        ("oauth", "rejected", "Aircall has refused the access of “Main”", "Grant access again"),
        ("oauth", "disconnected", "Aircall ended the access of “Main”", "Grant access again"),
    ],
)
def test_the_page_says_what_to_do(account, owner, auth, state, banner, advice):
    account.auth = auth
    account.save()
    account.mark(state)
    cache.forget()

    page = words(owner.get(reverse("connection", args=[account.pk])))

    assert banner in page
    assert advice in page
    assert "Messages wait, each for a day at most" in page
