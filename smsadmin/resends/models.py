"""Sending failed messages again: what was chosen, by whom, how far it is, and what became of each message."""

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from smsadmin.core.ids import uuid7
from smsadmin.workspaces.models import User, Workspace


class Resend(models.Model):
    """Messages of the log that somebody has sent again, worked through by one worker at a time.

    `chosen` counts what was picked, `left_out` ({sending.again.Reason: count}) what of it may not be sent again;
    the rest are its items. Who holds the lease works; a lease that ended is taken over, and nothing is sent twice,
    for the log has room for one successor of each message. `waits_until` is set while every item that is left
    waits for room in a quota, and after a turn that failed, which `error` then tells of. `attempts` counts turns in a
    row that settled no item.
    """

    class Which(models.TextChoices):
        PRESENT = "present", _("The action as it is now")
        ORIGINAL = "original", _("The version each message was made with")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="resends")
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    which = models.CharField(max_length=8, choices=Which, default=Which.PRESENT)
    filters: Any = models.JSONField(
        null=True
    )  # as the log's address says them, until purging.forget; None: rows were picked
    chosen = models.PositiveIntegerField()
    left_out: Any = models.JSONField(default=dict)

    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    waits_until = models.DateTimeField(null=True)
    holder = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)  # an entry of smsadmin.phrases
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="newest_resend"),
            models.Index(
                fields=["id"],
                name="unfinished_resend",
                condition=models.Q(state__in=["running", "waiting"]),
            ),
        ]

    def __str__(self) -> str:
        return f"resend of {self.chosen} messages"

    @property
    def is_finished(self) -> bool:
        return self.state not in UNFINISHED


#: While a resend is in one of these, its messages are in nobody else's.
UNFINISHED = (Resend.State.WAITING, Resend.State.RUNNING, Resend.State.PAUSED)


class ResendItem(models.Model):
    """One message to be sent again, and what came of it: a new message, or why there is none."""

    class State(models.TextChoices):
        PENDING = "pending", _("To be sent again")
        SENT = "sent", _("Sent again")
        REFUSED = "refused", _("Not sent again")

    resend = models.ForeignKey(Resend, models.CASCADE, related_name="items")
    original = models.UUIDField()  # of Message; it may be gone
    state = models.CharField(max_length=7, choices=State, default=State.PENDING)
    result = models.UUIDField(null=True)  # the message that was made
    reason = models.CharField(
        max_length=12, blank=True
    )  # sending.again.Reason, where the row itself forbids it
    error_code = models.CharField(max_length=40, blank=True)  # what stopped it this time
    error_facts: Any = models.JSONField(default=dict)
    at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["resend", "original"], name="one_item_per_message"),
        ]
        indexes = [
            models.Index(fields=["resend", "state", "id"], name="resend_items"),
            models.Index(fields=["original"], name="resends_of_message"),
        ]

    def __str__(self) -> str:
        return f"{self.original} ({self.state})"
