"""Messages of flows in the log: where they came from, where their cause is mended, and sent again."""

import pytest
from django.urls import reverse

from smsadmin import cache
from smsadmin.consent.models import Policy
from smsadmin.failures.groups import groups, standing_since
from smsadmin.flows import bell, running
from smsadmin.incoming import handling
from smsadmin.resends import making
from smsadmin.resends.models import Resend
from smsadmin.sending import bell as sending_bell
from smsadmin.sending import filters, presenters, requests
from smsadmin.sending.again import verdicts
from smsadmin.sending.asked import asked, filter_of
from smsadmin.sending.presenters import Link
from tests.factories import make_member, make_message, make_number, make_user, make_workspace
from tests.flows.making import HELLO, LANDLINE, begin, make_flow, make_start, messages, missed_call, ran


@pytest.fixture(autouse=True)
def _nobody_rung_for(monkeypatch):
    monkeypatch.setattr(bell, "ring", lambda: None)
    monkeypatch.setattr(bell, "tell_providers", lambda workspace_id: None)
    monkeypatch.setattr(sending_bell, "ring", lambda connection_id: None)


@pytest.fixture
def flow(db):
    number = make_number(make_workspace(), "+12025550101")
    return make_flow(number.workspace, HELLO, sender=number)


@pytest.fixture
def message(flow):
    [message] = messages(ran(begin(flow)))
    return message


@pytest.fixture
def refused(flow):
    flow.mobile_only = True
    flow.save()
    [message] = messages(ran(begin(flow, LANDLINE)))
    return message


def run_page(message):
    return reverse("flow-run", args=[message.origin["run"]])


def test_it_came_from_a_step_of_a_flow_and_its_run_is_linked(flow, message):
    found = presenters.came_from(message)

    assert found.words == f"Call flow {flow.name}, version 1, step inbound-call.1"
    assert found.url == run_page(message) == reverse("flow-run", args=[flow.runs.get().pk])
    assert presenters.record(message) == Link("Call 780000001", run_page(message))


def test_its_page_says_so_and_not_that_hubspot_has_a_record_of_it(client, flow, message):
    client.force_login(make_member(flow.workspace).user)
    page = client.get(reverse("message", args=[message.pk])).content.decode()

    assert run_page(message) in page
    assert "HubSpot record" not in page
    assert f"Step inbound-call.1 of the call flow “{flow.name}”, version 1" in page


@pytest.mark.parametrize(
    ("code", "name"),
    [("MESSAGE_EMPTY", "flow"), ("SENDER_REQUIRED", "flow"), ("RECIPIENT_MISSING", "flow-run")],
)
def test_what_stopped_it_is_mended_in_the_flow_or_seen_in_its_run(flow, message, code, name):
    message.error_code = code
    where = flow.pk if name == "flow" else message.origin["run"]
    assert presenters.next_step(message).url == reverse(name, args=[where])


def test_failures_of_two_flows_are_two_causes(flow):
    for each in (flow, flow, make_flow(flow.workspace, HELLO.replace("Hello", "'${{ call.cdr.x }}'"))):
        if each == flow:
            each.current.source = each.current.source.replace("body: Hello", "body: '${{ call.cdr.x }}'")
            each.current.save()
        ran(begin(each))
    now = each.current.created_at
    found = groups(flow.workspace, standing_since(flow.workspace, 1, now), 1, now)

    assert sorted(each.cause.tally.count for each in found) == [1, 2]


def test_the_log_is_narrowed_to_flows(flow, message):
    make_message(flow.workspace)
    for given in ({"trigger": filters.CALLFLOW}, {"q": "trigger:flow"}):
        found = filter_of(flow.workspace, asked(given, flow.workspace).filters)
        assert list(found.qs) == [message]


def test_what_machines_asked_for_shows_the_call_and_not_the_text(client, rf, flow):
    make_start(flow)
    missed_call(flow.sender)
    handling.run()
    running.work()
    client.force_login(make_member(flow.workspace).user)
    page = client.get(reverse("requests")).content.decode()

    assert "Started a call flow" in page
    assert flow.name in page
    assert "Became a message</span>" not in page
    assert client.get(requests.requests_url(outcome="flow")).status_code == 200


# --- Sent again -------------------------------------------------------------------------------------------


def again(message):
    resend = Resend(workspace=message.workspace, asked_by=make_user(), which=Resend.Which.ORIGINAL)
    ask = making.request(message, resend.which)
    return making.finished(ask, resend, message, ask.record)


def test_it_may_be_sent_again_as_it_was_configured(flow, refused):
    assert verdicts(flow.workspace, [refused])[refused.pk].may
    ask = again(refused)

    assert (ask.config.sender_kind, ask.config.sender_number_id) == ("given", flow.sender_id)
    assert (ask.config.mobile_only, ask.config.traffic) == (True, "marketing")
    assert {
        name: ask.origin[name] for name in ("flow", "flow_name", "version", "run", "step")
    } == refused.origin
    assert making.line(ask) == (flow.sender, None)
    assert making.recipient(ask) == LANDLINE


@pytest.mark.parametrize("build_mode", [True, False])
def test_build_mode_holds_for_what_is_sent_again_as_it_is_now(flow, refused, build_mode):
    flow.build_mode = build_mode
    flow.save()
    assert again(refused).build_mode is build_mode


def test_a_call_is_no_record_that_says_who_opted_out(flow):
    Policy.objects.create(workspace=flow.workspace, kept_by=Policy.KeptBy.HUBSPOT, hubspot_property="no_sms")
    cache.forget()
    [message] = messages(ran(begin(flow)))
    assert ["opt_out", "passed", "opt_out.no_record", {}] in message.trace
