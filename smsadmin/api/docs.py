"""The page that shows the API, drawn from its own description."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from smsadmin.api.description import document
from smsadmin.api.endpoint import TEST_HEADER
from smsadmin.api.problems import CODES
from smsadmin.dashboard.pages import render_page

Json = dict[str, Any]

#: How deep the members of an object are listed.
MOST_DEEP = 3
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Part:
    """A parameter, or a member of a body or an answer."""

    name: str
    kind: str
    words: SafeString
    where: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation may answer with."""

    status: str
    words: SafeString
    headers: Sequence[str]
    parts: Sequence[Part]
    example: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for."""

    anchor: str
    method: str
    path: str
    summary: str
    words: SafeString
    scope: str
    parameters: Sequence[Part]
    body: Sequence[Part]
    curl: str
    answers: Sequence[Answer]
    refusals: Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Area:
    """The operations under one tag."""

    anchor: str
    name: str
    words: SafeString
    operations: Sequence[Operation]


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """For everybody, like the description itself."""
    drawn = Drawn(document())
    context = {
        "areas": drawn.areas(),
        "introduction": marked(drawn.document["info"]["description"]),
        "codes": [(code, status, marked(words)) for code, (status, words) in CODES.items()],
        "most": settings.API_REQUESTS_PER_MINUTE,
        "environment": f"export SMSADMIN={settings.BASE_URL} SMSADMIN_KEY=smsadmin_…",
        "openapi": "openapi.json",
        "causes": reverse("help-errors"),
    }
    template = "api/docs.html" if getattr(request, "workspace", None) else "api/docs_public.html"
    return render_page(request, template, context)


def marked(words: str) -> SafeString:
    """The words with what stands between backticks as code."""
    parts = [
        format_html("<code>{}</code>", part) if at % 2 else conditional_escape(part)
        for at, part in enumerate(words.split("`"))
    ]
    return mark_safe("".join(parts))  # noqa: S308  each part is escaped


class Drawn:
    """The document as the page shows it."""

    def __init__(self, drawn: Json) -> None:
        self.document = drawn

    def areas(self) -> list[Area]:
        return [self._area(tag) for tag in self.document["tags"]]

    def _area(self, tag: Json) -> Area:
        found = [
            self._operation(path, method, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
            if method in METHODS and tag["name"] in operation["tags"]
        ]
        return Area(slugify(tag["name"]), tag["name"], marked(tag["description"]), found)

    def _operation(self, path: str, method: str, operation: Json) -> Operation:
        answers = [self._answer(status, each) for status, each in operation["responses"].items()]
        security: list[Json] = operation.get("security", [])
        schema: Json = self._body(operation).get("schema", {})
        return Operation(
            anchor=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            words=marked(operation.get("description", "")),
            scope=next((scope for each in security for scope in each["key"]), ""),
            parameters=[self._parameter(each) for each in operation.get("parameters", ())],
            body=list(self._parts(schema)),
            curl=self._curl(path, method, operation),
            answers=[each for each in answers if each.status < "400"],
            refusals=[each for each in answers if each.status >= "400"],
        )

    def _body(self, operation: Json) -> Json:
        content: Json = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        return content

    def _parameter(self, given: Json) -> Part:
        return Part(
            given["name"],
            self.kind(given["schema"]),
            marked(given.get("description", "")),
            given["in"],
            given.get("required", False),
        )

    def _answer(self, status: str, given: Json) -> Answer:
        said = self._resolved(given)
        content: Json = next(iter(said.get("content", {}).values()), {})
        return Answer(
            status,
            marked(said["description"]),
            [name for name in said.get("headers", {}) if name != TEST_HEADER],  # said once, above
            list(self._parts(content.get("schema", {}))) if status < "400" else [],
            _pretty(content["example"]) if "example" in content else "",
        )

    def _resolved(self, part: Json) -> Json:
        if "$ref" not in part:
            return part
        found: Any = self.document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return {**found, **{name: value for name, value in part.items() if name != "$ref"}}

    # --- Schemas -----------------------------------------------------------------------------------------

    def _parts(self, schema: Json, before: str = "", depth: int = 0) -> Iterator[Part]:
        """The members of an object, those of objects inside it after them."""
        schema = self._inner(schema)
        required = schema.get("required", ())
        for name, given in schema.get("properties", {}).items():
            found, place = self._resolved(given), f"{before}{name}"
            words = marked(given.get("description") or found.get("description", ""))
            yield Part(place, self.kind(found), words, required=name in required)
            inner = self._inner(found)
            if inner.get("properties") and depth < MOST_DEEP:
                is_list = self._present(found).get("type") == "array"
                yield from self._parts(inner, f"{place}[]." if is_list else f"{place}.", depth + 1)

    def _inner(self, schema: Json) -> Json:
        """The object in it: the first of several, what a list lists, what is not null."""
        schema = self._present(schema)
        if schema.get("type") == "array":
            return self._inner(schema["items"])
        return self._inner(schema["oneOf"][0]) if "oneOf" in schema else schema

    def _present(self, schema: Json) -> Json:
        """The schema of a value that is not null."""
        schema = self._resolved(schema)
        if "anyOf" in schema:
            return self._present(next(each for each in schema["anyOf"] if each != {"type": "null"}))
        return schema

    def kind(self, schema: Json) -> str:
        """What a value must be, in a few words."""
        schema = self._resolved(schema)
        if "anyOf" in schema or "oneOf" in schema:
            several = schema.get("anyOf") or schema["oneOf"]
            return " or ".join(dict.fromkeys(self.kind(each) for each in several))
        if "const" in schema:
            return json.dumps(schema["const"])
        if "enum" in schema:
            return " | ".join(map(str, schema["enum"]))
        if isinstance(schema.get("type"), list):
            return " or ".join(schema["type"])
        if schema.get("type") == "array":
            return f"list of {self.kind(schema['items'])}"
        return " ".join(filter(None, (schema.get("format"), schema.get("type", ""), _range(schema))))

    # --- Trying it ---------------------------------------------------------------------------------------

    def _curl(self, path: str, method: str, operation: Json) -> str:
        """The example of an operation as somebody may try it."""
        given = operation.get("parameters", ())
        for each in (each for each in given if each["in"] == "path"):
            path = path.replace(f"{{{each['name']}}}", quote(str(each["example"]), safe="+@"))
        lines = [
            f'curl "$SMSADMIN{path}"' if method == "get" else f'curl -X {method.upper()} "$SMSADMIN{path}"'
        ]
        if operation.get("security") != []:
            lines.append('-H "Authorization: Bearer $SMSADMIN_KEY"')
        queries = [each for each in given if each["in"] == "query" and each.get("required")]
        if queries:
            lines.append("-G")
        lines += [f"--data-urlencode {shlex.quote(_pair(each))}" for each in queries]
        headers = [each for each in given if each["in"] == "header" and each.get("required")]
        lines += [f"-H {shlex.quote(_pair(each, ': '))}" for each in headers]
        if body := self._body(operation):
            lines.append('-H "Content-Type: application/json"')
            lines.append(f"-d {shlex.quote(json.dumps(body['example'], ensure_ascii=False))}")
        return " \\\n  ".join(lines)


def _pair(parameter: Mapping[str, Any], between: str = "=") -> str:
    return f"{parameter['name']}{between}{parameter['example']}"


def _range(schema: Json) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']}–{schema['maximum']}"
    return f"≤ {schema['maxLength']} characters" if "maxLength" in schema else ""


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
