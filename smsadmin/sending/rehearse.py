"""Would this send, now? The steps of a real send, taken without counting, writing or sending anything.

A real send ends at its first refusal. A rehearsal goes on where it can, so that an admin sees every fault at once;
its verdict is the first one, which is the one the real send would meet.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.utils import timezone

from smsadmin.core import errors
from smsadmin.core.message import SendRequest
from smsadmin.core.trace import Step, Verdict
from smsadmin.directory import book
from smsadmin.sending import hold, lines, quota
from smsadmin.sending.check import CHECKS
from smsadmin.sending.lines import Line
from smsadmin.sending.quota import Demand
from smsadmin.sending.resolve import RESOLVE, Draft, DraftStep

logger = structlog.get_logger(__name__)

#: What a step works on; without it the step is not reached.
NEEDS = {
    "eligible": ("number",),
    "send_as": ("number",),
    "route": ("number", "recipient"),
    "encoding": ("measure",),
    "length": ("measure",),
    "not_sender": ("number", "recipient"),
    "line_type": ("recipient",),
    "opt_out": ("recipient",),
    "country": ("number", "recipient"),
    "sender_id": ("number", "recipient"),
    "alphabet": ("recipient", "measure"),
    "test_numbers": ("recipient",),
}


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What was found, every step with its verdict, and the error the real send would end with.

    Without an error it would go, now or once there is room: `held_until` is None or when that is.
    """

    draft: Draft
    trace: list[Step]
    error: errors.SendError | None
    held_until: datetime | None = None

    @property
    def would_send(self) -> bool:
        return self.error is None


def rehearse(ask: SendRequest, now: datetime | None = None) -> Rehearsal:
    """Takes every step of `sending.accept` except counting and writing."""
    now = now or timezone.now()
    draft = Draft(ask, book.of(ask.workspace_id))
    refusals: list[errors.SendError] = []
    for name, step in (*RESOLVE, *CHECKS):
        draft.trace.append(_taken(name, step, draft, refusals))
    last, held_until = _quota(draft, refusals, now)
    draft.trace.append(last)
    return Rehearsal(draft, draft.trace, refusals[0] if refusals else None, held_until)


def _taken(name: str, step: DraftStep, draft: Draft, refusals: list[errors.SendError]) -> Step:
    if any(getattr(draft, need) is None for need in NEEDS.get(name, ())):
        return Step(name, Verdict.NOT_REACHED)
    try:
        return step(draft)
    except errors.SendError as error:
        return _refused(name, error, refusals)
    except Exception as unforeseen:
        logger.exception("rehearse.failed", step=name)
        return _refused(name, errors.InternalError(kind=type(unforeseen).__name__), refusals)


def _refused(name: str, error: errors.SendError, refusals: list[errors.SendError]) -> Step:
    refusals.append(error)
    return Step(name, Verdict.REFUSED, error.code, error.facts)


def _quota(draft: Draft, refusals: list[errors.SendError], now: datetime) -> tuple[Step, datetime | None]:
    """The step, and until when the message would be held.

    Whose quota it is depends on everything before, so a refused message has none to look at.
    """
    if refusals:
        return Step("quota", Verdict.NOT_REACHED), None
    line, demand = Line.of_draft(draft), Demand.of(draft)
    largest = quota.largest(demand, now)
    try:
        if no_room := quota.exceeded(demand, now):
            found = hold.instead(draft, no_room[0], now)
        elif draft.ask.config.at_quota == "hold" and (first := lines.first(line, largest)):
            found = hold.behind(draft, first, now)
        else:
            return quota.fits(draft), None
    except errors.SendError as error:
        return _refused("quota", error, refusals), None
    return found.supposed(lines.length(line, largest) if found.is_behind else 0), found.until
