"""What Twilio's webhooks say: what became of a message, and a text that came in. Both are forms.

Twilio docs, "Track the Message Status of Outbound Messages" and "Twilio's request to your incoming message Webhook
URL". Parameters vary by channel and new ones appear without notice, so what is missing or unknown changes nothing. A
message as the API shows it says the same in small letters: `of_message` puts it into the same form.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

from smsadmin.core.ids import key16
from smsadmin.core.status import Status
from smsadmin.providers.senders import of_sender
from smsadmin.providers.told import About, Price, ProviderReport, moment, phone, segment_count, text
from smsadmin.providers.twilio.client import code_of

#: The events, as our own addresses name them: Twilio's calls have no name for what they tell.
STATUS, INBOUND = "status", "inbound"
#: The parameter of the callback's address that names our message.
OURS = "message"
#: Under which the event, and the id of ours, stand in a payload beside Twilio's own names.
EVENT = "event"

#: The words in which Twilio says what became of a message, and what each means here. A word that is missing here is
#: shown as it came, and changes nothing.
STATUS_WORDS: Mapping[str, Status] = {
    "accepted": Status.SENT,  # Twilio has it
    "scheduled": Status.SENT,
    "queued": Status.SENT,
    "sending": Status.SENT,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.UNDELIVERED,  # of a message that Twilio had taken
    "canceled": Status.UNDELIVERED,
}
#: A message of which it says so did not leave the account, or not yet.
_NOT_OUT = frozenset({"", "accepted", "scheduled", "queued", "failed", "canceled"})
#: Twilio docs, "Advanced Opt-Out": what it took a text for, and answered, where its words are customised.
_OPT_OUT = {"STOP": "stop", "START": "start", "HELP": "help"}
#: Twilio docs, "Twilio support for opt-out keywords": the whole text is one of these, which Twilio acts on
#: and answers, unless that was switched off for the account.
_KEYWORDS = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"), "stop"),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "start"),
    **dict.fromkeys(("HELP", "INFO"), "help"),
}

_ID = ("MessageSid", "SmsSid", "SmsMessageSid")
_WORD = ("MessageStatus", "SmsStatus")
#: What is kept of a call beside the text: none of the places that Twilio thinks people are in.
_KEPT = (
    *(EVENT, OURS, *_ID, *_WORD, "From", "To", "MessagingServiceSid"),
    *("ErrorCode", "ErrorMessage", "RawDlrDoneDate", "NumMedia", "NumSegments", "OptOutType"),
    *("Price", "PriceUnit", "Direction", "DateCreated", "DateUpdated"),
)
_TEXT = ("Body",)
#: Channels beside texts whose people are known by their numbers; "" are the texts themselves.
_OF_NUMBERS = frozenset({"", "rcs", "whatsapp"})
#: The carrier's time of a receipt: year, month, day, hour and minute.
_RAW_TIME = re.compile(r"\d{10}")


def event_of(payload: Mapping[str, Any]) -> str:
    """What our own address calls it; "" for a form without a message."""
    return text(payload.get(EVENT)) if _first(payload, _ID) else ""


def about(payload: Mapping[str, Any]) -> About:
    return {STATUS: About.RECEIPT, INBOUND: About.REPLY}.get(event_of(payload), About.NOTHING)


def tells_of_leaving(payload: Mapping[str, Any]) -> bool:
    """Whether it says that a message left the account."""
    return about(payload) == About.RECEIPT and _word(payload) not in _NOT_OUT


def said(payload: Mapping[str, Any]) -> ProviderReport:
    """The message in a call, read tolerantly: any parameter may be missing."""
    inbound = event_of(payload) == INBOUND
    (via, sender), (to, recipient) = (_address(payload.get(name)) for name in ("From", "To"))
    own, party = (recipient, sender) if inbound else (sender, recipient)
    return ProviderReport(
        id=_first(payload, _ID),
        word=": ".join(filter(None, (_word(payload), str(code_of(payload.get("ErrorCode")) or "")))),
        means=STATUS_WORDS.get(_word(payload)),
        is_inbound=inbound,
        is_text={via, to} <= _OF_NUMBERS,
        number_id=of_sender(own)[:40],
        pool_id=text(payload.get("MessagingServiceSid"), 40),
        number=own,
        party=party,
        body=text(payload.get("Body")),
        media=_count(payload.get("NumMedia")),
        segments=segment_count(_count(payload.get("NumSegments"))),
        created_at=_date(payload.get("DateCreated")),
        said_at=_date(payload.get("DateUpdated")) or _carrier_time(payload.get("RawDlrDoneDate")),
        ours=text(payload.get(OURS), 40),
        code=code_of(payload.get("ErrorCode")),
        asks=_OPT_OUT.get(text(payload.get("OptOutType")).upper(), "") if inbound else "",
        keyword=_KEYWORDS.get(text(payload.get("Body")).strip().upper(), "") if inbound and not via else "",
        price=_price(payload),
        channel=via or to,
    )


def _address(value: Any) -> tuple[str, str]:
    """A channel ("" for texts) and who is meant: Twilio writes `whatsapp:+14155550100`."""
    channel, _, address = text(value, 80).rpartition(":")
    return channel.lower(), phone(address)


def of_message(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as the API shows it, in the form of a call."""
    names = {
        "sid": "MessageSid",
        "status": "MessageStatus",
        "from": "From",
        "to": "To",
        "body": "Body",
        "messaging_service_sid": "MessagingServiceSid",
        "error_code": "ErrorCode",
        "error_message": "ErrorMessage",
        "num_segments": "NumSegments",
        "price": "Price",
        "price_unit": "PriceUnit",
        "date_created": "DateCreated",
        "date_updated": "DateUpdated",
        "direction": "Direction",
    }
    told = {name: text(message.get(key)) for key, name in names.items()}
    return {EVENT: STATUS, **{name: value for name, value in told.items() if value}}


def segments_of(message: Mapping[str, Any]) -> int | None:
    """How many segments a message as the API shows it has; None for "0": no sender is chosen yet."""
    return segment_count(_count(message.get("num_segments")))


def slim(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored of a call: what is read here, and nothing of where people are."""
    return {name: payload[name] for name in (*_KEPT, *_TEXT) if name in payload}


def without_text(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The call as it is kept once somebody has read it: what was said is on the message, or on the reply."""
    return {name: value for name, value in payload.items() if name not in _TEXT}


def fingerprint(payload: Mapping[str, Any]) -> UUID:
    """The same for the same call made again: a message has each status once."""
    word = _word(payload) if event_of(payload) == STATUS else INBOUND
    return key16("twilio", _first(payload, _ID), word)


def _price(payload: Mapping[str, Any]) -> Price | None:
    """What it cost: Twilio writes it as what the balance changes by."""
    return Price.read(text(payload.get("Price"), 20).lstrip("-"), text(payload.get("PriceUnit"), 3))


def _word(payload: Mapping[str, Any]) -> str:
    return _first(payload, _WORD).lower()[:40]


def _count(value: Any) -> int:
    digits = text(value, 5)
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _date(value: Any) -> datetime | None:
    """RFC 2822, as the API writes times; ISO 8601 as others do."""
    given = text(value, 60)
    try:
        found = parsedate_to_datetime(given)
    except (ValueError, TypeError):
        return moment(given) if given else None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _carrier_time(value: Any) -> datetime | None:
    """In UTC, as far as anybody says."""
    given = text(value, 20)
    if not _RAW_TIME.fullmatch(given):
        return None
    try:
        return datetime.strptime(given, "%y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None


def _first(found: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """What stands under the first of these names that has something."""
    return next((text(found[name], 120) for name in names if found.get(name)), "")
