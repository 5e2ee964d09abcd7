"""The scopes that each call of HubSpot's takes; one of them does (HubSpot docs: "Scopes", and each API's reference)."""

import re

from smsadmin.sandbox.crm import OBJECT_TYPES

_READ = re.compile(r"/objects/[^/]+/(?:batch/read|search)")
_KIND = re.compile(r"/(objects|properties|associations)/([^/]+)")


def needed(method: str, path: str) -> list[str]:
    """Any one of these opens the call, by its path without version; none: every token does."""
    if path.startswith("/callbacks/"):
        return ["automation"]
    if path.startswith("/owners"):
        return ["crm.objects.owners.read", "automation"]
    if not (found := _KIND.match(path)):
        return []
    api, kind = found.group(1), _path_name(found.group(2))
    if kind not in OBJECT_TYPES or path.endswith("/labels"):
        return []
    if api == "properties":
        return _of_properties(kind, method)
    reads = method == "GET" or api == "associations" or _READ.match(path)
    return [_of_records(kind, "read" if reads else "write")]


def _of_properties(kind: str, method: str) -> list[str]:
    schema = _of_records(kind, "read" if method == "GET" else "write").replace("crm.objects.", "crm.schemas.")
    return [_of_records(kind, "read"), schema] if method == "GET" else [schema]


def _of_records(kind: str, way: str) -> str:
    """Logged messages go with contacts; tickets have one scope for everything."""
    if kind == "tickets":
        return "tickets"
    return f"crm.objects.{'contacts' if kind == 'communications' else kind}.{way}"


def _path_name(given: str) -> str:
    for each in OBJECT_TYPES.values():
        if given.lower() in (each.path, each.type_id, each.name.lower()):
            return each.path
    return given
