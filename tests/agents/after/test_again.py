"""The button of a call that could not be dealt with."""

import pytest
from django.urls import reverse

from smsadmin.agents.models import AgentCall
from tests.factories import make_member, make_workspace


@pytest.fixture
def failed(house):
    """A call of which the id alone is proven."""
    house.attach("Hello")
    house.tell_signed()
    house.work()
    return house.call


def signed_in(client, call, role):
    client.force_login(make_member(call.workspace, role).user)
    return client


def test_an_operator_has_a_failed_call_looked_at_again(client, house, failed):
    page = signed_in(client, failed, "operator").get(reverse("agent-call", args=[failed.pk]))
    again = reverse("agent-call-again", args=[failed.pk])
    assert again in page.content.decode()
    house.trust()
    assert client.post(again).status_code == 302
    assert house.call.after == "waiting"
    house.work()
    assert [body for _recipient, body in house.texts] == ["Hello"]

    page = client.post(again, follow=True).content.decode()
    assert "There is nothing to look at again" in page
    assert again not in page
    assert house.work() == 0


def test_viewers_and_other_workspaces_have_no_such_button(client, house, failed):
    page = signed_in(client, failed, "viewer").get(reverse("agent-call", args=[failed.pk]))
    again = reverse("agent-call-again", args=[failed.pk])
    assert again not in page.content.decode()
    assert client.post(again).status_code == 403
    client.force_login(make_member(make_workspace(), "owner").user)
    assert client.post(again).status_code == 404
    assert AgentCall.objects.get().after == "failed"
