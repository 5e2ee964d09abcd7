"""Any spelling of a phone number in, E.164 out (ITU-T E.164; phonenumbers for each country's plan)."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import phonenumbers
from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_geographical_number

Kind = Literal[
    "mobile",
    "fixed_line",
    "fixed_line_or_mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "unknown",
]
Reason = Literal[
    "empty", "no_country_code", "not_a_number", "extension", "too_short", "too_long", "impossible"
]

E164 = re.compile(r"\+[1-9][0-9]{6,14}")

_KINDS: dict[int, Kind] = {
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium_rate",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PERSONAL_NUMBER: "personal_number",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.VOICEMAIL: "voicemail",
    PhoneNumberType.UNKNOWN: "unknown",
}
_NEVER_MOBILE = frozenset(
    {"fixed_line", "toll_free", "premium_rate", "shared_cost", "uan", "pager", "voicemail"}
)
_UNREADABLE: dict[int, Reason] = {
    NumberParseException.INVALID_COUNTRY_CODE: "no_country_code",
    NumberParseException.NOT_A_NUMBER: "too_short",  # letters are refused before
    NumberParseException.TOO_SHORT_AFTER_IDD: "too_short",
    NumberParseException.TOO_SHORT_NSN: "too_short",
    NumberParseException.TOO_LONG: "too_long",
}
_IMPOSSIBLE: dict[int, Reason] = {
    ValidationResult.INVALID_COUNTRY_CODE: "no_country_code",
    ValidationResult.TOO_SHORT: "too_short",
    ValidationResult.TOO_LONG: "too_long",
    ValidationResult.INVALID_LENGTH: "impossible",
}
_SENTENCES: dict[Reason, str] = {
    "empty": "There is no phone number.",
    "no_country_code": "“{raw}” has no country code: write it with + and the code, as in +33612345678.",
    "not_a_number": "“{raw}” is not a phone number: write + and the country code, then digits only.",
    "extension": "“{raw}” has an extension, and a text message cannot reach one: remove it.",
    "too_short": "“{raw}” has too few digits: check it against the full number.",
    "too_long": "“{raw}” has too many digits: check it against the full number.",
    "impossible": "“{raw}” has a length that its country does not use: check the digits.",
}

# Zero-width and text-direction marks, which come along when a number is copied from a page.
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_TEL = re.compile(r"\s*tel:", re.IGNORECASE)
_SPELLING = re.compile(r"[\s(（]*+[+＋]?[\s().\-‐-―−（）．－\d]*")
_NOT_DIGITS = re.compile(r"\D+")


class NumberError(ValueError):
    """A number that is refused; `reason` is stable, `raw` is what was given."""

    def __init__(self, reason: Reason, raw: str) -> None:
        super().__init__(reason, raw)
        self.reason, self.raw = reason, raw

    def __str__(self) -> str:
        return _SENTENCES[self.reason].format(raw=self.raw)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in E.164 and what its country's plan says about it."""

    e164: str
    country: str  # ISO 3166 region, "" where the plan names none
    possible: bool  # the length can be dialled, if only locally
    local_only: bool  # possible only without its area code: a warning
    valid: bool  # in a range the plan has assigned; metadata ages, so a warning
    kind: Kind


@lru_cache(maxsize=8192)
def read(raw: str, region: str | None = None) -> Number:
    """The number behind any usual spelling; raises NumberError.

    Without `region` (ISO 3166, as in "FR") the country code is required and never guessed.
    """
    spelt = _spelt(raw, region)
    number = _parsed(spelt, region, raw)
    e164 = _e164(number)
    if e164 != spelt:  # a prefix was removed: a number that then loses another one is ambiguous
        number = _parsed(e164, None, raw)
        if _e164(number) != e164:
            raise NumberError("impossible", raw)
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible in _IMPOSSIBLE:
        raise NumberError(_IMPOSSIBLE[possible], raw)
    if not E164.fullmatch(e164):
        raise NumberError("too_long" if len(e164) > 15 else "too_short", raw)
    return _judged(number, e164, local_only=possible == ValidationResult.IS_POSSIBLE_LOCAL_ONLY)


#: Ranges that a country's plan keeps for mobile lines (ITU: national numbering plans), given out by now or not: the
#: metadata knows those alone that are.
_PLANNED_MOBILE = re.compile(r"\+33[67][0-9]{8}")


def kind_of(e164: str) -> Kind:
    """Which kind of line a number is, "unknown" where neither it nor its country's plan tells."""
    try:
        kind = read(e164).kind
    except NumberError:
        return "unknown"
    return "mobile" if kind == "unknown" and _PLANNED_MOBILE.fullmatch(e164) else kind


def is_french_mobile(e164: str) -> bool:
    return e164.startswith("+33") and kind_of(e164) == "mobile"


def zone_of(e164: str) -> str:
    """The time zone of where a number is at home, by IANA name, "" where nobody knows or it may be one of several."""
    zones = time_zones_for_geographical_number(phonenumbers.parse(e164)) if E164.fullmatch(e164) else ()
    return zones[0] if len(zones) == 1 and "/" in zones[0] and zones[0] != UNKNOWN_TIMEZONE else ""


def e164_strict(raw: str) -> str:
    """A number that must be E.164 already, as a sender is; only white space around it is forgiven."""
    number = raw.strip()
    if E164.fullmatch(number):
        return number
    raise NumberError(_strict_reason(number), raw)


@lru_cache(maxsize=8192)
def pretty(e164: str) -> str:
    """For display, as in +1 202-555-0123; anything but E.164 comes back as it is."""
    if not E164.fullmatch(e164):
        return e164
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return e164
    if _e164(number) != e164:  # formatting would show another number: a trunk prefix was dropped
        return e164
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def regions() -> list[tuple[str, str]]:
    """Every region of the numbering plan with its calling code: ("DE", "DE +49")."""
    codes = sorted(phonenumbers.SUPPORTED_REGIONS)
    return [(code, f"{code} +{phonenumbers.country_code_for_region(code)}") for code in codes]


def home_of(number: Number) -> str:
    """The country that a text to the number goes to (ISO 3166): where its plan names none, the main one of its calling
    code. "" for networks of no country."""
    if number.country:
        return number.country
    region = phonenumbers.region_code_for_country_code(phonenumbers.parse(number.e164).country_code or 0)
    return region if region in phonenumbers.SUPPORTED_REGIONS else ""


def is_mobile_possible(kind: Kind) -> bool:
    """Whether such a line may take texts; North America's plan cannot tell mobile from fixed."""
    return kind not in _NEVER_MOBILE


def _spelt(raw: str, region: str | None) -> str:
    """The digits of a spelling, with "+" where it has one."""
    text = _INVISIBLE.sub("", raw)
    text = text[tel.end() :] if (tel := _TEL.match(text)) else text
    if not text.strip():
        raise NumberError("empty", raw)
    digits = _NOT_DIGITS.sub("", text)
    if not (digits and _SPELLING.fullmatch(text)):
        raise NumberError("extension" if _has_extension(text, region) else "not_a_number", raw)
    return "+" + digits if "+" in text or "＋" in text else digits


def _has_extension(text: str, region: str | None) -> bool:
    try:
        return bool(phonenumbers.parse(text, region).extension)
    except NumberParseException:
        return False


def _parsed(spelt: str, region: str | None, raw: str) -> PhoneNumber:
    try:
        return phonenumbers.parse(spelt, region)
    except NumberParseException as problem:
        raise NumberError(_UNREADABLE[problem.error_type], raw) from None


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _judged(number: PhoneNumber, e164: str, *, local_only: bool) -> Number:
    kind = _KINDS[phonenumbers.number_type(number)]
    region = phonenumbers.region_code_for_number(number) or ""
    return Number(
        e164=e164,
        country=region if region.isalpha() else "",  # "001" stands for networks of no country
        possible=True,
        local_only=local_only,
        valid=kind != "unknown",  # exactly what is_valid_number asks, at half its price
        kind=kind,
    )


def _strict_reason(number: str) -> Reason:
    if not number:
        return "empty"
    if re.fullmatch(r"\+[1-9][0-9]*", number):
        return "too_short" if len(number) < 8 else "too_long"
    if re.fullmatch(r"[0-9]+|\+0[0-9]*", number):
        return "no_country_code"
    return "not_a_number"
