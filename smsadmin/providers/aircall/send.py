"""Sending through Aircall "in agent conversation": POST /v1/numbers/:id/messages/native/send.

Aircall has no idempotency key and no way to read a message back, so only what surely never left is tried
again: a refused connection, 429, and once after an edge 403 when the key proves to be good.
"""

from dataclasses import dataclass
from typing import Any

from smsadmin.core import errors
from smsadmin.core.message import Accepted, Sms
from smsadmin.providers import http
from smsadmin.providers.aircall.client import Aircall, key, retry_after
from smsadmin.providers.aircall.webhooks import segments
from smsadmin.providers.base import Result
from smsadmin.providers.http import Answer

#: The gateway's own refusal: it concerns the credential, and never reached the messaging service.
EDGE_FORBIDDEN = {"message": "Forbidden"}


@dataclass(frozen=True, slots=True)
class AircallSender:
    """The provider for one Aircall account."""

    aircall: Aircall
    name: str = "Aircall"

    def send(self, sms: Sms) -> Result:
        answer = self._post(sms)
        if not _stopped_at_the_edge(answer):
            return self._result(answer)
        ping = self.aircall.ping()
        if ping.status == 200:
            return self._result(self._post(sms), key_is_good=True)
        if ping.status in (401, 403):
            return self._result(answer)
        # Nobody can tell whether the key is good; that the message never left is sure.
        detail = ping.exchange.failure or f"HTTP {ping.status}"
        return Result(answer.exchange, retry_in=5.0, reason="unreachable", detail=detail)

    def _post(self, sms: Sms) -> Answer:
        body: dict[str, Any] = {"to": sms.recipient, "body": sms.body}
        if sms.send_as_id:
            body["agentId"] = int(sms.send_as_id)
        return self.aircall.request(
            "POST", f"/v1/numbers/{sms.sender_id}/messages/native/send", json_body=body
        )

    def _result(self, answer: Answer, *, key_is_good: bool = False) -> Result:
        exchange = answer.exchange
        if answer.broke == http.NOT_SENT:
            return Result(exchange, retry_in=5.0, reason="unreachable", detail=exchange.failure)
        if answer.broke:
            return Result(exchange, error=errors.ProviderUnknown(provider=self.name, reason=exchange.failure))
        if 200 <= answer.status < 300:
            return Result(exchange, accepted=_accepted(answer))
        if answer.status == 429:
            return Result(exchange, retry_in=retry_after(answer), reason="rate_limited", detail="HTTP 429")
        if answer.status >= 500 or answer.status < 400:
            reason = f"HTTP {answer.status}"
            return Result(exchange, error=errors.ProviderUnknown(provider=self.name, reason=reason))
        return self._refused(answer, key_is_good)

    def _refused(self, answer: Answer, key_is_good: bool) -> Result:
        if answer.status == 401 or (_stopped_at_the_edge(answer) and not key_is_good):
            return Result(answer.exchange, error=errors.CredentialRejected(provider=self.name))
        words = key(answer)
        learnt = {"proxy_mode": True} if "LineIsNotNativeException" in words else {}
        refusal = errors.ProviderRejected(provider=self.name, answer=words or "—", http_status=answer.status)
        return Result(answer.exchange, error=refusal, learnt=learnt)


def _stopped_at_the_edge(answer: Answer) -> bool:
    return answer.status == 403 and answer.body == EDGE_FORBIDDEN


def _accepted(answer: Answer) -> Accepted:
    """Any 2xx is an acceptance; without an id its receipts cannot be matched, which the log shows."""
    body = answer.body if isinstance(answer.body, dict) else {}
    return Accepted(
        provider_id=str(body.get("id") or ""),
        provider_status=str(body.get("status") or ""),
        segments=segments(body),
    )
