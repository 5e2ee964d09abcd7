"""Sending through Aircall: "in agent conversation", or from a number in proxy mode by the Messaging API.

POST /v1/numbers/:id/messages/native/send and /messages/send. Aircall has no idempotency key and no way to read a
message back, so only what surely never left is tried again: a refused connection, 429, a refused key, and once after a
refusal at the edge when the key proves to be good.
"""

from dataclasses import dataclass, replace
from typing import Any

from smsadmin.core import errors
from smsadmin.core.message import Accepted, Sms
from smsadmin.providers import outcomes
from smsadmin.providers.aircall.client import (
    Aircall,
    key,
    plan_may_lack,
    stopped_at_the_edge,
)
from smsadmin.providers.aircall.webhooks import segments
from smsadmin.providers.base import Result
from smsadmin.providers.http import Answer


@dataclass(frozen=True, slots=True)
class AircallSender:
    """The provider for one Aircall account."""

    aircall: Aircall
    name: str = "Aircall"

    def send(self, sms: Sms) -> Result:
        answer = self._post(sms)
        at_the_edge = stopped_at_the_edge(answer)
        if not (at_the_edge or plan_may_lack(answer)):
            return self._result(sms, answer)
        ping = self.aircall.ping()
        if ping.status == 200 and at_the_edge:
            return replace(self._result(sms, self._post(sms)), requests=3)
        if ping.status == 200:  # then it is the plan, and posting it again would not help
            return replace(self._result(sms, answer), requests=2)
        if ping.status in (401, 403):
            return outcomes.refused_account(answer)
        return outcomes.refused_unclear(answer, ping)

    def _post(self, sms: Sms) -> Answer:
        body: dict[str, Any] = {"to": sms.recipient, "body": sms.body}
        if sms.proxy and sms.media:
            body["mediaUrl"] = list(sms.media)
        if sms.send_as_id and not sms.proxy:  # the Messaging API knows no user
            body["agentId"] = int(sms.send_as_id)
        way = "send" if sms.proxy else "native/send"
        return self.aircall.request("POST", f"/v1/numbers/{sms.sender_id}/messages/{way}", json_body=body)

    def _result(self, sms: Sms, answer: Answer) -> Result:
        if settled := outcomes.without_word(answer, self.name, jitter=False):  # it names the moment itself
            return settled
        if 200 <= answer.status < 300:
            return Result(answer.exchange, accepted=_accepted(answer))
        return self._refused(sms, answer)

    def _refused(self, sms: Sms, answer: Answer) -> Result:
        """About this message, its number or the account's plan: the key was good a moment ago."""
        words = key(answer)
        return Result(
            answer.exchange,
            error=errors.ProviderRejected(provider=self.name, answer=words or "—", http_status=answer.status),
            learnt=self._learnt(sms, answer.status, words),
            plan_refused=stopped_at_the_edge(answer) or plan_may_lack(answer),
        )

    def _learnt(self, sms: Sms, status: int, words: str) -> dict[str, bool]:
        """Whether the number turned out to be in the other mode. How Aircall refuses a number that is not in proxy mode
        is not documented: it is asked."""
        if not sms.proxy:
            return {"proxy_mode": True} if "LineIsNotNativeException" in words else {}
        if status != 403:
            return {}
        return {"proxy_mode": False} if self.aircall.is_native(sms.sender_id) else {}


def _accepted(answer: Answer) -> Accepted:
    """Any 2xx is an acceptance; without an id its receipts cannot be matched, which the log shows."""
    body = answer.body if isinstance(answer.body, dict) else {}
    return Accepted(
        provider_id=str(body.get("id") or ""),
        provider_status=str(body.get("status") or ""),
        segments=segments(body),
    )
