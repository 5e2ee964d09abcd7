"""What the YAML of a call flow may say, and what is said of everything else."""

import time
from textwrap import dedent

import pytest

from smsadmin.core.errors import fill
from smsadmin.flows.language.document import MOST_CHARACTERS, Edge, check
from smsadmin.flows.language.expressions import UNDEFINED
from smsadmin.flows.language.problems import KINDS, Problem

WHOLE = """\
description: Missed call follow-up
compat: {version: "2025-09"}
variables:
  $user: undefined
  $limit: 3
  $name: "Ada"
defaults:
  language: en-GB
  autoAnswer: false
branches:
  inbound-call:
    actions:
      - action: dial@v1
        params:
          targets:
            - number: "+33199001234"
              timeout: 25
          answerOnBranch: whisper
        result: $dial
      - if: "!$dial?.ok"
        goto: {branch: voicemail}
      - if: $limit > 2
        then:
          - action: log@v1
            params: {message: "${{ call.fromNumber }} talked"}
          - if: call.fromCountry == 'FR'
            goto: {branch: voicemail}
  voicemail:  # a bare list of steps
    - action: startRecording@v1
      events:
        ready:
          - goto:
              branch: hangup
  whisper:
    actions:
      - action: say@v2
        params: {what: Hello}
  hangup:
    actions:
      - action: log@v1
"""


def step(text: str) -> str:
    """A flow of one step."""
    lines = dedent(text).strip("\n").replace("\n", "\n        ")
    return f"branches:\n  inbound-call:\n    actions:\n      - {lines}\n"


def sms(params: str) -> str:
    lines = dedent(params).strip("\n").replace("\n", "\n  ")
    return step(f"action: sms@v1\nparams:\n  {lines}")


def codes(source: str) -> list[str]:
    return [problem.code for problem in check(source).problems]


def only(source: str) -> Problem:
    (problem,) = check(source).problems
    return problem


def sentence(problem: Problem) -> str:
    return fill(problem.say, dict(problem.facts))


def fix(problem: Problem) -> str:
    return fill(problem.fix, dict(problem.facts))


# --- What is read -------------------------------------------------------------------------------------


def test_a_whole_flow_is_read():
    checked = check(WHOLE)
    document = checked.document

    assert checked.problems == ()
    assert document
    assert document.description == "Missed call follow-up"
    assert document.variables == {"$user": UNDEFINED, "$limit": 3, "$name": "Ada"}
    assert document.defaults == {"language": "en-GB", "autoAnswer": False}
    assert list(document.branches) == ["inbound-call", "voicemail", "whisper", "hangup"]
    assert document.starts == ("inbound-call",)


def test_steps_know_their_place():
    document = check(WHOLE).document
    assert document
    dial, decide, more = document.branches["inbound-call"].steps
    (record,) = document.branches["voicemail"].steps

    assert (dial.path, dial.line, dial.action, dial.result) == ("inbound-call.1", 13, "dial@v1", "$dial")
    assert dial.params["targets"] == [{"number": "+33199001234", "timeout": 25}]
    assert (decide.condition, decide.goto) == ("!$dial?.ok", "voicemail")
    assert [inner.path for inner in more.then] == ["inbound-call.3.1", "inbound-call.3.2"]
    assert [inner.path for inner in record.events["ready"]] == ["voicemail.1.ready.1"]


def test_the_ways_between_branches():
    document = check(WHOLE).document

    assert document
    assert document.edges() == [
        Edge("inbound-call", "whisper", "answerOnBranch", 13),
        Edge("inbound-call", "voicemail", "!$dial?.ok", 20),
        Edge("inbound-call", "voicemail", "$limit > 2 && call.fromCountry == 'FR'", 26),
        Edge("voicemail", "hangup", "ready", 32),
    ]


def test_a_folded_text_loses_its_last_line_break():
    source = sms('to: "+33639980042"\nbody: >\n  Hello\n  you\n')
    document = check(source).document

    assert document
    assert document.branches["inbound-call"].steps[0].params["body"] == "Hello you"


def test_words_that_yaml_takes_for_values_elsewhere_stay_texts_with_a_warning():
    source = step("action: log@v1\nparams: {message: no, at: 12:30, on: 2025-09-01}")
    checked = check(source)

    assert checked.document
    assert checked.document.branches["inbound-call"].steps[0].params == {
        "message": "no",
        "at": "12:30",
        "on": "2025-09-01",
    }
    assert [(each.code, each.facts["read"]) for each in checked.warnings] == [
        ("READ_OTHERWISE", "false"),
        ("READ_OTHERWISE", "750"),
    ]


def test_a_scenario_that_reaches_us_by_fetch_is_read_here_too():
    source = step(
        """
        action: fetch@v2
        params:
          url: https://sms.example.com/api/v1/actions/7/run
          method: POST
          headers: {content-type: application/json, authorization: "Bearer ${{ run.token }}"}
          body: |
            {"call": ${{ JSON.stringify(call) }}, "run": ${{ JSON.stringify(run) }}}
          timeout: 4
        result: $sent
        """
    )

    assert check(source).problems == ()


@pytest.mark.parametrize(
    "option",
    [
        'from: "+33639980042"',
        'from: "ACME"',
        'from: ""',
        "from:",
        'encoding: "gsm"',
        'encoding: "unicode"',
        'trafficType: "alerting"',
        'trafficType: "marketing"',
    ],
)
def test_every_option_of_sms(option):
    assert check(sms(f"to:\n  - ${{{{ call.fromNumber }}}}\nbody: >\n  Hello!\n{option}")).problems == ()


# --- Traps of YAML ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "code", "line", "column"),
    [
        ("", "EMPTY", 1, 1),
        ("# nothing\n", "EMPTY", 1, 1),
        (step("if: !$dial?.ok\ngoto: {branch: inbound-call}"), "YAML_BANG", 4, 13),
        (step("if: !call.fromType.match(/MOBILE/)\ngoto: {branch: inbound-call}"), "YAML_BANG", 4, 13),
        (step("if: !a && b\ngoto: {branch: inbound-call}"), "YAML_BANG", 4, 13),
        (step("if: !a || call.b ? 1 : 2\ngoto: {branch: inbound-call}"), "YAML_BANG", 4, 13),
        (step("action: !!python/object:os.system log@v1"), "YAML_TAG", 4, 17),
        (sms("to: x\nbody: ${{ call.a ? 'b' : 'c' }}"), "YAML_COLON", 7, 34),
        (sms("to: x\nbody: ${{ {k: 1} }}"), "YAML_COLON", 7, 23),
        (sms("to: x\nbody: Hello: you"), "YAML_COLON_PLAIN", 7, 22),
        (sms("to: [ ${{ call.fromNumber }} ]"), "YAML_FLOW", 6, 17),
        (step("action: log@v1\nparams: {message: ${{ call.a }}}"), "YAML_FLOW", 5, 27),
        ("branches:\n\tinbound-call: []", "YAML_TAB", 2, 1),
        (sms("to: @me"), "YAML_START", 6, 15),
        (sms("to: `me`"), "YAML_START", 6, 15),
        (sms('to: x\nbody: "Hello'), "YAML_QUOTE", 7, 17),
        (sms("to: x\nbody: 'it's'"), "YAML_QUOTE_INSIDE", 7, 21),
        (sms("to: *me"), "YAML_ALIAS", 6, 15),
        ("branches: {}\n---\nbranches: {}", "YAML_DOCUMENTS", 2, 1),
        ("a: \x00", "YAML_CHARACTER", 1, 4),
        ("a: \ud800", "YAML_CHARACTER", 1, 4),
        (step('action: log@v1\nparams: {message: "a\\0b"}'), "YAML_CHARACTER", 5, 27),
        (step('action: log@v1\nparams: {message: "\\uD800"}'), "YAML_CHARACTER", 5, 27),
        ("branches: [a", "YAML_SYNTAX", 1, 13),
        ('a: "\\UFFFFFFFF"', "YAML_SYNTAX", 1, 1),
        ("a" * (MOST_CHARACTERS + 1), "TOO_LONG", 1, MOST_CHARACTERS + 1),
        ("[" * 1_000, "TOO_DEEP", 1, 41),
        ("branches: &a\n  inbound-call: [*a]", "TOO_DEEP", 2, 17),
        ("- a\n- b", "NOT_A_FLOW", 1, 1),
        ("hello", "NOT_A_FLOW", 1, 1),
    ],
)
def test_what_is_no_flow_is_explained_where_it_goes_wrong(source, code, line, column):
    checked = check(source)

    assert checked.document is None
    assert (code, line, column) in [(each.code, each.line, each.column) for each in checked.problems]


def test_a_number_that_loses_its_plus_is_told_with_the_right_way_to_write_it():
    problem = only(step("action: dial@v1\nparams:\n  targets:\n    - number: +33199001234"))

    assert (problem.code, problem.line, problem.column) == ("NUMBER_AS_INTEGER", 7, 23)
    assert sentence(problem) == "+33199001234 is read as the number 33199001234: the rest of it is lost."
    assert fix(problem) == 'Put it in quotes: "+33199001234".'


def test_a_number_that_loses_its_zero_too():
    assert codes(step("action: log@v1\nparams: {message: 0612345678}")) == ["NUMBER_AS_INTEGER"]
    assert (
        codes(step("action: log@v1\nparams: {a: 0, b: 10, c: -5, d: 1.5, e: true, f: null, g: 0x1F}")) == []
    )


def test_an_unquoted_bang_is_fixed_by_quotes_that_fit():
    for written, quoted in (("!$dial?.ok", '"!$dial?.ok"'), ('!a == "b"', "'!a == \"b\"'")):
        checked = check(step(f"if: {written}\ngoto: {{branch: inbound-call}}"))
        assert fix(checked.problems[0]) == f"Put it in quotes: {quoted}."


@pytest.mark.parametrize(
    "written",
    [
        "1" * 309,
        "1" * 4_301,
        "-" + "9" * 41,
        "0x" + "f" * 300,
        "1" * 5_000 + ":30",
        "1" + ":30" * 3_000,
        "." + "5" * 41,
    ],
)
def test_a_number_that_is_too_long_to_be_one_is_refused(written):
    problem = only(step(f"action: log@v1\nparams: {{message: {written}}}"))

    assert (problem.code, problem.line, problem.column) == ("NUMBER_TOO_LONG", 5, 27)
    assert problem.facts["characters"] == len(written)
    assert codes(step(f'action: log@v1\nparams: {{message: "{written}"}}')) == []


def test_numbers_of_forty_characters_are_read():
    assert codes(step(f"action: log@v1\nparams: {{a: {'1' * 40}, b: 0x{'f' * 38}, c: .{'5' * 39}}}")) == []


def test_repeats_of_repeats_are_stopped_before_anything_follows_them():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 5)]

    assert codes("\n".join(lines)) == ["TOO_MANY_VALUES"]


def test_repeats_inside_repeats_count_as_deep_as_they_are():
    deep = "[" * 20 + "{}" + "]" * 20
    inner, outer = deep.format("x"), deep.format("*a")

    assert "TOO_DEEP" not in codes(f"a: &a {inner}\nb: {outer[2:-2]}")
    assert codes(f"a: &a {inner}\nb: {outer}") == ["TOO_DEEP"]


def test_nobody_is_told_more_than_a_hundred_errors_at_once():
    source = "branches:\n" + "".join(f"key{n}: 1\n" for n in range(150))

    assert len(check(source).errors) == 100


def test_anchors_may_be_used_sensibly():
    source = WHOLE.replace("params: {what: Hello}", "params: &hello {what: Hello}")
    assert check(source + "        params: *hello\n").problems == ()


# --- The document -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "code", "line", "column"),
    [
        ("description: x", "NO_BRANCHES", 1, 1),
        ("branches:", "NO_BRANCHES", 1, 1),
        ("branches: []", "NOT_A_MAPPING", 1, 11),
        ("brances: {}", "UNKNOWN_KEY", 1, 1),
        ("branches:\n  main: [{action: log@v1}]", "NO_START", 1, 1),
        ("branches:\n  hangup: [{action: log@v1}]", "NO_START", 1, 1),
        ("branches:\n  inbound-call: text", "NOT_A_LIST", 2, 17),
        ("branches:\n  inbound-call: {steps: []}", "UNKNOWN_KEY", 2, 18),
        ("branches:\n  inbound-call: {actions: text}", "NOT_A_LIST", 2, 27),
        ("branches:\n  inbound-call: {actions: {action: log@v1}}", "NOT_A_LIST", 2, 27),
        ("branches:\n  inbound-call:\n  inbound-call:", "DUPLICATE_KEY", 3, 3),
        ("branches:\n  [a]: b", "KEY_NOT_TEXT", 2, 3),
        ("branches:\n  <<: {a: b}", "KEY_NOT_TEXT", 2, 3),
        ("description: [a]", "NOT_TEXT", 1, 14),
        ("compat: 1", "NOT_A_MAPPING", 1, 9),
        ("defaults: [a]", "NOT_A_MAPPING", 1, 11),
        ("variables: {user: 1}", "VARIABLE_NAME", 1, 13),
        ("variables: {$user: '${{ call }}'}", "VARIABLE_EXPRESSION", 1, 20),
        ("branches:\n  a.1: [{action: log@v1}]", "BRANCH_NAME", 2, 3),
        ("branches:\n  'a#1': [{action: log@v1}]", "BRANCH_NAME", 2, 3),
        ("branches:\n  call back: [{action: log@v1}]", "BRANCH_NAME", 2, 3),
        ("branches:\n  rappelé: [{action: log@v1}]", "BRANCH_NAME", 2, 3),
        ("branches:\n  '': [{action: log@v1}]", "BRANCH_NAME", 2, 3),
        (f"branches:\n  {'a' * 81}: [{{action: log@v1}}]", "BRANCH_NAME", 2, 3),
        (step("action: log@v1\nevents: {ready.1: []}"), "EVENT_NAME", 5, 18),
        (step("action: log@v1\nevents: {'ready#1': []}"), "EVENT_NAME", 5, 18),
        (step("dial@v1"), "STEP_FORM", 4, 9),
        (step("result: $x"), "STEP_EMPTY", 4, 9),
        (step("if: call.a"), "STEP_EMPTY", 4, 9),
        (step("action: log@v1\ngoto: {branch: inbound-call}"), "STEP_TWICE", 5, 9),
        (step("if: call\nthen: []\nresult: $x"), "NEEDS_ACTION", 6, 9),
        (step("if: call\ngoto: {branch: inbound-call}\nparams: {}"), "NEEDS_ACTION", 6, 9),
        (step("action: log@v1\naction: log@v1"), "DUPLICATE_KEY", 5, 9),
        (step("action: log@v1\nelse: []"), "UNKNOWN_KEY", 5, 9),
        (step("action: log@v2"), "UNKNOWN_ACTION", 4, 17),
        (step("action: javascript@v1\nparams: {code: 1}"), "JAVASCRIPT", 4, 17),
        (step("action: [a]"), "NOT_TEXT", 4, 17),
        (step("action: log@v1\nparams: [a]"), "PARAMS_FORM", 5, 17),
        (step("action: log@v1\nresult: log"), "RESULT_NAME", 5, 17),
        (step("action: log@v1\nevents: [a]"), "NOT_A_MAPPING", 5, 17),
        (step("if: call\nthen: {a: b}"), "NOT_A_LIST", 5, 15),
        (step("if: call\ngoto: inbound-call"), "GOTO_FORM", 5, 15),
        (step("if: call\ngoto: {}"), "GOTO_FORM", 5, 9),
        (step("if: call\ngoto: {branch: [a]}"), "GOTO_FORM", 5, 9),
        (step("if: call\ngoto: {brunch: a}"), "UNKNOWN_KEY", 5, 16),
        (step("if: call\ngoto: {branch: voicemail}"), "UNKNOWN_BRANCH", 5, 24),
        (step("if: ${{ call.a }}\nthen: []"), "IF_BRACES", 4, 13),
        (step("if:\nthen: []"), "EMPTY_EXPRESSION", 4, 9),
        (step("if: call - 1\nthen: []"), "EXPRESSION_CONSTRUCT", 4, 18),
        (step("action: dial@v1\nparams: {a: [{b: 'x ${{ foo }}'}]}"), "UNKNOWN_NAME", 5, 33),
        (
            step("action: say@v2\nparams:\n  what: >\n    Hello\n    ${{ call.b }} ${{ foo }}"),
            "UNKNOWN_NAME",
            8,
            31,
        ),
        (step('action: say@v2\nparams:\n  what: "\\"a\\"\\n ${{ foo }}"'), "UNKNOWN_NAME", 6, 30),
        (step("action: say@v2\nparams:\n  what: 'it''s ${{ foo }}'"), "UNKNOWN_NAME", 6, 28),
        (step('action: say@v2\nparams:\n  what: &x "a ${{ foo }}"'), "UNKNOWN_NAME", 6, 27),
        (step("action: say@v2\nparams:\n  what: a b\n    ${{ foo }}"), "UNKNOWN_NAME", 7, 17),
        (step("action: say@v2\nparams:\n  what: ${{ call.a + ' #1' }}"), "UNCLOSED_EXPRESSION", 6, 17),
    ],
)
def test_what_is_wrong_is_told_with_its_place(source, code, line, column):
    checked = check(source)

    assert checked.document is None
    assert (code, line, column) in [(each.code, each.line, each.column) for each in checked.problems]


@pytest.mark.parametrize(
    ("source", "nearest"),
    [
        ("brances: {}", "branches"),
        ("branches:\n  inbond-call: [{action: log@v1}]", "inbound-call"),
        (step("action: log@v1\nparms: {}"), "params"),
        (step("action: sms@v2"), "sms@v1"),
        (step("action: Dial@v1"), "dial@v1"),
        (step("if: call\ngoto: {branch: inbound-cal}"), "inbound-call"),
        (step("action: dial@v1\nresult: $dial\nevents: {a: [{if: $dail.ok, then: []}]}"), "$dial"),
        (sms("to: '+33639980042'\nbody: x\nform: ACME"), "from"),
        (sms("to: '+33639980042'\nbody: x\ntrafficType: alert"), "alerting"),
    ],
)
def test_what_was_probably_meant_is_suggested(source, nearest):
    problem = check(source).problems[0]

    assert problem.facts["nearest"] == nearest
    assert nearest in fix(problem)


def test_a_branch_that_nothing_leads_to_is_a_warning():
    checked = check(WHOLE + "  forgotten:\n    - action: log@v1\n")

    assert checked.document
    assert [(each.code, each.severity, each.line) for each in checked.problems] == [
        ("UNREACHABLE_BRANCH", "warning", 41)
    ]


def test_branches_that_begin_by_themselves_need_nothing_to_lead_there():
    for name in ("inbound-sms", "api-initiated", "hangup"):
        assert codes(step("action: log@v1") + f"  {name}: [{{action: log@v1}}]\n") == []


def test_what_follows_a_goto_is_never_reached():
    source = step("goto: {branch: other}") + "      - action: log@v1\n  other: [{action: log@v1}]\n"

    assert codes(source) == ["UNREACHABLE_STEP"]


def test_then_without_if_and_a_branch_without_steps_are_warnings():
    source = step("then: [{action: log@v1}]") + "  hangup:\n"
    checked = check(source)

    assert checked.document
    assert [each.code for each in checked.warnings] == ["NOTHING_DECIDES", "EMPTY_BRANCH"]


def test_a_loop_without_a_way_out_is_an_error():
    source = step("goto: {branch: a}") + "  a: [{goto: {branch: b}}]\n  b: [{goto: {branch: a}}]\n"
    problem = only(source)

    assert (problem.code, problem.line) == ("ENDLESS_LOOP", 5)
    assert sentence(problem) == "This goes round for ever: a → b → a."


@pytest.mark.parametrize(
    "inner",
    [
        "{if: call.a, goto: {branch: a}}",
        "{if: call.a, then: [{goto: {branch: inbound-call}}]}, {goto: {branch: a}}",
        "{if: call.a, goto: {branch: inbound-call}}, {goto: {branch: a}}",
    ],
)
def test_a_loop_that_a_condition_may_leave_is_left_to_the_run(inner):
    assert codes(step("goto: {branch: a}") + f"  a: [{inner}]\n") == []


TEXT = "{action: sms@v1, params: {to: '+33639980042', body: x}}"


@pytest.mark.parametrize(
    ("steps", "more", "way"),
    [
        (f"{TEXT}, {{if: call, goto: {{branch: inbound-call}}}}", "", "inbound-call → inbound-call"),
        (
            f"{{if: call, then: [{TEXT}]}}, {{goto: {{branch: a}}}}",
            "a: [{if: call, goto: {branch: inbound-call}}]",
            "inbound-call → a → inbound-call",
        ),
        (
            "{goto: {branch: a}}",
            f"a: [{{action: dial@v1, events: {{busy: [{TEXT}, {{if: call, goto: {{branch: b}}}}]}}}}]\n"
            "  b: [{if: call, goto: {branch: a}}]",
            "a → b → a",
        ),
    ],
)
def test_a_round_that_texts_is_a_warning_at_the_goto_after_the_text(steps, more, way):
    source = f"branches:\n  inbound-call: [{steps}]\n  {more}"
    problem = only(source)

    assert check(source).document
    assert (problem.code, problem.severity) == ("TEXTS_AGAIN", "warning")
    assert sentence(problem) == (
        f"Each round of {way} sends a text again. A run texts one person at most 3 times."
    )
    line, after = source.split("\n")[problem.line - 1], "{branch: "
    assert TEXT in line
    assert problem.column == line.rindex(after) + len(after) + 1


@pytest.mark.parametrize(
    "inner",
    [
        f"{{if: call.a, goto: {{branch: a}}}}, {TEXT}",
        f"{{if: call.a, then: [{TEXT}, {{goto: {{branch: b}}}}]}}, {{if: call.b, goto: {{branch: a}}}}",
        f"{{if: call.a, goto: {{branch: a}}}}, {{if: call.b, goto: {{branch: b}}}}, {TEXT}",
        f"{{if: call.a, goto: {{branch: a}}}}, {{action: dial@v1, params: {{answerOnBranch: a}}}}, {TEXT}",
    ],
)
def test_a_text_that_no_round_comes_back_from_is_none(inner):
    source = step("if: call\ngoto: {branch: a}") + "      - {if: call, goto: {branch: b}}\n"

    assert codes(f"{source}  a: [{inner}]\n  b: [{TEXT}]\n") == []


def test_rounds_are_found_in_long_flows_too():
    branches = "".join(f"  b{n}: [*t, {{goto: {{branch: b{n + 1}}}}}]\n" for n in range(700))
    source = f"branches:\n  inbound-call: [&t {TEXT}, {{goto: {{branch: b0}}}}]\n{branches}  b700: [*t]\n"
    began = time.thread_time()

    assert codes(source) == []
    assert time.thread_time() - began < 5


# --- Limits of the text -------------------------------------------------------------------------------


def test_expressions_are_limited_wherever_they_stand():
    steps = "".join("    - {if: call, then: [{action: log@v1}]}\n" for _ in range(200))
    text = f"    - {{action: log@v1, params: {{message: '{'${{call}}' * 100}'}}}}\n"
    source = f"branches:\n  inbound-call:\n{steps}{text}"

    assert codes(source) == []
    problem = only(f"{source}    - {{action: log@v1, params: {{message: 'x ${{{{call}}}}'}}}}\n")
    assert (problem.code, problem.line, problem.facts) == ("TOO_MANY_EXPRESSIONS", 204, {"most": 300})


def test_too_many_expressions_are_not_even_read():
    source = step(f"action: log@v1\nparams: {{message: '{'${{+}}' * 5_200}'}}")
    began = time.thread_time()

    assert codes(source) == ["TOO_MANY_EXPRESSIONS"]
    assert time.thread_time() - began < 0.5


def test_a_credential_in_a_header_is_a_warning_that_does_not_repeat_it():
    source = step(
        """
        action: fetch@v2
        params:
          url: https://crm.example.com/
          headers: {X-Api-Key: sk-secret, accept: text/plain}
        """
    )
    problem = only(source)

    assert (problem.code, problem.severity) == ("FETCH_SECRET", "warning")
    assert (problem.line, problem.column) == (7, 32)
    assert sentence(problem) == "Everybody who may read this flow can read what “X-Api-Key” holds here."
    assert "Flows › Allowed hosts" in fix(problem)
    assert "sk-secret" not in str(problem)


def test_a_branch_for_whoever_answers_need_not_be_there():
    assert codes(step("action: dial@v1\nparams: {answerOnBranch: answered}")) == []


def test_several_problems_come_in_the_order_of_the_text():
    source = sms("to: x\nbody: ${{ foo }}\nfrom: '1'")

    assert [(each.code, each.line) for each in check(source).problems] == [
        ("SMS_TO_NUMBER", 6),
        ("UNKNOWN_NAME", 7),
        ("SMS_FROM", 8),
    ]


# --- The catalogue ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", KINDS)
def test_every_sentence_can_be_filled_in(code):
    kind = KINDS[code]

    for text in filter(None, (kind.say, kind.fix, kind.near)):
        assert "{{{" not in fill(text, {})
