"""Beginning runs of flows: by a missed call, by a text to one of our numbers, or because somebody asked.

A run is begun once for each key of a flow: the call's id, the text's, or the one that a program gives.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from smsadmin.consent import words
from smsadmin.consent.policies import policy_of
from smsadmin.consent.words import Kind
from smsadmin.core import numbers
from smsadmin.core.ids import first_uuid7, key16
from smsadmin.directory import book
from smsadmin.directory.models import Number
from smsadmin.flows import bell, voice
from smsadmin.flows.language import context as facts
from smsadmin.flows.models import Flow, FlowRun, FlowVersion, Start
from smsadmin.incoming.models import InboundMessage, ProviderCall
from smsadmin.providers.aircall import calls
from smsadmin.sending.log import storable
from smsadmin.workspaces.models import User

logger = structlog.get_logger(__name__)

Cause = FlowRun.Cause

#: The branches that begin by themselves.
CALL: Final = "inbound-call"
SMS: Final = "inbound-sms"
API: Final = "api-initiated"
#: Somebody who calls or texts again and again, or a machine that answers texts, starts a flow no more often than that.
MOST_FROM_ONE, WITHIN = 10, timedelta(hours=1)
#: How far back is looked for texts whose process was killed before their flows were begun.
REACH = timedelta(minutes=2)
#: Who called longer ago than that gets no text any more: accounts tell of calls anew once they are repaired.
LATEST = timedelta(minutes=30)
#: A rehearsal is taken by whoever asks for it; a worker takes it after that.
LEFT_ALONE = timedelta(minutes=1)


def begin(
    flow: Flow,
    version: FlowVersion,
    cause: str,
    branch: str,
    context: Mapping[str, Any],
    key: str,
    *,
    dry: bool = False,
    by: User | None = None,
    asked: UUID | None = None,
    test: bool = False,
) -> FlowRun:
    """The run of the flow with this key: begun now, and rung for on commit, or as it was begun before (`is_repeated`).

    `context` is what expressions see (flows.language.context), and under "given" the results of voice actions, by
    variable ("$dial") or by action ("dial@v1"). A rehearsal (`dry`) is not rung for: whoever asks takes it at once.
    A `test` texts verified test numbers alone.
    """
    now = timezone.now()
    seen: dict[str, Any] = storable({"now": facts.now(now), **context})
    party, number = _sides(flow.workspace_id, seen)
    run, is_new = FlowRun.objects.get_or_create(
        flow=flow,
        key=key16(key),
        defaults={
            "workspace_id": flow.workspace_id,
            "version": version,
            "cause": cause,
            "branch": branch,
            "context": seen,
            "party": party,
            "number": number,
            "dry": dry,
            "by": by,
            "asked": asked,
            "test": test,
            "next_at": now + LEFT_ALONE if dry else now,
        },
    )
    run.is_repeated = not is_new
    if is_new and not dry:
        transaction.on_commit(bell.ring)
    return run


def begun(flow: Flow, key: str) -> FlowRun | None:
    """The run of the flow that was begun with this key."""
    return FlowRun.objects.filter(flow=flow, key=key16(key)).first()


def _sides(workspace_id: int, seen: Mapping[str, Any]) -> tuple[str, Number | None]:
    """Who called or texted ("" for nobody that could be texted), and which number of ours."""
    event = seen.get("call") or seen.get("sms") or {}
    party, ours = str(event.get("fromNumber") or ""), str(event.get("toNumber") or "")
    return party if numbers.E164.fullmatch(party) else "", book.of(workspace_id).by_e164.get(ours)


# --- A missed call ------------------------------------------------------------------------------------


def heard_call(call: ProviderCall) -> list[FlowRun]:
    """Begins every flow that a missed call of Aircall starts; returns their runs, none for any other call."""
    said = calls.read(call.body)
    if not said.is_missed or not said.id or why_too_late(call):
        return []
    at = said.started_at or call.at
    number = Number.objects.filter(connection=call.connection_id, provider_id=said.number_id).first()
    starts = _starts(call.workspace_id, Start.Kind.MISSED_CALL, number, call.at)
    wanted = [each for each in starts if _wants_reason(each, said.reason) and _is_in_time(each, at)]
    if not wanted:
        return []
    context = _of_call(said, number, call.at)
    return _begun(wanted, Cause.MISSED_CALL, CALL, context, f"call:{call.connection_id}:{said.id}")


def why_too_late(call: ProviderCall) -> str:
    """Why a call is too long ago to start anything, "" for one that is not."""
    said = calls.read(call.body)
    ago = timezone.now() - (said.ended_at or said.started_at or call.at)
    if ago <= LATEST:
        return ""
    minutes = LATEST // timedelta(minutes=1)
    return f"it ended {ago // timedelta(minutes=1)} minutes ago, and flows answer calls of the last {minutes}"


def wants_calls(workspace_id: int) -> bool:
    """Whether a missed call starts anything in the workspace: else providers are not asked to tell of calls."""
    starts = Start.objects.filter(workspace=workspace_id, kind=Start.Kind.MISSED_CALL)
    return starts.filter(flow__enabled=True).exists()


def _wants_reason(start: Start, reason: str) -> bool:
    return not start.reasons or reason in start.reasons


def _is_in_time(start: Start, at: datetime) -> bool:
    if start.hours == Start.Hours.ANY:
        return True
    zone = ZoneInfo(start.time_zone) if start.time_zone else start.workspace.zone
    return is_open(start.opening, at.astimezone(zone)) == (start.hours == Start.Hours.INSIDE)


def is_open(opening: list[list[list[str]]], local: datetime) -> bool:
    """Whether a moment, as the clocks on the wall say it, is within opening hours: by weekday, Monday first, spans as
    ["09:00", "17:30"], the end of which is outside."""
    clock = local.strftime("%H:%M")
    today = opening[local.weekday()] if opening else []
    return any(begins <= clock < ends for begins, ends in today)


def _of_call(said: calls.Call, number: Number | None, told_at: datetime) -> dict[str, Any]:
    ended = said.ended_at or told_at
    started = said.started_at or ended
    ours = number.e164 if number else said.number
    cdr = facts.cdr(said.caller, ours, started=started, ended=ended, callid=said.id, status=said.reason)
    call = facts.call(said.caller, ours, cdr=cdr)
    missed = facts.missed_dial(call)
    given = dict.fromkeys(voice.DIALS, missed)
    return {"call": call, "run": facts.run(CALL, f"{CALL}:{said.id}"), "given": given}


# --- A text to one of our numbers ---------------------------------------------------------------------


def heard_text(inbound: InboundMessage, arrived: datetime | None = None, **_signal: Any) -> list[FlowRun]:
    """Begins every flow that the text starts; returns their runs. Receives `received`. The text `arrived` here at that
    moment, or now.

    Nothing follows from a word such as STOP, from a short code or a name, from a number of our own, nor from what came
    by another channel, such as WhatsApp: flows text.
    """
    arrived = arrived or timezone.now()
    starts = _starts(inbound.workspace_id, Start.Kind.INBOUND_SMS, inbound.number, arrived)
    if not starts or not _may_be_answered(inbound):
        return []
    ours = inbound.number.e164 if inbound.number else ""
    sms = facts.sms(inbound.sender, ours, inbound.body, sid=inbound.provider_id, at=inbound.at)
    context = {"sms": sms, "run": facts.run(SMS, f"{SMS}:{inbound.pk}")}
    return _begun(starts, Cause.INBOUND_SMS, SMS, context, f"text:{inbound.pk}")


def make_up(now: datetime | None = None) -> None:
    """Begins what the texts start that arrived in the last minutes, where a process was killed between the text and
    that."""
    since = (now or timezone.now()) - REACH
    starts = Start.objects.filter(kind=Start.Kind.INBOUND_SMS, flow__enabled=True)
    workspaces = list(starts.order_by().values_list("workspace", flat=True).distinct())
    if not workspaces:
        return
    told = ProviderCall.objects.filter(
        workspace__in=workspaces, outcome=ProviderCall.Outcome.REPLY, at__gte=since
    )
    for call in told.order_by("pk").only("connection_id", "provider_id", "fingerprint", "at"):
        text = call.provider_id or call.fingerprint.hex
        texts = InboundMessage.objects.filter(connection=call.connection_id, provider_id=text)
        for inbound in texts.select_related("number"):
            heard_text(inbound, call.at)


def _may_be_answered(inbound: InboundMessage) -> bool:
    """Whether its sender may be texted for it."""
    if inbound.channel:
        return False
    known = book.of(inbound.workspace_id).by_e164
    if not numbers.E164.fullmatch(inbound.sender) or inbound.sender in known:
        return False
    policy = policy_of(inbound.workspace_id)
    said = words.match(inbound.body, policy.vocabulary if policy.keeps_list else words.EVERY_LANGUAGE)
    return said is None or (said.is_doubtful and said.kind == Kind.START)  # a plain yes


# --- Both ---------------------------------------------------------------------------------------------


def _starts(workspace_id: int, kind: str, number: Number | None, arrived: datetime) -> list[Start]:
    """What started flows already when an event of this number of ours arrived here, and still does."""
    of_number = Q(number=None) | Q(number=number) if number else Q(number=None)
    found = Start.objects.filter(of_number, workspace=workspace_id, kind=kind)
    then = Q(flow__on_since=None) | Q(flow__on_since__lte=arrived)
    on = found.filter(then, flow__enabled=True, flow__current__isnull=False, created_at__lte=arrived)
    return list(on.select_related("workspace", "flow__current").order_by("pk"))


def _begun(
    starts: Iterable[Start], cause: str, branch: str, context: Mapping[str, Any], key: str
) -> list[FlowRun]:
    """The runs of these starts' flows, each flow once; those that the same side has started too often left out."""
    flows = {start.flow_id: start.flow for start in starts}
    party, _number = _sides(next(iter(flows.values())).workspace_id, context)
    return [
        begin(flow, flow.current, cause, branch, {**context, "scenario": scenario(flow)}, key)
        for flow in flows.values()
        if flow.current and not _is_too_often(flow, party, key)
    ]


def scenario(flow: Flow) -> dict[str, str]:
    """`scenario` of a flow's runs."""
    return facts.scenario(str(flow.pk), flow.name)


def _is_too_often(flow: Flow, party: str, key: str) -> bool:
    """Whether this side has started the flow MOST_FROM_ONE times lately, by other events than this one."""
    if not party:
        return False
    by_events = FlowRun.objects.filter(flow=flow, cause__in=(Cause.MISSED_CALL, Cause.INBOUND_SMS))
    lately = by_events.filter(pk__gte=first_uuid7(timezone.now() - WITHIN), party=party)
    if lately.exclude(key=key16(key)).count() < MOST_FROM_ONE:
        return False
    logger.warning("flow.too_often", flow=flow.pk)
    return True
