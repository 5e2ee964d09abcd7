"""The pace of an account: when its next request may leave, whoever makes it."""

from django.db import models

from smsadmin.workspaces.models import Connection


class Pace(models.Model):
    """One account's queue of requests, shared by every process."""

    connection = models.OneToOneField(Connection, models.CASCADE, primary_key=True, related_name="pace")
    next_slot_at = models.DateTimeField(null=True)  # when the last request that was promised a slot is over
    paused_until = models.DateTimeField(null=True)  # the other side asked for it
    paused_for = models.CharField(max_length=120, blank=True)  # in its words

    def __str__(self) -> str:
        return f"pace of {self.connection_id}"
