"""Who owns what: people, workspaces, their members and their connections to the outside."""

from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from smsadmin.workspaces.fields import EncryptedJSONField


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **extra: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> "User":
        return self.create_user(email, password, is_superuser=True, **extra)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in, by email address. (Aircall's users are `directory.Agent`.)"""

    email = models.EmailField(_("email address"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        return self.name or self.email


class Workspace(models.Model):
    """One customer's own numbers, actions, messages and people. Nothing is shared between two."""

    name = models.CharField(_("name"), max_length=80)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    language = models.CharField(
        _("language of answers to HubSpot"),
        max_length=5,
        default="en",
        choices=[("en", _("English")), ("de", _("German"))],
    )
    business_name = models.CharField(_("business name"), max_length=80, blank=True)
    #: Callr calls it so: only verified test numbers are texted while it is on.
    build_mode = models.BooleanField(_("build mode"), default=False, db_default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Member", related_name="workspaces")

    def __str__(self) -> str:
        return self.name

    @property
    def known_as(self) -> str:
        """The name a recipient knows the sender by."""
        return self.business_name or self.name

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times that leave this server; each person's pages have their own."""
        return ZoneInfo(self.time_zone)


class Role(models.TextChoices):
    """Each role may do what those after it may."""

    OWNER = "owner", _("Owner")
    EDITOR = "editor", _("Editor")
    OPERATOR = "operator", _("Operator")
    VIEWER = "viewer", _("Viewer")


RANK = {role: rank for rank, role in enumerate(reversed(Role))}


class Member(models.Model):
    workspace = models.ForeignKey(Workspace, models.CASCADE)
    user = models.ForeignKey(User, models.CASCADE)
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="one_membership_each")]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"

    def may(self, role: str) -> bool:
        """Whether this member may do what `role` may: viewer < operator < editor < owner."""
        return RANK[Role(self.role)] >= RANK[Role(role)]


class Connection(models.Model):
    """An account at a provider or a HubSpot portal, with its secrets encrypted.

    `external_id` is what the outside calls it: the HubSpot portal id, the Aircall API id, a Callr or Twilio account's
    SID, or a Synthflow workspace's id; of an Aircall account that was connected by OAuth, "oauth-" and the id of the
    company.
    Secrets: aircall {"api_id", "api_token"} or, by OAuth, {"access_token"}; hubspot {"client_secret", "access_token"}
    and, by OAuth, {"refresh_token"}; callr {"api_key"} or {"login", "password"}, and {"hmac_secret"}; twilio
    {"auth_token"}, which signs its calls, {"key_sid", "key_secret"} where requests are made with an API key, and
    {"shared_key"} where that signs its calls;
    synthflow {"api_key"}.
    """

    class Kind(models.TextChoices):
        AIRCALL = "aircall", "Aircall"
        HUBSPOT = "hubspot", "HubSpot"
        CALLR = "callr", "Callr"
        TWILIO = "twilio", "Twilio"
        SYNTHFLOW = "synthflow", "Synthflow"

    class State(models.TextChoices):
        UNTESTED = "untested", _("Not tested yet")
        WORKING = "working", _("Working")
        REJECTED = "rejected", _("Credentials rejected")
        DISCONNECTED = (
            "disconnected",
            _("Disconnected by the other side"),
        )  # uninstalled, or access was withdrawn
        MISCONFIGURED = "misconfigured", _("Set up wrongly")
        UNREACHABLE = "unreachable", _("Not reachable")

    #: Nothing gets through with these credentials until somebody enters or grants new ones.
    LOST = frozenset({State.REJECTED, State.DISCONNECTED})

    class Auth(models.TextChoices):
        KEY = "key", _("Key or token")
        OAUTH = "oauth", _("OAuth")

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="connections")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    auth = models.CharField(max_length=5, choices=Auth, default=Auth.KEY)
    name = models.CharField(_("name"), max_length=80)
    external_id = models.CharField(max_length=80)
    secrets = EncryptedJSONField(default=dict)
    #: What its kind alone knows and no secret: how the account is spoken to (options.py beside its client).
    options: Any = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    requests_per_minute = models.PositiveIntegerField(_("requests per minute"), null=True, blank=True)
    language = models.CharField(_("language of answers"), max_length=5, blank=True)  # empty: the workspace's
    logs_messages = models.BooleanField(_("log messages on the record"), default=True)  # of a portal
    scopes: Any = models.JSONField(null=True)  # granted; None: nobody knows
    scopes_refused = models.JSONField(default=list)  # of a portal: those that a call proved missing
    time_zone = models.CharField(
        max_length=64, blank=True
    )  # of a portal: its calls are counted by the day there
    next_search_at = models.DateTimeField(null=True)  # of a portal: its searches have a limit of their own
    token_expires_at = models.DateTimeField(null=True)  # of an access token that is refreshed
    token_lease_until = models.DateTimeField(null=True)  # one refresh at a time
    lost_at = models.DateTimeField(
        null=True
    )  # since when its credentials are refused: nothing is sent with them
    plan_refused_at = models.DateTimeField(null=True)  # when the account's plan was last given as the reason
    state = models.CharField(max_length=13, choices=State, default=State.UNTESTED)
    state_detail = models.CharField(max_length=300, blank=True)
    checked_at = models.DateTimeField(null=True)
    proven_at = models.DateTimeField(null=True)  # when its own token proved that the portal is ours
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "external_id"], name="one_workspace_per_account")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_kind_display()})"

    @property
    def answers_in(self) -> str:
        """The language of what the portal is told."""
        return self.language or self.workspace.language

    def mark(self, state: str, detail: str = "") -> None:
        """Records what the latest exchange told about the credentials; `lost_at` is when they were first refused.

        A refusal of credentials that have been changed since they were read says nothing of the new ones: it is
        ignored.
        """
        with transaction.atomic():
            if state in self.LOST and not self._has_its_secrets():
                return
            self.checked_at = timezone.now()
            if state in self.LOST:
                self.lost_at = self.lost_at or self.checked_at
            elif state == self.State.WORKING:
                self.lost_at = None
            self.state, self.state_detail = state, detail[:300]
            self.save(update_fields=["state", "state_detail", "checked_at", "lost_at"])

    def _has_its_secrets(self) -> bool:
        """Whether the row, locked until the end of the transaction, still has the secrets that we have."""
        stored = Connection.objects.select_for_update().filter(pk=self.pk).only("secrets").first()
        return stored is not None and stored.secrets == self.secrets
