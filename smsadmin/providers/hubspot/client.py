"""HubSpot's API as we call it: bearer token, JSON, both path families, and what its errors mean.

HubSpot docs: "Error handling", "CRM objects", "Properties", "Custom workflow actions: callbacks".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings

from smsadmin.core import errors
from smsadmin.providers import http
from smsadmin.providers.base import Exchange
from smsadmin.providers.http import NOT_SENT, Answer
from smsadmin.providers.hubspot import oauth, pace, scopes, tokens, unavailable
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

#: What callers of HubSpot know from here, and the modules below share.
PASSING = oauth.PASSING
Unavailable = unavailable.Unavailable
RateLimited = unavailable.RateLimited

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
#: How long a call waits for its turn: where somebody waits for it, and where nobody does.
AT_ONCE, LATER = 1.0, 15.0
#: How HubSpot writes the ids of its records. Anything else in a path, such as "..", would ask for something else.
RECORD_ID = re.compile(r"[0-9]{1,19}")


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
    """Completes blocked executions, at most MOST_CALLBACKS at once: 204 means all of them. Never raises: a call that
    did not leave has no status, and says why."""
    path = _callbacks_path()
    try:
        return call(connection, "POST", path, json_body={"inputs": inputs}, patience=LATER)
    except (Unavailable, errors.CredentialRejected) as error:
        return Answer(Exchange("POST", f"{settings.HUBSPOT_BASE_URL}{path}", failure=str(error)), NOT_SENT)


def account(connection: Connection) -> dict[str, Any]:
    """The portal that the access token belongs to. Raises SendError or Unavailable."""
    version = settings.HUBSPOT_API_VERSION
    path = "/account-info/v3/details" if version == "legacy" else f"/account-info/{version}/details"
    return expect(connection, call(connection, "GET", path))


# All reading of the CRM raises SendError when the token may not, and Unavailable when HubSpot cannot answer now.


def properties(connection: Connection, object_type: str, language: str) -> list[dict[str, Any]]:
    """The definitions of an object's properties, with labels in the language."""
    path = crm_path("properties", PATH_NAMES[object_type])
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
    path = f"{crm_path('objects', PATH_NAMES[object_type])}/{record_id}"
    params = {"properties": ",".join(names)}
    if with_contacts:
        params["associations"] = PATH_NAMES["contact"]
    answer = call(connection, "GET", path, params=params, read_timeout=CRM_TIMEOUT)
    if answer.status == 404:
        raise NotFound(record_id)
    return _found(expect(connection, answer))


def records(
    connection: Connection, object_type: str, record_ids: Iterable[str], names: Iterable[str]
) -> list[Found]:
    """These properties of up to 100 records, in no order; those that do not exist are left out."""
    path = f"{crm_path('objects', PATH_NAMES[object_type])}/batch/read"
    asked = {
        "properties": list(names),
        "propertiesWithHistory": [],
        "inputs": [{"id": each} for each in record_ids],
    }
    return [_found(each) for each in _results(_read(connection, "POST", path, json_body=asked))]


def search(connection: Connection, object_type: str, query: dict[str, Any]) -> list[Found]:
    """The first page of what a query finds (HubSpot docs: CRM search)."""
    path = f"{crm_path('objects', PATH_NAMES[object_type])}/search"
    body = _read(connection, "POST", path, json_body=query, is_search=True)
    return [_found(each) for each in _results(body)]


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


def crm_path(resource: str, name: str) -> str:
    """The path of a CRM resource ("objects", "properties") of the record type that HubSpot calls `name`."""
    version = settings.HUBSPOT_API_VERSION
    return f"/crm/v3/{resource}/{name}" if version == "legacy" else f"/crm/{resource}/{version}/{name}"


def _callbacks_path() -> str:
    version = settings.HUBSPOT_API_VERSION
    if version == "legacy":
        return "/automation/v4/actions/callbacks/complete"
    return f"/automation/actions/callbacks/{version}/complete"


def call(
    connection: Connection,
    method: str,
    path: str,
    *,
    patience: float = AT_ONCE,
    read_timeout: float = 10,
    is_search: bool = False,
    **kwargs: Any,
) -> Answer:
    """One call in the portal's turn, whatever comes of it; made once more where its token had just run out.

    Raises CredentialRejected without a token to call with, and Unavailable where now is no time for a call.
    """

    def made(token: str) -> Answer:
        pace.take(connection, patience, is_search=is_search)
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{settings.HUBSPOT_BASE_URL}{path}"
        answer = http.call(method, url, headers=headers, read_timeout=read_timeout, **kwargs)
        pace.heed(connection, answer, is_search=is_search)
        return answer

    token = tokens.bearer(connection)
    answer = made(token)
    if answer.status == 401 and _says(answer, "category") == "EXPIRED_AUTHENTICATION":
        answer = made(tokens.renewed(connection, token))
    if not 200 <= answer.status < 300:
        _log(connection, method, path, answer)
    _learn(connection, answer)
    return answer


def _learn(connection: Connection, answer: Answer) -> None:
    """What an answer tells of the token: that it is accepted after all, is refused, or which scopes it lacks."""
    if 200 <= answer.status < 300 and connection.lost_at:
        connection.mark(Connection.State.WORKING)
    elif answer.status == 401 and connection.state not in Connection.LOST:
        connection.mark(Connection.State.REJECTED, refused_words(connection))
    elif answer.status == 403:
        scopes.refused(connection, _lacking(answer))


def expect(connection: Connection, answer: Answer) -> dict[str, Any]:
    """The body of an answer that says yes. Raises SendError where the portal does not allow the call or HubSpot refuses
    it for good, Unavailable where another time it may succeed."""
    if answer.status == 401:
        raise errors.CredentialRejected(provider="HubSpot")
    if answer.status == 403:
        raise errors.ScopeMissing(scope=", ".join(_lacking(answer)) or "—")
    if 400 <= answer.status < 500 and answer.status not in PASSING:
        words = _says(answer, "message") or "—"
        raise errors.ProviderRejected(provider="HubSpot", answer=words[:300], http_status=answer.status)
    if answer.status == 429:
        raise RateLimited("HTTP 429")
    if answer.status not in (200, 201, 207) or not isinstance(answer.body, dict):
        raise Unavailable(answer.exchange.failure or f"HTTP {answer.status}")
    return answer.body


def _read(connection: Connection, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
    return expect(connection, call(connection, method, path, read_timeout=CRM_TIMEOUT, **kwargs))


def refused_words(connection: Connection) -> str:
    """That a portal's token is refused, and what to do about it, in English."""
    by_oauth = connection.auth == Connection.Auth.OAUTH
    remedy = "reauthenticate it" if by_oauth else "enter a new one"
    return f"HubSpot no longer accepts the access token of this portal: {remedy} under Connections."


def _log(connection: Connection, method: str, path: str, answer: Answer) -> None:
    """HubSpot's support asks for the correlation id. Its words stay out: they repeat values of records."""
    logger.warning(
        "hubspot.call_failed",
        portal=connection.external_id,
        method=method,
        path=path,
        status=answer.status,
        failure=answer.exchange.failure,
        category=_says(answer, "category") or _says(answer, "policyName"),
        correlation_id=_says(answer, "correlationId"),
    )


def _says(answer: Answer, name: str) -> str:
    return str(answer.body.get(name) or "") if isinstance(answer.body, dict) else ""


def _lacking(answer: Answer) -> list[str]:
    """The scopes that a refusal names; of several each would do."""
    found = answer.body.get("errors") if isinstance(answer.body, dict) else None
    contexts = [each.get("context") for each in found or [] if isinstance(each, dict)]
    named = [each.get("requiredGranularScopes") for each in contexts if isinstance(each, dict)]
    return [str(scope) for each in named if isinstance(each, list) for scope in each]
