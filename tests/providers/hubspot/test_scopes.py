"""What each feature takes of a portal, and what the portal has granted."""

import pytest

from smsadmin.actions.models import ObjectType
from smsadmin.providers.hubspot import scopes
from smsadmin.providers.hubspot.client import PATH_NAMES
from tests.factories import make_connection, make_workspace


@pytest.fixture
def portal(db):
    return make_connection(make_workspace(), "hubspot")


def standing(portal):
    return {each.words: each.standing for each in scopes.needs(portal)}


def test_every_record_type_that_an_action_may_be_for_can_be_read():
    assert {scopes.reading(each) for each in PATH_NAMES} <= set(scopes.FEATURES)
    of_hubspot = set(ObjectType) - {ObjectType.CALL}
    assert {scopes.reading(each.value) for each in of_hubspot} <= set(scopes.FEATURES)


def test_an_install_asks_for_what_any_feature_takes_and_makes_nobody_agree_to_rare_ones():
    asked = {*scopes.REQUIRED, *scopes.OPTIONAL}
    assert all(set(group) & asked for each in scopes.FEATURES.values() for group in each.needs)
    assert not set(scopes.REQUIRED) & set(scopes.OPTIONAL)
    assert "crm.objects.deals.read" in scopes.OPTIONAL


def test_of_a_static_token_nothing_is_known_until_a_call_is_refused(portal):
    assert set(standing(portal).values()) == {"unknown"}
    assert scopes.missing(portal, "records.deal") == ()

    scopes.refused(portal, ["crm.objects.deals.read"])
    scopes.refused(portal, [])

    portal.refresh_from_db()
    assert scopes.missing(portal, "records.deal") == ("crm.objects.deals.read",)
    assert scopes.to_add(portal) == ["crm.objects.deals.read"]
    assert set(standing(portal).values()) == {"unknown", "missing"}


def test_granted_scopes_decide(portal):
    scopes.refused(portal, ["automation"])
    scopes.granted(portal, ["oauth", "automation", "crm.objects.contacts.read"])

    portal.refresh_from_db()
    assert scopes.missing(portal, scopes.CALLBACKS) == ()  # what was refused before counts no more
    assert scopes.missing(portal, scopes.ENGAGEMENTS) == ("crm.objects.contacts.write",)
    assert scopes.missing(portal, scopes.OPT_OUT_CREATE) == ("crm.schemas.contacts.write",)
    assert scopes.missing(portal, scopes.reading("ticket")) == ("tickets",)


def test_one_of_several_that_would_each_do_is_enough(portal):
    scopes.granted(portal, ["automation"])
    assert scopes.missing(portal, scopes.OWNERS) == ()
    scopes.granted(portal, ["crm.objects.owners.read"])
    assert scopes.missing(portal, scopes.OWNERS) == ()
    scopes.granted(portal, ["oauth"])
    assert scopes.missing(portal, scopes.OWNERS) == ("crm.objects.owners.read",)
