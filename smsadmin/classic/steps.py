"""Which steps of which workflows still use the classic action: noted at each execution, beside its message."""

import structlog
from django.db import DatabaseError
from django.db.models import F

from smsadmin.classic.models import ClassicFallback, ClassicStep
from smsadmin.core.status import Status
from smsadmin.core.trace import Step
from smsadmin.sending import log
from smsadmin.sending.models import Message

logger = structlog.get_logger(__name__)

_NEWEST = ["object_type", "number_given", "user_given", "number", "agent", "last_at", "last_message"]
_KINDS = frozenset(ClassicFallback.Kind.values)


def note(message: Message, *, number_given: str, user_given: str) -> None:
    """Writes what the step asked for and what was used: one statement, and more only where that differs.

    A repeated execution is no further use. An error is logged: the message is accepted or refused all the same.
    """
    if message.is_repeated:
        return
    try:
        step = _upserted(message, number_given, user_given)
        if message.status != Status.REJECTED:
            for used in fallbacks(message):
                _count(step, used, message)
    except DatabaseError:
        logger.exception("classic.not_noted", message=str(message.pk))


def fallbacks(message: Message) -> list[Step]:
    """The steps of a message's trace that tell of something used in place of what was asked for."""
    return [step for step in map(Step.from_json, message.trace) if step.say in _KINDS]


def _upserted(message: Message, number_given: str, user_given: str) -> ClassicStep:
    at, origin = message.received_at, message.origin
    row = ClassicStep(
        workspace_id=message.workspace_id,
        portal=log.storable(origin.get("portal", "")[:40]),
        workflow=log.storable(origin.get("workflow", "")[:40]),
        step=log.storable(origin.get("step", "")[:40]),
        object_type=message.object_type,
        number_given=log.storable(number_given[:80]),
        user_given=log.storable(user_given[:80]),
        number=message.number,
        agent=message.agent,
        first_at=at,
        last_at=at,
        last_message=message.pk,
    )
    known = ["workspace", "portal", "workflow", "step"]
    [row] = ClassicStep.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=known, update_fields=_NEWEST
    )
    return row


def _count(step: ClassicStep, used: Step, message: Message) -> None:
    """(Whoever makes the row has counted nothing yet: so no use is lost where two make it at once.)"""
    facts, at = used.facts, message.received_at
    same = {
        "step": step,
        "kind": used.say,
        "asked": str(facts.get("asked") or facts["sender"])[:254],
        "used": "" if used.say == ClassicFallback.Kind.USER else facts["sender"],
    }
    rows = ClassicFallback.objects.filter(**same)
    if not rows.update(uses=F("uses") + 1, last_at=at):
        ClassicFallback.objects.get_or_create(**same, defaults={"first_at": at, "last_at": at})
        rows.update(uses=F("uses") + 1, last_at=at)
