"""The query of a call, read by Django's forms; what cannot be used is a Problem that names it and says what can."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest

from smsadmin.api.problems import bad_parameter


class Number(forms.IntegerField):
    """A whole number from `least` to `most`, `default` where none is given."""

    def __init__(self, least: int, most: int, default: int) -> None:
        super().__init__(required=False)
        self.default, words = default, f"Give a whole number from {least} to {most}."
        self.error_messages["invalid"] = words
        self.validators += [MinValueValidator(least, words), MaxValueValidator(most, words)]

    def clean(self, value: Any) -> int:
        found: int | None = super().clean(value)
        return self.default if found is None else found


class OneOf(forms.CharField):
    """One of these words, `default` where none is given."""

    def __init__(self, words: Iterable[str], default: str = "") -> None:
        super().__init__(required=False)
        self.words, self.default = list(words), default

    def clean(self, value: Any) -> str:
        text: str = super().clean(value) or self.default
        if text not in [*self.words, self.default]:
            raise ValidationError(f"Give {' or '.join(self.words)}.")
        return text


class Query(forms.Form):
    """The parameters of one address. Unknown ones, empty ones and a second value of one are refused: they would be
    left out in silence."""

    @classmethod
    def of(cls, request: HttpRequest) -> dict[str, Any]:
        """The values; raises the Problem (400) of the first that cannot be used."""
        form = cls(request.GET)
        for name in request.GET:
            if name not in form.fields:
                raise bad_parameter(name, request.GET[name], _unknown(name, list(form.fields)))
        for name, values in request.GET.lists():
            if len(values) > 1:
                raise bad_parameter(name, values[-1], f"{name} is there {len(values)} times. Give it once.")
            if not values[0]:
                raise bad_parameter(name, "", f"{name} is empty. Give a value, or leave it out.")
        for name, errors in form.errors.items():
            value = request.GET.get(name, "")
            raise bad_parameter(name, value, f"{name} is {_said(value)}. {' '.join(map(str, errors))}")
        return form.cleaned_data


def _unknown(name: str, known: list[str]) -> str:
    takes = f"It takes {', '.join(known)}." if known else "It takes none."
    return f"There is no parameter {name} here. {takes}"


def _said(value: str) -> str:
    return f"“{value}”" if value else "missing"
