"""HubSpot's OAuth: what is asked, and the three ways in which it may not be done."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.utils import timezone

from smsadmin.providers.hubspot import oauth, scopes

TOKENS = {"access_token": "a" * 600, "refresh_token": "r-2", "expires_in": 1800, "token_type": "bearer"}


def form(request):
    return {name: value for name, [value] in parse_qs(request.content.decode()).items()}


def test_the_way_to_hubspot_names_app_address_and_scopes_with_spaces_as_it_wants_them(settings):
    settings.BASE_URL = "https://sms.example.com"
    settings.HUBSPOT_AUTHORIZE_URL = "https://app.hubspot.com/oauth/authorize"
    url = oauth.authorize_url("st+te")

    assert url.startswith("https://app.hubspot.com/oauth/authorize?client_id=sandbox-client-id&")
    assert "+" not in url
    assert "scope=oauth%20automation%20crm.objects.contacts.read" in url
    asked = parse_qs(urlsplit(url).query)
    assert asked["redirect_uri"] == ["https://sms.example.com/hubspot/oauth/callback"]
    assert asked["state"] == ["st+te"]
    assert asked["optional_scope"][0].split() == list(scopes.OPTIONAL)


@pytest.mark.parametrize(
    ("version", "path"),
    [("2026-03", "/hubspot/oauth/2026-03/token"), ("legacy", "/hubspot/oauth/v3/token")],
)
def test_a_code_is_exchanged_for_tokens_in_both_path_families(settings, answers, version, path):
    settings.HUBSPOT_API_VERSION = version
    body = {**TOKENS, "hub_id": 9000001, "scopes": ["oauth", "automation"]}
    requests = answers(httpx.Response(200, json=body))

    grant = oauth.exchange("code-1")

    assert requests[0].url.path == path
    assert form(requests[0]) == {
        "grant_type": "authorization_code",
        "code": "code-1",
        "redirect_uri": oauth.redirect_uri(),
        "client_id": "sandbox-client-id",
        "client_secret": "sandbox-client-secret",
    }
    assert (grant.access_token, grant.refresh_token) == (TOKENS["access_token"], "r-2")
    assert (grant.portal, grant.scopes) == ("9000001", ("automation", "oauth"))
    assert timedelta(minutes=29) < grant.expires_at - timezone.now() <= timedelta(minutes=30)


@pytest.mark.parametrize(("sent", "kept"), [({"refresh_token": "r-2"}, "r-2"), ({}, "r-1")])
def test_the_refresh_token_is_the_one_received_else_the_one_there_is(answers, sent, kept):
    answers(httpx.Response(200, json={"access_token": "a", "expires_in": 1800, **sent}))

    grant = oauth.refresh("r-1")

    assert (grant.refresh_token, grant.portal, grant.scopes) == (kept, "", None)


REVOKED, CONFIGURED, TRANSIENT = oauth.Revoked, oauth.Misconfigured, oauth.Transient


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(400, json={"error": "invalid_grant"}), REVOKED),
        (httpx.Response(400, json={"status": "BAD_REFRESH_TOKEN"}), REVOKED),
        (httpx.Response(403, json={"error": "access_denied", "status": "BAD_HUB"}), REVOKED),
        (httpx.Response(400, json={"status": "BAD_HUB"}), REVOKED),
        (httpx.Response(400, json={"error": "invalid_client", "status": "BAD_CLIENT_SECRET"}), CONFIGURED),
        (httpx.Response(400, json={"status": "BAD_REDIRECT_URI"}), CONFIGURED),
        (httpx.Response(404, json={}), CONFIGURED),
        (httpx.Response(423, json={"error": "invalid_grant"}), TRANSIENT),
        (httpx.Response(429, json={"error": "invalid_grant"}), TRANSIENT),
        (httpx.Response(477, json={"status": "BAD_HUB"}), TRANSIENT),
        (httpx.Response(500, json={"error": "invalid_grant"}), TRANSIENT),
        (httpx.Response(502, text="<html>"), TRANSIENT),
        (httpx.Response(400, text="<html>"), TRANSIENT),
        (httpx.Response(200, text="<html>"), TRANSIENT),
        (httpx.Response(200, json={"token_type": "bearer"}), TRANSIENT),
        (httpx.ReadTimeout("slow"), TRANSIENT),
        (httpx.ConnectError("refused"), TRANSIENT),
    ],
    ids=repr,
)
def test_a_refusal_is_final_ours_or_passing(answers, answer, kind):
    answers(answer)

    with pytest.raises(oauth.OAuthError) as raised:
        oauth.refresh("r-1")

    assert type(raised.value) is kind


def test_hubspots_words_and_correlation_id_are_kept_and_logged_and_no_secret_is(answers, caplog):
    words = "refresh token is invalid, expired or revoked"
    body = {"error": "invalid_grant", "message": words, "correlationId": "c-1"}
    answers(httpx.Response(400, json=body))

    with pytest.raises(oauth.Revoked) as raised:
        oauth.refresh("refresh-secret")

    assert (str(raised.value), raised.value.correlation_id) == (words, "c-1")
    assert "c-1" in caplog.text
    assert words in caplog.text
    assert "refresh-secret" not in caplog.text
    assert "sandbox-client-secret" not in caplog.text


def test_a_wait_that_hubspot_asks_for_is_told(answers):
    answers(httpx.Response(429, headers={"Retry-After": "7"}))

    with pytest.raises(oauth.Transient) as raised:
        oauth.refresh("r-1")

    assert raised.value.retry_in == 7


def test_tokens_are_looked_up_and_given_up(answers):
    requests = answers(
        httpx.Response(
            200, json={"active": True, "hub_id": 1, "hub_domain": "x.example", "scopes": ["oauth"]}
        ),
        httpx.Response(200, json={"active": False}),
        httpx.Response(200),
        httpx.Response(204),
    )

    assert oauth.introspect("a-1") == oauth.Token(True, "1", "x.example", ("oauth",))
    assert oauth.introspect("a-2") == oauth.Token(False)
    oauth.revoke("r-1")
    oauth.uninstall("a-1")

    assert form(requests[0])["token_type_hint"] == "access_token"
    assert form(requests[2])["token"] == "r-1"
    assert (requests[3].method, requests[3].headers["Authorization"]) == ("DELETE", "Bearer a-1")
    assert requests[3].url.path.endswith("/appinstalls/v3/external-install")
