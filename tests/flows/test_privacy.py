"""What runs know of people: masked for viewers, and deleted by age."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from smsadmin.flows import bell, reading
from smsadmin.flows.models import FlowRun
from smsadmin.flows.purging import purge
from smsadmin.privacy import purging
from smsadmin.privacy.models import Part, Policy
from smsadmin.sending import bell as sending_bell
from tests.factories import make_member, make_number, make_workspace, uuid7_at
from tests.flows.making import MOBILE, SENT, begin, make_flow, ran


@pytest.fixture(autouse=True)
def _nobody_rung_for(monkeypatch):
    monkeypatch.setattr(bell, "ring", lambda: None)
    monkeypatch.setattr(sending_bell, "ring", lambda connection_id: None)


@pytest.fixture
def flow(db):
    number = make_number(make_workspace(), "+12025550101")
    return make_flow(number.workspace, sender=number)


def rests(run):
    """All that a run says."""
    return json.dumps([run.party, run.context, run.steps, run.effects, run.error])


def aged(run, days):
    """The same run, begun that long ago."""
    old = uuid7_at(timezone.now() - timedelta(days=days))
    FlowRun.objects.filter(pk=run.pk).update(id=old)
    return FlowRun.objects.get(pk=old)


# --- Viewers ------------------------------------------------------------------------------------------


def test_a_viewer_sees_how_a_run_went_without_numbers_and_texts(flow):
    run = ran(begin(flow))
    [seen] = reading.for_reader([run], make_member(flow.workspace, "viewer"))

    assert seen.is_masked
    assert seen.party == "+33 ••• •••42"
    assert [word for word in (MOBILE, MOBILE[1:], "780000001") if word in rests(seen)] == []
    assert [step["path"] for step in seen.steps] == [step["path"] for step in run.steps]
    sms = seen.steps[-1]
    assert (sms["condition"], sms["value"], sms["verdict"]) == (
        "call.fromType.match(/MOBILE/)",
        "•••",
        "taken",
    )
    assert seen.steps[2]["value"] == "true"
    assert sms["result"]["messages"][0] | {"id": ""} == {
        "ok": True, "id": "", "to": "+33 ••• •••42", "status": "queued",
    }  # fmt: skip
    assert (seen.context, seen.effects) == ({}, {})
    assert MOBILE in rests(run)


def test_a_rehearsals_text_and_what_a_host_said_are_masked_too(flow):
    run = ran(begin(flow, dry=True))
    run.steps[0] |= {"kind": "action", "name": "fetch@v2"}
    run.steps[0]["result"] = {
        "json": {"status": "Ada", "id": 4412345678, "Ada": 3},
        "body": "Ada",
        "status": 200,
        "ok": True,
    }
    [seen] = reading.for_reader([run], make_member(flow.workspace, "viewer"))

    assert [word for word in (SENT, "Ada", "4412345678") if word in rests(seen)] == []
    assert seen.steps[0]["result"] == {"json": "•••", "body": "•••", "status": 200, "ok": True}


def test_of_what_somebody_gave_only_yes_and_no_are_shown(flow):
    given = {
        "ok": False,
        "id": "+33639980042",
        "status": "Ada",
        "n": 1234,
        "+33639980042": True,
        "cdr": {"from": "Ada"},
    }
    run = ran(begin(flow, given={"$dial": given}))
    run.steps[1]["value"] = "123456"
    run.steps[2]["value"] = "123"
    [seen] = reading.for_reader([run], make_member(flow.workspace, "viewer"))

    assert seen.steps[1]["result"] == {"ok": False}
    assert (seen.steps[1]["value"], seen.steps[2]["value"]) == ("•••", "123")


def test_what_a_list_did_not_read_is_not_read_for_it(flow, django_assert_num_queries):
    ran(begin(flow))
    viewer = make_member(flow.workspace, "viewer")
    [seen] = reading.for_reader(FlowRun.objects.defer("context", "steps", "effects"), viewer)

    with django_assert_num_queries(0):
        assert (seen.context, seen.steps, seen.effects) == ({}, [], {})


@pytest.mark.parametrize("role", ["operator", "owner"])
def test_who_sees_everything_sees_runs_as_they_are(flow, role):
    run = ran(begin(flow))
    assert reading.for_reader([run], make_member(flow.workspace, role))[0] is run


# --- Age ----------------------------------------------------------------------------------------------


def test_without_its_values_a_run_keeps_what_was_decided_and_which_messages_it_made(flow):
    run = aged(ran(begin(flow)), days=31)
    before = [(step["path"], step["verdict"], step["condition"]) for step in run.steps]
    pk = run.effects["voicemail.1#1"]["messages"][0]["id"]

    assert purge(flow.workspace, timezone.now() - timedelta(days=30), Part.TEXT) == 1
    run.refresh_from_db()

    assert [(step["path"], step["verdict"], step["condition"]) for step in run.steps] == before
    assert run.steps[-1]["result"] == {"messages": [{"id": pk, "status": "queued"}]}
    assert (run.context, run.effects) == ({}, {"voicemail.1#1": run.steps[-1]["result"]})
    assert run.party == MOBILE
    assert run.values_gone_at


def test_its_number_goes_with_all_that_it_stands_in(flow):
    run = aged(ran(begin(flow)), days=31)
    purge(flow.workspace, timezone.now() - timedelta(days=30), Part.NUMBER)
    run.refresh_from_db()

    assert MOBILE not in rests(run)
    assert run.number_gone_at
    assert run.values_gone_at


def test_what_is_gone_is_not_looked_at_again_and_what_is_young_stays(flow):
    aged(ran(begin(flow)), days=31)
    young = aged(ran(begin(flow)), days=29)
    before = timezone.now() - timedelta(days=30)

    for part in Part:
        assert [purge(flow.workspace, before, part), purge(flow.workspace, before, part)] == [1, 0]
    assert FlowRun.objects.get() == young
    assert MOBILE in rests(young)


def test_a_run_that_is_not_at_its_end_is_passed_by_until_it_is(flow):
    run, before = aged(begin(flow), days=31), timezone.now() - timedelta(days=30)

    assert [purge(flow.workspace, before, part) for part in Part] == [0, 0, 0]
    ran(run)
    assert purge(flow.workspace, before, Part.MESSAGE) == 1


def test_runs_go_by_the_workspaces_own_days_and_no_others(flow):
    other = make_number(make_workspace(), "+12025550102")
    kept = aged(ran(begin(make_flow(other.workspace, sender=other))), days=100)
    for days in (91, 61, 31, 1):
        aged(ran(begin(flow)), days=days)
    Policy.objects.create(workspace=flow.workspace, text_days=30, number_days=60, message_days=90)

    purging.run()

    runs = FlowRun.objects.filter(workspace=flow.workspace).order_by("pk")
    assert [(bool(run.context), run.party) for run in runs] == [(False, ""), (False, MOBILE), (True, MOBILE)]
    assert FlowRun.objects.get(pk=kept.pk).context
