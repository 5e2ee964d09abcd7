"""Quotas as programs read them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from smsadmin import cache
from smsadmin.core.windows import Moment, Window
from smsadmin.directory.models import Agent, Number
from smsadmin.quotas.models import Counter, Rule
from smsadmin.sending.accept import accept
from smsadmin.workspaces.models import Workspace
from tests.api.conftest import Program, told
from tests.factories import ask, make_agent, make_number

NOW = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)
RATE_LIMIT = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


@pytest.fixture(autouse=True)
def _clock(owner: object) -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def use(holder: Number | Agent, **columns: int) -> None:
    moment = Moment.of(NOW)
    Counter.objects.create(
        workspace_id=holder.workspace_id,
        scope="number" if isinstance(holder, Number) else "user",
        subject_id=holder.pk,
        **{f"{window}_at": moment.in_window(window) for window in Window},
        **columns,
    )


def limits(workspace: Workspace, *rules: tuple[str, str, int]) -> None:
    """The workspace has these limits of messages (scope, window, limit) and no other."""
    workspace.quota_rules.all().delete()
    for scope, window, limit in rules:
        Rule.objects.create(workspace=workspace, scope=scope, window=window, limit=limit)
    cache.forget()


def rate_limit(response: Any) -> list[str | None]:
    return [response.get(name) for name in RATE_LIMIT]


# --- Numbers and users -------------------------------------------------------------------------------


def test_a_number_is_told_with_every_limit_and_the_one_that_runs_out_first(
    workspace: Workspace, program: Program, number: Number
) -> None:
    limits(workspace, ("number", "minute", 200), ("number", "hour", 1_000))
    use(number, minute_messages=150, hour_messages=150)
    minute = {
        "window": "minute",
        "zone": "UTC",
        "unit": "messages",
        "limit": 200,
        "used": 150,
        "left": 50,
        "left_for_marketing": 30,
        "resets_at": "2026-11-21T10:08:00.000Z",
        "runs_out_at": None,
    }
    hour = minute | {"window": "hour", "limit": 1_000, "left": 850, "left_for_marketing": 750}
    hour |= {"resets_at": "2026-11-21T11:00:00.000Z", "runs_out_at": "2026-11-21T10:50:00.000Z"}

    response = program.get(f"quotas/numbers/{number.e164}")

    assert response.json() == {
        "scope": "number",
        "id": number.pk,
        "number": "+12025550101",
        "name": "Sales US",
        "limits": [minute, hour],
        "binding": hour,
    }
    assert rate_limit(response) == [None, None, None]


def test_a_number_without_room_has_the_headers_of_its_limit(
    workspace: Workspace, program: Program, number: Number
) -> None:
    limits(workspace, ("number", "minute", 200))
    use(number, minute_messages=200)
    response = program.get(f"quotas/numbers/{number.e164}")
    assert (response.status_code, rate_limit(response)) == (200, ["200", "0", "30"])
    assert "Retry-After" not in response


def test_both_are_found_by_what_people_call_them_and_by_id(
    program: Program, number: Number, mia: Agent
) -> None:
    by_number = program.get(f"quotas/numbers/{number.e164}").json()
    assert program.get(f"quotas/numbers/{number.pk}").json() == by_number
    by_email = program.get("quotas/users/MIA@example.com").json()
    assert program.get(f"quotas/users/{mia.pk}").json() == by_email
    assert (by_email["scope"], by_email["email"]) == ("user", "mia@example.com")


@pytest.mark.parametrize(
    "which", ["+19995550100", "0", "99999999999999999999", "²", "12025550101", "mia@example.com"]
)
def test_an_unknown_number_is_told_how_to_name_one(program: Program, number: Number, which: str) -> None:
    assert f"“{which}”" in told(program.get(f"quotas/numbers/{which}"), 404, "NOT_FOUND")["detail"]


def test_who_has_left_the_directory_is_not_told_of(program: Program, number: Number, mia: Agent) -> None:
    Number.objects.update(gone_at=NOW)
    Agent.objects.update(gone_at=NOW)
    cache.forget()
    assert program.get("quotas/").json()["results"] == []
    for path in (f"numbers/{number.pk}", f"numbers/{number.e164}", f"users/{mia.pk}", f"users/{mia.email}"):
        told(program.get(f"quotas/{path}"), 404, "NOT_FOUND")


# --- The list ----------------------------------------------------------------------------------------


def names(program: Program, **query: Any) -> list[str]:
    """Everybody that the pages tell of, in their order."""
    found: list[str] = []
    page = program.get("quotas/", **query).json()
    while True:
        found += [each.get("number") or each["email"] for each in page["results"]]
        if page["next"] is None:
            return found
        address = page["next"].removeprefix("http://testserver/api/v1/")
        page = program.client.get(
            f"/api/v1/{address}", headers={"Authorization": f"Bearer {program.token}"}
        ).json()


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
def test_pages_together_are_the_whole_list(
    workspace: Workspace, program: Program, number: Number, limit: int
) -> None:
    make_agent(workspace, "leo@example.com")
    make_number(workspace, "+12025550102")
    everybody = ["+12025550101", "+12025550102", "mia@example.com", "leo@example.com"]
    assert names(program, limit=limit) == everybody
    assert names(program, limit=limit, scope="number") == everybody[:2]
    assert names(program, limit=limit, scope="user") == everybody[2:]


def test_who_joins_meanwhile_moves_nobody_to_another_page(
    workspace: Workspace, program: Program, number: Number
) -> None:
    first = program.get("quotas/", limit=1).json()
    make_number(workspace, "+12025550102")
    query = first["next"].partition("?")[2]
    following = program.client.get(
        f"/api/v1/quotas/?{query}", headers={"Authorization": f"Bearer {program.token}"}
    )
    assert [each["number"] for each in following.json()["results"]] == ["+12025550102"]


def test_five_hundred_cost_the_queries_of_two(workspace: Workspace, program: Program, number: Number) -> None:
    def queries() -> int:
        cache.forget()
        with CaptureQueriesContext(connection) as found:
            program.get("quotas/", limit=500)
        return len(found)

    program.get("quotas/")
    few = queries()
    rows = Number.objects.bulk_create(
        Number(
            workspace=workspace,
            connection=number.connection,
            provider_id=f"many-{nth}",
            e164=f"+1202556{nth:04}",
            name=f"Line {nth}",
            country="US",
            seen_at=NOW,
        )
        for nth in range(490)
    )
    for row in rows[:20]:
        use(row, minute_messages=1)
    assert queries() == few


# --- Would they fit? ---------------------------------------------------------------------------------


def test_all_that_fit(workspace: Workspace, program: Program, number: Number) -> None:
    limits(workspace, ("number", "minute", 200))
    response = program.get("quotas/fit", number=number.e164, messages=200)
    answer = response.json()
    assert {name: answer[name] for name in ("fits", "never", "messages", "now", "done_at", "waits")} == {
        "fits": True,
        "never": False,
        "messages": 200,
        "now": 200,
        "done_at": "2026-11-21T10:07:30.000Z",
        "waits": [],
    }
    assert rate_limit(response) == [None, None, None]


def test_what_does_not_fit_is_told_when_it_does_and_which_limit_is_in_the_way(
    workspace: Workspace, program: Program, number: Number, mia: Agent
) -> None:
    limits(workspace, ("number", "minute", 200), ("user", "minute", 100))
    use(mia, minute_messages=70)
    response = program.get("quotas/fit", number=number.e164, user=mia.email, messages=150)
    answer = response.json()
    assert (answer["fits"], answer["now"], answer["done_at"]) == (False, 30, "2026-11-21T10:09:00.000Z")
    assert answer["waits"] == [
        {"count": 100, "until": "2026-11-21T10:08:00.000Z"},
        {"count": 20, "until": "2026-11-21T10:09:00.000Z"},
    ]
    assert (answer["binding"]["scope"], answer["binding"]["limit"], answer["binding"]["left"]) == (
        "user",
        100,
        30,
    )
    assert rate_limit(response) == ["100", "30", "30"]
    assert "Retry-After" not in response


def test_the_reset_that_is_told_leads_to_the_first_wait(
    workspace: Workspace, program: Program, number: Number
) -> None:
    """Behind what is held the reset of the limit helps nobody who asks."""
    limits(workspace, ("number", "minute", 2))
    for _ in range(6):
        accept(ask(number, at_quota="hold", hold_minutes=60), NOW)
    response = program.get("quotas/fit", number=number.e164)
    assert response.json()["waits"] == [{"count": 1, "until": "2026-11-21T10:10:00.000Z"}]
    assert rate_limit(response) == ["2", "0", "150"]


def test_of_many_waits_the_first_are_listed(workspace: Workspace, program: Program, number: Number) -> None:
    limits(workspace, ("number", "minute", 1))
    answer = program.get("quotas/fit", number=number.e164, messages=150).json()
    assert (len(answer["waits"]), answer["further"], answer["now"]) == (100, 49, 1)
    assert answer["done_at"] == "2026-11-21T12:36:00.000Z"
    assert answer["exact"]


def test_marketing_is_told_what_is_left_for_it(
    workspace: Workspace, program: Program, number: Number
) -> None:
    limits(workspace, ("number", "minute", 100))
    response = program.get("quotas/fit", number=number.e164, messages=91, traffic="marketing")
    assert response.json()["now"] == 90
    assert rate_limit(response) == ["100", "90", "30"]


def test_never_is_said_in_so_many_words(workspace: Workspace, program: Program, number: Number) -> None:
    workspace.quota_rules.all().delete()
    Rule.objects.create(workspace=workspace, scope="number", window="day", unit="segments", limit=2)
    cache.forget()
    answer = program.get("quotas/fit", number=number.e164, segments=3).json()
    assert (answer["fits"], answer["never"], answer["done_at"], answer["waits"]) == (False, True, None, [])


def test_where_nothing_is_limited_everything_fits(
    workspace: Workspace, program: Program, number: Number
) -> None:
    limits(workspace)
    answer = program.get("quotas/fit", number=number.e164, messages=10_000).json()
    assert (answer["fits"], answer["now"], answer["binding"]) == (True, 10_000, None)


@pytest.mark.parametrize("query", ["number=%2B12025550101", "number=+12025550101"])
def test_a_bare_plus_in_a_query_is_understood(program: Program, number: Number, query: str) -> None:
    headers = {"Authorization": f"Bearer {program.token}"}
    assert program.client.get(f"/api/v1/quotas/fit?{query}", headers=headers).json()["fits"]
