"""What Callr's webhooks say, those of its API v2 and the earlier ones.

Callr docs, "Receive SMS" and "Webhooks": an envelope with the event's id and name around the SMS. v2 names its keys in
camel case, the earlier API in snake case; which of both the envelope of v2 has is not documented, nor what its
delivery events are called. So the id and the name are read in every spelling, and an event is what its SMS says.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from smsadmin.core.ids import key16
from smsadmin.core.status import Status
from smsadmin.providers.callr import ids
from smsadmin.providers.senders import of_sender
from smsadmin.providers.told import About, ProviderReport, mapping, moment, phone, segment_count, text

#: What Callr's portal calls the event of a text that came in.
INBOUND = "v2.sms.inbound.received"
#: Events of other beginnings are about calls, bills and files.
_OF_SMS = ("v2.sms.", "sms.")
_MOBILE_ORIGINATED = "sms.mo"

#: The words in which Callr says what became of a message, and what each means here. The earlier API writes them in
#: capitals, with "_" for "-". A word that is missing here is shown as it came, and changes nothing.
STATUS_WORDS: Mapping[str, Status] = {
    "created": Status.SENT,  # Callr has it
    "pending": Status.SENT,
    "sent": Status.SENT,
    "remote-queued": Status.SENT,
    "delivered": Status.DELIVERED,
    "received": Status.DELIVERED,  # the earlier API's word for it
    "error": Status.UNDELIVERED,  # of a message that Callr had taken
    "failed": Status.UNDELIVERED,
    "expired": Status.UNDELIVERED,
}
#: A message of which it says so did not leave the account, or not yet.
_NOT_OUT = frozenset({"", "created", "pending", "error"})

#: Spellings of one thing, as the documents have it or as either API would.
_EVENT = ("type", "event", "eventType", "event_type", "eventName", "event_name")
_EVENT_ID = ("event_id", "eventId")
_EVENT_AT = ("event_at", "eventAt")
_TRY = "try"
_ID = ("sid", "hash", "id")
_FROM, _TO = ("fromNumber", "from"), ("toNumber", "to")
_BODY = ("bodyText", "text", "body")
_CREATED = ("createdAt", "date_creation")
_UPDATED = ("updatedAt", "date_update")
_WHY = ("status_error", "statusError")
_SMS = (*_ID, *_FROM, *_TO, *_BODY, *_CREATED, *_UPDATED, *_WHY, "direction", "type", "status", "parts")


def event_of(payload: Mapping[str, Any]) -> str:
    """The event's name; "" for what is no webhook."""
    return text(_first(payload, _EVENT))


def about(payload: Mapping[str, Any]) -> About:
    """What an event is about: the SMS says which way it went, or else the event's name does."""
    if not _is_of_sms(payload):
        return About.NOTHING
    return About.REPLY if _is_inbound(payload) else About.RECEIPT


def tells_of_leaving(payload: Mapping[str, Any]) -> bool:
    """Whether it says that a message, ours or one of another program, left the account."""
    return about(payload) == About.RECEIPT and _word(_data(payload)) not in _NOT_OUT


def said(payload: Mapping[str, Any]) -> ProviderReport:
    """The message in an event, read tolerantly: any key may be missing or of another type."""
    data, inbound = _data(payload), _is_inbound(payload)
    sender, recipient = phone(text(_first(data, _FROM), 60)), phone(text(_first(data, _TO), 60))
    own, party = (recipient, sender) if inbound else (sender, recipient)
    return ProviderReport(
        id=ids.of_message(text(_first(data, _ID), 120)),
        word=_words(data),
        means=STATUS_WORDS.get(_word(data)),
        is_inbound=inbound,
        is_text=True,
        number_id=of_sender(own)[:40],
        pool_id=ids.POOL,
        number=own,
        party=party,
        body=text(_first(data, _BODY)),
        media=0,
        segments=segment_count(data.get("parts")),
        created_at=moment(_first(data, _CREATED)),
        said_at=moment(_first(data, _UPDATED)) or moment(_first(payload, _EVENT_AT)),
    )


def given_up(sms: Any) -> str:
    """Callr's words for why an SMS, as it answers to a send, does not go out; "" where it does not say so."""
    data = mapping(sms)
    return _words(data) if STATUS_WORDS.get(_word(data)) == Status.UNDELIVERED else ""


def slim(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored of an event: its name, id and time, and of an SMS what is read here; none of its costs and
    options, which may name addresses."""
    kept = {name: payload[name] for name in (*_EVENT, *_EVENT_ID, *_EVENT_AT, _TRY) if name in payload}
    names = _SMS if _is_of_sms(payload) else _ID
    return {**kept, "data": {name: value for name, value in _data(payload).items() if name in names}}


def without_text(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The event as it is kept once somebody has read it: what was said is on the message, or on the reply."""
    return {
        **payload,
        "data": {name: value for name, value in _data(payload).items() if name not in _BODY},
    }


def fingerprint(payload: Mapping[str, Any]) -> UUID:
    """The same for the same event delivered again: its id, or else all it says but for how often it was tried. The
    signature is of the body alone: whoever saw a call could give it another id in the header."""
    if event_id := text(_first(payload, _EVENT_ID)):
        return key16("callr", event_id)
    said_again = {name: value for name, value in payload.items() if name != _TRY}
    return key16("callr", json.dumps(said_again, sort_keys=True))


def _is_of_sms(payload: Mapping[str, Any]) -> bool:
    return event_of(payload).startswith(_OF_SMS)


def _is_inbound(payload: Mapping[str, Any]) -> bool:
    """An SMS of v2 has a direction, one of the earlier API the type IN or OUT."""
    data, event = _data(payload), event_of(payload)
    way = text(data.get("direction") or data.get("type")).lower()
    if way in ("inbound", "in", "outbound", "out"):
        return way.startswith("in")
    return event == _MOBILE_ORIGINATED or ".inbound." in event


def _words(data: Mapping[str, Any]) -> str:
    """The status in Callr's own words, and why where it says so."""
    return ": ".join(filter(None, (text(data.get("status"), 40), text(_first(data, _WHY), 80))))


def _word(data: Mapping[str, Any]) -> str:
    return text(data.get("status"), 40).lower().replace("_", "-")


def _data(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(payload.get("data"))


def _first(found: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """What stands under the first of these names that has something."""
    return next((found[name] for name in names if found.get(name) not in (None, "")), None)
