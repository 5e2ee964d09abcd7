"""Where an action is used and what became of its messages, within bounds."""

from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from smsadmin.actions import usage
from smsadmin.core.status import Status
from tests.factories import make_action, make_member, make_message, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def action(workspace):
    return make_action(workspace, name="Welcome")


def came_from(workflow, portal="9000001"):
    return {"portal": portal, "workflow": workflow, "step": "4"}


def used(action):
    return [(use.words, use.portal, use.count) for use in usage.where_used(action)]


# --- Where ------------------------------------------------------------------------------------------------


def test_workflows_are_named_with_their_portal_most_used_first(workspace, action):
    for workflow in ("17", "17", "18"):
        make_message(workspace, action=action, origin=came_from(workflow))
    make_message(workspace, action=action, origin=came_from("17", portal="9000002"))

    assert used(action) == [
        ("HubSpot workflow 17", "9000001", 2),
        ("HubSpot workflow 17", "9000002", 1),
        ("HubSpot workflow 18", "9000001", 1),
    ]


def test_a_workflow_leads_to_its_page_in_hubspot(workspace, action, settings):
    settings.SANDBOX = False
    make_message(workspace, action=action, origin=came_from("17"))

    [use] = usage.where_used(action)

    assert use.url == "https://app.hubspot.com/workflows/9000001/platform/flow/17/edit"


def test_the_sandbox_has_no_pages_of_hubspot(workspace, action, settings):
    settings.SANDBOX = True
    make_message(workspace, action=action, origin=came_from("17"))

    assert usage.where_used(action)[0].url == ""


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        ("test", "Tests from the editor"),
        ("api", "The API"),
        ("hubspot", "HubSpot, without saying which workflow"),
        ("pigeon", "pigeon"),
    ],
)
def test_who_is_no_workflow_is_named_by_how_it_asks(workspace, action, trigger, words):
    make_message(workspace, action=action, trigger=trigger, origin={})

    assert used(action) == [(words, "", 1)]


def test_last_seen_is_the_newest_message(workspace, action):
    now = timezone.now().replace(microsecond=0)
    for hours in (5, 2, 9):
        make_message(workspace, action=action, origin=came_from("17"), at=now - timedelta(hours=hours))

    assert usage.where_used(action)[0].last_seen == now - timedelta(hours=2)


def test_older_messages_and_other_actions_do_not_count(workspace, action):
    make_message(workspace, action=action, at=timezone.now() - timedelta(days=8))
    make_message(workspace, action=make_action(workspace))
    make_message(workspace)

    assert used(action) == []
    assert usage.outcome(action).total == 0


def test_of_too_many_messages_the_newest_are_looked_at(workspace, action, monkeypatch):
    monkeypatch.setattr(usage, "MOST_COUNTED", 2)
    now = timezone.now()
    for minutes, workflow in ((3, "old"), (2, "new"), (1, "new")):
        origin = came_from(workflow)
        make_message(workspace, action=action, origin=origin, at=now - timedelta(minutes=minutes))

    assert used(action) == [("HubSpot workflow new", "9000001", 2)]
    assert usage.outcome(action).capped


# --- What became of them ----------------------------------------------------------------------------------


def test_the_outcome_has_a_share_for_each_status_the_good_ones_first(workspace, action):
    for status in ("delivered", "rejected", "delivered", "queued"):
        make_message(workspace, action=action, status=status)

    found = usage.outcome(action)

    assert (found.total, found.capped) == (4, False)
    assert [(share.status, share.count, share.start, share.width) for share in found.shares] == [
        (Status.DELIVERED, 2, 0, 50),
        (Status.QUEUED, 1, 50, 25),
        (Status.REJECTED, 1, 75, 25),
    ]


def test_each_share_opens_exactly_the_messages_it_counts(client, workspace, action):
    client.force_login(make_member(workspace).user)
    for status in ("sent", "sent", "undelivered", "unknown"):
        make_message(workspace, action=action, status=status)
        make_message(workspace, action=make_action(workspace), status=status)
    make_message(workspace, action=action, status="sent", at=timezone.now() - timedelta(days=8))

    found = usage.outcome(action)

    assert len(client.get(found.url).context["rows"]) == found.total == 4
    for share in found.shares:
        rows = client.get(share.url).context["rows"]
        assert {row.status for row, _cause in rows} == {share.status}
        assert len(rows) == share.count


def test_the_bar_says_in_words_what_it_shows_in_colours(workspace, action):
    for status in ("sent", "sent", "rejected"):
        make_message(workspace, action=action, status=status)

    page = render_to_string("actions/_usage.html", {"usage": usage.usage(action)})

    assert 'width="66.66666666666667%"' in page
    assert 'aria-label="Sent: 2">2</a>' in page
    assert 'aria-label="Rejected: 1">1</a>' in page


def test_an_action_nobody_used_says_so(action):
    page = render_to_string("actions/_usage.html", {"usage": usage.usage(action)})

    assert "No message was asked for." in page
    assert "<table" not in page


def test_looking_costs_two_queries_however_much_was_sent(workspace, action, django_assert_num_queries):
    for number in range(20):
        make_message(workspace, action=action, origin=came_from(str(number)))

    with django_assert_num_queries(2):
        usage.usage(action)
