"""Whether a request really comes from HubSpot (HubSpot docs: "Validating requests").

v2: SHA-256 of secret + method + URI + body, in hex. v3: HMAC-SHA-256, keyed with the secret, of method + URI +
body + timestamp in Base64; a timestamp more than five minutes away is refused. The URI is the public one that
HubSpot called, whatever a proxy made of it.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST_SKEW_MS = 300_000

#: HubSpot decodes these escapes, and only these, before it signs with v3.
_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'",
    "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
_ESCAPES = re.compile("|".join(_DECODED), re.IGNORECASE)
_MILLISECONDS = re.compile(r"[0-9]{1,16}")


class SignatureError(Exception):
    """`reason` names the part that failed: "missing", "stale" or "mismatch"."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Signed:
    """What HubSpot signed: the method, the public URI with its query, the raw body, and the headers."""

    method: str
    uri: str
    body: bytes
    headers: Mapping[str, str]


def v2(secret: str, method: str, uri: str, body: bytes) -> str:
    return hashlib.sha256(f"{secret}{method.upper()}{uri}".encode() + body).hexdigest()


def v3(secret: str, method: str, uri: str, body: bytes, timestamp: str) -> str:
    text = f"{method.upper()}{decoded(uri)}".encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()


def decoded(uri: str) -> str:
    """The URI with the escapes decoded that HubSpot decodes for v3."""
    return _ESCAPES.sub(lambda found: _DECODED[found.group().upper()], uri)


def verify(signed: Signed, secrets: Iterable[str], now_ms: int) -> None:
    """Raises SignatureError unless one of the secrets made the signature. v3 counts where its headers came."""
    headers = signed.headers
    given, timestamp = headers.get("X-HubSpot-Signature-v3"), headers.get("X-HubSpot-Request-Timestamp")
    if given is not None:
        _fresh(timestamp, now_ms)
        expected = [v3(s, signed.method, signed.uri, signed.body, timestamp or "") for s in secrets]
    else:
        given = headers.get("X-HubSpot-Signature")
        if given is None:
            raise SignatureError(
                "missing", "Neither X-HubSpot-Signature-v3 nor X-HubSpot-Signature was sent."
            )
        expected = [v2(s, signed.method, signed.uri, signed.body) for s in secrets]
    # Each is compared, so that the time taken does not tell which secret was nearer.
    fits = [hmac.compare_digest(each.encode(), given.encode("utf-8", "replace")) for each in expected]
    if not any(fits):
        raise SignatureError(
            "mismatch",
            f"The signature does not fit. Check the client secret, and that HubSpot calls {signed.uri}.",
        )


def _fresh(timestamp: str | None, now_ms: int) -> None:
    if timestamp is None or not _MILLISECONDS.fullmatch(timestamp):
        raise SignatureError("missing", "X-HubSpot-Request-Timestamp is missing or not a number.")
    if abs(now_ms - int(timestamp)) > MOST_SKEW_MS:
        raise SignatureError("stale", "X-HubSpot-Request-Timestamp is more than five minutes from our clock.")
