"""Threads: what one phone and one of our numbers have said to each other, and whether somebody has read it."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from smsadmin.directory.models import Number
from smsadmin.incoming.models import InboundMessage
from smsadmin.workspaces.models import Workspace

#: The indexes in Meta begin with these columns.
_UNINDEXED: Any = {"db_index": False}


class Thread(models.Model):
    """The texts between one of our numbers and one party. It begins with the first text that the party sends."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="threads", **_UNINDEXED)
    # None: a number that the directory did not know when its first text came.
    number = models.ForeignKey(Number, models.CASCADE, null=True, related_name="threads", **_UNINDEXED)
    party = models.CharField(max_length=20)  # E.164; a short code or a name as it came
    last_at = models.DateTimeField()  # of the newest text that was received, or sent from its page
    newest = models.ForeignKey(InboundMessage, models.SET_NULL, null=True, related_name="+")
    answer = models.UUIDField(null=True)  # the newest message that was sent from its page; that may be gone
    unread = models.PositiveIntegerField(default=0)  # texts that nobody has read
    done_at = models.DateTimeField(null=True)  # closed, until the next text comes

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number", "party"], name="one_thread_each"),
            models.UniqueConstraint(
                fields=["workspace", "party"],
                name="one_thread_each_without_number",
                condition=Q(number__isnull=True),
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-last_at", "-id"], name="threads_newest"),
            models.Index(fields=["number", "-last_at", "-id"], name="threads_by_number"),
            models.Index(
                fields=["workspace", "-last_at", "-id"],
                name="threads_open",
                condition=Q(done_at__isnull=True),
            ),
            models.Index(
                fields=["workspace", "-last_at", "-id"], name="threads_unread", condition=Q(unread__gt=0)
            ),
            models.Index(fields=["workspace", "party"], name="threads_by_party"),
        ]

    def __str__(self) -> str:
        return f"{self.party} and {self.number or 'a number unknown here'}"


class Entry(models.Model):
    """An inbound text's place in its thread. A text has one, however often it is gathered."""

    inbound = models.OneToOneField(InboundMessage, models.CASCADE, primary_key=True, related_name="entry")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", **_UNINDEXED)
    thread = models.ForeignKey(Thread, models.CASCADE, related_name="entries", **_UNINDEXED)
    at = models.DateTimeField()  # when the provider received it

    class Meta:
        indexes = [
            models.Index(fields=["thread", "-at", "-inbound"], name="entries_newest"),
            models.Index(fields=["workspace", "at"], name="entries_oldest"),
        ]

    def __str__(self) -> str:
        return f"text {self.inbound_id} in thread {self.thread_id}"


class Reach(models.Model):
    """How far inbound texts were looked through for those that are in no thread. One row, made with the table."""

    inbound = models.BigIntegerField(default=0)  # the last one that was looked at
    begun_at = models.DateTimeField(default=timezone.now)  # what came before is in the inbox as read

    def __str__(self) -> str:
        return f"looked at inbound texts up to {self.inbound}"
