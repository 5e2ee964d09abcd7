"""Which numbers may text (Aircall help: advanced Send SMS action, "Why your number may not appear")."""

from itertools import product

import pytest
from django.utils import timezone

from smsadmin.directory.models import Number

FACTS = list(
    product([None, False, True], [None, False, True], [False, True], [False, True], [None, timezone.now()])
)


@pytest.mark.parametrize(("connected", "sms_capable", "third_party", "proxy_mode", "gone_at"), FACTS)
def test_a_number_is_eligible_in_exactly_one_case_of_all(
    connected, sms_capable, third_party, proxy_mode, gone_at
):
    number = Number(
        connected=connected,
        sms_capable=sms_capable,
        third_party=third_party,
        proxy_mode=proxy_mode,
        gone_at=gone_at,
    )
    facts = (connected, sms_capable, third_party, proxy_mode, gone_at)
    assert number.is_eligible is (facts == (True, True, False, False, None))


def test_what_nobody_said_does_not_make_a_number_eligible():
    assert Number().is_eligible is False
