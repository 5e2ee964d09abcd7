"""Flows in words: what is wrong with a text, how its branches hang together, what starts a flow, and how a run went."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from smsadmin.api.models import Key, KeyScope
from smsadmin.core import errors, numbers
from smsadmin.dashboard.templatetags.ui import Badge
from smsadmin.directory import book
from smsadmin.directory.book import Book
from smsadmin.directory.models import Number
from smsadmin.flows import diagram
from smsadmin.flows.forms import REASONS
from smsadmin.flows.language import document
from smsadmin.flows.language.document import Branch, Document, Step
from smsadmin.flows.language.problems import KINDS, Problem, fix_of
from smsadmin.flows.language.starters import STARTERS
from smsadmin.flows.models import Flow, FlowRun, Start
from smsadmin.sending import explain

#: What begins each of the special branches.
BEGUN_BY: dict[str, str | Promise] = {
    "inbound-call": gettext_lazy("begun by a missed call, Callr or the API"),
    "inbound-sms": gettext_lazy("begun by a text to our number, Callr or the API"),
    "api-initiated": gettext_lazy("begun by the API or Callr"),
    document.HANGUP: gettext_lazy("after every inbound call"),
}

#: The branch that each kind of start begins.
BRANCH_OF: dict[str, str] = {
    Start.Kind.MISSED_CALL: "inbound-call",
    Start.Kind.INBOUND_SMS: "inbound-sms",
}

STATES: dict[str, Badge] = {
    FlowRun.State.WAITING: Badge(FlowRun.State.WAITING.label, "clock", "waiting"),
    FlowRun.State.RUNNING: Badge(FlowRun.State.RUNNING.label, "refresh", "active"),
    FlowRun.State.DONE: Badge(FlowRun.State.DONE.label, "check", "good"),
    FlowRun.State.FAILED: Badge(FlowRun.State.FAILED.label, "x", "bad"),
}


# --- A text and what is wrong with it -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """One problem in the reader's language."""

    line: int
    column: int
    sentence: str
    fix: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One line of a text with what is wrong in it."""

    number: int
    text: str
    problems: Sequence[Shown] = ()

    @property
    def worst(self) -> str:
        return "error" if any(problem.is_error for problem in self.problems) else "warning"


@dataclass(frozen=True, slots=True)
class WayOut:
    """One way from a branch to another; without a condition it is always taken."""

    target: str
    condition: str


@dataclass(frozen=True, slots=True)
class BranchShown:
    """One branch in words; `started_by` says what begins it, "" where only other branches lead to it."""

    name: str
    line: int
    note: str
    started_by: str
    is_reached: bool
    ways: Sequence[WayOut]


@dataclass(frozen=True, slots=True)
class Checked:
    """A text as its page shows it. Branches are there only for one without errors."""

    source: str
    document: Document | None
    problems: Sequence[Shown]
    branches: Sequence[BranchShown] = ()
    drawing: diagram.Diagram | None = None

    @property
    def errors(self) -> Sequence[Shown]:
        return [problem for problem in self.problems if problem.is_error]

    @property
    def lines(self) -> Sequence[SourceLine]:
        """The text by line, as far as a flow may go."""
        found: dict[int, list[Shown]] = defaultdict(list)
        for problem in self.problems:
            found[problem.line].append(problem)
        texts = self.source[: document.MOST_CHARACTERS].split("\n")
        if len(texts) > 1 and not texts[-1]:
            texts.pop()
        return [SourceLine(number, text, found[number]) for number, text in enumerate(texts, 1)]


def checked(source: str) -> Checked:
    """What is wrong with a text, in the reader's language, and how its branches hang together."""
    result = document.check(source)
    problems = [_shown(problem) for problem in result.problems]
    if result.document is None:
        return Checked(source, None, problems)
    branches = _branches(result.document)
    return Checked(source, result.document, problems, branches, _drawn(branches))


def said(code_text: str, facts: Any) -> str:
    """A sentence of the language's catalogue in the reader's language, with its values."""
    return errors.fill(_(code_text), dict(facts))


def _shown(problem: Problem) -> Shown:
    return Shown(
        line=problem.line,
        column=problem.column,
        sentence=said(problem.say, problem.facts),
        fix=said(problem.fix, problem.facts),
        is_error=problem.severity == "error",
    )


def _branches(found: Document) -> list[BranchShown]:
    ways: dict[str, list[WayOut]] = defaultdict(list)
    for edge in found.edges():
        ways[edge.source].append(WayOut(edge.target, edge.condition))
    reached = _reached([*found.starts, document.HANGUP], ways)
    return [
        BranchShown(
            name=name,
            line=branch.line,
            note=_size(branch),
            started_by=str(BEGUN_BY.get(name, "")),
            is_reached=name in reached,
            ways=ways[name],
        )
        for name, branch in found.branches.items()
    ]


def _reached(begins: Iterable[str], ways: dict[str, list[WayOut]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(begins)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [way.target for way in ways[name]]
    return reached


def _drawn(branches: Sequence[BranchShown]) -> diagram.Diagram | None:
    conditions: dict[tuple[str, str], list[str]] = defaultdict(list)
    for branch in branches:
        for way in branch.ways:
            conditions[branch.name, way.target].append(way.condition)
    return diagram.drawn(
        {branch.name: branch.note for branch in branches},
        [branch.name for branch in branches if branch.started_by],
        [diagram.Way(source, target, tuple(found)) for (source, target), found in conditions.items()],
    )


def steps_of(branch: Branch) -> Iterable[Step]:
    """Every step of a branch, those inside others too."""
    waiting = list(branch.steps)
    while waiting:
        step = waiting.pop(0)
        yield step
        waiting[:0] = [*step.then, *(inner for steps in step.events.values() for inner in steps)]


def _size(branch: Branch) -> str:
    steps = list(steps_of(branch))
    texts = sum(step.action.startswith("sms@") for step in steps)
    count = ngettext("%(n)d step", "%(n)d steps", len(steps)) % {"n": len(steps)}
    if not texts:
        return count
    return f"{count} · " + ngettext("%(n)d text", "%(n)d texts", texts) % {"n": texts}


# --- Flows ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StarterShown:
    """A template to begin with, in the reader's language."""

    key: str
    name: str
    description: str
    source: str


def starters() -> list[StarterShown]:
    return [StarterShown(each.key, _(each.name), _(each.description), each.source) for each in STARTERS]


def state_of(flow: Flow) -> str:
    """ "on", "off" or "archived"."""
    if flow.archived_at:
        return "archived"
    return "on" if flow.enabled else "off"


def start_words(start: Start) -> str:
    """What starts a flow, as in "A missed call to Sales US, outside these hours: nobody answered"."""
    number = start.number.name or numbers.pretty(start.number.e164) if start.number else ""
    if start.kind == Start.Kind.INBOUND_SMS:
        return _("A text to %(number)s") % {"number": number} if number else _("A text to any of our numbers")
    words = (
        _("A missed call to %(number)s") % {"number": number}
        if number
        else _("A missed call to any of our numbers")
    )
    if start.hours == Start.Hours.INSIDE:
        words = _("%(start)s, within opening hours") % {"start": words}
    elif start.hours == Start.Hours.OUTSIDE:
        words = _("%(start)s, outside opening hours") % {"start": words}
    reasons = [str(REASONS.get(reason, reason)) for reason in start.reasons]
    return f"{words} ({' · '.join(reasons)})" if reasons else words


def carrier_words(flow: Flow) -> str:
    """What carries a text whose step names no number."""
    if flow.connection:
        return _("%(account)s, which picks the sender") % {"account": flow.connection.name}
    if flow.sender:
        return f"{flow.sender.name} ({numbers.pretty(flow.sender.e164)})"
    if flow.from_called:
        return _("the number that was called or texted")
    return _("nothing: such texts are refused")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a flow from being switched on, and where that is changed."""

    sentence: str
    url: str
    link: str


def obstacles(flow: Flow, current: Checked, starts: Sequence[Start]) -> list[Obstacle]:
    """What keeps a flow from being switched on: errors in its text, texts that nothing could carry, and nothing that
    would start it."""
    settings = reverse("flow-settings", args=[flow.pk])
    found = []
    if current.errors:
        found.append(Obstacle(_("Its saved text has errors."), "#problems-title", _("See them")))
    elif current.document:
        for kind in {start.kind: None for start in starts}:
            if (branch := BRANCH_OF[kind]) not in current.document.branches:
                words = _("%(start)s begins the branch %(branch)s, which the saved text does not have.")
                told = {"start": Start.Kind(kind).label, "branch": branch}
                found.append(Obstacle(words % told, settings + "#starts", _("Change what starts it")))
        if (step := _nameless(current.document)) and (why := _why_no_sender(flow, starts)):
            words = _("The text in line %(line)d names no sender, and nothing could carry it: %(why)s")
            told = {"line": step.line, "why": why}
            found.append(Obstacle(words % told, settings + "#sends", _("Choose what sends it")))
    if not starts and not _has_key(flow):
        words = _("Nothing can start it: no call or text does, and no API key may.")
        found.append(Obstacle(words, settings + "#starts", _("Say what starts it")))
    return found


def _nameless(found: Document) -> Step | None:
    """The first text that names no sender."""
    steps = (step for branch in found.branches.values() for step in steps_of(branch))
    return next(
        (step for step in steps if step.action.startswith("sms@") and not step.params.get("from")), None
    )


def _why_no_sender(flow: Flow, starts: Sequence[Start]) -> str:
    """Why no text without a sender could leave, "" where one can: sending.resolve finds it for each text."""
    directory = book.of(flow.workspace_id)
    if flow.answers_from_called:
        if directory.only_pool or any(number.is_eligible for number in _called(flow, starts, directory)):
            return ""
        return _("none of our numbers that can be called or texted may send texts.")
    if flow.connection_id in directory.pools:
        return ""
    chosen = directory.numbers.get(flow.sender_id or 0)
    if chosen is None:
        return _("the settings say that such texts are refused.")
    return "" if chosen.is_eligible else _("%(number)s may not send texts.") % {"number": chosen.name}


def _called(flow: Flow, starts: Sequence[Start], directory: Book) -> Iterable[Number]:
    """The numbers that its calls and texts may be to: any of ours, unless all that starts it names one."""
    named = [directory.numbers.get(start.number_id or 0) for start in starts]
    if not named or None in named or _has_key(flow):
        return directory.by_e164.values()
    return [number for number in named if number]


def _has_key(flow: Flow) -> bool:
    keys = Key.objects.filter(workspace=flow.workspace_id, revoked_at=None).values_list("scopes", flat=True)
    return any(KeyScope.FLOWS in scopes for scopes in keys)


# --- Runs -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of a list, as its reader may see it."""

    run: FlowRun
    look: Badge
    problem: str


def run_rows(runs: Iterable[FlowRun]) -> list[RunRow]:
    """The runs as their lists show them."""
    return [RunRow(run, STATES[run.state], problem_words(run.error)[0]) for run in runs]


def problem_words(found: Mapping[str, Any]) -> tuple[str, str]:
    """What went wrong and what to do about it, in the reader's language; two empty texts for nothing."""
    code, facts = str(found.get("code") or ""), found.get("facts") or {}
    if code in KINDS:
        return said(KINDS[code].say, facts), said(fix_of(code, facts), facts)
    if error := errors.CATALOGUE.get(code):
        return explain.said(error.sentence(facts), facts), explain.said(error.fix, facts)
    return code, ""


def cause_words(run: FlowRun) -> str:
    """What started a run, as a heading says it."""
    if run.cause == FlowRun.Cause.SAMPLE:
        return _("Dry run with a sample call") if run.dry else _("Run with a sample call")
    return str(FlowRun.Cause(run.cause).label)
