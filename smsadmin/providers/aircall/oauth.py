"""Connecting an Aircall account by OAuth: where its admin agrees, and what the code they come back with is worth.

Aircall developer docs, "How Aircall's OAuth flow works": one scope, and a token that neither expires nor is
refreshed; it ends when an admin removes the app.
"""

from urllib.parse import urlencode

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from smsadmin.providers import http
from smsadmin.providers.aircall.client import HEADERS, AircallError, key, words

SCOPE = "public_api"


def is_set_up() -> bool:
    """Whether this installation has the client id and secret that Aircall gives a partner."""
    return bool(settings.AIRCALL_CLIENT_ID and settings.AIRCALL_CLIENT_SECRET)


def authorize_url(redirect_uri: str, state: str) -> str:
    """Where an admin of the Aircall account agrees."""
    asked = {
        "client_id": settings.AIRCALL_CLIENT_ID,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": SCOPE,
        "state": state,
    }
    return f"{settings.AIRCALL_AUTHORIZE_URL}?{urlencode(asked)}"


def success_url() -> str:
    """Where Aircall wants its admin back in the end: beside the page on which they agreed."""
    return f"{settings.AIRCALL_AUTHORIZE_URL.rpartition('/')[0]}/success"


@sensitive_variables()
def exchange(code: str, redirect_uri: str) -> str:
    """The access token for a code, which works once. Raises AircallError."""
    grant = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "client_id": settings.AIRCALL_CLIENT_ID,
        "client_secret": settings.AIRCALL_CLIENT_SECRET,
    }
    url = f"{settings.AIRCALL_BASE_URL}/v1/oauth/token"
    answer = http.call("POST", url, headers=HEADERS, json_body=grant, read_timeout=10)
    token = (
        answer.body.get("access_token") if answer.status == 200 and isinstance(answer.body, dict) else None
    )
    if isinstance(token, str) and token:
        return token
    if answer.broke or answer.status == 200:
        raise AircallError(
            words(answer) if answer.broke else "Aircall's answer to the code has no access token."
        )
    raise AircallError(f"Aircall did not take the code (HTTP {answer.status}): {key(answer) or '—'}")
