"""Forms of the sender IDs: a name to request, how far its approval in a country is, and a country's rule."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from smsadmin.core import countries, sender_names
from smsadmin.dashboard.templatetags.ui import country_name
from smsadmin.senders import names, rules
from smsadmin.senders.models import Approval, CountryRule, SenderName
from smsadmin.workspaces.models import Connection, Workspace

FAULTS = {
    "empty": gettext_lazy("Give the name that recipients are to see."),
    "characters": gettext_lazy(
        "“%(name)s” has other characters than letters from A to Z, digits, spaces, dashes and underscores."
    ),
    "too_long": gettext_lazy("“%(name)s” has %(count)d characters, and 11 are the most."),
    "no_letter": gettext_lazy("“%(name)s” has no letter: it would look like a number."),
}


def choices() -> list[tuple[str, str]]:
    """Every country in the reader's language."""
    return countries.choices(get_language() or "en")


class AccountChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Connection) -> str:
        return str(obj)


class NameForm(forms.Form):
    """A sender name to request, and where."""

    connection = AccountChoice(
        label=gettext_lazy("Account"),
        queryset=Connection.objects.none(),
        empty_label=None,
        help_text=gettext_lazy("The account that sends under the name."),
        error_messages={"required": gettext_lazy("Choose the account.")},
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Up to 11 letters, digits, spaces, dashes and underscores, with at least one letter. Most countries "
            "take 3 to 11 letters, digits and spaces. Nobody can answer a name."
        ),
        error_messages={"required": FAULTS["empty"]},
    )
    purpose = forms.CharField(
        label=gettext_lazy("What it is used for"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("Regulators ask for it. For example: follow-ups of missed calls."),
    )
    countries = forms.MultipleChoiceField(
        label=gettext_lazy("Countries to ask for its approval in"),
        choices=choices,
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 6}),
        help_text=gettext_lazy("More can be added later."),
    )

    def __init__(self, workspace: Workspace, data: Any = None) -> None:
        self.workspace = workspace
        super().__init__(data)
        account = self.fields["connection"]
        assert isinstance(account, AccountChoice)
        account.queryset = names.accounts(workspace)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if fault := sender_names.fault(name):
            raise ValidationError(str(FAULTS[fault]) % {"name": name, "count": len(name)})
        return name

    def clean_countries(self) -> list[str]:
        """Without those that take no names: nobody can approve one there."""
        chosen: list[str] = self.cleaned_data["countries"]
        standing = rules.of(self.workspace.pk)
        against = [each for each in chosen if standing.rule(each).names == rules.Names.UNSUPPORTED]
        if against:
            raise ValidationError(_takes_none(against))
        return chosen


def _takes_none(codes: list[str]) -> str:
    words = _(
        "%(countries)s: no sender names there. If that has changed, correct the country's rule first; else leave it "
        "out."
    )
    return words % {"countries": ", ".join(map(country_name, codes))}


class ApprovalForm(forms.Form):
    """How far the approval of a name in one country is."""

    country = forms.ChoiceField(label=gettext_lazy("Country"), choices=lambda: [("", "–"), *choices()])
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=Approval.State.choices,
        widget=forms.RadioSelect,
        initial=Approval.State.REQUESTED,
    )
    documents = forms.CharField(
        label=gettext_lazy("Documents"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy(
            "What was handed in, and where it is kept. For example: letter of authorisation."
        ),
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("For example the number of the request, or why it was refused."),
    )

    def __init__(self, sender: SenderName, data: Any = None, country: str = "") -> None:
        self.sender = sender
        known = {each.country: each for each in sender.approvals.all()}.get(country)
        columns = ("country", "state", "documents", "note")
        found = {name: getattr(known, name) for name in columns} if known else {"country": country}
        super().__init__(data, initial=found)

    def clean(self) -> dict[str, Any]:
        """Approved is nothing where the country takes no names."""
        given: dict[str, Any] = super().clean() or {}
        rule = rules.of(self.sender.workspace_id).rule(given.get("country", ""))
        if given.get("state") == Approval.State.APPROVED and rule.names == rules.Names.UNSUPPORTED:
            self.add_error("country", _takes_none([rule.country]))
        return given


class CountryForm(forms.ModelForm):
    """A workspace's own rule for a country."""

    class Meta:
        model = CountryRule
        fields = ["names", "gsm_only", "note"]
        widgets = {"names": forms.RadioSelect}
        labels = {"gsm_only": gettext_lazy("Only texts in the short alphabet (GSM-7)")}
        help_texts = {
            "names": gettext_lazy(
                "Messages from numbers, and those whose sender the provider picks, are free of it."
            ),
            "gsm_only": gettext_lazy("A text that needs Unicode is refused, from whichever sender."),
            "note": gettext_lazy("Who said so, and when."),
        }
