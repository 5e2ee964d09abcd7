"""Which sender really carries a text, where that is not the one its action names."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from smsadmin.directory.models import Number
from smsadmin.workspaces.models import User, Workspace


class Route(models.Model):
    """Texts that would leave from `sender` to `country` leave from `via` instead: always, or once `sender` surely
    cannot carry them. Both are rows of the directory, of any provider."""

    class When(models.TextChoices):
        ALWAYS = "always", _("Always")
        FAILOVER = "failover", _("When the text surely did not leave")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="routes")
    when = models.CharField(_("when"), max_length=8, choices=When)
    sender = models.ForeignKey(
        Number, models.CASCADE, null=True, blank=True, related_name="+"
    )  # None: any sender of the workspace
    country = models.CharField(_("to country"), max_length=2, blank=True)  # empty: any
    via = models.ForeignKey(Number, models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField(default=0)  # the lower one is looked at first
    enabled = models.BooleanField(_("on"), default=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(name="route_leads_elsewhere", condition=~Q(via=F("sender"))),
        ]

    def __str__(self) -> str:
        return f"{self.sender or '*'} → {self.country or '*'} via {self.via} ({self.when})"

    @property
    def called(self) -> str:
        """What it goes by in traces and timelines, which outlive it: its note, else its number."""
        return self.note or f"№ {self.pk}"
