"""HubSpot's stand-in: tokens, records, search, communications."""

from urllib.parse import parse_qs, urlsplit

import pytest

CLIENT = {"client_id": "sandbox-client-id", "client_secret": "sandbox-client-secret"}
REDIRECT = "http://127.0.0.1:8000/hubspot/oauth/callback"
CONTACT = "4242"


def installed(hubspot):
    """The tokens of an install, through the page where an admin agrees."""
    asked = {"client_id": CLIENT["client_id"], "redirect_uri": REDIRECT, "scope": "oauth", "state": "s1"}
    location = hubspot.get("/oauth/authorize", params=asked).headers["Location"]
    answer = parse_qs(urlsplit(location).query)
    assert answer["state"] == ["s1"]
    form = {"grant_type": "authorization_code", "code": answer["code"][0], "redirect_uri": REDIRECT, **CLIENT}
    return form, hubspot.post("/oauth/2026-03/token", data=form).json()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_a_code_is_good_once_and_its_token_works_until_it_expires(hubspot, clock):
    form, tokens = installed(hubspot)
    account = "/account-info/v3/details"

    assert (tokens["hub_id"], tokens["expires_in"]) == (9000001, 1800)
    assert hubspot.get(account, headers=bearer(tokens["access_token"])).json()["portalId"] == 9000001
    assert hubspot.post("/oauth/v3/token", data=form).json()["status"] == "BAD_AUTH_CODE"
    clock.seconds += 1801
    expired = hubspot.get(account, headers=bearer(tokens["access_token"]))
    assert (expired.status_code, expired.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")


def test_a_refresh_keeps_the_refresh_token_unless_rotation_is_on(hubspot, control):
    _, tokens = installed(hubspot)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **CLIENT}

    assert hubspot.post("/oauth/v1/token", data=form).json()["refresh_token"] == form["refresh_token"]
    control.post("/settings", json={"hubspot_rotate_refresh": True})
    assert hubspot.post("/oauth/v1/token", data=form).json()["refresh_token"] != form["refresh_token"]
    spent = hubspot.post("/oauth/v1/token", data=form)
    assert (spent.status_code, spent.json()["error"], spent.json()["status"]) == (
        400,
        "invalid_grant",
        "BAD_REFRESH_TOKEN",
    )


def test_a_revoked_refresh_token_is_inactive(hubspot):
    _, tokens = installed(hubspot)
    form = {"token": tokens["refresh_token"], **CLIENT}
    assert hubspot.post("/oauth/v3/token/introspect", data=form).json()["active"] is True

    hubspot.post("/oauth/v3/token/revoke", data=form)

    assert hubspot.post("/oauth/v3/token/introspect", data=form).json() == {"active": False}


@pytest.mark.parametrize("headers", [{"Authorization": ""}, bearer("wrong")])
def test_a_call_without_a_good_token_is_refused(hubspot, headers):
    answer = hubspot.get("/crm/v3/owners", headers=headers)

    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")


@pytest.mark.parametrize("path", ["/crm/v3/objects/contacts/", "/crm/objects/2026-03/0-1/"])
def test_a_record_is_read_in_both_path_families(hubspot, path):
    asked = {"properties": "firstname,sms_opt_out,unheard_of", "associations": "deals"}
    record = hubspot.get(path + CONTACT, params=asked).json()

    assert record["id"] == CONTACT
    assert record["properties"]["firstname"] == "Ada"
    assert record["properties"]["sms_opt_out"] is None
    assert "unheard_of" not in record["properties"]


def test_a_malformed_body_is_a_validation_error(hubspot):
    answer = hubspot.post("/crm/v3/objects/contacts/batch/read", json={"inputs": [{"name": "Ada"}]})

    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_an_unknown_record_is_not_found(hubspot):
    answer = hubspot.get("/crm/v3/objects/contacts/1")

    assert (answer.status_code, answer.json()["category"]) == (404, "OBJECT_NOT_FOUND")


def test_batch_read_tells_which_records_are_missing(hubspot):
    inputs = {"properties": ["phone"], "inputs": [{"id": CONTACT}, {"id": "1"}]}
    answer = hubspot.post("/crm/v3/objects/contacts/batch/read", json=inputs)

    assert answer.status_code == 207
    assert [record["id"] for record in answer.json()["results"]] == [CONTACT]
    assert answer.json()["errors"][0]["context"]["ids"] == ["1"]


def test_a_property_is_changed_cleared_and_checked(hubspot):
    path = f"/crm/v3/objects/contacts/{CONTACT}"
    for value, kept in [("true", "true"), ("", None)]:
        answer = hubspot.patch(path, json={"properties": {"sms_opt_out": value}})
        assert answer.json()["properties"]["sms_opt_out"] == kept
    refused = hubspot.patch(path, json={"properties": {"x": "1"}})
    assert (refused.status_code, "PROPERTY_DOESNT_EXIST" in refused.json()["message"]) == (400, True)


def test_a_contact_is_found_by_its_national_digits(hubspot):
    phone = hubspot.get(f"/crm/v3/objects/contacts/{CONTACT}?properties=phone").json()["properties"]["phone"]
    condition = {
        "propertyName": "hs_searchable_calculated_phone_number",
        "operator": "EQ",
        "value": phone.removeprefix("+1"),
    }
    body = {"filterGroups": [{"filters": [condition]}], "properties": ["phone"], "limit": 20}
    found = hubspot.post("/crm/v3/objects/contacts/search", json=body).json()

    assert [record["id"] for record in found["results"]] == [CONTACT]


def test_search_takes_five_a_second_without_rate_headers(hubspot, clock):
    def search():
        return hubspot.post("/crm/v3/objects/contacts/search", json={"limit": 1})

    answers = [search() for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert "X-HubSpot-RateLimit-Max" not in answers[0].headers
    clock.seconds += 1
    assert search().status_code == 200


def test_the_burst_limit_rolls_over_ten_seconds(hubspot, control, clock):
    control.post("/settings", json={"hubspot_requests_per_ten_seconds": 2})
    answers = [hubspot.get("/crm/v3/owners") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[1].headers["X-HubSpot-RateLimit-Remaining"] == "0"
    assert answers[2].json()["policyName"] == "TEN_SECONDLY_ROLLING"
    clock.seconds += 10
    assert hubspot.get("/crm/v3/owners").status_code == 200


def test_search_sorts_by_one_rule_else_the_oldest_come_first(hubspot, sandbox):
    for moment, record in enumerate(sandbox.state.records["deals"].values()):
        record.created_at, record.updated_at = 1000.0 - moment, 1000.0 + moment

    def found(*sorts):
        body = {"limit": 2, "sorts": [{"propertyName": name, "direction": way} for name, way in sorts]}
        return hubspot.post("/crm/v3/objects/deals/search", json=body)

    newest = found(("hs_lastmodifieddate", "DESCENDING")).json()["results"]
    assert [record["id"] for record in newest] == ["200059", "200058"]
    assert [record["id"] for record in found().json()["results"]] == ["200059", "200058"]
    assert found(("hs_object_id", "ASCENDING")).json()["results"][0]["id"] == "200000"
    assert found(("dealname", "ASCENDING"), ("amount", "ASCENDING")).status_code == 400


def test_search_refuses_a_property_that_does_not_exist(hubspot):
    condition = {"propertyName": "unheard_of", "operator": "HAS_PROPERTY"}
    for body in ({"filterGroups": [{"filters": [condition]}]}, {"sorts": [condition]}):
        answer = hubspot.post("/crm/v3/objects/contacts/search", json=body)
        assert (answer.status_code, "unheard_of" in answer.json()["message"]) == (400, True)


def test_a_token_is_a_word_or_the_whole_value(hubspot, sandbox):
    sandbox.state.records["contacts"][CONTACT].properties["firstname"] = "Ada-Maria"
    for value, total in [("maria", 1), ("ada-m*", 1), ("*@example.com", 500), ("mari", 0)]:
        name = "email" if "@" in value else "firstname"
        condition = {"propertyName": name, "operator": "CONTAINS_TOKEN", "value": value}
        body = {"filterGroups": [{"filters": [condition]}]}
        assert hubspot.post("/crm/v3/objects/contacts/search", json=body).json()["total"] == total


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("contacts", {"createdate", "lastmodifieddate", "hs_object_id"}),
        ("deals", {"createdate", "hs_lastmodifieddate", "hs_object_id"}),
        ("users", {"hs_createdate", "hs_lastmodifieddate", "hs_object_id"}),
    ],
)
def test_each_type_has_its_own_names_for_its_times(hubspot, sandbox, path, names):
    record_id = next(iter(sandbox.state.records[path]))

    assert set(hubspot.get(f"/crm/v3/objects/{path}/{record_id}").json()["properties"]) == names
    assert names <= {each["name"] for each in hubspot.get(f"/crm/v3/properties/{path}").json()["results"]}


def test_every_value_belongs_to_a_property_that_is_defined(sandbox):
    for path, records in sandbox.state.records.items():
        used = {name for record in records.values() for name in record.properties}
        assert used <= set(sandbox.state.properties[path])


@pytest.mark.parametrize(
    ("locale", "labels"),
    [
        ("de", {"firstname": "Vorname", "sms_opt_out": "SMS opt-out"}),
        ("en", {"firstname": "First name", "sms_opt_out": "SMS opt-out"}),
        ("", {"firstname": "First name", "sms_opt_out": "SMS opt-out"}),
    ],
)
def test_labels_come_in_the_language_asked_for_except_a_portals_own(hubspot, locale, labels):
    found = hubspot.get("/crm/v3/properties/contacts", params={"locale": locale}).json()["results"]

    assert labels.items() <= {each["name"]: each["label"] for each in found}.items()


def test_calculated_phone_properties_are_hidden(hubspot):
    found = hubspot.get("/crm/properties/2026-03/contacts").json()["results"]

    assert {each["name"] for each in found if each["hidden"]} == {
        "hs_searchable_calculated_phone_number",
        "hs_searchable_calculated_mobile_number",
    }


def test_phone_properties_are_flagged(hubspot):
    definitions = hubspot.get("/crm/v3/properties/contacts").json()["results"]

    phones = {item["name"] for item in definitions if item["fieldType"] == "phonenumber"}
    assert phones == {"phone", "mobilephone"}
    assert {"sms_sender_number", "sms_send_as_email", "sms_opt_out"} <= {item["name"] for item in definitions}


def test_a_property_is_made_once(hubspot):
    body = {"groupName": "contactinformation", "name": "sms_note", "label": "SMS note", "type": "string"}
    body["fieldType"] = "text"

    assert hubspot.post("/crm/v3/properties/contacts", json=body).status_code == 201
    assert hubspot.post("/crm/v3/properties/contacts", json=body).status_code == 409
    assert hubspot.post("/crm/v3/properties/contacts", json={"name": "Bad Name"}).status_code == 400


def test_an_owner_is_found_by_email(hubspot):
    [owner] = hubspot.get("/crm/v3/owners", params={"email": "mia@example.com"}).json()["results"]

    assert (owner["firstName"], owner["id"] != str(owner["userId"])) == ("Mia", True)


def logged_sms(associations, **properties):
    defaults = {
        "hs_communication_channel_type": "SMS",
        "hs_communication_logged_from": "CRM",
        "hs_communication_body": "Grüße Zoë",
        "hs_timestamp": "2026-11-21T10:00:00.000Z",
    }
    return {"properties": defaults | properties, "associations": associations}


def link(record_id, type_id):
    kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}
    return {"to": {"id": record_id}, "types": [kind]}


def test_an_sms_is_logged_on_the_record_it_was_sent_for(hubspot):
    made = hubspot.post("/crm/v3/objects/communications", json=logged_sms([link(CONTACT, 81)]))

    assert made.status_code == 201
    linked = hubspot.get(f"/crm/v4/objects/contacts/{CONTACT}/associations/communications").json()["results"]
    assert [str(item["toObjectId"]) for item in linked] == [made.json()["id"]]
    assert linked[0]["associationTypes"][0]["typeId"] == 82


@pytest.mark.parametrize(
    "body",
    [
        logged_sms([link(CONTACT, 85)]),  # 85 leads to a deal, and 4242 is a contact
        logged_sms([link("1", 81)]),
        logged_sms([], hs_communication_channel_type="FAX"),
        logged_sms([], hs_communication_logged_from="API"),
        logged_sms([], hs_timestamp="yesterday"),
        logged_sms([], hs_mood="good"),
    ],
)
def test_a_wrong_communication_is_refused_and_not_kept(hubspot, sandbox, body):
    answer = hubspot.post("/crm/v3/objects/communications", json=body)

    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert sandbox.state.records["communications"] == {}


def test_associations_of_a_deal_lead_to_its_contacts(hubspot):
    linked = hubspot.get("/crm/v4/objects/deals/200000/associations/contacts").json()["results"]

    assert linked
    assert linked[0]["associationTypes"][0] == {"category": "HUBSPOT_DEFINED", "typeId": 3, "label": None}
    labels = hubspot.get("/crm/v4/associations/0-18/0-1/labels").json()["results"]
    assert labels == [{"category": "HUBSPOT_DEFINED", "typeId": 81, "label": None}]


def test_a_record_is_read_with_the_ids_and_the_kinds_of_its_associations(hubspot, sandbox):
    lead = sandbox.state.records["leads"]["400000"]
    lead.associations["contacts"] = {"4250": {608}, "4300": {608, 578}}
    found = hubspot.get("/crm/v3/objects/leads/400000", params={"associations": "contacts"}).json()

    assert found["associations"]["contacts"]["results"] == [
        {"id": "4250", "type": "lead_to_contact"},
        {"id": "4300", "type": "lead_to_primary_contact"},
        {"id": "4300", "type": "lead_to_contact"},
    ]
    assert "associations" not in hubspot.get("/crm/v3/objects/leads/400000").json()


@pytest.mark.parametrize(
    "path",
    [
        "/crm/v4/associations/deals/contacts/batch/read",
        "/crm/associations/2026-03/deals/contacts/batch/read",
    ],
)
def test_the_associations_of_many_records_come_at_once(hubspot, sandbox, path):
    deals = sandbox.state.records["deals"]
    deals["200000"].associations["contacts"] = {"4242": {3}}
    deals["200001"].associations["contacts"] = {}
    inputs = [{"id": each} for each in ("200000", "200001", "1")]

    answer = hubspot.post(path, json={"inputs": inputs})

    assert answer.status_code == 207
    assert answer.json()["results"] == [
        {
            "from": {"id": "200000"},
            "to": [
                {
                    "toObjectId": 4242,
                    "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 3, "label": None}],
                }
            ],
        }
    ]
    assert answer.json()["errors"][0]["context"]["ids"] == ["200001", "1"]
    assert hubspot.post(path, json={"inputs": inputs[:1]}).status_code == 200


@pytest.mark.parametrize(
    ("kind", "status", "key", "value"),
    [
        ("403", 403, "category", "MISSING_SCOPES"),
        ("429", 429, "policyName", "TEN_SECONDLY_ROLLING"),
        ("daily429", 429, "policyName", "DAILY"),
        ("expired", 401, "category", "EXPIRED_AUTHENTICATION"),
        ("477", 477, "status", "error"),
        ("500", 500, "status", "error"),
    ],
)
def test_faults_carry_the_bodies_of_hubspot(hubspot, control, kind, status, key, value):
    control.post("/faults", json={"service": "hubspot", "kind": kind, "count": 1})
    answer = hubspot.get("/crm/v3/owners")

    assert (answer.status_code, answer.json()[key]) == (status, value)
