"""The pages of agents: the list, a new one, its token, what it may use and how, tried without sending; by whom."""

import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from smsadmin.agents import credentials, rendering
from smsadmin.agents.after import rules
from smsadmin.agents.after.keeping import Proof
from smsadmin.agents.after.running import unproven
from smsadmin.agents.models import AgentCall, AIAgent, Attachment, Invocation
from smsadmin.sending.models import Message
from tests.factories import (
    RECIPIENT,
    make_action,
    make_ai_agent,
    make_attachment,
    make_connection,
    make_member,
    make_message,
    make_number,
    make_workspace,
)

pytestmark = pytest.mark.django_db

TOKEN = re.compile(r"smsagent_\w{8}_\w+")
NEW = {"name": "Booking line", "platform": "retell", "language": "en", "signing": "", "build_mode": ""}


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def editor(client, workspace):
    return as_(client, workspace, "editor")


def as_(client, workspace, role):
    client.force_login(make_member(workspace, role).user)
    return client


def text(response):
    """What the page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def booking(workspace, **config):
    """An action about a call, as the editor would save it."""
    defaults = {"object_type": "call", "recipient_property": "phone", "message": "Booked for {{date}}"}
    defaults |= {"condition": "After scheduling an appointment"}
    return make_action(workspace, name="Booking confirmation", **{**defaults, **config})


def filled(**values):
    """What the browser posts for an attachment of the booking."""
    posted = {"tool_name": "booking_confirmation", "what": "", "condition": "", "when": "during"}
    posted |= {"recipient": "caller", "most_per_call": "1", "rule-match": "all", "rule-rows": "3"}
    posted |= {"v0-source": "agent", "v0-value": "", "v0-name": "date", "v0-required": "on"}
    return posted | values


def use_of(attachment, **columns):
    defaults = {
        "tool_name": attachment.tool_name,
        "at": timezone.now(),
        "dialect": "other",
        "outcome": "accepted",
    }
    defaults |= {"digest": "00000000-0000-0000-0000-000000000000", "workspace": attachment.workspace}
    return Invocation.objects.create(agent=attachment.agent, attachment=attachment, **{**defaults, **columns})


# --- The list -------------------------------------------------------------------------------------------


def test_without_an_agent_the_list_says_what_one_is_and_what_to_do_next(editor):
    page = editor.get(reverse("ai-agents"))

    assert "An agent is a program that talks with people" in text(page)
    assert reverse("ai-agent-new") in page.content.decode()


def test_the_list_counts_the_texts_of_a_week_and_what_went_wrong(editor, workspace):
    attachment = make_attachment(make_ai_agent(workspace)[0], booking(workspace))
    for status in ("delivered", "rejected"):
        use_of(attachment, message=make_message(workspace, status=status).pk)
    use_of(attachment, outcome="too_many")
    use_of(attachment, outcome="repeated", message=Message.objects.first().pk)
    use_of(attachment, at=timezone.now() - timedelta(days=8), message=make_message(workspace).pk)

    (row,) = editor.get(reverse("ai-agents")).context["rows"]

    assert (row.actions, row.texts, row.trouble) == (["Booking confirmation"], 2, 2)


def test_lists_cost_the_same_for_many(editor, workspace):
    action = booking(workspace)

    def cost_with(more, name):
        for _nth in range(more):
            agent, _token = make_ai_agent(workspace)
            attachment = make_attachment(agent, action)
            now = timezone.now()
            call = agent.calls.create(workspace=workspace, call_id="c1", first_at=now, last_at=now)
            use_of(attachment, call=call, message=make_message(workspace).pk)
            use_of(attachment, message=make_message(workspace).pk)
        with CaptureQueriesContext(connection) as queries:
            editor.get(reverse(name))
        return len(queries)

    editor.get("/")  # what only the first visit costs
    for name in ("ai-agents", "agent-calls", "agent-uses"):
        assert cost_with(1, name) == cost_with(3, name), name


# --- An agent -------------------------------------------------------------------------------------------


def test_the_token_of_a_new_agent_is_shown_once_and_only_its_hash_is_kept(editor, workspace):
    page = editor.post(reverse("ai-agent-new"), NEW | {"signing": "key_abc"})

    agent = AIAgent.objects.get()
    token = TOKEN.search(page.content.decode())[0]
    assert credentials.of_token(token) == agent
    assert token not in editor.get(reverse("ai-agent", args=[agent.pk])).content.decode()
    assert agent.secrets == {"signing": "key_abc"}
    assert (agent.created_by.email, agent.enabled) == (editor.get("/").wsgi_request.user.email, True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": "Taken"}, "Another agent has this name"),
        ({"platform": "mcp", "signing": "key"}, "This platform signs nothing"),
    ],
)
def test_an_agent_that_cannot_be_is_not_made(editor, workspace, wrong, words):
    make_ai_agent(workspace, name="Taken")

    page = editor.post(reverse("ai-agent-new"), NEW | wrong)

    assert page.status_code == 422
    assert words in text(page)
    assert AIAgent.objects.count() == 1


def test_a_new_token_ends_the_old_one_and_is_asked_for_first(editor, workspace):
    agent, old = make_ai_agent(workspace)
    url = reverse("ai-agent-token", args=[agent.pk])

    assert "The present token stops at once" in text(editor.get(url))
    assert credentials.of_token(old) == agent
    new = TOKEN.search(editor.post(url).content.decode())[0]
    assert (credentials.of_token(old), credentials.of_token(new)) == (None, agent)


def test_a_signing_secret_stays_unless_another_is_given_and_goes_with_its_platform(editor, workspace):
    agent, _token = make_ai_agent(workspace, "vapi", secrets={"signing": "first"})
    url = reverse("ai-agent-settings", args=[agent.pk])
    typed = {"name": "Line", "platform": "vapi", "language": "de", "header": "X-Sig", "algorithm": "sha256"}

    assert "first" not in editor.get(url).content.decode()
    editor.post(url, typed)
    agent.refresh_from_db()
    assert (agent.secrets, agent.options) == (
        {"signing": "first"},
        {"header": "X-Sig", "algorithm": "sha256"},
    )
    editor.post(url, typed | {"signing": "second"})
    agent.refresh_from_db()
    assert agent.secrets == {"signing": "second"}
    editor.post(url, typed | {"platform": "retell"})
    agent.refresh_from_db()
    assert (agent.platform, agent.secrets, agent.options) == ("retell", {}, {})


def test_what_is_sent_without_proof_stays_allowed_until_somebody_takes_it_back(editor, workspace):
    agent, _token = make_ai_agent(workspace, "synthflow")
    url = reverse("ai-agent-settings", args=[agent.pk])
    typed = {"name": "Line", "platform": "synthflow", "language": "en"}

    allowed = []
    for posted in (typed | {"acts_unconfirmed": "on"}, typed):
        editor.post(url, posted)
        allowed.append(unproven(AgentCall(agent=AIAgent.objects.get(), told={"proof": Proof.ID})) == "")
        kept = editor.get(url).context["form"]["acts_unconfirmed"].value()
        assert bool(kept) == allowed[-1]

    assert allowed == [True, False]


def test_an_account_needs_the_id_of_the_agent(editor, workspace):
    agent, _token = make_ai_agent(workspace, "synthflow")
    account = make_connection(workspace, "synthflow", external_id="ws", secrets={"api_key": "key"})
    url = reverse("ai-agent-settings", args=[agent.pk])
    typed = {"name": "Line", "platform": "synthflow", "language": "en", "connection": account.pk}
    assert list(editor.post(url, typed).context["form"].errors) == ["external_id"]
    assert editor.post(url, typed | {"external_id": "agent-1"}).status_code == 302


def test_a_place_for_the_token_is_named_and_a_signed_call_needs_none(editor, workspace):
    agent, _token = make_ai_agent(workspace, "retell", secrets={"signing": "key"})
    make_attachment(agent, booking(workspace))

    page = editor.get(reverse("ai-agent", args=[agent.pk]))

    signed, with_token = (json.loads(each.code) for each in page.context["attached"][0].snippets)
    assert signed["url"].endswith(f"/agents/tools/send_booking?agent={agent.public_id}")
    assert "headers" not in signed
    assert with_token["headers"] == {"Authorization": f"Bearer {rendering.NO_TOKEN}"}
    assert f"where {rendering.NO_TOKEN} stands" in text(page)
    assert reverse("ai-agent-token", args=[agent.pk]) in page.content.decode()
    assert rendering.NO_TOKEN not in editor.post(reverse("ai-agent-token", args=[agent.pk])).content.decode()


def test_an_agent_is_switched_archived_and_brought_back_off(editor, workspace):
    agent, _token = make_ai_agent(workspace)
    url = reverse("ai-agent", args=[agent.pk])

    states = []
    for do in ("off", "on", "archive", "on", "back"):
        editor.post(url, {"do": do})
        agent.refresh_from_db()
        states.append((agent.enabled, bool(agent.archived_at)))

    assert states == [(False, False), (True, False), (False, True), (False, True), (False, False)]


def test_deleting_asks_first_and_leaves_messages(editor, workspace):
    attachment = make_attachment(make_ai_agent(workspace)[0], booking(workspace))
    message = make_message(workspace, trigger="agent", origin={"agent": attachment.agent_id, "tool": "t"})
    url = reverse("ai-agent-delete", args=[attachment.agent_id])

    assert "1 attachment is deleted" in text(editor.get(url))
    editor.post(url)

    assert not AIAgent.objects.exists()
    assert editor.get(reverse("message", args=[message.pk])).context["came_from"].url == ""


# --- What it may use --------------------------------------------------------------------------------------


def test_an_action_is_attached_with_its_own_condition_and_a_name_for_the_tool(editor, workspace):
    agent, action = make_ai_agent(workspace)[0], booking(workspace)
    url = f"{reverse('attach', args=[agent.pk])}?action={action.pk}"

    form = editor.get(url).context["form"]
    assert form["tool_name"].value() == "booking_confirmation"
    assert form.fields["condition"].widget.attrs["placeholder"] == "After scheduling an appointment"
    editor.post(url, filled(**{"v0-description": "The agreed day", "v0-example": "3 March"}))

    made = Attachment.objects.get()
    assert (made.agent, made.action, made.condition, made.recipient) == (agent, action, "", "caller")
    kept = {"source": "agent", "name": "date", "description": "The agreed day", "example": "3 March"}
    assert made.variables == {"enrolled_object.date": kept | {"required": True}}
    page = editor.get(reverse("ai-agent", args=[agent.pk]))
    assert "Use this when: After scheduling an appointment." in text(page)
    assert "The agreed day." in page.content.decode()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"tool_name": "Booking!"}, "tool_name"),
        ({"tool_name": "taken"}, "tool_name"),
        ({"most_per_call": "0"}, "most_per_call"),
        ({"v0-source": "fixed"}, "v0-value"),
        ({"v0-name": "call_id"}, "v0-name"),
    ],
)
def test_what_an_agent_could_not_use_is_not_attached(editor, workspace, wrong, field):
    agent = make_ai_agent(workspace)[0]
    make_attachment(agent, tool_name="taken")
    action = booking(workspace)

    page = editor.post(f"{reverse('attach', args=[agent.pk])}?action={action.pk}", filled(**wrong))

    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert Attachment.objects.count() == 1


def test_a_text_after_the_call_is_attached_with_its_rule(editor, workspace):
    agent, action = make_ai_agent(workspace)[0], booking(workspace)
    url = f"{reverse('attach', args=[agent.pk])}?action={action.pk}"
    rule = {"rule-0-kind": "status:is", "rule-0-value": "completed"}

    assert editor.post(url, filled(when="after", **{"rule-0-kind": "status:is"})).status_code == 422
    more = editor.post(url, filled(when="after", **rule, **{"rule-more": "1"}))
    assert (more.status_code, more.context["rule"].count) == (200, 4)
    assert not Attachment.objects.exists()
    editor.post(url, filled(when="after", **rule))

    kept = Attachment.objects.get().rule["conditions"]
    assert [(each["fact"], each["test"], each["value"]) for each in kept] == [("status", "is", "completed")]
    assert "the status is “completed”" in text(editor.get(reverse("ai-agent", args=[agent.pk])))


def test_a_text_after_every_call_is_confirmed_first(editor, workspace):
    agent, action = make_ai_agent(workspace)[0], booking(workspace)
    url = f"{reverse('attach', args=[agent.pk])}?action={action.pk}"

    page = editor.post(url, filled(when="after"))
    assert (page.status_code, list(page.context["rule"].errors)) == (422, ["always"])
    assert not Attachment.objects.exists()
    editor.post(url, filled(when="after", **{"rule-always": "on"}))

    made = Attachment.objects.get()
    assert made.rule == {}
    form = editor.get(reverse("attachment", args=[agent.pk, made.pk])).context["rule"]
    assert form["always"].value() is True


def test_what_was_brought_in_without_a_rule_is_not_switched_on_before_it_has_one(editor, workspace):
    agent = make_ai_agent(workspace)[0]
    columns = {"when": "after", "rule": rules.UNWRITTEN, "enabled": False}
    attachment = make_attachment(agent, booking(workspace), **columns)
    place = [agent.pk, attachment.pk]

    page = editor.post(reverse("attachment-switch", args=place), {"do": "on"}, follow=True)
    attachment.refresh_from_db()
    assert (attachment.enabled, page.redirect_chain[-1][0]) == (False, reverse("attachment", args=place))
    assert "It has no rule yet" in text(page)
    assert page.context["rule"]["always"].value() is False
    assert "Write its rule" in text(editor.get(reverse("ai-agent", args=[agent.pk])))
    editor.post(reverse("attachment", args=place), filled(when="after", **{"rule-always": "on"}))
    editor.post(reverse("attachment-switch", args=place), {"do": "on"})

    attachment.refresh_from_db()
    assert (attachment.enabled, attachment.rule) == (True, {})


def test_a_renamed_tool_is_said_to_be_set_up_again(editor, workspace):
    attachment = make_attachment(make_ai_agent(workspace)[0], booking(workspace))
    url = reverse("attachment", args=[attachment.agent_id, attachment.pk])

    page = editor.post(url, filled(tool_name="new_name"), follow=True)

    assert "may still know it as send_booking" in text(page)


def test_the_first_action_of_an_agent_begins_as_one_about_a_call(editor, workspace):
    agent = make_ai_agent(workspace)[0]
    there = f"{reverse('action-new')}?type=call"

    assert there in editor.get(reverse("ai-agent", args=[agent.pk])).content.decode()
    assert "Whoever the agent talks with" in text(editor.get(there))


def test_an_action_of_another_workspace_is_not_attached(editor, workspace):
    agent, foreign = make_ai_agent(workspace)[0], booking(make_workspace())

    page = editor.post(f"{reverse('attach', args=[agent.pk])}?action={foreign.pk}", filled())

    assert page.status_code == 422
    assert editor.get(reverse("attach-to", args=[foreign.pk])).status_code == 404
    assert not Attachment.objects.exists()


def test_an_action_is_attached_to_several_agents_at_once(editor, workspace):
    action = booking(workspace)
    agents = [make_ai_agent(workspace)[0] for _nth in range(2)]
    make_ai_agent(workspace, name="Not this one")

    page = editor.post(
        reverse("attach-to", args=[action.pk]), {"agents": [each.pk for each in agents]}, follow=True
    )

    assert [each.agent for each in page.context["holders"]] == agents
    assert {each.tool_name for each in Attachment.objects.all()} == {"booking_confirmation"}


def test_what_is_switched_off_or_taken_away_is_no_longer_offered(editor, workspace):
    attachment = make_attachment(make_ai_agent(workspace)[0], booking(workspace))
    place = [attachment.agent_id, attachment.pk]

    editor.post(reverse("attachment-switch", args=place), {"do": "off"})
    assert "It is switched off for this agent." in text(editor.get(reverse("ai-agent", args=place[:1])))
    editor.post(reverse("attachment-remove", args=place))
    assert not Attachment.objects.exists()


# --- Tried ------------------------------------------------------------------------------------------------


def test_a_tool_is_tried_with_the_sentence_that_the_agent_would_say_and_nothing_is_sent(editor, workspace):
    action = booking(workspace, sender_number=make_number(workspace))
    attachment = make_attachment(make_ai_agent(workspace)[0], action)
    url = reverse("attachment-try", args=[attachment.agent_id, attachment.pk])

    sent = editor.post(url, {"party": RECIPIENT, "arg-date": "Tuesday"})
    missing = editor.post(url, {"party": RECIPIENT, "arg-date": ""})

    assert "“The text is on its way.”" in text(sent)
    assert "Booked for Tuesday" in text(sent)
    assert "this is missing: date" in text(missing)
    assert not Message.objects.exists()
    assert not Invocation.objects.exists()


# --- By whom ----------------------------------------------------------------------------------------------


def test_only_editors_change_and_see_tokens_and_only_operators_try(client, workspace):
    attachment = make_attachment(make_ai_agent(workspace)[0], booking(workspace))
    agent, tool = [attachment.agent_id], [attachment.agent_id, attachment.pk]

    as_(client, workspace, "operator")
    assert client.get(reverse("ai-agent", args=agent)).status_code == 200
    assert client.get(reverse("attachment", args=tool)).status_code == 200
    assert client.get(reverse("attachment-try", args=tool)).status_code == 200
    for name, place in [
        ("ai-agent", agent), ("ai-agent-token", agent), ("ai-agent-settings", agent), ("ai-agent-delete", agent),
        ("attach", agent), ("attachment", tool), ("attachment-switch", tool), ("attachment-remove", tool),
        ("ai-agent-new", []), ("attach-to", [attachment.action_id]),
    ]:  # fmt: skip
        assert client.post(reverse(name, args=place), filled()).status_code == 403, name
    as_(client, workspace, "viewer")
    assert client.get(reverse("attachment-try", args=tool)).status_code == 403
    as_(client, make_workspace(), "owner")
    assert client.get(reverse("ai-agent", args=agent)).status_code == 404
    assert client.get(reverse("attachment", args=tool)).status_code == 404
