"""What other programs are told: which events go to which address, each event, and each try to deliver it."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from smsadmin.core.ids import uuid7
from smsadmin.notices.attempts import AttemptedDelivery
from smsadmin.notices.models import Endpoint
from smsadmin.workspaces.models import User, Workspace

#: An event is written with the message it tells of: it must not lock the one row of its workspace or hook to see that
#: it exists. Django's own on_delete rules keep them, and the indexes in Meta begin with these columns.
_LOOSE: Any = {"db_constraint": False, "db_index": False}


class Hook(models.Model):
    """Events of these kinds are posted to this address. `events` are names such as "message.delivered", or a whole
    family as "message.*"."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="hooks")
    name = models.CharField(_("name"), max_length=80)
    endpoint = models.ForeignKey(Endpoint, models.PROTECT, related_name="hooks")
    events: Any = models.JSONField(_("events"), default=list)
    #: Recipients and texts go along; without it only what became of the message, under its id.
    tells_contents = models.BooleanField(_("with recipient and text"), default=False)
    #: Messages that only try something out (sending.filters.TESTS) go along.
    tells_tests = models.BooleanField(_("with tests"), default=False, db_default=False)
    enabled = models.BooleanField(_("on"), default=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    #: The first of the attempts that failed, one not long after the other, since the last that arrived.
    failing_since = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)  # the newest that failed
    paused_at = models.DateTimeField(null=True)  # it failed for too long: a person resumes it

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_hook_per_name")]
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_served(self) -> bool:
        """Whether what happens is posted. A sample is in any case."""
        return self.enabled and self.paused_at is None


class HookEvent(models.Model):
    """Something that happened, as it is told: written with what it tells of, both or neither."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", **_LOOSE)
    type = models.CharField(max_length=40)
    at = models.DateTimeField()
    message = models.UUIDField(null=True)  # that it is about; that may be gone
    data: Any = models.JSONField(default=dict)  # no number and no text: those are read when it is delivered

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="hook_events_newest"),
            models.Index(fields=["message"], name="hook_events_of", condition=Q(message__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.type} at {self.at:%H:%M:%S}"


class HookDelivery(AttemptedDelivery):
    """One event on its way to one address. `tried` has each attempt: when, how long it took and what was answered."""

    event = models.ForeignKey(HookEvent, models.CASCADE, related_name="deliveries")
    hook = models.ForeignKey(Hook, models.CASCADE, related_name="deliveries", **_LOOSE)
    is_sample = models.BooleanField(default=False)  # somebody waits for it: it goes first, and once
    tried: Any = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "hook"], name="one_delivery_per_hook")]
        indexes = [
            models.Index(fields=["hook", "-id"], name="hook_deliveries_newest"),
            models.Index(fields=["hook", "state", "-id"], name="hook_deliveries_by_state"),
            models.Index(
                fields=["hook", "next_attempt_at"], name="hook_deliveries_due", condition=Q(state="waiting")
            ),
            models.Index(fields=["hook"], name="hook_deliveries_held", condition=Q(holder__isnull=False)),
            models.Index(
                fields=["next_attempt_at"],
                name="hook_samples_due",
                condition=Q(state="waiting", is_sample=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.hook_id} ({self.state})"

    def may_again(self, now: datetime) -> bool:
        """Whether sending it again would do something: it is not being tried, nor about to be for the first time, and
        its hook is served."""
        if not (self.hook.is_served or self.is_sample):
            return False
        return self.answered_at is not None and not self.is_being_tried(now)


class Watch(models.Model):
    """Which causes of failures the hooks of a workspace know to be open, each with the time of its newest message then.
    The row is locked by whoever tells of a cause, so each opening is told once."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="+")
    causes: Any = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"causes of {self.workspace_id}"
