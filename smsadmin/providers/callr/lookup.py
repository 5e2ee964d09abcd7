"""Asking Callr for one SMS by its id, which is all that it can be asked by: one without an id cannot be found."""

from typing import Any
from urllib.parse import quote

from smsadmin.providers.callr import rpc
from smsadmin.providers.callr.client import Callr, CallrError, words
from smsadmin.providers.callr.options import RPC


def look_up(callr: Callr, sid: str) -> dict[str, Any]:
    """The SMS as it stands, in the form of the interface that the account sends by. Raises CallrError."""
    if callr.options.protocol == RPC:
        answer = rpc.get(callr, sid.upper())
        found, refused = rpc.result(answer), rpc.refusal(answer)
        if refused:
            raise CallrError(f"Callr answered HTTP {answer.status}: {refused.words}")
    else:
        answer = callr.request("GET", f"/sms/{quote(sid, safe='')}", read_timeout=10)
        found = answer.body
    if answer.status != 200 or not isinstance(found, dict):
        raise CallrError(words(answer))
    return found
