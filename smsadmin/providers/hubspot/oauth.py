"""HubSpot's OAuth: where an admin agrees, what the code is worth, and how access is renewed, looked up and given up.

HubSpot docs: "Working with OAuth", "Manage OAuth tokens"; an installed app is removed by "Uninstall app".
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import structlog
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from smsadmin.providers import http
from smsadmin.providers.http import Answer
from smsadmin.providers.hubspot import scopes

logger = structlog.get_logger(__name__)

TIMEOUT = 10.0
#: 4xx that pass by themselves (HubSpot docs: error handling): locked, rate limit, account being migrated.
PASSING = frozenset({423, 429, 477})
#: The words for access that is gone for good: the app was uninstalled, or the portal is no more.
_REVOKED_ERRORS = frozenset({"invalid_grant", "access_denied"})
_REVOKED_STATES = frozenset({"BAD_REFRESH_TOKEN", "BAD_HUB"})
_MOST_WORDS = 200
#: An answer without `expires_in` is believed for so long: HubSpot's access tokens live half an hour.
_LIFE = 1800


class OAuthError(Exception):
    """HubSpot did not do it. Its text is HubSpot's own, else what became of the request."""

    def __init__(self, words: str, correlation_id: str = "", retry_in: float = 0.0) -> None:
        self.words, self.correlation_id, self.retry_in = words, correlation_id, retry_in
        super().__init__(words)


class Revoked(OAuthError):
    """The access is gone: only an admin of the portal can give it anew."""


class Misconfigured(OAuthError):
    """HubSpot does not accept how this installation asks: its client id, secret or redirect URL."""


class Transient(OAuthError):
    """HubSpot could not say; the same request may succeed later."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Tokens, and what they are good for; `portal` is "" and `scopes` None where the answer does not say."""

    access_token: str
    refresh_token: str
    expires_at: datetime
    portal: str = ""
    scopes: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"<Grant for {self.portal or 'a portal'}>"


@dataclass(frozen=True, slots=True)
class Token:
    """What HubSpot says of a token."""

    active: bool
    portal: str = ""
    domain: str = ""
    scopes: tuple[str, ...] | None = None


def is_set_up() -> bool:
    """Whether this installation has an app of its own at HubSpot."""
    return bool(settings.HUBSPOT_CLIENT_ID and settings.HUBSPOT_CLIENT_SECRET)


def redirect_uri() -> str:
    """Where HubSpot sends the admin back: the app has to name exactly this address."""
    return f"{settings.BASE_URL}{reverse('hubspot-oauth-callback')}"


def authorize_url(state: str) -> str:
    """Where an admin of the portal agrees. HubSpot takes spaces as %20, not as +."""
    asked = {
        "client_id": settings.HUBSPOT_CLIENT_ID,
        "redirect_uri": redirect_uri(),
        "scope": " ".join(scopes.REQUIRED),
        "optional_scope": " ".join(scopes.OPTIONAL),
        "state": state,
    }
    return f"{settings.HUBSPOT_AUTHORIZE_URL}?{urlencode(asked, quote_via=quote)}"


@sensitive_variables()
def exchange(code: str) -> Grant:
    """The tokens for a code, which works once. Raises OAuthError."""
    return _grant({"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri()})


@sensitive_variables()
def refresh(refresh_token: str) -> Grant:
    """New tokens. The refresh token may be another one from now on: keep the one that comes. Raises OAuthError."""
    return _grant({"grant_type": "refresh_token", "refresh_token": refresh_token}, refresh_token)


@sensitive_variables()
def introspect(access_token: str) -> Token:
    """What an access token is good for. Raises OAuthError."""
    form = {"token": access_token, "token_type_hint": "access_token"}
    body = _body(_post("/token/introspect", form))
    return Token(
        bool(body.get("active")),
        _text(body, "hub_id"),
        _text(body, "hub_domain"),
        _scopes(body.get("scopes")),
    )


@sensitive_variables()
def revoke(refresh_token: str) -> None:
    """Ends a refresh token; access tokens that were issued live out their half hour. Raises OAuthError."""
    answer = _post("/token/revoke", {"token": refresh_token, "token_type_hint": "refresh_token"})
    if not 200 <= answer.status < 300:
        raise _error(answer)


@sensitive_variables()
def uninstall(access_token: str) -> None:
    """Removes the app from the token's portal, whose admins get a mail about it. Raises OAuthError."""
    url = f"{settings.HUBSPOT_BASE_URL}/appinstalls/v3/external-install"
    headers = {"Authorization": f"Bearer {access_token}"}
    answer = http.call("DELETE", url, headers=headers, read_timeout=TIMEOUT)
    if not 200 <= answer.status < 300:
        raise _error(answer)


@sensitive_variables()
def _grant(form: dict[str, str], refresh_token: str = "") -> Grant:
    asked_at = timezone.now()
    body = _body(_post("/token", form))
    if not (access_token := _text(body, "access_token")):
        raise Transient("its answer has no access token")
    lives = body.get("expires_in")
    seconds = lives if isinstance(lives, int) and lives > 0 else _LIFE
    return Grant(
        access_token,
        _text(body, "refresh_token") or refresh_token,
        asked_at + timedelta(seconds=seconds),
        _text(body, "hub_id"),
        _scopes(body.get("scopes")),
    )


@sensitive_variables()
def _post(path: str, form: dict[str, str]) -> Answer:
    version = settings.HUBSPOT_API_VERSION
    family = "v3" if version == "legacy" else version
    client = {"client_id": settings.HUBSPOT_CLIENT_ID, "client_secret": settings.HUBSPOT_CLIENT_SECRET}
    url = f"{settings.HUBSPOT_BASE_URL}/oauth/{family}{path}"
    return http.call("POST", url, data={**form, **client}, read_timeout=TIMEOUT)


def _body(answer: Answer) -> dict[str, Any]:
    if not 200 <= answer.status < 300:
        raise _error(answer)
    if not isinstance(answer.body, dict):
        raise Transient("its answer is not in the form it documents")
    return answer.body


def _error(answer: Answer) -> OAuthError:
    """Which of the three it is: `error` counts first, for `status` is not in every answer."""
    body = answer.body
    final = 400 <= answer.status < 500 and answer.status not in PASSING and isinstance(body, dict)
    if not final:
        words = answer.exchange.failure or f"HTTP {answer.status}"
        return _logged(Transient(words, retry_in=retry_after(answer)), answer)
    words = (_text(body, "message") or _text(body, "error_description"))[
        :_MOST_WORDS
    ] or f"HTTP {answer.status}"
    gone = body.get("error") in _REVOKED_ERRORS or body.get("status") in _REVOKED_STATES
    kind = Revoked if gone else Misconfigured
    return _logged(kind(words, _text(body, "correlationId")), answer)


def _logged(error: OAuthError, answer: Answer) -> OAuthError:
    logger.warning(
        "hubspot.oauth",
        url=answer.exchange.url,
        status=answer.status,
        kind=type(error).__name__,
        words=error.words,
        correlation_id=error.correlation_id,
    )
    return error


def retry_after(answer: Answer) -> float:
    """The seconds that an answer asks to wait; 0 where it does not say."""
    asked = next((v for name, v in answer.exchange.headers.items() if name.lower() == "retry-after"), "")
    return float(asked) if asked.isascii() and asked.isdigit() else 0.0


def _scopes(given: Any) -> tuple[str, ...] | None:
    return tuple(sorted(map(str, given))) if isinstance(given, list) else None


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
