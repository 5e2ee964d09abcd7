"""The action as HubSpot takes it: JSON for its API, and the files of a project folder, from one description.

HubSpot docs: "Custom workflow actions", definition; the sample project of HubSpot's developer platform.
"""

import io
import json
import zipfile
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import translation

from smsadmin.providers.hubspot import oauth, scopes
from smsadmin.triggers.hubspot import requested
from smsadmin.triggers.hubspot.catalogue import (
    LOG_TEXTS,
    OUTPUTS,
    Dependency,
    Field,
    Generation,
    Output,
    rules,
)
from smsadmin.triggers.hubspot.parse import OBJECT_TYPES

#: HubSpot's names of the languages that the texts are written in; "en" is indispensable.
LOCALES = ("en", "de")
#: The heading of the action's section in HubSpot's list of actions.
APP_NAME = "smsadmin"
PLATFORM = "2026.03"


def as_api(generation: Generation) -> dict[str, Any]:
    """What creates the definition over the API, as a draft."""
    return {**changeable(generation), "published": False, "functions": []}


def changeable(generation: Generation) -> dict[str, Any]:
    """What an update replaces: everything but whether it is published."""
    return {
        "actionUrl": action_url(generation),
        "objectTypes": list(OBJECT_TYPES),
        "objectRequestOptions": {"properties": requested.properties()},
        "inputFields": [_input(field, generation) for field in generation.fields],
        "inputFieldDependencies": _dependencies(generation.dependencies),
        "outputFields": [_output(output) for output in OUTPUTS],
        "executionRules": [
            {"labelName": rule.label, "conditions": _conditions(rule.conditions)} for rule in rules()
        ],
        "labels": {locale: labels(generation, locale) for locale in LOCALES},
    }


def action_url(generation: Generation) -> str:
    """The address that HubSpot calls for each record."""
    return settings.BASE_URL + reverse(generation.url_name)


def _input(field: Field, generation: Generation) -> dict[str, Any]:
    kind: dict[str, Any] = {
        "name": field.name,
        "type": "enumeration" if field.kind == "select" else "string",
        "fieldType": field.kind,
        "options": [{"value": value, "label": label} for value, label in field.choices],
    }
    if field.listed_by:
        kind["optionsUrl"] = settings.BASE_URL + reverse(field.listed_by) + generation.list_query
    return {
        "typeDefinition": kind,
        "supportedValueTypes": [str(field.value)],
        "isRequired": field.required,
    }


def _dependencies(declared: Iterable[Dependency]) -> list[dict[str, Any]]:
    """Where no field may depend on two others (HUBSPOT_ONE_DEPENDENCY), the one that filters its list is kept: the
    field is then greyed out until it can be used, rather than hidden."""
    found = list(declared)
    if settings.HUBSPOT_ONE_DEPENDENCY:
        filtered = {each.dependent for each in found if not each.value}
        found = [each for each in found if not each.value or each.dependent not in filtered]
    return [_dependency(each) for each in found]


def _dependency(dependency: Dependency) -> dict[str, Any]:
    written = {
        "dependencyType": "CONDITIONAL_SINGLE_FIELD" if dependency.value else "SINGLE_FIELD",
        "controllingFieldName": dependency.controlling,
        "dependentFieldNames": [dependency.dependent],
    }
    return written | ({"controllingFieldValue": dependency.value} if dependency.value else {})


def _output(output: Output) -> dict[str, Any]:
    field_type = "number" if output.kind == "number" else "text"
    return {
        "typeDefinition": {"name": output.name, "type": output.kind, "fieldType": field_type, "options": []}
    }


def _conditions(conditions: Any) -> dict[str, Any]:
    """One value is written as itself, several as a list."""
    return {
        name: wanted[0] if isinstance(wanted, list) and len(wanted) == 1 else wanted
        for name, wanted in conditions.items()
    }


def labels(generation: Generation, locale: str) -> dict[str, Any]:
    """Every text of the definition in one language."""
    with translation.override(locale):
        say = translation.gettext
        return {
            "actionName": say(generation.name),
            "actionDescription": say(generation.description),
            "actionCardContent": say(generation.card),
            "appDisplayName": APP_NAME,
            "inputFieldLabels": {field.name: say(field.label) for field in generation.fields},
            "inputFieldDescriptions": {
                field.name: say(field.help) for field in generation.fields if field.help
            },
            "inputFieldOptionLabels": {
                field.name: {value: say(label) for value, label in field.choices}
                for field in generation.fields
                if field.choices
            },
            "outputFieldLabels": {output.name: say(output.label) for output in OUTPUTS},
            "executionRules": {label: say(text) for label, text in LOG_TEXTS.items()},
        }


# --- A project folder of HubSpot's developer platform -------------------------------------------------


def as_project(generations: Iterable[Generation], auth: str, contact: str) -> dict[str, bytes]:
    """The files of a project with one app, by path: `auth` is "static" (one portal, which HubSpot gives a token for) or
    "oauth"; `contact` is the email address that HubSpot shows for support."""
    files: dict[str, Any] = {
        "hsproject.json": {"name": APP_NAME, "srcDir": "src", "platformVersion": PLATFORM},
        "src/app/app-hsmeta.json": _app(auth, contact),
    }
    for generation in generations:
        name = generation.url_name.removeprefix("hubspot-")
        files[f"src/app/workflow-actions/{name}-hsmeta.json"] = _component(generation)
    return {path: as_json(content) for path, content in files.items()}


def _app(auth: str, contact: str) -> dict[str, Any]:
    signing_in: dict[str, Any] = {
        "type": auth,
        "requiredScopes": list(scopes.REQUIRED),
        "optionalScopes": list(scopes.OPTIONAL),
        "conditionallyRequiredScopes": [],
    }
    if auth == "oauth":
        signing_in["redirectUrls"] = [oauth.redirect_uri()]
    config = {
        "name": APP_NAME,
        "description": "Sends text messages from workflows",
        "distribution": "private",
        "auth": signing_in,
        "permittedUrls": {"fetch": [settings.BASE_URL], "iframe": [], "img": []},
        "support": {
            "supportEmail": contact,
            "documentationUrl": settings.BASE_URL,
            "supportUrl": settings.BASE_URL,
        },
    }
    return {"uid": "smsadmin_app", "type": "app", "config": config}


def _component(generation: Generation) -> dict[str, Any]:
    """The action as a file: record types by name, and published with the project."""
    config = changeable(generation) | {
        "isPublished": True,
        "supportedClients": [{"client": "WORKFLOWS"}],
        "objectTypes": [name.upper() for name in OBJECT_TYPES.values()],
    }
    return {"uid": generation.uid, "type": "workflow-action", "config": config}


def as_json(content: Any) -> bytes:
    """JSON as people read it, ending in a newline."""
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()


def as_zip(files: dict[str, bytes]) -> bytes:
    """An archive of these files, the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path)  # of 1980: a time of ours would change the bytes
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()
