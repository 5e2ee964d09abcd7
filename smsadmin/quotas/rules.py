"""Changing rules: what departs from a documented limit, what replaces what, and whom a rule then binds."""

from copy import copy
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import QuerySet

from smsadmin.directory.models import Agent, Number
from smsadmin.quotas import rulebook
from smsadmin.quotas.models import Rule, Scope
from smsadmin.quotas.rulebook import UTC_ZONE, Rulebook, Subject
from smsadmin.workspaces.models import User


class Departure(StrEnum):
    """How a rule may depart from the documented limit that it is, or that it replaces."""

    HIGHER = "higher"
    OFF = "off"
    ZONE = "zone"


class Standing(StrEnum):
    """What becomes of a rule at a moment."""

    IN_FORCE = "in_force"
    OFFERED = "offered"  # documented, for a workspace to choose
    TO_COME = "to_come"
    OFF = "off"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Bound:
    """How many fall under a rule, and for how many of them none of its window is as tight or tighter."""

    holders: int
    tightest: int


def departures(rule: Rule) -> set[Departure]:
    """In which ways the rule departs from what the provider documents; an own rule never does."""
    if rule.documented is None:
        return set()
    found = {
        Departure.HIGHER: rule.limit > rule.documented,
        Departure.OFF: rule.binding and not rule.enabled,
        Departure.ZONE: rule.zone != UTC_ZONE,
    }
    return {departure for departure, is_so in found.items() if is_so}


def sign(rule: Rule, person: User, now: datetime) -> None:
    """Puts the person's name to the reason; a rule that does not depart keeps none. Does not save."""
    if not departures(rule):
        rule.reason = ""
    rule.reason_by, rule.reason_at = (person, now) if rule.reason else (None, None)


def same(rule: Rule) -> list[Rule]:
    """The other rules of its workspace that it replaces or that replace it, whenever they begin."""
    found = _with_names(Rule.objects.filter(workspace_id=rule.workspace_id).exclude(pk=rule.pk))
    return [other for other in found if rulebook.identity(other) == rulebook.identity(rule)]


def replacement(rule: Rule) -> Rule:
    """What may replace the rule later: the same, not saved, and no preset itself."""
    following = copy(rule)
    following.pk, following.preset = None, ""
    following.effective_from = None
    following.reason, following.reason_by, following.reason_at = "", None, None
    following._state.adding = True
    return following


def standing(rule: Rule, newest: set[int], now: datetime) -> Standing:
    """`newest`: the ids of the rules that are effective at that moment (rulebook.newest)."""
    if rule.effective_from and rule.effective_from > now:
        return Standing.TO_COME
    if rule.pk not in newest:
        return Standing.REPLACED
    if rule.enabled:
        return Standing.IN_FORCE
    return Standing.OFF if rule.documented is None or rule.binding else Standing.OFFERED


def subjects(workspace_id: int, scope: str) -> list[Subject]:
    """The numbers or users that the directory has now."""
    model: type[Number] | type[Agent] = Number if scope == Scope.NUMBER else Agent
    return [Subject.of(holder) for holder in model.objects.filter(workspace_id=workspace_id, gone_at=None)]


def bound(rule: Rule, book: Rulebook, holders: list[Subject], now: datetime) -> Bound:
    """Whom the rule binds of these holders, as soon as it is effective."""
    at = max(rule.effective_from or now, now)
    under = [subject for subject in holders if book.is_for(rule, subject)]
    return Bound(len(under), sum(_is_tightest(rule, book, subject, at) for subject in under))


def _is_tightest(rule: Rule, book: Rulebook, subject: Subject, at: datetime) -> bool:
    return any(limit.rule_id == rule.pk for limit in book.limits(subject, at))


def _with_names(rules: QuerySet[Rule]) -> QuerySet[Rule]:
    return rules.select_related("number", "agent")
