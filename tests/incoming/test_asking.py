"""Asking Callr what became of a message: by its id, and only where it may know more than we do."""

import time

import pytest
from django.urls import reverse

from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import Message as Kept
from smsadmin.sandbox.state import Settings
from tests.factories import make_connection, make_member, make_message, make_number, make_workspace
from tests.incoming.conftest import receipts, status

SID = "abcd1234"


@pytest.fixture
def sandbox(settings):
    with running(Settings(), now=time.time) as server:
        settings.CALLR_BASE_URL = f"{server.url}/callr"
        yield server


@pytest.fixture
def workspace(db):
    return make_workspace()


def make(workspace, kind="callr", **columns):
    connection = make_connection(workspace, kind, **columns.pop("of", {}))
    number = make_number(workspace, connection=connection)
    return make_message(workspace, number=number, provider_id=SID, **columns)


def became(sandbox, word):
    sms = Kept(SID, "callr", 0, "+33639980042", "+33612345678", "Hi Ada", time.time(), word)
    sandbox.state.callr_sms[SID] = sms


def ask(client, message, role="operator"):
    client.force_login(make_member(message.workspace, role).user)
    return client.post(reverse("message-ask", args=[message.pk]), follow=True)


@pytest.mark.parametrize("protocol", ["rest", "rpc"])
@pytest.mark.parametrize(("word", "after"), [("delivered", "delivered"), ("failed", "undelivered")])
def test_the_answer_is_taken_for_a_delivery_report(client, workspace, sandbox, protocol, word, after):
    message = make(workspace, of={"options": {"protocol": protocol}})
    became(sandbox, word)

    assert "answer changed the message" in ask(client, message).content.decode()
    assert status(message) == after
    assert receipts(message)[0]["event"] == "asked"


def test_an_answer_that_says_no_more_is_shown_and_changes_nothing(client, workspace, sandbox):
    message = make(workspace)
    became(sandbox, "sent")

    assert "knows no more" in ask(client, message).content.decode()
    assert status(message) == "sent"


@pytest.mark.parametrize("protocol", ["rest", "rpc"])
def test_an_id_that_callr_does_not_know_is_said_in_its_words(client, workspace, sandbox, protocol):
    message = make(workspace, of={"options": {"protocol": protocol}})
    words = "PROPERTY_VALUE_ERROR [id]" if protocol == "rpc" else "not-found: There is no such SMS."

    assert words in ask(client, message).content.decode()
    assert status(message) == "sent"


@pytest.mark.parametrize(
    ("kind", "columns"),
    [("aircall", {}), ("callr", {"status": "delivered"}), ("callr", {"provider_id": ""})],
    ids=["aircall", "settled", "without an id"],
)
def test_what_cannot_be_asked_is_not(client, workspace, kind, columns):
    message = make(workspace, kind)
    for name, value in columns.items():
        setattr(message, name, value)
    message.save()

    answer = ask(client, message)

    assert "nothing to be asked" in answer.content.decode()
    assert "what became of it" not in answer.content.decode()


def test_the_button_is_there_for_operators_alone(client, workspace):
    message = make(workspace)
    shown = {}
    for role in ("operator", "viewer"):
        client.force_login(make_member(workspace, role).user)
        shown[role] = client.get(reverse("message", args=[message.pk])).content.decode()

    assert "Ask Callr what became of it" in shown["operator"]
    assert "Ask Callr" not in shown["viewer"]
    assert ask(client, message, "viewer").status_code == 403


def test_nobody_asks_about_the_messages_of_another_workspace(client, workspace, db):
    client.force_login(make_member(make_workspace(), "owner").user)

    assert client.post(reverse("message-ask", args=[make(workspace).pk])).status_code == 404
