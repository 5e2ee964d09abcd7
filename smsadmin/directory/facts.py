"""Whether a number is offered, fact by fact, in words: the four criteria and what fixes each.

Aircall help: advanced Send SMS action, "Why your number may not appear".
"""

from dataclasses import dataclass

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.directory.models import Number, Source

Words = str | Promise

#: The same as Number.is_eligible, for the database.
OFFERED = Q(connected=True, sms_capable=True, third_party=False, proxy_mode=False, gone_at=None)
UNCONFIRMED = Q(gone_at=None) & (Q(connected=None) | Q(sms_capable=None))


@dataclass(frozen=True, slots=True)
class Criterion:
    """One of the four facts: what it must be, and the words for each way it can fail."""

    name: str
    label: Words
    wanted: bool
    failing: Words
    fix: Words
    unknown: Words = ""
    fix_unknown: Words = ""


CRITERIA = (
    Criterion(
        "connected",
        gettext_lazy("Connected to HubSpot"),
        True,
        gettext_lazy("It is not connected to the HubSpot integration."),
        gettext_lazy("Connect the number to the HubSpot integration in Aircall, then set it to Yes here."),
        gettext_lazy("Nobody has confirmed that it is connected to HubSpot."),
        gettext_lazy("Look at the HubSpot integration's numbers in Aircall and set Yes or No here."),
    ),
    Criterion(
        "sms_capable",
        gettext_lazy("Can text"),
        True,
        gettext_lazy("It cannot text."),
        gettext_lazy("Enable messaging for the number in Aircall, then set it to Yes here."),
        gettext_lazy("Nobody has confirmed that it can text."),
        gettext_lazy("Look at the number's messaging settings in Aircall and set Yes or No here."),
    ),
    Criterion(
        "third_party",
        gettext_lazy("Uses another messaging service"),
        False,
        gettext_lazy("It uses another messaging service."),
        gettext_lazy("Switch the number back to Aircall messaging, then set it to No here."),
    ),
    Criterion(
        "proxy_mode",
        gettext_lazy("Used by the Messaging API"),
        False,
        gettext_lazy("It is used by the Aircall Messaging API (proxy mode)."),
        gettext_lazy("Remove its Messaging API configuration in Aircall, then refresh the directory."),
    ),
)


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one criterion for one number, and who says so."""

    name: str
    label: Words
    value: bool | None
    holds: bool
    source: Words
    failing: Words
    fix: Words


def facts(number: Number) -> list[Fact]:
    """The four facts of a number, in the documented order."""
    return [_fact(number, criterion) for criterion in CRITERIA]


def why_not(number: Number) -> tuple[str, str]:
    """Why the number is not offered and what fixes it, in sentences; ("", "") for one that is offered."""
    if number.gone_at:
        return _("Aircall no longer lists this number."), _(
            "Add it to the account again, or use another number."
        )
    failing = [fact for fact in facts(number) if not fact.holds]
    return " ".join(str(fact.failing) for fact in failing), str(failing[0].fix) if failing else ""


def _fact(number: Number, criterion: Criterion) -> Fact:
    value = getattr(number, criterion.name)
    source = Source(getattr(number, f"{criterion.name}_source"))
    holds, unknown = value is criterion.wanted, value is None
    return Fact(
        name=criterion.name,
        label=criterion.label,
        value=value,
        holds=holds,
        source="" if unknown else source.label,
        failing="" if holds else criterion.unknown if unknown else criterion.failing,
        fix="" if holds else criterion.fix_unknown if unknown else criterion.fix,
    )
