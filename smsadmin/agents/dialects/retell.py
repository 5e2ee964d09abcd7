"""Retell's custom functions: {"name", "args", "call"}, or the arguments alone beside "call" where the function is set
to send them so, and then the address alone names the tool (Retell docs: custom function)."""

from collections.abc import Mapping
from typing import Any

from smsadmin.agents.dialects.base import Asked, Unreadable, Use, arguments, first_text, member, text
from smsadmin.agents.dialects.flat import Flat
from smsadmin.agents.running import CallFacts


class Retell(Flat):
    """Answers like any program's: what it is handed goes to the model as it is."""

    mixed = False

    def read(self, payload: Any, *, in_url: bool) -> Asked:
        if not isinstance(payload, Mapping):
            raise Unreadable('The body must be a JSON object as in {"name": …, "args": …, "call": …}.')
        call = call_of(payload.get("call"))
        if "args" in payload:
            return Asked([Use(text(payload.get("name")), arguments(payload["args"]))], call)
        return Asked([Use("", {name: value for name, value in payload.items() if name != "call"})], call)


def call_of(call: Any) -> CallFacts:
    """Whom the agent talks with is who called, or of an outbound call who was called."""
    direction = text(member(call, "direction"))
    caller, called = text(member(call, "from_number")), text(member(call, "to_number"))
    party, number = (called, caller) if direction == "outbound" else (caller, called)
    return CallFacts(first_text(member(call, "call_id"), member(call, "chat_id")), party, number, direction)
