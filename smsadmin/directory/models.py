"""The mirror of a provider account: numbers, the people on them, and how fresh all that is."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from smsadmin.directory.facts import first_failing
from smsadmin.directory.registration import Registration, is_north_american
from smsadmin.workspaces.models import Connection, Workspace


class Source(models.TextChoices):
    """Who says so. What an admin said is never overwritten by a probe, only by a send that proved otherwise."""

    ASSUMED = "assumed", _("assumed")
    PROBE = "probe", _("asked Aircall")
    ADMIN = "admin", _("set by an admin")
    SEND = "send", _("learnt from a send")


class SenderKind(models.TextChoices):
    """What a sender of an account is."""

    PHONE = "phone", _("Phone number")
    NAME = "name", _("Sender name")  # alphanumeric: up to 11 characters, nobody can answer it
    POOL = "pool", _("The provider's choice")  # it picks a sender by destination


class Number(models.Model):
    """A sender of the account: a phone number, a sender name, or the provider's own choice. Gone ones are kept:
    messages refer to them.

    `e164` is what recipients see: a number in E.164, a name as it is written, "" where the provider picks.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="numbers")
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="numbers")
    kind = models.CharField(
        max_length=5, choices=SenderKind, default=SenderKind.PHONE, db_default=SenderKind.PHONE
    )
    provider_id = models.CharField(max_length=40)
    e164 = models.CharField(max_length=20)
    name = models.CharField(max_length=120)
    country = models.CharField(max_length=2, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    # The four facts that decide whether a number is offered. None: nobody knows yet.
    connected = models.BooleanField(null=True)
    connected_source = models.CharField(max_length=8, choices=Source, default=Source.ASSUMED)
    sms_capable = models.BooleanField(null=True)
    sms_capable_source = models.CharField(max_length=8, choices=Source, default=Source.ASSUMED)
    third_party = models.BooleanField(default=False)
    third_party_source = models.CharField(max_length=8, choices=Source, default=Source.ASSUMED)
    proxy_mode = models.BooleanField(default=False)
    proxy_mode_source = models.CharField(max_length=8, choices=Source, default=Source.ASSUMED)
    # Of a North American number: what its registration with the carriers comes to, and Aircall's own word for it.
    registration = models.CharField(
        max_length=12, blank=True, choices=Registration, default="", db_default=""
    )
    registration_source = models.CharField(
        max_length=8, choices=Source, default=Source.ASSUMED, db_default=Source.ASSUMED
    )
    registration_said = models.CharField(max_length=40, blank=True, default="", db_default="")
    agents: "models.ManyToManyField[Agent, Association]" = models.ManyToManyField(
        "Agent", through="Association", related_name="numbers"
    )
    probed_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "provider_id"], name="one_row_per_number")
        ]
        indexes = [models.Index(fields=["workspace", "e164"], name="number_by_e164")]

    def __str__(self) -> str:
        return f"{self.e164} ({self.name})" if self.kind == SenderKind.PHONE else self.name

    @property
    def is_eligible(self) -> bool:
        """A phone number that is connected, SMS-capable, without third-party messaging, not in proxy mode, and still
        there: one that actions and HubSpot may choose.

        Aircall help: advanced Send SMS action, "Why your number may not appear".
        """
        return self.kind == SenderKind.PHONE and first_failing(self) is None

    @property
    def needs_registration(self) -> bool:
        """Whether carriers ask for a registration of such a number: A2P 10DLC, or the verification of toll-free
        ones."""
        return is_north_american(self.country, self.e164)


class Agent(models.Model):
    """A user of the provider account: whom a message can be sent as."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="agents")
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="agents")
    provider_id = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    email = models.CharField(max_length=254)
    seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "provider_id"], name="one_row_per_agent")
        ]
        indexes = [models.Index(fields=["workspace", "email"], name="agent_by_email")]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


class Association(models.Model):
    """An agent may use a number. Removed when the provider no longer says so."""

    number = models.ForeignKey(Number, models.CASCADE)
    agent = models.ForeignKey(Agent, models.CASCADE)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["number", "agent"], name="one_association_each")]

    def __str__(self) -> str:
        return f"{self.agent} on {self.number}"


class Refresh(models.Model):
    """One refresh of a mirror: running, done or failed. `lease_until` keeps a second one from starting."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    class Cause(models.TextChoices):
        """Why it failed, as far as that decides what to do."""

        KEY = "key", "the key was refused"
        PROVIDER = "provider", "no usable answer"
        EMPTY = "empty", "no number was listed"
        CUT_OFF = "cut_off", "its worker stopped"
        OURS = "ours", "smsadmin itself"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="refreshes")
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="refreshes")
    state = models.CharField(max_length=8, choices=State, default=State.RUNNING)
    started_at = models.DateTimeField()
    lease_until = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    requests = models.PositiveIntegerField(default=0)
    #: How far it is: {"numbers": [50, 60], "users": [20, 25], …}, each read and of how many.
    progress: Any = models.JSONField(default=dict)
    cause = models.CharField(max_length=8, choices=Cause, blank=True)
    error = models.CharField(max_length=300, blank=True)
    changes: Any = models.JSONField(default=dict)  # as smsadmin.directory.changes stores them

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection"], condition=models.Q(state="running"), name="one_refresh_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["connection", "-started_at"], name="newest_refresh")]

    def __str__(self) -> str:
        return f"{self.connection} at {self.started_at:%H:%M}"
