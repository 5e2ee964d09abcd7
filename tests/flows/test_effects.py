"""What steps do outside: texts through the one pipeline, hosts that are allowed, and rehearsals that do neither."""

import json
import socket
from contextlib import contextmanager
from threading import Thread

import pytest
from django.utils import timezone

from smsadmin.flows import bell, effects, fetching, running
from smsadmin.flows.models import FetchHost, FlowRun
from smsadmin.providers import http
from smsadmin.sending import bell as sending_bell
from smsadmin.sending.models import Event, Message
from tests.factories import make_number, make_workspace
from tests.flows.making import (
    AMERICAN,
    HELLO,
    LANDLINE,
    actions,
    begin,
    make_flow,
    make_version,
    messages,
    ran,
    texting,
)


@pytest.fixture(autouse=True)
def _nobody_rung_for(monkeypatch):
    monkeypatch.setattr(bell, "ring", lambda: None)
    monkeypatch.setattr(sending_bell, "ring", lambda connection_id: None)


@pytest.fixture
def number(db):
    return make_number(make_workspace(), "+12025550101")


@pytest.fixture
def flow(number):
    return make_flow(number.workspace, HELLO, sender=number)


def run_of(flow, source, caller=AMERICAN, **options):
    make_version(flow, source)
    return ran(begin(flow, caller, **options))


def answer(run, path="inbound-call.1"):
    """What the first execution of a step answered."""
    return run.effects[f"{path}#1"]


# --- Texts --------------------------------------------------------------------------------------------


def test_each_recipient_has_a_message_of_its_own_and_the_result_tells_of_each(flow):
    params = (
        "to:\n  - ${{ call.fromNumber }}\n  - ${{ call.toNumber }}\n  - ${{ call.fromCountry }}\nbody: Hello"
    )
    run = run_of(flow, texting(params))

    told = answer(run)
    assert [(each["to"], each["status"], each.get("code")) for each in told["messages"]] == [
        (AMERICAN, "queued", None),
        ("+12025550101", "rejected", "RECIPIENT_IS_SENDER"),
        ("US", "rejected", "RECIPIENT_NOT_E164"),
    ]
    assert (told["ok"], told["error"]) == (False, told["messages"][1]["error"])
    assert [str(each.pk) for each in messages(run)] == [each["id"] for each in told["messages"]]
    assert run.state == "done"


def test_the_result_goes_to_its_variable(flow):
    again = "- if: \"$sms.ok && $sms.messages[0].status == 'queued'\"\n  action: log@v1\n  params: {message: sent}"
    run = run_of(flow, texting("to: ${{ call.fromNumber }}\nbody: Hello", again))

    assert actions(run) == {"inbound-call.1": "taken", "inbound-call.2": "taken"}


def test_one_number_in_two_spellings_is_texted_once(flow):
    run = run_of(
        flow, texting("to: ['+13125550123', '${{ call.fromNumber.split(\"5\").join(\" 5\") }}']\nbody: Hello")
    )
    assert [each.recipient for each in messages(run)] == [AMERICAN]


def test_what_a_text_says_is_no_template(flow):
    run = run_of(
        flow, texting("to: ${{ call.fromNumber }}\nbody: '${{ call.cdr.callid }} {{Contact.Name}} {{'")
    )
    assert [each.body for each in messages(run)] == ["780000001 {{Contact.Name}} {{"]


def test_white_space_at_the_end_is_not_sent(flow):
    run = run_of(flow, texting("to: ${{ call.fromNumber }}\nbody: >\n  Hello\n\n\n"))
    [message] = messages(run)
    assert (message.body, message.characters) == ("Hello", 5)


def test_an_empty_text_and_an_empty_recipient_are_refused_by_name(flow):
    run = run_of(flow, texting("to: ${{ call.fromLocation.nothing }}\nbody: ${{ call.cdr.nothing }}"))
    assert [each.error_code for each in messages(run)] == ["RECIPIENT_MISSING"]


def test_a_step_may_not_be_a_campaign(flow, monkeypatch):
    monkeypatch.setattr(effects, "MOST_TEXTS", 1)
    run = run_of(flow, texting("to:\n  - ${{ call.fromNumber }}\n  - ${{ call.toNumber }}\nbody: Hello"))

    assert answer(run)["error"] == "with 2 more recipients the run would text 2 times, and 1 are the most"
    assert messages(run) == []


#: Texts again and again, until the limit of gotos.
ROUND = """\
branches:
  inbound-call:
    actions:
      - action: sms@v1
        params:
          to: TO
          body: Hello
      - if: "call.fromNumber"
        goto: {branch: inbound-call}
"""


@pytest.mark.parametrize("dry", [True, False])
def test_a_flow_that_goes_round_texts_one_recipient_three_times(flow, dry):
    run = run_of(flow, ROUND.replace("TO", "${{ call.fromNumber }}"), dry=dry)

    assert len(messages(run)) == (0 if dry else 3)
    told = [run.effects[f"inbound-call.1#{nth}"] for nth in range(1, 5)]
    assert [each["ok"] for each in told] == [True, True, True, False]
    assert told[3]["error"] == "the run has texted it 3 times already, which is the most"
    assert "are the most" in run.effects["inbound-call.1#101"]["error"]


def test_what_was_texted_before_a_worker_was_killed_counts(flow, monkeypatch):
    make_version(flow, ROUND.replace("TO", "${{ call.fromNumber }}"))
    accept, asked = effects.accept, []

    def killing(ask):
        asked.append(1)
        if len(asked) == 3:
            raise Killed
        return accept(ask)

    monkeypatch.setattr(effects, "accept", killing)
    run = begin(flow, AMERICAN)
    with pytest.raises(Killed):
        running.work()
    FlowRun.objects.update(next_at=timezone.now())
    running.sweep()

    assert (len(messages(run)), len(asked)) == (3, 4)


def test_all_texts_of_a_run_are_limited_together(flow, monkeypatch):
    monkeypatch.setattr(effects, "MOST_TEXTS", 5)
    run = run_of(flow, ROUND.replace("TO", "['+13125550123', '+13125550124']"))
    assert len(messages(run)) == 4


def test_a_text_longer_than_any_is_refused(flow, monkeypatch):
    monkeypatch.setattr(effects, "MOST_CHARACTERS", 4)
    assert answer(run_of(flow, HELLO))["error"] == "its text has 5 characters, and 4 are the most"


class Killed(BaseException):
    """A worker that is gone."""


def test_without_a_sender_of_the_step_or_the_flow_nothing_is_sent(flow):
    flow.sender, flow.from_called = None, False
    flow.save()
    assert [each.error_code for each in messages(run_of(flow, HELLO))] == ["SENDER_REQUIRED"]


@pytest.mark.parametrize(("only", "code"), [(True, "RECIPIENT_NOT_MOBILE"), (False, "")])
def test_mobile_only_is_the_flows(flow, only, code):
    flow.mobile_only = only
    flow.save()
    assert [each.error_code for each in messages(run_of(flow, HELLO, LANDLINE))] == [code]


def test_a_flow_in_build_mode_texts_test_numbers_alone(flow):
    flow.build_mode = True
    flow.save()
    assert [each.error_code for each in messages(run_of(flow, HELLO))] == ["TEST_NUMBERS_ONLY"]


def test_a_step_that_is_taken_twice_texts_twice(flow):
    run = run_of(
        flow,
        "branches:\n  inbound-call:\n    actions:\n      - action: sms@v1\n"
        "        params: {to: '${{ call.fromNumber }}', body: '${{ $sms ? \"Two\" : \"One\" }}'}\n"
        "        result: $again\n      - if: '!$sms'\n        goto: {branch: once-more}\n"
        "  once-more:\n    actions:\n      - action: log@v1\n        params: {message: x}\n        result: $sms\n"
        "      - if: '$sms'\n        goto: {branch: inbound-call}\n"
        "variables: {$sms: undefined}\n",
    )
    assert [each.body for each in messages(run)] == ["One", "Two"]
    assert not Event.objects.filter(kind="repeat").exists()


# --- Calls of other hosts ---------------------------------------------------------------------------------


@contextmanager
def serving(answered):
    """A host that answers one request; what it was asked goes to the list."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            caller, _ = server.accept()
            with caller:
                came = caller.recv(65_536).decode()
                if came.startswith("POST") and came.endswith("\r\n\r\n"):
                    came += caller.recv(65_536).decode()
                asked.append(came)
                caller.sendall(answered)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}", asked
        socket.create_connection(server.getsockname()).close()
        thread.join(5)


def said(body, status="200 OK", headers=""):
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def fetch(host, more="", path="/names?key=in-the-address"):
    return (
        "branches:\n  inbound-call:\n    actions:\n      - action: fetch@v2\n        params:\n"
        f"          url: http://{host}{path}\n{more}        result: $api\n"
    )


def allow(flow, host):
    FetchHost.objects.create(workspace=flow.workspace, host=host)


def test_an_allowed_host_is_called_and_what_it_says_is_the_result(flow):
    more = (
        "          method: post\n          headers:\n            authorization: Bearer secret-token\n"
        "            host: elsewhere.example\n            Transfer-Encoding: chunked\n"
        '          body: \'{"from": "${{ call.fromNumber }}"}\'\n          timeout: 2\n'
    )
    with serving(said('{"first": "Ada"}', headers="Set-Cookie: secret-cookie\r\nX-Id: 7\r\n")) as (
        host,
        asked,
    ):
        allow(flow, host)
        run = run_of(flow, fetch(host, more))

    found = answer(run)
    assert found == {
        "ok": True, "status": 200, "statusText": "OK", "headers": {"x-id": "7", "content-length": "16"},
        "body": '{"first": "Ada"}', "json": {"first": "Ada"},
    }  # fmt: skip
    assert asked[0].startswith("POST /names?key=in-the-address HTTP/1.1\r\n")
    assert f"host: {host}\r\n" in asked[0].lower()
    assert "elsewhere" not in asked[0]
    assert "chunked" not in asked[0]
    assert "Bearer secret-token" in asked[0]
    assert f'{{"from": "{AMERICAN}"}}' in asked[0]
    assert "secret" not in json.dumps([run.steps, run.effects, run.context])


@pytest.mark.parametrize(
    ("answered", "found"),
    [
        (
            said("gone", "404 Not Found"),
            {"ok": False, "status": 404, "statusText": "Not Found", "json": None},
        ),
        (said("", "302 Found", "Location: http://127.0.0.1:9/\r\n"), {"ok": False, "status": 302}),
        (said("NaN"), {"ok": True, "json": None}),
        (said("[1e999]"), {"ok": True, "json": None}),
        (said("[" * 60_000), {"ok": True, "json": None}),
        (said("[" * 21 + "]" * 21), {"ok": True, "json": None}),
        (said("x" * 80_000), {"ok": True, "body": "x" * 65_536}),
        (said('"\\u0000"'), {"ok": True, "json": "\ufffd"}),
    ],
    ids=["404", "redirect", "NaN", "infinite", "endless", "deep", "long", "NUL"],
)
def test_what_a_host_says_is_taken_as_it_is_within_bounds(flow, answered, found):
    with serving(answered) as (host, _asked):
        allow(flow, host)
        told = answer(run_of(flow, fetch(host)))

    assert {name: told[name] for name in found} == found


def test_no_other_host_is_called(flow, monkeypatch):
    monkeypatch.setattr(fetching.http, "call_outside", None)
    allow(flow, "crm.example")
    allow(make_flow(make_workspace()), "other.example")

    for host in ("other.example", "crm.example:8443", "api.crm.example", "crm.example.evil.example"):
        told = answer(run_of(flow, fetch(host)))
        assert told["error"] == f"{host} is not among the hosts that flows may call", told


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ("          url: http://crm.example@evil.example/\n", "its address cannot be called"),
        ("          url: http://crm.example:x/\n", "its address cannot be read"),
        ("          url: 'http://'\n", "its address cannot be called"),
        (
            '          url: http://crm.example/\n          headers: {X-A: "a\\r\\nX-B: b"}\n',
            "the header X-A cannot be sent",
        ),
    ],
)
def test_addresses_and_headers_that_hide_something_are_not_called(flow, monkeypatch, params, error):
    monkeypatch.setattr(fetching.http, "call_outside", None)
    allow(flow, "crm.example")
    source = "branches:\n  inbound-call:\n    actions:\n      - action: fetch@v2\n        params:\n" + params
    assert answer(run_of(flow, source))["error"] == error


@pytest.mark.parametrize(
    ("address", "why"), [("https://127.0.0.1", http.PRIVATE), ("http://crm.example", http.UNSAFE)]
)
def test_without_leave_neither_private_addresses_nor_unsafe_ones_are_called(flow, settings, address, why):
    settings.FLOW_PRIVATE_HOSTS = False
    scheme, host = address.split("://")
    allow(flow, host)
    run = run_of(flow, fetch(host).replace("http://", f"{scheme}://"))
    assert answer(run)["error"] == why


def test_a_host_is_waited_for_ten_seconds_at_most(flow, monkeypatch):
    waited = []

    def call(*_, read_timeout, **__):
        waited.append(read_timeout)
        return http.Answer(http.Exchange("GET", "", failure="no answer within 1 s"), http.NO_ANSWER)

    monkeypatch.setattr(fetching.http, "call_outside", call)
    allow(flow, "crm.example")
    for more in ("", "          timeout: 4\n", "          timeout: 60\n"):
        run = run_of(flow, fetch("crm.example", more))
        assert answer(run)["error"] == "no answer within 1 s"
    assert waited == [10.0, 4, 10.0]


@pytest.fixture
def answering(flow, monkeypatch):
    """Each call of a host takes four seconds of an hour that stands still, and is answered by 100 characters."""
    waited, hour = [], [0.0]

    def call(*_, read_timeout, most, **__):
        waited.append((read_timeout, most))
        hour[0] += 4.0
        return http.Answer(http.Exchange("GET", "", http_status=200), body=("x" * 100)[:most])

    monkeypatch.setattr(fetching.http, "call_outside", call)
    monkeypatch.setattr(fetching, "monotonic", lambda: hour[0])
    allow(flow, "crm.example")
    return waited


#: 18 calls of a host.
CALLING = fetch("crm.example") + fetch("crm.example").partition("actions:\n")[2] * 17


def test_the_calls_of_a_run_are_limited_in_time_and_by_what_they_answer(flow, answering, monkeypatch):
    run = run_of(flow, CALLING)
    assert len(answering) == 15
    assert answering[-3:] == [(10.0, 65_536), (8.0, 65_536), (4.0, 65_536)]
    assert answer(run, "inbound-call.16")["error"] == (
        "the calls of the run have taken 60 s together, which is the most"
    )

    answering.clear()
    monkeypatch.setattr(fetching, "MOST_TOGETHER", 150)
    run = run_of(flow, CALLING)
    assert [most for _, most in answering] == [150, 50]
    assert answer(run, "inbound-call.3")["error"] == "the run was answered 150 characters, which is the most"


def test_a_call_that_a_worker_was_killed_at_has_used_up_its_time(flow, monkeypatch):
    def killed(*_, **__):
        raise Killed

    monkeypatch.setattr(fetching.http, "call_outside", killed)
    allow(flow, "crm.example")
    make_version(flow, fetch("crm.example", "          timeout: 7\n"))
    run = begin(flow)
    with pytest.raises(Killed):
        running.work()

    run.refresh_from_db()
    assert run.effects[effects.FETCHED] == {"seconds": 7.0, "characters": 0}


# --- What came with the event -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"$dial": {"ok": True}, "dial@v1": {"ok": False}}, {"ok": True}),
        ({"dial@v1": {"ok": False}}, {"ok": False}),
        ({}, None),
        ({"$dial": "yes"}, None),
    ],
    ids=["by variable", "by action", "nothing", "no result"],
)
def test_what_voice_actions_came_to_is_given_and_the_run_says_so(flow, given, found):
    source = "branches:\n  inbound-call:\n    actions:\n      - action: dial@v1\n        result: $dial\n"
    run = run_of(flow, source, given=given)

    [step] = [each for each in run.steps if each["kind"] == "action"]
    verdict = "not_given" if found is None else "given"
    assert (step["verdict"], step["result"], run.state) == (verdict, found, "done")


# --- Rehearsals -------------------------------------------------------------------------------------------


def test_a_rehearsal_sends_and_counts_nothing_and_says_what_would_be_sent(flow):
    run = run_of(flow, HELLO, dry=True)

    assert answer(run)["messages"] == [
        {
            "ok": True,
            "to": AMERICAN,
            "from": "+12025550101",
            "body": "Hello",
            "segments": 1,
            "status": "queued",
        }
    ]
    assert (run.state, Message.objects.count()) == ("done", 0)


def test_a_rehearsal_says_what_would_be_refused(flow):
    flow.mobile_only = True
    flow.save()
    [told] = answer(run_of(flow, HELLO, LANDLINE, dry=True))["messages"]

    assert (told["ok"], told["status"], told["code"]) == (False, "rejected", "RECIPIENT_NOT_MOBILE")
    assert told["facts"] == {"recipient": LANDLINE, "kind": "fixed_line"}


def test_a_rehearsal_calls_nobody(flow, monkeypatch):
    monkeypatch.setattr(fetching.http, "call_outside", None)
    allow(flow, "crm.example")

    assert answer(run_of(flow, fetch("crm.example"), dry=True))["error"] == "a rehearsal calls nobody"
    sample = {"$api": {"ok": True, "json": {"first": "Ada"}}}
    assert answer(run_of(flow, fetch("crm.example"), dry=True, given=sample)) == sample["$api"]
    assert "not among" in answer(run_of(flow, fetch("other.example"), dry=True, given=sample))["error"]
