"""Deleting what runs of flows know of people once it has become old: texts and values, numbers, or all of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from smsadmin.core.ids import first_uuid7
from smsadmin.flows.models import FlowRun
from smsadmin.privacy.models import Part
from smsadmin.workspaces.models import Workspace

FINISHED = (FlowRun.State.DONE, FlowRun.State.FAILED)


def purge(workspace: Workspace, before: datetime, part: Part, most: int = 1_000) -> int:
    """Deletes this of finished runs that began before that moment, at most so many; returns how many were touched. To
    be called again until that is 0.

    Without its values a run keeps its steps, what was decided at each, and which messages it made; without its number
    also not who called or texted.
    """
    old = FlowRun.objects.filter(workspace=workspace, pk__lt=first_uuid7(before), state__in=FINISHED)
    if part == Part.MESSAGE:
        return FlowRun.objects.filter(pk__in=list(_ids(old, most))).delete()[0]
    gone = "values_gone_at" if part == Part.TEXT else "number_gone_at"
    rows = list(FlowRun.objects.filter(pk__in=list(_ids(old.filter(**{gone: None}), most))))
    now = timezone.now()
    for run in rows:
        _forget(run, now, number=part == Part.NUMBER)
    FlowRun.objects.bulk_update(
        rows, ["context", "effects", "steps", "error", "party", "values_gone_at", "number_gone_at"]
    )
    return len(rows)


def _ids(runs: QuerySet[FlowRun], most: int) -> QuerySet[FlowRun, Any]:
    return runs.order_by("pk").values_list("pk", flat=True)[:most]


def _forget(run: FlowRun, now: datetime, *, number: bool) -> None:
    """Numbers stand among the values too, so they go together; without its values a run still says whose it was."""
    run.context = {}
    run.effects = {key: kept for key, result in run.effects.items() if (kept := _messages(result))}
    run.steps = [_bare(step) for step in run.steps]
    run.error = {"code": run.error["code"], "facts": {}} if run.error else {}
    run.values_gone_at = run.values_gone_at or now
    if number:
        run.party, run.number_gone_at = "", now


def _bare(step: Mapping[str, Any]) -> dict[str, Any]:
    note = step.get("note") or {}
    return {
        **step,
        "value": "",
        "result": _messages(step.get("result")),
        "note": {"code": note["code"], "facts": {}} if note else {},
    }


def _messages(result: Any) -> dict[str, Any] | None:
    """Which messages a step made, and what became of each at once."""
    made = result.get("messages") if isinstance(result, dict) else None
    if not isinstance(made, list):
        return None
    kept = ("id", "status", "code")
    return {
        "messages": [
            {name: each[name] for name in kept if name in each} for each in made if isinstance(each, dict)
        ]
    }
