"""Runs: each by one worker at a time, whatever it does outside once, and its end on its row."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from smsadmin import cache
from smsadmin.flows import bell, effects, fetching, running
from smsadmin.flows.models import FetchHost, FlowRun
from smsadmin.pacing import slots
from smsadmin.providers.base import Exchange
from smsadmin.providers.http import Answer
from smsadmin.sending import bell as sending_bell
from smsadmin.sending import dispatch
from smsadmin.sending.models import Event, Message
from tests.counted import assert_counters_equal_the_log
from tests.factories import FakeProvider, make_number, make_workspace
from tests.flows.making import (
    HELLO,
    LANDLINE,
    SENT,
    actions,
    begin,
    make_flow,
    make_version,
    messages,
    ran,
    texting,
)

FETCHING = """\
branches:
  inbound-call:
    actions:
      - action: fetch@v2
        params:
          url: https://crm.example/names
        result: $name
      - action: sms@v1
        params:
          to: ${{ call.fromNumber }}
          body: 'Hello ${{ $name.ok ? $name.json.first : "there" }}'
"""


class Killed(BaseException):
    """A worker that is gone in the middle of something."""


@pytest.fixture(autouse=True)
def rings(monkeypatch):
    """How often a worker was rung for."""
    rung = []
    monkeypatch.setattr(bell, "ring", lambda: rung.append(1))
    monkeypatch.setattr(sending_bell, "ring", lambda connection_id: None)
    return rung


@pytest.fixture
def number(db):
    return make_number(make_workspace(), "+12025550101")


@pytest.fixture
def flow(number):
    return make_flow(number.workspace, sender=number)


@pytest.fixture
def called(monkeypatch):
    """The calls of other hosts, each answered with a name."""
    made = []

    def call(method, url, content, **options):
        made.append((method, url))
        return Answer(Exchange(method, url, http_status=200), body='{"first": "Ada"}')

    monkeypatch.setattr(fetching.http, "call_outside", call)
    return made


def killed_once(monkeypatch, module, name):
    """Whoever calls this is killed right after it, the first time."""
    called, whole = [], getattr(module, name)

    def killing(*args, **kwargs):
        done = whole(*args, **kwargs)
        called.append(1)
        if len(called) == 1:
            raise Killed
        return done

    monkeypatch.setattr(module, name, killing)


def lease_ends(run):
    FlowRun.objects.filter(pk=run.pk).update(next_at=timezone.now() - timedelta(seconds=1))


# --- The source's example -----------------------------------------------------------------------------


@pytest.mark.services
def test_the_example_texts_a_mobile_and_no_landline(flow):
    mobile, landline = ran(begin(flow)), ran(begin(flow, LANDLINE))

    assert [(each.recipient, each.body, each.status) for each in messages(mobile)] == [
        ("+33639980042", SENT, "queued")
    ]
    assert messages(landline) == []
    assert (mobile.state, landline.state) == ("done", "done")
    assert actions(mobile) == {"inbound-call.1": "given", "voicemail.1": "taken"}
    assert actions(landline) == {"inbound-call.1": "given", "voicemail.1": "skipped"}


def test_a_message_says_of_which_flow_version_run_and_step_it_is(flow):
    make_version(flow, flow.current.source)
    run = ran(begin(flow))
    [message] = messages(run)

    assert message.trigger == "callflow"
    assert message.origin == {
        "flow": flow.pk, "flow_name": flow.name, "version": 2, "run": str(run.pk), "step": "voicemail.1",
    }  # fmt: skip
    assert (message.object_type, message.object_id) == ("call", "780000001")
    assert message.trace[0][2:] == ["action.flow", {"flow": flow.name, "version": 2, "step": "voicemail.1"}]


def test_a_run_takes_the_version_that_it_was_begun_with(flow):
    run = begin(flow)
    make_version(flow, HELLO)

    assert [each.body for each in messages(ran(run))] == [SENT]


# --- One worker at a time ---------------------------------------------------------------------------------


def test_a_run_that_a_worker_has_is_left_to_it(flow):
    run = begin(flow)
    FlowRun.objects.update(state="running", holder=uuid.uuid4(), next_at=timezone.now() + running.LEASE)

    assert (ran(run).state, messages(run), running.work()) == ("running", [], 0)


def test_a_run_at_its_end_is_not_taken_again(flow):
    run = ran(begin(flow))

    assert len(messages(ran(run))) == 1
    assert FlowRun.objects.get().attempts == 1


def test_a_worker_takes_every_run_that_waits(flow):
    runs = [begin(flow) for _ in range(3)]

    assert (running.work(), running.work()) == (3, 0)
    assert [len(messages(run)) for run in runs] == [1, 1, 1]


def test_what_costs_queries_is_the_run_and_not_how_many_there_are(flow, django_assert_max_num_queries):
    begin(flow)
    running.work()
    for _ in range(3):
        begin(flow)

    with django_assert_max_num_queries(3 + 3 * 25):
        running.work()


def test_no_more_threads_are_at_runs_than_messages_can_spare(flow, monkeypatch):
    places = running._Places()
    monkeypatch.setattr(running, "_places", places)
    places.held.update({-nth: 1 for nth in range(running.MOST_AT_ONCE)})
    begin(flow)
    assert running.work() == 0

    places.held[0] -= 1
    assert (running.work(), places.held[flow.workspace_id]) == (1, 0)


def test_runs_of_one_workspace_leave_room_for_anothers(flow, monkeypatch):
    places = running._Places()
    monkeypatch.setattr(running, "_places", places)
    places.held[flow.workspace_id] = running.MOST_OF_ONE
    begin(flow)
    other = begin(make_flow(make_workspace()))

    assert running.work() == 1
    other.refresh_from_db()
    assert other.state == "done"


def test_workspaces_take_turns(flow, monkeypatch):
    taken, through = [], running._through
    monkeypatch.setattr(running, "_through", lambda run: (taken.append(run.workspace_id), through(run)))
    other = make_flow(make_workspace())
    for each in (flow, flow, flow, other, other):
        begin(each)
    running.work()

    ours, theirs = flow.workspace_id, other.workspace_id
    assert taken == [ours, theirs, ours, theirs, ours]


def test_workers_that_were_killed_take_no_room(flow):
    held = [begin(flow) for _ in range(running.MOST_AT_ONCE)]
    FlowRun.objects.filter(pk__in=[each.pk for each in held]).update(
        state="running", next_at=timezone.now() + running.LEASE
    )
    begin(flow)

    assert running.work() == 1


def test_a_worker_that_was_overtaken_does_nothing_more(flow, monkeypatch):
    make_version(flow, texting("to: ${{ call.fromNumber }}\nbody: One") + HELLO.partition("actions:\n")[2])
    run = begin(flow)
    sent = effects.accept

    def overtaken(ask):
        FlowRun.objects.update(holder=uuid.uuid4())
        return sent(ask)

    monkeypatch.setattr(effects, "accept", overtaken)
    run = ran(run)

    assert [each.body for each in messages(run)] == ["One"]
    assert (run.state, run.steps) == ("running", [])


# --- Workers that are killed ------------------------------------------------------------------------------


@pytest.mark.services
@pytest.mark.parametrize("after", ["accept", "_of_message"], ids=["the text", "before it is noted"])
def test_a_worker_killed_at_a_text_leaves_the_run_to_the_next_which_sends_it_once(flow, monkeypatch, after):
    killed_once(monkeypatch, effects, after)
    run = begin(flow)
    with pytest.raises(Killed):
        running.work()
    assert (running.work(), len(messages(run))) == (0, 1)

    lease_ends(run)
    running.sweep()

    run.refresh_from_db()
    assert (run.state, run.attempts, len(messages(run))) == ("done", 2, 1)
    assert_counters_equal_the_log()


def test_what_was_done_before_is_answered_from_the_row(flow, monkeypatch):
    killed_once(monkeypatch, running, "_keep")
    run = begin(flow)
    with pytest.raises(Killed):
        running.work()
    lease_ends(run)
    running.sweep()

    assert len(messages(run)) == 1
    assert not Event.objects.filter(kind="repeat").exists()


def test_a_host_is_called_once_and_its_answer_stays(flow, called, monkeypatch):
    make_version(flow, FETCHING)
    FetchHost.objects.create(workspace=flow.workspace, host="crm.example")
    killed_once(monkeypatch, effects, "accept")
    run = begin(flow)
    with pytest.raises(Killed):
        running.work()
    lease_ends(run)
    running.sweep()

    assert called == [("GET", "https://crm.example/names")]
    assert [each.body for each in messages(run)] == ["Hello Ada"]


def test_a_call_whose_answer_nobody_knows_is_not_repeated(flow, called, monkeypatch):
    make_version(flow, FETCHING)
    FetchHost.objects.create(workspace=flow.workspace, host="crm.example")
    killed_once(monkeypatch, fetching.http, "call_outside")
    run = begin(flow)
    with pytest.raises(Killed):
        running.work()
    lease_ends(run)
    running.sweep()
    run.refresh_from_db()

    assert len(called) == 1
    assert [each.body for each in messages(run)] == ["Hello there"]
    assert run.effects["inbound-call.1#1"]["error"] == (
        "its worker stopped before the answer came, and it is not repeated"
    )


def test_a_run_at_which_workers_are_killed_again_and_again_is_given_up(flow, monkeypatch):
    def killing(*_):
        raise Killed

    monkeypatch.setattr(running.engine, "run", killing)
    run = begin(flow)
    for _ in range(running.MOST_ATTEMPTS):
        with pytest.raises(Killed):
            running.work()
        lease_ends(run)
    running.sweep()

    run.refresh_from_db()
    assert (run.state, run.error) == ("failed", {"code": "INTERNAL_ERROR", "facts": {"kind": "WorkerKilled"}})
    assert run.finished_at


def test_a_worker_that_is_to_stop_hands_the_run_back(flow, monkeypatch):
    run = begin(flow)
    monkeypatch.setattr(running, "stopping", dispatch.stopping.__class__())
    begun = running.engine.run

    def stopped(*args):
        running.stopping.set()
        return begun(*args)

    monkeypatch.setattr(running.engine, "run", stopped)
    running.work()
    run.refresh_from_db()

    assert (run.state, run.attempts, run.holder, messages(run)) == ("waiting", 0, None, [])


# --- What goes wrong --------------------------------------------------------------------------------------


def test_what_nobody_foresaw_ends_the_run_with_its_story(flow, monkeypatch):
    def broken(_ask):
        raise KeyError("of a secret")

    monkeypatch.setattr(effects, "accept", broken)
    run = ran(begin(flow))

    assert (run.state, run.error) == ("failed", {"code": "INTERNAL_ERROR", "facts": {"kind": "KeyError"}})
    assert run.steps[-1]["verdict"] == "failed"
    assert "secret" not in str(run.steps)


def test_a_database_that_is_away_puts_the_run_off(flow, monkeypatch):
    accept, tried = effects.accept, []

    def away(ask):
        tried.append(1)
        if len(tried) == 1:
            raise OperationalError("gone")
        return accept(ask)

    monkeypatch.setattr(effects, "accept", away)
    run = ran(begin(flow))
    soon = timezone.now() + running.PUT_OFF
    assert (run.state, run.attempts, timezone.now() < run.next_at <= soon) == ("waiting", 1, True)

    lease_ends(run)
    running.sweep()
    run.refresh_from_db()
    assert (run.state, len(messages(run))) == ("done", 1)


def test_a_run_is_put_off_longer_each_time(flow, monkeypatch):
    def away(_ask):
        raise OperationalError("gone")

    monkeypatch.setattr(effects, "accept", away)
    run, pauses = begin(flow), []
    for _ in range(running.MOST_ATTEMPTS):
        run = ran(run)
        pauses.append(round((run.next_at - timezone.now()).total_seconds()))

    assert pauses == [5, 20, 80, 120, 120]


def test_steps_that_cannot_be_stored_end_the_run_without_them(flow, monkeypatch):
    monkeypatch.setattr(running, "storable", lambda value: {object()} if value else value)
    run = ran(begin(flow))

    assert (run.state, run.steps, run.next_at, len(messages(run))) == ("done", [], None, 1)


def test_a_branch_that_is_not_there_ends_the_run(flow):
    run = begin(flow)
    FlowRun.objects.update(branch="nowhere")

    assert ran(run).error == {"code": "NO_SUCH_BRANCH", "facts": {"branch": "nowhere"}}


def test_a_text_that_was_saved_with_errors_ends_the_run(flow):
    flow.current.source = "branches: ["
    flow.current.save()

    assert ran(begin(flow)).error["code"] == "NOT_A_FLOW"


# --- Many at once -----------------------------------------------------------------------------------------


def of_threads(work, items):
    def one(item):
        try:
            return work(item)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, items))


def sent_of(number, monkeypatch):
    """What leaves the number's account, as fast as it can."""
    provider = FakeProvider()
    monkeypatch.setattr(dispatch, "provider_of", lambda connection: provider)
    monkeypatch.setattr(dispatch.paced, "rate", lambda connection: slots.Rate(timedelta(0)))
    monkeypatch.setattr(dispatch.paced, "at_once", lambda connection: 100)
    dispatch.drain(number.connection_id, sleep=lambda seconds: None)
    return provider.sent


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_hundreds_of_runs_at_once_are_counted_logged_and_sent_once_each(monkeypatch, settings):
    settings.DISPATCH_LINGER = 0.0
    many = 300 if connection.vendor == "sqlite" else 100
    number = make_number(make_workspace(), "+12025550101")
    number.workspace.quota_rules.exclude(window="month").delete()
    cache.forget()
    flow = make_flow(number.workspace, HELLO, sender=number)
    callers = [f"+336399{nth:05}" for nth in range(many)]

    of_threads(lambda caller: begin(flow, caller, key=caller), callers)
    again = of_threads(lambda caller: begin(flow, caller, key=caller), callers[:50])
    of_threads(lambda _: running.work(), range(4))

    assert all(run.is_repeated for run in again)
    assert list(FlowRun.objects.values_list("state", "attempts").distinct()) == [("done", 1)]
    assert sorted(Message.objects.values_list("recipient", flat=True)) == callers
    assert_counters_equal_the_log()
    assert sorted(sms.recipient for sms in sent_of(number, monkeypatch)) == callers
