"""The page of privacy: what holds, what would be deleted, and what is left of it."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsadmin.flows.models import Flow, FlowRun, FlowVersion
from smsadmin.privacy import purging, stock
from smsadmin.privacy.models import Policy, PurgedCount
from smsadmin.workspaces.models import Role, Workspace
from tests.factories import make_message, make_workspace, uuid7_at
from tests.privacy.conftest import policy, signed_in
from tests.privacy.test_reading import text_of

PRIVACY = reverse("privacy")


@pytest.fixture
def owner(workspace: Workspace) -> Client:
    return signed_in(workspace, Role.OWNER)


def form(**days: Any) -> dict[str, Any]:
    return {"viewers": "reveal", "text_days": "", "number_days": "", "message_days": "", **days}


def kept_days(workspace: Workspace) -> tuple[int | None, int | None, int | None]:
    found = Policy.objects.get(workspace=workspace)
    return found.text_days, found.number_days, found.message_days


def ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


# --- What may be chosen ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number", "message"),
    [("", "", ""), (1, 1, 1), (30, 90, 365), (30, "", ""), (30, 90, ""), (30, "", 365), ("", "", 365)],
)
def test_texts_go_before_numbers_and_those_before_messages(
    owner: Client, workspace: Workspace, text: Any, number: Any, message: Any
) -> None:
    response = owner.post(PRIVACY, form(text_days=text, number_days=number, message_days=message))

    assert response.status_code == 302
    assert kept_days(workspace) == (text or None, number or None, message or None)


@pytest.mark.parametrize(
    ("text", "number", "message", "field", "says"),
    [
        (31, 30, "", "text_days", "give 30 days at most"),
        ("", 30, "", "text_days", "give 30 days at most"),
        (10, 400, 365, "number_days", "go with their messages after 365 days"),
        (366, "", 365, "text_days", "go with their messages after 365 days"),
        (0, "", "", "text_days", "One day is the least."),
        ("two", "", "", "text_days", "Write a whole number of days"),
        ("", "", 99_999, "message_days", "leave it empty to keep it for ever"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    owner: Client, workspace: Workspace, text: Any, number: Any, message: Any, field: str, says: str
) -> None:
    response = owner.post(PRIVACY, form(text_days=text, number_days=number, message_days=message))

    assert response.status_code == 422
    [(wrong, [sentence])] = response.context["form"].errors.items()
    assert (wrong, says in sentence) == (field, True)
    assert not Policy.objects.exists()
    assert response.context["form"]["text_days"].value() == str(text)


def test_what_holds_is_read_by_everybody_and_changed_by_owners(workspace: Workspace) -> None:
    policy(workspace, text_days=30)
    for role in (Role.VIEWER, Role.OPERATOR, Role.EDITOR):
        client = signed_in(workspace, role)
        page = client.get(PRIVACY)
        assert 'value="30"' in page.content.decode()
        assert "Save the settings" not in text_of(page)
        assert client.post(PRIVACY, form()).status_code == 403
    assert kept_days(workspace) == (30, None, None)


def test_who_changed_what_holds_is_recorded(owner: Client, workspace: Workspace) -> None:
    owner.post(PRIVACY, form(viewers="everything", text_days=30))

    entry = LogEntry.objects.get_for_model(Policy).get()
    assert entry.actor.member_set.get().role == Role.OWNER
    assert entry.changes["text_days"] == ["None", "30"]


# --- What would be deleted ----------------------------------------------------------------------------


def test_a_shorter_time_that_deletes_something_is_asked_about_first(
    owner: Client, workspace: Workspace
) -> None:
    for days in (5, 40, 50):
        make_message(workspace, at=ago(days))
    make_message(make_workspace(), at=ago(50))
    shorter = form(text_days=30, number_days=45)

    asked = owner.post(PRIVACY, shorter)

    assert asked.status_code == 422
    assert "the texts and the values of 2 messages" in text_of(asked)
    assert "the recipient's number of 1 message " in text_of(asked)
    assert not Policy.objects.exists()
    [agreed] = re.findall(r'name="confirmed" value="([^"]*)"', asked.content.decode())
    other = {**shorter, "text_days": 20, "confirmed": agreed}
    assert owner.post(PRIVACY, other).status_code == 422  # that was not what was agreed to
    assert owner.post(PRIVACY, {**shorter, "confirmed": agreed}).status_code == 302
    assert kept_days(workspace) == (30, 45, None)


def test_what_deletes_nothing_is_saved_at_once(owner: Client, workspace: Workspace) -> None:
    make_message(workspace, at=ago(40))
    assert owner.post(PRIVACY, form(text_days=41)).status_code == 302
    policy(workspace, text_days=30)
    purging.run()

    assert owner.post(PRIVACY, form(text_days=35)).status_code == 302  # longer
    assert owner.post(PRIVACY, form(text_days=20)).status_code == 302  # what it would delete is gone already
    assert owner.post(PRIVACY, form(text_days=20, viewers="masked")).status_code == 302


def test_counting_stops_somewhere_and_says_so(
    owner: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock, "MOST_COUNTED", 2)
    for _ in range(3):
        make_message(workspace, at=ago(40))

    assert "2+ messages; they stay counted" in text_of(owner.post(PRIVACY, form(message_days=30)))
    assert [(each.count, each.capped) for each in stock.kept(workspace)] == [(2, True)] * 3


# --- What is kept, and what was ------------------------------------------------------------------------


def test_the_page_says_what_there_is(owner: Client, workspace: Workspace) -> None:
    for days in (100, 50, 5):
        make_message(workspace, at=ago(days))
    policy(workspace, text_days=10, number_days=60)
    purging.run()

    found = stock.kept(workspace)

    assert [(each.part.value, each.count) for each in found] == [("text", 1), ("number", 2), ("message", 3)]
    ages = [round((timezone.now() - each.oldest).total_seconds() / 86_400) for each in found if each.oldest]
    assert ages == [5, 50, 100]


def test_the_page_costs_the_same_for_any_number(
    owner: Client, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        make_message(workspace)

    with django_assert_max_num_queries(21):
        owner.get(PRIVACY)


def test_runs_of_call_flows_are_among_what_is_kept_and_what_shorter_times_delete(
    owner: Client, workspace: Workspace
) -> None:
    flow = Flow.objects.create(workspace=workspace, name="Follow-up")
    version = FlowVersion.objects.create(flow=flow, number=1, source="")
    for days in (40, 5):
        pk = uuid7_at(ago(days))
        FlowRun.objects.create(
            pk=pk, workspace=workspace, flow=flow, version=version, key=pk, cause="api", branch="inbound-call"
        )

    found = stock.kept(workspace)
    assert [(each.count, each.runs, bool(each.oldest)) for each in found] == [(0, 2, True)] * 3
    page = text_of(owner.post(PRIVACY, form(text_days=30)))
    assert "what 1 run of call flows saw and said" in page
    assert "0 messages" not in page


@pytest.mark.parametrize(
    ("days", "says"),
    [
        ({}, "Messages are kept for ever, with numbers and texts."),
        ({"text_days": 1}, "Texts and values are kept for 1 day. Messages are kept for ever."),
        (
            {"text_days": 30, "number_days": 60, "message_days": 90},
            "Texts and values are kept for 30 days. Recipients' numbers are kept for 60 days. "
            "Messages are kept for 90 days, then only counted.",
        ),
    ],
)
def test_the_foot_of_the_log_says_what_is_kept(workspace: Workspace, days: dict[str, int], says: str) -> None:
    policy(workspace, **days)

    page = signed_in(workspace).get(reverse("log"))

    assert says in text_of(page)
    assert reverse("deleted-counts") in page.content.decode()


def test_deleted_messages_are_counted_by_month_and_status(workspace: Workspace) -> None:
    for day, status, found in ((date(2026, 7, 3), "sent", 1200), (date(2026, 8, 1), "failed", 7)):
        PurgedCount.objects.create(
            workspace=workspace, day=day, status=status, messages=found, segments=found * 2
        )
    PurgedCount.objects.create(workspace=make_workspace(), day=date(2026, 8, 1), status="unknown", messages=9)

    page = text_of(signed_in(workspace).get(reverse("deleted-counts")))

    assert "Month Messages Segments Sent Failed August 2026 7 14 0 7 July 2026 1,200 2,400 1,200 0" in page
    assert "Unknown" not in page.partition("Month")[2].partition("Shortcuts")[0]


def test_a_month_is_utcs(workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(time_zone="Pacific/Auckland")
    policy(workspace, message_days=1)
    make_message(workspace, at=datetime(2026, 7, 31, 20, tzinfo=UTC))

    purging.run()

    assert [row.day for row in PurgedCount.objects.all()] == [date(2026, 7, 31)]
