"""What messages cost, where their provider says so: Twilio does a while after a message is sent, in its list alone."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import LEFT
from smsadmin.incoming.models import Charge
from smsadmin.providers import registry
from smsadmin.providers.base import AccountError
from smsadmin.providers.told import Price, Said
from smsadmin.providers.twilio import webhooks as twilio
from smsadmin.sending import log
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

#: How old a message is whose price is asked for, at least and at most.
YOUNGEST, OLDEST = timedelta(minutes=2), timedelta(days=2)
#: Pages of an account's list that are read at a time.
_MOST_PAGES = 10


def keep(message: Message, price: Price | None, now: datetime) -> None:
    """Keeps the price of a message; the newest one that was told holds."""
    if price is not None:
        Charge.objects.update_or_create(
            message=message.pk,
            defaults={
                "workspace_id": message.workspace_id,
                "amount": price.amount,
                "currency": price.currency,
                "at": now,
            },
        )


def of(message: Message) -> Charge | None:
    """What the message cost, as far as its provider has said. Only Twilio does."""
    if message.connection is None or message.connection.kind != Connection.Kind.TWILIO:
        return None
    return Charge.objects.filter(message=message.pk, workspace=message.workspace_id).first()


def gather() -> int:
    """Reads the lists of the accounts of which some messages have no price yet; returns how many got one. An account
    that cannot be read is read the next time."""
    done = 0
    for connection in Connection.objects.filter(kind=Connection.Kind.TWILIO, lost_at=None):
        try:
            done += _gathered(connection, timezone.now())
        except AccountError as error:
            logger.warning("charges.not_read", connection=connection.pk, error=str(error))
    return done


def _gathered(connection: Connection, now: datetime) -> int:
    wanted = _without_price(connection, now)
    if not wanted:
        return 0
    oldest = min(message.received_at for message in wanted.values())
    since = {"DateSent>": f"{oldest:%Y-%m-%d}"}
    listed = registry.twilio(connection).messages(_MOST_PAGES, **since)
    return _kept(wanted, (twilio.said(twilio.of_message(each)) for each in listed), now)


def _without_price(connection: Connection, now: datetime) -> dict[str, Message]:
    """Messages of the account that left a while ago, and not long ago, by the provider's id."""
    found = Message.objects.filter(
        workspace=connection.workspace_id,
        pk__range=(first_uuid7(now - OLDEST), first_uuid7(now - YOUNGEST)),
        status__in=sorted(LEFT),
        connection=connection,
    ).exclude(provider_id="")
    messages = {each.provider_id: each for each in found.only("pk", "workspace", "provider_id", "segments")}
    known = Charge.objects.filter(message__in=[each.pk for each in messages.values()])
    priced = set(known.values_list("message", flat=True))
    return {sid: each for sid, each in messages.items() if each.pk not in priced}


def _kept(wanted: dict[str, Message], listed: Iterable[Said], now: datetime) -> int:
    left = dict(wanted)
    for said in listed:
        if (message := left.get(said.id)) and said.price:
            keep(left.pop(said.id), said.price, now)
            log.counted(message.pk, said.segments)
        if not left:
            break
    return len(wanted) - len(left)
