"""The matrix of the quota page: numbers, users, and each number as each of its users, by window."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from smsadmin.core.windows import Window, resets_at, started_at
from smsadmin.directory import naming
from smsadmin.directory.forms import Filter
from smsadmin.directory.models import Number
from smsadmin.quotas import forecast, positions, words
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.models import Scope
from smsadmin.quotas.positions import ORDERS, Holder, Pair, Position, counted_url, usage_url
from smsadmin.quotas.rulebook import UTC_ZONE
from smsadmin.workspaces.models import Workspace

#: Rows of one table before it asks to be told to show all, and names of those without use.
MOST_SHOWN = 50
MOST_NAMED = 200

PAIR = "pair"

#: Three digits of a number at least, as people write them.
_SPELLING = re.compile(r"\+?[\s()./-]*(?:\d[\s()./-]*){3,}")

#: Which of the two caps of a pair binds first: words, and the icon beside them.
SIDES = {
    "number": (gettext_lazy("stops first: the number"), "phone"),
    "user": (gettext_lazy("stops first: the user"), "user"),
    "both": (gettext_lazy("both stop at once"), "checks"),
}
LEFT = {"number": gettext_lazy("user: %(left)s left"), "user": gettext_lazy("number: %(left)s left")}


class QuotaFilter(Filter):
    """What the page is narrowed to, and how it is sorted; what cannot be read does neither."""

    name = forms.CharField(label=gettext_lazy("Number or user"), required=False, max_length=120)
    country = forms.ChoiceField(label=gettext_lazy("Country"), required=False)
    order = forms.ChoiceField(
        label=pgettext_lazy("sorting", "Order"),
        required=False,
        choices=[
            ("", gettext_lazy("Runs out first")),
            ("name", gettext_lazy("By name")),
            ("used", gettext_lazy("Most used first")),
        ],
    )

    def __init__(self, data: Any, workspace: Workspace) -> None:
        super().__init__(data)
        found = Number.objects.filter(workspace=workspace).exclude(country="").order_by("country")
        country: Any = self.fields["country"]
        country.choices = [
            ("", _("Any country")),
            *((each, each) for each in found.values_list("country", flat=True).distinct()),
        ]

    @property
    def narrowed(self) -> bool:
        return bool({"name", "country"} & self.chosen.keys())

    def sorted(self, found: Iterable[Any]) -> list[Any]:
        return sorted(found, key=ORDERS[self.chosen.get("order", "first")])

    def has(self, holder: Holder) -> bool:
        """Whether the holder is of that name, number or email."""
        name = self.chosen.get("name", "")
        wanted = name.casefold()
        if isinstance(holder, Number):
            return wanted in holder.name.casefold() or _is_part_of(holder.e164, name)
        return wanted in holder.name.casefold() or wanted in holder.email.casefold()

    def is_in(self, number: Holder) -> bool:
        country = self.chosen.get("country")
        return not country or (isinstance(number, Number) and number.country == country)


def _is_part_of(e164: str, text: str) -> bool:
    """Whether a text is a part of the number in some spelling, and not a name with a figure in it."""
    return bool(_SPELLING.fullmatch(text)) and "".join(filter(str.isdigit, text)) in e164


@dataclass(frozen=True, slots=True)
class Cell:
    """One limit, the messages it counts, and when it runs out at its pace. Of a pair: the limit that binds first, whose
    that is in words with an icon, what is left on the other side, and the zone where that is not UTC."""

    usage: Usage
    url: str
    runs_out_at: datetime | None
    side: str = ""
    icon: str = ""
    other: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """A number or user, and its page of quotas."""

    words: str
    note: str
    url: str
    is_gone: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One holder, or the two of a pair. `cells` are named as their columns, None where no limit holds.

    Of a pair also its messages this month, None where they were not all counted, and whether the directory no longer
    has the user on the number.
    """

    names: Sequence[Name]
    cells: Mapping[str, Cell | None]
    url: str = ""
    together: int | None = None
    is_past: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One matrix: its columns, the rows with use, how many more there are, and the names of the rest.

    `every`: how many there are before anything is narrowed; `looked`: of a table of pairs, whether only that many of
    the newest messages were looked through.
    """

    kind: str
    columns: Sequence[str]
    rows: Sequence[Row]
    more: int
    unused: Sequence[str]
    unnamed: int
    every: int
    looked: int = 0

    @property
    def found(self) -> int:
        return len(self.rows) + self.more + len(self.unused) + self.unnamed


def tables(workspace_id: int, wanted: QuotaFilter, now: datetime, whole: str = "") -> list[Table]:
    """The three tables. `whole` names the one that is shown to its last row. A handful of queries, however many
    numbers and users there are."""
    numbers, agents = (positions.of(workspace_id, scope, now) for scope in (Scope.NUMBER, Scope.USER))
    found, is_all = positions.pairs(workspace_id, numbers, agents, now)
    here = {pair.agent.holder.pk for pair in found if wanted.is_in(pair.number.holder)}
    users = [each for each in agents if "country" not in wanted.chosen or each.holder.pk in here]
    lines = [each for each in numbers if wanted.is_in(each.holder)]
    return [
        _of_holders(Scope.NUMBER, numbers, lines, wanted, whole),
        _of_holders(Scope.USER, agents, users, wanted, whole),
        of_pairs(found, wanted, now, whole=whole == PAIR, is_all=is_all),
    ]


def _of_holders(
    scope: str, every: Sequence[Position], found: Iterable[Position], wanted: QuotaFilter, whole: str
) -> Table:
    found = wanted.sorted(each for each in found if wanted.has(each.holder))
    used = [each for each in found if each.share > 0]
    unused = [full_name(each.holder) for each in found if not each.share]
    shown = used if whole == scope else used[:MOST_SHOWN]
    columns = {
        words.titled(str(words.PRESENT[window]), unit, zone): (window, unit, zone)
        for window, unit, zone in positions.columns(shown)
    }
    return Table(
        kind=scope,
        columns=list(columns),
        rows=[
            Row([name_of(each)], {title: _cell(each, each.by_key.get(key)) for title, key in columns.items()})
            for each in shown
        ],
        more=len(used) - len(shown),
        unused=unused[:MOST_NAMED],
        unnamed=max(len(unused) - MOST_NAMED, 0),
        every=len(every),
    )


def of_pairs(
    every: Sequence[Pair], wanted: QuotaFilter, now: datetime, *, whole: bool, is_all: bool
) -> Table:
    """The pairs, each with the cap that binds first in every window that either side has a limit for."""
    found = wanted.sorted(
        pair
        for pair in every
        if wanted.is_in(pair.number.holder)
        and (wanted.has(pair.number.holder) or wanted.has(pair.agent.holder))
    )
    used = [pair for pair in found if pair.used]
    unused = [_pair_name(pair) for pair in found if not pair.used]
    shown = used if whole else used[:MOST_SHOWN]
    columns = {
        words.titled(str(words.PRESENT[window]), unit): (window, unit)
        for window, unit in positions.pair_columns(shown)
    }
    return Table(
        kind=PAIR,
        columns=list(columns),
        rows=[_pair_row(pair, columns, now, is_all=is_all) for pair in shown],
        more=len(used) - len(shown),
        unused=unused[:MOST_NAMED],
        unnamed=max(len(unused) - MOST_NAMED, 0),
        every=len(every),
        looked=0 if is_all else positions.MOST_LOOKED,
    )


def _pair_row(pair: Pair, columns: Mapping[str, tuple[Window, str]], now: datetime, *, is_all: bool) -> Row:
    month = started_at(Window.MONTH, now), resets_at(Window.MONTH, now)
    return Row(
        [name_of(pair.number), name_of(pair.agent)],
        {title: _pair_cell(pair, *key) for title, key in columns.items()},
        counted_url(Scope.NUMBER, pair.number.holder.pk, *month, agent=pair.agent.holder.pk),
        pair.used if is_all else None,
        not pair.is_listed,
    )


def _pair_cell(pair: Pair, window: Window, unit: str) -> Cell | None:
    found = pair.binding(window, unit)
    if found is None:
        return None
    holder = pair.agent if found.side == "user" else pair.number
    side, icon = SIDES[found.side] if found.usage.used else ("", "")
    other = ""
    if side and found.other and found.side in LEFT:
        left = number_format(found.other.left, force_grouping=True)
        other = str(LEFT[found.side]) % {"left": left}
    return Cell(
        found.usage,
        usage_url(holder.scope, holder.holder.pk, found.usage, holder.now),
        forecast.runs_out_at(found.usage, holder.now),
        str(side),
        icon,
        other,
        "" if found.usage.limit.zone == UTC_ZONE else found.usage.limit.zone,
    )


def _cell(position: Position, usage: Usage | None) -> Cell | None:
    if usage is None:
        return None
    url = usage_url(position.scope, position.holder.pk, usage, position.now)
    return Cell(usage, url, forecast.runs_out_at(usage, position.now))


def name_of(position: Position) -> Name:
    holder = position.holder
    note = naming.beside(holder) if isinstance(holder, Number) else holder.email
    page = "quota-number" if position.scope == Scope.NUMBER else "quota-user"
    return Name(holder.name, note, reverse(page, args=[holder.pk]), holder.gone_at is not None)


def full_name(holder: Holder) -> str:
    return naming.label(holder) if isinstance(holder, Number) else holder.name


def _pair_name(pair: Pair) -> str:
    names = {"number": pair.number.holder.name, "user": pair.agent.holder.name}
    return _("%(number)s as %(user)s") % names
