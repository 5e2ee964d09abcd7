"""The endpoints that agents' platforms call when an agent uses a tool: POST /agents/tools/ and /agents/tools/<tool>.

They answer at once with what was decided, for the agent is in the middle of a conversation.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from smsadmin.agents import credentials, limiting, running, speaking, tools
from smsadmin.agents.dialects import proving
from smsadmin.agents.dialects.base import Asked, Dialect, Done, Unreadable, Use, first_text, text
from smsadmin.agents.dialects.flat import Flat
from smsadmin.agents.dialects.openai import OpenAI
from smsadmin.agents.dialects.retell import Retell
from smsadmin.agents.dialects.vapi import Vapi
from smsadmin.agents.models import AIAgent, Attachment
from smsadmin.agents.running import Answer, Arguments, CallFacts
from smsadmin.agents.tools import TO
from smsadmin.core import strict_json
from smsadmin.sending import refused
from smsadmin.sending.log import storable

logger = structlog.get_logger(__name__)

Platform = AIAgent.Platform
DIALECTS: dict[str, Dialect] = {
    Platform.SYNTHFLOW: Flat(),
    Platform.VAPI: Vapi(),
    Platform.RETELL: Retell(),
    Platform.OPENAI: OpenAI(),
    Platform.MCP: Flat(),
    Platform.OTHER: Flat(),
}
#: A platform may send the whole conversation along.
MOST_BYTES = 1_000_000
#: Of one request; the others are refused.
MOST_USES = 10
#: Of platforms that say these things beside the body. The first three are Vapi's as a client of the Model Context
#: Protocol (Vapi docs: MCP); the last one is ours.
CALL_HEADERS, CALLER_HEADER = ("X-Call-Id", "X-Chat-Id", "X-Session-Id"), "X-Caller-Number"


class Malformed(Exception):
    """A request that cannot be read, in whichever dialect."""

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.detail, self.status = detail, status


@csrf_exempt
def agent_tools(request: HttpRequest, tool: str = "") -> HttpResponse:
    """One use of a tool, or several; `tool` names it where the body does not."""
    if request.method != "POST":
        detail = f"{request.path} takes POST, not {request.method}."
        return _plain(405, "method_not_allowed", detail, headers={"Allow": "POST"})
    now = timezone.now()
    try:
        body = body_of(request)
        agent = proving.agent_of(request, body, now)
    except Malformed as error:
        return _plain(error.status, "unreadable", error.detail)
    except proving.Unproven as error:
        return unproven(request, error)
    except DatabaseError as error:
        logger.warning("agent_tools.put_off", error=str(error))
        return _plain(503, "not_now", "Nothing could be read now; make the same call again.", headers=_SOON)
    return _Exchange(request, agent, DIALECTS[agent.platform], tool, now).answered(body)


def body_of(request: HttpRequest) -> bytes:
    """The body; raises Malformed for one that is too large."""
    try:
        body = request.body
    except RequestDataTooBig:
        body = None
    if body is None or len(body) > MOST_BYTES:
        raise Malformed(f"The body may have {MOST_BYTES} bytes at most.", 413)
    return body


def json_of(body: bytes) -> Any:
    """What a body says; raises Malformed."""
    try:
        return strict_json.read(body.decode("utf-8-sig"), levels=None)
    except ValueError as error:
        raise Malformed(f"The body is not JSON: {error}"[:300]) from error


def unproven(request: HttpRequest, error: proving.Unproven) -> HttpResponse:
    """Turns a call away, and keeps that it came."""
    keep(request, error.reason, error.detail, error.workspace_id)
    challenge = {"WWW-Authenticate": 'Bearer realm="smsadmin"'}
    return _plain(401, "unauthorized", error.detail, headers=challenge)


def keep(request: HttpRequest, reason: str, detail: str, workspace_id: int | None) -> None:
    """Keeps a call that was turned away for those who look for it."""
    try:
        refused.keep(storable(request.path), reason, detail, workspace_id=workspace_id)
    except DatabaseError as error:
        logger.warning("agent_call.not_kept", reason=reason, error=str(error))


def with_headers(call: CallFacts, request: HttpRequest) -> CallFacts:
    """What headers say of the call, else what the body does, which a model may have had a hand in. Where the body alone
    is signed it is the other way round, for then the headers may be anybody's."""
    call_id = first_text(*map(request.headers.get, CALL_HEADERS))
    party = text(request.headers.get(CALLER_HEADER))
    if proving.is_by_signature(request):
        return replace(call, call_id=call.call_id or call_id, party=call.party or party)
    return replace(call, call_id=call_id or call.call_id, party=party or call.party)


def _named_caller(arguments: Arguments, call: CallFacts) -> tuple[Arguments, CallFacts]:
    """Where all stands in one object `to` is whom the call is with, unless that is said otherwise. What is left is for
    the tool to take or to refuse."""
    to = text((arguments or {}).get(TO))
    if not arguments or TO not in arguments or call.party not in ("", to):
        return arguments, call
    rest = {name: value for name, value in arguments.items() if name != TO}
    return rest, replace(call, party=call.party or to)


_SOON = {"Retry-After": "2"}


def _plain(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> HttpResponse:
    """An answer to somebody whose dialect is not known."""
    body = {
        "status": "rejected",
        "message_id": None,
        "message": detail,
        "error": {"code": code, "detail": detail},
    }
    return JsonResponse(body, status=status, headers=headers)


class _Exchange:
    """A request of a known agent, and how it is answered."""

    def __init__(
        self, request: HttpRequest, agent: AIAgent, dialect: Dialect, tool: str, now: datetime
    ) -> None:
        self.request, self.agent, self.dialect, self.tool, self.now = request, agent, dialect, tool, now
        self.payload: Any = None
        self.asked = Asked([])

    def answered(self, body: bytes) -> HttpResponse:
        """Whatever comes of it in the form that the platform reads."""
        try:
            self.payload = json_of(body)
            self.asked = self.dialect.read(self.payload, in_url=bool(self.tool))
        except (Malformed, Unreadable) as error:
            keep(self.request, "malformed", str(error), self.agent.workspace_id)
            return self._failed(400, "unreadable", detail=str(error))
        try:
            limiting.count(self.agent, self.now, times=max(1, len(self.asked.uses[:MOST_USES])))
            credentials.seen(self.agent, self.now)
            done = self._done(self.asked)
            if done and all(each.fault for each in done):
                return self._failed(done[0].fault, done[0].answer.code)
            status, told = self.dialect.write(done, self.payload)
            return JsonResponse(told, status=status)
        except limiting.TooMany as error:
            return self._failed(429, "too_many_requests", {"Retry-After": str(error.seconds)})
        except Exception as error:
            return self._failed(*self._fault(error))

    def _done(self, asked: Asked) -> list[Done]:
        call = with_headers(asked.call, self.request)
        found = [self._use(use, call) for use in asked.uses[:MOST_USES]]
        return found + [Done(use, self._rejected("too_many_requests")) for use in asked.uses[MOST_USES:]]

    def _use(self, use: Use, call: CallFacts) -> Done:
        """What comes of one use; what goes wrong here is told of this one alone, for others may have been done."""
        try:
            attachment = self._attachment(use)
            if attachment is None:
                return Done(use, self._rejected("unknown_tool"), known=False)
            return Done(use, self._used(attachment, use, call))
        except Exception as error:
            status, code = self._fault(error)
            return Done(use, self._rejected(code), fault=status)

    def _used(self, attachment: Attachment, use: Use, call: CallFacts) -> Answer:
        arguments = use.arguments
        if self.dialect.mixed and attachment.recipient == Attachment.Recipient.CALLER:
            arguments, call = _named_caller(arguments, call)
        return running.use(
            self.agent,
            attachment,
            arguments,
            call,
            dialect=self.agent.platform,
            external_id=use.external_id,
            now=self.now,
        )

    def _fault(self, error: Exception) -> tuple[int, str]:
        """The HTTP status and the code of what is no fault of the caller's."""
        if isinstance(error, DatabaseError):
            logger.warning("agent_tools.put_off", agent=self.agent.pk, error=str(error))
            return 503, "not_now"
        logger.error("agent_tools.failed", agent=self.agent.pk, exc_info=error)
        return 500, "internal_error"

    def _attachment(self, use: Use) -> Attachment | None:
        """By the name in the body, for one address may serve several tools; where it names none, by the address."""
        return tools.named(self.agent, use.name or self.tool)

    def _rejected(self, code: str) -> Answer:
        return Answer("rejected", speaking.sentence(code, self.agent.language), code)

    def _failed(
        self, status: int, code: str, headers: dict[str, str] | None = None, *, detail: str = ""
    ) -> HttpResponse:
        """The same for each use where the platform reads nothing else."""
        answer, headers = self._rejected(code), headers or (_SOON if status == 503 else None)
        if self.dialect.always_200 and self.asked.uses:
            done = [Done(use, answer) for use in self.asked.uses]
            return JsonResponse(self.dialect.write(done, self.payload)[1])
        told = self.dialect.failed(answer)
        if detail and isinstance(told.get("error"), dict):
            told["error"]["detail"] = detail
        return JsonResponse(told, status=200 if self.dialect.always_200 else status, headers=headers)
