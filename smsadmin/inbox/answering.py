"""Answering in a thread: whether it can be done, what is left for it, and the message that it becomes."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from smsadmin.consent.policies import property_read
from smsadmin.core import numbers, segments
from smsadmin.core.errors import SendError
from smsadmin.core.message import MOST_CHARACTERS, ActionConfig, Record, SendRequest
from smsadmin.core.status import Status
from smsadmin.crm.properties import CONTACT, objects
from smsadmin.crm.records import completed
from smsadmin.directory import book, facts
from smsadmin.directory.models import Agent, Number
from smsadmin.inbox.models import Thread
from smsadmin.inbox.standing import opted_out
from smsadmin.providers.hubspot import client
from smsadmin.quotas import counting, positions
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.positions import Holder
from smsadmin.quotas.rulebook import Subject
from smsadmin.quotas.words import column
from smsadmin.sending import again, explain
from smsadmin.sending.accept import accept
from smsadmin.sending.filters import INBOX
from smsadmin.sending.models import Message
from smsadmin.sending.presenters import Link
from smsadmin.sending.resolve import INPUTS
from smsadmin.workspaces.models import User

#: The record that a thread is about is looked for among so many of our newest messages in it.
MOST_LOOKED = 20


# --- Whether it can be done --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nobody can answer in a thread, what changes that, and where."""

    sentence: str
    fix: str = ""
    place: Link | None = None


def obstacle(thread: Thread) -> Obstacle | None:
    """Why nobody can answer in the thread; None: somebody can. The send itself looks at all of it again."""
    if thread.number is None:
        return Obstacle(
            _("The text came to a number that the directory does not know."),
            _("Refresh the directory; texts that come to the number afterwards can be answered."),
            Link(_("Open the directory"), reverse("directory")),
        )
    if not numbers.E164.fullmatch(thread.party):
        return Obstacle(
            _("“%(party)s” is a short code or a name, and no number that can be texted.")
            % {"party": thread.party}
        )
    return _of_number(thread.number) or _of_party(thread)


def _of_party(thread: Thread) -> Obstacle | None:
    refusal = opted_out(thread.workspace_id, [thread.party]).get(thread.party)
    if refusal is None:
        return None
    saying, what = refusal.sentence(refusal.facts), refusal.facts
    return Obstacle(explain.said(saying, what), explain.said(refusal.fix, what))


def _of_number(number: Number) -> Obstacle | None:
    """A number in proxy mode texts too: from here, though not from workflows."""
    where = Link(_("Open the number"), reverse("number", args=[number.pk]))
    if number.gone_at:
        return Obstacle(*facts.why_not(number), where)
    failing = [fact for fact in facts.failing(number) if fact.name != "proxy_mode"]
    if not failing:
        return None
    return Obstacle(" ".join(str(fact.failing) for fact in failing), str(failing[0].fix), where)


# --- What is left for it -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Room:
    """The limit that stops an answer first, what it is called and whose it is; `holds`: it stops this one."""

    usage: Usage
    words: str
    whose: str
    holds: bool


def room(number: Number, agent: Agent | None, size: int, now: datetime) -> Room | None:
    """What the quotas of the number and the user leave for an answer of so many segments, what is kept for replies
    included; None without limits."""
    holders: list[Holder] = [number, *([agent] if agent else [])]
    found = [(usage, each.name) for each in holders for usage in counting.usage(Subject.of(each), now)]
    full = [usage for usage, _name in found if not usage.has_room(size)]
    usages = full or [usage for usage, _name in found]
    if not usages:
        return None
    tightest = positions.first(usages, now)
    whose = next(name for usage, name in found if usage is tightest)
    return Room(tightest, column(tightest.limit), whose, bool(full))


@dataclass(frozen=True, slots=True)
class Measured:
    """An answer as it stands in its field: its size, and what is left for it."""

    measure: segments.Measure
    room: Room | None

    @property
    def most(self) -> int:
        return MOST_CHARACTERS

    @property
    def over(self) -> int:
        return max(self.measure.characters - MOST_CHARACTERS, 0)


def measured(thread: Thread, body: str, send_as: str, now: datetime) -> Measured:
    """`send_as` is the id of a user, "" for none; one who is not on the number counts as none here."""
    assert thread.number
    found = segments.measure(segments.normalise(body))
    agent = next((each for each in senders(thread) if str(each.pk) == send_as), None)
    return Measured(found, room(thread.number, agent, max(found.segments, 1), now))


# --- The message -------------------------------------------------------------------------------------


def senders(thread: Thread) -> Sequence[Agent]:
    """The users an answer may be sent as. The Messaging API knows none."""
    if thread.number is None or thread.number.proxy_mode:
        return []
    return book.of(thread.workspace_id).agents_of(thread.number)


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody wrote: the text, the user it is sent as, addresses of pictures and files, and the form's token."""

    body: str
    token: str
    send_as: int | None = None
    media: tuple[str, ...] = ()


def send(thread: Thread, answer: Answer, by: User) -> Message:
    """Sends the answer within all rules of a send, once for a form, and returns its message: sent, or refused with the
    reason on it. It is about the record that the thread is about, where that is known. Raises DatabaseError."""
    assert thread.number
    about = _about(thread)
    portal = about.origin.get("portal") if about else None
    origin = {"thread": thread.pk, "by": by.pk, "who": str(by), **({"portal": portal} if portal else {})}
    ask = SendRequest(
        workspace_id=thread.workspace_id,
        trigger=INBOX,
        key=_key(thread, answer),
        config=_config(thread, answer),
        record=_record(thread, about),
        origin=origin,
        via="any",
        media=answer.media,
        by_person=True,
    )
    return accept(ask)


def _record(thread: Thread, about: Message | None) -> Record:
    """The record, with the property that says whether its person has opted out, where the workspace keeps that in
    HubSpot. Where it cannot be read now, the trace of the message says so."""
    written = {INPUTS: {"recipient": thread.party}}
    if about is None:
        return Record("", related=written)
    record = Record(about.object_type, about.object_id, related=written)
    name = property_read(thread.workspace_id)
    readable = again.portals(thread.workspace) if name else {}
    portal = again.portal_of(readable, about.origin, record.object_type, record.object_id)
    if portal is None:
        return record
    kinds = {record.object_type, *({CONTACT} & set(objects(record.object_type)))}
    with suppress(SendError, client.Unavailable):
        return completed(record, {(kind, name) for kind in kinds}, portal)
    return record


def _config(thread: Thread, answer: Answer) -> ActionConfig:
    """A reply counts as alerting traffic: it may use what every limit keeps for such."""
    return ActionConfig(
        sender_kind="number",
        sender_number_id=thread.number_id,
        send_as_kind="user" if answer.send_as else "none",
        send_as_user_id=answer.send_as,
        recipient_property=f"{INPUTS}.recipient",
        message=answer.body,
        traffic="alerting",
    )


def _key(thread: Thread, answer: Answer) -> str:
    """The same form with other words is another message: somebody went back in their browser."""
    return "\x1f".join([str(thread.pk), answer.token, str(answer.send_as), *answer.media, answer.body])


def _about(thread: Thread) -> Message | None:
    """Our newest message in the thread that is about a record: what is answered is about that one too."""
    sent = Message.objects.filter(
        workspace=thread.workspace_id, recipient=thread.party, number=thread.number_id
    )
    newest = sent.order_by("-pk").only("object_type", "object_id", "origin")[:MOST_LOOKED]
    return next((message for message in newest if message.object_id), None)


def refusal(message: Message) -> tuple[str, str]:
    """Why an answer was not sent, and what fixes it; ("", "") for one that is on its way."""
    if message.status != Status.REJECTED:
        return "", ""
    return explain.sentence(message), explain.fix(message)
