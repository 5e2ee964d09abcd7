"""The list of actions: which are shown, what it says of each, and what it costs."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from smsadmin.actions import listing, saving
from smsadmin.sending.models import Message
from tests.factories import make_action, make_member, make_message, make_number, make_version, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def editor(client, workspace):
    client.force_login(make_member(workspace, "editor").user)
    return client


def listed(client, **asked):
    return client.get(reverse("actions"), asked)


def names(response):
    return [row.action.name for row in response.context["rows"]]


def archived(workspace, name):
    action = make_action(workspace, name=name)
    saving.archive(action)
    return action


def age(**span):
    return timezone.now() - timedelta(**span)


# --- Which ----------------------------------------------------------------------------------------------


def test_actions_stand_by_name_whatever_their_case(editor, workspace):
    for name in ("thanks", "Reminder", "Welcome"):
        make_action(workspace, name=name)

    assert names(listed(editor)) == ["Reminder", "thanks", "Welcome"]


def test_archived_actions_are_out_of_the_way_until_asked_for(editor, workspace):
    make_action(workspace, name="Kept")
    make_action(workspace, name="Paused", enabled=False)
    archived(workspace, "Old")

    assert names(listed(editor)) == ["Kept", "Paused"]
    assert names(listed(editor, show="on")) == ["Kept"]
    assert names(listed(editor, show="off")) == ["Paused"]
    assert names(listed(editor, show="archived")) == ["Old"]
    assert listed(editor).context["counts"] == {"all": 2, "on": 1, "off": 1, "archived": 1}


def test_what_no_tab_is_called_shows_the_usual_list(editor, workspace):
    make_action(workspace, name="Kept")

    assert names(listed(editor, show="everything")) == ["Kept"]


def test_names_are_searched_in_every_state_and_tabs_keep_the_search(editor, workspace):
    make_action(workspace, name="Welcome DE")
    make_action(workspace, name="Reminder")
    archived(workspace, "Welcome FR")

    found = listed(editor, q="welc")

    assert names(found) == ["Welcome DE"]
    assert found.context["counts"] == {"all": 1, "on": 1, "off": 0, "archived": 1}
    assert 'href="?q=welc&amp;show=archived"' in found.content.decode()
    assert names(listed(editor, q="welc", show="archived")) == ["Welcome FR"]


def test_a_page_holds_fifty(editor, workspace):
    line = make_number(workspace)
    for number in range(51):
        make_action(workspace, name=f"Action {number:02}", sender_number=line)

    first, second = listed(editor), listed(editor, page="2")

    assert (len(names(first)), names(second)) == (50, ["Action 50"])
    assert "51 actions" in first.content.decode()


def test_another_workspaces_actions_are_not_listed(editor):
    make_action(make_workspace(), name="Secret")

    assert "Secret" not in listed(editor).content.decode()


def test_htmx_gets_the_list_alone(editor, workspace):
    make_action(workspace, name="Welcome")

    part = editor.get(reverse("actions"), headers={"HX-Request": "true"}).content.decode()

    assert "Welcome" in part
    assert "<html" not in part


# --- What it says ---------------------------------------------------------------------------------------


def test_an_action_shows_its_number_its_first_line_and_its_last_change(editor, workspace):
    line = make_number(workspace, "+12025550102", name="Support US 2")
    action = make_action(workspace, sender_number=line)
    make_version(action, sender_number=line, message="\nHello <you>\nsecond line")

    page = listed(editor).content.decode()

    assert "Support US 2" in page
    assert "Hello &lt;you&gt;" in page
    assert "second line" not in page
    assert "version 2" in page


def test_an_action_that_is_off_says_why(editor, workspace):
    action = make_action(workspace)
    saving.switch(action, on=False, reason="Wrong text")

    assert "Wrong text" in listed(editor).content.decode()


def test_an_action_that_can_no_longer_send_says_what_is_wrong(editor, workspace):
    make_action(workspace, sender_number=make_number(workspace, name="Old line", sms_capable=False))

    page = listed(editor).content.decode()

    assert "Number not offered" in page
    assert "Old line is not offered: It cannot text." in page


def test_the_messages_of_the_last_seven_days_are_counted_by_group(editor, workspace):
    action = make_action(workspace)
    for status in ("sent", "delivered", "undelivered", "rejected", "queued", "cancelled"):
        make_message(workspace, action=action, status=status)
    make_message(workspace, action=action, status="failed", at=age(days=8))

    [row] = listed(editor).context["rows"]

    assert row.total == 6
    assert [(group.name, group.count) for group in row.groups] == [
        ("left", 3),
        ("trouble", 2),
        ("waiting", 1),
    ]


def test_each_figure_opens_exactly_the_messages_it_counts(editor, workspace):
    action, other = make_action(workspace), make_action(workspace)
    for status in ("sent", "undelivered", "rejected", "queued"):
        make_message(workspace, action=action, status=status)
        make_message(workspace, action=other, status=status)
    make_message(workspace, action=action, status="sent", at=age(days=8))

    row = next(each for each in listed(editor).context["rows"] if each.action == action)

    assert len(editor.get(row.url).context["rows"]) == row.total == 4
    for group in row.groups:
        assert len(editor.get(group.url).context["rows"]) == group.count


def test_of_too_many_messages_the_newest_are_counted_and_the_list_says_so(editor, workspace, monkeypatch):
    monkeypatch.setattr(listing, "MOST_COUNTED", 2)
    action = make_action(workspace)
    for _ in range(3):
        make_message(workspace, action=action)

    page = listed(editor)

    assert [row.total for row in page.context["rows"]] == [2]
    assert "Only the newest 2 messages are counted." in page.content.decode()


def test_the_list_costs_the_same_for_any_number_of_actions(editor, workspace, django_assert_max_num_queries):
    for _ in range(12):
        make_message(workspace, action=make_action(workspace))
    assert Message.objects.count() == 12

    with django_assert_max_num_queries(15):
        listed(editor)


# --- Empty ------------------------------------------------------------------------------------------------


def test_an_empty_list_says_what_an_action_is(editor):
    page = listed(editor).content.decode()

    assert "No actions yet" in page
    assert "Create the first action" in page


def test_a_viewer_is_not_offered_to_create_one(client, workspace):
    client.force_login(make_member(workspace, "viewer").user)

    page = listed(client).content.decode()

    assert "No actions yet" in page
    assert reverse("action-new") not in page


def test_a_search_that_finds_nothing_says_what_was_searched(editor, workspace):
    make_action(workspace, name="Welcome")

    page = listed(editor, q="<x>").content.decode()

    assert "“&lt;x&gt;” was looked for among the names." in page


def test_a_search_that_only_the_archive_answers_leads_there(editor, workspace):
    archived(workspace, "Old")

    page = listed(editor, q="Old").content.decode()

    assert "Look in the archive" in page
    assert 'href="?q=Old&amp;show=archived"' in page


@pytest.mark.parametrize(
    ("show", "title"),
    [("archived", "Nothing is archived"), ("off", "No action is off")],
)
def test_an_empty_tab_says_why(editor, workspace, show, title):
    make_action(workspace)

    assert title in listed(editor, show=show).content.decode()


def test_a_list_of_switched_off_actions_only_says_that_nothing_is_on(editor, workspace):
    make_action(workspace, enabled=False)

    assert "No action is on" in listed(editor, show="on").content.decode()


def test_where_everything_is_archived_the_list_says_so(editor, workspace):
    archived(workspace, "Old")

    assert "Every action is archived" in listed(editor).content.decode()
