"""The form of a workspace's settings for the classic action."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.classic.models import ClassicSettings
from smsadmin.core import numbers
from smsadmin.directory.facts import PHONES, first_failing
from smsadmin.directory.models import Number


class _NumberField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Number) -> str:
        return f"{obj.name} ({numbers.pretty(obj.e164)})"


class SettingsForm(forms.ModelForm):
    """Who may use it, until when, and what stands in for a number that is gone."""

    fallback_number = _NumberField(
        queryset=Number.objects.none(),
        required=False,
        label=gettext_lazy("Fallback number"),
        empty_label=gettext_lazy("None: such messages are refused"),
        help_text=gettext_lazy("What a step sends from whose own number is gone from Aircall."),
    )

    class Meta:
        model = ClassicSettings
        fields = ("enabled", "sunset_on", "fallback_number")
        widgets = {"sunset_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}
        labels = {
            "enabled": gettext_lazy("Workflows may use the classic action"),
            "sunset_on": gettext_lazy("Last day"),
        }
        help_texts = {
            "sunset_on": gettext_lazy(
                "From the day after on every execution is refused. Owners are told 30, 7 and 1 days before. "
                "Empty: no end."
            ),
        }
        error_messages = {"sunset_on": {"invalid": gettext_lazy("Write a date, as in 2026-12-31.")}}

    def __init__(self, today: date, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.was_open = self.instance.enabled and not self.instance.is_over(today)
        own = Number.objects.filter(PHONES, workspace_id=self.instance.workspace_id, gone_at=None).order_by(
            "name"
        )
        usable = [number.pk for number in own if first_failing(number, but_for=("connected",)) is None]
        kept = self.instance.fallback_number_id
        field: Any = self.fields["fallback_number"]
        field.queryset = Number.objects.filter(pk__in=[*usable, *([kept] if kept else [])]).order_by("name")

    def clean_sunset_on(self) -> date | None:
        """A day that is over would stop every step unsaid: to do so the action is switched off."""
        chosen: date | None = self.cleaned_data["sunset_on"]
        if chosen and chosen < self.today and "sunset_on" in self.changed_data:
            raise forms.ValidationError(
                _("This day is over: choose today or a later one. To end it now, switch it off.")
            )
        return chosen

    def closes(self) -> bool:
        """Whether steps that may send now may not once this is saved."""
        return self.was_open and not self.instance.enabled

    def save(self, commit: bool = True) -> ClassicSettings:
        """Another last day is told of anew."""
        if "sunset_on" in self.changed_data:
            self.instance.told = []
        return super().save(commit)
