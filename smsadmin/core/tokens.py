"""Tokens in message templates: {{Contact.FirstName | default("there")}}."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

ENROLLED = "enrolled_object"  # HubSpot's name for the record a workflow runs on
#: No message is nearly as long, and many tokens of long values would not fit into the memory.
LONGEST = 100_000

Lookup = Callable[[str, str], str | None]
Problem = Literal["unclosed", "empty", "name", "filter", "fallback"]

_NAME = r"\w+(?:[ -]+\w+)*"
_PATH = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_QUOTED = r""""(?:[^"\\]|\\["'\\])*"|'(?:[^'\\]|\\["'\\])*'"""
_TOKEN = re.compile(
    rf"{{{{\s*(?P<path>{_PATH})(?P<filter>\s*\|\s*default\s*\(\s*(?P<quoted>{_QUOTED})\s*\))?\s*}}}}"
)
_ESCAPED = re.compile(r"\\(.)")
_TO_ESCAPE = re.compile(r"[\"\\]")
_BARE_PATH = re.compile(_PATH)

_FIXES: dict[Problem, str] = {
    "unclosed": "“{piece}” at character {at} is never closed: add “}}}}” after the name.",
    "empty": "“{piece}” at character {at} names nothing: write a property, as in {{{{Contact.FirstName}}}}.",
    "name": "“{piece}” at character {at} is not a property: write object and property, "
    "as in {{{{Contact.FirstName}}}}.",
    "filter": "“{piece}” at character {at} uses an unknown filter: only default is known, "
    'as in {{{{Contact.FirstName | default("there")}}}}.',
    "fallback": "“{piece}” at character {at} has an unreadable fallback: put it in brackets and "
    'straight quotes, as in {{{{Contact.FirstName | default("there")}}}}.',
}


class TemplateError(ValueError):
    """A template that cannot be read; says where, and what to write instead."""

    def __init__(self, problem: Problem, piece: str, position: int) -> None:
        super().__init__(problem, piece, position)
        self.problem, self.piece = problem, piece
        self.position = position  # index of the first brace, from 0

    def __str__(self) -> str:
        return _FIXES[self.problem].format(piece=self.piece, at=self.position + 1)


class TooLong(ValueError):
    """A text that is not put together, so long would it be."""

    def __init__(self, characters: int) -> None:
        super().__init__(characters)
        self.characters = characters


@dataclass(frozen=True, slots=True)
class Token:
    raw: str
    object: str  # as written; ENROLLED when the template names none
    property: str
    fallback: str | None  # "" is a fallback too: insert nothing
    start: int


@dataclass(frozen=True, slots=True)
class Value:
    token: Token
    value: str
    fell_back: bool


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text with nothing in the place of missing and unknown tokens: it is sent only when there are none."""

    text: str
    used: tuple[Value, ...]
    missing: tuple[Token, ...]  # no value and no fallback
    unknown: tuple[Token, ...]  # no such object or property


def key(name: str) -> str:
    """The form in which names are compared: FirstName, firstname and first_name are one."""
    return "".join(name.replace("_", " ").split()).casefold()


@lru_cache(maxsize=1024)
def parse(template: str) -> tuple[str | Token, ...]:
    """The literal pieces and tokens of a template, in order; raises TemplateError."""
    parts: list[str | Token] = []
    end = 0
    while (start := template.find("{{", end)) >= 0:
        found = _TOKEN.match(template, start)
        if not found:
            raise _error(template, start)
        parts += [template[end:start], _token(found)]
        end = found.end()
    parts.append(template[end:])
    return tuple(part for part in parts if part)


def tokens(template: str) -> tuple[Token, ...]:
    """The tokens of a template, in order; raises TemplateError."""
    return tuple(part for part in parse(template) if isinstance(part, Token))


def token(record: str, name: str, fallback: str | None = None) -> str:
    """How a template spells the property of an object; raises TemplateError for a name that no token can spell."""
    path = f"{record}.{name}"
    if "." in record or not _BARE_PATH.fullmatch(path):
        raise TemplateError("name", path, 0)
    return f"{{{{{path}{_filter(fallback)}}}}}"


def with_fallback(template: str, index: int, fallback: str | None) -> str:
    """The template with this fallback for its index-th token, None for none; all else stays as it is written.

    Raises TemplateError, and IndexError where there is no such token.
    """
    found = _TOKEN.match(template, tokens(template)[index].start)
    assert found
    end = found.end("path")
    return template[:end] + _filter(fallback) + template[max(end, found.end("filter")) :]


def with_texts(template: str, change: Callable[[str], str]) -> str:
    """The template with its literal pieces and its fallbacks changed, never the name of a property.

    Raises TemplateError.
    """
    return "".join(
        change(part) if isinstance(part, str) else _with_text(part, change) for part in parse(template)
    )


def render(template: str, lookup: Lookup) -> Rendered:
    """Insert values verbatim: a value that looks like a token stays as it is.

    `lookup(object, property)` returns a value or None, and raises LookupError where there is no
    such object or property; a fallback does not excuse that. Raises TemplateError and TooLong.
    """
    text: list[str] = []
    used: list[Value] = []
    missing: list[Token] = []
    unknown: list[Token] = []
    for part in parse(template):
        if isinstance(part, str):
            text.append(part)
            continue
        try:
            value = lookup(part.object, part.property)
        except LookupError:
            unknown.append(part)
            continue
        fell_back = not value or value.isspace()
        if fell_back:
            value = part.fallback
        if value is None:
            missing.append(part)
            continue
        text.append(value)
        used.append(Value(part, value, fell_back))
    if (characters := sum(map(len, text))) > LONGEST:
        raise TooLong(characters)
    return Rendered("".join(text), tuple(used), tuple(missing), tuple(unknown))


def _token(found: re.Match[str]) -> Token:
    path, quoted = found["path"], found["quoted"]
    first, dot, rest = path.partition(".")
    record, name = (first.rstrip(), rest.lstrip()) if dot else (ENROLLED, path)
    fallback = None if quoted is None else _ESCAPED.sub(r"\1", quoted[1:-1])
    return Token(found.group(), record, name, fallback, found.start())


def _with_text(token: Token, change: Callable[[str], str]) -> str:
    if token.fallback is None or (text := change(token.fallback)) == token.fallback:
        return token.raw
    return with_fallback(token.raw, 0, text)


def _filter(fallback: str | None) -> str:
    """What follows a token's name."""
    if fallback is None:
        return ""
    escaped = _TO_ESCAPE.sub(r"\\\g<0>", fallback)
    return f' | default("{escaped}")'


def _error(template: str, start: int) -> TemplateError:
    end = template.find("}}", start)
    inside = template[start + 2 : end]
    if end < 0 or "{{" in inside:
        return TemplateError("unclosed", template[start:].partition("\n")[0][:40].rstrip(), start)
    return TemplateError(_problem(inside), template[start : end + 2], start)


def _problem(inside: str) -> Problem:
    path, bar, rest = (piece.strip() for piece in inside.partition("|"))
    if not path:
        return "empty"
    if not bar or not _BARE_PATH.fullmatch(path):
        return "name"
    return "fallback" if re.match(r"default\b", rest) else "filter"
