"""The versions of an action: what each says in words, how two differ, and an old one made new again."""

import pytest
from django.urls import reverse

from smsadmin.actions import saving, versions
from smsadmin.actions.describe import FIELDS, changed, described, differences, rewritten
from smsadmin.actions.models import Action
from tests.factories import (
    make_action,
    make_agent,
    make_member,
    make_message,
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
    client.force_login(make_member(workspace, "editor", make_user(name="Mia Hoffmann")).user)
    return client


@pytest.fixture
def line(workspace):
    return make_number(workspace, "+12025550102", name="Support US 2", users=("leo@example.com",))


@pytest.fixture
def action(workspace, line):
    """Three versions: "Hello", "Hello there", "Bye"."""
    action = make_action(workspace, name="Welcome", sender_number=line, message="Hello")
    make_version(action, sender_number=line, message="Hello there", note="warmer")
    make_version(action, sender_number=line, message="Bye", mobile_only=True)
    return action


def url(action: Action, number: int) -> str:
    return reverse("action-version", args=[action.pk, number])


def words(version) -> dict[str, str]:
    return {str(field): value for field, value in described(version)}


def restore(editor, action, number, **posted):
    return editor.post(url(action, number), {"note": "", "base": str(action.current.number)} | posted)


# --- In words -----------------------------------------------------------------------------------------


def test_every_setting_of_a_version_belongs_to_one_field():
    columns = [column for field in FIELDS for column in field.columns]

    assert sorted(columns) == sorted(saving.CONFIG)


def test_settings_are_said_as_people_read_them(workspace, line):
    mia = make_agent(workspace, "mia@example.com", name="Mia Hoffmann")
    action = make_action(
        workspace,
        sender_number=line,
        send_as_kind="user",
        send_as_agent=mia,
        at_quota="hold",
        hold_minutes=1440,
        mobile_only=True,
        default_region="FR",
        traffic="marketing",
        encoding="gsm",
        wait_minutes=60,
        hide_values=True,
    )

    assert words(action.current) == {
        "Record type": "Contact",
        "Send from": "Support US 2 (+1 202-555-0102)",
        "Send as": "Mia Hoffmann (mia@example.com)",
        "Recipient": "Contact.phone",
        "Message": "Hello",
        "When an agent sends it": "",
        "When a quota is used up": "Hold it until there is room, for at most 1 day",
        "Mobile numbers only": "Yes",
        "Country of numbers without a country code": "FR +33",
        "Kind of message": "Marketing: something you would like to tell",
        "Encoding": "GSM-7 only: look-alikes are replaced, anything else is refused",
        "The workflow waits for the delivery receipt": "For at most 1 hour",
        "Delete the text and the record's values once the message is settled": "Yes",
    }


def test_what_a_property_decides_names_the_property(workspace):
    action = make_action(
        workspace,
        sender_kind="property",
        sender_property="Contact.line",
        send_as_kind="property",
        send_as_property="Contact.owner",
    )

    said = words(action.current)

    assert said["Send from"] == "The number in Contact.line"
    assert said["Send as"] == "The user whose email address is in Contact.owner"
    assert said["Country of numbers without a country code"] == "None: such numbers are refused"


@pytest.mark.parametrize(
    ("minutes", "said"), [(60, "1 hour"), (240, "4 hours"), (4320, "3 days"), (90, "90 minutes")]
)
def test_how_long_a_message_is_held_is_said_in_whole_units(workspace, minutes, said):
    version = make_action(workspace, at_quota="hold", hold_minutes=minutes).current

    assert words(version)["When a quota is used up"].endswith(f"for at most {said}")


# --- Differences --------------------------------------------------------------------------------------


def test_differences_name_the_fields_with_both_values(action, workspace):
    first, last = action.versions.get(number=1), action.current

    found = differences(first, last)

    assert [(str(each.field), each.before, each.after) for each in found] == [
        ("Message", "Hello", "Bye"),
        ("Mobile numbers only", "No", "Yes"),
    ]
    assert changed(first, last) == ["Message", "Mobile numbers only"]
    assert differences(last, last) == []


def test_two_numbers_of_the_same_name_and_digits_still_differ(workspace):
    one, other = (make_number(workspace, "+12025550102", name="Support") for _ in range(2))
    action = make_action(workspace, sender_number=one)
    before, after = action.current, make_version(action, sender_number=other)

    assert changed(before, after) == ["Send from"]


@pytest.mark.parametrize(
    ("before", "after", "pieces"),
    [
        ("Hello", "Hello there", "Hello{+ there+}"),
        ("Hi Ada, bye", "Hi {{Contact.FirstName}}, bye", "Hi [-Ada-]{+{{Contact.FirstName}}+}, bye"),
        ("a big dog", "a small cat", "a [-big dog-]{+small cat+}"),
        ("one two", "one\ntwo", "one[-␣-]{+↵\n+}two"),
        ("Hello", "Bye", "[-Hello-]{+Bye+}"),
        ("", "Hello", "{+Hello+}"),
    ],
)
def test_a_text_says_word_by_word_what_became_of_it(before, after, pieces):
    marks = {"kept": "%s", "removed": "[-%s-]", "added": "{+%s+}"}

    assert "".join(marks[piece.kind] % piece.shown for piece in rewritten(before, after)) == pieces


@pytest.mark.timeout(5)
def test_a_text_of_nothing_but_signs_is_compared_in_good_time():
    pieces = rewritten(".," * 800, ",!." * 533)

    assert "".join(piece.text for piece in pieces if piece.kind != "added") == ".," * 800


def test_markup_in_a_message_is_shown_and_not_obeyed(editor, workspace, line):
    action = make_action(workspace, sender_number=line, message="<b>Hi</b>")
    make_version(action, sender_number=line, message="<b>Hi</b> <i>you</i>")

    page = editor.get(url(action, 2)).content.decode()

    assert "&lt;b&gt;Hi&lt;/b&gt;<ins>" in page
    assert "<i>you" not in page


# --- The history --------------------------------------------------------------------------------------


def test_the_history_says_what_changed_newest_first(action):
    found = versions.history(action)

    assert [(entry.version.number, [str(field) for field in entry.changed]) for entry in found] == [
        (3, ["Message", "Mobile numbers only"]),
        (2, ["Message"]),
        (1, []),
    ]


def test_the_action_shows_its_newest_versions_and_leads_to_all(editor, workspace, line):
    action = make_action(workspace, sender_number=line)
    for number in range(2, 24):
        make_version(action, sender_number=line, message=f"Text {number}", note=f"note {number}")

    page = editor.get(reverse("action", args=[action.pk])).content.decode()
    every = editor.get(reverse("action-versions", args=[action.pk])).content.decode()

    assert url(action, 23) in page
    assert url(action, 4) in page
    assert url(action, 3) not in page
    assert "All 23 versions" in page
    assert "note 23" in every
    assert "First version" in every


def test_a_page_of_versions_compares_its_last_one_with_the_next_page(editor, workspace, line, monkeypatch):
    monkeypatch.setattr(versions, "PER_PAGE", 2)
    action = make_action(workspace, sender_number=line)
    make_version(action, sender_number=line, message="Two")
    make_version(action, sender_number=line, message="Two", mobile_only=True)

    first = editor.get(reverse("action-versions", args=[action.pk]))
    second = editor.get(reverse("action-versions", args=[action.pk]), {"page": "2"})

    assert [entry.changed for entry in first.context["history"]] == [["Mobile numbers only"], ["Message"]]
    assert [entry.version.number for entry in second.context["history"]] == [1]


def test_the_history_costs_the_same_for_any_number_of_versions(action, line, django_assert_num_queries):
    for number in range(30):
        make_version(action, sender_number=line, message=str(number), created_by=make_user())

    with django_assert_num_queries(1):
        for entry in versions.history(action):
            str(entry.version.created_by), list(map(str, entry.changed))


# --- One version --------------------------------------------------------------------------------------


def test_a_version_shows_what_it_said_and_what_changed_before_and_after(editor, action):
    page = editor.get(url(action, 2))

    text = page.content.decode()
    assert "warmer" in text
    assert "What changed since version 1" in text
    assert "What is different in the current version 3" in text
    assert [str(each.field) for each in page.context["since_before"]] == ["Message"]
    assert [str(each.field) for each in page.context["until_now"]] == ["Message", "Mobile numbers only"]
    assert url(action, 1) in text
    assert url(action, 3) in text


def test_a_version_counts_its_own_messages_only(action, editor, workspace):
    second = action.versions.get(number=2)
    for version in (second, second, action.current):
        make_message(workspace, action=action, version=version)

    assert editor.get(url(action, 2)).context["sent"].count == 2
    assert editor.get(url(action, 3)).context["sent"].count == 1


def test_counting_stops_at_a_bound(action, workspace, monkeypatch):
    monkeypatch.setattr(versions, "MOST_COUNTED", 2)
    for _ in range(3):
        make_message(workspace, action=action, version=action.current)

    sent = versions.sent_with(action.current, None)

    assert (sent.count, sent.capped) == (2, True)


# --- Restoring ----------------------------------------------------------------------------------------


def test_restoring_makes_the_next_version_with_the_old_settings(editor, action):
    response = restore(editor, action, 1, note="it was better")

    action.refresh_from_db()
    assert response.url == reverse("action", args=[action.pk])
    assert (action.current.number, action.current.message) == (4, "Hello")
    assert action.current.note == "Restored from version 1: it was better"
    assert str(action.current.created_by) == "Mia Hoffmann"
    assert saving.config_of(action.current) == saving.config_of(action.versions.get(number=1))


def test_every_setting_survives_being_restored(editor, workspace, line):
    leo = line.agents.get()
    held = {"at_quota": "hold", "hold_minutes": 240, "mobile_only": True, "default_region": "FR"}
    styled = {"traffic": "marketing", "encoding": "unicode", "object_type": "deal", "hide_values": True}
    action = make_action(
        workspace, sender_number=line, send_as_kind="user", send_as_agent=leo, **held, **styled
    )
    make_version(action, sender_kind="property", sender_property="Contact.line")

    restore(editor, action, 1)

    action.refresh_from_db()
    assert action.current.number == 3
    assert saving.config_of(action.current) == saving.config_of(action.versions.get(number=1))


def test_restoring_what_is_there_already_saves_nothing(editor, action, line):
    make_version(action, sender_number=line, message="Hello")

    restore(editor, action, 1)

    assert action.versions.count() == 4
    assert "Restore as version" not in editor.get(url(action, 1)).content.decode()


def test_a_version_whose_user_left_the_number_is_not_restored_and_the_editor_mends_it(
    editor, workspace, line
):
    leo = line.agents.get()
    action = make_action(workspace, sender_number=line, send_as_kind="user", send_as_agent=leo)
    make_version(action, sender_number=line)
    line.agents.clear()
    put_on(line, make_agent(workspace, "eve@example.com"))

    response = restore(editor, action, 1, note="again")

    page = response.content.decode()
    assert response.status_code == 422
    assert "Leo is not a user of Support US 2: choose again." in page
    assert f"{reverse('action', args=[action.pk])}?from=1" in page
    assert 'value="again"' in page
    assert action.versions.count() == 2


def test_a_version_whose_number_is_no_longer_offered_is_not_restored(editor, action, line):
    line.sms_capable = False
    line.save()

    response = restore(editor, action, 1)

    assert response.status_code == 422
    assert "It cannot text." in response.content.decode()
    assert action.versions.count() == 3


def test_what_somebody_saved_meanwhile_is_shown_before_it_is_replaced(editor, action, line):
    opened = str(action.current.number)
    make_version(action, sender_number=line, message="Theirs", created_by=make_user(name="Ann"))

    refused = restore(editor, action, 1, base=opened, note="mine")

    page = refused.content.decode()
    assert refused.status_code == 422
    assert "Ann saved version 4" in page
    assert 'value="mine"' in page
    assert action.versions.count() == 4

    restore(editor, action, 1, base=str(refused.context["form"]["base"].value()))

    action.refresh_from_db()
    assert (action.current.number, action.current.message) == (5, "Hello")


@pytest.mark.parametrize("posted", [{"base": ""}, {"base": "x"}, {"note": "x" * 151}])
def test_a_form_that_cannot_be_read_restores_nothing(editor, action, posted):
    assert restore(editor, action, 1, **posted).status_code == 422
    assert action.versions.count() == 3


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_operators_and_viewers_read_versions_and_do_not_restore(client, workspace, action, role):
    client.force_login(make_member(workspace, role).user)

    page = client.get(url(action, 1))

    assert page.status_code == 200
    assert "Restore as version" not in page.content.decode()
    assert restore(client, action, 1).status_code == 403
    assert action.versions.count() == 3


def test_another_workspaces_versions_do_not_exist(editor):
    theirs = make_action(make_workspace())

    assert editor.get(url(theirs, 1)).status_code == 404
    assert restore(editor, theirs, 1).status_code == 404
    assert editor.get(reverse("action-versions", args=[theirs.pk])).status_code == 404


def test_a_version_that_was_never_saved_does_not_exist(editor, action):
    assert editor.get(url(action, 9)).status_code == 404
