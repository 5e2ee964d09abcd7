"""What an event says to a program: facts as they were when it happened, contents as they are when it is delivered.

Numbers and texts are not kept with an event. They are read here, so what was deleted meanwhile is told to nobody, and
a hook that tells no contents names a recipient by the country code and the last two digits. What the API tells too
has the API's names (api.rows).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from smsadmin.api import rows
from smsadmin.core.causes import code_of
from smsadmin.core.errors import CATALOGUE
from smsadmin.core.status import Status
from smsadmin.hooks import events
from smsadmin.hooks.models import Hook, HookDelivery, HookEvent
from smsadmin.incoming.models import InboundMessage
from smsadmin.notices import limit_words, limits, watching, wording
from smsadmin.privacy.masking import masked_number
from smsadmin.quotas.models import Crossing
from smsadmin.sending import explain, presenters
from smsadmin.sending.filters import VERIFICATION
from smsadmin.sending.models import Message

Json = dict[str, Any]

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
        found = Message.objects.select_related("action", "version", "number", "agent")
        return cls(
            found.in_bulk(messages) if messages else {},
            InboundMessage.objects.select_related("number").in_bulk(inbound) if inbound else {},
            Crossing.objects.in_bulk(crossings) if crossings else {},
        )


def body(delivery: HookDelivery, about: About) -> bytes:
    """What is posted, in the language and zone in force; docs/webhooks.md shows it."""
    event, hook = delivery.event, delivery.hook
    data = {
        "workspace": {"id": hook.workspace.pk, "name": hook.workspace.name},
        "webhook": {"id": hook.pk, "name": hook.name},
        **_data(event, hook, about),
    }
    fields = {"type": event.type, "timestamp": rows.moment(event.at), "version": VERSION, "data": data}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _data(event: HookEvent, hook: Hook, about: About) -> Json:
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


def _message(event: HookEvent, hook: Hook, about: About) -> Json:
    """The status, its time and its error are those of the event: the message may have come further since."""
    assert event.message
    said, message = event.data, about.messages.get(event.message)
    facts = {
        "id": str(event.message),
        "url": rows.address("api-message", event.message),
        "page_url": rows.address("message", event.message),
        "status": said["status"],
        "at": rows.moment(event.at),
        "test": said.get("test", False),
        "error": None if said["status"] == Status.HELD else _error(said["code"], message, hook),
    }
    return {**facts, **(_of_row(message, hook) if message else _GONE)}


def _of_row(message: Message, hook: Hook) -> Json:
    told = {**rows.asked(message), **rows.held(message)}
    if not hook.tells_contents or _is_secret(message):
        told["text"] = None
    return _without_number(told, "to", hook)


#: What is said of a message that was deleted meanwhile.
_GONE: Json = dict.fromkeys(
    (
        *("trigger", "received_at", "from", "number", "user", "to", "text", "encoding", "characters", "segments"),
        *("traffic", "action", "record", "original", "held_until", "expires_at", "why_held"),
    )
)  # fmt: skip


def _is_secret(message: Message) -> bool:
    """A code, or what its action has deleted once it is settled, as a form says that is tried before it is saved."""
    if message.version:
        return message.version.hide_values
    return message.trigger == VERIFICATION or bool(message.inputs.get("config", {}).get("hide_values"))


def _without_number(told: Json, name: str, hook: Hook) -> Json:
    """What is told, with the number of this name as the hook may have it."""
    number = told[name] or ""
    return {**told, name: (number if hook.tells_contents else masked_number(number)) or None}


def _error(code: str, message: Message | None, hook: Hook) -> Json | None:
    """Its words may name the recipient or what a record holds, so they are of the contents."""
    if (kind := CATALOGUE.get(code)) is None:
        return None
    if not hook.tells_contents or not message or message.error_code != code or _is_secret(message):
        return rows.stopped(kind, None, None)
    return rows.stopped(kind, explain.cause(message), presenters.fix(message))


def _inbound(event: HookEvent, hook: Hook, about: About) -> Json:
    found = about.inbound.get(event.data["inbound"])
    if found is None:
        return {"id": event.data["inbound"], **_GONE_INBOUND}
    told = rows.inbound(found)
    if not hook.tells_contents:
        told["text"] = None
    return _without_number(told, "from", hook)


_GONE_INBOUND: Json = dict.fromkeys(("at", "from", "number", "text", "media", "answers"))


# --- Limits and causes --------------------------------------------------------------------------------


def _limit(event: HookEvent, about: About) -> Json | None:
    """In the words of notices; None where the number or user was deleted."""
    crossing = about.crossings.get(event.data["crossing"])
    holders = limits.holders_of(crossing.workspace_id, [crossing]) if crossing else {}
    if not crossing or not holders:
        return None
    holder = holders[crossing.scope, crossing.subject_id]
    facts = limits.facts_of(crossing, holder, timezone.now())
    return {
        **rows.holder(holder),
        "url": rows.address(f"api-quota-{crossing.scope}", holder.pk),
        "page_url": settings.BASE_URL + limit_words.path(facts),
        "sentence": limit_words.sentence(facts),
        "window": crossing.window,
        "zone": crossing.zone,
        "unit": crossing.unit,
        "threshold": crossing.threshold or None,
        "limit": crossing.limit,
        "used": crossing.used,
        "resets_at": rows.moment(datetime.fromisoformat(facts["resets_at"])),
        "runs_out_at": rows.moment(crossing.runs_out_at),
    }


def _group(event: HookEvent, about: About) -> Json:
    """Its error says what its newest message then came to, without the recipient's number and what records hold."""
    said, message = event.data, about.messages.get(event.message) if event.message else None
    cause = said["cause"]
    if message and message.error_code != code_of(cause):  # it has come further since
        message = None
    facts = watching.facts_about(cause, message)
    kind = CATALOGUE.get(facts["code"])
    words = (wording.why(facts), wording.fix(facts))
    return {
        "cause": cause,
        "page_url": settings.BASE_URL + wording.path(facts),
        "state": said["state"],
        "at": rows.moment(event.at),
        "by": said["by"] or None,
        "count": said["count"],
        "error": rows.stopped(kind, *words) if kind else None,
    }
