"""Whom a call is with: one number, however the platform and the tools spell it.

A call keeps E.164 where a number came with its country code; digits without one are kept as they came, for each tool
may read them as another country's, and none of these readings is to stand for the rest of the call.
"""

import re

from smsadmin.core import numbers

#: Nothing that a number is written with is longer.
_LONGEST = 100
#: What a call keeps of one.
_MOST_KEPT = 20
#: Digits without a country code. Fewer make no number in any country.
_NATIONAL = re.compile(r"\d{4,}")
_NOT_DIGITS = re.compile(r"\D+")


class OtherParty(Exception):
    """The call is with somebody else."""


def spelt(given: str, region: str = "") -> str:
    """A number in E.164 where it can be read, without its country code only as one of `region`; else as it was
    given."""
    try:
        return numbers.read(given, region or None).e164
    except numbers.NumberError:
        return given.strip()[:_LONGEST]


def kept(told: str) -> str:
    """A number as a call keeps it: in E.164, or its bare digits where it has no country code, or what came instead."""
    try:
        return numbers.read(told).e164
    except numbers.NumberError as unread:
        lacks_code = unread.reason == "no_country_code" and "+" not in told
        return (_NOT_DIGITS.sub("", told) if lacks_code else told.strip())[:_MOST_KEPT]


def gives_way(known: str, told: str) -> bool:
    """Whether what a call keeps is replaced by what is told now, both as `kept` has them: what is no number by one, and
    digits without a country code by the same with it."""
    if not known:
        return bool(told)
    if _is_number(known):
        return False
    if _is_number(told):
        return not _is_national(known) or _spells(known, told)
    return _is_national(told) and not _is_national(known)


def recipient(told: str, known: str, region: str) -> str:
    """Whom a use texts that was told this party, in a call that is known to be with that one; both are read as numbers
    of `region` where they have no country code. The first number of a call stands for as long as it lasts, for whoever
    makes the uses of it must not choose whom they text. Raises OtherParty."""
    if _is_number(known) and _spells(told, known):
        return known
    said, settled = spelt(told, region), spelt(known, region)
    if not _is_number(said):
        return settled or said
    is_settled = _is_number(settled) or _is_national(known)
    if is_settled and said != settled and not _spells(known, said):
        raise OtherParty
    return said


def _spells(given: str, number: str) -> bool:
    """Whether the number may be written so: in its own country, or without its "+"."""
    home = numbers.home_of(numbers.read(number))
    return number in (spelt(given, home), spelt(f"+{given}"))


def _is_number(spelling: str) -> bool:
    """Whether it is E.164, of a country that there is."""
    try:
        return numbers.read(spelling).e164 == spelling
    except numbers.NumberError:
        return False


def _is_national(known: str) -> bool:
    return _NATIONAL.fullmatch(known) is not None
