"""The directory's pages: numbers and why each is offered or not, users, and how fresh all that is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin import cache
from smsadmin.dashboard.pages import render_page
from smsadmin.directory import bell, facts, mirror
from smsadmin.directory.forms import AgentFilter, ConfirmForm, FactsForm, NumberFilter, is_recent
from smsadmin.directory.models import Agent, Number, Refresh
from smsadmin.workspaces.access import editor_required, operator_required, viewer_required
from smsadmin.workspaces.models import Connection, Role, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

PER_PAGE = 100
#: How long a refresh that was asked for may take to begin before the page says that no worker took it.
BEGINS_WITHIN = 60


@require_GET
@viewer_required
def directory(request: WorkspaceRequest) -> HttpResponse:
    """Every number, and why it is offered or not; htmx asks for the rows alone."""
    return _numbers_page(request, request.GET)


@require_POST
@editor_required
def confirm(request: WorkspaceRequest) -> HttpResponse:
    """Sets what an admin knows for several numbers in one step."""
    chosen = NumberFilter(request.POST)
    form = ConfirmForm(chosen.apply(_numbers(request.workspace)), request.POST)
    if not form.is_valid():
        return _numbers_page(request, request.POST, form, status=422)
    with transaction.atomic():
        count = form.save()
    cache.forget()
    done = ngettext("Set for %(count)d number.", "Set for %(count)d numbers.", count) % {"count": count}
    messages.success(request, done)
    return redirect("directory")


@require_http_methods(["GET", "POST"])
@viewer_required
def number(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One number: its four facts with their sources, its users; editors set the facts."""
    shown = get_object_or_404(Number.objects.select_related("connection"), pk=pk, workspace=request.workspace)
    if request.method == "POST":
        return _set_facts(request, shown)
    return _number_page(request, shown, FactsForm(shown))


@editor_required
def _set_facts(request: WorkspaceRequest, shown: Number) -> HttpResponse:
    form = FactsForm(shown, request.POST)
    if not form.is_valid():
        return _number_page(request, shown, form, status=422)
    changed = form.save()
    cache.forget()
    messages.success(request, _("The facts are set.") if changed else _("Nothing was changed."))
    return redirect("number", shown.pk)


@require_GET
@viewer_required
def agents(request: WorkspaceRequest) -> HttpResponse:
    """Aircall's users with the numbers they may send as."""
    chosen = AgentFilter(request.GET)
    named = Prefetch("numbers", Number.objects.order_by("name", "pk"), to_attr="numbers_by_name")
    everyone = Agent.objects.filter(workspace=request.workspace).order_by("name", "pk")
    page = Paginator(chosen.apply(everyone).prefetch_related(named), PER_PAGE).get_page(
        request.GET.get("page")
    )
    context = {"page": page, "filter": chosen, "connected": _accounts(request.workspace).exists()}
    return render_page(request, "directory/users.html", context, fragment="directory/_users.html")


@require_GET
@viewer_required
def freshness(request: WorkspaceRequest) -> HttpResponse:
    """How old the mirror is; polled while a refresh runs."""
    return render_page(request, "directory/_freshness.html", {**_fresh(request), "polled": True})


@require_POST
@operator_required
def refresh(request: WorkspaceRequest) -> HttpResponse:
    """Asks the worker to refresh every account of the workspace now."""
    if not bell.ring(account.pk for account in _accounts(request.workspace)):
        messages.error(
            request, _("The queue (broker) cannot be reached, so no refresh was started. Try again later.")
        )
        return redirect("directory")
    asked = int(timezone.now().timestamp())
    return redirect(f"{reverse('directory')}?asked={asked}")


@dataclass(frozen=True, slots=True)
class Mirror:
    """How fresh one account's mirror is."""

    connection: Connection
    newest: Refresh | None
    done: Refresh | None
    asked: bool  # a refresh was asked for a moment ago and has not begun
    ignored: bool  # it was asked for, and nobody took it

    @property
    def running(self) -> bool:
        return self.newest is not None and self.newest.state == Refresh.State.RUNNING

    @property
    def failure(self) -> Refresh | None:
        return self.newest if self.newest and self.newest.state == Refresh.State.FAILED else None

    @property
    def next_by(self) -> Any:
        return self.newest and self.newest.started_at + mirror.EVERY

    @property
    def changes(self) -> list[tuple[str, str]]:
        """What the last refresh found changed: (kind of change, names)."""
        found = self.done.changes if self.done else {}
        words = change_words()
        return [(words[kind], ", ".join(names)) for kind, names in found.items() if kind in words]


def change_words() -> dict[str, str]:
    """The kinds of difference a refresh reports, in words."""
    return {
        "numbers_added": _("New numbers"),
        "numbers_gone": _("Numbers gone"),
        "agents_added": _("New users"),
        "agents_gone": _("Users gone"),
        "associations_added": _("Users now on a number"),
        "associations_gone": _("Users no longer on a number"),
    }


def mirrors(workspace: Workspace, asked: str = "") -> list[Mirror]:
    """Each connected account's mirror; `asked` is the Unix time at which a refresh was asked for, if any."""
    return [_mirror(connection, asked) for connection in _accounts(workspace)]


def _mirror(connection: Connection, asked: str) -> Mirror:
    newest = connection.refreshes.order_by("-started_at").first()
    pending = is_recent(10 * BEGINS_WITHIN, asked) and not (
        newest and newest.started_at.timestamp() >= int(asked)
    )
    waiting = pending and is_recent(BEGINS_WITHIN, asked)
    late = pending and not waiting
    return Mirror(connection, newest, mirror.latest(connection), waiting, late)


def _fresh(request: WorkspaceRequest) -> dict[str, Any]:
    asked = request.GET.get("asked", "")
    found = mirrors(request.workspace, asked)
    return {"mirrors": found, "asked": asked, "waiting": any(each.running or each.asked for each in found)}


def _accounts(workspace: Workspace) -> QuerySet[Connection]:
    return workspace.connections.filter(kind=Connection.Kind.AIRCALL).order_by("name", "pk")


def _numbers(workspace: Workspace) -> QuerySet[Number]:
    return Number.objects.filter(workspace=workspace).order_by("gone_at", "name", "pk")


@dataclass(frozen=True, slots=True)
class Row:
    number: Number
    users: int
    why_not: str
    fix: str


def _rows(numbers: Iterable[Any]) -> list[Row]:
    return [Row(number, number.users, *facts.why_not(number)) for number in numbers]


def _numbers_page(
    request: WorkspaceRequest, query: Any, form: ConfirmForm | None = None, status: int = 200
) -> HttpResponse:
    chosen = NumberFilter(query)
    listed = chosen.apply(_numbers(request.workspace))
    users = Count("agents", filter=Q(agents__gone_at=None))
    page = Paginator(listed.annotate(users=users), PER_PAGE).get_page(query.get("page"))
    context = {
        "page": page,
        "rows": _rows(page),
        "filter": chosen,
        "form": form or ConfirmForm(listed),
        **_fresh(request),
        "unconfirmed": _numbers(request.workspace).filter(facts.UNCONFIRMED).count(),
        "may_edit": request.member.may(Role.EDITOR),
        "may_refresh": request.member.may(Role.OPERATOR),
    }
    return render_page(
        request, "directory/numbers.html", context, fragment="directory/_numbers.html", status=status
    )


def _number_page(
    request: WorkspaceRequest, shown: Number, form: FactsForm, status: int = 200
) -> HttpResponse:
    why_not, fix = facts.why_not(shown)
    context = {
        "number": shown,
        "facts": facts.facts(shown),
        "why_not": why_not,
        "fix": fix,
        "agents": shown.agents.order_by("name", "pk"),
        "form": form,
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "directory/number.html", context, status=status)
