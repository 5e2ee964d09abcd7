"""Who wants no texts."""

from smsadmin.api.description.parts import (
    BY_MOMENT,
    KEYED,
    MOMENT,
    TEXT,
    WITH_BODY,
    Json,
    answer,
    asked,
    body,
    entity,
    in_path,
    many,
    or_null,
    page_of,
    paged,
    paging,
    query,
    ref,
    refused,
    saying,
)
from smsadmin.consent.models import Source

TAG = ("Opt-outs", "Numbers that are not to be texted, and those that came back.")

#: Of a reason: the name of the key that gave it stands beside it.
MOST_REASON = 100

_NUMBER = in_path("number", TEXT, "E.164.", "+13125550123")
_STATES = {**TEXT, "enum": ["out", "in"]}
_SOURCES = {**TEXT, "enum": list(Source.values)}


def paths() -> Json:
    return {
        "/api/v1/opt-outs": {"get": _list(), "post": _add()},
        "/api/v1/opt-outs/{number}": {"get": _one(), "delete": _lift()},
    }


def _list() -> Json:
    return {
        "operationId": "listOptOuts",
        "summary": "Numbers that are or were opted out, those that changed last first",
        "parameters": [query("state", _STATES, "Those that are out, or back in, alone."), *paging(BY_MOMENT)],
        "responses": {"200": page_of("OptOuts", EXAMPLE), **refused(*KEYED)},
    }


def _one() -> Json:
    return {
        "operationId": "getOptOut",
        "summary": "Where one number stands, and what led there",
        "parameters": [_NUMBER],
        "responses": {
            "200": answer("With its history.", "OptOutInFull", {**EXAMPLE, "history": _HISTORY}),
            **refused(*KEYED, "404"),
        },
    }


def _add() -> Json:
    return {
        "operationId": "addOptOut",
        "summary": "Opt a number out",
        "description": "A number that is out already stays as it is: the request may be repeated. Not with a key in "
        "test mode.",
        "requestBody": body("AddOptOut", {"number": "+13125550123", "reason": "Asked for it on the phone"}),
        "responses": {
            "200": answer("It was out already.", "OptOut", EXAMPLE),
            "201": answer("It is out now.", "OptOut", EXAMPLE, "Location"),
            **refused(*WITH_BODY),
        },
    }


def _lift() -> Json:
    reason = query(
        "reason", {**TEXT, "minLength": 1, "maxLength": MOST_REASON}, "Why it may be texted again."
    )
    return {
        "operationId": "liftOptOut",
        "summary": "Let a number be texted again",
        "description": "Only where its owner wishes so. A number that is back in already stays as it is. Not with a "
        "key in test mode.",
        "parameters": [_NUMBER, reason | {"required": True, "example": "Signed up again in the shop"}],
        "responses": {
            "200": answer("It may be texted.", "OptOut", {**EXAMPLE, "state": "in", "source": "person"}),
            **refused(*KEYED, "404"),
        },
    }


def schemas() -> Json:
    standing = {
        "number": saying(TEXT, "E.164."),
        "state": _STATES,
        "since": MOMENT,
        "source": saying(
            _SOURCES, "By whom it became so: by a text of theirs, by somebody here, or by an import."
        ),
        "reason": saying(or_null(TEXT), "What was texted, or the reason that was given."),
    }
    change = {"state": _STATES, "at": MOMENT, "source": _SOURCES, "reason": or_null(TEXT)}
    number = {**TEXT, "pattern": r"^\+[1-9][0-9]{6,14}$"}
    reason = {**TEXT, "pattern": r"\S", "maxLength": MOST_REASON}
    return {
        "OptOut": entity(standing),
        "OptOutInFull": entity({**standing, "history": saying(many(ref("OptOutChange")), "Newest first.")}),
        "OptOutChange": entity(change),
        "OptOuts": paged("OptOut"),
        "AddOptOut": asked(
            {
                "number": saying(number, "Give the number as +12025550123."),
                "reason": saying(reason, f"Say in at most {MOST_REASON} characters why: it is kept."),
            },
            "number",
            "reason",
        ),
    }


EXAMPLE: Json = {
    "number": "+13125550123",
    "state": "out",
    "since": "2026-11-22T10:12:09.000Z",
    "source": "text",
    "reason": "STOP",
}
_HISTORY: list[Json] = [
    {"state": "out", "at": "2026-11-22T10:12:09.000Z", "source": "text", "reason": "STOP"}
]
