"""What the frame of every page needs to know."""

from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest

from smsadmin.connections import standing
from smsadmin.inbox.threads import MOST_COUNTED, unread_count
from smsadmin.workspaces.models import Member, Role

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
        "unread_threads": partial(unread_threads, request),
        "sandbox_in_use": settings.SANDBOX,
        "lost_connections": partial(_lost, getattr(request, "member", None)),
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        "theme": theme if theme in THEMES else "system",
    }


def unread_threads(request: HttpRequest) -> str:
    """How many threads of the inbox are unread, for the sidebar; "" for none."""
    workspace = getattr(request, "workspace", None)
    count = unread_count(workspace.pk) if workspace else 0
    return f"{count}+" if count == MOST_COUNTED else str(count or "")


def _lost(member: Member | None) -> list[standing.Lost]:
    """Connections that nothing gets through, for those who can mend them. Asked for by the page, not by its parts."""
    return standing.lost(member.workspace) if member and member.may(Role.OWNER) else []


def memberships(request: HttpRequest) -> QuerySet[Member]:
    """Every workspace the viewer may switch to, by name."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Member.objects.none()
    return Member.objects.filter(user=user).select_related("workspace").order_by("workspace__name")
