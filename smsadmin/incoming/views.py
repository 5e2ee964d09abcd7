"""The endpoints that providers call. They wait five seconds for an answer: a call is checked and stored, and handled
later."""

import hmac
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from smsadmin.core import strict_json
from smsadmin.incoming import bell, proxy, webhooks
from smsadmin.incoming.models import ProviderCall, Webhook
from smsadmin.incoming.wires import WIRES
from smsadmin.providers.aircall import webhooks as aircall
from smsadmin.providers.callr import signatures
from smsadmin.providers.callr.options import Options
from smsadmin.providers.told import About, text
from smsadmin.providers.twilio import signatures as twilio_signatures
from smsadmin.providers.twilio import webhooks as twilio
from smsadmin.sending import log, refused
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

#: Far more than any event has; a body beyond it is not read into the database.
MOST_BYTES = 262_144
#: What Twilio is told where a text is not to be answered at once.
NO_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response />'
#: Reads a call that is proved to be its provider's. Raises RefusedError.
Check = Callable[[HttpRequest, Webhook], dict[str, Any]]


class RefusedError(Exception):
    """A call turned away: `reason` is one of presenters.REFUSALS, `status` what its caller is answered."""

    def __init__(self, reason: str, detail: str, status: int) -> None:
        self.reason, self.detail, self.status = reason, detail, status
        super().__init__(detail)


@csrf_exempt
@require_POST
def told(request: HttpRequest, secret: str, kind: str) -> HttpResponse:
    """An event of a provider of this kind. It repeats whatever is not answered with 2xx."""
    turned_away = _heard(request, secret, kind, _CHECKED[kind])
    return turned_away or JsonResponse({"message": "stored"})


@csrf_exempt
@require_POST
def told_by_twilio(request: HttpRequest, secret: str, event: str) -> HttpResponse:
    """What Twilio tells: what became of a message, or a text, which it wants an answer to. It says which by our own
    address alone, and is answered with no answer (TwiML) or nothing."""
    turned_away = _heard(request, secret, Connection.Kind.TWILIO, partial(_by_twilio, event=event))
    if turned_away:
        return turned_away
    if event == twilio.INBOUND:
        return HttpResponse(NO_ANSWER, content_type="text/xml")
    return HttpResponse(status=204)


def _heard(request: HttpRequest, secret: str, kind: str, check: Check) -> HttpResponse | None:
    """Checks and stores a call to the account with this secret in its address; None where that was done, else what its
    caller is answered."""
    webhook = None
    try:
        webhook = webhooks.at(secret, kind)
        if webhook is None:
            raise RefusedError("address", "No account that is connected here was given this address.", 404)
        _store(check(request, webhook), webhook)
    except RefusedError as refusal:
        return _refused(request, secret, refusal, webhook)
    except DatabaseError as error:
        logger.warning("provider_call.put_off", kind=kind, error=str(error))
        return JsonResponse({"message": "It could not be stored now; tell it again later."}, status=503)
    bell.ring()
    return None


def _body(request: HttpRequest) -> bytes:
    try:
        if len(request.body) > MOST_BYTES:
            raise RequestDataTooBig
    except RequestDataTooBig:
        raise RefusedError("malformed", f"The body may have {MOST_BYTES} bytes at most.", 413) from None
    return request.body


def _payload(request: HttpRequest, webhook: Webhook) -> dict[str, Any]:
    try:
        payload = strict_json.read(_body(request).decode("utf-8-sig", "surrogatepass"), levels=None)
    except ValueError as error:
        raise RefusedError("malformed", f"The body is not JSON: {error}", 400) from error
    if not isinstance(payload, dict) or not WIRES[webhook.connection.kind].event_of(payload):
        raise RefusedError("malformed", "The body names no event.", 400)
    return log.storable(payload)


# --- Aircall ------------------------------------------------------------------------------------------


def _by_aircall(request: HttpRequest, webhook: Webhook) -> dict[str, Any]:
    """The event, where its token is a webhook's own or, of a callback, that of its number's configuration, which must
    be known to call us. Where we were never told the token, as of a configuration that was made elsewhere, the
    address speaks alone."""
    payload = _payload(request, webhook)
    if aircall.is_callback(payload):
        known = _token_of_callback(payload, webhook)
        why = "The token is not that of the number's configuration. Look at it again in the directory."
    else:
        known = webhook.secrets.get("token", "")
        why = "The token is not that of our webhook. Repair it under Connections."
    if known and not hmac.compare_digest(known.encode(), text(payload.get("token")).encode()):
        raise RefusedError("token", why, 401)
    return payload


def _token_of_callback(payload: dict[str, Any], webhook: Webhook) -> str:
    if aircall.event_of(payload) not in aircall.CALLBACKS:
        raise RefusedError("token", "Callbacks of numbers in proxy mode do not tell this event.", 401)
    known = proxy.token_of(webhook.connection_id, aircall.said(payload).number_id)
    if known is None:
        why = "No number that is known to call us has this id. Look at its configuration in the directory."
        raise RefusedError("token", why, 401)
    return known


# --- Callr --------------------------------------------------------------------------------------------


def _by_callr(request: HttpRequest, webhook: Webhook) -> dict[str, Any]:
    """The event, where it is signed with the secret of the account's webhooks: checked before anything is read."""
    options = Options.read(webhook.connection.options)
    if options.signed:
        _check_signature(request, webhook, options.signature_header)
    return _payload(request, webhook)


def _check_signature(request: HttpRequest, webhook: Webhook, header: str) -> None:
    signature, secret = request.headers.get(header, ""), webhook.connection.secrets.get("hmac_secret", "")
    if not secret:
        why = "The secret of its webhooks was not entered here. Enter it under Connections."
        raise RefusedError("secret", why, 401)
    if not signature:
        raise RefusedError("unsigned", f"There is no header {header}.", 401)
    if not signatures.is_signed(_body(request), secret, signature):
        why = "The signature is not made with the secret that was entered under Connections."
        raise RefusedError("forged", why, 401)


# --- Twilio -------------------------------------------------------------------------------------------


def _by_twilio(request: HttpRequest, webhook: Webhook, event: str) -> dict[str, Any]:
    """The form, where it is signed: checked before anything is read. Its address is rebuilt from our own configuration,
    for a proxy may have called us by another one."""
    form = _form(request)
    headers, secrets = request.headers, webhook.connection.secrets
    algorithm = twilio_signatures.algorithm_of(headers.get(twilio_signatures.SETTINGS_HEADER, ""))
    secret = secrets.get("auth_token" if algorithm == twilio_signatures.SHA1 else "shared_key", "")
    signature = headers.get(twilio_signatures.HEADER, "")
    if not secret:
        why = "The secret that signs its calls was not entered here. Enter it under Connections."
        raise RefusedError("secret", why, 403)
    if not signature:
        raise RefusedError("unsigned", f"There is no header {twilio_signatures.HEADER}.", 403)
    url = settings.BASE_URL + request.get_full_path()
    lists = {name: [str(each) for each in values] for name, values in form.lists()}
    if not twilio_signatures.is_signed(
        url, lists, signature, secret, body=_body(request), algorithm=algorithm
    ):
        why = (
            "The signature is not made with the Auth Token or shared key that was entered, over this address."
        )
        raise RefusedError("forged", why, 403)
    payload = log.storable(form.dict() | {twilio.EVENT: event, twilio.OURS: request.GET.get(twilio.OURS, "")})
    if not twilio.event_of(payload):
        raise RefusedError("malformed", "The form names no message.", 400)
    return dict(payload)


def _form(request: HttpRequest) -> QueryDict:
    """The parameters as they were sent, decoded and not trimmed."""
    if not (request.content_type or "").startswith("application/x-www-form-urlencoded"):
        return QueryDict()
    try:
        return QueryDict(_body(request), encoding="utf-8")
    except (ValueError, TooManyFieldsSent) as error:
        raise RefusedError("malformed", f"The form cannot be read: {error}", 400) from error


_CHECKED: Mapping[str, Check] = {
    Connection.Kind.AIRCALL: _by_aircall,
    Connection.Kind.CALLR: _by_callr,
}


# --- Kept ---------------------------------------------------------------------------------------------


def _store(payload: dict[str, Any], webhook: Webhook) -> None:
    now, wire = timezone.now(), WIRES[webhook.connection.kind]
    of_message = wire.about(payload) in (About.RECEIPT, About.REPLY)
    ProviderCall.objects.create(
        workspace_id=webhook.workspace_id,
        connection_id=webhook.connection_id,
        at=now,
        event=wire.event_of(payload)[:40],
        provider_id=wire.said(payload).id if of_message else "",
        body=wire.slim(payload),
        fingerprint=wire.fingerprint(payload),
        next_look_at=now,
    )
    webhooks.heard(webhook, now)


def _refused(
    request: HttpRequest, secret: str, refusal: RefusedError, webhook: Webhook | None
) -> JsonResponse:
    path = request.path.replace(secret, "•••")
    logger.warning("provider_call.refused", path=path, reason=refusal.reason)
    try:
        workspace_id = webhook.workspace_id if webhook else None
        refused.keep(path, refusal.reason, refusal.detail, workspace_id=workspace_id)
    except DatabaseError as error:
        logger.warning("provider_call.refusal_not_kept", error=str(error))
    return JsonResponse({"message": refusal.detail}, status=refusal.status)
