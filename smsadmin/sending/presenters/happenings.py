"""What happened to a message, line by line: the timeline of its page."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from smsadmin import phrases
from smsadmin.core.numbers import pretty
from smsadmin.core.status import Status
from smsadmin.dashboard.templatetags.ui import STATUSES, Words
from smsadmin.sending import explain
from smsadmin.sending.expected import Expected
from smsadmin.sending.models import Event, Message, Reply
from smsadmin.sending.presenters import links
from smsadmin.sending.presenters.links import Link
from smsadmin.writeback import words
from smsadmin.writeback.models import Engagement


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the timeline; `elapsed` counts from the moment the request came in.

    `day` is set where another day begins than that of the line before. Programs are told the `type`, "" for what is
    still to come, the `status` that the message came to by it, and the `code` of the error which it came with.
    """

    at: datetime
    name: str
    note: str = ""
    tone: str = "neutral"
    elapsed: str = ""
    day: str = ""
    link: Link | None = None
    type: str = ""
    status: str = ""
    code: str = ""


def timeline(
    message: Message,
    events: Sequence[Event],
    successor: Message | None = None,
    expected: Expected | None = None,
    engagement: Engagement | None = None,
) -> list[Happening]:
    """From the request to the latest news, in the order of time; what happened at once stays in its order.

    `engagement` is the message's entry on HubSpot's records.
    """
    start = message.received_at
    in_order = sorted(events, key=lambda event: (event.at, event.pk))
    happened = [
        *_beginning(message, in_order),
        *map(_of_event, in_order, _providers(message, in_order)),
        *_end(message, events, expected),
        *_on_record(engagement),
        *_afterwards(successor),
    ]
    happened.sort(key=lambda each: max(each.at, start))
    return _dated([replace(each, elapsed=span(each.at - start)) for each in happened])


def _providers(message: Message, in_order: Sequence[Event]) -> list[str]:
    """Who carried the message when each of these happened, as people call it."""
    found, provider = [], links.provider(message)
    for event in reversed(in_order):
        found.append(provider)
        if event.kind == Event.Kind.MOVED:
            provider = event.data["from"]["provider"]
    return found[::-1]


def _beginning(message: Message, in_order: Sequence[Event]) -> Iterator[Happening]:
    words = links.came_from(message).words
    yield Happening(message.received_at, _("Received"), words, type="received", status=Status.RECEIVED)
    if message.expires_at:
        name = _("Held, as there was no room in a quota")
        yield Happening(message.received_at, name, tone="waiting", type="held", status=Status.HELD)
    if message.accepted_at:
        name = _("Released and counted") if message.expires_at else _("Accepted and counted")
        moved = next((event.data for event in in_order if event.kind == Event.Kind.MOVED), None)
        at = datetime.fromtimestamp(moved["from"]["accepted_at"], UTC) if moved else message.accepted_at
        yield Happening(at, name, tone="active", type="accepted", status=Status.QUEUED)
    if message.claimed_at:
        name = _("Taken by a worker")
        yield Happening(message.claimed_at, name, tone="active", type="claimed", status=Status.SENDING)


def _end(message: Message, events: Sequence[Event], expected: Expected | None) -> Iterator[Happening]:
    if message.finished_at:
        status = _ended(message, message.finished_at, events)
        look, code = STATUSES[status], message.error_code
        line = Happening(message.finished_at, str(look.label), explain.cause(message), look.tone)
        yield replace(line, type="ended", status=status, code=code)
    elif message.status == Status.HELD and message.next_attempt_at and message.expires_at:
        yield from _awaited(message.next_attempt_at, message.expires_at, expected)
    elif message.status == Status.QUEUED and message.claimed_at and message.next_attempt_at:
        yield Happening(message.next_attempt_at, _("To be tried again"), tone="waiting")
    if message.values_gone_at:
        yield Happening(message.values_gone_at, _("Text and values deleted"), type="text_deleted")
    if message.number_gone_at:
        yield Happening(message.number_gone_at, _("The recipient's number deleted"), type="number_deleted")


def _awaited(next_look: datetime, expires_at: datetime, expected: Expected | None) -> Iterator[Happening]:
    if expected and expected.is_in_vain:
        yield Happening(expires_at, _("To be given up, as there is no room before"), tone="warn")
    else:
        at = expected.at if expected and expected.at else next_look
        yield Happening(at, _("To be released, if there is room"), tone="waiting")


def _ended(message: Message, ended: datetime, events: Sequence[Event]) -> Status:
    """How it ended by itself: a person decides about an unknown one, and leaves the time at which it became so."""
    found = {Status.SENT, Status.FAILED}
    decided = (
        each.at for each in events if each.kind == Event.Kind.DECISION and each.data.get("status") in found
    )
    return Status.UNKNOWN if any(at >= ended for at in decided) else Status(message.status)


def _on_record(engagement: Engagement | None) -> Iterator[Happening]:
    """What a record of HubSpot was told of the message; where nothing is to be, that stands beside its end."""
    if engagement is None:
        return
    why = words.why(engagement)
    match engagement.state:
        case Engagement.State.DONE:
            at, name = engagement.done_at or engagement.at, _("Logged on the record in HubSpot")
            yield Happening(at, name, why, "good", type="logged")
        case Engagement.State.FAILED:
            name = _("Could not be logged on the record in HubSpot")
            yield Happening(engagement.at, name, why, "bad", type="not_logged")
        case Engagement.State.NOT_LOGGED:
            name = _("Not logged on the record in HubSpot")
            yield Happening(engagement.at, name, why, type="not_logged")
        case _:
            name = _("To be logged on the record in HubSpot")
            if engagement.attempts or why:
                name = _("To be logged on the record in HubSpot, which is tried again")
            yield Happening(engagement.next_at or engagement.at, name, why, "waiting")


def _afterwards(successor: Message | None) -> Iterator[Happening]:
    if successor:
        link = Link(_("Open that message"), links.to(successor))
        who = links.resent(successor).words
        name = _("Sent again as another message")
        yield Happening(successor.received_at, name, who, "active", link=link, type="sent_again")


def _dated(lines: Iterable[Happening]) -> list[Happening]:
    """The lines with the day at each that begins one; the first is dated by the page's headline."""
    found: list[Happening] = []
    for line in lines:
        local = timezone.localtime(line.at)
        begins = bool(found) and timezone.localtime(found[-1].at).date() != local.date()
        found.append(
            replace(line, day=date_format(local, pgettext("day of a trend", "j M"))) if begins else line
        )
    return found


# --- One event ------------------------------------------------------------------------------------------


def _of_event(event: Event, provider: str) -> Happening:
    """`provider` is who carried the message then, as people call it."""
    code = event.data["error"] if event.kind == Event.Kind.MOVED else ""
    return replace(_in_words(event, provider), type=event.kind, status=_led_to(event), code=code)


def _in_words(event: Event, provider: str) -> Happening:
    if event.kind == Event.Kind.ATTEMPT:
        return _attempt(event, provider)
    if event.kind == Event.Kind.RECEIPT:
        return _receipt(event, provider)
    return _HAPPENINGS[Event.Kind(event.kind)](event)


def _led_to(event: Event) -> str:
    """The status that the message came to by an event; "" where it stayed as it was, and of an attempt, since that
    leaves it to the end."""
    data = event.data
    match event.kind:
        case Event.Kind.RECEIPT:
            return data.get("means") or "" if data.get("moved") else ""
        case Event.Kind.DECISION:
            return data.get("status") or ""
        case Event.Kind.LOST:
            return Status.UNKNOWN
        case Event.Kind.MOVED:
            return Status.QUEUED
    return ""


def _attempt(event: Event, provider: str) -> Happening:
    data = event.data
    took = _("took %(ms)s ms") % {"ms": data["ms"]} if "ms" in data else ""
    if status := data.get("status"):
        good = 200 <= status < 300
        return Happening(
            event.at,
            _("%(provider)s answered: HTTP %(status)s") % {"provider": provider, "status": status},
            " · ".join(filter(None, (took, _passed_over(data)))),
            "good" if good else "bad",
        )
    note = " · ".join(filter(None, (phrases.translated(data.get("failure", "")), took, _passed_over(data))))
    return Happening(event.at, _("No answer from %(provider)s") % {"provider": provider}, note, "warn")


def _passed_over(data: Mapping[str, Any]) -> str:
    """Why none of the senders that failover routes lead to took the message; "" where there was none to ask."""
    reasons = [explain.said_by(each["error"], each["facts"]) for each in data.get("passed_over", ())]
    return _("No other sender could take it: %(why)s") % {"why": " ".join(reasons)} if reasons else ""


def _moved(event: Event) -> Happening:
    """As routing.failover writes it: from where to where, why and by which route."""
    data, to = event.data, event.data["to"]
    names = {"sender": pretty(to["sender"]), "provider": to["provider"]}
    why = _("It surely did not leave from %(sender)s: %(why)s") % {
        "sender": pretty(data["from"]["sender"]),
        "why": explain.said_by(data["error"], data["facts"]),
    }
    notes = [why, _("The route “%(route)s” leads on.") % {"route": data["route"]}]
    if data["without"]:
        notes.append(
            _("%(email)s is no user there, so it is sent without a user.") % {"email": data["without"]}
        )
    name = _("Goes on from %(sender)s (%(provider)s)") % names
    return Happening(event.at, name, " ".join(notes), "active")


def _receipt(event: Event, provider: str) -> Happening:
    """As sending.log writes it: the provider's own word, what that means to us, and what it did."""
    data = event.data
    if "listed" in data:
        return Happening(event.at, *looked_up(data, provider), tone="warn")
    said = _("%(provider)s says “%(word)s”.") % {"provider": provider, "word": data.get("status", "")}
    came = _came(data)
    tone = _RECEIPT_TONES.get(data.get("means"), "neutral") if data.get("moved") else came.tone
    note = " ".join(filter(None, (said, str(came.effect), _dated_by(provider, event))))
    return Happening(event.at, str(came.name), note, tone)


def looked_up(data: Mapping[str, Any], provider: str) -> tuple[str, str]:
    """What came of looking for an unknown message in its provider's list: in a few words, and what was listed."""
    listed, names = data.get("listed") or [], {"provider": provider}
    if failure := data.get("failure"):
        return _("The list of %(provider)s could not be read") % names, phrases.translated(failure)
    if not listed:
        return _("%(provider)s lists no such message") % names, _("It may come into the list later.")
    same = [each for each in listed if each.get("same_text")]
    name = _("%(provider)s lists several that may be it") if same else _("%(provider)s lists others only")
    return name % names, " · ".join(_listed(each) for each in listed)


def _listed(found: Mapping[str, Any]) -> str:
    """One message of the list: its id, status and time, and whether it says the same."""
    at = found.get("at")
    when = date_format(timezone.localtime(datetime.fromisoformat(at)), "H:i:s") if at else ""
    says = _("the same text") if found.get("same_text") else _("another text")
    return ", ".join(filter(None, (found.get("id", ""), f"“{found.get('status', '')}”", when, says)))


@dataclass(frozen=True, slots=True)
class _Came:
    """How a receipt came, and what it did."""

    name: Words
    effect: Words = ""
    tone: str = "neutral"


def _came(data: Mapping[str, Any]) -> _Came:
    name = next((each for each in ("repeated", "ambiguous", "late") if data.get(each)), None)
    if name:
        return _CAME[name]
    if data.get("moved", True):
        return _Came(_("Delivery receipt"))
    return _CAME["confirming" if data.get("means") else "unreadable"]


_CAME = {
    "repeated": _Came(
        gettext_lazy("The same delivery receipt again"), gettext_lazy("It had come before; nothing changed.")
    ),
    "ambiguous": _Came(
        gettext_lazy("A delivery receipt, perhaps of this message"),
        gettext_lazy("Another message with the same text may be meant, so nothing changed."),
        "warn",
    ),
    "late": _Came(
        gettext_lazy("Late delivery receipt"),
        gettext_lazy("The message had come further by then, so nothing changed."),
        "warn",
    ),
    "confirming": _Came(gettext_lazy("Delivery receipt"), gettext_lazy("That was known already.")),
    "unreadable": _Came(
        gettext_lazy("Delivery receipt"),
        gettext_lazy("It is not known what that means, so nothing changed."),
        "warn",
    ),
}
_RECEIPT_TONES: Mapping[Any, str] = {Status.DELIVERED: "good", Status.UNDELIVERED: "bad"}
#: Clocks differ, and a call takes its time; from here on it is worth telling when it happened.
_APART = timedelta(minutes=1)


def _dated_by(provider: str, event: Event) -> str:
    """When it happened, where the news took long to come; "" otherwise."""
    told = event.data.get("provider_at")
    at = datetime.fromisoformat(told) if told else event.at
    if abs(event.at - at) < _APART:
        return ""
    moment = date_format(timezone.localtime(at), pgettext("date and time", "j M, H:i"))
    return _("%(provider)s dates it %(moment)s.") % {"provider": provider, "moment": moment}


def _lost(event: Event) -> Happening:
    return Happening(event.at, _("Its worker stopped before the answer came"), tone="warn")


def _reply(event: Event) -> Happening:
    data = event.data
    if data.get("reply") == Reply.GIVEN:
        note = str(_WHY_TOLD.get(data.get("why"), ""))
        return Happening(event.at, _("HubSpot was told how it ended"), note, "good")
    why = phrases.translated(data.get("failure", "")) or str(
        _WHY_UNTOLD.get(data.get("why"), data.get("why", ""))
    )
    if status := data.get("status"):
        why = f"HTTP {status} {why}".strip()
    if data.get("reply") == Reply.OWED:
        return Happening(event.at, _("HubSpot could not be told yet; this is tried again"), why, "warn")
    return Happening(event.at, _("HubSpot could not be told how it ended"), why, "bad")


_WHY_TOLD: Mapping[Any, Words] = {
    "told_before": gettext_lazy(
        "By an earlier attempt whose answer was lost: HubSpot says that it no longer waits."
    ),
}
_WHY_UNTOLD: Mapping[Any, Words] = {
    "expired": gettext_lazy("The workflow had gone on without the answer."),
    "portal_gone": gettext_lazy("Its portal is no longer connected."),
}


def _repeat(event: Event) -> Happening:
    return Happening(
        event.at, _("The same request came again"), _("It got the first answer; nothing more was sent.")
    )


def _decision(event: Event) -> Happening:
    data = event.data
    words = _DECIDED.get(data.get("status"), gettext_lazy("%(who)s decided what became of it"))
    name = str(words) % {"who": data.get("who") or _("Somebody")}
    note = data.get("note", "")
    return Happening(event.at, name, _("“%(note)s”") % {"note": note} if note else "", "active")


_DECIDED: Mapping[Any, Words] = {
    Status.SENT: gettext_lazy("%(who)s found that it had gone out"),
    Status.FAILED: gettext_lazy("%(who)s found that it had not gone out"),
    Status.QUEUED: gettext_lazy("%(who)s released it before its turn"),
    Status.CANCELLED: gettext_lazy("%(who)s cancelled it"),
}

_HAPPENINGS: Mapping[Event.Kind, Callable[[Event], Happening]] = {
    Event.Kind.LOST: _lost,
    Event.Kind.REPLY: _reply,
    Event.Kind.REPEAT: _repeat,
    Event.Kind.DECISION: _decision,
    Event.Kind.MOVED: _moved,
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
