"""What goes wrong is told in one form, and how often a key may ask."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
import time_machine
from django.core.cache import cache, caches
from django.db import IntegrityError, InterfaceError, OperationalError

from smsadmin.directory.models import Number
from smsadmin.quotas import headroom
from tests.api.conftest import Program, make_program, told
from tests.factories import make_member, make_workspace


@pytest.mark.parametrize("path", ["", "quotas/numbers/", "nothing", "openapi.json/", "quotas%0A"])
def test_what_is_not_there_is_told_as_a_problem_to_everybody(program: Program, path: str) -> None:
    assert f"/api/v1/{unquote(path)}" in told(program.get(path), 404, "NOT_FOUND")["detail"]
    told(program.client.get(f"/api/v1/{path}"), 404, "NOT_FOUND")
    told(program.client.post(f"/api/v1/{path}"), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "path", ["quotas", "quotas/fit", "quotas/numbers/+12025550101", "quotas/users/mia@example.com"]
)
def test_an_address_may_end_with_a_slash_or_without(program: Program, number: Number, path: str) -> None:
    query = {"number": number.e164} if path.endswith("fit") else {}
    both = [program.get(each, **query) for each in (path, f"{path}/")]
    assert [each.status_code for each in both] == [200, 200]
    first, second = ({**each.json(), "done_at": None} for each in both)  # which is now, where all fit
    assert first == second


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


def test_a_head_has_the_headers_of_a_get(program: Program, number: Number) -> None:
    response = program.client.head("/api/v1/quotas/", headers={"Authorization": f"Bearer {program.token}"})
    assert (response.status_code, response.headers) == (200, program.get("quotas/").headers)


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
        (
            "quotas/fit",
            {"number": "+12025550101", "traffic": "spam"},
            "traffic",
            "Give alerting or marketing.",
        ),
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


@pytest.mark.parametrize(
    ("path", "query", "parameter", "words"),
    [
        ("quotas/", "limit=1&limit=5", "limit", "limit is there 2 times."),
        ("quotas/fit", "number=%2B12025550101&user=", "user", "user is empty."),
        ("openapi.json", "version=2", "version", "It takes none."),
    ],
)
def test_nothing_of_a_query_is_left_out_in_silence(
    program: Program, number: Number, path: str, query: str, parameter: str, words: str
) -> None:
    headers = {"Authorization": f"Bearer {program.token}"}
    problem = told(program.client.get(f"/api/v1/{path}?{query}", headers=headers), 400, "BAD_PARAMETER")
    assert problem["parameter"] == parameter
    assert words in problem["detail"]


@pytest.mark.parametrize("path", ["quotas/", "openapi.json"])
def test_a_query_too_long_to_be_read_is_a_bad_request(program: Program, path: str) -> None:
    headers = {"Authorization": f"Bearer {program.token}"}
    told(program.client.get(f"/api/v1/{path}?{'a=1&' * 1001}", headers=headers), 400, "BAD_REQUEST")


def test_a_user_must_be_on_the_number(program: Program, number: Number) -> None:
    number.agents.clear()
    problem = told(
        program.get("quotas/fit", number=number.e164, user="mia@example.com"), 400, "BAD_PARAMETER"
    )
    assert "is not a user of +12025550101" in problem["detail"]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_gone_is_503(
    program: Program, number: Number, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(headroom, "of", _raises(error("gone")))
    response = program.get("quotas/")
    told(response, 503, "NOT_NOW")
    assert response["Retry-After"] == "5"


def test_a_shared_cache_that_is_gone_is_503(program: Program, settings: Any) -> None:
    shared = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:9/1"}
    settings.CACHES = {**settings.CACHES, "api": shared}
    told(program.get("quotas/"), 503, "NOT_NOW")


@pytest.mark.parametrize("error", [ZeroDivisionError, IntegrityError])
def test_what_nobody_foresaw_is_500_and_says_nothing_of_itself(
    program: Program, number: Number, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(headroom, "of", _raises(error("of a secret")))
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
    detail = told(response, 429, "TOO_MANY_REQUESTS")["detail"]
    assert detail == "This key may make 3 requests a minute. Make the same request again in 42 s."
    names = ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
    assert [response[name] for name in names] == ["42", "3", "0", "42"]
    with time_machine.travel("2026-11-21T10:08:00Z", tick=False):
        assert program.get("quotas/").status_code == 200


def test_no_sign_in_pushes_the_count_of_a_key_out(program: Program, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    with time_machine.travel("2026-11-21T10:07:18Z", tick=False):
        program.get("quotas/")
        for nth in range(1_000):
            cache.set(f"sign-in:{nth}", 1)
        assert program.get("quotas/").status_code == 429


def test_many_keys_do_not_push_each_others_counts_out(program: Program, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    with time_machine.travel("2026-11-21T10:07:18Z", tick=False):
        program.get("quotas/")
        for nth in range(1_000):
            caches["api"].set(f"api:another-{nth}", 1)
        assert program.get("quotas/").status_code == 429


def test_each_key_has_a_limit_of_its_own(program: Program, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 1
    other = make_program(make_member(make_workspace()))
    with time_machine.travel("2026-11-21T10:07:18Z", tick=False):
        assert [each.get("quotas/").status_code for each in (program, other, program)] == [200, 200, 429]
