"""AI agents that text: who they are, which actions each may use, the calls they have, and what they asked for in them.

`directory.Agent` is somebody else: a user of a provider account, whom a message can be sent as.
"""

from typing import Any
from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from smsadmin.actions.models import Action
from smsadmin.workspaces.fields import EncryptedJSONField
from smsadmin.workspaces.models import Connection, User, Workspace

#: The indexes in Meta begin with these columns.
_UNINDEXED: Any = {"db_index": False}


class AIAgent(models.Model):
    """A program that talks with people and may have texts sent. Of its token only a hash is kept
    (smsadmin.agents.credentials).

    Secrets: {"signing"} is what its platform signs its calls with: Retell's API key, the secret of a Vapi credential,
    or the one that Synthflow's webhooks are signed with. Options: of Vapi {"header", "algorithm", "timestamp_header"}.
    """

    class Platform(models.TextChoices):
        SYNTHFLOW = "synthflow", "Synthflow"
        VAPI = "vapi", "Vapi"
        RETELL = "retell", "Retell"
        OPENAI = "openai", _("OpenAI, or one that calls tools as it does")
        MCP = "mcp", _("A client of the Model Context Protocol")
        OTHER = "other", _("Another one, by plain HTTP")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="ai_agents")
    name = models.CharField(_("name"), max_length=80)
    platform = models.CharField(_("platform"), max_length=9, choices=Platform)
    public_id = models.UUIDField(default=uuid4, unique=True, editable=False)  # in addresses that are signed
    language = models.CharField(
        _("language it speaks"),
        max_length=5,
        default="en",
        choices=[("en", _("English")), ("de", _("German"))],
    )
    enabled = models.BooleanField(_("on"), default=True)
    archived_at = models.DateTimeField(null=True)  # an archived agent is off and out of the way
    build_mode = models.BooleanField(_("build mode"), default=False)  # only verified test numbers are texted
    token_prefix = models.CharField(max_length=8, unique=True)  # the part of the token that is no secret
    token_hash = models.CharField(max_length=64)
    token_made_at = models.DateTimeField()
    secrets = EncryptedJSONField(default=dict)
    options: Any = models.JSONField(default=dict)
    #: The platform's account and its own id of the agent: where both are known, calls are asked for by their id.
    connection = models.ForeignKey(Connection, models.SET_NULL, null=True, blank=True, related_name="+")
    external_id = models.CharField(_("id at the platform"), max_length=80, blank=True)
    last_seen_at = models.DateTimeField(null=True)  # to the minute
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_ai_agent_per_name"),
            models.CheckConstraint(
                name="archived_ai_agent_is_off", condition=Q(archived_at=None) | Q(enabled=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Attachment(models.Model):
    """An agent may use an action: when, for whom, and who says what stands in its text.

    `variables` holds, for each property that the action names (by its path as core.message.paths writes it,
    "object.property"), {"source": "agent" | "fixed", "name", "value", "description", "example", "required"}: of a fixed
    one its `value`, of one that the agent gives the others, `name` being what the agent calls it. A property that is
    not in it is the agent's to give.
    """

    class When(models.TextChoices):
        DURING = "during", _("During the call, when the agent decides so")
        AFTER = "after", _("After the call, by a rule")

    class Recipient(models.TextChoices):
        CALLER = "caller", _("Whoever the agent talks with")
        ARGUMENT = "argument", _("A number that the agent gives")

    agent = models.ForeignKey(AIAgent, models.CASCADE, related_name="attachments")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    action = models.ForeignKey(Action, models.CASCADE, related_name="attachments")
    #: What the agent calls it. It stays as it is: platforms keep what they once read.
    tool_name = models.CharField(_("name of the tool"), max_length=64)
    when = models.CharField(_("when it is sent"), max_length=6, choices=When, default=When.DURING)
    what = models.CharField(
        _("what it does"), max_length=300, blank=True
    )  # empty: made from the action's name
    condition = models.CharField(_("condition"), max_length=500, blank=True)  # empty: the action's own
    #: Of one that is sent after the call, as smsadmin.agents.after.rules reads it; {}: always; UNWRITTEN there: never.
    rule: Any = models.JSONField(default=dict)
    recipient = models.CharField(_("recipient"), max_length=8, choices=Recipient, default=Recipient.CALLER)
    variables: Any = models.JSONField(default=dict)
    most_per_call = models.PositiveSmallIntegerField(_("most texts of a call"), default=1)
    enabled = models.BooleanField(_("on"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "tool_name"], name="one_tool_per_name"),
        ]
        ordering = ["tool_name"]

    def __str__(self) -> str:
        return f"{self.tool_name} of {self.agent}"


class AgentCall(models.Model):
    """A call, chat or session that an agent has, by the platform's id of it: known since its first tool call, or since
    the platform told of its end."""

    class After(models.TextChoices):
        """What became of the actions that are sent after the call."""

        NONE = "none", "it has not ended, or nothing is attached for then"
        WAITING = "waiting", "to be looked at"
        DONE = "done", "looked at"
        FAILED = "failed", "its details could not be confirmed"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="agent_calls", **_UNINDEXED)
    agent = models.ForeignKey(AIAgent, models.CASCADE, related_name="calls", **_UNINDEXED)
    call_id = models.CharField(max_length=120)
    direction = models.CharField(max_length=8, blank=True)  # inbound, outbound; empty: nobody said
    party = models.CharField(
        max_length=20, blank=True
    )  # whom the agent talks with, as agents.parties keeps it
    number = models.CharField(max_length=20, blank=True)  # ours in the call
    status = models.CharField(max_length=40, blank=True)  # the platform's own word
    end_reason = models.CharField(max_length=80, blank=True)  # the platform's own word
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)  # when we were told that it is over
    duration = models.PositiveIntegerField(null=True)  # seconds
    #: What the platform told of its end, as smsadmin.agents.after.keeping has it: no transcript, no recording.
    told: Any = models.JSONField(default=dict)
    confirmed_at = models.DateTimeField(null=True)  # when the platform's API said the same
    after = models.CharField(max_length=7, choices=After, default=After.NONE)
    problem = models.CharField(max_length=300, blank=True)  # why its end could not be dealt with
    looks = models.PositiveSmallIntegerField(default=0)
    next_look_at = models.DateTimeField(null=True)
    values_gone_at = models.DateTimeField(null=True)  # what was told was deleted, by age or to hide it
    number_gone_at = models.DateTimeField(null=True)  # the numbers were deleted, by age

    class Meta:
        constraints = [models.UniqueConstraint(fields=["agent", "call_id"], name="one_row_per_agent_call")]
        indexes = [
            models.Index(fields=["workspace", "-last_at", "-id"], name="agent_calls_newest"),
            models.Index(fields=["agent", "-last_at", "-id"], name="calls_of_agent"),
            models.Index(fields=["next_look_at"], name="calls_due", condition=Q(after="waiting")),
            models.Index(
                fields=["workspace", "last_at", "id"],
                name="calls_with_values",
                condition=Q(values_gone_at__isnull=True),
            ),
            models.Index(
                fields=["workspace", "last_at", "id"],
                name="calls_with_number",
                condition=Q(number_gone_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.call_id} of {self.agent_id}"


class Invocation(models.Model):
    """One time that an agent used a tool, or that the end of a call did, and what it was answered. Its id is the key of
    the message in the log, so that it makes one at most."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        REFUSED = "refused", _("refused")  # the message says why
        REPEATED = "repeated", _("asked again: the first answer was given")
        TOO_MANY = "too_many", _("refused: the call had its texts")
        UNUSABLE = "unusable", _("refused: the arguments cannot be used")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", **_UNINDEXED)
    agent = models.ForeignKey(AIAgent, models.CASCADE, related_name="invocations", **_UNINDEXED)
    attachment = models.ForeignKey(Attachment, models.SET_NULL, null=True, related_name="invocations")
    call = models.ForeignKey(
        AgentCall, models.CASCADE, null=True, related_name="invocations"
    )  # None: no id came
    tool_name = models.CharField(max_length=64)
    at = models.DateTimeField()
    dialect = models.CharField(max_length=10)  # how it was asked: a platform, "mcp", or "after"
    external_id = models.CharField(max_length=120, blank=True)  # the platform's own id of the tool call
    digest = models.UUIDField()  # the same for the same text to the same recipient in the same call
    arguments: Any = models.JSONField(default=dict)
    message = models.UUIDField(null=True)  # in the log; that may be gone
    outcome = models.CharField(
        max_length=8, choices=Outcome, blank=True
    )  # "": its worker stopped before the answer
    code = models.CharField(max_length=40, blank=True)
    said = models.CharField(max_length=300, blank=True)  # the sentence that the agent got
    ms = models.PositiveIntegerField(default=0)
    values_gone_at = models.DateTimeField(null=True)  # its arguments were deleted, by age

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-at", "-id"], name="invocations_newest"),
            models.Index(fields=["agent", "-at", "-id"], name="invocations_of_agent"),
            models.Index(fields=["agent", "digest", "-at"], name="asked_before"),
            models.Index(
                fields=["workspace", "at", "id"],
                name="invocations_with_values",
                condition=Q(values_gone_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool_name} at {self.at:%H:%M:%S} ({self.outcome or 'unanswered'})"


class ImportedAction(models.Model):
    """An action of a platform's account that was brought in, so that it is brought in once. What it became is the
    workspace's own since: it is never changed from there."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="imported_actions", **_UNINDEXED)
    external_id = models.CharField(max_length=80)  # of the action at the platform
    kind = models.CharField(max_length=20)  # the platform's own word: SEND_SMS, INCALL_SMS
    action = models.ForeignKey(Action, models.CASCADE, related_name="+")
    at = models.DateTimeField()
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "external_id"], name="one_import_per_action")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.external_id} → {self.action_id}"
