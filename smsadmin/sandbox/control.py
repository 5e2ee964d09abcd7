"""What a person or a test does to the sandbox itself, under /_control/.

Lists come as plain JSON arrays, oldest first. Errors are {"message": a sentence} with status 400 or 404.
"""

import uuid
from dataclasses import asdict
from typing import Any

import phonenumbers

from smsadmin.sandbox import agents, aircall, callr_events, editor, events, faults, runner, twilio_events
from smsadmin.sandbox.aircall_json import API, short_user
from smsadmin.sandbox.callr_json import sid_of
from smsadmin.sandbox.runner import Workflow
from smsadmin.sandbox.sms import segments
from smsadmin.sandbox.state import (
    HUBSPOT_STATIC_TOKEN,
    PORTAL_ID,
    CallrNumber,
    CallrWebhook,
    Message,
    Number,
    ProxyConfiguration,
    State,
    TwilioNumber,
    User,
    iso,
)
from smsadmin.sandbox.web import HttpError, Request, Response, Router, json_response

INDEX = {
    "GET /_control/": "ready",
    "GET /_control/messages": "every SMS that was accepted; direction, recipient and sender filter",
    "GET /_control/requests": "every request; service and path filter",
    "GET /_control/callbacks": "completions of blocked executions",
    "GET /_control/action-log": "executions; enrol, state and record filter, limit",
    "POST /_control/inbound": '{"number": id or digits, "from": "+1…", "body": "…"}',
    "POST /_control/outbound": '{"number": …, "to": "+1…", "body": "…"}: somebody texts in the Aircall app',
    "POST /_control/group-message": '{"number": …, "to": ["+1…", "+1…"], "body": "…"}: somebody texts a group',
    "POST /_control/aircall/uninstall": "an admin removes the app at Aircall",
    "POST /_control/calls": '{"number": …, "from": "+1…", "missed_call_reason": "…"}, or "answered_by"',
    "GET POST DELETE /_control/faults": '{"service": "aircall", "kind": "500", "count": 1}',
    "GET POST /_control/settings": "how the stand-ins behave",
    "POST /_control/reset": "back to the seeds",
    "GET POST /_control/workflows": "create or replace a workflow",
    "POST /_control/editor": '{"definition": id, "object_type": "contacts", "inputs": {…}, "save": "name"}',
    "POST /_control/enrol": '{"workflow": name or definition, "records": 10, "rate": 5, "repeat": 0.1}',
    "GET /_control/enrol/ID": "progress; ?wait=SECONDS answers when it is done",
    "GET POST /_control/aircall/numbers": "the truth about every number; add one",
    "PATCH DELETE /_control/aircall/numbers/ID": "change or delete one",
    "POST /_control/aircall/numbers/ID/users": '{"user": id or email}',
    "DELETE /_control/aircall/numbers/ID/users/USER": "detach a user",
    "GET POST /_control/aircall/users": "users with their segments left; add one",
    "PATCH DELETE /_control/aircall/users/ID": "change or delete one",
    "GET POST /_control/callr/numbers": '{"e164": "+33…", "country": "FR"}: every number; add one',
    "DELETE /_control/callr/numbers/DIGITS": "delete one",
    "GET POST /_control/callr/webhooks": '{"url": …, "secret": …}: made in the portal, or given another secret',
    "DELETE /_control/callr/webhooks": "delete all",
    "GET POST /_control/twilio/numbers": '{"e164": "+1…", "name": "…", "sms": true}: every number; add one',
    "DELETE /_control/twilio/numbers/DIGITS": "delete one",
    "POST /_control/agent-calls": '{"platform": "vapi", "token": "…", "tools": [{"name": …}], "end": {}}',
    "POST /_control/twilio/services": '{"sid": "MG…", "name": "…"}: make or rename a messaging service',
}

#: Why Aircall says that a call was missed; it may say nothing.
MISSED_CALL_REASONS = (
    "out_of_opening_hours",
    "short_abandoned",
    "abandoned_in_ivr",
    "abandoned_in_classic",
    "no_available_agent",
    "agents_did_not_answer",
    None,
)

router = Router()
route = router.route


def handle(state: State, request: Request) -> Response:
    found = router.find(request.method, request.path)
    if found is None:
        raise _missing(f"There is no {request.method} /_control{request.path}.")
    handler, arguments = found
    try:
        return handler(state, request, **arguments)
    except (ValueError, TypeError) as error:
        raise HttpError(json_response({"message": str(error)}, 400)) from error


def _missing(text: str) -> HttpError:
    return HttpError(json_response({"message": text}, 404))


def _asked(request: Request) -> dict[str, Any]:
    """The body, which has to be a JSON object; none at all counts as an empty one."""
    if request.body and not isinstance(request.json, dict):
        raise ValueError("The body is not a JSON object.")
    return request.json_object


@route("GET", r"/?")
def ready(state: State, request: Request) -> Response:
    return json_response(
        {
            "ready": True,
            "portal": PORTAL_ID,
            "hubspot_token": HUBSPOT_STATIC_TOKEN,
            "numbers": len(state.numbers),
            "users": len(state.users),
            "contacts": len(state.records["contacts"]),
            "messages": len(state.messages),
            "workflows": list(state.workflows),
        }
    )


# What was received


@route("GET", r"/messages")
def messages(state: State, request: Request) -> Response:
    found = [{**asdict(message), "time": iso(message.time)} for message in state.messages]
    return json_response(_filtered(request, found, "service", "direction", "recipient", "sender", "status"))


@route("GET", r"/requests")
def requests(state: State, request: Request) -> Response:
    found = _filtered(request, list(state.requests), "service", "method")
    return json_response([item for item in found if request.query.get("path", "") in item["path"]])


@route("GET", r"/callbacks")
def callbacks(state: State, request: Request) -> Response:
    return json_response(state.callbacks)


@route("GET", r"/action-log")
def action_log(state: State, request: Request) -> Response:
    """Executions, oldest first; `limit` keeps the newest."""
    now = state.now()
    found = [execution.as_json(now) for execution in state.executions.values()]
    found = _filtered(request, found, "enrol", "state", "record", "workflow", "callback_id")
    return json_response(found[-int(request.query.get("limit", len(found) or 1)) :])


def _filtered(request: Request, items: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    wanted = {name: request.query[name] for name in names if name in request.query}
    return [item for item in items if all(str(item[name]) == wanted[name] for name in wanted)]


# What happens next


@route("GET", r"/faults")
def list_faults(state: State, request: Request) -> Response:
    return json_response([asdict(fault) for fault in state.faults])


@route("POST", r"/faults")
def add_fault(state: State, request: Request) -> Response:
    fault = faults.Fault.parse(_asked(request))
    state.faults.append(fault)
    return json_response(asdict(fault), 201)


@route("DELETE", r"/faults")
def clear_faults(state: State, request: Request) -> Response:
    state.faults.clear()
    return Response(204)


@route("DELETE", r"/faults/(?P<fault_id>\d+)")
def remove_fault(state: State, request: Request, fault_id: str) -> Response:
    state.faults = [fault for fault in state.faults if fault.id != int(fault_id)]
    return Response(204)


@route("GET", r"/settings")
def settings(state: State, request: Request) -> Response:
    return json_response({**asdict(state.settings), "hubspot_client_secret": "***"})


@route("POST", r"/settings")
def change_settings(state: State, request: Request) -> Response:
    state.settings.change(_asked(request))
    return settings(state, request)


@route("POST", r"/reset")
def reset(state: State, request: Request) -> Response:
    state.reset()
    return ready(state, request)


@route("POST", r"/inbound")
def inbound(state: State, request: Request) -> Response:
    """A text from outside to one of the numbers, Aircall's, Callr's or Twilio's."""
    asked = _asked(request)
    reference = asked.get("number") or asked.get("to")
    if not asked.get("from") or not asked.get("body"):
        raise ValueError("An inbound message has a number, a from and a body.")
    if twilio_number := _twilio_number(state, reference):
        sent = twilio_events.received(state, twilio_number, asked["from"], asked["body"])
        return json_response(asdict(sent), 201)
    if callr_number := _callr_number(state, reference):
        return _inbound_at_callr(state, callr_number, asked["from"], asked["body"])
    number = _number(state, reference)
    message = Message(
        id=f"{state.new_id():x}SM{state.new_id():032x}",
        service="aircall",
        number_id=number.id,
        sender=asked["from"],
        recipient=number.e164,
        body=asked["body"],
        time=state.now(),
        status="received",
        direction="inbound",
        mode="proxy" if number.configuration else "native",
    )
    state.messages.append(message)
    events.received(state, number, message)
    return json_response(asdict(message), 201)


def _twilio_number(state: State, reference: Any) -> TwilioNumber | None:
    """A number of Twilio's by its digits, with or without the plus."""
    return state.twilio_numbers.get(f"+{str(reference).lstrip('+ ')}")


def _callr_number(state: State, reference: Any) -> str:
    """A number of Callr's by its digits, with or without the plus, or the one that it picks; "" for none."""
    text = f"+{str(reference).lstrip('+ ')}"
    if text in state.callr_numbers:
        return text
    return state.settings.callr_pool if reference == state.settings.callr_pool else ""


def _inbound_at_callr(state: State, number: str, sender: str, body: str) -> Response:
    message = Message(
        id=sid_of(state.new_id()),
        service="callr",
        number_id=0,
        sender=sender,
        recipient=number,
        body=body,
        time=state.now(),
        status="delivered",
        direction="inbound",
        mode=state.settings.callr_webhooks,
        segments=segments(body),
    )
    state.messages.append(message)
    callr_events.tell(state, message, message.status)
    return json_response(asdict(message), 201)


@route("POST", r"/outbound")
def outbound(state: State, request: Request) -> Response:
    """A text that somebody sends in the Aircall app; nobody can from a number in proxy mode."""
    asked = _asked(request)
    number = _number(state, asked.get("number"))
    if number.configuration:
        raise ValueError("Nobody texts in the app from a number in proxy mode.")
    if not asked.get("to") or not asked.get("body"):
        raise ValueError("A text from the app has a number, a to and a body.")
    message = Message(
        id=f"{state.new_id():x}SM{state.new_id():032x}",
        service="app",
        number_id=number.id,
        sender=number.e164,
        recipient=asked["to"],
        body=asked["body"],
        time=state.now(),
        status="pending",
        segments=segments(asked["body"]),
    )
    state.messages.append(message)
    events.message_sent(state, message)
    return json_response(asdict(message), 201)


@route("POST", r"/group-message")
def group_message(state: State, request: Request) -> Response:
    """A text to several, which has events of its own."""
    asked = _asked(request)
    number = _number(state, asked.get("number"))
    data = {
        "group_message_id": str(uuid.uuid4()),
        "group_conversation_id": str(uuid.uuid4()),
        "status": "sent",
        "direction": "outbound",
        "participants": asked.get("to", []),
        "body": asked.get("body", ""),
        "media_url": [],
        "created_at": int(state.now() * 1000),
        "number": {"id": number.id, "digits": number.digits},
    }
    events.emit(state, "group_message.sent", "message", data)
    return json_response(data, 201)


@route("POST", r"/aircall/uninstall")
def uninstall(state: State, request: Request) -> Response:
    events.app_removed(state)
    return Response(204)


@route("POST", r"/calls")
def make_call(state: State, request: Request) -> Response:
    """An inbound call that rings and ends: missed, with a reason, unless somebody answered it."""
    asked = _asked(request)
    number = _number(state, asked.get("number") or asked.get("to"))
    answered_by, reason = asked.get("answered_by"), asked.get("missed_call_reason", "no_available_agent")
    if reason not in MISSED_CALL_REASONS:
        raise ValueError(
            f"missed_call_reason is null or one of {', '.join(filter(None, MISSED_CALL_REASONS))}."
        )
    call = _call(state, number, asked.get("from") or "anonymous", int(asked.get("duration", 17)))
    ringing = {**call, "status": "initial", "ended_at": None, "duration": 0}
    events.emit(state, "call.created", "call", ringing)
    if answered_by:
        user = short_user(aircall.find_user(state, str(answered_by)))
        call |= {"user": user, "answered_at": call["started_at"] + 1}
        events.emit(state, "call.answered", "call", {**call, "status": "answered", "ended_at": None})
        events.emit(state, "call.hungup", "call", call)
    else:
        call["missed_call_reason"] = reason
    state.calls[call["id"]] = call
    events.emit(state, "call.ended", "call", call)
    return json_response(call, 201)


def _call(state: State, number: Number, caller: str, duration: int) -> dict[str, Any]:
    call_id, ended = state.new_id(), int(state.now())
    return {
        "id": call_id,
        "call_uuid": f"CA{call_id:032x}",
        "direct_link": f"{API}/v1/calls/{call_id}",
        "direction": "inbound",
        "status": "done",
        "missed_call_reason": None,
        "started_at": ended - duration,
        "answered_at": None,
        "ended_at": ended,
        "duration": duration,
        "raw_digits": display_digits(caller),
        "voicemail": None,
        "recording": None,
        "asset": None,
        "archived": False,
        "cost": "0.0",
        "hangup_cause": None,
        "teams": [],
        "comments": [],
        "tags": [],
        "contact": None,
        "number": {
            "id": number.id,
            "digits": number.digits,
            "country": number.country,
            "time_zone": number.time_zone,
        },
    }


def display_digits(e164: str) -> str:
    """International format with spaces; what cannot be read stays as it is."""
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


# Aircall's account


def truth(state: State, number: Number) -> dict[str, Any]:
    """A number with everything that Aircall's API does not tell."""
    return {
        "id": number.id,
        "name": number.name,
        "e164": number.e164,
        "digits": number.digits,
        "country": number.country,
        "kind": number.kind,
        "sms": number.sms,
        "third_party": number.third_party,
        "proxy": number.configuration is not None,
        "connected_to_hubspot": number.connected_to_hubspot,
        "registration_status": number.registration_status,
        "body_cap": number.body_cap,
        "users": [state.users[user_id].email for user_id in number.user_ids],
    }


def _number(state: State, reference: Any) -> Number:
    """A number by its id or its digits, with or without the plus."""
    text = str(reference).lstrip("+ ")
    for number in state.numbers.values():
        if text in (str(number.id), number.e164.lstrip("+")):
            return number
    raise _missing(f"There is no number {reference}.")


@route("GET", r"/aircall/numbers")
def numbers(state: State, request: Request) -> Response:
    return json_response([truth(state, number) for number in state.numbers.values()])


@route("POST", r"/aircall/numbers")
def add_number(state: State, request: Request) -> Response:
    asked = _asked(request)
    number = Number(
        id=max(state.numbers, default=0) + 1,
        name=asked["name"] if "name" in asked else asked.get("e164", ""),
        e164=asked.get("e164", ""),
        digits=display_digits(asked.get("e164", "")),
        country=asked.get("country", "US"),
        time_zone=asked.get("time_zone", "America/New_York"),
        kind=asked.get("kind", "native"),
        created_at=state.now(),
    )
    if not number.e164.startswith("+"):
        raise ValueError("A number needs e164, which starts with +.")
    _change_facts(number, asked)
    state.numbers[number.id] = number
    events.number_changed(state, "number.created", number)
    return json_response(truth(state, number), 201)


@route("PATCH", r"/aircall/numbers/(?P<reference>\d+)")
def change_number(state: State, request: Request, reference: str) -> Response:
    number, asked = _number(state, reference), _asked(request)
    number.name = asked.get("name", number.name)
    _change_facts(number, asked)
    return json_response(truth(state, number))


def _change_facts(number: Number, asked: dict[str, Any]) -> None:
    for fact in ("sms", "third_party", "connected_to_hubspot", "registration_status", "body_cap"):
        if fact in asked:
            setattr(number, fact, asked[fact])
    if "proxy" in asked:
        url = asked.get("callback_url")
        number.configuration = ProxyConfiguration(str(uuid.uuid4()), url) if asked["proxy"] else None


@route("DELETE", r"/aircall/numbers/(?P<reference>\d+)")
def delete_number(state: State, request: Request, reference: str) -> Response:
    number = state.numbers.pop(_number(state, reference).id)
    events.number_changed(state, "number.deleted", number)
    return Response(204)


@route("POST", r"/aircall/numbers/(?P<reference>\d+)/users")
def attach_user(state: State, request: Request, reference: str) -> Response:
    number, user = _number(state, reference), _user(state, _asked(request).get("user"))
    if user.id not in number.user_ids:
        number.user_ids.append(user.id)
    return json_response(truth(state, number))


@route("DELETE", r"/aircall/numbers/(?P<reference>\d+)/users/(?P<user>[^/]+)")
def detach_user(state: State, request: Request, reference: str, user: str) -> Response:
    number, found = _number(state, reference), _user(state, user)
    number.user_ids = [user_id for user_id in number.user_ids if user_id != found.id]
    return json_response(truth(state, number))


def _user(state: State, reference: Any) -> User:
    try:
        return aircall.find_user(state, str(reference))
    except HttpError:
        raise _missing(f"There is no user {reference}.") from None


@route("GET", r"/aircall/users")
def users(state: State, request: Request) -> Response:
    return json_response([asdict(user) for user in state.users.values()])


@route("POST", r"/aircall/users")
def add_user(state: State, request: Request) -> Response:
    asked = _asked(request)
    if not asked.get("email"):
        raise ValueError("A user needs an email.")
    user = User(
        id=max(state.users, default=0) + 1,
        name=asked.get("name", asked["email"]),
        email=asked["email"],
        created_at=state.now(),
        segments_left=int(asked.get("segments_left", 13_000)),
    )
    state.users[user.id] = user
    events.user_changed(state, "user.created.v2", user)
    return json_response(asdict(user), 201)


@route("PATCH", r"/aircall/users/(?P<reference>[^/]+)")
def change_user(state: State, request: Request, reference: str) -> Response:
    user, asked = _user(state, reference), _asked(request)
    user.segments_left = int(asked.get("segments_left", user.segments_left))
    user.name = asked.get("name", user.name)
    return json_response(asdict(user))


@route("DELETE", r"/aircall/users/(?P<reference>[^/]+)")
def delete_user(state: State, request: Request, reference: str) -> Response:
    user = state.users.pop(_user(state, reference).id)
    for number in state.numbers.values():
        number.user_ids = [user_id for user_id in number.user_ids if user_id != user.id]
    events.user_changed(state, "user.deleted.v2", user)
    return Response(204)


# HubSpot's workflows


@route("GET", r"/workflows")
def workflows(state: State, request: Request) -> Response:
    return json_response([asdict(workflow) for workflow in state.workflows.values()])


@route("POST", r"/workflows")
def save_workflow(state: State, request: Request) -> Response:
    workflow = Workflow.parse(_asked(request), state.new_id())
    state.workflows[workflow.name] = workflow
    return json_response(asdict(workflow), 201)


@route("POST", r"/editor")
def open_editor(state: State, request: Request) -> Response:
    """A step with a published action, open in the workflow editor."""
    return json_response(editor.open_step(state, _asked(request)))


@route("POST", r"/enrol")
def enrol(state: State, request: Request) -> Response:
    """Enrol records in a workflow named, or defined here and now; it runs on in the background."""
    asked = _asked(request)
    workflow = _workflow(state, asked.get("workflow"))
    enrolment = runner.enrol(
        state,
        workflow,
        int(asked.get("records", 1)),
        rate=asked.get("rate"),
        repeat=float(asked.get("repeat", 0)),
        record_ids=[str(record_id) for record_id in asked.get("record_ids", [])],
        object_type=asked.get("object_type"),
    )
    return json_response(enrolment.progress(state.now()), 201)


def _workflow(state: State, asked: Any) -> Workflow:
    if isinstance(asked, dict):
        return Workflow.parse(asked, state.new_id())
    if asked not in state.workflows:
        raise _missing(f"There is no workflow {asked}. Workflows: {', '.join(state.workflows)}.")
    return state.workflows[asked]


@route("GET", r"/enrol/(?P<enrolment_id>\d+)")
def progress(state: State, request: Request, enrolment_id: str) -> Response:
    enrolment = state.enrolments.get(int(enrolment_id))
    if enrolment is None:
        raise _missing(f"There is no enrolment {enrolment_id}.")
    if wait := float(request.query.get("wait", 0)):
        state.wait_until(lambda: enrolment.pending == 0, wait)
    return json_response(enrolment.progress(state.now()))


# Callr's account: its numbers, and what a person sets up in the portal


@route("GET", r"/callr/numbers")
def callr_numbers(state: State, request: Request) -> Response:
    return json_response([asdict(number) for number in state.callr_numbers.values()])


@route("POST", r"/callr/numbers")
def add_callr_number(state: State, request: Request) -> Response:
    number = CallrNumber(**_asked(request))
    if not number.e164.startswith("+"):
        raise ValueError("A number needs e164, which starts with +.")
    state.callr_numbers[number.e164] = number
    return json_response(asdict(number), 201)


@route("DELETE", r"/callr/numbers/(?P<digits>\d+)")
def delete_callr_number(state: State, request: Request, digits: str) -> Response:
    if state.callr_numbers.pop(f"+{digits}", None) is None:
        raise _missing(f"There is no number +{digits}.")
    return Response(204)


@route("GET", r"/callr/webhooks")
def callr_webhooks(state: State, request: Request) -> Response:
    return json_response([{"url": webhook.url} for webhook in state.callr_webhooks.values()])


@route("POST", r"/callr/webhooks")
def add_callr_webhook(state: State, request: Request) -> Response:
    webhook = CallrWebhook(**_asked(request))
    state.callr_webhooks[webhook.url] = webhook
    return json_response({"url": webhook.url}, 201)


@route("DELETE", r"/callr/webhooks")
def delete_callr_webhooks(state: State, request: Request) -> Response:
    state.callr_webhooks.clear()
    return Response(204)


# Twilio's account: its numbers and messaging services


@route("GET", r"/twilio/numbers")
def twilio_numbers(state: State, request: Request) -> Response:
    return json_response([asdict(number) for number in state.twilio_numbers.values()])


@route("POST", r"/twilio/numbers")
def add_twilio_number(state: State, request: Request) -> Response:
    asked = _asked(request)
    number = TwilioNumber(**{"sid": f"PN{state.new_id():032x}", "name": asked.get("e164", ""), **asked})
    if not number.e164.startswith("+"):
        raise ValueError("A number needs e164, which starts with +.")
    state.twilio_numbers[number.e164] = number
    return json_response(asdict(number), 201)


@route("DELETE", r"/twilio/numbers/(?P<digits>\d+)")
def delete_twilio_number(state: State, request: Request, digits: str) -> Response:
    if state.twilio_numbers.pop(f"+{digits}", None) is None:
        raise _missing(f"There is no number +{digits}.")
    return Response(204)


@route("POST", r"/twilio/services")
def add_twilio_service(state: State, request: Request) -> Response:
    asked = _asked(request)
    state.twilio_services[asked["sid"]] = asked.get("name", asked["sid"])
    return json_response({"sid": asked["sid"]}, 201)


# Calls that agents have


@route("POST", r"/agent-calls")
def agent_call(state: State, request: Request) -> Response:
    """An agent of a platform has a call: it uses our tools, and its platform tells of the end."""
    return json_response(agents.have(state, _asked(request)), 201)
