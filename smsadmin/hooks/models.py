"""What other programs are told: which events go to which address, each event, and each try to deliver it."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from smsadmin.core.ids import uuid7
from smsadmin.notices.models import Endpoint
from smsadmin.workspaces.models import User, Workspace

_UNINDEXED: Any = {"db_index": False}


class Hook(models.Model):
    """Events of these kinds are posted to this address. `events` are names such as "message.delivered", or a whole
    family as "message.*"."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="hooks")
    name = models.CharField(_("name"), max_length=80)
    endpoint = models.ForeignKey(Endpoint, models.PROTECT, related_name="hooks")
    events: Any = models.JSONField(_("events"), default=list)
    #: Recipients and texts go along; without it only what became of the message, under its id.
    tells_contents = models.BooleanField(_("with recipient and text"), default=False)
    enabled = models.BooleanField(_("on"), default=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="one_hook_per_name")]
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name


class HookEvent(models.Model):
    """Something that happened, as it is told: written with what it tells of, both or neither."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", **_UNINDEXED)
    type = models.CharField(max_length=40)
    at = models.DateTimeField()
    message = models.UUIDField(null=True)  # that it is about; that may be gone
    data: Any = models.JSONField(default=dict)  # no number and no text: those are read when it is delivered

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="hook_events_newest")]

    def __str__(self) -> str:
        return f"{self.type} at {self.at:%H:%M:%S}"


class HookDelivery(models.Model):
    """One event on its way to one address."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        GIVEN_UP = "given_up", _("Given up")

    event = models.ForeignKey(HookEvent, models.CASCADE, related_name="deliveries")
    hook = models.ForeignKey(Hook, models.CASCADE, related_name="deliveries", **_UNINDEXED)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    holder = models.UUIDField(null=True)
    answered_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "hook"], name="one_delivery_per_hook")]
        indexes = [
            models.Index(fields=["hook", "-id"], name="hook_deliveries_newest"),
            models.Index(
                fields=["next_attempt_at"], name="hook_deliveries_due", condition=Q(state="waiting")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.hook_id} ({self.state})"
