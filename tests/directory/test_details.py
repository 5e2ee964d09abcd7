"""A number's page and a user's page: quotas, failures, actions and messages of one."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from smsadmin.core.status import Status
from smsadmin.directory.models import Agent
from tests.directory.pages import make_counter, text, words
from tests.factories import make_action, make_agent, make_message, make_number, make_workspace

pytestmark = pytest.mark.django_db


def shown(client, name, holder):
    return client.get(reverse(name, args=[holder.pk]))


# --- A number -----------------------------------------------------------------------------------------


def test_a_number_shows_each_fact_with_its_source_and_its_users(viewer, workspace):
    number = make_number(workspace, users=("mia@example.com",), sms_capable=False, sms_capable_source="send")

    page = text(shown(viewer, "number", number))

    assert "learnt from a send" in page
    assert "mia@example.com" in page
    assert f"{reverse('log')}?number={number.pk}" in page
    assert reverse("directory-user", args=[Agent.objects.get().pk]) in page


def test_a_number_that_is_gone_says_since_when(viewer, workspace):
    number = make_number(workspace, gone_at=timezone.now())

    assert "nothing can be sent from it" in words(shown(viewer, "number", number))


def test_a_number_has_a_meter_for_each_window(viewer, workspace):
    number = make_number(workspace)
    make_counter(number, hour_messages=900, month_messages=2000)

    page = words(shown(viewer, "number", number))

    for meter in (
        "This minute 0 of 200 · 200 left",
        "This hour 900 of 1,000 · 100 left · resets",
        "This day 0 of 5,000 · 5,000 left",
        "This month 2,000 of 10,000 · 8,000 left · resets",
    ):
        assert meter in page


def test_a_number_lists_its_newest_failures_of_the_last_week_with_their_cause(editor, workspace):
    number = make_number(workspace)
    for hours in range(7):
        make_message(
            workspace,
            number=number,
            at=timezone.now() - timedelta(hours=hours),
            status=Status.REJECTED,
            error_code="RECIPIENT_NO_COUNTRY_CODE",
            error_facts={"value": f"061{hours}"},
        )
    make_message(workspace, number=number, at=timezone.now() - timedelta(days=8), status=Status.FAILED)
    make_message(workspace, number=number)
    make_message(workspace, number=make_number(workspace), status=Status.FAILED)

    page = shown(editor, "number", number)

    entries = page.context["entries"]
    assert [entry.cause for entry in entries] == [
        f"The recipient “061{hours}” has no known country code." for hours in range(5)
    ]
    assert reverse("message", args=[entries[0].message.pk]) in text(page)
    assert "See all 7 in the log" in words(page)
    listed = editor.get(page.context["failures"].url).content.decode()
    assert len(re.findall('class="row-link"', listed)) == 7


def test_a_number_without_failures_and_actions_says_so(viewer, workspace):
    page = words(shown(viewer, "number", make_number(workspace)))

    assert "No message from this number failed." in page
    assert "No action sends from this number." in page


def test_a_number_lists_the_actions_that_send_from_it_on_or_off(viewer, workspace):
    number = make_number(workspace)
    on = make_action(workspace, name="Reminder", sender_number=number)
    make_action(workspace, name="Old news", enabled=False, sender_number=number)
    make_action(workspace, name="Elsewhere")

    page = shown(viewer, "number", number)

    assert f'<a href="{reverse("action", args=[on.pk])}">Reminder</a>' in text(page)
    assert "Old news Off" in words(page)
    assert "Elsewhere" not in words(page)


# --- A user -------------------------------------------------------------------------------------------


def test_a_user_shows_numbers_quotas_actions_and_newest_messages(viewer, workspace):
    number = make_number(workspace, name="Sales", users=("mia@example.com",))
    mia = Agent.objects.get(email="mia@example.com")
    make_counter(mia, "user", month_segments=12_000)
    make_action(workspace, name="Reminder", sender_number=number, send_as_kind="user", send_as_agent=mia)
    for hours in range(6):
        make_message(workspace, number=number, agent=mia, at=timezone.now() - timedelta(hours=hours))
    make_message(workspace, number=number)

    page = shown(viewer, "directory-user", mia)

    assert "Sales" in words(page)
    assert "This month, segments 12,000 of 13,000 · 1,000 left · resets" in words(page)
    assert "Reminder On" in words(page)
    assert len(page.context["entries"]) == 5
    assert f"{reverse('log')}?agent={mia.pk}" in text(page)


def test_a_user_who_is_gone_or_on_no_number_says_so(viewer, workspace):
    gone, nowhere = make_agent(workspace, gone_at=timezone.now()), make_agent(workspace)

    assert "Aircall has not listed this user since" in words(shown(viewer, "directory-user", gone))
    assert "This user is on no number" in words(shown(viewer, "directory-user", nowhere))
    assert "Nothing has been sent as this user." in words(shown(viewer, "directory-user", nowhere))


@pytest.mark.parametrize("name", ["number", "directory-user"])
def test_their_pages_cost_the_same_however_much_there_is(
    viewer, workspace, name, django_assert_max_num_queries
):
    number = make_number(workspace, users=tuple(f"a{serial}@example.com" for serial in range(12)))
    mia = Agent.objects.get(email="a0@example.com")
    for _serial in range(12):
        make_number(workspace, users=("a0@example.com",))
        make_action(workspace, sender_number=number, send_as_kind="user", send_as_agent=mia)
        make_message(workspace, number=number, agent=mia, status=Status.FAILED)

    with django_assert_max_num_queries(17):
        shown(viewer, name, number if name == "number" else mia)


def test_another_workspaces_number_and_user_do_not_exist(viewer):
    theirs = make_number(make_workspace(), users=("spy@example.com",))

    assert shown(viewer, "number", theirs).status_code == 404
    assert shown(viewer, "directory-user", theirs.agents.get()).status_code == 404
