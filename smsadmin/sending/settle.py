"""Settling a message of which nobody knows whether it went out: a person has looked, and says so."""

from datetime import datetime

from auditlog.models import LogEntry
from django.db import transaction
from django.db.models import F, Q

from smsadmin.core import errors
from smsadmin.core.status import Status
from smsadmin.sending import log
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled
from smsadmin.workspaces.models import User


def decide(message: Message, arrived: bool, note: str, by: User, now: datetime) -> bool:
    """An unknown message becomes sent or failed, with who said so and why on its timeline and in the audit log.

    One that did not arrive keeps the error it had, and may then be sent again. Both keep the time at which nobody knew
    any more: nothing fails or arrives now. Clear news from the provider still moves the message (sending.log). False
    when it is no longer unknown: a receipt or somebody else came first, and nothing is changed.
    """
    status, note = Status.SENT if arrived else Status.FAILED, log.storable(note)
    error = None if arrived else errors.ProviderUnknown(**message.error_facts)
    with transaction.atomic():
        unknown, ended = Q(status=Status.UNKNOWN), F("finished_at")
        if not log.move(message.pk, status, now, unknown, error=error, finished_at=ended):
            return False
        log.decided(message.pk, now, status=status.value, by=by.pk, who=str(by), note=note)
        audit(message, status, note)
    settled.send(sender=Message, ids=[message.pk])
    return True


def audit(message: Message, status: Status, note: str = "") -> None:
    """What a person made of a message, which has its status from before. Under its id alone: the audit log outlives
    the recipient's number."""
    changes = {"status": [str(message.status), status.value], "note": ["", note]}
    LogEntry.objects.log_create(
        message,
        force_log=True,
        action=LogEntry.Action.UPDATE,
        changes=changes,
        object_repr=str(message.pk),
    )
