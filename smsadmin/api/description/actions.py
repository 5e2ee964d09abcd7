"""Saved actions: what they need, running and rehearsing them."""

from smsadmin.actions.models import ActionVersion, ObjectType
from smsadmin.api.description import messages
from smsadmin.api.description.parts import (
    BY_ID,
    COUNT,
    EXAMPLE_NUMBER,
    ID,
    KEYED,
    MOMENT,
    TEXT,
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
    ref,
    refused,
    saying,
)

TAG = ("Actions", "Saved actions, what values they need, and messages that they make.")

_ACTION = in_path("action", ID, "The id in the address of its page.", 12)
VERDICTS = ("sends", "holds", "refuses")


def paths() -> Json:
    return {
        "/api/v1/actions": {"get": _list()},
        "/api/v1/actions/{action}": {"get": _one()},
        "/api/v1/actions/{action}/messages": {"post": _run()},
        "/api/v1/actions/{action}/rehearsals": {"post": _rehearse()},
    }


def _list() -> Json:
    return {
        "operationId": "listActions",
        "summary": "Actions, with what their present version does",
        "description": "By id, without archived ones.",
        "parameters": paging(BY_ID),
        "responses": {"200": page_of("Actions", EXAMPLE_ACTION), **refused(*KEYED)},
    }


def _one() -> Json:
    return {
        "operationId": "getAction",
        "summary": "One action and the values it needs",
        "parameters": [_ACTION],
        "responses": {
            "200": answer("Its present version.", "Action", EXAMPLE_ACTION),
            **refused(*KEYED, "404"),
        },
    }


def _run() -> Json:
    return {
        "operationId": "runAction",
        "summary": "Run an action: one message",
        "description": "Give the values it needs (`needs` of the action). Of a record of HubSpot the id is enough: "
        "what is not given is read there. What is refused leaves its message in the log, too.",
        "parameters": [_ACTION, idempotency_key()],
        "requestBody": body("RunAction", EXAMPLE_RUN),
        "responses": messages.accepted(),
    }


def _rehearse() -> Json:
    return {
        "operationId": "rehearseAction",
        "summary": "Would it send? Nothing is sent, counted or written",
        "description": "Every step is taken as for a real message, and goes on after a refusal where it can.",
        "parameters": [_ACTION],
        "requestBody": body("RunAction", EXAMPLE_RUN),
        "responses": {
            "200": answer("What would come of it now.", "Rehearsal", EXAMPLE_REHEARSAL),
            **refused(*WITH_BODY, "404"),
        },
    }


# --- Schemas -----------------------------------------------------------------------------------------

_VALUE: Json = {"type": ["string", "number", "boolean", "null"]}
_VALUES: Json = {"type": "object", "additionalProperties": _VALUE, "maxProperties": 500}


def schemas() -> Json:
    return {
        "RunAction": _request(),
        "Record": _record(),
        "Values": saying(_VALUES, "Give each value as a text, a number, true, false or null."),
        "Action": entity(
            {
                "id": ID,
                "name": TEXT,
                "enabled": YES_OR_NO,
                "why_off": saying(or_null(TEXT), "Why its messages are refused."),
                "version": {"type": "integer"},
                "saved_at": MOMENT,
                "about": saying({**TEXT, "enum": ObjectType.values}, "The type of record that it is about."),
                "text": TEXT,
                "number": saying(
                    or_null(ref("NumberName")), "The sender; null where a property of the record names it."
                ),
                "traffic": {**TEXT, "enum": ActionVersion.Traffic.values},
                "at_quota": {**TEXT, "enum": ActionVersion.AtQuota.values},
                "hold_minutes": COUNT,
                "condition": saying(TEXT, "When an AI agent is to send it; may be empty."),
                "needs": saying(many(ref("Need")), "The values that it names."),
            }
        ),
        "Actions": paged("Action"),
        "Need": entity(
            {
                "path": saying(TEXT, "As the action names it."),
                "pointer": saying(TEXT, "Where it goes in the body that runs the action (JSON Pointer)."),
                "uses": saying(
                    many({**TEXT, "enum": ["recipient", "sender", "send_as", "text"]}), "What for."
                ),
                "required": saying(YES_OR_NO, "Whether a message without it is refused."),
            }
        ),
        "Rehearsal": _rehearsal(),
    }


def _request() -> Json:
    recipient = {**TEXT, "pattern": r"^\+[1-9][0-9]{6,14}$"}
    kinds = {"enum": [each for each in ObjectType.values if each != ObjectType.CALL]}
    related = {
        "type": "object",
        "propertyNames": kinds,
        "additionalProperties": ref("Values"),
    }
    return asked(
        {
            "record": ref("Record"),
            "related": saying(related, 'Give values of other records by their type, as in {"contact": {…}}.'),
            "inputs": saying(ref("Values"), "What {{inputs.…}} stands for."),
            "to": saying(
                recipient, "Give a number as +12025550123: it gets the text in place of the recipient."
            ),
            "values": saying(ref("Values"), "Of an action about a call: what its tokens stand for."),
        }
    )


def _record() -> Json:
    return asked(
        {
            "type": saying({**TEXT, "enum": ObjectType.values}, "Give the type that the action is about."),
            "id": saying(
                {**TEXT, "minLength": 1, "maxLength": 40},
                "Give HubSpot's id of the record, or that of the call, as a text.",
            ),
            "properties": ref("Values"),
        }
    )


def _rehearsal() -> Json:
    return entity(
        {
            "verdict": {**TEXT, "enum": list(VERDICTS)},
            "held_until": or_null(MOMENT),
            "error": saying(or_null(ref("Error")), "What it would be refused with."),
            "steps": many(ref("Step")),
            "from": or_null(TEXT),
            "number": or_null(ref("NumberName")),
            "user": or_null(ref("UserName")),
            "to": or_null(TEXT),
            "text": or_null(TEXT),
            "encoding": or_null({**TEXT, "enum": ["GSM-7", "UCS-2"]}),
            "characters": COUNT,
            "segments": COUNT,
            "test": saying(YES_OR_NO, "Whether the key is in test mode."),
        }
    )


# --- Examples ----------------------------------------------------------------------------------------

EXAMPLE_ACTION: Json = {
    "id": 12,
    "name": "Order shipped",
    "enabled": True,
    "why_off": None,
    "version": 3,
    "saved_at": "2026-11-20T08:15:00.000Z",
    "about": "contact",
    "text": 'Hi {{Contact.firstname | default("there")}}, your order {{Contact.last_order}} is on its way.',
    "number": EXAMPLE_NUMBER,
    "traffic": "alerting",
    "at_quota": "refuse",
    "hold_minutes": 0,
    "condition": "",
    "needs": [
        {
            "path": "Contact.phone",
            "pointer": "/record/properties/phone",
            "uses": ["recipient"],
            "required": True,
        },
        {
            "path": "Contact.firstname",
            "pointer": "/record/properties/firstname",
            "uses": ["text"],
            "required": False,
        },
        {
            "path": "Contact.last_order",
            "pointer": "/record/properties/last_order",
            "uses": ["text"],
            "required": True,
        },
    ],
}
EXAMPLE_RUN: Json = {
    "record": {
        "type": "contact",
        "id": "501",
        "properties": {"phone": "+13125550123", "firstname": "Ada", "last_order": "4711"},
    }
}
EXAMPLE_REHEARSAL: Json = {
    "verdict": "sends",
    "held_until": None,
    "error": None,
    "steps": messages.EXAMPLE_STEPS,
    "from": "+12025550101",
    "number": EXAMPLE_NUMBER,
    "user": None,
    "to": "+13125550123",
    "text": "Hi Ada, your order 4711 is on its way.",
    "encoding": "GSM-7",
    "characters": 38,
    "segments": 1,
    "test": False,
}
