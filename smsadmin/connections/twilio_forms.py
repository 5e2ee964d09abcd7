"""The form of a Twilio account: its credentials, and what of it is left to choose."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.connections.form_base import MOST_REQUESTS, ConnectionForm, Kind, SecretField
from smsadmin.connections.models import ErrorCode
from smsadmin.pacing import account
from smsadmin.providers.twilio import options as twilio
from smsadmin.providers.twilio.codes import TOO_MANY


class TwilioForm(ConnectionForm):
    """A Twilio account, by its SID and Auth Token; requests are made with an API key where there is one."""

    kind = Kind.TWILIO
    KEY = ("key_sid", "key_secret")
    SECRETS = ("auth_token", *KEY, "shared_key")
    OPTIONAL = UNMENTIONED = (*KEY, "shared_key")
    RARE = ("shared_key",)
    options_of = twilio.Options

    sid = forms.RegexField(
        r"^AC[0-9a-fA-F]{32}$",
        label=gettext_lazy("Account SID"),
        help_text=gettext_lazy(
            "Twilio Console › Account info. A subaccount has its own, and its own Auth Token."
        ),
        error_messages={
            "invalid": gettext_lazy("An account SID is AC and 32 digits or letters from a to f."),
            "required": gettext_lazy("Copy the account SID from the Twilio Console."),
        },
    )
    auth_token = SecretField(
        label=gettext_lazy("Auth Token"),
        help_text=gettext_lazy(
            "It signs what Twilio tells us, also where an API key sends. It is stored encrypted."
        ),
        error_messages={"required": gettext_lazy("Copy the Auth Token from the Twilio Console.")},
    )
    key_sid = SecretField(
        label=gettext_lazy("API key SID"),
        help_text=gettext_lazy("Not needed. With a key, the Auth Token can be changed while texts go on."),
    )
    key_secret = SecretField(
        label=gettext_lazy("API key secret"),
        help_text=gettext_lazy("Twilio shows it once, when the key is made. It is stored encrypted."),
    )
    shared_key = SecretField(
        label=gettext_lazy("Shared key of webhooks"),
        help_text=gettext_lazy(
            "Its secret, only where Twilio signs its calls with one (beta) in place of the Auth Token."
        ),
    )
    requests_per_minute = forms.IntegerField(
        label=gettext_lazy("Requests per minute"), required=False, min_value=1, max_value=MOST_REQUESTS
    )
    smart_encoded = forms.BooleanField(
        label=gettext_lazy("Twilio replaces look-alikes"),
        required=False,
        help_text=gettext_lazy(
            "It puts plain quotes for curly ones and the like, so that a text fits into fewer segments. The text that "
            "arrives is then not quite the one in the log."
        ),
    )
    validity = forms.IntegerField(
        label=gettext_lazy("Seconds that a message may wait at Twilio"),
        required=False,
        min_value=6,
        max_value=twilio.MOST_VALIDITY,
        help_text=gettext_lazy("Then Twilio gives it up. Empty: ten hours, as Twilio does by itself."),
    )
    answers_keywords = forms.BooleanField(
        label=gettext_lazy("Twilio answers STOP, START and HELP itself"),
        required=False,
        help_text=gettext_lazy(
            "So it does for long codes and toll-free numbers. Then the answers of this workspace are not sent too. "
            "Take the tick away where Twilio has switched that off for the account."
        ),
    )
    overrides = forms.RegexField(
        r"^[A-Za-z0-9=&,.-]{0,80}$",
        label=gettext_lazy("Repeats of callbacks"),
        required=False,
        help_text=gettext_lazy(
            "What Twilio calls connection overrides, for example rc=2&rp=all: two repeats after any failure. Empty: as "
            "Twilio does by itself. Numbers that tell us of their texts take it over once they are chosen again."
        ),
        error_messages={"invalid": gettext_lazy("Write it as in rc=2&rp=all, without # and spaces.")},
    )

    class Meta(ConnectionForm.Meta):
        fields = ["name", "requests_per_minute"]

    field_order = ["name", "sid", *SECRETS, "requests_per_minute"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial.setdefault("sid", self.instance.external_id)
        self.fields["requests_per_minute"].help_text = _(
            "Empty: %(rate)d. Twilio refuses too many requests at once, and queues what it takes: a long code of the "
            "United States sends one segment a second."
        ) % {"rate": account.as_installed(self.kind)}

    def clean_validity(self) -> int:
        return self.cleaned_data["validity"] or 0

    def clean_key_sid(self) -> str:
        key_sid: str = self.cleaned_data["key_sid"]
        if key_sid and not key_sid.startswith("SK"):
            raise ValidationError(_("The SID of an API key begins with SK."))
        return key_sid

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        has = {name for name in self.KEY if values.get(name) or self.instance.secrets.get(name)}
        for name in set(self.KEY) - has if has and not set(self.KEY) & set(self.errors) else ():
            self.add_error(name, _("A key has a SID and a secret: give both."))
        return values

    def external_id(self) -> str:
        return str(self.cleaned_data["sid"])

    def id_field(self) -> str:
        return "sid"


class ErrorCodeForm(forms.Form):
    """What one of Twilio's codes is to mean here."""

    code = forms.IntegerField(
        label=gettext_lazy("Twilio's code"),
        min_value=10_000,
        max_value=99_999,
        error_messages={
            "required": gettext_lazy("Give the code, as Twilio's dictionary of errors has it."),
            "min_value": gettext_lazy("Twilio's codes have five digits."),
            "max_value": gettext_lazy("Twilio's codes have five digits."),
        },
    )
    error = forms.ChoiceField(
        label=gettext_lazy("Means here"),
        help_text=gettext_lazy(
            "It decides what the log says, what fixes it, and whether it may be sent again."
        ),
        error_messages={
            "invalid_choice": gettext_lazy("This code cannot mean that here. Choose another reason.")
        },
    )
    again = forms.ChoiceField(
        label=gettext_lazy("Tried again"),
        choices=ErrorCode.Again.choices,
        widget=forms.RadioSelect,
        help_text=gettext_lazy(
            "Only where Twilio refuses the request: what it has taken is never sent again without a person."
        ),
    )
    note = forms.CharField(label=gettext_lazy("Note"), max_length=200, required=False)

    def __init__(self, meanings: list[tuple[str, str]], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        error: Any = self.fields["error"]
        error.choices = meanings

    def clean_code(self) -> int:
        code: int = self.cleaned_data["code"]
        if code == TOO_MANY:
            raise ValidationError(
                _("It comes with HTTP 429, which is always waited for: it cannot be changed.")
            )
        return code
