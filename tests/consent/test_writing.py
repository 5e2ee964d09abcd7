"""What HubSpot is told of opt-outs: found by number, read back, tried again, and never in the way of the list here."""

from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from smsadmin.consent import opting, writing
from smsadmin.consent.models import OptOut, PropertyWrite, Source
from smsadmin.consent.opting import Statement
from smsadmin.providers.hubspot import optouts
from tests.consent.conftest import BOB, is_out, texted
from tests.crm.standin import StandIn, stand_in
from tests.factories import make_connection, make_message

NAME = "sms_opt_out"
CONTACT = "4242"


@pytest.fixture
def hubspot(monkeypatch) -> StandIn:
    return stand_in(monkeypatch)


@pytest.fixture
def portal(workspace, keep):
    keep(hubspot_property=NAME)
    return make_connection(workspace, "hubspot")


@pytest.fixture
def phone(hubspot) -> str:
    """The number of one contact of the portal."""
    return hubspot.state.records["contacts"][CONTACT].properties["phone"]


def run():
    return writing.run(sleep=lambda seconds: None)


def value(hubspot, contact=CONTACT):
    return hubspot.state.records["contacts"][contact].properties.get(NAME)


def write():
    return PropertyWrite.objects.get()


def said(**more):
    return Statement(Source.PERSON, timezone.now(), **more)


def opt_out(workspace, number):
    opting.opt_out(workspace.pk, number, said())


def test_every_contact_with_the_number_is_told_and_told_back(workspace, number, portal, hubspot, phone):
    twin = hubspot.state.records["contacts"]["4243"]
    twin.properties |= {"phone": None, "mobilephone": f"tel: {phone}"}
    twin.properties |= hubspot_phones(twin)

    texted(number, "STOP", phone, at=timezone.now() - timedelta(minutes=1))
    assert run() == 1

    assert (value(hubspot), value(hubspot, "4243")) == ("true", "true")
    assert (write().state, write().contacts, write().next_try_at) == ("done", 2, None)
    texted(number, "START", phone)
    run()
    assert (value(hubspot), value(hubspot, "4243")) == ("false", "false")
    assert (write().state, write().is_out) == ("done", False)


def hubspot_phones(record):
    from smsadmin.sandbox.crm import calculated_phones

    return calculated_phones(record.properties)


@pytest.mark.parametrize("property_before", ["true", None])
def test_a_start_of_somebody_who_is_out_in_hubspot_alone_brings_back(
    workspace, number, portal, hubspot, phone, property_before
):
    """Somebody ticked the box in HubSpot; our list never had the number, and keeps nothing of it."""
    hubspot.state.records["contacts"][CONTACT].properties[NAME] = property_before

    texted(number, "START", sender=phone)
    assert run() == 1

    assert value(hubspot) in (None, "false")
    assert not OptOut.objects.exists()


def test_a_start_that_hubspot_could_not_be_told_of_is_kept_until_it_was(
    workspace, number, portal, hubspot, phone
):
    hubspot.state.records["contacts"][CONTACT].properties[NAME] = "true"
    hubspot.fail(httpx.Response(500))
    texted(number, "START", sender=phone)
    run()
    assert OptOut.objects.filter(number=phone, is_out=False, since=None).exists()

    texted(number, "STOP", sender=phone)
    assert is_out(workspace, phone)


def test_a_contact_whose_number_only_ends_alike_is_left_alone(workspace, portal, hubspot, phone):
    record = hubspot.state.records["contacts"][CONTACT]
    national = phone.removeprefix("+1")
    record.properties |= {"phone": f"+49{national}", "mobilephone": national}
    record.properties["hs_searchable_calculated_phone_number"] = national

    opt_out(workspace, phone)
    run()

    assert value(hubspot) is None
    assert write().state == "nobody"


def test_the_contact_of_the_message_that_was_answered_is_told_whatever_its_number(
    workspace, number, portal, hubspot
):
    message = make_message(
        workspace,
        number=number,
        recipient=BOB,
        object_type="contact",
        object_id=CONTACT,
        origin={"portal": "9000001"},
    )
    texted(number, "STOP", BOB, answers=message.pk)
    run()

    assert value(hubspot) == "true"


def test_a_contact_that_has_the_value_is_not_written_again(workspace, portal, hubspot, phone):
    hubspot.state.records["contacts"][CONTACT].properties[NAME] = "true"
    opt_out(workspace, phone)
    run()

    assert write().state == "done"
    assert not [call for call in hubspot.calls if call.method == "PATCH"]


@pytest.mark.services
def test_a_newer_statement_takes_the_place_of_an_older_one(workspace, portal, hubspot, phone):
    opt_out(workspace, phone)
    opting.opt_in(workspace.pk, phone, said())

    assert run() == 1
    assert value(hubspot) is None
    assert (write().is_out, write().state) == (False, "done")


def test_a_statement_that_comes_while_an_older_one_is_written_is_written_too(
    workspace, portal, hubspot, phone, monkeypatch
):
    opt_out(workspace, phone)
    contacts = optouts.contacts

    def slow(*arguments):
        found = contacts(*arguments)
        opting.opt_in(workspace.pk, phone, said())
        return found

    with monkeypatch.context() as between:
        between.setattr(optouts, "contacts", slow)
        run()
    assert (write().state, write().is_out) == ("waiting", False)
    assert run() == 0  # until HubSpot's search shows what was written
    PropertyWrite.objects.update(next_try_at=timezone.now())
    run()
    assert value(hubspot) == "false"


def test_a_newer_statement_that_was_written_before_the_older_one_arrived_is_written_once_more(
    workspace, portal, hubspot, phone, monkeypatch
):
    opt_out(workspace, phone)
    change = optouts.set_property

    def overtaken(*arguments, **options):
        with monkeypatch.context() as alone:
            alone.setattr(optouts, "set_property", change)
            opting.opt_in(workspace.pk, phone, said())
            run()
        assert write().state in ("done", "nobody")
        return change(*arguments, **options)

    with monkeypatch.context() as between:
        between.setattr(optouts, "set_property", overtaken)
        run()
    assert value(hubspot) == "true"
    assert (write().state, write().is_out) == ("waiting", False)
    PropertyWrite.objects.update(next_try_at=timezone.now())
    run()
    assert (value(hubspot), write().state) == ("false", "done")


@pytest.mark.parametrize(
    "columns", [{"writes_back": False}, {"hubspot_property": ""}, {"kept_by": "hubspot"}]
)
def test_nobody_is_told_where_the_policy_does_not_say_so(workspace, portal, keep, hubspot, columns):
    keep(**{"hubspot_property": NAME, **columns})
    opt_out(workspace, BOB)

    assert not PropertyWrite.objects.exists()


def test_a_portal_without_a_token_is_not_told(workspace, keep):
    keep(hubspot_property=NAME)
    make_connection(workspace, "hubspot", secrets={"client_secret": "x"})
    opt_out(workspace, BOB)

    assert not PropertyWrite.objects.exists()


@pytest.mark.parametrize(
    "answer", [httpx.Response(500), httpx.Response(429), httpx.Response(423), httpx.ReadTimeout("")]
)
def test_what_hubspot_cannot_answer_now_is_tried_again_later(
    workspace, portal, hubspot, phone, answer, time_machine
):
    time_machine.move_to(timezone.now(), tick=False)
    hubspot.fail(answer)
    opt_out(workspace, phone)
    run()
    assert (write().state, write().tries) == ("waiting", 1)
    assert write().next_try_at == timezone.now() + writing.SHORTEST

    hubspot.fail(None)
    assert run() == 0
    time_machine.move_to(timezone.now() + timedelta(minutes=5), tick=False)
    assert run() == 1
    assert (write().state, value(hubspot)) == ("done", "true")


def test_after_a_day_it_is_given_up_and_said(workspace, portal, hubspot, phone):
    hubspot.fail(httpx.Response(500))
    opt_out(workspace, phone)
    PropertyWrite.objects.update(tries=writing.MOST_TRIES - 1)
    run()

    assert (write().state, write().next_try_at) == ("failed", None)


@pytest.mark.parametrize(("status", "words"), [(403, "crm.objects.contacts.write"), (401, "HubSpot")])
def test_what_the_token_may_not_write_waits_until_it_may(
    workspace, portal, hubspot, phone, time_machine, status, words
):
    time_machine.move_to(timezone.now(), tick=False)
    body = {"errors": [{"context": {"requiredGranularScopes": ["crm.objects.contacts.write"]}}]}
    hubspot.fail(httpx.Response(status, json=body))
    opt_out(workspace, phone)
    pauses = []
    for _ in range(9):
        assert run() == 1
        assert (write().state, write().tries) == ("waiting", 0)
        pauses.append(write().next_try_at - timezone.now())
        time_machine.move_to(write().next_try_at, tick=False)
    assert words in write().error
    assert is_out(workspace, phone)
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (writing.BARRED, writing.BARRED_LONGEST)

    hubspot.fail(None)
    run()
    assert (write().state, value(hubspot)) == ("done", "true")


def test_a_token_that_may_not_for_a_week_is_given_up_and_said(workspace, portal, hubspot, phone):
    hubspot.fail(httpx.Response(403, json={}))
    opt_out(workspace, phone)
    PropertyWrite.objects.update(asked_at=timezone.now() - writing.BARRED_FOR)
    run()

    assert (write().state, write().next_try_at) == ("failed", None)


def test_a_property_that_hubspot_does_not_have_is_named(workspace, portal, keep, hubspot, phone):
    keep(hubspot_property="no_texts")
    opt_out(workspace, phone)
    run()

    assert write().state == "failed"
    assert write().error.startswith("HubSpot has no contact property no_texts")


def test_what_failed_is_tried_again_when_asked(workspace, portal, hubspot, phone):
    opt_out(workspace, phone)
    PropertyWrite.objects.update(state="failed", next_try_at=None, error="x")

    assert writing.again(PropertyWrite.objects.all()) == 1
    run()
    assert (write().state, write().error) == ("done", "")


def test_two_workers_do_not_write_the_same_row(workspace, portal, hubspot, phone):
    opt_out(workspace, phone)
    PropertyWrite.objects.update(next_try_at=timezone.now() + writing.LEASE)  # somebody has it

    assert run() == 0


# The property


def test_a_property_is_made_once(portal, hubspot):
    assert optouts.create_property(portal, "no_texts", "No texts")
    assert not optouts.create_property(portal, "no_texts", "No texts")

    definition = hubspot.state.properties["contacts"]["no_texts"]
    assert (definition["type"], definition["fieldType"]) == ("bool", "booleancheckbox")
