"""Connecting an Aircall account by OAuth: the page an admin begins at, the way to Aircall, and the way back."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET

from smsadmin import cache, phrases
from smsadmin.connections import consent_state
from smsadmin.connections.forms import AIRCALL_COMPANY
from smsadmin.dashboard.pages import render_page
from smsadmin.directory import bell as directory_bell
from smsadmin.providers.aircall import oauth
from smsadmin.providers.aircall.client import Aircall, AircallError
from smsadmin.sending import bell
from smsadmin.workspaces.access import owner_required
from smsadmin.workspaces.models import Connection
from smsadmin.workspaces.requests import WorkspaceRequest

AIRCALL = Connection.Kind.AIRCALL


class NotConnected(Exception):
    """The account was not connected; its text says why, in the reader's language."""


@dataclass(frozen=True, slots=True)
class Account:
    """What Aircall says the granted access is to."""

    company_id: str
    is_active: bool


@require_GET
@owner_required
def install(request: WorkspaceRequest) -> HttpResponse:
    """What connecting by OAuth does, before anybody is sent to Aircall. Aircall opens it too, when its admin installs
    the app there. The way on is a link, not a form: no page of ours may post to another site."""
    context = {
        "authorize_url": oauth.authorize_url(_redirect_uri(), consent_state.begin(request, AIRCALL))
        if oauth.is_set_up()
        else "",
        "install": settings.BASE_URL + reverse("aircall-install"),
        "callback": _redirect_uri(),
    }
    return render_page(request, "connections/aircall_oauth.html", context)


@require_GET
@owner_required
def callback(request: WorkspaceRequest) -> HttpResponse:
    """Back from Aircall with a code, or with the word that its admin did not agree."""
    try:
        connection = _connected(request)
    except NotConnected as why:
        messages.error(request, str(why))
        return redirect("connections")
    cache.forget()
    directory_bell.ring([connection.pk])
    bell.ring(connection.pk)
    messages.success(
        request, _("“%(name)s” is connected. Its numbers are being read now.") % {"name": connection.name}
    )
    return redirect("connections" if settings.SANDBOX else oauth.success_url())


def _redirect_uri() -> str:
    return settings.BASE_URL + reverse("aircall-oauth-callback")


@sensitive_variables()
def _connected(request: WorkspaceRequest) -> Connection:
    """The connection that the code in the address made, or brought back. Raises NotConnected."""
    if not consent_state.finish(request, AIRCALL, request.GET.get("state", "")):
        raise NotConnected(
            _("Nothing was connected: this was not begun here, or too long ago. Begin again from this page.")
        )
    if refusal := request.GET.get("error"):
        raise NotConnected(_("Nothing was connected: Aircall says “%(why)s”.") % {"why": refusal[:100]})
    try:
        token = oauth.exchange(request.GET.get("code", ""), _redirect_uri())
        account = _account(Aircall(access_token=token))
    except AircallError as error:
        words = _("Nothing was connected. %(why)s") % {"why": phrases.translated(str(error))}
        raise NotConnected(words) from error
    return _kept(request, account, token)


def _account(client: Aircall) -> Account:
    """Raises AircallError, also where Aircall does not say which company it is: two accounts would be one then."""
    found = client.integration() or {}
    if not (company := found.get("company_id")):
        raise AircallError("Aircall does not say which company granted access.")
    return Account(str(company), found.get("active") is not False)


@sensitive_variables()
def _kept(request: WorkspaceRequest, account: Account, token: str) -> Connection:
    """The workspace's connection to this company, a new one where it has none. Raises NotConnected for a company that
    is connected elsewhere."""
    named = {"kind": AIRCALL, "external_id": f"{AIRCALL_COMPANY}{account.company_id}"}
    found = Connection.objects.filter(**named).first()
    if found and found.workspace_id != request.workspace.pk:
        raise NotConnected(
            _(
                "This cannot be connected here, because it is in use elsewhere. One account belongs to one workspace."
            )
        )
    connection = found or Connection(workspace=request.workspace, name="Aircall", **named)
    connection.auth, connection.secrets = Connection.Auth.OAUTH, {"access_token": token}
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError:
        raise NotConnected(_("This was connected elsewhere a moment ago.")) from None
    connection.mark(
        Connection.State.WORKING,
        "Aircall accepts the app."
        if account.is_active
        else "Aircall accepts the app, and says that it is switched off there.",
    )
    return connection
