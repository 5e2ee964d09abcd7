"""A day and its edges of sends, looks and changes by a clock of the test, held against a reference that counts naively.

Clocks are put back in Paris during it. Messages are really accepted; some processes die before they note what was
crossed, some looks are missed and some happen twice, limits are lowered and raised, rules are changed and switched off.
Each rule tells of exactly what the reference says, of each once.
"""

import random
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smsadmin import cache
from smsadmin.directory.models import Agent, Number
from smsadmin.notices import limits, watching
from smsadmin.notices.models import Notice, NoticeRule
from smsadmin.quotas import crossing
from smsadmin.quotas.models import Crossing, Rule
from smsadmin.sending import bell
from smsadmin.sending.accept import accept
from smsadmin.workspaces.models import Workspace
from tests.factories import ask, make_number
from tests.notices.conftest import make_limit_rule

pytestmark = [pytest.mark.django_db, pytest.mark.services]

BEGINS = datetime(2026, 10, 24, 19, 50, tzinfo=UTC)
ENDS = BEGINS + timedelta(hours=28)
STEP = timedelta(minutes=12)  # between two looks
TEXTS = {1: "Hello", 2: "x" * 200, 3: "x" * 400}

#: Whose limit of what: scope, subject, zone, window, unit.
Meter = tuple[str, int, str, str, str]
#: A meter, when its window began as the reference names it, a threshold.
Key = tuple[Meter, str, int]


@dataclass
class Reference:
    """What should be known, from nothing but the messages that were accepted."""

    sent: list[tuple[datetime, int, int, int]] = field(default_factory=list)  # when, number, user, segments
    seen: dict[Key, datetime] = field(default_factory=dict)  # when each was first known

    def look(self, now: datetime, numbers: set[int], agents: set[int], *, forecasts: bool) -> None:
        """Goes through every limit of these."""
        for rule in Rule.objects.all():
            for subject in numbers if rule.scope == "number" else agents:
                self._hold(rule, subject, now, forecasts)

    def _hold(self, rule: Rule, subject: int, now: datetime, forecasts: bool) -> None:
        window, used = name_of(rule, now), self._used(rule, subject, now)
        meter = (rule.scope, subject, rule.zone, rule.window, rule.unit)
        for threshold in (50, 80, 90, 100):
            if used and used >= ceil(rule.limit * threshold / 100):
                self.seen.setdefault((meter, window, threshold), now)
        if forecasts and rule.window != "minute" and runs_out(rule, used, now):
            others = list(Rule.objects.filter(scope=rule.scope).exclude(pk=rule.pk))
            if all(self._lets(other, rule, used, subject, now) for other in others):
                self.seen.setdefault((meter, window, 0), now)

    def _lets(self, other: Rule, rule: Rule, used: int, subject: int, now: datetime) -> bool:
        """Whether the rest of the rule's limit fits into the other one's windows until the rule's runs out."""
        began, _ends = bounds(rule, now)
        runs_out_at = began + (now - began) * (rule.limit / used)
        step = timedelta(minutes=1 if other.window == "minute" else 60)
        first = (
            now.replace(minute=0, second=0, microsecond=0) if step.seconds == 3600 else now.replace(second=0)
        )
        edges = range(int((runs_out_at - first) / step) + 1)
        windows = len({name_of(other, first + nth * step) for nth in edges})
        room = max(other.limit - self._used(other, subject, now), 0) + (windows - 1) * other.limit
        if rule.unit == "segments" and other.unit == "messages":
            return room > 0
        return room >= rule.limit - used

    def _used(self, rule: Rule, subject: int, now: datetime) -> int:
        place = 1 if rule.scope == "number" else 2
        its = [
            each
            for each in self.sent
            if each[place] == subject and name_of(rule, each[0]) == name_of(rule, now)
        ]
        return sum(each[3] for each in its) if rule.unit == "segments" else len(its)


def name_of(rule: Rule, moment: datetime) -> str:
    """The window that holds the moment, as a calendar on the wall of that zone names it."""
    here = moment.astimezone(ZoneInfo(rule.zone))
    form = {"minute": "%Y-%m-%d %H:%M %z", "hour": "%Y-%m-%d %H %z", "day": "%Y-%m-%d", "month": "%Y-%m"}
    return here.strftime(form[rule.window])


def bounds(rule: Rule, now: datetime) -> tuple[datetime, datetime]:
    """When the window of an hour, day or month begins and ends."""
    zone, here = ZoneInfo(rule.zone), now.astimezone(ZoneInfo(rule.zone))
    if rule.window == "hour":
        began = now.replace(minute=0, second=0, microsecond=0)
        return began, began + timedelta(hours=1)
    first = here.date() if rule.window == "day" else here.date().replace(day=1)
    last = first + timedelta(days=1) if rule.window == "day" else date(first.year, first.month + 1, 1)
    midnights = [datetime(day.year, day.month, day.day, tzinfo=zone) for day in (first, last)]
    return midnights[0].astimezone(UTC), midnights[1].astimezone(UTC)


def runs_out(rule: Rule, used: int, now: datetime) -> bool:
    """Whether more than the limit is used by the window's end, at the pace so far."""
    began, ends = bounds(rule, now)
    part = (now - began) / (ends - began)
    return 0.1 * rule.limit <= used < rule.limit and part >= 0.05 and used / part > rule.limit


@dataclass
class Teller:
    """One rule for notices, and what it should have told."""

    rule: NoticeRule
    begun: datetime
    told: set[Key] = field(default_factory=set)

    def look(self, reference: Reference, now: datetime) -> None:
        if self.rule.enabled:
            self.told |= {
                key
                for key, seen in reference.seen.items()
                if self.begun < seen <= now and self.waits_for(key)
            }

    def waits_for(self, key: Key) -> bool:
        (_scope, _subject, _zone, window, unit), _name, threshold = key
        wanted = self.rule.thresholds if threshold else [0] * self.rule.forecast
        return threshold in wanted and window in self.rule.windows and unit in self.rule.units

    def change(self, now: datetime, **columns: Any) -> None:
        for name, value in columns.items():
            setattr(self.rule, name, value)
        self.rule.save(update_fields=list(columns))
        watching.take_stock(self.rule, now)
        self.begun = now


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(bell, "ring", lambda connection_id: None)
    cache.forget()
    yield
    cache.forget()


def furnish(workspace: Workspace) -> tuple[list[Number], list[Agent]]:
    """Three numbers, four users on all of them, and small limits in two zones."""
    workspace.quota_rules.all().delete()
    for scope, window, unit, most, zone in (
        ("number", "minute", "messages", 3, "UTC"),
        ("number", "hour", "messages", 8, "UTC"),
        ("number", "day", "messages", 40, "Europe/Paris"),
        ("number", "day", "messages", 45, "UTC"),
        ("number", "month", "segments", 150, "UTC"),
        ("user", "hour", "segments", 13, "Europe/Paris"),
        ("user", "day", "messages", 30, "UTC"),
    ):
        Rule.objects.create(workspace=workspace, scope=scope, window=window, unit=unit, limit=most, zone=zone)
    emails = ("mia@example.com", "leo@example.com", "nora@example.com", "ben@example.com")
    numbers = [make_number(workspace, users=emails) for _ in range(3)]
    return numbers, list(workspace.agents.order_by("pk"))


def test_each_is_told_exactly_once_and_none_is_missing(
    workspace: Workspace,
    travel: Callable[[datetime], None],
    django_capture_on_commit_callbacks: Any,
) -> None:
    chance = random.Random(1)
    numbers, agents = furnish(workspace)
    reference, now = Reference(), BEGINS
    every = {"windows": ["minute", "hour", "day", "month"], "looked_at": BEGINS, "begun_at": BEGINS}
    tellers = [
        Teller(make_limit_rule(workspace, **{**every, **columns}), BEGINS)
        for columns in ({}, {"thresholds": [90, 100], "units": ["segments"]}, {"windows": ["day"]})
    ]

    def send(moment: datetime) -> None:
        number, agent, segments = (
            chance.choice(numbers),
            chance.choice(agents),
            chance.choice([1, 1, 1, 2, 3]),
        )
        dies = chance.random() < 0.1
        wanted = ask(number, send_as_kind="user", send_as_user_id=agent.pk, message=TEXTS[segments])
        travel(moment)
        with django_capture_on_commit_callbacks(execute=not dies):
            message = accept(wanted, moment)
        if message.status == "queued":
            reference.sent.append((moment, number.pk, agent.pk, segments))
            if not dies:
                reference.look(moment, {number.pk}, {agent.pk}, forecasts=False)

    def look_at_all() -> None:
        reference.look(now, {each.pk for each in numbers}, {each.pk for each in agents}, forecasts=True)

    def look() -> None:
        travel(now)
        for _ in range(chance.choice([1, 1, 2])):
            crossing.sweep(now)
        look_at_all()
        for _ in range(chance.choice([1, 1, 2])):
            limits.sweep(now)
        for teller in tellers:
            teller.look(reference, now)

    def change() -> None:
        kind = chance.choice(["lower", "raise", "thresholds", "off", "on"])
        teller = chance.choice(tellers)
        if kind in ("lower", "raise"):
            rule = chance.choice(list(Rule.objects.exclude(window="minute")))
            Rule.objects.filter(pk=rule.pk).update(limit=rule.limit * (2 if kind == "lower" else 4) // 3)
            cache.forget()
            return
        look_at_all()
        if kind == "thresholds":
            teller.change(now, thresholds=sorted(chance.sample([50, 80, 90, 100], 2)), forecast=True)
        else:
            teller.change(now, enabled=kind == "on")

    while now < ENDS:
        busy = 4 if now.hour in (22, 23, 0, 1, 8, 9) else 1
        for seconds in sorted(chance.sample(range(1, 720), chance.randint(0, busy))):
            send(now + timedelta(seconds=seconds))
        now += STEP
        if chance.random() < 0.06:
            change()
        if chance.random() < 0.85 or now >= ENDS:  # else nobody rang for it
            now += timedelta(seconds=1)
            look()

    written = {pk: key_of(row) for pk, row in Crossing.objects.in_bulk().items()}
    assert set(written.values()) == set(reference.seen)
    assert len(written) == len(reference.seen)
    told = defaultdict[int, Tally[Key]](Tally)
    for notice in Notice.objects.all():
        told[notice.rule_id or 0].update(written[pk] for pk in notice.facts["crossings"])
    for teller in tellers:
        assert told[teller.rule.pk] == Tally(teller.told)
    every_key = {key for teller in tellers for key in teller.told}
    assert {key[2] for key in every_key} == {0, 50, 80, 90, 100}, "a day in which little happens shows little"
    assert len(every_key) > 40


def key_of(row: Crossing) -> Key:
    rule = Rule(window=row.window, zone=row.zone)
    meter = (row.scope, row.subject_id, row.zone, row.window, row.unit)
    return meter, name_of(rule, row.began_at), row.threshold
