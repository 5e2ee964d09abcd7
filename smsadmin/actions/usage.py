"""What an action was used for lately: by whom it was asked for, and what became of its messages.

Everything is read from the newest messages of the last days, a bounded number of them, by their time-ordered ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import CharField, Count, Max, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.actions.models import Action
from smsadmin.core.ids import first_uuid7, moment_of
from smsadmin.core.status import ON_ITS_WAY, SETTLED, Status
from smsadmin.dashboard.templatetags.ui import STATUSES
from smsadmin.sending import presenters
from smsadmin.sending.filters import HUBSPOT, RESEND, TEST, log_url
from smsadmin.sending.models import Message

DAYS = 7
#: Of more messages than these, only the newest are looked at.
MOST_COUNTED = 20_000

#: How the shares stand side by side: what went well, what still may, what did not.
ORDER = sorted(Status, key=lambda status: (status not in ON_ITS_WAY, status in SETTLED))

CALLERS = {
    HUBSPOT: gettext_lazy("HubSpot, without saying which workflow"),
    TEST: gettext_lazy("Tests from the editor"),
    RESEND: gettext_lazy("Messages sent again by operators"),
    "api": gettext_lazy("The API"),
}


@dataclass(frozen=True, slots=True)
class Use:
    """Who asked for messages of the action: in words, with a page where there is one, how often, and when last."""

    words: str
    portal: str
    url: str
    count: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """The messages of one status: how many, where they are listed, and their stretch of the whole in per cent."""

    status: Status
    count: int
    url: str
    start: float
    width: float

    @property
    def tone(self) -> str:
        return STATUSES[self.status].tone


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the messages of the last days."""

    total: int
    capped: bool
    url: str
    shares: Sequence[Share]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a page shows of an action's last days."""

    days: int
    uses: Sequence[Use]
    outcome: Outcome


def usage(action: Action) -> Usage:
    """Who used an action, and with what outcome."""
    return Usage(DAYS, where_used(action), outcome(action))


def since() -> datetime:
    """When the days that count began, to the second, as links to the log carry it."""
    return (timezone.now() - timedelta(days=DAYS)).replace(microsecond=0)


def where_used(action: Action) -> list[Use]:
    """Who asked for the action's messages, most frequent first."""
    counted = (
        _recent(action, since())
        .values(
            "trigger",
            portal=KT("origin__portal"),
            workflow=KT("origin__workflow"),
            by_agent=KT("origin__agent_name"),
        )
        .annotate(count=Count("pk"), newest=Max(Cast("pk", CharField())))
    )
    uses = [_use(**row) for row in counted.order_by()]
    return sorted(uses, key=lambda use: (-use.count, use.words))


def _use(
    trigger: str, portal: str | None, workflow: str | None, by_agent: str | None, count: int, newest: str
) -> Use:
    """(Databases know the largest text; not all know the largest UUID.)"""
    found = presenters.workflow({"portal": portal, "workflow": workflow})
    words = found.words or (_("Agent %(name)s") % {"name": by_agent} if by_agent else "")
    words = words or str(CALLERS.get(trigger, trigger))
    return Use(words, portal or "", found.url, count, moment_of(UUID(newest)))


def outcome(action: Action) -> Outcome:
    """What became of the action's messages, status by status."""
    start = since()
    rows = _recent(action, start).values_list("status").annotate(count=Count("pk")).order_by()
    counts: dict[str, int] = dict(rows)
    total = sum(counts.values())
    shares, reached = [], 0
    for status in filter(counts.get, ORDER):
        url = log_url(action=action.pk, status=status.value, since=start)
        count = counts[status]
        shares.append(Share(status, count, url, 100 * reached / total, 100 * count / total))
        reached += count
    return Outcome(total, total == MOST_COUNTED, log_url(action=action.pk, since=start), shares)


def _recent(action: Action, start: datetime) -> QuerySet[Message]:
    """The newest messages of the action since then, at most MOST_COUNTED."""
    mine = Message.objects.filter(workspace=action.workspace_id, action=action, pk__gte=first_uuid7(start))
    return Message.objects.filter(pk__in=mine.order_by("-pk").values("pk")[:MOST_COUNTED])
