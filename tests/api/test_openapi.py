"""The description says what is true: real answers are held against it."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern
from jsonschema import Draft202012Validator

from smsadmin.api import openapi
from smsadmin.api.description.parts import RATE_LIMIT
from smsadmin.api.problems import CODES
from smsadmin.api.urls import urlpatterns
from smsadmin.directory.models import Number
from smsadmin.quotas.models import Scope
from tests.api.conftest import Program
from tests.quotas.test_quota_pages import make_counter

ROOT = Path(openapi.__file__).parent.parent
DOCUMENT = openapi.document()
CHECK = Draft202012Validator.FORMAT_CHECKER


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """What a value has that its schema does not allow."""
    validator = Draft202012Validator({**schema, "components": DOCUMENT["components"]}, format_checker=CHECK)
    return [error.message for error in validator.iter_errors(value)]


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What a $ref leads to."""
    if "$ref" not in part:
        return part
    found: Any = DOCUMENT
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found  # type: ignore[no-any-return]


def described(path: str, response: Any) -> list[str]:
    """What an answer has that the description of its path does not say."""
    methods, asked = DOCUMENT["paths"][path], response.request["REQUEST_METHOD"].lower()
    operation = methods.get(asked) or next(iter(methods.values()))
    said = resolved(operation["responses"][str(response.status_code)])
    content = said["content"][response["Content-Type"]]
    wrong = faults(content["schema"], response.json())
    named = {*said.get("headers", {})}
    return wrong + [
        name for name in DOCUMENT["components"]["headers"] if name in response and name not in named
    ]


def test_every_address_is_described() -> None:
    named = [
        each for each in urlpatterns if isinstance(each, URLPattern) and each.name not in (None, "api-docs")
    ]
    real = {f"/api/{each.pattern}" for each in named}
    described = {re.sub(r"\{\w+\}", "<>", path) for path in DOCUMENT["paths"]}
    assert described == {re.sub(r"<\w+:\w+>", "<>", path) for path in real}


def test_it_is_served_to_everybody(db: None) -> None:
    response = Client().get("/api/v1/openapi.json")
    assert (response.status_code, response.json()) == (200, DOCUMENT)


def test_its_own_schemas_are_sound_and_its_references_lead_somewhere() -> None:
    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if "$ref" in part:
                assert resolved(part)
            for each in part.values():
                walk(each)
        elif isinstance(part, list):
            for each in part:
                walk(each)

    walk(DOCUMENT)
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def test_every_operation_has_examples_and_they_are_what_it_describes() -> None:
    wrong: list[Any] = []
    for path, method, operation in OPERATIONS:
        contents = [("asked", operation["requestBody"])] if "requestBody" in operation else []
        contents += [(status, resolved(each)) for status, each in operation["responses"].items()]
        for where, said in contents:
            for content in said["content"].values():
                found = faults(content["schema"], content["example"])
                wrong += [(method, path, where, found)] if found else []
        for each in operation.get("parameters", ()):
            if each.get("required"):
                found = faults(each["schema"], each["example"])
                wrong += [(method, path, each["name"], found)] if found else []
    assert wrong == []


def test_every_operation_says_what_it_is_and_what_it_may_be_refused_with() -> None:
    tags = [each["name"] for each in DOCUMENT["tags"]]
    for _path, _method, operation in OPERATIONS:
        assert operation["summary"]
        assert operation["tags"][0] in tags
        assert {"400", "405", "406", "500", "503"} <= operation["responses"].keys()
        if operation["security"]:
            assert {"401", "403", "429"} <= operation["responses"].keys()
        if "requestBody" in operation:
            assert {"413", "422"} <= operation["responses"].keys()


def test_every_code_that_the_api_answers_with_is_listed() -> None:
    """Those of messages stand in the catalogue of causes."""
    source = "".join(each.read_text() for each in (ROOT / "api").glob("*.py"))
    source += (ROOT / "flows" / "api.py").read_text()
    raised = {
        (int(status), code) for status, code in re.findall(r'Problem\(\s*(\d{3}),\s*"([A-Z_]+)"', source)
    }
    raised |= {(401, code) for code in re.findall(r'_unauthorized\(\s*"([A-Z_]+)"', source)}
    assert raised == {(status, code) for code, (status, _words) in CODES.items()}


def test_its_operations_have_ids_of_their_own() -> None:
    ids = [each["operationId"] for path in DOCUMENT["paths"].values() for each in path.values()]
    assert len({*ids}) == len(ids)


LIST, NUMBER, USER = "/api/v1/quotas/", "/api/v1/quotas/numbers/{number}", "/api/v1/quotas/users/{user}"
FIT = "/api/v1/quotas/fit"


@pytest.mark.parametrize(
    ("path", "call", "query"),
    [
        (LIST, "quotas/", {}),
        (LIST, "quotas/", {"limit": 1}),
        (NUMBER, "quotas/numbers/+12025550101", {}),
        (USER, "quotas/users/mia@example.com", {}),
        (FIT, "quotas/fit", {"number": "+12025550101", "messages": 300}),
        (FIT, "quotas/fit", {"number": "+12025550101", "user": "mia@example.com"}),
        (LIST, "quotas/", {"limit": "x"}),
        (FIT, "quotas/fit", {}),
        (NUMBER, "quotas/numbers/x", {}),
        (USER, "quotas/users/x", {}),
    ],
)
def test_answers_are_as_described(
    program: Program, number: Number, path: str, call: str, query: dict[str, Any]
) -> None:
    assert described(path, program.get(call, **query)) == []


@pytest.mark.parametrize(
    ("path", "call", "query"),
    [
        (NUMBER, "quotas/numbers/+12025550101", {}),
        (USER, "quotas/users/mia@example.com", {}),
        (FIT, "quotas/fit", {"number": "+12025550101", "messages": 300}),
    ],
)
def test_answers_where_nothing_is_left_are_as_described(
    program: Program, number: Number, path: str, call: str, query: dict[str, Any]
) -> None:
    make_counter(number, month_messages=10_000)
    make_counter(number.agents.get(), Scope.USER, month_messages=10_000)
    response = program.get(call, **query)
    assert described(path, response) == []
    assert {*RATE_LIMIT} <= response.headers.keys()


@pytest.mark.parametrize(("path", "call"), [(LIST, "quotas/"), (USER, "quotas/users/mia@example.com")])
def test_refusals_are_as_described(
    program: Program, number: Number, settings: Any, path: str, call: str
) -> None:
    assert described(path, program.client.get(f"/api/v1/{call}")) == []
    settings.API_REQUESTS_PER_MINUTE = 0
    assert described(path, program.get(call)) == []
    assert described(path, program.client.post(f"/api/v1/{call}")) == []
