"""Expressions of call flows: `${{ … }}` in values, bare in `if`.

Checked by a list of what is allowed (grammar.py), then worked out by a JavaScript engine that starts anew each time,
with limits on time and memory.
"""

import json
import re
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import quickjs

from smsadmin.flows.language import grammar
from smsadmin.flows.language.grammar import Refusal
from smsadmin.flows.language.problems import excerpt, nearest

__all__ = [
    "ROOTS",
    "UNDEFINED",
    "Budget",
    "ExpressionError",
    "Refusal",
    "Undefined",
    "check",
    "check_template",
    "count",
    "evaluate",
    "fill",
    "has_expression",
    "shown",
    "truth",
]

#: What stands at the beginning of a path, besides variables and results.
ROOTS: Final = ("call", "sms", "run", "scenario", "integrations", "now")

SECONDS: Final = 0.2  # of processor time for one expression
SECONDS_TOGETHER: Final = 2.0
CHARACTERS_TOGETHER: Final = 5_000_000  # of all values of a run, as JSON
BYTES: Final = 16 * 2**20
STACK: Final = 256 * 2**10  # threads may have little
MOST_SHOWN: Final = 200

_OPEN, _CLOSE = "${{", "}}"
_MOST_CLOSES = 5  # }} may stand in a text of the expression: so many are tried
_PRELUDE = Path(__file__).with_name("prelude.js").read_text(encoding="utf-8")
#: What no database takes: NUL, and half of a surrogate pair. The engine writes nothing else in this way.
_UNSTORABLE = re.compile(r"(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})", re.IGNORECASE)


class Undefined:
    """JavaScript's undefined, which is not null."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED: Final = Undefined()


class ExpressionError(Exception):
    """An expression without a value; the code is one of problems.KINDS."""

    def __init__(self, code: str, facts: Mapping[str, Any], offset: int = 0) -> None:
        super().__init__(code, facts)
        self.code, self.facts, self.offset = code, dict(facts), offset


class Budget:
    """The processor time that expressions may take together, and the characters that they may come to."""

    def __init__(self, seconds: float = SECONDS_TOGETHER, characters: int = CHARACTERS_TOGETHER) -> None:
        self.seconds = self.left = seconds
        self.characters = self.characters_left = characters

    def for_one(self) -> float:
        """What the next expression may take; raises ExpressionError where nothing is left."""
        if self.left <= 0:
            raise ExpressionError("LIMIT_TIME", {"seconds": self.seconds})
        return min(SECONDS, self.left)

    def take(self, characters: int) -> None:
        """What a value has as JSON; raises ExpressionError where it is too much."""
        self.characters_left -= characters
        if self.characters_left < 0:
            raise ExpressionError("LIMIT_VALUES", {"most": self.characters})


def check(text: str, names: Collection[str] | None = None) -> list[Refusal]:
    """What is wrong with a bare expression; `names` are those it may begin a path with, None for any."""
    parsed = grammar.parse(text)
    refusals = [*parsed.refusals, *_unknown(parsed, names)]
    return refusals or list(_uncompilable(text))


def check_template(text: str, names: Collection[str] | None = None) -> Iterator[Refusal]:
    """What is wrong with each `${{ … }}` in a text, one after the other; offsets are those in the text."""
    slots, unclosed = _slots(text)
    for start, end in slots:
        for refusal in check(_inside(text, start, end), names):
            yield replace(refusal, offset=refusal.offset + start + len(_OPEN))
    if unclosed is not None:
        yield Refusal("UNCLOSED_EXPRESSION", {}, unclosed)


def count(text: str) -> int:
    """How many `${{ … }}` begin in a text."""
    return text.count(_OPEN)


def has_expression(value: Any) -> bool:
    """Whether there is anything in a value, or inside it, to be worked out."""
    if isinstance(value, str):
        return _OPEN in value
    if isinstance(value, Mapping):
        return any(map(has_expression, value.values()))
    return isinstance(value, list) and any(map(has_expression, value))


def evaluate(text: str, scope: Mapping[str, Any], budget: Budget | None = None) -> Any:
    """The value of a bare expression: plain data, or UNDEFINED. `scope["now"]` is a moment as ISO 8601 text.

    Raises ExpressionError.
    """
    answer = _work_out(text, scope, "(value) => value", budget or Budget())
    return UNDEFINED if answer["isUndefined"] else answer["value"]


def fill(value: Any, scope: Mapping[str, Any], budget: Budget | None = None) -> Any:
    """A value with every `${{ … }}` in it worked out; one that is nothing else keeps its type.

    Raises ExpressionError.
    """
    budget = budget or Budget()
    if isinstance(value, str):
        return _filled(value, scope, budget)
    if isinstance(value, Mapping):
        return {key: fill(each, scope, budget) for key, each in value.items()}
    return [fill(each, scope, budget) for each in value] if isinstance(value, list) else value


def truth(value: Any) -> bool:
    """Whether JavaScript takes a value for true: empty lists and objects are, "" and 0 are not."""
    return True if isinstance(value, list | dict) else bool(value)


def shown(value: Any) -> str:
    """A value as people read it: JSON, or undefined."""
    if isinstance(value, Undefined):
        return "undefined"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…"


def _unknown(parsed: grammar.Parsed, names: Collection[str] | None) -> list[Refusal]:
    if names is None:
        return []
    return [_unknown_name(name, names) for name in parsed.names if name.text not in names]


def _unknown_name(name: grammar.Name, names: Collection[str]) -> Refusal:
    near = "scenario" if name.text == "app" else nearest(name.text, names)  # Callr's earlier name of it
    known = ", ".join(sorted(names))
    return Refusal("UNKNOWN_NAME", {"name": name.text[:80], "known": known, "nearest": near}, name.offset)


@lru_cache(maxsize=2048)
def _uncompilable(text: str) -> tuple[Refusal, ...]:
    """What only the engine knows to be wrong: patterns, and escapes in texts."""
    parsed = grammar.parse(text)
    for pattern in parsed.patterns:
        if not _compiles(f"new RegExp({json.dumps(pattern.body)}, {json.dumps(pattern.flags)})"):
            piece = excerpt(f"/{pattern.body}/{pattern.flags}")
            return (Refusal("BAD_PATTERN", {"piece": piece}, pattern.offset),)
    if "\\" in text and not _compiles(f"() => {parsed.code}"):
        return (Refusal("EXPRESSION_SYNTAX", {"piece": excerpt(text)}),)
    return ()


def _compiles(code: str) -> bool:
    try:
        _engine(SECONDS).eval(f'"use strict"; {code}')
    except quickjs.JSException:
        return False
    return True


def _engine(seconds: float) -> quickjs.Context:
    engine = quickjs.Context()
    engine.set_memory_limit(BYTES)
    engine.set_max_stack_size(STACK)
    engine.set_time_limit(seconds)
    return engine


def _work_out(text: str, scope: Mapping[str, Any], finish: str, budget: Budget) -> dict[str, Any]:
    """What prelude.js reports of an expression."""
    if refusals := check(text, {*ROOTS, *scope, *_variables(text)}):
        raise ExpressionError(refusals[0].code, refusals[0].facts, refusals[0].offset)
    engine = _engine(seconds := budget.for_one())
    began = time.thread_time()
    try:
        engine.set("scopeText", _as_json(scope))
        answer = engine.eval(f"{_PRELUDE}\nreport(() => {grammar.parse(text).code}, {finish})")
    except quickjs.JSException as problem:
        raise _of_engine(text, str(problem), budget, seconds) from None
    finally:
        budget.left -= time.thread_time() - began
    budget.take(len(answer))
    told = json.loads(_UNSTORABLE.sub(r"\1\\ufffd", answer))
    if failure := told.get("failure"):
        raise ExpressionError(failure["code"], failure["facts"], failure["offset"])
    return told


def _variables(text: str) -> set[str]:
    """A variable that nothing was stored in yet is undefined, not unknown."""
    return {name.text for name in grammar.parse(text).names if name.text.startswith("$")}


def _as_json(scope: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in scope.items() if not isinstance(value, Undefined)})


def _of_engine(text: str, said: str, budget: Budget, seconds: float) -> ExpressionError:
    """The engine's own errors in our words."""
    piece = excerpt(text)
    if "interrupted" in said and seconds < SECONDS:
        return ExpressionError("LIMIT_TIME", {"seconds": budget.seconds})
    if "interrupted" in said:
        return ExpressionError("EXPRESSION_TIME", {"piece": piece, "milliseconds": int(seconds * 1000)})
    if "memory" in said or "too long" in said or said.startswith("null"):
        return ExpressionError("EXPRESSION_MEMORY", {"piece": piece})
    return ExpressionError("EXPRESSION_FAILED", {"piece": piece, "reason": said.partition("\n")[0]})


def _slots(text: str) -> tuple[list[tuple[int, int]], int | None]:
    """From where to where each `${{ … }}` of a text goes, and where one begins that is never closed."""
    slots: list[tuple[int, int]] = []
    end = 0
    while (start := text.find(_OPEN, end)) >= 0:
        closed = _closing(text, start + len(_OPEN))
        if closed < 0:
            return slots, start
        end = closed
        slots.append((start, end))
    return slots, None


def _closing(text: str, start: int) -> int:
    """Where the expression that begins here ends, -1 for nowhere. A }} inside a text of its own does not end it."""
    first = end = text.find(_CLOSE, start)
    for _ in range(_MOST_CLOSES):
        if end < 0 or end - start > grammar.MOST_CHARACTERS:
            break
        if not text[start:end].strip() or grammar.reads(text[start:end]):
            return end + len(_CLOSE)
        end = text.find(_CLOSE, end + 1)
    return first + len(_CLOSE) if first >= 0 else -1


def _filled(text: str, scope: Mapping[str, Any], budget: Budget) -> Any:
    slots, _ = _slots(text)
    if slots == [(0, len(text))]:
        return evaluate(_inside(text, *slots[0]), scope, budget)
    pieces, end = [], 0
    for start, stop in slots:
        answer = _work_out(_inside(text, start, stop), scope, "String", budget)
        pieces += [text[end:start], answer["value"]]
        end = stop
    return "".join([*pieces, text[end:]])


def _inside(text: str, start: int, end: int) -> str:
    return text[start + len(_OPEN) : end - len(_CLOSE)]
