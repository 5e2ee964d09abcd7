"""The addresses that providers call us by: each account has a secret of its own in them."""

import hashlib
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse

from smsadmin.incoming.models import Webhook
from smsadmin.providers.twilio.options import Options
from smsadmin.workspaces.models import Connection

#: Hosts that nobody outside this machine can call.
_OF_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1", ""})


@dataclass(frozen=True, slots=True)
class TwilioAddresses:
    """Where Twilio tells what becomes of messages, and who texts in, the latter with how it is to repeat calls that
    fail. `callback` is the former where Twilio could call it, and "" else: it refuses a message whose callback it
    cannot call."""

    status: str
    inbound: str
    callback: str


def for_twilio(connection: Connection) -> TwilioAddresses:
    """The addresses of a Twilio account."""
    secret = row(connection).secrets["address"]
    status, inbound = (
        settings.BASE_URL + reverse(f"twilio-{event}", args=[secret]) for event in ("status", "inbound")
    )
    told = Options.read(connection.options).told(inbound)
    return TwilioAddresses(status, told, status if may_be_called() else "")


def may_be_called() -> bool:
    """Whether this installation's address is one that Twilio takes: of another machine, and without an underscore. The
    sandbox takes any."""
    host = urlsplit(settings.BASE_URL).hostname or ""
    return settings.SANDBOX or (host not in _OF_THIS_MACHINE and "_" not in host)


def row(connection: Connection) -> Webhook:
    """The account's row with its secret, stored before its provider learns the address: the first call may come before
    the answer."""
    rows = Webhook.objects.filter(connection=connection).select_related("connection")
    if found := rows.first():
        return found
    secret = secrets.token_urlsafe(32)
    made = Webhook(
        connection=connection,
        workspace_id=connection.workspace_id,
        address_hash=hash_of(secret),
        secrets={"address": secret},
    )
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        return rows.get()
    return made


def hash_of(secret: str) -> str:
    """What an address is found by: so no time taken tells of its secret."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
