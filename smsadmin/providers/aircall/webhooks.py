"""What Aircall's webhooks, and the callbacks of numbers in proxy mode, say; and which of them we ask for.

Aircall developer docs, "Webhooks" and "Send and receive SMS in proxy mode": a webhook has `event` and a time in
seconds, a callback `event_name` and one in milliseconds. Both come in any order, and more than once.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from smsadmin.core.ids import key16
from smsadmin.core.status import Status
from smsadmin.providers.aircall import calls
from smsadmin.providers.told import About, ProviderReport, mapping, moment, phone, segment_count, text

SENT, RECEIVED = "message.sent", "message.received"
STATUS_UPDATED = "message.status_updated"
UPDATED = "message.updated"  # of a callback
INTEGRATION_DELETED = "integration.deleted"  # told to webhooks of the app that was removed

RECEIPTS = frozenset({SENT, STATUS_UPDATED, UPDATED})
#: All that callbacks tell.
CALLBACKS = frozenset({RECEIVED, UPDATED})
#: After these the numbers or users of the account are others than before.
CHANGES = frozenset(
    {
        "number.created",
        "number.opened",
        "number.closed",
        "number.deleted",
        "user.created.v2",
        "user.deleted.v2",
    }
)
#: What our webhook asks for; one that belongs to an app, made with its access token, asks for its end too.
EVENTS = (SENT, RECEIVED, STATUS_UPDATED, *sorted(CHANGES))
EVENTS_OF_APP = (*EVENTS, INTEGRATION_DELETED)

#: The words in which Aircall says what became of a message, and what each means here; None changes nothing.
#: It documents the first four alone. A word that is missing here is shown as it came, and changes nothing either:
#: add it once it is known.
STATUS_WORDS: Mapping[str, Status | None] = {
    "pending": None,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "received": None,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.UNDELIVERED,  # of a message that Aircall had taken: the carrier gave up
    "rejected": Status.UNDELIVERED,
    "expired": Status.UNDELIVERED,
}

#: What of a message is nobody's business here: the contact's name and addresses, and links to its media.
_LEFT_OUT = frozenset({"token", "contact", "media", "media_details", "media_url"})


def event_of(payload: Mapping[str, Any]) -> str:
    """The event's name; "" for what is neither a webhook nor a callback."""
    name = payload.get("event_name" if is_callback(payload) else "event")
    return name if isinstance(name, str) else ""


def is_callback(payload: Mapping[str, Any]) -> bool:
    """A body with both names is a webhook's: nobody leaves out its token by adding a word."""
    return "event" not in payload and "event_name" in payload


def about(payload: Mapping[str, Any]) -> About:
    """What an event is about."""
    event = event_of(payload)
    if event in RECEIPTS:
        return About.RECEIPT
    if event == RECEIVED:
        return About.REPLY
    if event == calls.ENDED:
        return About.CALL
    if event in CHANGES:
        return About.CHANGE
    return About.REMOVAL if event == INTEGRATION_DELETED else About.NOTHING


def tells_of_leaving(payload: Mapping[str, Any]) -> bool:
    """Whether it says that a message, ours or one that somebody wrote in the app, left the account."""
    return event_of(payload) == SENT


def said(payload: Mapping[str, Any]) -> ProviderReport:
    """The message in an event, read tolerantly: any key may be missing or of another type."""
    data = mapping(payload.get("data"))
    number = mapping(data.get("number"))
    word = text(data.get("status"), 40)
    return ProviderReport(
        id=text(data.get("id"), 120),
        word=word,
        means=_meaning(event_of(payload), word),
        is_inbound=data.get("direction") == "inbound",
        is_text=data.get("channel") in (None, "", "sms", "mms"),
        number_id=text(number.get("id"), 40),
        number=phone(text(number.get("e164_digits") or number.get("digits"), 60)),
        party=phone(text(data.get("external_number") or data.get("raw_digits"), 60)),
        body=text(data.get("body")),
        media=data["media"] if isinstance(data.get("media"), int) else 0,
        segments=segments(data),
        created_at=moment(data.get("created_at")),
        said_at=moment(data.get("updated_at")) or moment(payload.get("timestamp")),
    )


def _meaning(event: str, word: str) -> Status | None:
    """What a word means; that a message was sent, its event says without one."""
    if event == SENT and word.lower() in ("", "pending"):
        return Status.SENT
    return STATUS_WORDS.get(word.lower())


def slim(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored of an event: never its token, and of anything but a message or a call only which one it was
    about."""
    kept = {name: value for name, value in payload.items() if name not in _LEFT_OUT and name != "data"}
    data = mapping(payload.get("data"))
    if event_of(payload).startswith("message."):
        media = data.get("media_details") or data.get("media_url")
        found = {name: value for name, value in data.items() if name not in _LEFT_OUT}
        kept["data"] = {**found, "media": len(media)} if isinstance(media, list) and media else found
    elif event_of(payload) == calls.ENDED:
        kept["data"] = calls.kept(data)
    else:
        kept["data"] = {name: data[name] for name in ("id", "integration_id", "company_id") if name in data}
    return kept


def without_text(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The event as it is kept once somebody has read it: what was said is on the message, or on the reply."""
    data = {name: value for name, value in mapping(payload.get("data")).items() if name != "body"}
    return {**payload, "data": data}


def fingerprint(payload: Mapping[str, Any]) -> UUID:
    """The same for the same event delivered again (Aircall delivers at least once)."""
    data, event = mapping(payload.get("data")), event_of(payload)
    if event.startswith("message.") and data.get("id"):
        return key16(event, data["id"], data.get("status"), data.get("updated_at"))
    return key16(event, data.get("id"), payload.get("timestamp"), *sorted(map(str, data.items())))


def segments(message: Mapping[str, Any]) -> int | None:
    """How many segments Aircall counted. No source documents that it tells: the key is the likeliest one."""
    return segment_count(message.get("segments"))
