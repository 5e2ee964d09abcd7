"""The directory as the flow looks things up."""

import pytest
from django.utils import timezone

from smsadmin import cache
from smsadmin.directory import book
from tests.factories import make_agent, make_number, make_workspace, put_on


@pytest.fixture
def workspace(db):
    cache.forget()
    yield make_workspace()
    cache.forget()


def test_a_number_is_found_by_id_e164_and_aircalls_id(workspace):
    number = make_number(workspace, "+12025550100")
    found = book.of(workspace.pk)
    assert (
        found.numbers[number.pk] == found.by_e164["+12025550100"] == found.by_provider_id[number.provider_id]
    )


def test_an_email_is_found_in_any_case(workspace):
    agent = make_agent(workspace, "Mia@Example.com")
    assert book.of(workspace.pk).by_email["mia@example.com"] == agent


def test_who_is_gone_is_found_by_id_alone(workspace):
    number = make_number(workspace, "+12025550100", gone_at=timezone.now())
    agent = make_agent(workspace, "mia@example.com", gone_at=timezone.now())
    found = book.of(workspace.pk)
    assert found.numbers[number.pk] == number
    assert found.agents[agent.pk] == agent
    assert (found.by_e164, found.by_email) == ({}, {})


def test_a_number_that_came_back_under_another_id_is_the_one_found(workspace):
    make_number(workspace, "+12025550100", gone_at=timezone.now())
    new = make_number(workspace, "+12025550100")
    make_number(workspace, "+12025550100", gone_at=timezone.now())
    assert book.of(workspace.pk).by_e164["+12025550100"] == new


def test_the_users_of_a_number_come_by_name_without_those_who_are_gone(workspace):
    number = make_number(workspace, users=("zoe@example.com", "ann@example.com"))
    put_on(number, make_agent(workspace, "bob@example.com", gone_at=timezone.now()))
    make_agent(workspace, "other@example.com")
    assert [agent.email for agent in book.of(workspace.pk).agents_of(number)] == [
        "ann@example.com",
        "zoe@example.com",
    ]
    assert book.of(workspace.pk).agents_of(make_number(workspace)) == []


def test_a_book_holds_its_own_workspace_only(workspace):
    other = make_workspace()
    make_number(other, "+12025550100", users=("mia@example.com",))
    found = book.of(workspace.pk)
    assert (found.numbers, found.agents, found.on_number) == ({}, {}, {})


def test_a_book_is_read_once_within_its_time_and_anew_after_it(
    workspace, settings, django_assert_num_queries
):
    settings.CONFIGURATION_TTL = 60
    with django_assert_num_queries(4):
        book.of(workspace.pk)
        book.of(workspace.pk)
    cache.forget()
    settings.CONFIGURATION_TTL = 0
    with django_assert_num_queries(8):
        book.of(workspace.pk)
        book.of(workspace.pk)
