"""Forms of the pages of opt-outs."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from smsadmin.consent import importing
from smsadmin.consent.importing import Wrong
from smsadmin.consent.models import Policy
from smsadmin.consent.words import Kind, plain
from smsadmin.core import numbers, tokens
from smsadmin.core.keywords import LANGUAGES
from smsadmin.sending.filters import PhoneField

LANGUAGE_NAMES = {
    "en": gettext_lazy("English"),
    "de": gettext_lazy("German"),
    "fr": gettext_lazy("French"),
    "es": gettext_lazy("Spanish"),
    "it": gettext_lazy("Italian"),
    "nl": gettext_lazy("Dutch"),
    "pt": gettext_lazy("Portuguese"),
}
WHY_UNREADABLE = {
    "no_country_code": gettext_lazy("it has no country code: write + and the code, as in +33612345678"),
    "extension": gettext_lazy("it has an extension"),
    "too_short": gettext_lazy("it has too few digits"),
    "too_long": gettext_lazy("it has too many digits"),
    "impossible": gettext_lazy("its country has no numbers of this length"),
}
NOT_A_NUMBER = gettext_lazy("it is not a phone number")
#: How HubSpot names properties.
_PROPERTY = re.compile(r"[a-z][a-z0-9_]*")
_MOST_WORDS, _LONGEST_WORD = 50, 40
#: Wrong lines that are listed.
MOST_WRONG = 50


def unreadable(reason: str) -> str:
    return str(WHY_UNREADABLE.get(reason, NOT_A_NUMBER))


class WordsField(forms.CharField):
    """Words of their own, one a line; cleaned to a list."""

    widget = forms.Textarea(attrs={"rows": 2})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        words = [line.strip() for line in (super().clean(value) or "").splitlines() if line.strip()]
        if len(words) > _MOST_WORDS or any(len(each) > _LONGEST_WORD for each in words):
            raise ValidationError(
                _("Give at most %(most)d words of at most %(longest)d characters each, one a line.")
                % {"most": _MOST_WORDS, "longest": _LONGEST_WORD}
            )
        if wordless := next((each for each in words if not plain(each)), ""):
            raise ValidationError(_("“%(word)s” has neither letters nor digits.") % {"word": wordless})
        return list(dict.fromkeys(words))


class PolicyForm(forms.ModelForm):
    """What a workspace does about opt-outs."""

    languages = forms.MultipleChoiceField(
        label=gettext_lazy("Languages whose words count"),
        choices=[(code, LANGUAGE_NAMES[code]) for code in LANGUAGES],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    own_stop = WordsField(label=gettext_lazy("More words to opt out"), required=False)
    own_start = WordsField(label=gettext_lazy("More words to come back"), required=False)
    own_help = WordsField(
        label=gettext_lazy("More words to ask for help"),
        required=False,
        help_text=gettext_lazy("One a line. Each counts where it is the whole text."),
    )

    class Meta:
        model = Policy
        fields = [
            *("kept_by", "hubspot_property", "writes_back", "languages", "doubtful_words"),
            *("own_stop", "own_start", "own_help", "stop_answer", "start_answer", "help_answer"),
        ]
        widgets = {
            "kept_by": forms.RadioSelect,
            **dict.fromkeys(
                ("stop_answer", "start_answer", "help_answer"), forms.Textarea(attrs={"rows": 2})
            ),
        }
        labels = {
            "kept_by": gettext_lazy("Who keeps opt-outs"),
            "hubspot_property": gettext_lazy("Contact property in HubSpot"),
            "writes_back": gettext_lazy("Set the property when somebody opts out here, unset it on START"),
            "doubtful_words": gettext_lazy("Words that are ordinary answers too count"),
            "stop_answer": gettext_lazy("Answer to STOP"),
            "start_answer": gettext_lazy("Answer to START"),
            "help_answer": gettext_lazy("Answer to HELP"),
        }
        help_texts = {
            "hubspot_property": gettext_lazy(
                "Its internal name. It is read of the record, else of its contact, before each text. Empty: none is."
            ),
            "doubtful_words": gettext_lazy(
                "“Cancel”, “end”, “quit”, and “yes” of somebody who is out. Without this they wait under “To review”. "
                "Leave it off where your texts ask questions."
            ),
            "stop_answer": gettext_lazy(
                "One text that says it is done, without advertising. Empty: none is sent."
            ),
            "start_answer": gettext_lazy("Sent once somebody is back. Empty: none is sent."),
            "help_answer": gettext_lazy(
                "Who you are and how to opt out; at most one an hour to the same number. Empty: none is sent."
            ),
        }

    def clean_hubspot_property(self) -> str:
        name: str = self.cleaned_data["hubspot_property"].strip()
        if name and not _PROPERTY.fullmatch(name):
            raise ValidationError(
                _("“%(name)s” is not an internal name: small letters, digits and _, a letter first.")
                % {"name": name}
            )
        return name

    def clean_stop_answer(self) -> str:
        return self._answer("stop_answer")

    def clean_start_answer(self) -> str:
        return self._answer("start_answer")

    def clean_help_answer(self) -> str:
        return self._answer("help_answer")

    def _answer(self, field: str) -> str:
        """These go to people without a record, so nothing could fill a token."""
        text: str = self.cleaned_data[field]
        try:
            has_tokens = bool(tokens.tokens(text))
        except tokens.TemplateError:
            has_tokens = True
        if has_tokens:
            raise ValidationError(_("This text cannot have tokens: write it as it is to be sent."))
        return text

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("kept_by") == Policy.KeptBy.HUBSPOT and values.get("hubspot_property") == "":
            self.add_error("hubspot_property", _("Name the property that is to be read."))
        if values.get("kept_by") == Policy.KeptBy.HERE and not (
            values.get("languages") or values.get("own_stop")
        ):
            self.add_error("languages", _("Choose a language, or nobody could opt out by a text."))
        self._check_own(values)
        return values

    def _check_own(self, values: dict[str, Any]) -> None:
        """A word of two meanings would have one of them by chance."""
        seen: dict[str, str] = {}
        for kind in Kind:
            for word in values.get(f"own_{kind}") or []:
                if seen.setdefault(plain(word), kind) != kind:
                    self.add_error(f"own_{kind}", _("“%(word)s” stands above already.") % {"word": word})


class SearchForm(forms.Form):
    """Which numbers are listed; `countries` are tried where a number is typed without its country code."""

    q = PhoneField(
        label=gettext_lazy("Number"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        required=False,
        choices=[
            ("", gettext_lazy("Any state")),
            ("out", gettext_lazy("Opted out")),
            ("in", gettext_lazy("Back in")),
        ],
    )

    def __init__(self, data: Any, countries: Callable[[], Iterable[str]]) -> None:
        super().__init__(data)
        field = self.fields["q"]
        assert isinstance(field, PhoneField)
        field.countries = countries


def _reason(help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Why"),
        max_length=200,
        help_text=help_text,
        error_messages={"required": gettext_lazy("Say why: it stays in the history of the number.")},
    )


class AddForm(forms.Form):
    """A number that is to be texted no more."""

    number = forms.CharField(
        label=gettext_lazy("Number"),
        max_length=40,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
        help_text=gettext_lazy("With + and the country code, for example +33 6 12 34 56 78."),
        error_messages={"required": gettext_lazy("Give the phone number.")},
    )
    reason = _reason(gettext_lazy("For example: asked on the phone. It stays in the history of the number."))

    def clean_number(self) -> str:
        """E.164."""
        value = self.cleaned_data["number"]
        try:
            return numbers.read(value).e164
        except numbers.NumberError as error:
            raise ValidationError(
                _("“%(value)s” cannot be read: %(why)s.") % {"value": value, "why": unreadable(error.reason)}
            ) from error


class ReasonForm(forms.Form):
    """Why a number is to be texted again, or no more."""

    reason = _reason(gettext_lazy("It stays in the history of the number."))


class ImportForm(forms.Form):
    """A CSV file, or its lines typed in. `wrong` are the lines that keep it from being imported."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        required=False,
        allow_empty_file=True,
        help_text=gettext_lazy(
            "The first column has the numbers, with + and country code. At most 5,000 lines."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain"}),
    )
    lines = forms.CharField(
        label=gettext_lazy("Or numbers, one a line"),
        required=False,
        max_length=importing.MOST_BYTES,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    reason = _reason(gettext_lazy("Where the numbers come from. It stays in the history of each of them."))

    wrong: tuple[Wrong, ...] = ()
    numbers: tuple[str, ...] = ()

    def clean_file(self) -> str:
        given = self.cleaned_data["file"]
        if not given:
            return ""
        if given.size > importing.MOST_BYTES:
            raise ValidationError(_("The file has more than 1 MB: split it."))
        try:
            return str(given.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise ValidationError(_("The file is not in UTF-8: save it as “CSV UTF-8”.")) from None

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if self.errors:
            return values
        text = values["file"] or values["lines"]
        field = "file" if values["file"] else "lines"
        try:
            self._read(text, field)
        except importing.UnreadableError as error:
            broken = _(
                "From line %(line)d on it cannot be read: is a quotation mark opened there and never closed?"
            )
            self.add_error(field, broken % {"line": error.line})
        return values

    def _read(self, text: str, field: str) -> None:
        """Raises importing.UnreadableError."""
        if importing.lines(text) > importing.MOST_LINES:
            self.add_error(field, _("There are more than 5,000 lines: split them."))
            return
        found = importing.read(text)
        if not (found.numbers or found.wrong):
            self.add_error("file", _("There is no number: choose a file, or type numbers below."))
        elif found.wrong:
            self.wrong = found.wrong
            self.add_error(field, _wrong_lines(len(found.wrong)))
        self.numbers = found.numbers


def _wrong_lines(count: int) -> str:
    return ngettext(
        "%(n)d line cannot be read, so nothing was imported. Correct it and try again.",
        "%(n)d lines cannot be read, so nothing was imported. Correct them and try again.",
        count,
    ) % {"n": count}
