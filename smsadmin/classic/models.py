"""The earlier generation of the action, for as long as workflows use it: who may, until when, and which steps do."""

from datetime import date
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from smsadmin.actions.models import Action
from smsadmin.directory.models import Agent, Number
from smsadmin.workspaces.models import User, Workspace


class ClassicSettings(models.Model):
    """Whether a workspace may use the classic action, until which day, and what stands in for numbers that are gone.

    `told` has the days before the end that its owners were told of; `ui_domains` where each portal's people work, as
    HubSpot says (HubSpot docs: account information, uiDomain).
    """

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="classic")
    enabled = models.BooleanField(_("workflows may use the classic action"), default=False)
    sunset_on = models.DateField(_("last day"), null=True, blank=True)
    fallback_number = models.ForeignKey(
        Number, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("fallback number")
    )
    told: Any = models.JSONField(default=list)
    ui_domains: Any = models.JSONField(default=dict)

    def __str__(self) -> str:
        return "on" if self.enabled else "off"

    def days_left(self, today: date) -> int | None:
        """How many days come after today until it ends, negative once it is over; None where no end is set."""
        return (self.sunset_on - today).days if self.sunset_on else None

    def is_over(self, today: date) -> bool:
        """Whether the last day is over."""
        return self.sunset_on is not None and today > self.sunset_on


class ClassicStep(models.Model):
    """A step of a workflow that asked for the classic action, as its newest execution had it.

    No recipient and no text is in here: both are read from the log, for as long as that keeps them. `number` and
    `agent` are what it really used, `number_given` and `user_given` what the step names.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="classic_steps")
    portal = models.CharField(max_length=40)
    workflow = models.CharField(max_length=40, blank=True)  # empty: a run that named none, such as a test
    step = models.CharField(max_length=40, blank=True)
    object_type = models.CharField(max_length=12, blank=True)
    number_given = models.CharField(max_length=80, blank=True)
    user_given = models.CharField(max_length=80, blank=True)
    number = models.ForeignKey(Number, models.SET_NULL, null=True, related_name="+")
    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, related_name="+")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    last_message = models.UUIDField()  # it may be gone
    action = models.ForeignKey(Action, models.SET_NULL, null=True, related_name="+")  # what it was saved as
    moved_at = models.DateTimeField(null=True)
    moved_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "portal", "workflow", "step"], name="one_row_per_classic_step"
            )
        ]
        indexes = [models.Index(fields=["workspace", "-last_at", "-id"], name="classic_newest")]

    def __str__(self) -> str:
        return f"workflow {self.workflow}, step {self.step}"

    @property
    def came_back(self) -> bool:
        """Whether it was used again after somebody had marked it as moved."""
        return self.moved_at is not None and self.last_at > self.moved_at


class ClassicFallback(models.Model):
    """What a step asked for, what was used in its place, and how often."""

    class Kind(models.TextChoices):
        """The sentences of the trace that tell of a fallback (core.trace.SENTENCES)."""

        NUMBER = "sender.fallback", _("Another number")
        OUTSIDE = "eligible.outside", _("A number outside the integration")
        USER = "send_as.fallback", _("No user")

    step = models.ForeignKey(ClassicStep, models.CASCADE, related_name="fallbacks")
    kind = models.CharField(max_length=20, choices=Kind)
    asked = models.CharField(max_length=254)
    used = models.CharField(max_length=254, blank=True)
    uses = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["step", "kind", "asked", "used"], name="one_row_per_fallback")
        ]
        ordering = ["-last_at", "pk"]

    def __str__(self) -> str:
        return f"{self.asked} → {self.used or 'none'} ({self.uses})"
