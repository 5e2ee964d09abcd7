"""Which numbers may text (Aircall help: advanced Send SMS action, "Why your number may not appear")."""

from itertools import product

import pytest
from django.utils import timezone

from smsadmin.directory import facts
from smsadmin.directory.models import Number
from tests.factories import make_number, make_workspace

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


@pytest.mark.services
def test_the_database_and_the_words_agree_with_it_in_every_case(db):
    """One table: the lists, the page's reasons, the error of a send and is_eligible are the same rule."""
    workspace = make_workspace()
    names = ("connected", "sms_capable", "third_party", "proxy_mode", "gone_at")
    for case in FACTS:
        make_number(workspace, **dict(zip(names, case, strict=True)))

    offered = set(Number.objects.filter(facts.OFFERED))

    for number in Number.objects.all():
        assert (
            number.is_eligible
            is (number in offered)
            is (facts.why_not(number) == ("", ""))
            is (facts.first_failing(number) is None)
        )


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"connected": False}, "NUMBER_NOT_IN_INTEGRATION"),
        ({"connected": None}, "NUMBER_NOT_IN_INTEGRATION"),
        ({"gone_at": timezone.now()}, "NUMBER_NOT_IN_INTEGRATION"),
        ({"sms_capable": False}, "NUMBER_NOT_SMS_CAPABLE"),
        ({"sms_capable": None, "third_party": True}, "NUMBER_NOT_SMS_CAPABLE"),
        ({"third_party": True}, "NUMBER_THIRD_PARTY_MESSAGING"),
        ({"third_party": True, "proxy_mode": True}, "NUMBER_THIRD_PARTY_MESSAGING"),
        ({"proxy_mode": True}, "NUMBER_IN_PROXY_MODE"),
    ],
)
def test_a_send_is_refused_for_the_first_condition_that_fails(columns, code):
    error = facts.first_failing(Number(**{"connected": True, "sms_capable": True, **columns}))
    assert error
    assert error.code == code
