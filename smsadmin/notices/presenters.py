"""Notices and rules in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.formats import number_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from smsadmin.core.errors import CATALOGUE
from smsadmin.dashboard.templatetags.ui import Badge
from smsadmin.failures.forms import MONTH
from smsadmin.failures.tally import tallies
from smsadmin.notices import watching
from smsadmin.notices.limit_words import is_over
from smsadmin.notices.models import Delivery, Notice, NoticeRule
from smsadmin.notices.wording import Told, minutes, of_code, told, why
from smsadmin.quotas.models import Rule, Unit
from smsadmin.workspaces.models import Workspace

STATES: dict[str, Badge] = {
    Delivery.State.WAITING: Badge(Delivery.State.WAITING.label, "clock", "waiting"),
    Delivery.State.DELIVERED: Badge(Delivery.State.DELIVERED.label, "check", "good"),
    Delivery.State.GIVEN_UP: Badge(Delivery.State.GIVEN_UP.label, "x", "bad"),
}


#: How the thresholds of a limit look; those below are for information.
TONES = {90: "warn", 100: "bad"}


@dataclass(frozen=True, slots=True)
class Way:
    """One delivery of the list, and whether a worker tries it at this moment."""

    delivery: Delivery
    is_being_tried: bool

    @property
    def look(self) -> Badge:
        return STATES[self.delivery.state]

    @property
    def may_again(self) -> bool:
        """Whether trying it again would do something: it was given up, or waits after an attempt that failed."""
        waits = self.delivery.is_open and self.delivery.answered_at is not None
        return (waits and not self.is_being_tried) or self.delivery.state == Delivery.State.GIVEN_UP


@dataclass(frozen=True, slots=True)
class Row:
    """One notice of the list; `look` says of a limit how far it was."""

    notice: Notice
    told: Told
    ways: Sequence[Way]
    look: Badge | None = None


def row(notice: Notice, now: datetime) -> Row:
    """Expects its deliveries prefetched."""
    return Row(notice, told(notice), ways(notice.deliveries.all(), now), _look(notice, now))


def _look(notice: Notice, now: datetime) -> Badge | None:
    """None of a failure, a sample, and further limits together; without colour once the window is over."""
    if notice.kind == Notice.Kind.QUOTA_FORECAST:
        label, tone = _("Forecast"), "warn"
    elif notice.kind == Notice.Kind.QUOTA:
        threshold = notice.facts["threshold"]
        label, tone = _share(threshold), TONES.get(threshold, "active")
    else:
        return None
    return Badge(label, "gauge", "neutral" if is_over(notice.facts, now) else tone)


def _share(percent: int) -> str:
    return _("%(n)s %%") % {"n": percent}


def ways(deliveries: Iterable[Delivery], now: datetime) -> list[Way]:
    """These deliveries as a list shows them."""
    return [Way(delivery, delivery.is_being_tried(now)) for delivery in deliveries]


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule of the list: what it waits for in words, and when it last told."""

    rule: NoticeRule
    words: str
    last_told: datetime | None


def rule_rows(workspace: Workspace, rules: Sequence[NoticeRule], now: datetime) -> list[RuleRow]:
    """The rules, each annotated with `last_told`."""
    certain = causes_in_words(workspace, [rule.cause for rule in rules if rule.cause], now)
    return [RuleRow(rule, condition(rule, certain), getattr(rule, "last_told", None)) for rule in rules]


def condition(rule: NoticeRule, causes: Mapping[str, str]) -> str:
    """What a rule waits for; `causes` says those that are named."""
    if rule.when == NoticeRule.When.QUOTA:
        return _limits(rule)
    values = {
        "messages": _figure(rule.messages),
        "percent": _figure(rule.percent),
        "at_least": _figure(rule.at_least),
        "window": minutes(rule.minutes or 0),
        "cause": causes.get(rule.cause, rule.cause),
    }
    return {
        NoticeRule.When.ANY: _("Any new cause"),
        NoticeRule.When.CAUSE: _("As soon as this is new: %(cause)s"),
        NoticeRule.When.COUNT: ngettext(
            "More than %(messages)s message of one cause within %(window)s",
            "More than %(messages)s messages of one cause within %(window)s",
            rule.messages or 0,
        ),
        NoticeRule.When.RATE: _(
            "More than %(percent)s %% of all messages fail within %(window)s, where there are at least %(at_least)s"
        ),
    }[NoticeRule.When(rule.when)] % values


def _limits(rule: NoticeRule) -> str:
    """What a rule for limits waits for."""
    values = {
        "limits": _which_limits(rule),
        "shares": _("%(n)s %%") % {"n": get_text_list(rule.thresholds, _("and"))},
    }
    if not rule.thresholds:
        return _("When %(limits)s will run out") % values
    if not rule.forecast:
        return _("At %(shares)s of %(limits)s") % values
    return _("At %(shares)s of %(limits)s, and when it will run out") % values


def _which_limits(rule: NoticeRule) -> str:
    windows = [str(label) for value, label in Rule.Window.choices if value in rule.windows]
    values = {"windows": get_text_list(windows, _("or"))}
    if len(rule.units) == len(Unit.values):
        return _("a limit per %(windows)s") % values
    if Unit.SEGMENTS in rule.units:
        return _("a limit of segments per %(windows)s") % values
    return _("a limit of messages per %(windows)s") % values


def causes_in_words(workspace: Workspace, wanted: Sequence[str], now: datetime) -> dict[str, str]:
    """What each code or cause says; of a cause that stopped no message for a month its code has to do."""
    known = {cause: of_code(cause) for cause in wanted if cause in CATALOGUE}
    certain = set(wanted) - set(known)
    if certain:
        month = tallies(workspace, now - timedelta(days=MONTH))
        facts = watching.facts_of([each for each in month if each.cause in certain])
        known |= {cause: why(said) for cause, said in facts.items()}
    return known


def _figure(number: Any) -> str:
    return number_format(number or 0, force_grouping=True)
