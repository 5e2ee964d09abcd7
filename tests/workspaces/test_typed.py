"""What may be kept for somebody who was signed out: a form of ours, of its reader, and no customer."""

from __future__ import annotations

import time

import pytest
from django.contrib.sessions.models import Session
from django.core import signing
from django.test import Client

from smsadmin.workspaces import typed
from tests.factories import make_member, make_workspace

pytestmark = pytest.mark.django_db
NEW = "/actions/new/"


@pytest.fixture
def mark(client: Client) -> str:
    """That of an editor who was signed out meanwhile."""
    client.force_login(make_member(make_workspace(), "editor").user)
    found: str = client.get(NEW).context["typed_by"]
    client.logout()
    Session.objects.all().delete()
    return found


def kept() -> str:
    """Everything that any session holds."""
    return "".join(str(session.get_decoded()) for session in Session.objects.all())


@pytest.mark.parametrize(
    "forged",
    ["x", "1:1tZ0Aa:nothing", signing.dumps(1), signing.dumps(1, salt="other")],
    ids=["no signature", "another signature", "a signed number", "a number signed for another use"],
)
def test_nobody_fills_the_table_of_sessions_with_forms_that_are_not_ours(forged: str) -> None:
    for _ in range(3):
        Client().post(NEW, {"typed_by": forged, "message": "x" * 60_000})

    assert Session.objects.count() == 0


def test_a_form_older_than_a_session_is_not_kept(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 15 * 86_400
    monkeypatch.setattr(signing.time, "time", lambda: later)

    Client().post(NEW, {"typed_by": mark, "message": "Typed for long"})

    assert Session.objects.count() == 0


def test_a_form_that_is_too_long_is_not_kept(mark: str) -> None:
    Client().post(NEW, {"typed_by": mark, "message": "x" * typed.MOST})

    assert Session.objects.count() == 0


def test_the_customer_a_form_was_tried_with_is_not_kept(mark: str) -> None:
    customer = {
        "record": "id:501:Ada Lovelace",
        "record_q": "ada@example.com",
        "payload": '{"phone": "+336"}',
    }

    Client().post(
        NEW, {"typed_by": mark, "message": "Typed for long", "csrfmiddlewaretoken": "t" * 64} | customer
    )

    assert "Typed" in kept()
    for told in ("Lovelace", "ada%40example.com", "%2B336", "tttt"):
        assert told not in kept()
