"""Keys that programs call the API with."""

from datetime import datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from smsadmin.workspaces.models import User, Workspace


class KeyScope(models.TextChoices):
    """What a key may be used for."""

    QUOTAS = "quotas", _("Ask what may still be sent")
    FLOWS = "flows", _("Start call flows, which send texts, and see what came of them")
    ACTIONS = "actions", _("Run saved actions, which send texts, and rehearse them")
    SEND = (
        "send",
        _("Send any text from any sender to anybody, and cancel held messages, whoever asked for them"),
    )
    MESSAGES = "messages", _("Read messages, with recipients and texts, and what became of them")
    INBOUND = "inbound", _("Read what people texted to our numbers")
    DIRECTORY = "directory", _("Read numbers, users and actions")
    OPT_OUTS = "opt_outs", _("Read and change who wants no texts")


def quotas_alone() -> list[str]:
    """What keys were good for when they had no scopes."""
    return [KeyScope.QUOTAS.value]


class Key(models.Model):
    """What a program proves itself with, for one workspace. Of its token only a hash is kept (smsadmin.api.keys)."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="api_keys")
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(max_length=8, unique=True)  # the part of the token that is no secret
    token_hash = models.CharField(max_length=64)
    scopes: Any = models.JSONField(
        _("what it may be used for"),
        default=quotas_alone,
        db_default=models.Value(
            ["quotas"], models.JSONField()
        ),  # of the process that an update is about to replace
    )
    #: Only verified test numbers are texted with it, whatever it asks for.
    test = models.BooleanField(_("test mode"), default=False, db_default=False)
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
