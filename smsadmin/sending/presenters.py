"""A message in words: its headline, its timeline and its next step."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from smsadmin import phrases
from smsadmin.actions.models import ObjectType
from smsadmin.core import errors, numbers
from smsadmin.core.status import Status
from smsadmin.core.trace import Step, Verdict
from smsadmin.core.windows import Window
from smsadmin.dashboard.templatetags.ui import STATUSES
from smsadmin.quotas import counting
from smsadmin.quotas.models import Scope, Unit
from smsadmin.sending import exchange, explain
from smsadmin.sending.filters import HUBSPOT, TEST, VERIFICATION, log_url
from smsadmin.sending.models import Event, Message, Reply
from smsadmin.triggers.hubspot.parse import OBJECT_TYPES

WHOSE = {
    errors.Whose.CONFIGURATION: gettext_lazy("Configuration"),
    errors.Whose.RECORD: gettext_lazy("The record's data"),
    errors.Whose.QUOTA: gettext_lazy("Quota"),
    errors.Whose.CONSENT: gettext_lazy("Consent"),
    errors.Whose.PROVIDER: gettext_lazy("Aircall"),
    errors.Whose.CARRIER: gettext_lazy("The carrier"),
    errors.Whose.US: gettext_lazy("smsadmin"),
}

RETRY = {
    errors.Retry.NEVER: gettext_lazy("Not to be sent again as it is."),
    errors.Retry.AFTER_FIX: gettext_lazy(
        "It may be sent again once that is done; smsadmin does not do so by itself."
    ),
    errors.Retry.SAFE: gettext_lazy("It never left, so sending it again cannot send it twice."),
}

REFUSALS = {
    "portal": gettext_lazy("The HubSpot portal is not connected here"),
    "signature missing": gettext_lazy("The call was not signed"),
    "signature stale": gettext_lazy("The signature was too old"),
    "signature mismatch": gettext_lazy("The signature does not match the client secret"),
    "malformed": gettext_lazy("The call could not be read"),
}

WINDOWS = {
    Window.MINUTE: gettext_lazy("Minute"),
    Window.HOUR: gettext_lazy("Hour"),
    Window.DAY: gettext_lazy("Day"),
    Window.MONTH: gettext_lazy("Month"),
}


def refusal(reason: str) -> str:
    """Why a call was turned away, in words."""
    return str(REFUSALS.get(reason, reason))


def page(message: Message, events: Sequence[Event], now: datetime) -> dict[str, Any]:
    """Everything the message page shows beside the row and its trace."""
    error, is_secret = message.error, message.trigger == VERIFICATION
    return {
        "headline": headline(message),
        "trial": trial(message),
        "is_secret": is_secret,
        "whose": WHOSE[error.whose] if error else "",
        "fix": fix(message),
        "again": RETRY[error.retry] if error else "",
        "next_step": next_step(message),
        "came_from": came_from(message),
        "without_user": without_user(message),
        "record": record(message),
        "timeline": timeline(message, events),
        "quota": quota(message),
        "exchanges": exchange.exchanges(events, without_text=is_secret),
        "ids": ids(message),
        "neighbours": neighbours(message),
        "sender": numbers.pretty(message.sender),
        "measure": measure(message) if message.segments else "",
        "unfold": error is not None and error.place == "message",
        "waits": not message.is_settled and now - message.received_at < timedelta(hours=1),
    }


def headline(message: Message) -> str:
    """What became of it, in one sentence."""
    why = explain.sentence(message)
    words = {
        Status.RECEIVED: _("Received, to be sent to %(recipient)s"),
        Status.HELD: "%(why)s",
        Status.QUEUED: _("Waiting to be sent to %(recipient)s"),
        Status.SENDING: _("Being sent to %(recipient)s"),
        Status.SENT: _("Sent to %(recipient)s"),
        Status.DELIVERED: _("Delivered to %(recipient)s"),
        Status.REJECTED: _("Not sent: %(why)s"),
        Status.FAILED: _("Not sent: %(why)s"),
        Status.EXPIRED: _("Not sent: %(why)s"),
        Status.UNDELIVERED: _("Sent, but not delivered: %(why)s"),
        Status.UNKNOWN: _("Nobody knows whether this was sent: %(why)s"),
        Status.CANCELLED: _("Not sent: %(why)s") if why else _("Not sent: taken out of the queue"),
    }[Status(message.status)]
    if message.status == Status.QUEUED and message.attempts:
        words = _("Waiting to be tried again for %(recipient)s")
    return words % {
        "recipient": numbers.pretty(message.recipient),
        "why": why or _("no reason was recorded."),
    }


def fix(message: Message) -> str:
    """What to do about it; for an action that is still off also why it is. A held message waits by itself."""
    if message.status == Status.HELD:
        return ""
    words, action = explain.fix(message), message.action
    if message.error is errors.ActionDisabled and action and not action.enabled:
        reason = _("The reason given for switching it off: %(reason)s") % {"reason": action.why_off}
        return f"{words} {reason}"
    return words


def without_user(message: Message) -> bool:
    """Whether it was decided that no user sends it; a message may also have been stopped before that."""
    steps = map(Step.from_json, message.trace)
    return any(step.name == "send_as" and step.verdict == Verdict.PASSED for step in steps)


# --- Where it came from, and where to go -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """Words and where they lead; without an address they are just words."""

    words: str
    url: str = ""


def trial(message: Message) -> str:
    """Who tried what with this message; "" for one that is no trial."""
    words = {
        TEST: _("Test by %(who)s from the editor"),
        VERIFICATION: _("Code for a test number, asked for by %(who)s"),
    }.get(message.trigger, "")
    return words and words % {"who": message.origin.get("who") or _("somebody")}


def came_from(message: Message) -> Link:
    """The action and its version, the HubSpot workflow and its step, or who tried what."""
    if message.trigger == VERIFICATION:
        return Link(trial(message), reverse("test-numbers"))
    if message.action and message.version:
        words = _("%(action)s, version %(version)s") % {
            "action": message.action,
            "version": message.version.number,
        }
        return Link(words, reverse("action", args=[message.action.pk]))
    if message.trigger == TEST:
        return Link(trial(message), reverse("action", args=[message.action.pk]) if message.action else "")
    found = workflow(message.origin)
    if not found.words:
        return Link(_("Unknown"))
    if step := message.origin.get("step"):
        words = _("%(workflow)s, step %(step)s") % {"workflow": found.words, "step": step}
        return Link(words, found.url)
    return found


def workflow(origin: Mapping[str, Any]) -> Link:
    """The HubSpot workflow that an origin names, and its page; no words where it names none."""
    if not (name := origin.get("workflow")):
        return Link("")
    words = _("HubSpot workflow %(workflow)s") % {"workflow": name}
    return Link(words, _hubspot(origin, "workflows", "platform", "flow", name, "edit"))


def record(message: Message) -> Link:
    """The record the message is about."""
    if not message.object_id:
        return Link("")
    kind = dict(ObjectType.choices).get(message.object_type, message.object_type)
    words = f"{kind} {message.object_id}".strip()
    type_id = next((found for found, name in OBJECT_TYPES.items() if name == message.object_type), "")
    url = _hubspot(message.origin, "contacts", "record", type_id, message.object_id) if type_id else ""
    return Link(words, url)


def _hubspot(origin: Mapping[str, Any], part: str, *path: str) -> str:
    """A page of the portal in a part of the HubSpot app; the sandbox has none. Ids come as the caller sent them."""
    portal = origin.get("portal")
    if settings.SANDBOX or not portal:
        return ""
    steps = (quote(str(step), safe="") for step in (part, portal, *path))
    return f"https://app.hubspot.com/{'/'.join(steps)}"


def next_step(message: Message) -> Link | None:
    """Where the cause is mended: a button, or just words for a place without an address here. None: nowhere."""
    error = message.error
    if error is None:
        return None
    place, _dot, field = error.place.partition(".")
    if message.trigger == VERIFICATION and place in ("action", "record", "message"):
        return Link(_("Open the test numbers"), reverse("test-numbers"))
    if place == "action":
        return _action_step(message, field)
    if place == "record":
        found = record(message)
        return (
            Link(_("Open the record in HubSpot"), found.url) if found.url else found if found.words else None
        )
    if place == "message":
        return Link(_("Read what was said"), "#exchange")
    return {
        "directory": Link(_("Open the directory"), _directory(message)),
        "quotas": Link(_("See the quotas"), reverse("quotas")),
        "connections": Link(_("Open the connections"), reverse("connections")),
        "settings": Link(_("Open the settings"), reverse("settings")),
    }.get(place)


def _action_step(message: Message, field: str) -> Link:
    if message.action:
        anchor = f"#id_{field}" if field else ""
        return Link(_("Edit the action"), reverse("action", args=[message.action.pk]) + anchor)
    found = came_from(message)
    return Link(_("Open the workflow in HubSpot"), found.url) if found.url else found


def _directory(message: Message) -> str:
    return reverse("number", args=[message.number_id]) if message.number_id else reverse("directory")


def neighbours(message: Message) -> list[Link]:
    """The log around this message: same recipient, cause, sender, action."""
    links = []
    if message.recipient:
        words = _("Messages to %(recipient)s") % {"recipient": numbers.pretty(message.recipient)}
        links.append(Link(words, log_url(recipient=message.recipient)))
    if message.error_code:
        links.append(Link(_("Messages with the same cause"), log_url(error=message.error_code)))
    if message.number:
        words = _("Messages from %(sender)s") % {"sender": numbers.pretty(message.sender)}
        links.append(Link(words, log_url(number=message.number_id)))
    if message.action:
        links.append(Link(_("Messages of the same action"), log_url(action=message.action_id)))
    return links


def ids(message: Message) -> list[tuple[str, str]]:
    """Every name this message goes by, here and elsewhere."""
    named = [
        (_("Message id"), str(message.pk)),
        (_("Aircall's message id"), message.provider_id),
        (_("HubSpot callback id"), message.origin.get("callback_id", "")),
        (_("HubSpot portal"), message.origin.get("portal", "")),
        (_("HubSpot record"), message.object_id if message.trigger == HUBSPOT else ""),
    ]
    return [(name, str(value)) for name, value in named if value]


# --- Timeline ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the timeline; `elapsed` counts from the moment the request came in."""

    at: datetime
    name: str
    note: str = ""
    tone: str = "neutral"
    elapsed: str = ""


def timeline(message: Message, events: Sequence[Event]) -> list[Happening]:
    """From the request to the latest news, in the order of time; what happened at once stays in its order."""
    start = message.received_at
    happened = sorted(
        [*_beginning(message), *map(_of_event, events), *_end(message)], key=lambda each: max(each.at, start)
    )
    return [replace(each, elapsed=span(each.at - start)) for each in happened]


def _beginning(message: Message) -> Iterator[Happening]:
    yield Happening(message.received_at, _("Received"), came_from(message).words)
    if message.expires_at:
        yield Happening(message.received_at, _("Held, as there was no room in a quota"), tone="waiting")
    if message.accepted_at:
        name = _("Released and counted") if message.expires_at else _("Accepted and counted")
        yield Happening(message.accepted_at, name, tone="active")
    if message.claimed_at:
        yield Happening(message.claimed_at, _("Taken by a worker"), tone="active")


def _end(message: Message) -> Iterator[Happening]:
    if message.finished_at:
        look = STATUSES[Status(message.status)]
        yield Happening(message.finished_at, str(look.label), explain.sentence(message), look.tone)
    elif message.status == Status.HELD and message.next_attempt_at:
        yield Happening(message.next_attempt_at, _("To be released, if there is room"), tone="waiting")
    elif message.attempts and message.next_attempt_at:
        yield Happening(message.next_attempt_at, _("To be tried again"), tone="waiting")


def _of_event(event: Event) -> Happening:
    return _HAPPENINGS[Event.Kind(event.kind)](event)


def _attempt(event: Event) -> Happening:
    data = event.data
    took = _("took %(ms)s ms") % {"ms": data["ms"]} if "ms" in data else ""
    if status := data.get("status"):
        good = 200 <= status < 300
        return Happening(
            event.at,
            _("Aircall answered: HTTP %(status)s") % {"status": status},
            took,
            "good" if good else "bad",
        )
    note = " · ".join(filter(None, (phrases.translated(data.get("failure", "")), took)))
    return Happening(event.at, _("No answer from Aircall"), note, "warn")


def _receipt(event: Event) -> Happening:
    return Happening(event.at, _("Delivery receipt"), str(event.data.get("status", "")))


def _lost(event: Event) -> Happening:
    return Happening(event.at, _("Its worker stopped before the answer came"), tone="warn")


def _reply(event: Event) -> Happening:
    data = event.data
    if data.get("reply") == Reply.GIVEN:
        return Happening(event.at, _("HubSpot was told how it ended"), tone="good")
    why = phrases.translated(data.get("failure", "")) or str(
        _WHY_UNTOLD.get(data.get("why"), data.get("why", ""))
    )
    if status := data.get("status"):
        why = f"HTTP {status} {why}".strip()
    if data.get("reply") == Reply.OWED:
        return Happening(event.at, _("HubSpot could not be told yet; this is tried again"), why, "warn")
    return Happening(event.at, _("HubSpot could not be told how it ended"), why, "bad")


_WHY_UNTOLD = {
    "expired": gettext_lazy("The workflow had gone on without the answer."),
    "portal_gone": gettext_lazy("Its portal is no longer connected."),
}


def _repeat(event: Event) -> Happening:
    return Happening(
        event.at, _("The same request came again"), _("It got the first answer; nothing more was sent.")
    )


_HAPPENINGS = {
    Event.Kind.ATTEMPT: _attempt,
    Event.Kind.RECEIPT: _receipt,
    Event.Kind.LOST: _lost,
    Event.Kind.REPLY: _reply,
    Event.Kind.REPEAT: _repeat,
}


def span(length: timedelta) -> str:
    """How much later, to the precision that matters: +840 ms, +2.4 s, +3 min, +2 h, +5 d; "" for at once."""
    seconds = length.total_seconds()
    if seconds < 0.001:
        return ""
    if seconds < 1:
        return f"+{int(seconds * 1000)} ms"
    if seconds < 60:
        return f"+{number_format(seconds, decimal_pos=1)} s"
    if seconds < 3600:
        return f"+{round(seconds / 60)} min"
    if seconds < 86_400:
        return f"+{round(seconds / 3600)} h"
    return f"+{round(seconds / 86_400)} d"


# --- Quota at that moment ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Position:
    """Where one limit stood once this message was counted; the limit is today's."""

    window: str
    used: int
    limit: int


def quota(message: Message) -> list[tuple[str, list[Position]]]:
    """For the number and the user: what was used of each limit, this message included."""
    found = []
    for counted in message.quota:
        name = numbers.pretty(message.sender) if counted["scope"] == Scope.NUMBER else message.send_as
        rules = counting.limits(message.workspace_id, counted["scope"])
        positions = [
            Position(_window(rule), counted[rule.column], rule.limit)
            for rule in rules
            if rule.column in counted
        ]
        found.append((name, positions))
    return found


def _window(rule: counting.Limit) -> str:
    words = str(WINDOWS[rule.window])
    return _("%(window)s, segments") % {"window": words} if rule.unit == Unit.SEGMENTS else words


def measure(message: Message) -> str:
    """How long the text is, as it goes under the phone."""
    characters = ngettext("%(n)d character", "%(n)d characters", message.characters) % {
        "n": message.characters
    }
    segments = ngettext("%(n)d segment", "%(n)d segments", message.segments) % {"n": message.segments}
    return f"{characters} · {message.encoding} · {segments}"
