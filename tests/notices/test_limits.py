"""A rule for limits tells of each crossing once, of none that was there before it, and says what it means."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from smsadmin import cache
from smsadmin.directory.models import Number
from smsadmin.notices import limits, looks, tasks, watching, wording
from smsadmin.notices.models import Delivery, Notice, NoticeRule
from smsadmin.notices.telling import open_notices
from smsadmin.quotas import counting, crossing
from smsadmin.quotas.models import Crossing, PriorityShare, Rule
from smsadmin.quotas.rulebook import Subject
from smsadmin.workspaces.models import Workspace
from smsadmin.workspaces.setup import new_workspace
from tests.factories import make_agent, make_number, make_user, make_workspace
from tests.notices.conftest import START, at, crossed, failed, make_endpoint, make_limit_rule, make_rule
from tests.notices.test_at_once import THREADS, at_once

pytestmark = [pytest.mark.django_db, pytest.mark.services]

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    cache.forget()
    yield
    cache.forget()


@pytest.fixture
def number(workspace: Workspace) -> Number:
    return make_number(workspace, "+12025550101", name="Sales US")


def look(now: datetime) -> int:
    """One sweep; how many notices there are afterwards."""
    limits.sweep(now)
    return Notice.objects.count()


def told() -> list[Any]:
    """The threshold of each notice, 0 of a forecast; the number of limits where several are told together."""
    return sorted(
        notice.facts["limits"] if "limits" in notice.facts else notice.facts["threshold"] or 0
        for notice in Notice.objects.all()
    )


# --- Which and how often ------------------------------------------------------------------------------


def test_a_crossing_is_told_once(workspace: Workspace, number: Number) -> None:
    make_limit_rule(workspace)
    crossed(number, 80, at(seconds=10))

    for minute in range(1, 20):
        assert look(at(minutes=minute)) == 1
    crossed(number, 90, at(minutes=20))
    assert look(at(minutes=21)) == 2
    assert told() == [80, 90]


def test_what_is_written_a_little_after_the_look_is_seen_by_the_next(
    workspace: Workspace, number: Number
) -> None:
    make_limit_rule(workspace)
    look(at(minutes=10))
    crossed(number, 80, at(minutes=10) - looks.OVERLAP + SECOND)

    assert look(at(minutes=11)) == 1


def test_however_long_nobody_looked_all_is_told(workspace: Workspace, number: Number) -> None:
    make_limit_rule(workspace)
    for nth, threshold in enumerate(Crossing.THRESHOLDS, 1):
        crossed(number, threshold, at(minutes=nth))

    look(at(hours=9))

    assert told() == [50, 80, 90, 100]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, 5),
        ({"thresholds": [80, 100]}, 3),
        ({"forecast": False}, 4),
        ({"thresholds": [], "forecast": True}, 1),
        ({"windows": ["month"]}, 0),
        ({"windows": ["minute", "hour", "day", "month"]}, 5),
        ({"units": ["segments"]}, 0),
        ({"enabled": False}, 0),
    ],
)
def test_a_rule_tells_of_what_it_names(
    workspace: Workspace, number: Number, columns: dict[str, Any], expected: int
) -> None:
    make_limit_rule(workspace, **columns)
    for threshold in (*Crossing.THRESHOLDS, Crossing.FORECAST):
        crossed(number, threshold, at(seconds=10))

    assert look(at(minutes=1)) == expected


def test_each_rule_tells_by_itself(workspace: Workspace, number: Number) -> None:
    make_limit_rule(workspace)
    make_limit_rule(workspace, emails=["ops@example.com"], endpoint=make_endpoint(workspace))
    crossed(number, 80, at(seconds=10))

    look(at(minutes=1))
    look(at(minutes=2))

    assert told() == [80, 80]
    assert list(Delivery.objects.values_list("channel", "address")) == [
        ("email", "ops@example.com"),
        ("webhook", "127.0.0.1:9"),
    ]


def test_a_flood_is_told_in_few_notices(workspace: Workspace) -> None:
    make_limit_rule(workspace)
    others = [make_number(workspace) for _ in range(7)]
    for nth in range(looks.MOST_TOLD):
        crossed(make_number(workspace), 100 if nth % 2 else 90, at(seconds=nth + 1))
    for each in others:
        crossed(each, 80, at(seconds=1))

    assert look(at(minutes=1)) == looks.MOST_TOLD + 1
    assert told() == [7, *[90] * 5, *[100] * 5]
    said = wording.told(Notice.objects.get(kind="quota.more"))
    assert (said.type, said.path) == ("quota.more", "/quotas/")
    assert said.sentence == "7 further limits came to a threshold or will run out."
    assert said.lines == (("Rule", "Limits"),)
    assert said.data == {"rule": "Limits", "limits": 7}
    assert look(at(minutes=2)) == looks.MOST_TOLD + 1, "told together is told"


def test_the_mildest_is_sent_first_and_the_most_urgent_listed_first(workspace: Workspace) -> None:
    make_limit_rule(workspace, emails=["ops@example.com"])
    for number in [make_number(workspace) for _ in range(4)]:
        for threshold in (100, 50, Crossing.FORECAST, 90):
            crossed(number, threshold, at(seconds=10))

    look(at(minutes=1))

    sent = [each.notice.facts.get("threshold", "others") for each in Delivery.objects.order_by("pk")]
    assert sent == ["others", None, None, 90, 90, 90, 90, 100, 100, 100, 100]
    listed = [notice.facts.get("threshold", "others") for notice in Notice.objects.order_by("-pk")]
    assert listed == sent[::-1]


@pytest.mark.parametrize(
    ("window", "began", "closes"),
    [
        ("minute", at(minutes=10), at(minutes=11)),
        ("hour", at(), at(hours=1)),
        ("day", at(hours=-8), at(days=1, hours=16)),
        ("month", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC)),
    ],
)
def test_a_notice_closes_itself(
    workspace: Workspace, number: Number, window: str, began: datetime, closes: datetime
) -> None:
    """That of an hour with it; that of a day or month a day later, so that the morning knows of the evening."""
    make_limit_rule(workspace, windows=[window])
    crossed(number, 80, at(minutes=10), window=window, began_at=began)

    look(at(minutes=10, seconds=30))
    look(closes - SECOND)
    assert open_notices(workspace) == 1
    look(closes)
    assert open_notices(workspace) == 0
    notice = Notice.objects.get()
    assert (notice.dismissed_at, notice.dismissed_by, notice.closed_itself) == (closes, None, True)


def test_what_is_told_together_closes_with_the_last_of_it(workspace: Workspace) -> None:
    make_limit_rule(workspace, windows=["hour", "day"])
    hours = {"window": "hour", "began_at": START}
    for nth in range(looks.MOST_TOLD + 2):
        columns: dict[str, Any] = {} if nth == looks.MOST_TOLD else hours
        crossed(make_number(workspace), 50 if columns == {} else 80, at(seconds=nth + 1), **columns)

    look(at(minutes=1))
    look(at(hours=2))

    [notice] = Notice.objects.filter(dismissed_at=None)
    assert notice.kind == "quota.more"


def test_what_is_dismissed_or_of_a_failure_is_not_closed(workspace: Workspace, number: Number) -> None:
    make_rule(workspace)
    make_limit_rule(workspace)
    failed(workspace, at(seconds=10))
    crossed(number, 80, at(seconds=10))
    watching.sweep(at(minutes=1))
    look(at(minutes=1))
    Notice.objects.filter(kind="quota.threshold").update(dismissed_at=at(minutes=2))

    look(at(days=60))

    assert not any(notice.closed_itself for notice in Notice.objects.all())
    assert open_notices(workspace) == 1


def test_a_workspace_is_told_of_its_own_limits(workspace: Workspace) -> None:
    make_limit_rule(workspace)
    crossed(make_number(make_workspace()), 80, at(seconds=10))

    assert look(at(minutes=1)) == 0


def test_one_rule_whose_look_fails_stops_no_other(
    workspace: Workspace, number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        make_limit_rule(workspace)
    crossed(number, 80, at(seconds=10))
    look_at, errors = limits.look, iter([ValueError("of one"), None])

    def looks_at(rule: NoticeRule, now: datetime) -> None:
        if error := next(errors):
            raise error
        look_at(rule, now)

    monkeypatch.setattr(limits, "look", looks_at)

    assert look(at(minutes=1)) == 1


def test_failures_and_limits_do_not_meet(workspace: Workspace, number: Number) -> None:
    make_rule(workspace)
    make_limit_rule(workspace)
    failed(workspace, at(seconds=10))
    crossed(number, 80, at(seconds=10))

    watching.sweep(at(minutes=1))
    assert [notice.kind for notice in Notice.objects.all()] == ["failure.new"]
    limits.sweep(at(minutes=1))
    assert Notice.objects.filter(kind="quota.threshold").count() == 1


def test_whose_limit_was_deleted_is_not_told_of(workspace: Workspace, number: Number) -> None:
    make_limit_rule(workspace)
    crossed(number, 80, at(seconds=10))
    number.delete()

    assert look(at(minutes=1)) == 0


def test_the_task_finds_and_tells(
    workspace: Workspace, number: Number, travel: Callable[[datetime], None]
) -> None:
    make_limit_rule(workspace)
    use(workspace, number, 9, of=10)
    travel(at(minutes=1))

    tasks.watch()

    assert told() == [0, 50, 80, 90]


# --- What was there already ---------------------------------------------------------------------------


def use(workspace: Workspace, number: Number, count: int, of: int) -> None:
    """The number has used so many of so many messages a day, and nobody has looked since."""
    workspace.quota_rules.all().delete()
    Rule.objects.create(workspace=workspace, scope="number", window="day", limit=of)
    cache.forget()
    for _ in range(count):
        counting.reserve([Subject.of(number)], 1, START)


def test_what_was_there_when_a_rule_is_made_is_no_news(workspace: Workspace, number: Number) -> None:
    use(workspace, number, 8, of=10)
    crossed(number, 50, START)
    watching.take_stock(make_limit_rule(workspace, begun_at=None), at(minutes=1))
    crossed(number, 90, at(minutes=1, seconds=1))

    tell_all(at(minutes=2))

    assert told() == [90]


def tell_all(now: datetime) -> None:
    """As the task does."""
    crossing.sweep(now)
    limits.sweep(now)


def test_a_rule_that_came_with_an_upgrade_takes_stock_with_its_first_look(
    workspace: Workspace, number: Number
) -> None:
    use(workspace, number, 8, of=10)
    rule = make_limit_rule(workspace, begun_at=None)

    tell_all(at(minutes=1))
    assert told() == []
    rule.refresh_from_db()
    assert rule.begun_at == at(minutes=1)
    crossed(number, 90, at(minutes=2))
    tell_all(at(minutes=3))
    assert told() == [90]


def test_a_look_that_began_before_a_change_tells_nothing(workspace: Workspace, number: Number) -> None:
    rule = make_limit_rule(workspace)
    stale = NoticeRule.objects.get(pk=rule.pk)
    crossed(number, 80, at(seconds=10))
    watching.take_stock(rule, at(minutes=1))

    limits.look(stale, at(minutes=2))

    assert told() == []


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_new_workspace_has_a_rule_that_tells_in_the_list(language: str) -> None:
    made = new_workspace("Example Ltd", make_user(), language=language)

    [rule] = made.notice_rules.all()
    assert (rule.when, rule.enabled, rule.thresholds, rule.forecast) == ("quota", True, [80, 90, 100], True)
    assert (rule.windows, rule.units) == (["day", "month"], ["messages", "segments"])
    assert rule.tells_in_list_only
    number = make_number(made)
    assert rule.begun_at
    crossed(number, 80, rule.begun_at + SECOND)
    assert look(rule.begun_at + timedelta(minutes=1)) == 1
    assert not Delivery.objects.exists()


# --- In words and as data -----------------------------------------------------------------------------


def said_of(workspace: Workspace, row: Crossing) -> wording.Told:
    make_limit_rule(workspace)
    look(row.at + timedelta(minutes=1))
    return wording.told(Notice.objects.get())


@pytest.fixture
def _at_noon(travel: Callable[[datetime], None]) -> None:
    travel(at(hours=4))


@pytest.mark.usefixtures("_at_noon")
def test_a_threshold_in_words(workspace: Workspace, number: Number) -> None:
    said = said_of(workspace, crossed(number, 80, at(minutes=1)))

    assert said.type == "quota.threshold"
    assert said.sentence == (
        "Sales US (+1 202-555-0101) has come to 80 % of the limit of 10 messages per day."
    )
    assert said.path == f"/quotas/numbers/{number.pk}/"
    assert said.lines == (
        ("Used", "8 of 10 messages"),
        ("Window", "day in UTC, until 23 Nov, 00:00"),
        ("What happens", "From 10 messages on messages are refused or held, as their actions say."),
        ("Rule", "Limits"),
    )


@pytest.mark.usefixtures("_at_noon")
def test_what_is_kept_for_replies_and_alerts_is_said(workspace: Workspace, number: Number) -> None:
    PriorityShare.objects.create(workspace=workspace, percent=20)
    cache.forget()
    said = said_of(workspace, crossed(number, 80, at(minutes=1), used=4_000, limit=5_000))

    assert said.lines[2] == (
        "What happens",
        "Marketing is refused or held from 4,000 messages on, every message from 5,000 on, as their actions say: "
        "the last 1,000 are kept for replies and alerts.",
    )


@pytest.mark.usefixtures("_at_noon")
def test_a_limit_that_is_used_up_in_words(workspace: Workspace) -> None:
    mia = make_agent(workspace, "mia@example.com")
    row = crossed(
        make_number(workspace),
        100,
        at(minutes=1),
        scope="user",
        subject_id=mia.pk,
        window="month",
        unit="segments",
        zone="Europe/Paris",
        began_at=datetime.fromisoformat("2026-10-31T23:00:00+00:00"),
        used=13_000,
        limit=13_000,
    )
    said = said_of(workspace, row)

    assert (
        said.sentence
        == "Mia (mia@example.com) has used up the limit of 13,000 segments per month (Europe/Paris)."
    )
    assert said.path == f"/quotas/users/{mia.pk}/"
    assert said.lines[1:3] == (
        ("Window", "month in Europe/Paris, until 30 Nov, 23:00"),
        ("What happens", "Until then every message is refused or held, as its action says."),
    )
    assert said.data == {
        "rule": "Limits",
        "scope": "user",
        "subject": "mia@example.com",
        "name": "Mia",
        "window": "month",
        "unit": "segments",
        "zone": "Europe/Paris",
        "threshold": 100,
        "used": 13_000,
        "limit": 13_000,
        "resets_at": "2026-11-30T23:00:00+00:00",
        "runs_out_at": None,
    }


@pytest.mark.usefixtures("_at_noon")
def test_a_forecast_in_words(workspace: Workspace, number: Number) -> None:
    said = said_of(workspace, crossed(number, Crossing.FORECAST, at(minutes=1)))

    assert said.type == "quota.forecast"
    assert said.sentence == (
        "If it goes on like this, Sales US (+1 202-555-0101) will have used up the limit of 10 messages per day "
        "at 22 Nov, 09:01."
    )
    assert said.data["threshold"] is None
    assert said.data["runs_out_at"] == "2026-11-22T09:01:00+00:00"


def test_the_notice_of_a_window_that_is_over_says_so(
    workspace: Workspace, number: Number, travel: Callable[[datetime], None]
) -> None:
    travel(at(hours=16))
    said = said_of(workspace, crossed(number, 80, at(minutes=1)))

    assert said.lines == (
        ("Used", "8 of 10 messages"),
        ("Window", "day in UTC, over since 23 Nov, 00:00"),
        ("Rule", "Limits"),
    )


# --- At once, and what it costs -----------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_looks_at_once_tell_once() -> None:
    workspace = make_workspace()
    for _ in range(2):
        make_limit_rule(workspace, emails=["ops@example.com"])
    for _ in range(looks.MOST_TOLD + 3):
        crossed(make_number(workspace), 80, at(seconds=10))
    rules, together = list(NoticeRule.objects.all()), Barrier(THREADS)

    def work() -> None:
        together.wait()
        for rule in rules:
            limits.look(rule, at(minutes=1))

    at_once(work)

    assert Notice.objects.count() == Delivery.objects.count() == 2 * (looks.MOST_TOLD + 1)


def test_a_look_costs_few_queries(workspace: Workspace) -> None:
    make_limit_rule(workspace)
    for _ in range(2):
        crossed(make_number(workspace), 80, at(seconds=10))
        crossed(make_number(workspace), 80, at(seconds=10), scope="user")
    look(at(minutes=1))

    with CaptureQueriesContext(connection) as seen:
        look(at(minutes=2))
    assert len(seen) <= 9, "what was told is looked at again for a while"
    look(at(minutes=20))
    with CaptureQueriesContext(connection) as seen:
        look(at(minutes=40))
    assert len(seen) <= 7
