"""What a person types to find a record, as HubSpot's CRM search understands it.

HubSpot docs, "CRM search": at most 5 groups of filters, 18 filters and 3,000 characters; phone numbers are found by
calculated properties that hold the area code and the local number only.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import phonenumbers
from django.utils.translation import gettext as _

from smsadmin.core import numbers
from smsadmin.crm.properties import CONTACT, USER, Catalogue
from smsadmin.providers.hubspot import client

LONGEST = 100  # characters of a text that are searched for
MOST_GROUPS = 5
_MOST_WORDS = 3  # three filters in each of five groups
_MOST_PHONES = 5
_PAGE = 20
_FEWEST_DIGITS = 5  # of a phone number; fewer may be part of a name

#: The properties that name a record (HubSpot docs, the guide of each object); of a person, first and last name.
NAMES: dict[str, tuple[str, ...]] = {
    "contact": ("firstname", "lastname"),
    "user": ("hs_given_name", "hs_family_name"),
    "company": ("name", "domain"),
    "deal": ("dealname",),
    "ticket": ("subject",),
    "quote": ("hs_title",),
    "order": ("hs_order_name",),
    "cart": ("hs_cart_name",),
    "invoice": ("hs_number", "hs_title"),
    "lead": ("hs_lead_name",),
}
_PEOPLE = {CONTACT, USER}
_EMAILS = {CONTACT: "email", USER: "hs_email"}
_SEARCHABLE = ("hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number")
_BETWEEN_WORDS = re.compile(r"[\s,;/*-]+")

Filter = dict[str, str]


def newest(object_type: str, limit: int) -> dict[str, Any]:
    """The request for the ids of the records changed last."""
    return {"filterGroups": [], "properties": ["hs_object_id"], "sorts": _sorts(object_type), "limit": limit}


def _sorts(object_type: str) -> list[dict[str, str]]:
    """Changed last first; only contacts call the property so."""
    name = "lastmodifieddate" if object_type == CONTACT else "hs_lastmodifieddate"
    return [{"propertyName": name, "direction": "DESCENDING"}]


@dataclass(frozen=True)
class Query:
    """A text to look for in one record type, by the properties that exist in this portal."""

    given: str
    object_type: str
    known: Catalogue

    @cached_property
    def text(self) -> str:
        return unicodedata.normalize("NFKC", self.given).strip()[:LONGEST]

    @cached_property
    def shown(self) -> list[str]:
        """The properties by which a person recognises a record, and a match is checked."""
        return [*self._names, *self._emails, *self._phones]

    def body(self, limit: int) -> dict[str, Any] | None:
        """The request to HubSpot; None where nothing of this type can be searched for."""
        if not (groups := self._groups()):
            return None
        return {
            "filterGroups": [{"filters": group} for group in groups[:MOST_GROUPS]],
            "properties": self.shown,
            "sorts": _sorts(self.object_type),
            "limit": max(limit, _PAGE),  # some may be other people's numbers
        }

    def fits(self, found: Mapping[str, str | None]) -> bool:
        """Whether a match is one: the same national digits may belong to a number of another country."""
        if self._digits is None:
            return True
        named = any(self.text.casefold() in (found.get(name) or "").casefold() for name in self._names)
        return named or any(self._is_same(found.get(name) or "") for name in self._phones)

    def title(self, found: client.Found) -> str:
        return self._facts(found)[0]

    def detail(self, found: client.Found) -> str:
        return " · ".join(self._facts(found)[1:])

    def _facts(self, found: client.Found) -> list[str]:
        """What tells a record from others, its name first; at the end the id, which every record has."""
        names = [value for name in self._names if (value := found.properties.get(name))]
        if self.object_type in _PEOPLE:
            names = [" ".join(names)]
        facts = [*names, *self._contact_points(found), _("ID %(id)s") % {"id": found.id}]
        return list(dict.fromkeys(filter(None, facts)))

    def _contact_points(self, found: client.Found) -> list[str]:
        values = [found.properties.get(name) for name in (*self._emails, *self._phones)]
        return [numbers.pretty(value) for value in values if value]

    # What there is to search by

    @cached_property
    def _names(self) -> list[str]:
        return [name for name in NAMES[self.object_type] if name in self.known]

    @cached_property
    def _emails(self) -> list[str]:
        name = _EMAILS.get(self.object_type, "")
        return [name] if name in self.known else []

    @cached_property
    def _phones(self) -> list[str]:
        return [each.name for each in self.known.phones() if not each.calculated][:_MOST_PHONES]

    # What the text may be

    @cached_property
    def _e164(self) -> str:
        """The number, where the text says its country."""
        return _e164(re.sub(r"^00", "+", self.text))

    @cached_property
    def _digits(self) -> str | None:
        """The digits without the zero that stands for a country; None where the text is no phone number."""
        digits = re.sub(r"\D", "", self.text)
        is_phone = self._e164 or (len(digits) >= _FEWEST_DIGITS and not re.search(r"[^\W\d]", self.text))
        return digits.lstrip("0") if is_phone else None

    @cached_property
    def _number(self) -> str:
        """The number, where the text says its country or its digits may begin with it."""
        return self._e164 or _e164(f"+{self._digits}")

    def _is_same(self, value: str) -> bool:
        """Whether a value is the number: by its country where both say it, else by the digits."""
        number, digits = _e164(value), re.sub(r"\D", "", unicodedata.normalize("NFKC", value))
        if self._e164:
            return number == self._e164 if number else digits.endswith(_national(self._e164))
        if self._digits and self._digits in digits:
            return True
        assumed = self._number
        return bool(assumed) and (number == assumed if number else digits == _national(assumed))

    # The filters: groups are alternatives, within one all must hold

    def _groups(self) -> list[list[Filter]]:
        if self._digits is not None:
            return [*self._by_phone(self._digits), *self._by_name()]
        if "@" in self.text:
            return [[_contains(name, f"*{self.text}*")] for name in self._emails]
        return self._by_name()

    def _by_phone(self, digits: str) -> list[list[Filter]]:
        searchable = [name for name in _SEARCHABLE if name in self.known]
        national = _national(self._number)
        whole = [[_equals(name, national)] for name in searchable if national]
        if self._e164:
            return [*whole, *([_equals(name, self._e164)] for name in self._phones)]
        return [*([_contains(name, f"*{digits}*")] for name in (searchable or self._phones)), *whole]

    def _by_name(self) -> list[list[Filter]]:
        words = [word for word in _BETWEEN_WORDS.split(self.text) if re.search(r"\w", word)][:_MOST_WORDS]
        if not words:
            return []
        if self.object_type not in _PEOPLE or len(self._names) < 2:
            return [_starts(name, words) for name in self._names]
        first, last = self._names
        cuts = range(1, len(words))
        groups = [_starts(first, words[:cut]) + _starts(last, words[cut:]) for cut in cuts]
        groups += [_starts(last, words[:1]) + _starts(first, words[1:])] if cuts else []  # "Lovelace, Ada"
        groups += [_starts(first, words), _starts(last, words)]
        return groups if cuts else [*groups, *(_starts(name, words) for name in self._emails)]


def _e164(text: str) -> str:
    try:
        return numbers.read(text).e164
    except numbers.NumberError:
        return ""


def _national(e164: str) -> str:
    return phonenumbers.national_significant_number(phonenumbers.parse(e164)) if e164 else ""


def _starts(name: str, words: Iterable[str]) -> list[Filter]:
    return [_contains(name, f"{word}*") for word in words]


def _contains(name: str, value: str) -> Filter:
    return {"propertyName": name, "operator": "CONTAINS_TOKEN", "value": value}


def _equals(name: str, value: str) -> Filter:
    return {"propertyName": name, "operator": "EQ", "value": value}
