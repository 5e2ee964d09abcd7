"""Keys that programs call the API with."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from smsadmin.workspaces.models import User, Workspace


class Key(models.Model):
    """What a program proves itself with, for one workspace. Of its token only a hash is kept (smsadmin.api.keys)."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="api_keys")
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(max_length=8, unique=True)  # the part of the token that is no secret
    token_hash = models.CharField(max_length=64)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)  # None: never
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"],
                condition=models.Q(revoked_at=None),
                name="one_key_of_a_name",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def beginning(self) -> str:
        """How its token begins: what tells it from others where it is used."""
        return f"smsadmin_{self.prefix}_"

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now
