"""What one number or user used in a window, moment by moment, of what, and what is known of the months before.

Everything is read from the log and from what a purge kept of it, as a recount does, so the totals are those of the
counters.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

from django.db.models import Count, Min, QuerySet, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, TruncMinute, TruncSecond
from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from smsadmin.core.errors import NumberQuotaExceeded, UserQuotaExceeded
from smsadmin.core.ids import first_uuid7
from smsadmin.core.status import Status
from smsadmin.core.windows import Moment, Window, resets_at, started_at
from smsadmin.quotas import charts, recount, words
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.models import Kept, MonthUse, Recount, Rule, Scope, Unit
from smsadmin.quotas.positions import Position, counted_url, ends_at, usage_url
from smsadmin.quotas.recount import SEGMENTS, Used
from smsadmin.quotas.rulebook import UTC_ZONE
from smsadmin.sending.filters import GIVEN_BACK, log_url
from smsadmin.sending.models import Message

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
_QUARTER = timedelta(minutes=15)
REFUSED = {Scope.NUMBER: NumberQuotaExceeded.code, Scope.USER: UserQuotaExceeded.code}


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
    """What an address asks for; the limit that runs out first decides what it leaves open or says wrongly."""
    limits = [usage.limit for usage in position.usages]
    first = position.tightest.limit if limits else None
    is_window = window in [*Window]
    if not is_window or unit not in Unit.values:
        window = window if is_window else first.window if first else Window.DAY
        units = [limit.unit for limit in limits if limit.window == window]
        unit = first.unit if first and first.window == window else units[0] if units else Unit.MESSAGES
    zones = [limit.zone for limit in limits if (limit.window, limit.unit) == (window, unit)]
    zone = zone if zone in zones else (zones or [UTC_ZONE])[0]
    return Chosen(Window(window), unit, zone, position.now, zones)


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
    """How a window was used until now. `usage`: its limit, None where it has none; `kept`: what of the total stands in
    the log no more."""

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
    def lasts(self) -> bool:
        """Whether enough of the window is over to say that the limit lasts at its pace so far."""
        if self.usage is None:
            return False
        elapsed = (self.chosen.now - self.chosen.began) / (self.chosen.ends - self.chosen.began)
        return self.runs_out_at is None and self.used <= self.usage.limit.limit * elapsed


def course(position: Position, asked: Chosen) -> Course:
    """The chosen window of a number or user."""
    holder, usage = position.holder, position.by_key.get((asked.window, asked.unit, asked.zone))
    of_log = _of_log(position.scope, holder.pk, asked)
    of_kept = _of_kept(position.scope, holder.pk, asked)
    counted = sorted([*of_log, *of_kept], key=lambda each: each[0])
    runs_out_at = ends_at(usage, asked.now) if usage and usage.left else None
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
    """What was counted in each minute, or each second of a minute: whole ones of every zone."""
    trunc = TruncSecond if asked.window == Window.MINUTE else TruncMinute
    found = recount.counted_messages(scope, holder_id, asked.began, asked.ends)
    rows = found.order_by().annotate(at=trunc("accepted_at", tzinfo=UTC)).values("at")
    for at, *used in rows.annotate(n=Count("pk"), size=Coalesce(Sum(SEGMENTS), 0)).values_list(
        "at", "n", "size"
    ):
        yield at, Used(*used)


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
    waiting = _of_holder(position).filter(status=Status.HELD)
    found = waiting.aggregate(count=Count("pk"), next_at=Min("next_attempt_at"))
    url = f"{reverse('quota-held')}?{position.scope}={position.holder.pk}"
    return Figure(found["count"], url, found["next_at"])


def refused(position: Position, asked: Chosen) -> Figure:
    """The messages of the window that were refused because a limit of this very number or user had no room."""
    code = REFUSED[Scope(position.scope)]
    messages = _of_holder(position).filter(
        pk__gte=first_uuid7(asked.began),
        pk__lt=first_uuid7(asked.ends),
        status=Status.REJECTED,
        error_code=code,
    )
    narrowed = {"status": Status.REJECTED, "error": code, "since": asked.began, "until": asked.ends}
    return Figure(messages.count(), log_url(**_whose(position), **narrowed))


def given_back(position: Position, asked: Chosen) -> Figure:
    """The messages that were counted in the window and surely never left, so count no more."""
    messages = _of_holder(position).filter(
        pk__gte=first_uuid7(asked.began - recount.LONGEST_HOLD),
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
    def words(self) -> str:
        return words.column(self.usage.limit)


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
            ends_at(usage, position.now) if usage.left else None,
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
