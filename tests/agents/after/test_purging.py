"""What calls of agents know of people goes with age, and with actions that keep no values."""

from datetime import timedelta

import pytest
from django.utils import timezone

from smsadmin.agents.after import shown
from smsadmin.agents.models import AgentCall, Invocation
from smsadmin.agents.purging import NOTHING, purge
from smsadmin.privacy.models import Part
from smsadmin.sending.models import Message
from tests.agents.after.conftest import ADA


@pytest.fixture
def old(house):
    """A call of ten days ago, with a text after it, and one of today."""
    condition = {"fact": "variable", "test": "present", "name": "purchase", "value": ""}
    house.attach(rule={"match": "all", "conditions": [condition]})
    house.tell_plainly({"party": ADA, "variables": {"purchase": "car"}})
    house.work()
    before = timezone.now() - timedelta(days=10)
    AgentCall.objects.update(last_at=before)
    Invocation.objects.update(at=before)
    house.tell_plainly({"call_id": "today", "party": ADA, "variables": {"purchase": "boat"}})
    return house


def purged(house, what):
    return purge(house.workspace, timezone.now() - timedelta(days=5), what)


def first(model):
    return model.objects.order_by("pk").first()


def test_values_go_and_what_was_decided_stays(old):
    assert purged(old, Part.TEXT) == 2
    call = first(AgentCall)
    assert (call.party, call.status, call.after) == (ADA, "ended", "done")
    assert "car" not in str(call.told)
    assert call.told["decided"][0]["outcome"] == "queued"
    assert (first(Invocation).arguments, first(Invocation).digest) == ({}, NOTHING)
    assert purged(old, Part.TEXT) == 0


@pytest.mark.services
def test_numbers_take_the_values_along(old):
    purged(old, Part.NUMBER)
    assert ADA not in str([first(AgentCall).party, first(AgentCall).told, first(Invocation).arguments])
    assert AgentCall.objects.get(call_id="today").party == ADA


def test_rows_go_as_a_whole(old):
    assert purged(old, Part.MESSAGE) == 1
    assert AgentCall.objects.get().call_id == "today"
    assert not Invocation.objects.exists()


def test_what_was_deleted_is_not_told_anew(old):
    purged(old, Part.NUMBER)
    old.tell_plainly({"party": ADA, "variables": {"purchase": "car"}})
    old.work()
    assert first(AgentCall).party == ""
    assert sorted(Message.objects.values_list("body", flat=True)) == [
        "Thank you for the boat",
        "Thank you for the car",
    ]


def test_an_action_that_keeps_no_values_leaves_none_with_its_uses(house):
    house.attach(hide_values=True)
    house.tell_plainly({"party": ADA, "variables": {"purchase": "car"}})
    house.work()
    assert Invocation.objects.get().arguments == {"to": ADA}


def test_nor_with_the_call_once_it_is_decided(house):
    house.attach("{{purchase}}", when="during", hide_values=True)
    condition = {"fact": "variable", "test": "present", "name": "purchase", "value": ""}
    house.attach("Thank you", rule={"match": "all", "conditions": [condition]})
    for _ in range(2):  # told again, it is not learnt anew
        told = {"variables": {"purchase": "car"}, "actions": [{"name": "sell", "values": {"what": "car"}}]}
        house.tell_plainly({"party": ADA, **told})
        house.work()
    assert house.texts == [(ADA, "Thank you")]
    assert "car" not in str(house.call.told)
    [decided] = shown.of(house.call).decided
    assert (decided.holds, decided.conditions[0].seen) == (True, "what was told is not kept")
