"""The form that makes a key."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.api.models import Key, KeyScope
from smsadmin.workspaces.models import Workspace

FOR_EVER = "ever"


class KeyForm(forms.Form):
    """A key's name, what it may be used for, how many days it lasts, and whether it is for tests alone."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        help_text=gettext_lazy("The program that will use it, for example: campaign planner."),
        error_messages={"required": gettext_lazy("Say which program will use it.")},
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("It may"),
        choices=KeyScope,
        initial=[KeyScope.QUOTAS],
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Tick no more than the program needs: whoever has the key can do it."),
        error_messages={"required": gettext_lazy("Choose at least one.")},
    )
    days = forms.ChoiceField(
        label=gettext_lazy("Works for"),
        choices=[
            ("30", gettext_lazy("30 days")),
            ("90", gettext_lazy("90 days")),
            ("365", gettext_lazy("a year")),
            (FOR_EVER, gettext_lazy("until it is revoked")),
        ],
        initial="90",
        error_messages={
            "required": gettext_lazy("Choose one of the list."),
            "invalid_choice": gettext_lazy("Choose one of the list."),
        },
    )

    test = forms.BooleanField(
        label=gettext_lazy("Test mode: only verified test numbers are texted with it"),
        required=False,
        help_text=gettext_lazy(
            "For trying a program out. Everybody else is refused, and every answer says so."
        ),
    )

    def __init__(self, workspace: Workspace, data: Any = None) -> None:
        self.workspace = workspace
        super().__init__(data)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Key.objects.filter(workspace=self.workspace, name=name, revoked_at=None).exists():
            raise ValidationError(self.taken(name))
        return name

    def expires_at(self, now: datetime) -> datetime | None:
        days = self.cleaned_data["days"]
        return None if days == FOR_EVER else now + timedelta(days=int(days))

    def taken(self, name: str) -> str:
        """Why there is no second key of a name, as a second click would make one."""
        return _("There is a key “%(name)s” already: revoke it first, or choose another name.") % {
            "name": name
        }
