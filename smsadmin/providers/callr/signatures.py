"""Callr's signatures of its webhooks.

Callr docs, "Webhooks": base64 of the HMAC of the raw body. SHA-256 by default; an example there is of SHA-512, so the
length tells which it is.
"""

import base64
import binascii
import hashlib
import hmac

#: The signature's length in bytes → its algorithm.
ALGORITHMS = {32: hashlib.sha256, 64: hashlib.sha512}


def sign(body: bytes, secret: str, length: int = 32) -> str:
    """The signature of a body, of 32 or 64 bytes."""
    return base64.b64encode(hmac.digest(secret.encode(), body, ALGORITHMS[length])).decode()


def is_signed(body: bytes, secret: str, signature: str) -> bool:
    """Whether the signature is that of the body; takes as long for every wrong one of its length."""
    try:
        given = base64.b64decode(signature.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    if not secret or len(given) not in ALGORITHMS:
        return False
    return hmac.compare_digest(given, base64.b64decode(sign(body, secret, len(given))))
