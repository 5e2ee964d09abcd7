"""A flow's text for those who may not edit it: without the keys that stand in the headers of its fetch steps."""

import re
from collections.abc import Iterator

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from smsadmin.flows.language.actions import SECRET_HEADERS
from smsadmin.flows.language.reading import Script, Unreadable
from smsadmin.privacy.masking import MASK
from smsadmin.workspaces.models import Member, Role

_NAMES = "|".join(sorted(map(re.escape, SECRET_HEADERS), key=len, reverse=True))
_NAMED = re.compile(rf"(?im)((?:{_NAMES})\\?[\"']?\s*:[ \t]*)\S.*$")
#: The same inside an expression or a text in quotes: what ends with the quote it begins with.
_QUOTED = re.compile(rf"(?i)((?:{_NAMES})(?:\\?[\"'])?\s*:\s*)(\\?[\"'`])(?!\$\{{\{{).*?\2")
_COMMENT = re.compile(r"(?m)^[ \t]*#.*$")
_REFERENCE = re.compile(r"\s*\$\{\{[^\"'`]*\}\}\s*")  # an expression without a text of its own


def for_reader(source: str, member: Member) -> str:
    """The text as this member may read it: editors as it was written, with every line where it stands."""
    return source if member.may(Role.EDITOR) else masked(source)


def masked(source: str) -> str:
    """The text without literal values of headers such as authorization; what only refers to a value stays."""
    script = Script(source)
    try:
        spans = sorted(set(_secrets(script)), reverse=True)
    except Unreadable:  # it was saved before a rule of the language that it breaks
        return _NAMED.sub(rf"\1{MASK}", source)
    for start, end in spans:
        source = source[:start] + re.sub(r"(?m)\S.*$", MASK, source[start:end]) + source[end:]
    source = _QUOTED.sub(rf"\1\2{MASK}\2", source)
    return _COMMENT.sub(lambda comment: _NAMED.sub(rf"\1{MASK}", comment[0]), source)


def _secrets(script: Script) -> Iterator[tuple[int, int]]:
    """From where to where the values of such headers stand."""
    for key, value in _pairs(script.root()):
        if isinstance(key, ScalarNode) and str(key.value).strip().lower() in SECRET_HEADERS:
            for scalar in _scalars(value):
                start, end = script.inside(scalar)
                if not _REFERENCE.fullmatch(script.source, start, end):
                    yield start, end


def _pairs(root: Node) -> Iterator[tuple[Node, Node]]:
    """Every name and its value; what an anchor repeats is looked at once."""
    for node in _nodes(root):
        if isinstance(node, MappingNode):
            yield from node.value


def _scalars(root: Node) -> Iterator[ScalarNode]:
    return (node for node in _nodes(root) if isinstance(node, ScalarNode))


def _nodes(root: Node) -> Iterator[Node]:
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, MappingNode):
            waiting += [each for pair in node.value for each in pair]
        elif isinstance(node, SequenceNode):
            waiting += node.value
