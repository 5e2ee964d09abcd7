"""Our definition of the action beside the one that HubSpot holds: what differs, item by item.

Only what we say is compared, by name: HubSpot adds keys of its own, such as the order of options, to all of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

Definition = Mapping[str, Any]
Item = tuple[str, str]  # what kind of part it is, and its name


class State(StrEnum):
    MISSING = "missing"  # ours alone: an update adds it there
    EXTRA = "extra"  # theirs alone: an update removes it there
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs. `facet` is which of a part's values; empty where all of it is missing or extra."""

    part: str
    name: str
    state: str
    facet: str = ""
    ours: str = ""
    theirs: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def differences(ours: Definition, theirs: Definition) -> list[Difference]:
    """What an update would change, in the order of our definition."""
    own, held = _items(ours), _items(theirs)
    found: list[Difference] = []
    for item in [*own, *(each for each in held if each not in own)]:
        if item not in held:
            found.append(Difference(*item, State.MISSING))
        elif item not in own:
            found.append(Difference(*item, State.EXTRA))
        else:
            found += _changes(item, own[item], held[item])
    return found


def _changes(item: Item, own: Mapping[str, str], held: Mapping[str, str]) -> list[Difference]:
    return [
        Difference(*item, State.CHANGED, facet, own.get(facet, ""), held.get(facet, ""))
        for facet in dict.fromkeys([*own, *held])
        if own.get(facet, "") != held.get(facet, "")
    ]


def _items(definition: Definition) -> dict[Item, dict[str, str]]:
    """Every part of a definition with its values, as texts."""
    rules = definition.get("executionRules") or []
    names = [each["labelName"] for each in rules]
    fields = [_typed(each) for each in definition.get("inputFields") or []]
    requested = (definition.get("objectRequestOptions") or {}).get("properties") or []
    found: dict[Item, dict[str, str]] = {
        ("address", ""): {"value": str(definition.get("actionUrl") or "")},
        ("types", ""): {"value": _listed(sorted(definition.get("objectTypes") or []))},
        ("properties", ""): {"value": _listed(sorted(requested))},
        ("order", "fields"): {"value": _listed(each["name"] for each in fields)},
        ("order", "rules"): {"value": _listed(names)},
    }
    found |= {("field", each["name"]): each["facets"] for each in fields}
    found |= {
        ("dependency", name): {} for name in map(_dependency, definition.get("inputFieldDependencies") or [])
    }
    found |= {
        ("output", each["typeDefinition"]["name"]): {"type": str(each["typeDefinition"].get("type"))}
        for each in definition.get("outputFields") or []
    }
    found |= {
        ("rule", f"{rule['labelName']} {names[:place].count(rule['labelName']) + 1}"): {
            "value": _conditions(rule.get("conditions") or {})
        }
        for place, rule in enumerate(rules)
    }
    for locale, labels in (definition.get("labels") or {}).items():
        if texts := _texts(labels):
            found["texts", locale] = texts
    return found


def _typed(field: Mapping[str, Any]) -> dict[str, Any]:
    kind = field["typeDefinition"]
    facets = {
        "type": f"{kind.get('type')}, {kind.get('fieldType')}",
        "options": _listed(f"{each['value']}: {each['label']}" for each in kind.get("options") or []),
        "optionsUrl": str(kind.get("optionsUrl") or ""),
        "values": _listed(sorted(field.get("supportedValueTypes") or [])),
        "required": str(bool(field.get("isRequired"))).lower(),
    }
    return {"name": kind["name"], "facets": facets}


def _dependency(given: Mapping[str, Any]) -> str:
    wanted = f" = {given['controllingFieldValue']}" if given.get("controllingFieldValue") else ""
    return f"{given['controllingFieldName']}{wanted} → {_listed(given['dependentFieldNames'])}"


def _conditions(conditions: Mapping[str, Any]) -> str:
    """One value and a list of one are the same."""
    return "; ".join(
        f"{name}: {_listed(wanted if isinstance(wanted, list) else [wanted])}"
        for name, wanted in sorted(conditions.items())
    )


def _texts(labels: Mapping[str, Any]) -> dict[str, str]:
    """The texts of a language by their place: "inputFieldLabels.message"."""
    found: dict[str, str] = {}
    for key, value in labels.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{name}": text for name, text in _texts(value).items()}
        elif value:
            found[key] = str(value)
    return found


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))
