"""The hosts that flows may call. Nothing else is called, so that no text of a flow reaches what it should not."""

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from smsadmin import cache
from smsadmin.dashboard.pages import render_page
from smsadmin.flows.forms import CredentialForm, HostForm
from smsadmin.flows.models import FetchHost
from smsadmin.workspaces.access import owner_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest


@require_http_methods(["GET", "POST"])
@viewer_required
def hosts(request: WorkspaceRequest) -> HttpResponse:
    """Which hosts flows may call: read by everybody, changed by owners."""
    if request.method == "POST":
        return _add(request)
    return _page(request, HostForm(request.workspace))


@owner_required
def _add(request: WorkspaceRequest) -> HttpResponse:
    form = HostForm(request.workspace, request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    host = form.cleaned_data["host"]
    try:
        with transaction.atomic():
            FetchHost.objects.create(
                workspace=request.workspace, host=host, secrets=form.secrets, created_by=request.user
            )
    except IntegrityError:  # by a second click
        return redirect("fetch-hosts")
    cache.forget()
    messages.success(request, _("Flows may call %(host)s.") % {"host": host})
    return redirect("fetch-hosts")


@require_http_methods(["GET", "POST"])
@owner_required
def host(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What one host is called with: a header that nobody is shown again."""
    shown = get_object_or_404(FetchHost, pk=pk, workspace=request.workspace)
    form = CredentialForm(request.POST if request.method == "POST" else None, shown.secrets)
    if form.is_valid():
        shown.secrets = form.secrets
        shown.save(update_fields=["secrets"])
        messages.success(request, _announced(shown))
        return redirect("fetch-hosts")
    context = {"host": shown, "form": form}
    return render_page(request, "flows/host.html", context, status=422 if form.is_bound else 200)


def _announced(shown: FetchHost) -> str:
    if shown.secrets:
        return _("Flows call %(host)s with a header of its own.") % {"host": shown.host}
    return _("Flows call %(host)s without a header of its own.") % {"host": shown.host}


@require_POST
@owner_required
def remove(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Flows may no longer call the host."""
    host = get_object_or_404(FetchHost, pk=pk, workspace=request.workspace)
    host.delete()
    cache.forget()
    messages.success(request, _("Flows may no longer call %(host)s.") % {"host": host.host})
    return redirect("fetch-hosts")


def _page(request: WorkspaceRequest, form: HostForm, status: int = 200) -> HttpResponse:
    listed = FetchHost.objects.filter(workspace=request.workspace).select_related("created_by")
    context = {"rows": listed, "form": form, "may_change": request.member.may(Role.OWNER)}
    return render_page(request, "flows/hosts.html", context, status=status)
