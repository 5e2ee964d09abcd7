"""What Synthflow takes for a new action: its types, and what the body of each must have.

Synthflow's OpenAPI document of actions; the types of variables as its own skills for agents name them.
"""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

_TEXT = {"type": "string"}
_FILLED = {"type": "string", "minLength": 1}


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


_PAIRS = {"type": "array", "items": _object({"key": _FILLED, "value": _TEXT})}
_VARIABLE_TYPES = [
    *("string", "int", "float", "bool", "list", "money"),
    *("phone_number", "email", "datetime", "utc_datetime"),
]
_VARIABLE = _object(
    {"name": _FILLED, "description": _TEXT}, {"example": _TEXT, "type": {"enum": _VARIABLE_TYPES}}
)
_CUSTOM = _object(
    {
        "http_mode": {"enum": ["GET", "POST", "PATCH", "PUT"]},
        "url": {"type": "string", "pattern": "^https?://"},
        "run_action_before_call_start": {"type": "boolean"},
        "name": _FILLED,
    },
    {
        "description": _TEXT,
        "failure_timeout": {"type": "number"},
        "custom_auth": {"type": "object"},
        "headers": _PAIRS,
        "query_parameters": _PAIRS,
        "variables_before_the_call": _PAIRS,
        "variables_during_the_call": {"type": "array", "items": _VARIABLE},
        "json_body_stringified": _TEXT,
        "prompt": _TEXT,
        "integration": {"enum": ["ghl", "hubspot", "salesforce", "salesforce-sandbox"]},
    },
)
_BODIES: Mapping[str, dict[str, Any]] = {
    "SEND_SMS": _object({"content": _FILLED, "instructions": _TEXT}),
    "INCALL_SMS": _object(
        {"message_body": _FILLED},
        {
            "wait_for_reply": {"type": "boolean"},
            "timeout_seconds": {"type": "integer"},
            "fallback_message": _TEXT,
            "message_before_action": _TEXT,
        },
    ),
    "CUSTOM_ACTION": _CUSTOM,
}
#: Types that have nothing to do with our texts: of their bodies nothing is checked.
_OTHERS = (
    *("REAL_TIME_BOOKING", "INFORMATION_EXTRACTOR", "LIVE_TRANSFER"),
    *("SEND_EMAIL", "INCALL_WHATSAPP", "CUSTOM_EVAL"),
)


def wrong(kind: str, body: Any) -> str:
    """What is wrong with an action of this type; "" where it is right."""
    if kind not in (*_BODIES, *_OTHERS):
        return f"{kind} is no type of action."
    schema = _BODIES.get(kind, {"type": "object"})
    if error := best_match(Draft202012Validator(schema).iter_errors(body)):
        return f"{kind}: {error.message}"
    return _unused(body) if kind == "CUSTOM_ACTION" else ""


def _unused(body: Mapping[str, Any]) -> str:
    """A variable that nothing of the request refers to, as `<name>`: Synthflow would not show it."""
    pairs = [*body.get("headers", []), *body.get("query_parameters", [])]
    request = [body["url"], body.get("json_body_stringified", ""), *(each["value"] for each in pairs)]
    names = (each["name"] for each in body.get("variables_during_the_call", []))
    unused = [name for name in names if not any(f"<{name}>" in part for part in request)]
    return f"CUSTOM_ACTION: nothing refers to <{unused[0]}>." if unused else ""
