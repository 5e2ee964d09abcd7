"""Failed messages by cause: why, how often, what they touch, what fixes them, and how the cause stands."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Count, Q
from django.db.models.fields.json import KT
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from smsadmin.core import errors
from smsadmin.core.causes import code_of
from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import TROUBLE
from smsadmin.failures.states import Standing, standings
from smsadmin.failures.tally import Span, Tally, spans, tallies
from smsadmin.privacy import reading
from smsadmin.sending import explain, presenters
from smsadmin.sending.filters import log_url
from smsadmin.sending.models import Message
from smsadmin.sending.presenters import Link
from smsadmin.workspaces.models import Member, Workspace

#: What a cause may touch, and how many of each are named.
KINDS = {
    "actions": gettext_lazy("Actions"),
    "workflows": gettext_lazy("HubSpot workflows"),
    "numbers": gettext_lazy("Numbers"),
}
MOST_NAMED = 3
_HOUR = timedelta(hours=1)
#: A picture of a trend, in units of its own: the width of one bar with its gap, and the height of the tallest.
BAR, HEIGHT = 8, 28


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour or day of a trend: how often, in words too, and how it is drawn."""

    words: str
    x: int
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Trend:
    """How often a cause stopped messages, hour by hour or day by day."""

    bars: Sequence[Bar]

    @property
    def width(self) -> int:
        return BAR * len(self.bars)

    @property
    def words(self) -> str:
        return ", ".join(bar.words for bar in self.bars)


@dataclass(frozen=True, slots=True)
class Touched:
    """The first of what a cause touches, and how many more there are."""

    name: str
    links: Sequence[Link]
    more: int


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause with the newest message it stopped. `url` lists its messages in the log."""

    standing: Standing
    newest: Message
    url: str

    @property
    def tally(self) -> Tally:
        return self.standing.tally

    @property
    def key(self) -> str:
        return self.tally.cause

    @property
    def code(self) -> str:
        return self.newest.error_code

    @property
    def sentence(self) -> str:
        return explain.cause(self.newest) or self.code

    @property
    def again_url(self) -> str:
        """Where its messages are sent again."""
        return f"{reverse('resend-new')}?{urlsplit(self.url).query}"

    @property
    def place(self) -> str:
        """Its row on the page of failures."""
        return anchor(self.key)


@dataclass(frozen=True, slots=True)
class Group:
    """A cause as the page of failures shows it. `step` leads to where it is mended, for the newest message."""

    cause: Cause
    whose: str
    fix: str
    step: Link | None
    trend: Trend
    touched: Sequence[Touched]


def anchor(cause: str) -> str:
    return f"cause-{cause}"


def beginning(days: int) -> datetime:
    """When a window of so many days began, today being the last of them: at midnight, as the viewer's days go."""
    return _midnight(timezone.localdate() - timedelta(days=days - 1))


def bounds(days: int, now: datetime) -> list[datetime]:
    """The hours of today, or the days of a longer window, each with the beginning of the next."""
    first = timezone.localdate() - timedelta(days=days - 1)
    if days > 1:
        return [_midnight(first + timedelta(days=nth)) for nth in range(days + 1)]
    found = [_midnight(first)]
    while found[-1] <= now:
        found.append(found[-1] + _HOUR)
    return found


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def whose(cause: str) -> errors.Whose | None:
    error = errors.CATALOGUE.get(code_of(cause))
    return error.whose if error else None


def standing_since(workspace: Workspace, days: int, now: datetime) -> list[Standing]:
    """Every cause of the window, worst first."""
    return standings(workspace, tallies(workspace, beginning(days)), now)


def causes(
    workspace: Workspace, standing: Sequence[Standing], days: int, member: Member | None = None
) -> list[Cause]:
    """These causes with their newest messages, as the member may see them; without one as they are."""
    since = beginning(days)
    rows = Message.objects.filter(workspace=workspace, pk__in=[each.tally.newest for each in standing])
    shown = rows.select_related("action", "number").defer("template", "body", "trace", "quota")
    newest = {message.pk: message for message in (reading.for_reader(shown, member) if member else shown)}
    return [
        Cause(each, newest[each.tally.newest], log_url(cause=each.tally.cause, since=since))
        for each in standing
        if each.tally.newest in newest  # unless it was purged in between
    ]


def groups(
    workspace: Workspace,
    standing: Sequence[Standing],
    days: int,
    now: datetime,
    member: Member | None = None,
) -> list[Group]:
    """These causes as the page shows them to a member; without one nothing is masked."""
    found = causes(workspace, standing, days, member)
    parts = bounds(days, now)
    seen = spans(workspace, [each.key for each in found], parts)
    touched = _touched(workspace, [each.tally for each in found], days)
    return [
        Group(
            cause=each,
            whose=str(presenters.WHOSE[owner]) if (owner := whose(each.key)) else "",
            fix=presenters.fix_of_cause(each.newest),
            step=_step(each),
            trend=_trend(parts, seen[each.key]),
            touched=touched[each.key],
        )
        for each in found
    ]


def _step(cause: Cause) -> Link | None:
    """Where the cause is mended. Several records are reached through their messages, and what is a place of a
    message's own page through the newest one."""
    newest = cause.newest
    if cause.tally.count > 1 and newest.error and newest.error.place == "record":
        return Link(_("See the messages with their records"), cause.url)
    step = presenters.next_step(newest)
    if step and step.url.startswith("#"):
        return Link(step.words, reverse("message", args=[newest.pk]) + step.url)
    return step


def _trend(parts: Sequence[datetime], seen: dict[int, Span]) -> Trend:
    most = max((span.count for span in seen.values()), default=0)
    by_hour = len(parts) > 1 and parts[1] - parts[0] <= _HOUR
    return Trend([_bar(nth, part, seen.get(nth), most, by_hour) for nth, part in enumerate(parts[:-1])])


def _bar(nth: int, part: datetime, span: Span | None, most: int, by_hour: bool) -> Bar:
    count = span.count if span else 0
    shown = number_format(count, force_grouping=True) + ("+" if span and span.capped else "")
    form = "H:i" if by_hour else pgettext("day of a trend", "j M")
    words = _("%(when)s: %(count)s") % {"when": date_format(timezone.localtime(part), form), "count": shown}
    height = max(round(HEIGHT * count / most), 2) if count else 1
    return Bar(words, BAR * nth, HEIGHT - height, height)


def _touched(workspace: Workspace, found: Sequence[Tally], days: int) -> dict[str, list[Touched]]:
    """The actions, workflows and numbers of each cause's newest messages, most frequent first."""
    seen: dict[tuple[str, str], Counter[tuple[Any, ...]]] = defaultdict(Counter)
    for row in _combinations(workspace, found, days):
        for kind, named in _named(row):
            seen[row["cause"], kind][named] += row["n"]
    return {
        tally.cause: [
            _most(kind, str(words), seen[tally.cause, kind])
            for kind, words in KINDS.items()
            if seen[tally.cause, kind]
        ]
        for tally in found
    }


def _combinations(workspace: Workspace, found: Sequence[Tally], days: int) -> Iterable[dict[str, Any]]:
    if not found:
        return []
    since = first_uuid7(beginning(days))
    newest = reduce(or_, (Q(cause=each.cause, pk__gte=each.sample or since) for each in found))
    rows = Message.objects.filter(newest, workspace=workspace, status__in=sorted(TROUBLE))
    columns = ("cause", "action", "action__name", "number", "number__name")
    counted = rows.values(*columns, portal=KT("origin__portal"), workflow=KT("origin__workflow"))
    return counted.annotate(n=Count("pk")).order_by()


def _named(row: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What a combination touches, by its kind: its id and, of a workflow, the portal; else its name."""
    if row["action"]:
        yield "actions", (row["action"], row["action__name"])
    if row["workflow"]:
        yield "workflows", (row["workflow"], row["portal"])
    if row["number"]:
        yield "numbers", (row["number"], row["number__name"])


def _most(kind: str, name: str, counted: Counter[tuple[Any, ...]]) -> Touched:
    """Links are made for those that are named alone: there may be thousands."""
    links = [_LINKS[kind](*named) for named, _count in counted.most_common(MOST_NAMED)]
    return Touched(name, links, len(counted) - len(links))


_LINKS: dict[str, Callable[..., Link]] = {
    "actions": lambda pk, name: Link(name, reverse("action", args=[pk])),
    "workflows": lambda name, portal: Link(
        name, presenters.workflow({"workflow": name, "portal": portal}).url
    ),
    "numbers": lambda pk, name: Link(name, reverse("number", args=[pk])),
}
