"""Deciding that a message of Twilio did not arrive: its list is asked first, and what it has prevails."""

import re
import time
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from smsadmin.incoming import lookups
from smsadmin.pacing import slots
from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import TWILIO_SID, Settings, TwilioMessage
from smsadmin.sandbox.state import Message as Kept
from tests.factories import make_connection, make_member, make_message, make_number, make_workspace

ADA, OURS = "+13125550123", "+12065550188"


@pytest.fixture
def sandbox(settings):
    with running(Settings(), now=time.time) as server:
        settings.TWILIO_BASE_URL = f"{server.url}/twilio"
        yield server


@pytest.fixture
def account(db):
    found = make_connection(make_workspace(), "twilio", external_id=TWILIO_SID)
    make_number(found.workspace, OURS, connection=found, provider_id=OURS)
    return found


@pytest.fixture
def operator(account, client):
    client.force_login(make_member(account.workspace, "operator").user)
    return client


def unknown(account, ago):
    at = timezone.now() - timedelta(seconds=ago)
    columns = {"recipient": ADA, "claimed_at": at, "error_code": "PROVIDER_UNKNOWN"}
    facts = {"provider": "Twilio", "reason": "the connection was reset"}
    return make_message(account.workspace, at=at, status="unknown", error_facts=facts, **columns)


def listed(sandbox, *sids):
    for sid in sids:
        kept = Kept(sid, "twilio", 0, OURS, ADA, "Hi Ada", time.time(), "delivered")
        known = TwilioMessage(kept, updated_at=time.time(), sent_at=time.time())
        sandbox.state.twilio_messages[sid] = known


def decide(operator, message, became="lost", **besides):
    address = reverse("message-unknown", args=[message.pk])
    answer = operator.post(address, {"became": became, **besides}, follow=True)
    message.refresh_from_db()
    return answer.content.decode()


def asked(shown):
    """What ticking the box confirms, which nobody has ticked yet."""
    [box] = re.findall(r'<input[^>]*name="sure"[^>]*>', shown)
    assert " checked" not in box
    return re.search(r'value="(\w+)"', box)[1]


@pytest.mark.parametrize("ago", [1, 60])
def test_what_twilio_lists_refuses_the_decision_whenever_it_is_made(account, sandbox, operator, ago):
    message = unknown(account, ago)
    listed(sandbox, "SM1")

    assert "Nothing was changed" in decide(operator, message)
    assert (message.status, message.provider_id) == ("delivered", "SM1")


@pytest.mark.parametrize(
    ("ago", "fault", "why"),
    [
        (60, {"twilio_credentials_refused": True}, "Twilio could not be asked for it: Twilio refused"),
        (60, {}, "Twilio lists several that may be it"),
        (1, {"twilio_list_delay": 60.0}, "Twilio may not list it yet"),
    ],
    ids=["no answer", "several", "too early"],
)
def test_where_the_list_leaves_it_open_somebody_must_say_that_they_know(
    account, sandbox, operator, ago, fault, why
):
    message = unknown(account, ago)
    listed(sandbox, "SM1", "SM2")
    for name, value in fault.items():
        setattr(sandbox.state.settings, name, value)

    shown = decide(operator, message, note="Asked her")
    assert why in shown
    assert message.status == "unknown"

    decide(operator, message, sure=asked(shown))
    assert message.status == "failed"


def test_what_is_confirmed_is_the_doubt_that_was_shown(account, sandbox, operator):
    """Twilio could not be asked, and somebody is sure all the same; meanwhile it answers, and has news."""
    message = unknown(account, 60)
    listed(sandbox, "SM1", "SM2")
    sandbox.state.settings.twilio_credentials_refused = True

    shown = decide(operator, message, sure="on")
    assert "could not be asked" in shown

    sandbox.state.settings.twilio_credentials_refused = False
    confirmed = asked(shown)
    shown = decide(operator, message, sure=confirmed)
    assert "lists several" in shown
    assert asked(shown) != confirmed
    assert message.status == "unknown"


def test_where_twilio_lists_none_the_decision_stands_until_it_does(account, sandbox, operator):
    message = unknown(account, 60)

    assert "Decided: it did not arrive." in decide(operator, message)
    assert message.status == "failed"

    listed(sandbox, "SM1")
    slots.forget(account.pk)
    lookups.run()
    message.refresh_from_db()
    assert (message.status, message.provider_id) == ("delivered", "SM1")


def test_that_it_arrived_is_for_people_to_say(account, sandbox, operator):
    message = unknown(account, 1)

    assert "Decided: it arrived." in decide(operator, message, "arrived")
    assert not sandbox.state.requests
