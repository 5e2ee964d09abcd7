"""Held messages as people look at them: the lines of a workspace, and the messages in them with when each leaves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.actions.models import ActionVersion
from smsadmin.directory.models import Agent, Number
from smsadmin.keyset import Keyset, Page
from smsadmin.privacy import reading
from smsadmin.sending import expected, explain, lines
from smsadmin.sending.expected import Expected
from smsadmin.sending.lines import Line
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Member

FIRST_IN_FIRST = Keyset(Message, rising=True)
#: So many lines are shown; a filter shows the others.
MOST_LINES = 100
#: What the filter for users says of messages that are sent as no user.
NOBODY = "none"
#: The kinds of message, in a word.
KINDS = {
    ActionVersion.Traffic.ALERTING.value: gettext_lazy("Alerting"),
    ActionVersion.Traffic.MARKETING.value: gettext_lazy("Marketing"),
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which held messages of a workspace: those of a number, a user and a kind (None: of every), or these `ids` alone.

    `newest`: none that came later, so that what was counted on a page is what a button of it acts on.
    """

    workspace_id: int
    number: int | None = None
    user: int | str | None = None
    kind: str = ""
    ids: tuple[UUID, ...] | None = None
    newest: UUID | None = None

    @classmethod
    def asked(cls, given: Mapping[str, str], workspace_id: int) -> "Chosen":
        """What an address asks for; what cannot be read asks for nothing."""
        number, user, kind = (given.get(name, "") for name in ("number", "user", "kind"))
        return cls(
            workspace_id,
            number=_id(number),
            user=NOBODY if user == NOBODY else _id(user),
            kind=kind if kind in KINDS else "",
        )

    @property
    def filters(self) -> dict[str, int | str]:
        """The filters that are set, as an address carries them."""
        found = {"number": self.number, "user": self.user, "kind": self.kind}
        return {name: value for name, value in found.items() if value}

    @property
    def query(self) -> str:
        """The same in an address."""
        return urlencode(self.filters)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.query)

    def rows(self, now: datetime) -> QuerySet[Message]:
        """The messages, first in first."""
        found = Q(workspace=self.workspace_id)
        if self.ids is not None:
            found &= Q(pk__in=self.ids)
        if self.number:
            found &= Q(number=self.number)
        if self.user:
            found &= Q(agent=None) if self.user == NOBODY else Q(agent=self.user)
        if self.kind:
            found &= Q(traffic=self.kind)
        if self.newest:
            found &= Q(pk__lte=self.newest)
        return lines.waiting(now).filter(found).order_by("pk")


def _id(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None


@dataclass(frozen=True, slots=True)
class Row:
    """One held message as its reader may see it, why it waits, and when it leaves."""

    message: Message
    why: str
    expected: Expected


@dataclass(frozen=True, slots=True)
class Queue:
    """One line: its first message, how many wait in it, and when the first and the last of them leave."""

    first: Message
    count: int
    why: str
    next: Expected
    end: Expected
    query: str

    @property
    def kind(self) -> str:
        """Which kind of messages wait in it, in a word."""
        return str(KINDS[self.first.traffic])

    @property
    def url(self) -> str:
        """The page of its messages."""
        return f"{reverse('quota-held')}?{self.query}"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows: `total` messages in `queues` (`more` lines are left out), and one page of them as `rows`."""

    total: int
    queues: Sequence[Queue] = ()
    more: int = 0
    rows: Sequence[Row] = ()
    page: Page[Message] = field(default_factory=Page)

    @property
    def in_vain(self) -> int:
        """How many of the page will be given up before there is room."""
        return sum(row.expected.is_in_vain for row in self.rows)


def shown(chosen: Chosen, before: str, after: str, member: Member, now: datetime) -> Shown:
    """The lines with messages that were chosen, and a page of these: after or before the message with an id."""
    held = chosen.rows(now)
    counts = {
        Line(number, agent, traffic): count
        for number, agent, traffic, count in held.order_by()
        .values_list("number", "agent", "traffic")
        .annotate(count=Count("pk"))
    }
    if not counts:
        return Shown(0)
    related = held.select_related("number", "agent", "action").defer(*Message.LONG, "body")
    page = FIRST_IN_FIRST.page(related, before, after)
    listed = _by_name(counts)[:MOST_LINES]
    first, last = _ends(held, listed)
    leaves = expected.of([*page.rows, *first.values(), *last.values()], now)
    readable = {Line.of(each): each for each in reading.for_reader([*first.values()], member)}
    return Shown(
        total=sum(counts.values()),
        queues=[_queue(readable[line], last[line], counts[line], leaves) for line in listed if line in first],
        more=len(counts) - len(listed),
        rows=[_row(message, leaves) for message in reading.for_reader(page.rows, member)],
        page=page,
    )


def _by_name(found: Iterable[Line]) -> list[Line]:
    """The lines in the order of their numbers' and users' names. Two queries."""
    found = list(found)
    numbers = Number.objects.in_bulk({line.number_id for line in found})
    agents = Agent.objects.in_bulk({line.agent_id for line in found if line.agent_id})

    def names(line: Line) -> tuple[str, int, str, str]:
        agent = agents[line.agent_id].name if line.agent_id else ""
        return numbers[line.number_id].name.casefold(), line.number_id, agent, line.traffic

    return sorted(found, key=names)


def _ends(held: QuerySet[Message], listed: Sequence[Line]) -> tuple[dict[Line, Message], dict[Line, Message]]:
    """The first and the last message of these lines."""
    of_numbers = held.filter(number__in={line.number_id for line in listed})
    both = lines.heads(of_numbers), lines.tails(of_numbers)
    first, last = ({Line.of(each): each for each in ends} for ends in both)
    return {line: first[line] for line in listed if line in first and line in last}, last


def uuid_of(text: str) -> UUID | None:
    """An id of an address; None for what is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _row(message: Message, leaves: Mapping[UUID, Expected]) -> Row:
    return Row(message, explain.sentence(message, leaves[message.pk]), leaves[message.pk])


def _queue(first: Message, last: Message, count: int, leaves: Mapping[UUID, Expected]) -> Queue:
    line, soon = Line.of(first), leaves[first.pk]
    query = replace(
        Chosen(first.workspace_id),
        number=line.number_id,
        user=line.agent_id or NOBODY,
        kind=line.traffic,
    ).query
    return Queue(first, count, explain.sentence(first, soon), soon, leaves[last.pk], query)


class HeldFilter(forms.Form):
    """Narrows the page to a number, a user and a kind, of those that have held messages. Two queries."""

    number = forms.ChoiceField(label=gettext_lazy("Number"), required=False)
    user = forms.ChoiceField(label=gettext_lazy("Sent as"), required=False)
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"), required=False, choices=[("", gettext_lazy("Every kind")), *KINDS.items()]
    )

    def __init__(self, chosen: Chosen) -> None:
        super().__init__({"number": chosen.number, "user": chosen.user, "kind": chosen.kind})
        held = lines.waiting().filter(workspace=chosen.workspace_id)
        numbers = Number.objects.filter(
            Q(pk__in=held.values("number")) | Q(pk=chosen.number), workspace=chosen.workspace_id
        ).order_by("name")
        whose = Q(pk__in=held.values("agent"))
        if isinstance(chosen.user, int):
            whose |= Q(pk=chosen.user)
        users = Agent.objects.filter(whose, workspace=chosen.workspace_id).order_by("name")
        fields: dict[str, Any] = self.fields
        fields["number"].choices = [("", _("Every number")), *((each.pk, each.name) for each in numbers)]
        fields["user"].choices = [
            ("", _("Everybody")),
            (NOBODY, _("No user")),
            *((each.pk, each.name) for each in users),
        ]
