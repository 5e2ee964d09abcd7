"""The description of the API, as OpenAPI 3.1. Tests hold real answers against it."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from smsadmin.api.endpoint import public
from smsadmin.api.parameters import Query
from smsadmin.api.problems import CONTENT_TYPE
from smsadmin.api.quotas import MOST_MESSAGES, MOST_ROWS, MOST_SEGMENTS, MOST_WAITS, PAGE, Traffic
from smsadmin.core.windows import Window
from smsadmin.flows.models import FlowRun
from smsadmin.quotas.models import Scope, Unit

Json = dict[str, Any]


@public
def description(request: HttpRequest) -> HttpResponse:
    """For everybody: it says nothing of any workspace."""
    Query.of(request)
    return JsonResponse(document())


def document() -> Json:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "smsadmin",
            "version": "1",
            "description": "What numbers and users may still send, and runs of call flows. Times are UTC. Every "
            "error is a problem (RFC 9457).",
        },
        "servers": [{"url": settings.BASE_URL}],
        "security": [{"key": []}],
        "paths": {
            "/api/v1/quotas/": {"get": _list()},
            "/api/v1/quotas/numbers/{number}": {"get": _one("number", "E.164, or the id.", "+12025550101")},
            "/api/v1/quotas/users/{user}": {
                "get": _one("user", "Email address, or the id.", "mia@example.com")
            },
            "/api/v1/quotas/fit": {"get": _fit()},
            "/api/v1/flows/{flow}/runs": {"post": _begin()},
            "/api/v1/flows/{flow}/runs/{run}": {"get": _run()},
            "/api/v1/openapi.json": {"get": _description()},
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
            "headers": _headers(),
            "responses": _problems(),
        },
    }


# --- Operations --------------------------------------------------------------------------------------


def _list() -> Json:
    return {
        "operationId": "listQuotas",
        "summary": "What every number and user may still send",
        "description": "Numbers first, then users, by id. Follow `next` until it is null.",
        "parameters": [
            _query("scope", {"type": "string", "enum": list(Scope.values)}, "Numbers or users alone."),
            _query("limit", _whole(1, MOST_ROWS, PAGE), "Most rows of one answer."),
            _query("cursor", {"type": "string"}, "From the `next` of the answer before."),
        ],
        "responses": {
            "200": _answer("One page.", "Quotas", {"results": [EXAMPLE_HOLDER], "next": None}),
            **_refused("400", "401", "403", "429"),
        },
    }


def _one(name: str, words: str, example: str) -> Json:
    return {
        "operationId": f"get{name.title()}Quota",
        "summary": f"What one {name} may still send",
        "parameters": [_in_path(name, {"type": "string"}, words, example)],
        "responses": {
            "200": _answer("Where nothing is left, with the headers of the binding limit.", "Headroom")
            | {"headers": _named_headers(*RATE_LIMIT)},
            **_refused("400", "401", "403", "404", "429"),
        },
    }


def _fit() -> Json:
    described = "Counts what is held already as ahead of it, and nothing that others may send meanwhile."
    user = "One of the number's users: email address, or the id. Without it only the number counts."
    return {
        "operationId": "fitsQuota",
        "summary": "Would so many messages fit, and until when?",
        "description": described,
        "parameters": [
            _query("number", {"type": "string"}, "E.164 (write %2B for +), or the id.") | {"required": True},
            _query("user", {"type": "string"}, user),
            _query("messages", _whole(1, MOST_MESSAGES, 1), "How many."),
            _query("segments", _whole(1, MOST_SEGMENTS, 1), "Segments of each."),
            _query(
                "kind",
                {"type": "string", "enum": list(Traffic.values), "default": Traffic.ALERTING.value},
                "Marketing leaves what is kept of every limit for replies and alerting.",
            ),
        ],
        "responses": {
            "200": _answer(
                "Where they have to wait, with the headers of the binding limit.", "Fit", EXAMPLE_FIT
            )
            | {"headers": _named_headers(*RATE_LIMIT)},
            **_refused("400", "401", "403", "429"),
        },
    }


def _begin() -> Json:
    described = (
        "Once for each key: a repeat is answered with the first run. Nothing of it is done before the answer."
    )
    key = "The same for the same event, at most 255 characters. Without it the id of `run` counts."
    return {
        "operationId": "beginRun",
        "summary": "Begin a run of a call flow",
        "description": described,
        "parameters": [
            _in_path("flow", {"type": "integer"}, "The id in the address of its page.", 7),
            {"name": KEY_HEADER, "in": "header", "description": key, "schema": TEXT},
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref("Event"), "example": EXAMPLE_EVENT}},
        },
        "responses": {
            "202": _answer("It was begun, now or before.", "BegunRun")
            | {"headers": _named_headers("Location")},
            **_refused("400", "401", "403", "404", "409", "422", "429"),
        },
    }


def _run() -> Json:
    return {
        "operationId": "getRun",
        "summary": "What came of a run",
        "parameters": [
            _in_path("flow", {"type": "integer"}, "The id in the address of its page.", 7),
            _in_path("run", UUID, "As `beginRun` answered it.", "019ab000-0000-7000-8000-000000000001"),
        ],
        "responses": {
            "200": _answer("How far it is, every step it took, and its messages as they are now.", "Run"),
            **_refused("400", "401", "403", "404", "429"),
        },
    }


def _in_path(name: str, schema: Json, words: str, example: Any) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": words,
        "schema": schema,
        "example": example,
    }


def _description() -> Json:
    schema = {"type": "object"}
    return {
        "operationId": "getDescription",
        "summary": "This description",
        "security": [],
        "responses": {
            "200": {"description": "OpenAPI 3.1", "content": {"application/json": {"schema": schema}}},
            **_refused("400"),
        },
    }


def _query(name: str, schema: Json, words: str) -> Json:
    return {"name": name, "in": "query", "description": words, "schema": schema}


def _answer(words: str, schema: str, example: Any = None) -> Json:
    content: Json = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    if example is not None:
        content["example"] = example
    return {"description": words, "content": {"application/json": content}}


def _refused(*statuses: str) -> Json:
    every = [*statuses, "405", "500", "503"]
    return {status: {"$ref": f"#/components/responses/{status}"} for status in every}


# --- Headers and problems ----------------------------------------------------------------------------

KEY_HEADER = "Idempotency-Key"
RATE_LIMIT = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
RETRY = "Retry-After"


def _headers() -> Json:
    words = {
        "RateLimit-Limit": "The limit.",
        "RateLimit-Remaining": "What is left of it.",
        "RateLimit-Reset": "Seconds until there is room again.",
        RETRY: "Seconds after which the same request may be made again.",
    }
    schema = {"type": "integer", "minimum": 0}
    found: Json = {name: {"description": said, "schema": schema} for name, said in words.items()}
    found["WWW-Authenticate"] = {"description": "What is asked for: a key.", "schema": {"type": "string"}}
    found["Location"] = {"description": "Where its state is told.", "schema": {"type": "string"}}
    found["Allow"] = {"description": "The methods that the address takes.", "schema": {"type": "string"}}
    return found


def _named_headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _problems() -> Json:
    told: dict[str, tuple[str, tuple[str, ...]]] = {
        "400": ("The request cannot be read, or a parameter of it, which `parameter` and `value` name.", ()),
        "401": ("There is no key, or none that is in force.", ("WWW-Authenticate",)),
        "403": ("The key is not made for this; `scope` is the one it would need.", ()),
        "404": ("There is no such number, user, flow, run or address.", ()),
        "405": ("The address does not take this method.", ("Allow",)),
        "409": ("The flow is off.", ()),
        "422": ("The key was used with another body, or a result is missing that the flow decides by.", ()),
        "429": ("The key made too many requests this minute.", (*RATE_LIMIT, RETRY)),
        "500": ("smsadmin itself failed.", ()),
        "503": ("The database or the cache cannot be reached now.", (RETRY,)),
    }
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": words, "headers": _named_headers(*names), "content": content}
        for status, (words, names) in told.items()
    }


# --- Schemas -----------------------------------------------------------------------------------------

TEXT: Json = {"type": "string"}
UUID: Json = {"type": "string", "format": "uuid"}
MOMENT: Json = {"type": "string", "format": "date-time", "examples": ["2026-11-22T10:08:00Z"]}
COUNT: Json = {"type": "integer", "minimum": 0}


def _schemas() -> Json:
    usage = {
        "window": {"type": "string", "enum": [window.value for window in Window]},
        "zone": {**TEXT, "description": "Whose calendar the window follows (IANA)."},
        "unit": {"type": "string", "enum": list(Unit.values)},
        "limit": COUNT,
        "used": COUNT,
        "left": COUNT,
        "left_for_marketing": {
            **COUNT,
            "description": "`left` without what is kept for replies and alerting.",
        },
        "resets_at": MOMENT,
    }
    ends = {
        **_or_null(MOMENT),
        "description": "When it is used up at its window's pace so far, if before the reset.",
    }
    limit = usage | {"runs_out_at": ends}
    holder = {"id": {"type": "integer"}, "name": TEXT}
    told = {
        "limits": {"type": "array", "items": _ref("Limit")},
        "binding": {**_or_null(_ref("Limit")), "description": "The limit that runs out first."},
    }
    return {
        "Limit": _object(limit),
        "NumberHeadroom": _object({"scope": {"const": "number"}, **holder, "number": TEXT, **told}),
        "UserHeadroom": _object({"scope": {"const": "user"}, **holder, "email": TEXT, **told}),
        "Headroom": {"oneOf": [_ref("NumberHeadroom"), _ref("UserHeadroom")]},
        "Quotas": _object(
            {
                "results": {"type": "array", "items": _ref("Headroom")},
                "next": _or_null({**TEXT, "format": "uri"}),
            }
        ),
        "Wait": _object({"count": {"type": "integer", "minimum": 1}, "until": MOMENT}),
        "FullLimit": _object({"scope": {"type": "string", "enum": list(Scope.values)}, **usage}),
        "Fit": _object(
            {
                "fits": {"type": "boolean", "description": "Whether all of them have room now."},
                "never": {"type": "boolean", "description": "Whether one of them is larger than a limit."},
                "messages": COUNT,
                "now": {**COUNT, "description": "How many of them have room now."},
                "done_at": {**_or_null(MOMENT), "description": "When the last has room; null for never."},
                "waits": {
                    "type": "array",
                    "items": _ref("Wait"),
                    "maxItems": MOST_WAITS,
                    "description": "When the others have room, soonest first.",
                },
                "further": {**COUNT, "description": "How many have room after the last of `waits`."},
                "exact": {
                    "type": "boolean",
                    "description": "False: more is held before them than was looked at, so they have room then at "
                    "the soonest.",
                },
                "binding": {
                    **_or_null(_ref("FullLimit")),
                    "description": "The limit that lets the fewest go now.",
                },
            }
        ),
        "Problem": _problem(),
        **_of_runs(),
    }


def _of_runs() -> Json:
    thing = {"type": "object"}
    event = {
        "call": {**thing, "description": "A call, in Callr's words: fromNumber, fromType, toNumber, cdr …"},
        "sms": {**thing, "description": "A text, in Callr's words: fromNumber, toNumber, bodyText …"},
        "run": {**thing, "description": "Callr's own run; its id is the key where the header has none."},
        "given": {
            **thing,
            "description": "Results of voice actions, by variable ($dial) or action (dial@v1).",
        },
        "branch": {
            **TEXT,
            "description": "Which one it begins. Without it the one that such an event begins.",
        },
    }
    state = {"type": "string", "enum": list(FlowRun.State.values)}
    message = {"id": UUID, "to": TEXT, "status": TEXT, "code": _or_null(TEXT)}
    return {
        "Event": {"type": "object", "properties": event, "additionalProperties": False},
        "BegunRun": _object({"id": UUID, "state": state, "url": {**TEXT, "format": "uri"}}),
        "Run": _object(
            {
                "id": UUID,
                "flow": {"type": "integer"},
                "version": {"type": "integer"},
                "state": state,
                "cause": {"type": "string", "enum": list(FlowRun.Cause.values)},
                "branch": TEXT,
                "rehearsal": {"type": "boolean", "description": "Nothing was sent, and nobody called."},
                "received_at": MOMENT,
                "finished_at": _or_null(MOMENT),
                "error": _or_null({**thing, "description": "What stopped it: code and facts."}),
                "steps": {
                    "type": "array",
                    "items": thing,
                    "description": "Every step it took: its path and line, the condition with its value, the verdict, "
                    "and what its action answered. There once it is done or failed.",
                },
                "messages": {"type": "array", "items": _object(message)},
            }
        ),
    }


def _problem() -> Json:
    members = {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "code": TEXT}
    bad = {"parameter": TEXT, "value": TEXT}
    return {
        "type": "object",
        "properties": members | bad,
        "required": list(members),
        "additionalProperties": False,
    }


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _whole(least: int, most: int, default: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


# --- Examples ----------------------------------------------------------------------------------------

_MINUTE: Json = {
    "window": "minute",
    "zone": "UTC",
    "unit": "messages",
    "limit": 200,
    "used": 150,
    "left": 50,
    "left_for_marketing": 30,
    "resets_at": "2026-11-22T10:08:00Z",
}
_HOUR: Json = _MINUTE | {
    "window": "hour",
    "limit": 1_000,
    "used": 600,
    "left": 400,
    "left_for_marketing": 300,
}
_LIMIT: Json = _HOUR | {"resets_at": "2026-11-22T11:00:00Z", "runs_out_at": "2026-11-22T10:50:00Z"}
EXAMPLE_HOLDER: Json = {
    "scope": "number",
    "id": 3,
    "name": "Sales US",
    "number": "+12025550101",
    "limits": [_LIMIT],
    "binding": _LIMIT,
}
EXAMPLE_FIT: Json = {
    "fits": False,
    "never": False,
    "messages": 120,
    "now": 50,
    "done_at": "2026-11-22T10:08:00Z",
    "waits": [{"count": 70, "until": "2026-11-22T10:08:00Z"}],
    "further": 0,
    "exact": True,
    "binding": {"scope": "number", **_MINUTE},
}
EXAMPLE_EVENT: Json = {
    "call": {"fromNumber": "+33639980042", "toNumber": "+33199001234"},
    "run": {"id": "inbound-call:424242", "type": "inbound-call"},
    "given": {"$dial": {"ok": False}},
}
