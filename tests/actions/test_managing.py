"""Switching an action on and off, archiving it and bringing it back, and names for copies."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from smsadmin.actions import catalogue, saving
from smsadmin.actions.models import Action
from smsadmin.actions.standing import standing
from tests.actions.test_pages import edited
from tests.factories import make_action, make_member, make_message, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def editor(client, workspace):
    client.force_login(make_member(workspace, "editor", make_user(name="Mia Hoffmann")).user)
    return client


@pytest.fixture
def action(workspace):
    return make_action(workspace, name="Welcome")


def archive(client, action, **posted):
    do = "back" if posted.get("back") else "archive"
    return client.post(reverse("action", args=[action.pk]), edited(action, do=do))


def switch_off(client, action, reason):
    client.post(reverse("action", args=[action.pk]), {"do": "off", "reason": reason})


def switch_on(client, action):
    """The button on the page of an action that nobody has changed anything on."""
    typed = edited(action, message=action.current.message, do="on")
    return client.post(reverse("action", args=[action.pk]), typed)


def said(response):
    return [str(message) for message in response.wsgi_request._messages]


# --- On and off -------------------------------------------------------------------------------------------


def test_an_action_is_switched_off_with_a_reason_and_on_again(editor, action):
    switch_off(editor, action, "Wrong text")
    action.refresh_from_db()
    assert (action.enabled, action.why_off) == (False, "Wrong text")

    response = switch_on(editor, action)
    action.refresh_from_db()
    assert (action.enabled, action.disabled_reason, action.why_off) == (True, "", "")
    assert said(response) == ["“Welcome” is on."]


def test_who_switched_an_action_off_and_when_is_known(editor, action):
    switch_off(editor, action, "Wrong text")
    action.refresh_from_db()
    action.name = "Renamed"
    action.save()

    found = standing(action)

    assert (found.state, str(found.by)) == ("off", "Mia Hoffmann")
    assert found.at is not None


def test_an_action_nobody_ever_switched_has_no_such_person(action):
    found = standing(action)

    assert (found.state, found.at, found.by) == ("on", None, None)


# --- The archive --------------------------------------------------------------------------------------------


def test_an_archived_action_is_off_and_comes_back_off(editor, action):
    archive(editor, action)
    action.refresh_from_db()
    assert (action.is_archived, action.enabled) == (True, False)

    archive(editor, action, back="1")
    action.refresh_from_db()
    assert (action.is_archived, action.enabled) == (False, False)
    assert action.why_off == "It came back from the archive and was not switched on since."


def test_a_reason_from_before_the_archive_is_still_known_after_it(action):
    saving.switch(action, on=False, reason="Wrong text")

    saving.archive(action)
    assert action.why_off == "It is archived: bring it back, then switch it on."

    saving.bring_back(action)
    assert action.why_off == "Wrong text"


def test_archiving_twice_keeps_the_first_time(action):
    saving.archive(action)
    first = action.archived_at

    saving.archive(action)

    assert action.archived_at == first


def test_an_archived_action_cannot_be_switched_on(editor, action):
    saving.archive(action)

    response = switch_on(editor, action)

    action.refresh_from_db()
    assert not action.enabled
    assert said(response) == ["It is archived: bring it back, then switch it on."]


def test_the_database_itself_keeps_an_archived_action_off(action):
    saving.archive(action)

    with pytest.raises(IntegrityError), transaction.atomic():
        Action.objects.filter(pk=action.pk).update(enabled=True)


def test_an_archived_action_refuses_at_once_and_its_messages_say_why(editor, workspace, action):
    assert catalogue.for_request(workspace.pk, str(action.pk))["action_enabled"]

    archive(editor, action)

    assert not catalogue.for_request(workspace.pk, str(action.pk))["action_enabled"]
    refused = make_message(workspace, action=action, status="rejected", error_code="ACTION_DISABLED")
    page = editor.get(reverse("message", args=[refused.pk])).content.decode()
    assert "It is archived: bring it back, then switch it on." in page


def test_who_archived_an_action_is_known(editor, action):
    archive(editor, action)
    action.refresh_from_db()

    assert (standing(action).state, str(standing(action).by)) == ("archived", "Mia Hoffmann")


@pytest.mark.parametrize("role", ["operator", "viewer"])
@pytest.mark.parametrize(("name", "posted"), [("action", {"do": "on"}), ("action", {"do": "archive"})])
def test_operators_and_viewers_do_neither(client, workspace, action, role, name, posted):
    client.force_login(make_member(workspace, role).user)
    saving.switch(action, on=False, reason="Wrong text")

    assert client.post(reverse(name, args=[action.pk]), posted).status_code == 403
    action.refresh_from_db()
    assert (action.enabled, action.is_archived) == (False, False)


@pytest.mark.parametrize(("name", "posted"), [("action", {"do": "off"}), ("action", {"do": "archive"})])
def test_another_workspaces_action_does_not_exist(editor, name, posted):
    theirs = make_action(make_workspace())

    assert editor.post(reverse(name, args=[theirs.pk]), posted).status_code == 404
    theirs.refresh_from_db()
    assert (theirs.enabled, theirs.is_archived) == (True, False)


# --- Names ----------------------------------------------------------------------------------------------------


def test_a_copy_gets_the_first_free_name(workspace, action):
    assert saving.copy_name(workspace, "Welcome") == "Copy of Welcome"

    make_action(workspace, name="Copy of Welcome")
    assert saving.copy_name(workspace, "Welcome") == "Copy of Welcome (2)"

    saving.archive(make_action(workspace, name="Copy of Welcome (2)"))
    assert saving.copy_name(workspace, "Welcome") == "Copy of Welcome (3)"


def test_a_name_taken_in_another_workspace_is_free_here(workspace):
    make_action(make_workspace(), name="Copy of Welcome")

    assert saving.copy_name(workspace, "Welcome") == "Copy of Welcome"


def test_the_name_of_a_copy_fits_however_long_the_original_is(workspace):
    first = saving.copy_name(workspace, "x" * 80)
    make_action(workspace, name=first)
    second = saving.copy_name(workspace, "x" * 80)

    assert (len(first), len(second)) == (80, 80)
    assert first.endswith("x…")
    assert second.endswith("x… (2)")


def test_a_name_held_by_an_archived_action_is_refused_with_the_way_out(workspace, action):
    assert saving.name_problem(workspace, "Free") == ""
    assert saving.name_problem(workspace, "Welcome", besides=action) == ""
    assert saving.name_problem(workspace, "Welcome") == (
        "Another action has this name: choose a different one."
    )

    saving.archive(action)

    assert saving.name_problem(workspace, "Welcome") == (
        "An archived action has this name: choose a different one, or bring that one back."
    )


def test_a_name_taken_in_the_last_moment_is_told_with_the_same_sentence(workspace, action):
    config = saving.config_of(action.current)

    with pytest.raises(saving.NameTaken, match="Another action has this name"):
        saving.create(workspace, "Welcome", config, "", make_user())
