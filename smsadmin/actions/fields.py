"""The inputs that only an action's form has: a property of the record, and a message with tokens."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.core import segments, tokens
from smsadmin.core.message import MOST_CHARACTERS

#: Characters of a message with its tokens and their fallbacks, which count as what they insert when it is sent.
MOST_TEMPLATE = 10_000

TOKEN_PROBLEMS: dict[str, str | Promise] = {
    "unclosed": gettext_lazy("“%(piece)s” at character %(at)d is never closed: add “}}” after the name."),
    "empty": gettext_lazy(
        "“%(piece)s” at character %(at)d names nothing: write a property, as in {{Contact.FirstName}}."
    ),
    "name": gettext_lazy(
        "“%(piece)s” at character %(at)d is not a property: write object and property, as in {{Contact.FirstName}}."
    ),
    "filter": gettext_lazy(
        "“%(piece)s” at character %(at)d uses an unknown filter: only default is known, "
        'as in {{Contact.FirstName | default("there")}}.'
    ),
    "fallback": gettext_lazy(
        "“%(piece)s” at character %(at)d has an unreadable fallback: put it in brackets and straight quotes, "
        'as in {{Contact.FirstName | default("there")}}.'
    ),
}


def token_problem(error: tokens.TemplateError) -> str:
    """What is wrong with a template, in the reader's language."""
    return str(TOKEN_PROBLEMS[error.problem]) % {"piece": error.piece, "at": error.position + 1}


def property_path(value: str) -> str:
    """A property as tokens name it, braces forgiven: "Contact.Phone". Raises ValidationError."""
    bare = value.strip().removeprefix("{{").removesuffix("}}").strip()
    try:
        (token,) = tokens.parse("{{" + bare + "}}")
    except (tokens.TemplateError, ValueError):
        token = ""
    if not isinstance(token, tokens.Token) or token.fallback is not None:
        raise ValidationError(
            _("“%(value)s” is not the name of a property: write it as in Contact.phone.") % {"value": value}
        )
    return bare


def with_sent_line_ends(typed: str | None) -> str:
    """A text as browsers post it, with line ends as they are sent."""
    return (typed or "").replace("\r\n", "\n")


class PropertyField(forms.CharField):
    """Names a property of the record, or of its contact."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=100, **options)

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        return property_path(text) if text else ""


class MessageField(forms.CharField):
    """The template of a message, with line ends as they are sent."""

    widget = forms.Textarea(attrs={"rows": 6, "data-composer": "", "spellcheck": "true"})

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, **options)

    def to_python(self, value: Any) -> str:
        return with_sent_line_ends(super().to_python(value))

    def validate(self, value: str) -> None:
        if len(value) > MOST_TEMPLATE:
            raise ValidationError(
                _("The message has %(count)s characters with its tokens and fallbacks; cut it to %(most)s.")
                % {
                    "count": number_format(len(value), force_grouping=True),
                    "most": number_format(MOST_TEMPLATE, force_grouping=True),
                }
            )
        if not segments.normalise(value).strip():
            raise ValidationError(_("Write the message: this one is empty."))
        try:
            parts = tokens.parse(value)
        except tokens.TemplateError as error:
            raise ValidationError(token_problem(error)) from error
        literal = segments.normalise("".join(part for part in parts if isinstance(part, str)))
        if (over := len(literal) - MOST_CHARACTERS) > 0:
            raise ValidationError(
                _(
                    "The text has %(count)s characters before its tokens are filled in; cut %(over)s to %(most)s."
                )
                % {
                    "count": number_format(len(literal), force_grouping=True),
                    "most": number_format(MOST_CHARACTERS, force_grouping=True),
                    "over": number_format(over, force_grouping=True),
                }
            )
