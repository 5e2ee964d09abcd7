"""What an event says to a program: facts as they were when it happened, contents as they are when it is delivered.

Numbers and texts are not kept with an event. They are read here, so what was deleted meanwhile is told to nobody, and
a hook that tells no contents names a recipient by the country code and the last two digits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from smsadmin.core.causes import code_of
from smsadmin.core.errors import CATALOGUE
from smsadmin.hooks import events
from smsadmin.hooks.models import Hook, HookDelivery, HookEvent
from smsadmin.incoming.models import InboundMessage
from smsadmin.notices import limit_words, limits, watching, webhook, wording
from smsadmin.privacy.masking import masked_number
from smsadmin.quotas.models import Crossing
from smsadmin.sending import explain
from smsadmin.sending.filters import VERIFICATION
from smsadmin.sending.models import Message

#: Of the body. It rises when something is taken out or means something else; what is new is merely added.
VERSION = 1


@dataclass(frozen=True, slots=True)
class About:
    """The rows that some events are about, as far as they still exist: read together."""

    messages: Mapping[UUID, Message]
    inbound: Mapping[int, InboundMessage]
    crossings: Mapping[int, Crossing]

    @classmethod
    def of(cls, told: Iterable[HookEvent]) -> "About":
        """Costs a query for each kind of row that is named."""
        told = list(told)
        messages = [each.message for each in told if each.message]
        inbound, crossings = (
            [each.data[name] for each in told if name in each.data] for name in ("inbound", "crossing")
        )
        return cls(
            Message.objects.select_related("action", "version").in_bulk(messages) if messages else {},
            InboundMessage.objects.select_related("number").in_bulk(inbound) if inbound else {},
            Crossing.objects.in_bulk(crossings) if crossings else {},
        )


def body(delivery: HookDelivery, about: About) -> bytes:
    """What is posted, in the language and zone in force; docs/webhooks.md shows it."""
    event, hook = delivery.event, delivery.hook
    data = {"workspace": hook.workspace.name, **_data(event, hook, about)}
    return webhook.body(event.type, event.at, data, version=VERSION)


def _data(event: HookEvent, hook: Hook, about: About) -> dict[str, Any]:
    if event.type == events.SAMPLE:
        sentence = _("This is a sample: nothing happened. What “%(hook)s” is told of arrives here.")
        return {"sentence": sentence % {"hook": hook.name}}
    if event.type == events.RECEIVED:
        return {"inbound": _inbound(event, hook, about)}
    if "crossing" in event.data:
        return {"limit": _limit(event, about)}
    if "cause" in event.data:
        return {"failure_group": _group(event, about)}
    return {"message": _message(event, hook, about)}


# --- Messages -----------------------------------------------------------------------------------------


def _message(event: HookEvent, hook: Hook, about: About) -> dict[str, Any]:
    """The status, its time and its error are those of the event: the message may have come further since."""
    assert event.message
    said, message = event.data, about.messages.get(event.message)
    facts = {
        "id": str(event.message),
        "url": settings.BASE_URL + reverse("message", args=[event.message]),
        "status": said["status"],
        "at": event.at.isoformat(),
        "error": _error(said["code"], message, hook) if said["code"] else None,
    }
    return {**facts, **(_of_row(message, hook) if message else _GONE)}


#: What is said of a message that was deleted meanwhile.
_GONE: dict[str, Any] = dict.fromkeys(
    ("received_at", "trigger", "action", "record", "original", "sender", "recipient", "segments", "text")
)


def _of_row(message: Message, hook: Hook) -> dict[str, Any]:
    action, record = message.action, message.object_id
    return {
        "received_at": message.received_at.isoformat(),
        "trigger": message.trigger,
        "action": {"id": action.pk, "name": action.name} if action else None,
        "record": {"type": message.object_type, "id": record} if record else None,
        "original": str(message.original) if message.original else None,
        "sender": message.sender or None,
        "recipient": _number(message.recipient, hook),
        "segments": message.segments,
        "text": _text(message) if hook.tells_contents else None,
    }


def _text(message: Message) -> str | None:
    """None of a text that is a secret, or was deleted."""
    return None if _is_secret(message) else message.body or None


def _is_secret(message: Message) -> bool:
    """A code, or what its action has deleted once it is settled, as a form says that is tried before it is saved."""
    if message.version:
        return message.version.hide_values
    return message.trigger == VERIFICATION or bool(message.inputs.get("config", {}).get("hide_values"))


def _number(e164: str, hook: Hook) -> str | None:
    return (e164 if hook.tells_contents else masked_number(e164)) or None


def _error(code: str, message: Message | None, hook: Hook) -> dict[str, Any]:
    """The sentence may name the recipient or what a record holds, so it is of the contents."""
    error = CATALOGUE.get(code)
    is_known = message is not None and message.error_code == code and not _is_secret(message)
    return {
        "code": code,
        "owner": error.whose.value if error else "",
        "sentence": explain.cause(message) if message and is_known and hook.tells_contents else None,
    }


def _inbound(event: HookEvent, hook: Hook, about: About) -> dict[str, Any]:
    found = about.inbound.get(event.data["inbound"])
    if found is None:
        return {"id": event.data["inbound"], **_GONE_INBOUND}
    return {
        "id": found.pk,
        "at": found.at.isoformat(),
        "number": found.number.e164 if found.number else None,
        "sender": _number(found.sender, hook),
        "answers": str(found.answers) if found.answers else None,
        "media": found.media,
        "text": found.body or None if hook.tells_contents else None,
    }


_GONE_INBOUND: dict[str, Any] = dict.fromkeys(("at", "number", "sender", "answers", "media", "text"))


# --- Limits and causes --------------------------------------------------------------------------------


def _limit(event: HookEvent, about: About) -> dict[str, Any]:
    """As notices have it; the id alone where the number or user was deleted."""
    crossing = about.crossings.get(event.data["crossing"])
    holders = limits.holders_of(crossing.workspace_id, [crossing]) if crossing else {}
    if not crossing or not holders:
        return {"id": event.data["crossing"]}
    holder = holders[crossing.scope, crossing.subject_id]
    facts = limits.facts_of(crossing, holder, timezone.now())
    where = {"sentence": limit_words.sentence(facts), "url": settings.BASE_URL + limit_words.path(facts)}
    return {"id": crossing.pk, **where, **limit_words.data(facts)}


def _group(event: HookEvent, about: About) -> dict[str, Any]:
    """The sentence says what its newest message then came to, without the recipient's number and what records hold."""
    cause, message = event.data["cause"], about.messages.get(event.message) if event.message else None
    if message and message.error_code != code_of(cause):  # it has come further since
        message = None
    facts = {**watching.facts_about(cause, message), "count": event.data["count"]}
    said = wording.failure(facts)
    return {"state": event.data["state"], "at": event.at.isoformat(), "by": event.data["by"] or None, **said}
