"""Sender names and where they are approved, and the rules by country that this workspace keeps of its own."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from smsadmin.directory.models import Number
from smsadmin.workspaces.models import User, Workspace


class SenderName(models.Model):
    """A name that an account may send as, where it is approved. Its directory row is what messages leave from."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="sender_names")
    number = models.OneToOneField(Number, models.CASCADE, related_name="sender_name")
    purpose = models.CharField(_("what it is used for"), max_length=200, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.number.e164


class Approval(models.Model):
    """Whether a sender name may be used in one country, and what papers that took."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("Requested")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Refused")

    sender = models.ForeignKey(SenderName, models.CASCADE, related_name="approvals")
    country = models.CharField(_("country"), max_length=2)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.REQUESTED)
    documents = models.CharField(_("documents"), max_length=500, blank=True)
    note = models.CharField(_("note"), max_length=500, blank=True)
    requested_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["country"]
        constraints = [models.UniqueConstraint(fields=["sender", "country"], name="one_approval_per_country")]

    def __str__(self) -> str:
        return f"{self.sender} in {self.country} ({self.state})"


class CountryRule(models.Model):
    """What a workspace knows of a country better than the shipped table (senders.rules)."""

    class Names(models.TextChoices):
        ALLOWED = "allowed", _("Sender names are allowed")
        REGISTERED = "registered", _("Only approved sender names")
        UNSUPPORTED = "unsupported", _("No sender names")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="country_rules")
    country = models.CharField(_("country"), max_length=2)
    names = models.CharField(_("sender names"), max_length=11, choices=Names, default=Names.ALLOWED)
    gsm_only = models.BooleanField(_("GSM-7 only"), default=False)
    note = models.CharField(_("note"), max_length=200, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["country"]
        constraints = [models.UniqueConstraint(fields=["workspace", "country"], name="one_rule_per_country")]

    def __str__(self) -> str:
        return f"{self.country}: {self.names}"
