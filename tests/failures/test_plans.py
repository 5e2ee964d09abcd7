"""No figure of the page looks through the table of messages."""

import itertools
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smsadmin.core.status import Status
from smsadmin.failures import groups
from smsadmin.failures.models import Failure, State
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace
from tests.factories import make_number, uuid7_at
from tests.plans import plans_of_log, reads_whole_log

pytestmark = [pytest.mark.django_db, pytest.mark.services]

ROWS = 20_000
CAUSES = 12


def fill(workspace: Workspace) -> None:
    """A long log: one message in four failed, for one of some causes."""
    number, now = make_number(workspace), timezone.now()
    causes = itertools.cycle([f"NUMBER_NOT_SMS_CAPABLE.{nth:016x}" for nth in range(CAUSES)])
    Message.objects.bulk_create(
        [
            Message(
                pk=uuid7_at(now - timedelta(seconds=40 * nth)),
                workspace=workspace,
                trigger="hubspot",
                key=uuid.uuid4(),
                number=number,
                body="Hello " * 20,
                origin={"workflow": "17"},
                status=Status.DELIVERED if nth % 4 else Status.REJECTED,
                error_code="" if nth % 4 else "NUMBER_NOT_SMS_CAPABLE",
                cause="" if nth % 4 else next(causes),
            )
            for nth in range(ROWS)
        ],
        batch_size=2_000,
    )


def test_no_statement_of_the_page_scans_the_table(workspace: Workspace) -> None:
    fill(workspace)
    Failure.objects.create(
        workspace=workspace,
        cause=f"NUMBER_NOT_SMS_CAPABLE.{0:016x}",
        state=State.MUTED,
        state_at=timezone.now() - timedelta(days=5),
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sending_message")
    now = timezone.now()

    with CaptureQueriesContext(connection) as seen:
        standing = groups.standing_since(workspace, 30, now)
        assert len(groups.groups(workspace, standing, 30, now)) == CAUSES

    plans = plans_of_log(seen)
    assert len(plans) == 5
    assert [each for each in plans if reads_whole_log(each)] == []
    # All but the newest messages, which are read by their ids.
    assert sum("log_by_cause" in each for each in plans) == 4
