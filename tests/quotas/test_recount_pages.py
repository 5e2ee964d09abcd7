"""The page of comparisons: what it says in each state, and who may ask for one."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from smsadmin.quotas import comparing
from smsadmin.quotas.models import Recount
from smsadmin.sending import bell
from smsadmin.workspaces.models import Role, Workspace
from tests.factories import make_agent, make_member, make_number, make_workspace

NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    found: list[int] = []
    monkeypatch.setattr(comparing.bell, "ring", found.append)
    with time_machine.travel(NOW, tick=False):
        yield found


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


def page(workspace: Workspace, role: str = Role.OPERATOR) -> str:
    client = Client()
    client.force_login(make_member(workspace, role).user)
    return " ".join(client.get(reverse("quota-recounts")).content.decode().split())


def made(workspace: Workspace, ago: timedelta = timedelta(hours=7), **columns: Any) -> Recount:
    at = NOW - ago
    return Recount.objects.create(
        workspace=workspace, **{"at": at, "finished_at": at, "counters": 12, **columns}
    )


def drift(scope: str, subject: int, **over: Any) -> dict[str, Any]:
    where = {"zone": "UTC", "window": "day", "unit": "segments", "counted": 1_204, "found": 1_202}
    return {"scope": scope, "subject": subject, **where, **over}


def test_without_a_comparison_it_says_when_the_first_comes(workspace: Workspace) -> None:
    found = page(workspace)
    assert "No comparison yet" in found
    assert "Compare now" in found


def test_no_difference_is_said(workspace: Workspace) -> None:
    made(workspace)
    found = page(workspace)
    assert ": no difference." in found
    assert 'aria-current="page">Comparison with the log' in found


def test_each_difference_is_shown_with_whose_it_is_and_what_was_done(workspace: Workspace) -> None:
    number, agent = make_number(workspace, name="Sales"), make_agent(workspace, "mia@example.com")
    drifts = [
        drift("number", number.pk),
        drift("user", agent.pk, window="month", unit="messages", counted=0, found=3, zone="Asia/Kolkata"),
        drift("user", 987_654),
    ]
    made(workspace, drifts=drifts)
    found = page(workspace)
    assert "3 figures differed and were put right" in found
    for words in (
        "Sales (",
        "Mia",
        "a user who no longer exists",
        "Month in Asia/Kolkata",
        "−2",
        "+3",
        "1,204",
    ):
        assert words in found


def test_names_of_another_workspace_are_not_shown(workspace: Workspace) -> None:
    number = make_number(make_workspace(), name="Theirs")
    made(workspace, drifts=[drift("number", number.pk)])
    made(number.workspace)
    found = page(workspace)
    assert "a number that no longer exists" in found
    assert "Theirs" not in found


def test_differences_beyond_the_first_fifty_are_counted(workspace: Workspace) -> None:
    made(workspace, drifts=[drift("user", pk) for pk in range(60)])
    assert "10 more figures were put right" in page(workspace)


@pytest.mark.parametrize(
    ("ago", "is_stale"), [(timedelta(days=2), False), (timedelta(days=2, seconds=1), True)]
)
def test_after_two_days_nobody_is_told_that_all_is_well(
    workspace: Workspace, ago: timedelta, is_stale: bool
) -> None:
    made(workspace, ago)
    assert ("there should be one every night" in page(workspace)) is is_stale


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"at": NOW}, "begins as soon as a worker takes it"),
        ({"at": NOW - timedelta(seconds=61)}, "no worker took it"),
        ({"at": NOW, "lease_until": NOW + timedelta(minutes=1)}, "are being compared"),
        ({"at": NOW - timedelta(days=1), "lease_until": NOW - timedelta(minutes=1)}, "no worker took it"),
    ],
)
def test_one_that_is_asked_for_says_how_far_it_is(
    workspace: Workspace, columns: dict[str, Any], words: str
) -> None:
    Recount.objects.create(workspace=workspace, **columns)
    found = page(workspace)
    assert words in found
    assert "Compare now" not in found
    assert "every 3s" in found


def test_an_operator_asks_for_one(workspace: Workspace, client: Client, rung: list[int]) -> None:
    client.force_login(make_member(workspace, Role.OPERATOR).user)
    answer = client.post(reverse("quota-recount"))
    assert (answer.status_code, answer["Location"]) == (302, reverse("quota-recounts"))
    assert (Recount.objects.get().at, rung) == (NOW, [workspace.pk])


def test_a_viewer_reads_but_asks_for_none(workspace: Workspace, client: Client) -> None:
    made(workspace)
    assert "Compare now" not in page(workspace, Role.VIEWER)
    client.force_login(make_member(workspace, Role.VIEWER).user)
    assert client.post(reverse("quota-recount")).status_code == 403
    assert Recount.objects.count() == 1


def test_the_page_costs_the_same_for_many_comparisons(
    workspace: Workspace, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    client = Client()
    client.force_login(make_member(workspace).user)

    def queries() -> int:
        made(workspace, drifts=[drift("number", make_number(workspace).pk)])
        with django_assert_max_num_queries(100) as captured:
            client.get(reverse("quota-recounts"))
        return len(captured)

    queries()
    assert len({queries() for _ in range(4)}) == 1


def test_a_comparison_asked_for_with_a_broken_broker_waits(
    workspace: Workspace, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()

    def broken(*_: Any, **__: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr("smsadmin.quotas.tasks.compare.apply_async", broken)
    monkeypatch.setattr(bell, "_rung", {})
    client.force_login(make_member(workspace).user)
    assert client.post(reverse("quota-recount")).status_code == 302
    assert Recount.objects.filter(finished_at=None).count() == 1
