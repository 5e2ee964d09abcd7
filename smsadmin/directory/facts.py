"""The four conditions a number must meet to be offered: one table for the send, the lists and the words.

Aircall help: advanced Send SMS action, "Why your number may not appear".
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.core import errors

if TYPE_CHECKING:  # the models ask here what a number is
    from smsadmin.directory.models import Number

Words = str | Promise

#: What an admin may answer; ASK leaves it to Aircall.
YES, NO, UNKNOWN, ASK = "yes", "no", "unknown", "ask"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition: what it must be, the error of a send without it, the words for each way it can fail, and the
    answer that mends it with the words of its button."""

    name: str
    label: Words
    wanted: bool
    error: type[errors.SendError]
    failing: Words
    fix: Words
    answer: str
    button: Words
    unknown: Words = ""
    fix_unknown: Words = ""

    def holds(self, number: Number) -> bool:
        """What nobody has said does not count as met."""
        return getattr(number, self.name) is self.wanted


CRITERIA = (
    Criterion(
        "connected",
        gettext_lazy("Connected to HubSpot"),
        True,
        errors.NumberNotInIntegration,
        gettext_lazy("It is not connected to the HubSpot integration."),
        gettext_lazy("Connect the number to the HubSpot integration in Aircall, then set it to Yes here."),
        YES,
        gettext_lazy("Yes, it is connected"),
        gettext_lazy("Nobody has confirmed that it is connected to HubSpot."),
        gettext_lazy("Look at the HubSpot integration's numbers in Aircall and set Yes or No here."),
    ),
    Criterion(
        "sms_capable",
        gettext_lazy("Can text"),
        True,
        errors.NumberNotSmsCapable,
        gettext_lazy("It cannot text."),
        gettext_lazy("Enable messaging for the number in Aircall, then set it to Yes here."),
        YES,
        gettext_lazy("Yes, it can text"),
        gettext_lazy("Nobody has confirmed that it can text."),
        gettext_lazy("Look at the number's messaging settings in Aircall and set Yes or No here."),
    ),
    Criterion(
        "third_party",
        gettext_lazy("Uses another messaging service"),
        False,
        errors.NumberThirdPartyMessaging,
        gettext_lazy("It uses another messaging service."),
        gettext_lazy("Switch the number back to Aircall messaging, then set it to No here."),
        NO,
        gettext_lazy("It no longer uses another service"),
    ),
    Criterion(
        "proxy_mode",
        gettext_lazy("Used by the Messaging API"),
        False,
        errors.NumberInProxyMode,
        gettext_lazy("It is used by the Aircall Messaging API (proxy mode)."),
        gettext_lazy(
            "Remove its Messaging API configuration in Aircall, then let smsadmin ask Aircall again."
        ),
        ASK,
        gettext_lazy("Ask Aircall again"),
    ),
)
BY_NAME = {criterion.name: criterion for criterion in CRITERIA}

#: Sender names and what an account picks itself are no numbers to be chosen (directory.models.SenderKind).
PHONES = Q(kind="phone")
#: The same for the database.
OFFERED = PHONES & Q(gone_at=None, **{criterion.name: criterion.wanted for criterion in CRITERIA})
UNCONFIRMED = PHONES & Q(gone_at=None) & (Q(connected=None) | Q(sms_capable=None))


def first_failing(number: Number, but_for: Collection[str] = ()) -> type[errors.SendError] | None:
    """The error of the first condition that fails, which a send from the number ends with; None: it is offered.

    `but_for` names conditions that do not matter this time.
    """
    if number.gone_at:
        return errors.NumberNotInIntegration
    asked = (criterion for criterion in CRITERIA if criterion.name not in but_for)
    return next((criterion.error for criterion in asked if not criterion.holds(number)), None)


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one condition for one number, who says so, and what mends it."""

    name: str
    label: Words
    value: bool | None
    holds: bool
    source: Words
    failing: Words
    fix: Words
    button: Words

    @property
    def is_known(self) -> bool:
        return self.value is not None


def criteria(number: Number) -> tuple[Criterion, ...]:
    """What it hinges on whether the number is offered: the other conditions are Aircall's alone."""
    return CRITERIA if number.connection.kind == "aircall" else _ELSEWHERE


_ELSEWHERE = (
    replace(
        BY_NAME["sms_capable"],
        fix=gettext_lazy("Have the provider enable texts for the number, then set it to Yes here."),
        fix_unknown=gettext_lazy("Look in the provider's portal, or ask it, and set Yes or No here."),
    ),
)


def facts(number: Number) -> list[Fact]:
    """The facts of a number, in the documented order."""
    return [_fact(number, criterion) for criterion in criteria(number)]


def failing(number: Number) -> list[Fact]:
    """Every fact that keeps the number from being offered; none for one that its provider no longer lists."""
    return [] if number.gone_at else [fact for fact in facts(number) if not fact.holds]


def why_not(number: Number) -> tuple[str, str]:
    """Why the number is not offered and what fixes it first, in sentences; ("", "") for one that is offered."""
    if number.gone_at:
        return _why_gone(number)
    found = failing(number)
    return " ".join(str(fact.failing) for fact in found), str(found[0].fix) if found else ""


def _why_gone(number: Number) -> tuple[str, str]:
    if number.kind == "name":
        return _("This sender name was withdrawn."), _("Request it again, or send from a number.")
    provider = number.connection.get_kind_display()
    return (
        _("%(provider)s no longer lists this number.") % {"provider": provider},
        _("Add it to the account again, or use another number."),
    )


def _fact(number: Number, criterion: Criterion) -> Fact:
    value, holds = getattr(number, criterion.name), criterion.holds(number)
    unknown = value is None
    return Fact(
        name=criterion.name,
        label=criterion.label,
        value=value,
        holds=holds,
        source="" if unknown else _source(number, criterion),
        failing="" if holds else criterion.unknown if unknown else criterion.failing,
        fix="" if holds else criterion.fix_unknown if unknown else criterion.fix,
        button="" if holds else criterion.button,
    )


def _source(number: Number, criterion: Criterion) -> Words:
    """Who says so; the words that are stored with the sources are of Aircall."""
    if getattr(number, f"{criterion.name}_source") == "probe":
        return _("asked %(provider)s") % {"provider": number.connection.get_kind_display()}
    words: str = getattr(number, f"get_{criterion.name}_source_display")()
    return words
