"""Forms of rules and of the endpoints of webhooks."""

import re
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.core.errors import CATALOGUE
from smsadmin.notices.lately import MOST_COUNTED, MOST_RECEIVED
from smsadmin.notices.models import Endpoint, NoticeRule
from smsadmin.notices.wording import of_code
from smsadmin.providers import http
from smsadmin.quotas.models import Crossing, Rule, Unit
from smsadmin.workspaces.models import Workspace

When = NoticeRule.When

MOST_EMAILS = 10
MOST_MINUTES = 24 * 60
#: What each kind of rule needs; the rest is left empty.
NEEDS: dict[str, tuple[str, ...]] = {
    When.ANY: (),
    When.CAUSE: ("cause",),
    When.COUNT: ("messages", "minutes"),
    When.RATE: ("percent", "at_least", "minutes"),
    When.QUOTA: ("thresholds", "forecast", "windows", "units"),
}
SOMETIMES = frozenset(name for names in NEEDS.values() for name in names)
#: What is left of a field that the rule does not need; of a number nothing.
EMPTY: dict[str, Any] = {"cause": "", "thresholds": [], "forecast": False, "windows": [], "units": []}
_BETWEEN = re.compile(r"[\s,;]+")


class EmailsField(forms.CharField):
    """Email addresses, one a line or with commas between; a list of them."""

    widget = forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _BETWEEN.split(str(self.prepare_value(initial or []))) != _BETWEEN.split(data or "")

    def to_python(self, value: Any) -> Any:
        return list(dict.fromkeys(filter(None, _BETWEEN.split(super().to_python(value) or ""))))

    def validate(self, value: Any) -> None:
        if len(value) > MOST_EMAILS:
            raise ValidationError(_("These are %(count)s addresses; %(most)s is the most.") % {
                "count": len(value), "most": MOST_EMAILS,
            })  # fmt: skip
        for address in value:
            try:
                validate_email(address)
            except ValidationError as error:
                raise ValidationError(
                    _("“%(address)s” is not an email address.") % {"address": address}
                ) from error

    def run_validators(self, value: Any) -> None:
        """All of it is in validate(): the validators of a text do not fit a list."""


class RuleForm(forms.ModelForm):
    """When to tell whom. `causes` are the certain causes that may be chosen beside all codes: (cause, words).

    What another kind of rule needs is neither asked for nor kept; the page shows the fields of the chosen one.
    """

    use_required_attribute = False  # of fields that may not be shown

    when = forms.ChoiceField(
        label=gettext_lazy("When"),
        choices=When.choices,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose when to tell.")},
    )
    cause = forms.ChoiceField(
        label=gettext_lazy("Cause or code"),
        error_messages={"required": gettext_lazy("Choose the cause or code.")},
    )
    messages = forms.IntegerField(
        label=gettext_lazy("More messages than"),
        min_value=1,
        max_value=MOST_COUNTED - 1,
        error_messages={"required": gettext_lazy("Say how many messages are too many.")},
    )
    percent = forms.IntegerField(
        label=gettext_lazy("More percent than"),
        min_value=1,
        max_value=99,
        error_messages={"required": gettext_lazy("Say which share is too much.")},
    )
    at_least = forms.IntegerField(
        label=gettext_lazy("Of at least so many messages"),
        min_value=1,
        max_value=MOST_RECEIVED,
        help_text=gettext_lazy(
            "With fewer messages in that time nobody is told: one failure of two would be half of them."
        ),
        error_messages={
            "required": gettext_lazy("Say how many messages there have to be before a share means something.")
        },
    )
    minutes = forms.IntegerField(
        label=gettext_lazy("Within minutes"),
        min_value=1,
        max_value=MOST_MINUTES,
        error_messages={"required": gettext_lazy("Say within how many minutes.")},
    )
    thresholds = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Once so much of a limit is used"),
        coerce=int,
        choices=[(threshold, f"{threshold} %") for threshold in Crossing.THRESHOLDS],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one share, or the forecast.")},
    )
    forecast = forms.BooleanField(
        label=gettext_lazy("When a limit of an hour, day or month will run out before it starts anew"),
        required=False,
    )
    windows = forms.MultipleChoiceField(
        label=gettext_lazy("Limits per"),
        choices=Rule.Window.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "Per minute, one burst of messages brings a notice of each share that is chosen, minute after minute."
        ),
        error_messages={"required": gettext_lazy("Choose at least one window.")},
    )
    units = forms.MultipleChoiceField(
        label=gettext_lazy("Limits of"),
        choices=Unit.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose messages, segments or both.")},
    )
    emails = EmailsField(
        label=gettext_lazy("Email addresses"),
        required=False,
        help_text=gettext_lazy("One a line; at most 10."),
    )

    class Meta:
        model = NoticeRule
        fields = [
            "name", "when", "cause", "messages", "percent", "at_least", "minutes", "thresholds", "forecast", "windows",
            "units", "emails", "endpoint", "enabled",
        ]  # fmt: skip
        labels = {"endpoint": gettext_lazy("Webhook")}
        error_messages = {"name": {"required": gettext_lazy("Give the rule a name.")}}

    def __init__(
        self, workspace: Workspace, causes: list[tuple[str, str]], *args: Any, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.instance.workspace = workspace
        cause, endpoint = self.fields["cause"], self.fields["endpoint"]
        assert isinstance(cause, forms.ChoiceField)
        assert isinstance(endpoint, forms.ModelChoiceField)
        cause.choices = _causes(causes)
        endpoint.queryset = Endpoint.objects.filter(workspace=workspace)
        endpoint.empty_label = _("No webhook")

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        when = values.get("when", "")
        if values.get("forecast") and values.get("windows") != [Rule.Window.MINUTE]:
            self._do_with_the_forecast(values)
        for name in SOMETIMES.difference(NEEDS.get(when, ())):
            self.errors.pop(name, None)
            values[name] = EMPTY.get(name)
        if not self.errors and when != When.QUOTA and not values["emails"] and not values["endpoint"]:
            self.add_error(
                "emails", _("Give an email address or choose a webhook: otherwise nobody is told.")
            )
        return values

    def _do_with_the_forecast(self, values: dict[str, Any]) -> None:
        """It stands for a share; but not in a minute, which is over before anybody reads of it."""
        if self.has_error("thresholds", "required"):
            del self.errors["thresholds"]
            values["thresholds"] = []

    @property
    def begins_anew(self) -> bool:
        """Whether what it waits for has changed, so that what goes on already is no news."""
        condition = ("when", "enabled", *NEEDS[self.cleaned_data["when"]])
        return self.instance.pk is None or any(name in self.changed_data for name in condition)


def _causes(certain: list[tuple[str, str]]) -> list[Any]:
    every = [(code, f"{of_code(code)} · {code}") for code in sorted(CATALOGUE)]
    groups: list[Any] = [("", _("Choose a cause or code")), (_("Codes, with all their causes"), every)]
    if certain:
        groups.insert(1, (_("One certain cause"), certain))
    return groups


class EndpointForm(forms.ModelForm):
    """Where webhooks go."""

    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=500,
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("It begins with https:// and is reached over the public internet."),
        error_messages={"required": gettext_lazy("Give the address that notices are posted to.")},
    )

    class Meta:
        model = Endpoint
        fields = ["url"]

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            scheme, host, with_user = http.parts_of(url)
        except ValueError as error:
            raise ValidationError(_("This cannot be read as the address of a program.")) from error
        schemes = ("https", "http") if settings.NOTICE_PRIVATE_HOSTS else ("https",)
        if scheme not in schemes or not host:
            raise ValidationError(_("Write the whole address, beginning with https://"))
        if with_user:
            raise ValidationError(
                _("Leave the user and password out of the address: each notice is signed instead.")
            )
        same = Endpoint.objects.filter(workspace=self.instance.workspace, url=url)
        if same.exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("Webhooks go to this address already."))
        return url
