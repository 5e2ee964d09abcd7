"""Results of voice actions: done elsewhere, they come with the event that began the run, or are not known."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from smsadmin.flows.language.document import HANGUP, Document, Step

Context = Mapping[str, Any]
Result = dict[str, Any]

#: Voice actions that connect the caller with somebody. What they came to may be told by the call's record.
DIALS: Final = ("dial@v1", "bridge@v1")


def result(context: Context, action: str, variable: str) -> Result | None:
    """What came with the event for the variable that a step's result goes to, else for every step of its kind; None for
    what nobody knows. Whether somebody took a call its own record tells too, else that of the call that began the run:
    who was answered by anybody is taken for answered, and gets no text instead."""
    came = context.get("given") or {}
    given = next((came[name] for name in (variable, action) if isinstance(came.get(name), dict)), None)
    if action not in DIALS or "ok" in (given or {}):
        return given
    told = _told(given) or _told(context.get("call"))
    return {**told, **(given or {})} if told else given


def unknown(document: Document, branch: str, context: Context) -> list[Step]:
    """The steps whose outcome decides something in a run that begins with this branch, and that nobody knows."""
    taken = _reached(document, branch)
    read = " ".join(_expressions(taken))
    return [
        step
        for step in taken
        if step.action in DIALS
        and re.search(rf"{re.escape(step.result)}(?![\w$])", read if step.result else "")
        and "ok" not in (result(context, step.action, step.result) or {})
    ]


def _told(call: Any) -> Result | None:
    """Whether a call was answered, as its record has it: each name as Callr writes it now and as before. Of `status`
    Callr documents no values, so it tells nothing."""
    record = call.get("cdr") if isinstance(call, Mapping) else None
    if not isinstance(record, Mapping):
        return None
    for name in ("durationAnswered", "duration_answered"):
        seconds = record.get(name)
        if isinstance(seconds, int | float) and not isinstance(seconds, bool):
            return {"ok": seconds > 0, "cdr": dict(record)}
    if isinstance(answered := record.get("answered", 0), str | None):
        return {"ok": bool(answered), "cdr": dict(record)}
    return None


def _reached(document: Document, branch: str) -> list[Step]:
    """Every step that a run may come to that begins with this branch."""
    ahead: dict[str, list[str]] = {}
    for edge in document.edges():
        ahead.setdefault(edge.source, []).append(edge.target)
    seen: dict[str, None] = {}
    waiting = [branch, HANGUP]
    while waiting:
        if (name := waiting.pop()) not in seen and name in document.branches:
            seen[name] = None
            waiting += ahead.get(name, [])
    return [step for name in seen for step in steps(document.branches[name].steps)]


def steps(found: tuple[Step, ...]) -> Iterator[Step]:
    """These steps and those inside them."""
    for step in found:
        yield step
        yield from steps(step.then)
        for inner in step.events.values():
            yield from steps(inner)


def _expressions(found: list[Step]) -> Iterator[str]:
    """What these steps read: their conditions, and the params that hold an expression."""
    for step in found:
        yield step.condition
        if "${{" in (params := json.dumps(step.params, default=str, ensure_ascii=False)):
            yield params
