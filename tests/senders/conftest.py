"""A workspace with a Callr account."""

from collections.abc import Iterator

import pytest
from django.test import Client

from smsadmin import cache
from smsadmin.workspaces.models import Connection, Member, Role, Workspace
from tests.factories import make_connection, make_member, make_number, make_workspace


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    cache.forget()
    yield
    cache.forget()


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace("Example")


@pytest.fixture
def account(workspace: Workspace) -> Connection:
    found = make_connection(workspace, Connection.Kind.CALLR, name="Callr France")
    make_number(workspace, "+33644600001", connection=found, country="FR")
    return found


@pytest.fixture
def editor(workspace: Workspace) -> Member:
    return make_member(workspace, Role.EDITOR)


@pytest.fixture
def signed_in(client: Client, editor: Member) -> Client:
    """The browser of an editor."""
    client.force_login(editor.user)
    return client
