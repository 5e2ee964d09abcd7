"""The page of an account's queue."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_GET

from smsadmin.dashboard.pages import render_page
from smsadmin.pacing import queue
from smsadmin.providers.registry import CARRIERS
from smsadmin.workspaces.access import viewer_required
from smsadmin.workspaces.models import Connection
from smsadmin.workspaces.requests import WorkspaceRequest


@require_GET
@viewer_required
def account_queue(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What waits to be sent from an account, at which pace, and until when; htmx asks for the figures alone."""
    own = {"workspace": request.workspace, "kind__in": CARRIERS}
    shown, now = get_object_or_404(Connection, pk=pk, **own), timezone.now()
    context = {"connection": shown, "queue": queue.of(shown, now), "now": now}
    return render_page(request, "pacing/page.html", context, fragment="pacing/_figures.html")
