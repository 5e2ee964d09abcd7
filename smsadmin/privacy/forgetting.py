"""Actions that keep no values: the text of a message is needed until it is settled, and deleted then."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models import Q, QuerySet
from django.utils import timezone

from smsadmin.actions.models import ActionVersion
from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import SETTLED
from smsadmin.sending import log
from smsadmin.sending.filters import TEST
from smsadmin.sending.models import Message

logger = structlog.get_logger(__name__)

#: How far back is looked for messages whose worker was killed between their end and this; none is held for longer.
REACH = timedelta(days=10)
BATCH = 200

#: A test of a form as it stands has no saved version; its row says what the form asked for.
_OF_A_FORM = Q(trigger=TEST, version=None, inputs__config__hide_values=True)


def forget_hidden(ids: Iterable[UUID], **_signal: Any) -> None:
    """Receives `settled`. Called again for a late answer, it takes out of it what that repeats.

    A database that fails here must not stop the drain: `sweep` comes by.
    """
    try:
        settled = Message.objects.filter(pk__in=list(ids), status__in=sorted(SETTLED))
        if hidden := _ids(settled.filter(Q(version__hide_values=True) | _OF_A_FORM)):
            log.forget_values(hidden, timezone.now())
    except DatabaseError as error:
        logger.warning("privacy.values_kept", error=str(error))


def sweep(now: datetime) -> None:
    """Forgets what a worker that was killed did not."""
    hiding = ActionVersion.objects.filter(hide_values=True)
    actions = list(hiding.order_by().values_list("action", flat=True).distinct())
    recent = Message.objects.filter(action__in=actions, pk__gte=first_uuid7(now - REACH))
    left = recent.filter(version__in=hiding, status__in=sorted(SETTLED), values_gone_at=None)
    while hidden := _ids(left[:BATCH]):
        log.forget_values(hidden, now)


def _ids(messages: QuerySet[Message]) -> list[UUID]:
    return list(messages.values_list("pk", flat=True))
