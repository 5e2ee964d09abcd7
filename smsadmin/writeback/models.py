"""What HubSpot's records are told of messages."""

from typing import Any

from django.db import models
from django.db.models import Q

from smsadmin.core.ids import uuid7
from smsadmin.incoming.models import InboundMessage
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection, Workspace

#: As for messages: deleting is Django's own, and no insert locks another row to see that it exists.
_LOOSE: Any = {"db_constraint": False}


class Engagement(models.Model):
    """A message, sent or received, and its entry on the records of a portal. The row is the queue; it holds no text."""

    class State(models.TextChoices):
        OWED = "owed", "to be written, at next_at"
        WRITING = "writing", "somebody is at it, until next_at"
        DONE = "done", "written"
        FAILED = "failed", "given up"
        NOT_LOGGED = "not_logged", "not to be written"

    class Reason(models.TextChoices):
        """Why it is not written, or not yet."""

        OFF = "off", "the portal wants none"
        NO_TOKEN = "no_token", "the portal was connected without a token"
        HIDDEN = "hidden", "its action has the text deleted"
        NOT_SENT = "not_sent", "it never left, as was known before it was written"
        TEXT_GONE = "text_gone", "its text was deleted by age before"
        NO_CONTACT = "no_contact", "no record can have it, and no contact has the number"
        PORTAL_GONE = "portal_gone", "the portal is no longer connected"
        CREDENTIALS = "credentials", "HubSpot does not accept the token"
        SCOPE = "scope", "the token may not write it"
        UNANSWERED = "unanswered", "HubSpot did not answer usably"
        REFUSED = "refused", "HubSpot refused it"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace, models.CASCADE, related_name="engagements", db_index=False, **_LOOSE
    )
    connection = models.ForeignKey(
        Connection, models.SET_NULL, null=True, related_name="engagements", db_index=False, **_LOOSE
    )
    message = models.OneToOneField(Message, models.CASCADE, null=True, related_name="engagement", **_LOOSE)
    inbound = models.OneToOneField(
        InboundMessage, models.CASCADE, null=True, related_name="engagement", **_LOOSE
    )
    at = models.DateTimeField()  # of the entry: when the message was sent or received
    state = models.CharField(max_length=10, choices=State, default=State.OWED)
    reason = models.CharField(max_length=12, choices=Reason, blank=True)
    detail = models.CharField(
        max_length=200, blank=True
    )  # what the reason is about, never what a message says
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    unclear = models.BooleanField(default=False)  # it may be written already: HubSpot is asked first
    alone = models.BooleanField(default=False)  # a batch with it was refused
    communication_id = models.CharField(max_length=20, blank=True)
    told = models.CharField(max_length=12, blank=True)  # the status of the message that the entry tells
    written_on: Any = models.JSONField(default=list)  # [[record type, record id], ...]
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="sent_or_received",
                condition=Q(message=None, inbound__isnull=False) | Q(message__isnull=False, inbound=None),
            )
        ]
        indexes = [
            models.Index(
                fields=["connection", "next_at"],
                name="engagements_due",
                condition=Q(state__in=("owed", "writing")),
            ),
            models.Index(
                fields=["workspace", "state", "-at"],
                name="engagements_undone",
                condition=~Q(state="done"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_id or f'inbound {self.inbound_id}'} ({self.state})"

    @property
    def reference(self) -> str:
        """What the entry says of itself, so that it can be found again."""
        return str(self.message_id or self.pk)
