"""The quota pages: the matrix of all numbers and users, and one of them in full."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_GET

from smsadmin.core.windows import Window
from smsadmin.dashboard.pages import render_page, wants_fragment
from smsadmin.directory.models import Agent, Number
from smsadmin.incoming import outside
from smsadmin.quotas import matrix, positions, use, words
from smsadmin.quotas.matrix import QuotaFilter
from smsadmin.quotas.models import Scope
from smsadmin.quotas.positions import Holder, Position
from smsadmin.quotas.use import Chosen
from smsadmin.workspaces.access import viewer_required
from smsadmin.workspaces.requests import WorkspaceRequest


@require_GET
@viewer_required
def quotas(request: WorkspaceRequest) -> HttpResponse:
    """What each number and each user may still send in each window; htmx asks for the tables alone."""
    now, wanted = timezone.now(), QuotaFilter(request.GET, request.workspace)
    context = {
        "filter": wanted,
        "tables": matrix.tables(request.workspace.pk, wanted, now, request.GET.get("all", "")),
        "now": now,
    }
    return render_page(request, "quotas/list.html", context, fragment="quotas/_tables.html")


@require_GET
@viewer_required
def number(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One number's quota: how a window was used until now, of what, and the months before; htmx asks for what
    changes from minute to minute."""
    return _use(request, get_object_or_404(Number, pk=pk, workspace=request.workspace))


@require_GET
@viewer_required
def user(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The same of one user."""
    return _use(request, get_object_or_404(Agent, pk=pk, workspace=request.workspace))


def _use(request: WorkspaceRequest, holder: Holder) -> HttpResponse:
    now = timezone.now()
    position = positions.one(holder, now)
    asked = use.chosen(position, *(request.GET.get(name, "") for name in ("window", "unit", "zone")))
    context: dict[str, Any] = {
        "holder": holder,
        "scope": position.scope,
        "name": matrix.name_of(position),
        "now": now,
        "asked": asked,
        "windows": [_option(asked, words.NAMES[window], window=window) for window in Window],
        "units": [_option(asked, label, unit=unit) for unit, label in words.UNITS.items()],
        "zones": [_option(asked, zone, zone=zone) for zone in asked.zones],
        "course": use.course(position, asked),
        "limits": use.limits(position),
        "stopped_by": use.stopped_by(position),
        "held": use.held(position),
        "refused": use.refused(position, asked),
        "given_back": use.given_back(position, asked),
        "outside": outside.use(holder, asked.began, asked.now) if isinstance(holder, Number) else None,
    }
    if not wants_fragment(
        request
    ):  # the rest costs more and changes little: it is not asked for again and again
        context |= {
            "actions": use.actions(position, asked),
            "workflows": use.workflows(position, asked),
            "history": use.history(position, asked.unit),
            "table": _pairs(request, position, now),
        }
    return render_page(request, "quotas/use.html", context, fragment="quotas/_now.html")


@dataclass(frozen=True, slots=True)
class Option:
    """A window, unit or zone that may be looked at, and its address."""

    words: str
    url: str
    is_chosen: bool


def _option(asked: Chosen, label: object, **other: str) -> Option:
    """The page as it is but for one thing; another window or unit decides anew by whose calendar."""
    now = {"window": asked.window.value, "unit": str(asked.unit), "zone": asked.zone}
    then = {**now, **{name: str(value) for name, value in other.items()}}
    query = then if "zone" in other else {name: then[name] for name in ("window", "unit")}
    return Option(str(label), f"?{urlencode(query)}", then == now)


def _pairs(request: WorkspaceRequest, position: Position, now: datetime) -> matrix.Table:
    """The users of a number, or the numbers of a user, with the cap that binds first."""
    workspace_id = request.workspace.pk
    if position.scope == Scope.NUMBER:
        sides = [position], positions.of(workspace_id, Scope.USER, now)
    else:
        sides = positions.of(workspace_id, Scope.NUMBER, now), [position]
    found, is_all = positions.pairs(workspace_id, *sides, now)
    whole = request.GET.get("all") == matrix.PAIR
    return matrix.of_pairs(found, QuotaFilter({}, request.workspace), now, whole=whole, is_all=is_all)
