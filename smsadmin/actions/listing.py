"""The list of actions: what each does, whether it is on, and what became of its recent messages."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from smsadmin.actions import troubles, usage
from smsadmin.actions.models import Action
from smsadmin.actions.standing import State, state_of
from smsadmin.core.ids import first_uuid7
from smsadmin.dashboard.pages import render_page
from smsadmin.dashboard.shelf import shelf
from smsadmin.sending.filters import GROUPS, log_url
from smsadmin.sending.models import Message
from smsadmin.workspaces.access import viewer_required
from smsadmin.workspaces.models import Role, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

#: Of more messages than these, only the newest are counted.
MOST_COUNTED = 100_000


@dataclass(frozen=True, slots=True)
class Group:
    """Messages of an action that ended alike: how many, under which word, and where they are listed."""

    name: str
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class Row:
    """One action of the list: what keeps it from sending, and its last days' messages."""

    action: Action
    troubles: list[troubles.Trouble]
    total: int
    url: str
    groups: list[Group]

    @property
    def state(self) -> State:
        return state_of(self.action)

    @property
    def first_line(self) -> str:
        return next(iter(self.action.current.message.strip().splitlines()), "") if self.action.current else ""


@require_GET
@viewer_required
def actions(request: WorkspaceRequest) -> HttpResponse:
    """The actions by name, a page at a time; htmx asks for the list alone."""
    rows = Action.objects.filter(workspace=request.workspace)
    found = shelf(request, rows, rows.select_related("current__sender_number", "current__created_by"))
    lines, capped = _rows(request.workspace, found.page.object_list)
    context = {
        **found.context,
        "rows": lines,
        "days": usage.DAYS,
        "most_counted": MOST_COUNTED if capped else 0,
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "actions/list.html", context, fragment="actions/_list.html")


def _rows(workspace: Workspace, listed: Iterable[Action]) -> tuple[list[Row], bool]:
    """The actions with their messages' counts, and whether there were too many to count."""
    found = list(listed)
    since = usage.since()
    counts = _counts(workspace, found, since)
    total = sum(sum(each.values()) for each in counts.values())
    return [_row(action, counts[action.pk], since) for action in found], total >= MOST_COUNTED


def _row(action: Action, counts: Counter[str], since: datetime) -> Row:
    """(An undelivered message was sent, and is in trouble: it is in both groups, as it is in the log's.)"""
    sizes = {name: sum(counts[status] for status in GROUPS[name]) for name in ("left", "trouble", "waiting")}
    return Row(
        action=action,
        troubles=troubles.of(action),
        total=sum(counts.values()),
        url=log_url(action=action.pk, since=since),
        groups=[
            Group(name, size, log_url(action=action.pk, status=name, since=since))
            for name, size in sizes.items()
            if size
        ],
    )


def _counts(workspace: Workspace, listed: list[Action], since: datetime) -> dict[int, Counter[str]]:
    """How many messages each action made since then, by status."""
    recent = Message.objects.filter(workspace=workspace, action__in=listed, pk__gte=first_uuid7(since))
    newest = Message.objects.filter(pk__in=recent.order_by("-pk").values("pk")[:MOST_COUNTED])
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for action, status, count in newest.values_list("action", "status").annotate(n=Count("pk")).order_by():
        counts[action][status] = count
    return counts
