"""What was said in a thread, in the order of time: what came in, what we sent, and what went out elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from smsadmin.consent.models import Review
from smsadmin.consent.policies import policy_of
from smsadmin.consent.words import kind_of
from smsadmin.core.status import Status
from smsadmin.inbox.models import Entry, Thread
from smsadmin.incoming.models import InboundMessage, OutsideMessage
from smsadmin.privacy import reading
from smsadmin.privacy.masking import masked_text
from smsadmin.sending import explain, presenters
from smsadmin.sending.filters import INBOX, VERIFICATION
from smsadmin.sending.models import Message
from smsadmin.sending.presenters import Link
from smsadmin.sending.presenters.links import to
from smsadmin.sending.presenters.replies import note
from smsadmin.workspaces.models import Member

PER_PAGE = 30
#: Of a message, what the conversation does not show.
_HIDDEN = ("inputs", "template", "trace", "quota")
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Text:
    """One text. `side`: "in" from the party, "out" sent from here, "outside" sent elsewhere from the same number.

    `status`, `url` and `trouble` are a message's of ours; `source` is who or what caused it, of a text that came in the
    message that it answers. `note` tells of what cannot be shown, `mark` of a text that speaks of opting out.
    """

    side: str
    at: datetime
    body: str
    note: str
    source: Link | None = None
    source_at: datetime | None = None
    status: str = ""
    url: str = ""
    trouble: str = ""
    is_settled: bool = True
    mark: Link | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a conversation, oldest first; `earlier` is where the one before begins, "" for none.

    `seen`: the id of the newest text that came in, as far as the thread knew it when this was read.
    """

    texts: Sequence[Text]
    earlier: str
    seen: int

    @property
    def is_moving(self) -> bool:
        """Whether something of ours is still under way."""
        return any(not text.is_settled for text in self.texts)


def page(thread: Thread, member: Member, before: str = "") -> Page:
    """The newest texts of the thread, or those before a place (Page.earlier), as the member may read them."""
    seen = max(thread.entries.order_by("-pk").values_list("pk", flat=True)[:1], default=0)
    sources = (_ours(thread, member), _theirs(thread), _outside(thread))
    places = [*before.split("."), "", ""][: len(sources)]
    found = [
        (source.at(row), index, row)
        for index, (source, place) in enumerate(zip(sources, places, strict=False))
        for row in source.before(place)
    ]
    found.sort(key=lambda each: each[0], reverse=True)
    shown = found[:PER_PAGE]
    for _at, index, row in shown:
        places[index] = sources[index].place(row)
    earlier = ".".join(places) if len(found) > PER_PAGE else ""
    return Page(_texts([row for *_order, row in reversed(shown)], member), earlier, seen)


# --- Where texts are found ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Source:
    """Rows of one table, newest first: when each was, how its place is written, and which rows are before a place."""

    rows: QuerySet[Any]
    at: Callable[[Any], datetime]
    place: Callable[[Any], str]
    beyond: Callable[[str], Q]

    def before(self, place: str) -> list[Any]:
        """The rows next to a place, one more than a page has; the newest for none, or none that can be read."""
        try:
            rows = self.rows.filter(self.beyond(place)) if place else self.rows
        except (ValueError, OverflowError):
            rows = self.rows
        return list(rows[: PER_PAGE + 1])


def _ours(thread: Thread, member: Member) -> _Source:
    """Without the answers that were refused while somebody wrote them: their text stayed in its field."""
    sent = Message.objects.filter(workspace=thread.workspace_id, recipient=thread.party)
    sent = sent.exclude(trigger=INBOX, status=Status.REJECTED)
    rows = sent.filter(number=thread.number_id) if thread.number_id else sent.none()
    hidden = _HIDDEN if reading.sees_everything(member) else (*_HIDDEN, "body")  # what is masked is not read
    return _Source(
        rows.select_related("action", "version").defer(*hidden).order_by("-pk"),
        at=lambda message: message.received_at,
        place=lambda message: message.pk.hex,
        beyond=lambda place: Q(pk__lt=UUID(place)),
    )


def _theirs(thread: Thread) -> _Source:
    return _timed(thread.entries.select_related("inbound").order_by("-at", "-pk"))


def _outside(thread: Thread) -> _Source:
    rows = OutsideMessage.objects.filter(
        workspace=thread.workspace_id, party=thread.party, number=thread.number_id
    )
    return _timed((rows if thread.number_id else rows.none()).order_by("-at", "-pk"))


def _timed(rows: QuerySet[Any]) -> _Source:
    """Rows whose place is their time and their id."""

    def place(row: Any) -> str:
        return f"{(row.at - _EPOCH) // timedelta(microseconds=1)}-{row.pk}"

    def beyond(place: str) -> Q:
        microseconds, pk = place.split("-")
        at = _EPOCH + timedelta(microseconds=int(microseconds))
        return Q(at__lte=at) & (Q(at__lt=at) | Q(pk__lt=int(pk[:18])))

    return _Source(rows, lambda row: row.at, place, beyond)


# --- How they read -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Around:
    """What the texts of a page are shown with: the messages that they answer, what is to be said of those that speak of
    opting out, and whether they are masked."""

    answered: Mapping[UUID, Message]
    marks: Mapping[int, Link]
    is_masked: bool

    @classmethod
    def of(cls, inbound: Sequence[InboundMessage], member: Member) -> "_Around":
        is_masked = not reading.sees_everything(member)
        return cls(_answered(inbound, member), _marks(inbound, member, is_masked=is_masked), is_masked)


def _texts(rows: Sequence[Any], member: Member) -> list[Text]:
    around = _Around.of([row.inbound for row in rows if isinstance(row, Entry)], member)
    ours = reading.for_reader((row for row in rows if isinstance(row, Message)), member)
    sent = {message.pk: _out(message, trouble) for message, trouble in explain.sentences(ours)}
    return [sent[row.pk] if isinstance(row, Message) else _heard(row, around) for row in rows]


def _answered(inbound: Sequence[InboundMessage], member: Member) -> Mapping[UUID, Message]:
    ids = {each.answers for each in inbound if each.answers}
    rows = Message.objects.filter(workspace=member.workspace_id).select_related("action", "version")
    return rows.defer(*_HIDDEN, "body").in_bulk(ids) if ids else {}


def _marks(inbound: Sequence[InboundMessage], member: Member, *, is_masked: bool) -> Mapping[int, Link]:
    """Of a masked text it is not told what it says; that somebody should decide what it means is."""
    policy = policy_of(member.workspace_id)
    if not (inbound and policy.keeps_list):
        return {}
    said = {} if is_masked else {each.pk: kind_of(each.body, policy.vocabulary) for each in inbound}
    doubtful = Review.objects.filter(
        workspace=member.workspace_id, inbound__in=[each.pk for each in inbound], state=Review.State.OPEN
    )
    decide = Link(_("It may be about opting out: decide"), reverse("opt-outs-review"))
    return {
        **{pk: Link(_("Said %(word)s") % {"word": kind.upper()}) for pk, kind in said.items() if kind},
        **dict.fromkeys(doubtful.values_list("inbound_id", flat=True), decide),
    }


def _out(message: Message, trouble: str) -> Text:
    return Text(
        side="out",
        at=message.received_at,
        body="" if message.values_gone_at or message.trigger == VERIFICATION else message.body,
        note=_attached(message),
        source=presenters.came_from(message),
        status=message.status,
        url=to(message),
        trouble=trouble,
        is_settled=message.is_settled,
    )


def _heard(row: Entry | OutsideMessage, around: _Around) -> Text:
    said = row.inbound if isinstance(row, Entry) else row
    cause = around.answered.get(said.answers) if isinstance(said, InboundMessage) and said.answers else None
    return Text(
        side="in" if isinstance(row, Entry) else "outside",
        at=said.at,
        body=masked_text(said.body) if around.is_masked else said.body,
        note=note(said),
        source=Link(presenters.came_from(cause).words, to(cause)) if cause else None,
        source_at=cause.received_at if cause else None,
        mark=around.marks.get(said.pk) if isinstance(row, Entry) else None,
    )


def _attached(message: Message) -> str:
    if message.values_gone_at:
        return _("The text was deleted.")
    if not message.media:
        return ""
    count = len(message.media)
    return ngettext("%(n)d picture or file went along", "%(n)d pictures or files went along", count) % {
        "n": count
    }
