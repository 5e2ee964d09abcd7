"""Forms of connections, settings, members and the profile."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.workspaces.models import Member, Role, User, Workspace


def time_zones() -> list[tuple[str, str]]:
    """Every zone of the IANA database, by name."""
    names = sorted(
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix"))
    )
    return [(name, name.replace("_", " ")) for name in ["UTC", *names]]


class WorkspaceForm(forms.ModelForm):
    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=time_zones)

    class Meta:
        model = Workspace
        fields = ["name", "business_name", "time_zone", "language"]
        help_texts = {
            "business_name": gettext_lazy(
                "The name your customers know you by; the editor warns when a text lacks it. "
                "Empty: the workspace's name."
            )
        }


class ProfileForm(forms.ModelForm):
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        required=False,
        choices=lambda: [("", _("As the workspace")), *time_zones()],
    )

    class Meta:
        model = User
        fields = ["name", "time_zone"]


class MemberForm(forms.Form):
    """Somebody to add, by email."""

    email = forms.EmailField(
        label=gettext_lazy("Email address"),
        max_length=254,
        help_text=gettext_lazy("Somebody new gets a mail with a link to choose a password."),
        error_messages={"required": gettext_lazy("Give the email address of the person to add.")},
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=Role.choices,
        initial=Role.VIEWER,
        help_text=gettext_lazy(
            "Viewers read. Operators also refresh and resend. Editors also change actions and the directory. "
            "Owners also change connections, members and settings."
        ),
    )

    def __init__(self, workspace: Workspace, data: Any = None) -> None:
        self.workspace = workspace
        super().__init__(data)

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if Member.objects.filter(workspace=self.workspace, user__email=email).exists():
            raise ValidationError(_("%(email)s is a member already.") % {"email": email})
        return email
