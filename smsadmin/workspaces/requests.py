"""What a request carries once WorkspaceMiddleware and the guards of views have seen it."""

from django.http import HttpRequest

from smsadmin.workspaces.models import Member, User, Workspace


class SeenRequest(HttpRequest):
    """Past the middleware: both are None for somebody without a membership."""

    member: Member | None
    workspace: Workspace | None


class WorkspaceRequest(SeenRequest):
    """Past a guard of smsadmin.workspaces.access: a member of the workspace, signed in."""

    user: User
    member: Member
    workspace: Workspace
