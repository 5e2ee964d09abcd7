"""The quota page: used, left and reset time of every number and user."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from smsadmin.core.numbers import pretty
from smsadmin.core.windows import Window, started_at
from smsadmin.dashboard.pages import render_page
from smsadmin.directory.models import Agent, Number
from smsadmin.quotas import positions
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.models import Scope, Unit
from smsadmin.quotas.positions import Position
from smsadmin.quotas.rulebook import Limit
from smsadmin.sending.filters import log_url
from smsadmin.workspaces.access import viewer_required
from smsadmin.workspaces.requests import WorkspaceRequest

#: Rows of one table before it asks to be told to show all.
MOST_SHOWN = 50

WINDOWS = {
    Window.MINUTE: gettext_lazy("This minute"),
    Window.HOUR: gettext_lazy("This hour"),
    Window.DAY: gettext_lazy("This day"),
    Window.MONTH: gettext_lazy("This month"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One limit of one holder, and the log narrowed to the messages it counts."""

    usage: Usage
    url: str


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    note: str
    is_gone: bool
    url: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """One scope's matrix: its columns, the holders that have used something, and the names of the rest."""

    scope: str
    columns: Sequence[str]
    rows: Sequence[Row]
    more: int
    unused: Sequence[str]


@require_GET
@viewer_required
def quotas(request: WorkspaceRequest) -> HttpResponse:
    """What each number and each user may still send this minute, hour, day and month."""
    name, whole = request.GET.get("name", "").strip(), request.GET.get("all", "")
    now, workspace = timezone.now(), request.workspace
    tables = [table_of(workspace.pk, scope, now, name, whole=whole == scope) for scope in Scope.values]
    context = {
        "tables": tables,
        "name": name,
        "now": now,
        "found": sum(len(table.rows) + table.more + len(table.unused) for table in tables),
    }
    return render_page(request, "quotas/list.html", context, fragment="quotas/_tables.html")


def table_of(workspace_id: int, scope: str, now: datetime, name: str, *, whole: bool) -> Table:
    """The holders whose name, number or email contains `name`."""
    every = positions.of(workspace_id, scope, now)
    found = [each for each in every if _matches(each, name)]
    used = [each for each in found if each.share > 0]
    shown = used if whole else used[:MOST_SHOWN]
    return Table(
        scope=scope,
        columns=[column(usage.limit) for usage in (every[0].usages if every else ())],
        rows=[_row(each, now) for each in shown],
        more=len(used) - len(shown),
        unused=[_name(each.holder) for each in found[len(used) :]],
    )


def column(rule: Limit) -> str:
    """A limit's heading: its window, and its unit where that is not messages."""
    words = str(WINDOWS[rule.window])
    return f"{words}, {Unit(rule.unit).label}" if rule.unit != Unit.MESSAGES else words


def counted_url(position: Position, usage: Usage, now: datetime) -> str:
    """The log narrowed to the messages that one limit counts."""
    return log_url(
        **_narrowed(position), status="counted", since=started_at(usage.limit.window, now, usage.limit.zone)
    )


def _narrowed(position: Position) -> dict[str, int]:
    return {"number" if position.scope == Scope.NUMBER else "agent": position.holder.pk}


def _matches(position: Position, name: str) -> bool:
    holder, wanted = position.holder, name.casefold()
    digits = "".join(filter(str.isdigit, name))
    if isinstance(holder, Number):
        return wanted in holder.name.casefold() or bool(digits and digits in holder.e164)
    return wanted in holder.name.casefold() or wanted in holder.email.casefold()


def _name(holder: Number | Agent) -> str:
    return f"{holder.name} ({pretty(holder.e164)})" if isinstance(holder, Number) else holder.name


def _row(position: Position, now: datetime) -> Row:
    holder = position.holder
    return Row(
        name=holder.name,
        note=pretty(holder.e164) if isinstance(holder, Number) else holder.email,
        is_gone=holder.gone_at is not None,
        url=log_url(**_narrowed(position)),
        cells=[Cell(usage, counted_url(position, usage, now)) for usage in position.usages],
    )
