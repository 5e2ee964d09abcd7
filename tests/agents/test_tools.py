"""What an agent is told of an action: one definition, and what each platform gets of it."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from smsadmin.agents import credentials, rendering, tools, variables
from smsadmin.agents.models import AIAgent, Attachment
from smsadmin.agents.variables import Need
from smsadmin.core import secret_tokens
from tests.factories import make_action, make_ai_agent, make_attachment

BASE = "https://sms.example.com"


def action_of(agent: AIAgent, message: str, **config: Any) -> Any:
    return make_action(agent.workspace, message=message, **{"object_type": "call", **config})


def test_every_property_but_the_recipient_becomes_a_parameter(agent: AIAgent) -> None:
    action = action_of(
        agent,
        "{{Contact.FirstName}} {{contact.first_name}} {{date}} {{place | default('here')}} {{phone}} {{Größe}}",
        recipient_property="phone",
        sender_kind="property",
        sender_property="Contact.Line",
    )
    assert variables.needed(action.current) == [
        Need("Contact.FirstName", "contact_first_name", "Contact.FirstName", is_text=True),
        Need("enrolled_object.date", "date", "date", is_text=True),
        Need("enrolled_object.place", "place", "place", is_text=True, has_default=True),
        Need("enrolled_object.Größe", "grosse", "Größe", is_text=True),
        Need("Contact.Line", "contact_line", "Contact.Line", is_text=False),
    ]


def test_a_parameter_never_has_a_name_that_means_something_else(agent: AIAgent) -> None:
    action = action_of(
        agent, "{{to}} {{direction}} {{To do}} {{to-do}} {{日付}} {{args}} {{call}} {{tool}} {{name}}"
    )
    assert [need.name for need in variables.needed(action.current)] == [
        "to_2",
        "direction_2",
        "to_do",
        "to_do_2",
        "value",
        "args_2",
        "call_2",
        "tool_2",
        "name",
    ]
    assert all(variables.is_name(need.name) for need in variables.needed(action.current))
    assert len(variables.free("x" * 80, {"x" * 64})) == 64


def test_a_text_that_spells_a_property_differently_keeps_its_setting(agent: AIAgent) -> None:
    attachment = make_attachment(
        agent,
        action_of(agent, "{{Contact.first_name}}"),
        tool_name="named",
        variables={
            "contact.FirstName": {
                "source": "agent",
                "name": "who",
                "description": "The name",
                "example": "Ada",
            }
        },
    )
    assert tools.of(attachment).properties["who"] == {
        "type": "string",
        "description": "The name. For example: Ada",
        "maxLength": tools.MOST_VALUE,
    }


def test_the_description_says_what_when_and_how_often(attachment: Attachment) -> None:
    attachment.what, attachment.condition = "Texts the booking", "After the customer\n confirmed it"
    assert tools.of(attachment).description == (
        "Texts the booking. Use this when: After the customer confirmed it. Do not use it more than once per call."
    )
    attachment.most_per_call = 3
    assert "at most 3 times per call" in tools.of(attachment).description


def test_a_condition_of_its_own_goes_before_the_actions(agent: AIAgent) -> None:
    action = action_of(agent, "Hello", condition="When asked")
    attachment = make_attachment(agent, action, tool_name="hello")
    assert "Use this when: When asked." in tools.of(attachment).description
    attachment.condition = "When it rings"
    assert "Use this when: When it rings." in tools.of(attachment).description


def test_a_long_description_is_cut_where_it_says_when(attachment: Attachment) -> None:
    attachment.what, attachment.condition = "w" * 300, "c" * 900
    found = tools.of(attachment).description
    assert len(found) == tools.MOST_DESCRIPTION
    assert found.endswith("… Do not use it more than once per call.")


def test_the_schema_takes_what_the_agent_is_to_say_and_nothing_else(attachment: Attachment) -> None:
    attachment.recipient = Attachment.Recipient.ARGUMENT
    schema = tools.of(attachment).schema
    Draft202012Validator.check_schema(schema)
    assert (list(schema["properties"]), schema["required"]) == (["to", "date"], ["to", "date"])
    assert schema["additionalProperties"] is False
    check = Draft202012Validator(schema).is_valid
    assert check({"to": "+12025550123", "date": "2"})
    assert not check({"to": "2025550123", "date": "2"})


def test_openai_gets_every_parameter_as_required_and_nothing_it_does_not_know(attachment: Attachment) -> None:
    attachment.variables = {"date": {"source": "agent", "name": "date", "required": False}}
    tool = tools.of(attachment)
    function = rendering.openai(tool)["function"]
    assert function["strict"] is True
    assert function["parameters"]["required"] == ["date"]
    assert function["parameters"]["properties"]["date"]["type"] == ["string", "null"]
    assert "maxLength" not in function["parameters"]["properties"]["date"]
    assert tool.schema["required"] == []
    assert rendering.responses(tool) == {"type": "function", **function}


def test_synthflow_refers_to_every_variable_in_the_body(attachment: Attachment) -> None:
    attachment.recipient = Attachment.Recipient.ARGUMENT
    action = rendering.synthflow(tools.of(attachment), BASE, "smsagent_x")["CUSTOM_ACTION"]
    assert {"http_mode", "url", "run_action_before_call_start", "name"} <= set(action)
    assert action["url"] == f"{BASE}/agents/tools/send_booking"
    assert action["headers"] == [{"key": "Authorization", "value": "Bearer smsagent_x"}]
    body = json.loads(action["json_body_stringified"])
    assert [f"<{each['name']}>" for each in action["variables_during_the_call"]] == [body["to"], body["date"]]
    assert body["call_id"] == "<call_id>"


def test_retell_and_vapi_get_the_schema_as_it_is(attachment: Attachment) -> None:
    tool = tools.of(attachment)
    assert rendering.retell(tool, BASE)["parameters"] == tool.schema
    assert 1_000 <= rendering.retell(tool)["timeout_ms"] <= 600_000
    vapi = rendering.vapi(tool, BASE, "t")
    assert vapi["function"]["parameters"] == tool.schema
    assert vapi["server"] == {"url": f"{BASE}/agents/tools/", "headers": {"Authorization": "Bearer t"}}
    signer = attachment.agent.public_id
    signed = rendering.vapi(tool, BASE, signed_by=signer)["server"]
    assert signed == {"url": f"{BASE}/agents/tools/?agent={signer}", "credentialId": "CREDENTIAL_ID"}


@pytest.mark.parametrize("platform", AIAgent.Platform.values)
def test_every_platform_has_a_set_up_that_can_be_copied(attachment: Attachment, platform: str) -> None:
    attachment.agent.platform, attachment.recipient = platform, Attachment.Recipient.ARGUMENT
    snippets = rendering.setup(attachment.agent, tools.of(attachment), BASE)
    shown = rendering.setup(attachment.agent, tools.of(attachment), BASE, "smsagent_a_b")
    assert all(each.title and each.note for each in snippets)
    assert any("send_booking" in each.code for each in snippets)
    assert any(f"Bearer {rendering.NO_TOKEN}" in each.code for each in snippets)
    assert any("Bearer smsagent_a_b" in each.code for each in shown)
    assert all(json.loads(each.code) for each in snippets if each.language == "json")


# --- Tokens -------------------------------------------------------------------------------------------


def test_a_token_is_found_by_its_prefix_and_known_by_its_hash(agent: AIAgent) -> None:
    other, token = make_ai_agent(agent.workspace)
    assert credentials.of_token(token) == other
    assert token not in (other.token_prefix, other.token_hash)
    for wrong in ("", token[:-1], f"{token}x", token.replace("smsagent", "smsadmin"), token.swapcase()):
        assert credentials.of_token(wrong) is None
    assert secret_tokens.matches(token, other.token_hash)
    assert not secret_tokens.matches(f"{token}x", other.token_hash)
