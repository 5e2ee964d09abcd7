"""What quotas ask of the log: however long it is, nothing looks through all of it."""

import itertools
import re
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smsadmin import cache
from smsadmin.core.status import Status
from smsadmin.core.windows import Window
from smsadmin.directory.models import Agent, Number
from smsadmin.quotas import counting, recount
from smsadmin.quotas.models import Counter, Rule, Scope
from smsadmin.quotas.rulebook import Subject
from smsadmin.sending import hold, lines
from smsadmin.sending.lines import Line
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Workspace
from tests.factories import make_agent, make_number, make_workspace, uuid7_at
from tests.plans import plans_of_log, reads_whole_log

pytestmark = [pytest.mark.django_db, pytest.mark.services]

ROWS, HELD, DAYS = 20_000, 40, 60
ALL_THAT_IS_HELD = re.compile(r"SCAN sending_message USING INDEX held_\w+")  # as SQLite says it


@pytest.fixture
def workspace() -> Workspace:
    """With a long log of many numbers and users, of which a few messages are held."""
    workspace, now = make_workspace(), timezone.now()
    numbers = [make_number(workspace) for _ in range(10)]
    agents = [make_agent(workspace) for _ in range(10)]
    pairs = itertools.cycle(zip(numbers, agents, strict=True))
    Message.objects.bulk_create(
        [
            message(workspace, pair, now - timedelta(days=DAYS) * nth / ROWS, nth)
            for nth, pair in zip(range(ROWS), pairs, strict=False)
        ],
        batch_size=2_000,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    cache.forget()
    return workspace


def message(workspace: Workspace, pair: tuple[Number, Agent], at: datetime, nth: int) -> Message:
    """One of the log; the newest are held."""
    number, agent = pair
    is_held = nth < HELD
    return Message(
        pk=uuid7_at(at),
        workspace=workspace,
        trigger="hubspot",
        key=uuid.uuid4(),
        number=number,
        agent=agent,
        connection_id=number.connection_id,
        body="Hello " * 20,
        segments=1,
        status=Status.HELD if is_held else Status.DELIVERED,
        error_code="NUMBER_QUOTA_EXCEEDED" if is_held else "",
        accepted_at=None if is_held else at,
        next_attempt_at=at if is_held else None,
        expires_at=at + timedelta(days=1) if is_held else None,
    )


def subjects(workspace: Workspace) -> list[Subject]:
    number, agent = workspace.numbers.order_by("pk")[3], workspace.agents.order_by("pk")[3]
    return [Subject.of(number), Subject.of(agent)]


def make_counters(workspace: Workspace, now: datetime) -> None:
    for subject in subjects(workspace):
        counting.make_counter(subject, "Europe/Paris", now)


def read_a_new_zone(workspace: Workspace, now: datetime) -> None:
    """A rule names a zone that nobody has a counter in yet."""
    for scope in Scope:
        Rule.objects.create(
            workspace=workspace, scope=scope, window=Window.MONTH, zone="Asia/Kathmandu", limit=9
        )
    cache.forget()
    for subject in subjects(workspace):
        Counter.objects.create(workspace=workspace, scope=subject.scope, subject_id=subject.subject_id)
        counting.usage(subject, now)


def count_this_month(workspace: Workspace, now: datetime) -> None:
    for subject in subjects(workspace):
        recount.counted(subject.scope, subject.subject_id, now - timedelta(days=20), now)


def count_windows_of_all(workspace: Workspace, now: datetime) -> None:
    for scope in Scope:
        recount.windows(workspace.pk, scope, "Europe/Paris", now)


def count_a_month_of_all(workspace: Workspace, now: datetime) -> None:
    for scope in Scope:
        recount.month(workspace.pk, scope, (now - timedelta(days=20), now))


def look_at_a_line(workspace: Workspace, now: datetime) -> None:
    number, agent = workspace.numbers.order_by("pk")[3], workspace.agents.order_by("pk")[3]
    line = Line(number.pk, agent.pk, "alerting")
    first = lines.first(line, largest=99)
    assert first
    assert lines.length(line, largest=99)
    list(lines.after(Message.objects.get(pk=first.pk), 99, now - timedelta(days=2)))


def sweep_what_is_held(workspace: Workspace, now: datetime) -> None:
    assert lines.heads(lines.waiting(now - timedelta(days=2)))
    assert lines.tails(lines.waiting(now - timedelta(days=2)))
    hold.release(now)


QUESTIONS = [
    make_counters,
    read_a_new_zone,
    count_this_month,
    count_windows_of_all,
    count_a_month_of_all,
    look_at_a_line,
    sweep_what_is_held,
]


def test_no_question_of_a_quota_scans_the_table(workspace: Workspace) -> None:
    bad = {ask.__name__: found for ask in QUESTIONS if (found := scans(ask, workspace))}
    assert bad == {}


def scans(ask: Callable[[Workspace, datetime], None], workspace: Workspace) -> list[str]:
    """The plans of what is asked that read the whole log. All of what is held may be read."""
    with CaptureQueriesContext(connection) as seen:
        ask(workspace, timezone.now())
    plans = plans_of_log(query for query in seen if query["sql"].startswith(("SELECT", "(SELECT")))
    assert plans, ask.__name__
    return [plan for plan in plans if reads_whole_log(ALL_THAT_IS_HELD.sub("", plan))]
