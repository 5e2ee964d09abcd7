"""Forms of routes: one to add or change, and the question which would carry a text."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from smsadmin.core import countries, numbers
from smsadmin.directory.models import Number, SenderKind
from smsadmin.directory.naming import label
from smsadmin.routing.models import Route
from smsadmin.workspaces.models import Workspace


def _countries() -> list[tuple[str, str]]:
    return [("", _("Any country")), *countries.choices(get_language() or "en")]


class SenderChoice(forms.ModelChoiceField):
    """A sender of the workspace, with its account: numbers may be called alike."""

    def label_from_instance(self, obj: Number) -> str:
        return f"{label(obj)} – {obj.connection.name}"


def _senders(workspace: Workspace) -> Any:
    found = Number.objects.filter(workspace=workspace, gone_at=None).select_related("connection")
    return found.defer("connection__secrets").order_by("connection__name", "name", "pk")


class RouteForm(forms.ModelForm):
    """One route of a workspace."""

    when = forms.ChoiceField(label=gettext_lazy("When"), choices=Route.When.choices, widget=forms.RadioSelect)
    sender = SenderChoice(
        label=gettext_lazy("From"),
        queryset=Number.objects.none(),
        required=False,
        empty_label=gettext_lazy("Any sender"),
        help_text=gettext_lazy("The number that an action or a workflow's step names."),
    )
    country = forms.ChoiceField(label=gettext_lazy("To"), choices=_countries, required=False)
    via = SenderChoice(
        label=gettext_lazy("Leave from"),
        queryset=Number.objects.none(),
        empty_label=gettext_lazy("Choose a sender"),
        help_text=gettext_lazy("A number, a sender name, or what a provider picks; of any account."),
        error_messages={"required": gettext_lazy("Choose the sender that the route leads to.")},
    )

    class Meta:
        model = Route
        fields = ["when", "sender", "country", "via", "note", "enabled"]
        help_texts = {
            "note": gettext_lazy("What it is called in traces and timelines. For example: France by Callr."),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        senders = _senders(self.instance.workspace)
        for name, kept in (("sender", self.instance.sender_id), ("via", self.instance.via_id)):
            field = self.fields[name]
            assert isinstance(field, SenderChoice)
            field.queryset = senders | _own(self.instance.workspace, kept)
        self.initial["when"] = self.initial.get("when") or Route.When.ALWAYS

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        sender, via = values.get("sender"), values.get("via")
        if sender and sender == via:
            self.add_error("via", _("That is the sender itself: choose another one, or leave the route out."))
        if sender and sender.kind != SenderKind.PHONE:
            self.add_error(
                "sender", _("Only call flows send from it, and those name their sender themselves.")
            )
        return values


def _own(workspace: Workspace, pk: int | None) -> Any:
    """What the route has already stays a choice, also once it is gone."""
    found = Number.objects.filter(workspace=workspace, pk=pk or 0).select_related("connection")
    return found.defer("connection__secrets").order_by("connection__name", "name", "pk")


class TesterForm(forms.Form):
    """To whom a text would go, and from which sender."""

    use_required_attribute = False

    sender = SenderChoice(
        label=gettext_lazy("From"),
        queryset=Number.objects.none(),
        empty_label=gettext_lazy("Choose a number"),
    )
    to = forms.CharField(
        label=gettext_lazy("To"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"inputmode": "tel", "autocomplete": "off", "placeholder": "+33 6 12 34 56 78"}
        ),
        error_messages={"required": gettext_lazy("Write the number that the text would go to.")},
    )

    def __init__(self, workspace: Workspace, data: Any = None) -> None:
        super().__init__(data)
        sender = self.fields["sender"]
        assert isinstance(sender, SenderChoice)
        sender.queryset = _senders(workspace).filter(kind=SenderKind.PHONE)
        sender.error_messages["required"] = _("Choose the number that the text would leave from.")

    def clean_to(self) -> str:
        try:
            return numbers.read(self.cleaned_data["to"]).e164
        except numbers.NumberError as error:
            raise ValidationError(_("Write the number with + and its country code.")) from error
