"""The log: one row for each message, and the events that befell it afterwards."""

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Coalesce

from smsadmin.actions.models import Action, ActionVersion
from smsadmin.core import errors
from smsadmin.core.ids import moment_of, uuid7
from smsadmin.core.status import SETTLED, TROUBLE, Status
from smsadmin.directory.models import Agent, Number
from smsadmin.sending.saved import SavedView  # noqa: F401  a table of this app
from smsadmin.workspaces.models import Connection, Workspace


class Reply(models.TextChoices):
    """Whether the caller still has to hear how it ended (HubSpot docs: custom workflow actions, BLOCK)."""

    NONE = "", "nobody waits"
    WAITING = "waiting", "the request itself is still open"
    OWED = "owed", "it was told to wait"
    GIVEN = "given", "it was told"
    FAILED = "failed", "it could not be told"


#: Every message would lock the one row of its workspace, its account and its number to check that they exist;
#: Django's own on_delete rules keep them. The indexes in Meta begin with these columns (docs/decisions.md).
_LOOSE: Any = {"db_constraint": False, "db_index": False}


#: A message's user, 0 for none: so those of no user compare as any others do. The zero stands in the SQL itself, or
#: SQLite would not use the index that begins with it.
AGENT_OR_0 = Coalesce("agent", models.Func(template="0"), output_field=models.BigIntegerField())


class Message(models.Model):
    """One wish to send one message. The row is the queue, the log and the answer. Written by sending.log alone."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="messages", **_LOOSE)
    trigger = models.CharField(max_length=16)
    key = models.UUIDField()  # core.ids.key16 of the trigger's own idempotency key
    origin: Any = models.JSONField(default=dict)
    action = models.ForeignKey(Action, models.SET_NULL, null=True, related_name="messages", **_LOOSE)
    version = models.ForeignKey(ActionVersion, models.SET_NULL, null=True, related_name="+", **_LOOSE)
    object_type = models.CharField(max_length=12, blank=True)
    object_id = models.CharField(max_length=40, blank=True)

    connection = models.ForeignKey(Connection, models.PROTECT, null=True, related_name="+", **_LOOSE)
    number = models.ForeignKey(Number, models.PROTECT, null=True, related_name="messages", **_LOOSE)
    agent = models.ForeignKey(Agent, models.PROTECT, null=True, related_name="messages", **_LOOSE)
    sender = models.CharField(max_length=20, blank=True)
    send_as = models.CharField(max_length=254, blank=True)
    recipient = models.CharField(max_length=20, blank=True)
    recipient_given = models.CharField(max_length=60, blank=True)
    inputs: Any = models.JSONField(default=dict)  # sending.inputs: what it takes to make the text again
    template = models.TextField(blank=True)
    body = models.TextField(blank=True)
    encoding = models.CharField(max_length=8, blank=True)
    characters = models.PositiveIntegerField(default=0)
    segments = models.PositiveSmallIntegerField(default=0)
    provider_segments = models.PositiveSmallIntegerField(
        null=True
    )  # as the provider counted them; it prevails
    traffic = models.CharField(
        max_length=9, default="alerting", db_default="alerting"
    )  # core.message.ActionConfig.traffic

    proxy = models.BooleanField(
        default=False, db_default=False
    )  # by the Messaging API: the only record of it is here
    media: Any = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    wait_minutes = models.PositiveSmallIntegerField(default=0, db_default=0)  # for the receipt (core.message)
    routed = models.BooleanField(default=False, db_default=False)  # whether routes are for it (routing.scope)

    status = models.CharField(max_length=12, default=Status.RECEIVED)
    error_code = models.CharField(max_length=40, blank=True)
    error_facts: Any = models.JSONField(default=dict)
    cause = models.CharField(max_length=60, blank=True)  # core.causes: the error, and what it hinges on
    trace: Any = models.JSONField(default=list)
    quota: Any = models.JSONField(default=list)

    accepted_at = models.DateTimeField(null=True)  # and counted in the windows of that moment
    refunded_at = models.DateTimeField(null=True)  # it surely never left, so it counts no more
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)  # of a held message: when there may be room
    expires_at = models.DateTimeField(null=True)  # of a message that is or was held: when it is given up
    claim = models.UUIDField(null=True)
    claimed_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    provider_id = models.CharField(max_length=120, blank=True)
    provider_status = models.CharField(max_length=40, blank=True)

    reply = models.CharField(max_length=8, choices=Reply, default=Reply.NONE, blank=True)
    reply_at = models.DateTimeField(null=True)

    original = models.UUIDField(null=True)  # the message that this one sends again; it may be gone
    values_gone_at = models.DateTimeField(null=True)  # text and values were deleted, by its action or by age
    number_gone_at = models.DateTimeField(null=True)  # the recipient's number was deleted, by age

    #: Set on a copy for a reader who may not see numbers and texts (privacy.reading).
    is_masked = False
    #: Set by sending.log on the row that an earlier call with the same key had made.
    is_repeated = False

    #: The columns the log's list needs; the long ones stay where they are.
    LONG: ClassVar = ("origin", "inputs", "template", "trace", "quota")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "trigger", "key"], name="one_message_per_key"),
            models.UniqueConstraint(
                fields=["original"], name="sent_again_once", condition=models.Q(original__isnull=False)
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="log_newest"),
            models.Index(fields=["workspace", "status", "-id"], name="log_by_status"),
            models.Index(fields=["workspace", "recipient", "-id"], name="log_by_recipient"),
            models.Index(fields=["number", "-id"], name="log_by_number"),
            models.Index(
                fields=["agent", "-id"], name="log_by_agent", condition=models.Q(agent__isnull=False)
            ),
            models.Index(
                fields=["action", "-id"], name="log_by_action", condition=models.Q(action__isnull=False)
            ),
            models.Index(
                fields=["workspace", "error_code", "-id"],
                name="log_by_error",
                condition=~models.Q(error_code=""),
            ),
            models.Index(
                fields=["workspace", "cause", "-id"],
                name="log_by_cause",
                condition=models.Q(status__in=sorted(TROUBLE)),
            ),
            models.Index(
                fields=["workspace", "object_id", "-id"],
                name="log_by_record",
                condition=~models.Q(object_id=""),
            ),
            models.Index(fields=["number", "id"], name="queue", condition=models.Q(status="queued")),
            models.Index(fields=["expires_at"], name="held_until", condition=models.Q(status="held")),
            models.Index(
                "number", AGENT_OR_0, "traffic", "id", name="held_by_line", condition=models.Q(status="held")
            ),
            models.Index(fields=["lease_until"], name="in_flight", condition=models.Q(status="sending")),
            models.Index(fields=["provider_id"], name="by_receipt", condition=~models.Q(provider_id="")),
            models.Index(
                fields=["reply_at"],
                name="replies_due",
                condition=models.Q(reply="owed", status__in=sorted(SETTLED)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sender or '?'} → {self.recipient or self.recipient_given or '?'} ({self.status})"

    @property
    def received_at(self) -> Any:
        """When the request came in: the time its id was made."""
        return moment_of(self.id)

    @property
    def counted_segments(self) -> int:
        """What it takes of quotas: as the provider counted, where that differs from what we did (quotas.recount)."""
        return self.segments if self.provider_segments is None else self.provider_segments

    @property
    def is_settled(self) -> bool:
        return self.status in SETTLED

    @property
    def error(self) -> type[errors.SendError] | None:
        """The catalogue's entry for what stopped this message."""
        return errors.CATALOGUE.get(self.error_code)


class Event(models.Model):
    """Something that happened to a message after it was accepted: an attempt, a receipt, a callback."""

    class Kind(models.TextChoices):
        ATTEMPT = "attempt", "attempt"  # one exchange with the provider
        RECEIPT = "receipt", "receipt"
        LOST = "lost", "lost"  # its worker died between claim and answer
        REPLY = "reply", "reply"  # the caller was told, or could not be
        REPEAT = "repeat", "repeat"  # the same request came again
        DECISION = "decision", "decision"  # a person settled what nobody knew
        MOVED = (
            "moved",
            "moved",
        )  # it surely did not leave, and goes on from another sender (routing.failover)

    message = models.ForeignKey(Message, models.CASCADE, related_name="events")
    # Of a repeat alone, which is listed by it among the calls made to us.
    workspace = models.ForeignKey(Workspace, models.CASCADE, null=True, related_name="+", **_LOOSE)
    at = models.DateTimeField()
    kind = models.CharField(max_length=8, choices=Kind)
    data: Any = models.JSONField(default=dict)

    class Meta:
        ordering = ["at", "pk"]
        indexes = [
            models.Index(
                fields=["workspace", "-at", "-id"],
                name="repeats_newest",
                condition=models.Q(kind="repeat"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%H:%M:%S}"


class Drain(models.Model):
    """The state of an account's one drain: who holds it and until when, and whose turn it is."""

    connection = models.OneToOneField(Connection, models.CASCADE, primary_key=True, related_name="drain")
    holder = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    last_number_id = models.BigIntegerField(default=0)
    #: How far the last look for other senders came that did not come to the end (routing.failover.leave).
    left_until = models.UUIDField(null=True)
    #: The oldest message that those looks found without room: where the next one begins.
    left_waiting = models.UUIDField(null=True)

    def __str__(self) -> str:
        return f"drain of {self.connection_id}"


class RefusedCall(models.Model):
    """A call made to us that was turned away before it became a message: bad signature, unknown portal …"""

    workspace = models.ForeignKey(Workspace, models.CASCADE, null=True, related_name="refused_calls")
    at = models.DateTimeField(auto_now_add=True)
    path = models.CharField(max_length=200)
    reason = models.CharField(max_length=40)
    detail = models.CharField(max_length=300, blank=True)
    portal = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-at"], name="refused_newest")]

    def __str__(self) -> str:
        return f"{self.reason} at {self.path}"
