"""Counters and log say the same after any history; what was damaged is found and put right exactly."""

import random
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smsadmin import cache
from smsadmin.core import errors
from smsadmin.core.status import Status
from smsadmin.core.windows import Moment, Window, resets_at, started_at
from smsadmin.directory.models import Agent, Number
from smsadmin.privacy import purging
from smsadmin.privacy.models import Part, Purge
from smsadmin.quotas import comparing, counting, recount, rulebook
from smsadmin.quotas.models import Counter, Crossing, Kept, MonthUse, Recount, Rule, Scope, Unit
from smsadmin.quotas.recount import Used
from smsadmin.quotas.rulebook import Subject
from smsadmin.sending import bell, hold, log, settle
from smsadmin.sending.accept import accept
from smsadmin.sending.log import Outcome, Receipt
from smsadmin.sending.models import Message
from smsadmin.stopping import stopping
from smsadmin.workspaces.models import User, Workspace
from tests.factories import ask, make_message, make_number, make_user, make_workspace

NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)
DAY = timedelta(days=1)
MIA, LEO = "mia@example.com", "leo@example.com"


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The workspaces whose comparison a worker was rung for."""
    found: list[int] = []
    monkeypatch.setattr(bell, "ring", lambda connection_id: None)
    monkeypatch.setattr(comparing.bell, "ring", found.append)
    cache.forget()
    yield found
    cache.forget()


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


def compared(workspace: Workspace, now: datetime = NOW) -> Recount:
    """A comparison made at that moment."""
    comparing.ask(workspace.pk, now)
    comparing.run(workspace.pk, lambda: now)
    return Recount.objects.filter(workspace=workspace, finished_at__isnull=False).latest("at", "pk")


def counter_of(holder: Number | Agent, zone: str = "UTC") -> Counter:
    scope = Scope.NUMBER if isinstance(holder, Number) else Scope.USER
    return Counter.objects.get(scope=scope, subject_id=holder.pk, zone=zone)


def damage(counter: Counter, **columns: int) -> None:
    Counter.objects.filter(pk=counter.pk).update(**columns)


def drift(counter: Counter, window: str, unit: str, counted: int, found: int) -> dict[str, Any]:
    return {
        "scope": counter.scope, "subject": counter.subject_id, "zone": counter.zone,
        "window": window, "unit": unit, "counted": counted, "found": found,
    }  # fmt: skip


# --- Random histories ---------------------------------------------------------------------------------

STARTS = st.sampled_from(
    [
        NOW,
        datetime(2026, 10, 24, 21, 59, 40, tzinfo=UTC),  # the day of 25 hours in Paris begins
        datetime(2026, 10, 31, 18, 29, 59, tzinfo=UTC),  # November begins in Kolkata
        datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2027, 3, 28, 0, 59, 30, tzinfo=UTC),  # the clocks are put forward in Paris
    ]
)
WHICH = st.integers(0, 7)
SECONDS = st.sampled_from([0, 1, 29, 61, 600, 1_800, 3_601, 86_400, 86_400 * 12])
ENDS = st.sampled_from(["", "sent", "failed", "unknown", "again", "more", "fewer"])
SEND = st.tuples(
    st.just("send"),
    st.integers(0, 1),
    st.integers(0, 2),
    st.sampled_from([1, 161, 400]),
    st.booleans(),
    ENDS,
)
WAIT = st.tuples(st.just("wait"), SECONDS)
STEPS = st.lists(
    st.one_of(
        SEND,
        SEND,
        SEND,
        WAIT,
        WAIT,
        st.tuples(st.just("answer"), WHICH, ENDS),
        st.tuples(st.just("receipt"), WHICH, st.sampled_from([None, 1, 2, 5])),
        st.tuples(st.just("decide"), WHICH, st.booleans()),
        st.tuples(st.just("late failure"), WHICH),
        st.tuples(st.just("release")),
        st.tuples(st.just("purge"), st.integers(1, 3)),
        st.tuples(st.just("rule")),
    ),
    min_size=10,
    max_size=40,
)


@dataclass
class World:
    """A workspace that lives through a history, and what each message of it counts as: nothing of ours is asked."""

    workspace: Workspace
    numbers: list[Number]
    agents: list[Agent | None]
    by: User
    clock: Any
    counted: dict[uuid.UUID, Message] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return timezone.now()

    def do(self, name: str, *values: Any) -> None:
        getattr(self, f"_{name.replace(' ', '_')}")(*values)
        for message in Message.objects.filter(workspace=self.workspace):
            self.counted[message.pk] = message

    def _wait(self, seconds: int) -> None:
        self.compare()
        self.clock.shift(seconds)

    def compare(self) -> None:
        """The pages say what the messages come to, for everybody and every limit."""
        for subject in self.subjects():
            for usage in counting.usage(subject, self.now):
                since = started_at(usage.limit.window, self.now, usage.limit.zone)
                expected = self.used(subject, since, usage.resets_at)
                assert usage.used == expected.of(usage.limit.unit), usage.limit

    def _send(self, number: int, user: int, characters: int, urgent: bool, ends: str) -> None:
        agent = self.agents[user]
        over = {"send_as_kind": "user", "send_as_user_id": agent.pk} if agent else {}
        over |= {"traffic": "alerting" if urgent else "marketing", "at_quota": "hold", "hold_minutes": 10_080}
        message = accept(ask(self.numbers[number], message="x" * characters, **over), self.now)
        if message.status == Status.QUEUED:
            self._end(message, ends)

    def _some(self, which: int, *statuses: Status) -> Message | None:
        found = Message.objects.filter(workspace=self.workspace, status__in=statuses).order_by("pk")
        return found[which % len(found)] if found else None

    def _answer(self, which: int, ends: str) -> None:
        if message := self._some(which, Status.QUEUED):
            self._end(message, ends)

    def _end(self, message: Message, how: str) -> None:
        holder = uuid.uuid4()
        if not how:
            return
        log.claim([message.pk], holder, self.now, self.now + timedelta(minutes=1))
        refused = errors.ProviderRejected(provider="Aircall", answer="no", http_status=400)
        unknown = errors.ProviderUnknown(provider="Aircall", reason="no answer")
        outcomes = {
            "sent": {"status": Status.SENT, "provider_id": str(message.pk)},
            "more": {"status": Status.SENT, "provider_id": str(message.pk), "segments": message.segments + 2},
            "fewer": {"status": Status.SENT, "provider_id": str(message.pk), "segments": 1},
            "failed": {"status": Status.FAILED, "error": refused},
            "unknown": {"status": Status.UNKNOWN, "error": unknown},
            "again": {"status": Status.QUEUED, "next_attempt_at": self.now},
        }
        log.finish([Outcome(message.pk, at=self.now, **outcomes[how])], holder)  # type: ignore[arg-type]

    def _late_failure(self, which: int) -> None:
        if message := self._some(which, Status.UNKNOWN, Status.FAILED):
            refused = errors.ProviderRejected(provider="Aircall", answer="no", http_status=400)
            log.finish([Outcome(message.pk, Status.FAILED, self.now, error=refused)], uuid.uuid4())

    def _receipt(self, which: int, segments: int | None) -> None:
        if message := self._some(which, *Status):
            said = Receipt("delivered", Status.DELIVERED, "message.status_updated", segments=segments)
            log.receipt(message, said, self.now)

    def _decide(self, which: int, arrived: bool) -> None:
        if message := self._some(which, Status.UNKNOWN):
            settle.decide(message, arrived, "", self.by, self.now)

    def _release(self) -> None:
        hold.release(self.now)

    def _purge(self, days: int) -> None:
        self.clock.shift(61)
        purging.purge(self.workspace, Part.MESSAGE, self.now - days * DAY, self.now)

    def _rule(self) -> None:
        """A limit by another calendar: its counters begin with what the log says."""
        limit = {"zone": "Asia/Kolkata", "unit": Unit.MESSAGES, "limit": 50}
        Rule.objects.get_or_create(workspace=self.workspace, scope=Scope.NUMBER, window="month", **limit)
        Rule.objects.get_or_create(workspace=self.workspace, scope=Scope.USER, window="hour", **limit)
        cache.forget()

    def subjects(self) -> list[Subject]:
        return [Subject.of(holder) for holder in [*self.numbers, *self.agents] if holder]

    def used(self, subject: Subject, since: datetime, until: datetime) -> Used:
        """What those messages come to, one by one."""
        found = Used()
        for message in self.counted.values():
            holder = message.number_id if subject.scope == Scope.NUMBER else message.agent_id
            at = message.accepted_at
            if holder == subject.subject_id and at and since <= at < until and not message.refunded_at:
                found += Used(1, message.provider_segments or message.segments)
        return found


def make_world(clock: Any) -> World:
    workspace = make_workspace()
    workspace.quota_rules.filter(window="minute").update(limit=3)
    workspace.quota_rules.filter(window="hour").update(limit=5)
    workspace.quota_rules.filter(unit="segments", enabled=True).update(limit=25)
    Rule.objects.create(workspace=workspace, scope=Scope.NUMBER, window="day", zone="Europe/Paris", limit=8)
    numbers = [make_number(workspace, users=(MIA, LEO)) for _ in range(2)]
    ago = timezone.now() - 100 * DAY  # what is deleted has been kept as figures for long
    Recount.objects.create(workspace=workspace, at=ago, finished_at=ago)
    return World(workspace, numbers, [None, *workspace.agents.order_by("pk")], make_user(), clock)


@pytest.mark.services
@pytest.mark.django_db
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=STARTS, history=STEPS, chance=st.integers(0, 2**32))
def test_after_any_history_the_pages_say_what_the_log_says(
    start: datetime, history: list[tuple[Any, ...]], chance: int
) -> None:
    with time_machine.travel(start, tick=False) as clock:
        world = make_world(clock)
        for step in history:
            world.do(*step)
        now = world.now
        world.compare()
        for subject in world.subjects():
            month = started_at(Window.MONTH, now), resets_at(Window.MONTH, now)
            its = recount.counted(subject.scope, subject.subject_id, *month)
            assert its == world.used(subject, *month)
        assert compared(world.workspace, now).drifts == []
        assert_months(world)
        assert_damage_is_mended(world, random.Random(chance))


def assert_months(world: World) -> None:
    for use in MonthUse.objects.filter(workspace=world.workspace):
        since = datetime(use.month // 12, use.month % 12 + 1, 1, tzinfo=UTC)
        subject = Subject(world.workspace.pk, use.scope, use.subject_id)
        assert Used(use.messages, use.segments) == world.used(subject, since, resets_at(Window.MONTH, since))
    sent = {(m.number_id, Moment.of(m.accepted_at).month) for m in world.counted.values() if _counts(m)}
    uses = MonthUse.objects.filter(workspace=world.workspace, scope=Scope.NUMBER)
    assert set(uses.values_list("subject_id", "month")) == sent


def _counts(message: Message) -> bool:
    return bool(message.accepted_at and not message.refunded_at)


def assert_damage_is_mended(world: World, chance: random.Random) -> None:
    now, expected, before = world.now, list[dict[str, Any]](), dict[int, Counter]()
    for counter in Counter.objects.filter(workspace=world.workspace).order_by("pk"):
        window, unit = chance.choice(COMPARED), chance.choice(list(Unit))
        column, moment = f"{window}_{unit}", Moment.of(now, counter.zone)
        if counter.turns != own_in_utc(counter).turns:  # it is made anew before it counts again
            continue
        before[counter.pk] = counter
        if getattr(counter, f"{window}_at") != moment.in_window(window) or chance.random() < 0.3:
            continue
        value = getattr(counter, column)
        wrong = value + 1_000 if not value or chance.random() < 0.5 else 0
        damage(counter, **{column: wrong})
        expected.append(drift(counter, window.value, unit.value, wrong, value))
    assert compared(world.workspace, now).drifts == expected
    for pk, counter in before.items():
        assert figures(Counter.objects.get(pk=pk), now) == figures(counter, now)
    assert compared(world.workspace, now).drifts == []


COMPARED = [Window.HOUR, Window.DAY, Window.MONTH]  # a minute is over before anybody reads of it


def own_in_utc(counter: Counter) -> Counter:
    return Counter.objects.get(scope=counter.scope, subject_id=counter.subject_id, zone="UTC")


def figures(counter: Counter, now: datetime) -> list[int]:
    """What it says of the windows that hold `now`."""
    moment = Moment.of(now, counter.zone)
    return [
        getattr(counter, f"{window}_{unit}")
        if getattr(counter, f"{window}_at") == moment.in_window(window)
        else 0
        for window in Window
        for unit in Unit
    ]


# --- Finding and putting right ------------------------------------------------------------------------


def test_a_message_that_no_counter_counted_is_counted(workspace: Workspace) -> None:
    number = make_number(workspace)
    accept(ask(number), NOW - 40 * DAY)
    make_message(workspace, number=number, at=NOW, segments=3)

    found = compared(workspace).drifts

    counter = counter_of(number)
    assert found == [
        drift(counter, window, unit, 0, amount)
        for window in COMPARED
        for unit, amount in (("messages", 1), ("segments", 3))
    ]
    assert (counter.minute_at, counter.month_segments) == (Moment.of(NOW).minute, 3)


def test_a_window_that_is_over_and_one_that_has_not_begun_are_left_alone(workspace: Workspace) -> None:
    number = make_number(workspace)
    accept(ask(number), NOW)
    damage(counter_of(number), minute_messages=9, hour_messages=9)
    later = resets_at(Window.HOUR, NOW)
    assert compared(workspace, later).drifts == []

    accept(ask(number), later + timedelta(minutes=1))  # by a server whose clock is ahead
    damage(counter_of(number), hour_messages=9)
    assert compared(workspace, later).drifts == []
    assert len(compared(workspace, later + timedelta(minutes=1)).drifts) == 1


def test_messages_that_came_just_before_a_window_hide_no_difference(workspace: Workspace) -> None:
    number, edge = make_number(workspace), datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    for _ in range(5):
        accept(ask(number), edge - timedelta(seconds=5))
    accept(ask(number), edge)
    damage(counter_of(number), hour_messages=6)

    assert compared(workspace, edge + timedelta(seconds=1)).drifts == [
        drift(counter_of(number), "hour", "messages", 6, 1)
    ]
    assert counter_of(number).hour_messages == 1


def test_a_zone_that_a_rule_left_is_no_difference_and_its_counters_go_with_the_rule(
    workspace: Workspace,
) -> None:
    number = make_number(workspace)
    rule = Rule.objects.create(
        workspace=workspace, scope=Scope.NUMBER, window="day", zone="Europe/Paris", limit=9
    )
    cache.forget()
    accept(ask(number), NOW)
    Rule.objects.filter(pk=rule.pk).update(enabled=False)
    cache.forget()
    accept(ask(number), NOW)
    assert (compared(workspace).drifts, counter_of(number, "Europe/Paris").day_messages) == ([], 1)

    rule.delete()
    assert compared(workspace).drifts == []
    assert set(Counter.objects.values_list("zone", flat=True)) == {"UTC"}


def test_what_was_deleted_before_figures_were_kept_goes_on_counting(workspace: Workspace) -> None:
    number = make_number(workspace)
    for _ in range(8):
        accept(ask(number), NOW - 10 * DAY)
    Purge.objects.create(workspace=workspace, part=Part.MESSAGE, cursor=uuid.uuid4())
    Message.objects.all().delete()
    make_message(workspace, number=number, at=NOW, segments=3)

    assert {each["window"] for each in compared(workspace).drifts} == {"hour", "day"}
    assert counter_of(number).month_messages == 8

    Recount.objects.update(at=started_at(Window.MONTH, NOW))
    assert drift(counter_of(number), "month", "messages", 8, 1) in compared(workspace).drifts


def test_a_window_that_is_wrong_and_those_that_are_over_begin_at_one_moment(workspace: Workspace) -> None:
    """So a server whose clock is behind finds none of them ahead of the others."""
    number = make_number(workspace)
    accept(ask(number), NOW - DAY)
    damage(counter_of(number), month_messages=9)
    compared(workspace)
    moment, counter = Moment.of(NOW), counter_of(number)
    assert (counter.minute_at, counter.hour_at, counter.day_at) == (moment.minute, moment.hour, moment.day)
    assert figures(counter, NOW) == [0, 0, 0, 0, 0, 0, 1, 1]


def test_counters_of_who_no_longer_exists_are_compared_too(workspace: Workspace) -> None:
    moment = Moment.of(NOW)
    gone = Counter.objects.create(
        workspace=workspace, scope=Scope.USER, subject_id=987, month_at=moment.month, month_messages=4
    )
    assert compared(workspace).drifts == [drift(gone, "month", "messages", 4, 0)]
    gone.refresh_from_db()
    assert gone.month_messages == 0


def test_only_the_workspace_that_asked_is_compared(workspace: Workspace) -> None:
    number = make_number(make_workspace())
    accept(ask(number), NOW)
    damage(counter_of(number), day_messages=7)
    assert (compared(workspace).drifts, compared(workspace).counters) == ([], 0)
    assert len(compared(number.workspace).drifts) == 1


def test_all_counters_are_compared_in_a_few_queries(
    workspace: Workspace, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    def queries(numbers: int) -> int:
        for _ in range(numbers):
            accept(ask(make_number(workspace, users=(MIA,))), NOW)
        comparing.ask(workspace.pk, NOW)
        with django_assert_max_num_queries(200) as captured:
            comparing.run(workspace.pk, lambda: NOW)
        return len(captured)

    compared(workspace)
    assert queries(2) == queries(10)


# --- One at a time ------------------------------------------------------------------------------------


def test_asked_twice_there_is_one_comparison(workspace: Workspace, rung: list[int]) -> None:
    comparing.ask(workspace.pk, NOW)
    comparing.ask(workspace.pk, NOW + timedelta(minutes=1))
    assert Recount.objects.get().at == NOW
    assert rung == [workspace.pk] * 2


def test_one_that_runs_is_not_begun_again_until_its_worker_is_given_up(
    workspace: Workspace, rung: list[int]
) -> None:
    Recount.objects.create(workspace=workspace, at=NOW, lease_until=NOW + comparing.LEASE)
    comparing.run(workspace.pk, lambda: NOW)
    comparing.sweep(NOW)
    assert (Recount.objects.get().finished_at, rung) == (None, [])

    later = NOW + comparing.LEASE + timedelta(seconds=1)
    comparing.sweep(later)
    comparing.run(workspace.pk, lambda: later)
    assert (Recount.objects.get().finished_at, rung) == (later, [workspace.pk])


def test_a_worker_that_is_stopped_keeps_what_it_found_and_leaves_the_rest(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, rung: list[int]
) -> None:
    monkeypatch.setattr(comparing, "STEP", 1)
    for number in [make_number(workspace) for _ in range(2)]:
        accept(ask(number), NOW)
    Counter.objects.update(day_messages=9)
    comparing.ask(workspace.pk, NOW)
    stopping.set()
    try:
        comparing.run(workspace.pk, lambda: NOW)
    finally:
        stopping.clear()
    row = Recount.objects.get()
    assert (len(row.drifts), row.finished_at, row.lease_until) == (1, None, None)

    rung.clear()
    comparing.sweep(NOW)
    comparing.run(workspace.pk, lambda: NOW)
    row.refresh_from_db()
    assert (len(row.drifts), row.finished_at, rung) == (2, NOW, [workspace.pk])


def test_one_that_was_taken_over_writes_nothing_more(workspace: Workspace) -> None:
    comparing.ask(workspace.pk, NOW)
    times = iter([NOW, NOW, NOW])

    def clock() -> datetime:
        Recount.objects.exclude(lease_until=None).update(lease_until=NOW + DAY)
        return next(times, NOW)

    comparing.run(workspace.pk, clock)
    assert Recount.objects.get().lease_until == NOW + DAY
    assert not MonthUse.objects.exists()


def test_every_workspace_is_compared_every_night(workspace: Workspace, rung: list[int]) -> None:
    other = make_workspace()
    comparing.ask_everywhere()
    assert rung == [workspace.pk, other.pk]


# --- Months and what is deleted -----------------------------------------------------------------------


def test_the_first_comparison_writes_twelve_months_and_this_one(workspace: Workspace) -> None:
    number = make_number(workspace)
    for days in (0, 100, 300, 500):
        make_message(workspace, number=number, at=NOW - days * DAY, segments=2)
    compared(workspace)
    found = MonthUse.objects.order_by("month").values_list("month", "messages", "segments")
    ago = [Moment.of(NOW - days * DAY).month for days in (300, 100, 0)]
    assert list(found) == [(month, 1, 2) for month in ago]


def test_a_month_is_final_a_week_after_it_ended(workspace: Workspace) -> None:
    """Until then what was given back late is taken out of it."""
    number, end = make_number(workspace), datetime(2026, 12, 1, tzinfo=UTC)
    message = make_message(workspace, number=number, at=NOW)
    compared(workspace, end + 6 * DAY)
    assert MonthUse.objects.get().messages == 1
    Message.objects.filter(pk=message.pk).update(refunded_at=end)
    compared(workspace, end + 8 * DAY)
    assert not MonthUse.objects.exists()

    Message.objects.filter(pk=message.pk).update(refunded_at=None)
    compared(workspace, end + 9 * DAY)
    compared(workspace, end + 10 * DAY)
    assert not MonthUse.objects.exists()


def test_a_purge_changes_no_figure(workspace: Workspace) -> None:
    number = make_number(workspace, users=(MIA,))
    agent = workspace.agents.get()
    for minutes in (0, 1, 20):
        at = NOW - 3 * DAY + timedelta(minutes=minutes)
        make_message(workspace, number=number, agent=agent, at=at, segments=2, provider_segments=3)
    make_message(workspace, number=number, agent=agent, at=NOW - 3 * DAY, status=Status.FAILED)
    make_message(workspace, number=number, at=NOW - 3 * DAY, status=Status.REJECTED)
    month = started_at(Window.MONTH, NOW), resets_at(Window.MONTH, NOW)
    compared(workspace)
    for _ in range(2):
        purging.purge(workspace, Part.MESSAGE, NOW - DAY, NOW)

    assert not Message.objects.exists()
    kept = Kept.objects.order_by("scope", "quarter").values_list("scope", "messages", "segments")
    assert list(kept) == [("number", 2, 6), ("number", 1, 3), ("user", 2, 6), ("user", 1, 3)]
    assert recount.counted(Scope.NUMBER, number.pk, *month) == Used(3, 9)
    assert compared(workspace).drifts == []
    assert set(MonthUse.objects.values_list("messages", "segments")) == {(3, 9)}


def test_what_is_kept_falls_into_the_month_of_a_zone_that_begins_at_half_past(workspace: Workspace) -> None:
    number, edge = make_number(workspace), datetime(2026, 10, 31, 18, 30, tzinfo=UTC)
    for minutes in (-10, 10, 20):
        make_message(workspace, number=number, at=edge + timedelta(minutes=minutes))
    purging.purge(workspace, Part.MESSAGE, NOW, NOW)
    for zone, messages in (("Asia/Kolkata", 2), ("UTC", 0)):
        found = recount.windows(workspace.pk, Scope.NUMBER, zone, NOW)
        assert found[number.pk][Window.MONTH].messages == messages


def test_what_is_kept_is_added_to(workspace: Workspace) -> None:
    number = make_number(workspace)
    for _ in range(2):
        message = make_message(workspace, number=number, at=NOW, segments=2)
        recount.keep(workspace.pk, [message.pk])
    assert list(Kept.objects.values_list("messages", "segments")) == [(2, 4)]


def test_what_is_older_than_thirteen_months_goes(workspace: Workspace) -> None:
    common = {"workspace": workspace, "scope": Scope.NUMBER, "subject_id": 7}
    for days in (390, 430):
        at = NOW - days * DAY
        Kept.objects.create(**common, quarter=recount.quarter(at), messages=1, segments=1)
        MonthUse.objects.create(**common, month=Moment.of(at).month, messages=1)
        Recount.objects.create(workspace=workspace, at=at, finished_at=at)
        Crossing.objects.create(
            **common,
            zone="UTC",
            window="day",
            unit="messages",
            began_at=at,
            threshold=80,
            at=at,
            used=1,
            limit=1,
        )
    comparing.clean_up(workspace.pk, NOW)
    for model in (Kept, MonthUse, Recount, Crossing):
        assert model.objects.count() == 1, model


# --- Together with traffic ----------------------------------------------------------------------------


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_traffic_that_goes_on_is_no_difference(
    workspace: Workspace,
) -> None:
    numbers = [make_number(workspace, users=(MIA, LEO)) for _ in range(3)]
    agents = list(workspace.agents.order_by("pk"))
    Rule.objects.create(
        workspace=workspace, scope=Scope.NUMBER, window="day", zone="Europe/Paris", limit=9_000
    )
    cache.forget()
    for number in numbers:
        for agent in agents:
            accept(ask(number, send_as_kind="user", send_as_user_id=agent.pk))
    rulebook.of(workspace.pk)
    done = threading.Event()
    refused = errors.ProviderRejected(provider="Aircall", answer="no", http_status=400)

    def traffic(turn: int) -> None:
        """Accepts, refuses half of it, and is told other segments of the rest."""
        try:
            for each in range(12):
                number, agent = numbers[(turn + each) % 3], agents[turn % 2]
                message = accept(ask(number, send_as_kind="user", send_as_user_id=agent.pk))
                holder, now = uuid.uuid4(), timezone.now()
                log.claim([message.pk], holder, now, now + DAY)
                sent = Outcome(message.pk, Status.SENT, now, provider_id=str(message.pk), segments=2)
                failed = Outcome(message.pk, Status.FAILED, now, error=refused)
                log.finish([failed if each % 2 else sent], holder)
        finally:
            connection.close()

    def compare() -> list[Any]:
        found = []
        try:
            while not done.is_set():
                comparing.ask(workspace.pk, timezone.now())
                comparing.run(workspace.pk)
                found += Recount.objects.filter(workspace=workspace).latest("at", "pk").drifts
        finally:
            connection.close()
        return found

    with ThreadPoolExecutor(7) as pool:
        drifts = pool.submit(compare)
        try:
            for each in [pool.submit(traffic, turn) for turn in range(6)]:
                each.result()
        finally:
            done.set()
        assert drifts.result() == []
    assert Message.objects.filter(status=Status.FAILED, refunded_at__isnull=False).count() == 36
    assert compared(workspace, timezone.now()).drifts == []
