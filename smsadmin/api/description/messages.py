"""Messages: sending one, reading them, and what befell each."""

from smsadmin.api.description.parts import (
    COUNT,
    EXAMPLE_ACCOUNT,
    EXAMPLE_MESSAGE_ID,
    EXAMPLE_NUMBER,
    EXAMPLE_USER,
    GIVEN,
    ID,
    KEYED,
    MOMENT,
    REPLAYED,
    TEXT,
    URI,
    UUID,
    WITH_BODY,
    YES_OR_NO,
    Json,
    answer,
    asked,
    body,
    entity,
    idempotency_key,
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
from smsadmin.core.status import Status
from smsadmin.core.trace import STEPS, Verdict
from smsadmin.sending.filters import GROUPS, MessageFilter
from smsadmin.sending.models import Event

TAG = ("Messages", "Sending texts, and what became of them.")

#: The longest that a message may wait for room in a quota.
MOST_HOLD_MINUTES = 7 * 1440
#: What may befall a message (sending.presenters.happenings).
HAPPENINGS = [
    *("received", "held", "accepted", "claimed", "ended", *Event.Kind.values),
    *("text_deleted", "number_deleted", "logged", "not_logged"),
]
#: Who asked for messages, as the log knows it.
TRIGGERS = [value for value, _words in MessageFilter.base_filters["trigger"].extra["choices"]]

_MESSAGE = in_path("message", UUID, "Its id.", EXAMPLE_MESSAGE_ID)
_URL = f"https://sms.example.com/api/v1/messages/{EXAMPLE_MESSAGE_ID}"


def paths() -> Json:
    return {
        "/api/v1/messages": {"get": _list(), "post": _send()},
        "/api/v1/messages/{message}": {"get": _one()},
        "/api/v1/messages/{message}/events": {"get": _events()},
        "/api/v1/messages/{message}/trace": {"get": _trace()},
        "/api/v1/messages/{message}/cancel": {"post": _cancel()},
    }


def _list() -> Json:
    statuses = {"type": "string", "enum": [each.value for each in Status]}
    return {
        "operationId": "listMessages",
        "summary": "Messages, newest first",
        "description": "Every filter narrows the list further. Follow `next` until it is null: what comes in meanwhile "
        "moves nothing to another page.",
        "parameters": [
            query("status", statuses, "Those of this status."),
            query(
                "group",
                {"type": "string", "enum": list(GROUPS)},
                "Those of several: not sent yet, sent in any way, in trouble. In place of `status`.",
            ),
            query("trigger", {"type": "string", "enum": TRIGGERS}, "Who asked for them."),
            query("number", GIVEN, "Sent from this number: E.164 (write %2B for +), or the id."),
            query("user", GIVEN, "Sent as this user: email address, or the id."),
            query("action", ID, "Asked for by this action."),
            query("to", GIVEN, "Sent to this number (write %2B for +)."),
            query("code", GIVEN, "Stopped for this reason."),
            query("record", {**GIVEN, "maxLength": 40}, "About the record with this id."),
            query("since", MOMENT, "Received from this moment on."),
            query("until", MOMENT, "Received before this moment."),
            *paging(UUID),
        ],
        "responses": {"200": page_of("Messages", EXAMPLE_MESSAGE), **refused(*KEYED)},
    }


def _send() -> Json:
    return {
        "operationId": "sendMessage",
        "summary": "Send a text without a saved action",
        "description": "It takes every step that any message takes: sender, recipient, opt-outs, rules of countries "
        "and quotas. What is refused leaves its message in the log, too.",
        "parameters": [idempotency_key()],
        "requestBody": body("SendText", EXAMPLE_TEXT),
        "responses": accepted(),
    }


def accepted() -> Json:
    """What an operation that sends answers with."""
    words = "It waits to be sent, or for room in a quota. Read its state at `url`."
    return {
        "202": answer(words, "Accepted", EXAMPLE_ACCEPTED, "Location", REPLAYED),
        **refused(*WITH_BODY, "404"),
    }


def _one() -> Json:
    return {
        "operationId": "getMessage",
        "summary": "One message",
        "parameters": [_MESSAGE],
        "responses": {
            "200": answer("As it is now.", "MessageInFull", EXAMPLE_IN_FULL),
            **refused(*KEYED, "404"),
        },
    }


def _events() -> Json:
    return {
        "operationId": "listEvents",
        "summary": "What befell a message, in the order of time",
        "description": "On one page, without what is still to come.",
        "parameters": [_MESSAGE],
        "responses": {
            "200": answer("From the request to the latest news.", "Events", EXAMPLE_EVENTS),
            **refused(*KEYED, "404"),
        },
    }


def _trace() -> Json:
    return {
        "operationId": "getTrace",
        "summary": "Every step that a message took, and what it saw",
        "parameters": [_MESSAGE],
        "responses": {
            "200": answer("In the order in which they are taken.", "Trace", {"steps": EXAMPLE_STEPS}),
            **refused(*KEYED, "404"),
        },
    }


def _cancel() -> Json:
    return {
        "operationId": "cancelMessage",
        "summary": "Take a held message out for good",
        "description": "One that was cancelled before is answered the same. A key in test mode takes out messages "
        "of tests alone.",
        "parameters": [_MESSAGE],
        "responses": {
            "200": answer("It will not be sent.", "Cancelled", {**_CANCELLED}),
            **refused(*KEYED, "404", "409"),
        },
    }


# --- Schemas -----------------------------------------------------------------------------------------


def schemas() -> Json:
    return {
        "SendText": _text(),
        "Accepted": entity(
            {
                "id": UUID,
                "status": {**TEXT, "enum": [Status.QUEUED.value, Status.HELD.value]},
                "url": URI,
                "test": saying(YES_OR_NO, "Whether the key is in test mode."),
                "received_at": MOMENT,
                "encoding": {**TEXT, "enum": ["GSM-7", "UCS-2"]},
                "characters": COUNT,
                "segments": COUNT,
                "expires_at": saying(or_null(MOMENT), "Of a held one: how long it waits for room."),
            }
        ),
        "Message": entity(_message()),
        "MessageInFull": entity({**_message(), "quota": saying(many(ref("Counted")), _QUOTA)}),
        "Messages": paged("Message"),
        "Events": paged("MessageEvent"),
        "MessageEvent": entity(
            {
                "at": MOMENT,
                "type": {**TEXT, "enum": HAPPENINGS},
                "status": saying(
                    or_null({**TEXT, "enum": [each.value for each in Status]}),
                    "What the message came to by it.",
                ),
                "code": saying(or_null(TEXT), "The code of the error that it came with."),
                "sentence": saying(TEXT, "The same for people."),
            }
        ),
        "Trace": entity({"steps": many(ref("Step"))}),
        "Step": entity(
            {
                "step": {**TEXT, "enum": list(STEPS)},
                "name": TEXT,
                "verdict": {**TEXT, "enum": [each.value for each in Verdict]},
                "sentence": saying(TEXT, "What it saw; empty where it was not reached."),
            }
        ),
        "Cancelled": entity({"id": UUID, "status": {"const": "cancelled"}, "url": URI}),
    }


_QUOTA = "How full each quota was before it and with it; empty for one that was never counted."


def _text() -> Json:
    sender = {"anyOf": [ID, {**TEXT, "minLength": 1, "maxLength": 60}]}
    return asked(
        {
            "from": saying(sender, "Give a number of the directory (E.164 or id), or a sender name."),
            "to": saying(
                {**TEXT, "minLength": 1, "maxLength": 60},
                "Give the recipient's number with + and country code.",
            ),
            "text": saying(
                {**TEXT, "pattern": r"\S"},
                "Give the text as it is to be sent: nothing in it is read as a token.",
            ),
            "send_as": saying(
                {**TEXT, "minLength": 3, "maxLength": 254}, "Give the email address of a user of the number."
            ),
            "at_quota": saying(
                {**TEXT, "enum": ["refuse", "hold"], "default": "refuse"},
                "What happens where a quota has no room: it is refused, or waits for room.",
            ),
            "hold_minutes": saying(
                {"type": "integer", "minimum": 1, "maximum": MOST_HOLD_MINUTES, "default": 60},
                "How long it waits at most, where at_quota is hold.",
            ),
            "traffic": saying(
                {**TEXT, "enum": ["alerting", "marketing"], "default": "alerting"},
                "Marketing leaves a share of every quota to what the recipient waits for.",
            ),
        },
        "from",
        "to",
        "text",
    )


def _message() -> Json:
    action = entity({"id": ID, "name": TEXT, "version": or_null({"type": "integer"})})
    return {
        "id": UUID,
        "status": {**TEXT, "enum": [each.value for each in Status]},
        "trigger": saying(TEXT, "Who asked for it."),
        "test": saying(
            YES_OR_NO, "Whether it only tried something out: by a key in test mode, or from the editor."
        ),
        "received_at": MOMENT,
        "from": saying(or_null(TEXT), "What the recipient sees: a number, or a name."),
        "number": or_null(ref("NumberName")),
        "user": or_null(ref("UserName")),
        "to": saying(or_null(TEXT), "E.164; as it was given where it could not be read."),
        "text": saying(or_null(TEXT), "null where none was made, or where it was deleted by age."),
        "encoding": or_null({**TEXT, "enum": ["GSM-7", "UCS-2"]}),
        "characters": COUNT,
        "segments": saying(COUNT, "As the provider counted them, where it did."),
        "traffic": {**TEXT, "enum": ["alerting", "marketing"]},
        "action": or_null(action),
        "record": or_null(entity({"type": TEXT, "id": TEXT})),
        "original": saying(or_null(UUID), "The message that this one sends again."),
        "accepted_at": saying(or_null(MOMENT), "When it was counted against quotas."),
        "finished_at": or_null(MOMENT),
        "held_until": saying(or_null(MOMENT), "Of a held one: when there may be room."),
        "expires_at": saying(or_null(MOMENT), "Of a held one: how long it waits for room."),
        "why_held": or_null(TEXT),
        "error": saying(or_null(ref("Error")), "What stopped it."),
        "account": saying(or_null(ref("Account")), "The account that carries it."),
        "provider_id": saying(or_null(TEXT), "What its provider calls it."),
        "provider_status": saying(or_null(TEXT), "Its provider's own word for what became of it."),
    }


# --- Examples ----------------------------------------------------------------------------------------

EXAMPLE_TEXT: Json = {
    "from": "+12025550101",
    "to": "+13125550123",
    "text": "Your order 4711 is on its way.",
    "at_quota": "hold",
    "hold_minutes": 30,
}
EXAMPLE_ACCEPTED: Json = {
    "id": EXAMPLE_MESSAGE_ID,
    "status": "queued",
    "url": _URL,
    "test": False,
    "received_at": "2026-11-22T10:07:30.120Z",
    "encoding": "GSM-7",
    "characters": 30,
    "segments": 1,
    "expires_at": None,
}
EXAMPLE_MESSAGE: Json = {
    "id": EXAMPLE_MESSAGE_ID,
    "status": "delivered",
    "trigger": "api",
    "test": False,
    "received_at": "2026-11-22T10:07:30.120Z",
    "from": "+12025550101",
    "number": EXAMPLE_NUMBER,
    "user": EXAMPLE_USER,
    "to": "+13125550123",
    "text": "Your order 4711 is on its way.",
    "encoding": "GSM-7",
    "characters": 30,
    "segments": 1,
    "traffic": "alerting",
    "action": {"id": 12, "name": "Order shipped", "version": 3},
    "record": {"type": "contact", "id": "501"},
    "original": None,
    "accepted_at": "2026-11-22T10:07:30.121Z",
    "finished_at": "2026-11-22T10:07:34.800Z",
    "held_until": None,
    "expires_at": None,
    "why_held": None,
    "error": None,
    "account": EXAMPLE_ACCOUNT,
    "provider_id": "8a1f0c",
    "provider_status": "delivered",
}
EXAMPLE_IN_FULL: Json = {
    **EXAMPLE_MESSAGE,
    "quota": [
        {
            "scope": "number",
            **EXAMPLE_NUMBER,
            "window": "hour",
            "zone": "UTC",
            "unit": "messages",
            "limit": 1_000,
            "before": 599,
            "after": 600,
        }
    ],
}
EXAMPLE_EVENTS: Json = {
    "results": [
        {
            "at": "2026-11-22T10:07:30.120Z",
            "type": "received",
            "status": "received",
            "code": None,
            "sentence": "Received · The program with the API key Planner",
        },
        {
            "at": "2026-11-22T10:07:31.400Z",
            "type": "attempt",
            "status": None,
            "code": None,
            "sentence": "Aircall answered: HTTP 200 · took 240 ms",
        },
        {
            "at": "2026-11-22T10:07:34.800Z",
            "type": "ended",
            "status": "delivered",
            "code": None,
            "sentence": "Delivered",
        },
    ],
    "next": None,
}
EXAMPLE_STEPS: list[Json] = [
    {
        "step": "action",
        "name": "Action",
        "verdict": "passed",
        "sentence": "“Order shipped”, version 3, is on",
    },
    {
        "step": "recipient",
        "name": "Recipient",
        "verdict": "passed",
        "sentence": "phone holds “+13125550123”, read as +1 312-555-0123",
    },
]
_CANCELLED: Json = {"id": EXAMPLE_MESSAGE_ID, "status": "cancelled", "url": _URL}
