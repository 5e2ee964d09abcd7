"""The endpoints HubSpot calls."""

from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from smsadmin.actions import catalogue
from smsadmin.core import errors
from smsadmin.core.message import Record, SendRequest
from smsadmin.directory import book
from smsadmin.providers.hubspot import client
from smsadmin.sending.accept import accept, refuse
from smsadmin.sending.models import Message
from smsadmin.sending.resolve import INPUTS
from smsadmin.triggers.hubspot import answer, calls, options, parse, records
from smsadmin.triggers.hubspot.parse import Execution
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)
TRIGGER = "hubspot"
waiters = answer.Waiters(settings.HUBSPOT_ANSWER_WAITERS)


@csrf_exempt
@require_POST
def send_sms(request: HttpRequest) -> HttpResponse:
    """An enrolled record reached our step: one message at most, and an answer that says how it ended.

    `?action=ID` in the URL runs that saved action; without it the step's own fields are the configuration.
    """
    try:
        call = calls.verified(request)
    except calls.RefusedError as refusal:
        return refusal.response
    try:
        execution = parse.execution(call.payload)
    except parse.PayloadError as error:
        return calls.refuse(request, call.connection, str(error))
    try:
        return JsonResponse(_run(execution, call.connection, request.GET.get("action")))
    except (DatabaseError, client.Unavailable) as error:
        # Nothing was accepted, so a repeat is safe and wanted.
        logger.warning("hubspot.put_off", portal=execution.portal_id, error=str(error))
        return JsonResponse({"message": "Nothing was accepted; try again later."}, status=503)


def _run(execution: Execution, connection: Connection, action_id: str | None) -> dict[str, Any]:
    language = connection.workspace.language
    can_reply_later = bool(connection.secrets.get("access_token"))
    waits = waiters.enter()
    in_vain = False
    try:
        reply = ("waiting" if waits else "owed") if can_reply_later else ""
        message = _accept(execution, connection, action_id, reply)
        if waits and not message.is_settled:
            message = answer.wait(message)
            in_vain = not message.is_settled
        return answer.body(message, language)
    finally:
        if waits:
            waiters.leave(in_vain=in_vain)


def _accept(execution: Execution, connection: Connection, action_id: str | None, reply: Any) -> Message:
    asked: dict[str, Any] = {
        "workspace_id": connection.workspace_id,
        "trigger": TRIGGER,
        "key": execution.key,
        "origin": execution.origin,
        "reply": reply,
    }
    if action_id is None:
        asked["config"] = parse.config(execution.inputs, book.of(connection.workspace_id))
    else:
        asked |= catalogue.for_request(connection.workspace_id, action_id)
    try:
        record = records.of(execution, asked["config"], connection)
    except errors.SendError as error:
        record = Record(execution.object_type, execution.object_id, execution.properties, {INPUTS: execution.inputs})
        return refuse(SendRequest(record=record, **asked), error)
    return accept(SendRequest(record=record, **asked))


@csrf_exempt
@require_POST
def sender_numbers(request: HttpRequest) -> HttpResponse:
    """The numbers a step may send from."""
    return _options(request, options.sender_numbers)


@csrf_exempt
@require_POST
def send_as_users(request: HttpRequest) -> HttpResponse:
    """The users of the number chosen in the step."""
    return _options(request, options.send_as_users)


def _options(request: HttpRequest, build: options.Builder) -> HttpResponse:
    try:
        call = calls.verified(request)
    except calls.RefusedError as refusal:
        return refusal.response
    return JsonResponse(build(call.connection.workspace, options.Question.of(call.payload)))
