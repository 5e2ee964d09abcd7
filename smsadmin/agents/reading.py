"""Calls as a reader may see them. Every list and page of calls is made from what this gives."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from smsadmin.agents.models import AgentCall, Invocation
from smsadmin.privacy.masking import MASK, Secrets, masked_number
from smsadmin.privacy.reading import sees_everything
from smsadmin.workspaces.models import Member


def calls_for_reader(calls: Iterable[AgentCall], member: Member) -> list[AgentCall]:
    """The calls as the member may see them, in their order; masked ones are copies that are not to be saved."""
    calls = list(calls)
    return calls if sees_everything(member) else [_masked_call(call) for call in calls]


def uses_for_reader(uses: Iterable[Invocation], member: Member) -> list[Invocation]:
    """The same of the uses of tools."""
    uses = list(uses)
    return uses if sees_everything(member) else [_masked_use(use) for use in uses]


def _masked_call(call: AgentCall) -> AgentCall:
    masked = copy.copy(call)
    masked.party = masked_number(call.party) if call.party else ""
    masked.told = _hidden(call.told)
    return masked


def _masked_use(use: Invocation) -> Invocation:
    masked = copy.copy(use)
    secrets = Secrets((), tuple(str(value) for value in use.arguments.values() if value))
    masked.arguments = {
        name: value if value in (None, "") else masked_number(str(value))
        for name, value in use.arguments.items()
    }
    masked.said = str(secrets.out_of(use.said))
    return masked


def _hidden(told: Mapping[str, Any]) -> dict[str, Any]:
    """What was told of a call's end, of the same shape, without what anybody said: the names and our decisions stay."""
    hidden = {name: value for name, value in told.items() if name != "facts"}
    if isinstance(told.get("variables"), Mapping):
        hidden["variables"] = dict.fromkeys(told["variables"], MASK)
    if isinstance(told.get("actions"), list):
        hidden["actions"] = [
            {
                **each,
                "error": each.get("error") and MASK,
                "values": dict.fromkeys(each.get("values") or {}, MASK),
            }
            for each in told["actions"]
        ]
    if isinstance(told.get("decided"), list):
        hidden["decided"] = [
            {**each, "seen": [_hidden_condition(seen) for seen in each.get("seen") or []]}
            for each in told["decided"]
        ]
    return hidden


def _hidden_condition(seen: Mapping[str, Any]) -> dict[str, Any]:
    """A condition without what was seen, and without what that was compared with: where it holds they are the same."""
    return {**seen, "seen": seen.get("seen") and MASK, "value": seen.get("value") and MASK}
