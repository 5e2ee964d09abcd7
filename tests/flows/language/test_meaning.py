"""Expressions mean what they mean in JavaScript: each is worked out by the engine itself too, and compared."""

import json

import quickjs
from hypothesis import given, settings
from hypothesis import strategies as st

from smsadmin.flows.language import expressions
from smsadmin.flows.language.expressions import UNDEFINED, ExpressionError

SCOPE = {
    "call": {
        "a": "MOBILE",
        "n": 3,
        "z": None,
        "l": ["x", "y", [1]],
        "o": {"p": {"q": 0}},
        "f": False,
        "e": "",
    },
    "$dial": {"ok": True},
    "now": "2026-11-22T12:00:00.000Z",
}
#: The same in JavaScript, unguarded.
NATIVE = """
(() => {
  const { call, $dial, now } = JSON.parse(scopeText);
  const run = Function("call", "$dial", "now", "sms", `return (${text}\\n)`);
  try {
    const value = run(call, $dial, new Date(now), undefined);
    return JSON.stringify({ value, isUndefined: value === undefined });
  } catch (problem) {
    return JSON.stringify({ failed: true });
  }
})()
"""

LINKS = [
    ".a",
    ".n",
    ".z",
    ".l",
    ".o",
    ".p",
    ".q",
    "?.a",
    "?.z",
    "?.o",
    "?.p",
    "[0]",
    "?.[0]",
    "['a']",
    "[call.n]",
    ".length",
    "?.length",
]
METHODS = [".match(/M/)", "?.match(/(O)B/i)", ".split('O')", ".join('-')", "?.join('')"]
OPERATORS = ["==", "!=", "===", "!==", "<", ">", "<=", ">=", "&&", "||", "+"]

roots = st.sampled_from(["call", "$dial", "now", "sms", "call.a", "call.l", "call.o"])
links = st.lists(st.sampled_from(LINKS), max_size=3).map("".join)
paths = st.tuples(roots, links, st.sampled_from(["", "", *METHODS]), st.sampled_from(["", "[0]"])).map(
    "".join
)
literals = st.sampled_from(["1", "0", "2.5", "'x'", '""', "'MOBILE'", "null", "undefined", "true", "false"])


def larger(inner):
    return st.one_of(
        inner.map("!{}".format),
        inner.map("({})".format),
        inner.map("JSON.stringify({})".format),
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(" ".join),
        st.tuples(inner, inner, inner).map(lambda parts: "{} ? {} : {}".format(*parts)),
    )


def in_javascript(text):
    engine = quickjs.Context()
    engine.set("text", text)
    engine.set("scopeText", json.dumps(SCOPE))
    return json.loads(engine.eval(NATIVE))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.recursive(paths | literals, larger, max_leaves=8))
def test_an_expression_means_what_it_means_in_javascript(text):
    native = in_javascript(text)
    try:
        value = expressions.evaluate(text, SCOPE)
    except ExpressionError:
        assert native.get("failed"), text
    else:
        assert not native.get("failed"), text
        assert value is UNDEFINED if native["isUndefined"] else value == native["value"]
