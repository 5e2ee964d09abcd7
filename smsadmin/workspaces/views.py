"""Connections, settings, members, and which workspace one works in."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin import cache, phrases
from smsadmin.api import keys
from smsadmin.dashboard.pages import render_page
from smsadmin.directory import bell
from smsadmin.incoming import webhooks
from smsadmin.incoming.models import Webhook
from smsadmin.providers.aircall.client import AircallError
from smsadmin.workspaces import members, probe
from smsadmin.workspaces.access import owner_required, viewer_required
from smsadmin.workspaces.forms import FORMS, ConnectionForm, MemberForm, ProfileForm, WorkspaceForm
from smsadmin.workspaces.middleware import SESSION_KEY
from smsadmin.workspaces.models import Connection, Member, Role
from smsadmin.workspaces.requests import WorkspaceRequest

CONSOLE_MAIL = "django.core.mail.backends.console.EmailBackend"

# --- Connections --------------------------------------------------------------------------------------


@require_GET
@viewer_required
def connections(request: WorkspaceRequest) -> HttpResponse:
    """The accounts this workspace works with, and whether each works."""
    found = Connection.objects.filter(workspace=request.workspace).order_by("kind", "name")
    found = found.select_related("webhook")
    listed = [(each, FORMS[each.kind].secrets_set(each)) for each in found]
    context = {"connections": listed, "kinds": Connection.Kind, "may_own": request.member.may(Role.OWNER)}
    return render_page(request, "workspaces/connections.html", {**context, "addresses": _addresses()})


@require_http_methods(["GET", "POST"])
@owner_required
def new_connection(request: WorkspaceRequest, kind: str) -> HttpResponse:
    """Connects an Aircall account or a HubSpot portal."""
    if kind not in FORMS:
        raise Http404
    blank = Connection(workspace=request.workspace, kind=kind)
    if request.method == "GET":
        return _connection_page(request, FORMS[kind](instance=blank))
    return _save_connection(request, FORMS[kind](request.POST, instance=blank))


@require_http_methods(["GET", "POST"])
@owner_required
def connection(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One connection; its secrets can be replaced, never read."""
    shown = _own(request, pk)
    if request.method == "GET":
        return _connection_page(request, FORMS[shown.kind](instance=shown))
    return _save_connection(request, FORMS[shown.kind](request.POST, instance=shown))


def _save_connection(request: WorkspaceRequest, form: ConnectionForm) -> HttpResponse:
    is_new = form.instance.pk is None
    if not form.is_valid():
        return _connection_page(request, form, status=422)
    try:
        with transaction.atomic():
            saved = form.save()
    except IntegrityError:  # the same account was connected at this very moment
        form.add_error(form.id_field(), _("This was connected elsewhere a moment ago."))
        return _connection_page(request, form, status=422)
    cache.forget()
    messages.success(
        request, _("“%(name)s” is saved. Test it to see whether it works.") % {"name": saved.name}
    )
    if is_new and saved.kind == Connection.Kind.AIRCALL:
        _ask_for_refresh(request, saved)
    return redirect("connections")


def _ask_for_refresh(request: WorkspaceRequest, saved: Connection) -> None:
    if bell.ring([saved.pk]):
        messages.info(request, _("Its numbers and users are being read now; see the directory."))
    else:
        messages.warning(
            request, _("Its numbers are read within 10 minutes: the queue cannot be reached now.")
        )


@require_POST
@owner_required
def test_connection(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Asks the provider whether the credentials are accepted, and for which account."""
    result = probe.ask(_own(request, pk))
    (messages.success if result.works else messages.error)(request, phrases.translated(result.sentence))
    return redirect("connections")


@require_http_methods(["GET", "POST"])
@owner_required
def delete_connection(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Asks first; refused while messages or actions refer to it."""
    shown = _own(request, pk)
    if request.method == "GET":
        return render_page(request, "workspaces/connection_delete.html", {"connection": shown})
    webhook = webhooks.of(shown)
    try:
        shown.delete()
    except ProtectedError:
        context = {"connection": shown, "refused": True}
        return render_page(request, "workspaces/connection_delete.html", context, status=422)
    cache.forget()
    if webhook:
        _end_webhook(request, webhook, shown)
    messages.success(request, _("“%(name)s” is no longer connected.") % {"name": shown.name})
    return redirect("connections")


def _end_webhook(request: WorkspaceRequest, webhook: Webhook, of: Connection) -> None:
    try:
        webhooks.end(webhook, of)
    except AircallError as error:
        text = _("Its webhook could not be removed at Aircall. %(why)s Remove it in the Aircall Dashboard.")
        messages.warning(request, text % {"why": phrases.translated(str(error))})


@require_POST
@owner_required
def connection_webhook(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Sets up, repairs or removes (`do`) what tells us of delivery and of replies."""
    shown = get_object_or_404(Connection, pk=pk, workspace=request.workspace, kind=Connection.Kind.AIRCALL)
    try:
        if request.POST.get("do") == "remove":
            webhooks.remove(shown)
            messages.success(request, _("Aircall no longer tells what becomes of messages."))
        else:
            webhooks.set_up(shown)
            messages.success(request, _("Aircall tells what becomes of messages from now on."))
    except AircallError as error:
        messages.error(request, phrases.translated(str(error)))
    return redirect(reverse("connection", args=[shown.pk]) + "#webhook")


def _own(request: WorkspaceRequest, pk: int) -> Connection:
    return get_object_or_404(Connection, pk=pk, workspace=request.workspace)


def _connection_page(request: WorkspaceRequest, form: ConnectionForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "connection": form.instance,
        "kind": form.kind.label,
        "webhook": webhooks.of(form.instance) if form.instance.pk else None,
    }
    return render_page(request, "workspaces/connection.html", context, status=status)


def _addresses() -> list[tuple[str, str]]:
    """What to enter at HubSpot: (what it is, address)."""
    named = [
        (_("Action URL"), "hubspot-send-sms"),
        (_("Options URL of the number field"), "hubspot-sender-numbers"),
        (_("Options URL of the user field"), "hubspot-send-as-users"),
    ]
    return [(label, settings.BASE_URL + reverse(name)) for label, name in named]


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
