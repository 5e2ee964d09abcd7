"""Guards of views: signed in, member of the workspace, of at least some role."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.utils.translation import gettext as _

from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import SeenRequest

View = Callable[..., HttpResponse]


def role_required(role: Role) -> Callable[[View], View]:
    """A view only for members who may do what `role` may; others read why (403)."""

    def decorate(view: View) -> View:
        @login_required
        @wraps(view)
        def guarded(request: SeenRequest, *args: object, **kwargs: object) -> HttpResponse:
            if request.member is None:
                raise PermissionDenied(_("You are not a member of any workspace. Ask an owner to add you."))
            if not request.member.may(role):
                raise PermissionDenied(
                    _("Your role is %(yours)s; this needs %(needed)s. Ask an owner of the workspace.")
                    % {"yours": request.member.get_role_display(), "needed": Role(role).label}
                )
            return view(request, *args, **kwargs)

        return guarded

    return decorate


viewer_required = role_required(Role.VIEWER)
operator_required = role_required(Role.OPERATOR)
editor_required = role_required(Role.EDITOR)
owner_required = role_required(Role.OWNER)
