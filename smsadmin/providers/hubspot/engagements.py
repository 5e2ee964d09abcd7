"""Messages logged on records, as HubSpot's communications (HubSpot docs: "Communications", "Associations")."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from django.conf import settings

from smsadmin.cache import remembered
from smsadmin.core import errors
from smsadmin.providers.http import Answer
from smsadmin.providers.hubspot import client
from smsadmin.workspaces.models import Connection

MOST = 100  # communications of one request
#: How a communication is associated with a record of each type (HubSpot docs: association type id values).
ASSOCIATIONS: Mapping[str, int] = {
    "contact": 81,
    "company": 87,
    "deal": 85,
    "ticket": 83,
    "lead": 603,
    "order": 785,
}
COMMUNICATION = "0-18"
_NAME, _BODY = "communications", "hs_communication_body"
_KEPT_FOR = 86_400.0  # seconds
_MOST_GROUPS = 5


@dataclass(frozen=True, slots=True)
class Target:
    """A record that a communication is associated with, and how."""

    object_type: str
    record_id: str
    association: int


@dataclass(frozen=True, slots=True)
class Communication:
    """One logged message. `body` is HTML; `owner_id` may be empty."""

    body: str
    at: datetime
    targets: Sequence[Target]
    owner_id: str = ""


@dataclass(frozen=True, slots=True)
class Logged:
    """A communication that HubSpot has."""

    id: str
    body: str


def create(connection: Connection, what: Communication) -> Answer:
    """Logs one message: 201. Raises as client.call does."""
    return _post(connection, "", _as_json(what))


def create_many(connection: Connection, what: Sequence[Communication]) -> Answer:
    """Logs at most MOST messages at once: 201, or 207 where HubSpot took only some. Raises as client.call does."""
    return _post(connection, "/batch/create", {"inputs": [_as_json(each) for each in what]})


def rewrite(connection: Connection, communication_id: str, body: str) -> Answer:
    """Gives a communication another body: 200. Raises as client.call does."""
    path = f"{client.crm_path('objects', _NAME)}/{communication_id}"
    changes = {"properties": {_BODY: body}}
    return client.call(connection, "PATCH", path, json_body=changes, patience=client.LATER)


def logged_at(connection: Connection, moments: Iterable[datetime]) -> list[Logged]:
    """The communications of these moments, to the millisecond. Raises SendError or Unavailable.

    HubSpot's search learns of new records a little later.
    """
    found: list[Logged] = []
    times = list(dict.fromkeys(map(_milliseconds, moments)))
    for start in range(0, len(times), _MOST_GROUPS):
        some = times[start : start + _MOST_GROUPS]
        groups = [{"filters": [_equals("hs_timestamp", each)]} for each in some]
        query = {"filterGroups": groups, "properties": [_BODY], "sorts": [], "limit": 200}
        answer = _post(connection, "/search", query, is_search=True)
        found += logged(client.expect(connection, answer))
    return found


def logged(body: Any) -> list[Logged]:
    """The communications of an answer that names one, or several."""
    several = body.get("results") if isinstance(body, dict) else None
    each = several if isinstance(several, list) else [body]
    return [_logged(one) for one in each if isinstance(one, dict) and one.get("id")]


def association(connection: Connection, object_type: str) -> int | None:
    """How a communication is associated with records of a type; None where it cannot be. HubSpot is asked where its
    documentation names no way, once a day. Raises Unavailable."""
    if known := ASSOCIATIONS.get(object_type):
        return known
    key = ("association", connection.pk, object_type)
    return remembered(key, partial(_asked, connection, object_type), _KEPT_FOR)


def _asked(connection: Connection, object_type: str) -> int | None:
    version, to = settings.HUBSPOT_API_VERSION, client.PATH_NAMES.get(object_type, object_type)
    family = "/crm/v4/associations" if version == "legacy" else f"/crm/associations/{version}"
    path = f"{family}/{COMMUNICATION}/{quote(to, safe='')}/labels"
    try:
        answer = client.call(connection, "GET", path, patience=client.LATER)
        found = client.expect(connection, answer).get("results") or []
    except errors.SendError:
        return None
    ours = [each for each in found if each.get("category") == "HUBSPOT_DEFINED" and each.get("typeId")]
    return int(ours[0]["typeId"]) if ours else None


def _post(connection: Connection, path: str, body: Mapping[str, Any], **options: Any) -> Answer:
    url = f"{client.crm_path('objects', _NAME)}{path}"
    return client.call(connection, "POST", url, json_body=body, patience=client.LATER, **options)


def _as_json(what: Communication) -> dict[str, Any]:
    properties = {
        "hs_communication_channel_type": "SMS",
        "hs_communication_logged_from": "CRM",
        _BODY: what.body,
        "hs_timestamp": _milliseconds(what.at),
    }
    if what.owner_id:
        properties["hubspot_owner_id"] = what.owner_id
    return {"properties": properties, "associations": _associations(what.targets)}


def _associations(targets: Collection[Target]) -> list[dict[str, Any]]:
    return [
        {
            "to": {"id": each.record_id},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": each.association}],
        }
        for each in targets
    ]


def _logged(one: Mapping[str, Any]) -> Logged:
    properties = one.get("properties")
    body = properties.get(_BODY) if isinstance(properties, dict) else ""
    return Logged(str(one["id"]), str(body or ""))


def _milliseconds(at: datetime) -> str:
    """HubSpot takes a time as text or as a number; a search finds the very number that was written."""
    return str(round(at.astimezone(UTC).timestamp() * 1000))


def _equals(name: str, value: str) -> dict[str, str]:
    return {"propertyName": name, "operator": "EQ", "value": value}
