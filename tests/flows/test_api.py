"""Runs begun by program, as a Callr scenario does: told in one form, once for each key."""

import json
import re

import pytest
from django.db import OperationalError

from smsadmin.flows import bell, running, snippets, starting
from smsadmin.flows.models import FlowRun
from smsadmin.sending.again import Reason, verdicts
from smsadmin.sending.models import Message
from tests.api.conftest import *  # noqa: F403 (its fixtures)
from tests.api.conftest import (
    Program,
    _fresh,  # noqa: F401
    make_program,
    told,
)
from tests.api.test_openapi import described
from tests.factories import make_member, make_number, make_workspace
from tests.flows.making import LANDLINE, MOBILE, SENT, make_flow, make_version

PATH, ONE = "/api/v1/flows/{flow}/runs", "/api/v1/flows/{flow}/runs/{run}"
#: As a scenario's fetch@v2 sends it (Callr help: "call" and "run" through JSON.stringify).
CALL = {
    "call": {
        "fromNumber": MOBILE, "fromType": "MOBILE", "fromCountry": "FR", "toNumber": "+33199001234",
        "cdr": {"callid": "call-17", "durationAnswered": 0},
    },
    "run": {"id": "inbound-call:424242", "type": "inbound-call"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def rings(monkeypatch):
    rung = []
    monkeypatch.setattr(bell, "ring", lambda: rung.append(1))
    return rung


@pytest.fixture
def flow(workspace):
    return make_flow(workspace, sender=make_number(workspace, "+12025550101"))


def post(program, flow, body, slash="", **headers):
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    return program.client.post(
        f"/api/v1/flows/{getattr(flow, 'pk', flow)}/runs{slash}",
        content,
        "application/json",
        headers={"Authorization": f"Bearer {program.token}", **headers},
    )


def test_what_is_there_to_be_copied_tells_all_that_the_flow_reads(program, flow):
    body = json.loads(re.search(r"-d '(.*)'", snippets.curl(flow))[1])
    assert body["given"] == {"$dial": {"ok": False}}
    assert post(program, flow, body, **{"Idempotency-Key": "call-4711"}).status_code == 202
    assert '"given": {"$dial": ${{ JSON.stringify($dial) }}}}' in snippets.callr_step(flow)

    simple = make_flow(flow.workspace, "branches:\n  inbound-call:\n    - action: hangup@v1\n")
    assert "given" not in snippets.curl(simple) + snippets.callr_step(simple)


def get(program, run):
    return program.get(f"flows/{run.flow_id}/runs/{run.pk}")


# --- Beginning ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_scenario_begins_a_run_and_is_answered_before_anything_is_sent(program, flow, slash):
    response = post(program, flow, CALL, slash)

    run = FlowRun.objects.get()
    url = f"http://testserver/api/v1/flows/{flow.pk}/runs/{run.pk}"
    assert (response.status_code, response["Location"]) == (202, url)
    assert response.json() == {"id": str(run.pk), "state": "waiting", "url": url, "test": False}
    assert (run.cause, run.branch, run.party, run.context["run"]) == (
        "callr",
        "inbound-call",
        MOBILE,
        CALL["run"],
    )
    assert not Message.objects.exists()
    assert described(PATH, response) == []


def test_the_texts_of_the_run_are_sent_and_told(program, flow):
    post(program, flow, {**CALL, "given": {"$dial": {"ok": False}}})
    running.work()
    run, message = FlowRun.objects.get(), Message.objects.get()

    response = get(program, run)

    found = response.json()
    assert (message.body, message.recipient, message.object_id) == (SENT, MOBILE, "call-17")
    assert (found["state"], found["error"], found["version"]) == ("done", None, 1)
    assert found["messages"] == [{"id": str(message.pk), "to": MOBILE, "status": "queued", "code": None}]
    assert [step["path"] for step in found["steps"]][-1] == "voicemail.1"
    assert described(ONE, response) == []


def test_a_key_in_test_mode_texts_test_numbers_alone_and_stands_in_nobodys_way(owner, program, flow):
    trial, given = make_program(owner, test=True), {**CALL, "given": {"$dial": {"ok": False}}}
    begun = post(trial, flow, given)
    assert (begun.json()["test"], described(PATH, begun)) == (True, [])
    assert post(program, flow, given).json()["test"] is False  # the same key, by a program that is live
    running.work()

    tried, real = FlowRun.objects.order_by("pk")
    answer = get(program, tried)
    [refused] = answer.json()["messages"]
    assert (answer.json()["test"], refused["code"]) == (True, "TEST_NUMBERS_ONLY")
    assert described(ONE, answer) == []
    message = Message.objects.get(pk=refused["id"])
    assert program.get(f"messages/{message.pk}").json()["test"] is True
    assert verdicts(flow.workspace, [message])[message.pk].reason == Reason.TEST
    assert [each["status"] for each in get(trial, real).json()["messages"]] == ["queued"]


def test_what_was_given_decides(program, flow):
    post(program, flow, {**CALL, "given": {"$dial": {"ok": True}}})
    running.work()

    assert FlowRun.objects.get().state == "done"
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("cdr", "texted"),
    [
        ({"durationAnswered": 0}, True),
        ({"durationAnswered": 12}, False),
        ({"duration_answered": 12}, False),
        ({"answered": None}, True),
        ({"answered": "2026-11-20T08:00:00Z"}, False),
    ],
)
def test_without_the_result_of_a_dial_the_record_of_the_call_tells_whether_somebody_answered(
    program, flow, cdr, texted
):
    post(program, flow, {**CALL, "call": {**CALL["call"], "cdr": cdr}})
    running.work()

    run = FlowRun.objects.get()
    assert (run.state, Message.objects.exists()) == ("done", texted)
    assert run.steps[1]["verdict"] == "given"


@pytest.mark.parametrize(
    "more",
    [
        {"call": {"fromNumber": MOBILE}},
        {"call": {"fromNumber": MOBILE, "cdr": {"status": "ANSWERED", "durationAnswered": True}}},
        {"call": {"fromNumber": MOBILE}, "given": {"$dial": {}, "say@v2": {"ok": True}}},
    ],
)
def test_a_result_that_the_flow_decides_by_and_nobody_knows_is_asked_for(program, flow, more):
    response = post(program, flow, {**CALL, **more})

    detail = told(response, 422, "RESULT_MISSING")["detail"]
    assert "The flow decides by $dial, the result of dial@v1 in line " in detail
    assert '"given": {"$dial": {"ok": false}}' in detail
    assert described(PATH, response) == []
    assert not FlowRun.objects.exists()


def test_a_result_that_nothing_reads_need_not_be_given(program, flow):
    step = "{action: dial@v1, result: $dial}"
    make_version(
        flow,
        f"branches:\n  inbound-call:\n    actions: [{step}]\n  inbound-sms:\n    actions:\n"
        "      - {action: log@v1, params: {message: '${{ $dial?.ok }}'}}\n",
    )
    assert post(program, flow, {**CALL, "call": {}}).status_code == 202
    running.work()
    assert FlowRun.objects.get().steps[1]["verdict"] == "not_given"


def test_types_and_countries_that_are_left_out_are_told_by_the_number(program, flow):
    body = {"call": {"fromNumber": LANDLINE, "toCountry": "XX"}, "given": {"$dial": {"ok": False}}}
    post(program, flow, body, **{"Idempotency-Key": "1"})

    call = FlowRun.objects.get().context["call"]
    assert (call["fromType"], call["fromCountry"], call["toCountry"]) == ("FIXED_LINE", "FR", "XX")
    assert FlowRun.objects.get().cause == "api"


@pytest.mark.parametrize(
    ("body", "branch"),
    [
        ({"call": {}}, "inbound-call"),
        ({"sms": {}}, "inbound-sms"),
        ({}, "api-initiated"),
        ({"call": {}, "branch": "voicemail"}, "voicemail"),
    ],
)
def test_a_run_begins_with_the_branch_of_its_event_or_with_the_one_named(program, flow, body, branch):
    step = "{actions: [{action: hangup@v1}]}"
    names = ("inbound-call", "inbound-sms", "api-initiated", "voicemail")
    make_version(flow, "branches:\n" + "".join(f"  {name}: {step}\n" for name in names))
    post(program, flow, body, **{"Idempotency-Key": "1"})

    assert FlowRun.objects.get().branch == branch


# --- Once ---------------------------------------------------------------------------------------------


@pytest.mark.services
def test_a_repeat_gets_the_same_run(program, flow):
    first, again = post(program, flow, CALL), post(program, flow, json.dumps(CALL, indent=4))

    assert (again.status_code, again.json()) == (202, first.json())
    assert (first.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    assert described(PATH, again) == []
    assert FlowRun.objects.count() == 1


def test_a_repeat_gets_the_same_run_also_when_the_flow_is_off_by_then(program, flow):
    first = post(program, flow, CALL)
    flow.enabled = False
    flow.save()

    assert post(program, flow, CALL).json()["id"] == first.json()["id"]


def test_the_header_goes_before_the_id_of_the_run(program, flow):
    post(program, flow, CALL)
    assert post(program, flow, CALL, **{"Idempotency-Key": "second"}).status_code == 202
    assert FlowRun.objects.count() == 2


def test_the_same_key_with_another_body_is_refused(program, flow):
    post(program, flow, CALL)
    response = post(program, flow, {**CALL, "branch": "voicemail"})

    assert "inbound-call:424242" in told(response, 422, "IDEMPOTENCY_KEY_REUSED")["detail"]
    assert described(PATH, response) == []
    assert FlowRun.objects.count() == 1


# --- What is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ([], "", "It is a list. Give an object."),
        ({**CALL, "to": "+33612345678"}, "/to", "There are call, sms, run, given, branch."),
        ({**CALL, "call": "+33612345678"}, "/call", "It is a text. Give an object."),
        ({**CALL, "branch": 5}, "/branch", "It is a number. Give a text."),
        ({**CALL, "branch": "voicemial"}, "/branch", "It has inbound-call, voicemail."),
        ({"sms": {}, "run": {"id": "1"}}, "/branch", "The flow has no branch “inbound-sms”."),
        ({**CALL, "sms": {}}, "/sms", "Give call or sms, not both"),
    ],
)
def test_a_member_that_cannot_be_used_is_named(program, flow, body, pointer, words):
    response = post(program, flow, body)

    [fault] = told(response, 422, "BAD_BODY")["errors"]
    assert (fault["pointer"], words in fault["detail"]) == (pointer, True), fault
    assert described(PATH, response) == []
    assert not FlowRun.objects.exists()


@pytest.mark.parametrize(
    ("pk", "code"),
    [
        ("", "IDEMPOTENCY_KEY_MISSING"),
        (["1"], "IDEMPOTENCY_KEY_MISSING"),
        ("1" * 256, "BAD_PARAMETER"),
        ("a key", "BAD_PARAMETER"),
    ],
)
def test_a_repeat_is_recognised_by_keys_of_one_kind(program, flow, pk, code):
    response = post(program, flow, {"call": {}, "run": {"id": pk}})

    assert told(response, 400, code)["parameter"] == "Idempotency-Key"
    assert described(PATH, response) == []
    told(post(program, flow, CALL, **{"Idempotency-Key": "ünl"}), 400, "BAD_PARAMETER")
    assert not FlowRun.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b'{"call": undefined}',
        b"[" * 60_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_body_that_cannot_be_read_is_a_bad_request(program, flow, body):
    told(post(program, flow, body), 400, "BAD_REQUEST")


def test_a_body_that_is_too_large_says_so(program, flow):
    body = b'{"call": "' + b"x" * 70_000 + b'"}'
    assert "65536 bytes" in told(post(program, flow, body), 413, "BODY_TOO_LARGE")["detail"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "[" * 20 + "]" * 20])
def test_what_no_database_stores_is_refused(program, flow, value):
    body = f'{{"call": {{"x": {value}}}, "run": {{"id": "1"}}}}'
    told(post(program, flow, body), 400, "BAD_REQUEST")


def test_a_body_that_is_not_sent_as_json_says_so(program, flow):
    path = f"/api/v1/flows/{flow.pk}/runs"
    response = program.client.post(path, json.dumps(CALL), "text/plain", headers=program.headers)
    told(response, 415, "NOT_JSON")
    assert described(PATH, response) == []


def test_a_flow_that_is_off_says_so(program, flow):
    flow.enabled = False
    flow.save()
    response = post(program, flow, CALL)

    assert flow.name in told(response, 409, "FLOW_OFF")["detail"]
    assert described(PATH, response) == []


def test_flows_and_runs_of_others_are_not_there(program, flow):
    stranger = make_program(make_member(make_workspace()))
    post(program, flow, CALL)
    run = FlowRun.objects.get()

    told(post(stranger, flow, CALL), 404, "NOT_FOUND")
    told(get(stranger, run), 404, "NOT_FOUND")
    told(program.get(f"flows/{flow.pk + 1}/runs/{run.pk}"), 404, "NOT_FOUND")
    told(program.get(f"flows/{flow.pk}/runs/not-a-run"), 404, "NOT_FOUND")


def test_without_a_key_or_too_often_nothing_is_begun(program, flow, settings):
    told(post(Program(program.key, "wrong", program.client), flow, CALL), 401, "KEY_UNKNOWN")
    settings.API_REQUESTS_PER_MINUTE = 0
    told(post(program, flow, CALL), 429, "TOO_MANY_REQUESTS")
    assert not FlowRun.objects.exists()


def test_each_address_says_which_method_it_takes(program, flow):
    assert program.get(f"flows/{flow.pk}/runs")["Allow"] == "POST"
    post(program, flow, CALL)
    run = FlowRun.objects.get()
    response = program.client.post(f"/api/v1/flows/{flow.pk}/runs/{run.pk}", headers={})
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


def test_a_database_that_is_gone_is_told_as_such(program, flow, monkeypatch):
    def gone(*_):
        raise OperationalError

    monkeypatch.setattr(starting, "begun", gone)
    told(post(program, flow, CALL), 503, "NOT_NOW")


def test_what_it_costs(program, flow, django_assert_max_num_queries):
    post(program, flow, {**CALL, "run": {"id": "0"}})
    with django_assert_max_num_queries(10):
        post(program, flow, CALL)
    running.work()
    with django_assert_max_num_queries(4):
        get(program, FlowRun.objects.first())
