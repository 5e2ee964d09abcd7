"""Every kind of event that hooks may be told of, by family, with its words."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from smsadmin.core.status import Status

#: What the button that tries a hook sends. Nobody chooses it: each hook gets its own.
SAMPLE = "sample"

RECEIVED = "message.received"
QUOTA_WARNING, QUOTA_REACHED, QUOTA_FORECAST = "quota.warning", "quota.reached", "quota.forecast"
GROUP_OPENED = "failure_group.opened"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event: its name on the wire, its word, and when it happens."""

    name: str
    word: str | Promise
    when: str | Promise


@dataclass(frozen=True, slots=True)
class Family:
    """Kinds of event that are about the same thing, and may be chosen together."""

    name: str
    word: str | Promise
    kinds: tuple[Kind, ...]

    @property
    def every(self) -> str:
        """The name that stands for all its kinds, those of later versions too."""
        return f"{self.name}.*"


FAMILIES = (
    Family(
        "message",
        _("Messages"),
        (
            Kind("message.queued", _("Queued"), _("It was accepted, or released from the line it was held in.")),
            Kind("message.held", _("Held"), _("It waits for room in its quotas.")),
            Kind("message.rejected", _("Rejected"), _("We said no: nothing left this server.")),
            Kind("message.sent", _("Sent"), _("The provider took it.")),
            Kind("message.delivered", _("Delivered"), _("The carrier says that it arrived.")),
            Kind("message.undelivered", _("Undelivered"), _("The carrier gave up.")),
            Kind("message.failed", _("Failed"), _("The provider refused it, or could not be reached.")),
            Kind("message.unknown", _("Unknown"), _("There was no clear answer: it may have gone out.")),
            Kind("message.expired", _("Expired"), _("It was held, and found no room in time.")),
            Kind("message.cancelled", _("Cancelled"), _("It was taken out of the line it was held in.")),
            Kind(RECEIVED, pgettext_lazy("text to our number", "Received"), _("Somebody texted one of your numbers.")),
        ),
    ),
    Family(
        "quota",
        _("Quotas"),
        (
            Kind(QUOTA_WARNING, _("Warning"), _("A limit came to 50, 80 or 90 percent.")),
            Kind(QUOTA_REACHED, _("Reached"), _("A limit is used up: further messages are refused or held.")),
            Kind(QUOTA_FORECAST, _("Forecast"), _("As things go, a limit will be used up before it starts anew.")),
        ),
    ),
    Family(
        "failure_group",
        _("Causes of failures"),
        (
            Kind(GROUP_OPENED, _("Opened"), _("A cause is new, recurred, or was opened again by somebody.")),
            Kind("failure_group.acknowledged", _("Acknowledged"), _("Somebody knows of it.")),
            Kind("failure_group.muted", _("Muted"), _("Somebody muted it until it recurs.")),
            Kind("failure_group.resolved", _("Resolved"), _("Somebody resolved it.")),
        ),
    ),
)  # fmt: skip

KINDS = {kind.name: kind for family in FAMILIES for kind in family.kinds}
_OF_A_FAMILY = {family.every: [kind.name for kind in family.kinds] for family in FAMILIES}


def expanded(chosen: Iterable[str]) -> frozenset[str]:
    """The kinds that these names stand for; names of no kind stand for none."""
    return frozenset(kind for name in chosen for kind in _OF_A_FAMILY.get(name, [name]) if kind in KINDS)


def of_status(status: Status) -> str:
    """The kind that tells of a message's status; no hook is told of "received" and "sending", which have none."""
    return f"message.{status}" if status != Status.RECEIVED else ""


def of_state(state: str) -> str:
    """The kind that tells how a cause of failures stands (failures.models.State)."""
    return GROUP_OPENED if state == "new" else f"failure_group.{state}"


def of_threshold(threshold: int) -> str:
    """The kind that tells of a crossing (quotas.models.Crossing)."""
    if not threshold:
        return QUOTA_FORECAST
    return QUOTA_REACHED if threshold == 100 else QUOTA_WARNING
