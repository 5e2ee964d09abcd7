"""Where Aircall calls us: making its webhook, seeing whether it still works, mending and removing it."""

import hashlib
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache
from smsadmin.incoming.models import Webhook
from smsadmin.providers import registry
from smsadmin.providers.aircall.client import Aircall, AircallError
from smsadmin.providers.aircall.webhooks import EVENTS, text
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

State = Webhook.State
T = TypeVar("T")

#: What the webhook is called in the Aircall Dashboard.
NAME = "smsadmin"
#: When a webhook was last called is kept to this precision: it is no reason to write a row for every call.
HEARD_EVERY = timedelta(minutes=1)
_IMPATIENT = 1.0  # the longest pause, in seconds, while somebody waits for the page


# --- For the calls themselves -----------------------------------------------------------------------


def at(secret: str) -> Webhook | None:
    """The webhook with this secret in its address. Looked up by a hash, so that no time taken tells of a secret."""
    address_hash = _hash(secret)

    def load() -> Webhook:
        return Webhook.objects.get(address_hash=address_hash)

    try:
        return cache.remembered(("webhook", address_hash), load)
    except Webhook.DoesNotExist:  # not remembered: anybody can name as many as memory holds
        return None


def heard(webhook: Webhook, now: datetime) -> None:
    """Keeps that it was called."""
    before = now - HEARD_EVERY
    if webhook.last_call_at is None or webhook.last_call_at < before:
        stale = Q(last_call_at=None) | Q(last_call_at__lt=before)
        Webhook.objects.filter(stale, pk=webhook.pk).update(last_call_at=now)
        webhook.last_call_at = now


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


# --- For the admin ----------------------------------------------------------------------------------


def of(connection: Connection) -> Webhook | None:
    """The connection's webhook, also one that was never made at Aircall."""
    return Webhook.objects.filter(connection=connection).first()


def set_up(connection: Connection) -> Webhook:
    """Makes the webhook at Aircall, or mends it: right address, right events, switched on. Can be done again at any
    time. Raises AircallError; what it says is kept on the webhook too."""
    webhook = _row(connection)
    return _asking(webhook, partial(_mended, webhook))


def look(webhook: Webhook) -> Webhook:
    """Asks Aircall how the webhook is. Raises AircallError; what it says is kept on the webhook too."""
    return _asking(webhook, partial(_seen, webhook))


def remove(connection: Connection) -> None:
    """No webhook at Aircall, and its address is no longer ours. Raises AircallError."""
    if webhook := of(connection):
        _asking(webhook, partial(_removed, webhook))


def end(webhook: Webhook, connection: Connection) -> None:
    """No webhook at Aircall for a connection that was just deleted here. Raises AircallError."""
    if webhook.provider_id:
        _client(connection).delete_webhook(webhook.provider_id)


def look_after() -> None:
    """Looks at every webhook. Where the sandbox plays Aircall, which forgets them at each start, they are also mended:
    at the real one an admin may have switched it off on purpose."""
    for webhook in Webhook.objects.exclude(provider_id="").select_related("connection"):
        try:
            seen = look(webhook)
            if settings.SANDBOX and seen.state != State.WORKING:
                set_up(webhook.connection)
        except AircallError as error:
            logger.warning("webhook.not_seen", connection=webhook.pk, error=str(error))


def _row(connection: Connection) -> Webhook:
    """The row with its secret, stored before Aircall learns the address: the first call may come before the answer."""
    secret = secrets.token_urlsafe(32)
    made = Webhook(
        connection=connection,
        workspace_id=connection.workspace_id,
        address_hash=_hash(secret),
        secrets={"address": secret},
    )
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        return Webhook.objects.select_related("connection").get(connection=connection)
    return made


def _asking(webhook: Webhook, ask: Callable[[Aircall], T]) -> T:
    try:
        return ask(_client(webhook.connection))
    except AircallError as error:
        webhook.error, webhook.checked_at = str(error)[:300], timezone.now()
        webhook.save(update_fields=["error", "checked_at"])
        raise


def _client(connection: Connection) -> Aircall:
    client = registry.aircall(connection)
    client.pause = lambda seconds: time.sleep(min(seconds, _IMPATIENT))
    return client


def _seen(webhook: Webhook, client: Aircall) -> Webhook:
    return _kept(webhook, client.webhook(webhook.provider_id))


def _mended(webhook: Webhook, client: Aircall) -> Webhook:
    url = _url(webhook)
    if not settings.SANDBOX and urlsplit(url).scheme != "https":
        raise AircallError("Aircall calls HTTPS addresses only: BASE_URL must begin with https://.")
    found = _found(client, webhook, url)
    if found is None:
        return _kept(webhook, client.create_webhook(url, NAME, EVENTS))
    if _state(found, url) == State.WORKING:
        return _kept(webhook, found)
    return _kept(webhook, client.change_webhook(text(found.get("webhook_id"), 80), url, EVENTS))


def _found(client: Aircall, webhook: Webhook, url: str) -> dict[str, Any] | None:
    """The one we know, or one that was made while its answer got lost."""
    if webhook.provider_id and (known := client.webhook(webhook.provider_id)):
        return known
    return next((each for each in client.webhooks() if each.get("url") == url), None)


def _kept(webhook: Webhook, found: dict[str, Any] | None) -> Webhook:
    """Keeps what Aircall says of the webhook; None: that there is no such one."""
    webhook.error, webhook.checked_at = "", timezone.now()
    if found is None:
        webhook.state, webhook.events = State.GONE, []
    else:
        webhook.state = _state(found, _url(webhook))
        webhook.provider_id = text(found.get("webhook_id"), 80)
        webhook.events = found.get("events") or []
        if token := text(found.get("token")):
            webhook.secrets = {**webhook.secrets, "token": token}
    webhook.save(update_fields=["error", "checked_at", "state", "provider_id", "events", "secrets"])
    cache.forget()
    return webhook


def _state(found: dict[str, Any], url: str) -> str:
    if found.get("url") != url or not set(EVENTS) <= set(found.get("events") or ()):
        return State.WRONG
    return State.OFF if found.get("active") is False else State.WORKING


def _removed(webhook: Webhook, client: Aircall) -> None:
    if webhook.provider_id:
        client.delete_webhook(webhook.provider_id)
    webhook.delete()
    cache.forget()


def _url(webhook: Webhook) -> str:
    return settings.BASE_URL + reverse("aircall-webhook", args=[webhook.secrets["address"]])
