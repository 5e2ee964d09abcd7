"""The log and its message page: what was asked for, what became of it, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import push_url

from smsadmin.consent.listing import standing
from smsadmin.core.ids import key16
from smsadmin.dashboard.pages import render_page, wants_fragment
from smsadmin.incoming import charges
from smsadmin.incoming.asking import may_be_asked
from smsadmin.keyset import Page
from smsadmin.privacy import reading
from smsadmin.privacy.policies import policy_of
from smsadmin.privacy.words import kept
from smsadmin.sending import explain, listing, presenters
from smsadmin.sending.asked import Asked, asked, hints
from smsadmin.sending.filters import MessageFilter, log_url
from smsadmin.sending.models import Message
from smsadmin.sending.requests import refused_of
from smsadmin.sending.saved import SavedView, SaveForm, may_change, views_of
from smsadmin.workspaces.access import viewer_required
from smsadmin.workspaces.models import Role, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

#: Counting the refused calls of a day stops here.
MOST_COUNTED = 1_000
#: A live log asks for news by itself for so long, so that a forgotten tab does not ask for ever.
LIVE_FOR = timedelta(minutes=30)


@require_GET
@viewer_required
def log(request: WorkspaceRequest) -> HttpResponse:
    """Every message, newest first; htmx asks for the list alone. The search box leads to the form's own address."""
    asks = asked(request.GET.dict(), request.workspace)
    place = {
        name: request.GET[name] for name in ("before", "after", "live", "choose") if request.GET.get(name)
    }
    address = log_url(**asks.filters, **place)
    if wants_fragment(request):
        response = _log_page(request, asks)
        return response if "shown" in request.GET else push_url(response, address)
    if not asks.complaints and request.GET.dict() != asks.filters | place:
        return redirect(address)
    return _log_page(request, asks)


def _log_page(request: WorkspaceRequest, asks: Asked, naming: SaveForm | None = None) -> HttpResponse:
    """The log with these filters; `naming` is a form for a saved view that could not be saved."""
    found = MessageFilter(asks.filters, request)
    is_valid = not asks.complaints and found.form.is_valid()
    page: Page[Message] = Page()
    live = None
    if is_valid:
        page = listing.page_of(found.qs, request.GET.get("before", ""), request.GET.get("after", ""))
        live = _live(request, page) if request.GET.get("live") and not page.newer else None
    query = urlencode(asks.filters)
    context = {
        "asked": asks,
        "hints": hints(),
        "filter": found,
        "is_valid": is_valid,
        "unfolded": found.is_narrowed or wants_fragment(request),  # somebody at the filters keeps them
        "rows": _explained(page.rows, request),
        **page.turned(reverse("log"), asks.filters),
        "counts": listing.counts_of(found) if is_valid else listing.Counts(),
        "live": live,
        "live_url": log_url(**asks.filters, live=1),
        "still_url": log_url(**asks.filters),
        "query": query,
        "saved": [(each, may_change(request.member, each)) for each in _views(request)],
        "naming": naming or SaveForm(request.member),
        "refused": refused_today(request),
        "kept": kept(policy_of(request.workspace.pk)),
    }
    status = 200 if is_valid and naming is None else 422
    return render_page(request, "log/list.html", context, fragment="log/_list.html", status=status)


def _explained(rows: Sequence[Message], request: WorkspaceRequest) -> list[tuple[Message, str]]:
    """The rows as their reader may see them, each with what stopped or holds it."""
    return explain.sentences(reading.for_reader(rows, request.member))


@dataclass(frozen=True, slots=True)
class Live:
    """A log that asks for news by itself: where, how many rows came with this answer, and whether it has stopped."""

    query: str
    is_news: bool
    fresh: int
    is_over: bool


def _live(request: WorkspaceRequest, page: Page[Message]) -> Live:
    """`shown` and `ends` come with the questions the page asks by itself: the rows it has, and until when it asks."""
    now = int(timezone.now().timestamp())
    given = request.GET.get("ends", "")
    ends = int(given) if given.isdecimal() and len(given) < 12 else now + int(LIVE_FOR.total_seconds())
    before = request.GET.get("shown")
    marks = [key16(row.pk).hex[:6] for row in page.rows]
    known = {before[at : at + 6] for at in range(0, len(before), 6)} if before else set()
    return Live(
        query=urlencode({"shown": "".join(marks), "ends": ends}),
        is_news=before is not None,
        fresh=len(set(marks) - known) if before is not None else 0,
        is_over=now >= ends,
    )


# --- Saved views --------------------------------------------------------------------------------------


@require_POST
@viewer_required
def save_view(request: WorkspaceRequest) -> HttpResponse:
    """Keeps the filter of the page under a name; an editor may do so for everybody."""
    asks = asked(dict(parse_qsl(request.POST.get("query", ""))), request.workspace)
    form = SaveForm(request.member, request.POST)
    saved = form.save(urlencode(asks.filters))
    if saved is None:
        return _log_page(request, asks, naming=form)
    messages.success(request, _("The view “%(name)s” is saved.") % {"name": saved.name})
    return redirect(log_url(**asks.filters))


def _views(request: WorkspaceRequest) -> QuerySet[SavedView]:
    return views_of(request.member, reading.sees_everything(request.member))


@require_POST
@viewer_required
def delete_view(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Forgets a view; the messages it showed stay where they are."""
    view = get_object_or_404(_views(request), pk=pk)
    if not may_change(request.member, view):
        raise PermissionDenied(_("This view is shared: an editor of the workspace can delete it."))
    view.delete()
    messages.success(request, _("The view “%(name)s” is deleted.") % {"name": view.name})
    return redirect(
        log_url(**asked(dict(parse_qsl(request.POST.get("query", ""))), request.workspace).filters)
    )


# --- One message --------------------------------------------------------------------------------------


@require_GET
@viewer_required
def message(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    """What became of one message, whose fault it is and what fixes it; htmx asks again until it is settled."""
    related = Message.objects.select_related(
        "workspace", "connection", "number", "agent", "action", "version"
    )
    found = related.filter(pk=pk, workspace=request.workspace).first()
    if found is None:
        return _elsewhere(request, pk)
    shown, events = reading.shown(found, list(found.events.all()), request)
    context = {
        "message": shown,
        "trace": explain.trace(shown),
        "may_reveal": reading.may_reveal(request.member),
        "revealed_until": reading.revealed_until(request, pk),
        "opt_out": standing(request.workspace.pk, found.recipient),
        "may_ask": request.member.may(Role.OPERATOR) and may_be_asked(found),
        "charge": charges.of(found),
        **presenters.page(shown, events, timezone.now(), request.member),
    }
    return render_page(request, "log/message.html", context, fragment="log/_message.html")


def _elsewhere(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    """A link to a message of another workspace the person is a member of offers to switch there (404 all the same)."""
    home = get_object_or_404(Workspace, messages=pk, member__user=request.user)
    return render_page(request, "log/elsewhere.html", {"home": home}, status=404)


# --- Calls turned away --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refused:
    """Today's refused calls: how many (at most MOST_COUNTED are counted) and the newest reasons."""

    count: int
    capped: bool
    reasons: Sequence[str]


def refused_today(request: WorkspaceRequest) -> Refused:
    calls = [
        call
        for found in refused_of(request)
        for call in found.filter(at__gte=midnight())
        .order_by("-at")
        .values_list("at", "reason")[: MOST_COUNTED + 1]
    ]
    reasons = [reason for _at, reason in sorted(calls, reverse=True)]
    newest = [presenters.refusal(reason) for reason in dict.fromkeys(reasons)][:3]
    return Refused(min(len(reasons), MOST_COUNTED), len(reasons) > MOST_COUNTED, newest)


def midnight() -> datetime:
    """When the viewer's day began."""
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
