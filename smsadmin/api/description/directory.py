"""Numbers and users."""

from smsadmin.api.description.parts import (
    BY_ID,
    EXAMPLE_ACCOUNT,
    EXAMPLE_NUMBER,
    EXAMPLE_USER,
    ID,
    KEYED,
    MOMENT,
    TEXT,
    URI,
    YES_OR_NO,
    Json,
    answer,
    entity,
    in_path,
    many,
    or_null,
    page_of,
    paged,
    paging,
    ref,
    refused,
    saying,
)
from smsadmin.directory.models import SenderKind

TAG = ("Directory", "The numbers and users of the connected accounts, and whether they can text.")

_MIRRORED = "When its account was last read; null where that never worked."


def paths() -> Json:
    return {
        "/api/v1/numbers": {"get": _numbers()},
        "/api/v1/numbers/{number}": {"get": _number()},
        "/api/v1/users": {"get": _users()},
    }


def _numbers() -> Json:
    return {
        "operationId": "listNumbers",
        "summary": "Numbers and sender names, each with whether it is offered",
        "description": "By id, without those that have left their account.",
        "parameters": paging(BY_ID),
        "responses": {"200": page_of("Numbers", EXAMPLE), **refused(*KEYED)},
    }


def _number() -> Json:
    return {
        "operationId": "getNumber",
        "summary": "One number",
        "parameters": [in_path("number", TEXT, "E.164, or the id.", "+12025550101")],
        "responses": {
            "200": answer("As the directory knows it.", "Number", EXAMPLE),
            **refused(*KEYED, "404"),
        },
    }


def _users() -> Json:
    return {
        "operationId": "listUsers",
        "summary": "Users, each with the numbers they may send from",
        "description": "By id, without those that have left their account.",
        "parameters": paging(BY_ID),
        "responses": {"200": page_of("Users", EXAMPLE_OF_USER), **refused(*KEYED)},
    }


def schemas() -> Json:
    return {
        "Number": entity(
            {
                "id": ID,
                "kind": {**TEXT, "enum": SenderKind.values},
                "number": saying(or_null(TEXT), "E.164, or a sender name; null where the provider picks."),
                "name": TEXT,
                "country": saying(or_null(TEXT), "ISO 3166."),
                "account": ref("Account"),
                "offered": saying(YES_OR_NO, "Whether actions may choose it."),
                "why_not": saying(many(TEXT), "Why it is not offered."),
                "fix": saying(or_null(TEXT), "What mends the first of these."),
                "users": many(ref("UserName")),
                "quota": saying(URI, "What it may still send."),
                "mirrored_at": saying(or_null(MOMENT), _MIRRORED),
            }
        ),
        "Numbers": paged("Number"),
        "User": entity(
            {
                "id": ID,
                "email": TEXT,
                "name": TEXT,
                "numbers": many(ref("NumberName")),
                "can_send": saying(YES_OR_NO, "Whether one of the numbers is offered."),
                "why_not": many(TEXT),
                "quota": saying(URI, "What may still be sent as this user."),
                "mirrored_at": saying(or_null(MOMENT), _MIRRORED),
            }
        ),
        "Users": paged("User"),
    }


EXAMPLE: Json = {
    **EXAMPLE_NUMBER,
    "kind": "phone",
    "country": "US",
    "account": EXAMPLE_ACCOUNT,
    "offered": False,
    "why_not": ["Nobody has confirmed that it can text."],
    "fix": "Look at the number's messaging settings in Aircall and set Yes or No here.",
    "users": [EXAMPLE_USER],
    "quota": "https://sms.example.com/api/v1/quotas/numbers/3",
    "mirrored_at": "2026-11-22T10:00:04.000Z",
}
EXAMPLE_OF_USER: Json = {
    **EXAMPLE_USER,
    "numbers": [EXAMPLE_NUMBER],
    "can_send": True,
    "why_not": [],
    "quota": "https://sms.example.com/api/v1/quotas/users/8",
    "mirrored_at": "2026-11-22T10:00:04.000Z",
}
