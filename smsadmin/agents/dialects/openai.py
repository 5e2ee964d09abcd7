"""A model's tool calls as OpenAI writes them, passed on by the program that talks with the model: `tool_calls` of a
chat completion's message, or the `function_call` items of a response.

Each is answered with what goes to the model next: a message of the role "tool", or a `function_call_output`. Who the
call is with stands beside them, under the names of dialects.flat.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from smsadmin.agents import rendering
from smsadmin.agents.dialects import flat
from smsadmin.agents.dialects.base import Asked, Done, Json, Unreadable, Use, arguments, member, text
from smsadmin.agents.running import Answer, CallFacts

_ITEM = "function_call"
_EXPECTED = (
    'The body must have "tool_calls" of a message, or "output" with items of the type "function_call".'
)


class OpenAI:
    mixed = False
    always_200 = False

    def read(self, payload: Any, *, in_url: bool) -> Asked:
        calls, items = _chat(payload), _items(payload)
        if calls is None and items is None:
            raise Unreadable(_EXPECTED)
        uses = [_of_call(each) for each in calls or []] + [_of_item(each) for each in items or []]
        is_item = isinstance(payload, Mapping) and payload.get("type") == _ITEM
        call = flat.call_of(payload) if isinstance(payload, Mapping) and not is_item else CallFacts()
        return Asked(uses, call)

    def write(self, done: Sequence[Done], payload: Any) -> tuple[int, Json]:
        if _chat(payload) is not None:
            return 200, {"messages": [_message(each) for each in done]}
        return 200, {"input": [_output(each) for each in done]}

    def failed(self, answer: Answer) -> Json:
        return rendering.answer(answer)


def _chat(payload: Any) -> list[Mapping[str, Any]] | None:
    """The calls of a chat completion: of its message, or of the whole of it."""
    choices = member(payload, "choices")
    inside = choices[0] if isinstance(choices, list) and choices else None
    found = (
        member(payload, "tool_calls"),
        member(payload, "message", "tool_calls"),
        member(inside, "message", "tool_calls"),
    )
    calls = next((each for each in found if isinstance(each, list)), None)
    return None if calls is None else [each for each in calls if isinstance(each, Mapping)]


def _items(payload: Any) -> list[Mapping[str, Any]] | None:
    """The calls of a response: one item, a list of them, or the whole of it."""
    if isinstance(payload, Mapping) and payload.get("type") == _ITEM:
        return [payload]
    listed = payload if isinstance(payload, list) else member(payload, "output")
    if not isinstance(listed, list):
        return None
    return [each for each in listed if isinstance(each, Mapping) and each.get("type") == _ITEM]


def _of_call(call: Mapping[str, Any]) -> Use:
    function = call.get("function")
    return Use(text(member(function, "name")), arguments(member(function, "arguments")), text(call.get("id")))


def _of_item(item: Mapping[str, Any]) -> Use:
    return Use(text(item.get("name")), arguments(item.get("arguments")), text(item.get("call_id")))


def _message(done: Done) -> Json:
    return {"role": "tool", "tool_call_id": done.use.external_id, "content": done.answer.say}


def _output(done: Done) -> Json:
    return {"type": "function_call_output", "call_id": done.use.external_id, "output": done.answer.say}
