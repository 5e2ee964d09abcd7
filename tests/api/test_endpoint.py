"""What goes wrong is told in one form, and how often a key may ask."""

from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db import OperationalError

from smsadmin.directory.models import Number
from smsadmin.quotas import headroom
from tests.api.conftest import Program, make_program, told
from tests.factories import make_member, make_workspace


@pytest.mark.parametrize("path", ["", "quotas", "quotas/numbers/", "nothing", "quotas/fit/"])
def test_what_is_not_there_is_told_as_a_problem_to_everybody(program: Program, path: str) -> None:
    assert f"/api/v1/{path}" in told(program.get(path), 404, "NOT_FOUND")["detail"]
    told(program.client.get(f"/api/v1/{path}"), 404, "NOT_FOUND")


def test_the_root_of_the_api_is_no_page(program: Program) -> None:
    told(program.client.get("/api/"), 404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["quotas/", "quotas/fit", "openapi.json"])
def test_another_method_is_told_which_are_taken(program: Program, path: str, method: str) -> None:
    response = program.client.generic(
        method, f"/api/v1/{path}", headers={"Authorization": f"Bearer {program.token}"}
    )
    assert method in told(response, 405, "METHOD_NOT_ALLOWED")["detail"]
    assert response["Allow"] == "GET, HEAD"


def test_a_head_is_a_get_without_its_body(program: Program, number: Number) -> None:
    response = program.client.head("/api/v1/quotas/", headers={"Authorization": f"Bearer {program.token}"})
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("path", "query", "parameter", "words"),
    [
        ("quotas/", {"scope": "line"}, "scope", "Give number or user."),
        ("quotas/", {"limit": "0"}, "limit", "Give a whole number from 1 to 500."),
        ("quotas/", {"limit": "many"}, "limit", "Give a whole number from 1 to 500."),
        ("quotas/", {"cursor": "number-x"}, "cursor", "Follow the “next” of an answer as it is."),
        ("quotas/", {"cursor": "17"}, "cursor", "Follow the “next” of an answer as it is."),
        ("quotas/", {"page": "2"}, "page", "It takes scope, cursor, limit."),
        ("quotas/numbers/+12025550101", {"scope": "number"}, "scope", "It takes none."),
        ("quotas/fit", {}, "number", "number is missing. Give it as +12025550123, or by its id."),
        ("quotas/fit", {"number": "+19995550100"}, "number", "There is no number “+19995550100”"),
        ("quotas/fit", {"number": "+12025550101", "user": "leo@example.com"}, "user", "There is no user"),
        ("quotas/fit", {"number": "+12025550101", "messages": "10001"}, "messages", "from 1 to 10000"),
        ("quotas/fit", {"number": "+12025550101", "segments": "-1"}, "segments", "from 1 to 100"),
        ("quotas/fit", {"number": "+12025550101", "kind": "spam"}, "kind", "Give alerting or marketing."),
        (
            "quotas/fit",
            {"number": "+12025550101", "message": "5"},
            "message",
            "There is no parameter message here.",
        ),
    ],
)
def test_a_bad_parameter_is_named_with_its_value_and_what_it_must_be(
    program: Program, number: Number, path: str, query: dict[str, str], parameter: str, words: str
) -> None:
    problem = told(program.get(path, **query), 400, "BAD_PARAMETER")
    assert (problem["parameter"], problem["value"]) == (parameter, query.get(parameter, ""))
    assert words in problem["detail"]


def test_a_user_must_be_on_the_number(program: Program, number: Number) -> None:
    number.agents.clear()
    problem = told(
        program.get("quotas/fit", number=number.e164, user="mia@example.com"), 400, "BAD_PARAMETER"
    )
    assert "is not a user of +12025550101" in problem["detail"]


def test_a_database_that_is_gone_is_503(
    program: Program, number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headroom, "of", _raises(OperationalError("gone")))
    response = program.get("quotas/")
    told(response, 503, "NOT_NOW")
    assert response["Retry-After"] == "5"


def test_what_nobody_foresaw_is_500_and_says_nothing_of_itself(
    program: Program, number: Number, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headroom, "of", _raises(ZeroDivisionError("of a secret")))
    response = program.get("quotas/")
    told(response, 500, "INTERNAL_ERROR")
    assert b"secret" not in response.content


def _raises(error: Exception) -> Callable[..., None]:
    def broken(*_: object) -> None:
        raise error

    return broken


def test_answers_are_not_stored_on_the_way(program: Program, number: Number) -> None:
    response = program.get("quotas/")
    assert (response["Cache-Control"], response["Vary"]) == ("no-store", "Authorization")
    assert "Set-Cookie" not in response


# --- How often ---------------------------------------------------------------------------------------


def test_one_request_too_many_is_told_when_to_come_again(program: Program, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    with time_machine.travel("2026-11-21T10:07:18Z", tick=False):
        assert [program.get("quotas/").status_code for _ in range(3)] == [200, 200, 200]
        response = program.get("quotas/")
    assert "3 requests a minute" in told(response, 429, "TOO_MANY_REQUESTS")["detail"]
    names = ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
    assert [response[name] for name in names] == ["42", "3", "0", "42"]
    with time_machine.travel("2026-11-21T10:08:00Z", tick=False):
        assert program.get("quotas/").status_code == 200


def test_each_key_has_a_limit_of_its_own(program: Program, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    other = make_program(make_member(make_workspace()))
    with time_machine.travel("2026-11-21T10:07:18Z", tick=False):
        assert [each.get("quotas/").status_code for each in (program, other, program)] == [200, 200, 429]
