"""Where every number and user of a workspace stands: what is used, what is left, what runs out first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from smsadmin.directory.models import Agent, Number
from smsadmin.quotas import counting, rulebook
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.models import Counter, Scope
from smsadmin.quotas.rulebook import Subject


@dataclass(frozen=True, slots=True)
class Position:
    """One number or user with its usages, in the order of the workspace's limits."""

    scope: str
    holder: Number | Agent
    usages: list[Usage]

    @property
    def share(self) -> float:
        """How much of the limit that runs out first is used: 1 is all of it."""
        return max((share(usage) for usage in self.usages), default=0.0)

    @property
    def tightest(self) -> Usage:
        """The limit that runs out first."""
        return max(self.usages, key=share)


def share(usage: Usage) -> float:
    return usage.used / usage.limit.limit if usage.limit.limit else 1.0


def of(workspace_id: int, scope: str, now: datetime) -> list[Position]:
    """Every holder of the scope, nearest to a limit first, then by name. Two queries, however many there are."""
    counters = counting.counters(workspace_id, scope)
    found = [
        of_holder(holder, counters.get(holder.pk, {}), now)
        for holder in _holders(workspace_id, scope)
        if holder.gone_at is None or holder.pk in counters
    ]
    return sorted(found, key=lambda each: (-each.share, each.holder.name.casefold()))


def of_holder(holder: Number | Agent, counters: Mapping[str, Counter], now: datetime) -> Position:
    """One number or user, by its counters in each zone."""
    subject = Subject.of(holder)
    limits = rulebook.limits(subject, now)
    return Position(subject.scope, holder, counting.usage_of(counters, limits, now))


def at_risk(workspace_id: int, now: datetime, most: int = 5) -> list[Position]:
    """The numbers and users nearest to a limit, of those that have used anything."""
    used = [each for scope in Scope.values for each in of(workspace_id, scope, now) if each.share > 0]
    return sorted(used, key=lambda each: -each.share)[:most]


def _holders(workspace_id: int, scope: str) -> Iterable[Number | Agent]:
    if scope == Scope.NUMBER:
        return Number.objects.filter(workspace_id=workspace_id)
    return Agent.objects.filter(workspace_id=workspace_id)
