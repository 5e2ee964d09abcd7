"""Numbers in proxy mode: looking at their messaging configuration at Aircall, making it, and removing it.

While a number has one it texts by the Messaging API alone: nobody can from the Aircall app, and Aircall calls us
instead of showing what is sent and received (Aircall help, "Send Message endpoint"). What Aircall says is kept in
ProxyConfiguration, and the directory's own fact about the number is brought up to date with it.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import transaction
from django.utils import timezone

from smsadmin import cache
from smsadmin.directory.models import Number, Source
from smsadmin.incoming import webhooks
from smsadmin.incoming.models import ProxyConfiguration
from smsadmin.providers import registry
from smsadmin.providers.aircall.client import PROXY_TYPE, Aircall, AircallError
from smsadmin.providers.told import text
from smsadmin.workspaces.models import User

Callback = ProxyConfiguration.Callback
T = TypeVar("T")

_IMPATIENT = 1.0  # the longest pause, in seconds, while somebody waits for the page


def of(number: Number) -> ProxyConfiguration:
    """What is known of the number's configuration; an unsaved row for one that was never looked at."""
    found = ProxyConfiguration.objects.select_related("configured_by").filter(number=number).first()
    return found or ProxyConfiguration(number=number, workspace_id=number.workspace_id)


def token_of(connection_id: int, number_id: str) -> str | None:
    """The token that callbacks of this number (the provider's own id) must carry; "" where we were never told it, and
    None where none can come: the number is not known here, or not known to be in proxy mode and to call us."""

    def load() -> str:
        found = ProxyConfiguration.objects.select_related("number").get(
            number__connection=connection_id, number__provider_id=number_id, callback=Callback.OURS
        )
        token: str = found.secrets.get("token", "")
        if not (token or found.number.proxy_mode):
            raise ProxyConfiguration.DoesNotExist
        return token

    if not number_id:
        return None
    try:
        return cache.remembered(("proxy", connection_id, number_id), load)
    except ProxyConfiguration.DoesNotExist:  # not remembered: anybody can name as many as memory holds
        return None


def look(number: Number) -> ProxyConfiguration:
    """Asks Aircall how the number is configured. Raises AircallError; what it says is kept too."""
    return _kept(number, _asking(number, lambda client: client.configuration(number.provider_id)))


def configure(number: Number, by: User) -> ProxyConfiguration:
    """Puts the number into proxy mode and has it call us; takes over one that calls elsewhere. Raises AircallError."""

    def ask(client: Aircall) -> dict[str, Any]:
        webhooks.demand_https()
        return client.configure(number.provider_id, webhooks.address(number.connection))

    made = _asking(number, ask)
    # What was asked for is true also where the answer leaves it out.
    told = {"callbackUrl": webhooks.address(number.connection), "type": PROXY_TYPE, **made}
    return _kept(number, told, was_changed=True, configured_at=timezone.now(), configured_by=by)


def remove(number: Number) -> ProxyConfiguration:
    """Puts the number back into native mode: people text from it in Aircall again. Raises AircallError."""
    _asking(number, lambda client: client.unconfigure(number.provider_id))
    return _kept(number, None, was_changed=True)


def _asking(number: Number, ask: Callable[[Aircall], T]) -> T:
    client = registry.aircall(number.connection)
    client.pause = lambda seconds: time.sleep(min(seconds, _IMPATIENT))
    try:
        return ask(client)
    except AircallError as error:
        row = of(number)
        row.error = str(error)[:300]
        row.save()
        raise


def _kept(
    number: Number, told: dict[str, Any] | None, *, was_changed: bool = False, **made: Any
) -> ProxyConfiguration:
    """Keeps what Aircall told, None for no configuration; `was_changed`, and `made`, where we did it just now."""
    row, now = of(number), timezone.now()
    row.error, row.seen_at = "", now
    row.type = text(told.get("type"), 40) if told else ""
    row.callback = _callback(number, told)
    is_ours = row.callback == Callback.OURS
    row.secrets = {"token": text(told.get("token"))} if told and is_ours and told.get("token") else {}
    if not told:
        row.configured_at = row.configured_by = None
    for name, value in made.items():
        setattr(row, name, value)
    with transaction.atomic():
        row.save()
        _tell_the_directory(number, is_proxy=told is not None, was_changed=was_changed)
    cache.forget()
    return row


def _callback(number: Number, told: dict[str, Any] | None) -> str:
    """Whose address the number calls. Ours is known by the secret in it, under whatever name this server had then."""
    url = text(told.get("callbackUrl")) if told else ""
    if not url:
        return Callback.NONE
    is_ours = webhooks.path_of(url) == webhooks.path_of(webhooks.address(number.connection))
    return Callback.OURS if is_ours else Callback.OTHER


def _tell_the_directory(number: Number, *, is_proxy: bool, was_changed: bool) -> None:
    """What Aircall answers is so, whatever was assumed or learnt before; only what an admin set by hand stands against
    an answer. What was just changed is certain."""
    if number.proxy_mode_source == Source.ADMIN and not was_changed:
        return
    number.proxy_mode, number.proxy_mode_source, number.probed_at = is_proxy, Source.PROBE, timezone.now()
    number.save(update_fields=["proxy_mode", "proxy_mode_source", "probed_at"])
