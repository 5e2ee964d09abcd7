"""Where Aircall calls us: making its webhook, seeing whether it still works, mending and removing it.

The address in a webhook holds a secret of ours, so a webhook that calls it is ours, whoever made it, and any but one of
them is too many: each event would be told several times.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from smsadmin import cache
from smsadmin.flows.starting import wants_calls
from smsadmin.incoming import addresses
from smsadmin.incoming.models import ProxyConfiguration, Webhook
from smsadmin.providers import registry
from smsadmin.providers.aircall import calls
from smsadmin.providers.aircall.client import Aircall, AircallError
from smsadmin.providers.aircall.webhooks import EVENTS, EVENTS_OF_APP
from smsadmin.providers.told import text
from smsadmin.workspaces.models import Connection, Workspace

logger = structlog.get_logger(__name__)

State = Webhook.State
Words = str | Promise
T = TypeVar("T")

#: What the webhook is called in the Aircall Dashboard.
NAME = "smsadmin"
#: When a webhook was last called is kept to this precision: it is no reason to write a row for every call.
HEARD_EVERY = timedelta(minutes=1)
_IMPATIENT = 1.0  # the longest pause, in seconds, while somebody waits for the page


# --- For the calls themselves -----------------------------------------------------------------------


def at(secret: str, kind: str) -> Webhook | None:
    """The webhook of an account of this kind with this secret in its address, and its connection. Looked up by a hash,
    so that no time taken tells of a secret."""
    address_hash = addresses.hash_of(secret)

    def load() -> Webhook:
        found = Webhook.objects.select_related("connection")
        return found.get(address_hash=address_hash, connection__kind=kind)

    try:
        return cache.remembered(("webhook", kind, address_hash), load)
    except Webhook.DoesNotExist:  # not remembered: anybody can name as many as memory holds
        return None


def heard(webhook: Webhook, now: datetime) -> None:
    """Keeps that it was called."""
    before = now - HEARD_EVERY
    if webhook.last_call_at is None or webhook.last_call_at < before:
        stale = Q(last_call_at=None) | Q(last_call_at__lt=before)
        Webhook.objects.filter(stale, pk=webhook.pk).update(last_call_at=now)
        webhook.last_call_at = now


# --- For the admin ----------------------------------------------------------------------------------


def of(connection: Connection) -> Webhook | None:
    """The connection's webhook, also one that was never made at Aircall."""
    return Webhook.objects.filter(connection=connection).first()


def set_up(connection: Connection) -> Webhook:
    """Makes the webhook at Aircall, or mends it: right address, right events, switched on. Can be done again at any
    time. Raises AircallError; what it says is kept on the webhook too."""
    webhook = addresses.row(connection)
    return _asking(webhook, partial(_mended, webhook))


def let_repair(connection: Connection, by_itself: bool) -> None:
    """Whether what is found wrong with the webhook is mended without being asked for."""
    for webhook in Webhook.objects.filter(connection=connection):
        webhook.repairs = by_itself
        webhook.save(update_fields=["repairs"])


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


@dataclass(frozen=True, slots=True)
class Trouble:
    """A webhook that does not tell us what it should: whose, its state, what is said of it, and where it is mended."""

    connection: Connection
    state: str
    sentence: Words
    url: str


_SENTENCES: Mapping[str, Words] = {
    State.OFF: gettext_lazy("Aircall no longer tells what becomes of messages: the webhook is switched off."),
    State.WRONG: gettext_lazy(
        "Aircall does not tell everything: the webhook has another address or other events."
    ),
    State.GONE: gettext_lazy("Aircall no longer tells what becomes of messages: the webhook is gone."),
    State.DOUBLED: gettext_lazy("Aircall tells everything more than once: there are several webhooks."),
}


def troubles(workspace: Workspace) -> list[Trouble]:
    """The webhooks of the workspace that were set up, and do not work. One query."""
    found = Webhook.objects.filter(workspace=workspace, state__in=_SENTENCES).select_related("connection")
    return [
        Trouble(
            each.connection,
            each.state,
            _SENTENCES[each.state],
            reverse("connection", args=[each.pk]) + "#webhook",
        )
        for each in found.order_by("pk")
    ]


def address(connection: Connection) -> str:
    """Where numbers in proxy mode are to call us. There is one also where the webhook was never set up."""
    return settings.BASE_URL + reverse(
        "aircall-callback", args=[addresses.row(connection).secrets["address"]]
    )


def address_for_portal(connection: Connection) -> str:
    """Where Callr is to call us: a person enters it in its portal."""
    secret = addresses.row(connection).secrets["address"]
    return settings.BASE_URL + reverse("callr-webhook", args=[secret])


def path_of(url: str) -> str:
    """The path of an address; "" for what is none, as others may have told Aircall."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def demand_https() -> None:
    """Raises AircallError where Aircall could not call this installation."""
    if not settings.SANDBOX and urlsplit(settings.BASE_URL).scheme != "https":
        raise AircallError("Aircall calls HTTPS addresses only: BASE_URL must begin with https://.")


def look_after(workspace_id: int | None = None) -> None:
    """Looks at every webhook, or those of one workspace, and mends it where its owners let it repair itself: the
    sandbox, which forgets them at each start, needs no leave."""
    found = Webhook.objects.exclude(provider_id="").select_related("connection")
    for webhook in found.filter(workspace=workspace_id) if workspace_id else found:
        try:
            seen = look(webhook)
            if seen.state != State.WORKING and (webhook.repairs or settings.SANDBOX):
                set_up(webhook.connection)
        except AircallError as error:
            logger.warning("webhook.not_seen", connection=webhook.pk, error=str(error))


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
    return _kept(webhook, _ours(webhook, client))


def _mended(webhook: Webhook, client: Aircall) -> Webhook:
    """One webhook of ours as it must be: the others are deleted, the one is changed, or made where there is none."""
    demand_https()
    url, events = _url(webhook), _events(webhook)
    ours = _ours(webhook, client)
    for each in ours[1:]:
        client.delete_webhook(_id(each))
    if not ours:
        return _kept(webhook, [client.create_webhook(url, NAME, events)])
    found = ours[0]
    if _state(found, webhook) == State.WORKING:
        return _kept(webhook, [found])
    return _kept(webhook, [client.change_webhook(_id(found), url, events)])


def _ours(webhook: Webhook, client: Aircall) -> list[dict[str, Any]]:
    """Every webhook of the account that is ours: the one we know, and those that call our address, such as one whose
    answer got lost when it was made. The one we know comes first, then those that are switched on."""
    path = reverse("aircall-webhook", args=[webhook.secrets["address"]])
    every = [
        each
        for each in client.webhooks()
        if _id(each) == webhook.provider_id or path_of(text(each.get("url"))) == path
    ]
    return sorted(every, key=lambda each: (_id(each) != webhook.provider_id, each.get("active") is False))


def _id(found: Mapping[str, Any]) -> str:
    return text(found.get("webhook_id"), 80)


def _events(webhook: Webhook) -> Sequence[str]:
    """What it is to tell: of calls only where one starts a flow, for they are nobody's business here else."""
    is_of_app = webhook.connection.auth == Connection.Auth.OAUTH
    events = EVENTS_OF_APP if is_of_app else EVENTS
    return (*events, calls.ENDED) if wants_calls(webhook.workspace_id) else events


def _kept(webhook: Webhook, found: list[dict[str, Any]]) -> Webhook:
    """Keeps what Aircall says of our webhooks: the first is the one that counts."""
    webhook.error, webhook.checked_at = "", timezone.now()
    if not found:
        webhook.state, webhook.events = State.GONE, []
    else:
        first = found[0]
        webhook.state = State.DOUBLED if len(found) > 1 else _state(first, webhook)
        webhook.provider_id = _id(first)
        webhook.events = first.get("events") or []
        if token := text(first.get("token")):
            webhook.secrets = {**webhook.secrets, "token": token}
    webhook.save(update_fields=["error", "checked_at", "state", "provider_id", "events", "secrets"])
    cache.forget()
    return webhook


def _state(found: Mapping[str, Any], webhook: Webhook) -> str:
    wanted, told = set(_events(webhook)), set(found.get("events") or ())
    if found.get("url") != _url(webhook) or not wanted <= told or calls.ENDED in told - wanted:
        return State.WRONG
    return State.OFF if found.get("active") is False else State.WORKING


def _removed(webhook: Webhook, client: Aircall) -> None:
    """The address stays ours while numbers in proxy mode call it."""
    for each in _ours(webhook, client):
        client.delete_webhook(_id(each))
    if ProxyConfiguration.objects.filter(
        number__connection=webhook.connection_id, callback=ProxyConfiguration.Callback.OURS
    ).exists():
        webhook.provider_id, webhook.state, webhook.events = "", State.NONE, []
        webhook.secrets = {"address": webhook.secrets["address"]}
        webhook.save(update_fields=["provider_id", "state", "events", "secrets"])
    else:
        webhook.delete()
    cache.forget()


def _url(webhook: Webhook) -> str:
    return settings.BASE_URL + reverse("aircall-webhook", args=[webhook.secrets["address"]])
