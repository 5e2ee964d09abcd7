"""What a Callr account's page shows beside its form: where Callr is to call us, and what is missing for that.

Callr's webhooks are made by a person in its portal; no call of its API that we know of makes one.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from smsadmin.connections import hearing
from smsadmin.directory.callr_reader import add_pool
from smsadmin.incoming import webhooks
from smsadmin.providers.callr.options import LAST_DAY_OF_RPC, RPC, Options
from smsadmin.providers.callr.webhooks import INBOUND
from smsadmin.workspaces.models import Connection


def prepare(connection: Connection) -> None:
    """What every Callr account has here from its beginning: the sender that Callr picks, and an address to call."""
    add_pool(connection)
    webhooks.address_for_portal(connection)


def shown(connection: Connection) -> dict[str, Any]:
    """What the account's page shows of its calls, and of what it sends by."""
    by_rpc = Options.read(connection.options).protocol == RPC
    return {
        "address": webhooks.address_for_portal(connection),
        "inbound_event": INBOUND,
        "hearing": hearing.of(connection, _missing(connection)),
        "last_day": LAST_DAY_OF_RPC if by_rpc else None,
    }


def _missing(connection: Connection) -> Iterator[str]:
    if not settings.SANDBOX and urlsplit(settings.BASE_URL).scheme != "https":
        yield _("Callr calls HTTPS addresses only: BASE_URL must begin with https://.")
    if Options.read(connection.options).signed and not connection.secrets.get("hmac_secret"):
        yield _(
            "The secret of the webhooks is not entered here, so every call of Callr's is refused: enter it above."
        )
