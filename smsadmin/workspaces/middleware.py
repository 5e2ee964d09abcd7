"""Which workspace a signed-in request is about, and what its person may do there."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.utils import timezone

from smsadmin.workspaces.models import Member
from smsadmin.workspaces.requests import SeenRequest

SESSION_KEY = "workspace"


class WorkspaceMiddleware:
    """Sets request.member and request.workspace (None without a membership), and the viewer's time zone."""

    def __init__(self, get_response: Callable[[SeenRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: SeenRequest) -> HttpResponse:
        request.member = _member(request)
        request.workspace = request.member.workspace if request.member else None
        with timezone.override(_zone(request)):
            return self.get_response(request)


def _member(request: SeenRequest) -> Member | None:
    if not request.user.is_authenticated:
        return None
    memberships = Member.objects.filter(user=request.user).select_related("workspace").order_by("pk")
    chosen = request.session.get(SESSION_KEY)
    return memberships.filter(workspace=chosen).first() or memberships.first()


def _zone(request: SeenRequest) -> ZoneInfo:
    name = (request.user.is_authenticated and request.user.time_zone) or (
        request.workspace.time_zone if request.workspace else "UTC"
    )
    return ZoneInfo(name)
