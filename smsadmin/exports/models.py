"""Exports of the log: what was asked for, by whom, how far it is, and how long its file is kept."""

from datetime import timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from smsadmin.core.ids import uuid7
from smsadmin.workspaces.models import User, Workspace

#: How long a file is kept.
KEPT = timedelta(days=7)


class Export(models.Model):
    """The rows of the log that a filter found at one moment, written to a file by a worker.

    `newest` and `filters` hold that moment: ids rise with time, so what comes later is beyond `newest`, and
    times that move with the clock ("2h") are stored as the moments they meant. `reach` is how far back a filter
    without an index looked (MessageFilter.reach). Who holds the lease writes the file; a lease that ended is taken
    over, and the file begun anew.
    """

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "Excel"
        NDJSON = "ndjson", "NDJSON"

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    class Cause(models.TextChoices):
        """Why it failed, as far as that decides what to do."""

        FILTER = "filter", "the filter means nothing any more"
        DISK = "disk", "no room for the file"
        CUT_OFF = "cut_off", "its worker stopped, again and again"
        OURS = "ours", "smsadmin itself"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="exports")
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="exports")
    asked_at = models.DateTimeField(default=timezone.now)
    filters: Any = models.JSONField(default=dict)  # as the log's address says them
    newest = models.UUIDField()
    reach = models.UUIDField(null=True)
    format = models.CharField(_("format"), max_length=6, choices=Format, default=Format.CSV)
    with_text = models.BooleanField(_("with the text of each message"), default=False)
    language = models.CharField(max_length=10)
    time_zone = models.CharField(max_length=64)

    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    total = models.PositiveIntegerField(null=True)  # None: not counted yet
    written = models.PositiveIntegerField(default=0)
    holder = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    cause = models.CharField(max_length=8, choices=Cause, blank=True)
    error = models.CharField(max_length=300, blank=True)
    file_name = models.CharField(max_length=140)  # what a browser calls it
    size = models.PositiveBigIntegerField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="newest_export"),
            models.Index(
                fields=["id"],
                name="unfinished_export",
                condition=models.Q(state__in=["running", "waiting"]),
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_finished(self) -> bool:
        return self.state not in UNFINISHED


UNFINISHED = (Export.State.RUNNING, Export.State.WAITING)
