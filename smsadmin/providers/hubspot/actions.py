"""HubSpot's API for the definitions of an app's own workflow actions (HubSpot docs: "Custom workflow actions").

It is the app's, not a portal's: a developer key, which the undated paths alone take, or a bearer token with the
scopes developers-read and developers-write.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from django.conf import settings

from smsadmin.core import errors
from smsadmin.providers import http
from smsadmin.providers.http import Answer
from smsadmin.providers.hubspot import client

_PAGE = "100"
#: More pages than any app has definitions for: an answer that always names a next one ends here.
_MOST_PAGES = 20


def is_configured() -> bool:
    """Whether there is an app, and something that HubSpot lets us change it with."""
    return bool(
        settings.HUBSPOT_APP_ID and (settings.HUBSPOT_DEVELOPER_KEY or settings.HUBSPOT_DEVELOPER_TOKEN)
    )


# All of these raise SendError where HubSpot refuses, client.NotFound for an app or definition it does not know, and
# client.Unavailable when it cannot answer now.


def definitions() -> Iterator[dict[str, Any]]:
    """Every definition of the app that is not archived."""
    params = {"limit": _PAGE}
    for _page in range(_MOST_PAGES):
        body = _call("GET", "", params=params)
        yield from (each for each in body.get("results") or [] if isinstance(each, dict))
        after = ((body.get("paging") or {}).get("next") or {}).get("after")
        if not after:
            return
        params = {"limit": _PAGE, "after": str(after)}


def definition(definition_id: str) -> dict[str, Any]:
    """One definition, as it stands now."""
    return _call("GET", f"/{quote(definition_id, safe='')}")


def create(wanted: dict[str, Any]) -> dict[str, Any]:
    """Makes a definition, and returns it as HubSpot has it: with its id and its revision."""
    return _call("POST", "", json_body=wanted)


def patch(definition_id: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Changes some keys of a definition, which makes a new revision. `{"published": True}` publishes it."""
    return _call("PATCH", f"/{quote(definition_id, safe='')}", json_body=changes)


def archive(definition_id: str) -> None:
    """Takes a definition away."""
    _call("DELETE", f"/{quote(definition_id, safe='')}")


def _call(
    method: str, path: str, *, params: dict[str, str] | None = None, json_body: Any = None
) -> dict[str, Any]:
    headers, key = _credential()
    answer = http.call(
        method,
        f"{settings.HUBSPOT_BASE_URL}{_family()}/{settings.HUBSPOT_APP_ID}{path}",
        headers=headers,
        params={**(params or {}), **key},
        json_body=json_body,
        read_timeout=10,
    )
    return _read(answer)


def _credential() -> tuple[dict[str, str], dict[str, str]]:
    """What goes into the headers, and into the query."""
    if token := settings.HUBSPOT_DEVELOPER_TOKEN:
        return {"Authorization": f"Bearer {token}"}, {}
    return {}, {"hapikey": settings.HUBSPOT_DEVELOPER_KEY}


def _family() -> str:
    version = settings.HUBSPOT_API_VERSION
    if version == "legacy" or not settings.HUBSPOT_DEVELOPER_TOKEN:
        return "/automation/v4/actions"
    return f"/automation/actions/{version}"


def _read(answer: Answer) -> dict[str, Any]:
    if answer.status == 204:
        return {}
    if answer.status in (200, 201) and isinstance(answer.body, dict):
        return answer.body
    if answer.status == 404:
        raise client.NotFound("definition")
    raise _refusal(answer)


def _refusal(answer: Answer) -> Exception:
    """What an answer that is none means; the same as for calls of a portal."""
    body = answer.body if isinstance(answer.body, dict) else {}
    if answer.status == 401:
        return errors.CredentialRejected(provider="HubSpot")
    if answer.status == 403:
        return errors.ScopeMissing(scope="developers-write")
    if 400 <= answer.status < 500 and answer.status not in client.PASSING:
        words = str(body.get("message") or "—")[:300]
        return errors.ProviderRejected(provider="HubSpot", answer=words, http_status=answer.status)
    return client.Unavailable(answer.exchange.failure or f"HTTP {answer.status}")
