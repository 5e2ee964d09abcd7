"""The flow with its fakes as the tests of sending have it, and a number that waits to be verified."""

import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.test import Client

from smsadmin.trials import views
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.models import Member, Workspace
from tests.factories import FakeProvider, make_member, make_number, make_workspace
from tests.sending.conftest import Clock, _fresh, clock, drain, provider, rings

__all__ = ["_fresh", "clock", "drain", "provider", "rings"]

PHONE = "+447400123456"


def make_test_number(workspace: Workspace, e164: str = PHONE, label: str = "Alex's phone", **columns: object):
    return TestNumber.objects.create(workspace=workspace, e164=e164, label=label, **columns)


def code_in(text: str) -> str:
    """The six digits of a text."""
    [code] = re.findall(r"(?<!\d)\d{6}(?!\d)", text)
    return code


@pytest.fixture(autouse=True)
def _pages_by_the_clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "timezone", SimpleNamespace(now=clock.now))


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace(business_name="Example Ltd")


@pytest.fixture
def editor(workspace: Workspace) -> Member:
    return make_member(workspace, "editor")


@pytest.fixture
def sender(workspace: Workspace):
    return make_number(workspace, "+12025550101", name="Sales US")


@pytest.fixture
def phone(workspace: Workspace, sender: object) -> TestNumber:
    return make_test_number(workspace)


@pytest.fixture
def received(drain: Callable[..., int], provider: FakeProvider, sender) -> Callable[..., str]:
    """Sends what is queued; the code that reached the phone last."""

    def look(seconds: float = 0) -> str:
        drain(sender.connection_id, seconds)
        return code_in(provider.sent[-1].body)

    return look


@pytest.fixture
def client(editor: Member) -> Client:
    browser = Client()
    browser.force_login(editor.user)
    return browser
