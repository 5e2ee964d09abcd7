"""Runs as a reader may see them. Every list and page of runs is made from what this gives."""

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

from smsadmin.flows.models import FlowRun
from smsadmin.privacy.masking import MASK, masked_number
from smsadmin.privacy.reading import sees_everything
from smsadmin.workspaces.models import Member

#: Of what a run saw and answered, what tells nothing of anybody: kinds, countries, times, ids and our own words.
_OPEN = frozenset(
    {
        *("id", "sid", "type", "status", "statusText", "code", "direction", "encoding", "now", "from"),
        *("fromType", "fromCountry", "toType", "toCountry", "toNumber", "toLocation"),
        *("started", "answered", "ended", "createdAt", "updatedAt", "sentAt", "deliveredAt"),
        *("hangupCause", "hangupSource", "action", "branch", "piece", "kind"),
    }
)
#: What another host says may tell of somebody under any name.
_CLOSED = frozenset({"json", "headers"})
#: Values of conditions that tell nothing of anybody.
_PLAIN = re.compile(r'true|false|null|undefined|NaN|""|\[\]|\{\}|-?\d{1,6}', re.ASCII)
#: A number with more digits may be one that can be dialled.
_MOST_DIGITS = 10**6


def for_reader(runs: Iterable[FlowRun], member: Member) -> list[FlowRun]:
    """The runs as the member may see them, in their order; masked ones are copies that are not to be saved."""
    runs = list(runs)
    return runs if sees_everything(member) else [_masked(run) for run in runs]


def _masked(run: FlowRun) -> FlowRun:
    """A copy without numbers, texts and values. What the row was read without stays out: it must not be fetched
    unmasked later."""
    unread = run.get_deferred_fields()
    masked = copy.copy(run)
    masked.is_masked = True
    masked.party = masked_number(run.party)
    masked.context = {} if "context" in unread else _without(run.context)
    masked.effects = {}
    masked.steps = [] if "steps" in unread else [_masked_step(step) for step in run.steps]
    masked.error = {} if "error" in unread else _without(run.error)
    return masked


def _masked_step(step: Mapping[str, Any]) -> dict[str, Any]:
    """Conditions are the flow's own text; what they were worth, and what actions answered, came from outside."""
    value = step.get("value", "")
    return {
        **step,
        "value": value if not value or _PLAIN.fullmatch(value) else MASK,
        "result": _without(step.get("result")),
        "note": _without(step.get("note") or {}),
    }


def _without(value: Any, name: str = "") -> Any:
    """What JSON holds under this name, of the same shape, without what may tell of somebody."""
    if isinstance(value, Mapping):
        return {each: _without(inner, name if name in _CLOSED else each) for each, inner in value.items()}
    if isinstance(value, list):
        return [_without(each, name) for each in value]
    if isinstance(value, str):
        return value if name in _OPEN or not value else masked_number(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _MOST_DIGITS:
        return MASK
    return value
