"""The actions' pages: what may be saved, by whom, and that nothing of another workspace can be reached."""

import html
import re
import shlex

import pytest
from django.urls import reverse

from smsadmin.actions import saving
from smsadmin.actions.models import Action, ActionVersion
from smsadmin.core.errors import CATALOGUE
from smsadmin.core.tokens import Problem
from tests.factories import (
    make_action,
    make_agent,
    make_member,
    make_number,
    make_user,
    make_version,
    make_workspace,
    put_on,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def editor(client, workspace):
    client.force_login(make_member(workspace, "editor").user)
    return client


def form(number=None, **values):
    """What the browser posts for a plain, valid action."""
    return {
        "name": "Welcome",
        "object_type": "contact",
        "sender_kind": "number",
        "sender_number": str(number.pk) if number else "",
        "sender_property": "",
        "send_as_kind": "none",
        "send_as_agent": "",
        "send_as_property": "",
        "recipient_property": "Contact.phone",
        "message": "Hello {{Contact.FirstName}}",
        "note": "",
        "base": "",
    } | values


def edited(action, **values):
    """What the browser posts when an action's page is opened, changed and saved."""
    return form(action.current.sender_number, name=action.name, base=str(action.current.number)) | values


def swapped(client, do, typed):
    """What htmx gets for a press of the button `do` on the page of a new action."""
    response = client.post(reverse("action-new"), typed | {"do": do}, headers={"HX-Request": "true"})
    assert response.status_code == 200
    return response.content.decode()


def errors(response):
    return {name: " ".join(words) for name, words in response.context["form"].errors.items()}


# --- Saving -------------------------------------------------------------------------------------------


def test_a_new_action_is_saved_as_version_1_with_its_author(editor, workspace):
    number = make_number(workspace)

    response = editor.post(reverse("action-new"), form(number, message="Hi\r\nthere"))

    version = Action.objects.get(workspace=workspace).current
    assert response.url == reverse("action", args=[version.action_id])
    assert (version.number, version.sender_number, version.message) == (1, number, "Hi\nthere")
    assert version.created_by_id == int(editor.session["_auth_user_id"])


def test_a_change_is_a_new_version_and_the_old_one_stays(editor, workspace):
    action = make_action(workspace)

    editor.post(reverse("action", args=[action.pk]), edited(action, message="Bye", note="shorter"))

    action.refresh_from_db()
    assert (action.current.number, action.current.message, action.current.note) == (2, "Bye", "shorter")
    assert action.versions.get(number=1).message == "Hello"


def test_saving_without_a_change_makes_no_version(editor, workspace):
    action = make_action(workspace)

    editor.post(reverse("action", args=[action.pk]), edited(action, message="Hello"))

    assert action.versions.count() == 1


def test_a_new_name_alone_makes_no_version(editor, workspace):
    action = make_action(workspace)

    editor.post(reverse("action", args=[action.pk]), edited(action, message="Hello", name="Other"))

    action.refresh_from_db()
    assert (action.name, action.versions.count()) == ("Other", 1)


def test_what_a_choice_leaves_unused_is_not_stored(editor, workspace):
    number = make_number(workspace)
    typed = form(number, sender_property="Contact.line", send_as_property="Contact.owner")

    editor.post(reverse("action-new"), typed)

    version = ActionVersion.objects.get()
    assert (version.sender_property, version.send_as_property) == ("", "")


def test_braces_around_a_property_are_forgiven(editor, workspace):
    editor.post(
        reverse("action-new"), form(make_number(workspace), recipient_property="{{ Contact.MobilePhone }}")
    )

    assert ActionVersion.objects.get().recipient_property == "Contact.MobilePhone"


def test_a_custom_number_with_a_custom_user_is_saved(editor, workspace):
    typed = form(
        sender_kind="property",
        sender_property="Contact.line",
        send_as_kind="property",
        send_as_property="Contact.owner",
    )

    assert editor.post(reverse("action-new"), typed).status_code == 302
    assert ActionVersion.objects.get().sender_number is None


def test_somebody_elses_newer_version_is_shown_and_nothing_is_overwritten(editor, workspace):
    action = make_action(workspace)
    mine = edited(action, message="Mine")
    make_version(
        action,
        sender_number=action.current.sender_number,
        message="Theirs",
        created_by=make_user("ann@example.com"),
    )

    response = editor.post(reverse("action", args=[action.pk]), mine)

    page = response.content.decode()
    assert response.status_code == 422
    assert "ann@example.com" in page
    assert [(each.before, each.after) for each in response.context["differences"]] == [("Theirs", "Mine")]
    assert response.context["form"]["message"].value() == "Mine"
    action.refresh_from_db()
    assert action.current.message == "Theirs"

    editor.post(
        reverse("action", args=[action.pk]), mine | {"base": response.context["form"]["base"].value()}
    )

    action.refresh_from_db()
    assert (action.current.number, action.current.message) == (3, "Mine")


def test_the_database_itself_keeps_two_people_from_saving_the_same_version(workspace):
    action = make_action(workspace)
    user, config = make_user(), saving.config_of(action.current)
    assert saving.change(action, action.name, config | {"message": "A"}, "", user, base=1)
    with pytest.raises(saving.SavedMeanwhile):
        saving.change(action, action.name, config | {"message": "B"}, "", user, base=1)


# --- What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("name", {"name": " "}, "Give the action a name."),
        ("sender_number", {"sender_number": ""}, "Choose the number to send from."),
        (
            "sender_property",
            {"sender_kind": "property"},
            "Name the property that holds the number to send from.",
        ),
        ("send_as_agent", {"send_as_kind": "user"}, "Choose the user to send as."),
        (
            "send_as_property",
            {"send_as_kind": "property"},
            "Name the property that holds the user's email address.",
        ),
        (
            "send_as_kind",
            {"sender_kind": "property", "sender_property": "Contact.line", "send_as_kind": "user"},
            "Only a number of the list has known users. Send without one, or name a property.",
        ),
        (
            "recipient_property",
            {"recipient_property": ""},
            "Name the property that holds the recipient's number.",
        ),
        (
            "recipient_property",
            {"recipient_property": "+12025550123"},
            "“+12025550123” is not the name of a property: write it as in Contact.phone.",
        ),
        ("message", {"message": " \n "}, "Write the message: this one is empty."),
        (
            "message",
            {"message": "Hi {{Contact.FirstName"},
            "“{{Contact.FirstName” at character 4 is never closed: add “}}” after the name.",
        ),
        (
            "message",
            {"message": "x" * 1601 + "{{Contact.FirstName}}"},
            "The text has 1,601 characters before its tokens are filled in; cut 1 to 1,600.",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_said_at_its_field_and_nothing_is_saved(
    editor, workspace, field, typed, sentence
):
    response = editor.post(reverse("action-new"), form(make_number(workspace)) | typed)

    assert response.status_code == 422
    assert errors(response) == {field: sentence}
    assert "data-error-summary" in response.content.decode()
    assert not Action.objects.exists()


@pytest.mark.parametrize("message", ["x" * 1600, "x" * 1590 + "{{Contact.AVeryLongPropertyName}}"])
def test_up_to_1600_characters_of_text_are_saved_and_tokens_do_not_count(editor, workspace, message):
    assert (
        editor.post(reverse("action-new"), form(make_number(workspace), message=message)).status_code == 302
    )


def test_every_problem_of_a_template_has_its_sentence():
    from typing import get_args

    from smsadmin.actions.fields import TOKEN_PROBLEMS

    assert set(TOKEN_PROBLEMS) == set(get_args(Problem))


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"connected": None}, "Nobody has confirmed that it is connected to HubSpot."),
        ({"sms_capable": False}, "It cannot text."),
        ({"third_party": True}, "It uses another messaging service."),
        ({"proxy_mode": True}, "It is used by the Aircall Messaging API (proxy mode)."),
        ({"gone_at": "2026-01-01T00:00Z"}, "Aircall no longer lists this number."),
    ],
)
def test_a_number_that_is_not_offered_is_refused_with_the_reason(editor, workspace, facts, reason):
    number = make_number(workspace, **facts)

    response = editor.post(reverse("action-new"), form(number))

    assert response.status_code == 422
    assert reason in errors(response)["sender_number"]


def test_another_actions_name_is_refused(editor, workspace):
    make_action(workspace, name="Welcome")

    response = editor.post(reverse("action-new"), form(make_number(workspace)))

    assert errors(response) == {"name": "Another action has this name: choose a different one."}


def test_what_was_typed_stays_when_saving_is_refused(editor, workspace):
    number = make_number(workspace)

    page = editor.post(
        reverse("action-new"), form(number, name="", message="Draft <1>", note="why")
    ).content.decode()

    assert "Draft &lt;1&gt;" in page
    assert f'<option value="{number.pk}" selected>' in page
    assert 'value="why"' in page


# --- Users filtered by the number ---------------------------------------------------------------------


def test_only_the_chosen_numbers_users_are_offered(editor, workspace):
    number = make_number(workspace, users=("mia@example.com",))
    make_number(workspace, users=("leo@example.com",))

    page = swapped(editor, "refilter", form(number, send_as_kind="user"))

    assert "mia@example.com" in page
    assert "leo@example.com" not in page


def test_a_user_who_does_not_fit_the_new_number_is_named_and_must_be_chosen_again(editor, workspace):
    leo = make_agent(workspace, "leo@example.com", name="Leo Garcia")
    put_on(make_number(workspace), leo)
    other = make_number(workspace, name="Sales DE", users=("mia@example.com",))
    typed = form(other, send_as_kind="user", send_as_agent=str(leo.pk))

    page = swapped(editor, "refilter", typed)
    refused = editor.post(reverse("action-new"), typed)

    assert "The users are those of Sales DE now. Leo Garcia is not one of them: choose again." in page
    assert "leo@example.com" not in page
    assert errors(refused) == {"send_as_agent": "Leo Garcia is not a user of Sales DE: choose again."}


def test_without_javascript_a_button_shows_the_users_and_keeps_what_was_typed(editor, workspace):
    number = make_number(workspace, users=("mia@example.com",))
    typed = form(number, name="", send_as_kind="user", message="Half a dra", do="refilter")

    response = editor.post(reverse("action-new"), typed)

    page = response.content.decode()
    assert response.status_code == 200
    assert "mia@example.com" in page
    assert "Half a dra" in page
    assert "data-error-summary" not in page


# --- Who may -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_operators_and_viewers_read_but_do_not_change(client, workspace, role):
    action = make_action(workspace)
    client.force_login(make_member(workspace, role).user)
    url = reverse("action", args=[action.pk])

    page = client.get(url)

    assert "you can read this action but not change it" in page.content.decode()
    assert "<fieldset" in page.content.decode()
    assert client.post(url, edited(action, message="Bye")).status_code == 403
    assert client.post(url, edited(action, do="off", reason="No")).status_code == 403
    assert client.get(reverse("action-new")).status_code == 403
    assert action.versions.count() == 1


def test_another_workspaces_action_does_not_exist(editor):
    action = make_action(make_workspace(), name="Secret")

    assert editor.get(reverse("action", args=[action.pk])).status_code == 404
    assert editor.post(reverse("action", args=[action.pk]), edited(action)).status_code == 404
    assert "Secret" not in editor.get(reverse("actions")).content.decode()


def test_another_workspaces_number_and_user_are_refused_like_unknown_ones(editor, workspace):
    number, foreign = make_number(workspace), make_number(make_workspace(), users=("spy@example.com",))
    spy = foreign.agents.get()

    by_number = editor.post(reverse("action-new"), form(foreign))
    by_user = editor.post(reverse("action-new"), form(number, send_as_kind="user", send_as_agent=str(spy.pk)))

    assert errors(by_number) == {
        "sender_number": "This number is not in your directory: choose one of the list."
    }
    assert errors(by_user) == {"send_as_agent": "Choose one of the users of the number."}
    assert "spy@example.com" not in by_number.content.decode()


@pytest.mark.parametrize("given", ["abc", "9" * 40, "-1", "²", "1.0"])
def test_an_id_that_is_none_is_refused_like_an_unknown_one(editor, given):
    response = editor.post(reverse("action-new"), form(sender_number=given))

    assert errors(response) == {
        "sender_number": "This number is not in your directory: choose one of the list."
    }


# --- The page -----------------------------------------------------------------------------------------


def test_the_page_shows_how_hubspot_runs_the_action_and_the_versions(editor, workspace, settings):
    settings.BASE_URL = "https://sms.example.com"
    action = make_action(workspace, name="Welcome")
    make_version(action, sender_number=action.current.sender_number, message="New", note="friendlier")

    page = editor.get(reverse("action", args=[action.pk])).content.decode()

    assert f"https://sms.example.com/hubspot/actions/send-sms?action={action.pk}" in page
    assert "manage.py enrol --workflow" in page
    assert "friendlier" in page
    assert "Save as version 3" in page


def test_the_command_to_run_an_action_can_be_pasted_into_a_shell(editor, workspace, settings):
    settings.SANDBOX, settings.SANDBOX_PORT, settings.DATA_DIR = True, 8011, settings.ROOT / "data"
    action = make_action(workspace, name='Nora\'s "text"; rm -rf $HOME')

    page = html.unescape(editor.get(reverse("action", args=[action.pk])).content.decode())
    command = re.search(r"<code>(.*enrol.*)</code>", page)[1]

    assert shlex.split(command) == [
        *("SANDBOX_PORT=8011", ".venv/bin/python", "manage.py", "enrol"),
        *("--workflow", action.name, "--records", "5"),
    ]


def test_a_number_that_is_no_longer_offered_stays_visible_with_the_reason(editor, workspace):
    action = make_action(workspace, sender_number=make_number(workspace, name="Old line", sms_capable=False))

    page = editor.get(reverse("action", args=[action.pk])).content.decode()

    assert "Old line" in page
    assert "It cannot text." in page


@pytest.mark.parametrize(
    "anchor", sorted({error.place for error in CATALOGUE.values() if error.place.startswith("action.")})
)
def test_every_field_that_message_pages_link_to_is_there(editor, anchor):
    field = anchor.removeprefix("action.")

    assert f'id="id_{field}"' in editor.get(reverse("action-new")).content.decode()


@pytest.mark.parametrize(
    "anchor",
    [
        "id_sender_number",
        "id_sender_property",
        "id_send_as_kind",
        "id_send_as_agent",
        "id_recipient_property",
        "id_message",
    ],
)
def test_fields_keep_their_ids(editor, anchor):
    assert f'id="{anchor}"' in editor.get(reverse("action-new")).content.decode()
