"""HubSpot's stand-in: consent, what tokens may, and how access ends."""

from urllib.parse import parse_qs, urlsplit

import pytest

CLIENT = {"client_id": "sandbox-client-id", "client_secret": "sandbox-client-secret"}
REDIRECT = "http://127.0.0.1:8000/hubspot/oauth/callback"
ASKED = {"client_id": CLIENT["client_id"], "redirect_uri": REDIRECT, "scope": "oauth", "state": "s1"}


def answer_to(response):
    return {name: value for name, [value] in parse_qs(urlsplit(response.headers["Location"]).query).items()}


def installed(hubspot, **asked):
    """The tokens of an install to which everyone agrees."""
    code = answer_to(hubspot.get("/oauth/authorize", params=ASKED | asked))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **CLIENT}
    return hubspot.post("/oauth/v3/token", data=form).json()


def bearer(tokens):
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def change(control, **settings):
    assert control.post("/settings", json=settings).status_code == 200


def test_a_page_asks_only_where_it_is_wanted(hubspot, control):
    change(control, hubspot_consent="asked")
    page = hubspot.get("/oauth/authorize", params=ASKED | {"optional_scope": "tickets", "state": '"><b>'})

    assert page.status_code == 200
    assert "<li>tickets</li>" in page.text
    assert '"><b>' not in page.text
    declined = hubspot.get("/oauth/authorize", params=ASKED | {"decision": "decline"})
    assert answer_to(declined) == {"error": "access_denied", "state": "s1"}
    agreed = hubspot.get("/oauth/authorize", params=ASKED | {"decision": "agree", "portal": "77"})
    assert set(answer_to(agreed)) == {"code", "state"}


def test_consent_may_be_refused_with_any_error(hubspot, control):
    change(control, hubspot_consent="server_error")
    assert answer_to(hubspot.get("/oauth/authorize", params=ASKED))["error"] == "server_error"


def test_each_portal_has_tokens_of_its_own(hubspot, control):
    first = installed(hubspot)
    change(control, hubspot_portal=9000002)
    second = installed(hubspot)

    assert (first["hub_id"], second["hub_id"]) == (9000001, 9000002)
    account = hubspot.get("/account-info/v3/details", headers=bearer(second)).json()
    assert account["portalId"] == 9000002
    assert hubspot.delete("/appinstalls/v3/external-install", headers=bearer(second)).status_code == 204
    assert hubspot.get("/account-info/v3/details", headers=bearer(second)).status_code == 401
    assert hubspot.get("/account-info/v3/details", headers=bearer(first)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/crm/v3/objects/contacts/4242", "crm.objects.contacts.read"),
        ("GET", "/crm/objects/2026-03/0-3/200000", "crm.objects.deals.read"),
        ("POST", "/crm/v3/objects/tickets/search", "tickets"),
        ("POST", "/crm/v3/objects/communications", "crm.objects.contacts.write"),
        ("POST", "/crm/v3/objects/communications/search", "crm.objects.contacts.read"),
        ("PATCH", "/crm/v3/objects/contacts/4242", "crm.objects.contacts.write"),
        ("POST", "/crm/v4/associations/deals/contacts/batch/read", "crm.objects.deals.read"),
        ("POST", "/crm/v3/properties/contacts", "crm.schemas.contacts.write"),
        ("GET", "/crm/v3/properties/leads", "crm.schemas.leads.read"),
        ("GET", "/crm/v3/owners", "automation"),
        ("POST", "/automation/v4/actions/callbacks/complete", "automation"),
    ],
)
def test_a_call_without_its_scope_is_403_and_with_it_is_not(hubspot, method, path, scope):
    def status(scopes):
        return hubspot.request(method, path, json={}, headers=bearer(installed(hubspot, scope=scopes)))

    refused = status("oauth")
    assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
    assert scope in refused.json()["errors"][0]["context"]["requiredGranularScopes"]
    assert status(f"oauth {scope}").status_code != 403


def test_scopes_may_be_granted_other_than_asked_for(hubspot, control):
    change(control, hubspot_granted_scopes="oauth tickets", hubspot_static_scopes="oauth")

    assert installed(hubspot, scope="oauth automation")["scopes"] == ["oauth", "tickets"]
    assert hubspot.get("/crm/v3/owners").status_code == 403
    assert hubspot.get("/account-info/v3/details").status_code == 200


@pytest.mark.parametrize(
    ("installs", "status", "error"),
    [("revoked", "BAD_REFRESH_TOKEN", "invalid_grant"), ("gone", "BAD_HUB", "access_denied")],
)
def test_access_ends_for_installs_and_not_for_the_static_token(hubspot, control, installs, status, error):
    tokens = installed(hubspot)
    change(control, hubspot_installs=installs)

    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **CLIENT}
    refused = hubspot.post("/oauth/v3/token", data=form)
    assert (refused.status_code, refused.json()["status"], refused.json()["error"]) == (400, status, error)
    introspected = hubspot.post(
        "/oauth/v3/token/introspect", data={"token": tokens["access_token"], **CLIENT}
    )
    assert introspected.json() == {"active": False}
    assert hubspot.get("/account-info/v3/details", headers=bearer(tokens)).status_code == 401
    assert hubspot.get("/account-info/v3/details").status_code == 200
