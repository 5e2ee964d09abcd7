"""Call flows, their versions, what starts them, and every run of them."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from smsadmin.core.ids import moment_of, uuid7
from smsadmin.directory.models import Number
from smsadmin.workspaces.fields import EncryptedJSONField
from smsadmin.workspaces.models import Connection, User, Workspace


class Flow(models.Model):
    """A named call flow. What it does stands in its current version."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="flows")
    name = models.CharField(_("name"), max_length=64)  # Callr: a scenario's name has 1 to 64 characters
    enabled = models.BooleanField(_("on"), default=False)
    on_since = models.DateTimeField(null=True)  # when it was last switched on; None while it is off
    archived_at = models.DateTimeField(null=True)  # an archived flow is off and out of the way
    build_mode = models.BooleanField(_("build mode"), default=False)  # only verified test numbers are texted
    mobile_only = models.BooleanField(_("mobile numbers only"), default=False)
    #: Texts whose step names no number leave from the number that was called or texted, where nothing below is chosen.
    from_called = models.BooleanField(_("from the number that was called or texted"), default=True)
    #: What carries a text whose step names no number: the account that knows the sender's name or picks a sender.
    connection = models.ForeignKey(Connection, models.SET_NULL, null=True, blank=True, related_name="+")
    #: The number such a text leaves from, where the account picks none.
    sender = models.ForeignKey(Number, models.SET_NULL, null=True, blank=True, related_name="+")
    current = models.ForeignKey("FlowVersion", models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_flow_per_name"),
            models.CheckConstraint(
                name="archived_flow_is_off", condition=models.Q(archived_at=None) | models.Q(enabled=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def answers_from_called(self) -> bool:
        """Whether texts whose step names no number leave from the number that was called or texted."""
        return self.from_called and self.connection_id is None and self.sender_id is None


class FlowVersion(models.Model):
    """One saved state of a flow: its YAML, as it was written. A change is a new version."""

    flow = models.ForeignKey(Flow, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    source = models.TextField()
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["flow", "number"], name="one_flow_version_per_number")]

    def __str__(self) -> str:
        return f"{self.flow} v{self.number}"


class Start(models.Model):
    """Something that starts a flow by itself: a missed call, or a text to one of our numbers."""

    class Kind(models.TextChoices):
        MISSED_CALL = "missed-call", _("A missed call")
        INBOUND_SMS = "inbound-sms", _("A text to our number")

    class Hours(models.TextChoices):
        ANY = "any", _("At any time")
        INSIDE = "inside", _("Within these hours")
        OUTSIDE = "outside", _("Outside these hours")

    flow = models.ForeignKey(Flow, models.CASCADE, related_name="starts")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    kind = models.CharField(_("what starts it"), max_length=12, choices=Kind)
    number = models.ForeignKey(Number, models.CASCADE, null=True, blank=True, related_name="+")  # None: any
    reasons: Any = models.JSONField(default=list, blank=True)  # of a missed call; empty: any
    hours = models.CharField(_("when"), max_length=7, choices=Hours, default=Hours.ANY)
    #: By weekday, Monday first: the spans within which we are open, as [["09:00", "17:30"], …].
    opening: Any = models.JSONField(default=list, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)  # empty: the workspace's
    created_at = models.DateTimeField(auto_now_add=True)  # what came before it starts nothing

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["workspace", "kind"], name="starts_by_kind")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} → {self.flow}"


class FetchHost(models.Model):
    """A host that flows of the workspace may call by fetch@v1 and fetch@v2. No other is called."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="fetch_hosts")
    host = models.CharField(
        _("host"), max_length=253
    )  # as it stands in the address, in lower case; with a port, if any
    #: What it is called with, {"header", "value"}: no flow, log or page holds the value. Empty: nothing is added.
    secrets = EncryptedJSONField(default=dict)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["host"]
        constraints = [models.UniqueConstraint(fields=["workspace", "host"], name="one_fetch_host_each")]

    def __str__(self) -> str:
        return self.host


class FlowRun(models.Model):
    """One run of a flow: the event it was started with, and every step it took. The row is the queue of runs too.

    `next_at` is when a worker may take it: at once while it waits, and when the lease of its `holder` ends while it
    runs; None at its end. `effects` holds what its steps brought about, by the key of each (flows.effects): a worker
    that takes the run over gets the same answers and does nothing twice.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    class Cause(models.TextChoices):
        """What started it."""

        MISSED_CALL = "missed-call", _("Missed call")
        INBOUND_SMS = "inbound-sms", _("Text to our number")
        CALLR = "callr", _("Callr scenario")
        API = "api", _("API")
        SAMPLE = "sample", _("Sample call")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="flow_runs")
    flow = models.ForeignKey(Flow, models.CASCADE, related_name="runs")
    version = models.ForeignKey(FlowVersion, models.CASCADE, related_name="+")
    key = models.UUIDField()  # core.ids.key16 of what makes a repeat recognisable
    asked = models.UUIDField(
        null=True
    )  # key16 of what the API was sent: the same key with another body is refused
    cause = models.CharField(max_length=12, choices=Cause)
    branch = models.CharField(max_length=80)  # the one it began with
    dry = models.BooleanField(default=False)  # rehearsed: nothing was sent, and nothing fetched
    test = models.BooleanField(
        default=False, db_default=False
    )  # asked for by a key in test mode: only verified test numbers are texted
    context: Any = models.JSONField(
        default=dict
    )  # what expressions see: call, sms, run, scenario, now; given results
    effects: Any = models.JSONField(default=dict)
    steps: Any = models.JSONField(default=list)  # flows.language.engine records, in the order they were taken
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    error: Any = models.JSONField(default=dict)  # {"code", "facts"} of what stopped it
    party = models.CharField(max_length=20, blank=True)  # who called or texted, E.164
    number = models.ForeignKey(Number, models.SET_NULL, null=True, related_name="+")  # which of ours
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")  # who ran a sample
    attempts = models.PositiveSmallIntegerField(default=0)  # how often a worker took it
    next_at = models.DateTimeField(null=True)
    holder = models.UUIDField(null=True)
    finished_at = models.DateTimeField(null=True)
    values_gone_at = models.DateTimeField(null=True)  # what it saw and said was deleted, by age
    number_gone_at = models.DateTimeField(null=True)  # whom it was about was deleted, by age

    #: Set on a copy for a reader who may not see numbers and texts (flows.reading).
    is_masked = False
    #: Set by flows.starting on the run that an earlier event with the same key had begun.
    is_repeated = False

    class Meta:
        constraints = [models.UniqueConstraint(fields=["flow", "key"], name="one_run_per_key")]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="runs_newest"),
            models.Index(fields=["flow", "-id"], name="runs_of_flow"),
            models.Index(
                fields=["next_at", "id"], name="runs_due", condition=models.Q(next_at__isnull=False)
            ),
            models.Index(
                fields=["workspace", "id"],
                name="runs_with_values",
                condition=models.Q(values_gone_at__isnull=True),
            ),
            models.Index(
                fields=["workspace", "id"],
                name="runs_with_number",
                condition=models.Q(number_gone_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.flow} ({self.state})"

    @property
    def received_at(self) -> Any:
        """When it was asked for: the time its id was made."""
        return moment_of(self.id)

    @property
    def is_finished(self) -> bool:
        return self.state in (self.State.DONE, self.State.FAILED)
