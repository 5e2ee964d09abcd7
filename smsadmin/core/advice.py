"""What is worth knowing about a text that may be sent all the same: how large it turns out, and advice on it."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import Any, Literal

from smsadmin.core import keywords
from smsadmin.core.errors import gettext_noop
from smsadmin.core.message import MOST_CHARACTERS, most_characters
from smsadmin.core.numbers import is_french_mobile
from smsadmin.core.segments import Measure
from smsadmin.core.tokens import Rendered

MOST_SEGMENTS = 10  # Aircall help: SMS/MMS billing and segments; 1,600 characters of GSM-7 would be 11

#: Aircall help, "French messaging limitations": segments of a French mobile number.
FRENCH_SEGMENTS = {"hour": 100, "day": 1_000, "month": 10_000}

SENTENCES: dict[str, str] = {
    "no_business_name": gettext_noop(
        "“{name}” is not in the text, so people may not know who writes. Add the name."
    ),
    "french_mobile": gettext_noop(
        "{sender} is a French mobile number, and Aircall forbids automated sending from those: nothing will be sent. "
        "The carrier suspends a number above {hour} segments an hour, {day} a day or {month} a month. Send from "
        "another number."
    ),
    "french_length": gettext_noop(
        "The text has up to {characters} characters, and Aircall takes at most {limit} from a French number. "
        "Shorten it."
    ),
    "no_opt_out": gettext_noop(
        "This is marketing, and the text does not say how to opt out. Add it, as in “Reply STOP to opt out”."
    ),
    "too_many_segments": gettext_noop(
        "The text needs up to {segments} segments, and Aircall takes at most {limit} for one message. Shorten it."
    ),
    "token_empty": gettext_noop(
        "{token} is empty on {count} of the {of} records looked at and has no fallback, so those would get "
        "nothing. Give it a fallback."
    ),
}

#: Keywords a recipient is told to answer with. They are ordinary words too, so only capitals or quotation marks
#: make them a way to opt out. (Two letters are too often somebody's name.)
OPT_OUT_KEYWORDS = {
    language: tuple(word.upper() for word in (*words.sure, *words.doubtful) if len(word) > 2)
    for language, words in keywords.STOP.items()
}
#: Beginnings of words that are about opting out however they are written.
OPT_OUT_WORDS = {
    "en": ("unsubscri", "opt out", "opt-out", "optout"),
    "de": ("abmeld", "abbestell"),
    "fr": ("desabonn", "desinscri"),
    "es": ("darse de baja", "darte de baja", "cancelar la suscripcion"),
    "it": ("disiscri", "annullare l'iscrizione"),
    "nl": ("afmeld", "uitschrijv"),
    "pt": ("descadastr", "cancelar a inscricao"),
}
#: Without dots, as in SAS for S.A.S.: people say a company's name without them.
LEGAL_FORMS = frozenset((
    "ab", "ag", "aps", "as", "bv", "bvba", "co", "company", "corp", "corporation", "eg", "ek", "eirl", "eurl", "ev",
    "gbr", "gmbh", "inc", "incorporated", "kft", "kg", "kgaa", "lda", "limited", "llc", "llp", "ltd", "ltda", "nv",
    "ohg", "oy", "oyj", "plc", "pte", "pty", "sa", "sarl", "sas", "sasu", "sau", "sca", "scop", "se", "sl", "slu",
    "snc", "spa", "sprl", "srl", "ug",
))  # fmt: skip

_QUOTE = "[\"'“”„‟‘’‚«»‹›]"
_NO_LETTER_BEFORE, _NO_LETTER_AFTER = r"(?<![^\W\d_])", r"(?![^\W\d_])"


def _any(words: dict[str, tuple[str, ...]]) -> str:
    return "|".join(re.escape(each) for language in words.values() for each in language)


_OPT_OUT = re.compile(
    rf"{_NO_LETTER_BEFORE}(?:{_any(OPT_OUT_KEYWORDS)}){_NO_LETTER_AFTER}"
    rf"|{_QUOTE}\s?(?i:{_any(OPT_OUT_KEYWORDS)})\s?{_QUOTE}"
    rf"|{_NO_LETTER_BEFORE}(?i:{_any(OPT_OUT_WORDS)})"
)


@dataclass(frozen=True, slots=True)
class Size:
    characters: int
    segments: int


@dataclass(frozen=True, slots=True)
class Range:
    """How large the texts of one template turn out; each figure by itself, so they may be of different texts."""

    typical: Size  # the median
    longest: Size


def range_of(measures: Iterable[Measure]) -> Range:
    """The range over sampled texts; raises ValueError where there is none."""
    seen = list(measures)
    characters, segments = [each.characters for each in seen], [each.segments for each in seen]
    return Range(
        typical=Size(median_low(characters), median_low(segments)),
        longest=Size(max(characters), max(segments)),
    )


@dataclass(frozen=True, slots=True)
class Text:
    """A message in the making.

    `body` is what a recipient would read or, where no record is known, the literal text; `size` that of the largest
    text known. `sender` is E.164, "" where a property names it; `samples` are the texts of records looked at.
    """

    body: str
    size: Size
    sender: str = ""
    business_name: str = ""
    traffic: Literal["alerting", "marketing"] = "alerting"
    samples: Sequence[Rendered] = ()


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece of advice: its sentence in SENTENCES, and the values of that."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)


def advise(text: Text) -> list[Advice]:
    """Everything worth knowing about a text, the gravest first; nothing, where all is well."""
    return [advice for rule in _RULES for advice in rule(text)]


def _too_many_segments(text: Text) -> Iterator[Advice]:
    if text.size.segments > MOST_SEGMENTS:
        yield Advice("too_many_segments", {"segments": text.size.segments, "limit": MOST_SEGMENTS})


def _french_number(text: Text) -> Iterator[Advice]:
    if is_french_mobile(text.sender):
        yield Advice("french_mobile", {"sender": text.sender, **FRENCH_SEGMENTS})
    limit = most_characters(text.sender)
    if limit < text.size.characters <= MOST_CHARACTERS:  # beyond that nobody needs advice
        yield Advice("french_length", {"characters": text.size.characters, "limit": limit})


def _empty_tokens(text: Text) -> Iterator[Advice]:
    """A token that stands twice in a text counts once for each record."""
    empty = Counter(raw for sample in text.samples for raw in {token.raw: None for token in sample.missing})
    for raw, count in empty.items():
        yield Advice("token_empty", {"token": raw, "count": count, "of": len(text.samples)})


def _opt_out(text: Text) -> Iterator[Advice]:
    if text.traffic == "marketing" and not _OPT_OUT.search(_without_accents(text.body)):
        yield Advice("no_opt_out")


def _business_name(text: Text) -> Iterator[Advice]:
    name = _words(_without_legal_form(text.business_name))
    if name and not re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", _words(text.body)):
        yield Advice("no_business_name", {"name": text.business_name})


_RULES: tuple[Callable[[Text], Iterator[Advice]], ...] = (
    _too_many_segments,
    _french_number,
    _empty_tokens,
    _opt_out,
    _business_name,
)


def _without_legal_form(name: str) -> str:
    """The name as people say it; one that is nothing but a legal form (SAS, the airline) stays."""
    words = name.split()
    named = [place for place, word in enumerate(words) if not _is_legal_form(word)]
    return " ".join(words[named[0] : named[-1] + 1] if named else words)


def _is_legal_form(word: str) -> bool:
    """Also S.A.S., and the "&" of GmbH & Co."""
    letters = re.sub(r"\W", "", word).casefold()
    return not letters or letters in LEGAL_FORMS


def _words(text: str) -> str:
    """The words of a text without case, accents and punctuation."""
    return " ".join(re.findall(r"\w+", _without_accents(text).casefold()))


def _without_accents(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFD", text) if not unicodedata.combining(each))
