"""Bringing in a Synthflow workspace: what becomes of its texts, what is lost, and that it is done once, as a whole."""

import pytest
from django.db import IntegrityError
from django.urls import reverse

from smsadmin.actions.models import Action
from smsadmin.agents import importing, importing_reading, saving, tools
from smsadmin.agents.after import filling
from smsadmin.agents.after.rules import UNWRITTEN
from smsadmin.agents.after.story import Story
from smsadmin.agents.models import AgentCall, AIAgent, Attachment, ImportedAction
from smsadmin.agents.placeholders import convert
from smsadmin.providers.synthflow import client
from tests.factories import (
    make_ai_agent,
    make_connection,
    make_member,
    make_number,
    make_version,
    make_workspace,
)
from tests.synthflow import synthflow as _synthflow

synthflow = _synthflow


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("On {date}", "On {{date}}"),
        ("On <date>", "On {{date}}"),
        ("On {{date}}", "On {{date}}"),
        ("On {{ date }} and { time }", "On {{date}} and {{time}}"),
        ("Call {user_phone_number} <call_id>", "Call {{phone}} {{call_id}}"),
        ("<results.data.link>", "{{results.data.link}}"),
        ("{first name}", "{{first name}}"),
        ("I <3 you, {} and {1} and { a, b }", "I <3 you, {} and {1} and { a, b }"),
        ("5 < 6 > 4", "5 < 6 > 4"),
        ("No placeholder", "No placeholder"),
        # What means something else in our texts, so that an agent would not be asked for it.
        ("Call us at {phone}", "Call us at {{phone_2}}"),
        ("{Phone} or {phone_2}", "{{Phone_3}} or {{phone_2}}"),
        ("<number> {Call_Id} {call.End Reason}", "{{number_2}} {{Call_Id_2}} {{call.End Reason_2}}"),
        ("{inputs.recipient}", "{{inputs.recipient_2}}"),
    ],
)
def test_placeholders_of_all_three_notations(theirs, ours):
    assert convert(theirs).text == ours
    assert convert(theirs).problem == ""


def test_a_text_that_we_could_not_read_is_not_taken():
    assert "names nothing" in convert("Use {{ }}").problem


@pytest.fixture
def house(db, synthflow):
    workspace = make_workspace()
    make_number(workspace, "+12025550100")
    return workspace


@pytest.fixture
def account(house):
    secrets = {"api_key": "sandbox-synthflow-key"}
    return make_connection(house, "synthflow", name="Synthflow", external_id="ws", secrets=secrets)


@pytest.fixture
def editor(client, house):
    client.force_login(make_member(house, "editor").user)
    return client


def planned(account):
    return importing.plan(account, client.of(account, tries=1))


def brought_in(account, **ways):
    """Everything, each as what it most likely is unless said otherwise."""
    plan = planned(account)
    chosen = {each.action_id: ways.get(each.action_id[4:], each.ways[0]) for each in plan.items}
    number = account.workspace.numbers.get()
    return importing.apply(
        account, plan, importing.Choices(chosen, number, plan.seen), make_member(account.workspace).user
    )


def attached(agent, action):
    return Attachment.objects.get(agent__name=agent, action__name=action)


def test_a_plan_names_what_texts_and_what_is_lost(account):
    plan = planned(account)
    confirmation, address = plan.items

    assert plan.ignored == 1  # a booking
    assert confirmation.converted.text.startswith("Example Ltd: you are booked for {{date}} at {{time}}")
    assert confirmation.condition == "After the caller has confirmed an appointment"
    assert [each.name for each in confirmation.agents] == ["Reception", "Sales calls"]
    assert "to_phone_number" in confirmation.lost[0]
    assert address.converted.text == "Hi {{first_name}}, you find us at 1 Main Street. Example Ltd {}"
    assert [each.split(" ")[0] for each in address.lost] == [
        "wait_for_reply",
        "timeout_seconds",
        "message_before_action",
    ]
    assert not ImportedAction.objects.exists()


def test_each_becomes_an_action_and_its_agents(account):
    done = brought_in(account)

    assert {each.name for each in done.actions} == {"Appointment confirmation", "Our address"}
    agents = AIAgent.objects.order_by("name")
    assert [(each.name, each.external_id, each.connection) for each in agents] == [
        ("Reception", "agent-reception", account),
        ("Sales calls", "agent-sales", account),
    ]
    version = Action.objects.get(name="Our address").current
    assert (version.object_type, version.recipient_property) == ("call", "phone")
    assert version.sender_number == account.workspace.numbers.get()


def test_a_text_after_the_call_is_off_until_its_rule_is_written(account):
    brought_in(account)
    confirmation = attached("Sales calls", "Appointment confirmation")
    assert (confirmation.when, confirmation.enabled, confirmation.rule) == ("after", False, UNWRITTEN)
    assert confirmation.action.current.condition == "After the caller has confirmed an appointment"


def test_or_becomes_what_was_chosen(account):
    brought_in(account, confirmation=importing.Way.COMPLETED)
    confirmation = attached("Sales calls", "Appointment confirmation")
    assert (confirmation.when, confirmation.enabled) == ("after", True)
    assert confirmation.rule == importing.COMPLETED


def test_a_text_during_the_call_keeps_condition_and_variables_of_each_agent(account):
    brought_in(account)
    address = attached("Reception", "Our address")
    assert (address.when, address.enabled, address.condition) == (
        "during",
        True,
        "When the caller asks where we are",
    )
    [said] = address.variables.values()
    assert (said["source"], said["description"], said["example"]) == (
        "agent",
        "First name of the caller",
        "Ada",
    )


def test_an_agent_that_is_known_is_not_made_again(account):
    brought_in(account, confirmation=importing.Way.DURING)
    assert AIAgent.objects.count() == 2
    ImportedAction.objects.all().delete()
    brought_in(account)
    assert AIAgent.objects.count() == 2


def test_again_it_changes_nothing_that_was_changed_here(account):
    brought_in(account)
    make_version(Action.objects.get(name="Our address"), message="Ours now", recipient_property="phone")
    plan = planned(account)

    assert [each.is_done for each in plan.items] == [True, True]
    assert [each.differs for each in plan.items] == [False, True]
    assert brought_in(account).actions == []
    assert Action.objects.get(name="Our address").current.message == "Ours now"
    assert (Action.objects.count(), Attachment.objects.count()) == (2, 3)


def test_again_it_attaches_to_agents_that_are_new_there(account, synthflow):
    brought_in(account)
    synthflow.state.synthflow_actions["act-address"]["attached"]["agent-sales"] = {}
    done = brought_in(account)
    assert done.actions == []
    assert attached("Sales calls", "Our address") in done.attachments


def test_a_fixed_value_stays_fixed(account, synthflow):
    mapped = [{"variable_name": "city", "source": "hardcoded", "hardcoded_value": "Berlin"}]
    attached_to = {"input_variables_mapping": mapped}
    synthflow.add(
        "act-1", "INCALL_SMS", {"name": "City", "message_body": "In <city>"}, **{"agent-sales": attached_to}
    )
    brought_in(account)
    assert list(attached("Sales calls", "City").variables.values()) == [
        {"source": "fixed", "value": "Berlin"}
    ]


def test_a_variable_that_has_another_name_here_is_asked_for_and_filled_by_its_own(account, synthflow):
    mapped = [{"variable_name": "phone", "source": "hardcoded", "hardcoded_value": "+49 30 1234"}]
    agents = {"agent-sales": {"input_variables_mapping": mapped}, "agent-reception": {}}
    synthflow.add("act-1", "SEND_SMS", {"name": "Line", "content": "Call us at {phone}"}, **agents)
    item = next(each for each in planned(account).items if each.name == "Line")
    assert item.lost == ["“phone” means something else in texts here, so this one calls it “phone_2”."]
    brought_in(account)
    assert list(attached("Sales calls", "Line").variables.values()) == [
        {"source": "fixed", "value": "+49 30 1234"}
    ]
    line = attached("Reception", "Line")
    tool, call = tools.of(line), AgentCall(call_id="c")
    assert tool.required == ["phone"]
    collected = Story(party="+12025550143", variables={"phone": "030 1234"})
    assert filling.arguments(line, tool, call, collected) == {"phone": "030 1234"}
    assert filling.arguments(line, tool, call, Story(party="+12025550143")) == {}


def test_an_agent_that_is_here_gets_the_account_and_an_archived_one_nothing(editor, account):
    here = make_ai_agent(account.workspace, "synthflow", external_id="agent-sales", name="Ours")[0]
    gone = make_ai_agent(account.workspace, "synthflow", external_id="agent-reception", name="Gone")[0]
    saving.archive(gone)
    page = text(editor.get(reverse(PAGE)))
    assert "(here: Ours, which is given this account)" in page
    assert "(archived here: left out)" in page
    assert brought_in(account).agents == []
    here.refresh_from_db()
    assert here.connection == account
    assert set(Attachment.objects.values_list("agent", flat=True)) == {here.pk}
    assert [each.is_done for each in planned(account).items] == [True, True]


def test_nothing_is_half_done(account, monkeypatch):
    made = importing._attachment
    calls = []

    def fails_later(*args):
        calls.append(args)
        if len(calls) == 3:
            raise IntegrityError
        return made(*args)

    monkeypatch.setattr(importing, "_attachment", fails_later)
    with pytest.raises(importing.Changed):
        brought_in(account)
    assert not Action.objects.exists()
    assert not AIAgent.objects.exists()


def test_what_changed_since_it_was_shown_is_not_brought_in(account, synthflow):
    plan = planned(account)
    synthflow.state.synthflow_actions["act-address"]["body"]["message_body"] = "Something else"
    choices = importing.Choices(
        {"act-address": importing.Way.DURING}, account.workspace.numbers.get(), plan.seen
    )
    with pytest.raises(importing.Changed):
        importing.apply(account, planned(account), choices, make_member(account.workspace).user)
    assert not Action.objects.exists()


# --- Pages --------------------------------------------------------------------------------------------

PAGE = "agents-import"


def text(response):
    return " ".join(response.content.decode().split())


def test_without_an_account_the_page_says_what_to_do(editor):
    assert "No Synthflow account is connected" in text(editor.get(reverse(PAGE)))


def test_listed_confirmed_and_done(editor, account):
    page = editor.get(reverse(PAGE))
    assert "wait_for_reply" in text(page)
    assert "cannot judge such words" in text(page)
    fields = {"number": account.workspace.numbers.get().pk, "seen": page.context["plan"].seen}
    fields |= {"take-0": "on", "way-0": "during", "take-1": "on", "way-1": "during"}
    assert editor.post(reverse(PAGE), {**fields, "do": "confirm", "number": ""}).status_code == 422

    asked = editor.post(reverse(PAGE), {**fields, "do": "confirm"})
    assert "Bring in 2 actions" in text(asked)
    assert not Action.objects.exists()

    done = editor.post(reverse(PAGE), {**fields, "do": "import"}, follow=True)
    assert "Brought in: 2 actions and 2 agents." in text(done)
    assert "There is nothing to bring in now." in text(editor.get(reverse(PAGE)))
    assert editor.post(reverse(PAGE), {**fields, "do": "import"}).status_code == 422


def test_steps_go_by_what_was_read_and_what_was_chosen_is_read_once_more(editor, account, synthflow):
    page = editor.get(reverse(PAGE))
    fields = {"number": account.workspace.numbers.get().pk, "seen": page.context["plan"].seen, "take-1": "on"}
    fields["way-0"] = "rule"
    synthflow.asked.clear()
    assert editor.post(reverse(PAGE), {**fields, "do": "confirm"}).status_code == 200
    assert synthflow.asked == []

    synthflow.state.synthflow_actions["act-address"]["body"]["message_body"] = "Something else"
    refused = editor.post(reverse(PAGE), {**fields, "do": "import"})
    assert (refused.status_code, Action.objects.exists()) == (422, False)
    assert "Something else" in text(refused)
    assert synthflow.asked == ["/synthflow/v2/actions/act-address?include_assistants=true"]
    fields["seen"] = refused.context["plan"].seen
    assert editor.post(reverse(PAGE), {**fields, "do": "import"}).status_code == 302


def test_a_long_list_is_read_in_parts_new_ones_first(editor, account, synthflow, monkeypatch):
    monkeypatch.setattr(importing_reading, "MOST_READ", 1)
    assert [each.name for each in planned(account).items] == ["Appointment confirmation"]
    assert "more actions than could be read at once" in text(editor.get(reverse(PAGE)))
    brought_in(account)
    assert [each.name for each in planned(account).items] == ["Our address"]


def test_what_is_read_when_time_is_over_is_shown(account, monkeypatch):
    late = client.of(account, seconds=60)
    whole = late.action

    def slow(action_id):
        late.until = 0 if action_id == "act-address" else late.until
        return whole(action_id)

    monkeypatch.setattr(client.Synthflow, "action", lambda self, action_id: slow(action_id))
    plan = importing.plan(account, late)
    assert ([each.action_id for each in plan.items], plan.is_cut) == (["act-confirmation"], True)
    with pytest.raises(client.SynthflowError, match="took too long"):
        importing.plan(account, late)


def test_what_the_list_says_already_is_not_asked_for(account, synthflow, monkeypatch):
    from smsadmin.sandbox import synthflow as sandbox

    whole = sandbox._action
    monkeypatch.setattr(sandbox, "_action", lambda action, include_assistants=True: whole(action, True))
    assert len(planned(account).items) == 2
    assert not any("/actions/" in each for each in synthflow.asked)


def test_nothing_chosen_is_nothing_done(editor, account):
    page = editor.get(reverse(PAGE))
    fields = {
        "number": account.workspace.numbers.get().pk,
        "seen": page.context["plan"].seen,
        "way-0": "during",
        "do": "confirm",
    }
    assert "Choose at least one action" in text(editor.post(reverse(PAGE), fields))


def test_an_account_that_cannot_be_read_says_why(editor, account, synthflow):
    synthflow.state.settings.synthflow_key_refused = True
    assert "Synthflow refused the API key" in text(editor.get(reverse(PAGE)))


def test_another_workspaces_account_is_not_read(editor, account, synthflow):
    other = make_connection(make_workspace(), "synthflow", external_id="ws-2", secrets={"api_key": "x"})
    assert "could not be read" not in text(editor.get(reverse(PAGE), {"connection": other.pk}))
    assert synthflow.asked == []


def test_viewers_bring_nothing_in(client, house, account):
    client.force_login(make_member(house, "viewer").user)
    assert client.get(reverse(PAGE)).status_code == 403
    assert client.get(reverse("agents-import-done")).status_code == 200
