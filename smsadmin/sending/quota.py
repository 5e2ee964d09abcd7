"""Quota as a message meets it: whose windows it counts in, and what it is told when one of them is full."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from smsadmin.core import errors
from smsadmin.core.trace import Step, passed
from smsadmin.core.windows import Window
from smsadmin.directory.models import Agent, Number
from smsadmin.directory.naming import said
from smsadmin.quotas import counting, rulebook
from smsadmin.quotas.counting import EVERY, QuotaExceeded, Windows
from smsadmin.quotas.models import Scope, Unit
from smsadmin.quotas.rulebook import Subject
from smsadmin.sending.resolve import Draft

#: The kind of message that leaves alone what is kept of every limit.
MARKETING = "marketing"
#: Aircall help: the earlier Send SMS action names a limit per day and one per month, and no other.
CLASSIC_WINDOWS: Windows = frozenset({Window.DAY, Window.MONTH})


@dataclass(frozen=True)
class Demand:
    """What a message takes from quotas: whose windows it counts in, and its segments.

    `windows` are those whose limits stop it; it counts in all of them.
    """

    number: Number
    agent: Agent | None
    segments: int
    priority: bool = True  # it may use what is kept for replies and alerting traffic
    windows: Windows = EVERY

    @classmethod
    def of(cls, draft: Draft) -> "Demand":
        """That of a resolved message."""
        assert draft.number
        assert draft.measure
        priority = has_priority(draft.ask.config.traffic)
        windows = CLASSIC_WINDOWS if draft.is_classic else EVERY
        return cls(draft.number, draft.agent, draft.measure.segments, priority, windows)

    @cached_property
    def subjects(self) -> list[Subject]:
        """The number, then the user."""
        return [Subject.of(holder) for holder in (self.number, self.agent) if holder]


def has_priority(traffic: str) -> bool:
    """Whether messages of this kind may use what is kept of every limit."""
    return traffic != MARKETING


#: More segments than any message has.
_ANY = 32_767


def largest(demand: Demand, now: datetime) -> int:
    """The most segments that a message which counts where this one does may have, for a reset ever to make room for it:
    0 where nothing is let through at all."""
    rooms = [
        (limit.unit, limit.room(priority=demand.priority))
        for subject in demand.subjects
        for limit in rulebook.limits(subject, now)
        if limit.window in demand.windows
    ]
    if any(unit == Unit.MESSAGES and room < 1 for unit, room in rooms):
        return 0
    return max(min((room for unit, room in rooms if unit == Unit.SEGMENTS), default=_ANY), 0)


def never(demand: Demand, now: datetime) -> bool:
    """Whether the message is larger than a limit: no reset makes room for it."""
    return demand.segments > largest(demand, now)


def counted(draft: Draft) -> Step:
    """What the trace says of a message that was counted."""
    if draft.is_classic:
        return passed("quota", "quota.classic")
    return passed("quota", "quota.room" if draft.agent else "quota.number")


def fits(draft: Draft) -> Step:
    """What a rehearsal says of a message that would find room."""
    return passed("quota", "quota.fits" if draft.agent else "quota.number_fits")


def exceeded(demand: Demand, now: datetime) -> list[QuotaExceeded]:
    """The subjects without room now, number first, each with the limit that resets last; counts nothing."""
    return [
        QuotaExceeded(subject, no_room)
        for subject in demand.subjects
        if (no_room := _full(subject, demand, now))
    ]


def _full(subject: Subject, demand: Demand, now: datetime) -> counting.Usage | None:
    return counting.full(subject, demand.segments, now, priority=demand.priority, windows=demand.windows)


def refusal(demand: Demand, full: QuotaExceeded) -> errors.SendError:
    """The error of a message that found no room; `kept` where there is some for messages with priority alone."""
    usage, limit = full.usage, full.usage.limit
    facts: dict[str, Any] = {
        "subject": said(demand.number),
        "used": usage.used,
        "limit": limit.limit,
        "unit": str(limit.unit),
        "window": limit.window.value,
        "resets": usage.resets_at.isoformat(),
    }
    if usage.has_room(demand.segments) and not demand.priority:
        facts["kept"] = limit.kept
    if full.subject.scope == Scope.NUMBER:
        return errors.NumberQuotaExceeded(**facts)
    assert demand.agent
    facts["subject"] = demand.agent.email
    if limit.unit == Unit.SEGMENTS:
        return errors.UserOutOfSegments(
            email=demand.agent.email, left=usage.left, needed=demand.segments, **facts
        )
    return errors.UserQuotaExceeded(**facts)
