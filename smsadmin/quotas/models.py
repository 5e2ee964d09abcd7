"""Limits as data, and one counter row for each number and each user."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from smsadmin.workspaces.models import Workspace


class Scope(models.TextChoices):
    NUMBER = "number", _("number")
    USER = "user", _("user")


class Unit(models.TextChoices):
    MESSAGES = "messages", _("messages")
    SEGMENTS = "segments", _("segments")


class Rule(models.Model):
    """At most `limit` units in each calendar window (UTC) for each subject of the scope."""

    class Window(models.TextChoices):
        MINUTE = "minute", _("minute")
        HOUR = "hour", _("hour")
        DAY = "day", _("day")
        MONTH = "month", _("month")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="quota_rules")
    scope = models.CharField(max_length=8, choices=Scope)
    window = models.CharField(max_length=8, choices=Window)
    unit = models.CharField(max_length=8, choices=Unit, default=Unit.MESSAGES)
    limit = models.PositiveIntegerField()
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "scope", "window", "unit"], name="one_rule_per_window"
            )
        ]

    def __str__(self) -> str:
        return f"{self.limit} {self.unit} per {self.window} and {self.scope}"


class Counter(models.Model):
    """What one number or user has used, in the newest window of each kind.

    `minute_at` and its like are the window's number (core.windows.Moment); a count belongs to that window
    alone, so a count under an older number means zero now.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="quota_counters")
    scope = models.CharField(max_length=8, choices=Scope)
    subject_id = models.BigIntegerField()  # directory.Number or directory.Agent
    minute_at = models.BigIntegerField(default=0)
    minute_messages = models.PositiveIntegerField(default=0)
    minute_segments = models.PositiveIntegerField(default=0)
    hour_at = models.BigIntegerField(default=0)
    hour_messages = models.PositiveIntegerField(default=0)
    hour_segments = models.PositiveIntegerField(default=0)
    day_at = models.BigIntegerField(default=0)
    day_messages = models.PositiveIntegerField(default=0)
    day_segments = models.PositiveIntegerField(default=0)
    month_at = models.BigIntegerField(default=0)
    month_messages = models.PositiveIntegerField(default=0)
    month_segments = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "subject_id"], name="one_counter_per_subject"),
        ]
        indexes = [models.Index(fields=["workspace", "scope"], name="counters_of_workspace")]

    def __str__(self) -> str:
        return f"{self.scope} {self.subject_id}"
