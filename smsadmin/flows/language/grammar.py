"""Which JavaScript an expression may be made of, and what is handed to the engine in its place.

The text is taken apart by JavaScript's grammar. Each construct that is allowed is written anew, by name lookups and
property reads of our own (prelude.js): nothing of the text itself, and nothing that it could not have said here, ever
reaches the engine.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

from smsadmin.flows.language.problems import excerpt, nearest

MOST_CHARACTERS: Final = 2_000
MOST_LEVELS: Final = 100

FORBIDDEN: Final = frozenset({"constructor", "prototype", "__proto__"})
METHODS: Final = ("match", "split", "join")

_LANGUAGE = Language(tree_sitter_javascript.language())
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_NUMBER = re.compile(r"(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|0[xX][0-9a-fA-F]+")
_ESCAPE = re.compile(r"\\(?:[^\s0-9ux]|0|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]{1,6}\})")
_BINARY: Final = frozenset({"==", "!=", "===", "!==", "<", ">", "<=", ">=", "&&", "||", "+"})
_WORDS: Final = frozenset({"true", "false", "null", "undefined"})
_LINKS: Final = frozenset({"member_expression", "subscript_expression", "call_expression"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is wrong with an expression, and at which character of it, from 0."""

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Name:
    """Where an expression begins a path."""

    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that stands in an expression."""

    body: str
    flags: str
    offset: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """An expression as the engine gets it. The code is worth something only where nothing was refused."""

    code: str = ""
    names: tuple[Name, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def reads(text: str) -> bool:
    """Whether this is one expression of JavaScript at all, allowed or not."""
    source = _source(text)
    return source is not None and _expression(_parse(source)) is not None


@lru_cache(maxsize=2048)
def parse(text: str) -> Parsed:
    """Take a bare expression apart; never raises."""
    if not text.strip():
        return _refused("EMPTY_EXPRESSION")
    if len(text) > MOST_CHARACTERS:
        return _refused("EXPRESSION_TOO_LONG", most=MOST_CHARACTERS)
    if (source := _source(text)) is None:
        return _refused("EXPRESSION_SYNTAX", piece=ascii(excerpt(text))[1:-1])
    root = _parse(source)
    if (node := _expression(root)) is None:
        at = _broken(root, source)
        return _refused("EXPRESSION_SYNTAX", at, piece=excerpt(text[at:]) or excerpt(text))
    if any(depth > MOST_LEVELS for _, depth in _walk(root)):
        return _refused("EXPRESSION_TOO_DEEP")
    writer = _Writer(source)
    for each, _ in _walk(root):
        if each.type == "comment":
            writer.refuse(each)
    code = writer.write(node)
    return Parsed(code, tuple(writer.names), tuple(writer.patterns), tuple(writer.refusals))


def _refused(code: str, offset: int = 0, **facts: Any) -> Parsed:
    return Parsed(refusals=(Refusal(code, facts, offset),))


def _source(text: str) -> bytes | None:
    """In brackets, so that it can be nothing but an expression."""
    try:
        return f"({text}\n)".encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return None


def _parse(source: bytes) -> Node:
    return Parser(_LANGUAGE).parse(source).root_node


def _expression(root: Node) -> Node | None:
    """What stands between our brackets; None where that is not exactly one expression."""
    if root.has_error or root.named_child_count != 1:
        return None
    outer = root.named_child(0).named_child(0)
    if outer.type != "parenthesized_expression":
        return None
    inner = [child for child in outer.named_children if child.type != "comment"]
    return inner[0] if len(inner) == 1 else None


def _broken(root: Node, source: bytes) -> int:
    """The character at which the text stops being an expression."""
    places = [
        node.start_byte for node, _ in _walk(root) if (node.is_error or node.is_missing) and node.start_byte
    ]
    byte = min(places, default=1)
    return min(_characters(source, byte), len(source.decode()) - 3)


def _walk(root: Node) -> Iterator[tuple[Node, int]]:
    """Every node with its level. Not recursive: nobody knows yet how deep it goes."""
    waiting = [(root, -3)]  # program, statement and our brackets do not count
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting.extend((child, depth + 1) for child in node.children)


def _characters(source: bytes, byte: int) -> int:
    """From bytes in our brackets to characters of the text."""
    return max(len(source[:byte].decode(errors="ignore")) - 1, 0)


class _Writer:
    """Writes the allowed constructs anew and keeps what it refuses."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.names: list[Name] = []
        self.patterns: list[Pattern] = []
        self.refusals: list[Refusal] = []
        self.kinds: Mapping[str, Callable[[Node], str]] = {
            "parenthesized_expression": self._brackets,
            "identifier": self._name,
            "string": self._string,
            "number": self._number,
            "regex": self._regex,
            "unary_expression": self._unary,
            "binary_expression": self._binary,
            "ternary_expression": self._ternary,
        }

    def write(self, node: Node) -> str:
        """An expression; where a path has ?. in it, all of it is given up at once."""
        if node.type in _WORDS:
            return node.type
        if node.type in _LINKS:
            code = self._link(node)
            return f"chain(() => {code})" if _is_optional(node) else code
        return self.kinds.get(node.type, self.refuse)(node)

    def refuse(self, node: Node, code: str = "EXPRESSION_CONSTRUCT", **facts: Any) -> str:
        facts = facts or {"piece": excerpt(self._text(node))}
        self.refusals.append(Refusal(code, facts, self._offset(node)))
        return "undefined"

    def _text(self, node: Node) -> str:
        return self.source[node.start_byte : node.end_byte].decode()

    def _offset(self, node: Node) -> int:
        return _characters(self.source, node.start_byte)

    def _brackets(self, node: Node) -> str:
        inner = [child for child in node.named_children if child.type != "comment"]
        return f"({self.write(inner[0])})" if len(inner) == 1 else self.refuse(node)

    def _name(self, node: Node) -> str:
        name = self._text(node)
        if not _NAME.fullmatch(name):
            return self.refuse(node)
        self.names.append(Name(name, self._offset(node)))
        return f"named({json.dumps(name)})"

    def _string(self, node: Node) -> str:
        written = []
        for part in node.named_children:
            text = self._text(part)
            if part.type == "string_fragment":
                written.append(json.dumps(text)[1:-1])
            elif part.type == "escape_sequence" and _ESCAPE.fullmatch(text):
                written.append(text)
            else:
                return self.refuse(part)
        return f'"{"".join(written)}"'

    def _number(self, node: Node) -> str:
        text = self._text(node)
        return text if _NUMBER.fullmatch(text) else self.refuse(node)

    def _regex(self, node: Node) -> str:
        body, flags = (self._field_text(node, "pattern"), self._field_text(node, "flags"))
        self.patterns.append(Pattern(body, flags, self._offset(node)))
        return f"new RegExp({json.dumps(body)}, {json.dumps(flags)})"

    def _unary(self, node: Node) -> str:
        operator, argument = _field(node, "operator"), _field(node, "argument")
        return f"!{self.write(argument)}" if operator.type == "!" else self.refuse(operator)

    def _binary(self, node: Node) -> str:
        operator = _field(node, "operator")
        if operator.type not in _BINARY:
            return self.refuse(operator)
        left, right = self.write(_field(node, "left")), self.write(_field(node, "right"))
        return f"({left} {operator.type} {right})"

    def _ternary(self, node: Node) -> str:
        parts = (self.write(_field(node, name)) for name in ("condition", "consequence", "alternative"))
        return "({} ? {} : {})".format(*parts)

    def _link(self, node: Node) -> str:
        """One link of a path; what it hangs on is another one, or an expression."""
        if node.type == "call_expression":
            return self._call(node)
        if node.type == "subscript_expression":
            index = _field(node, "index")
            if (key := self._constant(index)) in FORBIDDEN:
                return self.refuse(index, "FORBIDDEN_PROPERTY", name=key)
            return self._read(node, self.write(index), f"[{excerpt(self._text(index))}]")
        name = _field(node, "property")
        text = self._text(name)
        if not _NAME.fullmatch(text):
            return self.refuse(name)
        if text in FORBIDDEN:
            return self.refuse(name, "FORBIDDEN_PROPERTY", name=text)
        return self._read(node, json.dumps(text), text)

    def _constant(self, node: Node) -> str:
        """The text between quotes, as far as it can be told from here; the engine asks once more."""
        return self._text(node)[1:-1] if node.type == "string" else ""

    def _read(self, node: Node, key: str, shown: str) -> str:
        return f"read({self._target(node)}, {key}, {self._where(node, property=shown)})"

    def _target(self, node: Node) -> str:
        """What a link hangs on; without a value it ends the path quietly where ?. says so."""
        target = _field(node, "object")
        code = self._link(target) if target.type in _LINKS else self.write(target)
        return f"maybe({code})" if _has_mark(node) else code

    def _where(self, node: Node, **facts: str) -> str:
        """What a sentence about this place has to say."""
        target = excerpt(self._text(_field(node, "object")))
        return json.dumps({"offset": self._offset(node), "facts": {"object": target, **facts}})

    def _call(self, node: Node) -> str:
        function, arguments = _field(node, "function"), _field(node, "arguments")
        if function.type != "member_expression" or _has_mark(node) or arguments.type != "arguments":
            return self.refuse(node)
        target, name = _field(function, "object"), self._text(_field(function, "property"))
        given = arguments.named_children
        if target.type == "identifier" and self._text(target) == "JSON":
            if name != "stringify" or _has_mark(function):
                return self.refuse(function)
            return f"JSON.stringify({self._only(node, name, given)})"
        if name not in METHODS:
            facts = {"name": name, "nearest": nearest(name, METHODS)}
            return self.refuse(_field(function, "property"), "UNKNOWN_METHOD", **facts)
        return f"{name}({self._target(function)}, {self._only(node, name, given)}, {self._where(function, name=name)})"

    def _only(self, node: Node, name: str, given: list[Node]) -> str:
        if len(given) != 1:
            return self.refuse(node, "METHOD_ARGUMENTS", name=name)
        return self.write(given[0])

    def _field_text(self, node: Node, name: str) -> str:
        found = node.child_by_field_name(name)
        return self._text(found) if found else ""


def _field(node: Node, name: str) -> Node:
    found = node.child_by_field_name(name)
    assert found is not None, f"{node.type} has {name}"
    return found


def _has_mark(node: Node) -> bool:
    """Whether this link is a ?. one."""
    return any(child.type == "optional_chain" for child in node.children)


def _is_optional(node: Node) -> bool:
    """Whether any link of this path is."""
    link: Node | None = node
    while link is not None and link.type in _LINKS:
        if _has_mark(link):
            return True
        link = link.child_by_field_name("function" if link.type == "call_expression" else "object")
    return False
