"""The page of the classic action: who may use it, which workflows do, and what replaces each step."""

import html
import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache
from smsadmin.actions.models import Action
from smsadmin.classic.models import ClassicSettings, ClassicStep
from smsadmin.directory.models import Association
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Role
from tests.classic.conftest import SEND, Classic, execution
from tests.factories import make_member, make_number, make_workspace

PAGE = "/actions/classic/"
NEW = "/actions/new/"


def words(response: HttpResponse) -> str:
    shown = re.sub(r"<svg.*?</svg>|<[^>]+>", " ", response.content.decode(), flags=re.S)
    return html.unescape(" ".join(shown.split()))


@pytest.fixture
def browse(classic: Classic) -> Any:
    """A browser signed in with a role."""

    def browser(role: str = Role.OWNER) -> Client:
        found = Client()
        found.force_login(make_member(classic.workspace, role).user)
        return found

    return browser


@pytest.fixture
def owner(browse: Any) -> Client:
    return browse()


def ran(classic: Classic, number: int = 1, workflow: int = 17, step: int = 4, **changes: str) -> ClassicStep:
    """A step that has run so many times."""
    context = {"source": "WORKFLOWS", "workflowId": workflow, "actionId": step}
    for each in range(number):
        classic.run(classic.inputs(**changes), callbackId=f"ap-{workflow}-{step}-{each}", context=context)
    return ClassicStep.objects.get(workflow=str(workflow), step=str(step))


def posted(client: Client, path: str, **data: Any) -> HttpResponse:
    return client.post(path, data, follow=True)


def saved(client: Client, page: HttpResponse, **typed: Any) -> HttpResponse:
    """Sends the editor's form as the page has it, but for what is typed."""
    form = page.context["form"]
    values = {name: form[name].value() for name in form.fields}
    given = {name: value for name, value in values.items() if value not in (None, False)}
    return client.post(NEW, given | typed)


# --- Steps -------------------------------------------------------------------------------------------------


def test_without_a_step_the_page_says_why_there_is_none(classic, owner):
    assert "No workflow has used it yet" in words(owner.get(PAGE))
    classic.set(enabled=False)
    assert "No workflow uses it" in words(owner.get(PAGE))


def test_a_step_is_listed_with_its_workflow_its_record_type_and_its_messages(classic, owner):
    ran(classic, 3)
    ran(classic, 1, step=9)
    shown = words(owner.get(PAGE))
    assert "Workflow 17, step 4" in shown
    assert "Record type : Contact" in shown.replace("Record type", "Record type :").replace(": :", ":")
    assert "3 messages of Workflow 17, step 4" in shown
    assert "1 messages of Workflow 17, step 9" in shown
    assert ClassicStep.objects.count() == 2


def test_a_step_that_runs_again_is_the_same_row_as_it_was_last(classic, owner, time_machine):
    first = ran(classic)
    time_machine.move_to(timedelta(hours=1))
    Association.objects.filter(agent=classic.user()).delete()
    cache.forget()
    classic.run(callbackId="ap-next", context={"workflowId": 17, "actionId": 4})

    step = classic.step()
    assert (step.pk, step.first_at) == (first.pk, first.first_at)
    assert step.last_at > first.last_at
    assert (step.number, step.agent) == (classic.line, None)


def test_neither_recipients_nor_texts_are_kept_with_the_step(classic):
    step = ran(classic, message="Hi Zoë, your code is 4711")
    kept = " ".join(str(getattr(step, field.attname)) for field in ClassicStep._meta.concrete_fields)
    assert "4711" not in kept
    assert "12025550123" not in kept


def test_what_it_fell_back_on_is_listed_with_how_often(classic, owner):
    Association.objects.filter(agent=classic.user()).delete()
    ran(classic, 2)
    shown = words(owner.get(PAGE))
    assert "mia@example.com is not a user of the number: sent without a user – 2 times" in shown


def test_the_workflow_is_a_link_once_the_portals_host_is_known(classic, owner):
    ran(classic)
    assert "/platform/flow/" not in owner.get(PAGE).content.decode()
    classic.set(ui_domains={"9000001": "app-eu1.hubspot.com"})
    link = "https://app-eu1.hubspot.com/workflows/9000001/platform/flow/17/edit"
    assert f'href="{link}"' in owner.get(PAGE).content.decode()


def test_the_text_of_its_newest_message_is_masked_for_viewers_and_gone_with_it(classic, browse):
    ran(classic, message="Hi Zoë 4711")
    editor, viewer = browse(Role.EDITOR), browse(Role.VIEWER)
    assert "Hi Zoë 4711" in words(editor.get(PAGE))
    assert "4711" not in words(viewer.get(PAGE))
    Message.objects.all().delete()
    assert "4711" not in words(editor.get(PAGE))


def test_a_list_of_many_steps_is_paged_and_costs_as_many_queries_as_a_short_one(
    classic, owner, django_assert_max_num_queries
):
    first = ran(classic)
    columns = {field.attname: getattr(first, field.attname) for field in ClassicStep._meta.concrete_fields}
    del columns["id"]
    ClassicStep.objects.bulk_create([ClassicStep(**{**columns, "workflow": str(n)}) for n in range(100, 160)])
    with django_assert_max_num_queries(40):
        page = owner.get(PAGE)
    assert page.content.decode().count('aria-labelledby="step-') == 2 * 50
    assert "Page 1 of 2" in words(page)
    assert owner.get(f"{PAGE}?page=2").content.decode().count('aria-labelledby="step-') == 2 * 11


def test_another_workspaces_steps_are_nobodys_business(classic, owner):
    step = ran(classic)
    stranger = Client()
    stranger.force_login(make_member(make_workspace()).user)
    assert "Workflow 17" not in words(stranger.get(PAGE))
    assert stranger.post(reverse("classic-moved", args=[step.pk])).status_code == 404


# --- What replaces it ----------------------------------------------------------------------------------------


def test_the_proposal_names_each_field_of_the_present_action(classic, owner):
    ran(classic)
    shown = words(owner.get(PAGE))
    for field, value in (
        ("Sender number (from)", "Number"),
        ("Number", "Sales (+1 202-555-0100)"),
        ("Send as", "Specific user"),
        ("User", "Mia (mia@example.com)"),
        ("Recipient number (to)", "The property that the classic step takes"),
        ("Message", "The text of the classic step"),
    ):
        assert f"{field} {value}" in shown


def test_where_a_fallback_was_used_the_proposal_has_what_was_really_used_and_why(classic, owner):
    spare = make_number(classic.workspace, "+12025550177", name="Spare", connected=False)
    classic.set(fallback_number=spare)
    classic.line.gone_at = timezone.now()
    classic.line.save()
    cache.forget()
    ran(classic)
    shown = words(owner.get(PAGE))
    assert "Number Spare (+1 202-555-0177)" in shown
    assert "It is not connected to the integration, and the present action refuses it until it is." in shown
    assert "Send as Default (no user)" in shown
    assert "mia@example.com, whom the step names, is not a user of the number" in shown

    spare.connected = True
    spare.save()
    assert "The step names +1 202-555-0100, which is gone from Aircall" in words(owner.get(PAGE))


def test_what_is_entered_as_proposed_is_sent_by_the_present_action(classic, owner):
    Association.objects.filter(agent=classic.user()).delete()
    ran(classic)
    proposed = {"sender_mode": "number", "sender_number": classic.line.provider_id}
    proposed |= {"send_as_mode": "default", "recipient": "+12025550123", "message": "Hi Zoë"}
    response = classic.portal.call(SEND, execution(proposed, callbackId="ap-new"))
    assert response.json()["outputFields"]["errorCode"] == ""


def test_the_editor_begins_with_what_the_step_really_used(classic, owner):
    step = ran(classic)
    response = owner.get(f"{NEW}?classic={step.pk}")
    begun = response.context["form"].initial
    assert (begun["name"], begun["object_type"]) == ("Workflow 17, step 4", "contact")
    assert (begun["sender_number"], begun["send_as_agent"]) == (classic.line.pk, classic.user().pk)
    assert begun["recipient_property"] == "Contact.phone"
    assert "workflow 17" in begun["note"]
    assert "Nothing is saved yet." in words(response)
    assert not Action.objects.exists()


def test_no_customers_text_reaches_an_action(classic, owner):
    step = ran(classic, message="Hi Zoë, your code is 4711")
    assert f'href="{NEW}?classic={step.pk}"' in owner.get(PAGE).content.decode()
    page = owner.get(f"{NEW}?classic={step.pk}")
    assert "4711" not in page.content.decode()
    saved(owner, page, message="")
    assert not Action.objects.exists()


def test_what_is_saved_in_its_place_is_linked_and_sends_for_the_present_action(classic, owner):
    step = ran(classic)
    saved(owner, owner.get(f"{NEW}?classic={step.pk}"), message="Hi {{Contact.FirstName}}")

    action, step = Action.objects.get(), classic.step()
    assert step.action == action
    assert (action.current.message, action.current.send_as_agent) == (
        "Hi {{Contact.FirstName}}",
        classic.user(),
    )
    page = owner.get(PAGE)
    assert f"/hubspot/actions/send-sms?action={action.pk}" in words(page)
    assert f"{NEW}?classic=" not in page.content.decode()

    properties = {"phone": "+12025550123", "firstname": "Ada"}
    record = {"objectId": 1, "objectType": "CONTACT", "properties": properties}
    call = execution({}, object=record, callbackId="ap-new")
    path = f"{SEND}?action={action.pk}"
    assert classic.portal.call(path, call).json()["outputFields"]["errorCode"] == ""


def test_the_link_outlives_a_look_at_the_preview(classic, owner):
    step = ran(classic)
    looked = saved(owner, owner.get(f"{NEW}?classic={step.pk}"), message="Hi", do="preview")
    assert f'name="classic_step" value="{step.pk}"' in looked.content.decode()
    saved(owner, looked, message="Hi")
    assert classic.step().action == Action.objects.get()


def test_a_second_action_of_the_same_step_has_another_name(classic, owner):
    step = ran(classic)
    for _ in range(2):
        saved(owner, owner.get(f"{NEW}?classic={step.pk}"), message="Hi")
    names = Action.objects.order_by("pk").values_list("name", flat=True)
    assert list(names) == ["Workflow 17, step 4", "Workflow 17, step 4 (2)"]


def test_where_the_number_is_gone_the_editor_leaves_it_and_the_user_to_choose(classic, owner):
    classic.line.gone_at = timezone.now()
    classic.line.save()
    cache.forget()
    step = ran(classic)
    shown = words(owner.get(PAGE))
    assert "Choose a number" in shown
    assert "Send as Choose one of its users, or none" in shown
    begun = owner.get(f"{NEW}?classic={step.pk}").context["form"].initial
    assert (begun["sender_number"], begun["send_as_kind"], begun["send_as_agent"]) == ("", "none", "")


def test_a_step_of_another_workspace_is_neither_read_nor_linked(classic, owner):
    step = ran(classic)
    page = owner.get(f"{NEW}?classic={step.pk}")
    house = make_workspace()
    number = make_number(house)
    stranger = Client()
    stranger.force_login(make_member(house).user)
    assert stranger.get(f"{NEW}?classic={step.pk}").status_code == 404
    theirs = {"message": "Hi", "sender_number": number.pk, "send_as_kind": "none", "send_as_agent": ""}
    assert saved(stranger, page, **theirs).status_code == 302
    assert classic.step().action is None


def test_a_moved_step_leaves_the_list_and_comes_back_when_it_runs_again(classic, owner, time_machine):
    step = ran(classic)
    posted(owner, reverse("classic-moved", args=[step.pk]))
    assert "Workflow 17, step 4" not in words(owner.get(PAGE))
    assert "No workflow is left on it" in words(owner.get(PAGE))
    assert "Workflow 17, step 4" in words(owner.get(f"{PAGE}?show=moved"))

    time_machine.move_to(timedelta(minutes=1))
    classic.run(callbackId="ap-again", context={"workflowId": 17, "actionId": 4})
    shown = words(owner.get(PAGE))
    assert "Workflow 17, step 4" in shown
    assert "Used again" in shown


def test_a_step_that_was_not_moved_after_all_is_listed_again(classic, owner):
    step = ran(classic)
    posted(owner, reverse("classic-moved", args=[step.pk]))
    posted(owner, reverse("classic-moved", args=[step.pk]), moved="0")
    assert "Workflow 17, step 4" in words(owner.get(PAGE))


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_who_may_not_edit_sees_no_button_and_is_refused(classic, browse, role):
    step = ran(classic)
    client = browse(role)
    assert "New action in its place" not in words(client.get(PAGE))
    assert client.get(f"{NEW}?classic={step.pk}").status_code == 403
    assert client.post(reverse("classic-moved", args=[step.pk])).status_code == 403


# --- Settings ------------------------------------------------------------------------------------------------


def test_an_owner_switches_it_on_sets_its_end_and_what_stands_in_for_lost_numbers(classic, owner):
    ClassicSettings.objects.all().delete()
    cache.forget()
    last = timezone.localdate() + timedelta(days=90)
    data = {"enabled": "on", "sunset_on": last.isoformat(), "fallback_number": str(classic.line.pk)}
    assert "are saved" in words(posted(owner, PAGE, **data))
    found = ClassicSettings.objects.get()
    assert (found.enabled, found.sunset_on, found.fallback_number) == (True, last, classic.line)


@pytest.mark.parametrize("role", [Role.EDITOR, Role.OPERATOR, Role.VIEWER])
def test_nobody_but_an_owner_changes_the_settings(classic, browse, role):
    client = browse(role)
    assert "Owners change this." in words(client.get(PAGE))
    assert client.post(PAGE, {}).status_code == 403
    assert ClassicSettings.objects.get().enabled


@pytest.mark.parametrize(
    ("value", "sentence"),
    [("2020-01-01", "This day is over"), ("soon", "Write a date, as in 2026-12-31.")],
)
def test_a_last_day_that_cannot_be_is_said_at_its_field_and_nothing_is_saved(classic, owner, value, sentence):
    response = owner.post(PAGE, {"enabled": "on", "sunset_on": value})
    assert response.status_code == 422
    assert sentence in words(response)
    assert ClassicSettings.objects.get().sunset_on is None


def test_settings_can_be_saved_after_the_end_without_changing_it(classic, owner):
    classic.set(sunset_on=date(2020, 1, 1))
    response = posted(owner, PAGE, enabled="on", sunset_on="2020-01-01")
    assert "are saved" in words(response)


def test_another_last_day_is_told_of_anew(classic, owner):
    classic.set(told=[30], sunset_on=date(2030, 1, 1))
    posted(owner, PAGE, enabled="on", sunset_on="2030-01-01")
    assert ClassicSettings.objects.get().told == [30]
    posted(owner, PAGE, enabled="on", sunset_on="2031-01-01")
    assert ClassicSettings.objects.get().told == []


def test_numbers_that_cannot_text_or_are_gone_or_somebody_elses_are_no_fallback(classic, owner):
    outside = make_number(classic.workspace, connected=False)
    refused = [
        make_number(classic.workspace, sms_capable=False),
        make_number(classic.workspace, gone_at=timezone.now()),
        make_number(make_workspace()),
    ]
    page = owner.get(PAGE).content.decode()
    assert f'<option value="{outside.pk}"' in page
    for number in refused:
        assert f'<option value="{number.pk}"' not in page
        assert owner.post(PAGE, {"enabled": "on", "fallback_number": number.pk}).status_code == 422


def test_switching_it_off_under_running_workflows_asks_and_spells_out_what_stops(classic, owner):
    ran(classic)
    response = owner.post(PAGE, {"sunset_on": "", "fallback_number": str(classic.line.pk)})
    assert "1 step of a workflow used it in the last 30 days" in words(response)
    assert ClassicSettings.objects.get().enabled

    data = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', response.content.decode()))
    assert data.keys() >= {"confirmed", "sunset_on", "fallback_number"}
    data.pop("csrfmiddlewaretoken", None)
    posted(owner, PAGE, **data)
    found = ClassicSettings.objects.get()
    assert (found.enabled, found.fallback_number) == (False, classic.line)


def test_switching_it_off_where_nothing_runs_is_not_asked(classic, owner):
    posted(owner, PAGE)
    assert not ClassicSettings.objects.get().enabled


# --- Elsewhere -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "sentence"),
    [(31, ""), (30, "ends in 30 days"), (1, "ends in 1 day"), (0, "ends today"), (-1, "ended: its last day")],
)
@pytest.mark.parametrize("path", ["/actions/", PAGE])
def test_a_banner_announces_the_end_on_both_pages(classic, owner, path, days, sentence):
    classic.set(sunset_on=timezone.localdate() + timedelta(days=days))
    shown = words(owner.get(path))
    assert (
        (f"The classic action {sentence}" in shown) if sentence else ("classic action ends in" not in shown)
    )


def test_the_page_of_actions_leads_to_it(owner):
    assert f'href="{PAGE}"' in owner.get("/actions/").content.decode()


def test_the_log_finds_its_messages_among_hubspots_and_alone(classic, owner):
    message = classic.message()
    inputs = {"sender_mode": "number", **classic.inputs()}
    other = classic.portal.call(SEND, execution(inputs, callbackId="ap-2")).json()["outputFields"]
    of_classic = owner.get("/log/?trigger=hubspot-classic").content.decode()
    assert str(message.pk) in of_classic
    assert other["message_id"] not in of_classic
    both = owner.get("/log/?trigger=hubspot").content.decode()
    assert str(message.pk) in both
    assert other["message_id"] in both
    assert str(message.pk) in owner.get("/log/?q=ap-9000001-700000000001-4-0").content.decode()


def test_a_messages_page_says_that_it_was_the_classic_action_and_leads_there_when_it_is_off(classic, owner):
    sent = classic.message()
    assert "The classic action" in words(owner.get(f"/log/{sent.pk}/"))
    classic.set(enabled=False)
    refused = classic.message(callbackId="ap-2")
    assert f'href="{PAGE}"' in owner.get(f"/log/{refused.pk}/").content.decode()
