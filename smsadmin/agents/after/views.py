"""Where platforms tell of the end of a call: POST /agents/webhooks/<the agent's public id>. What they tell is checked,
stored and answered at once, and worked on afterwards."""

from typing import Any
from uuid import UUID

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from smsadmin.agents import bell, credentials
from smsadmin.agents.after import keeping, proof, told
from smsadmin.agents.dialects.proving import Unproven
from smsadmin.agents.models import AIAgent
from smsadmin.core import strict_json
from smsadmin.sending import refused

logger = structlog.get_logger(__name__)

#: A whole conversation comes along; it is read here and not kept.
MOST_BYTES = 2_000_000


class Refusal(Exception):
    """A call turned away: `reason` is one of presenters.REFUSALS, `status` what its caller is answered."""

    def __init__(self, reason: str, detail: str, status: int) -> None:
        self.reason, self.detail, self.status = reason, detail, status
        super().__init__(detail)


@csrf_exempt
@require_POST
def call_ended(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What a platform tells of a call of this agent. It is told again by whoever is not answered with 2xx."""
    agent = None
    try:
        agent = _agent(public_id)
        kept = _stored(request, agent)
    except Refusal as refusal:
        return _refused(request, refusal, agent)
    except DatabaseError as error:
        logger.warning("agents.end_put_off", agent=str(public_id), error=str(error))
        return JsonResponse({"message": "It could not be stored now; tell it again later."}, status=503)
    except Exception:  # whatever was told: platforms read JSON, and tell it again
        logger.exception("agents.end_failed", agent=str(public_id))
        return JsonResponse({"message": "smsadmin itself failed; tell it again later."}, status=500)
    if kept:
        bell.ring()
    return JsonResponse({"message": "stored" if kept else "nothing follows from it"})


def _agent(public_id: UUID) -> AIAgent:
    agent = AIAgent.objects.select_related("workspace").filter(public_id=public_id, archived_at=None).first()
    if agent is None:
        raise Refusal("unknown agent", "No agent has the id that the address names.", 404)
    return agent


def _stored(request: HttpRequest, agent: AIAgent) -> bool:
    """Whether what was told is kept. Raises Refusal and DatabaseError."""
    now, body = timezone.now(), _body(request)
    payload = _payload(body)
    try:
        proven = proof.check(agent, request, body, payload, now)
        found = told.read(agent.platform, payload)
    except Unproven as unproven:
        raise Refusal(unproven.reason, unproven.detail, 401) from unproven
    except told.UnreadableError as error:
        raise Refusal("malformed", str(error), 400) from error
    credentials.seen(agent, now)
    return found is not None and keeping.keep(agent, found, proven, now) is not None


def _body(request: HttpRequest) -> bytes:
    try:
        if len(request.body) > MOST_BYTES:
            raise RequestDataTooBig
    except RequestDataTooBig:
        raise Refusal("malformed", f"The body may have {MOST_BYTES} bytes at most.", 413) from None
    return request.body


def _payload(body: bytes) -> Any:
    try:
        return strict_json.read(body.decode("utf-8-sig"), levels=None)
    except ValueError as error:
        raise Refusal("malformed", f"The body is not JSON: {error}"[:300], 400) from error


def _refused(request: HttpRequest, refusal: Refusal, agent: AIAgent | None) -> HttpResponse:
    logger.warning("agents.end_refused", path=request.path, reason=refusal.reason)
    try:
        workspace_id = agent.workspace_id if agent else None
        refused.keep(request.path, refusal.reason, refusal.detail, workspace_id=workspace_id)
    except DatabaseError as error:
        logger.warning("agents.refusal_not_kept", error=str(error))
    return JsonResponse({"message": refusal.detail}, status=refusal.status)
