"""Quota as a message meets it: whose windows it counts in, and what it is told when one of them is full."""

from dataclasses import dataclass
from datetime import datetime

from smsadmin.core import errors
from smsadmin.core.trace import Step, passed
from smsadmin.directory.models import Agent, Number
from smsadmin.quotas import counting
from smsadmin.quotas.counting import QuotaExceeded, Subject
from smsadmin.quotas.models import Scope, Unit
from smsadmin.sending.resolve import Draft


@dataclass(frozen=True, slots=True)
class Demand:
    """What a message takes from quotas: whose windows it counts in, and its segments."""

    number: Number
    agent: Agent | None
    segments: int

    @classmethod
    def of(cls, draft: Draft) -> "Demand":
        """That of a resolved message."""
        assert draft.number
        assert draft.measure
        return cls(draft.number, draft.agent, draft.measure.segments)

    @property
    def subjects(self) -> list[Subject]:
        """The number, then the user."""
        found = [Subject(self.number.workspace_id, Scope.NUMBER, self.number.pk)]
        if self.agent:
            found.append(Subject(self.number.workspace_id, Scope.USER, self.agent.pk))
        return found


def counted(draft: Draft) -> Step:
    """What the trace says of a message that was counted."""
    return passed("quota", "quota.room" if draft.agent else "quota.number")


def fits(draft: Draft) -> Step:
    """What a rehearsal says of a message that would find room."""
    return passed("quota", "quota.fits" if draft.agent else "quota.number_fits")


def exceeded(demand: Demand, now: datetime) -> list[QuotaExceeded]:
    """The subjects without room now, number first, each with the limit that resets last; counts nothing."""
    found = []
    for subject in demand.subjects:
        rules = counting.limits(subject.workspace_id, subject.scope)
        if no_room := counting.full(subject, rules, demand.segments, now):
            found.append(QuotaExceeded(subject, no_room))
    return found


def refusal(demand: Demand, full: QuotaExceeded) -> errors.SendError:
    """The error of a message that found no room."""
    usage, limit = full.usage, full.usage.limit
    facts = {
        "subject": demand.number.e164,
        "used": usage.used,
        "limit": limit.limit,
        "unit": str(limit.unit),
        "window": limit.window.value,
        "resets": usage.resets_at.isoformat(),
    }
    if full.subject.scope == Scope.NUMBER:
        return errors.NumberQuotaExceeded(**facts)
    assert demand.agent
    facts["subject"] = demand.agent.email
    if limit.unit == Unit.SEGMENTS:
        return errors.UserOutOfSegments(
            email=demand.agent.email, left=usage.left, needed=demand.segments, **facts
        )
    return errors.UserQuotaExceeded(**facts)
