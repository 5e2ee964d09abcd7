"""YAML as nodes that know where they stand, and plain values from them. What is wrong on the way is collected."""

import math
import re
import warnings
from collections.abc import Collection, Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from smsadmin.flows.language.problems import Problem, excerpt, nearest, quoted

#: Callr: the most characters of a scenario's script.
MOST_CHARACTERS = 32_768
MOST_LEVELS = 40
MOST_VALUES = 20_000
MOST_ERRORS = 100  # nobody reads more of them at once
MOST_DIGITS = 40  # more than any number needs, and far fewer than arithmetic stumbles over

_STANDARD = "tag:yaml.org,2002:"
_SCALARS = frozenset({"str", "int", "float", "bool", "null", "timestamp", "value", "merge"})
_LOSING = re.compile(r"\+[0-9_.]+|0[0-9_]+")  # read as numbers they are not what was written any more
_OTHERWISE = re.compile(r"(?i:yes|no|on|off)|[1-9][0-9]*(?::[0-5]?[0-9])+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")  # the anchor and the tag before a value
_ESCAPED = re.compile(r"\\(?:x..|u.{4}|U.{8}|.)", re.DOTALL)
_WHITE_ESCAPES = frozenset(
    {"\\n", "\\t", "\\r", "\\ ", "\\\t", "\\\n", "\\N", "\\_", "\\L", "\\P", "\\v", "\\f"}
)

Fields = dict[str, tuple[Node, Node]]


class Unreadable(Exception):
    """The text is not one that could be worked with, or not any longer; why is among the problems."""


class Script:
    """The source of a call flow and what is wrong with it, as far as it was looked at."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: dict[tuple[int, int], Problem] = {}
        self.errors = 0

    def report(self, code: str, index: int, **facts: Any) -> None:
        """Keep a problem; the first one of a place says best what is wrong there. Raises Unreadable after many."""
        line, column = self.place(index)
        problem = self.problems.setdefault((line, column), Problem(line, column, code, facts))
        self.errors += problem.severity == "error"
        if self.errors >= MOST_ERRORS:
            raise Unreadable

    def place(self, index: int) -> tuple[int, int]:
        """Line and column of a character, from 1."""
        before = self.source[:index]
        return before.count("\n") + 1, index - before.rfind("\n")

    def root(self) -> Node:
        """The outermost node; raises Unreadable."""
        if len(self.source) > MOST_CHARACTERS:
            raise self._unreadable(
                "TOO_LONG", MOST_CHARACTERS, characters=len(self.source), most=MOST_CHARACTERS
            )
        node = self._composed()
        if node is None:
            raise self._unreadable("EMPTY", 0)
        self._measure(node)
        return node

    def fields(self, node: Node, known: Collection[str] | None = None) -> Fields:
        """The names of a mapping with their nodes; those not `known` are reported and left out."""
        found: Fields = {}
        for key, value in node.value:
            if (
                not isinstance(key, ScalarNode)
                or key.tag == f"{_STANDARD}merge"
                or not self._is_plain_tag(key)
            ):
                self.report("KEY_NOT_TEXT", start_of(key))
            elif key.value in found:
                first, _ = self.place(start_of(found[key.value][0]))
                self.report("DUPLICATE_KEY", start_of(key), key=excerpt(key.value), first=first)
            elif known is not None and key.value not in known:
                near = nearest(key.value, known)
                facts = {"key": excerpt(key.value), "known": ", ".join(known), "nearest": near}
                self.report("UNKNOWN_KEY", start_of(key), **facts)
            else:
                found[key.value] = (key, value)
        return found

    def text(self, node: Node, key: str) -> str:
        """A value that must be a text, as it is written; "" and reported if it is none."""
        if not isinstance(node, ScalarNode):
            self.report("NOT_TEXT", start_of(node), key=key)
            return ""
        return self._checked_text(node) if self._is_plain_tag(node) else ""

    def plain(self, node: Node) -> Any:
        """The value of a node: texts, numbers, booleans, None, lists and dicts."""
        if not self._is_plain_tag(node):
            return ""
        if isinstance(node, MappingNode):
            return {key: self.plain(value) for key, (_, value) in self.fields(node).items()}
        if isinstance(node, SequenceNode):
            return [self.plain(each) for each in node.value]
        assert isinstance(node, ScalarNode)
        return self._scalar(node)

    def texts(self, node: Node) -> Iterator[ScalarNode]:
        """Every value within a node that could hold an expression."""
        if isinstance(node, MappingNode):
            for _, value in node.value:
                yield from self.texts(value)
        elif isinstance(node, SequenceNode):
            for each in node.value:
                yield from self.texts(each)
        elif isinstance(node, ScalarNode):
            yield node

    def at(self, node: ScalarNode, offset: int) -> int:
        """Where a character of a text stands in the source. Folding and escapes move characters, but they change
        nothing about the order of those that are not white."""
        before = len("".join(node.value[:offset].split()))
        for index in self._visible(node):
            if not before:
                return index
            before -= 1
        return start_of(node)

    def _visible(self, node: ScalarNode) -> Iterator[int]:
        """Where the characters of a text stand that are not white."""
        index, end = self.inside(node)
        while index < end:
            character = self.source[index]
            length = 1
            if node.style == '"' and (escape := _ESCAPED.match(self.source, index)):
                length = len(escape[0])
                character = " " if escape[0] in _WHITE_ESCAPES else character
            elif node.style == "'" and character == "'":
                length = 2
            if not character.isspace():
                yield index
            index += length

    def inside(self, node: ScalarNode) -> tuple[int, int]:
        """From where to where the characters of a text stand, without quotes, anchors and headers."""
        start, end = start_of(node), node.end_mark.index
        if start < end and self.source[start] in "&!":
            start = _PROPERTIES.match(self.source, start, end).end()  # type: ignore[union-attr]  # "" matches
        if node.style in ("'", '"'):
            return start + 1, end - 1
        if node.style in ("|", ">"):
            return self.source.find("\n", start, end) + 1, end
        return start, end

    def _composed(self) -> Node | None:
        reader = YAML(typ="safe", pure=True)
        reader.max_depth = MOST_LEVELS
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ReusedAnchorWarning)
                return reader.compose(self.source)
        except ReaderError as problem:
            index = problem.position
            raise self._unreadable(
                "YAML_CHARACTER", index, written=_unicode(self.source[index : index + 1])
            ) from None
        except MarkedYAMLError as problem:
            code, index, facts = _explained(problem, self.source)
            raise self._unreadable(code, index, **facts) from None
        except Exception as problem:  # the reader has more ways to fail than it names, as with "\UFFFFFFFF"
            raise self._unreadable("YAML_SYNTAX", 0, reason=type(problem).__name__) from None

    def _measure(self, root: Node) -> None:
        """Anchors may repeat what repeats what repeats; so look before anything follows them. Raises Unreadable."""
        waiting, seen = [(root, 1)], 0
        while waiting:
            node, depth = waiting.pop()
            seen += 1
            if depth > MOST_LEVELS:
                raise self._unreadable("TOO_DEEP", start_of(node), most=MOST_LEVELS)
            if seen > MOST_VALUES:
                raise self._unreadable("TOO_MANY_VALUES", start_of(node), most=MOST_VALUES)
            if isinstance(node, MappingNode):
                waiting += [(each, depth + 1) for pair in node.value for each in pair]
            elif isinstance(node, SequenceNode):
                waiting += [(each, depth + 1) for each in node.value]

    def _unreadable(self, code: str, index: int, **facts: Any) -> Unreadable:
        self.report(code, index, **facts)
        return Unreadable(code)

    def _is_plain_tag(self, node: Node) -> bool:
        """Whether a value has no tag of its own; an unquoted ! makes one."""
        tag = node.tag or ""
        kind = tag.removeprefix(_STANDARD)
        known = (
            _SCALARS if isinstance(node, ScalarNode) else {"map" if isinstance(node, MappingNode) else "seq"}
        )
        if tag.startswith(_STANDARD) and kind in known:
            return True
        index = self._tag_of(node)
        written = self.source[index:].split("\n", 1)[0].split(" #")[0].strip()
        code = "YAML_BANG" if re.match(r"![^!]", written) else "YAML_TAG"
        self.report(code, index, written=written, quoted=quoted(written))
        return False

    def _tag_of(self, node: Node) -> int:
        """Where the tag of a value stands: an anchor may come between the two."""
        start = start_of(node)
        found = self.source.rfind("!", self.source.rfind("\n", 0, start) + 1, start + 1)
        return found if found >= 0 else start

    def _checked_text(self, node: ScalarNode) -> str:
        """The text of a scalar; block texts end where their last word does."""
        if bad := _UNSTORABLE.search(node.value):
            self.report("YAML_CHARACTER", start_of(node), written=_unicode(bad[0]))
            return ""
        return node.value.rstrip() if node.style in ("|", ">") else node.value

    def _scalar(self, node: ScalarNode) -> Any:
        kind, written = (node.tag or "").removeprefix(_STANDARD), node.value
        if kind in ("int", "float"):
            return self._number(node, kind)
        if kind == "bool":
            return written.casefold() in ("true", "yes", "on", "y")
        if kind == "null":
            return None
        if node.style is None and _OTHERWISE.fullmatch(written) and self._has_few_digits(node):
            self.report(
                "READ_OTHERWISE",
                start_of(node),
                written=written,
                quoted=quoted(written),
                read=_elsewhere(written),
            )
        return self._checked_text(node)

    def _number(self, node: ScalarNode, kind: str) -> Any:
        written = node.value
        if not self._has_few_digits(node):
            return 0
        try:
            number = float(written.replace("_", "")) if kind == "float" else _integer(written)
        except ValueError:  # a tag said that it is one
            self.report("YAML_TAG", start_of(node), written=excerpt(written))
            return 0
        if _LOSING.fullmatch(written):
            facts = {"written": excerpt(written), "quoted": quoted(written), "read": excerpt(str(number))}
            self.report("NUMBER_AS_INTEGER", start_of(node), **facts)
        return number if math.isfinite(number) else written

    def _has_few_digits(self, node: ScalarNode) -> bool:
        """Whether a number is short enough to be read as one; reported if not."""
        if (characters := len(node.value)) <= MOST_DIGITS:
            return True
        facts = {"written": excerpt(node.value), "characters": characters, "most": MOST_DIGITS}
        self.report("NUMBER_TOO_LONG", start_of(node), **facts)
        return False


def start_of(node: Node) -> int:
    """Where a node begins in the source."""
    return node.start_mark.index


def _integer(written: str) -> int:
    digits = written.replace("_", "")
    return int(digits, 0) if re.match(r"[+-]?0[box]", digits) else int(digits)


def _elsewhere(written: str) -> str:
    """What YAML 1.1 makes of a value: yes and no, and numbers to the base of 60."""
    if ":" not in written:
        return "true" if written.casefold() in ("yes", "on") else "false"
    number = 0
    for part in written.split(":"):
        number = number * 60 + int(part)
    return str(number)


def _unicode(character: str) -> str:
    return f"U+{ord(character):04X}" if character else ""


def _explained(problem: MarkedYAMLError, source: str) -> tuple[str, int, dict[str, Any]]:
    """What the reader stumbled over, in the words of the trap that it usually is: code, where, facts."""
    said, mark = str(problem.problem or ""), problem.problem_mark or problem.context_mark
    index = mark.index if mark else 0
    start = source.rfind("\n", 0, index) + 1
    before, line = source[start:index], source[start:].split("\n", 1)[0]
    after = line[index - start :]
    if bang := re.search(r"(?:^|[:-] )\s*(![^!\s].*)", line):
        written = bang[1].split(" #")[0].strip()
        return "YAML_BANG", start + bang.start(1), {"written": written, "quoted": quoted(written)}
    if "maximum depth" in said:
        return "TOO_DEEP", index, {"most": MOST_LEVELS}
    if "another document" in said:
        return "YAML_DOCUMENTS", index, {}
    if "undefined alias" in said:
        return "YAML_ALIAS", index, {}
    if "mapping values are not allowed" in said:
        return "YAML_COLON" if "${{" in before else "YAML_COLON_PLAIN", index, {}
    if after.startswith("{") and before.endswith("$"):
        return "YAML_FLOW", index - 1, {}
    if "cannot start any token" in said:
        return (
            ("YAML_TAB", index, {})
            if after.startswith("\t")
            else ("YAML_START", index, {"written": after[:1]})
        )
    if "end of stream" in said and problem.context_mark and "quoted scalar" in str(problem.context):
        return "YAML_QUOTE", problem.context_mark.index, {}
    if "found '<scalar>'" in said and before.rstrip()[-1:] in ("'", '"'):
        return "YAML_QUOTE_INSIDE", index, {}
    return "YAML_SYNTAX", index, {"reason": said}
