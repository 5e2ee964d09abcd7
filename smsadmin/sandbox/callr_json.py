"""How Callr writes its objects, in answers and in webhooks alike: an SMS of v2, and one of the earlier API."""

from datetime import UTC, datetime
from string import ascii_lowercase, digits
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberType, geocoder

from smsadmin.sandbox.state import CallrNumber, Message, iso

_DIGITS = digits + ascii_lowercase
#: The earlier API's words for what v2 calls otherwise.
_V1 = {"delivered": "RECEIVED"}
_WHY = {"error": "The message was not accepted.", "failed": "Rejected by the carrier."}


def sid_of(number: int) -> str:
    """Eight lower-case letters and digits."""
    found = ""
    for _ in range(8):
        number, rest = divmod(number, len(_DIGITS))
        found = _DIGITS[rest] + found
    return found


def number_json(number: CallrNumber) -> dict[str, Any]:
    return {
        "e164": number.e164,
        "class": "classic",
        "type": number.type,
        "country": number.country,
        "assigned": number.assigned,
    }


def sms_json(message: Message, status: str, now: float) -> dict[str, Any]:
    """The SMS object of v2."""
    delivered = status == "delivered"
    return {
        "sid": message.id,
        "direction": message.direction,
        **_side("from", message.sender),
        **_side("to", message.recipient),
        "status": status,
        "encoding": message.encoding or "gsm",
        "bodyText": message.body,
        "parts": message.segments,
        "billingDebit": f"{message.segments}.00",
        "billingPaymentType": "prepaid",
        "network": "",
        "deliveredAt": iso(now) if delivered else None,
        "createdAt": iso(message.time),
        "updatedAt": iso(now),
        "sentAt": iso(now) if status not in ("created", "pending") else None,
    }


def _side(name: str, number: str) -> dict[str, str]:
    """A number with what libphonenumber knows of it; a short code or a name has none of that."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        kind, country, location = "UNKNOWN", "", ""
    else:
        kind = PhoneNumberType.to_string(phonenumbers.number_type(parsed))
        country = phonenumbers.region_code_for_number(parsed) or ""
        location = geocoder.country_name_for_number(parsed, "en")
    return {
        f"{name}Number": number,
        f"{name}Type": kind,
        f"{name}Country": country,
        f"{name}Location": location,
    }


def sms_v1(message: Message, status: str, now: float) -> dict[str, Any]:
    """The SMS of the earlier API: other names, capitals, and times without a zone, which are UTC."""
    inbound = message.direction == "inbound"
    return {
        "type": "IN" if inbound else "OUT",
        "hash": message.id.upper(),
        "from": message.sender,
        "to": message.recipient,
        "text": message.body,
        "options": None,
        "parts": message.segments,
        "b_customer_mode": "PREPAID",
        "b_customer_debit": message.segments,
        "status": "RECEIVED" if inbound else _V1.get(status, status.upper().replace("-", "_")),
        "status_error": _WHY.get(status, ""),
        "date_creation": _plain(message.time),
        "date_update": _plain(now),
        "date_sent": None if inbound else _plain(now),
        "date_received": _plain(now) if status == "delivered" else None,
    }


def _plain(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
