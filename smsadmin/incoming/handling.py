"""The worker's side of what providers tell us: each stored call is handled once, in a transaction of its own.

What follows from a call and that it was handled are written together or not at all, so a worker that is killed
leaves the call to the next one. Calls come in any order; whatever they move is guarded by the status table.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from smsadmin.directory import bell as directory_bell
from smsadmin.flows.starting import heard_call, why_too_late
from smsadmin.incoming import bell, outside, receipts, replies, uninstalled, wires
from smsadmin.incoming.models import ProviderCall
from smsadmin.incoming.result import Result, Wait
from smsadmin.providers.told import About
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled

logger = structlog.get_logger(__name__)

Outcome = ProviderCall.Outcome

MOST_AT_ONCE = 100
#: Seconds after which whoever was rung looks again, for calls that came while bells were quiet.
LINGER = bell.QUIET * 3
#: After these pauses a call that could not be handled is looked at again: the answer that names its message may be
#: on its way, at most as long as a drain's lease.
PAUSES = [timedelta(seconds=seconds) for seconds in (2, 5, 10, 30, 60, 120, 240)]


def run(*, linger: bool = False, sleep: Callable[[float], None] = time.sleep) -> int:
    """Handles every call that is due; returns how many. With `linger`, those too that come a moment later."""
    done = _handle_due()
    if linger:
        sleep(LINGER)
        done += _handle_due()
    return done


def _handle_due() -> int:
    done = 0
    due = ProviderCall.objects.filter(outcome=Outcome.WAITING)
    while ids := list(
        due.filter(next_look_at__lte=timezone.now())
        .order_by("pk")
        .values_list("pk", flat=True)[:MOST_AT_ONCE]
    ):
        results: list[Result] = []
        try:
            for pk in ids:
                if result := _handled(pk, timezone.now()):
                    results.append(result)  # noqa: PERF401 (those before one that raises count too)
        finally:
            _tell(results)
        done += len(results)
        if not results:  # others are at work on the same calls
            break
    return done


def _handled(call_id: int, now: datetime) -> Result | None:
    """What came of one call; None where another worker is at it. Raises OperationalError and InterfaceError of a
    database that is away: anything else that goes wrong is this call's own, and puts off this call alone."""
    try:
        with transaction.atomic():
            due = ProviderCall.objects.select_for_update(skip_locked=True, of=("self",))
            call = due.select_related("connection").filter(pk=call_id, outcome=Outcome.WAITING).first()
            if call is None:
                return None
            result = _result(call, now)
            _written(call, result, now)
            return result
    except (OperationalError, InterfaceError):
        raise
    except Exception as unforeseen:
        logger.exception("incoming.failed", call=call_id)
        return _put_off(call_id, type(unforeseen).__name__, now)


def _result(call: ProviderCall, now: datetime) -> Result:
    result = _judged(call, now)
    if result.outcome == Outcome.NOT_OURS and wires.of(call).tells_of_leaving(call.body):
        outside.keep(call)
    return result


def _judged(call: ProviderCall, now: datetime) -> Result:
    """By what it is about, whoever told it."""
    try:
        match wires.of(call).about(call.body):
            case About.RECEIPT:
                return receipts.handle(call, now)
            case About.REPLY:
                return replies.handle(call, now)
            case About.CALL:
                return _call(call)
            case About.CHANGE:
                return Result(Outcome.REFRESH, refresh=call.connection_id)
            case About.REMOVAL:
                return uninstalled.handle(call)
            case About.NOTHING:
                return Result(Outcome.UNUSED)
    except Wait as wait:
        return Result(Outcome.WAITING) if call.looks < len(PAUSES) else wait.in_vain


def _call(call: ProviderCall) -> Result:
    runs = heard_call(call)
    return (
        Result(Outcome.STARTED, detail=", ".join(run.flow.name for run in runs))
        if runs
        else Result(Outcome.UNUSED, detail=why_too_late(call))
    )


def _written(call: ProviderCall, result: Result, now: datetime) -> None:
    call.outcome, call.detail = result.outcome, result.detail[:200]
    call.message = result.message
    if result.outcome == Outcome.WAITING:
        call.next_look_at, call.looks = now + PAUSES[call.looks], call.looks + 1
    else:
        call.next_look_at, call.body, call.values_gone_at = None, wires.of(call).without_text(call.body), now
    columns = ["outcome", "detail", "message", "next_look_at", "looks", "body", "values_gone_at"]
    call.save(update_fields=columns)


def _put_off(call_id: int, why: str, now: datetime) -> Result | None:
    """A call that we failed at is tried again, and then kept as it is, for somebody to look at."""
    call = ProviderCall.objects.filter(pk=call_id, outcome=Outcome.WAITING).first()
    if call is None:
        return None
    call.detail = why
    if call.looks < len(PAUSES):
        call.next_look_at, call.looks = now + PAUSES[call.looks], call.looks + 1
    else:
        call.outcome, call.next_look_at = Outcome.FAILED, None
    call.save(update_fields=["outcome", "detail", "next_look_at", "looks"])
    return Result(Outcome(call.outcome))


def _tell(results: list[Result]) -> None:
    """Once all is written: who follows the messages hears of those that moved, the directory of what changed."""
    if moved := [result.message for result in results if result.outcome == Outcome.MOVED]:
        settled.send(sender=Message, ids=moved)
    if accounts := {result.refresh for result in results if result.refresh}:
        directory_bell.ring(sorted(accounts))
