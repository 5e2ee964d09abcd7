"""Who sees numbers and texts, how long they are kept, and what is left of messages that are gone."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from smsadmin.workspaces.models import User, Workspace


class Part(models.TextChoices):
    """What is deleted by age, of messages and of all else that tells of people: the last are the rows themselves. Each
    goes with those after it."""

    TEXT = "text", _("Texts and values")
    NUMBER = "number", _("Recipients' numbers")
    MESSAGE = "message", _("Messages")


class Policy(models.Model):
    """What a workspace decided; without a row it is as these columns come.

    Days count from when a message came in. None keeps the part as long as the message, and the message for ever.
    """

    class Viewers(models.TextChoices):
        REVEAL = "reveal", _("Masked, and one message at a time can be revealed, which is recorded")
        MASKED = "masked", _("Masked")
        EVERYTHING = "everything", _("Everything")

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="privacy")
    viewers = models.CharField(
        _("numbers, texts and values that viewers see"),
        max_length=10,
        choices=Viewers,
        default=Viewers.REVEAL,
    )
    text_days = models.PositiveIntegerField(_("days that texts and values are kept"), null=True, blank=True)
    number_days = models.PositiveIntegerField(
        _("days that recipients' numbers are kept"), null=True, blank=True
    )
    message_days = models.PositiveIntegerField(_("days that messages are kept"), null=True, blank=True)

    def __str__(self) -> str:
        return f"privacy of {self.workspace}"

    @property
    def days(self) -> dict[Part, int | None]:
        """How long each part is kept, what goes with it first."""
        return {
            Part.TEXT: self.text_days,
            Part.NUMBER: self.number_days,
            Part.MESSAGE: self.message_days,
        }


class Purge(models.Model):
    """How far the deletion of one part has come in a workspace: through the message `cursor`, in the order of ids,
    which rise with time. None: nothing was looked at yet."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="purges")
    part = models.CharField(max_length=7, choices=Part)
    cursor = models.UUIDField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "part"], name="one_purge_per_part")]

    def __str__(self) -> str:
        return f"{self.part} of {self.workspace_id}"


class Passed(models.Model):
    """A message that was not done with when a purge came by: its turn is once it is."""

    purge = models.ForeignKey(Purge, models.CASCADE, related_name="passed")
    message = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["purge", "message"], name="passed_once")]

    def __str__(self) -> str:
        return str(self.message)


class PurgedCount(models.Model):
    """How many messages of one kind and one day (UTC, as quotas count) are gone, and their segments.

    The ids of action and number stay when these are deleted; 0 stands for none.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="purged_counts")
    day = models.DateField()
    number_id = models.PositiveBigIntegerField(default=0)
    action_id = models.PositiveBigIntegerField(default=0)
    status = models.CharField(max_length=12)
    error_code = models.CharField(max_length=40, blank=True)
    messages = models.PositiveBigIntegerField(default=0)
    segments = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "day", "number_id", "action_id", "status", "error_code"],
                name="one_count_each",
            )
        ]

    def __str__(self) -> str:
        return f"{self.messages} {self.status} on {self.day}"


class Reveal(models.Model):
    """Somebody had a message shown that is masked for them."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="reveals")
    message = models.UUIDField()  # it may be gone
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="newest_reveal")]

    def __str__(self) -> str:
        return f"message {self.message}"
