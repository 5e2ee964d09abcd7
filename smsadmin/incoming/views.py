"""The endpoints Aircall calls. It waits five seconds for an answer: a call is checked and stored, and handled later."""

import hmac
import json
import math
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from smsadmin.incoming import bell, proxy, webhooks
from smsadmin.incoming.models import ProviderCall, Webhook
from smsadmin.providers.aircall import webhooks as wire
from smsadmin.sending import log, refused

logger = structlog.get_logger(__name__)

#: Far more than any event has; a body beyond it is not read into the database.
MOST_BYTES = 262_144


class RefusedError(Exception):
    """A call turned away: `reason` is one of presenters.REFUSALS, `status` what its caller is answered."""

    def __init__(self, reason: str, detail: str, status: int) -> None:
        self.reason, self.detail, self.status = reason, detail, status
        super().__init__(detail)


@csrf_exempt
@require_POST
def told(request: HttpRequest, secret: str) -> HttpResponse:
    """An event, of a webhook or of a number in proxy mode. Aircall repeats whatever is not answered with 2xx."""
    webhook = None
    try:
        webhook = webhooks.at(secret)
        if webhook is None:
            raise RefusedError("address", "No account that is connected here was given this address.", 404)
        payload = _payload(request)
        _check_token(payload, webhook)
        _store(payload, webhook)
    except RefusedError as refusal:
        return _refused(request, secret, refusal, webhook)
    except DatabaseError as error:
        logger.warning("aircall.put_off", error=str(error))
        return JsonResponse({"message": "It could not be stored now; tell it again later."}, status=503)
    bell.ring()
    return JsonResponse({"message": "stored"})


def _payload(request: HttpRequest) -> dict[str, Any]:
    try:
        if len(request.body) > MOST_BYTES:
            raise RequestDataTooBig
        payload = json.loads(
            request.body.decode("utf-8-sig", "surrogatepass"), parse_constant=_none, parse_float=_finite
        )
    except RequestDataTooBig:
        raise RefusedError("malformed", f"The body may have {MOST_BYTES} bytes at most.", 413) from None
    except (ValueError, RecursionError) as error:
        raise RefusedError("malformed", f"The body is not JSON: {error}", 400) from error
    if not isinstance(payload, dict) or not wire.event_of(payload):
        raise RefusedError("malformed", "The body names no event.", 400)
    return log.storable(payload)


def _none(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON value")


def _finite(digits: str) -> float:
    """1e999 is a number in JSON, and none that a database stores."""
    if not math.isfinite(number := float(digits)):
        _none(digits)
    return number


def _check_token(payload: dict[str, Any], webhook: Webhook) -> None:
    """A webhook's own token; of a callback that of its number's configuration, which must be known to call us. Where
    we were never told the token, as of a configuration that was made elsewhere, the address speaks alone."""
    if wire.is_callback(payload):
        known = _token_of_callback(payload, webhook)
        why = "The token is not that of the number's configuration. Look at it again in the directory."
    else:
        known = webhook.secrets.get("token", "")
        why = "The token is not that of our webhook. Repair it under Connections."
    if known and not hmac.compare_digest(known.encode(), wire.text(payload.get("token")).encode()):
        raise RefusedError("token", why, 401)


def _token_of_callback(payload: dict[str, Any], webhook: Webhook) -> str:
    if wire.event_of(payload) not in wire.CALLBACKS:
        raise RefusedError("token", "Callbacks of numbers in proxy mode do not tell this event.", 401)
    known = proxy.token_of(webhook.connection_id, wire.said(payload).number_id)
    if known is None:
        why = "No number that is known to call us has this id. Look at its configuration in the directory."
        raise RefusedError("token", why, 401)
    return known


def _store(payload: dict[str, Any], webhook: Webhook) -> None:
    now, event = timezone.now(), wire.event_of(payload)
    ProviderCall.objects.create(
        workspace_id=webhook.workspace_id,
        connection_id=webhook.connection_id,
        at=now,
        event=event[:40],
        provider_id=wire.said(payload).id if event.startswith("message.") else "",
        body=wire.slim(payload),
        fingerprint=wire.fingerprint(payload),
        next_look_at=now,
    )
    webhooks.heard(webhook, now)


def _refused(
    request: HttpRequest, secret: str, refusal: RefusedError, webhook: Webhook | None
) -> JsonResponse:
    path = request.path.replace(secret, "•••")
    logger.warning("aircall.refused", path=path, reason=refusal.reason)
    try:
        workspace_id = webhook.workspace_id if webhook else None
        refused.keep(path, refusal.reason, refusal.detail, workspace_id=workspace_id)
    except DatabaseError as error:
        logger.warning("aircall.refusal_not_kept", error=str(error))
    return JsonResponse({"message": refusal.detail}, status=refusal.status)
