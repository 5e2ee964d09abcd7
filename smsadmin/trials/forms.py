"""Forms of the test numbers: adding one, sending its code, typing it in."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.core import numbers
from smsadmin.directory.facts import OFFERED
from smsadmin.directory.models import Number
from smsadmin.trials.models import TestNumber
from smsadmin.trials.sending import new_token
from smsadmin.trials.verification import DIGITS
from smsadmin.workspaces.models import User, Workspace

WHITE_SPACE = re.compile(r"\s+")


class AddForm(forms.Form):
    """Another test number."""

    label = forms.CharField(
        label=gettext_lazy("Whose it is"),
        max_length=80,
        help_text=gettext_lazy("For example: Alex's phone."),
        error_messages={"required": gettext_lazy("Say whose phone it is.")},
    )
    number = forms.CharField(
        label=gettext_lazy("Number"),
        max_length=40,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
        help_text=gettext_lazy("With + and the country code, for example +33 6 12 34 56 78."),
        error_messages={"required": gettext_lazy("Give the phone number.")},
    )

    def __init__(self, workspace: Workspace, data: Any = None) -> None:
        self.workspace = workspace
        super().__init__(data)

    def clean_number(self) -> str:
        """E.164."""
        value = self.cleaned_data["number"]
        try:
            found = numbers.read(value)
        except numbers.NumberError as error:
            raise ValidationError(_unreadable(error)) from error
        if not numbers.is_mobile_possible(found.kind):
            raise ValidationError(
                _("“%(value)s” is not a mobile number, and tests go to mobiles.") % {"value": value}
            )
        if known := TestNumber.objects.filter(workspace=self.workspace, e164=found.e164).first():
            raise ValidationError(_("“%(label)s” has this number already.") % {"label": known.label})
        return found.e164

    def save(self, by: User) -> TestNumber | None:
        """The new number; None, and an error at its field, when somebody else added it at this very moment."""
        try:
            with transaction.atomic():
                return TestNumber.objects.create(
                    workspace=self.workspace,
                    label=self.cleaned_data["label"],
                    e164=self.cleaned_data["number"],
                    created_by=by,
                )
        except IntegrityError:
            self.add_error("number", _("Somebody else added this number a moment ago."))
            return None


def _unreadable(error: numbers.NumberError) -> str:
    if error.reason == "no_country_code":
        words = _("“%(value)s” has no country code: write it with + and the code, as in +33 6 12 34 56 78.")
    else:
        words = _("“%(value)s” is not a phone number: write + and the country code, then digits.")
    return words % {"value": error.raw}


class SenderChoice(forms.ModelChoiceField):
    """One of the numbers that are offered."""

    def label_from_instance(self, obj: Number) -> str:
        return f"{numbers.pretty(obj.e164)} · {obj.name}"


class SendCodeForm(forms.Form):
    """From which number the code goes out. `token` makes a double click one code."""

    sender = SenderChoice(
        label=gettext_lazy("Send it from"),
        queryset=Number.objects.none(),
        empty_label=None,
        error_messages={
            "required": gettext_lazy("Choose the number that sends the code."),
            "invalid_choice": gettext_lazy("This number is not offered any more: choose another one."),
        },
    )
    token = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, workspace: Workspace, data: Any = None) -> None:
        super().__init__(data, initial={"token": new_token()})
        sender = self.fields["sender"]
        assert isinstance(sender, SenderChoice)
        sender.queryset = Number.objects.filter(OFFERED, workspace=workspace).order_by("name", "pk")


class CodeForm(forms.Form):
    """The code as it reads on the phone."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
        error_messages={"required": gettext_lazy("Type in the code that reached the phone.")},
    )

    def clean_code(self) -> str:
        """The digits alone; what cannot be a code is not counted as a try."""
        code = WHITE_SPACE.sub("", self.cleaned_data["code"])
        if not re.fullmatch(rf"[0-9]{{{DIGITS}}}", code):
            raise ValidationError(_("The code has %(count)d digits.") % {"count": DIGITS})
        return code
