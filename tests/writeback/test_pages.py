"""What people see of what HubSpot was told: on the message's page, and as a list of the log."""

import httpx
import pytest
from django.test import Client
from django.urls import reverse

from smsadmin.core.status import Status
from smsadmin.sending import log
from smsadmin.sending.filters import log_url
from smsadmin.writeback import callbacks, words
from smsadmin.writeback.models import Engagement
from tests.factories import make_member, make_message
from tests.writeback.conftest import NOW, entry, sent, write


@pytest.fixture
def visitor(workspace):
    client = Client()
    client.force_login(make_member(workspace).user)
    return client


def page(visitor, message):
    response = visitor.get(reverse("message", args=[message.pk]))
    assert response.status_code == 200
    return response.content.decode()


def listed(visitor, **filters):
    """The messages of the log with these filters."""
    response = visitor.get(log_url(**filters))
    assert response.status_code == 200
    return {message.pk for message, _why in response.context["rows"]}


def test_the_page_says_that_it_is_owed_then_that_it_is_logged(workspace, portal, timeline, visitor):
    message = sent(workspace)
    assert "To be logged on the record in HubSpot" in page(visitor, message)
    write()
    assert "Logged on the record in HubSpot" in page(visitor, message)


def test_the_page_says_why_it_is_tried_again(workspace, portal, timeline, visitor):
    timeline.faults = [502]
    message = sent(workspace)
    write()
    shown = page(visitor, message)
    assert "To be logged on the record in HubSpot, which is tried again" in shown
    assert "HubSpot did not answer usably. (HTTP 502 INJECTED)" in shown


def test_the_page_names_the_scope_that_is_missing(workspace, portal, timeline, visitor):
    body = {"errors": [{"context": {"requiredGranularScopes": ["crm.objects.contacts.write"]}}]}
    timeline.standin.fail(httpx.Response(403, json=body), to="communications")
    message = sent(workspace)
    write()
    assert "lacks the scope crm.objects.contacts.write" in page(visitor, message)


@pytest.mark.parametrize("reason", Engagement.Reason.values)
def test_every_reason_why_it_is_not_logged_has_words(workspace, portal, visitor, reason):
    message = sent(workspace)
    Engagement.objects.update(state="not_logged", reason=reason)
    said = words.why(entry(message))
    assert said.endswith(".")
    shown = page(visitor, message)
    assert "Not logged on the record in HubSpot" in shown
    assert said in shown


def test_a_message_that_no_portal_has_to_do_with_says_nothing_of_records(workspace, visitor):
    assert "on the record in HubSpot" not in page(visitor, sent(workspace))


def test_the_log_lists_those_whose_workflow_could_not_be_told(workspace, portal, visitor):
    late = make_message(workspace, reply="failed")
    make_message(workspace, reply="given")
    assert listed(visitor, told="untold") == {late.pk}


def test_the_log_lists_those_that_are_not_on_their_record(workspace, portal, timeline, visitor):
    sent(workspace)
    write()
    gone = sent(workspace)
    log.forget_values([gone.pk], NOW)
    write()
    owed = sent(workspace)
    assert listed(visitor, told="unlogged") == {gone.pk}
    assert listed(visitor, told="owed") == {owed.pk}


def test_an_expired_execution_is_in_the_timeline_and_in_the_list(workspace, portal, visitor):
    message = make_message(workspace, at=NOW, reply="owed", reply_at=NOW, status=Status.SENT)
    callbacks.complete_owed()
    assert "The workflow had gone on without the answer." in page(visitor, message)
    assert listed(visitor, told="untold") == {message.pk}
