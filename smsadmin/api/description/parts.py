"""What the areas of the description are made of: parameters, answers, problems and the small schemas."""

from typing import Any

from smsadmin.api.endpoint import TEST_HEADER
from smsadmin.api.parameters import MOST_ROWS, PAGE
from smsadmin.api.problems import CODES, CONTENT_TYPE, help_url
from smsadmin.core.errors import Retry, Whose
from smsadmin.workspaces.models import Connection

Json = dict[str, Any]

KEY_HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
RATE_LIMIT = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
RETRY = "Retry-After"
MOST_KEY = 255  # characters of an idempotency key

# --- Schemas -----------------------------------------------------------------------------------------

TEXT: Json = {"type": "string"}
ID: Json = {"type": "integer", "minimum": 1}
UUID: Json = {"type": "string", "format": "uuid"}
URI: Json = {"type": "string", "format": "uri"}
YES_OR_NO: Json = {"type": "boolean"}
MOMENT: Json = {"type": "string", "format": "date-time", "examples": ["2026-11-22T10:08:00Z"]}
COUNT: Json = {"type": "integer", "minimum": 0}
#: Of a parameter: one that is empty is refused.
GIVEN: Json = {"type": "string", "minLength": 1}
#: Where the answer before ended: ids, ids of messages, and moments with ids.
BY_ID: Json = {"type": "string", "pattern": "^[0-9]{1,18}$"}
BY_MOMENT: Json = {"type": "string", "pattern": "^[0-9]{1,16}-[0-9]{1,18}$"}


def entity(properties: Json) -> Json:
    """An object that always has all of these properties, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def asked(properties: Json, *required: str) -> Json:
    """An object that a caller writes: what is not required may be left out, and nothing else is read."""
    found = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**found, "required": list(required)} if required else found


def or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def many(schema: Json) -> Json:
    return {"type": "array", "items": schema}


def paged(name: str) -> Json:
    """A page of a list of these."""
    return entity({"results": many(ref(name)), "next": or_null(URI)})


def saying(schema: Json, words: str) -> Json:
    return {**schema, "description": words}


# --- Parameters --------------------------------------------------------------------------------------


def query(name: str, schema: Json, words: str) -> Json:
    return {"name": name, "in": "query", "description": words, "schema": schema}


def in_path(name: str, schema: Json, words: str, example: Any) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": words,
        "schema": schema,
        "example": example,
    }


def whole(least: int, most: int, default: int) -> Json:
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


def paging(cursor: Json) -> list[Json]:
    """What every list takes."""
    return [
        query("limit", whole(1, MOST_ROWS, PAGE), "Most rows of one answer."),
        query("cursor", cursor, "From the `next` of the answer before."),
    ]


def idempotency_key(more: str = "Other API keys have their own.") -> Json:
    """What makes a repeat recognisable."""
    words = (
        f"The same for the same event, at most {MOST_KEY} characters. The same key with the same request is answered "
        f"as the first time, with `{REPLAYED}: true`; with another request it is refused. {more}"
    )
    schema = {**TEXT, "minLength": 1, "maxLength": MOST_KEY, "pattern": r"^[\x21-\x7E]+$"}
    return {
        "name": KEY_HEADER,
        "in": "header",
        "required": True,
        "description": words,
        "schema": schema,
        "example": "order-4711-shipped",
    }


# --- Bodies and answers ------------------------------------------------------------------------------


def body(schema: str, example: Any, *, required: bool = True) -> Json:
    return {
        "required": required,
        "content": {"application/json": {"schema": ref(schema), "example": example}},
    }


def answer(words: str, schema: str, example: Any, *headers: str) -> Json:
    """An answer as JSON; every one to a key in test mode says so."""
    named = named_headers(*headers, TEST_HEADER)
    content = {"application/json": {"schema": ref(schema), "example": example}}
    return {"description": words, "headers": named, "content": content}


def page_of(schema: str, example: Json) -> Json:
    return answer("One page.", schema, {"results": [example], "next": None})


def refused(*statuses: str) -> Json:
    """The problems that an operation may answer with: these, and those that any may."""
    every = sorted({*statuses, "400", "405", "406", "500", "503"})
    return {status: {"$ref": f"#/components/responses/{status}"} for status in every}


#: What every operation that needs a key may answer with.
KEYED = ("401", "403", "429")
#: And one that takes a body.
WITH_BODY = (*KEYED, "413", "415", "422")


# --- Headers -----------------------------------------------------------------------------------------


def headers() -> Json:
    words = {
        "RateLimit-Limit": "The limit.",
        "RateLimit-Remaining": "What is left of it.",
        "RateLimit-Reset": "Seconds until there is room again.",
        RETRY: "Seconds after which the same request may be made again.",
    }
    schema = {"type": "integer", "minimum": 0}
    found: Json = {name: {"description": said, "schema": schema} for name, said in words.items()}
    texts = {
        "WWW-Authenticate": "What is asked for: a key.",
        "Location": "Where its state is told.",
        "Allow": "The methods that the address takes.",
    }
    found |= {name: {"description": said, "schema": TEXT} for name, said in texts.items()}
    flags = {
        REPLAYED: "There where the answer is the one that was given to the first such request.",
        TEST_HEADER: "There where the key is in test mode: only verified test numbers are texted with it.",
    }
    only_true = {"type": "string", "enum": ["true"]}
    return found | {name: {"description": said, "schema": only_true} for name, said in flags.items()}


def named_headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


# --- Problems ----------------------------------------------------------------------------------------


def problems() -> Json:
    """The answer of each status that is an error."""
    told: dict[str, tuple[str, tuple[str, ...]]] = {
        "400": ("The request cannot be read, or a parameter of it, which `parameter` and `value` name.", ()),
        "401": ("There is no key, or none that is in force.", ("WWW-Authenticate",)),
        "403": (
            "The key is not made for this; `scope` is the one it would need. Or it is in test mode, and this would "
            "change more than tests.",
            (),
        ),
        "404": ("There is no such thing, or no such address.", ()),
        "405": ("The address does not take this method.", ("Allow",)),
        "406": ("`Accept` allows no JSON.", ()),
        "409": ("Not in the state that it is in.", ()),
        "413": ("The body is too large.", ()),
        "415": ("The body is not sent as application/json.", ()),
        "422": (
            "The body has a fault (`errors`), or the idempotency key was used otherwise, or the message was refused: "
            "then `code` says why, `whose` and `fix` what to do, and `message` is its id.",
            (REPLAYED, *RATE_LIMIT),
        ),
        "429": ("The key made too many requests this minute.", (*RATE_LIMIT, RETRY)),
        "500": ("smsadmin itself failed.", ()),
        "503": ("The database, the cache or HubSpot cannot be reached now.", (RETRY,)),
    }
    return {
        status: {
            "description": words,
            "headers": named_headers(*names, TEST_HEADER),
            "content": {CONTENT_TYPE: {"schema": ref("Problem"), "example": _EXAMPLES[status]()}},
        }
        for status, (words, names) in told.items()
    }


def schemas() -> Json:
    """Those that several areas use."""
    fault = entity(
        {
            "pointer": saying(TEXT, "Which part of the body (JSON Pointer)."),
            "value": saying(TEXT, "What it is, as JSON; empty where it is missing."),
            "detail": TEXT,
        }
    )
    members = {
        "type": saying(URI, "The page that explains the code."),
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": saying(TEXT, "What happened and what to do; it may change."),
        "code": saying(TEXT, "Stable."),
    }
    further = {
        "parameter": saying(TEXT, "The parameter or header that cannot be used."),
        "value": saying(TEXT, "Its value."),
        "errors": saying(many(fault), "Every fault of the body."),
        "scope": saying(TEXT, "What the key would have to be made for."),
        "message": saying(UUID, "The message that was refused."),
        "url": saying(URI, "Where that message is told."),
        **_of_error(),
        "test": saying(YES_OR_NO, "Whether the key is in test mode."),
    }
    problem = asked({**members, **further}, *members)
    error = entity({"code": TEXT, "sentence": TEXT, **_of_error(), "help": URI})
    return {
        "Problem": problem,
        "Error": saying(error, "What stopped a message."),
        "NumberName": entity(
            {"id": ID, "number": saying(or_null(TEXT), "E.164, or a sender name."), "name": TEXT}
        ),
        "UserName": entity({"id": ID, "email": TEXT, "name": TEXT}),
        "Account": entity({"provider": {**TEXT, "enum": list(Connection.Kind.values)}, "name": TEXT}),
    }


def _of_error() -> Json:
    return {
        "whose": saying({**TEXT, "enum": [each.value for each in Whose]}, "Who can mend it."),
        "fix": saying(TEXT, "What mends it."),
        "retry": saying(
            {**TEXT, "enum": [each.value for each in Retry]}, "Whether it may be sent again, and when."
        ),
    }


EXAMPLE_NUMBER: Json = {"id": 3, "number": "+12025550101", "name": "Sales US"}
EXAMPLE_USER: Json = {"id": 8, "email": "mia@example.com", "name": "Mia"}
EXAMPLE_ACCOUNT: Json = {"provider": "aircall", "name": "Example Ltd"}
EXAMPLE_MESSAGE_ID = "019ab000-0000-7000-8000-000000000001"


def _problem(status: int, code: str, detail: str, **members: Any) -> Json:
    titles = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
    titles |= {405: "Method Not Allowed", 406: "Not Acceptable", 409: "Conflict"}
    titles |= {413: "Request Entity Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Entity"}
    titles |= {429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}
    base = {"type": help_url(code), "title": titles[status], "status": status, "detail": detail}
    return {**base, "code": code, **members}


def _plain(code: str) -> Json:
    status, words = CODES[code]
    return _problem(status, code, words)


_EXAMPLES: dict[str, Any] = {
    "400": lambda: _problem(
        400,
        "BAD_PARAMETER",
        "limit is “many”. Give a whole number from 1 to 500.",
        parameter="limit",
        value="many",
    ),
    "401": lambda: _problem(401, "KEY_MISSING", "Send a key: Authorization: Bearer smsadmin_…"),
    "403": lambda: _problem(
        403,
        "KEY_SCOPE",
        "The key Ab12Cd34 is not made for this. Make one that has the scope “send”.",
        scope="send",
    ),
    "404": lambda: _problem(
        404, "NOT_FOUND", "There is no action 99. Its id stands in the address of its page."
    ),
    "405": lambda: _problem(405, "METHOD_NOT_ALLOWED", "/api/v1/quotas/ takes GET, HEAD, not PUT."),
    "406": lambda: _problem(
        406, "NOT_ACCEPTABLE", "Answers are application/json. “Accept: text/csv” does not allow that."
    ),
    "409": lambda: _plain("NOT_HELD"),
    "413": lambda: _problem(413, "BODY_TOO_LARGE", "The body may have 65536 bytes at most."),
    "415": lambda: _problem(415, "NOT_JSON", "Send the body as Content-Type: application/json."),
    "422": lambda: _problem(
        422,
        "RECIPIENT_OPTED_OUT",
        "+13125550123 has opted out of text messages.",
        whose="consent",
        fix="Nothing: only the recipient can opt in again.",
        retry="never",
        message=EXAMPLE_MESSAGE_ID,
    ),
    "429": lambda: _problem(
        429,
        "TOO_MANY_REQUESTS",
        "This key may make 600 requests a minute. Make the same request again in 42 s.",
    ),
    "500": lambda: _problem(
        500, "INTERNAL_ERROR", "smsadmin itself failed at this request. Its log says why."
    ),
    "503": lambda: _plain("NOT_NOW"),
}
