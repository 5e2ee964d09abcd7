"""What people are told of: the rules that decide it, what was told, and how each of it reached somebody."""

from datetime import timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from smsadmin.core.ids import uuid7
from smsadmin.notices.attempts import AttemptedDelivery
from smsadmin.providers.http import host_of
from smsadmin.workspaces.fields import EncryptedJSONField
from smsadmin.workspaces.models import User, Workspace


class Endpoint(models.Model):
    """An address of somebody else's program that webhooks are posted to.

    Secrets: {"secret"} signs; {"previous"} does so too until `previous_until`, so that the other side has time to
    change over, and so do those before, {"earlier"}, each until its own time. The address itself may carry a key, so
    lists name its host alone.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="endpoints")
    url = models.CharField(_("address"), max_length=500)
    secrets = EncryptedJSONField(default=dict)
    made_at = models.DateTimeField(default=timezone.now)  # the secret
    previous_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "url"], name="one_endpoint_per_address")]
        ordering = ["pk"]

    def __str__(self) -> str:
        return host_of(self.url)


class NoticeRule(models.Model):
    """When to tell whom. What it stands for beside `when` depends on that:

    cause: `cause`, which is a cause (core.causes) or a code of the catalogue, all of whose causes are meant;
    count: `messages` and `minutes`; rate: `percent`, `at_least` and `minutes`;
    quota: `thresholds` (percent) and `forecast`, of limits of these `windows` and `units`. It needs no address: the
    list of notices tells too.

    `looked_at` is when failures, or limits, were last held against it: each look begins where the one before ended.
    `begun_at` is when it took stock, as it does when it is made, changed or switched on; None: it has yet to.
    """

    class When(models.TextChoices):
        ANY = "any", _("Any new cause")
        CAUSE = "cause", _("One cause or code")
        COUNT = "count", _("Many messages of one cause")
        RATE = "rate", _("A share of all messages")
        QUOTA = "quota", _("A limit that comes near")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="notice_rules")
    name = models.CharField(_("name"), max_length=80)
    enabled = models.BooleanField(_("switched on"), default=True)
    when = models.CharField(_("when"), max_length=5, choices=When, default=When.ANY)
    cause = models.CharField(_("cause or code"), max_length=60, blank=True)
    messages = models.PositiveIntegerField(_("more messages than"), null=True, blank=True)
    percent = models.PositiveSmallIntegerField(_("more percent than"), null=True, blank=True)
    at_least = models.PositiveIntegerField(_("of at least so many messages"), null=True, blank=True)
    minutes = models.PositiveSmallIntegerField(_("within minutes"), null=True, blank=True)
    thresholds: Any = models.JSONField(_("at percent"), default=list, blank=True)
    forecast = models.BooleanField(_("when it will run out"), default=False)
    windows: Any = models.JSONField(_("windows"), default=list, blank=True)
    units: Any = models.JSONField(_("units"), default=list, blank=True)
    emails: Any = models.JSONField(_("email addresses"), default=list, blank=True)
    endpoint = models.ForeignKey(Endpoint, models.PROTECT, null=True, blank=True, related_name="rules")
    looked_at = models.DateTimeField(default=timezone.now)
    begun_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["workspace"], name="notice_rules_on", condition=models.Q(enabled=True))
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def window(self) -> timedelta:
        """Of a rule that counts: the time it looks back over."""
        return timedelta(minutes=self.minutes or 0)

    @property
    def counts(self) -> bool:
        return self.when in (self.When.COUNT, self.When.RATE)

    @property
    def tells_in_list_only(self) -> bool:
        return not self.emails and self.endpoint_id is None


class Episode(models.Model):
    """A stretch of time in which what a rule waits for went on; `cause` is "" for a share of all messages.

    `last_at` is when it was last seen. A rule and a cause have one open episode, so one notice.
    """

    rule = models.ForeignKey(NoticeRule, models.CASCADE, related_name="episodes")
    cause = models.CharField(max_length=60, blank=True)
    began_at = models.DateTimeField()
    last_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "cause"],
                name="one_open_episode",
                condition=models.Q(ended_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.cause or 'all messages'} since {self.began_at:%Y-%m-%d %H:%M}"


class Notice(models.Model):
    """Something worth telling, as facts that notices.wording says in any language. No number of a recipient is in
    them, so nothing has to be deleted from here with it.

    `key` is what it is about, once: the same again is no second notice. It is shown until somebody of the workspace
    dismisses it, for everybody: whoever took it on spares the others. One of a limit is dismissed by nobody at
    `closes_at`, for its window is over.
    """

    class Kind(models.TextChoices):
        NEW = "failure.new", _("A new cause of failures")
        COUNT = "failure.count", _("Many messages failed for one cause")
        RATE = "failure.rate", _("A share of all messages failed")
        MORE = "failure.more", _("Further causes of failures")
        QUOTA = "quota.threshold", _("A limit came to a threshold")
        QUOTA_FORECAST = "quota.forecast", _("A limit will run out")
        QUOTA_MORE = "quota.more", _("Further limits came near")
        CLASSIC_SUNSET = "classic.sunset", _("The classic action comes to its end")
        WEBHOOK_PAUSED = "webhook.paused", _("A webhook was paused")
        SAMPLE = "sample", _("A sample")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="notices")
    rule = models.ForeignKey(NoticeRule, models.SET_NULL, null=True, related_name="notices")
    kind = models.CharField(max_length=20, choices=Kind)
    key = models.CharField(max_length=80)
    at = models.DateTimeField()
    facts: Any = models.JSONField(default=dict)
    closes_at = models.DateTimeField(null=True)
    dismissed_at = models.DateTimeField(null=True)
    dismissed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="told_once")]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="newest_notice"),
            models.Index(
                fields=["workspace", "-id"],
                name="open_notice",
                condition=models.Q(dismissed_at__isnull=True),
            ),
            models.Index(
                fields=["closes_at"],
                name="notice_that_closes",
                condition=models.Q(dismissed_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M}"

    @property
    def closed_itself(self) -> bool:
        """Whether it was dismissed by the end of its window."""
        return self.dismissed_at is not None and self.dismissed_at == self.closes_at


class Delivery(AttemptedDelivery):
    """A notice on its way to one address."""

    class Channel(models.TextChoices):
        EMAIL = "email", _("Email")
        WEBHOOK = "webhook", _("Webhook")

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=7, choices=Channel)
    address = models.CharField(max_length=254)  # of a webhook: its host, for it may have been deleted since
    endpoint = models.ForeignKey(Endpoint, models.SET_NULL, null=True, related_name="deliveries")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "channel", "address"], name="one_delivery_each")
        ]
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["next_attempt_at"], name="due_delivery", condition=models.Q(state="waiting"))
        ]

    def __str__(self) -> str:
        return f"{self.channel} to {self.address} ({self.state})"
