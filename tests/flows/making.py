"""Flows and their events for tests: plain functions, each with the values that a test does not care about."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from smsadmin import cache
from smsadmin.directory.models import Number
from smsadmin.flows import running, starting
from smsadmin.flows.language.starters import STARTERS
from smsadmin.flows.models import Flow, FlowRun, FlowVersion, Start
from smsadmin.incoming.models import ProviderCall
from smsadmin.providers.aircall import webhooks as wire
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace

#: The example of the source, as it stands there.
MISSED_CALL = next(each.source for each in STARTERS if each.key == "missed-call")
SENT = "Hello! You tried to reach us but we weren’t available. We’ll get back to you as soon as possible."
MOBILE, LANDLINE, AMERICAN = "+33639980042", "+33199001234", "+13125550123"
_serial = itertools.count(1)


def make_flow(workspace: Workspace, source: str = MISSED_CALL, **columns: Any) -> Flow:
    """A flow that is on, with one version."""
    flow = Flow.objects.create(workspace=workspace, name=f"Flow {next(_serial)}", enabled=True, **columns)
    make_version(flow, source)
    return flow


def make_version(flow: Flow, source: str) -> FlowVersion:
    """The next version of a flow, which becomes the current one."""
    number = flow.versions.count() + 1
    flow.current = FlowVersion.objects.create(flow=flow, number=number, source=source)
    flow.save()
    cache.forget()
    return flow.current


def texting(params: str, more: str = "") -> str:
    """A flow that answers a call with one text: further lines of its params, and steps after it."""
    lines = "".join(f"          {line}\n" for line in params.strip().splitlines())
    steps = "".join(f"      {line}\n" for line in more.strip().splitlines())
    return (
        "branches:\n  inbound-call:\n    actions:\n      - action: sms@v1\n        params:\n"
        f"{lines}        result: $sms\n{steps}"
    )


HELLO = texting("to: ${{ call.fromNumber }}\nbody: Hello")


def make_start(flow: Flow, kind: str = Start.Kind.MISSED_CALL, **columns: Any) -> Start:
    return Start.objects.create(flow=flow, workspace_id=flow.workspace_id, kind=kind, **columns)


def aircall_event(number: Number, **data: Any) -> dict[str, Any]:
    """What Aircall's webhook says of a call that nobody answered (as its documents have it)."""
    serial = 780_000_000 + next(_serial)
    ended = int(timezone.now().timestamp())
    call = {
        "id": serial,
        "call_uuid": f"CA{serial:032x}",
        "direct_link": f"https://api.aircall.io/v1/calls/{serial}",
        "direction": "inbound",
        "status": "done",
        "missed_call_reason": "agents_did_not_answer",
        "started_at": ended - 17,
        "answered_at": None,
        "ended_at": ended,
        "duration": 17,
        "raw_digits": "+33 6 39 98 00 42",
        "voicemail": None,
        "recording": None,
        "asset": None,
        "archived": False,
        "cost": "0.0",
        "hangup_cause": None,
        "teams": [],
        "comments": [],
        "tags": [],
        "contact": {"first_name": "Ada", "emails": [{"value": "ada@example.com"}]},
        "number": {
            "id": int(number.provider_id),
            "digits": "+1 202-555-0101",
            "time_zone": "America/Chicago",
        },
    }
    return {
        "resource": "call",
        "event": "call.ended",
        "timestamp": ended,
        "token": "t",
        "data": {**call, **data},
    }


def missed_call(number: Number, **data: Any) -> ProviderCall:
    """The row that such an event became."""
    event = aircall_event(number, **data)
    return ProviderCall.objects.create(
        workspace_id=number.workspace_id,
        connection_id=number.connection_id,
        at=timezone.now(),
        event=wire.event_of(event),
        body=wire.slim(event),
        fingerprint=wire.fingerprint(event),
        next_look_at=timezone.now(),
    )


def begin(
    flow: Flow, caller: str = MOBILE, *, key: str = "", given: Mapping[str, Any] | None = None, **options: Any
) -> FlowRun:
    """A run begun by a call that nobody answered."""
    call = starting.facts.call(caller, "+12025550101", cdr={"callid": "780000001"})
    context = {"call": call, "run": starting.facts.run("inbound-call", "inbound-call:1")}
    context["given"] = {"dial@v1": starting.facts.missed_dial(call)} if given is None else given
    assert flow.current
    key = key or f"key {next(_serial)}"
    return starting.begin(flow, flow.current, "missed-call", "inbound-call", context, key, **options)


def ran(run: FlowRun) -> FlowRun:
    """The run once it was taken."""
    running.take(run)
    run.refresh_from_db()
    return run


def messages(run: FlowRun) -> list[Message]:
    return list(Message.objects.filter(origin__run=str(run.pk)).order_by("pk"))


def actions(run: FlowRun) -> dict[str, str]:
    """The verdict on each action of a run, by its path."""
    return {step["path"]: step["verdict"] for step in run.steps if step["kind"] == "action"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
