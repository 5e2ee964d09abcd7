"""The token that a portal's calls carry: a static one as it is, one of an OAuth install renewed in time.

HubSpot docs, "Manage OAuth tokens": access tokens live half an hour. One process at a time renews a portal's token, by
a lease on its row; the others go on with the old one as long as it lives.
"""

import time
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from smsadmin.core import errors
from smsadmin.providers.hubspot import oauth, scopes
from smsadmin.providers.hubspot.unavailable import Unavailable
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)
State = Connection.State

#: A token is renewed when it has so long to live.
LEFT = timedelta(minutes=5)
#: How long a renewal may take, connecting and reading: then whoever began it is taken for dead.
LEASE = timedelta(seconds=30)
#: After a failed renewal nobody tries for so long, unless HubSpot names another time.
PAUSE, LONG_PAUSE = timedelta(seconds=5), timedelta(minutes=1)
#: How long a call waits for a renewal that somebody else has begun.
PATIENCE = 1.0
_POLL = 0.05
_FIELDS = ["secrets", "auth", "state", "lost_at", "token_expires_at", "token_lease_until"]
_GRANTED = ["secrets", "auth", "scopes", "scopes_refused", "token_expires_at", "token_lease_until"]


@sensitive_variables()
def bearer(connection: Connection) -> str:
    """The portal's access token, renewed where it is due; `connection` is brought up to date then.

    Raises CredentialRejected where there is none that HubSpot accepts, Unavailable where it cannot be renewed now.
    """
    if not _is_renewed(connection):
        return _own(connection)
    if connection.state != State.DISCONNECTED and _lives(connection, LEFT):
        return _own(connection)
    return _renewed(connection, spent="")


@sensitive_variables()
def renewed(connection: Connection, spent: str) -> str:
    """A token other than the `spent` one, which HubSpot calls expired. Raises as bearer(), also for a static token."""
    if not _is_renewed(connection):
        raise errors.CredentialRejected(provider="HubSpot")
    return _renewed(connection, spent)


def keep(connection: Connection, grant: oauth.Grant) -> None:
    """Takes over what HubSpot granted, in whatever state the connection was."""
    with transaction.atomic():
        stored = Connection.objects.select_for_update().get(pk=connection.pk)
        _store(stored, grant)
    connection.refresh_from_db()


def forget(connection: Connection) -> None:
    """Drops the tokens of an OAuth install, which ends it; what else is secret stays."""
    with transaction.atomic():
        stored = Connection.objects.select_for_update().get(pk=connection.pk)
        discard(stored)
        stored.save(update_fields=_GRANTED)
    connection.refresh_from_db()


def discard(connection: Connection) -> None:
    """Takes what was granted off the row, which the caller saves. Without its lease a renewal under way stores nothing.
    The client secret stays: it is the app's."""
    connection.auth = Connection.Auth.KEY
    connection.secrets = {
        name: value for name, value in connection.secrets.items() if not name.endswith("_token")
    }
    connection.scopes, connection.scopes_refused = None, []
    connection.token_expires_at = connection.token_lease_until = None


def _is_renewed(connection: Connection) -> bool:
    return connection.auth == Connection.Auth.OAUTH


def _lives(connection: Connection, longer_than: timedelta = timedelta()) -> bool:
    expires = connection.token_expires_at
    return expires is not None and expires - timezone.now() > longer_than


def _own(connection: Connection) -> str:
    if token := connection.secrets.get("access_token", ""):
        return token
    raise errors.CredentialRejected(provider="HubSpot")


@sensitive_variables()
def _renewed(connection: Connection, spent: str) -> str:
    """The newest token there is, renewed by us or by whoever is at it."""
    ends = time.monotonic() + PATIENCE
    while True:
        _look_again(connection)
        is_new = connection.secrets.get("access_token") not in (None, spent)
        if not _is_renewed(connection) or (is_new and _lives(connection, LEFT)):
            return _own(connection)
        failed = ""
        if lease := _claimed(connection):
            failed = _renew(connection, lease)
            if not failed:
                continue  # with what is stored now, whoever stored it
        if is_new and _lives(connection):
            return _own(connection)
        if failed or time.monotonic() >= ends:
            raise Unavailable(failed or "its access token is being renewed")
        time.sleep(_POLL)


def _look_again(connection: Connection) -> None:
    """As it is stored now. Raises CredentialRejected where there is nothing left to renew."""
    try:
        connection.refresh_from_db(fields=_FIELDS)
    except Connection.DoesNotExist:
        raise errors.CredentialRejected(provider="HubSpot") from None
    if _is_renewed(connection) and (
        connection.state == State.DISCONNECTED or not connection.secrets.get("refresh_token")
    ):
        raise errors.CredentialRejected(provider="HubSpot")


def _claimed(connection: Connection) -> datetime | None:
    """The end of our lease on the token just looked at; None while somebody else has one, or has renewed it."""
    now = timezone.now()
    same = Connection.objects.filter(pk=connection.pk, token_expires_at=connection.token_expires_at)
    free = Q(token_lease_until=None) | Q(token_lease_until__lte=now)
    return now + LEASE if same.filter(free).update(token_lease_until=now + LEASE) else None


@sensitive_variables()
def _renew(connection: Connection, lease: datetime) -> str:
    """Renews the token under our lease; returns why that is not possible now, "" where there is news to look at."""
    try:
        grant = oauth.refresh(connection.secrets["refresh_token"])
    except oauth.Revoked as error:
        if _holds(connection, lease, until=None):
            connection.mark(State.DISCONNECTED, f"HubSpot has withdrawn the access: {error.words}")
        return ""
    except oauth.OAuthError as error:
        return _put_off(connection, lease, error)
    with transaction.atomic():
        stored = Connection.objects.select_for_update().get(pk=connection.pk)
        # Else it was reauthenticated meanwhile, and what was granted then is newer.
        if stored.token_lease_until == lease:
            _store(stored, grant)
    return ""


def _put_off(connection: Connection, lease: datetime, error: oauth.OAuthError) -> str:
    """Nobody tries again for a while."""
    is_setup = isinstance(error, oauth.Misconfigured)
    pause = max(LONG_PAUSE if is_setup else PAUSE, timedelta(seconds=error.retry_in))
    if not _holds(connection, lease, until=timezone.now() + pause):
        return ""
    if is_setup:
        connection.mark(State.MISCONFIGURED, f"HubSpot does not renew the access: {error.words}")
    return f"its access token could not be renewed: {error.words}"


def _holds(connection: Connection, lease: datetime, until: datetime | None) -> bool:
    """Whether the lease is still ours; if so it now ends at that moment."""
    ours = Connection.objects.filter(pk=connection.pk, token_lease_until=lease)
    return bool(ours.update(token_lease_until=until))


@sensitive_variables()
def _store(stored: Connection, grant: oauth.Grant) -> None:
    """Writes a grant to the locked row: always the refresh token that came with it, for it may be another."""
    tokens = {"access_token": grant.access_token, "refresh_token": grant.refresh_token}
    stored.auth = Connection.Auth.OAUTH
    stored.secrets = {**stored.secrets, **tokens}
    stored.token_expires_at, stored.token_lease_until = grant.expires_at, None
    stored.save(update_fields=["auth", "secrets", "token_expires_at", "token_lease_until"])
    if grant.scopes is not None and list(grant.scopes) != stored.scopes:
        scopes.granted(stored, grant.scopes)
    if stored.state != State.WORKING:
        stored.mark(State.WORKING, f"HubSpot accepts the token: it belongs to portal {stored.external_id}.")
