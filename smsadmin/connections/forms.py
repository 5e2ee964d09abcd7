"""Forms of connections: what each kind needs, and secrets that are never shown again."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.connections import hubspot_portal
from smsadmin.connections.form_base import MOST_REQUESTS, ConnectionForm, SecretField
from smsadmin.connections.synthflow_forms import SynthflowForm
from smsadmin.connections.twilio_forms import TwilioForm
from smsadmin.pacing import account
from smsadmin.providers.callr import options as callr
from smsadmin.providers.hubspot import tokens
from smsadmin.workspaces.models import Connection

Kind = Connection.Kind

#: Begins the external id of an Aircall account that was connected by OAuth; the id of its company follows.
AIRCALL_COMPANY = "oauth-"


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
        ) % {"rate": account.as_installed(self.kind)}

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


class CallrForm(ConnectionForm):
    """A Callr account, and how it is spoken to where Callr's documents leave that open (providers.callr.options)."""

    kind = Kind.CALLR
    LOGIN = ("login", "password")
    SECRETS = ("api_key", *LOGIN, "hmac_secret")
    OPTIONAL = SECRETS  # a key, or a login and its password: see clean
    RARE = UNMENTIONED = LOGIN
    PROVING = ("protocol", "key_in")
    options_of = callr.Options

    sid = forms.RegexField(
        r"^[A-Za-z0-9]{4,40}$",
        label=gettext_lazy("Account SID"),
        help_text=gettext_lazy(
            "Of the account or sub-account that sends, as Callr's portal shows it. A sub-account takes the key of its "
            "main account, as Basic credentials."
        ),
        error_messages={
            "invalid": gettext_lazy("A SID has letters and digits only."),
            "required": gettext_lazy("Copy the SID of the account from Callr's portal."),
        },
    )
    api_key = SecretField(
        label=gettext_lazy("API key"),
        help_text=gettext_lazy("Made in Callr's portal. It is stored encrypted."),
    )
    login = SecretField(
        label=gettext_lazy("Login"),
        help_text=gettext_lazy("Only where the account has no API key: the login of the earlier API."),
    )
    password = SecretField(label=gettext_lazy("Password"))
    hmac_secret = SecretField(
        label=gettext_lazy("Secret of the webhooks"),
        help_text=gettext_lazy(
            "What Callr signs its calls with (HMAC). Enter the same here and in Callr's portal. It is stored encrypted."
        ),
    )
    requests_per_minute = forms.IntegerField(
        label=gettext_lazy("Requests per minute"), required=False, min_value=1, max_value=MOST_REQUESTS
    )
    protocol = forms.ChoiceField(
        label=gettext_lazy("Interface for sending"),
        choices=[
            (callr.REST, gettext_lazy("REST API v2")),
            (callr.RPC, gettext_lazy("JSON-RPC, the earlier one")),
        ],
    )
    key_in = forms.ChoiceField(
        label=gettext_lazy("The API key is sent"),
        choices=[
            (callr.HEADER, gettext_lazy("in the header x-api-key")),
            (callr.BASIC, gettext_lazy("with the account's SID, as Basic credentials")),
        ],
    )
    sender_parameter = forms.RegexField(
        r"^[A-Za-z][A-Za-z_]{0,39}$",
        label=gettext_lazy("Parameter of the sender"),
        help_text=gettext_lazy(
            "Callr's page says that a sender can be given, and not under which name: the likeliest one is “from”."
        ),
        error_messages={"invalid": gettext_lazy("A parameter has letters and underscores only.")},
    )
    encoding = forms.ChoiceField(
        label=gettext_lazy("Callr is told the encoding"),
        choices=[
            (callr.FORCED, gettext_lazy("only where a text is to go as Unicode that need not")),
            (callr.ALWAYS, gettext_lazy("always")),
            (callr.NEVER, gettext_lazy("never: it looks at the characters")),
        ],
        help_text=gettext_lazy("Told “gsm”, Callr rewrites what it does not carry in GSM: “€” becomes “e”."),
    )
    encoding_parameter = forms.RegexField(
        r"^[A-Za-z][A-Za-z_]{0,39}$",
        label=gettext_lazy("Parameter of the encoding"),
        error_messages={"invalid": gettext_lazy("A parameter has letters and underscores only.")},
    )
    signed = forms.BooleanField(
        label=gettext_lazy("Refuse calls that are not signed"),
        required=False,
        help_text=gettext_lazy(
            "Without the tick the address alone proves that Callr calls: only for webhooks that cannot be signed."
        ),
    )
    signature_header = forms.RegexField(
        r"^[A-Za-z][A-Za-z0-9-]{0,79}$",
        label=gettext_lazy("Header of the signature"),
        help_text=gettext_lazy("Documented for the earlier webhooks; nobody says what it is called in v2."),
        error_messages={"invalid": gettext_lazy("A header has letters, digits and dashes only.")},
    )

    class Meta(ConnectionForm.Meta):
        fields = ["name", "requests_per_minute"]

    field_order = ["name", "sid", *SECRETS, "requests_per_minute"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial.setdefault("sid", self.instance.external_id)
        self.fields["requests_per_minute"].help_text = _(
            "Empty: %(rate)d. Callr names no limit of its own; the pace slows down by itself where Callr asks for it."
        ) % {"rate": account.as_installed(self.kind)}
        self.fields["protocol"].help_text = _(
            "Callr ends JSON-RPC on %(day)s. Numbers and the test use v2 in either case, with the same credentials."
        ) % {"day": date_format(callr.LAST_DAY_OF_RPC)}

    def clean_sid(self) -> str:
        """The earlier API writes in capitals what v2 writes in lower case."""
        return str(self.cleaned_data["sid"]).lower()

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        has = {name for name in self.SECRETS if values.get(name) or self.instance.secrets.get(name)}
        if "api_key" not in self.errors and not has & {"api_key", "login"}:
            self.add_error("api_key", _("Copy the API key from Callr's portal."))
        if "login" in has and "password" not in has and "password" not in self.errors:
            self.add_error("password", _("Give the password that goes with the login."))
        return values

    def external_id(self) -> str:
        return str(self.cleaned_data["sid"])

    def id_field(self) -> str:
        return "sid"


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


FORMS: dict[str, type[ConnectionForm]] = {
    Kind.AIRCALL: AircallForm,
    Kind.CALLR: CallrForm,
    Kind.HUBSPOT: HubSpotForm,
    Kind.SYNTHFLOW: SynthflowForm,
    Kind.TWILIO: TwilioForm,
}
