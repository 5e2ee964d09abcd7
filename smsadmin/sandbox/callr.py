"""Callr's API, as its documents describe it: REST v2, and the earlier JSON-RPC.

Where no source says what Callr does (the answer to an accepted SMS, the names of parameters, events and errors), a
setting says it here: a client must not rely on any one of them.
"""

import base64
import binascii
import re
from typing import Any
from urllib.parse import unquote

from smsadmin.sandbox import callr_events
from smsadmin.sandbox.callr_json import number_json, sid_of, sms_json, sms_v1
from smsadmin.sandbox.sms import E164, is_gsm, segments
from smsadmin.sandbox.state import (
    CALLR_API_KEY,
    CALLR_LOGIN,
    CALLR_PASSWORD,
    CALLR_SID,
    Message,
    State,
    iso,
)
from smsadmin.sandbox.web import HttpError, Request, Response, Router, html_response, json_response

RPC_PATH = "/json-rpc/v1.1/"
#: An alphanumeric sender: up to 11 letters, digits, spaces, dashes and underscores, with a letter among them.
NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 _-]{1,11}")
TRAFFIC = ("marketing", "alerting")
ENCODINGS = ("gsm", "unicode")

router = Router()
route = router.route


def handle(state: State, request: Request) -> Response:
    """Credentials, rate limit, then the endpoint."""
    is_rpc = request.path == RPC_PATH
    _check_credentials(state, request, is_rpc=is_rpc)
    _count_request(state)
    found = router.find(request.method, request.path)
    if found is None:
        raise _refuse(404, "not-found", "There is no such resource.")
    handler, arguments = found
    return handler(state, request, **arguments)


def refusal(state: State, kind: str) -> Response:
    """The body of an injected refusal."""
    if kind == "502":
        return html_response(502, "Bad Gateway")
    if kind in ("edge403", "forbidden"):
        kind = "403"
    if not kind.isdecimal():
        raise ValueError(f"{kind} is a fault of HubSpot.")
    names = {"401": "unauthorized", "403": "forbidden", "404": "not-found", "429": "too-many-requests"}
    return _error(int(kind), names.get(kind, "error"), "Injected by the sandbox.")


# Credentials and rate limit


def _check_credentials(state: State, request: Request, *, is_rpc: bool) -> None:
    if not state.settings.callr_credentials_refused:
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        accepted = {f"{CALLR_LOGIN}:{CALLR_PASSWORD}", f"{CALLR_SID}:{CALLR_API_KEY}"}
        if kind == "Basic" and _decoded(value) in accepted:
            return
        if is_rpc and kind == "Api-Key" and value == CALLR_API_KEY:
            return
        if not is_rpc and request.headers.get("x-api-key") == CALLR_API_KEY:
            return
    raise _refuse(401, "unauthorized", "The credentials are missing or wrong.")


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _count_request(state: State) -> None:
    limit, minute = state.settings.callr_requests_per_minute, int(state.now() // 60)
    used = state.callr_minute[1] if state.callr_minute[0] == minute else 0
    if limit and used >= limit:
        raise _refuse(429, "too-many-requests", "Slow down.")
    state.callr_minute = (minute, used + 1)


def _error(status: int, code: str, message: str) -> Response:
    return json_response({"code": code, "message": message}, status)


def _refuse(status: int, code: str, message: str) -> HttpError:
    return HttpError(_error(status, code, message))


# REST v2


@route("GET", r"/v2\.0/ping")
def ping(state: State, request: Request) -> Response:
    return json_response({"pong": "pong", "time": iso(state.now())})


@route("GET", r"/v2\.0/numbers")
def numbers(state: State, request: Request) -> Response:
    """A search list: no key of a number tells whether it can text."""
    offset, limit = _whole(request, "offset", 0), _whole(request, "limit", 10)
    if not 1 <= limit <= 100:
        raise _refuse(400, "invalid-parameter", "limit is between 1 and 100.")
    every = [number_json(number) for number in state.callr_numbers.values()]
    shown = every[offset : offset + limit]
    more = offset + limit < len(every)
    return json_response({"offset": offset, "total": len(every), "hasMore": more, "hits": shown})


def _whole(request: Request, name: str, default: int) -> int:
    value = request.query.get(name, str(default))
    if not value.isdecimal():
        raise _refuse(400, "invalid-parameter", f"{name} must be a whole number.")
    return int(value)


@route("POST", r"/v2\.0/sms")
def send(state: State, request: Request) -> Response:
    settings, asked = state.settings, request.query
    known = {"to", "trafficType", settings.callr_sender_parameter, settings.callr_encoding_parameter}
    if unknown := set(asked) - known:
        raise _refuse(400, "invalid-parameter", f"There is no parameter {', '.join(sorted(unknown))}.")
    if set(request.json_object) != {"text"}:
        raise _refuse(400, "invalid-body", "The body has text, and nothing else.")
    sms = {
        "sender": asked.get(settings.callr_sender_parameter, ""),
        "recipient": asked.get("to"),
        "body": request.json_object["text"],
        "traffic": asked.get("trafficType", "marketing"),
        "encoding": asked.get(settings.callr_encoding_parameter, ""),
    }
    if wrong := _wrong(state, **sms):
        raise _refuse(400, "invalid-parameter", f"The value of {wrong} cannot be used.")
    if _is_kept_in_build_mode(state, sms["recipient"]):
        raise _refuse(403, settings.callr_build_mode_code, "This number is not among those allowed.")
    message = _accepted(state, mode="rest", **sms)
    return _reply(state, message)


def _reply(state: State, message: Message) -> Response:
    form, status = state.settings.callr_reply, state.settings.callr_reply_status
    if form == "empty":
        return Response(status)
    whole = sms_json(message, message.status, state.now())
    return json_response(whole if form == "sms" else {form: message.id}, status)


@route("GET", r"/v2\.0/sms/(?P<sid>[^/]+)")
def one_sms(state: State, request: Request, sid: str) -> Response:
    message = state.callr_sms.get(unquote(sid))
    if message is None:
        raise _refuse(404, "not-found", "There is no such SMS.")
    return json_response(sms_json(message, message.status, state.now()))


# What both accept


def _wrong(state: State, *, sender: Any, recipient: Any, body: Any, traffic: Any, encoding: Any) -> str:
    """The first of what was asked for that cannot be used; "" where all can."""
    if not isinstance(sender, str) or not _is_sender(state, sender):
        return "from"
    if not isinstance(recipient, str) or not E164.fullmatch(recipient):
        return "to"
    if not isinstance(body, str) or not body:
        return "text"
    if traffic not in TRAFFIC:
        return "trafficType"
    return "encoding" if encoding not in ("", *ENCODINGS) else ""


def _is_sender(state: State, sender: str) -> bool:
    return not sender or sender in state.callr_numbers or bool(NAME.fullmatch(sender))


def _is_kept_in_build_mode(state: State, recipient: str) -> bool:
    settings = state.settings
    return settings.callr_build_mode and recipient not in settings.callr_testing_numbers.split()


def _accepted(
    state: State, *, mode: str, sender: str, recipient: str, body: str, traffic: str, encoding: str
) -> Message:
    encoding = encoding or ("gsm" if is_gsm(body) else "unicode")
    message = Message(
        id=sid_of(state.new_id()),
        service="callr",
        number_id=0,
        sender=sender or state.settings.callr_pool,
        recipient=recipient,
        body=body,
        time=state.now(),
        status="created",
        mode=mode,
        segments=segments(body, unicode=encoding == "unicode"),
        traffic=traffic,
        encoding=encoding,
    )
    state.messages.append(message)
    state.callr_sms[message.id] = message
    callr_events.sent(state, message)
    return message


# JSON-RPC


@route("POST", re.escape(RPC_PATH))
def rpc(state: State, request: Request) -> Response:
    """One call with positional parameters; an error is told with HTTP 200."""
    asked = request.json_object
    methods = {"sms.send": _rpc_send, "sms.get": _rpc_get}
    envelope = {"jsonrpc": "2.0", "id": asked.get("id")}
    parameters = asked.get("params")
    try:
        if asked.get("method") not in methods or not isinstance(parameters, list):
            raise _RpcError("METHOD_NOT_FOUND")
        return json_response({**envelope, "result": methods[asked["method"]](state, parameters)})
    except _RpcError as error:
        refused = {"code": -1, "message": str(error), "data": None}
        return json_response({**envelope, "error": refused})


class _RpcError(Exception):
    """Its text is what the caller is told."""


def _rpc_send(state: State, parameters: list[Any]) -> str:
    sender, recipient, body, options = [*parameters, None, None, None, None][:4]
    options = options or {}
    if recipient is None:
        raise _RpcError("PROPERTY_TYPE_ERROR [to]")
    if body is None:
        raise _RpcError("INVALID_PARAM_FORMAT [body]")
    sms = {
        "sender": sender or "",
        "recipient": recipient,
        "body": body,
        "traffic": str(options.get("nature", "MARKETING")).lower(),
        "encoding": str(options.get("force_encoding") or "").lower(),
    }
    if wrong := _wrong(state, **sms):
        raise _RpcError(f"PROPERTY_VALUE_ERROR [{wrong}]")
    if _is_kept_in_build_mode(state, recipient):
        raise _RpcError(state.settings.callr_build_mode_code)
    message = _accepted(state, mode="rpc", **sms)
    return message.id.upper()


def _rpc_get(state: State, parameters: list[Any]) -> dict[str, Any]:
    message = state.callr_sms.get(str(parameters[0]).lower()) if parameters else None
    if message is None:
        raise _RpcError("PROPERTY_VALUE_ERROR [id]")
    return sms_v1(message, message.status, state.now())
