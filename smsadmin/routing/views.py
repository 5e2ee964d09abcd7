"""The pages of routes: which sender really carries a text."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin import cache
from smsadmin.dashboard.pages import render_page
from smsadmin.routing import arranging, listing, trying
from smsadmin.routing.forms import RouteForm, TesterForm
from smsadmin.routing.models import Route
from smsadmin.workspaces.access import editor_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest


@require_GET
@viewer_required
def routes(request: WorkspaceRequest) -> HttpResponse:
    """Every route in the order in which they are looked at; ?sender=…&to=… asks which would carry a text."""
    is_asked = "to" in request.GET
    tester = TesterForm(request.workspace, request.GET if is_asked else None)
    tried = (
        trying.tried(tester.cleaned_data["sender"], tester.cleaned_data["to"]) if tester.is_valid() else None
    )
    rows = listing.rows(listing.routes_of(request.workspace))
    context = {
        "has_routes": bool(rows),
        "groups": [(when, [row for row in rows if row.route.when == when]) for when in Route.When],
        "tester": tester,
        "tried": tried,
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(
        request, "routing/list.html", context, status=422 if is_asked and tried is None else 200
    )


@require_http_methods(["GET", "POST"])
@editor_required
def new(request: WorkspaceRequest) -> HttpResponse:
    """A further route; ?when=failover begins with that, ?via=… with the sender that it leads to."""
    made = Route(
        workspace=request.workspace, created_by=request.user, position=arranging.last_place(request.workspace)
    )
    begins = {name: request.GET[name] for name in ("when", "sender", "via", "country") if name in request.GET}
    form = RouteForm(request.POST or None, instance=made, initial=begins)
    return _saved(request, form, _("The route is laid: %(words)s"))


@require_http_methods(["GET", "POST"])
@editor_required
def route(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One route, to be changed."""
    return _saved(
        request, RouteForm(request.POST or None, instance=_own(request, pk)), _("It says now: %(words)s")
    )


def _saved(request: WorkspaceRequest, form: RouteForm, words: str) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        cache.forget()
        messages.success(request, words % {"words": listing.sentence(saved)})
        return redirect("routes")
    context: dict[str, Any] = {"form": form, "route": form.instance if form.instance.pk else None}
    return render_page(request, "routing/route.html", context, status=422 if form.is_bound else 200)


@require_POST
@editor_required
def move(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Lets a route change places with the one before or after it."""
    arranging.move(_own(request, pk), -1 if request.POST.get("to") == "up" else 1)
    return redirect("routes")


@require_POST
@editor_required
def switch(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """On, or off: it stays in the list, and nothing takes it."""
    found = _own(request, pk)
    found.enabled = request.POST.get("on") == "1"
    found.save(update_fields=["enabled"])
    cache.forget()
    words = _("The route is on: %(words)s") if found.enabled else _("The route is off. It said: %(words)s")
    messages.success(request, words % {"words": listing.sentence(found)})
    return redirect("routes")


@require_http_methods(["GET", "POST"])
@editor_required
def delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Asks, and says from where its texts leave then."""
    found = _own(request, pk)
    if request.method == "POST":
        words = listing.sentence(found)
        found.delete()
        cache.forget()
        messages.success(request, _("The route is deleted. It said: %(words)s") % {"words": words})
        return redirect("routes")
    context = {"route": found, "words": listing.sentence(found)}
    return render_page(request, "routing/delete.html", context)


def _own(request: WorkspaceRequest, pk: int) -> Route:
    related = Route.objects.select_related("workspace", "sender", "via__connection")
    return get_object_or_404(related, pk=pk, workspace=request.workspace)
