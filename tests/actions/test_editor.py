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
from smsadmin.core.trace import STEPS
from smsadmin.quotas.models import Counter, Rule
from smsadmin.sending.models import Message
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.models import Workspace
from tests.actions.test_pages import edited, errors, form
from tests.crm.standin import StandIn, stand_in
from tests.factories import (
    make_action,
    make_agent,
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


def test_whether_it_is_sent_as_a_user_must_be_said_again_where_the_number_has_no_known_ones(
    editor: Client, workspace: Workspace
) -> None:
    typed = form(sender_kind="property", sender_property="Contact.line")
    del typed["send_as_kind"]  # what a browser posts when "a user" was chosen and is not offered any more

    assert errors(editor.post(NEW, typed)) == {"send_as_kind": "Choose whether it is sent as a user."}


@pytest.mark.parametrize(
    "over", [{"send_as_kind": "none"}, {"sender_number": ""}], ids=["no user", "no number"]
)
def test_a_user_nobody_asks_for_is_no_misfit(
    editor: Client, workspace: Workspace, over: dict[str, str]
) -> None:
    leo = make_agent(workspace, "leo@example.com")
    typed = form(make_number(workspace), send_as_kind="user", send_as_agent=str(leo.pk))

    assert "is not one of them" not in press(editor, "refilter", typed | over)


def test_another_record_type_is_answered_also_when_a_newer_choice_took_its_place(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    """The page lists a contact's properties; the answer to the choice of deals was given up for that of the number."""
    typed = form(make_number(workspace), object_type="deal")

    missed = press(editor, "refilter", typed | {"listed_type": "contact"})
    settled = press(editor, "refilter", typed | {"listed_type": "deal"})

    for part in (
        'id="recipient"',
        "{{Deal.dealname}}",
        '<input type="hidden" name="listed_type" value="deal">',
    ):
        assert part in missed
        assert part not in settled


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
    swapped = press(editor, "refilter", form(object_type="deal", listed_type="contact"))

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


@pytest.mark.parametrize("object_type", ["contact", "user"])
def test_what_another_object_has_is_refused_also_where_hubspot_cannot_be_asked(
    editor: Client, workspace: Workspace, object_type: str
) -> None:
    """A record type that was changed leaves tokens behind that no record can fill."""
    typed = form(make_number(workspace), message="Hi {{Deal.amount}}", object_type=object_type)
    typed["recipient_property"] = f"{object_type}.my_own_phone"

    page, response = press(editor, "live", typed), editor.post(NEW, typed)

    assert "the record has no such property" in page
    assert list(errors(response)) == ["message"]
    assert "has no property “{{Deal.amount}}” on this record" in errors(response)["message"]


def test_the_fields_of_a_workflow_step_are_not_hubspots_to_list(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    typed = form(make_number(workspace), recipient_property="Inputs.recipient", message="{{inputs.message}}")

    assert "the record has no such property" not in press(editor, "live", typed)
    assert editor.post(NEW, typed).status_code == 302


def test_another_portals_own_properties_are_not_refused(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    make_connection(workspace, "hubspot", external_id="9000002", name="Second portal")

    assert editor.post(NEW, form(make_number(workspace), message="{{Contact.their_own}}")).status_code == 302


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


def test_every_character_that_can_be_replaced_is_counted(editor: Client) -> None:
    """Also behind many that cannot, and in a fallback."""
    letters = "АБВГДЕЖЗИЙКЛМНОП"

    page = press(editor, "live", form(message=letters + '{{Contact.firstname | default("…")}} it’s'))

    assert "Replace 2 characters" in page
    assert "U+2019" in page
    assert "and 6 more" in page


@pytest.mark.parametrize(
    ("encoding", "says", "says_not"),
    [
        ("auto", "These characters make it Unicode", "Look-alikes are sent"),
        ("gsm", "Look-alikes are sent in their place", "make it Unicode"),
        ("unicode", "UCS-2", 'id="forcing"'),
    ],
)
def test_what_is_said_of_a_character_follows_the_encoding_that_is_asked_for(
    editor: Client, encoding: str, says: str, says_not: str
) -> None:
    page = press(editor, "live", form(message="it’s", encoding=encoding))

    composed = page[page.index('id="composed"') :]
    assert says in composed
    assert says_not not in composed
    assert (" · GSM-7 · " in composed) == (encoding == "gsm")


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


def test_what_the_table_says_already_stays_as_it_is_written(editor: Client) -> None:
    """A browser gives a fallback of two lines back in one."""
    message = """{{Contact.a|default('x')}} {{Contact.b | default("y\nz")}} {{Contact.c}}"""
    rows = {
        "token": ["{{Contact.a|default('x')}}", '{{Contact.b | default("y\r\nz")}}', "{{Contact.c}}"],
        "empty": ["text", "text", "nothing"],
        "instead": ["x", "yz", ""],
    }

    rewritten = press(editor, "fallbacks", form(message=message) | rows)

    assert escape(message.replace("{{Contact.c}}", '{{Contact.c | default("")}}')) in rewritten


@pytest.mark.parametrize("do", ["save", "preview", "find", "refilter"])
def test_a_fallback_in_the_table_is_not_lost_with_the_page(
    editor: Client, workspace: Workspace, do: str
) -> None:
    """Without scripts, and with Enter, nobody has put it into the message before."""
    rows = {"token": ["{{Contact.firstname}}"], "empty": ["text"], "instead": ["you"]}
    typed = form(make_number(workspace), message="Hi {{Contact.firstname}}") | rows | {"do": do}

    page = editor.post(NEW, typed, follow=True).content.decode()

    assert escape('Hi {{Contact.firstname | default("you")}}') + "</textarea>" in page


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
    page = press(editor, "live", form(make_number(workspace), message="Hi there"))

    assert "Over the 50 records changed last: typically" in " ".join(page.split())


def test_the_range_says_for_how_many_records_there_would_be_a_text(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    page = press(editor, "live", form(make_number(workspace), message="Hi {{Contact.firstname}}"))

    words = " ".join(page.split())
    assert "of the 50 records changed last, those that get a text: typically" in words
    assert "Over the 50" not in words


def test_tokens_are_listed_by_object_with_an_example_and_found_by_label(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    page = press(editor, "tokens", form() | {"token_q": "first n"})

    assert 'data-insert="{{Contact.firstname}}"' in page
    assert '<span class="token-example">' in page
    assert "{{Contact.lastname}}" not in page


def test_advice_on_a_number_is_on_the_one_it_would_come_from(editor: Client, workspace: Workspace) -> None:
    """A number that was chosen before the property stays in its field, and is not sent from."""
    french = make_number(workspace, "+33612345670", country="FR", name="Ligne")
    make_number(workspace, "+33712345670", country="FR")
    typed = pasted(french, sender_kind="property", sender_property="Contact.line")

    unknown = press(editor, "live", typed)
    known = press(editor, "live", typed | {"payload": json.dumps(ADA | {"line": "+33712345670"})})

    assert "is a French mobile number" not in unknown
    assert "+33 6 12 34 56 70" not in unknown
    assert "+33 7 12 34 56 70 is a French mobile number" in known


def test_the_list_of_tokens_asks_for_examples_once(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    waiting = 'id="token-list" class="token-list" hx-post'

    opened, filled = editor.get(NEW).content.decode(), press(editor, "tokens", form())

    assert waiting in opened
    assert waiting not in filled


@pytest.mark.parametrize("written", ["Contact.FirstName", "{{Contact.FirstName}}", "contact.first name"])
def test_a_token_is_found_as_it_is_written(
    editor: Client, workspace: Workspace, hubspot: StandIn, written: str
) -> None:
    page = press(editor, "tokens", form() | {"token_q": written})

    assert "1 property found" in page
    assert 'data-insert="{{Contact.firstname}}"' in page


def test_of_very_many_properties_the_list_says_how_many_it_does_not_show(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    own = hubspot.state.properties["contacts"]
    own |= {f"own_{n}": {"name": f"own_{n}", "label": f"Own {n}", "fieldType": "text"} for n in range(200)}

    page = press(editor, "tokens", form() | {"token_q": "own"})

    assert page.count("data-insert") == 60
    assert "200 properties found" in page
    assert "and 140 more: write a part of a name" in page


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


@pytest.mark.parametrize("payload", ["{", "[1]", '{"object": []}', '{"properties": 5}', "[" * 100_000])
def test_a_payload_that_cannot_be_read_says_why(editor: Client, workspace: Workspace, payload: str) -> None:
    page = press(editor, "live", pasted(make_number(workspace)) | {"payload": payload})

    assert "The payload cannot be read:" in page
    assert "It would" not in page


def test_a_record_is_found_and_tried_with_everything_the_action_names(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    typed = form(make_number(workspace), message="Hi {{Contact.firstname}}")

    listed = press(editor, "find", typed | {"record_q": "4242"})
    page = press(editor, "live", typed | {"record": "id:contact:4242:Ada Lovelace"})

    assert 'value="id:contact:4242:' in listed
    assert "Checked with Ada Lovelace." in page
    assert '<p class="bubble">Hi Ada</p>' in page


def test_a_payload_that_is_still_to_be_pasted_is_asked_for(editor: Client, workspace: Workspace) -> None:
    page = press(editor, "live", pasted(make_number(workspace)) | {"payload": " "})

    assert "Paste a payload first: its field is empty." in page


def test_without_a_portal_it_is_said_why_there_is_no_record(editor: Client, workspace: Workspace) -> None:
    typed = form(make_number(workspace))

    assert "No HubSpot portal is connected, so no record can be read" in press(editor, "live", typed)
    make_connection(workspace, "hubspot", name="Berlin", secrets={"client_secret": "x"})
    assert "Berlin has no access token, so no record can be read" in press(editor, "live", typed)


def test_a_record_of_another_type_is_not_tried_by_its_number(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    """The id of a contact may be that of some deal as well."""
    typed = form(make_number(workspace), object_type="deal", record="id:contact:4242:Ada Lovelace")

    page = press(editor, "refilter", typed) + press(editor, "live", typed)

    assert "Ada Lovelace" not in page
    assert 'name="record" value="newest" checked' in page
    assert "the record changed last" in page


def test_the_record_of_another_portal_is_not_looked_for_in_the_one_that_is_read(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    foreign = make_message(workspace, object_type="contact", object_id="4242", origin={"portal": "77"})

    page = press(editor, "live", form(make_number(workspace), record=f"message:contact:{foreign.pk}"))

    assert str(foreign.pk) not in editor.get(NEW).content.decode()
    assert "The record of that message cannot be read: choose another one." in page


TYPED = [
    *("Hi", "Hi {{Contact.lastname}}", "Hi {{Contact.lastname}}!", "Hi {{Contact.lastname}}! {{Con"),
    *(f'Hi {{{{Contact.lastname | default("{fallback}")}}}}' for fallback in ("", "y", "yo", "you")),
]


@pytest.mark.parametrize(
    ("record", "most"),
    [
        ({}, 0),
        ({"record": "id:contact:4242:Ada"}, 2),
        ({"record": "payload", "payload": '{"id": 4242, "properties": {"phone": "+33612345678"}}'}, 1),
    ],
    ids=["the newest", "a found one", "a payload"],
)
def test_typing_asks_hubspot_again_only_for_what_is_newly_named(
    editor: Client, workspace: Workspace, hubspot: StandIn, record: dict[str, str], most: int
) -> None:
    typed = form(make_number(workspace)) | record
    press(editor, "live", form(make_number(workspace)))
    before = len(hubspot.calls)

    for message in TYPED:
        press(editor, "live", typed | {"message": message})

    assert len(hubspot.calls) - before == most


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
        edited(action, message="Hi {{Contact.firstname}}", record=f"message:contact:{message.pk}"),
        url,
    )

    assert f'value="message:contact:{message.pk}"' in opened
    assert '<p class="bubble">Hi Ada</p>' in page


@pytest.mark.parametrize("given", ["00000000-0000-7000-8000-000000000000", "x", ""])
def test_a_message_that_is_not_in_this_workspaces_log_is_not_tried(
    editor: Client, workspace: Workspace, hubspot: StandIn, given: str
) -> None:
    foreign = make_message(make_workspace(), object_type="contact", object_id="4242")

    for pk in (given, foreign.pk):
        page = press(editor, "live", form(make_number(workspace), record=f"message:contact:{pk}"))
        assert "That message is not in the log: choose another record." in page


# --- The verdict --------------------------------------------------------------------------------------------


def test_the_verdict_names_the_fault_its_fix_and_every_check(editor: Client, workspace: Workspace) -> None:
    typed = pasted(make_number(workspace), {"phone": "0612345678"}, message="Hello")

    page = press(editor, "live", typed)

    assert "It would not be sent" in page
    assert "has no known country code" in page
    assert "What fixes it:" in page
    assert page.count('class="trace-step') == len(STEPS)
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


def test_a_test_without_room_says_that_it_waits(editor: Client, workspace: Workspace) -> None:
    number, phone = make_number(workspace), verified(workspace, "+12025550177")
    Rule.objects.filter(workspace=workspace, window="day").update(limit=1)
    typed = pasted(number, test_number=phone.pk, at_quota="hold", hold_minutes="1440")

    press(editor, "test", typed | {"test_key": "one"})
    page = press(editor, "test", typed | {"test_key": "two"})

    assert set(Message.objects.values_list("status", flat=True)) == {Status.QUEUED, Status.HELD}
    assert "The test is held until there is room in the quota." in page
    assert "was not sent" not in page


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


def test_an_unchanged_action_that_could_not_be_saved_has_no_unsaved_changes(
    editor: Client, workspace: Workspace
) -> None:
    """Its number is not offered any more: a reason to switch it off."""
    gone = make_number(workspace, sms_capable=False)
    action = make_action(workspace, sender_number=gone, message="Hello\nyou")
    url = reverse("action", args=[action.pk])

    response = editor.post(url, edited(action, message="Hello\r\nyou", do="off", reason="Moved"))

    assert (response.status_code, response["Location"]) == (302, url)


def test_a_reason_stays_on_the_page_until_it_is_used(editor: Client, workspace: Workspace) -> None:
    """Without scripts, Enter in it only shows the page again."""
    action = make_action(workspace)
    url = reverse("action", args=[action.pk])

    page = editor.post(url, edited(action, do="preview", reason="Wrong price")).content.decode()

    assert 'id="switch" open' in page
    assert 'value="Wrong price"' in page


def test_archiving_beside_unsaved_changes_keeps_them_in_the_form(
    editor: Client, workspace: Workspace
) -> None:
    action = make_action(workspace)

    response = editor.post(
        reverse("action", args=[action.pk]), edited(action, message="Half done", do="archive")
    )

    action.refresh_from_db()
    assert action.is_archived
    assert "Half done</textarea>" in response.content.decode()


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
    assert "The form is filled in from version 1. Nothing is saved yet." in page.content.decode()
    assert "is filled in from" not in editor.get(f"{url}?from=2").content.decode()
    assert editor.get(f"{url}?from=9").status_code == 404


def test_a_copy_begins_with_the_originals_settings_and_a_free_name(
    editor: Client, workspace: Workspace
) -> None:
    action = make_action(workspace, name="Welcome", message="Hi", mobile_only=True, hide_values=True)

    form_shown = editor.get(f"{NEW}?copy={action.pk}").context["form"]

    assert form_shown["name"].value() == "Copy of Welcome"
    assert (form_shown["message"].value(), form_shown["mobile_only"].value()) == ("Hi", True)
    assert form_shown["hide_values"].value() is True
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
        hide_values="on",
    )

    response = editor.post(NEW, typed)

    version = Action.objects.get().current
    kept = (version.at_quota, version.hold_minutes, version.mobile_only, version.default_region)
    assert kept == ("hold", 240, True, "DE")
    assert (version.traffic, version.encoding, version.hide_values) == ("marketing", "gsm", True)
    assert (
        '<details class="card policies" id="policies" open>'
        in editor.get(response["Location"]).content.decode()
    )


def test_policies_as_they_come_stay_folded_on_a_page_that_was_posted(editor: Client) -> None:
    typed = form(at_quota="refuse", hold_minutes="1440", traffic="alerting", encoding="auto")

    assert 'id="policies">' in editor.post(NEW, typed).content.decode()


def test_an_hour_that_nothing_is_held_for_is_not_stored(editor: Client, workspace: Workspace) -> None:
    editor.post(NEW, form(make_number(workspace), at_quota="refuse", hold_minutes="240"))

    assert Action.objects.get().current.hold_minutes == 0


@pytest.mark.parametrize("wait", [0, 5, 15, 60, 1440, 8640])
def test_how_long_the_workflow_waits_for_the_receipt_is_saved_and_shown_again(editor, workspace, wait):
    editor.post(NEW, form(make_number(workspace), wait_minutes=str(wait)))
    action = Action.objects.get()
    assert action.current.wait_minutes == wait
    shown = editor.get(f"/actions/{action.pk}/").content.decode()
    assert f'<option value="{wait}" selected' in shown


@pytest.mark.parametrize(
    ("hold", "wait", "fits"), [("8640", "60", True), ("8640", "1440", False), ("4320", "1440", True)]
)
def test_holding_and_waiting_together_end_before_hubspot_goes_on(editor, workspace, hold, wait, fits):
    typed = form(make_number(workspace), at_quota="hold", hold_minutes=hold, wait_minutes=wait)
    response = editor.post(NEW, typed)
    assert Action.objects.exists() == fits
    assert ("HubSpot waits for a week at most" in response.content.decode()) != fits


# --- Who only reads -----------------------------------------------------------------------------------------


def test_who_may_not_change_the_action_is_asked_nothing_and_asks_nothing(
    client: Client, workspace: Workspace
) -> None:
    """Every part of the page that is asked for by itself would be refused."""
    client.force_login(make_member(workspace, "viewer").user)
    action = make_action(workspace, message="Hi {{Contact.firstname}}, it’s time")

    page = client.get(reverse("action", args=[action.pk])).content.decode()

    assert "Hi <span" in page
    for part in ('hx-trigger="load', "toggle from:#tokens", "Would it send, now?", "Checking …"):
        assert part not in page


def test_enter_without_scripts_looks_and_does_not_save(editor: Client) -> None:
    """In a field it presses the form's first button, also in the searches."""
    page = editor.get(NEW).content.decode()

    start = page.index("<button", page.index('id="action-form"'))
    assert page[:start].endswith("<noscript>")
    assert 'name="do" value="preview"' in page[start : page.index(">", start)]


def test_enter_in_a_search_without_scripts_shows_what_was_found(
    editor: Client, workspace: Workspace, hubspot: StandIn
) -> None:
    typed = form(make_number(workspace)) | {"do": "preview", "token_q": "last na", "record_q": "4242"}

    page = editor.post(NEW, typed).content.decode()

    assert '<details class="token-picker" id="tokens" open' in page
    assert 'value="insert:{{Contact.lastname}}"' in page
    assert 'value="id:contact:4242:' in page
    assert not Action.objects.exists()


# --- Without scripts, on the page of a saved action ------------------------------------------------------------


@pytest.mark.parametrize("do", ["refilter", "live", "preview", "find", "tokens", "replace", "reread", "test"])
def test_every_button_of_a_saved_action_answers_with_the_whole_page(
    editor: Client, workspace: Workspace, do: str
) -> None:
    action = make_action(workspace, enabled=False)
    phone = verified(workspace, "+12025550177")
    typed = edited(action, do=do, record="payload", payload=json.dumps(ADA), test_number=phone.pk)

    response = editor.post(reverse("action", args=[action.pk]), typed)

    assert response.status_code == 200
    assert 'id="usage"' in response.content.decode() or "The last 7 days" in response.content.decode()


# --- What would refuse every message is refused here ------------------------------------------------------------


def test_a_character_that_gsm_has_no_look_alike_for_cannot_be_saved_with_gsm_only(
    editor: Client, workspace: Workspace
) -> None:
    number = make_number(workspace)
    typed = form(number, encoding="gsm", message='It’s {{Contact.firstname | default("👍")}} 🎉')

    refused = editor.post(NEW, typed)

    told = "GSM-7 has no look-alike for 👍 🎉: take it out, or choose another encoding."
    assert errors(refused) == {"message": told}
    assert editor.post(NEW, typed | {"message": "It’s {{Contact.firstname}}"}).status_code == 302


def test_a_token_that_cannot_be_read_is_explained_by_how_it_is_written(
    editor: Client, workspace: Workspace
) -> None:
    typed = pasted(make_number(workspace), message='Hi {{Contact.firstname | defualt("there")}}')

    verdict = press(editor, "live", typed).partition('class="handset"')[0]

    assert "uses an unknown filter" in verdict
    assert "nothing on this record is called" not in verdict


def test_nothing_chosen_yet_is_said_in_words_and_not_in_names_of_fields(
    editor: Client, workspace: Workspace
) -> None:
    page = press(editor, "live", pasted(None, recipient_property=""))

    assert "No sender number was given: the field for the number is empty." in page
    assert "the chosen property is empty" in page
    assert "sender_number is" not in page


def test_a_number_without_users_says_what_to_do(editor: Client, workspace: Workspace) -> None:
    number = make_number(workspace, name="Sales US 1")

    page = press(editor, "refilter", form(number, send_as_kind="user"))

    assert "Sales US 1 has no users in Aircall" in page
