"""The overview, the look, and what operators' probes ask."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from smsadmin.actions.troubles import troubles
from smsadmin.core.status import LEFT, TROUBLE
from smsadmin.dashboard import health, today
from smsadmin.dashboard.context import THEMES
from smsadmin.dashboard.pages import render_page
from smsadmin.inbox.threads import unread_count
from smsadmin.incoming import webhooks
from smsadmin.notices.telling import open_notices
from smsadmin.providers.registry import CARRIERS
from smsadmin.sending.views import refused_today
from smsadmin.workspaces.access import viewer_required
from smsadmin.workspaces.requests import WorkspaceRequest


@require_GET
@viewer_required
def overview(request: WorkspaceRequest) -> HttpResponse:
    """Is everything all right? Today's figures, what waits, and how the machinery is."""
    workspace, now = request.workspace, timezone.now()
    connections = list(workspace.connections.order_by("kind", "name"))
    accounts = [each for each in connections if each.kind in CARRIERS]
    if not accounts:
        return render_page(request, "overview/start.html", {"connections": connections})
    context = {
        "now": now,
        "sent": today.compared(workspace, "left", LEFT, now),
        "failed": today.compared(workspace, "trouble", TROUBLE, now),
        "causes": today.causes(workspace, now, request.member),
        "risks": today.risks(workspace, now),
        "queue": today.queue(workspace, accounts, now),
        "accounts": [today.account(each, now) for each in connections],
        "pulse": today.pulse(now),
        "refused": refused_today(request),
        "troubles": troubles(workspace),
        "webhooks": webhooks.troubles(workspace),
        "notices": open_notices(workspace),
        "unread": unread_count(workspace.pk),
    }
    return render_page(request, "overview/overview.html", context, fragment="overview/_overview.html")


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keeps the chosen look in a cookie, so that the server renders it without a flash."""
    after = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(after, {request.get_host()}):
        after = "/"
    response = HttpResponseRedirect(after)
    theme = request.POST.get("theme")
    if theme in THEMES:
        response.set_cookie("theme", theme, max_age=31_536_000, samesite="Lax", secure=request.is_secure())
    return response


def healthz(request: HttpRequest) -> HttpResponse:
    """The process is alive."""
    return JsonResponse({"status": "ok"})


@require_GET
def readyz(request: HttpRequest) -> HttpResponse:
    """Every part the work needs, each with what is wrong with it; 503 when one is missing."""
    checks = health.checks()
    ok = all(check.ok for check in checks.values())
    body = {
        "status": "ok" if ok else "failing",
        "checks": {name: asdict(check) for name, check in checks.items()},
    }
    return JsonResponse(body, status=200 if ok else 503)
