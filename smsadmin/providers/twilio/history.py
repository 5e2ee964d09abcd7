"""What Twilio's list says of messages: of one by its id, and of those that left without a usable answer, by recipient,
sender and time.

Twilio docs, "Messages resource": the list is narrowed by To, From and DateSent, which is a day in UTC.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from smsadmin.core import segments
from smsadmin.providers.senders import of_sender
from smsadmin.providers.told import ProviderReport
from smsadmin.providers.twilio import webhooks
from smsadmin.providers.twilio.client import Twilio

#: Twilio begins the texts of accounts on trial so.
TRIAL = "Sent from your Twilio trial account - "
#: Pages of the list that are read for one recipient, who has no more on a day, and for the prices of some days.
_MOST_PAGES, _MOST_PAGES_OF_DAYS = 5, 10


@dataclass(frozen=True, slots=True)
class TwilioHistory:
    twilio: Twilio

    def message(self, provider_id: str) -> ProviderReport:
        return _said(self._at_once().message(provider_id))

    def sent(
        self, recipient: str, sender: str, sender_id: str, first: datetime, last: datetime
    ) -> list[ProviderReport]:
        """Of a messaging service the sender is not known before, so it is not asked for."""
        wanted = {"To": recipient, "DateSent>": f"{first:%Y-%m-%d}"}
        if sender:
            wanted["From"] = sender
        listed = map(_said, filter(_went_out, self._at_once().messages(_MOST_PAGES, **wanted)))
        own = of_sender(sender) or sender_id
        return [
            replace(each, body=each.body.removeprefix(TRIAL))
            for each in listed
            if each.created_at and first <= each.created_at <= last and own in each.sender_ids
        ]

    def rewritten(self, text: str) -> str:
        return segments.to_gsm(text).text if self.twilio.options.smart_encoded else text

    def days(self, first: date, last: date) -> Iterator[ProviderReport]:
        wanted = {"DateSent>": f"{first:%Y-%m-%d}", "DateSent<": f"{last:%Y-%m-%d}"}
        return map(_said, self.twilio.messages(_MOST_PAGES_OF_DAYS, **wanted))

    def _at_once(self) -> Twilio:
        """Somebody waits, or asks again later."""
        self.twilio.repeats = 0
        return self.twilio


def _said(message: Mapping[str, Any]) -> ProviderReport:
    return webhooks.said(webhooks.of_message(message))


def _went_out(message: Mapping[str, Any]) -> bool:
    """Not of somebody who texted the account."""
    return str(message.get("direction") or "outbound").startswith("outbound")
