"""A workspace, people who sign in to it, and what they read."""

import html
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from smsadmin.core.status import Status
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Role, Workspace
from tests.factories import make_member, make_message, make_workspace

SignIn = Callable[..., Client]


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def client(workspace: Workspace) -> Client:
    return signed_in(workspace)


def signed_in(workspace: Workspace, role: str = Role.OPERATOR) -> Client:
    browser = Client()
    browser.force_login(make_member(workspace, role).user)
    return browser


def ago(**distance: float) -> datetime:
    return timezone.now() - timedelta(**distance)


def failed(workspace: Workspace, code: str = "RATE_LIMITED", **columns: Any) -> Message:
    """A message that failed for this reason; `facts` are its error's."""
    facts = columns.pop("facts", {"provider": "Aircall"})
    return make_message(
        workspace, **{"status": Status.FAILED, "error_code": code, "error_facts": facts, **columns}
    )


def words(response: Any) -> str:
    text = response.content.decode()
    bare = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))
