"""Beginning a run of a flow by program, as a Callr scenario does with fetch@v2, and what came of it:
/api/v1/flows/{flow}/runs."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse, JsonResponse

from smsadmin.api import asking, bodies, rows
from smsadmin.api.bodies import fault, faulty
from smsadmin.api.description.parts import REPLAYED
from smsadmin.api.endpoint import Call, endpoint, writing
from smsadmin.api.models import KeyScope
from smsadmin.api.parameters import Query
from smsadmin.api.problems import Problem, not_found
from smsadmin.core.ids import key16
from smsadmin.flows import running, starting
from smsadmin.flows.effects import made
from smsadmin.flows.language import context as facts
from smsadmin.flows.language.document import Step
from smsadmin.flows.models import Flow, FlowRun, FlowVersion
from smsadmin.sending.models import Message


@writing(KeyScope.FLOWS)
def runs(request: Call, flow: int) -> HttpResponse:
    """Begins a run, once for each key, and answers before anything of it was done."""
    Query.of(request)
    found, asked = _flow(request, flow), _asked(request)
    key, body = _key(request, asked), key16(json.dumps(asked, sort_keys=True))
    named = _named(key, test=request.key.test)
    first = starting.begun(found, named)
    run = first or _begun(found, asked, key, named, body, test=request.key.test)
    if run.asked != body:
        raise asking.reused(key)
    url = rows.address("api-flow-run", run.flow_id, run.pk)
    told = {"id": str(run.pk), "state": FlowRun.State.WAITING, "url": url, "test": run.test}
    replayed = {REPLAYED: "true"} if first or run.is_repeated else {}
    return JsonResponse(told, status=202, headers={"Location": url, **replayed})


def _begun(flow: Flow, asked: Mapping[str, Any], key: str, named: str, body: UUID, *, test: bool) -> FlowRun:
    if not flow.enabled or flow.current is None:
        raise Problem(409, "FLOW_OFF", f"The flow “{flow.name}” is off. Switch it on, then ask again.")
    cause = FlowRun.Cause.CALLR if "run" in asked else FlowRun.Cause.API
    branch, context = _branch(flow.current, asked), _context(flow, asked, key)
    if unknown := running.unknown(flow.current, branch, context):
        raise _missing(unknown[0])
    return starting.begin(flow, flow.current, cause, branch, context, named, asked=body, test=test)


def _missing(step: Step) -> Problem:
    """Without it every caller would be taken for one whom nobody answered."""
    return Problem(
        422,
        "RESULT_MISSING",
        f"The flow decides by {step.result}, the result of {step.action} in line {step.line}. It is not among given, "
        f"and call.cdr does not say whether the call was answered. Add it, as in "
        f'"given": {{"{step.result}": {{"ok": false}}}}.',
    )


def _named(key: str, *, test: bool) -> str:
    """The key among those of calls and texts. What was tried does not stand in the way of the real thing."""
    return f"{'api-test' if test else 'api'}:{key}"


@endpoint(KeyScope.FLOWS)
def run(request: Call, flow: int, run: UUID) -> HttpResponse:
    """One run: how far it is, every step it took, and the messages it made."""
    Query.of(request)
    of_key = FlowRun.objects.filter(workspace=request.key.workspace_id, flow=flow)
    found = of_key.select_related("version").defer("version__source", "context").filter(pk=run).first()
    if found is None:
        raise not_found(f"The flow {flow} has no run {run}.")
    return JsonResponse(_told(found))


# --- What is asked for --------------------------------------------------------------------------------


def _flow(request: Call, pk: int) -> Flow:
    rows = Flow.objects.filter(workspace=request.key.workspace_id, archived_at=None)
    found = rows.select_related("current").filter(pk=pk).first()
    if found is None:
        raise not_found(f"There is no flow {pk}. Its id stands in the address of its page.")
    return found


def _asked(request: Call) -> Mapping[str, Any]:
    """The body; raises the Problem of one that cannot be used."""
    asked = bodies.read(request, "Event")
    if "call" in asked and "sms" in asked:
        raise faulty(fault("/sms", asked["sms"], "Give call or sms, not both: one event begins a run."))
    return asked


def _key(request: Call, asked: Mapping[str, Any]) -> str:
    """What makes a repeat recognisable: the header, else the id of Callr's run."""
    its = asked.get("run", {}).get("id")
    is_usable = isinstance(its, str | int) and not isinstance(its, bool)
    return asking.idempotency_key(request, otherwise=str(its) if is_usable else "")


def _branch(version: FlowVersion, asked: Mapping[str, Any]) -> str:
    """The branch that is named, else the one that such an event begins."""
    by_event = starting.CALL if "call" in asked else starting.SMS if "sms" in asked else starting.API
    branch: str = asked.get("branch", by_event)
    known = running.branches(version)
    if branch not in known:
        detail = f"The flow has no branch “{branch[:80]}”. It has {', '.join(known)}."
        raise faulty(fault("/branch", branch, detail))
    return branch


def _context(flow: Flow, asked: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What expressions see: the event as it came, with what its numbers tell where that is left out."""
    found = {name: asked[name] for name in ("run", "given") if name in asked}
    found |= {name: _completed(asked[name]) for name in ("call", "sms") if name in asked}
    return {"run": facts.run("api", f"api:{key}"), "scenario": starting.scenario(flow), **found}


def _completed(event: Mapping[str, Any]) -> dict[str, Any]:
    return {**_facts(event, "from"), **_facts(event, "to"), **event}


def _facts(event: Mapping[str, Any], side: str) -> dict[str, str]:
    """type, country and location of the number on this side."""
    number = event.get(f"{side}Number")
    told = facts.number_facts(number if isinstance(number, str) else "")
    return {f"{side}{name.title()}": value for name, value in told.items()}


# --- As JSON ------------------------------------------------------------------------------------------


def _told(run: FlowRun) -> dict[str, Any]:
    return {
        "id": str(run.pk),
        "flow": run.flow_id,
        "version": run.version.number,
        "state": run.state,
        "cause": run.cause,
        "branch": run.branch,
        "rehearsal": run.dry,
        "test": run.test,
        "received_at": rows.moment(run.received_at),
        "finished_at": rows.moment(run.finished_at),
        "error": run.error or None,
        "steps": run.steps,
        "messages": _messages(run),
    }


def _messages(run: FlowRun) -> list[dict[str, Any]]:
    """The messages that the run made, as they are now."""
    found = Message.objects.filter(workspace=run.workspace_id, pk__in=made(run))
    columns = ("pk", "recipient", "recipient_given", "status", "error_code")
    return [
        {"id": str(pk), "to": recipient or given, "status": status, "code": code or None}
        for pk, recipient, given, status, code in found.order_by("pk").values_list(*columns)
    ]
