"""The query of a call, read by Django's forms; what cannot be used is a Problem that names it and says what can."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest

from smsadmin.api.problems import bad_parameter
from smsadmin.keyset import Keyset

#: Rows of one answer, by default and at most.
PAGE, MOST_ROWS = 100, 500


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


class Id(forms.CharField):
    """The id of something; 0 where none is given."""

    def __init__(self) -> None:
        super().__init__(required=False)

    def clean(self, value: Any) -> int:
        text: str = super().clean(value)
        if text and not is_id(text):
            raise ValidationError("Give the id, a whole number.")
        return int(text or 0)


class Moment(forms.CharField):
    """A moment with its offset from UTC; None where none is given."""

    def __init__(self) -> None:
        super().__init__(required=False)

    def clean(self, value: Any) -> datetime | None:
        text: str = super().clean(value).replace(" ", "+")  # in a query a bare + is a space
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
            if found.tzinfo and "T" in text:
                return found.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise ValidationError("Give a moment as 2026-11-22T10:00:00Z.")


class Cursor(forms.CharField):
    """Where the answer before ended: a place in this order of rows; "" for the first answer."""

    def __init__(self, order: Keyset[Any]) -> None:
        super().__init__(required=False)
        self.order = order

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if text and self.order.read(text) is None:
            raise ValidationError(FOLLOW)
        return text


class RowCursor(forms.CharField):
    """The same in a list by id that is read from memory: the id of its last row, 0 for the first answer."""

    def __init__(self) -> None:
        super().__init__(required=False)

    def clean(self, value: Any) -> int:
        text: str = super().clean(value)
        if text and not is_id(text):
            raise ValidationError(FOLLOW)
        return int(text or 0)


#: What is said of a cursor that is none of ours.
FOLLOW = "Follow the “next” of an answer as it is."


def is_id(text: str) -> bool:
    """Whether a text is the id of a row, as databases have them."""
    return text.isascii() and text.isdecimal() and len(text) < 19


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
