"""What one number or user used in a window, moment by moment, of what, and what is known of the months before.

Everything is read from the log and from what a purge kept of it, as a recount does, so the totals are those of the
counters.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, QuerySet, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, TruncHour, TruncMinute, TruncSecond
from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from smsadmin.core.errors import NumberQuotaExceeded
from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import Status
from smsadmin.core.windows import Moment, Window, resets_at, started_at
from smsadmin.quotas import charts, forecast, positions, recount, rule_presenters, words
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.models import Kept, MonthUse, Recount, Rule, Scope, Unit
from smsadmin.quotas.positions import Position, counted_url, usage_url
from smsadmin.quotas.recount import SEGMENTS, Used
from smsadmin.quotas.rulebook import UTC_ZONE
from smsadmin.sending import expected, lines
from smsadmin.sending.filters import GIVEN_BACK, log_url
from smsadmin.sending.models import Message
from smsadmin.sending.search import CODES, USER_NO_ROOM

MONTHS = 12
MOST_LISTED = 5

#: The rows of a window's table; a month has its days.
STEPS = {
    Window.MINUTE: timedelta(seconds=10),
    Window.HOUR: timedelta(minutes=5),
    Window.DAY: timedelta(hours=1),
}
#: How many points the curve has within a row of the table.
FINER = {Window.MINUTE: 5, Window.HOUR: 5, Window.DAY: 4, Window.MONTH: 8}
#: What the log is counted by, so that every point of the curve is reached: a month's are three hours apart.
GRAINS = {Window.MINUTE: TruncSecond, Window.MONTH: TruncHour}
_QUARTER = timedelta(minutes=15)
#: How the log's filter calls the refusals for want of room.
REFUSED = {Scope.NUMBER: NumberQuotaExceeded.code, Scope.USER: USER_NO_ROOM}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The window that is looked at: the one that holds `now`, by the calendar of `zone`, and what is counted in it."""

    window: Window
    unit: str
    zone: str
    now: datetime
    zones: Sequence[str] = ()  # whose calendars limits of this window and unit go by

    @property
    def began(self) -> datetime:
        return started_at(self.window, self.now, self.zone)

    @property
    def ends(self) -> datetime:
        return resets_at(self.window, self.now, self.zone)


def chosen(position: Position, window: str, unit: str, zone: str) -> Chosen:
    """What an address asks for; of the limits that it may mean the one that stops messages first decides what it leaves
    open or says wrongly."""
    has_window, has_unit = window in [*Window], unit in Unit.values
    meant = [
        usage
        for usage in position.usages
        if usage.limit.window == (window if has_window else usage.limit.window)
        and usage.limit.unit == (unit if has_unit else usage.limit.unit)
    ]
    first = positions.first(meant, position.now).limit if meant else None
    at = Window(window) if has_window else first.window if first else Window.DAY
    unit = unit if has_unit else first.unit if first else Unit.MESSAGES
    zones = [each.limit.zone for each in meant if (each.limit.window, each.limit.unit) == (at, unit)]
    zone = zone if zone in zones else first.zone if first else UTC_ZONE
    return Chosen(at, unit, zone, position.now, zones)


# --- Moment by moment --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table: what was counted in it, and in all since the window began."""

    since: datetime
    until: datetime
    used: Used
    total: Used
    url: str

    @property
    def words(self) -> str:
        return words.span(self.since, self.until)


@dataclass(frozen=True)
class Course:
    """How a window was used until now. `usage`: its limit with what the picture says is used, None where it has none;
    `kept`: what of the total stands in the log no more."""

    chosen: Chosen
    steps: Sequence[Step]
    picture: charts.Curve
    usage: Usage | None
    runs_out_at: datetime | None
    kept: Used
    url: str

    @property
    def title(self) -> str:
        asked = self.chosen
        return words.titled(str(words.PRESENT[asked.window]), asked.unit, asked.zone)

    @property
    def from_words(self) -> str:
        return words.at(self.chosen.began)

    @property
    def until_words(self) -> str:
        return words.at(self.chosen.ends)

    @property
    def description(self) -> str:
        """The picture in words, for those who do not see it."""
        facts = {
            "used": number_format(self.used, force_grouping=True),
            "unit": Unit(self.chosen.unit).label,
            "now": words.at(self.chosen.now),
            "from": self.from_words,
            "until": self.until_words,
        }
        found = [_("%(used)s %(unit)s used by %(now)s, in a window from %(from)s to %(until)s.") % facts]
        if self.usage:
            limit = number_format(self.usage.limit.limit, force_grouping=True)
            found.append(_("The limit is %(limit)s.") % {"limit": limit})
        if self.runs_out_at:
            found.append(_("At this pace it is used up at %(at)s.") % {"at": words.at(self.runs_out_at)})
        return " ".join(found)

    @property
    def total(self) -> Used:
        return self.steps[-1].total

    @property
    def used(self) -> int:
        return self.total.of(self.chosen.unit)

    @property
    def outlook(self) -> str:
        """What comes of the limit, by the name of the Outlook; "" where there is no limit."""
        return forecast.outlook(self.usage, self.chosen.now).name if self.usage else ""


def course(position: Position, asked: Chosen) -> Course:
    """The chosen window of a number or user."""
    holder, usage = position.holder, position.by_key.get((asked.window, asked.unit, asked.zone))
    of_log = _of_log(position.scope, holder.pk, asked)
    of_kept = _of_kept(position.scope, holder.pk, asked)
    counted = sorted([*of_log, *of_kept], key=lambda each: each[0])
    if usage:  # the counter may have gone on meanwhile; picture and sentence are to say one thing
        usage = replace(usage, used=sum((used for _at, used in counted), Used()).of(asked.unit))
    runs_out_at = forecast.runs_out_at(usage, asked.now) if usage else None
    limit = usage.limit if usage else None
    return Course(
        chosen=asked,
        steps=list(_steps(position, asked, counted)),
        picture=charts.curve(
            _totals(asked, counted),
            asked.began,
            asked.ends,
            limit=limit.limit if limit else None,
            unkept=limit.room(priority=False) if limit and limit.kept else None,
            runs_out_at=runs_out_at,
        ),
        usage=usage,
        runs_out_at=runs_out_at,
        kept=sum((used for _at, used in of_kept), Used()),
        url=counted_url(position.scope, holder.pk, asked.began, asked.ends),
    )


def _of_log(scope: str, holder_id: int, asked: Chosen) -> Iterator[tuple[datetime, Used]]:
    """What was counted in each second, minute or hour of the window's own calendar."""
    trunc = GRAINS.get(asked.window, TruncMinute)
    tzinfo = ZoneInfo(asked.zone) if trunc is TruncHour else UTC
    found = recount.counted_messages(scope, holder_id, asked.began, asked.ends)
    rows = found.order_by().annotate(at=trunc("accepted_at", tzinfo=tzinfo)).values("at")
    for at, *used in rows.annotate(n=Count("pk"), size=Coalesce(Sum(SEGMENTS), 0)).values_list(
        "at", "n", "size"
    ):
        yield max(at, asked.began), Used(*used)


def _of_kept(scope: str, holder_id: int, asked: Chosen) -> list[tuple[datetime, Used]]:
    """What of it was deleted, by the quarters of an hour that lie in the window."""
    length = int(_QUARTER.total_seconds())
    first, last = (int(at.timestamp()) // length for at in (asked.began, asked.ends))
    rows = Kept.objects.filter(scope=scope, subject_id=holder_id, quarter__gte=first, quarter__lt=last)
    found = [
        (datetime.fromtimestamp(quarter * length, UTC), Used(messages, segments))
        for quarter, messages, segments in rows.values_list("quarter", "messages", "segments")
    ]
    return [(at, used) for at, used in found if at >= asked.began]


def _edges(asked: Chosen) -> list[datetime]:
    """Where the rows of the table begin, and where the window ends."""
    found = [asked.began]
    while found[-1] < asked.ends:
        step = STEPS.get(asked.window)
        found.append(found[-1] + step if step else resets_at(Window.DAY, found[-1], asked.zone))
    return [*found[:-1], asked.ends]


def _steps(position: Position, asked: Chosen, counted: Sequence[tuple[datetime, Used]]) -> Iterator[Step]:
    edges = [edge for edge in _edges(asked) if edge <= asked.now]
    ends = [*edges[1:], _edges(asked)[len(edges)]]
    in_step: dict[datetime, Used] = defaultdict(Used)
    for at, used in counted:
        in_step[max(edge for edge in edges if edge <= at)] += used
    totals = accumulate(in_step[edge] for edge in edges)
    for since, until, total in zip(edges, ends, totals, strict=True):
        url = counted_url(position.scope, position.holder.pk, since, until)
        yield Step(since, until, in_step[since], total, url)


def _totals(asked: Chosen, counted: Sequence[tuple[datetime, Used]]) -> list[tuple[datetime, int]]:
    """What was used by the points of the curve: in all by each, the last of them now."""
    fine = FINER[asked.window]
    edges = [
        since + (until - since) * nth / fine
        for since, until in pairwise(_edges(asked))
        for nth in range(fine)
    ]
    points = [*(edge for edge in edges if edge < asked.now), asked.now]
    amounts, found, total = iter([*counted, None]), [], 0
    ahead = next(amounts)
    for point in points:
        while ahead and (ahead[0] < point or point == asked.now):
            total += ahead[1].of(asked.unit)
            ahead = next(amounts)
        found.append((point, total))
    return found


# --- Of what -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Share:
    """What an action or a workflow took of a window."""

    name: str
    page: str
    used: Used
    url: str


def actions(position: Position, asked: Chosen) -> list[Share]:
    """The actions that took most of the chosen window."""
    rows = _most(asked, _counted(position, asked).exclude(action=None), "action", "action__name")
    return [
        Share(name or "", reverse("action", args=[pk]), used, _counted_url(position, asked, action=pk))
        for (pk, name), used in rows
    ]


def workflows(position: Position, asked: Chosen) -> list[Share]:
    """The HubSpot workflows that took most of the chosen window."""
    found = _counted(position, asked).annotate(workflow=KT("origin__workflow"))
    rows = _most(asked, found, "workflow", listed=MOST_LISTED + 1)  # of which one may be none
    return [
        Share(
            _("HubSpot workflow %(workflow)s") % {"workflow": name},
            "",
            used,
            _counted_url(position, asked, workflow=name),
        )
        for (name,), used in rows
        if name
    ][:MOST_LISTED]


def _most(
    asked: Chosen, found: QuerySet[Message], *by: str, listed: int = MOST_LISTED
) -> list[tuple[tuple[Any, ...], Used]]:
    """Groups with what they used, those that used most first."""
    rows = found.order_by().values(*by).annotate(n=Count("pk"), size=Coalesce(Sum(SEGMENTS), 0))
    amount = "-size" if asked.unit == Unit.SEGMENTS else "-n"
    most = rows.order_by(amount, by[0]).values_list(*by, "n", "size")[:listed]
    return [(row[: len(by)], Used(*row[len(by) :])) for row in most]


def _counted(position: Position, asked: Chosen) -> QuerySet[Message]:
    return recount.counted_messages(position.scope, position.holder.pk, asked.began, asked.ends)


def _counted_url(position: Position, asked: Chosen, **more: object) -> str:
    return counted_url(position.scope, position.holder.pk, asked.began, asked.ends, **more)


# --- What did not count ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of messages, and where they are listed. `next_at`: when the first of those that wait may leave."""

    count: int
    url: str
    next_at: datetime | None = None


def held(position: Position) -> Figure:
    """The messages that wait for room now."""
    waiting = lines.waiting(position.now).filter(**_whose(position))
    heads = lines.heads(waiting)
    leaves = expected.of(heads, position.now).values()
    url = f"{reverse('quota-held')}?{position.scope}={position.holder.pk}"
    return Figure(
        waiting.count() if heads else 0, url, min((each.at for each in leaves if each.at), default=None)
    )


def refused(position: Position, asked: Chosen) -> Figure:
    """The messages of the window that were refused because a limit of this very number or user had no room."""
    error = REFUSED[Scope(position.scope)]
    messages = _of_holder(position).filter(
        pk__gte=first_uuid7(asked.began),
        pk__lt=first_uuid7(asked.ends),
        status=Status.REJECTED,
        error_code__in=CODES.get(error, {error}),
    )
    narrowed = {"status": Status.REJECTED, "error": error, "since": asked.began, "until": asked.ends}
    return Figure(messages.count(), log_url(**_whose(position), **narrowed))


def given_back(position: Position, asked: Chosen) -> Figure:
    """The messages that were counted in the window and surely never left, so count no more."""
    messages = _of_holder(position).filter(
        pk__gte=first_uuid7(asked.began - recount.LATEST),
        accepted_at__gte=asked.began,
        accepted_at__lt=asked.ends,
        refunded_at__isnull=False,
    )
    return Figure(messages.count(), _counted_url(position, asked, given_back=GIVEN_BACK))


def _of_holder(position: Position) -> QuerySet[Message]:
    return Message.objects.filter(workspace=position.holder.workspace_id, **_whose(position))


def _whose(position: Position) -> dict[str, int]:
    return {"number" if position.scope == Scope.NUMBER else "agent": position.holder.pk}


# --- Limits and months -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limited:
    """One limit of the holder, the rule that it comes from, and the messages that it counts."""

    usage: Usage
    rule: Rule | None
    url: str
    runs_out_at: datetime | None

    @property
    def rule_url(self) -> str:
        """Where every member may read the rule."""
        return f"{reverse('quota-rules')}#rule-{self.usage.limit.rule_id}"

    @property
    def source(self) -> str:
        """Where the limit comes from, else its note."""
        if self.rule is None:
            return ""
        return rule_presenters.source_of(self.rule) or rule_presenters.note_of(self.rule)

    @property
    def for_marketing(self) -> int:
        """What is left without what is kept for replies and alerts."""
        return self.usage.left_for(priority=False)

    @property
    def is_full_for_marketing(self) -> bool:
        """Whether only replies and alerts have room."""
        return bool(self.usage.left) and not self.for_marketing

    @property
    def words(self) -> str:
        return words.column(self.usage.limit)


@dataclass(frozen=True, slots=True)
class Stopped:
    """The limit that lets no message leave before it resets."""

    usage: Usage

    @property
    def words(self) -> str:
        return words.column(self.usage.limit)


def stopped_by(position: Position) -> Stopped | None:
    """What stops every message now; None where nothing does."""
    return Stopped(position.stopped_by) if position.stopped_by else None


def limits(position: Position) -> list[Limited]:
    """Every limit with its rule: one query."""
    rules: Mapping[int, Rule] = Rule.objects.filter(workspace=position.holder.workspace_id).in_bulk(
        [usage.limit.rule_id for usage in position.usages if usage.limit.rule_id]
    )
    return [
        Limited(
            usage,
            rules.get(usage.limit.rule_id or 0),
            usage_url(position.scope, position.holder.pk, usage, position.now),
            forecast.runs_out_at(usage, position.now),
        )
        for usage in position.usages
    ]


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month (UTC). `used`: None where nothing is known of it."""

    began: datetime
    ends: datetime
    unit: str
    used: Used | None
    url: str
    bar: charts.Bar

    @property
    def words(self) -> str:
        return date_format(self.began, pgettext("month", "F Y"))

    @property
    def amount(self) -> int:
        return self.used.of(self.unit) if self.used else 0


@dataclass(frozen=True)
class History:
    """The last months, this one last. `counted_at`: when those before were last counted; None: never."""

    months: Sequence[Month]
    counted_at: datetime | None

    @cached_property
    def is_known(self) -> bool:
        return any(month.used and month.used.messages for month in self.months)


def history(position: Position, unit: str) -> History:
    """The months as they were counted from the log, and this one as it is."""
    scope, holder, now = position.scope, position.holder, position.now
    this = Moment.of(now).month
    rows = MonthUse.objects.filter(
        workspace=holder.workspace_id,
        scope=scope,
        subject_id=holder.pk,
        month__gt=this - MONTHS,
        month__lt=this,
    )
    known = {month: Used(*used) for month, *used in rows.values_list("month", "messages", "segments")}
    began = started_at(Window.MONTH, now)
    known[this] = recount.counted(scope, holder.pk, began, resets_at(Window.MONTH, now))
    numbers = range(this - MONTHS + 1, this + 1)
    drawn = charts.bars([known.get(number, Used()).of(unit) for number in numbers])
    months = []
    for number, bar in zip(numbers, drawn, strict=True):
        since, until = _month(number), _month(number + 1)
        url = counted_url(scope, holder.pk, since, until)
        months.append(Month(since, until, unit, known.get(number), url, bar))
    compared = Recount.objects.filter(workspace=holder.workspace_id, finished_at__isnull=False)
    return History(months, compared.order_by("-at").values_list("finished_at", flat=True).first())


def _month(number: int) -> datetime:
    """When a month began, by its number (core.windows.Moment)."""
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
