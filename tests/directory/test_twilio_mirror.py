"""The mirror of a Twilio account: numbers with what they can, messaging services, and what actions may choose."""

import time

import pytest
from django.urls import reverse

from smsadmin import cache
from smsadmin.actions.forms import ActionForm
from smsadmin.directory import book, mirror
from smsadmin.directory.models import SenderKind, Source
from smsadmin.pacing import slots
from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import TWILIO_SID, Settings
from tests.factories import make_connection, make_member, make_sender_name, make_workspace

VOICE, TEXTS = "+442079460955", "+12065550188"


@pytest.fixture
def sandbox(settings):
    with running(Settings(), now=time.time) as server:
        settings.TWILIO_BASE_URL = f"{server.url}/twilio"
        settings.TWILIO_MESSAGING_BASE_URL = f"{server.url}/twilio/messaging"
        yield server


@pytest.fixture
def account(db):
    cache.forget()
    yield make_connection(make_workspace(), "twilio", external_id=TWILIO_SID)
    cache.forget()


def refresh(account):
    slots.forget(account.pk)
    return mirror.refresh(account.pk, sleep=lambda seconds: None)


def services(account):
    found = account.numbers.filter(kind=SenderKind.POOL, gone_at=None)
    return list(found.order_by("provider_id").values_list("name", flat=True))


def test_numbers_come_with_their_country_and_whether_they_can_text(sandbox, account, client):
    assert refresh(account).state == "done"

    texts, voice = (account.numbers.get(provider_id=each) for each in (TEXTS, VOICE))
    assert (texts.country, texts.name, texts.is_eligible) == ("US", "Seattle", True)
    assert (voice.country, voice.sms_capable, voice.is_eligible) == ("GB", False, False)
    assert voice.sms_capable_source == Source.PROBE
    client.force_login(make_member(account.workspace).user)
    shown = client.get(reverse("number", args=[voice.pk])).content.decode()
    main = shown.partition("<main")[2].partition("</main")[0]
    assert "asked Twilio" in main
    assert "Aircall" not in main


def test_what_an_admin_said_stays_and_what_twilio_changes_is_taken_over(sandbox, account):
    refresh(account)
    account.numbers.filter(provider_id=VOICE).update(sms_capable=True, sms_capable_source=Source.ADMIN)
    sandbox.state.twilio_numbers[TEXTS].sms = False
    refresh(account)

    facts = {each.provider_id: each.sms_capable for each in account.numbers.filter(kind="phone")}
    assert facts == {VOICE: True, TEXTS: False}


@pytest.mark.parametrize("answer", [200, 403, 404])
def test_messaging_services_are_senders_and_never_fail_the_mirror(sandbox, account, answer):
    refresh(account)
    sandbox.state.twilio_services |= {f"MG{serial:032x}": f"Service {serial}" for serial in range(2, 6)}
    sandbox.state.settings.twilio_messaging_status = answer

    assert refresh(account).state == "done"
    more = [f"Service {serial}" for serial in range(2, 6)] if answer == 200 else []
    assert services(account) == ["Notifications", *more]
    sandbox.state.twilio_services.clear()
    sandbox.state.settings.twilio_messaging_status = 200
    refresh(account)
    assert services(account) == []


def test_an_action_may_choose_a_number_a_service_and_an_approved_name(sandbox, account):
    refresh(account)
    make_sender_name(account, "ACME", FR="approved")
    make_sender_name(account, "GLOBEX", AU="requested")
    callr = make_connection(account.workspace, "callr")
    make_sender_name(callr, "CALLRS", FR="approved")
    cache.forget()

    offered = dict(ActionForm(account.workspace).fields["sender_number"].widget.choices)
    assert sorted(offered.values()) == [
        "ACME (sender name)",
        "Choose a number",
        "Notifications (by destination)",
        "Seattle (+1 206-555-0188)",
    ]
    assert book.of(account.workspace_id).only_pool is None


def test_hubspots_list_has_phone_numbers_alone(sandbox, account):
    refresh(account)
    cache.forget()
    directory = book.of(account.workspace_id)
    assert [each.e164 for each in directory.numbers.values() if each.is_eligible] == [TEXTS]
