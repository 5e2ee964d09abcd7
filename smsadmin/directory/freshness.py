"""How fresh the mirror is: its age, a running refresh, what the last one changed, and why one failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.directory import changes, mirror
from smsadmin.directory.models import Refresh
from smsadmin.providers.registry import CARRIERS
from smsadmin.workspaces.models import Connection, Workspace

#: How long a refresh that was asked for may take to begin before the page says that no worker took it.
BEGINS_WITHIN = 60
#: How many earlier refreshes are listed, and how many sentences stand beside the age of the mirror.
MOST_LISTED = 10
MOST_SAID = 6

#: The parts of a refresh in their order, as its row's progress names them.
PARTS = {
    "numbers": gettext_lazy("Numbers"),
    "users": gettext_lazy("Users"),
    "pairs": gettext_lazy("Who is on which number"),
    "modes": gettext_lazy("Messaging modes"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a running refresh: how much of it has been read."""

    label: str
    read: int
    total: int


@dataclass(frozen=True, slots=True)
class Run:
    """One refresh in words."""

    refresh: Refresh

    @property
    def lasted(self) -> timedelta | None:
        row = self.refresh
        return row.finished_at - row.started_at if row.finished_at else None

    @property
    def seconds(self) -> float | None:
        return self.lasted.total_seconds() if self.lasted is not None else None

    @property
    def changed(self) -> list[str]:
        return changes.sentences(self.refresh.changes)

    @property
    def parts(self) -> list[Part]:
        progress = self.refresh.progress
        return [Part(str(label), *progress[name]) for name, label in PARTS.items() if name in progress]

    @property
    def remedy(self) -> str:
        """What to do about a failure."""
        return {
            Refresh.Cause.KEY: _("Enter a new API key for the connection."),
            Refresh.Cause.EMPTY: _(
                "Check with the provider that the account still has its numbers. As soon as it lists one again, the "
                "directory follows."
            ),
            Refresh.Cause.CUT_OFF: _(
                "The next refresh starts anew. If this happens again, the worker's log says why it stopped."
            ),
            Refresh.Cause.OURS: _(
                "Report this with the time at which it happened: it is ours to mend. The worker's log has the details."
            ),
        }.get(
            Refresh.Cause(self.refresh.cause or Refresh.Cause.PROVIDER),
            _("The next refresh tries again. If it keeps failing, look at the provider's status page."),
        )


@dataclass(frozen=True, slots=True)
class Mirror:
    """How fresh one account's mirror is."""

    connection: Connection
    newest: Run | None
    done: Refresh | None  # the newest that worked
    changed: Run | None  # the newest that found a difference
    asked: bool  # a refresh was asked for a moment ago and has not begun
    ignored: bool  # it was asked for, and nobody took it

    @property
    def running(self) -> Run | None:
        return self._newest_if(Refresh.State.RUNNING)

    @property
    def failure(self) -> Run | None:
        return self._newest_if(Refresh.State.FAILED)

    @property
    def next_by(self) -> datetime | None:
        return self.newest.refresh.started_at + mirror.EVERY if self.newest else None

    @property
    def just_changed(self) -> bool:
        """Whether it is the newest refresh that found the difference."""
        return bool(self.newest and self.changed) and self.newest == self.changed

    @property
    def said(self) -> Sequence[str]:
        """The first sentences of the last difference."""
        return self.changed.changed[:MOST_SAID] if self.changed else []

    @property
    def unsaid(self) -> int:
        return len(self.changed.changed) - len(self.said) if self.changed else 0

    def _newest_if(self, state: str) -> Run | None:
        return self.newest if self.newest and self.newest.refresh.state == state else None


def mirrors(accounts: Sequence[Connection], asked: str = "") -> list[Mirror]:
    """Each account's mirror; `asked` is the Unix time at which a refresh was asked for, if any."""
    return [_mirror(connection, asked) for connection in accounts]


def _mirror(connection: Connection, asked: str) -> Mirror:
    newest = connection.refreshes.order_by("-started_at").first()
    differing = connection.refreshes.filter(state=Refresh.State.DONE).exclude(changes={})
    changed = differing.order_by("-started_at").first()
    pending = is_recent(10 * BEGINS_WITHIN, asked) and _ended_before(newest, int(asked))
    waiting = pending and is_recent(BEGINS_WITHIN, asked)
    return Mirror(
        connection=connection,
        newest=Run(newest) if newest else None,
        done=mirror.latest(connection),
        changed=Run(changed) if changed else None,
        asked=waiting,
        ignored=pending and not waiting,
    )


def _ended_before(newest: Refresh | None, moment: int) -> bool:
    """Whether nothing has run since: one that was running then counts, no second one begins beside it."""
    if newest is None:
        return True
    return newest.finished_at is not None and newest.finished_at.timestamp() < moment


def is_recent(seconds: float, text: str) -> bool:
    """Whether `text` is a Unix time at most `seconds` ago."""
    return text.isdecimal() and len(text) < 12 and 0 <= timezone.now().timestamp() - int(text) <= seconds


@dataclass(frozen=True, slots=True)
class History:
    """The newest refreshes of one account."""

    connection: Connection
    runs: Sequence[Run]


def histories(workspace: Workspace) -> list[History]:
    """Each account's newest refreshes, newest first."""
    return [
        History(each, [Run(row) for row in each.refreshes.order_by("-started_at")[:MOST_LISTED]])
        for each in accounts(workspace)
    ]


def accounts(workspace: Workspace) -> Sequence[Connection]:
    """The workspace's accounts that have a mirror."""
    return list(workspace.connections.filter(kind__in=CARRIERS).order_by("name", "pk"))
