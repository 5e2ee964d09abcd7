"""Whatever is written: nothing crashes, hangs or gets out."""

import json
import time

from hypothesis import example, given, settings
from hypothesis import strategies as st

from smsadmin.core.errors import fill as filled
from smsadmin.flows.language import engine, expressions
from smsadmin.flows.language.document import check
from smsadmin.flows.language.expressions import ROOTS, UNDEFINED, ExpressionError
from smsadmin.flows.language.problems import KINDS
from smsadmin.flows.language.starters import STARTERS
from tests.flows.language.test_engine import Outside

calm = settings(max_examples=40, deadline=None, derandomize=True)

SCOPE = {
    "call": {
        "fromType": "MOBILE",
        "list": [1, [2]],
        "deep": {"constructor": "own", "__proto__": {"a": 1}},
        "n": None,
    },
    "now": "2026-11-22T12:00:00.000Z",
    "$dial": {"ok": False},
    "$user": UNDEFINED,
}
NAMES = {*ROOTS, "$dial", "$user"}
#: What a way out of the sandbox would be made of.
BRICKS = [
    *(
        "call",
        "sms",
        "now",
        "$dial",
        "$user",
        "this",
        "globalThis",
        "Function",
        "eval",
        "import",
        "scope",
        "read",
    ),
    *(
        "constructor",
        "__proto__",
        "prototype",
        "toString",
        "match",
        "split",
        "join",
        "length",
        "JSON",
        "stringify",
    ),
    *(
        ".",
        "?.",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "'",
        '"',
        "`",
        "/",
        "\\",
        "\n",
        " ",
        ",",
        ";",
        "=>",
        "=",
        "...",
        "#",
    ),
    *(
        "!",
        "+",
        "-",
        "&&",
        "||",
        "??",
        "?",
        ":",
        "<",
        "==",
        "<!--",
        "-->",
        "//",
        "/*",
        "*/",
        "\\u0063",
        "\u2028",
        "}}",
    ),
    *(
        "'constr' + 'uctor'",
        "/(a+)+$/",
        "1",
        "0x1",
        "1n",
        "'a'",
        "new ",
        "return ",
        "function",
        "class",
        "async ",
        "😀",
    ),
]
EXPRESSIONS = st.one_of(st.lists(st.sampled_from(BRICKS), max_size=12).map("".join), st.text(max_size=40))
YAML_BRICKS = [
    *(
        "branches:",
        "inbound-call:",
        "actions:",
        "- ",
        "action: ",
        "sms@v1",
        "params:",
        "to: ",
        "body: ",
        "if: ",
        "goto: ",
    ),
    *(
        "{branch: inbound-call}",
        "then:",
        "result: $x",
        "${{ call.a }}",
        "${{",
        "}}",
        "!a",
        "&a ",
        "*a",
        "<<: ",
        "? ",
        ": ",
    ),
    *(
        "\n",
        "\n  ",
        "\n    ",
        "\n      ",
        "\t",
        "|",
        ">",
        "'",
        '"',
        "[",
        "]",
        "{",
        "}",
        "#",
        "%YAML 1.1",
        "---",
        "...",
    ),
    *(
        "+33",
        "012",
        "1:2",
        "1e999",
        ".nan",
        "!!int a",
        "!!binary x",
        '"\\ud800"',
        "\x00",
        "\x85",
        "\u2028",
        "\ufeff",
        "😀",
    ),
]
SCRIPTS = st.one_of(st.lists(st.sampled_from(YAML_BRICKS), max_size=30).map("".join), st.text(max_size=80))


def is_storable(value):
    """Whether any database takes it."""
    if isinstance(value, dict):
        return all(is_storable(each) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return all(map(is_storable, value))
    return json.dumps(value) and not (isinstance(value, str) and "\0" in value.encode().decode())


def outcome(work, *args):
    """What it came to, or why it came to nothing."""
    try:
        value = work(*args)
    except ExpressionError as error:
        value = error
    if isinstance(value, ExpressionError):
        assert value.code in KINDS
        assert json.dumps(value.facts)
    else:
        assert value is UNDEFINED or is_storable(value)
    return value


@calm
@given(EXPRESSIONS)
@example("call['constr' + 'uctor']('return 1')()")
@example("call.fromType.constructor.constructor('return this')()")
@example("''['const' + 'ructor']['const' + 'ructor']")
@example("(call)['__pro' + 'to__']")
@example("call.deep['constructor']")
@example("call.list['__define' + 'Getter__']")
@example("call.fromType.match(call)")
@example("call.fromType.split(call.deep)")
@example("$user + call + now + /a/")
@example("now - now")
@example("call.fromType.match('(')")
@example("'\\u2028' + \"\u2028\"")
@example("1\n-->2")
@example("call\n<!-- 1")
def test_an_expression_is_refused_or_has_a_plain_value(text):
    began = time.thread_time()
    refusals = expressions.check(text, NAMES)
    value = outcome(expressions.evaluate, text, SCOPE)

    assert all(each.code in KINDS and 0 <= each.offset <= len(text) for each in refusals)
    assert isinstance(value, ExpressionError) or {each.code for each in refusals} <= {
        "UNKNOWN_NAME"
    }  # as of $later
    assert time.thread_time() - began < 2


@calm
@given(st.lists(st.one_of(EXPRESSIONS.map("${{{{ {} }}}}".format), EXPRESSIONS), max_size=4).map("".join))
def test_a_text_is_filled_in_or_refused(text):
    text = text.replace("\0", "")  # which no script has
    refusals = list(expressions.check_template(text, NAMES))
    outcome(expressions.fill, text, SCOPE)

    assert all(each.code in KINDS and 0 <= each.offset <= len(text) for each in refusals)


@calm
@given(SCRIPTS)
@example("[" * 10_000)
@example("- " * 16_000)
@example("? " * 16_000)
@example("a: &a [*a, *a]")
@example("branches: &b {inbound-call: &s [{if: call, then: *s}]}")
@example("${{" * 10_000)
@example("branches: {inbound-call: [{action: log@v1, params: {a: '" + "${{ ( }} " * 3_000 + "'}}]}")
@example("branches: {inbound-call: [{action: log@v1, params: {a: '" + "${{1}}" * 4_000 + "'}}]}")
@example("branches: {inbound-call: [{if: '" + "!" * 30_000 + "call', then: []}]}")
@example("branches: {inbound-call: [{action: log@v1, params: {a: " + "9" * 5_000 + "}}]}")
@example("branches: {inbound-call: [{action: log@v1, params: {a: " + "1" * 5_000 + ":30}}]}")
@example(
    "variables: {$a: 0x" + "f" * 300 + ", $b: !!int '" + "1" * 5_000 + "', $c: !!float '" + "1" * 5_000 + "'}"
)
@example("a: 1\r\nb: 2\rc: 3\u2028d: 4")
def test_any_text_is_read_or_explained(source):
    began = time.thread_time()
    checked = check(source)

    assert (checked.document is None) == bool(checked.errors)
    lines = source.split("\n")
    for problem in checked.problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert filled(problem.say, dict(problem.facts))
        assert filled(problem.fix, dict(problem.facts))
        assert json.dumps(problem.facts)
    assert time.thread_time() - began < 10


@calm
@given(st.data())
def test_a_flow_with_a_piece_changed_is_refused_or_runs_to_an_end(data):
    source = data.draw(st.sampled_from(STARTERS)).source
    start = data.draw(st.integers(0, len(source)))
    piece = data.draw(st.one_of(st.sampled_from(YAML_BRICKS), EXPRESSIONS))
    changed = source[:start] + piece + source[start + data.draw(st.integers(0, 12)) :]

    document = check(changed).document
    if document:
        ran = engine.run(document, document.starts[0], SCOPE, Outside())
        assert not ran.error or ran.error["code"] in KINDS
        assert json.dumps([each.as_json() for each in ran.records]).encode()


@calm
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(), st.text()),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    )
)
def test_any_event_can_be_read(event):
    for text in ("call?.a?.match(/x/)", "call + 'x' + JSON.stringify(call)", "call"):
        outcome(expressions.evaluate, text, {"call": event})
