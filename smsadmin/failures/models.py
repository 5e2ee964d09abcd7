"""What people decided about a cause of failures. One that nobody has looked at yet has no row."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from smsadmin.workspaces.models import User, Workspace


class State(models.TextChoices):
    """How a cause stands, worst first."""

    NEW = "new", _("New")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    MUTED = "muted", _("Muted until it recurs")
    RESOLVED = "resolved", _("Resolved")


class Failure(models.Model):
    """The state somebody put a cause in, since when, and a note; `by` and `at` are of the newest of both.

    A cause may have recurred since: failures.states says how it stands now.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="failures")
    cause = models.CharField(max_length=60)  # as Message.cause
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.NEW)
    state_at = models.DateTimeField(default=timezone.now)
    note = models.CharField(_("note"), max_length=300, blank=True)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "cause"], name="one_failure_per_cause"),
        ]

    def __str__(self) -> str:
        return f"{self.cause} ({self.state})"
