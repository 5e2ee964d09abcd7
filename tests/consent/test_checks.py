"""The check before each send: by the list and by the property, at the moment of the send."""

from dataclasses import replace

import pytest
from django.utils import timezone

from smsadmin.consent import opting
from smsadmin.consent.models import Source
from smsadmin.consent.opting import Statement
from smsadmin.core.message import Record
from smsadmin.sending import bell, dispatch, explain
from smsadmin.sending.accept import accept
from smsadmin.sending.rehearse import rehearse
from tests.consent.conftest import ADA, BOB
from tests.factories import FakeProvider, ask, make_number, make_workspace

NAME = "sms_opt_out"


def out(workspace, number=ADA):
    opting.opt_out(workspace.pk, number, Statement(Source.PERSON, timezone.now()))


def back(workspace, number=ADA):
    opting.opt_in(workspace.pk, number, Statement(Source.PERSON, timezone.now()))


def step(message, name="opt_out"):
    return next(each for each in message.trace if each[0] == name)


def test_without_a_policy_nothing_is_checked(workspace, number):
    out(workspace)
    message = accept(ask(number, properties={NAME: "true"}))

    assert message.status == "queued"
    assert step(message)[2] == "opt_out.off"


@pytest.mark.services
def test_who_is_on_the_list_is_refused(workspace, number, policy):
    out(workspace)
    message = accept(ask(number))

    assert (message.status, message.error_code) == ("rejected", "RECIPIENT_OPTED_OUT")
    assert "on the list since" in explain.sentence(message)
    assert accept(ask(number, phone=BOB)).status == "queued"


def test_an_opt_out_counts_from_the_moment_it_is_known(workspace, number, policy):
    assert accept(ask(number)).status == "queued"
    out(workspace)
    assert accept(ask(number)).status == "rejected"
    back(workspace)
    assert accept(ask(number)).status == "queued"


def test_the_list_of_another_workspace_stops_nobody(workspace, number, policy):
    out(make_workspace())

    assert accept(ask(number)).status == "queued"


def test_who_is_out_gets_no_answer_of_a_person_either(workspace, number, policy):
    out(workspace)
    message = accept(ask(number, by_person=True, via="any"))

    assert message.error_code == "RECIPIENT_OPTED_OUT"
    assert "answers by a person too" in explain.sentence(message)


def test_the_check_costs_one_query(workspace, number, policy, django_assert_num_queries):
    from smsadmin.consent import checks
    from smsadmin.directory import book
    from smsadmin.sending.resolve import RESOLVE, Draft, run

    draft = Draft(ask(number), book.of(workspace.pk))
    run(draft, RESOLVE)
    checks.opted_out(draft)
    with django_assert_num_queries(1):
        checks.opted_out(draft)


# The property


@pytest.mark.parametrize("value", ["true", "True", "Yes", "1", " true "])
def test_the_property_of_the_record_refuses(number, keep, value):
    keep(kept_by="hubspot", hubspot_property=NAME)
    message = accept(ask(number, properties={NAME: value}))

    assert message.error_code == "RECIPIENT_OPTED_OUT"
    assert explain.sentence(message).endswith("Contact.sms_opt_out says so.")


@pytest.mark.parametrize("value", ["false", "", None, "No", "0"])
def test_a_recipient_without_a_value_has_not_opted_out(number, keep, value):
    keep(kept_by="hubspot", hubspot_property=NAME)
    message = accept(ask(number, properties={NAME: value}))

    assert message.status == "queued"
    assert step(message)[1:3] == ["passed", "opt_out.not_set"]


def test_a_record_that_does_not_tell_is_not_out_and_the_trace_says_so(number, keep):
    keep(kept_by="hubspot", hubspot_property=NAME)
    message = accept(ask(number))

    assert message.status == "queued"
    assert step(message)[1:3] == ["warning", "opt_out.unread"]


@pytest.mark.parametrize(
    ("own", "theirs", "refused"),
    [
        ({}, "true", True),
        ({NAME: "true"}, None, True),
        ({NAME: None}, "true", True),
        ({NAME: "false"}, None, False),
    ],
)
def test_a_deal_asks_itself_and_its_contact(number, keep, own, theirs, refused):
    keep(kept_by="hubspot", hubspot_property=NAME)
    record = Record("deal", "7", own, {"contact": {"phone": ADA, NAME: theirs}})

    assert (accept(ask(number, record=record)).status == "rejected") == refused


def test_the_list_and_the_property_both_count(workspace, number, keep):
    keep(hubspot_property=NAME)
    assert accept(ask(number, properties={NAME: "true"})).error_code == "RECIPIENT_OPTED_OUT"
    assert step(accept(ask(number, properties={NAME: ""})))[2] == "opt_out.neither"
    assert step(accept(ask(number)))[2] == "opt_out.listless"
    out(workspace)
    assert accept(ask(number, properties={NAME: ""})).error_code == "RECIPIENT_OPTED_OUT"


def test_who_is_no_record_has_no_property(number, keep):
    keep(kept_by="hubspot", hubspot_property=NAME)
    message = accept(
        ask(number, record=Record("user", properties={"phone": ADA}), recipient_property="phone")
    )

    assert step(message)[2] == "opt_out.no_record"


# Rehearsals and tests


def test_a_rehearsal_shows_it(workspace, number, policy):
    out(workspace)
    found = rehearse(ask(number))

    assert found.error
    assert found.error.code == "RECIPIENT_OPTED_OUT"


def test_a_rehearsal_without_a_recipient_does_not_reach_it(number, policy):
    found = rehearse(ask(number, phone=""))

    assert [each.verdict for each in found.trace if each.name == "opt_out"] == ["not_reached"]


def test_a_test_is_refused_where_the_record_would_be(workspace, number, policy):
    out(workspace)
    wanted = replace(ask(number), test_recipient=BOB)

    assert accept(wanted).error_facts["recipient"] == ADA


# While a message waits


@pytest.fixture
def provider(monkeypatch):
    fake = FakeProvider()
    monkeypatch.setattr(dispatch, "provider_of", lambda connection: fake)
    monkeypatch.setattr(bell, "ring", lambda connection_id: None)
    return fake


def drain(number, settings):
    settings.DISPATCH_LINGER = 0
    dispatch.drain(number.connection_id, sleep=lambda seconds: None)


@pytest.mark.services
def test_what_waits_for_somebody_who_opts_out_never_leaves(workspace, number, policy, provider, settings):
    message, other = accept(ask(number)), accept(ask(number, phone=BOB))
    out(workspace)

    drain(number, settings)

    assert [sms.recipient for sms in provider.sent] == [BOB]
    message.refresh_from_db()
    other.refresh_from_db()
    assert (message.status, message.error_code) == ("failed", "RECIPIENT_OPTED_OUT")
    assert message.refunded_at
    assert other.status == "sent"


def test_that_it_is_done_may_be_told(workspace, number, keep, provider, settings):
    from tests.consent.conftest import texted

    keep(stop_answer="Done.")
    texted(number, "STOP")

    drain(number, settings)

    assert [sms.body for sms in provider.sent] == ["Done."]


def test_where_no_list_is_kept_nothing_is_looked_up_while_it_waits(workspace, number, provider, settings):
    accept(ask(number))
    out(workspace)

    drain(number, settings)

    assert len(provider.sent) == 1


def test_numbers_are_found_by_an_index(workspace, policy, django_assert_num_queries):
    from django.db import connection

    from smsadmin.consent.models import OptOut

    make_number(workspace)
    found = OptOut.objects.filter(workspace=workspace, number__in=[ADA, BOB], is_out=True)
    if connection.vendor == "sqlite":
        assert "SEARCH" in found.explain()
        assert "workspace_id=? AND number=?" in found.explain()
