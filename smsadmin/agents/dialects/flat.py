"""One JSON object with the arguments and what is known of the call: Synthflow's custom actions as we have them set up,
and any program.

A member that the platform did not fill in, so that it still reads "<date>", is as good as missing.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from smsadmin.agents import rendering
from smsadmin.agents.dialects.base import Asked, Done, Json, Unreadable, Use, first_text, text
from smsadmin.agents.running import Answer, CallFacts
from smsadmin.agents.variables import CALL_FACTS

_UNFILLED = re.compile(r"<\s*[\w.]+\s*>|\{\{?\s*[\w.]+\s*\}?\}")


class Flat:
    mixed = True
    always_200 = False

    def read(self, payload: Any, *, in_url: bool) -> Asked:
        if not isinstance(payload, Mapping):
            raise Unreadable("The body must be a JSON object with the arguments of the tool and call_id.")
        found = {name: value for name, value in payload.items() if not _is_unfilled(value)}
        arguments = {name: value for name, value in found.items() if name not in CALL_FACTS}
        name = "" if in_url else text(arguments.pop("tool", ""))
        return Asked([Use(name, arguments)], call_of(found))

    def write(self, done: Sequence[Done], payload: Any) -> tuple[int, Json]:
        [only] = done
        return 200 if only.known else 404, rendering.answer(only.answer)

    def failed(self, answer: Answer) -> Json:
        return rendering.answer(answer)


def call_of(found: Mapping[str, Any]) -> CallFacts:
    """What stands beside the arguments (Synthflow help: system variables): of an inbound call the number that was
    dialled, of an outbound one the number that we called from."""
    ours, dialled = text(found.get("from_phone_number")), text(found.get("to_phone_number"))
    supposed = "inbound" if dialled else "outbound" if ours else ""
    return CallFacts(
        call_id=first_text(found.get("call_id"), found.get("twilio_call_sid")),
        party=text(found.get("user_phone_number")),
        number=dialled or ours,
        direction=text(found.get("direction")) or supposed,
    )


def _is_unfilled(value: Any) -> bool:
    return isinstance(value, str) and _UNFILLED.fullmatch(value.strip()) is not None
