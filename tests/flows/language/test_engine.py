"""How the steps of a call flow are taken."""

import json
from textwrap import dedent

import pytest

from smsadmin.flows.language import engine
from smsadmin.flows.language.document import check
from smsadmin.flows.language.engine import Limits, Postponed
from smsadmin.flows.language.problems import KINDS

CALL = {
    "call": {"fromNumber": "+33639980042", "fromType": "MOBILE", "cdr": {}},
    "now": "2026-11-22T12:00:00.000Z",
}


class Outside:
    """Keeps what it is asked for; voice actions have failed, and hosts answer with a name."""

    def __init__(self, **results):
        self.results, self.asked = results, []

    def sms(self, params, key):
        self.asked.append(("sms", key, params))
        return {"ok": True}

    def fetch(self, params, key, version):
        self.asked.append((f"fetch {version}", key, params))
        return {"ok": True, "json": {"name": "Ada"}}

    def given(self, action, params, key):
        self.asked.append((action, key, params))
        return self.results.get(action, {"ok": False})


def take(source, outside=None, *, branch="inbound-call", scope=CALL, limits=engine.LIMITS):
    checked = check(dedent(source))
    assert checked.document, checked.problems
    ran = engine.run(checked.document, branch, scope, outside or Outside(), limits)
    records = [each.as_json() for each in ran.records]
    assert json.loads(json.dumps(records)) == records
    assert not ran.error or ran.error["code"] in KINDS
    return ran


def story(ran):
    return [(each.path, each.verdict) for each in ran.records]


def logged(ran):
    return [each.result["message"] for each in ran.records if each.name == "log@v1" and each.result]


def test_steps_are_taken_in_turn_and_results_are_kept():
    outside = Outside()
    ran = take(
        """
        branches:
          inbound-call:
            - action: dial@v1
              params: {targets: [{number: "${{ call.fromNumber }}"}]}
              result: $dial
            - action: fetch@v2
              params: {url: https://crm.example.com/, method: post, timeout: 4}
              result: $api
            - if: "!$dial?.ok"
              action: sms@v1
              params:
                to: ["${{ call.fromNumber }}"]
                body: Hello ${{ $api.json.name }}
              result: $sms
            - if: $sms.ok
              action: log@v1
              params: {message: "${{ $sms }}"}
        """,
        outside,
    )

    assert (ran.state, ran.error) == ("done", {})
    assert outside.asked == [
        ("dial@v1", "inbound-call.1#1", {"targets": [{"number": "+33639980042"}]}),
        (
            "fetch v2",
            "inbound-call.2#1",
            {"url": "https://crm.example.com/", "method": "POST", "headers": {}, "body": "", "timeout": 4},
        ),
        (
            "sms",
            "inbound-call.3#1",
            {
                "to": ["+33639980042"],
                "body": "Hello Ada",
                "from": "",
                "encoding": "",
                "trafficType": "marketing",
            },
        ),
    ]
    assert story(ran) == [
        ("inbound-call", "taken"),
        ("inbound-call.1", "given"),
        ("inbound-call.2", "taken"),
        ("inbound-call.3", "taken"),
        ("inbound-call.4", "taken"),
    ]
    assert [each.result_name for each in ran.records] == ["", "$dial", "$api", "$sms", ""]
    assert ran.records[-1].result == {"message": '{"ok": true}'}


def test_each_condition_is_kept_with_its_value():
    ran = take(
        """
        branches:
          inbound-call:
            - {if: "call.fromType.match(/MOBILE/)", action: log@v1}
            - {if: "call.fromType.match(/FIXED/)", action: log@v1}
            - {if: $later, action: log@v1, result: $later}
            - {if: "call.fromNumber == ''", then: [{action: log@v1}]}
        """
    )

    assert [(each.condition, each.value, each.verdict) for each in ran.records[1:]] == [
        ("call.fromType.match(/MOBILE/)", '["MOBILE"]', "taken"),
        ("call.fromType.match(/FIXED/)", "null", "skipped"),
        ("$later", "undefined", "skipped"),
        ("call.fromNumber == ''", "false", "skipped"),
    ]


def test_a_goto_ends_its_branch_from_within_then_too():
    ran = take(
        """
        branches:
          inbound-call:
            - if: call.fromNumber
              then:
                - {action: log@v1, params: {message: one}}
                - if: call.fromNumber
                  then:
                    - goto: {branch: two}
                - {action: log@v1, params: {message: never}}
            - {action: log@v1, params: {message: never}}
          two:
            - {action: log@v1, params: {message: two}}
        """
    )

    assert logged(ran) == ["one", "two"]
    assert [(each.kind, each.name) for each in ran.records] == [
        ("branch", "inbound-call"),
        ("then", ""),
        ("action", "log@v1"),
        ("then", ""),
        ("goto", "two"),
        ("branch", "two"),
        ("action", "log@v1"),
    ]


def test_the_hangup_branch_runs_after_an_inbound_call_and_no_other():
    source = """
        branches:
          inbound-call: [{action: log@v1, params: {message: call}}]
          inbound-sms: [{action: log@v1, params: {message: sms}}]
          api-initiated: [{action: log@v1, params: {message: api}}]
          hangup: [{action: log@v1, params: {message: over}}]
        """

    assert logged(take(source)) == ["call", "over"]
    assert logged(take(source, branch="inbound-sms")) == ["sms"]
    assert logged(take(source, branch="api-initiated")) == ["api"]
    assert logged(
        take(source.replace("[{action: log@v1, params: {message: call}}]", "[{goto: {branch: hangup}}]"))
    ) == ["over"]


def test_events_run_where_the_result_names_them():
    source = """
        branches:
          inbound-call:
            - action: startRecording@v1
              events:
                ready: [{action: log@v1, params: {message: ready}}, {if: call, goto: {branch: hangup}}]
                failed: [{action: log@v1, params: {message: failed}}]
            - {action: log@v1, params: {message: never}}
          hangup: [{action: log@v1, params: {message: over}}]
        """

    ran = take(source, Outside(**{"startRecording@v1": {"ok": True, "events": ["ready"]}}))

    assert logged(ran) == ["ready", "over"]
    assert logged(take(source)) == ["never", "over"]


def test_a_step_has_a_key_each_time_and_the_same_ones_when_the_run_is_taken_again():
    source = """
        branches:
          inbound-call: [{action: dial@v1}, {if: call, goto: {branch: inbound-call}}]
        """
    first, again = Outside(), Outside()

    ran = take(source, first, limits=Limits(gotos=2))
    take(source, again, limits=Limits(gotos=2))

    assert [key for _, key, _ in first.asked] == [f"inbound-call.1#{n}" for n in (1, 2, 3)]
    assert again.asked == first.asked
    assert ran.error == {"code": "LIMIT_GOTOS", "facts": {"most": 2}}


def test_variables_begin_as_they_are_declared():
    ran = take(
        """
        variables: {$a: undefined, $b: 5}
        branches:
          inbound-call:
            - {if: $a === undefined && $b == 5, action: log@v1, params: {message: "${{ $a }}, ${{ $b }}"}}
        """
    )

    assert logged(ran) == ["undefined, 5"]


@pytest.mark.parametrize("events", ["ready", {"ready": 1}, 7, True, None, [["ready"]], [7, {}]])
def test_events_are_a_list_of_names(events):
    source = """
        branches:
          inbound-call:
            - action: startRecording@v1
              events: {ready: [{action: log@v1, params: {message: never}}], rea: [{action: log@v1}]}
        """

    ran = take(source, Outside(**{"startRecording@v1": {"events": events}}))

    assert (ran.state, story(ran)) == ("done", [("inbound-call", "taken"), ("inbound-call.1", "given")])


def test_what_did_not_come_with_the_event_is_undefined_and_said_to_be():
    class Silent(Outside):
        def given(self, action, params, key):
            return {} if action == "say@v2" else None

    ran = take(
        """
        variables: {$dial: {ok: true}}
        branches:
          inbound-call:
            - action: dial@v1
              result: $dial
              events: {busy: [{action: log@v1}]}
            - {action: say@v2, result: $said}
            - {if: $dial === undefined && $said !== undefined, action: log@v1}
        """,
        Silent(),
    )

    assert (ran.state, story(ran)[1:]) == (
        "done",
        [("inbound-call.1", "not_given"), ("inbound-call.2", "given"), ("inbound-call.3", "taken")],
    )
    assert (ran.records[1].result, ran.records[1].result_name) == (None, "$dial")


def test_a_note_is_as_long_as_people_read():
    ran = take(
        "branches: {inbound-call: [{action: log@v1, params: {message: '${{ call.long }}'}, result: $log},"
        " {action: log@v1, params: {message: '${{ $log.message.length }}'}}]}",
        scope={"call": {"long": "x" * 1_001}},
    )

    assert logged(ran) == ["x" * 999 + "…", "1000"]


def test_records_keep_what_people_read_and_the_run_goes_on_with_all_of_it():
    class Talkative(Outside):
        def fetch(self, params, key, version):
            return {"ok": True, "body": "x" * 60_000, "json": [["y" * 20] * 1_000] * 20}

    ran = take(
        """
        branches:
          inbound-call:
            - {action: fetch@v2, params: {url: https://crm.example.com/}, result: $api}
            - {action: log@v1, params: {message: "${{ $api.body.length }} ${{ $api.json.length }}"}}
        """,
        Talkative(),
    )

    result = ran.records[1].result
    assert logged(ran) == ["60000 20"]
    assert result["body"] == "x" * 1_999 + "…"
    assert result["json"][-1] == "…"
    assert len(json.dumps(result, ensure_ascii=False)) < 205_000


# --- What ends a run ----------------------------------------------------------------------------------


def test_steps_are_limited():
    source = "branches: {inbound-call: [{action: log@v1}, {action: log@v1}, {action: log@v1}]}"

    ran = take(source, limits=Limits(steps=2))

    assert (ran.state, ran.error) == ("failed", {"code": "LIMIT_STEPS", "facts": {"most": 2}})
    assert story(ran)[-1] == ("inbound-call.3", "failed")


def test_calls_of_other_services_are_limited():
    fetch = "{action: fetch@v2, params: {url: https://crm.example.com/}}"
    outside = Outside()

    ran = take(
        f"branches: {{inbound-call: [{fetch}, {{if: call, goto: {{branch: inbound-call}}}}]}}", outside
    )

    assert (ran.state, ran.error) == ("failed", {"code": "LIMIT_FETCHES", "facts": {"most": 20}})
    assert story(ran)[-1] == ("inbound-call.1", "failed")
    assert len(outside.asked) == 20


def test_what_is_kept_of_all_steps_is_limited():
    step = "{action: log@v1, params: {message: '${{ call.long }}'}}"
    limits = Limits(characters=2_000)

    ran = take(
        f"branches: {{inbound-call: [{step}, {step}, {step}]}}",
        scope={"call": {"long": "x" * 900}},
        limits=limits,
    )

    assert (ran.state, ran.error) == ("failed", {"code": "LIMIT_RECORDS", "facts": {"most": 2_000}})
    assert story(ran)[-2:] == [("inbound-call.2", "taken"), ("inbound-call.3", "failed")]


@pytest.mark.parametrize(
    "step", ["{if: call, action: log@v1}", "{action: log@v1, params: {message: '${{ 1 }}'}}"]
)
def test_the_time_of_all_expressions_is_limited(step):
    ran = take(f"branches: {{inbound-call: [{step}, {step}]}}", limits=Limits(seconds=0.00001))

    assert (ran.state, ran.error["code"]) == ("failed", "LIMIT_TIME")


def test_a_condition_without_a_value_ends_the_run_with_its_record():
    ran = take("branches: {inbound-call: [{if: sms.bodyText.match(/a/), action: log@v1}, {action: log@v1}]}")

    assert ran.state == "failed"
    assert ran.error == {
        "code": "NOTHING_TO_READ",
        "facts": {"object": "sms", "property": "bodyText", "nothing": "undefined"},
    }
    assert ran.records[-1].note == ran.error
    assert ran.records[-1].condition == "sms.bodyText.match(/a/)"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ("{to: '${{ sms.fromNumber }}', body: x}", "NOTHING_TO_READ"),
        ("{to: '+33639980042', body: x, from: '${{ call.fromType + 1234567890 }}'}", "SMS_FROM"),
        ("{to: '${{ call.cdr }}', body: x}", "SMS_TO_FORM"),
    ],
)
def test_params_that_come_out_wrong_end_the_run_before_anything_is_sent(params, code):
    outside = Outside()

    ran = take(f"branches: {{inbound-call: [{{action: sms@v1, params: {params}}}]}}", outside)

    assert (ran.state, ran.error["code"], outside.asked) == ("failed", code, [])
    assert ran.records[-1].key == "inbound-call.1#1"


def test_an_unforeseen_error_of_an_effect_ends_the_run_with_its_record():
    class Broken(Outside):
        def given(self, action, params, key):
            raise KeyError("secret")

    ran = take("branches: {inbound-call: [{action: log@v1}, {action: dial@v1}, {action: log@v1}]}", Broken())

    assert ran.state == "failed"
    assert ran.error == {"code": "EFFECT_FAILED", "facts": {"action": "dial@v1", "reason": "KeyError"}}
    assert story(ran) == [
        ("inbound-call", "taken"),
        ("inbound-call.1", "taken"),
        ("inbound-call.2", "failed"),
    ]


def test_an_effect_can_put_the_run_off():
    class Busy(Outside):
        def given(self, action, params, key):
            raise Postponed

    with pytest.raises(Postponed):
        take("branches: {inbound-call: [{action: dial@v1}]}", Busy())


def test_a_branch_that_is_not_there():
    ran = take("branches: {inbound-call: [{action: log@v1}]}", branch="inbound-sms")

    assert (ran.state, ran.error) == (
        "failed",
        {"code": "NO_SUCH_BRANCH", "facts": {"branch": "inbound-sms"}},
    )
