"""Which limits hold for whom: a workspace's rules, read once in a while, as the limits of one number or user."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from smsadmin.cache import remembered
from smsadmin.core import numbers
from smsadmin.core.windows import Window
from smsadmin.directory.models import Agent, Number
from smsadmin.quotas.models import PriorityShare, Rule, Scope, Unit
from smsadmin.workspaces.models import Connection

UTC_ZONE = "UTC"
_ALWAYS = datetime.min.replace(tzinfo=UTC)
_WINDOWS = list(Window)


@dataclass(frozen=True, slots=True)
class Limit:
    """The tightest of the rules for one window, zone and unit. `kept` units of it are for priority traffic alone."""

    scope: str
    window: Window
    unit: str
    limit: int
    zone: str = UTC_ZONE
    kept: int = 0
    rule_id: int | None = None

    @property
    def column(self) -> str:
        return f"{self.window}_{self.unit}"

    def amount(self, segments: int) -> int:
        """What a message of so many segments takes of it."""
        return segments if self.unit == Unit.SEGMENTS else 1

    def room(self, *, priority: bool = True) -> int:
        """The most that may be used of it."""
        return self.limit if priority else self.limit - self.kept


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose quota: a number or a user (agent) of the directory, with what decides which rules it falls under."""

    workspace_id: int
    scope: str
    subject_id: int
    country: str = ""
    line: str = ""
    connection_id: int | None = None

    @classmethod
    def of(cls, holder: Number | Agent) -> "Subject":
        """That of a number or user as the directory has it."""
        if isinstance(holder, Agent):
            return cls(holder.workspace_id, Scope.USER, holder.pk, connection_id=holder.connection_id)
        line = numbers.kind_of(holder.e164)
        return cls(holder.workspace_id, Scope.NUMBER, holder.pk, holder.country, line, holder.connection_id)


@dataclass(frozen=True, slots=True)
class Meter:
    """One counter of a subject, and the limits that are held against it."""

    subject: Subject
    zone: str
    limits: tuple[Limit, ...]


class Rulebook:
    """A workspace's rules, as they were read."""

    def __init__(self, rules: Iterable[Rule], percent: int, routes: Mapping[int, str]) -> None:
        """`percent` of every limit are kept for priority traffic; `routes`: which kind each connection is of."""
        self.rules, self.percent, self.routes = list(rules), percent, routes
        self._starts = sorted({rule.effective_from for rule in self.rules if rule.effective_from})
        self._names = {rule.number_id or rule.agent_id for rule in self.rules}
        self._limits: dict[tuple[object, ...], tuple[Limit, ...]] = {}

    def limits(self, subject: Subject, now: datetime) -> tuple[Limit, ...]:
        """What holds for the subject at that moment: by unit, the shortest window first, one for each zone."""
        named = subject.subject_id if subject.subject_id in self._names else None
        era, route = bisect_right(self._starts, now), self.route(subject)
        key = (subject.scope, subject.country, subject.line, route, named, era)
        if key not in self._limits:
            self._limits[key] = self._tightest(subject, now)
        return self._limits[key]

    @property
    def zones(self) -> set[str]:
        """Those in which anything is counted, or may be again."""
        return {UTC_ZONE, *(rule.zone for rule in self.rules)}

    def route(self, subject: Subject) -> str:
        """Which provider carries what the subject sends; "" where nobody knows."""
        return self.routes.get(subject.connection_id or 0, "")

    def is_for(self, rule: Rule, subject: Subject) -> bool:
        """Whether the subject falls under the rule."""
        return (
            rule.scope == subject.scope
            and rule.country in ("", subject.country)
            and rule.line in ("", subject.line)
            and rule.route in ("", self.route(subject))
            and (rule.number_id or rule.agent_id) in (None, subject.subject_id)
        )

    def meters(self, subject: Subject, now: datetime) -> list[Meter]:
        """The counters that count for the subject: in UTC always, then in each zone that a limit names."""
        by_zone: dict[str, list[Limit]] = {UTC_ZONE: []}
        for limit in self.limits(subject, now):
            by_zone.setdefault(limit.zone, []).append(limit)
        return [Meter(subject, zone, tuple(found)) for zone, found in by_zone.items()]

    def _tightest(self, subject: Subject, now: datetime) -> tuple[Limit, ...]:
        found: dict[tuple[str, str, str], Limit] = {}
        for rule in in_force(self.rules, now):
            if self.is_for(rule, subject):
                limit, key = self._limit(rule), (rule.unit, rule.window, rule.zone)
                found[key] = min(found.get(key, limit), limit, key=lambda each: each.limit)
        return tuple(sorted(found.values(), key=_order))

    def _limit(self, rule: Rule) -> Limit:
        kept = rule.limit * self.percent // 100
        return Limit(rule.scope, Window(rule.window), rule.unit, rule.limit, rule.zone, kept, rule.pk)


def _order(limit: Limit) -> tuple[str, int, bool, str]:
    return limit.unit, _WINDOWS.index(limit.window), limit.zone != UTC_ZONE, limit.zone


def identity(rule: Rule) -> tuple[object, ...]:
    """What rules that replace each other have in common."""
    whom = (rule.country, rule.line, rule.route, rule.number_id, rule.agent_id)
    return (rule.scope, rule.window, rule.zone, rule.unit, *whom)


def newest(rules: Iterable[Rule], now: datetime) -> list[Rule]:
    """Of rules that replace each other the one that is effective at that moment, switched on or not."""
    begun: dict[tuple[object, ...], list[Rule]] = defaultdict(list)
    for rule in rules:
        if rule.effective_from is None or rule.effective_from <= now:
            begun[identity(rule)].append(rule)
    return [max(same, key=lambda rule: (rule.effective_from or _ALWAYS, rule.pk)) for same in begun.values()]


def in_force(rules: Iterable[Rule], now: datetime) -> list[Rule]:
    """The rules that hold at that moment."""
    return [rule for rule in newest(rules, now) if rule.enabled]


def read(workspace_id: int) -> Rulebook:
    """The workspace's rules as they are at this moment."""
    share = PriorityShare.objects.filter(workspace_id=workspace_id).first()
    percent = share.percent if share else PriorityShare.DEFAULT
    routes = Connection.objects.filter(workspace_id=workspace_id).values_list("pk", "kind")
    return Rulebook(Rule.objects.filter(workspace_id=workspace_id), percent, dict(routes))


def of(workspace_id: int) -> Rulebook:
    """The workspace's rules, at most settings.CONFIGURATION_TTL seconds old."""
    return remembered(("rulebook", workspace_id), lambda: read(workspace_id))


def limits(subject: Subject, now: datetime) -> tuple[Limit, ...]:
    """What holds for the subject at that moment."""
    return of(subject.workspace_id).limits(subject, now)


def meters(subjects: Iterable[Subject], now: datetime) -> Sequence[Meter]:
    """The counters of several subjects, in the order in which they are locked."""
    return [meter for subject in subjects for meter in of(subject.workspace_id).meters(subject, now)]
