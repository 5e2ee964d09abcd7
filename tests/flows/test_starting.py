"""What begins a run: a missed call, a text to one of our numbers; which, when, and once."""

import uuid
from datetime import timedelta

import pytest
from django.test import TestCase
from django.utils import timezone

from smsadmin.consent.models import Policy
from smsadmin.flows import bell, running, starting
from smsadmin.flows.models import Flow, FlowRun, Start
from smsadmin.incoming import handling
from smsadmin.incoming.models import InboundMessage, ProviderCall
from smsadmin.incoming.signals import received
from smsadmin.providers.aircall import webhooks as wire
from smsadmin.sending import bell as sending_bell
from tests.factories import make_number, make_workspace
from tests.flows.making import (
    AMERICAN,
    HELLO,
    MOBILE,
    SENT,
    aircall_event,
    at,
    begin,
    make_flow,
    make_start,
    messages,
    missed_call,
    ran,
)

SMS = Start.Kind.INBOUND_SMS
#: Monday to Friday.
WORKDAYS = [[["09:00", "12:00"], ["13:00", "17:30"]]] * 5 + [[], []]
NIGHTS = [[["00:00", "06:00"], ["22:00", "24:00"]]] * 7
ANSWERING = """\
branches:
  inbound-sms:
    actions:
      - action: sms@v1
        params:
          to: ${{ sms.fromNumber }}
          body: You wrote ${{ sms.bodyText }}
"""


@pytest.fixture(autouse=True)
def rings(monkeypatch):
    """How often a worker was rung for."""
    rung = []
    monkeypatch.setattr(bell, "ring", lambda: rung.append(1))
    monkeypatch.setattr(bell, "tell_providers", lambda workspace_id: None)
    monkeypatch.setattr(sending_bell, "ring", lambda connection_id: None)
    return rung


@pytest.fixture
def number(db):
    return make_number(make_workspace(time_zone="Europe/Paris"), "+12025550101")


@pytest.fixture
def flow(number):
    return make_flow(number.workspace, sender=number)


def text(number, body="Hello", sender=AMERICAN, **columns):
    """Somebody texts the number; as the row's signal tells it."""
    inbound = InboundMessage.objects.create(
        workspace_id=number.workspace_id,
        connection_id=number.connection_id,
        number=number,
        sender=sender,
        body=body,
        provider_id=f"SM{InboundMessage.objects.count()}",
        **{"at": timezone.now(), **columns},
    )
    received.send(sender=InboundMessage, inbound=inbound)
    return inbound


def told(inbound, arrived):
    """The row of the provider's call that told of the text."""
    ProviderCall.objects.create(
        workspace_id=inbound.workspace_id, connection_id=inbound.connection_id, at=arrived, event="message.received",
        provider_id=inbound.provider_id, fingerprint=uuid.uuid4(), outcome="reply",
    )  # fmt: skip


# --- Once ---------------------------------------------------------------------------------------------


def test_a_key_begins_one_run_which_is_rung_for_once_it_is_there(flow, rings):
    with TestCase.captureOnCommitCallbacks(execute=True):
        first = begin(flow, key="424242")
        assert rings == []
    with TestCase.captureOnCommitCallbacks(execute=True):
        again = begin(flow, key="424242")

    assert (first.pk == again.pk, first.is_repeated, again.is_repeated) == (True, False, True)
    assert rings == [1]


def test_another_flow_has_keys_of_its_own(flow):
    begin(flow, key="424242")
    assert not begin(make_flow(flow.workspace), key="424242").is_repeated


def test_a_rehearsal_is_rung_for_by_nobody(flow, rings):
    with TestCase.captureOnCommitCallbacks(execute=True):
        run = begin(flow, dry=True)

    assert (rings, running.work()) == ([], 0)
    assert ran(run).state == "done"


def test_a_run_knows_who_called_which_number_of_ours(flow, number):
    run = begin(flow)
    assert (run.party, run.number) == (MOBILE, number)
    assert (begin(flow, "").party, begin(flow, "4242").party) == ("", "")


def test_what_no_database_stores_is_shown(flow):
    assert begin(flow, "\ud800\x00").context["call"]["fromNumber"] == "\ufffd\ufffd"


# --- A missed call --------------------------------------------------------------------------------------


def test_a_missed_call_told_by_aircall_starts_the_flow_and_the_caller_is_texted(flow, number):
    make_start(flow)
    missed_call(number)
    handling.run()
    running.work()

    call, run = ProviderCall.objects.get(), FlowRun.objects.get()
    assert (call.outcome, call.detail, run.cause) == ("started", flow.name, "missed-call")
    assert [(each.recipient, each.body) for each in messages(run)] == [(MOBILE, SENT)]


def test_from_a_landline_the_flow_runs_and_nobody_is_texted(flow, number):
    make_start(flow)
    missed_call(number, raw_digits="+33 1 99 00 12 34")
    handling.run()
    running.work()

    run = FlowRun.objects.get()
    assert (run.state, messages(run)) == ("done", [])
    assert run.context["call"]["fromType"] == "FIXED_LINE"


def test_a_withheld_number_runs_the_flow_without_one(flow, number):
    make_start(flow)
    [run] = starting.heard_call(missed_call(number, raw_digits="anonymous"))

    assert (run.party, run.context["call"]["fromNumber"], run.context["call"]["fromType"]) == (
        "",
        "",
        "UNKNOWN",
    )
    assert (ran(run).state, messages(run)) == ("done", [])


def test_a_call_told_twice_begins_one_run(flow, number):
    make_start(flow)
    for _ in range(2):
        starting.heard_call(missed_call(number, id=780000001))

    assert FlowRun.objects.count() == 1


@pytest.mark.parametrize(
    "data",
    [{"answered_at": 1646389750}, {"direction": "outbound"}, {"id": None}],
    ids=["answered", "outbound", "without id"],
)
def test_other_calls_start_nothing(flow, number, data):
    make_start(flow)
    missed_call(number, **data)
    handling.run()

    assert (ProviderCall.objects.get().outcome, FlowRun.objects.count()) == ("unused", 0)


@pytest.mark.parametrize(("minutes", "outcome"), [(29, "started"), (31, "unused")])
def test_who_called_long_ago_is_not_texted_and_the_call_says_why(flow, number, minutes, outcome):
    make_start(flow)
    ended = int(timezone.now().timestamp()) - minutes * 60
    missed_call(number, ended_at=ended, started_at=ended - 20)
    handling.run()

    call = ProviderCall.objects.get()
    assert (call.outcome, FlowRun.objects.exists()) == (outcome, outcome == "started")
    if outcome == "unused":
        assert call.detail == "it ended 31 minutes ago, and flows answer calls of the last 30"


@pytest.mark.parametrize(
    ("reasons", "told", "starts"),
    [
        ([], "abandoned_in_ivr", True),
        ([], None, True),
        (["abandoned_in_ivr", "no_available_agent"], "no_available_agent", True),
        (["abandoned_in_ivr"], "short_abandoned", False),
        (["abandoned_in_ivr"], None, False),
    ],
)
def test_the_reason_counts_where_some_are_named(flow, number, reasons, told, starts):
    make_start(flow, reasons=reasons)
    assert bool(starting.heard_call(missed_call(number, missed_call_reason=told))) is starts


def test_the_number_counts_where_one_is_named(flow, number):
    other = make_number(number.workspace)
    make_start(flow, number=other)

    assert starting.heard_call(missed_call(number)) == []
    assert len(starting.heard_call(missed_call(other))) == 1


def test_flows_that_are_off_and_those_of_others_start_nothing(flow, number):
    make_start(flow)
    make_start(make_flow(make_workspace()))
    flow.enabled = False
    flow.save()

    assert starting.heard_call(missed_call(number)) == []


def test_two_starts_of_a_flow_begin_it_once_and_two_flows_begin_both(flow, number):
    make_start(flow)
    make_start(flow, number=number)
    make_start(make_flow(number.workspace))

    assert len(starting.heard_call(missed_call(number))) == 2


def test_of_a_call_nothing_is_kept_but_what_starts_flows(number):
    kept = wire.slim(aircall_event(number, user={"email": "mia@example.com"}, comments=["a note"]))

    assert [word for word in ("ada@", "mia@", "note", "token") if word in str(kept)] == []
    assert set(kept["data"]) == {
        *("id", "direction", "missed_call_reason", "started_at", "answered_at", "ended_at", "duration"),
        *("raw_digits", "number"),
    }


@pytest.mark.parametrize("digits", ["+33 6 39 98 00 42", "33639980042", "+33639980042"])
def test_a_caller_is_read_in_every_spelling(flow, number, digits):
    make_start(flow)
    [run] = starting.heard_call(missed_call(number, raw_digits=digits))
    assert run.party == MOBILE


# --- Opening hours --------------------------------------------------------------------------------------

PARIS = "Europe/Paris"  # +1, from 29 March to 25 October 2026 +2


@pytest.mark.parametrize(
    ("opening", "zone", "moment", "is_open"),
    [
        (WORKDAYS, PARIS, "2026-11-20T08:00", True),  # Friday, 09:00
        (WORKDAYS, PARIS, "2026-11-20T07:59", False),
        (WORKDAYS, PARIS, "2026-11-20T11:00", False),  # noon: the end is outside
        (WORKDAYS, PARIS, "2026-11-20T16:29", True),
        (WORKDAYS, PARIS, "2026-11-20T16:30", False),
        (WORKDAYS, PARIS, "2026-11-21T10:00", False),  # Saturday
        (WORKDAYS, PARIS, "2026-07-20T07:00", True),  # summer time: 09:00
        (WORKDAYS, PARIS, "2026-07-20T16:00", False),
        (WORKDAYS, "America/New_York", "2026-11-20T14:00", True),
        (WORKDAYS, "America/New_York", "2026-11-20T08:00", False),
        (NIGHTS, PARIS, "2026-11-20T22:59", True),  # 23:59
        (NIGHTS, PARIS, "2026-11-20T23:00", True),  # midnight
        (NIGHTS, PARIS, "2026-11-20T05:00", False),
        # 29 March 2026: at 02:00 it is 03:00. 25 October: at 03:00 it is 02:00 once more.
        (NIGHTS, PARIS, "2026-03-29T03:59", True),
        (NIGHTS, PARIS, "2026-03-29T04:00", False),
        (NIGHTS, PARIS, "2026-10-25T00:30", True),
        (NIGHTS, PARIS, "2026-10-25T01:30", True),
        (NIGHTS, PARIS, "2026-10-25T05:00", False),
        (NIGHTS, PARIS, "2026-10-25T04:59", True),
        ([[]] * 7, PARIS, "2026-11-20T10:00", False),
    ],
)
def test_opening_hours_are_those_of_the_clocks_on_the_wall(flow, number, opening, zone, moment, is_open):
    """Also where these are put forward or back."""
    started = int(at(moment).timestamp())
    for hours, starts in (("inside", is_open), ("outside", not is_open), ("any", True)):
        Start.objects.all().delete()
        make_start(flow, hours=hours, opening=opening, time_zone=zone)
        assert bool(starting.heard_call(missed_call(number, started_at=started))) is starts, hours
        FlowRun.objects.all().delete()


def test_without_a_zone_of_its_own_a_start_goes_by_the_workspace(flow, number):
    make_start(flow, hours="inside", opening=WORKDAYS)
    at_nine = int(at("2026-11-20T08:00").timestamp())

    assert starting.heard_call(missed_call(number, started_at=at_nine))


# --- A text -----------------------------------------------------------------------------------------------


@pytest.fixture
def answering(number):
    flow = make_flow(number.workspace, ANSWERING, sender=number)
    make_start(flow, SMS)
    return flow


def test_a_text_to_our_number_starts_the_flow(answering, number):
    inbound = text(number, "the price?")
    running.work()

    run = FlowRun.objects.get()
    assert (run.cause, run.branch, run.party, run.number) == ("inbound-sms", "inbound-sms", AMERICAN, number)
    [message] = messages(run)
    assert (message.recipient, message.body) == (AMERICAN, "You wrote the price?")
    assert (message.object_type, message.object_id) == ("sms", inbound.provider_id)


def test_a_text_to_another_number_does_not(answering, number):
    answering.starts.update(number=make_number(number.workspace))
    text(number)
    assert not FlowRun.objects.exists()


@pytest.mark.parametrize("body", ["STOP", " stop. ", "Help", "Abmelden", "START"])
@pytest.mark.parametrize("keeps_list", [True, False])
def test_words_that_opt_out_start_nothing(answering, number, body, keeps_list):
    if keeps_list:
        Policy.objects.create(workspace=number.workspace, kept_by=Policy.KeptBy.HERE, languages=["en", "de"])
    text(number, body)
    assert not FlowRun.objects.exists()


def test_a_word_of_the_workspaces_own_starts_nothing_either(answering, number):
    Policy.objects.create(
        workspace=number.workspace, kept_by=Policy.KeptBy.HERE, languages=["en"], own_stop=["basta"]
    )
    text(number, "Basta!")
    assert not FlowRun.objects.exists()


@pytest.mark.parametrize("sender", ["4242", "Bank", "", "+12025550101"], ids=str)
def test_short_codes_names_and_our_own_numbers_start_nothing(answering, number, sender):
    text(number, sender=sender)
    assert not FlowRun.objects.exists()


def test_a_machine_that_answers_texts_comes_to_an_end(answering, number, time_machine):
    for _ in range(starting.MOST_FROM_ONE + 3):
        text(number)
    text(number, sender="+13125550177")
    assert FlowRun.objects.filter(party=AMERICAN).count() == starting.MOST_FROM_ONE
    assert FlowRun.objects.count() == starting.MOST_FROM_ONE + 1

    time_machine.move_to(timezone.now() + starting.WITHIN + timedelta(minutes=1))
    text(number)
    assert FlowRun.objects.count() == starting.MOST_FROM_ONE + 2


def test_what_a_killed_process_did_not_begin_is_made_up_for_once(answering, number, monkeypatch):
    long_ago = timezone.now() - timedelta(days=1)
    Start.objects.update(created_at=long_ago)
    with monkeypatch.context() as patch:
        patch.setattr(received, "send", lambda **_: None)
        late = text(number, at=long_ago)  # the provider told of it a day late
        told(late, timezone.now())
        told(text(number), timezone.now() - starting.REACH)
    for _ in range(2):
        starting.make_up()

    assert FlowRun.objects.get().context["sms"]["sid"] == late.provider_id


@pytest.mark.parametrize("since", ["the flow is on", "the start is there"])
def test_what_came_before_starts_nothing(answering, number, monkeypatch, since):
    before, now = timezone.now() - timedelta(minutes=1), timezone.now()
    Start.objects.update(created_at=now if since == "the start is there" else before)
    Flow.objects.update(on_since=now if since == "the flow is on" else before)
    with monkeypatch.context() as patch:
        patch.setattr(received, "send", lambda **_: None)
        told(text(number), before + timedelta(seconds=1))
        make_start(answering)
        missed_call(number)
        ProviderCall.objects.filter(event="call.ended").update(at=before + timedelta(seconds=1))
    Start.objects.update(created_at=now if since == "the start is there" else before)
    starting.make_up()
    handling.run()

    assert not FlowRun.objects.exists()


def test_making_up_costs_a_query_where_no_text_starts_anything(flow, django_assert_num_queries):
    make_start(flow)
    with django_assert_num_queries(1):
        starting.make_up()


# --- What Aircall is asked to tell ----------------------------------------------------------------------


def test_calls_are_asked_for_only_while_one_starts_a_flow(flow, number):
    wanted = []

    def look():
        wanted.append(starting.wants_calls(number.workspace_id))

    look()
    make_start(flow, SMS)
    look()
    start = make_start(flow)
    look()
    flow.enabled = False
    flow.save()
    look()
    flow.enabled = True
    flow.save()
    start.delete()
    look()

    assert wanted == [False, False, True, False, False]
    assert not starting.wants_calls(make_workspace().pk)


def test_providers_are_told_when_what_starts_flows_changes(flow, monkeypatch):
    told = []
    monkeypatch.setattr(bell, "tell_providers", told.append)

    def changed(change):
        told.clear()
        with TestCase.captureOnCommitCallbacks(execute=True):
            change()
        return told == [flow.workspace_id]

    flow.enabled = False
    assert changed(lambda: flow.save(update_fields=["enabled"]))
    assert changed(lambda: make_start(flow))
    assert changed(lambda: flow.starts.get().delete())
    assert not changed(lambda: flow.save(update_fields=["current"]))


def test_a_number_that_calls_itself_is_not_texted(number):
    flow = make_flow(number.workspace, HELLO, sender=number)
    make_start(flow)
    [run] = starting.heard_call(missed_call(number, raw_digits=number.e164))
    assert [each.error_code for each in messages(ran(run))] == ["RECIPIENT_IS_SENDER"]
