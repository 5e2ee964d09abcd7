"""The text of an action while it is written: what it measures, what forces Unicode, its tokens, and advice."""

from collections.abc import Sequence
from dataclasses import dataclass

from smsadmin.actions.fields import MOST_TEMPLATE, token_problem
from smsadmin.actions.offer import Offer
from smsadmin.actions.trying import Tried
from smsadmin.core import advice, errors, segments, tokens
from smsadmin.core.message import ActionConfig, Record, SendRequest, most_characters
from smsadmin.crm import records
from smsadmin.directory import book, country
from smsadmin.sending import explain
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
    """Everything the composer says of a text; `of` is the record it was filled in from, "" for none.

    The `range` is that of the `sampled` texts which the records `looked_at` would get.
    """

    measure: segments.Measure
    of: str
    problem: str
    used: Sequence[Used]
    forcing: Sequence[Forcing]
    range: advice.Range | None
    sampled: int
    looked_at: int
    advice: Sequence[str]

    limit: int  # the most characters that the number takes

    @property
    def over(self) -> int:
        return max(self.measure.characters - self.limit, 0)

    @property
    def marked(self) -> Sequence[Forcing]:
        """Those that are listed by themselves: what can be replaced before what cannot."""
        return sorted(self.forcing, key=lambda each: each.instead is None)[:MOST_MARKED]

    @property
    def unmarked(self) -> int:
        return max(len(self.forcing) - MOST_MARKED, 0)

    @property
    def replaceable(self) -> int:
        return sum(each.instead is not None for each in self.forcing)


def composed(
    workspace: Workspace,
    config: ActionConfig,
    offer: Offer,
    sender: str,
    sample: Sequence[Record],
    tried: Tried,
) -> Composed:
    """Measures the text as it would be sent to the record that is tried, and over a sample of others.

    `sender` is the number it would come from, in E.164, "" for one that is not known.
    """
    ruled = _under_aircalls_rules(workspace, sender)
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
        forcing=[] if config.encoding == "unicode" else _forcing(config.message),
        range=found,
        sampled=len(measures),
        looked_at=len(sample),
        advice=[
            *_of_number(workspace, config, sender),
            *_advice(workspace, config, ruled, body, _largest(measure, found), sample),
        ],
        limit=most_characters(ruled),
    )


def examples(sample: Sequence[Record], offer: Offer) -> dict[str, str]:
    """A value of each property as the sampled records have it, by the property's token."""
    by_object = {kind: records.examples(sample, kind) for kind in offer.catalogues}
    found = ((each.token, by_object[each.object_type].get(each.name, "")) for each in offer)
    return {token: value for token, value in found if value}


def with_replacements(template: str) -> str:
    """The template with a look-alike for every character that has one; the names of properties stay.

    One that is too long to be saved is left as it is.
    """
    if len(template) > MOST_TEMPLATE:
        return template
    try:
        return tokens.with_texts(template, _replaced)
    except tokens.TemplateError:
        return _replaced(template)


def with_fallbacks(template: str, rows: Sequence[tuple[str, str, str]]) -> str:
    """The template with the fallbacks that a table of its tokens asks for.

    A row is (token, "refuse" | "nothing" | "text", text). One whose token is not at its place any more is passed
    over: the text was changed meanwhile. One that asks for what the token says already leaves it as it is written.
    A template that is too long to be saved is left as it is.
    """
    if len(template) > MOST_TEMPLATE:
        return template
    for index, (raw, empty, instead) in enumerate(rows):
        try:
            found = tokens.tokens(template)
        except tokens.TemplateError:
            break
        if index < len(found) and found[index].raw == raw:
            wanted = {"nothing": "", "text": instead or None}.get(empty)
            if wanted != _in_one_line(found[index].fallback):
                template = tokens.with_fallback(template, index, wanted)
    return template


def _in_one_line(fallback: str | None) -> str | None:
    """A fallback as it comes back from a browser: an input has no line ends."""
    return None if fallback is None else fallback.replace("\n", "")


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
    text = _words(config.message)
    if config.encoding == "gsm":
        text = _replaced(text)
    return segments.measure(text, unicode=config.encoding == "unicode"), problem


def _words(template: str, *, fallbacks: bool = False) -> str:
    """The text without its tokens, or with their fallbacks."""
    try:
        parts = tokens.parse(template)
    except tokens.TemplateError:
        parts = (template,)
    words = [
        part if isinstance(part, str) else part.fallback or ""
        for part in parts
        if fallbacks or isinstance(part, str)
    ]
    return segments.normalise("".join(words))


def _largest(measure: segments.Measure, found: advice.Range | None) -> advice.Size:
    longest = found.longest if found else advice.Size(0, 0)
    return advice.Size(max(measure.characters, longest.characters), max(measure.segments, longest.segments))


def _under_aircalls_rules(workspace: Workspace, sender: str) -> str:
    """The sender, or "" where another provider carries what it sends."""
    number = book.of(workspace.pk).by_e164.get(sender)
    return "" if number and not country.is_aircalls(number) else sender


def _of_number(workspace: Workspace, config: ActionConfig, sender: str) -> list[str]:
    """What Aircall's rules for the number's country say."""
    number = book.of(workspace.pk).by_e164.get(sender)
    return country.advice(number, config.traffic) if number else []


def _advice(
    workspace: Workspace,
    config: ActionConfig,
    sender: str,
    body: str,
    size: advice.Size,
    sample: Sequence[Record],
) -> list[str]:
    if not body.strip():
        return []
    text = advice.Text(
        body=body,
        size=size,
        sender=sender,
        business_name=workspace.known_as,
        traffic=config.traffic,
        samples=[found for found in (_rendered(config.message, one) for one in sample) if found],
    )
    return [explain.said(advice.SENTENCES[each.code], each.facts) for each in advice.advise(text)]


def _rendered(template: str, record: Record) -> tokens.Rendered | None:
    try:
        return tokens.render(template, lambda kind, name: lookup(record, kind, name))
    except (tokens.TemplateError, tokens.TooLong):
        return None


def _used(template: str, offer: Offer, examples: dict[str, str]) -> list[Used]:
    try:
        found = tokens.tokens(template)
    except tokens.TemplateError:
        return []
    return [_one(token, offer, examples) for token in found]


def _one(token: tokens.Token, offer: Offer, examples: dict[str, str]) -> Used:
    path = f"{token.object}.{token.property}"
    known = offer.find(path)
    label = known.label if known else token.property
    example = examples.get(known.token, "") if known else ""
    empty = "refuse" if token.fallback is None else "text" if token.fallback else "nothing"
    return Used(token.raw, label, example, not offer.lacks(path), empty, token.fallback or "")


def _forcing(template: str) -> list[Forcing]:
    """Those of the text itself and of its fallbacks: what a record's value brings along cannot be replaced here."""
    found = segments.measure(_words(template, fallbacks=True)).forcing
    characters = dict.fromkeys(character for _place, character in found)
    return [Forcing(each, segments.describe(each), segments.replacement(each)) for each in characters]
