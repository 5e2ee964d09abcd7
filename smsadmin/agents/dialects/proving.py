"""Which agent makes a call: by the token that it shows, or named by the address and proven by its platform's signature.

Signatures cover the raw body. Nothing of a token or a secret is ever said or kept.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.views.decorators.debug import sensitive_variables

from smsadmin.agents import credentials
from smsadmin.agents.models import AIAgent

#: How far the moment of a signature may be from ours (Retell's SDK).
TOLERANCE = timedelta(minutes=5)
#: Where the names of platforms' fields lead to a header that is not Authorization: Vapi's server secret, and what
#: Synthflow's custom_auth may make of {"location": "header", "key": "Bearer"}.
OTHER_HEADERS = ("X-Vapi-Secret", "Bearer")
ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
#: What Vapi calls them unless the credential says otherwise.
SIGNATURE_HEADER, TIMESTAMP_HEADER = "x-signature", "x-timestamp"

_RETELL = re.compile(r"v=([0-9]{1,15}),d=([0-9a-fA-F]{64})")


class Unproven(Exception):
    """A call of nobody we know: `reason` is one of presenters.REFUSALS, `workspace_id` whose it pretends to be."""

    def __init__(self, reason: str, detail: str, workspace_id: int | None = None) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.workspace_id = reason, detail, workspace_id


@sensitive_variables()
def agent_of(request: HttpRequest, body: bytes, now: datetime) -> AIAgent:
    """The agent that calls; raises Unproven."""
    if token := shown(request):
        if agent := credentials.of_token(token):
            return agent
        if not is_by_signature(request):
            raise Unproven("unknown token", "No agent has this token.")
    if is_by_signature(request):
        return _signed(request, body, now)
    raise Unproven("no token", "Send the agent's token: Authorization: Bearer smsagent_…")


def is_by_signature(request: HttpRequest) -> bool:
    """Whether the address names the agent, as it does where a signature of the body proves the call."""
    return "agent" in request.GET


@sensitive_variables()
def shown(request: HttpRequest) -> str:
    """The token that came, in whichever header; "" for none."""
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    found = token if scheme.casefold() == "bearer" else scheme if not token else ""
    for header in OTHER_HEADERS:
        found = found or request.headers.get(header, "").strip()
    return found.strip()


@sensitive_variables()
def _signed(request: HttpRequest, body: bytes, now: datetime) -> AIAgent:
    """The agent that the address names, where the call is signed as its platform signs."""
    agent = _named(request.GET["agent"])
    if agent is None:
        raise Unproven("unknown agent", "No agent has the id that the address names.")
    check_signature(agent, request, body, now)
    return agent


@sensitive_variables()
def check_signature(agent: AIAgent, request: HttpRequest, body: bytes, now: datetime) -> None:
    """Raises Unproven where the call is not signed as the agent's platform signs."""
    check, secret = _CHECKS.get(agent.platform), str(agent.secrets.get("signing") or "")
    if check is None or not secret:
        detail = f"No secret was entered for the signatures of “{agent.name}”."
        raise Unproven("secret", detail, agent.workspace_id)
    if fault := check(_Signed(request, body, agent, secret, now)):
        raise Unproven(*fault, agent.workspace_id)


def _named(public_id: str) -> AIAgent | None:
    try:
        wanted = UUID(public_id)
    except ValueError:
        return None
    return AIAgent.objects.select_related("workspace").filter(public_id=wanted).first()


@dataclass(frozen=True)
class _Signed:
    """What a signature is checked with."""

    request: HttpRequest
    body: bytes
    agent: AIAgent
    secret: str
    now: datetime


#: The reason and the detail of a refusal; None where all is well.
_Fault = tuple[str, str] | None


def _by_retell(call: _Signed) -> _Fault:
    """v=<milliseconds>,d=<HMAC-SHA256 of the body and that number> (Retell's SDK: verify)."""
    given = call.request.headers.get("X-Retell-Signature", "").strip()
    if not given:
        return "unsigned", "There is no header X-Retell-Signature."
    read = _RETELL.fullmatch(given)
    if not read:
        return "forged agent", "The header X-Retell-Signature is not of the form v=…,d=…"
    if _is_stale(_moment(read[1]), call.now):
        return "signature stale", "The signature is older than five minutes."
    expected = hmac.new(call.secret.encode(), call.body + read[1].encode(), hashlib.sha256).hexdigest()
    return None if hmac.compare_digest(expected, read[2].lower()) else _forged()


def _by_vapi(call: _Signed) -> _Fault:
    """A server secret as it is, or an HMAC of the body, after the timestamp and a full stop where that is signed (Vapi
    docs: server authentication)."""
    headers, options = call.request.headers, call.agent.options
    if plain := headers.get("X-Vapi-Secret", "").strip():
        return None if hmac.compare_digest(plain.encode(), call.secret.encode()) else _forged()
    name = options.get("header") or SIGNATURE_HEADER
    if not (given := headers.get(name, "").strip()):
        return "unsigned", f"There is no header {name}."
    wanted = options.get("timestamp_header") or ""
    stamp = headers.get(wanted or TIMESTAMP_HEADER, "").strip()
    if wanted and not stamp:
        return "unsigned", f"There is no header {wanted}, which says when the call was signed."
    if stamp and _signs(given, f"{stamp}.".encode() + call.body, call):
        is_stale = _is_stale(_moment(stamp), call.now)
        return ("signature stale", "The signature is older than five minutes.") if is_stale else None
    # Unless the agent names a header of the time, one that comes may be anybody's: a proxy's, for one.
    return None if not wanted and _signs(given, call.body, call) else _forged()


def _signs(given: str, signed: bytes, call: _Signed) -> bool:
    algorithm = ALGORITHMS.get(call.agent.options.get("algorithm") or "sha256", hashlib.sha256)
    return _is_digest(given, hmac.new(call.secret.encode(), signed, algorithm).digest())


_CHECKS: dict[str, Callable[[_Signed], _Fault]] = {
    AIAgent.Platform.RETELL: _by_retell,
    AIAgent.Platform.VAPI: _by_vapi,
}


def _is_digest(given: str, digest: bytes) -> bool:
    """Whether it is written there in hex or in base64, with or without the algorithm before it."""
    bare = given.partition("=")[2] if given.partition("=")[0] in ALGORITHMS else given
    spellings = (digest.hex(), base64.b64encode(digest).decode())
    return any(
        [
            hmac.compare_digest(bare.lower().encode(), spellings[0].encode()),
            hmac.compare_digest(bare.encode(), spellings[1].encode()),
        ]
    )


def _forged() -> tuple[str, str]:
    return "forged agent", "The signature is not made with the secret that was entered for the agent."


def _moment(stamp: str) -> datetime | None:
    """Seconds or milliseconds since 1970, or ISO 8601; None for neither."""
    try:
        if stamp.isdecimal() and len(stamp) < 16:
            seconds = int(stamp) / (1_000 if len(stamp) > 11 else 1)
            return datetime.fromtimestamp(seconds, UTC)
        found = parse_datetime(stamp)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def _is_stale(moment: datetime | None, now: datetime) -> bool:
    return moment is None or abs(now - moment) > TOLERANCE
