"""A workspace and its people, for the tests of the directory's pages."""

import pytest
from django.utils import translation

from smsadmin.directory import tasks
from tests.factories import make_member, make_workspace


@pytest.fixture(autouse=True)
def _english():
    """A request in German leaves its language behind in this thread."""
    with translation.override("en"):
        yield


@pytest.fixture
def workspace(db):
    return make_workspace()


@pytest.fixture
def asked(monkeypatch):
    """The accounts a worker was asked to refresh."""
    found = []
    monkeypatch.setattr(tasks.refresh, "apply_async", lambda args, **_: found.append(args[0]))
    return found


@pytest.fixture
def editor(client, workspace):
    client.force_login(make_member(workspace, "editor").user)
    return client


@pytest.fixture
def viewer(client, workspace):
    client.force_login(make_member(workspace, "viewer").user)
    return client
