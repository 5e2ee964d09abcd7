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
#: Begins the external id of a portal that was typed in and then proven by another workspace; its own pk follows.
_GAVE_WAY = "unproven-"


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
        with suppress(oauth.OAuthError):  # what nobody keeps shall be good for nothing
            oauth.revoke(grant.refresh_token)
        raise NotConnected(_("Nothing was connected: HubSpot does not say which portal the access is to."))
    # These tokens are not revoked where the portal is refused: HubSpot does not say whether that would end the access
    # which the same app has for the other workspace.
    connection = _of(workspace, portal, token.domain)
    tokens.keep(connection, grant)
    scopes.granted(connection, grant.scopes if grant.scopes is not None else token.scopes)
    _works(connection)
    cache.forget()
    return connection


def gave_way(connection: Connection) -> bool:
    """Whether another workspace proved that the portal typed in here is theirs: now it stands for none."""
    return connection.kind == HUBSPOT and connection.external_id.startswith(_GAVE_WAY)


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
    """The workspace's row of a portal that HubSpot has just proven to be its own, and which is proven from then on.

    Raises NotConnected for a portal that another workspace has proven.
    """
    name = domain[:80] or _("Portal %(id)s") % {"id": portal}
    try:
        with transaction.atomic():
            _make_way(workspace, portal)
            found, _is_new = Connection.objects.get_or_create(
                kind=HUBSPOT, external_id=portal, defaults={"workspace": workspace, "name": name}
            )
            is_ours = found.workspace_id == workspace.pk
            if is_ours:  # in this transaction: else the next install of the portal might take it for unproven
                found.proven_at = timezone.now()
                found.save(update_fields=["proven_at"])
    except IntegrityError:
        raise NotConnected(_("This was connected elsewhere a moment ago.")) from None
    if not is_ours:
        raise NotConnected(
            _(
                "This cannot be connected here, because it is in use elsewhere. One account belongs to one workspace."
            )
        )
    return found


def _make_way(workspace: Workspace, portal: str) -> None:
    """Moves another workspace's unproven row out of the way: messages refer to it, so it stays, without the portal."""
    unproven = Connection.objects.filter(kind=HUBSPOT, external_id=portal, proven_at=None)
    for other in unproven.exclude(workspace=workspace).select_for_update():
        other.external_id, other.lost_at = f"{_GAVE_WAY}{other.pk}", None
        tokens.discard(other)
        other.save()
        other.mark(
            Connection.State.MISCONFIGURED,
            f"Another workspace proved that portal {portal} is theirs: "
            "give the id of another portal, or disconnect this one.",
        )


def _works(connection: Connection) -> None:
    """The portal's own token came with the code, so it needs no test; its time zone is looked up."""
    with suppress(errors.SendError, client.Unavailable):  # without its time zone it works as well
        connection.time_zone = str(client.account(connection).get("timeZone") or "")[:64]
    connection.save(update_fields=["time_zone"])
    words = f"HubSpot accepts the token: it belongs to portal {connection.external_id}."
    connection.mark(Connection.State.WORKING, words)
