"""Signed webhooks, by the Standard Webhooks scheme (standardwebhooks.com): of notices, and of hooks.

A receiver recomputes HMAC-SHA-256 over "id.timestamp.body" with the secret and compares; it knows a repeat by the id,
and an old request by the timestamp.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from smsadmin.notices.models import Endpoint
from smsadmin.notices.outcome import Outcome
from smsadmin.providers import http

PREFIX = "whsec_"
READ_TIMEOUT = 10.0  # seconds
#: How long the secret before the present one goes on signing.
CHANGE_OVER = timedelta(hours=24)


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


@sensitive_variables()
def renew(endpoint: Endpoint, now: datetime) -> str:
    """Gives the endpoint a new secret and returns it; those before sign too for CHANGE_OVER after each was replaced.
    Does not save."""
    secret, before = new_secret(), endpoint.secrets.get("secret")
    if before:
        kept: dict[str, Any] = {"secret": secret, "previous": before, "earlier": _earlier(endpoint, now)}
        endpoint.secrets = kept
        endpoint.previous_until = now + CHANGE_OVER
    else:
        endpoint.secrets = {"secret": secret}
    endpoint.made_at = now
    return secret


def _earlier(endpoint: Endpoint, now: datetime) -> list[tuple[str, float]]:
    """The secrets before the present one that sign still, the newest first, each with the Unix time until which."""
    if endpoint.previous_until is None:
        return []
    kept: dict[str, Any] = endpoint.secrets
    found = [(kept["previous"], endpoint.previous_until.timestamp()), *kept.get("earlier", ())]
    return [(secret, until) for secret, until in found if now.timestamp() < until]


def forget_previous(now: datetime) -> None:
    """Drops the secrets that no longer sign."""
    for endpoint in Endpoint.objects.filter(previous_until__lte=now):
        kept = {"secret": endpoint.secrets["secret"]}
        unchanged = Endpoint.objects.filter(pk=endpoint.pk, previous_until=endpoint.previous_until)
        unchanged.update(secrets=kept, previous_until=None)


def post(endpoint: Endpoint, identifier: str, content: bytes, now: datetime) -> Outcome:
    """Posts it to the address, once. The identifier is the same at each attempt."""
    headers = {"Content-Type": "application/json", **signed(endpoint, identifier, content, now)}
    answer = http.post_outside(
        endpoint.url,
        content,
        headers=headers,
        read_timeout=READ_TIMEOUT,
        private=settings.NOTICE_PRIVATE_HOSTS,
    )
    said = answer.exchange.failure or f"HTTP {answer.status}: {answer.exchange.answer}".rstrip(": ")
    return Outcome(200 <= answer.status < 300, said)


def body(kind: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    """The body of a notice, as docs/notices.md shows it."""
    fields = {"type": kind, "timestamp": at.isoformat(timespec="seconds"), "data": data}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def signed(endpoint: Endpoint, identifier: str, body: bytes, now: datetime) -> dict[str, str]:
    """The three headers; a signature by each secret while one is being changed."""
    timestamp = str(int(now.timestamp()))
    keys = [endpoint.secrets["secret"], *(secret for secret, _until in _earlier(endpoint, now))]
    return {
        "webhook-id": identifier,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(sign(key, identifier, timestamp, body) for key in keys),
    }


@sensitive_variables()
def sign(secret: str, identifier: str, timestamp: str, body: bytes) -> str:
    """ "v1," and the signature in Base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    content = f"{identifier}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
