"""What messages cost, where their provider says so: Twilio does a while after a message is sent, in its list alone."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, OuterRef, Q
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

#: How old a message is whenever its price is asked for. What has none by the last of them has none.
AGES = [timedelta(minutes=2), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24)]
#: Older ones are not asked for, as where this program was stopped meanwhile.
OLDEST = timedelta(days=2)
#: Messages of an account that are asked for at a time, and pages of its list that are read for them.
_MOST_AT_ONCE, _MOST_PAGES = 2_000, 10


def keep(message: Message, price: Price | None, now: datetime) -> None:
    """Keeps the price of a message; the newest one that was told holds."""
    if price is not None:
        _write([_charge(message, price, now)])


def of(message: Message) -> Charge | None:
    """What the message cost, as far as its provider has said. Only Twilio does."""
    if message.connection is None or message.connection.kind != Connection.Kind.TWILIO:
        return None
    priced = Charge.objects.filter(message=message.pk, workspace=message.workspace_id, amount__isnull=False)
    return priced.first()


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
    wanted = _due(connection, now)
    if not wanted:
        return 0
    told = _told(connection, wanted)
    for sid, said in told.items():
        if said.segments != (wanted[sid].provider_segments or wanted[sid].segments):
            log.counted(wanted[sid].pk, said.segments)
    prices = {sid: said.price for sid, said in told.items() if said.price}
    _write([_charge(wanted[sid], price, now) for sid, price in prices.items()])
    _put_off([message for sid, message in wanted.items() if sid not in prices], now)
    return len(prices)


def _due(connection: Connection, now: datetime) -> dict[str, Message]:
    """The oldest messages of the account that left, and whose price is to be asked for now, by the provider's id."""
    settled = Q(amount__isnull=False) | Q(next_look_at=None) | Q(next_look_at__gt=now)
    found = Message.objects.filter(
        ~Exists(Charge.objects.filter(settled, message=OuterRef("pk"))),
        workspace=connection.workspace_id,
        pk__range=(first_uuid7(now - OLDEST), first_uuid7(now - AGES[0])),
        status__in=sorted(LEFT),
        connection=connection,
    ).exclude(provider_id="")
    columns = ("pk", "workspace", "provider_id", "claimed_at", "segments", "provider_segments")
    return {each.provider_id: each for each in found.only(*columns).order_by("pk")[:_MOST_AT_ONCE]}


def _told(connection: Connection, wanted: Mapping[str, Message]) -> dict[str, Said]:
    """What the list says of these messages, read from the days on which they left. Raises TwilioError."""
    times = [message.claimed_at or message.received_at for message in wanted.values()]
    last = max(times) + timedelta(
        days=1
    )  # one that waits at Twilio is listed under the day on which it left there
    days = {"DateSent>": f"{min(times):%Y-%m-%d}", "DateSent<": f"{last:%Y-%m-%d}"}
    told: dict[str, Said] = {}
    for each in registry.twilio(connection).messages(_MOST_PAGES, **days):
        said = twilio.said(twilio.of_message(each))
        if said.id in wanted:
            told[said.id] = said
        if len(told) == len(wanted):
            break
    return told


def _charge(message: Message, price: Price, now: datetime) -> Charge:
    known = {"amount": price.amount, "currency": price.currency, "at": now}
    return Charge(message=message.pk, workspace_id=message.workspace_id, **known)


def _write(charges: list[Charge]) -> None:
    columns = ["amount", "currency", "at"]
    Charge.objects.bulk_create(
        charges, batch_size=500, update_conflicts=True, unique_fields=["message"], update_fields=columns
    )


def _put_off(messages: list[Message], now: datetime) -> None:
    """Those without a price are asked for at their next age, and after the last one never. A price that came meanwhile
    stays."""
    waiting = [
        Charge(
            message=message.pk,
            workspace_id=message.workspace_id,
            at=now,
            next_look_at=_next_look(message.received_at, now),
        )
        for message in messages
    ]
    Charge.objects.bulk_create(
        waiting,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["message"],
        update_fields=["next_look_at"],
    )


def _next_look(received_at: datetime, now: datetime) -> datetime | None:
    return next((received_at + age for age in AGES if received_at + age > now), None)
