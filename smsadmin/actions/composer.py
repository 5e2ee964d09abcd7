"""The text of an action while it is written: what it measures, what forces Unicode, its tokens, and advice."""

from collections.abc import Sequence
from dataclasses import dataclass

from smsadmin.actions.fields import token_problem
from smsadmin.actions.offer import Offer
from smsadmin.actions.trying import Tried
from smsadmin.core import advice, errors, segments, tokens
from smsadmin.core.message import ActionConfig, Record, SendRequest
from smsadmin.crm import records
from smsadmin.directory import book
from smsadmin.directory.models import Number
from smsadmin.sending import explain
from smsadmin.sending.check import MOST_CHARACTERS
from smsadmin.sending.resolve import TEXT, Draft, lookup, run
from smsadmin.workspaces.models import Workspace

MOST_MARKED = 12  # characters that are listed by themselves


@dataclass(frozen=True, slots=True)
class Used:
    """A token of the text: what it stands for, and what is done when the record has no value.

    `empty` is "refuse", "nothing" (it is left out) or "text" (`instead` is written).
    """

    raw: str
    label: str
    example: str
    known: bool
    empty: str
    instead: str


@dataclass(frozen=True, slots=True)
class Forcing:
    """A character outside GSM-7, and the look-alike that would replace it (None: there is none)."""

    character: str
    code: str
    instead: str | None


@dataclass(frozen=True, slots=True)
class Composed:
    """Everything the composer says of a text; `of` is the record it was filled in from, "" for none."""

    measure: segments.Measure
    of: str
    problem: str
    used: Sequence[Used]
    forcing: Sequence[Forcing]
    range: advice.Range | None
    sampled: int
    advice: Sequence[str]

    @property
    def over(self) -> int:
        return max(self.measure.characters - MOST_CHARACTERS, 0)

    @property
    def replaceable(self) -> int:
        return sum(each.instead is not None for each in self.forcing)


def composed(
    workspace: Workspace,
    config: ActionConfig,
    offer: Offer,
    number: Number | None,
    sample: Sequence[Record],
    tried: Tried,
) -> Composed:
    """Measures the text as it would be sent to the record that is tried, and over a sample of others."""
    draft = _text(workspace, config, tried.record) if tried.record else None
    literal, problem = _literal(config)
    measure = draft.measure if draft and draft.measure else literal
    measures = [each.measure for each in (_text(workspace, config, one) for one in sample) if each.measure]
    found = advice.range_of(measures) if measures else None
    body = draft.body if draft and draft.measure else _words(config.message)
    return Composed(
        measure=measure,
        of=tried.title if draft and draft.measure else "",
        problem=problem,
        used=_used(config.message, offer, examples(sample, offer)),
        forcing=_forcing(config.message),
        range=found,
        sampled=len(measures),
        advice=_advice(workspace, config, number, body, _largest(measure, found), sample),
    )


def examples(sample: Sequence[Record], offer: Offer) -> dict[str, str]:
    """A value of each property as the sampled records have it, by the property's token."""
    by_object = {kind: records.examples(sample, kind) for kind in offer.catalogues}
    return {each.token: by_object[each.object_type].get(each.name, "") for each in offer}


def with_replacements(template: str) -> str:
    """The template with a look-alike for every character that has one; the names of properties stay."""
    try:
        return tokens.with_texts(template, _replaced)
    except tokens.TemplateError:
        return _replaced(template)


def with_fallbacks(template: str, rows: Sequence[tuple[str, str, str]]) -> str:
    """The template with the fallbacks that a table of its tokens asks for.

    A row is (token, "refuse" | "nothing" | "text", text). One whose token is not at its place any more is passed
    over: the text was changed meanwhile.
    """
    for index, (raw, empty, instead) in enumerate(rows):
        try:
            found = tokens.tokens(template)
        except tokens.TemplateError:
            break
        if index < len(found) and found[index].raw == raw:
            wanted = {"nothing": "", "text": instead or None}.get(empty)
            template = tokens.with_fallback(template, index, wanted)
    return template


def _replaced(text: str) -> str:
    return segments.to_gsm(text).text


def _text(workspace: Workspace, config: ActionConfig, record: Record) -> Draft:
    """The text as the send itself would make it; without a measure where it would be refused."""
    draft = Draft(SendRequest(workspace.pk, "preview", "", config, record), book.of(workspace.pk))
    try:
        run(draft, TEXT)
    except errors.SendError:
        draft.measure = None
    return draft


def _literal(config: ActionConfig) -> tuple[segments.Measure, str]:
    """The measure of the text without its tokens, and what is wrong with those."""
    problem = ""
    try:
        tokens.parse(config.message)
    except tokens.TemplateError as error:
        problem = token_problem(error)
    return segments.measure(_words(config.message), unicode=config.encoding == "unicode"), problem


def _words(template: str) -> str:
    """The text without its tokens."""
    try:
        parts = tokens.parse(template)
    except tokens.TemplateError:
        parts = (template,)
    return segments.normalise("".join(part for part in parts if isinstance(part, str)))


def _largest(measure: segments.Measure, found: advice.Range | None) -> advice.Size:
    longest = found.longest if found else advice.Size(0, 0)
    return advice.Size(max(measure.characters, longest.characters), max(measure.segments, longest.segments))


def _advice(
    workspace: Workspace,
    config: ActionConfig,
    number: Number | None,
    body: str,
    size: advice.Size,
    sample: Sequence[Record],
) -> list[str]:
    if not body.strip():
        return []
    text = advice.Text(
        body=body,
        size=size,
        sender=number.e164 if number else "",
        business_name=workspace.known_as,
        traffic=config.traffic,
        samples=[found for found in (_rendered(config.message, one) for one in sample) if found],
    )
    return [explain.said(advice.SENTENCES[each.code], each.facts) for each in advice.advise(text)]


def _rendered(template: str, record: Record) -> tokens.Rendered | None:
    try:
        return tokens.render(template, lambda kind, name: lookup(record, kind, name))
    except tokens.TemplateError:
        return None


def _used(template: str, offer: Offer, examples: dict[str, str]) -> list[Used]:
    try:
        found = tokens.tokens(template)
    except tokens.TemplateError:
        return []
    return [_one(token, offer, examples) for token in found]


def _one(token: tokens.Token, offer: Offer, examples: dict[str, str]) -> Used:
    known = offer.find(f"{token.object}.{token.property}")
    label = known.label if known else token.property
    example = examples.get(known.token, "") if known else ""
    empty = "refuse" if token.fallback is None else "text" if token.fallback else "nothing"
    is_known = known is not None or not offer.is_complete
    return Used(token.raw, label, example, is_known, empty, token.fallback or "")


def _forcing(template: str) -> list[Forcing]:
    """Those of the text itself: what a record's value brings along cannot be replaced here."""
    found = segments.measure(_words(template)).forcing
    characters = list(dict.fromkeys(character for _place, character in found))
    return [
        Forcing(each, segments.describe(each), segments.replacement(each))
        for each in characters[:MOST_MARKED]
    ]
