"""Quota as a message meets it: whose windows it counts in, and what it is told when one of them is full."""

from datetime import datetime

from smsadmin.core import errors
from smsadmin.core.trace import Step, passed
from smsadmin.quotas import counting
from smsadmin.quotas.models import Scope, Unit
from smsadmin.sending.resolve import Draft


def subjects(draft: Draft) -> list[counting.Subject]:
    """Whose quota a resolved message counts in: the number's, then the user's."""
    assert draft.number
    workspace = draft.ask.workspace_id
    found = [counting.Subject(workspace, Scope.NUMBER, draft.number.pk)]
    if draft.agent:
        found.append(counting.Subject(workspace, Scope.USER, draft.agent.pk))
    return found


def counted(draft: Draft) -> Step:
    """What the trace says of a message that was counted."""
    return passed("quota", "quota.room" if draft.agent else "quota.number")


def fits(draft: Draft, now: datetime) -> Step:
    """Whether a resolved message would find room now; counts nothing. Raises the error it would be refused with."""
    assert draft.measure
    for subject in subjects(draft):
        rules = counting.limits(subject.workspace_id, subject.scope)
        if no_room := counting.full(subject, rules, draft.measure.segments, now):
            raise refusal(draft, counting.QuotaExceeded(subject, no_room))
    return passed("quota", "quota.fits" if draft.agent else "quota.number_fits")


def refusal(draft: Draft, full: counting.QuotaExceeded) -> errors.SendError:
    """The error of a message that found no room."""
    assert draft.number
    assert draft.measure
    usage, limit = full.usage, full.usage.limit
    resets = usage.resets_at.isoformat()
    error: type[errors.SendError]
    if full.subject.scope == Scope.NUMBER:
        subject, error = draft.number.e164, errors.NumberQuotaExceeded
    else:
        assert draft.agent
        subject, error = draft.agent.email, errors.UserQuotaExceeded
        if limit.unit == Unit.SEGMENTS:
            return errors.UserOutOfSegments(
                email=subject,
                left=usage.left,
                limit=limit.limit,
                needed=draft.measure.segments,
                resets=resets,
            )
    return error(
        subject=subject,
        used=usage.used,
        limit=limit.limit,
        unit=str(limit.unit),
        window=limit.window.value,
        resets=resets,
    )
