"""What a notice says: in words for people, as data for programs. How it gets there is not known here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from smsadmin.core import errors
from smsadmin.failures.forms import MONTH
from smsadmin.failures.groups import anchor
from smsadmin.notices import limit_words, sunset_words, webhook_words
from smsadmin.notices.models import Notice, NoticeRule
from smsadmin.sending import explain
from smsadmin.sending.presenters import WHOSE

OF_LIMITS = (Notice.Kind.QUOTA, Notice.Kind.QUOTA_FORECAST, Notice.Kind.QUOTA_MORE)


@dataclass(frozen=True, slots=True)
class Told:
    """A notice in words. `path` leads to what it is about; `lines` say the rest, each with what it is.

    `data` is what a program gets: stable codes beside the sentence.
    """

    id: str
    type: str
    at: datetime
    workspace: str
    sentence: str
    path: str
    lines: tuple[tuple[str, str], ...] = ()
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The same from outside."""
        return settings.BASE_URL + self.path

    @property
    def payload(self) -> dict[str, Any]:
        """What a program is told of it."""
        return {"workspace": self.workspace, "sentence": self.sentence, "url": self.url, **self.data}


def told(notice: Notice) -> Told:
    """The notice in the language and zone in force."""
    facts = notice.facts
    if notice.kind == Notice.Kind.SAMPLE:
        return _told(notice, _sample(facts), reverse("notice-rules"), [], {"rule": facts["rule"]})
    if notice.kind in OF_LIMITS:
        lines = limit_words.lines(facts, timezone.now())
        return _told(
            notice, limit_words.sentence(facts), limit_words.path(facts), lines, limit_words.data(facts)
        )
    if notice.kind == Notice.Kind.CLASSIC_SUNSET:
        return _told(
            notice,
            sunset_words.sentence(facts),
            sunset_words.path(),
            sunset_words.lines(facts),
            sunset_words.data(facts),
        )
    if notice.kind == Notice.Kind.WEBHOOK_PAUSED:
        return _told(
            notice,
            webhook_words.sentence(facts),
            webhook_words.path(facts),
            webhook_words.lines(facts),
            webhook_words.data(facts),
        )
    mends, whose = fix(facts), _whose(facts)
    lines = [
        (_("How many"), _how_many(facts)),
        (_("The most frequent cause"), why(facts) if notice.kind == Notice.Kind.RATE else ""),
        (_("Whose"), whose),
        (_("What fixes it"), mends),
    ]
    sentence = _SENTENCES[Notice.Kind(notice.kind)](facts)
    return _told(notice, sentence, path(facts), lines, _data(facts, whose=whose, fix=mends))


def _told(
    notice: Notice, sentence: str, path: str, lines: list[tuple[str, str]], data: dict[str, Any]
) -> Told:
    """Without the lines that say nothing; which rule told it is the last one, but of a sample, which names it."""
    rule = "" if notice.kind == Notice.Kind.SAMPLE else notice.facts.get("rule", "")
    return Told(
        id=str(notice.pk),
        type=notice.kind,
        at=notice.at,
        workspace=notice.workspace.name,
        sentence=sentence,
        path=path,
        lines=tuple((name, words) for name, words in [*lines, (_("Rule"), rule)] if words),
        data=data,
    )


def _sample(facts: dict[str, Any]) -> str:
    """What a rule sends to show that its way is open. Nothing has happened."""
    rule = {"rule": facts["rule"]}
    if facts.get("when") == NoticeRule.When.QUOTA:
        return _("This is a sample: no limit is near. Notices of the rule “%(rule)s” arrive here.") % rule
    return _("This is a sample: no message failed. Notices of the rule “%(rule)s” arrive here.") % rule


def _count(facts: dict[str, Any]) -> str:
    words = ngettext(
        "More than %(most)s message failed within %(window)s: %(why)s",
        "More than %(most)s messages failed within %(window)s: %(why)s",
        facts["messages"],
    )
    return words % {
        "most": _figure(facts["messages"]),
        "window": minutes(facts["minutes"]),
        "why": why(facts),
    }


def _rate(facts: dict[str, Any]) -> str:
    return _("%(percent)s %% of all messages failed within %(window)s.") % {
        "percent": _figure(facts["share"]),
        "window": minutes(facts["minutes"]),
    }


def _more(facts: dict[str, Any]) -> str:
    words = ngettext(
        "Messages also failed for %(n)s further cause.",
        "Messages also failed for %(n)s further causes.",
        facts["causes"],
    )
    return words % {"n": _figure(facts["causes"])}


def minutes(count: int) -> str:
    """A stretch of time in words."""
    return ngettext("%(n)s minute", "%(n)s minutes", count) % {"n": _figure(count)}


def of_code(code: str) -> str:
    """A code with what it means, its values left open."""
    error = errors.CATALOGUE.get(code)
    return explain.said(error.text, {}) if error else code


def why(facts: dict[str, Any]) -> str:
    """The sentence of a cause, from its facts."""
    error = errors.CATALOGUE.get(facts["code"])
    return explain.said(error.sentence(facts["error"]), facts["error"]) if error else facts["code"]


def fix(facts: dict[str, Any]) -> str:
    """What mends a cause, from its facts."""
    error = _error(facts)
    return explain.said(error.fix, facts["error"]) if error else ""


def _whose(facts: dict[str, Any]) -> str:
    error = _error(facts)
    return str(WHOSE[error.whose]) if error else ""


def _error(facts: dict[str, Any]) -> type[errors.SendError] | None:
    """What it tells of; None where that is several causes."""
    return errors.CATALOGUE.get(facts.get("code", ""))


def _how_many(facts: dict[str, Any]) -> str:
    if "of" in facts:
        return _("%(failed)s of %(of)s messages") % {
            "failed": _figure(facts["count"]),
            "of": _figure(facts["of"]),
        }
    words = ngettext("%(n)s message by then", "%(n)s messages by then", facts["count"])
    return words % {"n": _figure(facts["count"])}


def _figure(number: int) -> str:
    return number_format(number, force_grouping=True)


def path(facts: dict[str, Any]) -> str:
    """The cause on the page of failures; that page where it is several causes."""
    page = f"{reverse('failures')}?days={MONTH}"
    return f"{page}#{anchor(facts['cause'])}" if "cause" in facts else page


def _data(facts: dict[str, Any], **words: str) -> dict[str, Any]:
    names = ("rule", "cause", "code", "causes", "count", "of", "messages", "percent", "share", "minutes")
    error = _error(facts)
    stable = {name: facts[name] for name in names if name in facts}
    return {**stable, "owner": error.whose.value if error else "", **words}


_SENTENCES: dict[Notice.Kind, Callable[[dict[str, Any]], str]] = {
    Notice.Kind.NEW: why,
    Notice.Kind.COUNT: _count,
    Notice.Kind.RATE: _rate,
    Notice.Kind.MORE: _more,
}
