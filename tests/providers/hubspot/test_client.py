"""Calls of a portal: with a living token, in its turn, and what comes of refusals."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from django.utils import timezone

from smsadmin.core import errors
from smsadmin.pacing import slots
from smsadmin.pacing.models import Pace
from smsadmin.providers import http
from smsadmin.providers.base import Exchange
from smsadmin.providers.hubspot import client, pace, scopes
from smsadmin.workspaces.models import Connection
from tests.providers.hubspot.conftest import refreshes

EXPIRED = httpx.Response(401, json={"category": "EXPIRED_AUTHENTICATION", "correlationId": "c-7"})
FINE = httpx.Response(200, json={"portalId": 9000001})


def stored(portal):
    return Connection.objects.get(pk=portal.pk)


def paused(portal):
    """For how many seconds nobody may call."""
    until = slots.of(portal.pk).paused_until
    return (until - timezone.now()).total_seconds() if until else 0


def test_a_token_that_hubspot_calls_expired_is_renewed_once_and_the_call_repeated(installed, portal):
    installed.state.access_tokens["access-1"]["expires_at"] = 0

    assert client.account(portal)["portalId"] == 9000001
    assert refreshes(installed) == 1


def test_after_that_it_stops(portal, answers):
    tokens = httpx.Response(200, json={"access_token": "access-2", "expires_in": 1800})
    requests = answers(EXPIRED, tokens, EXPIRED)

    with pytest.raises(errors.CredentialRejected):
        client.account(portal)

    assert len(requests) == 3
    kept = stored(portal)
    assert (kept.state, kept.lost_at is None) == ("rejected", False)
    assert kept.state_detail.endswith("reauthenticate it under Connections.")


def test_another_401_is_no_reason_to_renew_anything(portal, answers):
    requests = answers(httpx.Response(401, json={"category": "INVALID_AUTHENTICATION"}))

    with pytest.raises(errors.CredentialRejected):
        client.account(portal)
    assert len(requests) == 1


def test_a_missing_scope_is_named_and_remembered(installed, portal):
    installed.state.access_tokens["access-1"]["scopes"] = ["oauth"]

    with pytest.raises(errors.ScopeMissing) as raised:
        client.record(portal, "deal", "200000", ["dealname"])

    assert str(raised.value) == "The connection lacks the permission crm.objects.deals.read."
    kept = stored(portal)
    assert (kept.scopes_refused, kept.state) == (["crm.objects.deals.read"], "working")
    assert scopes.missing(kept, "records.deal") == ("crm.objects.deals.read",)


def test_a_failed_call_is_logged_with_hubspots_id_of_it_and_without_its_words(portal, answers, caplog):
    answers(httpx.Response(400, json={"message": "+12025550123 is odd", "correlationId": "c-9"}))

    with pytest.raises(errors.ProviderRejected):
        client.account(portal)

    assert "c-9" in caplog.text
    assert "+12025550123" not in caplog.text
    assert "access-1" not in caplog.text


def test_a_token_that_is_accepted_after_all_is_lost_no_more(portal, answers):
    answers(httpx.Response(401, json={"category": "INVALID_AUTHENTICATION"}), FINE)
    with pytest.raises(errors.CredentialRejected):
        client.account(portal)
    assert stored(portal).lost_at

    client.account(portal)
    assert (stored(portal).state, stored(portal).lost_at) == ("working", None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_search", [True, False])
def test_a_portal_that_was_deleted_has_no_turns(portal, is_search):
    gone = stored(portal)
    portal.delete()

    with pytest.raises(client.Unavailable, match="no longer connected"):
        pace.take(gone, 1, is_search=is_search)
    pace.heed(gone, http.Answer(Exchange("GET", "https://hubspot.example", http_status=429)))


# --- In turn ------------------------------------------------------------------------------------------


def test_a_portal_takes_twenty_calls_at_once_then_eight_a_second(portal):
    now = timezone.now()
    turns = [slots.take(portal.pk, pace.RATE, within=timedelta(minutes=1), now=now) - now for _ in range(36)]

    assert turns[:21] == [timedelta()] * 21
    assert turns[28] == timedelta(seconds=1)
    assert turns[35] < timedelta(seconds=2)


def test_what_has_no_turn_soon_does_not_leave(portal, answers):
    requests = answers()
    Pace.objects.create(connection=portal, next_slot_at=timezone.now() + timedelta(seconds=30))

    with pytest.raises(client.RateLimited):
        client.account(portal)
    assert requests == []


def test_a_turn_that_is_near_is_waited_for(portal, answers, monkeypatch):
    slept = []
    monkeypatch.setattr(pace.time, "sleep", slept.append)
    answers(FINE)
    Pace.objects.create(connection=portal, paused_until=timezone.now() + timedelta(seconds=0.8))

    client.account(portal)
    assert slept == [pytest.approx(0.8, abs=0.4)]


def test_searches_have_a_budget_of_their_own(portal):
    def turns():
        while begins := pace._search_turn(portal.pk, timedelta(seconds=1)):
            yield begins

    now = timezone.now()
    found = [(begins - now).total_seconds() for begins in turns()]
    assert len(found) in (6, 7)  # two at once, then every quarter of a second
    assert found[1] < 0.2 < found[-1]
    assert slots.of(portal.pk).next_slot_at is None


@pytest.mark.parametrize(
    ("answer", "least", "most"),
    [
        (httpx.Response(429, headers={"Retry-After": "33"}), 30, 33),
        (httpx.Response(429, headers={"Retry-After": "999999"}), 3_590, 3_600),
        (httpx.Response(429, json={"policyName": "TEN_SECONDLY_ROLLING"}), 9, 12),
        (httpx.Response(477, headers={"Retry-After": "600"}), 590, 600),
        (httpx.Response(477, headers={"Retry-After": "999999"}), 86_390, 86_400),
        (httpx.Response(423), 0, 0),
        (httpx.Response(503), 0, 0),
        (httpx.Response(200, json={}, headers={"X-HubSpot-RateLimit-Remaining": "0"}), 0.1, 1),
        (httpx.Response(200, json={}, headers={"X-HubSpot-RateLimit-Remaining": "9"}), 0, 0),
    ],
    ids=repr,
)
def test_all_wait_as_hubspot_asks(portal, answers, answer, least, most):
    answers(answer)
    client.call(portal, "GET", "/crm/v3/owners")

    assert least <= paused(portal) <= most


def test_the_limit_of_a_day_lasts_until_midnight_in_the_portal(portal, answers):
    portal.time_zone = "US/Eastern"
    portal.save()
    requests = answers(httpx.Response(429, json={"policyName": "DAILY"}, headers={"Retry-After": "1"}))

    with pytest.raises(client.RateLimited):
        client.account(portal)

    assert pace._next_day(portal, datetime(2026, 11, 22, 3, tzinfo=UTC)) == datetime(
        2026, 11, 22, 5, tzinfo=UTC
    )
    assert slots.of(portal.pk).paused_until == pace._next_day(portal, timezone.now())
    if paused(portal) > 60:
        with pytest.raises(client.Unavailable, match="calls of today are used up"):
            client.account(portal)
    assert len(requests) == 1


def test_without_a_known_time_zone_the_limit_of_a_day_is_tried_again_within_an_hour(portal):
    now = timezone.now()
    assert pace._next_day(portal, now) == now + timedelta(hours=1)


def test_too_many_searches_do_not_hold_up_other_calls(portal, answers):
    requests = answers(httpx.Response(429, json={"message": "You have reached your secondly limit."}), FINE)

    with pytest.raises(client.RateLimited):
        client.search(portal, "contact", {"filterGroups": [], "properties": [], "sorts": [], "limit": 1})
    client.account(portal)

    assert stored(portal).next_search_at > timezone.now()
    assert len(requests) == 2


def test_completing_executions_never_raises(portal, answers):
    answers(httpx.Response(204))
    inputs = [{"callbackId": "ap-1", "outputFields": {"hs_execution_state": "SUCCESS"}, "typedOutputs": {}}]
    assert client.complete_callbacks(portal, inputs).status == 204

    Pace.objects.update(
        paused_until=timezone.now() + timedelta(hours=1), paused_for="HubSpot asked to slow down"
    )
    answer = client.complete_callbacks(portal, inputs)
    assert (answer.status, answer.exchange.failure) == (0, "HubSpot asked to slow down")

    portal.mark("disconnected")
    assert client.complete_callbacks(portal, inputs).status == 0
