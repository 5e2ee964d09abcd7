"""Sending again in words: what may be, what is left out and why, how far it is, and what it came to."""

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from smsadmin.core import errors
from smsadmin.core.causes import code_of
from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import TROUBLE, Status
from smsadmin.dashboard.templatetags.ui import Badge
from smsadmin.privacy import reading
from smsadmin.resends import plan
from smsadmin.resends.choice import judged
from smsadmin.resends.models import Resend, ResendItem
from smsadmin.resends.rehearsal import Stop
from smsadmin.sending import again, explain
from smsadmin.sending.again import Reason, Verdict
from smsadmin.sending.asked import around
from smsadmin.sending.codes import NAMES
from smsadmin.sending.filters import TEST, VERIFICATION, log_url
from smsadmin.sending.models import Message
from smsadmin.sending.search import Around, render
from smsadmin.workspaces.models import Member, Workspace

#: The page of failures judges no more messages than this, the worst causes first.
MOST_JUDGED = 1_000


# --- One message, and the rows of the log -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class About:
    """What the page of a message says of sending it again. `original` is the message it sends again, unless that is
    gone; `resend` is what it is or was sent again with, and `stopped` the last attempt where it may be tried once
    more."""

    is_shown: bool
    original: Message | None = None
    resend: Resend | None = None
    stopped: "Item | None" = None


def about(message: Message, verdict: Verdict, member: Member) -> About:
    """Nothing is shown of a message that is well, or about which something else has to be decided first."""
    stopped = _last_stopped(message, member) if verdict.may else None
    if message.original:
        rows = Message.objects.filter(pk=message.original, workspace=message.workspace_id)
        return About(True, rows.only("status").first(), _resend(message.original), stopped)
    if verdict.reason in (Reason.AGAIN, Reason.QUEUED):
        return About(True, resend=_resend(message.pk))
    is_shown = verdict.may or (message.status in TROUBLE and verdict.reason != Reason.UNKNOWN)
    return About(is_shown, stopped=stopped)


def _last_stopped(message: Message, member: Member) -> "Item | None":
    """The last attempt to send this message again, if it was stopped, as the member may see it."""
    tried = ResendItem.objects.filter(
        original=message.pk, resend__workspace=message.workspace_id, state=ResendItem.State.REFUSED
    )
    newest = tried.select_related("resend").order_by("-pk").first()
    return items([newest], member)[0] if newest else None


def _resend(original: UUID) -> Resend | None:
    """What sent this message again, or still is to."""
    items = ResendItem.objects.filter(original=original).exclude(state=ResendItem.State.REFUSED)
    newest = items.order_by("-pk").select_related("resend").first()
    return newest.resend if newest else None


@dataclass(frozen=True, slots=True)
class Choosing:
    """Choosing rows of the log: whether it is on, and the address that turns it on or off.

    `rows` then are a message, what stopped it, and whether it may be sent again.
    """

    is_on: bool
    switch_url: str
    rows: Sequence[tuple[Message, str, Verdict]] = ()
    newer: str = ""
    older: str = ""

    @property
    def may(self) -> int:
        """How many of the rows may be sent again."""
        return sum(verdict.may for _message, _cause, verdict in self.rows)


def judged_rows(
    workspace: Workspace, rows: Sequence[tuple[Message, str]]
) -> list[tuple[Message, str, Verdict]]:
    """The rows of the log with a verdict each."""
    found = again.verdicts(workspace, [message for message, _cause in rows])
    return [(message, cause, found[message.pk]) for message, cause in rows]


# --- Causes -------------------------------------------------------------------------------------------


def eligible(workspace: Workspace, counts: Mapping[str, int], since: datetime) -> dict[str, int]:
    """How many messages of each cause may be sent again, of those since a moment; a cause that has too many to judge
    is left out. `counts` says how many each cause has, the worst first."""
    judging, room = [], MOST_JUDGED
    for cause, count in counts.items():
        if count <= room:
            judging.append(cause)
            room -= count
    recent = Message.objects.filter(
        workspace=workspace, status__in=sorted(TROUBLE), pk__gte=first_uuid7(since)
    )
    rows = recent.filter(cause__in=judging).only("trigger", "status", "error_code", "cause")
    may = Counter(message.cause for message, verdict in judged(workspace, rows) if verdict.may)
    return {cause: may[cause] for cause in judging}


# --- What would be sent -------------------------------------------------------------------------------

#: A line of the plan names so many moments at which messages have room again.
MOST_WAITS = 3
#: The log narrowed to the messages that may not be sent again for a reason.
_NARROWER: dict[Reason, dict[str, str]] = {
    Reason.UNDER_WAY: {"status": "waiting"},
    Reason.SENT: {"status": Status.SENT},
    Reason.DELIVERED: {"status": Status.DELIVERED},
    Reason.UNKNOWN: {"status": Status.UNKNOWN},
    Reason.CODE: {"trigger": VERIFICATION},
    Reason.TEST: {"trigger": TEST},
}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """So many messages that may not be sent again for one reason, and where they are; "" for no such place."""

    count: int
    words: str
    url: str = ""


def left_out(counts: Mapping[Any, int], filters: Mapping[str, str] | None = None) -> list[LeftOut]:
    """By reason, the most frequent first. `filters` are those of the log that found the messages; None for picked rows
    and for what the log may show otherwise by now."""
    return [
        LeftOut(count, str(again.WORDS[Reason(reason)]), _where(Reason(reason), filters))
        for reason, count in sorted(counts.items(), key=lambda each: -each[1])
    ]


def _where(reason: Reason, filters: Mapping[str, str] | None) -> str:
    narrower = _NARROWER.get(reason)
    return log_url(**{**filters, **narrower}) if filters is not None and narrower else ""


@dataclass(frozen=True, slots=True)
class Line:
    """One sender number of a plan: the first moments for which its messages wait; `rest` waits longer, until then at
    the latest."""

    line: plan.Line
    waits: Sequence[plan.Wait]
    rest: plan.Wait | None


def lines(planned: plan.Plan) -> list[Line]:
    return [_line(each) for each in planned.lines]


def waiting(planned: plan.Plan) -> plan.Wait | None:
    """How many messages of a plan wait, and until when the last of them does."""
    return _together([wait for each in planned.lines for wait in each.waits])


def _together(waits: Sequence[plan.Wait]) -> plan.Wait | None:
    if not waits:
        return None
    return plan.Wait(sum(wait.count for wait in waits), max(wait.until for wait in waits))


def _line(line: plan.Line) -> Line:
    return Line(line, line.waits[:MOST_WAITS], _together(line.waits[MOST_WAITS:]))


#: A plan names so many causes that would stop messages again.
MOST_STOPS = 3


@dataclass(frozen=True, slots=True)
class Stops:
    """What would stop messages of a plan again: how many in all, the first causes in words, and the others' count."""

    count: int
    causes: Sequence[tuple[str, int]]
    others: int


def stops(planned: plan.Plan) -> Stops | None:
    counts = [stop.count for stop in planned.stops]
    if not counts:
        return None
    causes = [(_why_stopped(stop), stop.count) for stop in planned.stops[:MOST_STOPS]]
    return Stops(sum(counts), causes, sum(counts[MOST_STOPS:]))


def _why_stopped(stop: Stop) -> str:
    """The sentence of the cause; its name, where each message has other values."""
    if isinstance(stop.cause, Reason):
        return str(again.WORDS[stop.cause])
    if stop.facts is None:
        return str(NAMES[stop.cause.code])
    return explain.said(stop.cause.sentence(dict(stop.facts)), dict(stop.facts))


# --- How far it is ------------------------------------------------------------------------------------

State, ItemState = Resend.State, ResendItem.State

STATES: dict[str, Badge] = {
    State.WAITING: Badge(State.WAITING.label, "clock", "waiting"),
    State.RUNNING: Badge(State.RUNNING.label, "refresh", "active"),
    State.PAUSED: Badge(State.PAUSED.label, "player-pause", "neutral"),
    State.DONE: Badge(State.DONE.label, "check", "good"),
    State.CANCELLED: Badge(State.CANCELLED.label, "circle-minus", "neutral"),
}
ITEM_STATES: dict[str, Badge] = {
    ItemState.PENDING: Badge(ItemState.PENDING.label, "clock", "waiting"),
    ItemState.SENT: Badge(ItemState.SENT.label, "send", "good"),
    ItemState.REFUSED: Badge(ItemState.REFUSED.label, "ban", "warn"),
}
#: What a cancelled resend did not come to.
LEFT = Badge(gettext_lazy("Left as it was"), "circle-minus", "neutral")


def _look_of(state: str, resend: Resend) -> Badge:
    """How messages of a resend look whose items are in this state."""
    is_left = state == ItemState.PENDING and resend.state == State.CANCELLED
    return LEFT if is_left else ITEM_STATES[state]


@dataclass(frozen=True, slots=True)
class Progress:
    """How many messages a resend has, and what became of them so far."""

    total: int
    sent: int
    refused: int
    pending: int


def progress(resends: Sequence[Resend]) -> list[Progress]:
    """How far each of them is, in one query."""
    counted = ResendItem.objects.filter(resend__in=[each.pk for each in resends]).order_by()
    counts = {
        (resend, state): n
        for resend, state, n in counted.values_list("resend", "state").annotate(Count("pk"))
    }
    found = []
    for each in resends:
        sent, refused, pending = (
            counts.get((each.pk, state), 0)
            for state in (ItemState.SENT, ItemState.REFUSED, ItemState.PENDING)
        )
        found.append(Progress(sent + refused + pending, sent, refused, pending))
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """One resend and how far it is. `words`: its filter (filter_words), if there is one to be shown."""

    resend: Resend
    progress: Progress
    words: str

    @property
    def title(self) -> str:
        total = self.progress.total
        words = ngettext("Resend of %(n)s message", "Resend of %(n)s messages", total)
        return words % {"n": number_format(total, force_grouping=True)}

    @property
    def look(self) -> Badge:
        if self.resend.state == State.DONE and self.progress.refused:
            return Badge(self._not_all, "alert-triangle", "warn")
        return STATES[self.resend.state]

    @property
    def _not_all(self) -> str:
        if not self.progress.sent:
            return _("Done, none was sent")
        refused = self.progress.refused
        words = ngettext("Done, %(n)s was not sent", "Done, %(n)s were not sent", refused)
        return words % {"n": number_format(refused, force_grouping=True)}

    @property
    def bar(self) -> int:
        """How far the bar goes: to what is settled, sent or not; in the end, to what was sent."""
        if self.resend.is_finished:
            return self.progress.sent
        return self.progress.total - self.progress.pending

    @property
    def waits(self) -> datetime | None:
        """When there may be room for the rest, which waits for it."""
        return (
            self.resend.waits_until if self.resend.state == State.WAITING and not self.resend.error else None
        )

    @property
    def says(self) -> str:
        """What goes on, in one sentence."""
        if self.resend.error:
            return self._failing
        return {
            State.WAITING: _("The rest waits for room in the quotas.")
            if self.waits
            else _("It begins as soon as a worker is free."),
            State.RUNNING: _("Messages are being queued; it goes on even if you leave this page."),
            State.PAUSED: _("Nothing further is queued until somebody goes on."),
            State.DONE: _("Every message has its result."),
            State.CANCELLED: _("Somebody cancelled it; what was sent again until then stays sent."),
        }[State(self.resend.state)]

    @property
    def _failing(self) -> str:
        if self.resend.state == State.PAUSED:
            return _(
                "It is paused: it failed again and again. The worker's log has the details; then let it go on."
            )
        return _("It failed just now and is tried again within a minute.")

    @property
    def log_url(self) -> str:
        """The log with the filter that the messages were found with."""
        return log_url(**self.resend.filters or {})

    @property
    def left_out(self) -> list[LeftOut]:
        return left_out(self.resend.left_out)


def rows(resends: Sequence[Resend], member: Member) -> list[Row]:
    """These resends, with their progress in one query for all. A filter may name a recipient, so its words are for
    those who read numbers."""
    here, sees_everything = around(member.workspace), reading.sees_everything(member)
    return [
        Row(resend, far, filter_words(resend.filters or {}, here) if sees_everything else "")
        for resend, far in zip(resends, progress(resends), strict=True)
    ]


def filter_words(filters: Mapping[str, str], here: Around) -> str:
    """A filter of the log in words: its cause by name, the rest as the box says it."""
    code = code_of(filters.get("cause", ""))
    if code not in NAMES:
        return render(filters, here)
    rest = {name: value for name, value in filters.items() if name != "cause"}
    return " · ".join(filter(None, (str(NAMES[code]), render(rest, here))))


@dataclass(frozen=True, slots=True)
class Item:
    """One message of a resend, with the facts of what stopped it this time, and the message that was made; both may be
    gone."""

    item: ResendItem
    original: Message | None
    result: Message | None

    @property
    def look(self) -> Badge:
        return _look_of(self.item.state, self.item.resend)

    @property
    def why(self) -> str:
        """What kept it from being sent again."""
        if self.item.reason:
            return str(again.WORDS[Reason(self.item.reason)])
        error = errors.CATALOGUE.get(self.item.error_code)
        facts = self.original.error_facts if self.original else {}
        return explain.said(error.sentence(facts), facts) if error else self.item.error_code


def items(found: Sequence[ResendItem], member: Member) -> list[Item]:
    """These items as the member may see them, with their messages, in one query for all."""
    ids = {pk for item in found for pk in (item.original, item.result) if pk}
    every = Message.objects.filter(workspace=member.workspace_id).defer(*Message.LONG, "body")
    messages = every.in_bulk(list(ids))
    originals = [_stopped(item, messages[item.original]) for item in found if item.original in messages]
    seen = {message.pk: message for message in reading.for_reader(originals, member)}
    return [
        Item(item, seen.get(item.original), messages.get(item.result) if item.result else None)
        for item in found
    ]


def _stopped(item: ResendItem, original: Message) -> Message:
    """The message as if it had been stopped by what stopped its repetition: so its values are masked there too."""
    stopped = copy.copy(original)
    stopped.error_facts = item.error_facts
    return stopped


@dataclass(frozen=True, slots=True)
class Share:
    """The items with one result, and the page narrowed to them."""

    words: str
    count: int
    url: str
    chosen: bool


def shares(row: Row, address: str, chosen: str) -> list[Share]:
    """All items, then those with each result."""
    progress = row.progress
    counts = {
        ItemState.SENT: progress.sent,
        ItemState.REFUSED: progress.refused,
        ItemState.PENDING: progress.pending,
    }
    every = Share(_("All"), progress.total, address, not chosen)
    return [every] + [
        Share(str(_look_of(state, row.resend).label), count, f"{address}?state={state}", chosen == state)
        for state, count in counts.items()
        if count or chosen == state
    ]
