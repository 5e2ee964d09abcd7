"""HubSpot's v2 signature, from its documentation and not from the product."""

import hashlib


def v2(secret: str, method: str, uri: str, body: bytes) -> str:
    return hashlib.sha256(secret.encode() + method.encode() + uri.encode() + body).hexdigest()
