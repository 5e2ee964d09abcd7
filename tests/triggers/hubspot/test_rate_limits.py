"""An execution that a quota refused is told of the limit, in headers: its status is 200 all the same."""

import pytest
from django.utils import timezone

from smsadmin import cache
from smsadmin.quotas.models import Rule
from tests.factories import make_action
from tests.triggers.hubspot.conftest import SEND, Portal, execution

NAMES = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After")
ADA = {"objectId": 4242, "objectType": "0-1", "properties": {"phone": "+12025550123"}}


@pytest.fixture
def one_a_day(portal: Portal, inputs: dict[str, str]) -> Portal:
    Rule.objects.filter(scope="number", window="day").update(limit=1)
    cache.forget()
    portal.run(inputs)
    return portal


def test_a_refused_message_comes_with_the_limit_that_refused_it(
    one_a_day: Portal, inputs: dict[str, str]
) -> None:
    response = one_a_day.call(SEND, execution(inputs, callbackId="ap-2"))
    told = [response.get(name) for name in NAMES]
    assert response.status_code == 200
    assert (told[0], told[1], told[3]) == ("1", "0", None)
    now = timezone.now()
    midnight = 86_400 - (now.hour * 3_600 + now.minute * 60 + now.second)
    assert abs(int(told[2] or -1) - midnight) <= 5


def test_a_message_that_was_accepted_or_refused_for_something_else_has_none(
    one_a_day: Portal, inputs: dict[str, str]
) -> None:
    Rule.objects.all().delete()
    cache.forget()
    for nth, more in enumerate(({}, {"message": "x" * 1_601})):
        response = one_a_day.call(SEND, execution(inputs | more, callbackId=f"ap-{nth + 3}"))
        assert [response.get(name) for name in NAMES] == [None] * 4


def test_a_message_that_is_held_was_not_refused(one_a_day: Portal) -> None:
    sender = one_a_day.workspace.numbers.get()
    action = make_action(one_a_day.workspace, sender_number=sender, at_quota="hold", hold_minutes=2_880)
    response = one_a_day.call(f"{SEND}?action={action.pk}", execution(callbackId="ap-2", object=ADA))
    assert response.json()["outputFields"]["hs_execution_state"] == "BLOCK"
    assert [response.get(name) for name in NAMES] == [None] * 4
