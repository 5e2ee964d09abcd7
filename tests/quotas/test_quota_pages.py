"""The matrix of the quota page: what is used, what is left, what runs out first, and whose cap binds first."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache
from smsadmin.core.windows import Moment, Window
from smsadmin.dashboard import today
from smsadmin.quotas import forecast, headroom, matrix, positions
from smsadmin.quotas.counting import Usage
from smsadmin.quotas.matrix import QuotaFilter
from smsadmin.quotas.models import Counter, Rule, Scope, Unit
from smsadmin.quotas.rulebook import Limit
from smsadmin.sending.filters import log_url
from tests.factories import make_agent, make_member, make_message, make_number, make_workspace, put_on

NOON = datetime(2026, 11, 21, 12, 30, 30, tzinfo=UTC)


@pytest.fixture
def workspace(db):
    return make_workspace()


@pytest.fixture
def client(workspace):
    return signed_in(workspace)


def signed_in(workspace, role="viewer"):
    browser = Client()
    browser.force_login(make_member(workspace, role).user)
    return browser


def words(response):
    return html.unescape(
        " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", response.content.decode(), flags=re.S).split())
    )


def make_counter(holder, scope=Scope.NUMBER, at=None, zone="UTC", **used):
    """A counter whose windows are those of `at` (now)."""
    moment = Moment.of(at or timezone.now(), zone)
    windows = {f"{window}_at": moment.in_window(window) for window in Window}
    return Counter.objects.create(
        workspace_id=holder.workspace_id, scope=scope, subject_id=holder.pk, zone=zone, **windows, **used
    )


def make_rule(workspace, limit, **columns):
    defaults = {"scope": Scope.NUMBER, "window": Window.DAY, "unit": Unit.MESSAGES}
    rule = Rule.objects.create(workspace=workspace, limit=limit, **{**defaults, **columns})
    cache.forget()
    return rule


def tables(workspace, now=NOON, whole="", **asked):
    """The numbers', the users' and the pairs' table."""
    return matrix.tables(workspace.pk, QuotaFilter(asked, workspace), now, whole)


def names(table):
    return [" as ".join(name.words for name in row.names) for row in table.rows]


def cell(table, row, column):
    return table.rows[row].cells[column]


# --- Numbers and users ------------------------------------------------------------------------------


def test_each_window_shows_what_is_used_and_left(client, workspace):
    make_counter(make_number(workspace, "+12025550101", name="Sales"), minute_messages=12, month_messages=120)

    text = words(client.get(reverse("quotas")))

    assert "Sales +1 202-555-0101" in text
    assert "12 of 200 · 188 left · resets" in text
    assert "120 of 10,000 · 9,880 left · resets" in text


def test_users_also_have_segments(workspace):
    make_counter(make_agent(workspace, "mia@example.com"), Scope.USER, at=NOON, month_segments=13_000)

    _numbers, users, _pairs = tables(workspace)

    assert users.columns[-2:] == ["This month", "This month, segments"]
    assert cell(users, 0, "This month, segments").usage.left == 0


def test_what_runs_out_first_stands_first(workspace):
    for name, used in {
        "Calm": {"month_messages": 5_000},
        "Full": {"minute_messages": 200},
        "Late": {"day_messages": 2_700},  # used up shortly before midnight
        "Soon": {"day_messages": 4_500},
        "Unused": {},
    }.items():
        make_counter(make_number(workspace, name=name), at=NOON, **used)

    found = positions.of(workspace.pk, Scope.NUMBER, NOON)

    assert [each.holder.name for each in found] == ["Full", "Soon", "Late", "Calm", "Unused"]
    assert [each.tightest.limit.window for each in found[:2]] == [Window.MINUTE, Window.DAY]
    assert found[0].runs_out_at == NOON
    assert found[1].runs_out_at == forecast.runs_out_at(found[1].tightest, NOON)


def test_of_limits_that_are_used_up_the_one_that_resets_last_stops_messages(workspace):
    number = make_number(workspace)
    make_counter(number, at=NOON, minute_messages=200, day_messages=300, month_messages=10_000)

    found = positions.one(number, NOON)

    assert found.tightest.limit.window == found.stopped_by.limit.window == Window.MONTH
    assert headroom.of_one(number, NOON).binding.usage == found.tightest


@pytest.mark.parametrize(
    ("order", "expected"),
    [("", ["B", "a", "C"]), ("name", ["a", "B", "C"]), ("used", ["C", "B", "a"]), ("?", ["B", "a", "C"])],
)
def test_a_table_is_sorted_as_asked(workspace, order, expected):
    make_counter(make_number(workspace, name="a"), at=NOON, minute_messages=95)  # nearly half, and lasts
    make_counter(make_number(workspace, name="B"), at=NOON, day_messages=4_500)  # runs out today
    make_counter(make_number(workspace, name="C"), at=NOON, month_messages=4_600)

    assert names(tables(workspace, order=order)[0]) == expected


def test_a_count_of_an_earlier_window_is_nothing_now(client, workspace):
    make_counter(
        make_number(workspace, name="Sales"), at=timezone.now() - timedelta(days=40), month_messages=9
    )

    text = words(client.get(reverse("quotas")))

    assert "1 has used nothing of a limit Sales" in text


def test_columns_are_the_limits_of_all_and_a_cell_says_where_there_is_none(client, workspace):
    french = make_number(workspace, "+33612345678", country="FR")
    make_rule(workspace, 100, window=Window.HOUR, unit=Unit.SEGMENTS, country="FR")
    make_rule(workspace, 70, zone="Europe/Paris", country="FR")
    for number in (french, make_number(workspace)):
        make_counter(number, at=NOON, day_messages=3)
    make_counter(french, at=NOON, zone="Europe/Paris", day_messages=2)

    numbers, *_ = tables(workspace)

    assert numbers.columns == [
        "This minute",
        "This hour",
        "This hour, segments",
        "This day",
        "This day in Europe/Paris",
        "This month",
    ]
    assert cell(numbers, 0, "This day in Europe/Paris").usage.used == 2
    assert cell(numbers, 1, "This day in Europe/Paris") is None
    make_counter(make_number(workspace), day_messages=3)
    Counter.objects.update(**{f"{w}_at": Moment.of(timezone.now()).in_window(w) for w in Window})
    assert "no limit" in words(client.get(reverse("quotas")))


def test_a_new_rules_zone_is_counted_from_the_log_in_one_query_for_all(workspace, django_assert_num_queries):
    for _ in range(5):
        number = make_number(workspace)
        make_counter(number, at=NOON, day_messages=1)
        make_message(workspace, number=number, at=NOON)
    make_rule(workspace, 70, zone="Europe/Paris")
    positions.of(workspace.pk, Scope.NUMBER, NOON)  # reads the rules

    with django_assert_num_queries(3):
        found = positions.of(workspace.pk, Scope.NUMBER, NOON)

    paris = (Window.DAY, Unit.MESSAGES, "Europe/Paris")
    assert [each.by_key[paris].used for each in found] == [1] * 5


def test_queries_do_not_grow_with_numbers_and_users(client, workspace, django_assert_max_num_queries):
    for _ in range(20):
        number, agent = make_number(workspace), make_agent(workspace)
        put_on(number, agent)
        make_counter(number, day_messages=3)
        make_counter(agent, Scope.USER, day_messages=3)
        make_message(workspace, number=number, agent=agent)

    with django_assert_max_num_queries(16):
        client.get(reverse("quotas"))


def test_another_workspaces_numbers_are_not_shown(client, workspace):
    other = make_workspace()
    number, agent = make_number(other, name="Their line"), make_agent(other, "leo@example.com")
    put_on(number, agent)
    make_counter(number, day_messages=3)
    make_message(other, number=number, agent=agent)

    text = words(client.get(reverse("quotas")))

    assert "Their line" not in text
    assert "Leo" not in text


def test_a_meter_opens_the_messages_it_counts(workspace):
    number = make_number(workspace)
    make_counter(number, at=NOON, day_messages=3)

    day = cell(tables(workspace)[0], 0, "This day")

    began = datetime(2026, 11, 21, tzinfo=UTC)
    assert day.url == log_url(number=number.pk, counted_from=began, counted_until=began + timedelta(days=1))


@pytest.mark.parametrize("name", ["sales 1", "202 555-0101", "+12025550101", "0101", "(202) 555"])
def test_a_number_is_found_by_its_name_or_digits(workspace, name):
    make_counter(make_number(workspace, "+12025550101", name="Sales 1"), at=NOON, day_messages=3)
    make_counter(make_number(workspace, "+441632960961", name="Sales 2"), at=NOON, day_messages=3)

    assert names(tables(workspace, name=name)[0]) == ["Sales 1"]


@pytest.mark.parametrize("name", ["sales 16", "1", "16"])
def test_a_figure_in_a_name_is_no_part_of_a_number(workspace, name):
    make_counter(make_number(workspace, "+441632960961", name="Support"), at=NOON, day_messages=3)

    assert names(tables(workspace, name=name)[0]) == []


def test_a_country_leaves_its_numbers_and_who_is_on_them(workspace):
    for country, email in (("FR", "mia@example.com"), ("US", "leo@example.com")):
        number, agent = make_number(workspace, name=country, country=country), make_agent(workspace, email)
        put_on(number, agent)
        make_counter(number, at=NOON, day_messages=1)
        make_counter(agent, Scope.USER, at=NOON, day_messages=1)
        make_message(workspace, number=number, agent=agent, at=NOON)

    found = [names(table) for table in tables(workspace, country="FR")]

    assert found == [["FR"], ["Mia"], ["FR as Mia"]]


def test_a_long_table_shows_the_tightest_and_the_rest_on_demand(client, workspace, monkeypatch):
    monkeypatch.setattr(matrix, "MOST_SHOWN", 1)
    make_counter(make_number(workspace, name="Busy"), day_messages=3)
    make_counter(make_number(workspace, name="Calm"), day_messages=2)

    assert "Calm" not in words(client.get(reverse("quotas")))
    page = words(client.get(reverse("quotas")))
    assert "Show 1 more" in page
    assert "Calm" in words(client.get(reverse("quotas"), {"all": "number"}))


def test_a_number_that_is_gone_is_marked(client, workspace):
    make_counter(make_number(workspace, name="Old", gone_at=timezone.now()), day_messages=3)

    assert re.search(r"Old \+1 202-555-\d+ gone from Aircall", words(client.get(reverse("quotas"))))


def test_htmx_gets_the_tables_alone(client, workspace):
    response = client.get(reverse("quotas"), headers={"HX-Request": "true"})

    assert response.content.lstrip().startswith(b'<section id="quotas"')


def test_an_empty_page_says_why(client, workspace):
    text = words(client.get(reverse("quotas")))

    assert "The directory is empty: connect Aircall and refresh it." in text
    assert "No user is on a number in Aircall" in text
    make_number(workspace)
    assert "Nothing of that name or country." in words(client.get(reverse("quotas"), {"name": "x"}))


def test_a_page_without_a_session_leads_to_the_sign_in(db):
    assert Client().get(reverse("quotas")).url.startswith(reverse("account_login"))


# --- Which of the two caps binds first ----------------------------------------------------------------


def usage(left, resets=10, limit=100, unit=Unit.MESSAGES, zone="UTC"):
    """A limit with so much left, which resets after so many minutes."""
    its = Limit(Scope.NUMBER, Window.HOUR, unit, limit, zone)
    return Usage(its, limit - left, NOON + timedelta(minutes=resets))


@pytest.mark.parametrize(
    ("number", "user", "side"),
    [
        ([usage(5)], [usage(6)], "number"),
        ([usage(6)], [usage(5)], "user"),
        ([usage(5, limit=10)], [usage(6, limit=1_000)], "number"),
        ([usage(5)], [usage(5)], "both"),
        ([usage(5, resets=10)], [usage(5, resets=11)], "user"),
        ([usage(0)], [usage(0)], "both"),
        ([], [usage(50)], "user"),
        ([usage(50)], [], "number"),
        ([usage(50), usage(4, zone="Europe/Paris")], [usage(5)], "number"),
    ],
)
def test_the_cap_with_less_left_binds_first(number, user, side):
    found = positions.binding(number, user)

    assert found.side == side
    assert found.usage in (user if side == "user" else number)
    assert found.usage.left == min(each.left for each in [*number, *user])


def test_without_a_limit_on_either_side_nothing_binds():
    assert positions.binding([], []) is None


def test_a_pair_shows_the_cap_that_binds_first_in_each_window(client, workspace):
    number, agent = make_number(workspace, name="Sales"), make_agent(workspace, "mia@example.com")
    put_on(number, agent)
    make_counter(number, minute_messages=150, day_messages=10)
    make_counter(agent, Scope.USER, minute_messages=20, day_messages=40, month_segments=50)
    make_message(workspace, number=number, agent=agent)

    *_, pairs = tables(workspace, timezone.now())

    assert names(pairs) == ["Sales as Mia"]
    sides = {name: str(cell(pairs, 0, name).side) for name in pairs.columns}
    assert sides == {
        "This minute": "stops first: the number",
        "This hour": "",  # nothing is used of either
        "This day": "stops first: the user",
        "This month": "",
        "This month, segments": "stops first: the user",
    }
    text = words(client.get(reverse("quotas")))
    assert "stops first: the number 150 of 200 · 50 left" in text
    assert "user: 180 left" in text
    assert "1 message this month" in text


def test_pairs_are_those_of_the_directory_and_those_that_have_sent(workspace):
    number = make_number(workspace, name="Sales", users=("mia@example.com", "leo@example.com"))
    mia, leo = workspace.agents.order_by("-name")
    past, stranger = make_agent(workspace, "past@example.com"), make_agent(workspace, "x@example.com")
    for agent in (mia, mia, past):
        make_message(workspace, number=number, agent=agent, at=NOON)
    make_message(workspace, number=number, agent=leo, at=NOON - timedelta(days=40))
    make_message(workspace, number=number, agent=stranger, at=NOON, status="rejected")

    *_, pairs = tables(workspace)

    rows = {row.names[1].words: row for row in pairs.rows}
    assert {name: (row.together, row.is_past) for name, row in rows.items()} == {
        "Mia": (2, False),
        "Past": (1, True),
    }
    assert pairs.unused == ["Sales as Leo"]


def test_where_not_all_messages_were_looked_through_no_figure_claims_to_be_all(workspace, monkeypatch):
    number = make_number(workspace, users=("mia@example.com",))
    monkeypatch.setattr(positions, "MOST_LOOKED", 2)
    for _ in range(3):
        make_message(workspace, number=number, agent=workspace.agents.get(), at=NOON)

    *_, pairs = tables(workspace)

    assert pairs.looked == 2
    assert pairs.rows[0].together is None


def test_messages_without_a_user_are_looked_through_too(workspace, monkeypatch):
    number = make_number(workspace, users=("mia@example.com",))
    monkeypatch.setattr(positions, "MOST_LOOKED", 3)
    for agent in (workspace.agents.get(), None, None, None):
        make_message(workspace, number=number, agent=agent, at=NOON)

    assert tables(workspace)[2].looked == 3


# --- Elsewhere ----------------------------------------------------------------------------------------


def test_the_overview_names_what_runs_out_first_and_when(workspace):
    make_counter(make_number(workspace, name="Soon"), at=NOON, day_messages=4_500)
    make_counter(make_number(workspace, name="Fuller"), at=NOON, month_messages=9_000)

    soon, fuller = today.risks(workspace, NOON)

    assert (soon.words, fuller.words) == ("Soon · This day", "Fuller · This month")
    assert soon.runs_out_at == forecast.runs_out_at(soon.usage, NOON)
    assert soon.url.startswith("/log/?number=")
    assert "counted_from=2026-11-21T00%3A00%3A00Z" in soon.url
