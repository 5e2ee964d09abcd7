"""Messages of which nobody knows whether they left, looked for in their provider's list before a person decides.

No provider has a key that makes a repeat harmless, but some can be asked what they have sent to whom. Exactly one
message that says the same, at about the time, and that is none of our others is the one; anything else leaves it to a
person, who sees what was listed.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from smsadmin.core import errors
from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import Status
from smsadmin.directory.models import Number
from smsadmin.incoming import charges, meaning, outside
from smsadmin.incoming.models import LookUp
from smsadmin.incoming.receipts import LONGEST_WAIT, NEAR, says
from smsadmin.providers import registry
from smsadmin.providers.base import AccountError
from smsadmin.providers.history import Listing
from smsadmin.providers.told import ProviderReport
from smsadmin.sending import log
from smsadmin.sending.models import Event, Message
from smsadmin.sending.signals import settled
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

#: When an unknown message is looked for, counted from when it became so: the list may be behind.
AFTER = [timedelta(seconds=20), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1)]
#: After that long nothing is looked for by itself any more, as where this program was stopped meanwhile.
WITHIN = timedelta(hours=6)
#: A look that the provider did not answer is no look: it is made again after that.
AFTER_FAILURE = timedelta(minutes=1)
#: Messages of one account that are looked for at a time, and the seconds after which none is begun any more.
MOST_AT_ONCE, LONGEST_TURN = 50, 60.0
#: Nobody else looks for a message for so long: longer than a turn and the slowest answers to its last look.
LEASE = timedelta(minutes=5)
#: The most of what was listed that a timeline shows.
_MOST_SHOWN = 10


def run(now: datetime | None = None) -> int:
    """Looks for what is due; returns how many messages were settled."""
    LookUp.objects.filter(since__lt=(now or timezone.now()) - WITHIN).delete()
    accounts = Connection.objects.filter(kind__in=registry.LISTED, lost_at=None)
    return sum(_searched(connection, now or timezone.now()) for connection in accounts)


def _searched(connection: Connection, now: datetime) -> int:
    """Looks for what is due of one account; returns how many messages were settled."""
    done, ends = 0, time.monotonic() + LONGEST_TURN
    for message in _due(connection, now):
        if time.monotonic() > ends or not _claimed(message, now):
            continue
        try:
            done += look_up(message, now)
        except AccountError as error:
            logger.warning("lookup.failed", connection=connection.pk, error=str(error))
            _failed(message, str(error), now)
            break  # the others of the account would not be answered either
        _answered(message)
    return done


def is_early(message: Message, now: datetime) -> bool:
    """Whether the list may not have it yet though it left."""
    return may_be_looked_up(message) and now - (message.finished_at or now) < AFTER[0]


def may_be_looked_up(message: Message) -> bool:
    """Whether its provider can be asked for it though we have no id of it."""
    connection = message.connection
    return (
        connection is not None
        and connection.kind in registry.LISTED
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
    listing = registry.listing(message.connection)
    listed = listing.sent(message.recipient, message.sender, sender_id, at - NEAR, at + NEAR)
    # Asked first: one that gets its id in between is taken, and no double.
    has_double = _has_double(message, at, listing)
    free = _free(message, listed)
    same = [each for each in free if _says(message, each.body, listing)]
    if len(same) == 1 and not has_double:
        return _settled(message, same[0], now)
    log.looked_up(message.pk, now, listed=[_shown(each, each in same) for each in free[:_MOST_SHOWN]])
    return False


def listed_for(message: Message) -> list[Event]:
    """What came of looking for it in vain, oldest first."""
    return log.look_ups([message.pk]).get(message.pk, [])


def _due(connection: Connection, now: datetime) -> list[Message]:
    """The account's messages of which nobody knows, or of which a person decided that they are lost, whose next look is
    due."""
    searched = LookUp.objects.filter(message=OuterRef("pk"))
    unknown = Message.objects.filter(
        ~Exists(searched.filter(Q(next_look_at=None) | Q(next_look_at__gt=now))),
        ~Q(error_code=""),  # as its index says, which SQLite does not use else
        workspace=connection.workspace_id,
        status__in=(Status.UNKNOWN, Status.FAILED),
        error_code=errors.ProviderUnknown.code,
        pk__gte=first_uuid7(now - LONGEST_WAIT),
        connection=connection,
        provider_id="",
        finished_at__range=(now - WITHIN, now - AFTER[0]),
    )
    due = unknown.exclude(recipient="").select_related("connection")
    return list(due.order_by("pk")[:MOST_AT_ONCE])


def _claimed(message: Message, now: datetime) -> bool:
    """Whether this sweep looks for it: of several one does."""
    first = LookUp(message=message.pk, since=message.finished_at or now, next_look_at=now)
    LookUp.objects.bulk_create([first], ignore_conflicts=True)
    free = LookUp.objects.filter(message=message.pk, next_look_at__lte=now)
    return bool(free.update(next_look_at=now + LEASE))


def _answered(message: Message) -> None:
    """The next look comes at its time, and after the last one none."""
    for search in LookUp.objects.filter(message=message.pk):
        search.looks, search.error = search.looks + 1, ""
        search.next_look_at = search.since + AFTER[search.looks] if search.looks < len(AFTER) else None
        search.save(force_update=True)


def _failed(message: Message, why: str, now: datetime) -> None:
    """Its timeline says so once, however often the same comes of it."""
    search = LookUp.objects.filter(message=message.pk)
    if search.exclude(error=why[:300]).update(error=why[:300]):
        log.looked_up(message.pk, now, listed=(), failure=why)
    search.update(next_look_at=now + AFTER_FAILURE)


def _free(message: Message, listed: Sequence[ProviderReport]) -> list[ProviderReport]:
    """What was listed and belongs to no other message of ours."""
    ids = [each.id for each in listed if each.id]
    others = Message.objects.filter(connection=message.connection_id, provider_id__in=ids).exclude(
        pk=message.pk
    )
    taken = set(others.values_list("provider_id", flat=True))
    return [each for each in listed if each.id and each.id not in taken]


def _has_double(message: Message, at: datetime, listing: Listing) -> bool:
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
        claimed_at__range=(at - NEAR, at + NEAR),
    ).exclude(pk=message.pk)
    found = nameless.only("body", "characters", "values_gone_at")
    return any(_says(each, message.body, listing) for each in found)


def _says(message: Message, body: str, listing: Listing) -> bool:
    """As receipts.says; also with what the provider makes of texts."""
    if says(message, body):
        return True
    made, found = listing.rewritten(message.body), listing.rewritten(body)
    return not message.values_gone_at and made.split() == found.split()


def _settled(message: Message, said: ProviderReport, now: datetime) -> bool:
    """The message has the id, and the status, that the list has it under: both or neither, since one with an id is not
    looked for again."""
    with transaction.atomic():
        if not log.identified(message.pk, said.id):  # a receipt was quicker
            return False
        message.provider_id = said.id
        outside.was_ours(message.connection_id or 0, said.id)
        moved = meaning.take(message, said, log.LOOKED_UP, now)
        charges.keep(message, said.price, now)
    if moved:
        settled.send(sender=Message, ids=[message.pk])
    return moved


def _shown(said: ProviderReport, is_same: bool) -> Mapping[str, Any]:
    """What the timeline keeps of a listed message: nothing that names its recipient, and no text."""
    return {
        "id": said.id,
        "status": said.word,
        "at": said.created_at.isoformat() if said.created_at else "",
        "same_text": is_same,
    }
