"""The body of a call, held to the very schema that the description of the API shows; each fault is named by where it
is, what it is, and what would be right."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.http import HttpRequest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from smsadmin.api import description
from smsadmin.api.problems import Problem, bad_request
from smsadmin.core import strict_json
from smsadmin.sending.log import storable

Json = dict[str, Any]

#: More than any request needs.
MOST_BYTES = 65_536
#: Faults that are told at once.
MOST_FAULTS = 10
#: Of a value that is told as a fault.
_MOST_SHOWN = 100

_TYPES = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def read(request: HttpRequest, schema: str) -> Json:
    """The body as the schema of this name has it, what no database stores replaced.

    Raises the Problem of one that is too large (413), not sent as JSON (415), none (400), or has faults (422).
    """
    if request.content_type != "application/json":
        raise Problem(415, "NOT_JSON", "Send the body as Content-Type: application/json.")
    found = _json(request)
    if faults := [fault for error in _errors(schema, found) for fault in _faults(error)]:
        raise faulty(*faults[:MOST_FAULTS])
    return storable(_whole(found))


def _check_size(request: HttpRequest) -> None:
    """Raises the Problem (413) of a body with more bytes, mostly before it is read."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if (length.isdecimal() and int(length) > MOST_BYTES) or len(request.body) > MOST_BYTES:
        raise Problem(413, "BODY_TOO_LARGE", f"The body may have {MOST_BYTES} bytes at most.")


def fault(pointer: str, value: Any, detail: str) -> Json:
    """One fault of a body; `value` is left out where it is missing."""
    shown = "" if value is MISSING else json.dumps(value, ensure_ascii=False)[:_MOST_SHOWN]
    return {"pointer": pointer, "value": storable(shown), "detail": detail}


#: In place of a value that is not there.
MISSING = object()


def faulty(*faults: Json) -> Problem:
    """What is answered to a body with these faults."""
    first = faults[0]
    return Problem(
        422, "BAD_BODY", f"{first['pointer'] or 'The body'}: {first['detail']}", errors=list(faults)
    )


def _whole(value: Any) -> Any:
    """The value with 3.0 as 3, which JSON does not tell apart."""
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _json(request: HttpRequest) -> Any:
    _check_size(request)
    try:
        return strict_json.read(request.body.decode("utf-8-sig"))
    except ValueError as error:
        raise bad_request(f"The body is not JSON that can be used: {error}") from None


# --- The schema --------------------------------------------------------------------------------------


@cache
def _validator(name: str) -> Draft202012Validator:
    components = {"schemas": description.schemas()}
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": components})


def _errors(name: str, found: Any) -> list[ValidationError]:
    """In the order of the body."""
    return sorted(_validator(name).iter_errors(found), key=lambda error: [str(each) for each in error.path])


def _faults(error: ValidationError) -> Iterator[Json]:
    at = _pointer(error)
    if "propertyNames" in error.absolute_schema_path:
        at += f"/{_escaped(error.instance)}"
    match error.validator:
        case "required":
            for name in (each for each in error.validator_value if each not in error.instance):
                words = _described(error.schema["properties"][name])
                yield fault(f"{at}/{_escaped(name)}", MISSING, f"It is missing. {words}".strip())
        case "additionalProperties":
            known = list(error.schema["properties"])
            for name in (each for each in error.instance if each not in known):
                words = f"There is no such member. There are {', '.join(known)}."
                yield fault(f"{at}/{_escaped(name)}", error.instance[name], words)
        case _:
            yield fault(at, error.instance, _words(error))


def _words(error: ValidationError) -> str:
    """What is wrong with a value that is there, and what would be right."""
    limit, described = error.validator_value, _described(error.schema)
    match error.validator:
        case "type":
            kinds = [limit] if isinstance(limit, str) else limit
            words = f"It is {_kind(error.instance)}. Give {_or([_TYPES[each] for each in kinds])}."
        case "enum":
            words = f"Give {_or(list(map(str, limit)))}."
        case "minimum" | "maximum":
            words = f"Give a number from {error.schema['minimum']} to {error.schema['maximum']}."
        case "minLength":
            words = "It is too short." if error.instance else "It is empty."
        case "maxLength":
            words = f"It has {len(error.instance)} characters, and {limit} are the most."
        case "maxProperties":
            words = f"It has {len(error.instance)} members, and {limit} are the most."
        case "pattern":
            words = "It has another form." if error.instance.strip() else "It is empty."
        case _:
            words = "It is not what is read here."
    return words if words.startswith("Give") or " Give " in words else f"{words} {described}".strip()


def _described(schema: Any) -> str:
    """What the description says of a part, where that tells what to give."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = {**description.schemas()[name], **schema}
    words: str = schema.get("description", "")
    return words if words.startswith(("Give", "Say")) else ""


def _or(words: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _kind(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return _TYPES[names.get(type(value), "number")]


def _pointer(error: ValidationError) -> str:
    """Where it is (RFC 6901); "" for the whole body."""
    return "".join(f"/{_escaped(str(each))}" for each in error.absolute_path)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
