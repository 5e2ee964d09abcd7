"""Who wants no texts: one row for each number, what led there, what may have been meant, and what HubSpot is told."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from smsadmin.consent.words import Kind, Vocabulary, Why
from smsadmin.core.keywords import LANGUAGES
from smsadmin.incoming.models import InboundMessage
from smsadmin.workspaces.models import Connection, User, Workspace

#: The indexes in Meta begin with these columns.
_UNINDEXED: Any = {"db_index": False}


def every_language() -> list[str]:
    return list(LANGUAGES)


class Policy(models.Model):
    """What a workspace does about opt-outs; without a row it is as these columns come."""

    class KeptBy(models.TextChoices):
        NOBODY = "nobody", _("Nothing here: workflows in HubSpot see to it")
        HUBSPOT = "hubspot", _("HubSpot's property: it is read before each text")
        HERE = "here", _("A list here: STOP and START are acted on, and HubSpot's property is read too")

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="consent")
    kept_by = models.CharField(_("who keeps opt-outs"), max_length=7, choices=KeptBy, default=KeptBy.NOBODY)
    hubspot_property = models.CharField(
        _("property in HubSpot"), max_length=100, default="sms_opt_out", blank=True
    )
    writes_back = models.BooleanField(_("tell HubSpot of each opt-out"), default=True)
    languages: Any = models.JSONField(_("languages"), default=every_language)
    doubtful_words = models.BooleanField(_("count words that are ordinary answers too"), default=False)
    own_stop: Any = models.JSONField(_("words of your own to opt out"), default=list)
    own_start: Any = models.JSONField(_("words of your own to come back"), default=list)
    own_help: Any = models.JSONField(_("words of your own to ask for help"), default=list)
    stop_answer = models.CharField(_("answer to STOP"), max_length=1600, blank=True)
    start_answer = models.CharField(_("answer to START"), max_length=1600, blank=True)
    help_answer = models.CharField(_("answer to HELP"), max_length=1600, blank=True)

    def __str__(self) -> str:
        return f"opt-outs of {self.workspace}"

    @property
    def keeps_list(self) -> bool:
        return self.kept_by == self.KeptBy.HERE

    @property
    def reads(self) -> str:
        """The property that is read before each text; "" for none."""
        return "" if self.kept_by == self.KeptBy.NOBODY else self.hubspot_property

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(
            tuple(language for language in LANGUAGES if language in self.languages),
            self.doubtful_words,
            tuple(self.own_stop),
            tuple(self.own_start),
            tuple(self.own_help),
        )

    def answer_to(self, kind: Kind) -> str:
        """What is texted back; "" for nothing."""
        return {Kind.STOP: self.stop_answer, Kind.START: self.start_answer, Kind.HELP: self.help_answer}[kind]


class Source(models.TextChoices):
    """By whom a number was opted out or in."""

    TEXT = "text", _("A text of theirs")
    PERSON = "person", _("Somebody of yours")
    IMPORT = "import", _("An import")
    API = "api", _("A program")
    PROVIDER = "provider", _("The provider")  # it keeps a list of its own and refuses who is on it


class OptOut(models.Model):
    """Where a number stands. It survives the deletion of messages by age: it must be known for as long as it holds."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="opt_outs", **_UNINDEXED)
    number = models.CharField(max_length=20)  # E.164
    is_out = models.BooleanField(default=False)
    since = models.DateTimeField(null=True)  # when that became so; None: it never was out here
    source = models.CharField(max_length=8, choices=Source, blank=True)  # of that
    said_at = models.DateTimeField(null=True)  # of the newest statement, whether it changed anything or not

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "number"], name="one_standing_each")]
        indexes = [
            models.Index(
                fields=["workspace", "is_out", "-since", "-id"],
                name="opt_outs_newest",
                condition=models.Q(since__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} ({'out' if self.is_out else 'in'})"


class Change(models.Model):
    """One step of a number's history: out or in, when, by whom, and in which words."""

    opt_out = models.ForeignKey(OptOut, models.CASCADE, related_name="changes")
    is_out = models.BooleanField()
    at = models.DateTimeField()
    source = models.CharField(max_length=8, choices=Source)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    inbound = models.ForeignKey(
        InboundMessage, models.SET_NULL, null=True, related_name="+"
    )  # it may be purged
    words = models.CharField(max_length=200, blank=True)  # the word that was texted, or somebody's reason

    def __str__(self) -> str:
        return f"{'out' if self.is_out else 'in'} at {self.at:%Y-%m-%d %H:%M}"


class Review(models.Model):
    """A text that may have meant to opt out or to come back: a person decides. What it says stays in the text itself,
    and goes with it."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        ACTED = "acted", _("Acted on")
        DISMISSED = "dismissed", _("Dismissed")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="consent_reviews", **_UNINDEXED)
    inbound = models.OneToOneField(InboundMessage, models.CASCADE, related_name="consent_review")
    guess = models.CharField(max_length=5, choices=[(each.value, each.value) for each in Kind])
    why = models.CharField(max_length=8, choices=[(each.value, each.value) for each in Why])
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "state", "-id"], name="reviews_newest")]

    def __str__(self) -> str:
        return f"{self.guess}? ({self.state})"


class PropertyWrite(models.Model):
    """What one portal is told of one number: the newest statement alone. The row is the queue."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Written")
        NOBODY = "nobody", _("No such contact")
        FAILED = "failed", _("Failed")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="property_writes", **_UNINDEXED)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="property_writes", **_UNINDEXED)
    opt_out = models.ForeignKey(OptOut, models.CASCADE, related_name="writes")
    is_out = models.BooleanField()
    contact = models.CharField(max_length=40, blank=True)  # of the message that was answered
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    asked_at = (
        models.DateTimeField()
    )  # a newer statement replaces an older one, also while that is being written
    next_try_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    contacts = models.PositiveSmallIntegerField(default=0)  # that have it now
    error = models.CharField(max_length=300, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "opt_out"], name="one_write_per_portal")]
        indexes = [
            models.Index(
                fields=["next_try_at"], name="writes_due", condition=models.Q(next_try_at__isnull=False)
            ),
            models.Index(fields=["workspace", "state"], name="writes_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.opt_out_id} at {self.connection_id} ({self.state})"
