"""A message in words, for its own page and for every other that speaks of messages."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from smsadmin.core import numbers
from smsadmin.sending import again, exchange, expected
from smsadmin.sending.filters import VERIFICATION
from smsadmin.sending.models import Event, Message
from smsadmin.sending.presenters.happenings import timeline
from smsadmin.sending.presenters.links import (
    Link,
    came_from,
    ids,
    next_step,
    record,
    trial,
    workflow,
)
from smsadmin.sending.presenters.neighbours import around, wider
from smsadmin.sending.presenters.positions import quota
from smsadmin.sending.presenters.replies import answers
from smsadmin.sending.presenters.texts import text
from smsadmin.sending.presenters.versions import standing
from smsadmin.sending.presenters.words import (
    RETRY,
    WHOSE,
    fix,
    fix_of_cause,
    headline,
    measure,
    refusal,
    retry,
    without_user,
)
from smsadmin.workspaces.models import Member
from smsadmin.writeback import engagements

__all__ = [
    "RETRY",
    "WHOSE",
    "Link",
    "came_from",
    "fix",
    "fix_of_cause",
    "headline",
    "next_step",
    "page",
    "record",
    "refusal",
    "timeline",
    "workflow",
]

#: The page of a message that is not settled asks for news so long.
WAITS = timedelta(hours=1)
#: Of the messages that followed one another, each sending the one before again, so many are looked at.
MOST_FOLLOWED = 8


def page(message: Message, events: Sequence[Event], now: datetime, member: Member) -> dict[str, Any]:
    """Everything the message page shows a member beside the row and its trace. `message` and `events` are as the
    member may see them (privacy.reading)."""
    error, is_secret = message.error, message.trigger == VERIFICATION
    verdict = again.verdicts(message.workspace, [message])[message.pk]
    followers = _followers(message, verdict.successor)
    held = expected.of([message], now).get(message.pk)
    return {
        "headline": headline(message, held),
        "held": held,
        "trial": trial(message),
        "is_secret": is_secret,
        "whose": WHOSE[error.whose] if error else "",
        "fix": fix(message),
        "again": retry(message),
        "verdict": verdict,
        "followers": followers,
        "next_step": next_step(message),
        "came_from": came_from(message),
        "without_user": without_user(message),
        "record": record(message),
        "text": text(message),
        "standing": standing(message),
        "timeline": timeline(message, events, next(iter(followers), None), held, engagements.of(message)),
        "quota": quota(message),
        "exchanges": exchange.exchanges(events, without_text=is_secret),
        "ids": ids(message, verdict.successor),
        "answers": answers(message),
        "around": around(message, member),
        "wider": wider(message),
        "sender": numbers.pretty(message.sender) or (message.number.name if message.number else ""),
        "measure": measure(message),
        "unfold": error is not None and error.place == "message",
        "waits": not message.is_settled and now - message.received_at < WAITS,
    }


def _followers(message: Message, successor: UUID | None) -> list[Message]:
    """The message that sent this one again, the one that sent that one again …"""
    rows = Message.objects.filter(workspace=message.workspace_id).only("trigger", "origin", "status")
    found: list[Message] = []
    following = rows.filter(pk=successor).first() if successor else None
    while following and len(found) < MOST_FOLLOWED:
        found.append(following)
        following = rows.filter(original=following.pk).first()
    return found
