"""What HubSpot says about its record types, kept so that the editor answers at once and also when HubSpot does not."""

from typing import Any

from django.db import models

from smsadmin.workspaces.models import Connection


class PropertyList(models.Model):
    """The properties of one record type of one portal, with labels in one language, as last read."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="property_lists")
    object_type = models.CharField(max_length=12)
    language = models.CharField(max_length=5)
    properties: Any = models.JSONField(default=list)  # crm.properties.Property, as JSON
    read_at = models.DateTimeField(null=True)  # None: it was never read
    error = models.CharField(max_length=300, blank=True)  # why the newest attempt failed
    tried_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "object_type", "language"], name="one_list_per_type_and_language"
            )
        ]

    def __str__(self) -> str:
        return f"{self.object_type} of {self.connection}"
