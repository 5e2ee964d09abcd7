"""Callr's earlier API: JSON-RPC 2.0 over HTTP, for accounts that still send by it. It ends on 30 June 2027.

Callr docs, "JSON-RPC API": positional parameters only, no batches. Its SDKs take any HTTP status but 200 for a failure
of the way there, and look for `result` before `error`.
"""

from dataclasses import dataclass
from typing import Any

from smsadmin.core.message import Sms
from smsadmin.providers.callr.client import Callr
from smsadmin.providers.callr.encoding import told_encoding
from smsadmin.providers.http import Answer

PATH = "/json-rpc/v1.1/"
HEADERS = {"Content-Type": "application/json-rpc; charset=utf-8"}
#: JSON-RPC 2.0, "Error object": the server failed, whatever it did before.
_INTERNAL, _SERVER = -32603, range(-32099, -31999)


@dataclass(frozen=True, slots=True)
class Refused:
    """The error of an answer, as it came; `is_failure` where the server itself failed, so that nobody knows."""

    code: str
    message: str

    @property
    def words(self) -> str:
        return ": ".join(filter(None, (self.code, self.message)))

    @property
    def is_failure(self) -> bool:
        return self.code.lstrip("-").isdecimal() and (
            int(self.code) == _INTERNAL or int(self.code) in _SERVER
        )


def send(callr: Callr, sms: Sms) -> Answer:
    """`sms.send(from, to, body, options)`. An empty `from` lets Callr pick the sender, and alone can be answered."""
    options: dict[str, Any] = {"nature": sms.traffic.upper()}
    if encoding := told_encoding(sms, callr.options.encoding):
        options["force_encoding"] = encoding.upper()
    return _call(callr, "sms.send", sms.sender, sms.recipient, sms.body, options)


def get(callr: Callr, sms_hash: str) -> Answer:
    """`sms.get(hash)`: the SMS of the earlier API."""
    return _call(callr, "sms.get", sms_hash)


def result(answer: Answer) -> Any:
    """What the method returned; None where it returned nothing."""
    return answer.body.get("result") if isinstance(answer.body, dict) else None


def refusal(answer: Answer) -> Refused | None:
    """Why the method did not do it; None where the answer does not say that it did not."""
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    if not isinstance(error, dict):
        return None
    return Refused(str(error.get("code") or ""), str(error.get("message") or "")[:300])


def _call(callr: Callr, method: str, *parameters: Any) -> Answer:
    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
    return callr.ask_rpc(PATH, HEADERS, asked)
