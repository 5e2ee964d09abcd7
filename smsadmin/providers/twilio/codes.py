"""What Twilio's error codes mean to us: data that a workspace may overrule (connections.error_codes).

Twilio docs, "Error and warning dictionary". Its changelog of July 2024 asks everybody not to build on single codes,
since causes are given other ones now and then: so this is a table, and a code that is missing here is what its HTTP
status is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from smsadmin.core import errors, numbers
from smsadmin.core.errors import SendError, gettext_noop
from smsadmin.core.message import MOST_CHARACTERS, Sms

PROVIDER = "Twilio"
#: The code of HTTP 429, which is waited for whatever any table says: nothing of the account may leave before.
TOO_MANY = 20429
#: That of a sender whose queue is full: others of the account may send.
QUEUE_FULL = 21611
#: Codes that Twilio tells of messages which it had taken. Some refuse a request as well.
_OF_RECEIPTS = range(30_000, 40_000)


class Again(StrEnum):
    """Whether a message that was refused so is tried again by itself. It is only where Twilio refused the request: what
    it had taken is never sent again without a person."""

    NO = "no"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One code: what Twilio says with it in a few words, the error it is here (a code of the catalogue), and whether it
    is tried again."""

    code: int
    says: str
    error: str
    again: Again = Again.NO


def _shipped(error: type[SendError], says: Mapping[int, str], again: Again = Again.NO) -> list[Meaning]:
    return [Meaning(code, words, error.code, again) for code, words in says.items()]


SHIPPED: Mapping[int, Meaning] = {
    each.code: each
    for each in (
        # --- The request was refused: no message was made
        *_shipped(errors.CredentialRejected, {20003: gettext_noop("wrong account SID, token or key")}),
        *_shipped(
            errors.ProviderRejected,
            {
                20404: gettext_noop("there is no such resource: the account may be another one"),
                21603: gettext_noop("no sender was given"),
                21604: gettext_noop("no recipient was given"),
            },
        ),
        *_shipped(
            errors.RateLimited,
            {
                TOO_MANY: gettext_noop("too many requests at once"),
                QUEUE_FULL: gettext_noop("the sender's queue is full"),
                63017: gettext_noop("the account sends too much at once"),
            },
            Again.LATER,
        ),
        *_shipped(
            errors.RecipientRefused,
            {
                21211: gettext_noop("the recipient's number is not valid"),
                21265: gettext_noop("the recipient is a short code"),
                21266: gettext_noop("recipient and sender are the same number"),
            },
        ),
        *_shipped(
            errors.SenderRefused,
            {
                21212: gettext_noop("the sender is not valid"),
                21267: gettext_noop("an account on trial has no sender names"),
                21606: gettext_noop("the sender is not the account's, or cannot text there"),
                21612: gettext_noop("this sender cannot text this recipient"),
                21659: gettext_noop("the sender is no number of Twilio's"),
                21660: gettext_noop("the sender belongs to another account"),
                21661: gettext_noop("the sender cannot text"),
            },
        ),
        *_shipped(errors.CountryNotAllowed, {21408: gettext_noop("the country is not enabled")}),
        *_shipped(
            errors.MessageEmpty,
            {
                21602: gettext_noop("there is neither a text nor a picture"),
                21619: gettext_noop("there is neither a text, nor a picture, nor a template"),
            },
        ),
        *_shipped(
            errors.MessageTooLong,
            {
                21605: gettext_noop("the text is too long"),
                21617: gettext_noop("the text has more than 1,600 characters"),
                21658: gettext_noop("a parameter is too long"),
            },
        ),
        *_shipped(errors.AccountInBuildMode, {21608: gettext_noop("the account is on trial")}),
        *_shipped(errors.RecipientOptedOut, {21610: gettext_noop("the recipient opted out")}),
        *_shipped(
            errors.RecipientNotMobile,
            {
                21614: gettext_noop("the recipient is no mobile number"),
                21635: gettext_noop("the recipient is a landline"),
            },
        ),
        # --- The message was made, and failed afterwards
        *_shipped(
            errors.DeliveryFailed,
            {
                30001: gettext_noop("the queue was full, or it waited too long"),
                30002: gettext_noop("the account is suspended"),
                30003: gettext_noop("the phone is off, or has no coverage"),
                30004: gettext_noop("blocked by the recipient or the carrier"),
                30008: gettext_noop("an error of the carrier that nobody explains"),
                30009: gettext_noop("a part of the message is missing"),
                30010: gettext_noop("it costs more than is allowed"),
                30011: gettext_noop("the recipient's carrier takes no pictures"),
                30012: gettext_noop("it was to be sent in too short a time"),
                30022: gettext_noop("the registered brand sends too fast"),
                30023: gettext_noop("the registered brand has sent all it may today"),
                30036: gettext_noop("it could not be sent in time"),
                30410: gettext_noop("the carrier did not answer"),
            },
        ),
        *_shipped(
            errors.RecipientRefused,
            {30005: gettext_noop("the number is unknown, or no longer in service")},
        ),
        *_shipped(
            errors.RecipientNotMobile, {30006: gettext_noop("a landline, or a carrier that takes no texts")}
        ),
        *_shipped(errors.MessageFiltered, {30007: gettext_noop("filtered as unwanted")}),
        *_shipped(errors.SenderRefused, {30024: gettext_noop("the carrier does not know the sender")}),
        *_shipped(
            errors.NumberNotRegistered,
            {
                30032: gettext_noop("the toll-free number is not verified"),
                30034: gettext_noop("the number is not registered (A2P 10DLC)"),
            },
        ),
        *_shipped(errors.QuietHours, {30610: gettext_noop("outside the hours of the recipient's country")}),
    )
}

#: What a code may be said to mean of a message that Twilio had taken: what it or a carrier says of its end. None of
#: them says that it never left.
OF_RECEIPTS = tuple(
    each.code
    for each in (
        errors.DeliveryFailed,
        errors.RecipientRefused,
        errors.RecipientNotMobile,
        errors.RecipientOptedOut,
        errors.SenderRefused,
        errors.NumberNotRegistered,
        errors.CountryNotAllowed,
        errors.MessageFiltered,
        errors.QuietHours,
    )
)
#: And of a request that it refused.
OF_REFUSALS = (
    errors.ProviderRejected.code,
    *OF_RECEIPTS,
    *(
        each.code
        for each in (
            errors.AccountInBuildMode,
            errors.CredentialRejected,
            errors.RateLimited,
            errors.MessageTooLong,
            errors.MessageEmpty,
        )
    ),
)


def meanings_of(code: int) -> tuple[str, ...]:
    """What a code may be said to mean."""
    return OF_RECEIPTS if code in _OF_RECEIPTS else OF_REFUSALS


@dataclass(frozen=True, slots=True)
class Refusal:
    """What Twilio said: a code (0: none), its own words, and the HTTP status where it answered a request (0: it told of
    a message that it had taken)."""

    code: int
    words: str = ""
    http_status: int = 0

    @property
    def answer(self) -> str:
        """As it stands in sentences: the code with Twilio's words, or with ours, which are English here and translated
        where they are shown (smsadmin.phrases)."""
        if not self.words and (known := SHIPPED.get(self.code)):
            return f"error {self.code}, {known.says}"
        return ": ".join(filter(None, (str(self.code or ""), self.words))) or "—"


@dataclass(frozen=True, slots=True)
class Codes:
    """The table as it holds in a workspace: ours, and what the workspace says otherwise."""

    overrides: Mapping[int, Meaning] = field(default_factory=dict)

    def of(self, refusal: Refusal) -> Meaning:
        """What a refusal means. A code that nobody knows is what its HTTP status is; so is one of a message that Twilio
        had taken, where its meaning is that of a request."""
        found = self.overrides.get(refusal.code) or SHIPPED.get(refusal.code)
        if found and (refusal.http_status or found.error in OF_RECEIPTS):
            return found
        if refusal.http_status == 429:
            return replace(SHIPPED[TOO_MANY], code=refusal.code)
        error = errors.ProviderRejected if refusal.http_status else errors.DeliveryFailed
        return Meaning(refusal.code, refusal.words, error.code)

    def error(self, refusal: Refusal, *, sender: str, recipient: str, characters: int = 0) -> SendError:
        """The error of a message from this sender to this recipient that was refused so."""
        kind = errors.CATALOGUE[self.of(refusal).error]
        facts: dict[str, Any] = {"provider": PROVIDER, "answer": refusal.answer}
        facts |= {"recipient": recipient, "sender": sender, **_PARTICULARS.get(kind, dict)()}
        if refusal.http_status:
            facts["http_status"] = refusal.http_status
        if kind is errors.CountryNotAllowed:
            facts["country"] = _country(recipient)
        if kind is errors.MessageTooLong:
            facts["characters"] = characters
        return kind(**facts)


_PARTICULARS: Mapping[type[SendError], Any] = {
    errors.AccountInBuildMode: lambda: {"trial": True},
    errors.MessageTooLong: lambda: {"limit": MOST_CHARACTERS},
    errors.RateLimited: lambda: {"attempts": 1},
}


def _country(recipient: str) -> str:
    try:
        return numbers.read(recipient).country
    except numbers.NumberError:
        return ""


def of_sms(codes: Codes, refusal: Refusal, sms: Sms) -> SendError:
    """The error of an SMS that Twilio refused so."""
    return codes.error(
        refusal, sender=sms.sender or sms.sender_id, recipient=sms.recipient, characters=len(sms.body)
    )
