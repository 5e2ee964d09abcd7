"""Vapi's tool calls: several in one request, each answered by its id (Vapi docs: custom tools, server events).

Whatever is not answered with 200 is ignored there, and so is a result that is no single line.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from smsadmin.agents.dialects.base import (
    Asked,
    Done,
    Json,
    Unreadable,
    Use,
    arguments,
    first_text,
    member,
    one_line,
    text,
)
from smsadmin.agents.running import Answer, CallFacts

#: The message that is answered; a server is told of much else.
TOOL_CALLS = "tool-calls"
#: The same calls, with and without the tools that they are of; the first list that has any counts.
_LISTS = ("toolCallList", "toolCalls", "toolWithToolCallList")
_DIRECTIONS = {"inboundPhoneCall": "inbound", "outboundPhoneCall": "outbound"}


class Vapi:
    mixed = False
    always_200 = True

    def read(self, payload: Any, *, in_url: bool) -> Asked:
        message = member(payload, "message")
        if not isinstance(message, Mapping):
            raise Unreadable('The body must be a JSON object as in {"message": {"type": "tool-calls", …}}.')
        if message.get("type") != TOOL_CALLS:
            return Asked([])
        listed: Any = next(filter(None, map(message.get, _LISTS)), [])
        if not isinstance(listed, list):
            raise Unreadable("message.toolCallList must be a list.")
        return Asked([_use(each) for each in listed if isinstance(each, Mapping)], _call(message))

    def write(self, done: Sequence[Done], payload: Any) -> tuple[int, Json]:
        return 200, {"results": [_result(each) for each in done]}

    def failed(self, answer: Answer) -> Json:
        return {"results": [], "error": one_line(answer.say)}


def _use(listed: Mapping[str, Any]) -> Use:
    """A call, alone or inside the tool that it is of. Its arguments are called so or "parameters", stand in the call or
    in its function, as an object or as its text; the first that are not empty count."""
    call = listed["toolCall"] if isinstance(listed.get("toolCall"), Mapping) else listed
    inner = call["function"] if isinstance(call.get("function"), Mapping) else {}
    name = first_text(
        call.get("name"), inner.get("name"), listed.get("name"), member(listed, "function", "name")
    )
    given = (arguments(each.get(key)) for each in (call, inner) for key in ("arguments", "parameters"))
    return Use(name, next((found for found in given if found != {}), {}), text(call.get("id")))


def _call(message: Mapping[str, Any]) -> CallFacts:
    call = message.get("call")
    return CallFacts(
        call_id=first_text(
            member(call, "id"), member(message, "chat", "id"), member(message, "session", "id")
        ),
        party=first_text(member(call, "customer", "number"), member(message, "customer", "number")),
        number=first_text(member(message, "phoneNumber", "number"), member(call, "phoneNumber", "number")),
        direction=_DIRECTIONS.get(text(member(call, "type")), ""),
    )


def _result(done: Done) -> Json:
    said = "result" if done.answer.ok else "error"
    return {"toolCallId": done.use.external_id, said: one_line(done.answer.say)}
