"""The description of the API, as OpenAPI 3.1: one module for each area. What it says of bodies is what they are held
to (api.bodies), and tests hold real answers against it."""

from types import ModuleType

from django.conf import settings

from smsadmin.api.description import actions, directory, flows, inbound, messages, opt_outs, parts, quotas
from smsadmin.api.description.parts import Json, refused
from smsadmin.api.models import KeyScope

#: What a key must be made for, by the operation.
SCOPES = {
    KeyScope.DIRECTORY: ("listActions", "getAction", "listNumbers", "getNumber", "listUsers"),
    KeyScope.ACTIONS: ("runAction", "rehearseAction"),
    KeyScope.SEND: ("sendMessage", "cancelMessage"),
    KeyScope.MESSAGES: ("listMessages", "getMessage", "listEvents", "getTrace"),
    KeyScope.INBOUND: ("listInbound",),
    KeyScope.OPT_OUTS: ("listOptOuts", "getOptOut", "addOptOut", "liftOptOut"),
    KeyScope.QUOTAS: ("listQuotas", "getNumberQuota", "getUserQuota", "fitsQuota"),
    KeyScope.FLOWS: ("beginRun", "getRun"),
}
_SCOPE = {operation: scope.value for scope, operations in SCOPES.items() for operation in operations}
#: In the order in which the page shows them.
AREAS: tuple[ModuleType, ...] = (actions, messages, inbound, opt_outs, quotas, directory, flows)
_ITSELF = ("Description", "This description.")


def document() -> Json:
    """The whole of it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "smsadmin",
            "version": "1",
            "description": "Sends texts and tells what becomes of them. Times are UTC, ids are those in the addresses "
            "of the pages. Every error is a problem (RFC 9457) with a stable `code`. An address may end with a slash "
            "or without.",
        },
        "servers": [{"url": settings.BASE_URL}],
        "security": [{"key": []}],
        "tags": [_tag(*area.TAG) for area in AREAS] + [_tag(*_ITSELF)],
        "paths": {path: found for area in AREAS for path, found in _paths(area).items()} | _of_itself(),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas(),
            "headers": parts.headers(),
            "responses": parts.problems(),
        },
    }


def schemas() -> Json:
    """Every schema by its name."""
    found = parts.schemas() | {"Description": {"type": "object", "required": ["openapi", "paths"]}}
    for area in AREAS:
        found |= area.schemas()
    return found


def _tag(name: str, words: str) -> Json:
    return {"name": name, "description": words}


def _paths(area: ModuleType) -> Json:
    name = area.TAG[0]
    return {
        path: {method: _complete(name, operation) for method, operation in found.items()}
        for path, found in area.paths().items()
    }


def _complete(tag: str, operation: Json) -> Json:
    return {"tags": [tag], **operation, "security": [{"key": [_SCOPE[operation["operationId"]]]}]}


def _of_itself() -> Json:
    content = {"application/json": {"schema": parts.ref("Description"), "example": _EXAMPLE}}
    operation = {
        "tags": [_ITSELF[0]],
        "operationId": "getDescription",
        "summary": "This description",
        "security": [],
        "responses": {"200": {"description": "OpenAPI 3.1.", "content": content}, **refused()},
    }
    return {"/api/v1/openapi.json": {"get": operation}}


_EXAMPLE: Json = {"openapi": "3.1.0", "info": {"title": "smsadmin", "version": "1"}, "paths": {}}
