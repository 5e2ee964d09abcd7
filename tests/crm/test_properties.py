"""What the action editor is told of a record type's properties, at once and whatever HubSpot does."""

from datetime import timedelta

import httpx
import pytest
from django.utils import timezone, translation

from smsadmin import cache, phrases
from smsadmin.core import errors
from smsadmin.crm import properties, standard
from smsadmin.crm.models import PropertyList
from smsadmin.crm.properties import Catalogue, Property, catalogue, known
from smsadmin.pacing.models import Pace
from smsadmin.providers.hubspot import client
from tests.factories import PORTAL, make_connection, make_workspace

MISSING = {
    "category": "MISSING_SCOPES",
    "errors": [{"context": {"requiredGranularScopes": ["crm.objects.deals.read"]}}],
}


def age(minutes):
    """So much time passes."""
    for kept in PropertyList.objects.all():
        kept.tried_at -= timedelta(minutes=minutes)
        kept.read_at = kept.read_at and kept.read_at - timedelta(minutes=minutes)
        kept.save()
    Pace.objects.update(paused_until=None)
    cache.forget()


def definition(name, **facts):
    return {"name": name, "label": name.capitalize(), "type": "string", "fieldType": "text", **facts}


def names(found):
    return [each.name for each in found]


# What is shown


@pytest.mark.parametrize("object_type", standard.PROPERTIES)
def test_every_record_type_has_its_properties_the_usual_ones_first(workspace, portal, hubspot, object_type):
    found = catalogue(workspace, object_type, "en")
    usual = names(catalogue(make_workspace(), object_type, "en").properties)

    assert not found.known_only
    assert names(found.properties)[: len(usual)] == usual
    rest = found.properties[len(usual) :]
    assert names(rest) == names(sorted(rest, key=lambda each: each.label.casefold()))
    assert {each.object_type for each in found.properties} == {object_type}


def test_labels_come_in_the_language_asked_for(workspace, portal, hubspot):
    assert catalogue(workspace, "contact", "de").find("firstname").label == "Vorname"
    assert catalogue(workspace, "contact", "en").find("firstname").label == "First name"


def test_a_property_is_named_as_tokens_name_it():
    assert Property("contact", "firstname", "First name").token == "Contact.firstname"


def test_phone_properties_are_known_by_field_type_by_type_and_by_display_hint(workspace, portal, hubspot):
    definitions = [
        definition("fax", label="A", calculated=True, fieldType="phonenumber"),
        definition("home", fieldType="phonenumber"),
        definition("work", type="phone_number"),
        definition("desk", textDisplayHint="phone_number"),
        definition("telephone"),
    ]
    hubspot.fail(httpx.Response(200, json={"results": definitions}))

    found = catalogue(workspace, "contact", "en")

    assert names(found.phones()) == ["desk", "home", "work", "fax"]  # the calculated one last
    assert "telephone" in names(found.properties)


def test_hidden_and_archived_properties_are_left_out_but_hidden_ones_are_known_by_name(
    workspace, portal, hubspot
):
    definitions = [
        definition("city"),
        definition("old", archived=True),
        definition("hs_secret", hidden=True, label="Secret"),
    ]
    hubspot.fail(httpx.Response(200, json={"results": definitions}))

    found = catalogue(workspace, "contact", "en")

    assert names(found.properties) == ["city"]
    assert found.find("hs_secret").hidden
    assert "hs_secret" in found
    assert found.find("Secret") is None
    assert found.find("old") is None


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("firstname", "firstname"),
        ("FirstName", "firstname"),
        ("first_name", "first_name"),
        ("First Name", "firstname"),
        ("mobile_phone", "mobilephone"),
        ("Mobile phone number", "mobilephone"),
        ("MobilePhoneNumber", "mobilephone"),
        ("City", "city"),
        ("Region", None),
        ("shoe size", None),
    ],
)
def test_a_token_names_a_property_by_its_name_else_by_a_label_that_only_one_has(written, name):
    labels = {
        "first_name": "Given",
        "firstname": "City",
        "mobilephone": "Mobile phone number",
        "city": "Town",
        "state": "Region",
        "county": "Region",
    }
    found = Catalogue(tuple(Property("contact", name, label) for name, label in labels.items())).find(written)

    assert (found.name if found else None) == name


@pytest.mark.parametrize("object_type", standard.PROPERTIES)
def test_a_message_may_use_the_record_and_its_contact_which_only_contacts_and_users_have_not(object_type):
    alone = object_type in ("contact", "user")

    assert properties.objects(object_type) == ((object_type,) if alone else (object_type, "contact"))


# How often HubSpot is asked


def test_a_list_is_read_once_in_ten_minutes(workspace, portal, hubspot, django_assert_num_queries):
    catalogue(workspace, "deal", "en")
    age(9)
    with django_assert_num_queries(2):
        catalogue(workspace, "deal", "en")
    assert hubspot.paths == ["/properties/deals"]
    age(11)
    catalogue(workspace, "deal", "en")
    assert len(hubspot.calls) == 2


@pytest.mark.parametrize(
    ("version", "path"),
    [("legacy", "/crm/v3/properties/deals"), ("2026-03", "/crm/properties/2026-03/deals")],
)
def test_the_list_is_asked_for_in_both_path_families_and_not_for_long(
    workspace, portal, hubspot, settings, version, path
):
    settings.HUBSPOT_API_VERSION = version
    catalogue(workspace, "deal", "de")

    (call,) = hubspot.calls
    assert call.url.path == f"/hubspot{path}"
    assert dict(call.url.params) == {"archived": "false", "locale": "de"}
    assert call.extensions["timeout"]["read"] == 4


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(503), "HubSpot did not answer usably: HTTP 503."),
        (httpx.ReadTimeout("slow"), "HubSpot did not answer usably: no answer within 4 s."),
        (
            httpx.Response(200, json={"results": []}),
            "HubSpot did not answer usably: it listed no property at all.",
        ),
        (httpx.Response(429), "HubSpot asked to slow down: try again in a few seconds."),
        (httpx.Response(403, json=MISSING), "The connection lacks the permission crm.objects.deals.read."),
        (httpx.Response(400, json={"message": "odd"}), "HubSpot refused to answer: odd (HTTP 400)."),
        (
            httpx.Response(401),
            "HubSpot no longer accepts the access token of this portal: enter a new one under Connections.",
        ),
    ],
    ids=repr,
)
def test_a_failure_keeps_the_old_list_says_why_and_is_not_repeated_within_a_minute(
    workspace, portal, hubspot, monkeypatch, answer, words
):
    first = catalogue(workspace, "deal", "en")
    age(11)
    hubspot.fail(answer)

    found = catalogue(workspace, "deal", "en")
    catalogue(workspace, "deal", "en")

    assert len(hubspot.calls) == 2
    assert (found.properties, found.known_only, found.error) == (first.properties, False, words)
    assert found.read_at < timezone.now() - timedelta(minutes=10)
    with monkeypatch.context() as patch:  # a report that no phrase matches could not be translated
        patch.setattr(phrases, "_", lambda phrase: "gefunden")
        assert catalogue(workspace, "deal", "en").error == "gefunden"
    age(2)
    hubspot.fail(None)
    assert catalogue(workspace, "deal", "en").error == ""


def test_a_first_reading_that_fails_leaves_the_documented_properties(workspace, portal, hubspot):
    hubspot.fail(httpx.Response(503))

    found = catalogue(workspace, "deal", "en")

    assert (found.known_only, found.read_at) == (True, None)
    assert "HTTP 503" in found.error
    assert "dealname" in found


def test_a_portal_that_does_not_answer_for_one_type_is_not_asked_for_the_next(workspace, portal, hubspot):
    hubspot.fail(httpx.ReadTimeout("slow"))
    catalogue(workspace, "deal", "en")

    found = catalogue(workspace, "contact", "en")

    assert len(hubspot.calls) == 1
    assert (found.known_only, found.error) == (True, "HubSpot did not answer usably: no answer within 4 s.")


def test_a_type_that_may_not_be_read_does_not_keep_the_others_from_being_read(workspace, portal, hubspot):
    hubspot.fail(httpx.Response(403, json=MISSING), to="deals")
    catalogue(workspace, "deal", "en")

    assert not catalogue(workspace, "contact", "en").known_only


def test_a_refused_token_shows_on_the_connection(workspace, portal, hubspot):
    hubspot.fail(httpx.Response(401))
    catalogue(workspace, "deal", "en")

    portal.refresh_from_db()
    assert portal.state == "rejected"


# Without a portal


@pytest.mark.parametrize("object_type", standard.PROPERTIES)
def test_without_a_portal_the_documented_properties_of_every_type_are_known(workspace, object_type):
    found = catalogue(workspace, object_type, "en")

    assert found.properties
    assert (found.known_only, found.read_at, found.error) == (True, None, "")


def test_the_documented_phone_properties(workspace):
    phones = {kind: names(catalogue(workspace, kind, "en").phones()) for kind in standard.PROPERTIES}

    assert {kind: found for kind, found in phones.items() if found} == {
        "contact": ["phone", "mobilephone"],
        "company": ["phone"],
        "user": ["hs_additional_phone"],
    }


def test_the_documented_labels_are_in_the_language_asked_for(workspace, monkeypatch):
    monkeypatch.setattr(translation, "gettext", lambda text: f"{translation.get_language()}:{text}")

    assert catalogue(workspace, "contact", "de").find("city").label == "de:City"


def test_the_portal_is_the_first_with_an_access_token_of_this_workspace(workspace):
    assert properties.portal(workspace) is None
    make_connection(workspace)  # an Aircall account
    make_connection(workspace, "hubspot", external_id="1", secrets={"client_secret": "x"})
    make_connection(make_workspace(), "hubspot", external_id="2")
    assert properties.portal(workspace) is None

    mine = make_connection(workspace, "hubspot", external_id=PORTAL)
    make_connection(workspace, "hubspot", external_id="3")
    assert properties.portal(workspace) == mine


# For a send


def test_a_send_goes_by_an_old_list_rather_than_none(workspace, portal, hubspot):
    known(portal, "deal", "en")
    age(11)
    hubspot.fail(httpx.Response(503))

    assert "dealname" in known(portal, "deal", "en")


@pytest.mark.parametrize(
    ("answer", "error"),
    [(httpx.Response(503), client.Unavailable), (httpx.Response(401), errors.CredentialRejected)],
    ids=repr,
)
def test_a_send_without_any_list_is_told_why_and_asks_again_at_once(
    workspace, portal, hubspot, answer, error
):
    hubspot.fail(answer)
    with pytest.raises(error):
        known(portal, "deal", "en")
    hubspot.fail(None)

    assert not known(portal, "deal", "en").known_only


def test_sends_in_one_second_share_one_look_at_the_list(
    workspace, portal, hubspot, django_assert_num_queries
):
    known(portal, "deal", "en")
    with django_assert_num_queries(0):
        known(portal, "deal", "en")
