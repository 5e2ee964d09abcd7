"""GSM-7 or UCS-2, and how many segments (3GPP TS 23.038 alphabets, TS 23.040 concatenation)."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from smsadmin.core.replacements import LOOK_ALIKES

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"  # each costs an escape as well, so two septets

GSM_SINGLE, GSM_PART = 160, 153  # septets in a lone segment, and in one of several
UCS_SINGLE, UCS_PART = 70, 67  # UTF-16 code units, likewise

_ESCAPE = "\x1b"
_NOT_GSM = re.compile(f"[^{re.escape(BASIC + EXTENSION)}]")
_EXTENDED = re.compile(f"[{re.escape(EXTENSION)}]")
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff]")
_LINE_BREAK = re.compile("\r\n?")
# Lone surrogates arrive in JSON as "\ud83d"; no database and no provider takes them.
_UNSENDABLE = re.compile("[\x00-\x09\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_TO_LOOK_ALIKES = str.maketrans(LOOK_ALIKES)


@dataclass(frozen=True, slots=True)
class Measure:
    """What a text costs as an SMS; an estimate until the provider reports its own count."""

    encoding: Literal["GSM-7", "UCS-2"]
    units: int  # septets in GSM-7, UTF-16 code units in UCS-2
    segments: int
    characters: int  # code points after NFC
    left: int  # units that still fit into the last segment
    forcing: tuple[tuple[int, str], ...]  # (index after NFC, character) of each one outside GSM-7


@dataclass(frozen=True, slots=True)
class Replaced:
    """A text with look-alikes for what GSM-7 cannot carry; it is GSM-7 only if nothing is `left`."""

    text: str
    changes: tuple[tuple[int, str, str], ...]  # (index before, after NFC; character; what it became)
    left: tuple[str, ...]  # characters without a look-alike, each once


def normalise(text: str) -> str:
    """The text as it is sent: NFC, LF line ends, no control characters, no trailing white space.

    A tab becomes a space, as dropping it would join two words.
    """
    text = _LINE_BREAK.sub("\n", text).replace("\t", " ")
    return unicodedata.normalize("NFC", _UNSENDABLE.sub("", text)).rstrip()


def measure(text: str, *, unicode: bool = False) -> Measure:
    """Encoding and segments of a text; NFC is applied first, as "é" in one code point is GSM-7.

    With `unicode` it is counted as UCS-2 even where nothing forces it to be.
    """
    text = unicodedata.normalize("NFC", text)
    forcing = _outside_gsm7(text)
    if unicode or forcing:
        return _measure_ucs2(text, forcing)
    return _measure_gsm7(text)


def to_gsm(text: str) -> Replaced:
    """The text (after NFC) with every character outside GSM-7 replaced that has a look-alike inside it."""
    text = unicodedata.normalize("NFC", text)
    outside = _outside_gsm7(text)
    return Replaced(
        text=text.translate(_TO_LOOK_ALIKES),
        changes=tuple((at, each, LOOK_ALIKES[each]) for at, each in outside if each in LOOK_ALIKES),
        left=tuple(dict.fromkeys(each for _, each in outside if each not in LOOK_ALIKES)),
    )


def replacement(character: str) -> str | None:
    """What to_gsm puts in the place of a character ("" removes it); None where nothing looks like it."""
    return LOOK_ALIKES.get(character)


def describe(character: str) -> str:
    """A character by its code point, as in U+2019: for those that are hard to see or to tell apart."""
    return f"U+{ord(character):04X}"


def _outside_gsm7(text: str) -> tuple[tuple[int, str], ...]:
    return tuple((found.start(), found.group()) for found in _NOT_GSM.finditer(text))


def _measure_gsm7(text: str) -> Measure:
    septets = _EXTENDED.sub(_ESCAPE + r"\g<0>", text)
    segments, left = _cut(len(septets), GSM_SINGLE, GSM_PART, lambda last: septets[last] == _ESCAPE)
    return Measure("GSM-7", len(septets), segments, len(text), left, ())


def _measure_ucs2(text: str, forcing: tuple[tuple[int, str], ...]) -> Measure:
    units = len(text) + len(_BEYOND_BMP.findall(text))
    utf16 = text.encode("utf-16-be", "surrogatepass")
    segments, left = _cut(units, UCS_SINGLE, UCS_PART, lambda last: 0xD8 <= utf16[2 * last] <= 0xDB)
    return Measure("UCS-2", units, segments, len(text), left, forcing)


def _cut(units: int, single: int, part: int, opens_pair: Callable[[int], bool]) -> tuple[int, int]:
    """(segments, units left in the last one), filling each segment before the next.

    `opens_pair` tells whether the unit at an index is the first half of an escape or surrogate
    pair: such a pair moves to the next segment whole, and its place stays empty.
    """
    if units <= single:
        return min(units, 1), single - units
    segments, start = 1, 0
    while units - start > part:
        end = start + part
        start = end - 1 if opens_pair(end - 1) else end
        segments += 1
    return segments, part - (units - start)
