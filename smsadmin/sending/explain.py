"""What happened to a message, in the reader's language: sentences from the catalogue with the row's values."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils import formats, timezone
from django.utils.translation import get_language, gettext_lazy, gettext_noop, pgettext, pgettext_lazy
from django.utils.translation import gettext as _

from smsadmin import phrases
from smsadmin.core import countries, errors, numbers
from smsadmin.core.status import Status
from smsadmin.core.trace import SENTENCES, STEPS, Step, Verdict
from smsadmin.quotas.rulebook import UTC_ZONE
from smsadmin.sending import expected
from smsadmin.sending.expected import Expected
from smsadmin.sending.filters import AGENT
from smsadmin.sending.models import Message

_NUMBERS = ("sender", "recipient", "subject", "replaced")
_COUNTS = (
    *("used", "limit", "left", "kept", "needed", "ahead"),
    *("characters", "segments", "hour", "day", "month", "count", "of"),
)
_WORDS = {
    "source": {
        "": gettext_lazy("the chosen property"),
        "sender_number": gettext_lazy("the field for the number"),
        "send_as_user": gettext_lazy("the field for the user"),
    },
    "unit": {
        "messages": pgettext_lazy("quota", "messages"),
        "segments": pgettext_lazy("quota", "segments"),
    },
    "window": {
        "minute": pgettext_lazy("quota", "minute"),
        "hour": pgettext_lazy("quota", "hour"),
        "day": pgettext_lazy("quota", "day"),
        "month": pgettext_lazy("quota", "month"),
    },
    "kind": {
        "mobile": pgettext_lazy("line type", "mobile"),
        "fixed_line": pgettext_lazy("line type", "fixed line"),
        "fixed_line_or_mobile": pgettext_lazy("line type", "fixed line or mobile"),
        "toll_free": pgettext_lazy("line type", "toll-free number"),
        "premium_rate": pgettext_lazy("line type", "premium rate number"),
        "shared_cost": pgettext_lazy("line type", "shared cost number"),
        "voip": pgettext_lazy("line type", "internet telephone (VoIP)"),
        "personal_number": pgettext_lazy("line type", "personal number"),
        "pager": pgettext_lazy("line type", "pager"),
        "uan": pgettext_lazy("line type", "company number"),
        "voicemail": pgettext_lazy("line type", "voicemail"),
        "unknown": pgettext_lazy("line type", "unknown line type"),
    },
}


@dataclass(frozen=True, slots=True)
class Explained:
    """One step of the trace, ready to be shown; `step` is its name in core.trace.STEPS, `name` what it is called."""

    step: str
    name: str
    verdict: str
    sentence: str


_HELD_AFTER = gettext_noop("Held until after {resets}: very many messages wait before it")
_HELD_IN_VAIN = gettext_noop(
    "Held, but there will be no room before {expires}, as far as is known now; then it is given up"
)


#: What fixes it where an agent gives the values, and no record does.
_MISHEARD = gettext_lazy(
    "The agent may have misheard the number, or was not told its country code: what it is answered has it ask again."
)
_OF_AGENTS = {
    "RECIPIENT_MISSING": gettext_lazy(
        "Have the platform tell whom the agent talks with, or let the agent give the number: its attachment says which."
    ),
    "RECIPIENT_NO_COUNTRY_CODE": _MISHEARD,
    "RECIPIENT_NOT_E164": _MISHEARD,
    "RECIPIENT_IMPOSSIBLE": _MISHEARD,
    "TOKEN_UNRESOLVED": gettext_lazy(
        "Require the value of the agent in its attachment, always give the same there, or give the token a fallback."
    ),
}


def sentence(message: Message, expected: Expected | None = None) -> str:
    """What stopped the message, or why and until when it is held, with its values; "" when nothing did.

    `expected` is when a held message leaves (sending.expected); without it the sentence tells when its line is looked
    at.
    """
    if message.status == Status.HELD:
        return _held(message, expected)
    why = cause(message)
    if was_decided_not_sent(message):
        return _("Somebody found out that it had not gone out. What was known before: %(why)s") % {"why": why}
    return why


def sentences(messages: Iterable[Message]) -> list[tuple[Message, str]]:
    """Each message with what stopped it, or when it leaves where it is held: worked out once for all of them."""
    rows = list(messages)
    leaves = expected.of(rows, timezone.now())
    return [(row, sentence(row, leaves.get(row.pk))) for row in rows]


def _held(message: Message, expected: Expected | None) -> str:
    if expected and expected.is_in_vain:
        until = message.expires_at
        return said(_HELD_IN_VAIN, {"expires": until.isoformat()} if until else {})
    until, facts = message.next_attempt_at, message.error_facts
    if expected:
        until, facts = expected.at, expected.facts
    text = SENTENCES["quota.held_share" if facts.get("kept") else "quota.held"]
    if expected and expected.is_after:
        text = _HELD_AFTER
    return said(text, {**facts, **({"resets": until.isoformat()} if until else {})})


def cause(message: Message) -> str:
    """What stopped the message as the catalogue says it, whatever somebody found out since; "" when nothing did."""
    error, facts = message.error, message.error_facts
    return said(error.sentence(facts), facts) if error else ""


def was_decided_not_sent(message: Message) -> bool:
    """Whether nobody knew what became of it until a person found out that it had not gone out."""
    error = message.error
    return error is not None and error.status == Status.UNKNOWN and message.status == Status.FAILED


def fix(message: Message) -> str:
    """What to do about it."""
    if message.error is None:
        return ""
    if message.trigger == AGENT and message.error_code in _OF_AGENTS:
        return str(_OF_AGENTS[message.error_code])
    return said(message.error.fix, message.error_facts)


def trace(message: Message) -> list[Explained]:
    """The steps a message took, then those it did not reach."""
    return steps(Step.from_json(stored) for stored in message.trace)


def steps(taken: Iterable[Step]) -> list[Explained]:
    """The steps taken with what they saw, then those that come after the last of them.

    A step before it that is missing did not exist yet when the message was sent.
    """
    taken = list(taken)
    order = list(STEPS)
    rest = order[order.index(taken[-1].name) + 1 :] if taken else order
    unreached = [Step(name, Verdict.NOT_REACHED) for name in rest]
    return only(taken + unreached)


def only(taken: Iterable[Step]) -> list[Explained]:
    """These steps and no others."""
    return [Explained(step.name, _(STEPS[step.name]), step.verdict, _step(step)) for step in taken]


def _step(step: Step) -> str:
    if step.verdict == Verdict.NOT_REACHED:
        return ""
    if step.verdict == Verdict.REFUSED:
        return said(errors.CATALOGUE[step.say].sentence(step.facts), step.facts)
    return said(SENTENCES[step.say], step.facts)


def said_by(code: str, facts: dict[str, Any]) -> str:
    """The sentence of an error of the catalogue, with its values."""
    error = errors.CATALOGUE.get(code)
    return said(error.sentence(facts), facts) if error else code


def said(text: str, facts: dict[str, Any]) -> str:
    """A sentence of a catalogue in the reader's language, with its values as people read them."""
    shown: dict[str, object] = {name: _shown(name, value) for name, value in facts.items()}
    if "window" in shown and facts.get("zone", UTC_ZONE) != UTC_ZONE:
        shown["window"] = _("%(window)s (%(zone)s)") % shown
    return errors.fill(_(text), shown)


def _shown(name: str, value: Any) -> str:
    """A value as people read it: numbers spaced, times in the viewer's zone, units and line types translated."""
    if name in _NUMBERS:
        return numbers.pretty(str(value))
    if name in ("resets", "expires", "since"):
        return _moment(datetime.fromisoformat(value))
    if name == "last_day":
        return formats.date_format(date.fromisoformat(value))
    if name in _COUNTS and isinstance(value, int):
        return formats.number_format(value, use_l10n=True, force_grouping=True)
    if name == "country":
        return countries.name(str(value), get_language() or "en")
    if name in ("reason", "answer"):
        return phrases.translated(str(value))
    words = _WORDS.get(name, {})
    return str(words.get(value, value))


def _moment(when: datetime) -> str:
    local = timezone.localtime(when)
    is_today = local.date() == timezone.localdate()
    return formats.date_format(local, "H:i" if is_today else pgettext("date and time", "j M, H:i"))
