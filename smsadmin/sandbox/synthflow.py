"""Synthflow's API v2, as its documents describe it: actions, what they are attached to, agents, and records of calls.

Where no source says what Synthflow does (the limit of a page, the shape of an error), a setting says it here.
"""

from typing import Any

from smsadmin.sandbox import synthflow_bodies
from smsadmin.sandbox.state import SYNTHFLOW_API_KEY, State
from smsadmin.sandbox.web import HttpError, Request, Response, Router, html_response, json_response

router = Router()
route = router.route

#: How the text of each type of action comes back.
_TEXT = {"SEND_SMS": "content", "INCALL_SMS": "message_body"}


def handle(state: State, request: Request) -> Response:
    """The key, then the endpoint."""
    accepted = request.headers.get("authorization") == f"Bearer {SYNTHFLOW_API_KEY}"
    if state.settings.synthflow_key_refused or not accepted:
        raise _refuse(state, 401, "The API key is missing or wrong.")
    found = router.find(request.method, request.path)
    if found is None:
        raise _refuse(state, 404, "There is no such resource.")
    handler, arguments = found
    return handler(state, request, **arguments)


def refusal(state: State, kind: str) -> Response:
    """The body of an injected refusal."""
    if kind == "502":
        return html_response(502, "Bad Gateway")
    if not kind.isdecimal():
        raise ValueError(f"{kind} is no fault of Synthflow.")
    return _error(state, int(kind), "Injected by the sandbox.")


def _error(state: State, status: int, words: str) -> Response:
    detail = {"status": "error", "description": words, "request_id": "req_1", "category": "client"}
    shapes: dict[str, Any] = {
        "detail": {"detail": detail},
        "list": {"detail": [{"loc": ["path"], "msg": words, "type": "value_error"}]},
        "error": {"error": "error", "message": words},
    }
    return json_response(shapes[state.settings.synthflow_error_shape], status)


def _refuse(state: State, status: int, words: str) -> HttpError:
    return HttpError(_error(state, status, words))


def _reply(response: dict[str, Any], status: int = 200) -> Response:
    return json_response({"status": "ok", "response": response}, status)


# Actions


@route("GET", r"/v2/actions")
def actions(state: State, request: Request) -> Response:
    """A page: no more than the account allows, whatever limit is asked for."""
    offset, limit = _whole(state, request, "offset", 0), _whole(state, request, "limit", 20)
    limit = min(limit, state.settings.synthflow_page_size)
    every = list(state.synthflow_actions.values())
    shown = [_action(each) for each in every[offset : offset + limit]]
    pagination = {"total_records": len(every), "limit": limit, "offset": offset}
    return _reply({"actions": shown, "pagination": pagination})


def _whole(state: State, request: Request, name: str, default: int) -> int:
    value = request.query.get(name, str(default))
    if not value.isdecimal():
        raise _refuse(state, 400, f"{name} must be a whole number.")
    return int(value)


@route("POST", r"/v2/actions")
def create_action(state: State, request: Request) -> Response:
    """The body has exactly one key, which is the type, and what that type must have."""
    if len(request.json_object) != 1:
        raise _refuse(state, 400, "The body has one key, the type of the action.")
    [(kind, body)] = request.json_object.items()
    if words := synthflow_bodies.wrong(kind, body):
        raise _refuse(state, 400, words)
    action_id = f"act-{state.new_id():x}"
    state.synthflow_actions[action_id] = {"action_id": action_id, "type": kind, "body": body, "attached": {}}
    return _reply({"action_id": action_id, "action_type": kind, "prompt_variables": []}, 201)


@route("POST", r"/v2/actions/attach")
def attach(state: State, request: Request) -> Response:
    """To an agent, one with each item's condition and variables."""
    asked = request.json_object
    model_id = _assistant(state, str(asked.get("model_id")))["model_id"]
    items = asked.get("items") or [{"action_id": each} for each in asked.get("actions", [])]
    for item in items:
        _found(state, item.get("action_id"))["attached"][model_id] = item
    return _reply({"attached": len(items)})


@route("GET", r"/v2/actions/(?P<action_id>[^/]+)")
def action(state: State, request: Request, action_id: str) -> Response:
    return _reply(_action(_found(state, action_id), request.query.get("include_assistants") == "true"))


def _found(state: State, action_id: Any) -> dict[str, Any]:
    if action_id not in state.synthflow_actions:
        raise _refuse(state, 404, "There is no such action.")
    found: dict[str, Any] = state.synthflow_actions[action_id]
    return found


def _action(action: dict[str, Any], include_assistants: bool = False) -> dict[str, Any]:
    """As it is read back: its text under another name than it was written with."""
    body, text = dict(action["body"]), _TEXT.get(action["type"], "content")
    fixed = {name: value for name, value in body.items() if name not in (text, "name", "description")}
    attached = [
        {
            "model_id": model_id,
            "attachment_type": item.get("attachment_type", "during"),
            "trigger_condition": item.get("trigger_condition"),
            "input_variables_mapping": item.get("input_variables_mapping", []),
        }
        for model_id, item in action["attached"].items()
    ]
    return {
        "action_id": action["action_id"],
        "action_type": action["type"],
        "name": body.get("name", ""),
        "description": body.get("description", ""),
        "assistants": [each["model_id"] for each in attached] if include_assistants else [],
        "input_variables": {"values": [], "assistants": attached if include_assistants else []},
        "parameters_hard_coded": {"sms_message_text": body.get(text, ""), **fixed},
    }


# Agents and calls


@route("GET", r"/v2/assistants/(?P<model_id>[^/]+)")
def assistant(state: State, request: Request, model_id: str) -> Response:
    return _reply(_assistant(state, model_id))


def _assistant(state: State, model_id: str) -> dict[str, Any]:
    if model_id not in state.synthflow_assistants:
        raise _refuse(state, 404, "There is no such assistant.")
    found: dict[str, Any] = state.synthflow_assistants[model_id]
    return found


@route("GET", r"/v2/calls")
def calls(state: State, request: Request) -> Response:
    wanted = request.query.get("model_id")
    found = [each for each in state.synthflow_calls.values() if wanted in (None, each["model_id"])]
    return _reply({"calls": found, "pagination": {"total_records": len(found), "limit": 20, "offset": 0}})


@route("GET", r"/v2/calls/(?P<call_id>[^/]+)")
def call(state: State, request: Request, call_id: str) -> Response:
    if call_id not in state.synthflow_calls:
        raise _refuse(state, 404, "There is no such call.")
    return _reply({"calls": [state.synthflow_calls[call_id]]})
