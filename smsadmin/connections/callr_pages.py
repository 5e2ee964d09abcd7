"""What a Callr account's page shows beside its form: where Callr is to call us, and what is missing for that.

Callr's webhooks are made by a person in its portal; no call of its API that we know of makes one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from smsadmin.directory.callr_reader import add_pool
from smsadmin.incoming import webhooks
from smsadmin.incoming.models import InboundMessage, ProviderCall
from smsadmin.providers.callr.options import LAST_DAY_OF_RPC, RPC, Options
from smsadmin.providers.callr.webhooks import INBOUND
from smsadmin.workspaces.models import Connection

#: What comes of calls that are delivery reports.
_OF_REPORTS = (ProviderCall.Outcome.MOVED, ProviderCall.Outcome.NOTED)


@dataclass(frozen=True, slots=True)
class Hearing:
    """What we hear of a Callr account: by which address, when last, and what is missing."""

    address: str
    inbound_event: str
    last_call_at: datetime | None
    reports: bool
    replies: bool
    missing: list[str]

    @property
    def works(self) -> bool:
        return self.last_call_at is not None and not self.missing


def prepare(connection: Connection) -> None:
    """What every Callr account has here from its beginning: the sender that Callr picks, and an address to call."""
    add_pool(connection)
    webhooks.address_for_portal(connection)


def hearing(connection: Connection) -> Hearing:
    """What is known of the calls of a Callr account."""
    address, webhook = webhooks.address_for_portal(connection), webhooks.of(connection)
    calls = ProviderCall.objects.filter(connection=connection)
    last = webhook.last_call_at if webhook else None
    return Hearing(
        address=address,
        inbound_event=INBOUND,
        last_call_at=last,
        reports=calls.filter(outcome__in=_OF_REPORTS).exists(),
        replies=InboundMessage.objects.filter(connection=connection).exists(),
        missing=list(_missing(connection, last)),
    )


def _missing(connection: Connection, last: datetime | None) -> Iterator[str]:
    if not settings.SANDBOX and urlsplit(settings.BASE_URL).scheme != "https":
        yield _("Callr calls HTTPS addresses only: BASE_URL must begin with https://.")
    if Options.read(connection.options).signed and not connection.secrets.get("hmac_secret"):
        yield _(
            "The secret of the webhooks is not entered here, so every call of Callr's is refused: enter it above."
        )
    if last is None:
        yield _("Callr has not called yet: make the webhooks in its portal.")


def last_day_of_rpc(connection: Connection) -> date | None:
    """When what the account sends by ends, if it ends."""
    return LAST_DAY_OF_RPC if Options.read(connection.options).protocol == RPC else None
