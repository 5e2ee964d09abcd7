"""The log and its message page: what was asked for, what became of it, and why."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_htmx.http import push_url

from smsadmin.core.status import Status
from smsadmin.dashboard.pages import render_page, wants_fragment
from smsadmin.sending import explain, presenters
from smsadmin.sending.filters import MessageFilter, log_url
from smsadmin.sending.models import Message, RefusedCall
from smsadmin.workspaces.access import viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

PER_PAGE = 50
#: Counting stops here: an exact count of millions takes longer than the page.
MOST_COUNTED = 1_000


@require_GET
@viewer_required
def log(request: WorkspaceRequest) -> HttpResponse:
    """Every message, newest first; htmx asks for the list alone."""
    found = MessageFilter(request.GET, request)
    is_valid = found.form.is_valid()
    messages = found.qs if is_valid else Message.objects.none()
    page = page_of(messages, request.GET.get("before", ""), request.GET.get("after", ""))
    context = {
        "filter": found,
        "unfolded": found.is_narrowed or wants_fragment(request),  # somebody at the filters keeps them
        "rows": [(row, explain.sentence(row)) for row in page.rows],
        "newer": _turned(request, after=page.newer),
        "older": _turned(request, before=page.older),
        "counts": counts_of(messages, request),
        "refused": refused_today(request),
    }
    status = 200 if is_valid else 422
    response = render_page(request, "log/list.html", context, fragment="log/_list.html", status=status)
    return push_url(response, log_url(**_filters(request)))  # without the fields that were left empty


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the log; `newer` and `older` are ids to go on from, None where the log ends."""

    rows: Sequence[Message]
    newer: UUID | None = None
    older: UUID | None = None


def page_of(messages: QuerySet[Message], before: str = "", after: str = "") -> Page:
    """The page older than the id `before`, or newer than `after`; the newest page for neither, or no id."""
    rows = _with_columns(messages)
    if cursor := _uuid(after):
        found = list(rows.filter(pk__gt=cursor).order_by("pk")[: PER_PAGE + 1])
        if len(found) > PER_PAGE:
            newest_first = found[PER_PAGE - 1 :: -1]
            return Page(newest_first, newest_first[0].pk, newest_first[-1].pk)
    cursor = None if after else _uuid(before)
    older = rows.filter(pk__lt=cursor) if cursor else rows
    found = list(older.order_by("-pk")[: PER_PAGE + 1])
    shown = found[:PER_PAGE]
    return Page(
        shown,
        newer=shown[0].pk if cursor and shown else None,
        older=shown[-1].pk if len(found) > PER_PAGE else None,
    )


def _turned(request: HttpRequest, **cursor: UUID | None) -> str:
    """The address of another page of the same list, "" where there is none."""
    [(name, value)] = cursor.items()
    return log_url(**_filters(request) | {name: value}) if value else ""


def _filters(request: HttpRequest) -> dict[str, str]:
    return {
        name: str(value) for name, value in request.GET.items() if value and name not in ("before", "after")
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _with_columns(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Just what a row shows; the workflow is picked out of a long column that stays where it is."""
    related = messages.select_related("number", "agent", "action")
    return related.defer(*Message.LONG, "body").annotate(workflow=KT("origin__workflow"))


@dataclass(frozen=True, slots=True)
class Counts:
    """How many messages a filter finds: all of them, or what the newest MOST_COUNTED are."""

    total: int
    capped: bool
    by_status: Sequence[tuple[str, int, str]]  # status, how many, the log narrowed to it


def counts_of(messages: QuerySet[Message], request: HttpRequest) -> Counts:
    statuses = list(messages.order_by("-pk").values_list("status", flat=True)[: MOST_COUNTED + 1])
    tally = Counter(statuses[:MOST_COUNTED])
    kept = _filters(request)
    links = [
        (status.value, tally[status], log_url(**kept | {"status": status.value}))
        for status in Status
        if tally[status]
    ]
    return Counts(sum(tally.values()), len(statuses) > MOST_COUNTED, links)


@require_GET
@viewer_required
def message(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    """What became of one message, whose fault it is and what fixes it; htmx asks again until it is settled."""
    related = Message.objects.select_related("workspace", "number", "agent", "action", "version")
    shown = get_object_or_404(related, pk=pk, workspace=request.workspace)
    context = {
        "message": shown,
        "trace": explain.trace(shown),
        **presenters.page(shown, list(shown.events.all()), timezone.now()),
    }
    return render_page(request, "log/message.html", context, fragment="log/_message.html")


@require_GET
@viewer_required
def refused_calls(request: WorkspaceRequest) -> HttpResponse:
    """Calls that were turned away before they became messages, newest first."""
    calls = refused_of(request)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        calls = calls.filter(pk__lt=int(before))
    found = list(calls.order_by("-pk")[: PER_PAGE + 1])
    shown = found[:PER_PAGE]
    context = {
        "calls": [(call, presenters.refusal(call.reason)) for call in shown],
        "newest": request.path if before else "",
        "older": f"?before={shown[-1].pk}" if len(found) > PER_PAGE else "",
    }
    return render_page(request, "log/refused.html", context)


def refused_of(request: WorkspaceRequest) -> QuerySet[RefusedCall]:
    """The workspace's refused calls; an owner also sees those that named no portal anybody connected."""
    workspace, member = request.workspace, request.member
    mine = Q(workspace=workspace)
    return RefusedCall.objects.filter(mine | Q(workspace=None) if member.may(Role.OWNER) else mine)


@dataclass(frozen=True, slots=True)
class Refused:
    """Today's refused calls: how many (at most MOST_COUNTED are counted) and the newest reasons."""

    count: int
    capped: bool
    reasons: Sequence[str]


def refused_today(request: WorkspaceRequest) -> Refused:
    found = refused_of(request).filter(at__gte=midnight())
    reasons = list(found.order_by("-at").values_list("reason", flat=True)[: MOST_COUNTED + 1])
    newest = [presenters.refusal(reason) for reason in dict.fromkeys(reasons)][:3]
    return Refused(min(len(reasons), MOST_COUNTED), len(reasons) > MOST_COUNTED, newest)


def midnight() -> datetime:
    """When the viewer's day began."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
