"""The page of failures: one row per cause, worst first, and who may decide about it."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsadmin.core.status import TROUBLE, Status
from smsadmin.failures import groups, tally, views
from smsadmin.failures.models import Failure, State
from smsadmin.sending.filters import log_url
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Role, Workspace
from tests.factories import (
    make_action,
    make_connection,
    make_message,
    make_number,
    make_workspace,
    uuid7_at,
)
from tests.failures.conftest import ago, failed, signed_in, words


def page(client: Client, **filters: Any) -> Any:
    return client.get(reverse("failures"), filters)


def sentences(response: Any) -> list[str]:
    found = re.findall(r'<a class="row-link" href="[^"]+">(.*?)</a>', response.content.decode())
    return [html.unescape(each) for each in found]


def links(response: Any) -> list[str]:
    found = re.findall(r'<a class="row-link" href="([^"]+)">', response.content.decode())
    return [html.unescape(each) for each in found]


def post(client: Client, message: Message, state: str, note: str = "", **headers: Any) -> Any:
    address = reverse("failure", args=[message.cause])
    return client.post(f"{address}?days=7", {"state": state, "note": note}, **headers)


# --- What makes a group -------------------------------------------------------------------------------


@pytest.mark.services
def test_a_thousand_rows_of_one_cause_make_one_group(client: Client, workspace: Workspace) -> None:
    first = failed(workspace, at=ago(hours=2))
    copies = [Message(**{**_columns(first), "id": None, "key": None}) for _ in range(999)]
    for nth, copy in enumerate(copies):
        copy.pk, copy.key = _id(nth), _id(nth)
    Message.objects.bulk_create(copies)

    response = page(client)

    assert len(sentences(response)) == 1
    assert "1,000 messages" in words(response)


def _columns(message: Message) -> dict[str, Any]:
    return {field.attname: getattr(message, field.attname) for field in Message._meta.concrete_fields}


def _id(nth: int) -> Any:
    return uuid7_at(ago(minutes=90) + timedelta(seconds=nth))


@pytest.mark.services
def test_two_numbers_make_two_groups(client: Client, workspace: Workspace) -> None:
    for sender in ("+12025550101", "+12025550102", "+12025550101"):
        failed(workspace, "NUMBER_NOT_SMS_CAPABLE", facts={"sender": sender}, at=ago(minutes=5))

    assert sentences(page(client)) == [
        "+1 202-555-0101 is not known to send text messages, so nothing was sent.",
        "+1 202-555-0102 is not known to send text messages, so nothing was sent.",
    ]


@pytest.mark.services
def test_a_group_speaks_with_its_newest_message(client: Client, workspace: Workspace) -> None:
    for value, minutes in (("0622", 5), ("0611", 50)):
        failed(workspace, "RECIPIENT_NO_COUNTRY_CODE", facts={"value": value}, at=ago(minutes=minutes))

    response = page(client)

    assert sentences(response) == ["The recipient “0622” has no known country code."]
    assert "Whose: The record's data" in words(response)
    assert "Write it with the country code" in words(response)


@pytest.mark.services
@pytest.mark.parametrize("status", Status)
def test_only_messages_in_trouble_are_failures(workspace: Workspace, status: Status) -> None:
    failed(workspace, status=status)

    assert len(tally.tallies(workspace, ago(days=1))) == (status in TROUBLE)


@pytest.mark.services
def test_a_window_has_its_own_messages(client: Client, workspace: Workspace) -> None:
    start = groups.beginning(7)
    failed(workspace, "MESSAGE_EMPTY", facts={}, at=start - timedelta(seconds=1))
    failed(workspace, at=start)

    assert len(sentences(page(client))) == 1
    assert len(sentences(page(client, days=30))) == 2
    assert len(sentences(page(client, days=1))) == 0


def test_a_window_that_is_none_is_a_week(client: Client, workspace: Workspace) -> None:
    failed(workspace, at=ago(days=3))

    assert len(sentences(page(client, days="many"))) == len(sentences(page(client, days=""))) == 1


@pytest.mark.services
def test_another_workspaces_failures_are_neither_counted_nor_shown(
    client: Client, workspace: Workspace
) -> None:
    failed(make_workspace(), "MESSAGE_EMPTY", facts={})
    failed(make_workspace(), at=ago(days=3))
    failed(workspace)

    response = page(client)

    assert len(sentences(response)) == 1
    assert "1 message" in words(response)


# --- What a group says --------------------------------------------------------------------------------


@pytest.mark.services
def test_the_link_to_the_log_lists_exactly_the_rows_that_are_counted(
    client: Client, workspace: Workspace
) -> None:
    number = make_number(workspace)
    for sender, minutes in (("1", 5), ("2", 6), ("1", 7)):
        failed(workspace, "NUMBER_NOT_E164", facts={"value": sender}, at=ago(minutes=minutes), number=number)
    failed(workspace, "NUMBER_NOT_E164", facts={"value": "1"}, status=Status.HELD)
    failed(workspace, "NUMBER_NOT_E164", facts={"value": "1"}, at=ago(days=20))
    make_message(workspace)

    [first, second] = links(page(client))

    for url, value, count in ((first, "1", 2), (second, "2", 1)):
        listed = re.findall(r'class="row-link" href="/log/([0-9a-f-]{36})/', client.get(url).content.decode())
        found = Message.objects.filter(pk__in=listed)
        assert [each.error_facts for each in found] == [{"value": value}] * count


@pytest.mark.services
def test_counting_stops_and_says_so(
    client: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        failed(workspace)
    monkeypatch.setattr(tally, "_TALLIES", tally._TALLIES.replace("LIMIT 10001", "LIMIT 4"))
    monkeypatch.setattr(tally, "MOST_COUNTED", 3)

    assert "1 cause, more than 3 messages" in words(page(client))


@pytest.mark.services
def test_a_trend_has_every_day_of_its_window_in_words(workspace: Workspace) -> None:
    now = timezone.now()
    for days in (0, 2, 2):
        failed(workspace, at=groups.beginning(days + 1))

    [group] = groups.groups(workspace, groups.standing_since(workspace, 7, now), 7, now)

    days = [timezone.localdate() - timedelta(days=n) for n in range(6, -1, -1)]
    counts = [0, 0, 0, 0, 2, 0, 1]
    assert group.trend.words == ", ".join(
        f"{day.day} {day:%b}: {count}" for day, count in zip(days, counts, strict=True)
    )
    assert [bar.height for bar in group.trend.bars] == [1, 1, 1, 1, 28, 1, 14]


@pytest.mark.services
def test_today_is_shown_by_the_hour(workspace: Workspace) -> None:
    now = groups.beginning(1) + timedelta(hours=2, minutes=30)
    failed(workspace, at=groups.beginning(1) + timedelta(minutes=5))

    [group] = groups.groups(workspace, groups.standing_since(workspace, 1, now), 1, now)

    assert group.trend.words == "00:00: 1, 01:00: 0, 02:00: 0"


@pytest.mark.services
def test_what_a_cause_touches_is_named_and_the_rest_is_counted(client: Client, workspace: Workspace) -> None:
    number = make_number(workspace, name="Sales US")
    for nth in range(5):
        action = make_action(workspace, name=f"Reminder {nth}", sender_number=number)
        failed(workspace, action=action, number=number, origin={"workflow": "17"})
    failed(workspace, action=action, number=number, origin={"workflow": "17"})

    text = words(page(client))

    assert re.search(r"Actions Reminder 4 , Reminder \d , Reminder \d and 2 more", text)
    assert "HubSpot workflows 17 Numbers Sales US" in text


def test_what_fixes_it_leads_to_the_field(client: Client, workspace: Workspace) -> None:
    action = make_action(workspace)
    failed(workspace, "MESSAGE_TOO_LONG", facts={"characters": 1700, "limit": 1600}, action=action)
    provider = failed(workspace, "PROVIDER_REJECTED", facts={"answer": "no", "http_status": 400})

    text = page(client).content.decode()

    assert f'href="{reverse("action", args=[action.pk])}#id_message"' in text
    assert f'href="{reverse("message", args=[provider.pk])}#exchange"' in text


def test_what_a_person_found_of_one_message_is_not_said_of_its_cause(
    client: Client, workspace: Workspace
) -> None:
    failed(workspace, "PROVIDER_UNKNOWN", status=Status.UNKNOWN, at=ago(hours=2))
    failed(workspace, "PROVIDER_UNKNOWN", status=Status.FAILED, at=ago(hours=1))

    shown = words(page(client))

    assert "Look in the conversation whether it arrived" in shown
    assert "Somebody found out" not in shown
    assert "whoever was to get it still waits" not in shown


def test_a_code_that_is_no_longer_known_is_still_a_group(client: Client, workspace: Workspace) -> None:
    failed(workspace, "OLD_CODE", facts={})

    assert sentences(page(client)) == ["OLD_CODE"]


# --- Filters, pages, nothing --------------------------------------------------------------------------


def test_filters_leave_the_causes_of_a_state_and_of_somebody(client: Client, workspace: Workspace) -> None:
    failed(workspace)
    muted = failed(workspace, "RECIPIENT_IMPOSSIBLE", facts={"value": "1"})
    Failure.objects.create(workspace=workspace, cause=muted.cause, state=State.MUTED)

    [of_record] = sentences(page(client, whose="record"))
    assert of_record == "The recipient “1” cannot exist: it has too few or too many digits for its country."
    assert sentences(page(client, state="muted")) == [of_record]
    assert len(sentences(page(client, state="new"))) == 1
    assert sentences(page(client, state="new", whose="record")) == []


def test_no_failure_and_none_that_matches_are_said_apart(client: Client, workspace: Workspace) -> None:
    assert "No message failed" in words(page(client))

    failed(workspace)

    assert "No cause matches" in words(page(client, state="resolved"))
    assert "in the last 30 days" not in words(page(client, days=30))


def test_causes_are_turned_page_by_page(
    client: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PER_PAGE", 2)
    for code in ("MESSAGE_EMPTY", "RATE_LIMITED", "RECIPIENT_IMPOSSIBLE"):
        failed(workspace, code, facts={})

    first = page(client, whose="")
    [further] = re.findall(r'rel="next" href="([^"]+)"', first.content.decode())
    second = client.get(html.unescape(further))

    assert len(sentences(first)) == 2
    assert len(sentences(second)) == 1
    assert not set(sentences(first)) & set(sentences(second))


def test_htmx_gets_the_list_alone(client: Client, workspace: Workspace) -> None:
    response = client.get(reverse("failures"), headers={"HX-Request": "true"})

    assert response.content.decode().startswith('<section class="card" id="failures"')


@pytest.mark.services
def test_neither_messages_nor_causes_cost_a_query(
    client: Client, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    for nth in range(12):
        number = make_number(workspace)
        for _ in range(nth % 3 + 1):
            message = failed(
                workspace,
                "NUMBER_NOT_SMS_CAPABLE",
                facts={"sender": number.e164},
                number=number,
                action=make_action(workspace, sender_number=number),
            )
        state = State.MUTED if nth % 2 else State.RESOLVED
        Failure.objects.create(
            workspace=workspace, cause=message.cause, state=state, by=None, state_at=ago(days=1)
        )

    with django_assert_max_num_queries(17):
        response = page(client)
    assert len(sentences(response)) == 12


# --- Deciding -----------------------------------------------------------------------------------------


def test_an_operator_decides_and_the_page_says_who_and_when(client: Client, workspace: Workspace) -> None:
    message = failed(workspace)

    response = post(client, message, "acknowledged", "Asked Aircall for a higher pace")
    shown = words(client.get(response.url))

    assert response.status_code == 302
    assert response.url == f"{reverse('failures')}?days=7#cause-{message.cause}"
    assert "The cause is acknowledged." in shown
    assert "Acknowledged “Asked Aircall for a higher pace”" in shown
    assert f"{Failure.objects.get().by} · just now" in shown


def test_htmx_gets_the_row_anew_with_what_was_done(client: Client, workspace: Workspace) -> None:
    message = failed(workspace)

    response = post(client, message, "muted", headers={"HX-Request": "true"})

    assert response.content.decode().strip().startswith(f'<tr role="row" id="cause-{message.cause}">')
    assert "Muted until it recurs" in words(response)
    assert re.search(r"data-announce>The cause is muted", response.content.decode())
    assert "autofocus" in response.content.decode()


def test_recurrence_reopens_and_says_what_was_decided(client: Client, workspace: Workspace) -> None:
    message = failed(workspace, at=ago(hours=3))
    post(client, message, "resolved", "Raised the pace")
    assert "Resolved" in words(page(client))
    Failure.objects.update(state_at=ago(hours=2))

    failed(workspace, at=ago(hours=1))

    assert "New recurred; it was resolved 2 h ago “Raised the pace”" in words(page(client))


@pytest.mark.parametrize(
    ("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 302), (Role.EDITOR, 302), (Role.OWNER, 302)]
)
def test_operators_decide_and_viewers_read(workspace: Workspace, role: str, status: int) -> None:
    message, browser = failed(workspace), signed_in(workspace, role)

    assert post(browser, message, "resolved").status_code == status

    assert Failure.objects.count() == (status == 302)
    assert ('<form method="post" action="/failures/' in page(browser).content.decode()) == (status == 302)


def test_a_cause_of_another_workspace_cannot_be_decided(client: Client) -> None:
    theirs = failed(make_workspace())

    assert post(client, theirs, "resolved").status_code == 404
    assert not Failure.objects.exists()


def test_one_cause_in_two_workspaces_is_decided_in_each(client: Client, workspace: Workspace) -> None:
    theirs = failed(make_workspace())
    ours = failed(workspace)
    assert theirs.cause == ours.cause

    post(client, ours, "resolved")

    assert Failure.objects.get().workspace == workspace


@pytest.mark.parametrize(("state", "note"), [("acknowledged", "x" * 301), ("asleep", "")])
def test_what_cannot_be_stored_is_said_and_kept(
    client: Client, workspace: Workspace, state: str, note: str
) -> None:
    message = failed(workspace)

    for headers in ({}, {"HX-Request": "true"}):
        response = post(client, message, state, note, headers=headers)
        assert response.status_code == 422
        assert note in response.content.decode()
        assert '<details class="decide" open>' in response.content.decode()
    assert not Failure.objects.exists()


def test_a_decision_needs_a_post(client: Client, workspace: Workspace) -> None:
    assert client.get(reverse("failure", args=[failed(workspace).cause])).status_code == 405


# --- From elsewhere -----------------------------------------------------------------------------------


def test_the_overview_names_the_same_causes_and_leads_here(client: Client, workspace: Workspace) -> None:
    make_connection(workspace)
    for sender in ("+12025550101", "+12025550102"):
        message = failed(workspace, "NUMBER_NOT_SMS_CAPABLE", facts={"sender": sender}, at=timezone.now())

    text = client.get(reverse("overview")).content.decode()

    assert f'href="{reverse("failures")}?days=1#cause-{message.cause}"' in text
    assert text.count("is not known to send text messages") == 2


def test_the_log_of_a_cause_needs_its_workspace(client: Client) -> None:
    theirs = failed(make_workspace())

    assert "No message matches" in words(client.get(log_url(cause=theirs.cause)))
