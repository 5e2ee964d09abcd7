"""What the frame of every page needs to know."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest

from smsadmin.workspaces.models import Member

THEMES = ("system", "light", "dark")


def frame(request: HttpRequest) -> dict[str, Any]:
    """The viewer's workspace, role and look; asks the database only where a template lists memberships.

    `request.workspace` and `request.member` come from WorkspaceMiddleware: None for somebody not signed
    in, and absent where a request ended before it got there.
    """
    theme = request.COOKIES.get("theme")
    return {
        "workspace": getattr(request, "workspace", None),
        "member": getattr(request, "member", None),
        "memberships": memberships(request),
        "sandbox_in_use": settings.SANDBOX,
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "theme": theme if theme in THEMES else "system",
    }


def memberships(request: HttpRequest) -> QuerySet[Member]:
    """Every workspace the viewer may switch to, by name."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Member.objects.none()
    return Member.objects.filter(user=user).select_related("workspace").order_by("workspace__name")
