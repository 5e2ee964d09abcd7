"""Would this send, now? The steps of a real send, taken without counting, writing or sending anything.

A real send ends at its first refusal. A rehearsal goes on where it can, so that an admin sees every fault at once;
its verdict is the first one, which is the one the real send would meet.
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from smsadmin.core import errors
from smsadmin.core.message import SendRequest
from smsadmin.core.trace import Step, Verdict
from smsadmin.directory import book
from smsadmin.sending import quota
from smsadmin.sending.check import CHECKS
from smsadmin.sending.resolve import RESOLVE, Draft, DraftStep

#: What a step works on; without it the step is not reached.
NEEDS = {
    "eligible": ("number",),
    "send_as": ("number",),
    "length": ("measure",),
    "not_sender": ("number", "recipient"),
    "line_type": ("recipient",),
}


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What was found, every step with its verdict, and the error the real send would end with (None: it would go)."""

    draft: Draft
    trace: list[Step]
    error: errors.SendError | None

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
    draft.trace.append(_quota(draft, refusals, now))
    return Rehearsal(draft, draft.trace, refusals[0] if refusals else None)


def _taken(name: str, step: DraftStep, draft: Draft, refusals: list[errors.SendError]) -> Step:
    if any(getattr(draft, need) is None for need in NEEDS.get(name, ())):
        return Step(name, Verdict.NOT_REACHED)
    try:
        return step(draft)
    except errors.SendError as error:
        refusals.append(error)
        return Step(name, Verdict.REFUSED, error.code, error.facts)


def _quota(draft: Draft, refusals: list[errors.SendError], now: datetime) -> Step:
    """Whose quota it is depends on everything before, so a refused message has none to look at."""
    if refusals:
        return Step("quota", Verdict.NOT_REACHED)
    return _taken("quota", lambda found: quota.fits(found, now), draft, refusals)
