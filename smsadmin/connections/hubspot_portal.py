"""Installing our app in a HubSpot portal by OAuth, and removing it again."""

from contextlib import suppress

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from smsadmin import cache
from smsadmin.core import errors
from smsadmin.providers.hubspot import client, oauth, scopes, tokens
from smsadmin.workspaces.models import Connection, Workspace

HUBSPOT = Connection.Kind.HUBSPOT


class NotConnected(Exception):
    """The portal was not connected; its text says why, in the reader's language."""


@sensitive_variables()
def connect(workspace: Workspace, code: str) -> Connection:
    """The workspace's connection to the portal that the code is for: a new one, or the one it has with new tokens.

    Raises NotConnected, also where the portal is another workspace's, without a word about that one.
    """
    try:
        grant = oauth.exchange(code)
        token = oauth.introspect(grant.access_token)
    except oauth.OAuthError as error:
        raise NotConnected(
            _("Nothing was connected: HubSpot says “%(why)s”.") % {"why": error.words}
        ) from error
    if not (portal := grant.portal or token.portal):
        raise NotConnected(_("Nothing was connected: HubSpot does not say which portal the access is to."))
    connection = _of(workspace, portal, token.domain)
    tokens.keep(connection, grant)
    scopes.granted(connection, grant.scopes if grant.scopes is not None else token.scopes)
    _is_ours(connection)
    cache.forget()
    return connection


def uninstall(connection: Connection) -> bool:
    """Removes the app from the portal and gives up its tokens, here in any case; returns whether HubSpot did so too."""
    try:
        _end_at_hubspot(connection)
        ended = True
    except (oauth.OAuthError, client.Unavailable, errors.CredentialRejected):
        ended = False
    tokens.forget(connection)
    connection.mark(Connection.State.DISCONNECTED, "The app was uninstalled here.")
    connection.lost_at = None  # somebody wanted it: no reason for alarm
    connection.save(update_fields=["lost_at"])
    cache.forget()
    return ended


@sensitive_variables()
def _end_at_hubspot(connection: Connection) -> None:
    """Uninstalling ends all tokens at HubSpot; revoking what may be left of them afterwards may find nothing."""
    oauth.uninstall(tokens.bearer(connection))
    try:
        oauth.revoke(connection.secrets["refresh_token"])
    except (oauth.Revoked, oauth.Misconfigured):
        return


def _of(workspace: Workspace, portal: str, domain: str) -> Connection:
    """Raises NotConnected for a portal that is connected elsewhere."""
    name = domain[:80] or _("Portal %(id)s") % {"id": portal}
    try:
        with transaction.atomic():
            found, _is_new = Connection.objects.get_or_create(
                kind=HUBSPOT, external_id=portal, defaults={"workspace": workspace, "name": name}
            )
    except IntegrityError:
        raise NotConnected(_("This was connected elsewhere a moment ago.")) from None
    if found.workspace_id != workspace.pk:
        raise NotConnected(
            _(
                "This cannot be connected here, because it is in use elsewhere. One account belongs to one workspace."
            )
        )
    return found


def _is_ours(connection: Connection) -> None:
    """The portal's own token came with the code: HubSpot itself says that it is ours."""
    connection.proven_at = timezone.now()
    with suppress(errors.SendError, client.Unavailable):  # without its time zone it works as well
        connection.time_zone = str(client.account(connection).get("timeZone") or "")[:64]
    connection.save(update_fields=["proven_at", "time_zone"])
    words = f"HubSpot accepts the token: it belongs to portal {connection.external_id}."
    connection.mark(Connection.State.WORKING, words)
