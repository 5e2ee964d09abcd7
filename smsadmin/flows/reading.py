"""Runs as a reader may see them. Every list and page of runs is made from what this gives."""

import copy
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from smsadmin.flows.language.actions import FETCHES, SMS
from smsadmin.flows.models import FlowRun
from smsadmin.privacy.masking import MASK, masked_number
from smsadmin.privacy.reading import sees_everything
from smsadmin.workspaces.models import Member

#: What our own words call things by, in the note of a step or the error of a run.
_OPEN_NOTE = frozenset({"code", "action", "branch", "piece", "kind"})
#: Of each recipient of a text.
_OPEN_TEXT = frozenset({"id", "status", "code", "from"})
#: Of what a host answered, what HTTP itself says.
_OPEN_FETCH = frozenset({"status", "statusText"})
#: Values of conditions that tell nothing of anybody; more digits may be a code, or a part of a number.
_PLAIN = re.compile(r'true|false|null|undefined|NaN|""|\[\]|\{\}|-?\d{1,3}', re.ASCII)
_MOST_NUMBER = 999
#: What a scenario may call an answer of yes or no.
_NAME = re.compile(r"[A-Za-z_]{1,30}")


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
    masked.context, masked.effects = {}, {}
    masked.steps = [] if "steps" in unread else [_masked_step(step) for step in run.steps]
    masked.error = {} if "error" in unread else _without(run.error, _OPEN_NOTE)
    return masked


def _masked_step(step: Mapping[str, Any]) -> dict[str, Any]:
    """Conditions are the flow's own text; what they were worth, and what actions answered, came from outside."""
    value = step.get("value", "")
    return {
        **step,
        "value": value if not value or _PLAIN.fullmatch(value) else MASK,
        "result": _masked_result(step.get("name", ""), step.get("result")),
        "note": _without(step.get("note") or {}, _OPEN_NOTE),
    }


def _masked_result(action: str, result: Any) -> Any:
    """What an action answered: our own words are known, anybody else's may hold anything under any name."""
    if not isinstance(result, Mapping):
        return None
    if action == SMS:
        return _without(result, _OPEN_TEXT)
    if action in FETCHES:
        shown = {name: result[name] for name in ("ok", *_OPEN_FETCH) if name in result}
        return _without(shown, _OPEN_FETCH) | {name: MASK for name in result if name not in shown}
    return {
        name: value for name, value in result.items() if isinstance(value, bool) and _NAME.fullmatch(name)
    }


def _without(value: Any, plain: Collection[str], name: str = "") -> Any:
    """What JSON of ours holds under this name, of the same shape; texts that are not under plain names are masked."""
    if isinstance(value, Mapping):
        return {each: _without(inner, plain, each) for each, inner in value.items()}
    if isinstance(value, list):
        return [_without(each, plain, name) for each in value]
    if isinstance(value, str):
        return value if name in plain or not value else masked_number(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) > _MOST_NUMBER:
        return MASK
    return value
