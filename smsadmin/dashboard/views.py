"""The overview, the look, and what operators' probes ask."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from smsadmin.dashboard.context import THEMES
from smsadmin.workspaces.access import viewer_required


@require_GET
@viewer_required
def overview(request: HttpRequest) -> HttpResponse:
    """Is everything all right?"""
    return render(request, "base.html")


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


def readyz(request: HttpRequest) -> HttpResponse:
    """Every part the work needs, each with what is wrong with it; 503 when one is missing."""
    return JsonResponse({})
