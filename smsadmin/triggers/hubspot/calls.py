"""A call from HubSpot: verified before anything in it is believed."""

import json
import re
import time
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse

from smsadmin.cache import remembered
from smsadmin.sending import log, refused
from smsadmin.triggers.hubspot import signature
from smsadmin.triggers.hubspot.parse import PayloadError, portal_of
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

#: How a body may spell what a database cannot store: NUL, and halves of surrogate pairs (also good pairs).
_UNUSUAL = re.compile(rb"\\u(?:0000|d[89a-f])|\xed[\xa0-\xbf]", re.IGNORECASE)
#: The headers a signature needs, as WSGI names them: request.headers would parse all the others too.
_SIGNING = {
    name: f"HTTP_{name.upper().replace('-', '_')}"
    for name in ("X-HubSpot-Signature", "X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp")
}
_STATUS = {"malformed": 400, "portal": 403}


class RefusedError(Exception):
    """A call turned away before it became a message. HubSpot does not repeat a 4xx."""

    def __init__(self, reason: str, detail: str, code: str, portal: str = "") -> None:
        self.reason, self.detail, self.code, self.portal = reason, detail, code, portal
        super().__init__(detail)

    @property
    def response(self) -> JsonResponse:
        return JsonResponse(
            {"message": self.detail, "errorCode": self.code}, status=_STATUS.get(self.reason, 401)
        )


@dataclass(frozen=True, slots=True)
class Call:
    """A verified call: whose portal it is, and what it says."""

    connection: Connection
    payload: dict[str, Any]


def verified(request: HttpRequest) -> Call:
    """The call, if its portal is known and its signature fits; raises RefusedError, which is kept for the admin."""
    connection = None
    try:
        payload = _payload(request)
        portal = portal_of(payload)
        connection = connection_of(portal)
        if connection is None:
            words = (
                f"The HubSpot portal {portal[:40] or '(none given)'} is not connected to any workspace here."
            )
            raise RefusedError("portal", words, "PORTAL_NOT_CONNECTED", portal)
        _check_signature(request, connection)
        return Call(connection, payload)
    except PayloadError as error:
        refusal = RefusedError("malformed", str(error), "MALFORMED_REQUEST")
        _keep(request, refusal, connection)
        raise refusal from error
    except RefusedError as refusal:
        _keep(request, refusal, connection)
        raise


def connection_of(portal: str) -> Connection | None:
    """The connection of a portal. A portal belongs to one workspace; unknown ones are not remembered, for anybody
    can name as many as memory holds."""

    def load() -> Connection:
        connections = Connection.objects.select_related("workspace")
        return connections.get(kind=Connection.Kind.HUBSPOT, external_id=portal)

    try:
        return remembered(("portal", portal), load)
    except Connection.DoesNotExist:
        return None


def refuse(request: HttpRequest, connection: Connection, detail: str) -> JsonResponse:
    """Turns away a verified call whose content cannot be read."""
    refusal = RefusedError("malformed", detail, "MALFORMED_REQUEST", connection.external_id)
    _keep(request, refusal, connection)
    return refusal.response


def _payload(request: HttpRequest) -> Any:
    try:
        payload = json.loads(request.body.decode("utf-8-sig", "surrogatepass"))  # bytes might be UTF-16 too
        return log.storable(payload) if _UNUSUAL.search(request.body) else payload
    except RequestDataTooBig as error:
        raise PayloadError(
            f"The body may have {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes at most."
        ) from error
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"The body is not JSON: {error}") from error


def _check_signature(request: HttpRequest, connection: Connection) -> None:
    own = connection.secrets.get("client_secret", "")
    # The installation's secret signs for every portal that has its app, so it counts only for one that is proven:
    # else whoever connects another's portal id first would read that portal's calls.
    shared = settings.HUBSPOT_CLIENT_SECRET if connection.proven_at else ""
    secrets = [secret for secret in (own, shared) if secret]
    headers = {name: request.META[key] for name, key in _SIGNING.items() if key in request.META}
    signed = signature.Signed(request.method or "", public_uri(request), request.body, headers)
    try:
        signature.verify(signed, secrets, time.time_ns() // 1_000_000)
    except signature.SignatureError as error:
        code = f"SIGNATURE_{error.reason.upper()}"
        raise RefusedError(f"signature {error.reason}", str(error), code, connection.external_id) from error


def public_uri(request: HttpRequest) -> str:
    """The URI HubSpot called: our public base and the request's own target, never what a proxy shows."""
    query = request.META.get("QUERY_STRING", "")
    return f"{settings.BASE_URL}{request.path}{'?' + query if query else ''}"


def _keep(request: HttpRequest, refusal: RefusedError, connection: Connection | None) -> None:
    logger.warning("hubspot.refused", path=request.path, reason=refusal.reason, portal=refusal.portal[:40])
    refused.keep(
        request.path,
        refusal.reason,
        refusal.detail,
        workspace_id=connection.workspace_id if connection else None,
        portal=refusal.portal,
    )
