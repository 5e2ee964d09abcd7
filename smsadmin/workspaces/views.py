"""Connections, settings, members, and which workspace one works in."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from smsadmin import cache
from smsadmin.api import keys
from smsadmin.core.status import Status
from smsadmin.dashboard.pages import render_page
from smsadmin.flows.models import Flow
from smsadmin.sending.models import Message
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces import members
from smsadmin.workspaces.access import owner_required, viewer_required
from smsadmin.workspaces.forms import MemberForm, ProfileForm, WorkspaceForm
from smsadmin.workspaces.middleware import SESSION_KEY
from smsadmin.workspaces.models import Member, Role, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

CONSOLE_MAIL = "django.core.mail.backends.console.EmailBackend"

# --- Settings -----------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@viewer_required
def workspace_settings(request: WorkspaceRequest) -> HttpResponse:
    """Names, time zone, language and members of the workspace; owners change them."""
    if request.method == "GET":
        return _settings_page(request)
    return _save_settings(request)


@owner_required
def _save_settings(request: WorkspaceRequest) -> HttpResponse:
    form = WorkspaceForm(request.POST, instance=request.workspace)
    if not form.is_valid():
        request.workspace.refresh_from_db()
        return _settings_page(request, form=form, status=422)
    form.save()
    cache.forget()
    messages.success(request, _("The settings are saved."))
    return redirect("settings")


@require_http_methods(["GET", "POST"])
@owner_required
def build_mode(request: WorkspaceRequest) -> HttpResponse:
    """Asks before build mode is entered or left, and says what follows. `do` is "enter" or "leave"."""
    workspace = request.workspace
    if request.method == "GET":
        return render_page(request, "workspaces/build_mode.html", _of_build_mode(workspace))
    wanted = request.POST.get("do")
    if wanted not in ("enter", "leave"):
        return redirect("build-mode")
    workspace.build_mode = wanted == "enter"
    workspace.save(update_fields=["build_mode"])
    cache.forget()
    if workspace.build_mode:
        messages.success(request, _("Build mode is on: only verified test numbers are texted from now on."))
    else:
        messages.success(request, _("Build mode is off: everybody is texted from now on."))
    return redirect("settings")


def _of_build_mode(workspace: Workspace) -> dict[str, Any]:
    """What the page says: who may be texted, what waits, and which flows stay in build mode of their own."""
    waiting = Message.objects.filter(workspace=workspace, status__in=[Status.HELD, Status.QUEUED])
    return {
        "phones": TestNumber.objects.filter(workspace=workspace, verified_at__isnull=False),
        "waiting": waiting.count(),
        "flows": Flow.objects.filter(workspace=workspace, archived_at=None, build_mode=True).order_by("name"),
    }


@require_POST
@owner_required
def add_member(request: WorkspaceRequest) -> HttpResponse:
    """Adds a person by email; somebody new is mailed a link to choose a password."""
    form = MemberForm(request.workspace, request.POST)
    if not form.is_valid():
        return _settings_page(request, member_form=form, status=422)
    email = form.cleaned_data["email"]
    try:
        _member, is_new = members.add(request.workspace, email, form.cleaned_data["role"])
    except IntegrityError:
        form.add_error("email", _("%(email)s is a member already.") % {"email": email})
        return _settings_page(request, member_form=form, status=422)
    if is_new and not members.invite(request, email):
        messages.warning(
            request,
            _(
                "%(email)s is a member, but no mail could be sent. “Forgot password” on the sign-in page sends one."
            )
            % {"email": email},
        )
    else:
        messages.success(request, _("%(email)s is a member now.") % {"email": email})
        if is_new and settings.EMAIL_BACKEND == CONSOLE_MAIL:
            messages.info(
                request,
                _(
                    "No mail server is set up: the link to choose a password is in the terminal or log of smsadmin."
                ),
            )
    return redirect("settings")


@require_POST
@owner_required
def change_member(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Gives a member another role."""
    member, role = _own_member(request, pk), request.POST.get("role", "")
    if role not in Role.values:
        messages.error(request, _("There is no such role: choose one of the list."))
        return redirect("settings")
    try:
        members.change_role(member, role)
    except members.LastOwner:
        messages.error(request, _last_owner(member))
    else:
        text = _("%(who)s is %(role)s now.") % {"who": member.user, "role": Role(role).label}
        messages.success(request, text)
    return redirect("settings")


@require_POST
@owner_required
def remove_member(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Ends a membership; the account and what the person did stay."""
    member = _own_member(request, pk)
    try:
        members.remove(member)
    except members.LastOwner:
        messages.error(request, _last_owner(member))
        return redirect("settings")
    messages.success(request, _("%(who)s is no longer a member.") % {"who": member.user})
    _tell_of_keys(request, member)
    return redirect("overview" if member.user_id == request.user.pk else "settings")


def _tell_of_keys(request: WorkspaceRequest, gone: Member) -> None:
    """A program may need what somebody made who has left, so nothing ends by itself."""
    if made := keys.by_maker(request.workspace, timezone.now()).get(gone.user_id):
        text = _(
            "API keys that they made still work: %(keys)s. Revoke under API keys what nobody else should know."
        )
        messages.warning(request, text % {"keys": ", ".join(key.name for key in made)})


@require_http_methods(["GET", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """One's own name and time zone."""
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Your profile is saved."))
        return redirect("profile")
    return render_page(
        request, "workspaces/profile.html", {"form": form}, status=422 if form.is_bound else 200
    )


@require_POST
@login_required
def switch_workspace(request: HttpRequest) -> HttpResponse:
    """Works in another of one's own workspaces from now on, on the page `next` where one is named."""
    chosen = request.POST.get("workspace", "")
    pk = int(chosen) if chosen.isdecimal() and len(chosen) < 19 else 0
    member = get_object_or_404(Member, user=request.user, workspace=pk)
    request.session[SESSION_KEY] = member.workspace_id
    address = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure())
    return redirect(address if is_ours else "overview")


def _own_member(request: WorkspaceRequest, pk: int) -> Member:
    return get_object_or_404(Member.objects.select_related("user"), pk=pk, workspace=request.workspace)


def _last_owner(member: Member) -> str:
    return _("%(who)s is the last owner. Make somebody else an owner first.") % {"who": member.user}


def _settings_page(
    request: WorkspaceRequest,
    form: WorkspaceForm | None = None,
    member_form: MemberForm | None = None,
    status: int = 200,
) -> HttpResponse:
    people = Member.objects.filter(workspace=request.workspace).select_related("user").order_by("user__email")
    made = keys.by_maker(request.workspace, timezone.now())
    context: dict[str, Any] = {
        "form": form or WorkspaceForm(instance=request.workspace),
        "member_form": member_form or MemberForm(request.workspace),
        "everyone": [(member, made.get(member.user_id)) for member in people],
        "roles": Role.choices,
        "may_own": request.member.may(Role.OWNER),
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "workspaces/settings.html", context, status=status)
