"""What messages cost, where their provider says so: one with a list does there, a while after a message is sent."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import LEFT
from smsadmin.incoming.models import Charge
from smsadmin.incoming.receipts import LONGEST_WAIT
from smsadmin.providers import registry
from smsadmin.providers.base import AccountError
from smsadmin.providers.told import Price, ProviderReport
from smsadmin.sending import log
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

#: How long ago a message left whenever its price is asked for. What has none by the last of them has none.
AGES = [timedelta(minutes=2), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24)]
#: Those that left before are not asked for, as where this program was stopped meanwhile.
OLDEST = timedelta(days=2)
#: Messages of an account that are asked for at a time.
_MOST_AT_ONCE = 2_000


def keep(message: Message, price: Price | None, now: datetime) -> None:
    """Keeps the price of a message; the newest one that was told holds."""
    if price is not None:
        _write([_charge(message, price, now)])


def of(message: Message) -> Charge | None:
    """What the message cost, as far as its provider has said."""
    if message.connection is None or message.connection.kind not in registry.LISTED:
        return None
    priced = Charge.objects.filter(message=message.pk, workspace=message.workspace_id, amount__isnull=False)
    return priced.first()


def gather(*, waited: bool = False) -> int:
    """Reads the lists of the accounts of which some messages have no price yet; returns how many got one. An account
    that cannot be read is read the next time.

    Where they `waited`: of the few that had waited here longer than OLDEST before they left. To find them all that came
    in for days is read, so they are to be asked for less often.
    """
    done = 0
    for connection in Connection.objects.filter(kind__in=registry.LISTED, lost_at=None):
        try:
            done += _gathered(connection, timezone.now(), waited=waited)
        except AccountError as error:
            logger.warning("charges.not_read", connection=connection.pk, error=str(error))
    return done


def _gathered(connection: Connection, now: datetime, *, waited: bool) -> int:
    wanted = _due(connection, now, waited=waited)
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


def _due(connection: Connection, now: datetime, *, waited: bool) -> dict[str, Message]:
    """The oldest messages of the account that left, and whose price is to be asked for now, by the provider's id."""
    came, latest = (OLDEST + LONGEST_WAIT, OLDEST) if waited else (OLDEST, AGES[0])
    settled = Q(amount__isnull=False) | Q(next_look_at=None) | Q(next_look_at__gt=now)
    found = Message.objects.filter(
        ~Exists(Charge.objects.filter(settled, message=OuterRef("pk"))),
        workspace=connection.workspace_id,
        pk__gte=first_uuid7(now - came),
        pk__lt=first_uuid7(now - latest),
        claimed_at__range=(now - OLDEST, now - AGES[0]),
        status__in=sorted(LEFT),
        connection=connection,
    ).exclude(provider_id="")
    columns = ("pk", "workspace", "provider_id", "claimed_at", "segments", "provider_segments")
    return {each.provider_id: each for each in found.only(*columns).order_by("pk")[:_MOST_AT_ONCE]}


def _told(connection: Connection, wanted: Mapping[str, Message]) -> dict[str, ProviderReport]:
    """What the list says of these messages, read from the days on which they left. Raises AccountError."""
    times = [_left_at(message) for message in wanted.values()]
    last = max(times) + timedelta(days=1)  # one that waits there is listed under the day on which it left
    told: dict[str, ProviderReport] = {}
    for said in registry.listing(connection).days(min(times), last):
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
            next_look_at=_next_look(_left_at(message), now),
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


def _left_at(message: Message) -> datetime:
    assert message.claimed_at  # _due
    return message.claimed_at


def _next_look(left_at: datetime, now: datetime) -> datetime | None:
    return next((left_at + age for age in AGES if left_at + age > now), None)
