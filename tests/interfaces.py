"""What the services take, as their interface documents say: every request that a test makes is held to it.

tests/data/interfaces/ has one line for each call there is: method, paths ({V} is a dated version), the names its query
may have, and the JSON Schema of its body, which is closed: a key that the documents do not name is a mistake of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parent / "data" / "interfaces"
DATED = r"20\d\d-\d\d"


@dataclass(frozen=True)
class Call:
    """One call of an interface."""

    method: str
    path: re.Pattern[str]
    query: frozenset[str]
    json: Draft202012Validator | None
    form: Draft202012Validator | None


def problems(
    method: str, url: str, *, json_body: Any = None, params: Any = None, data: Any = None
) -> list[str]:
    """What is wrong with a request to one of the services; nothing with one to anybody else."""
    return [f"{method} {url}: {each}" for each in _problems(method, url, json_body, params, data)]


def _problems(method: str, url: str, json_body: Any, params: Any, data: Any) -> Iterator[str]:
    service = _service(url)
    if service is None:
        return
    name, rest = service
    address = urlsplit(rest)
    call = next(
        (each for each in calls(name) if each.method == method and each.path.fullmatch(address.path)), None
    )
    if call is None:
        yield "there is no such call"
        return
    asked = {**dict(parse_qsl(address.query)), **(params or {})}
    if unknown := set(asked) - call.query:
        yield f"its query has no {', '.join(sorted(unknown))}"
    for what, body, schema in (("JSON", json_body, call.json), ("form", data, call.form)):
        if (body is None) != (schema is None):
            yield f"it takes {'no' if schema is None else 'a'} body of {what}"
        elif schema is not None:
            yield from (f"{error.json_path}: {error.message}" for error in schema.iter_errors(body))


def _service(url: str) -> tuple[str, str] | None:
    for name in ("aircall", "callr", "hubspot", "twilio_messaging", "twilio"):
        base = getattr(settings, f"{name.upper()}_BASE_URL")
        if url.startswith(f"{base}/"):
            return name, url.removeprefix(base)
    return None


@cache
def calls(name: str) -> list[Call]:
    """The calls of an interface; those with more of their path given come first."""
    found = [
        _call(each, path)
        for each in json.loads((FOLDER / f"{name}.json").read_text())
        for path in each["paths"]
    ]
    return sorted(found, key=lambda call: call.path.pattern.count("[^/]"))


def _call(found: dict[str, Any], path: str) -> Call:
    pattern = re.sub(r"\{(\w+)\}", lambda part: DATED if part[1] == "V" else "[^/]+", path)
    return Call(
        found["method"],
        re.compile(pattern),
        frozenset(found["query"]),
        _schema(found, "json"),
        _schema(found, "form"),
    )


def _schema(found: dict[str, Any], kind: str) -> Draft202012Validator | None:
    return Draft202012Validator(found[kind]) if kind in found else None
