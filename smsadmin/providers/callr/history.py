"""Asking Callr for one SMS by its id, which is all that it can be asked by: one without an id cannot be found."""

from dataclasses import dataclass
from urllib.parse import quote

from smsadmin.providers.callr import rpc, webhooks
from smsadmin.providers.callr.client import Callr, CallrError, words
from smsadmin.providers.callr.options import RPC
from smsadmin.providers.told import ProviderReport


@dataclass(frozen=True, slots=True)
class CallrHistory:
    callr: Callr

    def message(self, provider_id: str) -> ProviderReport:
        """As it stands, by the interface that the account sends by."""
        if self.callr.options.protocol == RPC:
            answer = rpc.get(self.callr, provider_id.upper())
            found, refused = rpc.result(answer), rpc.refusal(answer)
            if refused:
                raise CallrError(f"Callr answered HTTP {answer.status}: {refused.words}")
        else:
            answer = self.callr.request("GET", f"/sms/{quote(provider_id, safe='')}", read_timeout=10)
            found = answer.body
        if answer.status != 200 or not isinstance(found, dict):
            raise CallrError(words(answer))
        return webhooks.said({"type": "sms.mt.status_update", "data": found})
