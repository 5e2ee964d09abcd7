"""How Twilio writes its objects: a message, a number and a messaging service, and the pages they are listed in."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from smsadmin.sandbox.state import TWILIO_SID, State, TwilioMessage, TwilioNumber

VERSION = "/2010-04-01"
ACCOUNT = f"{VERSION}/Accounts/{TWILIO_SID}"
#: A message that was not handed on yet.
UNSENT = ("accepted", "queued", "sending")


def rfc2822(moment: float) -> str:
    return format_datetime(datetime.fromtimestamp(moment, UTC))


def message_json(state: State, known: TwilioMessage) -> dict[str, Any]:
    """The message resource. While a service has not chosen a sender, it has none, and no segments."""
    message = known.message
    is_chosen = not known.service_sid or message.status != "accepted"
    price = float(state.settings.twilio_price) * message.segments if known.sent_at else None
    return {
        "account_sid": TWILIO_SID,
        "api_version": VERSION.strip("/"),
        "body": message.body,
        "date_created": rfc2822(message.time),
        "date_sent": rfc2822(known.sent_at) if known.sent_at else None,
        "date_updated": rfc2822(known.updated_at),
        "direction": "inbound" if message.direction == "inbound" else "outbound-api",
        "error_code": known.error_code,
        "error_message": None,
        "from": message.sender if is_chosen else None,
        "to": message.recipient,
        "messaging_service_sid": known.service_sid or None,
        "num_media": "0",
        "num_segments": str(message.segments if is_chosen else 0),
        "price": f"{price:.5f}" if price is not None else None,
        "price_unit": "USD",
        "sid": message.id,
        "status": message.status,
        "subresource_uris": {"media": f"{ACCOUNT}/Messages/{message.id}/Media.json"},
        "uri": f"{ACCOUNT}/Messages/{message.id}.json",
    }


def number_json(number: TwilioNumber, now: float) -> dict[str, Any]:
    return {
        "sid": number.sid,
        "account_sid": TWILIO_SID,
        "phone_number": number.e164,
        "friendly_name": number.name,
        "capabilities": {"voice": True, "sms": number.sms, "mms": number.sms, "fax": False},
        "type": "local",
        "status": "in-use",
        "origin": "twilio",
        "beta": False,
        "sms_url": number.sms_url,
        "sms_method": number.sms_method,
        "sms_fallback_url": number.sms_fallback_url,
        "sms_fallback_method": "POST",
        "sms_application_sid": number.sms_application_sid,
        "status_callback": "",
        "address_requirements": "none",
        "api_version": VERSION.strip("/"),
        "date_created": rfc2822(now),
        "date_updated": rfc2822(now),
        "uri": f"{ACCOUNT}/IncomingPhoneNumbers/{number.sid}.json",
    }


def page_json(
    name: str, items: Sequence[Any], path: str, query: dict[str, str], page: int, size: int
) -> dict[str, Any]:
    """One page of a list: the next one is named by its path."""
    shown = items[page * size : (page + 1) * size]
    is_last = (page + 1) * size >= len(items)

    def uri(number: int) -> str:
        token = {"Page": str(number), "PageToken": f"PA{number}"} if number else {"Page": "0"}
        kept = {**query, "PageSize": str(size), **token}
        return f"{path}?" + "&".join(f"{key}={_escaped(value)}" for key, value in kept.items())

    return {
        name: shown,
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(len(shown) - 1, 0),
        "uri": uri(page),
        "first_page_uri": uri(0),
        "previous_page_uri": uri(page - 1) if page else None,
        "next_page_uri": None if is_last else uri(page + 1),
    }


def _escaped(value: str) -> str:
    return value.replace("%", "%25").replace("+", "%2B").replace("&", "%26").replace(" ", "%20")
