"""What expressions of call flows may say, and what they come to."""

import time

import pytest

from smsadmin.flows.language import expressions
from smsadmin.flows.language.expressions import (
    UNDEFINED,
    Budget,
    ExpressionError,
    check,
    evaluate,
    fill,
    shown,
    truth,
)
from smsadmin.flows.language.problems import KINDS

SCOPE = {
    "call": {
        "fromNumber": "+33639980042",
        "fromType": "MOBILE",
        "count": 3,
        "nothing": None,
        "list": ["a", "b"],
        "cdr": {"durationTotal": 25, "hangupCause": 16},
        "match": "a property of that name",
    },
    "$dial": {"ok": False},
    "$user": UNDEFINED,
    "run": {"id": "inbound-call:424242", "type": "inbound-call"},
    "now": "2026-11-22T12:00:00.000Z",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("call.fromNumber", "+33639980042"),
        ("call.cdr.durationTotal", 25),
        ("call['fromType']", "MOBILE"),
        ("call.list[1]", "b"),
        ("call.list[call.list.length + 0]", UNDEFINED),
        ("call?.cdr?.durationTotal", 25),
        ("call.nothing?.a.b.c", UNDEFINED),
        ("$user?.name.match(/a/)[0]", UNDEFINED),
        ("$user?.['name']", UNDEFINED),
        ("call[$user?.key]", UNDEFINED),
        ("call.match", "a property of that name"),
        ("!$dial?.ok", True),
        ("!!call.fromNumber", True),
        ("call.count == '3'", True),
        ("call.count === '3'", False),
        ("call.count != '3'", False),
        ("call.count !== '3'", True),
        ("call.count < 4 && call.count <= 3 && call.count > 2 && call.count >= 3", True),
        ("call.nothing || 'other'", "other"),
        ("call.nothing && 'other'", None),
        ("$user == null", True),
        ("$user === undefined", True),
        ("'a' + 1 + true + null + undefined", "a1truenullundefined"),
        ("1 + 2 + .5 + 0x10 + 1e2", 119.5),
        ("call.count ? 'yes' : \"no\"", "yes"),
        ("(call.count == 3) ? (1) : 2", 1),
        ("call.fromType.match(/mobile/i)", ["MOBILE"]),
        ("call.fromType.match(/FIXED/)", None),
        ("call.fromNumber.match(/^\\+(\\d\\d)/)[1]", "33"),
        ("call.fromType.match('MOB')", ["MOB"]),
        ("run.id.split(':')[1]", "424242"),
        ("call.list.join(', ')", "a, b"),
        ("call.fromType.length", 6),
        ("JSON.stringify(call.cdr)", '{"durationTotal":25,"hangupCause":16}'),
        ("JSON.stringify($user)", UNDEFINED),
        ("now", "2026-11-22T12:00:00.000Z"),
        ("now > 0", True),
        ("JSON.stringify(now).split('T')[1] < '17:00'", True),
        ("'it\\'s' + \"\\u00e9\\n\\x41\\u{1F600}\"", "it'sé\nA\U0001f600"),
        ("'😀'.length", 2),
        ("scenario", UNDEFINED),
        (" \n call.count \n", 3),
        ("undefined + 1", None),  # NaN, as JSON has it
    ],
)
def test_what_expressions_come_to(text, value):
    assert check(text, {*expressions.ROOTS, *SCOPE}) == []
    assert evaluate(text, SCOPE) == value or evaluate(text, SCOPE) is value


@pytest.mark.parametrize(
    ("text", "code", "offset"),
    [
        ("", "EMPTY_EXPRESSION", 0),
        ("  ", "EMPTY_EXPRESSION", 0),
        ("a" * 2_001, "EXPRESSION_TOO_LONG", 0),
        ("!" * 500 + "call", "EXPRESSION_TOO_DEEP", 0),
        ("call." + "a." * 500 + "b", "EXPRESSION_TOO_DEEP", 0),
        ("call. ", "EXPRESSION_SYNTAX", 5),
        ("'😀' + call b", "EXPRESSION_SYNTAX", 11),
        ("call) + (call", "EXPRESSION_SYNTAX", 0),
        ("call; call", "EXPRESSION_SYNTAX", 0),
        ("call // why", "EXPRESSION_CONSTRUCT", 5),
        ("call /* why */", "EXPRESSION_CONSTRUCT", 5),
        ("call, run", "EXPRESSION_CONSTRUCT", 0),
        ("1 + -1", "EXPRESSION_CONSTRUCT", 4),
        ("typeof call", "EXPRESSION_CONSTRUCT", 0),
        ("call - 1", "EXPRESSION_CONSTRUCT", 5),
        ("call ?? run", "EXPRESSION_CONSTRUCT", 5),
        ("'a' in call", "EXPRESSION_CONSTRUCT", 4),
        ("call = run", "EXPRESSION_CONSTRUCT", 0),
        ("call.a++", "EXPRESSION_CONSTRUCT", 0),
        ("[1]", "EXPRESSION_CONSTRUCT", 0),
        ("{a: 1}", "EXPRESSION_CONSTRUCT", 0),
        ("`${call}`", "EXPRESSION_CONSTRUCT", 0),
        ("() => 1", "EXPRESSION_CONSTRUCT", 0),
        ("new Date()", "EXPRESSION_CONSTRUCT", 0),
        ("this", "EXPRESSION_CONSTRUCT", 0),
        ("super.a", "EXPRESSION_CONSTRUCT", 0),
        ("import('fs')", "EXPRESSION_CONSTRUCT", 0),
        ("eval('1')", "EXPRESSION_CONSTRUCT", 0),
        ("call()", "EXPRESSION_CONSTRUCT", 0),
        ("call?.()", "EXPRESSION_CONSTRUCT", 0),
        ("call.a`b`", "EXPRESSION_CONSTRUCT", 0),
        ("call.#a", "EXPRESSION_CONSTRUCT", 5),
        ("1n", "EXPRESSION_CONSTRUCT", 0),
        ("010", "EXPRESSION_CONSTRUCT", 0),
        ("'\\1'", "EXPRESSION_CONSTRUCT", 1),
        ("c\\u0061ll", "EXPRESSION_CONSTRUCT", 0),
        ("JSON.parse('1')", "EXPRESSION_CONSTRUCT", 0),
        ("JSON?.stringify(1)", "EXPRESSION_CONSTRUCT", 0),
        ("call.a.match(...run)", "EXPRESSION_CONSTRUCT", 13),
        ("call.a.toUpperCase()", "UNKNOWN_METHOD", 7),
        ("call.a.replace(/a/, 'b')", "UNKNOWN_METHOD", 7),
        ("call.a.match()", "METHOD_ARGUMENTS", 0),
        ("call.a.split('a', 1)", "METHOD_ARGUMENTS", 0),
        ("JSON.stringify(call, null, 2)", "METHOD_ARGUMENTS", 0),
        ("call.constructor", "FORBIDDEN_PROPERTY", 5),
        ("call['constructor']", "FORBIDDEN_PROPERTY", 5),
        ("call.__proto__", "FORBIDDEN_PROPERTY", 5),
        ("call?.prototype", "FORBIDDEN_PROPERTY", 6),
        ("call.a.match(/(/)", "BAD_PATTERN", 13),
        ("call.a.match(/a/zz)", "BAD_PATTERN", 13),
        ("'\\u{FFFFFF}'", "EXPRESSION_SYNTAX", 0),
        ("1 + foo", "UNKNOWN_NAME", 4),
        ("$foo", "UNKNOWN_NAME", 0),
        ("JSON", "UNKNOWN_NAME", 0),
        ("globalThis", "UNKNOWN_NAME", 0),
        ("Function", "UNKNOWN_NAME", 0),
        ("scope", "UNKNOWN_NAME", 0),
        ("scopeText", "UNKNOWN_NAME", 0),
        ("process.env", "UNKNOWN_NAME", 0),
    ],
)
def test_everything_else_is_refused_where_it_stands(text, code, offset):
    refusals = check(text, expressions.ROOTS)

    assert (refusals[0].code, refusals[0].offset) == (code, offset)
    assert code in KINDS
    with pytest.raises(ExpressionError):
        evaluate(text.replace("$foo", "foo"), SCOPE)


def test_every_refusal_is_told_not_only_the_first():
    assert [each.code for each in check("foo + -bar", expressions.ROOTS)] == [
        "EXPRESSION_CONSTRUCT",
        "UNKNOWN_NAME",
    ]


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("cal.fromType", "call"), ("$dail.ok", "$dial"), ("app.sid", "scenario"), ("xyz", "")],
)
def test_a_name_that_nothing_has_is_answered_with_the_one_meant(text, nearest):
    (refusal,) = check(text, {*expressions.ROOTS, "$dial"})

    assert (refusal.code, refusal.facts["nearest"]) == ("UNKNOWN_NAME", nearest)


@pytest.mark.parametrize(
    ("text", "code", "facts"),
    [
        ("$user.name", "NOTHING_TO_READ", {"object": "$user", "nothing": "undefined", "property": "name"}),
        ("call.nothing.x", "NOTHING_TO_READ", {"object": "call.nothing", "nothing": "null", "property": "x"}),
        (
            "(call?.nothing).x",
            "NOTHING_TO_READ",
            {"object": "(call?.nothing)", "nothing": "null", "property": "x"},
        ),
        (
            "sms.body.match(/a/)",
            "NOTHING_TO_READ",
            {"object": "sms", "nothing": "undefined", "property": "body"},
        ),
        (
            "call.no.match(/a/)",
            "NOTHING_TO_READ",
            {"object": "call.no", "nothing": "undefined", "property": "match()"},
        ),
        (
            "call.nothing[0]",
            "NOTHING_TO_READ",
            {"object": "call.nothing", "nothing": "null", "property": "[0]"},
        ),
        ("call.count.match(/a/)", "NEEDS_TEXT", {"object": "call.count", "name": "match"}),
        ("call.fromType.join('')", "NEEDS_LIST", {"object": "call.fromType", "name": "join"}),
        ("call['const' + 'ructor']", "FORBIDDEN_PROPERTY", {"name": "constructor"}),
        ("'a'['__pro' + 'to__']", "FORBIDDEN_PROPERTY", {"name": "__proto__"}),
    ],
)
def test_what_cannot_be_read_is_said_in_so_many_words(text, code, facts):
    with pytest.raises(ExpressionError) as raised:
        evaluate(text, SCOPE)

    assert raised.value.code == code
    assert facts.items() <= raised.value.facts.items()


def test_only_what_a_value_itself_has_can_be_read():
    for inherited in ("toString", "hasOwnProperty", "split", "valueOf", "__defineGetter__"):
        assert evaluate(f"call.{inherited}", SCOPE) is UNDEFINED
        assert evaluate(f"'a'['{inherited}']", SCOPE) is UNDEFINED
        assert evaluate(f"now.{inherited}", SCOPE) is UNDEFINED


@pytest.mark.parametrize(
    ("text", "given", "code"),
    [
        ("call.text.match(/(a+)+$/)", "a" * 60 + "!", "EXPRESSION_TIME"),
        ("call.text.match('(.*)(.*)(.*)(.*)b$')", "a" * 2_000, "EXPRESSION_TIME"),
        ("call.text.split('').join(call.text)", "é" * 20_000, "EXPRESSION_MEMORY"),
        ("call.text.split('')", "é" * 1_000_000, "EXPRESSION_MEMORY"),
    ],
)
def test_time_and_memory_end(text, given, code):
    began = time.thread_time()

    with pytest.raises(ExpressionError) as raised:
        evaluate(text, {"call": {"text": given}})

    assert time.thread_time() - began < 1
    assert raised.value.code == code


def test_a_scope_that_is_too_large_is_an_error_too():
    with pytest.raises(ExpressionError) as raised:
        evaluate("call.a", {"call": {"a": "x" * 17_000_000}})

    assert raised.value.code == "EXPRESSION_MEMORY"


def test_expressions_share_one_budget_of_time():
    spent = Budget(0.001)
    spent.left = -0.1

    with pytest.raises(ExpressionError) as raised:
        fill("${{ 1 }}", {}, spent)

    assert (raised.value.code, raised.value.facts) == ("LIMIT_TIME", {"seconds": 0.001})


def test_one_evaluation_leaves_nothing_to_the_next():
    assert evaluate("call.list", SCOPE) == ["a", "b"]
    assert evaluate("$later", {}) is UNDEFINED


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("${{ call.list }}", ["a", "b"]),
        ("${{ call.count }}", 3),
        ("${{ $user }}", UNDEFINED),
        ("no. ${{ call.count }}", "no. 3"),
        (" ${{ call.list }}", " a,b"),
        ("${{ call.count }}${{ call.nothing }}${{ $user }}${{ !1 }}", "3nullundefinedfalse"),
        ("${{ call.cdr }} ", "[object Object] "),
        ("${{ '}}' }}", "}}"),
        ("a ${{ '}}' + \"}}\" }} b", "a }}}} b"),
        ("${{ call.fromType.match(/M{1}}?/) }}!", "M!"),
        ("{{ call.count }}", "{{ call.count }}"),
        ("$ {{ }}", "$ {{ }}"),
        (5, 5),
        (None, None),
        ({"a": ["x${{ 1 }}", {"b": "${{ 2 }}"}]}, {"a": ["x1", {"b": 2}]}),
    ],
)
def test_values_are_filled_in(value, filled):
    assert fill(value, SCOPE) == filled


def test_what_an_expression_brings_is_no_expression():
    assert fill("Hello ${{ call.name }}", {"call": {"name": "${{ call.name }}"}}) == "Hello ${{ call.name }}"


@pytest.mark.parametrize(
    ("text", "code", "offset"),
    [
        ("Hello ${{ call.a", "UNCLOSED_EXPRESSION", 6),
        ("Hello ${{ }}", "EMPTY_EXPRESSION", 9),
        ("😀 ${{ 1 }} ${{ foo }}", "UNKNOWN_NAME", 15),
        ("${{ a b }} ${{ 1 }}", "EXPRESSION_SYNTAX", 6),
    ],
)
def test_expressions_in_texts_are_checked_where_they_stand(text, code, offset):
    assert [(each.code, each.offset) for each in expressions.check_template(text, expressions.ROOTS)] == [
        (code, offset)
    ]


def test_no_value_has_what_a_database_cannot_take():
    scope = {"call": {"a": "x\0y", "\ud800": "\udfff", "b": "😀"}}

    assert evaluate("call.a", scope) == "x\ufffdy"
    assert evaluate("call", scope) == {"a": "x\ufffdy", "\ufffd": "\ufffd", "b": "😀"}
    assert evaluate("call.b[0]", scope) == "\ufffd"
    assert evaluate("'\\\\' + 'u0000'", scope) == "\\u0000"


@pytest.mark.parametrize("value", [True, 1, -1, "0", " ", [], {}, [0]])
def test_true_as_javascript_has_it(value):
    assert truth(value) is True


@pytest.mark.parametrize("value", [False, 0, "", None, UNDEFINED])
def test_false_as_javascript_has_it(value):
    assert truth(value) is False


def test_values_are_shown_short_and_undefined_is_not_null():
    assert shown(UNDEFINED) == "undefined"
    assert shown(None) == "null"
    assert shown(["é"]) == '["é"]'
    assert len(shown("x" * 1000)) == 200


def test_what_expressions_come_to_together_is_limited():
    budget = Budget(characters=1_000)
    scope = {"call": {"long": "x" * 400}}

    assert fill(["${{ call.long }}", "a ${{ call.long }}"], scope, budget) == ["x" * 400, "a " + "x" * 400]
    with pytest.raises(ExpressionError) as raised:
        evaluate("call.long", scope, budget)
    assert (raised.value.code, raised.value.facts) == ("LIMIT_VALUES", {"most": 1_000})
