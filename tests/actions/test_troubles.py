"""Actions that can no longer send are told before their next message fails, and no longer once it is mended."""

import pytest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from smsadmin import cache
from smsadmin.actions import troubles
from smsadmin.core.message import Record, SendRequest
from smsadmin.directory.models import Agent, Association
from smsadmin.sending.rehearse import rehearse
from tests.factories import make_action, make_number, make_version, make_workspace, put_on

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def number(workspace):
    return make_number(workspace, name="Sales DE", users=("mia@example.com",))


@pytest.fixture
def action(workspace, number):
    """An action that sends from Sales DE as Mia."""
    mia = Agent.objects.get(workspace=workspace)
    return make_action(
        workspace, name="Reminder", sender_number=number, send_as_kind="user", send_as_agent=mia
    )


def change(row, **columns):
    """What a refresh or an admin writes."""
    type(row).objects.filter(pk=row.pk).update(**columns)
    cache.forget()


def take_off(number):
    Association.objects.filter(number=number).delete()
    cache.forget()


def badges(action):
    return [each.badge for each in troubles.of(action)]


def test_an_action_whose_number_and_user_are_there_has_no_trouble(workspace, action):
    assert troubles.of(action) == []
    assert troubles.troubles(workspace) == []


def test_a_number_that_vanished_is_a_trouble_mended_in_the_action(action, number):
    change(number, gone_at=timezone.now())
    take_off(number)

    (found,) = troubles.of(action)  # and nothing of its users, whom it lost with it

    assert (found.badge, found.problem) == ("Number gone", "Sales DE is no longer in Aircall.")
    assert found.url == f"{reverse('action', args=[action.pk])}#id_sender"


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"connected": None}, "Nobody has confirmed that it is connected to HubSpot."),
        ({"connected": False}, "It is not connected to the HubSpot integration."),
        ({"sms_capable": None}, "Nobody has confirmed that it can text."),
        ({"sms_capable": False}, "It cannot text."),
        ({"third_party": True}, "It uses another messaging service."),
        ({"proxy_mode": True}, "It is used by the Aircall Messaging API (proxy mode)."),
    ],
)
def test_a_number_that_is_not_offered_is_a_trouble_mended_in_the_directory(action, number, columns, problem):
    change(number, **columns)

    (found,) = troubles.of(action)

    assert (found.badge, found.problem) == ("Number not offered", f"Sales DE is not offered: {problem}")
    assert found.url == f"{reverse('number', args=[number.pk])}#facts"
    assert "Aircall" in found.fix


def test_a_user_who_vanished_is_a_trouble(action):
    change(action.current.send_as_agent, gone_at=timezone.now())

    (found,) = troubles.of(action)

    assert (found.badge, found.problem) == ("User gone", "Mia is no longer a user in Aircall.")
    assert found.url == f"{reverse('action', args=[action.pk])}#id_send_as"


def test_a_user_who_is_no_longer_on_the_number_is_a_trouble(workspace, action, number):
    put_on(make_number(workspace), action.current.send_as_agent)
    take_off(number)

    (found,) = troubles.of(action)

    assert (found.badge, found.problem) == ("User not on number", "Mia is no longer on Sales DE.")
    assert found.url == f"{reverse('action', args=[action.pk])}#id_send_as"


def test_number_and_user_are_both_told_where_both_are_to_be_mended(action, number):
    change(number, sms_capable=False)
    take_off(number)

    assert badges(action) == ["Number not offered", "User not on number"]


def test_a_trouble_is_gone_when_it_is_mended(action, number):
    change(number, gone_at=timezone.now())
    assert badges(action) == ["Number gone"]

    change(number, gone_at=None)

    assert badges(action) == []


def test_a_newer_version_that_names_another_number_has_no_trouble(workspace, action, number):
    change(number, gone_at=timezone.now())

    make_version(action, sender_number=make_number(workspace))

    assert badges(action) == []


def test_what_a_property_names_cannot_be_judged(workspace, number):
    custom = make_action(
        workspace,
        sender_kind="property",
        sender_property="Contact.line",
        send_as_kind="property",
        send_as_property="Contact.owner",
    )
    mixed = make_action(
        workspace, sender_number=number, send_as_kind="property", send_as_property="Contact.owner"
    )
    take_off(number)

    assert badges(custom) == badges(mixed) == []


def test_an_action_that_names_no_number_says_what_is_missing(workspace):
    (found,) = troubles.of(make_action(workspace, sender_number=None))

    assert found.badge == "Incomplete"
    assert "No sender number was given" in found.problem


def test_actions_that_are_off_or_archived_raise_no_notice(workspace, action, number):
    change(number, gone_at=timezone.now())
    assert len(troubles.troubles(workspace)) == 1

    action.enabled = False
    action.save()
    assert troubles.troubles(workspace) == troubles.of(action) == []
    action.archived_at = timezone.now()
    action.save()
    assert troubles.troubles(workspace) == troubles.of(action) == []


def test_a_workspace_hears_of_its_own_actions_by_name(workspace, action, number):
    make_action(workspace, name="Appointment", sender_number=number)
    theirs = make_number(make_workspace(), gone_at=timezone.now())
    make_action(theirs.workspace, name="Theirs", sender_number=theirs)
    change(number, gone_at=timezone.now())

    assert [each.action.name for each in troubles.troubles(workspace)] == ["Appointment", "Reminder"]


def test_a_workspace_is_judged_with_a_few_queries(workspace, number, settings, django_assert_num_queries):
    settings.CONFIGURATION_TTL = 60
    for _ in range(12):
        make_action(workspace, sender_number=number)
    change(number, gone_at=timezone.now())

    with django_assert_num_queries(5):  # the actions, and the directory once
        assert len(troubles.troubles(workspace)) == 12


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("facts", [{}, {"connected": None}, {"third_party": True}])
@pytest.mark.parametrize("agent_gone", [False, True])
@pytest.mark.parametrize("on_number", [False, True])
def test_there_is_a_trouble_exactly_where_a_send_would_be_refused(
    workspace, action, number, gone, facts, agent_gone, on_number
):
    change(number, gone_at=timezone.now() if gone else None, **facts)
    change(action.current.send_as_agent, gone_at=timezone.now() if agent_gone else None)
    if not on_number:
        take_off(number)
    record = Record("contact", "1", {"phone": "+13125550123"})

    rehearsal = rehearse(
        SendRequest(workspace.pk, "dry", "1", action.current.config(), record, action_name="Reminder")
    )

    assert bool(troubles.of(action)) is not rehearsal.would_send


# --- As it is shown -----------------------------------------------------------------------------------


def shown(found, **context):
    return " ".join(render_to_string("actions/_troubles.html", {"troubles": found, **context}).split())


def test_the_notice_says_what_is_wrong_and_leads_to_what_mends_it(workspace, action, number):
    change(number, third_party=True)

    own, everywhere = shown(troubles.of(action)), shown(troubles.troubles(workspace), named=True)

    assert "This action can no longer send" in own
    assert "Sales DE is not offered: It uses another messaging service." in own
    assert f'<a href="{reverse("number", args=[number.pk])}#facts">Open the number</a>' in own
    assert "Reminder" not in own
    assert f'<a href="{reverse("action", args=[action.pk])}">Reminder</a>: Sales DE' in everywhere


def test_no_trouble_shows_nothing():
    assert shown([]) == ""


def test_many_troubles_are_capped_and_counted(workspace, number):
    for _ in range(19):
        make_action(workspace, sender_number=number)
    change(number, gone_at=timezone.now())

    page = shown(troubles.troubles(workspace), named=True)

    assert page.count("<li>") == 6
    assert f'<a href="{reverse("actions")}">and 14 more</a>' in page


def test_the_notice_speaks_the_readers_language(action, number):
    change(number, third_party=True)

    with translation.override("de"):
        (found,) = troubles.of(action)
        assert translation.gettext("It uses another messaging service.") in found.problem
        assert (
            translation.gettext("It uses another messaging service.") != "It uses another messaging service."
        )


def test_names_of_others_are_text_and_not_markup(workspace):
    odd = make_number(workspace, name="<b>Line</b>", gone_at=timezone.now())
    make_action(workspace, name="<i>News</i>", sender_number=odd)

    page = shown(troubles.troubles(workspace), named=True)

    assert "<b>" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;Line" in page
