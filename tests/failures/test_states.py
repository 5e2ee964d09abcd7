"""A decision about a cause holds until the cause recurs."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from smsadmin.failures import groups, states
from smsadmin.failures.forms import MONTH
from smsadmin.failures.models import Failure, State
from smsadmin.failures.states import Standing
from smsadmin.workspaces.models import Workspace
from tests.factories import make_user, make_workspace
from tests.failures.conftest import ago, failed

pytestmark = [pytest.mark.django_db, pytest.mark.services]  # pauses are read by statements of our own


def standing(workspace: Workspace) -> Standing:
    [found] = groups.standing_since(workspace, MONTH, timezone.now())
    return found


def decided(workspace: Workspace, state: State, at: datetime) -> Failure:
    return Failure.objects.create(
        workspace=workspace, cause=standing(workspace).tally.cause, state=state, state_at=at
    )


def test_a_cause_that_nobody_has_looked_at_is_new(workspace: Workspace) -> None:
    failed(workspace)

    found = standing(workspace)

    assert (found.state, found.decided, found.has_recurred) == (State.NEW, None, False)


def test_a_decision_in_another_workspace_decides_nothing_here(workspace: Workspace) -> None:
    other = make_workspace()
    for each in (workspace, other):
        failed(each)
    decided(other, State.RESOLVED, timezone.now())

    assert standing(workspace).state == State.NEW
    assert standing(other).state == State.RESOLVED


@pytest.mark.parametrize(("later", "state"), [(-1, State.RESOLVED), (1, State.NEW)])
def test_a_resolved_cause_is_new_again_with_a_message_newer_than_the_resolution(
    workspace: Workspace, later: int, state: State
) -> None:
    failed(workspace, at=ago(hours=9))
    decided(workspace, State.RESOLVED, ago(hours=5))
    failed(workspace, at=ago(hours=5 - later))

    found = standing(workspace)

    assert found.state == state
    assert found.has_recurred == (state == State.NEW)


def test_an_acknowledged_cause_stays_so_while_it_goes_on(workspace: Workspace) -> None:
    failed(workspace, at=ago(days=9))
    decided(workspace, State.ACKNOWLEDGED, ago(days=8))
    failed(workspace, at=ago(minutes=1))

    assert standing(workspace).state == State.ACKNOWLEDGED


MUTED_AT = 100.0  # hours ago


@pytest.mark.parametrize(
    ("hours_ago", "state"),
    [
        ([101], State.MUTED),  # nothing since
        ([150, 101], State.MUTED),  # the pause was before it was muted
        ([101, 90, 67, 44, 21, 1], State.MUTED),  # it goes on, never pausing for a day
        ([101, 99, 76], State.MUTED),  # 23 hours
        ([101, 99, 74], State.NEW),  # 25 hours
        ([101, 99, 75], State.NEW),  # exactly 24 hours
        ([101, 90, 67, 20], State.NEW),
        ([101, 20, 10, 1], State.NEW),  # recurred, and goes on
        ([130, 99], State.NEW),  # the pause began before it was muted, and ended after
        ([99], State.NEW),  # the first one ever
    ],
)
def test_a_muted_cause_is_new_again_with_the_first_message_after_24_hours_without_one(
    workspace: Workspace, hours_ago: list[int], state: State
) -> None:
    now = timezone.now()
    for hours in hours_ago:
        failed(workspace, at=now - timedelta(hours=hours))
    decided(workspace, State.MUTED, now - timedelta(hours=MUTED_AT))

    assert standing(workspace).state == state


def test_each_muted_cause_has_its_own_pauses(workspace: Workspace) -> None:
    now = timezone.now()
    for code, hours in (("RATE_LIMITED", (200, 150, 99)), ("MESSAGE_EMPTY", (60, 45, 30, 10))):
        for each in hours:
            failed(workspace, code, at=now - timedelta(hours=each))
    for cause, hours in (("RATE_LIMITED", 180), ("MESSAGE_EMPTY", 50)):
        [tally] = [
            found.tally
            for found in groups.standing_since(workspace, MONTH, now)
            if found.tally.cause.startswith(cause)
        ]
        Failure.objects.create(
            workspace=workspace, cause=tally.cause, state=State.MUTED, state_at=now - timedelta(hours=hours)
        )

    found = groups.standing_since(workspace, MONTH, now)

    assert {each.tally.cause.partition(".")[0]: each.state for each in found} == {
        "RATE_LIMITED": State.NEW,
        "MESSAGE_EMPTY": State.MUTED,
    }


def test_causes_are_listed_by_state_then_by_how_often(workspace: Workspace) -> None:
    codes = [
        "RATE_LIMITED",
        "CREDENTIAL_REJECTED",
        "RECIPIENT_IMPOSSIBLE",
        "RECIPIENT_NOT_E164",
        "TEST_NUMBERS_ONLY",
    ]
    for times, code in enumerate(codes, 1):
        for _ in range(times):
            failed(workspace, code, facts={})
    for code, state in (
        ("TEST_NUMBERS_ONLY", State.RESOLVED),
        ("RECIPIENT_NOT_E164", State.MUTED),
        ("RECIPIENT_IMPOSSIBLE", State.ACKNOWLEDGED),
    ):
        Failure.objects.create(workspace=workspace, cause=code, state=state)

    found = groups.standing_since(workspace, MONTH, timezone.now())

    assert [each.tally.cause for each in found] == ["CREDENTIAL_REJECTED", "RATE_LIMITED", *codes[2:]]


def test_a_note_alone_does_not_decide_anew(workspace: Workspace) -> None:
    failed(workspace, at=ago(hours=9))
    before = decided(workspace, State.RESOLVED, ago(hours=5))

    states.decide(standing(workspace), workspace, State.RESOLVED, "Asked Aircall", make_user())
    noted = Failure.objects.get()

    assert (noted.note, noted.state_at) == ("Asked Aircall", before.state_at)
    assert noted.at > before.at


def test_deciding_the_same_about_a_cause_that_recurred_is_a_decision_anew(workspace: Workspace) -> None:
    failed(workspace, at=ago(hours=9))
    decided(workspace, State.RESOLVED, ago(hours=5))
    failed(workspace, at=ago(hours=1))
    assert standing(workspace).state == State.NEW

    states.decide(standing(workspace), workspace, State.RESOLVED, "", make_user())

    assert standing(workspace).state == State.RESOLVED
