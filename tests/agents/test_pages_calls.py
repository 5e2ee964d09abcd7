"""The pages of calls: what became of each text, what was decided after the call, and what viewers do not see."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from smsadmin import keyset
from smsadmin.agents.running import CallFacts, use
from smsadmin.sending.models import Message
from tests.factories import (
    RECIPIENT,
    make_ai_agent,
    make_attachment,
    make_member,
    make_message,
    make_workspace,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def attachment(workspace):
    return make_attachment(make_ai_agent(workspace, name="Booking line")[0])


@pytest.fixture
def editor(client, workspace):
    return as_(client, workspace, "editor")


def as_(client, workspace, role):
    client.force_login(make_member(workspace, role).user)
    return client


def text(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def used(attachment, call_id="call-1", date="Tuesday", **more):
    """The attachment's tool is used in a call."""
    facts = CallFacts(call_id, RECIPIENT, "+12025550100", "inbound")
    return use(attachment.agent, attachment, {"date": date}, facts, dialect="retell", **more)


def call_of(agent, call_id, at=None, **columns):
    now = at or timezone.now()
    return agent.calls.create(
        workspace=agent.workspace, call_id=call_id, first_at=now, last_at=now, **columns
    )


def listed(client, **query):
    return [row.call.call_id for row in client.get(reverse("agent-calls"), query).context["rows"]]


def test_a_call_shows_its_text_its_status_and_the_answer_that_the_agent_got(editor, attachment):
    answer = used(attachment)
    Message.objects.filter(pk=answer.message.pk).update(status="delivered")
    attachment.agent.calls.update(
        ended_at=timezone.now(), status="completed", end_reason="human_goodbye", duration=32
    )

    page = editor.get(reverse("agent-call", args=[answer.invocation.call_id]))

    for said in (
        "Booked for Tuesday",
        "Delivered",
        "“The text is on its way.”",
        "human_goodbye",
        "32 s",
        "Booking line",
    ):
        assert said in text(page), said
    assert reverse("message", args=[answer.message.pk]) in page.content.decode()


def test_a_text_that_failed_says_why_and_what_fixes_it(editor, attachment):
    answer = used(attachment)
    Message.objects.filter(pk=answer.message.pk).update(
        status="undelivered",
        error_code="DELIVERY_FAILED",
        error_facts={"recipient": RECIPIENT, "answer": "off"},
    )

    page = text(editor.get(reverse("agent-call", args=[answer.invocation.call_id])))

    assert "What fixes it:" in page
    assert "Undelivered" in page


def test_a_message_leads_to_its_agent_and_call_and_the_log_finds_it(editor, attachment):
    message = used(attachment).message

    page = editor.get(reverse("message", args=[message.pk]))

    assert page.context["came_from"].words == "Agent Booking line, tool send_booking"
    assert page.context["came_from"].url == reverse("ai-agent", args=[attachment.agent_id])
    call = attachment.agent.calls.get()
    assert page.context["record"].url == reverse("agent-call", args=[call.pk])
    make_message(attachment.workspace)
    log = editor.get(reverse("log"), {"trigger": "agent"})
    assert re.findall(r"id=\"m-([0-9a-f-]{36})\"", log.content.decode()) == [str(message.pk)]


def test_what_was_decided_after_the_call_is_said_condition_by_condition(editor, attachment):
    seen = {"fact": "status", "test": "is", "name": "", "value": "completed", "holds": False, "seen": "busy"}
    decided = {
        "tool": "send_booking",
        "holds": False,
        "outcome": "",
        "code": "",
        "any": False,
        "seen": [seen],
    }
    told = {"decided": [decided], "variables": {"slot": "noon"}, "proof": "body"}
    call = call_of(attachment.agent, "c9", ended_at=timezone.now(), after="done", told=told)

    page = text(editor.get(reverse("agent-call", args=[call.pk])))

    for said in ("Its rule does not hold", "the status is “completed”", "(busy)", "noon"):
        assert said in page, said


def test_calls_are_found_by_agent_outcome_id_and_number(editor, workspace, attachment):
    used(attachment, "good")
    refused = used(attachment, "bad")
    Message.objects.filter(pk=refused.message.pk).update(status="failed")
    call_of(attachment.agent, "silent")
    other = make_ai_agent(workspace)[0]
    call_of(other, "theirs", party="+12025550177")
    call_of(make_ai_agent(make_workspace())[0], "foreign")

    assert set(listed(editor)) == {"good", "bad", "silent", "theirs"}
    assert listed(editor, agent=other.pk) == ["theirs"]
    assert listed(editor, outcome="trouble") == ["bad"]
    assert set(listed(editor, outcome="none")) == {"silent", "theirs"}
    assert listed(editor, q="sil") == ["silent"]
    assert listed(editor, q="+1 202 555 0177") == ["theirs"]


def test_pages_of_calls_lead_on_and_back(editor, attachment, monkeypatch):
    monkeypatch.setattr(keyset, "PER_PAGE", 3)
    now = timezone.now()
    for nth in range(7):
        call_of(
            attachment.agent, f"c{nth}", now - timedelta(minutes=nth // 2)
        )  # two of each moment, on both sides of a page's end

    seen, url = [], reverse("agent-calls")
    while url:
        page = editor.get(url).context
        seen += [row.call.call_id for row in page["rows"]]
        newer, url = page["newer"], page["older"]
    back = editor.get(newer).context["rows"]

    assert sorted(seen) == [f"c{nth}" for nth in range(7)]
    assert [row.call.call_id for row in back] == seen[3:6]
    assert editor.get(reverse("agent-calls"), {"before": "yesterday"}).status_code == 200


def test_a_call_with_many_uses_is_read_a_page_at_a_time_and_counted_by_the_database(
    editor, attachment, monkeypatch
):
    monkeypatch.setattr(keyset, "PER_PAGE", 3)
    used(attachment)
    call = attachment.agent.calls.get()
    first = call.invocations.get()
    copies = ["repeated", "repeated", "too_many", "too_many", "", "unusable"]
    for nth, outcome in enumerate(copies):
        message = first.message if outcome == "repeated" else None
        call.invocations.create(workspace=call.workspace, agent=call.agent, tool_name=f"t{nth}", dialect="retell",
                                at=first.at + timedelta(seconds=nth // 2 + 1), digest=first.digest,
                                outcome=outcome, message=message)  # fmt: skip

    (row,) = editor.get(reverse("agent-calls")).context["rows"]
    assert (row.texts, row.refused) == ([("queued", 1)], 4)
    seen, url = [], reverse("agent-call", args=[call.pk])
    while url:
        page = editor.get(url).context
        assert len(page["uses"]) <= 3
        seen += [each.use.tool_name for each in page["uses"]]
        older, url = page["older"], page["newer"]
    assert seen == ["send_booking", "t0", "t1", "t2", "t3", "t4", "t5"]
    assert [each.use.tool_name for each in editor.get(older).context["uses"]] == seen[3:6]
    costs = []
    for _uses in ("many", "two"):
        with CaptureQueriesContext(connection) as queries:
            editor.get(reverse("agent-call", args=[call.pk]))
        costs.append(len(queries))
        call.invocations.filter(tool_name__in=seen[2:]).delete()
    assert costs[0] == costs[1]


def test_false_and_nought_are_values(editor, attachment):
    told = {"variables": {"agreed": False, "children": 0, "note": ""}}
    call = call_of(attachment.agent, "c3", ended_at=timezone.now(), told=told)

    page = editor.get(reverse("agent-call", args=[call.pk]))

    assert page.context["collected"] == [("agreed", "false"), ("children", "0"), ("note", "–")]


def test_uses_without_a_call_have_a_list_of_their_own(editor, attachment):
    used(attachment, call_id="")

    assert "Booked for Tuesday" in text(editor.get(reverse("agent-uses")))
    assert listed(editor) == []


def test_viewers_see_neither_numbers_nor_texts_nor_what_was_told(client, workspace, attachment):
    used(attachment)
    call = attachment.agent.calls.get()
    call.told = {
        "variables": {"value": "a secret"},
        "actions": [{"name": "look_up", "error": "no a secret", "values": {"name": "a secret"}}],
        "decided": [{"tool": "t", "holds": True, "seen": [{"fact": "variable", "test": "is", "name": "v",
                                                            "value": "a secret", "holds": True, "seen": "a secret"}]}],
    }  # fmt: skip
    call.ended_at = timezone.now()
    call.save()
    used(attachment, call_id="", date="Wednesday")

    as_(client, workspace, "viewer")
    pages = [
        client.get(url).content.decode()
        for url in (
            reverse("agent-call", args=[call.pk]),
            reverse("agent-calls"),
            reverse("agent-uses"),
            reverse("ai-agent", args=[attachment.agent_id]),
        )
    ]

    for page in pages:
        for secret in (RECIPIENT, RECIPIENT.removeprefix("+1"), "Tuesday", "Wednesday", "a secret"):
            assert secret not in page


def test_what_fixes_a_number_that_an_agent_gave_is_not_said_of_a_record(editor, attachment):
    answer = use(attachment.agent, attachment, {"date": "noon"}, CallFacts("call-2"), dialect="retell")

    page = text(editor.get(reverse("agent-call", args=[answer.invocation.call_id])))

    assert "Have the platform tell whom the agent talks with" in page
    assert "on the record" not in page
