"""The page of the classic action: what it is, who may use it until when, and which workflows still do."""

from datetime import date

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from smsadmin import cache
from smsadmin.classic import gate, listing
from smsadmin.classic.forms import SettingsForm
from smsadmin.classic.models import ClassicSettings, ClassicStep
from smsadmin.dashboard.pages import render_page
from smsadmin.workspaces.access import editor_required, owner_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

PER_PAGE = 50


@require_http_methods(["GET", "POST"])
@viewer_required
def classic(request: WorkspaceRequest) -> HttpResponse:
    """The steps that still use it, and its settings, which owners change."""
    if request.method == "POST":
        return _change(request)
    return _page(request, SettingsForm(_today(request), instance=gate.read(request.workspace.pk)))


@owner_required
def _change(request: WorkspaceRequest) -> HttpResponse:
    """Saves the settings; what stops workflows that run is asked on a page of its own first."""
    with transaction.atomic():
        form = SettingsForm(_today(request), request.POST, instance=_locked(request))
        if not form.is_valid():
            return _page(request, form, status=422)
        running = listing.in_use(request.workspace, timezone.now()) if form.closes() else 0
        if running and "confirmed" not in request.POST:
            return render_page(request, "classic/stop.html", {"form": form, "running": running})
        form.save()
    cache.forget()
    messages.success(request, _("The settings of the classic action are saved."))
    return redirect("classic")


def _locked(request: WorkspaceRequest) -> ClassicSettings:
    """The settings, which nobody else changes meanwhile; made where there are none yet."""
    ClassicSettings.objects.get_or_create(workspace=request.workspace)
    return ClassicSettings.objects.select_for_update().get(workspace=request.workspace)


def _today(request: WorkspaceRequest) -> date:
    """The workspace's own day, in which the last one is counted."""
    return timezone.localdate(timezone=request.workspace.zone)


def _page(request: WorkspaceRequest, form: SettingsForm, status: int = 200) -> HttpResponse:
    show = request.GET.get("show", "")
    show = show if show in listing.SHOW else ""
    page = Paginator(listing.listed(request.workspace, show), PER_PAGE).get_page(request.GET.get("page"))
    now = timezone.now()
    context = {
        "form": form,
        "settings": gate.read(request.workspace.pk),
        "address": f"{settings.BASE_URL}{reverse('hubspot-send-sms')}?action=",
        "page": page,
        "rows": listing.rows(list(page.object_list), request.member, now),
        "show": show,
        "counts": listing.counts(request.workspace),
        "days": listing.DAYS,
        "may_own": request.member.may(Role.OWNER),
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "classic/classic.html", context, status=status)


@require_POST
@editor_required
def mark_moved(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Somebody has built the step with the present action, or (moved=0) has not after all."""
    step = get_object_or_404(ClassicStep, pk=pk, workspace=request.workspace)
    moved = request.POST.get("moved") != "0"
    step.moved_at, step.moved_by = (timezone.now(), request.user) if moved else (None, None)
    step.save(update_fields=["moved_at", "moved_by"])
    words = _("Marked as moved. If it runs again, it is listed again.") if moved else _("Listed again.")
    messages.success(request, words)
    return redirect("classic")
