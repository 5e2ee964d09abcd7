"""The Send SMS action: what an admin configures in the browser, in versions that never change."""

from typing import Any

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from smsadmin.core.message import ActionConfig
from smsadmin.directory.models import Agent, Number
from smsadmin.workspaces.models import User, Workspace


class ObjectType(models.TextChoices):
    """What an action is about: the record types HubSpot workflows enrol (Aircall help: advanced Send SMS action), or
    a call that an AI agent has, whose values the agent gives."""

    CONTACT = "contact", _("Contact")
    DEAL = "deal", _("Deal")
    TICKET = "ticket", _("Ticket")
    COMPANY = "company", _("Company")
    QUOTE = "quote", _("Quote")
    USER = "user", _("User")
    ORDER = "order", _("Order")
    CART = "cart", _("Cart")
    INVOICE = "invoice", _("Invoice")
    LEAD = "lead", _("Lead")
    CALL = "call", _("Call of an agent")


class Action(models.Model):
    """A named action. What it does stands in its current version."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="actions")
    name = models.CharField(_("name"), max_length=80)
    enabled = models.BooleanField(_("on"), default=True)
    disabled_reason = models.CharField(_("reason"), max_length=200, blank=True)
    archived_at = models.DateTimeField(null=True)  # an archived action is off and out of the way
    current = models.ForeignKey("ActionVersion", models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_action_per_name"),
            models.CheckConstraint(
                name="archived_action_is_off", condition=models.Q(archived_at=None) | models.Q(enabled=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None

    @property
    def why_off(self) -> str:
        """Why its messages are refused, in a sentence; "" for an action that is on."""
        if self.enabled:
            return ""
        if self.is_archived:
            return gettext("It is archived: bring it back, then switch it on.")
        return self.disabled_reason or gettext("It came back from the archive and was not switched on since.")


class ActionVersion(models.Model):
    """One saved state of an action. It is written once; a change is a new version."""

    class SenderKind(models.TextChoices):
        NUMBER = "number", _("A number")
        PROPERTY = "property", _("A property of the record")

    class SendAsKind(models.TextChoices):
        NONE = "none", _("Default (no user)")
        USER = "user", _("A user of the number")
        PROPERTY = "property", _("A property of the record")

    class AtQuota(models.TextChoices):
        REFUSE = "refuse", _("Refuse the message")
        HOLD = "hold", _("Hold it until there is room")

    class Traffic(models.TextChoices):
        ALERTING = "alerting", _("Alerting: something the recipient waits for or must know")
        MARKETING = "marketing", _("Marketing: something you would like to tell")

    class Encoding(models.TextChoices):
        AUTO = "auto", _("As the text needs: GSM-7 where possible, else Unicode")
        GSM = "gsm", _("GSM-7 only: look-alikes are replaced, anything else is refused")
        UNICODE = "unicode", _("Unicode always")

    action = models.ForeignKey(Action, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    object_type = models.CharField(
        _("record type"), max_length=10, choices=ObjectType, default=ObjectType.CONTACT
    )
    sender_kind = models.CharField(max_length=8, choices=SenderKind)
    sender_number = models.ForeignKey(Number, models.PROTECT, null=True, blank=True, related_name="+")
    sender_property = models.CharField(max_length=100, blank=True)
    send_as_kind = models.CharField(max_length=8, choices=SendAsKind, default=SendAsKind.NONE)
    send_as_agent = models.ForeignKey(Agent, models.PROTECT, null=True, blank=True, related_name="+")
    send_as_property = models.CharField(max_length=100, blank=True)
    recipient_property = models.CharField(max_length=100)
    message = models.TextField()
    at_quota = models.CharField(
        _("when a quota is used up"), max_length=6, choices=AtQuota, default=AtQuota.REFUSE
    )
    hold_minutes = models.PositiveIntegerField(_("hold for at most"), default=0)  # 0: nothing is held
    mobile_only = models.BooleanField(_("mobile numbers only"), default=False)
    default_region = models.CharField(_("default country"), max_length=2, blank=True)
    traffic = models.CharField(_("kind of message"), max_length=9, choices=Traffic, default=Traffic.ALERTING)
    encoding = models.CharField(_("encoding"), max_length=7, choices=Encoding, default=Encoding.AUTO)
    wait_minutes = models.PositiveSmallIntegerField(
        _("wait for the delivery receipt, at most"), default=0
    )  # 0: the caller hears as soon as the provider has taken it
    hide_values = models.BooleanField(_("delete the text and the values once it is settled"), default=False)
    #: When an AI agent is to send it, in plain words; each agent that it is attached to may have its own.
    condition = models.CharField(
        _("when an agent sends it"), max_length=500, blank=True, default="", db_default=""
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["action", "number"], name="one_version_per_number"),
            models.CheckConstraint(
                name="custom_number_has_no_picked_user",
                condition=~models.Q(sender_kind="property", send_as_kind="user"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} v{self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A version of an action never changes; save a new one.")
        super().save(*args, **kwargs)

    def config(self) -> ActionConfig:
        """What the flow needs to know of this version."""
        return ActionConfig(
            sender_kind=self.sender_kind,  # type: ignore[arg-type]  # one of its choices
            sender_number_id=self.sender_number_id,
            sender_property=self.sender_property,
            send_as_kind=self.send_as_kind,  # type: ignore[arg-type]  # one of its choices
            send_as_user_id=self.send_as_agent_id,
            send_as_property=self.send_as_property,
            recipient_property=self.recipient_property,
            message=self.message,
            at_quota=self.at_quota,  # type: ignore[arg-type]  # one of its choices
            hold_minutes=self.hold_minutes,
            mobile_only=self.mobile_only,
            default_region=self.default_region,
            traffic=self.traffic,  # type: ignore[arg-type]  # one of its choices
            encoding=self.encoding,  # type: ignore[arg-type]  # one of its choices
            hide_values=self.hide_values,
            wait_minutes=self.wait_minutes,
        )
