"""The published sample sign-in must not open a door to real providers."""

import pytest

from smsadmin.workspaces.checks import SAMPLE_EMAIL, SAMPLE_PASSWORD, no_sample_sign_in
from tests.factories import make_user


@pytest.fixture
def sample(db, settings):
    settings.SANDBOX = False
    return make_user(SAMPLE_EMAIL, SAMPLE_PASSWORD)


def found():
    return [message.id for message in no_sample_sign_in(databases=["default"])]


def test_the_sample_sign_in_stops_a_start_with_real_providers(sample):
    assert found() == ["smsadmin.E001"]


def test_it_is_wanted_where_the_sandbox_plays_the_outside_world(sample, settings):
    settings.SANDBOX, settings.BASE_URL = True, "http://127.0.0.1:8000"
    assert found() == []


def test_it_stops_a_start_that_other_machines_can_reach(sample, settings):
    settings.SANDBOX, settings.BASE_URL = True, "https://sms.example.com"
    assert found() == ["smsadmin.E001"]


@pytest.mark.parametrize("change", ["password", "inactive", "deleted"])
def test_each_way_out_that_the_hint_names_is_one(sample, change):
    match change:
        case "password":
            sample.set_password("something of one's own")
            sample.save()
        case "inactive":
            sample.is_active = False
            sample.save()
        case "deleted":
            sample.delete()
    assert found() == []


def test_it_is_asked_only_where_a_database_may_be(sample):
    assert no_sample_sign_in(databases=None) == []
