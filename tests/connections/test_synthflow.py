"""Connecting a Synthflow workspace: its key, its region, and whether it works."""

import pytest
from django.urls import reverse

from smsadmin.workspaces.models import Connection
from tests.connections.test_connections import outside as _outside
from tests.factories import make_member, make_workspace

pytestmark = pytest.mark.django_db
outside = _outside

FIELDS = {"name": "Synthflow", "workspace_id": "ws-1", "api_key": "key-1", "region": "eu"}


@pytest.fixture
def owner(client):
    client.force_login(make_member(make_workspace(), "owner").user)
    return client


def test_a_workspace_is_connected_and_its_key_never_shown(owner):
    assert owner.post(reverse("connection-new", args=["synthflow"]), FIELDS).status_code == 302
    made = Connection.objects.get()
    assert (made.external_id, made.options, made.secrets) == ("ws-1", {"region": "eu"}, {"api_key": "key-1"})
    assert "key-1" not in owner.get(reverse("connection", args=[made.pk])).content.decode()
    assert "carries no messages" in owner.get(reverse("connection", args=[made.pk])).content.decode()
    assert owner.get(reverse("connections")).status_code == 200
    assert "unconfirmed" in owner.get(reverse("connection-delete", args=[made.pk])).content.decode()


def test_a_workspace_belongs_to_one_workspace_here(owner):
    Connection.objects.create(workspace=make_workspace(), kind="synthflow", name="X", external_id="ws-1")
    response = owner.post(reverse("connection-new", args=["synthflow"]), FIELDS)
    assert response.status_code == 422
    assert "in use elsewhere" in response.content.decode()


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ((200, {"response": {"actions": []}}), "working"),
        ((401, {"detail": "no"}), "rejected"),
        ((500, None), "unreachable"),
        (None, "unreachable"),
    ],
)
def test_a_test_asks_for_its_actions(owner, outside, answer, state):
    owner.post(reverse("connection-new", args=["synthflow"]), FIELDS)
    outside["/v2/actions"] = answer
    owner.post(reverse("connection-test", args=[Connection.objects.get().pk]))
    assert Connection.objects.get().state == state


def test_another_region_is_tried_and_another_name_is_not(owner):
    """The key may have been refused because it was shown in the wrong one: calls are asked for again."""
    owner.post(reverse("connection-new", args=["synthflow"]), FIELDS)
    made = Connection.objects.get()
    made.mark("rejected", "no")
    for given, is_lost in (({"name": "Other"}, True), ({"region": "us"}, False)):
        owner.post(reverse("connection", args=[made.pk]), {**FIELDS, "api_key": "", **given})
        made.refresh_from_db()
        assert (bool(made.lost_at), made.state) == (is_lost, "rejected" if is_lost else "untested")
    assert made.secrets == {"api_key": "key-1"}
