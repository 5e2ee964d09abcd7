"""An app's own workflow action as HubSpot keeps it, and what its definition says about records, fields and logs.

Rules: HubSpot docs, "Custom workflow actions".
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from smsadmin.sandbox.crm import OBJECT_TYPES

Definition = dict[str, Any]
Inputs = Mapping[
    str, Mapping[str, str]
]  # name to {"type", and "value" or "propertyName"}, as the editor stores them

LANGUAGES = ("en", "de")
_OUTPUT = re.compile(r"\{\{\s*(\w+)\s*\}\}")
#: What the log shows where no rule fits.
_GENERIC = {
    True: {"en": "Action succeeded", "de": "Aktion erfolgreich"},
    False: {"en": "An unknown error occurred", "de": "Ein unbekannter Fehler ist aufgetreten"},
}


@dataclass
class CustomAction:
    """A definition with its history. Published or not, a step that has it runs by its newest revision."""

    id: str
    app_id: str
    revisions: list[dict[str, Any]] = field(default_factory=list)
    """Oldest first: {"id", "revisionId", "createdAt", "definition"}."""
    archived_at: float | None = None
    requires_object: bool = True
    functions: dict[tuple[str, str], str] = field(default_factory=dict)
    """(type, id) to source code."""

    @property
    def definition(self) -> Definition:
        found: Definition = self.revisions[-1]["definition"]
        return found

    @property
    def revision(self) -> str:
        return str(self.revisions[-1]["revisionId"])


def find(actions: Iterable[CustomAction], definition_id: str, url: str) -> CustomAction | None:
    """The action that a workflow's step names by its id, else the newest one that calls this address."""
    if definition_id:
        return next((each for each in actions if each.id == definition_id), None)
    calling = [each for each in actions if each.archived_at is None and each.definition["actionUrl"] == url]
    return calling[-1] if calling else None


def type_id(given: Any) -> str:
    """The id of an object type given by name or id. Raises ValueError."""
    for kind in OBJECT_TYPES.values():
        if str(given).upper() in (kind.name, kind.type_id):
            return kind.type_id
    if re.fullmatch(r"2-\d+", str(given)):
        return str(given)
    raise ValueError(f"There is no object type {given}.")


def is_for(definition: Definition, path: str) -> bool:
    """Whether workflows of this type, by its path name, may have the action; without any type all may."""
    return not definition["objectTypes"] or OBJECT_TYPES[path].type_id in definition["objectTypes"]


def field_named(definition: Definition, name: str) -> dict[str, Any]:
    """Raises ValueError for a field that there is not."""
    for each in definition["inputFields"]:
        if each["typeDefinition"]["name"] == name:
            found: dict[str, Any] = each
            return found
    raise ValueError(f"The action has no field {name}.")


def is_filled(inputs: Inputs, name: str) -> bool:
    given = inputs.get(name) or {}
    return bool(given.get("value") or given.get("propertyName"))


def is_visible(definition: Definition, name: str, inputs: Inputs) -> bool:
    """Whether every conditional dependency of a field holds, and the controlling fields are visible themselves."""
    return all(
        (inputs.get(each["controllingFieldName"]) or {}).get("value") == each["controllingFieldValue"]
        and is_visible(definition, each["controllingFieldName"], inputs)
        for each in _dependencies_of(definition, name)
        if each["dependencyType"] == "CONDITIONAL_SINGLE_FIELD"
    )


def is_enabled(definition: Definition, name: str, inputs: Inputs) -> bool:
    """Whether each field that it simply depends on is visible and has a value; until then it is greyed out."""
    return all(
        is_filled(inputs, each["controllingFieldName"])
        and is_visible(definition, each["controllingFieldName"], inputs)
        for each in _dependencies_of(definition, name)
        if each["dependencyType"] == "SINGLE_FIELD"
    )


def controlling(definition: Definition, name: str) -> set[str]:
    """The fields whose values come along when the options of this one are asked for."""
    return {each["controllingFieldName"] for each in _dependencies_of(definition, name)}


def _dependencies_of(definition: Definition, name: str) -> list[dict[str, Any]]:
    return [
        each for each in definition.get("inputFieldDependencies") or [] if name in each["dependentFieldNames"]
    ]


def log_entry(definition: Definition, outputs: Mapping[str, Any], succeeded: bool) -> dict[str, str | None]:
    """What the action log says: the label of the first rule that fits (None: none does), and the text by language."""
    declared = {each["typeDefinition"]["name"] for each in definition.get("outputFields") or []}
    told = {name: str(value) for name, value in outputs.items() if name in declared and value is not None}
    rules = definition.get("executionRules") or []
    rule = next((each["labelName"] for each in rules if _fits(each["conditions"], told)), None)
    return {"rule": rule} | {
        language: _text(definition["labels"], rule, language, told) if rule else _GENERIC[succeeded][language]
        for language in LANGUAGES
    }


def _fits(conditions: Mapping[str, Any], outputs: Mapping[str, str]) -> bool:
    """All of them; each is one value, or several of which any will do."""
    return all(
        outputs.get(name) in [str(each) for each in (wanted if isinstance(wanted, list) else [wanted])]
        for name, wanted in conditions.items()
    )


def _text(labels: dict[str, Any], rule: str, language: str, outputs: Mapping[str, str]) -> str:
    texts = {**labels["en"].get("executionRules", {}), **labels.get(language, {}).get("executionRules", {})}
    return _OUTPUT.sub(lambda found: outputs.get(found[1], ""), texts.get(rule, rule))


def localised(labels: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The labels that somebody with this language sees: their own where there are any, else English ones."""
    return {**labels["en"], **labels.get(language, {})}
