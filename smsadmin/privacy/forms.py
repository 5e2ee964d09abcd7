"""What an owner decides about privacy."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy, ngettext

from smsadmin.privacy.models import Policy

#: A hundred years: more is for ever, which an empty field says.
MOST_DAYS = 36_500


def _days(label: Any, help_text: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        help_text=help_text,
        required=False,
        min_value=1,
        max_value=MOST_DAYS,
        error_messages={
            "invalid": gettext_lazy("Write a whole number of days, or leave it empty."),
            "min_value": gettext_lazy("One day is the least."),
            "max_value": gettext_lazy(
                "That is more than a hundred years: leave it empty to keep it for ever."
            ),
        },
    )


class PolicyForm(forms.ModelForm):
    """Who sees numbers and texts, and how long they are kept. What a message says is gone no later than to whom it
    went, and that no later than the message."""

    text_days = _days(
        gettext_lazy("Keep texts and the records' values for so many days"),
        gettext_lazy(
            "Then the text, the values it was made of and what was said to Aircall are deleted. Empty: as long as "
            "the message."
        ),
    )
    number_days = _days(
        gettext_lazy("Keep recipients' numbers for so many days"),
        gettext_lazy("Then nobody can tell to whom a message went. Empty: as long as the message."),
    )
    message_days = _days(
        gettext_lazy("Keep messages for so many days"),
        gettext_lazy("Then only how many there were, and how they ended, is known. Empty: for ever."),
    )

    class Meta:
        model = Policy
        fields = ["viewers", "text_days", "number_days", "message_days"]
        widgets = {"viewers": forms.RadioSelect}
        labels = {"viewers": gettext_lazy("What viewers see of numbers, texts and values")}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        text, number, message = (values.get(f"{part}_days") for part in ("text", "number", "message"))
        if number and message and number > message:
            self.add_error(
                "number_days",
                ngettext(
                    "Numbers go with their messages after %(n)d day: give no more, or leave this empty.",
                    "Numbers go with their messages after %(n)d days: give no more, or leave this empty.",
                    message,
                )
                % {"n": message},
            )
        elif number and "text_days" not in self.errors and (text is None or text > number):
            self.add_error("text_days", self._texts_name_people(number))
        elif text and message and text > message:
            self.add_error(
                "text_days",
                ngettext(
                    "Texts go with their messages after %(n)d day: give no more, or leave this empty.",
                    "Texts go with their messages after %(n)d days: give no more, or leave this empty.",
                    message,
                )
                % {"n": message},
            )
        return values

    def _texts_name_people(self, days: int) -> str:
        return ngettext(
            "Texts may name the recipient, so they go no later than the numbers: give %(n)d day at most.",
            "Texts may name the recipient, so they go no later than the numbers: give %(n)d days at most.",
            days,
        ) % {"n": days}

    @property
    def as_confirmed(self) -> str:
        """What somebody agrees to who has read what is going to be deleted. For valid forms."""
        return ".".join(
            str(self.cleaned_data[name] or "") for name in ("text_days", "number_days", "message_days")
        )
