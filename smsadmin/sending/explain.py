"""What happened to a message, in the reader's language: sentences from the catalogue with the row's values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from smsadmin import phrases
from smsadmin.core import errors, numbers
from smsadmin.core.trace import SENTENCES, STEPS, Step, Verdict
from smsadmin.sending.models import Message

_NUMBERS = ("sender", "recipient", "subject")
_COUNTS = ("used", "limit", "left", "needed", "characters")
_WORDS = {
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
    """One step of the trace, ready to be shown."""

    name: str
    verdict: str
    sentence: str


def sentence(message: Message) -> str:
    """What stopped the message, with its values; "" when nothing did."""
    return _said(message.error.text, message.error_facts) if message.error else ""


def fix(message: Message) -> str:
    """What to do about it."""
    return _said(message.error.fix, message.error_facts) if message.error else ""


def trace(message: Message) -> list[Explained]:
    """Every step in its order: those taken with what they saw, then those that were not reached."""
    taken = [Step.from_json(stored) for stored in message.trace]
    explained = [Explained(_(STEPS[step.name]), step.verdict, _step(step)) for step in taken]
    seen = {step.name for step in taken}
    rest = [name for name in STEPS if name not in seen]
    return explained + [Explained(_(STEPS[name]), Verdict.NOT_REACHED, "") for name in rest]


def _step(step: Step) -> str:
    if step.verdict == Verdict.REFUSED:
        return _said(errors.CATALOGUE[step.say].text, step.facts)
    return _said(SENTENCES[step.say], step.facts)


def _said(text: str, facts: dict[str, Any]) -> str:
    return errors.fill(_(text), {name: _shown(name, value) for name, value in facts.items()})


def _shown(name: str, value: Any) -> str:
    """A value as people read it: numbers spaced, times in the viewer's zone, units and line types translated."""
    if name in _NUMBERS:
        return numbers.pretty(str(value))
    if name == "resets":
        return _moment(datetime.fromisoformat(value))
    if name in _COUNTS and isinstance(value, int):
        return formats.number_format(value, use_l10n=True, force_grouping=True)
    if name in ("reason", "answer"):
        return phrases.translated(str(value))
    words = _WORDS.get(name, {})
    return str(words.get(value, value))


def _moment(when: datetime) -> str:
    local = timezone.localtime(when)
    is_today = local.date() == timezone.localdate()
    return formats.date_format(local, "H:i" if is_today else pgettext("date and time", "j M, H:i"))
