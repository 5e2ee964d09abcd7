"""What stands in a text that is sent after a call: what was collected in it, what actions returned, and its own facts,
each by the name that the attachment has for it."""

from collections.abc import Iterator

from smsadmin.actions.calls import CALL_ID, PHONE
from smsadmin.actions.models import ObjectType
from smsadmin.agents import variables
from smsadmin.agents.after.story import FACTS, Scalar, Story
from smsadmin.agents.models import AgentCall, Attachment
from smsadmin.agents.tools import TO, Tool, said
from smsadmin.core import tokens

#: What texts call the facts of a call ({{Call.duration}}), and a story has them as.
NAMED = {PHONE if fact == "party" else fact: fact for fact in FACTS}


def arguments(attachment: Attachment, tool: Tool, call: AgentCall, story: Story) -> dict[str, Scalar]:
    """The arguments of the tool that the story has. What it has not is left out, for the tool itself to say so. A
    number that an agent would give is the variable “to”, and nothing else stands in for it."""
    known = by_name(story)
    version = attachment.action.current
    assert version
    facts = _facts(call, story)
    found: dict[str, Scalar | None] = {TO: known.get(TO)} if TO in tool.properties else {}
    for need, setting in said(attachment, version).items():
        if setting.source == "agent":
            first, name = variables.parts(need.path, version.object_type)
            is_fact = version.object_type == ObjectType.CALL and not first
            found[setting.name] = known.get(setting.name, facts.get(tokens.key(name)) if is_fact else None)
    return {name: value for name, value in found.items() if value not in (None, "")}


def by_name(story: Story) -> dict[str, Scalar]:
    """Every value under its name as variables are spelt (appointment_date), of one in an object also under its last
    part where no other has that; what was collected prevails over what an action returned."""
    returned = [pair for each in story.actions for pair in each.values.items()]
    found = {variables.spelt(name): value for name, value in _parts(returned)}
    found |= {variables.spelt(name): value for name, value in returned}
    found |= {variables.spelt(name): value for name, value in story.variables.items()}
    return {name: value for name, value in found.items() if name}


def _parts(values: list[tuple[str, Scalar]]) -> Iterator[tuple[str, Scalar]]:
    last = [name.rpartition(".")[2] for name, _value in values]
    return ((part, value) for part, (_name, value) in zip(last, values, strict=True) if last.count(part) == 1)


def _facts(call: AgentCall, story: Story) -> dict[str, Scalar | None]:
    """The facts of a call, by their names as tokens compare them."""
    known = {tokens.key(name): getattr(story, fact) for name, fact in NAMED.items()}
    return {**known, tokens.key(CALL_ID): call.call_id}
