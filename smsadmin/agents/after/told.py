"""How each platform tells of the end of a call. It is read tolerantly: any key may be missing or of another type.

Synthflow docs, "Webhooks" and "Get call"; Vapi docs, "Server events" (end-of-call-report); Retell docs, "Webhooks"
(call_ended, call_analyzed). Whoever else tells it writes the plain form (docs/after-the-call.md).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from smsadmin.agents.after.story import MOST_ACTIONS, MOST_CHARACTERS, Executed, Scalar, Story, plain, scalars
from smsadmin.agents.models import AIAgent
from smsadmin.core import strict_json
from smsadmin.providers.told import mapping, phone, text

#: Words of Synthflow's for a call that has not ended.
UNDER_WAY = frozenset({"pending", "registered", "queued", "ringing", "in progress", "ongoing", "paused"})
#: The longest call that can be believed, in seconds.
_LONGEST = 7 * 86_400

MOST_ID = 120


class UnreadableError(ValueError):
    """The body does not tell of a call; its text says why."""


@dataclass(frozen=True, slots=True)
class Told:
    """A call by the platform's id of it, and what was told of it."""

    call_id: str
    story: Story


def read(platform: str, payload: Any) -> Told | None:
    """What a body tells; None for an event that nothing follows from. Raises UnreadableError."""
    body = mapping(payload)
    reader = _READERS.get(platform)
    own = reader(body) if reader else None
    if own is IGNORED:
        return None
    told = own or _plain(body)
    told = replace(told, call_id=told.call_id.strip())
    if not told.call_id:
        raise UnreadableError("The body does not say which call it is about (call_id).")
    return told


def call_id_of(payload: Any) -> str:
    """The id of the call that a body is about, for a signature over it; "" for none."""
    body = mapping(payload)
    call, message = mapping(body.get("call")), mapping(body.get("message"))
    found = call.get("call_id") or body.get("call_id") or mapping(message.get("call")).get("id")
    return text(found, MOST_ID)


#: An event of the platform's that is no end of a call.
IGNORED = Told("", Story())


# --- Synthflow ----------------------------------------------------------------------------------------


def _synthflow(body: Mapping[str, Any]) -> Told | None:
    call, lead = mapping(body.get("call")), mapping(body.get("lead"))
    if not call and not lead:
        return None
    facts = {**body, **call}
    party = text(lead.get("phone_number")) or text(facts.get("lead_phone_number"))
    collected = {
        **dict(_collected(body.get("collected_variables"))),
        **dict(_collected(call.get("collected_variables"))),
    }
    story = _of_synthflow(facts, collected)
    return Told(call_id_of(body), _with_party(story, facts, party))


def synthflow_record(record: Mapping[str, Any]) -> Story:
    """The story in the record of a call, as Synthflow's API gives it."""
    story = _of_synthflow(record, record.get("collected_variables"))
    return _with_party(story, record, text(record.get("lead_phone_number")))


def _of_synthflow(facts: Mapping[str, Any], collected: Any) -> Story:
    status = text(facts.get("status")) or text(facts.get("call_status"))
    variables = dict(_collected(collected))
    if custom := text(facts.get("custom_end_call_reason"), MOST_CHARACTERS):
        variables["custom_end_call_reason"] = custom
    return Story(
        status=status[:40],
        end_reason=text(facts.get("end_call_reason"), 80),
        direction=_direction(facts.get("type_of_call") or facts.get("direction")),
        duration=_seconds(facts.get("duration")),
        actions=tuple(_executed(facts.get("executed_actions"))),
        variables=variables,
        agent_id=text(facts.get("model_id"), 80),
        is_over=plain(status) not in UNDER_WAY,
    )


def _with_party(story: Story, facts: Mapping[str, Any], party: str) -> Story:
    """The other side: who called of an inbound call, who was called of another."""
    ends = [text(facts.get(name)) for name in ("phone_number_from", "phone_number_to")]
    ours = text(facts.get("agent_phone_number"))
    if story.direction:
        theirs, own = ends if story.direction == "inbound" else ends[::-1]
        party, ours = party or theirs, ours or own
    return _numbered(story, party, ours)


def _executed(value: Any) -> Iterator[Executed]:
    """Executed actions, by name or as a list."""
    named = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else [])
    for _number, (key, each) in zip(range(MOST_ACTIONS), named, strict=False):
        found = mapping(each)
        name = text(found.get("name"), MOST_ID) or text(found.get("action_name"), MOST_ID)
        if name := name or (key if isinstance(key, str) else ""):
            returned = found.get("return_value", found.get("results"))
            values = scalars(returned if isinstance(returned, dict | list) else {name: returned})
            yield Executed(name[:MOST_ID], _error(found), values)


def _error(action: Mapping[str, Any]) -> str:
    error = action.get("error_message") or action.get("error")
    return text(error, MOST_CHARACTERS) or ("it failed" if error else "")


def _collected(value: Any, levels: int = 2) -> Iterator[tuple[str, Scalar]]:
    """Collected variables by name: bare, as {"value", "collected"}, by agent, or as a list of names and values."""
    if isinstance(value, list):
        listed = map(mapping, value)
        value = {text(each.get("name")) or text(each.get("key")): each for each in listed}
    for name, each in _dict(value).items():
        if isinstance(each, dict) and "value" in each:
            if each.get("collected") is not False and each["value"] not in (None, ""):
                yield from scalars({name: each["value"]}).items()
        elif isinstance(each, dict) and levels:
            yield from _collected(each, levels - 1)
        elif each not in (None, ""):
            yield from scalars({name: each}).items()


# --- Vapi ---------------------------------------------------------------------------------------------


def _vapi(body: Mapping[str, Any]) -> Told | None:
    message = mapping(body.get("message"))
    if not message:
        return None
    if message.get("type") != "end-of-call-report":
        return IGNORED
    call, analysis = mapping(message.get("call")), mapping(message.get("analysis"))
    customer = mapping(message.get("customer")) or mapping(call.get("customer"))
    ours = mapping(message.get("phoneNumber")) or mapping(call.get("phoneNumber"))
    assistant = mapping(message.get("assistant"))
    story = Story(
        status=text(call.get("status"), 40) or "ended",
        end_reason=text(message.get("endedReason") or call.get("endedReason"), 80),
        direction=_direction(call.get("type")),
        duration=_seconds(message.get("durationSeconds")),
        actions=tuple(_tools_of_vapi(message)),
        variables=scalars(analysis.get("structuredData")),
        agent_id=text(call.get("assistantId") or assistant.get("id"), 80),
    )
    return Told(text(call.get("id"), MOST_ID), _numbered(story, customer.get("number"), ours.get("number")))


def _tools_of_vapi(message: Mapping[str, Any]) -> Iterator[Executed]:
    """What its tools answered, from the roles of the messages; none of what people said."""
    messages = mapping(message.get("artifact")).get("messages") or message.get("messages")
    for each in _some(messages):
        if each.get("role") in ("tool_call_result", "tool") and (name := text(each.get("name"), MOST_ID)):
            yield Executed(name, text(each.get("error"), MOST_CHARACTERS), _values_in(each.get("result")))


# --- Retell -------------------------------------------------------------------------------------------


def _retell(body: Mapping[str, Any]) -> Told | None:
    event, call = text(body.get("event")), mapping(body.get("call"))
    if not event or not call:
        return None
    if event not in ("call_ended", "call_analyzed"):
        return IGNORED
    analysis = mapping(call.get("call_analysis"))
    direction = _direction(call.get("direction"))
    ends = [call.get("from_number"), call.get("to_number")]
    party, ours = ends if direction != "outbound" else ends[::-1]
    story = Story(
        status=text(call.get("call_status"), 40),
        end_reason=text(call.get("disconnection_reason"), 80),
        direction=direction,
        duration=_seconds(call.get("duration_ms"), divisor=1000),
        actions=tuple(_tools_of_retell(call)),
        variables={
            **scalars(call.get("collected_dynamic_variables")),
            **scalars(analysis.get("custom_analysis_data")),
        },
        agent_id=text(call.get("agent_id"), 80),
        is_whole=event == "call_analyzed",
    )
    return Told(text(call.get("call_id"), MOST_ID), _numbered(story, party, ours))


def _tools_of_retell(call: Mapping[str, Any]) -> Iterator[Executed]:
    names: dict[str, str] = {}
    for each in _some(call.get("transcript_with_tool_calls")):
        key = text(each.get("tool_call_id"))
        if each.get("role") == "tool_call_invocation":
            names[key] = text(each.get("name"), MOST_ID)
        elif each.get("role") == "tool_call_result" and names.get(key):
            failed = each.get("successful") is False
            yield Executed(names[key], "it failed" if failed else "", _values_in(each.get("content")))


# --- The plain form -----------------------------------------------------------------------------------


def _plain(body: Mapping[str, Any]) -> Told:
    story = Story(
        status=text(body.get("status"), 40) or "ended",
        end_reason=text(body.get("end_reason"), 80),
        direction=_direction(body.get("direction")),
        duration=_seconds(body.get("duration")),
        actions=tuple(
            Executed(name, text(each.get("error"), MOST_CHARACTERS), scalars(each.get("values")))
            for each in _some(body.get("actions"))
            if (name := text(each.get("name"), MOST_ID))
        ),
        variables=scalars(body.get("variables")),
    )
    return Told(text(body.get("call_id"), MOST_ID), _numbered(story, body.get("party"), body.get("number")))


# --- Shared -------------------------------------------------------------------------------------------

_READERS: Mapping[str, Callable[[Mapping[str, Any]], Told | None]] = {
    AIAgent.Platform.SYNTHFLOW: _synthflow,
    AIAgent.Platform.VAPI: _vapi,
    AIAgent.Platform.RETELL: _retell,
}


def _numbered(story: Story, party: Any, ours: Any) -> Story:
    numbers = [phone(found) if (found := text(each)) else "" for each in (party, ours)]
    return replace(story, party=numbers[0], number=numbers[1])


def _direction(value: Any) -> str:
    """inbound or outbound, however it is spelt (inboundPhoneCall); "" for what says neither."""
    word = text(value).casefold()
    return next((each for each in ("inbound", "outbound") if each in word), "")


def _seconds(value: Any, divisor: int = 1) -> int | None:
    try:
        seconds = round(float(value) / divisor)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds <= _LONGEST else None


def _values_in(value: Any) -> dict[str, Scalar]:
    """The values of what a tool answered, which may be JSON in a string; nothing of other texts."""
    if isinstance(value, str):
        try:
            value = strict_json.read(value)
        except ValueError:
            return {}
    return scalars(value) if isinstance(value, dict) else {}


def _some(value: Any) -> Iterator[Mapping[str, Any]]:
    listed = value if isinstance(value, list) else []
    return (
        each
        for _number, each in zip(range(MOST_ACTIONS * 20), listed, strict=False)
        if isinstance(each, dict)
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
