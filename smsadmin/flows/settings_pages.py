"""The settings of a flow: what carries its texts, who may get them, and what starts it."""

from typing import Any

from django.conf import settings as installation
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from smsadmin import cache
from smsadmin.dashboard.pages import render_page
from smsadmin.flows import presenters, snippets
from smsadmin.flows.forms import SettingsForm, StartForm
from smsadmin.flows.models import Flow, Start
from smsadmin.workspaces.access import editor_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

#: More starts of one flow than these are a mistake.
MOST_STARTS = 20


@require_http_methods(["GET", "POST"])
@viewer_required
def settings(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What a flow sends from and what starts it: read by everybody, changed by editors."""
    flow = _own(request, pk)
    if request.method == "POST":
        return _saved(request, flow)
    return _page(request, flow, SettingsForm(instance=flow))


@editor_required
def _saved(request: WorkspaceRequest, flow: Flow) -> HttpResponse:
    form = SettingsForm(request.POST, instance=flow)
    if not form.is_valid():
        return _page(request, _own(request, flow.pk), form, status=422)
    flow.save(update_fields=["mobile_only", "build_mode", "from_called", "connection", "sender"])
    cache.forget()
    messages.success(request, _("The settings of “%(name)s” are saved.") % {"name": flow.name})
    return redirect("flow-settings", flow.pk)


def _page(request: WorkspaceRequest, flow: Flow, form: SettingsForm, status: int = 200) -> HttpResponse:
    starts = list(flow.starts.select_related("number"))
    context: dict[str, Any] = {
        "flow": flow,
        "form": form,
        "starts": [(start, presenters.start_words(start)) for start in starts],
        "kinds": Start.Kind.choices if len(starts) < MOST_STARTS else [],
        "address": snippets.address(flow),
        "curl": snippets.curl(flow),
        "step": snippets.callr_step(flow),
        "base_is_local": installation.BASE_URL.startswith("http://"),
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "flows/settings.html", context, status=status)


@require_http_methods(["GET", "POST"])
@editor_required
def start_new(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Something else that starts the flow; ?kind= says what."""
    flow = _own(request, pk)
    kind = request.GET.get("kind", "")
    kind = kind if kind in Start.Kind.values else Start.Kind.MISSED_CALL
    made = Start(flow=flow, workspace=request.workspace, kind=kind)
    if flow.starts.count() >= MOST_STARTS:
        words = _("%(most)d ways to start are the most that a flow has. Remove one first.")
        messages.error(request, words % {"most": MOST_STARTS})
        return redirect("flow-settings", pk)
    return _start(request, made)


@require_http_methods(["GET", "POST"])
@editor_required
def start(request: WorkspaceRequest, pk: int, start_pk: int) -> HttpResponse:
    """One thing that starts the flow."""
    return _start(request, _own_start(request, pk, start_pk))


@require_POST
@editor_required
def start_remove(request: WorkspaceRequest, pk: int, start_pk: int) -> HttpResponse:
    """It no longer starts the flow; runs that have begun go on."""
    shown = _own_start(request, pk, start_pk)
    words = presenters.start_words(shown)
    shown.delete()
    cache.forget()
    messages.success(request, _("%(start)s: no longer starts the flow.") % {"start": words})
    return redirect("flow-settings", pk)


def _start(request: WorkspaceRequest, shown: Start) -> HttpResponse:
    form = StartForm(request.POST if request.method == "POST" else None, instance=shown)
    if form.is_valid():
        saved = form.save()
        cache.forget()
        words = _("%(start)s: starts “%(flow)s” from now on, while that is on.")
        told = {"start": presenters.start_words(saved), "flow": shown.flow.name}
        messages.success(request, words % told)
        return redirect("flow-settings", shown.flow_id)
    context = {"flow": shown.flow, "start": shown, "form": form}
    return render_page(request, "flows/start.html", context, status=422 if form.is_bound else 200)


def _own(request: WorkspaceRequest, pk: int) -> Flow:
    found = Flow.objects.select_related("workspace", "connection", "sender", "current")
    return get_object_or_404(found, pk=pk, workspace=request.workspace)


def _own_start(request: WorkspaceRequest, pk: int, start_pk: int) -> Start:
    found = Start.objects.select_related("flow", "workspace", "number")
    return get_object_or_404(found, pk=start_pk, flow=pk, workspace=request.workspace)
