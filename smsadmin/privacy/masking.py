"""Numbers, texts and a record's values taken out of what is said about a message.

Pure functions: for readers who may not see them (privacy.reading), and for rows that forget them (sending.log).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import phonenumbers

from smsadmin.core import numbers, tokens

if TYPE_CHECKING:
    from smsadmin.sending.models import Message

MASK = "•••"

#: Facts and data of events that are ours, whatever they say: some of them are read again as what they are.
_OURS = frozenset(
    {
        *(
            "action",
            "version",
            "name",
            "source",
            "token",
            "feature",
            "scope",
            "portal",
            "provider",
            "encoding",
            "country",
        ),
        *("kind", "unit", "window", "time", "resets", "expires", "since", "status", "http_status"),
        *("method", "url", "reply", "why", "event", "means", "provider_at", "by", "who"),
    }
)
#: Facts that hold the recipient's number.
_NUMBERS = ("recipient", "read")
#: Facts that hold pieces of the text.
_PIECES = ("changes", "characters")

_SEPARATORS = r"[\s().\-‐-―−（）．－/]"
_DIALLED = re.compile(rf"[+＋]?[(（]?\d(?:{_SEPARATORS}{{0,3}}\d){{5,}}")
_ADDRESS = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
_WORD = re.compile(r"\w{2,}")
#: Fewer digits are no number, and shorter values stand in too many words that mean something else.
_FEWEST_DIGITS, _SHORTEST = 6, 2
#: Facts hold no more of a value than one of these.
_CUT = (60, 254)


def masked_number(text: str) -> str:
    """The number with its country code and its last two digits, "+49 ••• •••78"; all masked where it is none."""
    try:
        e164 = numbers.read(text).e164
    except numbers.NumberError:
        return masked_text(text)
    return f"+{phonenumbers.parse(e164).country_code} {MASK} {MASK}{e164[-2:]}"


def masked_text(text: str) -> str:
    """A mask of one length for every text; nothing for none."""
    return MASK if text else ""


def masked_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What a message was made of (sending.inputs) with its values masked; which had one can still be seen."""
    values = {
        kind: {name: value and masked_number(value) for name, value in found.items()}
        for kind, found in inputs.get("values", {}).items()
    }
    return {**inputs, **({"values": values} if values else {})}


@dataclass(frozen=True)
class Secrets:
    """What is taken out of the facts of one message.

    `spellings` are the recipient's; `values` are the record's others and the text they are in, which `template` was
    filled with. `number` and `others` say which of the two are secret.
    """

    spellings: tuple[str, ...]
    values: tuple[str, ...] = ()
    template: str = ""
    number: bool = True
    others: bool = True

    def out_of(self, value: Any, name: str = "") -> Any:
        """What JSON holds under this name, without the secrets; the same shape, and numbers that are counts."""
        if isinstance(value, Mapping):
            return {each: self.out_of(inner, each) for each, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.out_of(each, name) for each in value]
        return self._out_of_fact(value, name) if isinstance(value, str) and name not in _OURS else value

    def out_of_trace(self, trace: Iterable[list[Any]]) -> list[list[Any]]:
        """The stored steps of a trace (core.trace), their facts without the secrets."""
        return [[*step[:-1], self.out_of(step[-1])] for step in trace]

    def _out_of_fact(self, text: str, name: str) -> str:
        if name in _NUMBERS:
            return masked_number(text) if self.number else text
        if name == "value":
            is_secret = self.number if self.spell(text) else self.others
            return masked_number(text) if is_secret else text
        if name in _PIECES and self.others:
            return masked_text(text)
        if name == "tokens" and self.others:
            return self._unfilled()
        without = self._without(text)
        return self._without_particulars(without) if name == "answer" else without

    def spell(self, text: str) -> bool:
        """Whether this is the recipient, in some spelling."""
        if text in self.spellings:
            return True
        digits = _digits(text)
        return len(digits) >= _FEWEST_DIGITS and any(
            digits in known or known in digits for known in self._dialled
        )

    def _without(self, text: str) -> str:
        """The text with every secret in it masked; numbers in any spelling."""
        if self.others and self._values:
            text = self._values.sub(MASK, text)
        if self.number:
            if self._given:
                text = self._given.sub(lambda found: masked_number(found[0]), text)
            text = _DIALLED.sub(lambda run: masked_number(run[0]) if self.spell(run[0]) else run[0], text)
        return text

    def _without_particulars(self, text: str) -> str:
        """Somebody else's own words, which may repeat a part of the text, or name a person or another number."""
        if self.number:
            text = _DIALLED.sub(lambda run: masked_number(run[0]), text)
        if not self.others:
            return text
        text = _ADDRESS.sub(MASK, text)
        return _WORD.sub(lambda word: MASK if word[0].casefold() in self._words else word[0], text)

    def _unfilled(self) -> str:
        """The tokens of the template, without the values that were filled in."""
        try:
            used = tokens.tokens(self.template)
        except tokens.TemplateError:
            return MASK
        names = dict.fromkeys(f"{each.object}.{each.property} = {MASK}" for each in used)
        return ", ".join(names)[:500] or MASK

    @cached_property
    def _dialled(self) -> list[str]:
        return [digits for digits in map(_digits, self.spellings) if len(digits) >= _FEWEST_DIGITS]

    @cached_property
    def _given(self) -> re.Pattern[str] | None:
        return _any_of(self.spellings)

    @cached_property
    def _values(self) -> re.Pattern[str] | None:
        return _any_of({cut for value in self.values for cut in (value, *(value[:most] for most in _CUT))})

    @cached_property
    def _words(self) -> frozenset[str]:
        """What text and values say that the template does not."""
        return _words_of(" ".join(self.values)) - _words_of(self.template)


def secrets_of(
    message: "Message",
    inputs: Mapping[str, Any],
    body: str,
    template: str = "",
    *,
    number: bool = True,
    others: bool = True,
) -> Secrets:
    """What is secret of a message. The long columns are given, since not every row is read with them.

    The number and user it is sent from are ours and no secret, though a record may name them too.
    """
    spelt = Secrets((message.recipient, message.recipient_given))
    ours = {"", message.sender, message.send_as.casefold()}
    found = dict.fromkeys(value.strip() for value in (*_values_of(inputs), body))
    values = [value for value in found if value.casefold() not in ours and not spelt.spell(value)]
    return Secrets(spelt.spellings, tuple(values), template, number, others)


def _values_of(inputs: Mapping[str, Any]) -> Iterator[str]:
    for found in inputs.get("values", {}).values():
        yield from filter(None, found.values())


def _any_of(texts: Iterable[str]) -> re.Pattern[str] | None:
    """One of these as words of their own, the longest first. Case does not count: addresses are compared so."""
    found = sorted({each for each in texts if len(each) >= _SHORTEST}, key=len, reverse=True)
    return re.compile("|".join(map(_as_word, found)), re.IGNORECASE) if found else None


def _as_word(text: str) -> str:
    before = r"(?<!\w)" if re.match(r"\w", text) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", text) else ""
    return before + re.escape(text) + after


def _words_of(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(text))


def _digits(text: str) -> str:
    """The digits of a spelling as any keyboard writes them, without a trunk prefix."""
    return "".join(str(unicodedata.decimal(each)) for each in text if each.isdecimal()).lstrip("0")
