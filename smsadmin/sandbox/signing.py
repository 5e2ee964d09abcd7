"""Signatures of HubSpot's requests and of Callr's and Twilio's webhooks, made here independently of the product that
checks them.

Rules: HubSpot docs, "Validating requests from HubSpot"; Callr docs, "Webhooks"; Twilio docs, "Webhooks security".
"""

import base64
import hashlib
import hmac
import re
from urllib.parse import unquote

# Version 3 hashes the URI with these escapes decoded, and only these.
DECODED_ESCAPES = re.compile(r"%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)


def sign_v2(secret: str, method: str, uri: str, body: bytes) -> str:
    """SHA-256 of secret + method + URI as called + body, in hexadecimal."""
    return hashlib.sha256(f"{secret}{method}{uri}".encode() + body).hexdigest()


def sign_v3(secret: str, method: str, uri: str, body: bytes, timestamp: int) -> str:
    """Base64 of the HMAC-SHA-256 of method + partly decoded URI + body + timestamp in milliseconds."""
    hashed_uri = DECODED_ESCAPES.sub(lambda escape: unquote(escape.group()), uri)
    source = f"{method}{hashed_uri}".encode() + body + str(timestamp).encode()
    return base64.b64encode(hmac.digest(secret.encode(), source, "sha256")).decode()


def signature_headers(
    kind: str, secret: str, method: str, uri: str, body: bytes, now: float
) -> dict[str, str]:
    """Headers of one request to the app; `kind` is v2+v3, v2, bad, stale or none, `now` in epoch seconds."""
    if kind == "none":
        return {}
    if kind == "bad":
        secret += "-wrong"
    headers = {
        "X-HubSpot-Signature": sign_v2(secret, method, uri, body),
        "X-HubSpot-Signature-Version": "v2",
    }
    if kind != "v2":
        timestamp = int((now - 600 if kind == "stale" else now) * 1000)
        headers["X-HubSpot-Signature-v3"] = sign_v3(secret, method, uri, body, timestamp)
        headers["X-HubSpot-Request-Timestamp"] = str(timestamp)
    return headers


def sign_callr(kind: str, secret: str, body: bytes) -> str:
    """Base64 of the HMAC of the body; `kind` is sha256, sha512 or bad."""
    if kind == "bad":
        kind, secret = "sha256", f"{secret}-wrong"
    return base64.b64encode(hmac.digest(secret.encode(), body, kind)).decode()


def twilio_headers(kind: str, token: str, shared_key: str, url: str, form: dict[str, str]) -> dict[str, str]:
    """The headers of a call that posts a form; `kind` is auth_token, shared_key, bad or none."""
    if kind == "none":
        return {}
    signed = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    secret, algorithm, headers = token, "sha1", {}
    if kind == "bad":
        secret = f"{token}-wrong"
    elif kind == "shared_key":
        secret, algorithm = shared_key, "sha256"
        headers["X-Twilio-Webhooks-Signature-Settings"] = "key=sandbox,algorithm=HMAC_SHA256"
    signature = base64.b64encode(hmac.digest(secret.encode(), signed.encode(), algorithm)).decode()
    return {**headers, "X-Twilio-Signature": signature}
