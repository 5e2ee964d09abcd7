"""Faults on demand: what goes wrong with the next requests, and how that looks on the wire.

A fault is JSON: {"service": "aircall", "kind": KIND} with "count": N (the next N requests) or
"share": 0.1 (a tenth of them); neither means every request until it is deleted. It may be narrowed by
"path" (a regular expression) and "recipient" (the `to` of a send). Without "path" a fault at Aircall, Callr or Twilio
meets sends only, so that a refresh of the directory does not use it up; at HubSpot it meets every request.
"seconds" sets how long the slow ones take.

Kinds that strike before the request is accepted (nothing is sent):

    a number     that HTTP status, 400 to 599, with the service's own body: 429 brings rate headers, 502 HTML
    edge403      403 of the gateway, {"message":"Forbidden"}
    forbidden    403 of Aircall's messaging service, a refusal in JSON
    daily429     HubSpot's daily limit
    expired      HubSpot's 401 for an access token that ran out
    reset_before the connection is reset (also: reset)
    hang         silence for `seconds` (60), then a reset

Kinds that strike after it was accepted (the message is sent, the caller cannot know):

    timeout      silence for `seconds` (60), then a reset
    slow         the right answer after `seconds` (10)
    reset_after  the connection is reset
    500_after    a 500 although it was accepted
    invalid_json 200 with a body that is not JSON
    no_id        the right answer without the message's id
    cut          half of the body, then the end of the connection
    garbage      bytes that are not HTTP

Texts to the recipients in MAGIC_RECIPIENTS always meet the fault named there, without any being set.
"""

import itertools
import json
import random
import re
from dataclasses import dataclass, field
from typing import Any

from smsadmin.sandbox.web import Request, Response, Wire

MAGIC_RECIPIENTS = {
    "+12025550180": "429",
    "+12025550181": "500",
    "+12025550182": "502",
    "+12025550183": "edge403",
    "+12025550184": "forbidden",
    "+12025550185": "slow",
    "+12025550186": "timeout",
    "+12025550187": "reset_before",
    "+12025550188": "reset_after",
    "+12025550189": "invalid_json",
    "+12025550190": "no_id",
}

REFUSALS = {"edge403", "forbidden", "daily429", "expired"}
BEFORE = {"reset_before", "hang"}
AFTER = {"timeout", "slow", "reset_after", "500_after", "invalid_json", "no_id", "cut", "garbage"}
ALIASES = {"reset": "reset_before"}
SERVICES = ("aircall", "hubspot", "callr", "twilio", "synthflow")
#: Where each service that carries messages takes them.
SEND_PATHS = {
    "aircall": r"/messages/(native/)?send$",
    "callr": r"^/v2\.0/sms$|^/json-rpc/",
    "twilio": r"/Messages\.json$",
}
#: What a service may call the id of a message.
_IDS = {"id", "sid", "hash", "result"}
SILENCE = 60.0
SLOWNESS = 10.0

_ids = itertools.count(1)


@dataclass
class Fault:
    service: str
    kind: str
    share: float | None = None
    count: int | None = None
    path: str = ""
    recipient: str = ""
    seconds: float | None = None
    met: int = 0
    id: int = field(default_factory=lambda: next(_ids))

    @classmethod
    def parse(cls, data: dict[str, Any]) -> "Fault":
        """A fault from its JSON; raises ValueError with a sentence that says what is wrong."""
        names = {"service", "kind", "share", "count", "path", "recipient", "seconds"}
        if unknown := set(data) - names:
            raise ValueError(
                f"A fault has no {', '.join(sorted(unknown))}. It has {', '.join(sorted(names))}."
            )
        fault = cls(**{**data, "service": data.get("service", "aircall"), "kind": str(data.get("kind", ""))})
        fault.kind = ALIASES.get(fault.kind, fault.kind)
        if fault.service not in SERVICES:
            raise ValueError(f"service is one of {', '.join(SERVICES)}.")
        if not is_status(fault.kind) and fault.kind not in REFUSALS | BEFORE | AFTER:
            raise ValueError(f"kind is an HTTP status from 400 to 599 or one of {', '.join(kinds())}.")
        fault.share = None if fault.share is None else float(fault.share)
        fault.count = None if fault.count is None else int(fault.count)
        fault.seconds = None if fault.seconds is None else float(fault.seconds)
        if not is_pattern(fault.path):
            raise ValueError("path is not a regular expression.")
        fault.path = fault.path or SEND_PATHS.get(fault.service, "")
        return fault

    def meets(self, service: str, request: Request, chance: random.Random) -> bool:
        """Whether this request meets the fault; counts it."""
        if service != self.service or not re.search(self.path, request.path):
            return False
        if self.path == SEND_PATHS.get(service) and not is_send(service, request):
            return False
        if self.recipient and recipient_of(request) != self.recipient:
            return False
        if self.count is not None and self.met >= self.count:
            return False
        if self.share is not None and chance.random() >= self.share:
            return False
        self.met += 1
        return True


def kinds() -> list[str]:
    return sorted(REFUSALS | BEFORE | AFTER)


def is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def is_status(kind: str) -> bool:
    return kind.isdigit() and 400 <= int(kind) <= 599


def find(
    faults: list[Fault], service: str, request: Request, chance: random.Random
) -> tuple[str, float | None] | None:
    """The kind and seconds of the fault that this request meets."""
    for fault in faults:
        if fault.meets(service, request, chance):
            return fault.kind, fault.seconds
    if is_send(service, request):
        kind = MAGIC_RECIPIENTS.get(recipient_of(request))
        return (kind, None) if kind else None
    return None


def is_send(service: str, request: Request) -> bool:
    """Whether it sends a text: every service that carries them takes them by POST."""
    return (
        request.method == "POST"
        and service in SEND_PATHS
        and bool(re.search(SEND_PATHS[service], request.path))
    )


def recipient_of(request: Request) -> str:
    """To whom a send is: Aircall has it in the body, Callr in the query, its earlier API as the second parameter,
    Twilio in the form."""
    parameters = request.json_object.get("params")
    if isinstance(parameters, list):
        return str(parameters[1]) if len(parameters) > 1 else ""
    return str(request.json_object.get("to") or request.query.get("to") or request.form.get("To"))


def before(kind: str, seconds: float | None) -> Response | None:
    """What the socket does instead of accepting the request; None for a kind that strikes later."""
    if kind == "reset_before":
        return Response(wire=Wire.RESET)
    if kind == "hang":
        return Response(wire=Wire.HANG, delay=SILENCE if seconds is None else seconds)
    return None


def after(kind: str, seconds: float | None, response: Response) -> Response:
    """The answer to an accepted request, as the fault leaves it."""
    match kind:
        case "timeout":
            response.wire, response.delay = Wire.HANG, SILENCE if seconds is None else seconds
        case "slow":
            response.delay = SLOWNESS if seconds is None else seconds
        case "reset_after":
            response.wire = Wire.RESET
        case "500_after":
            response.status, response.body = 500, b'{"error":"Internal Server Error"}'
        case "invalid_json":
            response.body = b'{"id": "exampleSM'
        case "no_id":
            answer = json.loads(response.body or b"{}")
            response.body = json.dumps({key: answer[key] for key in answer if key not in _IDS}).encode()
        case "cut":
            response.wire = Wire.CUT
        case "garbage":
            response.wire = Wire.GARBAGE
    return response
