"""Looking a message up that left without a usable answer: in Twilio's list, by recipient, sender, text and time.

Twilio docs, "Messages resource": the list is narrowed by To, From and DateSent, which is a day in UTC.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from smsadmin.providers.senders import of_sender
from smsadmin.providers.told import Said
from smsadmin.providers.twilio import webhooks
from smsadmin.providers.twilio.client import Twilio

#: How far apart our start of a send and the time that Twilio gives the message may be: the clocks of two machines, and
#: the messages of its batch that were sent before it.
NEAR = timedelta(minutes=10)
#: Twilio begins the texts of accounts on trial so.
TRIAL = "Sent from your Twilio trial account - "
#: Pages of the list that are read: one recipient has no more on a day.
_MOST_PAGES = 5


def listed(twilio: Twilio, recipient: str, sender: str, sender_id: str, at: datetime) -> list[Said]:
    """What Twilio lists of the account as sent to this recipient from this sender at about that time. Raises
    TwilioError.

    Of a messaging service the sender is not known before, so it is not asked for.
    """
    wanted = {"To": recipient, "DateSent>": f"{at - NEAR:%Y-%m-%d}"}
    if sender:
        wanted["From"] = sender
    sent = filter(_went_out, twilio.messages(_MOST_PAGES, **wanted))
    found = [webhooks.said(webhooks.of_message(each)) for each in sent]
    own = of_sender(sender) or sender_id
    return [each for each in found if _is_near(each, at) and own in each.sender_ids]


def _is_near(said: Said, at: datetime) -> bool:
    return said.created_at is not None and abs(said.created_at - at) <= NEAR


def _went_out(message: Mapping[str, Any]) -> bool:
    """Not of somebody who texted the account."""
    return str(message.get("direction") or "outbound").startswith("outbound")


def text_of(said: Said) -> str:
    """The text as it was sent to Twilio: without what it puts before the texts of accounts on trial."""
    return said.body.removeprefix(TRIAL)
