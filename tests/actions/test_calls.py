"""An action about the call of an agent: values of any name, typed instead of read, and HubSpot left alone."""

import json

import pytest
from django.urls import reverse

from smsadmin.actions import saving
from smsadmin.actions.models import Action
from smsadmin.providers.hubspot import client as hubspot
from smsadmin.triggers.hubspot import requested
from tests.actions.test_pages import edited, errors, form
from tests.factories import make_action, make_connection, make_member, make_number, make_workspace

pytestmark = pytest.mark.django_db

TEXT = "Booked for {{date}}: {{link}}. Call {{call_id}}, {{Contact.FirstName}}"


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def editor(client, workspace):
    client.force_login(make_member(workspace, "editor").user)
    return client


@pytest.fixture
def untouched(workspace, monkeypatch):
    """A portal that must not be asked."""
    make_connection(workspace, "hubspot", secrets={"access_token": "pat"})
    for name in ("properties", "record", "search"):
        monkeypatch.setattr(hubspot, name, lambda *_, **__: pytest.fail("HubSpot was asked"))


def about_a_call(number, **values):
    return form(number) | {"object_type": "call", "message": TEXT, "recipient_property": ""} | values


def live(client, **typed):
    return client.post(reverse("action-new"), typed | {"do": "live"}, headers={"HX-Request": "true"}).context[
        "editor"
    ]


def test_any_name_is_a_value_and_the_caller_s_number_is_the_recipient(editor, workspace, untouched):
    typed = about_a_call(make_number(workspace), condition="After scheduling an appointment")

    response = editor.post(reverse("action-new"), typed)

    saved = Action.objects.get().current
    assert response.status_code == 302
    assert (saved.object_type, saved.recipient_property) == ("call", "phone")
    assert (saved.message, saved.condition) == (TEXT, "After scheduling an appointment")


def test_it_is_tried_with_typed_values_and_hubspot_is_not_asked(editor, workspace, untouched):
    typed = about_a_call(make_number(workspace))
    typed |= {"value:enrolled_object.phone": "+33612345678", "value:enrolled_object.date": "Tuesday"}

    shown = live(editor, **typed)

    assert [each.token for each in shown.call_values] == [
        "{{phone}}", "{{date}}", "{{link}}", "{{call_id}}", "{{Contact.FirstName}}",
    ]  # fmt: skip
    assert shown.row.body == "Booked for Tuesday: https://example.com/a1. Call call-1, Ada"
    assert (shown.row.recipient, shown.why) == ("+33612345678", "")
    assert (shown.sample, shown.found, shown.executions) == ([], [], [])


def test_a_value_that_the_agent_does_not_give_refuses_the_text(editor, workspace):
    shown = live(editor, **about_a_call(make_number(workspace)), **{"value:enrolled_object.date": ""})

    assert shown.row.error_code == "TOKEN_UNRESOLVED"


def test_it_can_be_tried_with_a_pasted_payload(editor, workspace, untouched):
    values = {"phone": "+33612345678", "date": "noon", "link": "l", "call_id": "9"}
    typed = about_a_call(
        make_number(workspace), message="{{date}}", record="payload", payload=json.dumps(values)
    )

    assert live(editor, **typed).row.body == "noon"


def test_the_record_of_another_type_is_not_taken_along(editor, workspace):
    typed = about_a_call(make_number(workspace), record="id:contact:501:Ada")

    assert live(editor, **typed).chosen == "values"
    assert live(editor, **typed | {"object_type": "deal", "record": "values"}).chosen == "newest"


def test_advice_on_the_condition_comes_as_it_is_typed(editor, workspace):
    number = make_number(workspace)

    assert [each.code for each in live(editor, **about_a_call(number)).advice] == ["empty"]
    assert live(editor, **about_a_call(number, condition="when needed")).advice[0].code == "vague"
    assert live(editor, **form(number)).advice == []  # HubSpot's workflow decides


def test_the_condition_is_a_setting_of_a_version(editor, workspace):
    action = make_action(workspace, condition="After a booking", message="Hello")
    url = reverse("action", args=[action.pk])

    editor.post(url, edited(action, message="Hello", condition="When the caller asks for it"))
    action.refresh_from_db()
    assert (action.current.number, action.current.condition) == (2, "When the caller asks for it")
    page = editor.get(reverse("action-version", args=[action.pk, 1]))
    assert [str(each.field) for each in page.context["until_now"]] == ["When an agent sends it"]
    editor.post(reverse("action-version", args=[action.pk, 1]), {"note": "", "base": 2})
    action.refresh_from_db()
    assert (action.current.number, action.current.condition) == (3, "After a booking")
    copy = editor.get(reverse("action-new"), {"copy": action.pk}).context["form"]
    assert copy["condition"].value() == "After a booking"
    assert saving.config_of(action.current)["condition"] == "After a booking"


def test_a_condition_that_is_too_long_is_not_saved(editor, workspace):
    page = editor.post(reverse("action-new"), about_a_call(make_number(workspace), condition="x" * 501))

    assert list(errors(page)) == ["condition"]


def test_hubspot_is_not_asked_for_what_agents_say(workspace):
    make_action(workspace, object_type="call", message="{{date}}", recipient_property="phone")
    make_action(workspace, message="{{Contact.firstname}}")

    found = requested.properties()

    assert "firstname" in found
    assert "date" not in found
