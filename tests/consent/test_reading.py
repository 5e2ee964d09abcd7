"""The property is asked of HubSpot before a send where the execution does not bring it along, and before a resend."""

from dataclasses import replace

import pytest

from smsadmin import cache
from smsadmin.consent.models import Policy
from smsadmin.core.message import ActionConfig, Record
from smsadmin.crm.named import lacking, named
from smsadmin.sending.models import Message
from tests.crm.standin import stand_in
from tests.factories import make_connection, make_number
from tests.triggers.hubspot.conftest import Portal, execution

NAME = "sms_opt_out"
CONTACT = "4242"
CONFIG = ActionConfig(sender_kind="number", recipient_property="Contact.phone", message="Hi")


def test_record_and_contact_are_asked_for_it():
    assert named(CONFIG, "contact", NAME) == {("contact", "phone"), ("contact", NAME)}
    assert named(CONFIG, "deal", NAME) == {("contact", "phone"), ("contact", NAME), ("deal", NAME)}
    assert named(replace(CONFIG, recipient_property="phone"), "user", NAME) == {
        ("user", "phone"),
        ("user", NAME),
    }


def test_what_the_execution_brings_is_not_asked_for_again():
    record = Record("contact", CONTACT, {"phone": "+13125550123", NAME: None})
    assert lacking(record, CONFIG, NAME) == set()
    assert lacking(replace(record, properties={"phone": "+13125550123"}), CONFIG, NAME) == {("contact", NAME)}


@pytest.fixture
def hubspot(monkeypatch):
    return stand_in(monkeypatch)


@pytest.fixture
def portal(workspace, keep):
    keep(kept_by="hubspot", hubspot_property=NAME)
    return Portal(make_connection(workspace, "hubspot"))


@pytest.fixture
def inputs(workspace, portal):
    line = make_number(workspace, "+12025550100")
    return {
        "sender_mode": "number",
        "sender_number": line.provider_id,
        "send_as_mode": "default",
        "recipient": "+12025550123",
        "message": "Hi",
    }


def ran(portal, inputs, **properties):
    record = {"objectId": int(CONTACT), "objectType": "CONTACT", "properties": properties}
    portal.call("/hubspot/actions/send-sms", execution(inputs, object=record))
    return Message.objects.latest("pk")


@pytest.mark.parametrize(("value", "code"), [("true", "RECIPIENT_OPTED_OUT"), ("false", ""), (None, "")])
def test_an_execution_that_does_not_tell_has_the_record_read(portal, inputs, hubspot, value, code):
    hubspot.state.records["contacts"][CONTACT].properties[NAME] = value

    assert ran(portal, inputs).error_code == code
    assert len([path for path in hubspot.paths if path == f"/objects/contacts/{CONTACT}"]) == 1


@pytest.mark.parametrize(("value", "code"), [("true", "RECIPIENT_OPTED_OUT"), (None, "")])
def test_one_that_tells_is_taken_at_its_word(portal, inputs, hubspot, value, code):
    assert ran(portal, inputs, **{NAME: value}).error_code == code
    assert hubspot.calls == []


def test_without_a_property_nothing_is_read(workspace, portal, inputs, hubspot):
    Policy.objects.filter(workspace=workspace).update(kept_by="nobody")
    cache.forget()

    assert ran(portal, inputs).error_code == ""
    assert hubspot.calls == []


def test_a_property_that_the_portal_does_not_have_stops_nobody(workspace, portal, inputs, hubspot):
    Policy.objects.filter(workspace=workspace).update(hubspot_property="no_texts")
    cache.forget()

    message = ran(portal, inputs)
    assert message.status == "queued"
    assert [step[2] for step in message.trace if step[0] == "opt_out"] == ["opt_out.unread"]
