"""The end of the classic action is told of in advance: to its owners, by mail, webhook and in the list of notices."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail

from smsadmin.classic import portals, sunset
from smsadmin.classic.models import ClassicSettings, ClassicStep
from smsadmin.notices import delivering, webhook, wording
from smsadmin.notices.models import Delivery, Endpoint, Notice
from smsadmin.providers.hubspot import client
from smsadmin.workspaces.models import Role, Workspace
from tests.factories import make_connection, make_member, make_user, make_workspace

pytestmark = pytest.mark.django_db
LAST = date(2026, 12, 31)
NOON = datetime(2026, 12, 31, 12, tzinfo=UTC)


@pytest.fixture
def workspace() -> Workspace:
    workspace = make_workspace("Example Ltd")
    ClassicSettings.objects.create(workspace=workspace, enabled=True, sunset_on=LAST)
    for role, email in (
        (Role.OWNER, "olga@example.com"),
        (Role.OWNER, "otto@example.com"),
        (Role.EDITOR, "ed@x.com"),
    ):
        make_member(workspace, role, make_user(email))
    return workspace


def before(days: int) -> datetime:
    return NOON - timedelta(days=days)


def told(workspace: Workspace) -> list[int]:
    """How many days were left when each notice was told."""
    return [notice.facts["days_left"] for notice in Notice.objects.filter(workspace=workspace).order_by("pk")]


def test_owners_are_told_30_7_and_1_days_before_each_once(workspace):
    for days in range(40, -10, -1):
        for _hour in range(2):
            sunset.remind(workspace.pk, before(days))
    assert told(workspace) == [30, 7, 1]


def test_a_server_that_was_off_tells_when_it_is_back_and_once_for_all_it_missed(workspace):
    sunset.sweep(before(5))
    sunset.sweep(before(4))
    assert told(workspace) == [5]


def test_the_last_day_itself_is_told_where_nobody_was_told_before(workspace):
    sunset.sweep(before(0))
    assert told(workspace) == [0]
    assert "ends today" in wording.told(Notice.objects.get()).sentence


def test_what_is_over_is_no_news(workspace):
    sunset.sweep(before(-1))
    assert told(workspace) == []


@pytest.mark.parametrize("columns", [{"enabled": False}, {"sunset_on": None}])
def test_nobody_is_told_of_an_end_that_is_not_set_or_of_an_action_that_is_off(workspace, columns):
    ClassicSettings.objects.update(**columns)
    sunset.sweep(before(1))
    assert told(workspace) == []


def test_days_are_those_of_the_workspaces_zone(workspace):
    Workspace.objects.filter(pk=workspace.pk).update(time_zone="Pacific/Auckland")
    sunset.sweep(datetime(2026, 11, 30, 11, 30, tzinfo=UTC))  # the 1st of December in Auckland
    assert told(workspace) == [30]


def test_every_owner_gets_a_mail_and_every_host_a_webhook_and_nobody_else(workspace):
    for url in ("https://hooks.example/a", "https://hooks.example/b", "https://other.example/c"):
        Endpoint.objects.create(workspace=workspace, url=url, secrets={"secret": webhook.new_secret()})
    sunset.sweep(before(7))

    found = Delivery.objects.order_by("pk").values_list("channel", "address")
    assert list(found) == [
        ("email", "olga@example.com"),
        ("email", "otto@example.com"),
        ("webhook", "hooks.example"),
        ("webhook", "other.example"),
    ]


def test_the_mail_says_when_what_happens_and_where_to_look(workspace, time_machine):
    time_machine.move_to(before(7))
    ClassicStep.objects.create(
        workspace=workspace, portal="9", first_at=before(9), last_at=before(9), last_message=make_user_id()
    )
    sunset.sweep(before(7))
    delivering.sweep()

    first = mail.outbox[0]
    assert (
        first.subject
        == "[Example Ltd] The classic Send SMS action ends in 7 days: its last one is Dec. 31, 2026."
    )
    assert "1 step of a workflow used it in the last 30 days" in first.body
    assert "each of its executions is refused" in first.body
    assert "/actions/classic/" in first.body


def test_a_program_gets_the_day_and_the_figures(workspace):
    sunset.sweep(before(7))
    told = wording.told(Notice.objects.get())
    sent = json.loads(webhook.body(told.type, told.at, told.payload))
    assert sent["type"] == "classic.sunset"
    assert {name: sent["data"][name] for name in ("last_day", "days_left", "steps")} == {
        "last_day": "2026-12-31",
        "days_left": 7,
        "steps": 0,
    }


def test_one_workspace_that_fails_holds_up_no_other(workspace, monkeypatch):
    other = make_workspace()
    ClassicSettings.objects.create(workspace=other, enabled=True, sunset_on=LAST)
    remind = sunset.remind

    def fail_first(workspace_id: int, now: datetime) -> None:
        if workspace_id == workspace.pk:
            raise RuntimeError
        remind(workspace_id, now)

    monkeypatch.setattr(sunset, "remind", fail_first)
    sunset.sweep(before(7))
    assert told(other) == [7]


# --- Where a portal's people work ------------------------------------------------------------------------------


def make_user_id() -> str:
    return "019ab2f4-6c1e-7d3a-9f52-0c8e4b6d1a27"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("app-eu1.hubspot.com", {"9000001": "app-eu1.hubspot.com"}),
        ("app.hubspot.com", {"9000001": "app.hubspot.com"}),
        ("evil.example", {}),
        ("app.hubspot.com.evil.example", {}),
        (None, {}),
    ],
)
def test_the_host_of_a_portal_is_what_hubspot_says_if_it_is_one_of_hubspots(
    workspace, monkeypatch, said, kept
):
    make_connection(workspace, "hubspot")
    row = {"first_at": NOON, "last_at": NOON, "last_message": make_user_id()}
    ClassicStep.objects.create(workspace=workspace, portal="9000001", **row)
    asked = []

    def account(connection):
        asked.append(connection)
        return {"portalId": 9000001, "uiDomain": said}

    monkeypatch.setattr(client, "account", account)
    portals.learn(workspace.pk)
    portals.learn(workspace.pk)

    assert ClassicSettings.objects.get(workspace=workspace).ui_domains == kept
    assert len(asked) == (1 if kept else 2)


def test_a_portal_that_cannot_answer_is_asked_again_later(workspace, monkeypatch):
    make_connection(workspace, "hubspot")
    row = {"first_at": NOON, "last_at": NOON, "last_message": make_user_id()}
    ClassicStep.objects.create(workspace=workspace, portal="9000001", **row)

    def account(connection):
        raise client.Unavailable("busy")

    monkeypatch.setattr(client, "account", account)
    portals.learn(workspace.pk)
    assert ClassicSettings.objects.get(workspace=workspace).ui_domains == {}
