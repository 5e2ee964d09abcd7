"""The page of comparisons: whether the counters and the log say the same, what was put right, and comparing now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from smsadmin.core.windows import Window
from smsadmin.dashboard.pages import render_page
from smsadmin.directory import naming
from smsadmin.directory.models import Agent, Number
from smsadmin.quotas import comparing, words
from smsadmin.quotas.models import Recount, Scope, Unit
from smsadmin.sending.filters import log_url
from smsadmin.workspaces.access import operator_required, viewer_required
from smsadmin.workspaces.models import Role, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

MOST_LISTED = 30
#: Differences of one comparison.
MOST_SHOWN = 50
#: A comparison is made every night; after this nobody should rely on the last one.
STALE = timedelta(days=2)
#: How long a comparison that was asked for may take to begin before the page says that no worker took it.
BEGINS_WITHIN = timedelta(minutes=1)

#: A number or user: what it is called, and the log narrowed to its messages.
Named = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure that was put right."""

    name: str
    url: str
    window: str
    unit: str
    counted: int
    found: int

    @property
    def by(self) -> str:
        """How much was added or taken away."""
        return f"{self.found - self.counted:+d}".replace("-", "−")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One finished comparison with the first of its differences."""

    recount: Recount
    differences: Sequence[Difference]

    @property
    def more(self) -> int:
        return len(self.recount.drifts) - len(self.differences)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A comparison that waits for a worker, or runs."""

    recount: Recount
    now: datetime

    @property
    def runs(self) -> bool:
        lease = self.recount.lease_until
        return lease is not None and lease >= self.now

    @property
    def is_ignored(self) -> bool:
        """Whether it was asked for, and nobody took it."""
        return not self.runs and self.now - self.recount.at > BEGINS_WITHIN


@require_GET
@viewer_required
def recounts(request: WorkspaceRequest) -> HttpResponse:
    """The last comparisons, newest first."""
    now, rows = timezone.now(), Recount.objects.filter(workspace=request.workspace).order_by("-at")
    finished = list(rows.filter(finished_at__isnull=False)[:MOST_LISTED])
    unfinished = rows.filter(finished_at=None).first()
    context = {
        "comparisons": comparisons(request.workspace, finished),
        "unfinished": Unfinished(unfinished, now) if unfinished else None,
        "is_stale": bool(finished) and now - finished[0].at > STALE,
        "may_compare": request.member.may(Role.OPERATOR),
        "kept": comparing.MONTHS + 1,
    }
    return render_page(request, "quotas/recounts/list.html", context, fragment="quotas/recounts/_list.html")


@require_POST
@operator_required
def recount_now(request: WorkspaceRequest) -> HttpResponse:
    """Asks a worker for a comparison; the page says what becomes of it."""
    comparing.ask(request.workspace.pk, timezone.now())
    return redirect("quota-recounts")


def comparisons(workspace: Workspace, rows: Sequence[Recount]) -> list[Comparison]:
    """These comparisons with their differences in words."""
    shown = {row.pk: row.drifts[:MOST_SHOWN] for row in rows}
    names = _names(workspace, {(each["scope"], each["subject"]) for each in chain(*shown.values())})
    return [Comparison(row, [_difference(each, names) for each in shown[row.pk]]) for row in rows]


def _names(workspace: Workspace, subjects: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Named]:
    """Those that still exist."""
    ids = {scope: [pk for its, pk in subjects if its == scope] for scope in Scope.values}
    numbers = Number.objects.filter(workspace=workspace, pk__in=ids[Scope.NUMBER])
    agents = Agent.objects.filter(workspace=workspace, pk__in=ids[Scope.USER])
    found: dict[tuple[str, int], Named] = {}
    for number in numbers:
        found[Scope.NUMBER, number.pk] = naming.label(number), log_url(number=number.pk)
    for agent in agents:
        found[Scope.USER, agent.pk] = agent.name, log_url(agent=agent.pk)
    return found


def _difference(drift: comparing.Drift, names: dict[tuple[str, int], Named]) -> Difference:
    scope, subject = drift["scope"], drift["subject"]
    gone = _("a number that no longer exists") if scope == Scope.NUMBER else _("a user who no longer exists")
    name, url = names.get((scope, subject), (gone, ""))
    return Difference(
        name=name,
        url=url,
        window=words.titled(str(words.NAMES[Window(drift["window"])]), Unit.MESSAGES, drift["zone"]),
        unit=str(words.UNITS[Unit(drift["unit"])]),
        counted=drift["counted"],
        found=drift["found"],
    )
