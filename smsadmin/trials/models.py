"""Test numbers: phones of our own people, each proven by a code that was sent to it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from smsadmin.sending.models import Message
from smsadmin.workspaces.models import User, Workspace


class TestNumber(models.Model):
    """A phone that may receive tests once the code sent to it was typed in."""

    __test__ = False  # pytest: not a test

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="test_numbers")
    e164 = models.CharField(_("number"), max_length=20)
    label = models.CharField(_("whose it is"), max_length=80)
    code_hash = models.CharField(max_length=128, blank=True)  # empty: no code is open
    code_sent_at = models.DateTimeField(null=True)
    code_message = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="+")
    wrong_codes = models.PositiveSmallIntegerField(default=0)
    verified_at = models.DateTimeField(null=True)
    verified_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "e164"], name="one_test_number_each")]
        ordering = ["label", "pk"]

    def __str__(self) -> str:
        return f"{self.label} ({self.e164})"
