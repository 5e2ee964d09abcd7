"""Which messages failed for one and the same reason: the code of the error, and what that error hinges on.

A number that is not connected is one cause for each number, a token without a value one for each token, while a
recipient without country code is one cause however many records have such a phone. The cause is stored with the
message, so that messages are grouped by an index; changing this table changes only the causes of later messages.
"""

import re
from collections.abc import Mapping
from typing import Any

from smsadmin.core.ids import key16

#: Who asked for the message: its action, or the workflow that is configured in place of one.
ASKER = "asker"

#: For every code of the catalogue the facts it hinges on; none: the code alone is the cause.
HINGES: dict[str, tuple[str, ...]] = {
    "SENDER_REQUIRED": ("source",),
    "NUMBER_NOT_E164": ("value",),
    "NUMBER_NOT_IN_INTEGRATION": ("sender",),
    "NUMBER_NOT_SMS_CAPABLE": ("sender",),
    "NUMBER_IN_PROXY_MODE": ("sender",),
    "NUMBER_THIRD_PARTY_MESSAGING": ("sender",),
    "NUMBER_NOT_FOR_AUTOMATION": ("sender",),
    "NUMBER_NOT_REGISTERED": ("sender",),
    "TOLL_FREE_NOT_VERIFIED": ("sender",),
    "NUMBER_QUOTA_EXCEEDED": ("subject", "window"),
    "SENDER_ID_INVALID": ("value",),
    "SENDER_ID_NOT_APPROVED": ("value", "country"),
    "SENDER_REFUSED": ("sender", "answer"),
    "USER_REQUIRED": ("source",),
    "USER_NOT_FOUND": ("email",),
    "USER_NOT_ON_NUMBER": ("email", "sender"),
    "USER_OUT_OF_SEGMENTS": ("email",),
    "USER_QUOTA_EXCEEDED": ("subject", "window"),
    "RECIPIENT_MISSING": ("source",),
    "RECIPIENT_NO_COUNTRY_CODE": (),
    "RECIPIENT_NOT_E164": (),
    "RECIPIENT_IMPOSSIBLE": (),
    "RECIPIENT_IS_SENDER": ("sender",),
    "RECIPIENT_NOT_MOBILE": (),
    "RECIPIENT_REFUSED": (),
    "RECIPIENT_OPTED_OUT": (),
    "TEST_NUMBERS_ONLY": (),
    "COUNTRY_NOT_ALLOWED": ("country",),
    "QUIET_HOURS": (ASKER,),
    "MESSAGE_EMPTY": (ASKER,),
    "MESSAGE_TOO_LONG": (ASKER,),
    "MEDIA_NOT_SUPPORTED": (ASKER,),
    "ENCODING_NOT_SUPPORTED": (ASKER,),
    "TOKEN_UNKNOWN": ("token",),
    "TOKEN_UNRESOLVED": ("token",),
    "ACTION_DISABLED": (ASKER,),
    "FEATURE_NOT_ENABLED": ("feature",),
    "PORTAL_NOT_CONNECTED": ("portal",),
    "SCOPE_MISSING": ("scope",),
    "CREDENTIAL_REJECTED": ("provider",),
    "RATE_LIMITED": ("provider",),
    "PROVIDER_REJECTED": ("provider", "http_status", "answer"),
    "ACCOUNT_IN_BUILD_MODE": ("provider",),
    "PROVIDER_UNAVAILABLE": ("provider", "reason"),
    "PROVIDER_UNKNOWN": ("provider", "reason"),
    "DELIVERY_FAILED": ("answer",),
    "MESSAGE_FILTERED": (ASKER,),
    "EXPIRED": (ASKER,),
    "INTERNAL_ERROR": ("kind",),
}

#: What somebody else says in their own words, which may name the message, its recipient or the moment.
_SAID = ("answer", "reason")
_SPACED = re.compile(r"\+?\d[\d ().-]{4,}\d")
_FEW_DIGITS = 3


def cause(code: str, facts: Mapping[str, Any], asker: str = "") -> str:
    """The cause of an error: its code, and a hash of what it hinges on, which keeps people's data out of addresses.

    `asker` says who asked for the message; "" for no error.
    """
    known = {**facts, ASKER: asker}
    values = [_value(name, known.get(name)) for name in HINGES.get(code, ())]
    return f"{code}.{key16(*values).hex[:16]}" if any(values) else code


def code_of(cause: str) -> str:
    """The code of the error a cause is one of."""
    return cause.partition(".")[0]


def _value(name: str, value: Any) -> str:
    text = "" if value is None else str(value).casefold()
    return _without_particulars(text) if name in _SAID else text


def _without_particulars(text: str) -> str:
    """Phone numbers, addresses, ids and times taken out: else each message would be a cause of its own."""
    words = _SPACED.sub("#", text).split()
    return " ".join("#" if "@" in word or _digits(word) > _FEW_DIGITS else word for word in words)


def _digits(word: str) -> int:
    return sum(character.isdigit() for character in word)
