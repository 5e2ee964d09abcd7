"""An export in words: what it holds, how far it is, and why it failed."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from smsadmin.dashboard.templatetags.ui import Badge
from smsadmin.exports.models import Export
from smsadmin.exports.writers import SHEET_ROWS
from smsadmin.sending.filters import log_url

STATES: dict[str, Badge] = {
    Export.State.WAITING: Badge(Export.State.WAITING.label, "clock", "waiting"),
    Export.State.RUNNING: Badge(Export.State.RUNNING.label, "refresh", "active"),
    Export.State.DONE: Badge(Export.State.DONE.label, "check", "good"),
    Export.State.FAILED: Badge(Export.State.FAILED.label, "x", "bad"),
    Export.State.CANCELLED: Badge(Export.State.CANCELLED.label, "circle-minus", "neutral"),
}

REMEDIES: dict[str, str | Promise] = {
    Export.Cause.FILTER: _(
        "An action, a number or a user that its filter names is gone. Filter the log anew and export that."
    ),
    Export.Cause.DISK: _(
        "There was no room for the file on the disk of the server. Make some, then ask again."
    ),
    Export.Cause.CUT_OFF: _(
        "Its worker stopped before it was done, three times. The worker's log says why; then ask again."
    ),
    Export.Cause.OURS: _(
        "Report this with the time at which it happened: it is ours to mend. The worker's log has the details."
    ),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One export of the list. `words`: its filter as the log's box says it, "" for all messages."""

    export: Export
    words: str

    @property
    def look(self) -> Badge:
        return STATES[self.export.state]

    @property
    def log_url(self) -> str:
        """The log with the same filter."""
        return log_url(**self.export.filters)

    @property
    def again_url(self) -> str:
        return f"{reverse('export-new')}?{urlencode(self.export.filters)}"

    @property
    def goal(self) -> int | None:
        """How many rows the file will have; None until they are counted."""
        total = self.export.total
        if total is None or self.export.format != Export.Format.XLSX:
            return total
        return min(total, SHEET_ROWS)

    @property
    def is_packing(self) -> bool:
        """Whether every row is written and only the file is made ready."""
        return self.export.state == Export.State.RUNNING and self.export.written == self.goal

    @property
    def left_out(self) -> int:
        """How many of the oldest have no room in the sheet."""
        if self.export.state not in (Export.State.RUNNING, Export.State.DONE):
            return 0
        return (self.export.total or 0) - (self.goal or 0)

    @property
    def changed(self) -> bool:
        """Whether messages began or ceased to match between the count and the writing."""
        return self.export.state == Export.State.DONE and self.export.written != self.goal

    @property
    def remedy(self) -> Any:
        """What to do about a failure."""
        return REMEDIES.get(self.export.cause, "")
