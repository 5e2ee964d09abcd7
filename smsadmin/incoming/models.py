"""What providers tell us: every call they made, the texts that people sent to our numbers, and where we listen."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from smsadmin.directory.models import Number
from smsadmin.workspaces.fields import EncryptedJSONField
from smsadmin.workspaces.models import Connection, User, Workspace

#: The indexes in Meta begin with these columns.
_UNINDEXED: Any = {"db_index": False}


class ProviderCall(models.Model):
    """One event that a provider told us of, stored before anything is made of it. The row is the queue."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", "nobody has looked at it, or it waits for its message"
        MOVED = "moved", "it moved its message"
        NOTED = "noted", "its message shows it, and stays what it is"
        REPEAT = "repeat", "it came before"
        REPLY = "reply", "a text to one of our numbers"
        STARTED = "started", "it started call flows"
        REFRESH = "refresh", "numbers or users have changed"
        NOT_OURS = "not_ours", "a message that was not sent from here"
        ENDED = "ended", "the app was removed, and with it our access"
        AMBIGUOUS = "ambiguous", "it may be one of several messages"
        UNUSED = "unused", "an event that nothing follows from"
        FAILED = "failed", "smsadmin itself failed at it"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="provider_calls", **_UNINDEXED)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="provider_calls", **_UNINDEXED)
    at = models.DateTimeField()
    event = models.CharField(max_length=40)
    provider_id = models.CharField(max_length=120, blank=True)  # of the message, as the provider calls it
    body: Any = models.JSONField(default=dict)  # without its token, and without the text once it is handled
    fingerprint = models.UUIDField()  # the same for the same event told again
    message = models.UUIDField(null=True)  # the message it is about; that may be gone
    outcome = models.CharField(max_length=9, choices=Outcome, default=Outcome.WAITING)
    detail = models.CharField(max_length=200, blank=True)
    looks = models.PositiveSmallIntegerField(default=0)  # how often its message was looked for in vain
    next_look_at = models.DateTimeField(null=True)
    values_gone_at = models.DateTimeField(null=True)  # its text was deleted: once it was handled, or by age
    number_gone_at = models.DateTimeField(null=True)  # its whole body was deleted, by age

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "outcome", "-at", "-id"], name="told_newest"),
            models.Index(fields=["connection", "fingerprint"], name="told_before"),
            models.Index(fields=["message", "id"], name="told_of", condition=Q(message__isnull=False)),
            models.Index(fields=["next_look_at"], name="told_due", condition=Q(outcome="waiting")),
            models.Index(
                fields=["workspace", "at", "id"],
                name="told_with_text",
                condition=Q(values_gone_at__isnull=True),
            ),
            models.Index(
                fields=["workspace", "at", "id"],
                name="told_with_number",
                condition=Q(number_gone_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} at {self.at:%H:%M:%S} ({self.outcome})"


class InboundMessage(models.Model):
    """A text that somebody sent to one of the workspace's numbers, or what came to it by another channel."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="inbound", **_UNINDEXED)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="inbound", **_UNINDEXED)
    number = models.ForeignKey(Number, models.CASCADE, null=True, related_name="inbound", **_UNINDEXED)
    sender = models.CharField(max_length=20, blank=True)  # E.164; a short code or a name as it came
    channel = models.CharField(
        max_length=20, blank=True, default="", db_default=""
    )  # "whatsapp", "rcs" …; "" for a text, which alone may be answered by one
    body = models.TextField(blank=True)
    media = models.PositiveSmallIntegerField(default=0)  # how many pictures and files came along
    at = models.DateTimeField()  # when the provider received it
    provider_id = models.CharField(max_length=120)
    answers = models.UUIDField(null=True)  # the message of ours that it probably answers; that may be gone
    values_gone_at = models.DateTimeField(null=True)  # its text was deleted, by age
    number_gone_at = models.DateTimeField(null=True)  # the sender's number was deleted, by age

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "provider_id"], name="one_row_per_inbound")
        ]
        indexes = [
            models.Index(fields=["workspace", "-at", "-id"], name="inbound_newest"),
            models.Index(
                fields=["answers", "at"], name="inbound_replies", condition=Q(answers__isnull=False)
            ),
            models.Index(
                fields=["workspace", "at", "id"],
                name="inbound_with_text",
                condition=Q(values_gone_at__isnull=True),
            ),
            models.Index(
                fields=["workspace", "at", "id"],
                name="inbound_with_number",
                condition=Q(number_gone_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sender or '?'} → {self.number or '?'}"


class OutsideMessage(models.Model):
    """A text that went out from one of the workspace's numbers, and that nobody sent from here: somebody wrote it in
    Aircall, or another program did. It uses up the number as ours do, and no limit here counts it."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="outside", **_UNINDEXED)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="outside", **_UNINDEXED)
    number = models.ForeignKey(Number, models.CASCADE, null=True, related_name="outside", **_UNINDEXED)
    party = models.CharField(max_length=20, blank=True)  # to whom it went; E.164 where that can be read
    body = models.TextField(blank=True)
    media = models.PositiveSmallIntegerField(default=0)  # how many pictures and files went along
    segments = models.PositiveSmallIntegerField(default=0)
    at = models.DateTimeField()  # when the provider took it
    provider_id = models.CharField(max_length=120)
    values_gone_at = models.DateTimeField(null=True)  # its text was deleted, by age
    number_gone_at = models.DateTimeField(null=True)  # the recipient's number was deleted, by age

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "provider_id"], name="one_row_per_outside_message")
        ]
        indexes = [
            models.Index(fields=["number", "at"], name="outside_use", include=["segments"]),
            models.Index(fields=["workspace", "party", "-at"], name="outside_with"),
            models.Index(
                fields=["workspace", "at", "id"],
                name="outside_with_text",
                condition=Q(values_gone_at__isnull=True),
            ),
            models.Index(
                fields=["workspace", "at", "id"],
                name="outside_with_number",
                condition=Q(number_gone_at__isnull=True),
            ),
            models.Index(fields=["workspace", "at", "id"], name="outside_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.number or '?'} → {self.party or '?'} (outside)"


class ProxyConfiguration(models.Model):
    """The messaging configuration of a number as Aircall last told it: while there is one, the number is in proxy mode.

    Its row stays when there is none, and says when that was seen.
    """

    class Callback(models.TextChoices):
        """Where Aircall tells what becomes of the number's messages, and who texts to it."""

        NONE = "none", _("nowhere")
        OURS = "ours", _("here")
        OTHER = "other", _("another address")

    number = models.OneToOneField(
        Number, models.CASCADE, primary_key=True, related_name="proxy_configuration"
    )
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="proxy_configurations")
    type = models.CharField(max_length=40, blank=True)  # as Aircall calls the mode; empty: no configuration
    callback = models.CharField(max_length=5, choices=Callback, default=Callback.NONE)
    secrets = EncryptedJSONField(default=dict)  # {"token"}: what its calls to us must carry
    configured_at = models.DateTimeField(null=True)  # from here; None: elsewhere, nobody knows when
    configured_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    seen_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)  # why the last look failed

    def __str__(self) -> str:
        return f"configuration of {self.number_id} ({self.type or 'none'})"


class Webhook(models.Model):
    """Where one account's provider calls us. The address is a secret: who knows it may speak for the provider, where
    the provider's own token, which comes with each call, says so too."""

    class State(models.TextChoices):
        NONE = "none", _("Not set up")
        WORKING = "working", _("Working")
        OFF = "off", _("Switched off")
        WRONG = "wrong", _("Set up wrongly")
        GONE = "gone", _("Gone")
        DOUBLED = "doubled", _("There is more than one")

    connection = models.OneToOneField(Connection, models.CASCADE, primary_key=True, related_name="webhook")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="webhooks")
    address_hash = models.CharField(max_length=64, unique=True)
    secrets = EncryptedJSONField(default=dict)  # {"address", "token"}
    provider_id = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.NONE)
    repairs = models.BooleanField(_("repair by itself"), default=True)
    events: Any = models.JSONField(default=list)  # what the provider says it tells
    error = models.CharField(max_length=300, blank=True)  # why the last try to see or change it failed
    checked_at = models.DateTimeField(null=True)
    last_call_at = models.DateTimeField(null=True)  # to the minute

    def __str__(self) -> str:
        return f"webhook of {self.connection_id} ({self.state})"


class LookUp(models.Model):
    """The search for an unknown message in its provider's list, while it may go on. It names nobody."""

    message = models.UUIDField(primary_key=True)
    since = models.DateTimeField(db_index=True)  # when the message became unknown
    looks = models.PositiveSmallIntegerField(default=0)  # that were answered, in vain
    next_look_at = models.DateTimeField(null=True)  # also the end of a look that is under way; None: no more
    error = models.CharField(max_length=300, blank=True)  # why the last one failed

    def __str__(self) -> str:
        return f"{self.looks} looks for {self.message}"


class Charge(models.Model):
    """What a message cost, as its provider says; also that it does not say, or not yet. It names nobody, and goes with
    its message."""

    message = models.UUIDField(primary_key=True)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="charges")
    amount = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    currency = models.CharField(max_length=3, blank=True)  # ISO 4217
    at = models.DateTimeField()  # when the provider said so
    next_look_at = models.DateTimeField(
        null=True
    )  # of one without an amount; None: it is not asked for any more

    class Meta:
        indexes = [models.Index(fields=["workspace", "at"], name="charges_by_age")]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency}" if self.amount is not None else "no price"
