"""A text beside its template: what the configuration asked the record for, and what of it went into the text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from smsadmin.core import numbers, segments, tokens
from smsadmin.core.message import ActionConfig, Record
from smsadmin.privacy.policies import policy_of
from smsadmin.sending import inputs
from smsadmin.sending.filters import TEST
from smsadmin.sending.models import Message
from smsadmin.sending.resolve import lookup

#: A run of text, and "filled" where a token stands or stood.
Piece = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Input:
    """One thing that the configuration asks the record for, and what became of it.

    `name` is how it is spelt there, `purpose` what for, "" for a token of the text. `had` is None where the record
    had no value, `used` None where nothing was; `is_known` says whether the record has such a property at all.
    """

    name: str
    purpose: str
    had: str | None
    used: str | None
    fell_back: bool = False
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class Text:
    """The template and the text in runs, with the filled-in ones marked; without marks where they cannot be told.

    The template is empty where it says no more than the text. `unkept` is why there are no `inputs`.
    """

    template: Sequence[Piece]
    body: Sequence[Piece]
    inputs: Sequence[Input]
    unkept: str = ""


def text(message: Message) -> Text:
    """What a message says, and what it was made of."""
    parts = _parsed(message.template)
    template = [(each, "") if isinstance(each, str) else (each.raw, "filled") for each in parts]
    if not message.inputs:
        return Text(template if _differs(message) else (), _plain(message.body), (), _unkept(message))
    record = inputs.record(message.inputs, message.object_type, message.object_id)
    rendered = _rendered(message.template, record)
    return Text(
        template=template if _differs(message) else (),
        body=_filled(parts, rendered, message.body) or _plain(message.body),
        inputs=[*_properties(message, record), *_tokens(rendered, record)],
    )


def _differs(message: Message) -> bool:
    return message.template != message.body


def _plain(body: str) -> list[Piece]:
    return [(body, "")] if body else []


def _parsed(template: str) -> Sequence[str | tokens.Token]:
    """The pieces of a template; one that cannot be read is all text."""
    try:
        return tokens.parse(template)
    except tokens.TemplateError:
        return (template,)


def _rendered(template: str, record: Record) -> tokens.Rendered | None:
    """The template filled in as it was then; None for one that cannot be read, or is too long to be."""
    try:
        return tokens.render(template, lambda kind, name: lookup(record, kind, name))
    except (tokens.TemplateError, tokens.TooLong):
        return None


# --- What was asked for ------------------------------------------------------------------------------------


def _properties(message: Message, record: Record) -> Iterator[Input]:
    """The properties that say who sends, as whom and to whom."""
    config = _config(message)
    if config is None:
        return
    asked = (
        (config.sender_property, _("Sender number"), numbers.pretty(message.sender)),
        (config.send_as_property, _("Send as"), message.send_as),
        (config.recipient_property, _("Recipient"), numbers.pretty(message.recipient)),
    )
    for path, purpose, used in asked:
        if path:
            had, is_known = _value(record, path)
            yield Input(path, purpose, had, used or None, is_known=is_known)


def _config(message: Message) -> ActionConfig | None:
    if message.version:
        return message.version.config()
    return inputs.config(message.inputs, message.template)


def _value(record: Record, path: str) -> tuple[str | None, bool]:
    """A property's value, None for an empty one, and whether the record has such a property."""
    first, dot, rest = path.partition(".")
    try:
        value = lookup(record, first, rest) if dot else lookup(record, tokens.ENROLLED, path)
    except LookupError:
        return None, False
    return (value or "").strip() or None, True


def _tokens(rendered: tokens.Rendered | None, record: Record) -> list[Input]:
    """The tokens of the text in its order, each spelling once."""
    if rendered is None:
        return []
    found = {
        **{each.token: Input(each.token.raw, "", None if each.fell_back else each.value, each.value, each.fell_back)
           for each in rendered.used},
        **{each: Input(each.raw, "", None, None) for each in rendered.missing},
        **{each: Input(each.raw, "", None, None, is_known=False) for each in rendered.unknown},
    }  # fmt: skip
    in_order = sorted(found, key=lambda token: token.start)
    return list({token.raw: found[token] for token in in_order}.values())


# --- Where it stands in the text -----------------------------------------------------------------------------


def _filled(
    parts: Sequence[str | tokens.Token], rendered: tokens.Rendered | None, body: str
) -> Sequence[Piece]:
    """The body in runs, those marked that tokens were filled in with; none where they do not make up the body.

    (They do not where two runs became one character, or where anything about the text was done otherwise then.)
    """
    if rendered is None or rendered.missing or rendered.unknown or not rendered.used:
        return ()
    values = iter(rendered.used)
    pieces = [(each, "") if isinstance(each, str) else (next(values).value, "filled") for each in parts]
    for as_sent in (_normalised, _replaced):
        found = _changed(pieces, as_sent)
        if "".join(run for run, _kind in found).rstrip() == body:
            return found
    return ()


def _changed(pieces: Sequence[Piece], change: Callable[[str], str]) -> list[Piece]:
    changed = [(change(run), kind) for run, kind in pieces]
    return [(run, kind) for run, kind in changed if run]


def _normalised(run: str) -> str:
    """A run of a text as it is sent; white space at its end is lost at the end of the whole text alone."""
    return segments.normalise(f"{run}.")[:-1]


def _replaced(run: str) -> str:
    """The same under the policy that keeps to GSM-7."""
    return _normalised(segments.to_gsm(_normalised(run)).text)


# --- What is not kept ------------------------------------------------------------------------------------------


def _unkept(message: Message) -> str:
    """Why the values are not on the row."""
    if not message.values_gone_at:
        return _("The values were not kept: the message was made by an earlier version of smsadmin.")
    if message.version.hide_values if message.version else message.trigger == TEST:
        return _("Its action has the text and the values deleted once a message is settled.")
    return _by_age(policy_of(message.workspace_id).text_days)


def _by_age(days: int | None) -> str:
    """Days are those that hold today; none do any more where that was changed."""
    if days is None:
        return _("The text and the values were deleted, as the workspace kept them for some days only.")
    words = ngettext(
        "The text and the values were deleted: the workspace keeps them for %(n)d day.",
        "The text and the values were deleted: the workspace keeps them for %(n)d days.",
        days,
    )
    return words % {"n": days}
