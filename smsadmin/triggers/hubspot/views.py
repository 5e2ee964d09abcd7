"""The endpoints HubSpot calls."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from smsadmin.actions import catalogue
from smsadmin.core import errors
from smsadmin.core.message import SendRequest
from smsadmin.crm.named import Name
from smsadmin.directory import book
from smsadmin.providers.hubspot import client
from smsadmin.sending import log
from smsadmin.sending.accept import accept, refuse
from smsadmin.sending.models import Message
from smsadmin.triggers.hubspot import answer, calls, options, parse, records
from smsadmin.triggers.hubspot.parse import Execution
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)
TRIGGER = "hubspot"
waiters = answer.Waiters(settings.HUBSPOT_ANSWER_WAITERS)

#: How a portal's execution becomes a message, with what the caller is told later (SendRequest.reply).
Taking = Callable[[Execution, Connection, Any], Message]


@csrf_exempt
@require_POST
def send_sms(request: HttpRequest) -> HttpResponse:
    """An enrolled record reached our step: one message at most, and an answer that says how it ended.

    `?action=ID` in the URL runs that saved action; without it the step's own fields are the configuration.
    """
    return executed(request, partial(_take, request.GET.get("action")))


def executed(request: HttpRequest, take: Taking) -> HttpResponse:
    """The answer to an execution, whichever generation of the action was called."""
    return _answered(request, partial(_execute, take))


def _execute(take: Taking, request: HttpRequest, call: calls.Call) -> HttpResponse:
    try:
        execution = parse.execution(call.payload)
    except parse.PayloadError as error:
        return calls.refuse(request, call.connection, str(error))
    return _run(execution, call.connection, take)


def _answered(
    request: HttpRequest, answer_to: Callable[[HttpRequest, calls.Call], HttpResponse]
) -> HttpResponse:
    """The answer to a verified call, or why there is none: 4xx is final for HubSpot, 503 is asked again."""
    try:
        return answer_to(request, calls.verified(request))
    except calls.RefusedError as refusal:
        return refusal.response
    except (DatabaseError, client.Unavailable) as error:
        # The same call made again is wanted, and safe: its callback id finds what this one may have accepted.
        logger.warning("hubspot.put_off", path=request.path, error=str(error))
        return JsonResponse(
            {"message": "No answer is possible now; make the same call again later."}, status=503
        )


def _run(execution: Execution, connection: Connection, take: Taking) -> HttpResponse:
    waits = waiters.enter()
    in_vain = False
    try:
        reply = ("waiting" if waits else "owed") if answer.can_come_later(connection) else ""
        message = take(execution, connection, reply)
        if waits and answer.settles_soon(message):
            message = answer.wait(message)
            in_vain = not message.is_settled
        elif not answer.is_final(message, timezone.now()):
            answer.promise(message)
        with timezone.override(connection.workspace.zone):
            return answer.response(message, connection.answers_in)
    finally:
        if waits:
            waiters.leave(in_vain=in_vain)


def _take(action_id: str | None, execution: Execution, connection: Connection, reply: Any) -> Message:
    if action_id is None:
        configured: dict[str, Any] = {
            "config": parse.config(execution.inputs, book.of(connection.workspace_id))
        }
    else:
        configured = catalogue.for_request(connection.workspace_id, action_id)
    return taken(execution, connection, reply, trigger=TRIGGER, **configured)


def taken(execution: Execution, connection: Connection, reply: Any, **configured: Any) -> Message:
    """The message of an execution; `configured` are the fields of a SendRequest that say what it asks for."""
    ask = SendRequest(
        workspace_id=connection.workspace_id,
        key=execution.key,
        record=records.given(execution),
        origin=execution.origin,
        reply=reply,
        **configured,
    )
    missing = records.lacking(ask.record, ask.config, connection) if ask.action_enabled else None
    return _complete(ask, missing, connection) if missing else accept(ask)


def _complete(ask: SendRequest, missing: set[Name], connection: Connection) -> Message:
    """Accepts a request whose record must first be read, which a repeat need not be."""
    if log.found(ask):
        return log.repeated(ask, timezone.now())
    try:
        record = records.completed(ask.record, missing, connection)
    except errors.SendError as error:
        return refuse(ask, error)
    return accept(replace(ask, record=record))


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
    def choices(request: HttpRequest, call: calls.Call) -> HttpResponse:
        question = options.Question.of(
            call.payload, call.connection.answers_in, request.GET.get("generation")
        )
        return JsonResponse(build(call.connection.workspace, question))

    return _answered(request, choices)
