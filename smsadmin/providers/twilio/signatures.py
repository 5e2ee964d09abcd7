"""Twilio's signatures of its webhooks.

Twilio docs, "Webhooks security": HMAC-SHA1 with the account's Auth Token over the address that was called and, of a
form, its parameters. "Webhook shared keys" (beta): a header then names HMAC-SHA256, and the key's secret signs.
Twilio's own library tries the address with and without its port, as what is signed varies; so does this.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, parse_qs, urlsplit

HEADER = "X-Twilio-Signature"
#: Names the algorithm where a shared key signs: "key=…,algorithm=HMAC_SHA256".
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"
SHA1, SHA256 = "HMAC_SHA1", "HMAC_SHA256"
_HASHES = {SHA1: hashlib.sha1, SHA256: hashlib.sha256}
_PORTS = {"https": 443, "http": 80}
#: The parameter of an address that holds the hash of a body which is no form.
_BODY_HASH = "bodySHA256"

#: The values of each parameter of a form.
Form = Mapping[str, Sequence[str]]


def algorithm_of(settings: str) -> str:
    """What the settings header names; without one, or without an algorithm in it, HMAC-SHA1."""
    for part in settings.split(","):
        name, _equals, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return value.strip().upper()
    return SHA1


def sign(url: str, form: Form, secret: str, algorithm: str = SHA1) -> str:
    """The signature of a call: the address, then each parameter in the order of its name with each of its values once.
    Raises KeyError for an algorithm that nobody documents."""
    signed = url + "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    digest = hmac.digest(secret.encode(), signed.encode(), _HASHES[algorithm])
    return base64.b64encode(digest).decode()


def is_signed(
    url: str, form: Form, signature: str, secret: str, *, body: bytes = b"", algorithm: str = SHA1
) -> bool:
    """Whether a call to this address is signed with this secret. Of a body that is no form the address has the hash,
    and the address alone is signed. Takes as long for every wrong signature."""
    if not secret or not signature or algorithm not in _HASHES:
        return False
    address = urlsplit(url)
    told = parse_qs(address.query).get(_BODY_HASH)
    if told and not form:
        if not hmac.compare_digest(hashlib.sha256(body).hexdigest().encode(), told[0].encode()):
            return False
        form = {}
    given = signature.encode(errors="surrogatepass")
    expected = [sign(each, form, secret, algorithm).encode() for each in spellings(address)]
    return sum(hmac.compare_digest(each, given) for each in expected) > 0  # each is compared


def spellings(address: SplitResult) -> list[str]:
    """The address as it was called, without its port, and with the one that it has by itself."""
    host = address.netloc.rpartition(":")[0] if address.port else address.netloc
    port = address.port or _PORTS.get(address.scheme, 443)
    named = [address.netloc, host, f"{host}:{port}"]
    return list(dict.fromkeys(address._replace(netloc=each).geturl() for each in named))
