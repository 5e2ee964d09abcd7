"""Sending through Twilio: POST …/Messages.json.

Twilio docs, "Messages resource": no key makes a repeat harmless, so only what surely never left is tried again: a
refused connection, 429 ("never processed", error 20429), refused credentials. What may have left is looked up before
anybody decides (smsadmin.incoming.lookups), and the callback names the message by our own id, whatever the answer was.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from smsadmin.core import errors
from smsadmin.core.message import Accepted, Sms
from smsadmin.core.status import Status
from smsadmin.providers import outcomes
from smsadmin.providers.base import Result
from smsadmin.providers.http import Answer
from smsadmin.providers.told import text
from smsadmin.providers.twilio import webhooks
from smsadmin.providers.twilio.client import Twilio, code_of, refusal
from smsadmin.providers.twilio.codes import PROVIDER, QUEUE_FULL, Again, Codes, Refusal, of_sms

#: Seconds after which a message is tried again whose sender has a full queue.
AFTER_FULL_QUEUE = 60.0
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
        return outcomes.without_word(answer, self.name) or self._result(sms, answer)

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
        return self.twilio.options.told(f"{self.callback}?{webhooks.OURS}={sms.message_id}")

    def _after_a_ping(self, answer: Answer) -> Result:
        """Whether refused credentials are bad, or just may not send."""
        ping = self.twilio.ping()
        if ping.status == 401:
            return outcomes.refused_account(answer)
        if ping.status in (200, 403):
            facts = {"answer": refusal(answer).answer, "http_status": answer.status, "may_not_send": True}
            error = errors.ProviderRejected(provider=self.name, **facts)
            return Result(answer.exchange, error=error, about="account", requests=2)
        return outcomes.refused_unclear(answer, ping)

    def _result(self, sms: Sms, answer: Answer) -> Result:
        if not 200 <= answer.status < 300:
            return self._refused(sms, answer, refusal(answer))
        body = answer.body if isinstance(answer.body, dict) else {}
        if not text(body.get("sid")):
            return outcomes.unknown(answer, self.name, "an answer without an id")
        if webhooks.STATUS_WORDS.get(text(body.get("status"))) == Status.UNDELIVERED:
            # No HTTP status: Twilio took it, so it is as a receipt says, and never sent again by itself.
            given_up = Refusal(code_of(body.get("error_code")), text(body.get("error_message"), 300))
            return self._refused(sms, answer, given_up)
        return Result(answer.exchange, accepted=_accepted(body))

    def _refused(self, sms: Sms, answer: Answer, said: Refusal) -> Result:
        """About this message or its sender: the credentials are good."""
        if said.http_status and self.codes.of(said).again == Again.LATER:
            return Result(
                answer.exchange,
                retry_in=outcomes.spread(AFTER_FULL_QUEUE),
                reason="rate_limited",
                detail=said.answer,
                about="sender" if said.code == QUEUE_FULL else "",
            )
        return Result(answer.exchange, error=of_sms(self.codes, said, sms))


def _accepted(body: dict[str, Any]) -> Accepted:
    return Accepted(text(body.get("sid"), 120), text(body.get("status"), 40), webhooks.segments_of(body))
