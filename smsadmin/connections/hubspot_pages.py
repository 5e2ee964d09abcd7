"""HubSpot portals by OAuth: the way to HubSpot, the way back, and out again."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from smsadmin.connections import consent_state, hubspot_portal
from smsadmin.connections.hubspot_portal import NotConnected
from smsadmin.dashboard.pages import render_page
from smsadmin.providers.hubspot import oauth, scopes
from smsadmin.workspaces.access import owner_required
from smsadmin.workspaces.models import Connection
from smsadmin.workspaces.requests import WorkspaceRequest

HUBSPOT = Connection.Kind.HUBSPOT
_MOST_WORDS = 200


@require_GET
@owner_required
def install(request: WorkspaceRequest) -> HttpResponse:
    """On to HubSpot, where an admin chooses the portal and agrees; also to reauthenticate one. A link, not a form: no
    page of ours may post to another site."""
    if not oauth.is_set_up():
        return redirect("connection-new", HUBSPOT)
    return redirect(oauth.authorize_url(consent_state.begin(request, HUBSPOT)))


@require_GET
@owner_required
def callback(request: WorkspaceRequest) -> HttpResponse:
    """Back from HubSpot with a code, or with the word that its admin did not agree."""
    try:
        connection = _connected(request)
    except NotConnected as why:
        messages.error(request, str(why))
        return redirect("connections")
    messages.success(
        request,
        _("“%(name)s” is connected: HubSpot granted access to portal %(portal)s.")
        % {"name": connection.name, "portal": connection.external_id},
    )
    if lacking := scopes.to_add(connection):
        text = _("It was not granted everything: %(scopes)s. What needs these does not work in this portal.")
        messages.warning(request, text % {"scopes": ", ".join(lacking)})
    return redirect("connections")


def _connected(request: WorkspaceRequest) -> Connection:
    """Raises NotConnected. The state is looked at first: what anybody may have written into a link is not repeated."""
    if not consent_state.finish(request, HUBSPOT, request.GET.get("state", "")):
        raise NotConnected(
            _("Nothing was connected: this was not begun here, or too long ago. Begin again from this page.")
        )
    if error := request.GET.get("error", ""):
        raise NotConnected(_declined(error, request.GET.get("error_description", "")))
    return hubspot_portal.connect(request.workspace, request.GET.get("code", ""))


def _declined(error: str, description: str) -> str:
    if error == "access_denied":
        return _("Nothing was connected: access was not granted on HubSpot's page.")
    return _("Nothing was connected: HubSpot says “%(why)s”.") % {"why": (description or error)[:_MOST_WORDS]}


@require_http_methods(["GET", "POST"])
@owner_required
def uninstall(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Asks first. The connection stays, without access: messages refer to it, and it may be reauthenticated."""
    installed = Connection.objects.filter(kind=HUBSPOT, auth=Connection.Auth.OAUTH)
    shown = get_object_or_404(installed, pk=pk, workspace=request.workspace)
    if request.method == "GET":
        return render_page(request, "connections/uninstall.html", {"connection": shown})
    if hubspot_portal.uninstall(shown):
        text = _("The app is no longer installed in portal %(portal)s. HubSpot mails its admins about it.")
        messages.success(request, text % {"portal": shown.external_id})
    else:
        text = _(
            "smsadmin has no access to portal %(portal)s any more, but HubSpot did not confirm it. "
            "Look there under Settings › Integrations › Connected apps, and uninstall the app."
        )
        messages.warning(request, text % {"portal": shown.external_id})
    return redirect("connections")
