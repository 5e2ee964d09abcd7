"""Rules in words: what they limit, for whom, whom they bind, and in which part of the list they stand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import prefetch_related_objects
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from smsadmin.core import numbers
from smsadmin.core.windows import Window
from smsadmin.dashboard.templatetags.ui import full_time
from smsadmin.directory import naming
from smsadmin.quotas import rulebook, rules
from smsadmin.quotas.documented import translated
from smsadmin.quotas.models import Rule, Scope, Unit
from smsadmin.quotas.rulebook import UTC_ZONE, Rulebook, Subject
from smsadmin.quotas.rules import Bound, Standing

_WINDOWS = list(Window)


@dataclass(frozen=True)
class Row:
    """One rule of the list. `documented`: the provider's own figure, where the rule has another one."""

    rule: Rule
    standing: Standing
    amount: str
    whom: str
    holders: str
    fits_some: bool
    source: str
    note: str
    documented: str
    is_replaced_later: bool

    @property
    def group(self) -> tuple[str, str, str]:
        """What documented limits have in common that are chosen together."""
        return self.whom, self.source, self.note

    @property
    def needs_reason_to_end(self) -> bool:
        return self.rule.enabled and self.rule.binding


@dataclass
class Listing:
    """All rules of a workspace by what becomes of them now. `kept`: what the priority share keeps of the limits that
    hold for every number, in words."""

    numbers: list[Row] = field(default_factory=list)
    users: list[Row] = field(default_factory=list)
    offered: list[Row] = field(default_factory=list)
    to_come: list[Row] = field(default_factory=list)
    off: list[Row] = field(default_factory=list)
    replaced: list[Row] = field(default_factory=list)
    percent: int = 0
    kept: list[str] = field(default_factory=list)

    @property
    def fitting(self) -> int:
        """How many documented limits are switched off though there are numbers that they would be for."""
        return sum(row.fits_some for row in self.offered)


def listing(workspace_id: int, now: datetime) -> Listing:
    """The list of rules."""
    book = rulebook.read(workspace_id)
    prefetch_related_objects(book.rules, "number", "agent", "reason_by")
    holders = {scope: rules.subjects(workspace_id, scope) for scope in Scope}
    newest = {rule.pk for rule in rulebook.newest(book.rules, now)}
    replaced_later = {rulebook.identity(rule) for rule in book.rules if _begins_after(rule, now)}
    found = Listing(percent=book.percent)
    for rule in sorted(book.rules, key=_order):
        standing = rules.standing(rule, newest, now)
        later = standing is not Standing.TO_COME and rulebook.identity(rule) in replaced_later
        _part(found, rule, standing).append(_row(rule, standing, book, holders[Scope(rule.scope)], later))
    found.offered.sort(key=lambda row: not row.fits_some)
    found.kept = [_kept(row.rule, book.percent) for row in found.numbers if not _is_for_some(row.rule)]
    return found


def _begins_after(rule: Rule, now: datetime) -> bool:
    return rule.effective_from is not None and rule.effective_from > now


def _order(rule: Rule) -> tuple[object, ...]:
    beginning = rule.effective_from.timestamp() if rule.effective_from else 0
    whom = (rule.country, rule.line, rule.route, rule.number_id or 0, rule.agent_id or 0)
    return (rule.scope, whom, rule.unit, _WINDOWS.index(Window(rule.window)), rule.zone, beginning, rule.pk)


def _part(found: Listing, rule: Rule, standing: Standing) -> list[Row]:
    if standing is Standing.IN_FORCE:
        return found.numbers if rule.scope == Scope.NUMBER else found.users
    return {
        Standing.OFFERED: found.offered,
        Standing.TO_COME: found.to_come,
        Standing.OFF: found.off,
        Standing.REPLACED: found.replaced,
    }[standing]


def _row(rule: Rule, standing: Standing, book: Rulebook, holders: Sequence[Subject], later: bool) -> Row:
    fitting = sum(book.is_for(rule, subject) for subject in holders)
    differs = rule.documented is not None and rule.limit != rule.documented
    return Row(
        rule=rule,
        standing=standing,
        amount=amount(rule),
        whom=whom(rule),
        holders=holders_in_words(rule.scope, fitting),
        fits_some=bool(fitting),
        source=source_of(rule),
        note=note_of(rule),
        documented=grouped(rule.documented or 0) if differs else "",
        is_replaced_later=later,
    )


# --- Words --------------------------------------------------------------------------------------------


def source_of(rule: Rule) -> str:
    """Where the limit comes from; that of a documented one in the reader's language."""
    return rule.source if rule.documented is None else translated(rule.source)


def note_of(rule: Rule) -> str:
    """The note of a rule, likewise."""
    return rule.note if rule.documented is None else translated(rule.note)


def named(rule: Rule) -> str:
    """A rule as others name it: "200 messages per minute, every number"."""
    return f"{amount(rule)}, {whom(rule)}"


def amount(rule: Rule) -> str:
    """ "200 messages per minute", with the zone where it is not UTC."""
    units = {
        Unit.MESSAGES: ngettext("%(n)s message", "%(n)s messages", rule.limit),
        Unit.SEGMENTS: ngettext("%(n)s segment", "%(n)s segments", rule.limit),
    }
    windows = {
        Window.MINUTE: _("%(amount)s per minute"),
        Window.HOUR: _("%(amount)s per hour"),
        Window.DAY: _("%(amount)s per day"),
        Window.MONTH: _("%(amount)s per month"),
    }
    said = windows[Window(rule.window)] % {"amount": units[Unit(rule.unit)] % {"n": grouped(rule.limit)}}
    if rule.zone == UTC_ZONE:
        return said
    return _("%(limit)s (%(zone)s)") % {"limit": said, "zone": rule.zone}


def whom(rule: Rule) -> str:
    """For whom a rule is: everybody, one number or user, or what all of them have in common."""
    if rule.number:
        return f"{rule.number.name} {naming.beside(rule.number)}".strip()
    if rule.agent:
        return str(rule.agent)
    common = [dict(numbers.regions()).get(rule.country, rule.country)] if rule.country else []
    common += [str(rule.get_line_display())] if rule.line else []
    common += [_("carried by %(route)s") % {"route": rule.get_route_display()}] if rule.route else []
    if rule.scope == Scope.USER:
        return ", ".join([_("users"), *common]) if common else _("every user")
    return ", ".join([_("numbers"), *common]) if common else _("every number")


def _is_for_some(rule: Rule) -> bool:
    return bool(rule.country or rule.line or rule.route or rule.number_id or rule.agent_id)


def holders_in_words(scope: str, count: int) -> str:
    """How many numbers or users of the workspace a rule is for."""
    if scope == Scope.NUMBER:
        said = ngettext("for %(n)s of your numbers", "for %(n)s of your numbers", count)
        return said % {"n": grouped(count)} if count else _("for none of your numbers")
    said = ngettext("for %(n)s of your users", "for %(n)s of your users", count)
    return said % {"n": grouped(count)} if count else _("for none of your users")


def _kept(rule: Rule, percent: int) -> str:
    facts = {"kept": grouped(rule.limit * percent // 100), "limit": amount(rule)}
    return _("%(kept)s of %(limit)s") % facts


def effect(rule: Rule, now: datetime) -> str:
    """What a saved rule does from now on: whom it binds, and whether another rule is as tight anyway."""
    book = rulebook.read(rule.workspace_id)
    state = rules.standing(rule, {each.pk for each in rulebook.newest(book.rules, now)}, now)
    if state is Standing.REPLACED:
        return _("It is replaced by a newer one, so it does not count.")
    if not rule.enabled:
        return _("It is switched off, so it limits nobody.")
    found = rules.bound(rule, book, rules.subjects(rule.workspace_id, rule.scope), now)
    begins = ""
    if rule.effective_from and state is Standing.TO_COME:
        begins = _("It begins on %(moment)s.") % {"moment": full_time(rule.effective_from)}
    return " ".join(filter(None, [begins, _applies(rule.scope, found.holders), _tightest(found)]))


def _applies(scope: str, count: int) -> str:
    if scope == Scope.NUMBER:
        said = ngettext("It applies to %(n)s of your numbers.", "It applies to %(n)s of your numbers.", count)
        return said % {"n": grouped(count)} if count else _("None of your numbers falls under it.")
    said = ngettext("It applies to %(n)s of your users.", "It applies to %(n)s of your users.", count)
    return said % {"n": grouped(count)} if count else _("None of your users falls under it.")


def _tightest(found: Bound) -> str:
    if found.tightest == found.holders:
        return ""
    if not found.tightest:
        return _("Another rule of the same window is as tight or tighter, so this one changes nothing.")
    said = ngettext(
        "For %(n)s of them it is the tightest of its window; for the others another rule is as tight or tighter.",
        "For %(n)s of them it is the tightest of its window; for the others another rule is as tight or tighter.",
        found.tightest,
    )
    return said % {"n": grouped(found.tightest)}


def grouped(number: int) -> str:
    return number_format(number, force_grouping=True)
