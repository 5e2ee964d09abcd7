"""Deleting what was told once it is old: texts, numbers, or everything."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smsadmin.incoming.models import InboundMessage, ProviderCall
from smsadmin.incoming.purging import purge
from smsadmin.privacy.models import Part
from tests.incoming.conftest import ADA, handle, make_account
from tests.plans import plan_of

pytestmark = pytest.mark.services


@pytest.fixture
def told(account):
    """An old and a new reply, an old receipt, and an old call that waits."""
    account.tell("message.received", id="IN1", direction="inbound", body="Old", status="received")
    account.tell("message.sent", id="SM1", status="sent")
    handle()
    account.tell("message.sent", id="SM2", status="sent", body="Waits")
    old = timezone.now() - timedelta(days=10)
    InboundMessage.objects.update(at=old)
    ProviderCall.objects.update(at=old)
    account.tell("message.received", id="IN2", direction="inbound", body="New", status="received")
    handle()
    waits = ProviderCall.objects.filter(provider_id="SM2")
    waits.update(outcome="waiting", body={"data": {"body": "Waits"}}, values_gone_at=None)
    return account


def purged(account, what, **options):
    return purge(account.workspace, timezone.now() - timedelta(days=5), what, **options)


def replies():
    return list(InboundMessage.objects.order_by("pk").values_list("sender", "body"))


def test_texts_go_and_numbers_stay(told):
    assert purged(told, Part.TEXT) == 2
    assert replies() == [(ADA, ""), (ADA, "New")]
    assert "Waits" not in str(list(ProviderCall.objects.values_list("body", flat=True)))
    assert InboundMessage.objects.exclude(values_gone_at=None).count() == 1
    assert purged(told, Part.TEXT) == 0


def test_numbers_go_from_calls_too(told):
    purged(told, Part.NUMBER)

    assert replies() == [("", "Old"), (ADA, "New")]
    assert [
        ADA in str(body) for body in ProviderCall.objects.order_by("pk").values_list("body", flat=True)
    ] == [
        *[False] * 3,
        True,
    ]
    assert purged(told, Part.NUMBER) == 0


def test_rows_go_in_steps(told):
    assert [purged(told, Part.MESSAGE, most=2) for _ in range(3)] == [3, 1, 0]
    assert replies() == [(ADA, "New")]
    assert ProviderCall.objects.count() == 1


def test_what_is_gone_is_not_looked_at_again(told):
    """However much is: what is left stands in an index of its own, in the order in which it is deleted."""
    for what, indexes in (
        (Part.TEXT, ["inbound_with_text", "told_with_text"]),
        (Part.NUMBER, ["inbound_with_number", "told_with_number"]),
    ):
        with CaptureQueriesContext(connection) as captured:
            assert purged(told, what)
        plans = [plan_of(query["sql"]) for query in captured if "LIMIT" in query["sql"]]
        if connection.vendor == "sqlite":  # PostgreSQL reads a table of so few rows as a whole
            assert [name for plan in plans for name in indexes if name in plan] == indexes
            assert not [plan for plan in plans if "TEMP B-TREE" in plan]
        assert purged(told, what) == 0


def test_another_workspace_keeps_its_own(told):
    other = make_account("elsewhere")
    for part in Part:
        assert purged(other, part) == 0
    assert len(replies()) == 2
