"""Sending through Callr: POST /v2.0/sms, or `sms.send` of its earlier API where the account is set so.

Callr docs, "Send an SMS": destination and traffic type stand in the query, the text in the body. No key that makes a
repeat harmless is documented, so only what surely never left is tried again: a refused connection, 429, refused
credentials.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

from smsadmin.core import errors
from smsadmin.core.message import Accepted, Sms
from smsadmin.providers import outcomes
from smsadmin.providers.base import Result
from smsadmin.providers.callr import ids, rpc, webhooks
from smsadmin.providers.callr.client import Callr, said
from smsadmin.providers.callr.encoding import told_encoding
from smsadmin.providers.callr.options import RPC
from smsadmin.providers.http import Answer
from smsadmin.providers.told import segment_count, text

#: No source says how Callr refuses who is no testing number: what its words would say.
_BUILD_MODE = re.compile(r"build.?mode|test(ing)?.?number", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CallrSender:
    """The provider for one Callr account."""

    callr: Callr
    name: str = "Callr"

    def send(self, sms: Sms) -> Result:
        by_rpc = self.callr.options.protocol == RPC
        answer = rpc.send(self.callr, sms) if by_rpc else self._post(sms)
        if answer.status not in (401, 403):
            return self._by_rpc(sms, answer) if by_rpc else self._result(sms, answer)
        ping = self.callr.ping()
        if ping.status == 200:  # then it is about this message
            return replace(self._refused(sms, answer, said(answer)), requests=2)
        if ping.status in (401, 403):
            return outcomes.refused_account(answer)
        return outcomes.refused_unclear(answer, ping)

    def _post(self, sms: Sms) -> Answer:
        options = self.callr.options
        asked = {"to": sms.recipient, "trafficType": sms.traffic}
        if sms.sender:
            asked[options.sender_parameter] = sms.sender
        if encoding := told_encoding(sms, options.encoding):
            asked[options.encoding_parameter] = encoding
        body = {"text": sms.body}
        answer = self.callr.request("POST", "/sms", params=asked, json_body=body)
        # The log shows the query with the body: an address is never masked or purged.
        return replace(answer, exchange=replace(answer.exchange, request={**asked, **body}))

    def _result(self, sms: Sms, answer: Answer) -> Result:
        if settled := outcomes.without_word(answer, self.name):
            return settled
        if 200 <= answer.status < 300:
            return self._taken(sms, answer, answer.body)
        return self._refused(sms, answer, said(answer))

    def _by_rpc(self, sms: Sms, answer: Answer) -> Result:
        if settled := outcomes.without_word(answer, self.name):
            return settled
        if answer.status != 200:
            return self._refused(sms, answer, said(answer))
        if result := rpc.result(answer):
            return self._taken(sms, answer, result)
        refused = rpc.refusal(answer)
        if refused is None or refused.is_failure:
            reason = refused.words if refused else "an answer without a result"
            return outcomes.unknown(answer, self.name, reason)
        return self._refused(sms, answer, refused.words)

    def _taken(self, sms: Sms, answer: Answer, body: Any) -> Result:
        """It answered with an SMS, which may be one that it says will not go out."""
        if why := webhooks.given_up(body):
            return self._refused(sms, answer, why)
        return Result(answer.exchange, accepted=_accepted(body))

    def _refused(self, sms: Sms, answer: Answer, words: str) -> Result:
        """About this message or its sender: the credentials are good."""
        facts: dict[str, Any] = {"provider": self.name, "answer": words or "—"}
        if _BUILD_MODE.search(words):
            error: errors.SendError = errors.AccountInBuildMode(recipient=sms.recipient, **facts)
        else:
            error = errors.ProviderRejected(http_status=answer.status, **facts)
        return Result(answer.exchange, error=error)


def _accepted(body: Any) -> Accepted:
    """Any 2xx whose SMS does not say otherwise is an acceptance. Its form is not documented: the id is what is called
    like one: of v2 the SMS or its `sid`, of the earlier API its hash alone. Without an id its receipts cannot be
    matched, which the log shows."""
    if not isinstance(body, dict):
        return Accepted(ids.of_message(text(body, 120)))
    found = next((text(body[name], 120) for name in ("sid", "hash", "id") if body.get(name)), "")
    return Accepted(ids.of_message(found), text(body.get("status"), 40), segment_count(body.get("parts")))
