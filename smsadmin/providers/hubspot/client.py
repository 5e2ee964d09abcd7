"""HubSpot's API as we call it: bearer token, JSON, both path families, and what its errors mean.

HubSpot docs: "Error handling", "CRM objects", "Properties", "Custom workflow actions: callbacks".
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

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
#: 4xx that pass by themselves (HubSpot docs: error handling): locked, rate limit, account being migrated.
PASSING = frozenset({423, 429, 477})


class Unavailable(Exception):
    """HubSpot could not answer now; the same call may succeed later."""


def complete_callbacks(connection: Connection, inputs: list[dict[str, Any]]) -> Answer:
    """Completes blocked executions, at most MOST_CALLBACKS at once: 204 means all of them."""
    return _call(connection, "POST", _callbacks_path(), json_body={"inputs": inputs})


def account(connection: Connection) -> dict[str, Any]:
    """The portal that the access token belongs to. Raises SendError or Unavailable."""
    version = settings.HUBSPOT_API_VERSION
    path = "/account-info/v3/details" if version == "legacy" else f"/account-info/{version}/details"
    return _expect(_call(connection, "GET", path))


def property_names(connection: Connection, object_type: str) -> list[str]:
    """The internal names of an object's properties. Raises SendError or Unavailable."""
    body = _expect(_call(connection, "GET", _crm("properties", PATH_NAMES[object_type])))
    return [str(each["name"]) for each in body.get("results", [])]


def record(
    connection: Connection, object_type: str, record_id: str, names: Iterable[str]
) -> dict[str, str | None]:
    """These properties of one record: unset ones are None. An unknown record has none.

    Raises SendError when the token may not read it, Unavailable when HubSpot cannot answer now.
    """
    path = f"{_crm('objects', PATH_NAMES[object_type])}/{quote(record_id, safe='')}"
    answer = _call(connection, "GET", path, params={"properties": ",".join(names)})
    return {} if answer.status == 404 else dict(_expect(answer).get("properties") or {})


def _crm(resource: str, name: str) -> str:
    version = settings.HUBSPOT_API_VERSION
    return f"/crm/v3/{resource}/{name}" if version == "legacy" else f"/crm/{resource}/{version}/{name}"


def _callbacks_path() -> str:
    version = settings.HUBSPOT_API_VERSION
    if version == "legacy":
        return "/automation/v4/actions/callbacks/complete"
    return f"/automation/actions/callbacks/{version}/complete"


def _call(connection: Connection, method: str, path: str, **kwargs: Any) -> Answer:
    token = connection.secrets.get("access_token", "")
    headers = {"Authorization": f"Bearer {token}"}
    return http.call(method, f"{settings.HUBSPOT_BASE_URL}{path}", headers=headers, read_timeout=10, **kwargs)


def _expect(answer: Answer) -> dict[str, Any]:
    if answer.status == 401:
        raise errors.CredentialRejected(provider="HubSpot")
    if answer.status == 403:
        raise errors.ScopeMissing(scope=_scope(answer))
    if 400 <= answer.status < 500 and answer.status not in PASSING:
        words = str((answer.body or {}).get("message", "—")) if isinstance(answer.body, dict) else "—"
        raise errors.ProviderRejected(provider="HubSpot", answer=words[:300], http_status=answer.status)
    if answer.status != 200 or not isinstance(answer.body, dict):
        raise Unavailable(answer.exchange.failure or f"HTTP {answer.status}")
    return answer.body


def _scope(answer: Answer) -> str:
    try:
        return ", ".join(answer.body["errors"][0]["context"]["requiredGranularScopes"])
    except (KeyError, IndexError, TypeError):
        return "—"
