"""Runs of call flows."""

from smsadmin.api.description.parts import (
    EXAMPLE_MESSAGE_ID,
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
    ref,
    refused,
    saying,
)
from smsadmin.flows.models import FlowRun

TAG = ("Call flows", "Beginning runs of call flows, which send texts, and what came of them.")

_FLOW = in_path("flow", ID, "The id in the address of its page.", 7)
_EXAMPLE_RUN_ID = "019ab000-0000-7000-8000-0000000000f1"
_EXAMPLE_URL = f"https://sms.example.com/api/v1/flows/7/runs/{_EXAMPLE_RUN_ID}"


def paths() -> Json:
    return {
        "/api/v1/flows/{flow}/runs": {"post": _begin()},
        "/api/v1/flows/{flow}/runs/{run}": {"get": _run()},
    }


def _begin() -> Json:
    key = idempotency_key(
        "Without it the id of `run` counts. It is one of the flow's, whichever API key asks."
    )
    example = {"id": _EXAMPLE_RUN_ID, "state": "waiting", "url": _EXAMPLE_URL, "test": False}
    return {
        "operationId": "beginRun",
        "summary": "Begin a run of a call flow",
        "description": "Once for each key: a repeat gets the first answer. Nothing of it is done before the answer.",
        "parameters": [_FLOW, {**key, "required": False}],
        "requestBody": body("Event", EXAMPLE_EVENT),
        "responses": {
            "202": answer("It was begun, now or before.", "BegunRun", example, "Location", REPLAYED),
            **refused(*WITH_BODY, "404", "409"),
        },
    }


def _run() -> Json:
    return {
        "operationId": "getRun",
        "summary": "What came of a run",
        "parameters": [_FLOW, in_path("run", UUID, "As `beginRun` answered it.", _EXAMPLE_RUN_ID)],
        "responses": {
            "200": answer(
                "How far it is, every step it took, and its messages as they are now.", "Run", EXAMPLE_RUN
            ),
            **refused(*KEYED, "404"),
        },
    }


def schemas() -> Json:
    thing = {"type": "object"}
    branch = "Which one it begins. Without it the one that such an event begins."
    event = {
        "call": saying(thing, "Give a call in Callr's words: fromNumber, fromType, toNumber, cdr …"),
        "sms": saying(thing, "Give a text in Callr's words: fromNumber, toNumber, bodyText …"),
        "run": saying(thing, "Callr's own run; its id is the key where the header has none."),
        "given": saying(thing, "Give results of voice actions, by variable ($dial) or action (dial@v1)."),
        "branch": saying(TEXT, branch),
    }
    state = {"type": "string", "enum": list(FlowRun.State.values)}
    steps = (
        "Every step it took: its path and line, the condition with its value, the verdict, and what its action "
        "answered. There once it is done or failed."
    )
    test = saying(
        YES_OR_NO, "Whether a key in test mode asked for it: only verified test numbers are texted."
    )
    message = {"id": UUID, "to": TEXT, "status": TEXT, "code": or_null(TEXT)}
    return {
        "Event": asked(event),
        "BegunRun": entity({"id": UUID, "state": {"const": "waiting"}, "url": URI, "test": test}),
        "Run": entity(
            {
                "id": UUID,
                "flow": {"type": "integer"},
                "version": {"type": "integer"},
                "state": state,
                "cause": {"type": "string", "enum": list(FlowRun.Cause.values)},
                "branch": TEXT,
                "rehearsal": saying({"type": "boolean"}, "Nothing was sent, and nobody called."),
                "test": test,
                "received_at": MOMENT,
                "finished_at": or_null(MOMENT),
                "error": or_null(saying(thing, "What stopped it: code and facts.")),
                "steps": saying(many(thing), steps),
                "messages": many(ref("RunMessage")),
            }
        ),
        "RunMessage": entity(message),
    }


EXAMPLE_EVENT: Json = {
    "call": {"fromNumber": "+33639980042", "toNumber": "+33199001234"},
    "run": {"id": "inbound-call:424242", "type": "inbound-call"},
    "given": {"$dial": {"ok": False}},
}
EXAMPLE_RUN: Json = {
    "id": _EXAMPLE_RUN_ID,
    "flow": 7,
    "version": 2,
    "state": "done",
    "cause": "callr",
    "branch": "inbound-call",
    "rehearsal": False,
    "test": False,
    "received_at": "2026-11-22T10:07:30.120Z",
    "finished_at": "2026-11-22T10:07:31.050Z",
    "error": None,
    "steps": [{"path": "voicemail.1", "line": 12, "verdict": "done"}],
    "messages": [{"id": EXAMPLE_MESSAGE_ID, "to": "+33639980042", "status": "sent", "code": None}],
}
