"""The page of the keys."""

from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from smsadmin.api import keys
from smsadmin.api.forms import KeyForm
from smsadmin.api.models import Key, KeyScope
from smsadmin.dashboard.pages import render_page
from smsadmin.workspaces.access import editor_required
from smsadmin.workspaces.models import Member
from smsadmin.workspaces.requests import WorkspaceRequest


@require_http_methods(["GET", "POST"])
@never_cache
@editor_required
def api_keys(request: WorkspaceRequest) -> HttpResponse:
    """Every key of the workspace; a form makes another one."""
    return _make(request) if request.method == "POST" else _page(request, KeyForm(request.workspace))


@sensitive_variables("token")
def _make(request: WorkspaceRequest) -> HttpResponse:
    """The token is in the answer and never shown again. That is no redirect, or the token would have to be kept for
    it; sent once more, the key exists already."""
    form, now = KeyForm(request.workspace, request.POST), timezone.now()
    if not form.is_valid():
        return _page(request, form, status=422)
    name = form.cleaned_data["name"]
    try:
        with transaction.atomic():
            key, token = keys.make(
                request.workspace,
                name,
                request.user,
                now,
                form.expires_at(now),
                form.cleaned_data["scopes"],
                test=form.cleaned_data["test"],
            )
    except IntegrityError:  # by a second click
        form.add_error("name", form.taken(name))
        return _page(request, form, status=422)
    return _page(request, KeyForm(request.workspace), made=key, token=token)


@require_POST
@editor_required
def revoke(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Ends a key: programs that use it are refused from now on."""
    key = get_object_or_404(Key, pk=pk, workspace=request.workspace)
    keys.revoke(key, timezone.now())
    messages.success(request, _("“%(name)s” is revoked: it is refused from now on.") % {"name": key.name})
    return redirect("api-keys")


@sensitive_variables("token")
def _page(
    request: WorkspaceRequest, form: KeyForm, *, made: Key | None = None, token: str = "", status: int = 200
) -> HttpResponse:
    now = timezone.now()
    listed = Key.objects.filter(workspace=request.workspace).select_related("created_by")
    members = Member.objects.filter(workspace=request.workspace, user=OuterRef("created_by"))
    listed = listed.annotate(maker_is_here=Exists(members))
    rows = [
        (
            key,
            _state(key.revoked_at is not None, key.is_expired(now)),
            [KeyScope(each).label for each in key.scopes],
        )
        for key in listed.order_by("-pk")
    ]
    context = {
        "rows": sorted(rows, key=lambda row: row[1] != "active"),
        "form": form,
        "made": made,
        "token": token,
        "command": _command(made) if made else "",
        "most": settings.API_REQUESTS_PER_MINUTE,
    }
    return render_page(request, "api/keys.html", context, status=status)


#: What a key of each scope may be tried with: what only reads.
_TRIES = {
    KeyScope.MESSAGES: "api-messages",
    KeyScope.DIRECTORY: "api-numbers",
    KeyScope.QUOTAS: "api-quotas",
    KeyScope.INBOUND: "api-inbound",
    KeyScope.OPT_OUTS: "api-opt-outs",
}


def _command(key: Key) -> str:
    """How to try the key; "" for one that reads no list."""
    name = next((each for scope, each in _TRIES.items() if scope in key.scopes), "")
    return f'curl -H "Authorization: Bearer $SMSADMIN_KEY" {settings.BASE_URL}{reverse(name)}' if name else ""


def _state(is_revoked: bool, is_expired: bool) -> str:
    return "revoked" if is_revoked else "expired" if is_expired else "active"
