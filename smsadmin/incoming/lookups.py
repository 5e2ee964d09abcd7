"""Messages of which nobody knows whether they left, looked for in their provider's list before a person decides.

Twilio has no key that makes a repeat harmless, but it can be asked what it has sent to whom. Exactly one message that
says the same, at about the time, and that is none of our others is the one; anything else leaves it to a person, who
sees what was listed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db.models import Q
from django.utils import timezone

from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import Status
from smsadmin.directory.models import Number
from smsadmin.incoming import charges, meaning, outside
from smsadmin.incoming.receipts import LONGEST_WAIT, says
from smsadmin.providers import registry
from smsadmin.providers.base import AccountError
from smsadmin.providers.told import Said
from smsadmin.providers.twilio import lookup
from smsadmin.sending import log
from smsadmin.sending.models import Event, Message
from smsadmin.sending.signals import settled
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

#: When an unknown message is looked for, counted from when it became so: the list may be behind.
AFTER = [timedelta(seconds=20), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1)]
#: After that long nothing is looked for by itself any more, as where this program was stopped meanwhile.
WITHIN = timedelta(hours=6)
#: Messages of one account that are looked for at a time.
MOST_AT_ONCE = 50
#: The most of what was listed that a timeline shows.
_MOST_SHOWN = 10


def run(now: datetime | None = None) -> int:
    """Looks for what is due; returns how many messages were settled."""
    now, done = now or timezone.now(), 0
    for connection in Connection.objects.filter(kind=Connection.Kind.TWILIO, lost_at=None):
        for message in _due(connection, now):
            try:
                done += look_up(message, now)
            except AccountError as error:
                logger.warning("lookup.failed", connection=connection.pk, error=str(error))
                log.looked_up(message.pk, now, listed=(), failure=str(error))
                break  # the others of the account would not be answered either
    return done


def may_be_looked_up(message: Message) -> bool:
    """Whether its provider can be asked for it though we have no id of it."""
    connection = message.connection
    is_twilios = connection is not None and connection.kind == Connection.Kind.TWILIO
    return (
        is_twilios
        and message.status == Status.UNKNOWN
        and not message.provider_id
        and bool(message.recipient)
    )


def look_up(message: Message, now: datetime) -> bool:
    """Looks into the provider's list, and settles the message where exactly one there is it; its timeline shows what
    was listed else. Raises AccountError."""
    assert message.connection
    at = message.claimed_at or message.finished_at or message.received_at
    number = Number.objects.filter(pk=message.number_id or 0).first()
    sender_id = number.provider_id if number else ""
    listed = lookup.listed(
        registry.twilio(message.connection), message.recipient, message.sender, sender_id, at
    )
    free = _free(message, listed)
    same = [each for each in free if says(message, lookup.text_of(each))]
    if len(same) == 1 and not _has_double(message, at):
        return _settled(message, same[0], now)
    log.looked_up(message.pk, now, listed=[_shown(each, each in same) for each in free[:_MOST_SHOWN]])
    return False


def listed_for(message: Message) -> list[Event]:
    """What came of looking for it in vain, oldest first."""
    return log.look_ups([message.pk]).get(message.pk, [])


def _due(connection: Connection, now: datetime) -> list[Message]:
    """The account's unknown messages whose next look is due."""
    unknown = Message.objects.filter(
        workspace=connection.workspace_id,
        status=Status.UNKNOWN,
        pk__gte=first_uuid7(now - LONGEST_WAIT),
        connection=connection,
        provider_id="",
        finished_at__range=(now - WITHIN, now - AFTER[0]),
    ).exclude(recipient="")
    found = list(unknown.select_related("connection").order_by("pk")[: MOST_AT_ONCE * len(AFTER)])
    looks = log.look_ups(message.pk for message in found)
    return [each for each in found if _is_due(each, looks.get(each.pk, ()), now)][:MOST_AT_ONCE]


def _is_due(message: Message, looks: Sequence[Event], now: datetime) -> bool:
    if len(looks) >= len(AFTER) or message.finished_at is None:
        return False
    return now >= message.finished_at + AFTER[len(looks)]


def _free(message: Message, listed: Sequence[Said]) -> list[Said]:
    """What was listed and belongs to no other message of ours."""
    ids = [each.id for each in listed if each.id]
    others = Message.objects.filter(connection=message.connection_id, provider_id__in=ids).exclude(
        pk=message.pk
    )
    taken = set(others.values_list("provider_id", flat=True))
    return [each for each in listed if each.id and each.id not in taken]


def _has_double(message: Message, at: datetime) -> bool:
    """Whether another message of ours without an id could be meant as well: to the same recipient, with the same text,
    at about the same time. Nobody could tell which of both was listed."""
    nameless = Message.objects.filter(
        Q(status=Status.SENDING) | log.UNCONFIRMED,
        pk__gte=first_uuid7(at - LONGEST_WAIT),
        workspace=message.workspace_id,
        recipient=message.recipient,
        connection=message.connection_id,
        number=message.number_id,
        provider_id="",
        claimed_at__range=(at - lookup.NEAR, at + lookup.NEAR),
    ).exclude(pk=message.pk)
    return any(says(each, message.body) for each in nameless.only("body", "characters", "values_gone_at"))


def _settled(message: Message, said: Said, now: datetime) -> bool:
    """The message has the id, and the status, that the list has it under."""
    if not log.identified(message.pk, said.id):  # a receipt was quicker
        return False
    message.provider_id = said.id
    outside.was_ours(message.connection_id or 0, said.id)
    moved = log.receipt(message, meaning.receipt(message, said, log.LOOKED_UP), now)
    charges.keep(message, said.price, now)
    if moved:
        settled.send(sender=Message, ids=[message.pk])
    return moved


def _shown(said: Said, is_same: bool) -> Mapping[str, Any]:
    """What the timeline keeps of a listed message: nothing that names its recipient, and no text."""
    return {
        "id": said.id,
        "status": said.word,
        "at": said.created_at.isoformat() if said.created_at else "",
        "same_text": is_same,
    }
