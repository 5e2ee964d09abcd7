"""Forms of a number in proxy mode: the typed confirmation before its mode is changed, and one message from it."""

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from smsadmin.core import numbers
from smsadmin.core.message import MOST_CHARACTERS
from smsadmin.directory.models import Number
from smsadmin.trials.sending import new_token

#: Ours: Aircall documents no limit of how many addresses an MMS may have, nor of their size or kind.
MOST_MEDIA = 5
MOST_ADDRESS = 500

_LINES = re.compile(r"\s+")


class ConfirmForm(forms.Form):
    """Whoever changes the mode types the number: it takes texting away from people, or gives it back."""

    typed = forms.CharField(
        label=gettext_lazy("The number, to confirm"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel", "spellcheck": "false"}),
        error_messages={"required": gettext_lazy("Type the number.")},
    )

    def __init__(self, number: Number, data: Any = None) -> None:
        super().__init__(data)
        self.number = number
        self.fields["typed"].help_text = _("Type %(number)s.") % {"number": numbers.pretty(number.e164)}

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        if _digits(typed) != _digits(self.number.e164):
            raise ValidationError(_("This is not %(number)s.") % {"number": numbers.pretty(self.number.e164)})
        return typed


def _digits(written: str) -> str:
    """A number however it is spaced, its country code included."""
    return re.sub(r"\D", "", written).removeprefix("00")


class SendForm(forms.Form):
    """One message that somebody writes. `token` makes a double click one message."""

    recipient = forms.CharField(
        label=gettext_lazy("Recipient"),
        max_length=60,
        help_text=gettext_lazy("With + and the country code."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel"}),
        error_messages={"required": gettext_lazy("Say to whom it goes.")},
    )
    text = forms.CharField(
        label=gettext_lazy("Text"),
        max_length=MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": gettext_lazy("Write a text: a message of pictures alone is not sent.")},
    )
    addresses = forms.CharField(
        label=gettext_lazy("Pictures and files"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    token = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, initial={"token": new_token()})
        self.fields["addresses"].help_text = addresses_help()

    def clean_recipient(self) -> str:
        value: str = self.cleaned_data["recipient"]
        try:
            return numbers.read(value).e164
        except numbers.NumberError as error:
            raise ValidationError(
                _("“%(value)s” is not a phone number with its country code.") % {"value": error.raw}
            ) from error

    def clean_text(self) -> str:
        return as_written(self.cleaned_data["text"])

    def clean_addresses(self) -> tuple[str, ...]:
        return addresses(self.cleaned_data["addresses"])


def as_written(text: str) -> str:
    """A text that somebody wrote, as it is sent. Raises ValidationError where a token begins in it."""
    if "{{" in text:
        raise ValidationError(
            _("“{{” begins a token, and here there is no record to fill it in from. Write the value itself.")
        )
    return text


def addresses_help() -> str:
    return _(
        "Addresses that Aircall can open, one in each line, at most %(most)d. Each begins with https://."
    ) % {"most": MOST_MEDIA}


def addresses(text: str) -> tuple[str, ...]:
    """The addresses of pictures and files that somebody wrote, each once. Raises ValidationError."""
    found = tuple(dict.fromkeys(filter(None, _LINES.split(text))))
    if len(found) > MOST_MEDIA:
        raise ValidationError(
            ngettext(
                "At most %(most)d address is sent along.",
                "At most %(most)d addresses are sent along.",
                MOST_MEDIA,
            )
            % {"most": MOST_MEDIA}
        )
    for each in found:
        if not _is_address(each):
            raise ValidationError(
                _("“%(address)s” is no address that begins with https://.") % {"address": each[:100]}
            )
    return found


def _is_address(text: str) -> bool:
    """An https address without a user in it, whose host somebody else than us can reach by name."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    plain = parts.scheme == "https" and "@" not in parts.netloc and "." in (parts.hostname or "")
    return plain and text.isprintable() and len(text) <= MOST_ADDRESS
