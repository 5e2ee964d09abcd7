"""Which limits hold for whom and when: the rulebook against the rules as they are written."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from smsadmin import cache
from smsadmin.core.windows import Window, started_at
from smsadmin.quotas import rulebook, rules
from smsadmin.quotas.documented import PRESETS, ship_rules
from smsadmin.quotas.models import Counter, PriorityShare, Rule, Scope, Unit
from smsadmin.quotas.rulebook import Rulebook, Subject
from smsadmin.quotas.rules import Departure, Standing
from smsadmin.sending import bell
from smsadmin.sending.accept import accept
from tests.factories import ask, make_agent, make_message, make_number, make_workspace

NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
ROUTES = {1: "aircall", 2: "hubspot"}
FRENCH = Subject(1, Scope.NUMBER, 7, "FR", "mobile", 1)
MIA = Subject(1, Scope.USER, 7, connection_id=1)


def rule(pk: int = 1, **columns: Any) -> Rule:
    """A rule that nobody saved: 100 messages a day for each number."""
    defaults = {"scope": "number", "window": "day", "unit": "messages", "limit": 100}
    return Rule(pk=pk, workspace_id=1, **{**defaults, **columns})


def limits(subject: Subject, *found: Rule, at: datetime = NOW, percent: int = 0) -> list[int]:
    return [limit.limit for limit in Rulebook(found, percent, ROUTES).limits(subject, at)]


# --- For whom -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "fits"),
    [
        ({}, True),
        ({"country": "FR"}, True),
        ({"country": "DE"}, False),
        ({"line": "mobile"}, True),
        ({"line": "toll_free"}, False),
        ({"route": "aircall"}, True),
        ({"route": "hubspot"}, False),
        ({"number_id": 7}, True),
        ({"number_id": 8}, False),
        ({"country": "FR", "line": "mobile", "route": "aircall"}, True),
        ({"country": "FR", "line": "fixed_line"}, False),
        ({"scope": "user"}, False),
        ({"scope": "user", "agent_id": 7}, False),
    ],
)
def test_a_rule_is_for_those_that_fit_all_of_it(columns: dict[str, Any], fits: bool) -> None:
    assert limits(FRENCH, rule(**columns)) == ([100] if fits else [])


@pytest.mark.parametrize(
    ("columns", "fits"),
    [({"agent_id": 7}, True), ({"agent_id": 8}, False), ({"route": "hubspot"}, False), ({}, True)],
)
def test_users_are_told_apart_by_route_and_name(columns: dict[str, Any], fits: bool) -> None:
    assert limits(MIA, rule(scope="user", **columns)) == ([100] if fits else [])


def test_what_is_known_of_one_number_is_not_held_against_another() -> None:
    book = Rulebook([rule(number_id=7)], 0, ROUTES)
    other = Subject(1, Scope.NUMBER, 8, "FR", "mobile", 1)

    assert [len(book.limits(subject, NOW)) for subject in (FRENCH, other, MIA, FRENCH)] == [1, 0, 0, 1]


def test_the_directory_says_what_a_number_is(db: None) -> None:
    workspace = make_workspace()
    number = make_number(workspace, "+33612345678", country="FR")

    assert Subject.of(number) == Subject(
        workspace.pk, Scope.NUMBER, number.pk, "FR", "mobile", number.connection_id
    )


# --- Which counts -------------------------------------------------------------------------------------


def test_the_smallest_limit_of_a_window_counts_whichever_rule_came_first() -> None:
    wide, narrow = rule(1), rule(2, country="FR", limit=50)

    assert limits(FRENCH, wide, narrow) == [50]
    assert limits(FRENCH, narrow, wide) == [50]
    assert limits(FRENCH, rule(1, limit=20), narrow) == [20]


def test_windows_units_and_zones_have_limits_of_their_own() -> None:
    found = [
        rule(1, window="month"),
        rule(2, zone="Europe/Paris"),
        rule(3, unit="segments"),
        rule(4, window="minute"),
        rule(5),
    ]

    told = [(x.unit, x.window, x.zone) for x in Rulebook(found, 0, ROUTES).limits(FRENCH, NOW)]

    assert told == [
        ("messages", "minute", "UTC"),
        ("messages", "day", "UTC"),
        ("messages", "day", "Europe/Paris"),
        ("messages", "month", "UTC"),
        ("segments", "day", "UTC"),
    ]


def test_there_is_a_counter_for_each_zone_and_one_in_utc_always() -> None:
    book = Rulebook([rule(zone="Europe/Paris"), rule(2, zone="Asia/Tokyo")], 0, ROUTES)

    meters = book.meters(FRENCH, NOW)

    assert [(meter.zone, len(meter.limits)) for meter in meters] == [
        ("UTC", 0), ("Asia/Tokyo", 1), ("Europe/Paris", 1),
    ]  # fmt: skip


# --- When ---------------------------------------------------------------------------------------------


def test_a_rule_replaces_those_for_the_same_from_its_first_moment_on() -> None:
    found = rule(1), rule(2, limit=300, effective_from=NOW), rule(3, limit=200, effective_from=NOW + DAY)

    assert limits(FRENCH, *found, at=NOW - SECOND) == [100]
    assert limits(FRENCH, *found, at=NOW) == [300]
    assert limits(FRENCH, *found, at=NOW + DAY - SECOND) == [300]
    assert limits(FRENCH, *reversed(found), at=NOW + DAY) == [200]


def test_a_book_read_before_a_rule_begins_knows_when_it_does() -> None:
    book = Rulebook([rule(1), rule(2, limit=300, effective_from=NOW)], 0, ROUTES)

    assert [book.limits(FRENCH, at)[0].limit for at in (NOW - SECOND, NOW, NOW - SECOND)] == [100, 300, 100]


def test_a_rule_for_some_replaces_none_for_all() -> None:
    found = rule(1), rule(2, limit=300, country="FR", effective_from=NOW)

    assert limits(FRENCH, *found) == [100]


def test_a_replacement_that_is_switched_off_ends_the_rule() -> None:
    found = rule(1), rule(2, enabled=False, effective_from=NOW)

    assert limits(FRENCH, *found, at=NOW - SECOND) == [100]
    assert limits(FRENCH, *found) == []


def test_a_rule_that_is_switched_off_holds_for_nobody() -> None:
    assert limits(FRENCH, rule(enabled=False), rule(2, limit=300, country="FR")) == [300]


# --- The share of priority traffic --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "percent", "kept"), [(200, 10, 20), (9, 10, 0), (19, 10, 1), (200, 0, 0), (3, 50, 1)]
)
def test_what_is_kept_is_rounded_down(limit: int, percent: int, kept: int) -> None:
    [found] = Rulebook([rule(limit=limit)], percent, ROUTES).limits(FRENCH, NOW)

    assert (found.kept, found.room(), found.room(priority=False)) == (kept, limit, limit - kept)


def test_a_workspace_keeps_its_own_share(db: None) -> None:
    workspace, other = make_workspace(), make_workspace()
    PriorityShare.objects.create(workspace=workspace, percent=30)

    assert [rulebook.read(each.pk).percent for each in (workspace, other)] == [30, 10]


# --- Against a reference ------------------------------------------------------------------------------

MOMENTS = [None, NOW - DAY, NOW, NOW + DAY]
COUNTRIES, LINES, ZONES = ["", "FR", "US"], ["", "mobile", "toll_free"], ["UTC", "Europe/Paris"]


@st.composite
def many_rules(draw: st.DrawFn) -> list[Rule]:
    found = []
    for pk in range(1, draw(st.integers(0, 12)) + 1):
        scope = draw(st.sampled_from(Scope))
        whom: dict[str, Any] = {"route": draw(st.sampled_from(["", "aircall"]))}
        if scope == Scope.NUMBER:
            whom |= {"country": draw(st.sampled_from(COUNTRIES)), "line": draw(st.sampled_from(LINES))}
            whom["number_id"] = draw(st.sampled_from([None, 7]))
        else:
            whom["agent_id"] = draw(st.sampled_from([None, 7]))
        found.append(
            rule(
                pk,
                scope=scope,
                window=draw(st.sampled_from(["minute", "month"])),
                zone=draw(st.sampled_from(ZONES)),
                unit=draw(st.sampled_from(Unit)),
                limit=draw(st.integers(1, 5)),
                enabled=draw(st.booleans()),
                effective_from=draw(st.sampled_from(MOMENTS)),
                **whom,
            )
        )
    return found


def reference(found: list[Rule], subject: Subject, now: datetime) -> dict[tuple[str, str, str], int]:
    """The smallest of the limits, rule by rule: each holds unless a later one is for the same."""
    smallest: dict[tuple[str, str, str], int] = {}
    for one in found:
        if one.scope != subject.scope or not one.enabled or (one.effective_from or NOW - 9 * DAY) > now:
            continue
        if one.country not in ("", subject.country) or one.line not in ("", subject.line):
            continue
        if one.route and (subject.connection_id is None or one.route != ROUTES[subject.connection_id]):
            continue
        if {one.number_id, one.agent_id} - {None, subject.subject_id}:
            continue
        if any(_supersedes(other, one, now) for other in found):
            continue
        key = (one.unit, one.window, one.zone)
        smallest[key] = min(smallest.get(key, one.limit), one.limit)
    return smallest


def _supersedes(other: Rule, one: Rule, now: datetime) -> bool:
    same = ("scope", "window", "zone", "unit", "country", "line", "route", "number_id", "agent_id")
    if any(getattr(other, name) != getattr(one, name) for name in same):
        return False
    begins, began = other.effective_from or NOW - 9 * DAY, one.effective_from or NOW - 9 * DAY
    return began < begins <= now or (begins == began and other.pk > one.pk)


SUBJECTS = [
    FRENCH,
    MIA,
    Subject(1, Scope.NUMBER, 8, "FR", "mobile", 2),
    Subject(1, Scope.NUMBER, 9, "US", "toll_free", None),
    Subject(1, Scope.USER, 9, connection_id=None),
]


@given(many_rules(), st.permutations([NOW - 2 * DAY, NOW - DAY, NOW, NOW + DAY]))
def test_the_limits_are_those_of_reading_rule_by_rule(found: list[Rule], moments: list[datetime]) -> None:
    book = Rulebook(found, 0, ROUTES)

    for now in moments:
        for subject in SUBJECTS:
            told = {(x.unit, x.window, x.zone): x.limit for x in book.limits(subject, now)}
            assert told == reference(found, subject, now)


# --- What is shipped ----------------------------------------------------------------------------------


def test_documented_limits_that_depend_on_the_account_are_for_a_workspace_to_choose(db: None) -> None:
    found = make_workspace().quota_rules.all()

    assert {one.preset for one in found} == {preset.key for preset in PRESETS}
    assert all(one.limit == one.documented for one in found)
    assert {one.binding for one in found if one.enabled} == {True}
    assert {(one.binding, one.scope, one.unit) for one in found if not one.enabled} == {
        (False, "number", "segments")
    }


def test_shipping_again_changes_nothing(db: None) -> None:
    workspace = make_workspace()
    workspace.quota_rules.filter(preset="action-number-day").update(limit=7)

    ship_rules(workspace.pk)

    assert workspace.quota_rules.count() == len(PRESETS)
    assert workspace.quota_rules.get(preset="action-number-day").limit == 7


# --- Changing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({}, set()),
        ({"limit": 99}, set()),
        ({"limit": 101}, {Departure.HIGHER}),
        ({"enabled": False}, set()),
        ({"enabled": False, "binding": True}, {Departure.OFF}),
        ({"zone": "Europe/Paris", "limit": 101}, {Departure.ZONE, Departure.HIGHER}),
        ({"documented": None, "limit": 10_000, "zone": "Europe/Paris"}, set()),
    ],
)
def test_how_a_rule_departs_from_the_documented_limit(columns: dict[str, Any], found: set[Departure]) -> None:
    assert rules.departures(rule(**{"documented": 100, **columns})) == found


@pytest.mark.parametrize(
    ("columns", "standing"),
    [
        ({}, Standing.IN_FORCE),
        ({"enabled": False}, Standing.OFF),
        ({"enabled": False, "documented": 100}, Standing.OFFERED),
        ({"enabled": False, "documented": 100, "binding": True}, Standing.OFF),
        ({"effective_from": NOW}, Standing.IN_FORCE),
        ({"effective_from": NOW + SECOND}, Standing.TO_COME),
        ({"pk": 2}, Standing.REPLACED),
    ],
)
def test_what_becomes_of_a_rule(columns: dict[str, Any], standing: Standing) -> None:
    assert rules.standing(rule(**columns), {1}, NOW) == standing


def test_a_rule_says_for_how_many_it_is_and_for_how_many_it_is_the_tightest(db: None) -> None:
    workspace = make_workspace()
    first, _second = (make_number(workspace, f"+3361234567{last}", country="FR") for last in (1, 2))
    make_number(workspace, "+33612345673", country="FR", gone_at=NOW)
    make_number(workspace)
    workspace.quota_rules.create(scope="number", window="day", limit=10, number=first)
    french = workspace.quota_rules.create(scope="number", window="day", limit=20, country="FR")

    found = rules.bound(french, rulebook.read(workspace.pk), rules.subjects(workspace.pk, "number"), NOW)

    assert (found.holders, found.tightest) == (2, 1)


# --- All the way --------------------------------------------------------------------------------------


@pytest.mark.services
def test_a_new_rule_in_another_zone_counts_what_was_sent_before_it(db: None, monkeypatch: Any) -> None:
    """Its counter is made with the next message, from the log, since the zone's own midnight."""
    monkeypatch.setattr(bell, "ring", lambda connection_id: None)
    zone, workspace = "Asia/Kolkata", make_workspace()
    number, agent = make_number(workspace, users=("mia@example.com",)), make_agent(workspace)
    midnight = started_at(Window.DAY, NOW, zone)
    make_message(workspace, number=number, agent=agent, at=midnight)
    make_message(workspace, number=number, agent=agent, at=midnight - SECOND)  # yesterday there
    with time_machine.travel(NOW, tick=False):
        first = accept(ask(number))
        workspace.quota_rules.create(scope="number", window="day", zone=zone, limit=3)
        cache.forget()
        second, third = accept(ask(number)), accept(ask(number))

    assert [first.status, second.status] == ["queued", "queued"]
    assert {"scope": "number", "subject": number.pk, "zone": zone, "day_messages": 3} in second.quota
    assert (third.status, third.error_code) == ("rejected", "NUMBER_QUOTA_EXCEEDED")
    assert Counter.objects.get(scope="number", subject_id=number.pk, zone=zone).day_messages == 3
