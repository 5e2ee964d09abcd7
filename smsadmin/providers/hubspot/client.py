"""HubSpot's API as we call it: bearer token, JSON, both path families, and what its errors mean.

HubSpot docs: "Error handling", "CRM objects", "Properties", "Custom workflow actions: callbacks".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from smsadmin.core import errors
from smsadmin.providers import http
from smsadmin.providers.http import Answer
from smsadmin.workspaces.models import Connection

#: Our object types and HubSpot's path names (HubSpot docs: using object APIs).
PATH_NAMES = {
    "contact": "contacts",
    "company": "companies",
    "deal": "deals",
    "ticket": "tickets",
    "quote": "quotes",
    "user": "users",
    "order": "orders",
    "cart": "carts",
    "invoice": "invoices",
    "lead": "leads",
}
MOST_CALLBACKS = 100
#: The one contact of several that HubSpot calls primary, by the name and the id of the association (HubSpot docs:
#: association type id values). Of a company's contacts, those whose primary company it is.
PRIMARY = frozenset({"lead_to_primary_contact", "company_to_contact"})
PRIMARY_IDS = frozenset({578, 2})
#: A page or a workflow waits for what is read of the CRM, and some answers take two or three calls.
CRM_TIMEOUT = 4.0
#: 4xx that pass by themselves (HubSpot docs: error handling): locked, rate limit, account being migrated.
PASSING = frozenset({423, 429, 477})
#: How HubSpot writes the ids of its records. Anything else in a path, such as "..", would ask for something else.
RECORD_ID = re.compile(r"[0-9]{1,19}")


class Unavailable(Exception):
    """HubSpot could not answer now; the same call may succeed later."""


class RateLimited(Unavailable):
    """HubSpot has had too many calls from this portal's apps for the moment."""


class NotFound(LookupError):
    """There is no such record: it was deleted, merged, or never existed."""


@dataclass(frozen=True, slots=True)
class Found:
    """A record as HubSpot tells it; unset properties are None, unknown ones are missing.

    `contacts` are the ids of the contacts it is associated with, where they were asked for, primary ones first.
    """

    id: str
    properties: dict[str, str | None]
    contacts: tuple[str, ...] = ()


def complete_callbacks(connection: Connection, inputs: list[dict[str, Any]]) -> Answer:
    """Completes blocked executions, at most MOST_CALLBACKS at once: 204 means all of them."""
    return _call(connection, "POST", _callbacks_path(), json_body={"inputs": inputs})


def account(connection: Connection) -> dict[str, Any]:
    """The portal that the access token belongs to. Raises SendError or Unavailable."""
    version = settings.HUBSPOT_API_VERSION
    path = "/account-info/v3/details" if version == "legacy" else f"/account-info/{version}/details"
    return _expect(_call(connection, "GET", path))


# All reading of the CRM raises SendError when the token may not, and Unavailable when HubSpot cannot answer now.


def properties(connection: Connection, object_type: str, language: str) -> list[dict[str, Any]]:
    """The definitions of an object's properties, with labels in the language."""
    path = _crm("properties", PATH_NAMES[object_type])
    body = _read(connection, "GET", path, params={"archived": "false", "locale": language})
    found = [each for each in _results(body) if each.get("name") and not each.get("archived")]
    if not found:
        raise Unavailable("it listed no property at all")
    return found


def record(
    connection: Connection,
    object_type: str,
    record_id: str,
    names: Iterable[str],
    *,
    with_contacts: bool = False,
) -> Found:
    """These properties of one record. Also raises NotFound, as for what cannot be the id of one."""
    if not RECORD_ID.fullmatch(record_id):
        raise NotFound(record_id)
    path = f"{_crm('objects', PATH_NAMES[object_type])}/{record_id}"
    params = {"properties": ",".join(names)}
    if with_contacts:
        params["associations"] = PATH_NAMES["contact"]
    answer = _call(connection, "GET", path, params=params, read_timeout=CRM_TIMEOUT)
    if answer.status == 404:
        raise NotFound(record_id)
    return _found(_expect(answer))


def records(
    connection: Connection, object_type: str, record_ids: Iterable[str], names: Iterable[str]
) -> list[Found]:
    """These properties of up to 100 records, in no order; those that do not exist are left out."""
    path = f"{_crm('objects', PATH_NAMES[object_type])}/batch/read"
    asked = {
        "properties": list(names),
        "propertiesWithHistory": [],
        "inputs": [{"id": each} for each in record_ids],
    }
    return [_found(each) for each in _results(_read(connection, "POST", path, json_body=asked))]


def search(connection: Connection, object_type: str, query: dict[str, Any]) -> list[Found]:
    """The first page of what a query finds (HubSpot docs: CRM search)."""
    path = f"{_crm('objects', PATH_NAMES[object_type])}/search"
    return [_found(each) for each in _results(_read(connection, "POST", path, json_body=query))]


def contacts_of(
    connection: Connection, object_type: str, record_ids: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """For up to 100 records the ids of their contacts, ordered as in Found."""
    version = settings.HUBSPOT_API_VERSION
    family = "/crm/v4/associations" if version == "legacy" else f"/crm/associations/{version}"
    path = f"{family}/{PATH_NAMES[object_type]}/{PATH_NAMES['contact']}/batch/read"
    body = _read(connection, "POST", path, json_body={"inputs": [{"id": each} for each in record_ids]})
    return {str(each.get("from", {}).get("id")): _contacts(each) for each in _results(body)}


def _contacts(association: dict[str, Any]) -> tuple[str, ...]:
    return _primary_first(
        (
            str(to.get("toObjectId")),
            any(kind.get("typeId") in PRIMARY_IDS for kind in to.get("associationTypes", [])),
        )
        for to in association.get("to", [])
    )


def _found(body: dict[str, Any]) -> Found:
    linked = (body.get("associations") or {}).get("contacts") or {}
    return Found(
        str(body.get("id", "")),
        dict(body.get("properties") or {}),
        _primary_first((str(to.get("id")), to.get("type") in PRIMARY) for to in _results(linked)),
    )


def _primary_first(links: Iterable[tuple[str, bool]]) -> tuple[str, ...]:
    """Record ids in an order that lasts, for HubSpot promises none: primary ones first, each kind by number."""
    primary: dict[str, bool] = {}
    for record_id, is_primary in links:  # a record comes once for each way it is associated
        primary[record_id] = primary.get(record_id, False) or is_primary
    return tuple(sorted(primary, key=lambda each: (not primary[each], len(each), each)))


def _results(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in body.get("results") or [] if isinstance(each, dict)]


def _crm(resource: str, name: str) -> str:
    version = settings.HUBSPOT_API_VERSION
    return f"/crm/v3/{resource}/{name}" if version == "legacy" else f"/crm/{resource}/{version}/{name}"


def _callbacks_path() -> str:
    version = settings.HUBSPOT_API_VERSION
    if version == "legacy":
        return "/automation/v4/actions/callbacks/complete"
    return f"/automation/actions/callbacks/{version}/complete"


def _call(
    connection: Connection, method: str, path: str, *, read_timeout: float = 10, **kwargs: Any
) -> Answer:
    token = connection.secrets.get("access_token", "")
    headers = {"Authorization": f"Bearer {token}"}
    return http.call(
        method, f"{settings.HUBSPOT_BASE_URL}{path}", headers=headers, read_timeout=read_timeout, **kwargs
    )


def _read(connection: Connection, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
    return _expect(_call(connection, method, path, read_timeout=CRM_TIMEOUT, **kwargs))


def _expect(answer: Answer) -> dict[str, Any]:
    if answer.status == 401:
        raise errors.CredentialRejected(provider="HubSpot")
    if answer.status == 403:
        raise errors.ScopeMissing(scope=_scope(answer))
    if 400 <= answer.status < 500 and answer.status not in PASSING:
        words = str((answer.body or {}).get("message", "—")) if isinstance(answer.body, dict) else "—"
        raise errors.ProviderRejected(provider="HubSpot", answer=words[:300], http_status=answer.status)
    if answer.status == 429:
        raise RateLimited("HTTP 429")
    if answer.status not in (200, 207) or not isinstance(answer.body, dict):
        raise Unavailable(answer.exchange.failure or f"HTTP {answer.status}")
    return answer.body


def _scope(answer: Answer) -> str:
    try:
        return ", ".join(answer.body["errors"][0]["context"]["requiredGranularScopes"])
    except (KeyError, IndexError, TypeError):
        return "—"
