"""Forms of connections: what each kind needs, and secrets that are never shown again."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.connections import hubspot_portal
from smsadmin.providers.hubspot import tokens
from smsadmin.workspaces.models import Connection

Kind = Connection.Kind

#: Far above any limit Aircall has ever set, so a mistyped zero too many is noticed.
MOST_REQUESTS = 10_000
#: Begins the external id of an Aircall account that was connected by OAuth; the id of its company follows.
AIRCALL_COMPANY = "oauth-"


class SecretField(forms.CharField):
    """A secret: it is never shown again, and left empty it stays as it is."""

    def __init__(self, **options: Any) -> None:
        widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"})
        super().__init__(widget=widget, max_length=500, **options)

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if not text.isascii() or any(character.isspace() for character in text):
            raise ValidationError(_("This has a space or a sign that no key has: copy it again."))
        return text


class ConnectionForm(forms.ModelForm):
    """What both kinds of connection share: a name, an id unique in the whole installation, secrets."""

    SECRETS: tuple[str, ...] = ()
    OPTIONAL: tuple[str, ...] = ()
    kind: Kind

    class Meta:
        model = Connection
        fields = ["name"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in self.SECRETS:
            is_set = bool(self.instance.secrets.get(name))
            self.fields[name].required = not is_set and name not in self.OPTIONAL
            if self.instance.pk:
                self.fields[name].help_text = _("Set. Leave empty to keep it.") if is_set else _("Not set.")

    @classmethod
    def secrets_set(cls, connection: Connection) -> list[tuple[str, bool]]:
        """Which secrets the connection has: (label, whether it is set)."""
        return [
            (str(cls.base_fields[name].label), bool(connection.secrets.get(name))) for name in cls.SECRETS
        ]

    def external_id(self) -> str:
        """What the provider calls the account, from valid fields."""
        raise NotImplementedError

    def id_field(self) -> str:
        """The field that an id already in use is shown at."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors:
            same = Connection.objects.filter(kind=self.kind, external_id=self.external_id())
            if other := same.exclude(pk=self.instance.pk).first():
                self.add_error(self.id_field(), self._in_use(other))
        return values

    def save(self, commit: bool = True) -> Connection:
        connection = self.instance
        given = {name: value for name in self.SECRETS if (value := self.cleaned_data.get(name))}
        changed = given or connection.external_id != self.external_id()
        if connection.external_id != self.external_id():
            connection.proven_at = None
        connection.kind, connection.external_id = self.kind, self.external_id()
        connection.secrets = {**connection.secrets, **given}
        if changed:
            connection.state, connection.state_detail = Connection.State.UNTESTED, ""
            connection.lost_at = None  # new credentials are tried: what waited goes out, or is put back
        return super().save(commit)

    def _in_use(self, other: Connection) -> str:
        """Says no more about another workspace than that there is one."""
        if other.workspace_id == self.instance.workspace_id:
            return _("This is connected already, as “%(name)s”.") % {"name": other.name}
        return _(
            "This cannot be connected here, because it is in use elsewhere. One account belongs to one workspace."
        )


class AircallForm(ConnectionForm):
    kind = Kind.AIRCALL
    SECRETS = ("api_id", "api_token")

    api_id = SecretField(
        label=gettext_lazy("API id"),
        help_text=gettext_lazy("Aircall Dashboard › Integrations › API keys."),
        error_messages={"required": gettext_lazy("Copy the API id from Aircall.")},
    )
    api_token = SecretField(
        label=gettext_lazy("API token"),
        help_text=gettext_lazy("Aircall shows it once, when the key is made. It is stored encrypted."),
        error_messages={"required": gettext_lazy("Copy the API token from Aircall.")},
    )

    requests_per_minute = forms.IntegerField(
        label=gettext_lazy("Requests per minute"), required=False, min_value=1, max_value=MOST_REQUESTS
    )

    class Meta(ConnectionForm.Meta):
        fields = ["name", "requests_per_minute"]

    field_order = ["name", "api_id", "api_token", "requests_per_minute"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.auth == Connection.Auth.OAUTH:  # access is granted at Aircall
            for name in self.SECRETS:
                del self.fields[name]
        self.fields["requests_per_minute"].help_text = _(
            "Empty: %(rate)d. Aircall's own limit applies to everything that uses the account."
        ) % {"rate": settings.AIRCALL_REQUESTS_PER_MINUTE}

    @classmethod
    def secrets_set(cls, connection: Connection) -> list[tuple[str, bool]]:
        if connection.auth == Connection.Auth.OAUTH:
            return [(_("Access granted at Aircall"), bool(connection.secrets.get("access_token")))]
        return super().secrets_set(connection)

    def clean_api_id(self) -> str:
        """No key may pass for an account connected by OAuth, which it would keep from being connected."""
        api_id: str = self.cleaned_data["api_id"]
        if api_id.startswith(AIRCALL_COMPANY):
            raise ValidationError(
                _("No API id of Aircall's begins with “%(start)s”: copy the id of the key from Aircall.")
                % {"start": AIRCALL_COMPANY}
            )
        return api_id

    def external_id(self) -> str:
        return self.cleaned_data.get("api_id") or self.instance.external_id

    def id_field(self) -> str:
        return "api_id" if "api_id" in self.fields else "name"


class HubSpotForm(ConnectionForm):
    kind = Kind.HUBSPOT
    SECRETS = ("client_secret", "access_token")
    OPTIONAL = ("access_token",)

    portal = forms.RegexField(
        r"^[0-9]{1,20}$",
        label=gettext_lazy("Portal id"),
        help_text=gettext_lazy("The number of the HubSpot account, also called Hub ID."),
        error_messages={
            "invalid": gettext_lazy("A portal id has digits only."),
            "required": gettext_lazy("Give the portal id."),
        },
    )
    client_secret = SecretField(
        label=gettext_lazy("Client secret"),
        help_text=gettext_lazy(
            "Of the HubSpot app; it proves that a call comes from HubSpot. It is stored encrypted."
        ),
        error_messages={"required": gettext_lazy("Copy the client secret from the HubSpot app.")},
    )
    access_token = SecretField(
        label=gettext_lazy("Access token"),
        help_text=gettext_lazy(
            "Reads records' properties and completes waiting executions. It is stored encrypted."
        ),
    )

    language = forms.ChoiceField(
        label=gettext_lazy("Language of answers"),
        required=False,
        help_text=gettext_lazy("In which people read in workflows why a message was not sent."),
    )

    class Meta(ConnectionForm.Meta):
        fields = ["name", "language", "logs_messages"]
        help_texts = {
            "logs_messages": gettext_lazy("Each message, sent or received, appears on the record's timeline.")
        }

    field_order = ["name", "portal", "client_secret", "access_token", "language", "logs_messages"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not hubspot_portal.gave_way(self.instance):
            self.initial.setdefault("portal", self.instance.external_id)
        if self.instance.secrets.get("access_token"):
            self.fields["portal"].help_text = _(
                "The number of the HubSpot account, also called Hub ID. With another one the access token is dropped: "
                "enter that of the other account."
            )
        own = _("As the workspace: %(language)s") % {
            "language": self.instance.workspace.get_language_display()
        }
        self.fields["language"].choices = [("", own), *settings.LANGUAGES]  # type: ignore[attr-defined]
        if (
            self.instance.proven_at and settings.HUBSPOT_CLIENT_SECRET
        ):  # which signs for a portal known to be ours
            self.fields["client_secret"].required = False
        if self.instance.auth == Connection.Auth.OAUTH:  # HubSpot itself says which portal the access is to
            del self.fields["portal"]
            if self.instance.state not in Connection.LOST:
                del self.fields["access_token"]

    @classmethod
    def secrets_set(cls, connection: Connection) -> list[tuple[str, bool]]:
        if connection.auth == Connection.Auth.OAUTH:
            return []  # its tokens come and go
        return super().secrets_set(connection)

    def save(self, commit: bool = True) -> Connection:
        is_other_portal = self.external_id() != self.instance.external_id  # where the old tokens must not act
        if is_other_portal or self.cleaned_data.get("access_token"):
            tokens.discard(self.instance)
        return super().save(commit)

    def external_id(self) -> str:
        return str(self.cleaned_data.get("portal") or self.instance.external_id)

    def id_field(self) -> str:
        return "portal" if "portal" in self.fields else "name"


FORMS: dict[str, type[ConnectionForm]] = {Kind.AIRCALL: AircallForm, Kind.HUBSPOT: HubSpotForm}
