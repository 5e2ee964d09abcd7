"""What a program asks to be sent, as a request for the pipeline; and the answer to it, once for each key."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from smsadmin.actions import catalogue
from smsadmin.actions.models import ActionVersion, ObjectType
from smsadmin.agents.variables import TOLD_RECIPIENT
from smsadmin.api import named, rows
from smsadmin.api.bodies import fault, faulty
from smsadmin.api.description.parts import KEY_HEADER, MOST_KEY, REPLAYED
from smsadmin.api.endpoint import Call, token_of
from smsadmin.api.problems import Problem, bad_parameter, not_found
from smsadmin.core import errors, tokens
from smsadmin.core.message import ActionConfig, Record, SendRequest, paths
from smsadmin.core.status import Status
from smsadmin.crm import properties, records
from smsadmin.directory import book
from smsadmin.directory.models import Number
from smsadmin.providers.hubspot import client
from smsadmin.quotas import headers
from smsadmin.resends.making import NAMED
from smsadmin.sending import explain, log, presenters
from smsadmin.sending.accept import accept, refuse
from smsadmin.sending.filters import API
from smsadmin.sending.models import Message
from smsadmin.sending.resolve import INPUTS, lookup
from smsadmin.triggers.hubspot.records import lacking
from smsadmin.workspaces.models import Connection

Json = dict[str, Any]
Values = dict[str, str | None]

#: Among the inputs: to whom the text goes, in place of the action's own recipient.
_TO = TOLD_RECIPIENT
_RECIPIENT = _TO.removeprefix(f"{INPUTS}.")
#: What a caller may give values of, besides the record itself.
_BESIDE = {*ObjectType.values, INPUTS}
#: What of a request tells it from another one with the same key; not the request itself, which holds a number.
_MARK = "asked"


# --- What is asked for -------------------------------------------------------------------------------


def of_action(request: Call, action: int, body: Json, *, repeatable: bool = True) -> SendRequest:
    """A run of a saved action, where it is `repeatable` with the key that the caller must give.

    Raises the Problem (404) of one that is not there, and of a key or body that cannot be used.
    """
    workspace_id = request.key.workspace_id
    configured = catalogue.for_request(workspace_id, str(action))
    if "action_id" not in configured:
        raise no_action(action)
    about = ActionVersion.objects.values_list("object_type", flat=True).get(pk=configured["version_id"])
    if to := body.get("to"):
        configured["config"] = replace(configured["config"], recipient_property=_TO)
    return SendRequest(
        workspace_id=workspace_id,
        trigger=API,
        key=_scoped_key(request) if repeatable else "",
        record=_record(body, about, {_RECIPIENT: to} if to else {}),
        origin=_origin(request, action, body),
        build_mode=request.key.test,
        **configured,
    )


def no_action(action: int) -> Problem:
    return not_found(f"There is no action {action}. Its id stands in the address of its page.")


def of_text(request: Call, body: Json) -> SendRequest:
    """A text without a saved action. It is a value, so that nothing in it is read as a token."""
    given: Values = {_RECIPIENT: body["to"], "text": body["text"], "send_as": body.get("send_as")}
    holds = body.get("at_quota") == "hold"
    config = ActionConfig(
        **_sender(request.key.workspace_id, body["from"]),
        recipient_property=_TO,
        message=f"{{{{{INPUTS}.text}}}}",
        send_as_kind="property" if "send_as" in body else "none",
        send_as_property=f"{INPUTS}.send_as" if "send_as" in body else "",
        at_quota="hold" if holds else "refuse",
        hold_minutes=body.get("hold_minutes", 60) if holds else 0,
        traffic=body.get("traffic", "alerting"),
    )
    return SendRequest(
        workspace_id=request.key.workspace_id,
        trigger=API,
        key=_scoped_key(request),
        config=config,
        record=Record("", related={INPUTS: given}),
        origin=_origin(request, None, body),
        build_mode=request.key.test,
    )


def _sender(workspace_id: int, given: int | str) -> dict[str, Any]:
    """The fields of a configuration that name the sender. An id that nobody knows is refused like any such number.
    Raises the Problem (422) of a number that several accounts have."""
    if isinstance(given, str):
        if len(same := named.numbers(workspace_id, given.strip())) > 1:
            raise faulty(fault("/from", given, named.several(same)))
        return {"sender_kind": "given", "sender_given": given}
    found: Number | None = book.of(workspace_id).numbers.get(given)
    if found is None or found.gone_at:
        return {"sender_kind": "number", "sender_number_id": given}
    return {
        "sender_kind": "given",
        "sender_given": found.e164,
        "sender_connection_id": found.connection_id,
    }


def _record(body: Json, about: str, more: Values) -> Record:
    """The record as it was given, with `more` beside the caller's inputs."""
    given = body.get("record", {})
    kind = given.get("type", about)
    if kind != about:
        detail = f"The action is about a record of type {about}. Give that type, or leave it out."
        raise faulty(fault("/record/type", kind, detail))
    own = _texts(given.get("properties", {}))
    if about == ObjectType.CALL:
        own |= _texts(body.get("values", {}))
    elif "values" in body:
        detail = "They are for actions about calls. Give what this one needs under /record/properties."
        raise faulty(fault("/values", body["values"], detail))
    related: dict[str, Values] = {each: _texts(found) for each, found in body.get("related", {}).items()}
    if inputs := _texts(body.get("inputs", {})) | more:
        related[INPUTS] = inputs
    return Record(about, given.get("id", ""), own, related)


def _texts(given: Mapping[str, Any]) -> Values:
    return {
        name: value if value is None or isinstance(value, str) else json.dumps(value)
        for name, value in given.items()
    }


def _origin(request: Call, action: int | None, body: Json) -> Json:
    key = request.key
    told: Json = {"key": key.prefix, "key_name": key.name, _MARK: _mark(request, [action, body])}
    if key.test:
        told["test"] = True
    if action is not None and "to" in body:
        told[NAMED] = True
    return told


@sensitive_variables()
def _mark(request: Call, asked: Any) -> str:
    """By the key's own token, which is kept nowhere and comes with every repeat: so nobody can try numbers on it, and
    it outlives every secret of ours."""
    written = json.dumps(asked, sort_keys=True)
    made = salted_hmac("smsadmin.api.asking", written, secret=token_of(request), algorithm="sha256")
    return made.hexdigest()[:32]


def _scoped_key(request: Call) -> str:
    """What a repeat is known by, among those of the same API key: programs know nothing of each other's."""
    return f"{request.key.prefix}:{idempotency_key(request)}"


def idempotency_key(request: Call, otherwise: str = "") -> str:
    """What the caller makes a repeat recognisable by, `otherwise` where the header is not there. Raises the Problem
    (400) of none, and of one that cannot be used."""
    given = request.headers.get(KEY_HEADER, "").strip() or otherwise
    if not given:
        detail = f"Send {KEY_HEADER}, the same for the same event: a repeat then sends nothing twice."
        raise Problem(400, "IDEMPOTENCY_KEY_MISSING", detail, parameter=KEY_HEADER, value="")
    if len(given) > MOST_KEY or not (given.isascii() and given.isprintable() and " " not in given):
        detail = f"Give at most {MOST_KEY} characters of ASCII without spaces."
        raise bad_parameter(KEY_HEADER, given[:100], detail)
    return given


def reused(key: str) -> Problem:
    """What is answered to a key that was used with another request."""
    detail = f"The key “{key}” was used with another request. Give each event a key of its own."
    return Problem(422, "IDEMPOTENCY_KEY_REUSED", detail)


# --- Records of HubSpot ------------------------------------------------------------------------------


def completed(ask: SendRequest, request: Call) -> SendRequest:
    """The request with what its record lacks and HubSpot has, where it names a record of a connected portal. Of any
    other, what was not given has no value: a fallback may stand in for it.

    Raises SendError where the token may not read it, client.Unavailable where HubSpot cannot answer now.
    """
    portal = _portal(ask, request)
    if portal is None:
        return replace(ask, record=_without_gaps(ask.record, ask.config))
    ask = replace(ask, origin={**ask.origin, "portal": portal.external_id})
    if not (missing := lacking(ask.record, ask.config, portal)):
        return ask
    found = records.completed(ask.record, missing, portal)
    if found is ask.record:  # HubSpot has no such record
        found = _without_gaps(found, ask.config)
    return replace(ask, record=found)


def _without_gaps(record: Record, config: ActionConfig) -> Record:
    """The record with everything that the configuration names of it, and of records beside it."""
    own, related = dict(record.properties), {kind: dict(found) for kind, found in record.related.items()}
    for kind, name in paths(config):
        with suppress(LookupError):
            lookup(record, kind, name)
            continue
        if tokens.key(kind) in (tokens.key(tokens.ENROLLED), record.object_type):
            own[name] = None
        elif tokens.key(kind) in _BESIDE:
            related.setdefault(tokens.key(kind), {})[name] = None
    return replace(record, properties=own, related=related)


def _portal(ask: SendRequest, request: Call) -> Connection | None:
    """The portal of the record; None for one that is none of HubSpot's."""
    kind, pk = ask.record.object_type, ask.record.object_id
    if not (ask.action_enabled and kind in client.PATH_NAMES and client.RECORD_ID.fullmatch(pk)):
        return None
    return properties.portal(request.key.workspace)


# --- The message -------------------------------------------------------------------------------------


def sent(ask: SendRequest, request: Call) -> HttpResponse:
    """Sends it, once for its key; a repeat gets the first answer. Raises the Problem of a message that is refused, and
    (422) of a key that was used for something else."""
    if first := log.found(ask):
        _demand_same(first, ask)
        return _answer(log.repeated(ask, request.now), request)
    message = _accepted(ask, request)
    if message.is_repeated:  # a twin of this request was quicker
        _demand_same(message, ask)
    return _answer(message, request)


def _accepted(ask: SendRequest, request: Call) -> Message:
    try:
        ask = completed(ask, request)
    except errors.SendError as error:
        return refuse(ask, error)
    return accept(ask)


def _demand_same(first: Message, ask: SendRequest) -> None:
    if first.origin.get(_MARK) != ask.origin[_MARK]:
        raise reused(ask.key.partition(":")[2])


def _answer(message: Message, request: Call) -> HttpResponse:
    """As it was accepted or refused, whatever became of it since."""
    replayed = {REPLAYED: "true"} if message.is_repeated else {}
    url = rows.address("api-message", message.pk)
    if message.status == Status.REJECTED:
        raise _refused(message, request, url, replayed)
    told = {
        "id": str(message.pk),
        "status": (Status.HELD if message.expires_at else Status.QUEUED).value,
        "url": url,
        "test": request.key.test,
        "received_at": rows.moment(message.received_at),
        "encoding": message.encoding,
        "characters": message.characters,
        "segments": message.segments,
        "expires_at": rows.moment(message.expires_at),
    }
    return JsonResponse(told, status=202, headers={"Location": url, **replayed})


def _refused(message: Message, request: Call, url: str, replayed: Mapping[str, str]) -> Problem:
    assert message.error
    return Problem(
        422,
        message.error_code,
        explain.sentence(message),
        {**headers.of_refusal(message.error_code, message.error_facts, request.now), **replayed},
        whose=message.error.whose.value,
        fix=presenters.fix(message),
        retry=message.error.retry.value,
        message=str(message.pk),
        url=url,
        test=request.key.test,
    )
