"""HubSpot's object model: types, association type ids, search operators, calculated properties."""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import phonenumbers

from smsadmin.sandbox.state import Record, State, iso


@dataclass(frozen=True)
class ObjectType:
    name: str
    type_id: str
    path: str


OBJECT_TYPES = {
    path: ObjectType(name, type_id, path)
    for name, type_id, path in [
        ("CONTACT", "0-1", "contacts"),
        ("COMPANY", "0-2", "companies"),
        ("DEAL", "0-3", "deals"),
        ("TICKET", "0-5", "tickets"),
        ("QUOTE", "0-14", "quotes"),
        ("INVOICE", "0-53", "invoices"),
        ("USER", "0-115", "users"),
        ("ORDER", "0-123", "orders"),
        ("LEAD", "0-136", "leads"),
        ("CART", "0-142", "carts"),
        ("COMMUNICATION", "0-18", "communications"),
    ]
}

# HubSpot docs, "Association type id values": (from, to) to the ids allowed, the default one first.
ASSOCIATION_TYPES: dict[tuple[str, str], tuple[int, ...]] = {
    ("communications", "contacts"): (81,),
    ("communications", "companies"): (87,),
    ("communications", "deals"): (85,),
    ("communications", "tickets"): (83,),
    ("communications", "leads"): (603,),
    ("communications", "orders"): (785,),
    ("contacts", "communications"): (82,),
    ("companies", "communications"): (88,),
    ("deals", "communications"): (86,),
    ("tickets", "communications"): (84,),
    ("leads", "communications"): (602,),
    ("orders", "communications"): (784,),
    ("companies", "contacts"): (280, 2),
    ("contacts", "companies"): (279, 1),
    ("deals", "contacts"): (3,),
    ("contacts", "deals"): (4,),
    ("tickets", "contacts"): (16,),
    ("contacts", "tickets"): (15,),
    ("leads", "contacts"): (608, 578),
    ("quotes", "contacts"): (69,),
    ("orders", "contacts"): (507,),
    ("carts", "contacts"): (586,),
    ("invoices", "contacts"): (177,),
}


_BETWEEN_TOKENS = re.compile(r"[\s,;/-]+")
_NAMED = {
    578: "lead_to_primary_contact",
    279: "contact_to_company_unlabeled",
    280: "company_to_contact_unlabeled",
}


def association_name(start: str, to: str, type_id: int) -> str:
    """What a record that is read with its associations calls one of them."""
    plain = f"{OBJECT_TYPES[start].name}_to_{OBJECT_TYPES[to].name}".lower()
    return _NAMED.get(type_id, plain)


def associate(
    records: dict[str, dict[str, Record]], start: str, start_id: str, to: str, to_id: str, type_id: int
) -> None:
    """Link two records; the way back is linked too, where it has an id."""
    records[start][start_id].associations.setdefault(to, {}).setdefault(to_id, set()).add(type_id)
    if back := ASSOCIATION_TYPES.get((to, start)):
        records[to][to_id].associations.setdefault(start, {}).setdefault(start_id, set()).add(back[0])


def record_json(
    state: State, object_type: str, record: Record, wanted: list[str] | None = None
) -> dict[str, Any]:
    """A record with the properties asked for: unset ones are null, undefined ones are left out."""
    stamps = stamps_json(object_type, record)
    if wanted is None:
        properties: dict[str, str | None] = dict(record.properties)
    else:
        defined = [name for name in wanted if name in state.properties[object_type]]
        properties = {name: record.properties.get(name) for name in defined}
    return {
        "id": record.id,
        "properties": {**properties, **stamps},
        "createdAt": iso(record.created_at),
        "updatedAt": iso(record.updated_at),
        "archived": record.archived,
    }


def stamps_of(object_type: str) -> tuple[str, str]:
    """What an object type calls the times of its making and of its last change."""
    made = "hs_createdate" if object_type in ("quotes", "users", "communications") else "createdate"
    return made, "lastmodifieddate" if object_type == "contacts" else "hs_lastmodifieddate"


def stamps_json(object_type: str, record: Record) -> dict[str, str | None]:
    made, changed = stamps_of(object_type)
    return {"hs_object_id": record.id, made: iso(record.created_at), changed: iso(record.updated_at)}


def calculated_phones(properties: Mapping[str, str | None]) -> dict[str, str | None]:
    """The searchable phone properties: the national digits, without the country code."""
    names = {"phone": "phone", "mobilephone": "mobile"}
    return {
        f"hs_searchable_calculated_{short}_number": national_digits(properties.get(name))
        for name, short in names.items()
        if name in properties
    }


@lru_cache(maxsize=2000)
def national_digits(text: str | None) -> str | None:
    try:
        return phonenumbers.national_significant_number(phonenumbers.parse(text or "", "US"))
    except phonenumbers.NumberParseException:
        return None


Values = Mapping[str, str | None]


def matches(found_values: Values, condition: dict[str, Any]) -> bool:
    """One filter of a search; texts are compared without regard to case."""
    found, wanted = _folded(found_values.get(condition["propertyName"])), _folded(condition.get("value"))
    values = [_folded(value) for value in condition.get("values", [])]
    match condition["operator"]:
        case "HAS_PROPERTY":
            return found is not None
        case "NOT_HAS_PROPERTY":
            return found is None
        case "EQ":
            return found is not None and found == wanted
        case "NEQ":
            return found != wanted
        case "IN":
            return found in values
        case "NOT_IN":
            return found not in values
        case "CONTAINS_TOKEN":
            return _has_token(found, wanted)
        case "NOT_CONTAINS_TOKEN":
            return not _has_token(found, wanted)
    return found is not None and _compared(condition["operator"], _sortable(found), condition)


def in_order(records: list[tuple[Record, Values]], sorts: list[dict[str, str]]) -> list[Record]:
    """By the sorting rule, of which there is at most one; without one the oldest comes first."""
    if not sorts:
        return [record for record, _ in sorted(records, key=lambda each: each[0].created_at)]
    [rule] = sorts
    descending = rule.get("direction", "ASCENDING") == "DESCENDING"
    name = rule["propertyName"]
    with_value = [each for each in records if each[1].get(name) is not None]
    without = [record for record, values in records if values.get(name) is None]
    ordered = sorted(with_value, key=lambda each: _sortable(each[1][name]), reverse=descending)
    return [record for record, _ in ordered] + without


def _folded(value: Any) -> str | None:
    return str(value).lower() if value not in (None, "") else None


def _has_token(found: str | None, wanted: str | None) -> bool:
    text = found or ""
    return any(fnmatch.fnmatchcase(token, wanted or "") for token in [text, *_BETWEEN_TOKENS.split(text)])


def _sortable(value: Any) -> tuple[int, float | str]:
    try:
        return 0, float(value)
    except (TypeError, ValueError):
        return 1, str(value).lower()


def _compared(operator: str, found: tuple[int, float | str], condition: dict[str, Any]) -> bool:
    bound = _sortable(condition.get("value"))
    match operator:
        case "LT":
            return found < bound
        case "LTE":
            return found <= bound
        case "GT":
            return found > bound
        case "GTE":
            return found >= bound
        case "BETWEEN":
            return bound <= found <= _sortable(condition.get("highValue"))
    return False
