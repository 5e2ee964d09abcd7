"""Sending through Twilio: POST …/Messages.json.

Twilio docs, "Messages resource": no key makes a repeat harmless, so only what surely never left is tried again: a
refused connection, 429 ("never processed", error 20429), refused credentials. What may have left is looked up before
anybody decides (smsadmin.incoming.lookups), and the callback names the message by our own id, whatever the answer was.
"""

import random
from dataclasses import dataclass, field, replace
from typing import Any

from smsadmin.core import errors
from smsadmin.core.message import Accepted, Sms
from smsadmin.core.status import Status
from smsadmin.providers import http, limits
from smsadmin.providers.base import Result
from smsadmin.providers.http import Answer
from smsadmin.providers.told import text
from smsadmin.providers.twilio import webhooks
from smsadmin.providers.twilio.client import Twilio, code_of, refusal
from smsadmin.providers.twilio.codes import PROVIDER, QUEUE_FULL, Again, Codes, Refusal, of_sms

#: Seconds after which a message whose account was refused may be looked at again.
AFTER_REFUSAL = 60.0
#: Seconds after which a message is tried again whose sender has a full queue.
AFTER_FULL_QUEUE = 60.0
#: How much longer than asked for a pause after 429 may be: those who wait should not come back together.
JITTER = 0.5
#: RFC 9110 and 8470: the server gave up waiting, or put it off. What was done by then it does not say.
_TOO_LATE_OR_EARLY = (408, 425)
#: Begins the ids of messaging services.
SERVICE = "MG"


@dataclass(frozen=True, slots=True)
class TwilioSender:
    """The provider for one Twilio account. `callback` is where Twilio tells what becomes of messages ("": nowhere),
    `codes` what its error codes mean in the workspace."""

    twilio: Twilio
    callback: str = ""
    codes: Codes = field(default_factory=Codes)
    name: str = PROVIDER

    def send(self, sms: Sms) -> Result:
        answer = self._post(sms)
        if answer.status == 401:
            return self._after_a_ping(answer)
        return self._without_word(answer) or self._result(sms, answer)

    def _post(self, sms: Sms) -> Answer:
        form = {"To": sms.recipient, "Body": sms.body}
        if sms.sender:
            form["From"] = sms.sender
        elif sms.sender_id.startswith(SERVICE):
            form["MessagingServiceSid"] = sms.sender_id
        if self.twilio.options.smart_encoded:
            form["SmartEncoded"] = "true"
        if validity := self.twilio.options.validity:
            form["ValidityPeriod"] = str(validity)
        # Whoever knows the address of our webhook may be taken for Twilio: the log does not show it.
        callback = {"StatusCallback": self._callback_for(sms)} if self.callback else {}
        answer = self.twilio.request("POST", "/Messages.json", data={**form, **callback})
        return replace(answer, exchange=replace(answer.exchange, request=form))

    def _callback_for(self, sms: Sms) -> str:
        """Names the message, so that what is told of it finds it where the answer to the send got lost."""
        overrides = self.twilio.options.overrides
        return f"{self.callback}?{webhooks.OURS}={sms.message_id}" + (f"#{overrides}" if overrides else "")

    def _after_a_ping(self, answer: Answer) -> Result:
        """Whether refused credentials are bad, or just may not send."""
        ping = self.twilio.ping()
        if ping.status == 401:  # nothing of the account leaves: the message waits for better ones
            detail = f"HTTP {answer.status}"
            return Result(
                answer.exchange, retry_in=AFTER_REFUSAL, reason="credential", detail=detail, requests=2
            )
        if ping.status in (200, 403):
            facts = {"answer": refusal(answer).answer, "http_status": answer.status, "may_not_send": True}
            error = errors.ProviderRejected(provider=self.name, **facts)
            return Result(answer.exchange, error=error, about="account", requests=2)
        # Nobody can tell whether the credentials are good; that the message never left is sure.
        detail = ping.exchange.failure or f"HTTP {ping.status}"
        return Result(answer.exchange, retry_in=5.0, reason="unreachable", detail=detail, requests=2)

    def _without_word(self, answer: Answer) -> Result | None:
        """What any answer means that says nothing of the message itself, or none at all."""
        exchange = answer.exchange
        if answer.broke == http.NOT_SENT:
            return Result(exchange, retry_in=5.0, reason="unreachable", detail=exchange.failure)
        if answer.broke:
            return self._unknown(answer, exchange.failure)
        if answer.status == 429:
            wait = limits.pause(exchange) * random.uniform(1, 1 + JITTER)  # noqa: S311 (no secret hinges on it)
            return Result(exchange, retry_in=wait, reason="rate_limited", detail="HTTP 429")
        if answer.status >= 500 or 300 <= answer.status < 400 or answer.status in _TOO_LATE_OR_EARLY:
            return self._unknown(answer, f"HTTP {answer.status}")
        return None

    def _result(self, sms: Sms, answer: Answer) -> Result:
        if not 200 <= answer.status < 300:
            return self._refused(sms, answer, refusal(answer))
        body = answer.body if isinstance(answer.body, dict) else {}
        if not text(body.get("sid")):
            return self._unknown(answer, "an answer without an id")
        if webhooks.STATUS_WORDS.get(text(body.get("status"))) == Status.UNDELIVERED:
            # No HTTP status: Twilio took it, so it is as a receipt says, and never sent again by itself.
            given_up = Refusal(code_of(body.get("error_code")), text(body.get("error_message"), 300))
            return self._refused(sms, answer, given_up)
        return Result(answer.exchange, accepted=_accepted(body))

    def _unknown(self, answer: Answer, reason: str) -> Result:
        return Result(answer.exchange, error=errors.ProviderUnknown(provider=self.name, reason=reason))

    def _refused(self, sms: Sms, answer: Answer, said: Refusal) -> Result:
        """About this message or its sender: the credentials are good."""
        if said.http_status and self.codes.of(said).again == Again.LATER:
            wait = AFTER_FULL_QUEUE * random.uniform(1, 1 + JITTER)  # noqa: S311 (no secret hinges on it)
            return Result(
                answer.exchange,
                retry_in=wait,
                reason="rate_limited",
                detail=said.answer,
                about="sender" if said.code == QUEUE_FULL else "",
            )
        return Result(answer.exchange, error=of_sms(self.codes, said, sms))


def _accepted(body: dict[str, Any]) -> Accepted:
    return Accepted(text(body.get("sid"), 120), text(body.get("status"), 40), webhooks.segments_of(body))
