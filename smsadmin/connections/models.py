"""What HubSpot holds of our action, as it was last seen there."""

from typing import Any

from django.db import models


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
