"""Limits as data, one counter row for each number and each user, and what is known of windows that are over."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from smsadmin.directory.models import Agent, Number
from smsadmin.workspaces.models import Connection, User, Workspace


class Scope(models.TextChoices):
    NUMBER = "number", _("number")
    USER = "user", _("user")


class Unit(models.TextChoices):
    MESSAGES = "messages", _("messages")
    SEGMENTS = "segments", _("segments")


class Rule(models.Model):
    """At most `limit` units in each calendar window of `zone`, for each number or user that it is for.

    It is for those that fit all of `country`, `line`, `route` and `number` (of a user: `route` and `agent`); what is
    empty fits everybody. All rules that fit hold at once, so the smallest limit of a window counts. Rules that are for
    the same holders, window, zone and unit replace each other: the one counts whose `effective_from` came last.

    `preset` names what came with smsadmin (quotas.documented), `documented` its figure: the provider's own, which is
    not exceeded without a `reason`. A `binding` one holds for everybody unasked: it is not switched off without one
    either; others are chosen. What replaces such a rule keeps `documented` and `binding`.
    """

    class Window(models.TextChoices):
        MINUTE = "minute", _("minute")
        HOUR = "hour", _("hour")
        DAY = "day", _("day")
        MONTH = "month", _("month")

    class Line(models.TextChoices):
        """Kinds of lines, as libphonenumber tells them apart (core.numbers), that limits are known for."""

        MOBILE = "mobile", _("mobile")
        FIXED_LINE = "fixed_line", _("fixed line")
        FIXED_LINE_OR_MOBILE = "fixed_line_or_mobile", _("fixed line or mobile")
        TOLL_FREE = "toll_free", _("toll-free")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="quota_rules")
    scope = models.CharField(_("for each"), max_length=8, choices=Scope)
    window = models.CharField(_("window"), max_length=8, choices=Window)
    zone = models.CharField(_("time zone"), max_length=64, default="UTC", db_default="UTC")
    unit = models.CharField(_("unit"), max_length=8, choices=Unit, default=Unit.MESSAGES)
    limit = models.PositiveIntegerField(_("limit"))

    country = models.CharField(_("country"), max_length=2, blank=True, default="", db_default="")
    line = models.CharField(
        _("kind of line"), max_length=20, choices=Line, blank=True, default="", db_default=""
    )
    route = models.CharField(
        _("carried by"), max_length=10, choices=Connection.Kind, blank=True, default="", db_default=""
    )
    number = models.ForeignKey(Number, models.CASCADE, null=True, blank=True, related_name="+")
    agent = models.ForeignKey(Agent, models.CASCADE, null=True, blank=True, related_name="+")

    enabled = models.BooleanField(_("switched on"), default=True, db_default=True)
    effective_from = models.DateTimeField(_("effective from"), null=True, blank=True)  # None: always
    source = models.CharField(_("source"), max_length=200, blank=True)
    note = models.CharField(_("note"), max_length=500, blank=True, default="", db_default="")
    preset = models.CharField(max_length=40, blank=True, default="", db_default="")
    documented = models.PositiveIntegerField(null=True)
    binding = models.BooleanField(default=False, db_default=False)
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="", db_default="")
    reason_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    reason_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "preset"], name="one_rule_per_preset", condition=~models.Q(preset="")
            ),
            models.CheckConstraint(
                condition=models.Q(documented=None)
                | models.Q(limit__lte=models.F("documented"))
                | ~models.Q(reason=""),
                name="exceeded_with_a_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(documented=None)
                | (models.Q(zone="UTC") & (models.Q(binding=False) | models.Q(enabled=True)))
                | ~models.Q(reason=""),
                name="departed_from_with_a_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(scope="number", agent=None)
                | models.Q(scope="user", number=None, country="", line=""),
                name="for_whom_the_scope_says",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.limit} {self.unit} per {self.window} and {self.scope}"


class PriorityShare(models.Model):
    """How much of every limit of a workspace stays for replies and alerting traffic, in percent."""

    DEFAULT = 10
    MOST = 50

    workspace = models.OneToOneField(Workspace, models.CASCADE, related_name="priority_share")
    percent = models.PositiveSmallIntegerField(_("percent"), default=DEFAULT)

    def __str__(self) -> str:
        return f"{self.percent} %"


class Counter(models.Model):
    """What one number or user has used, in the newest window of each kind, as the calendar of `zone` has it.

    Everybody who has sent has a counter in UTC, and one in each other zone that a limit of theirs names. That in UTC
    numbers the messages it counts (`turns`). One in another zone has the number of the last that it counted: where that
    is not the same, it missed some while no rule named its zone, and is made from the log again.

    `minute_at` and its like are the window's number (core.windows.Moment); a count belongs to that window
    alone, so a count under an older number means zero now.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="quota_counters")
    scope = models.CharField(max_length=8, choices=Scope)
    subject_id = models.BigIntegerField()  # directory.Number or directory.Agent
    zone = models.CharField(max_length=64, default="UTC", db_default="UTC")
    turns = models.BigIntegerField(default=0, db_default=0)
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
            models.UniqueConstraint(fields=["scope", "subject_id", "zone"], name="one_counter_per_zone"),
        ]
        indexes = [models.Index(fields=["workspace", "scope"], name="counters_of_workspace")]

    def __str__(self) -> str:
        return f"{self.scope} {self.subject_id}"


class _Amount(models.Model):
    """So much of one number or user."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    scope = models.CharField(max_length=8, choices=Scope)
    subject_id = models.BigIntegerField()
    messages = models.PositiveIntegerField(default=0)
    segments = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True


class Kept(_Amount):
    """What counted messages took that have since been deleted from the log, by the quarter of an hour in which they
    were counted, so that a recount finds what a purge took away.

    `quarter` is its number since the epoch. The hours, days and months of every zone begin with a quarter of an hour.
    """

    quarter = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "subject_id", "quarter"], name="one_kept_per_quarter")
        ]

    def __str__(self) -> str:
        return f"{self.messages} of {self.scope} {self.subject_id}"


class MonthUse(_Amount):
    """What one calendar month (UTC) took in all, as it was last counted from the log. `month`: its number."""

    month = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "subject_id", "month"], name="one_use_per_month")
        ]
        indexes = [models.Index(fields=["workspace", "month"], name="use_of_workspace")]

    def __str__(self) -> str:
        return f"{self.messages} of {self.scope} {self.subject_id}"


class Recount(models.Model):
    """One comparison of a workspace's counters with its log: asked for at `at`, taken by a worker, finished.

    `drifts` are those that differed and were put right: {"scope", "subject", "zone", "window", "unit", "counted",
    "found"} each. Whoever has the lease compares; there is one unfinished comparison at a time.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="recounts")
    at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)  # None: no worker has taken it
    finished_at = models.DateTimeField(null=True)
    counters = models.PositiveIntegerField(default=0)
    drifts: Any = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"], name="one_recount_at_a_time", condition=models.Q(finished_at=None)
            )
        ]
        indexes = [models.Index(fields=["workspace", "-at"], name="newest_recount")]

    def __str__(self) -> str:
        return f"{len(self.drifts)} of {self.counters} at {self.at:%Y-%m-%d %H:%M}"


class Crossing(models.Model):
    """A limit of one number or user came to a threshold (percent) in one window: told once, so written once.

    FORECAST: not reached, but it will be before the window ends, at `runs_out_at`, if it goes on like that.
    """

    FORECAST = 0
    THRESHOLDS = (50, 80, 90, 100)

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="crossings")
    scope = models.CharField(max_length=8, choices=Scope)
    subject_id = models.BigIntegerField()
    zone = models.CharField(max_length=64)
    window = models.CharField(max_length=8, choices=Rule.Window)
    unit = models.CharField(max_length=8, choices=Unit)
    began_at = models.DateTimeField()  # the window
    threshold = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    used = models.PositiveIntegerField()
    limit = models.PositiveIntegerField()
    runs_out_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "subject_id", "zone", "window", "unit", "began_at", "threshold"],
                name="crossed_once",
            )
        ]
        indexes = [models.Index(fields=["workspace", "at"], name="newest_crossing")]

    def __str__(self) -> str:
        return f"{self.threshold} % of {self.limit} {self.unit}"
