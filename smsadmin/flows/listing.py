"""The list of flows: what starts each, whether it is on, and how its recent runs ended."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Count, Prefetch
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from smsadmin.core.ids import first_uuid7
from smsadmin.dashboard.pages import render_page
from smsadmin.dashboard.shelf import shelf
from smsadmin.flows import presenters
from smsadmin.flows.models import Flow, FlowRun, Start
from smsadmin.workspaces.access import viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

DAYS = 7
#: Of more runs than these, only the newest are counted.
MOST_COUNTED = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One flow of the list, what starts it, and its last days' runs."""

    flow: Flow
    starts: Sequence[str]
    total: int
    failed: int
    url: str
    failed_url: str

    @property
    def state(self) -> str:
        return presenters.state_of(self.flow)


@require_GET
@viewer_required
def flows(request: WorkspaceRequest) -> HttpResponse:
    """The flows by name, a page at a time; htmx asks for the list alone."""
    rows = Flow.objects.filter(workspace=request.workspace)
    starts = Prefetch("starts", Start.objects.select_related("number"))
    shown = rows.select_related("current__created_by").defer("current__source").prefetch_related(starts)
    found = shelf(request, rows, shown)
    lines, capped = _rows(found.page.object_list)
    context = {
        **found.context,
        "rows": lines,
        "days": DAYS,
        "most_counted": MOST_COUNTED if capped else 0,
        "starters": presenters.starters(),
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "flows/list.html", context, fragment="flows/_list.html")


def _rows(listed: Iterable[Flow]) -> tuple[list[Row], bool]:
    """The flows with their runs' counts, and whether there were too many to count."""
    found = list(listed)
    counts = _counts(found, timezone.now() - timedelta(days=DAYS))
    total = sum(sum(each.values()) for each in counts.values())
    return [_row(flow, counts[flow.pk]) for flow in found], total >= MOST_COUNTED


def _row(flow: Flow, counts: Counter[str]) -> Row:
    address = reverse("flow-runs-of", args=[flow.pk])
    failed = FlowRun.State.FAILED
    return Row(
        flow=flow,
        starts=[presenters.start_words(start) for start in flow.starts.all()],
        total=sum(counts.values()),
        failed=counts[failed],
        url=address,
        failed_url=f"{address}?{urlencode({'state': failed})}",
    )


def _counts(listed: list[Flow], since: datetime) -> dict[int, Counter[str]]:
    """How many runs of each flow began since then, by state; rehearsed ones do not count."""
    recent = FlowRun.objects.filter(flow__in=listed, pk__gte=first_uuid7(since), dry=False)
    newest = FlowRun.objects.filter(pk__in=recent.order_by("-pk").values("pk")[:MOST_COUNTED])
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for flow, state, number in newest.values_list("flow", "state").annotate(n=Count("pk")).order_by():
        counts[flow][state] = number
    return counts
