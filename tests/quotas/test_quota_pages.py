"""The quota page: who has how much left, until when, and which messages count."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from smsadmin.core.windows import Moment, Window
from smsadmin.quotas import positions, views
from smsadmin.quotas.models import Counter, Scope
from smsadmin.sending.filters import log_url
from tests.factories import make_agent, make_member, make_number, make_workspace

NOON = datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC)


@pytest.fixture
def workspace(db):
    return make_workspace()


@pytest.fixture
def client(workspace):
    browser = Client()
    browser.force_login(make_member(workspace, "viewer").user)
    return browser


def words(response):
    return html.unescape(
        " ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", response.content.decode(), flags=re.S).split())
    )


def make_counter(holder, scope=Scope.NUMBER, at=None, **used):
    """A counter whose windows are those of `at` (now)."""
    moment = Moment.of(at or timezone.now())
    windows = {f"{window}_at": moment.in_window(window) for window in Window}
    return Counter.objects.create(
        workspace_id=holder.workspace_id, scope=scope, subject_id=holder.pk, **windows, **used
    )


def test_each_window_shows_what_is_used_and_left(client, workspace):
    make_counter(make_number(workspace, "+12025550101", name="Sales"), minute_messages=12, month_messages=120)

    text = words(client.get(reverse("quotas")))

    assert "Sales +1 202-555-0101" in text
    assert "12 of 200 · 188 left · resets" in text
    assert "120 of 10,000 · 9,880 left · resets" in text


def test_users_also_have_segments(client, workspace):
    make_counter(make_agent(workspace, "mia@example.com"), Scope.USER, month_segments=13_000)

    text = words(client.get(reverse("quotas")))

    assert "This month, segments" in text
    assert "13,000 of 13,000 · used up" in text


def test_what_runs_out_first_stands_first(workspace):
    calm, full, near = (make_number(workspace) for _ in range(3))
    make_counter(calm, month_messages=5_000)
    make_counter(full, minute_messages=200)
    make_counter(near, day_messages=4_500)
    unused = make_number(workspace)

    found = positions.of(workspace.pk, Scope.NUMBER, timezone.now())

    assert [each.holder for each in found] == [full, near, calm, unused]
    assert found[1].tightest.limit.window == Window.DAY


def test_a_count_of_an_earlier_window_is_nothing_now(client, workspace):
    make_counter(
        make_number(workspace, name="Sales"), at=timezone.now() - timedelta(days=40), month_messages=9_000
    )

    assert "1 has sent nothing this month" in words(client.get(reverse("quotas")))


def test_queries_do_not_grow_with_numbers_and_users(client, workspace, django_assert_max_num_queries):
    for _ in range(20):
        make_counter(make_number(workspace), day_messages=3)
        make_counter(make_agent(workspace), Scope.USER, day_messages=3)

    with django_assert_max_num_queries(12):
        client.get(reverse("quotas"))


def test_another_workspaces_numbers_are_not_shown(client, workspace):
    make_counter(make_number(make_workspace(), name="Their line"), day_messages=3)

    assert "Their line" not in words(client.get(reverse("quotas")))


def test_a_meter_opens_the_messages_it_counts(workspace):
    number = make_number(workspace)
    make_counter(number, at=NOON, day_messages=3)

    [row] = views.table_of(workspace.pk, Scope.NUMBER, NOON, "", whole=False).rows

    day = next(cell for cell in row.cells if cell.usage.limit.window == Window.DAY)
    assert day.url == log_url(number=number.pk, status="counted", since=datetime(2026, 11, 21, tzinfo=UTC))


@pytest.mark.parametrize("name", ["sales", "202 555-0101", "+12025550101"])
def test_a_number_is_found_by_its_name_or_digits(client, workspace, name):
    make_counter(make_number(workspace, "+12025550101", name="Sales"), day_messages=3)
    make_counter(make_number(workspace, "+441632960961", name="Support"), day_messages=3)

    text = words(client.get(reverse("quotas"), {"name": name}))

    assert "Sales" in text
    assert "Support" not in text


def test_a_long_table_shows_the_tightest_and_the_rest_on_demand(client, workspace, monkeypatch):
    monkeypatch.setattr(views, "MOST_SHOWN", 1)
    make_counter(make_number(workspace, name="Busy"), day_messages=3)
    make_counter(make_number(workspace, name="Calm"), day_messages=2)

    assert "Calm" not in words(client.get(reverse("quotas")))
    assert "Show 1 more" in words(client.get(reverse("quotas")))
    assert "Calm" in words(client.get(reverse("quotas"), {"all": "number"}))
