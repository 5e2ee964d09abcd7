"""A portal's token: renewed in time, by one process at a time, and never more often than it helps."""

import threading
from datetime import timedelta

import httpx
import pytest
from django.db import connection as database
from django.utils import timezone

from smsadmin.core import errors
from smsadmin.providers.hubspot import client, oauth, tokens
from smsadmin.workspaces.models import Connection
from tests.factories import make_connection, make_workspace
from tests.providers.hubspot.conftest import expire, refreshes

REVOKED = httpx.Response(400, json={"error": "invalid_grant", "message": "it was revoked"})
WRONG_CLIENT = httpx.Response(400, json={"status": "BAD_CLIENT_SECRET", "message": "wrong secret"})


def granted(access="access-2", **more):
    return httpx.Response(200, json={"access_token": access, "expires_in": 1800, **more})


def stored(portal):
    return Connection.objects.get(pk=portal.pk)


def test_a_static_token_is_used_as_it_is(db, answers):
    static = make_connection(make_workspace(), "hubspot")
    requests = answers()

    assert tokens.bearer(static) == "sandbox-hubspot-token"
    with pytest.raises(errors.CredentialRejected):
        tokens.renewed(static, "sandbox-hubspot-token")
    assert requests == []


def test_without_a_token_nobody_is_asked(db, answers):
    requests = answers()
    with pytest.raises(errors.CredentialRejected):
        tokens.bearer(make_connection(make_workspace(), "hubspot", secrets={"client_secret": "x"}))
    assert requests == []


def test_a_token_with_more_than_five_minutes_to_live_is_left_alone(installed, portal):
    expire(portal, timedelta(minutes=5, seconds=30))

    assert tokens.bearer(portal) == "access-1"
    assert refreshes(installed) == 0


def test_a_token_with_less_is_renewed_once_and_what_comes_is_stored(installed, portal):
    installed.state.settings.hubspot_rotate_refresh = True
    expire(portal)

    token = tokens.bearer(portal)

    assert token not in ("", "access-1")
    kept = stored(portal)
    assert kept.secrets["access_token"] == token
    assert kept.secrets["refresh_token"] in installed.state.refresh_tokens
    assert kept.secrets["refresh_token"] != "refresh-1"
    assert kept.token_expires_at > timezone.now() + timedelta(minutes=29)
    assert kept.token_lease_until is None
    assert tokens.bearer(portal) == tokens.bearer(stored(portal)) == token
    assert refreshes(installed) == 1


def test_the_secret_that_signs_calls_outlives_a_renewal(installed, portal):
    portal.secrets = {**portal.secrets, "client_secret": "own"}
    expire(portal)
    tokens.bearer(portal)
    assert stored(portal).secrets["client_secret"] == "own"


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_many_at_once_renew_a_token_once(installed, portal):
    """Each refresh ends the token before it: a second one at the same time would disconnect the portal."""
    installed.state.settings.hubspot_rotate_refresh = True
    expire(portal, timedelta(seconds=-1))  # nobody can go on with the old one
    together, found = threading.Barrier(6), []

    def ask():
        own = stored(portal)
        together.wait()
        try:
            found.append(tokens.bearer(own))
        finally:
            database.close()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert refreshes(installed) == 1
    assert found == [stored(portal).secrets["access_token"]] * 6
    assert stored(portal).state == "working"


def test_while_somebody_else_renews_it_a_living_token_does(installed, portal):
    portal.token_lease_until = timezone.now() + timedelta(seconds=20)
    expire(portal)

    assert tokens.bearer(portal) == "access-1"
    assert refreshes(installed) == 0


def test_a_dead_token_is_waited_for_a_moment_only(installed, portal, monkeypatch):
    monkeypatch.setattr(tokens, "PATIENCE", 0.0)
    portal.token_lease_until = timezone.now() + timedelta(seconds=20)
    expire(portal, timedelta(seconds=-1))

    with pytest.raises(client.Unavailable, match="is being renewed"):
        tokens.bearer(portal)


def test_whoever_died_while_renewing_is_replaced(installed, portal):
    portal.token_lease_until = timezone.now() - timedelta(seconds=1)
    expire(portal, timedelta(seconds=-1))

    assert tokens.bearer(portal) != "access-1"


@pytest.mark.parametrize("installs", ["revoked", "gone"])
def test_access_that_is_gone_disconnects_the_portal_and_nobody_asks_again(installed, portal, installs):
    installed.state.settings.hubspot_installs = installs
    expire(portal)

    for _ in range(2):
        with pytest.raises(errors.CredentialRejected):
            tokens.bearer(portal)

    kept = stored(portal)
    assert (kept.state, kept.lost_at is None) == ("disconnected", False)
    assert kept.state_detail.startswith("HubSpot has withdrawn the access: ")
    assert refreshes(installed) == 1
    with pytest.raises(errors.CredentialRejected):
        tokens.bearer(kept)
    assert refreshes(installed) == 1


def test_a_wrong_set_up_is_told_keeps_the_connection_and_a_living_token_does_meanwhile(portal, answers):
    requests = answers(WRONG_CLIENT)
    expire(portal)

    assert tokens.bearer(portal) == tokens.bearer(portal) == "access-1"

    kept = stored(portal)
    assert (kept.state, kept.lost_at) == ("misconfigured", None)
    assert kept.state_detail == "HubSpot does not renew the access: wrong secret"
    assert kept.secrets["refresh_token"] == "refresh-1"
    assert len(requests) == 1  # the next one in a minute
    assert kept.token_lease_until > timezone.now() + timedelta(seconds=50)


@pytest.mark.parametrize("answer", [WRONG_CLIENT, httpx.Response(503), httpx.ReadTimeout("slow")], ids=repr)
def test_without_a_living_token_it_is_another_time(portal, answers, answer):
    answers(answer)
    expire(portal, timedelta(seconds=-1))

    with pytest.raises(client.Unavailable):
        tokens.bearer(portal)

    assert stored(portal).state != "disconnected"


def test_a_passing_failure_leaves_the_state_and_waits_as_asked(portal, answers):
    answers(httpx.Response(429, headers={"Retry-After": "120"}))
    expire(portal)

    assert tokens.bearer(portal) == "access-1"
    kept = stored(portal)
    assert kept.state == "working"
    assert kept.token_lease_until > timezone.now() + timedelta(seconds=110)


def test_a_renewal_brings_a_portal_back_and_tells_new_scopes(portal, answers):
    portal.mark("rejected", "no")
    answers(granted(scopes=["oauth", "tickets"]))
    expire(portal)

    tokens.bearer(portal)

    kept = stored(portal)
    assert (kept.state, kept.lost_at, kept.scopes) == ("working", None, ["oauth", "tickets"])


def test_what_was_granted_meanwhile_is_not_overwritten(portal, monkeypatch):
    """Somebody reauthenticates the portal while its old token is being renewed."""
    fresh = oauth.Grant("access-9", "refresh-9", timezone.now() + timedelta(minutes=30))

    def slow_refresh(refresh_token):
        tokens.keep(stored(portal), fresh)
        return oauth.Grant("access-2", "refresh-2", timezone.now() + timedelta(minutes=30))

    monkeypatch.setattr(oauth, "refresh", slow_refresh)
    expire(portal)

    assert tokens.bearer(portal) == "access-9"
    assert stored(portal).secrets["refresh_token"] == "refresh-9"


def test_a_withdrawal_of_the_old_access_does_not_disconnect_a_reauthenticated_portal(portal, monkeypatch):
    fresh = oauth.Grant("access-9", "refresh-9", timezone.now() + timedelta(minutes=30))

    def late_refusal(refresh_token):
        tokens.keep(stored(portal), fresh)
        raise oauth.Revoked("revoked")

    monkeypatch.setattr(oauth, "refresh", late_refusal)
    expire(portal)

    assert tokens.bearer(portal) == "access-9"
    assert stored(portal).state == "working"
