"""What HubSpot holds of our action, as it was last seen there; and what a workspace says of error codes."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from smsadmin.workspaces.models import User, Workspace


class HubSpotAction(models.Model):
    """Our definition of one generation of the action in one app of HubSpot's. It belongs to the installation, not to a
    workspace: every portal that has the app sees the same one."""

    app_id = models.CharField(max_length=20)
    generation = models.CharField(max_length=8)  # a key of triggers.hubspot.catalogue.GENERATIONS
    definition_id = models.CharField(max_length=40, blank=True)  # empty: HubSpot holds none
    revision = models.CharField(max_length=20, blank=True)
    published = models.BooleanField(default=False)
    compared_at = models.DateTimeField(null=True)
    differences: Any = models.JSONField(default=list)  # comparing.Difference, as JSON

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["app_id", "generation"], name="one_definition_per_generation")
        ]

    def __str__(self) -> str:
        return f"{self.generation} action of app {self.app_id}"


class ErrorCode(models.Model):
    """What one of Twilio's error codes means in a workspace, in place of what is shipped (providers.twilio.codes)."""

    class Again(models.TextChoices):
        NO = "no", _("No")
        LATER = "later", _("Later, by itself")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="error_codes")
    code = models.PositiveIntegerField(_("code"))
    error = models.CharField(_("means here"), max_length=40)  # a code of the catalogue (core.errors)
    again = models.CharField(_("tried again"), max_length=5, choices=Again, default=Again.NO)
    note = models.CharField(_("note"), max_length=200, blank=True)
    changed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "code"], name="one_meaning_per_error_code")
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.error}"
