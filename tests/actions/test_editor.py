"""The editor answers before it is asked: tokens, text, record, verdict and test, with and without scripts."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from smsadmin import cache
from smsadmin.actions.models import Action
from smsadmin.core import segments
from smsadmin.core.status import Status
from smsadmin.quotas.models import Counter
from smsadmin.sending.models import Message
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.models import Workspace
from tests.actions.test_pages import edited, errors, form
from tests.crm.standin import StandIn, stand_in
from tests.factories import (
    make_action,
    make_connection,
    make_member,
    make_message,
    make_number,
    make_version,
    make_workspace,
)

pytestmark = pytest.mark.django_db
NEW = "/actions/new/"
ADA = {"firstname": "Ada", "phone": "+33612345678", "city": None}


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace("Example Ltd")


@pytest.fixture
def editor(client: Client, workspace: Workspace) -> Client:
    client.force_login(make_member(workspace, "editor").user)
    return client


@pytest.fixture
def hubspot(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> Any:
    """The workspace's portal, played by the sandbox."""
    cache.forget()
    make_connection(workspace, "hubspot")
    yield stand_in(monkeypatch)
    cache.forget()


def press(client: Client, do: str, typed: dict[str, Any], url: str = NEW) -> str:
    """What htmx gets for the button `do`."""
    response = client.post(url, typed | {"do": do}, headers={"HX-Request": "true"})
    assert response.status_code == 200
    return response.content.decode()


def pasted(number: Any, properties: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    """A typed form that is tried with a pasted record."""
    record = {"record": "payload", "payload": json.dumps(ADA if properties is None else properties)}
    return form(number) | record | values


# --- Number first ------------------------------------------------------------------------------------------


def test_the_users_come_after_the_number(editor: Client, workspace: Workspace) -> None:
    number = make_number(workspace, users=["mia@example.com"])

    before, after = press(editor, "refilter", form()), press(editor, "refilter", form(number))

    assert "Choose a number first: its users are listed here." in before
    assert "Choose a number first" not in after


def test_a_number_from_a_property_has_no_users_to_choose_from(editor: Client) -> None:
    page = press(editor, "refilter", form(sender_kind="property", send_as_kind="user"))

    assert 'name="send_as_kind" value="none"' in page
    assert 'name="send_as_kind" value="property"' in page
    assert 'name="send_as_kind" value="user"' not in page


# --- Properties ---------------------------------------------------------------------------------------------


def test_phone_properties_stand_first_and_hubspots_own_labels_are_shown(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    page = editor.get(NEW).content.decode()

    phones, others = (
        page.index('label="Phone numbers: Contact"'),
        page.index('label="Other properties: Contact"'),
    )
    assert phones < page.index('<option value="Contact.phone">') < others
    assert others < page.index('<option value="Contact.firstname">')


def test_a_type_without_a_phone_offers_the_associated_contacts(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    swapped = press(editor, "type", form(object_type="deal"))

    assert 'label="Phone numbers: associated contact"' in swapped
    assert '<option value="Contact.phone" selected>' in swapped
    assert "has no phone number of its own" in swapped
    assert 'id="recipient"' in swapped
    assert "{{Deal.dealname}}" in swapped


def test_without_a_portal_the_standard_properties_are_suggestions(editor: Client) -> None:
    page = editor.get(NEW).content.decode()

    assert '<datalist id="recipient_property-suggestions">' in page
    assert "No HubSpot portal can be read" in page


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        (
            {"recipient_property": "Contact.fone"},
            "recipient_property",
            "HubSpot has no property “Contact.fone”. Did you mean Contact.phone?",
        ),
        (
            {"message": "Hi {{Contact.firstnam}}"},
            "message",
            "HubSpot has no property “{{Contact.firstnam}}”. Did you mean Contact.firstname?",
        ),
        (
            {"message": "Hi {{Ticket.subject}}"},
            "message",
            "HubSpot has no property “{{Ticket.subject}}” on this record (Contact): choose one of the list.",
        ),
    ],
)
def test_a_property_that_hubspot_does_not_list_is_refused_with_the_nearest_one(
    editor: Client, workspace: Workspace, hubspot: StandIn, typed: dict[str, str], field: str, sentence: str
) -> None:
    response = editor.post(NEW, form(make_number(workspace)) | typed)

    assert response.status_code == 422
    assert errors(response) == {field: sentence}


def test_the_name_a_token_is_written_with_does_not_matter(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    typed = form(make_number(workspace), message="Hi {{contact.First Name}} {{Contact.LASTNAME}} {{email}}")

    assert editor.post(NEW, typed).status_code == 302


def test_a_property_just_made_in_hubspot_is_there_once_the_list_is_read_again(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    editor.get(NEW)
    own = {"name": "pager", "label": "Pager", "fieldType": "phonenumber", "type": "string"}
    hubspot.state.properties["contacts"]["pager"] = own

    before, after = editor.get(NEW).content.decode(), press(editor, "reread", form())

    assert "Contact.pager" not in before
    assert '<option value="Contact.pager">' in after


def test_when_hubspot_does_not_answer_the_editor_says_so_and_saves_all_the_same(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    hubspot.fail(httpx.Response(503))
    typed = form(make_number(workspace), recipient_property="Contact.own_field")

    page = editor.get(NEW).content.decode()

    assert "The list of properties may be out of date." in page
    assert editor.post(NEW, typed).status_code == 302


# --- The text -----------------------------------------------------------------------------------------------


def test_the_text_is_measured_as_the_record_would_get_it(editor: Client, workspace: Workspace) -> None:
    page = press(editor, "live", pasted(make_number(workspace), message="Hi {{Contact.firstname}}"))

    measure = segments.measure("Hi Ada")
    assert f"{measure.characters} of 1,600 characters</strong> · GSM-7 · 1 segment" in page
    assert "As filled in from the pasted payload." in page
    assert '<p class="bubble">Hi Ada</p>' in page


def test_characters_that_force_unicode_are_marked_and_replaced_in_one_step(
    editor: Client, workspace: Workspace
) -> None:
    typed = pasted(make_number(workspace), message='It’s {{Contact.firstname | default("you’")}} … 👍')

    page, rewritten = press(editor, "live", typed), press(editor, "replace", typed)

    assert '<mark title="makes the message Unicode">’</mark>' in page
    assert "U+2019 → <code>&#x27;</code>" in page
    assert "U+1F44D · no look-alike" in page
    assert "Replace 2 characters" in page
    assert escape("It's {{Contact.firstname | default(\"you'\")}} ... 👍") in rewritten


def test_a_token_is_given_a_fallback_or_left_out(editor: Client, workspace: Workspace) -> None:
    typed = form(make_number(workspace), message="Hi {{Contact.firstname}} {{Contact.city}}")
    rows = {"token": ["{{Contact.firstname}}", "{{Contact.city}}"], "instead": ['you "two"', ""]}

    rewritten = press(editor, "fallbacks", typed | rows | {"empty": ["text", "nothing"]})

    wanted = 'Hi {{Contact.firstname | default("you \\"two\\"")}} {{Contact.city | default("")}}'
    assert escape(wanted) in rewritten


def test_a_fallback_for_a_text_that_changed_meanwhile_changes_nothing(editor: Client) -> None:
    typed = form(message="Hi {{Contact.lastname}}")
    rows = {"token": ["{{Contact.firstname}}"], "empty": ["text"], "instead": ["you"]}

    assert "Hi {{Contact.lastname}}</textarea>" in press(editor, "fallbacks", typed | rows)


@pytest.mark.parametrize("instead", ["", "the"])
def test_a_text_that_is_being_typed_into_the_table_stays_there(editor: Client, instead: str) -> None:
    """An answer to the first letters must not take the row back to what the message says."""
    rows = {"token": ["{{Contact.firstname}}"], "empty": ["text"], "instead": [instead]}

    page = press(editor, "live", form(message="Hi {{Contact.firstname}}") | rows)

    assert '<option value="text" selected>' in page
    assert f'name="instead" id="id_instead_1" value="{instead}"' in page


def test_advice_names_what_is_missing_without_refusing(editor: Client, workspace: Workspace) -> None:
    french = make_number(workspace, "+33612345670", country="FR")
    typed = pasted(french, {"phone": "+33612345678"}, message="Sale!", traffic="marketing")

    page = press(editor, "live", typed)

    assert "Example Ltd” is not in the text" in page
    assert "is a French mobile number" in page
    assert "does not say how to opt out" in page
    assert editor.post(NEW, typed).status_code == 302


def test_the_range_over_the_newest_records_is_told(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    page = press(editor, "live", form(make_number(workspace), message="Hi {{Contact.firstname}}"))

    assert "records changed last: typically" in " ".join(page.split())


def test_tokens_are_listed_by_object_with_an_example_and_found_by_label(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    page = press(editor, "tokens", form() | {"token_q": "first n"})

    assert 'data-insert="{{Contact.firstname}}"' in page
    assert '<span class="token-example">' in page
    assert "{{Contact.lastname}}" not in page


def test_without_scripts_a_token_is_put_at_the_end(editor: Client) -> None:
    page = editor.post(NEW, form(message="Hi ") | {"do": "insert:{{Contact.firstname}}"}).content.decode()

    assert "Hi {{Contact.firstname}}</textarea>" in page


# --- The record ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        ADA,
        {"id": "501", "properties": ADA},
        {"callbackId": "ap-1", "object": {"objectType": "CONTACT", "objectId": 501, "properties": ADA}},
    ],
    ids=["properties", "a record", "an execution"],
)
def test_a_pasted_payload_is_tried_whatever_its_shape(
    editor: Client, workspace: Workspace, payload: dict[str, Any]
) -> None:
    page = press(editor, "live", pasted(make_number(workspace), payload, message="Hi {{Contact.firstname}}"))

    assert "It would be sent now" in page
    assert "Hi Ada" in page


@pytest.mark.parametrize("payload", ["{", "[1]", '{"object": []}', '{"properties": 5}'])
def test_a_payload_that_cannot_be_read_says_why(editor: Client, workspace: Workspace, payload: str) -> None:
    page = press(editor, "live", pasted(make_number(workspace)) | {"payload": payload})

    assert "The payload cannot be read:" in page
    assert "It would" not in page


def test_a_record_is_found_and_tried_with_everything_the_action_names(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    typed = form(make_number(workspace), message="Hi {{Contact.firstname}}")

    listed = press(editor, "find", typed | {"record_q": "4242"})
    page = press(editor, "live", typed | {"record": "id:4242:Ada Lovelace"})

    assert 'value="id:4242:' in listed
    assert "Checked with Ada Lovelace." in page
    assert '<p class="bubble">Hi Ada</p>' in page


def test_a_search_that_finds_nothing_or_fails_says_so(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    assert "Nothing matches “nobody at all”." in press(editor, "find", form() | {"record_q": "nobody at all"})
    hubspot.fail(httpx.ConnectError("gone"))
    assert "HubSpot did not answer" in press(editor, "find", form() | {"record_q": "ada"})


def test_the_record_of_an_earlier_execution_is_tried_again(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    action = make_action(workspace, message="Hi {{Contact.firstname}}")
    message = make_message(workspace, action=action, object_type="contact", object_id="4242")
    url = reverse("action", args=[action.pk])

    opened = editor.get(url).content.decode()
    page = press(
        editor,
        "live",
        edited(action, message="Hi {{Contact.firstname}}", record=f"message:{message.pk}"),
        url,
    )

    assert f'value="message:{message.pk}"' in opened
    assert '<p class="bubble">Hi Ada</p>' in page


@pytest.mark.parametrize("given", ["message:00000000-0000-7000-8000-000000000000", "message:x", "message:"])
def test_a_message_that_is_not_in_this_workspaces_log_is_not_tried(
    editor: Client, workspace: Workspace, hubspot: StandIn, given: str
) -> None:
    foreign = make_message(make_workspace(), object_type="contact", object_id="4242")

    for value in (given, f"message:{foreign.pk}"):
        page = press(editor, "live", form(make_number(workspace), record=value))
        assert "That message is not in the log: choose another record." in page


# --- The verdict --------------------------------------------------------------------------------------------


def test_the_verdict_names_the_fault_its_fix_and_every_check(editor: Client, workspace: Workspace) -> None:
    typed = pasted(make_number(workspace), {"phone": "0612345678"}, message="Hello")

    page = press(editor, "live", typed)

    assert "It would not be sent" in page
    assert "has no known country code" in page
    assert "What fixes it:" in page
    assert page.count('class="trace-step') == 11
    assert not Message.objects.exists()
    assert not Counter.objects.exists()


def test_an_action_that_is_off_would_not_be_sent(editor: Client, workspace: Workspace) -> None:
    action = make_action(workspace, enabled=False)
    typed = edited(action) | {"record": "payload", "payload": json.dumps(ADA)}

    assert "is switched off" in press(editor, "live", typed, reverse("action", args=[action.pk]))


def test_what_keeps_the_form_from_being_saved_is_listed_while_it_is_filled_in(editor: Client) -> None:
    page = press(editor, "live", form(name="", message=""))

    assert "3 things are to be done" in page
    for link in ("#id_name", "#id_sender_number", "#id_message"):
        assert f'<a href="{link}">' in page


def test_a_policy_decides_in_the_rehearsal_as_in_the_send(editor: Client, workspace: Workspace) -> None:
    local = pasted(make_number(workspace), {"phone": "06 12 34 56 78"}, message="Hello")

    assert "It would not be sent" in press(editor, "live", local)
    assert "It would be sent now" in press(editor, "live", local | {"default_region": "FR"})


# --- A test -------------------------------------------------------------------------------------------------


def test_a_test_goes_to_the_test_number_once_however_often_the_button_is_pressed(
    editor: Client, workspace: Workspace
) -> None:
    number = make_number(workspace)
    phone = verified(workspace, "+12025550177")
    typed = pasted(number, message="Hi {{Contact.firstname}}", test_number=phone.pk, test_key="one")

    first, second = press(editor, "test", typed), press(editor, "test", typed)

    message = Message.objects.get()
    assert (message.trigger, message.recipient, message.body) == ("test", "+12025550177", "Hi Ada")
    assert message.status == Status.QUEUED
    for page in (first, second):
        assert "is on its way" in page
        assert reverse("message", args=[message.pk]) in page


def test_a_test_that_would_be_refused_leaves_its_reason_in_the_log(
    editor: Client, workspace: Workspace
) -> None:
    phone = verified(workspace, "+12025550177")

    page = press(editor, "test", pasted(make_number(workspace), {}, test_number=phone.pk, test_key="one"))

    assert "The test was not sent." in page
    assert Message.objects.get().error_code == "RECIPIENT_MISSING"


def test_another_workspaces_test_number_cannot_be_reached(editor: Client, workspace: Workspace) -> None:
    verified(workspace, "+12025550177")
    foreign = verified(make_workspace(), "+12025550178")

    page = press(editor, "test", pasted(make_number(workspace), test_number=foreign.pk))

    assert "Choose one of the test numbers." in page
    assert not Message.objects.exists()


def verified(workspace: Workspace, e164: str) -> TestNumber:
    from django.utils import timezone

    return TestNumber.objects.create(
        workspace=workspace, e164=e164, label=f"Phone {e164[-2:]}", verified_at=timezone.now()
    )


# --- Nothing typed is lost ----------------------------------------------------------------------------------


def test_what_was_typed_while_signed_out_is_back_after_signing_in(
    client: Client, workspace: Workspace
) -> None:
    member = make_member(workspace, "editor")
    client.force_login(member.user)
    mark = client.get(NEW).context["typed_by"]
    client.logout()

    sent_away = client.post(NEW, form(message="Typed for long", typed_by=mark))
    client.force_login(member.user)
    page, again = client.get(NEW).content.decode(), client.get(NEW).content.decode()

    assert sent_away.url.startswith("/accounts/login/?next=/actions/new/")
    assert "Typed for long</textarea>" in page
    assert "What you had typed is back." in page
    assert "Typed for long" not in again
    assert not Action.objects.exists()


def test_what_one_person_typed_is_not_shown_to_the_next_on_the_same_machine(
    client: Client, workspace: Workspace
) -> None:
    client.force_login(make_member(workspace, "editor").user)
    mark = client.get(NEW).context["typed_by"]
    client.logout()

    client.post(NEW, form(message="Private", typed_by=mark))
    client.force_login(make_member(workspace, "editor").user)

    assert "Private" not in client.get(NEW).content.decode()


@pytest.mark.parametrize("mark", ["", "forged", "1:x:y"])
def test_a_form_without_its_own_readers_mark_is_not_kept(
    client: Client, workspace: Workspace, mark: str
) -> None:
    client.post(NEW, form(message="Not mine", typed_by=mark))
    client.force_login(make_member(workspace, "editor").user)

    assert "Not mine" not in client.get(NEW).content.decode()


def test_switching_off_beside_unsaved_changes_keeps_them_in_the_form(
    editor: Client, workspace: Workspace
) -> None:
    action = make_action(workspace)
    url = reverse("action", args=[action.pk])

    response = editor.post(url, edited(action, message="Half done", do="off", reason="Wrong price"))

    action.refresh_from_db()
    page = response.content.decode()
    assert not action.enabled
    assert action.disabled_reason == "Wrong price"
    assert "Half done</textarea>" in page
    assert "not saved yet" in page
    assert action.versions.count() == 1


def test_switching_off_an_unchanged_action_goes_back_to_its_page(
    editor: Client, workspace: Workspace
) -> None:
    action = make_action(workspace, message="Hello")
    url = reverse("action", args=[action.pk])

    response = editor.post(url, edited(action, message="Hello", do="off", reason="Wrong price"))

    assert (response.status_code, response["Location"]) == (302, url)


def test_switching_off_without_a_reason_is_refused_and_loses_nothing(
    editor: Client, workspace: Workspace
) -> None:
    action = make_action(workspace)

    response = editor.post(
        reverse("action", args=[action.pk]), edited(action, message="Half done", do="off", reason="")
    )

    action.refresh_from_db()
    assert response.status_code == 422
    assert action.enabled
    assert "Half done</textarea>" in response.content.decode()
    assert "Say why the action is switched off." in response.content.decode()


# --- From another version, from another action --------------------------------------------------------------


def test_the_form_can_begin_from_an_older_version(editor: Client, workspace: Workspace) -> None:
    action = make_action(workspace, message="First")
    make_version(action, sender_number=action.current.sender_number, message="Second")
    url = reverse("action", args=[action.pk])

    page = editor.get(f"{url}?from=1")

    assert page.context["form"]["message"].value() == "First"
    assert page.context["form"]["base"].value() == 2
    assert editor.get(f"{url}?from=9").status_code == 404


def test_a_copy_begins_with_the_originals_settings_and_a_free_name(
    editor: Client, workspace: Workspace
) -> None:
    action = make_action(workspace, name="Welcome", message="Hi", mobile_only=True)

    form_shown = editor.get(f"{NEW}?copy={action.pk}").context["form"]

    assert form_shown["name"].value() == "Copy of Welcome"
    assert (form_shown["message"].value(), form_shown["mobile_only"].value()) == ("Hi", True)
    assert editor.get(f"{NEW}?copy={make_action(make_workspace()).pk}").status_code == 404


def test_policies_are_saved_and_unfolded_where_they_are_set(editor: Client, workspace: Workspace) -> None:
    typed = form(
        make_number(workspace),
        at_quota="hold",
        hold_minutes="240",
        mobile_only="on",
        default_region="DE",
        traffic="marketing",
        encoding="gsm",
    )

    response = editor.post(NEW, typed)

    version = Action.objects.get().current
    kept = (version.at_quota, version.hold_minutes, version.mobile_only, version.default_region)
    assert kept == ("hold", 240, True, "DE")
    assert (version.traffic, version.encoding) == ("marketing", "gsm")
    assert (
        '<details class="card policies" id="policies" open>'
        in editor.get(response["Location"]).content.decode()
    )


def test_an_hour_that_nothing_is_held_for_is_not_stored(editor: Client, workspace: Workspace) -> None:
    editor.post(NEW, form(make_number(workspace), at_quota="refuse", hold_minutes="240"))

    assert Action.objects.get().current.hold_minutes == 0
