"""Guards of views: signed in, member of the workspace, of at least some role."""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from smsadmin.dashboard.pages import wants_fragment
from smsadmin.workspaces import typed
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import SeenRequest

View = Callable[..., HttpResponse]


def role_required(role: Role) -> Callable[[View], View]:
    """A view only for members who may do what `role` may; others read why (403)."""

    def decorate(view: View) -> View:
        @_told_what_was_lost
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


def _told_what_was_lost(view: View) -> View:
    """Says on the sign-in page that a form was not saved, and where what was typed still is."""

    @wraps(view)
    def telling(request: SeenRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.method == "POST" and not request.user.is_authenticated and not wants_fragment(request):
            if kept := typed.keep(request):
                text = _("You were signed out, so nothing was saved. Sign in: what you typed is there again.")
            else:
                text = _(
                    "You were signed out, so nothing was saved. Sign in in another tab and go back in this one: "
                    "the browser keeps what you typed."
                )
            messages.warning(request, text)
            if not kept:  # many addresses take nothing but a form, and signing in leads there without it
                return redirect_to_login(_page_before(request))
        return view(request, *args, **kwargs)

    return telling


def _page_before(request: SeenRequest) -> str:
    """The page of ours that the form stood on; the overview where the browser does not say."""
    before = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(before, {request.get_host()}):
        address = urlsplit(before)
        return f"{address.path}?{address.query}" if address.query else address.path
    return reverse("overview")


viewer_required = role_required(Role.VIEWER)
operator_required = role_required(Role.OPERATOR)
editor_required = role_required(Role.EDITOR)
owner_required = role_required(Role.OWNER)
