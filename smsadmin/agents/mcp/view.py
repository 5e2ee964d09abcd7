"""POST /mcp/: an agent's tools for any client of the Model Context Protocol. The bearer token says whose they are."""

from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from smsadmin import __version__
from smsadmin.agents import credentials, limiting, rendering, running, tools
from smsadmin.agents.dialects import proving
from smsadmin.agents.dialects.views import (
    CALL_HEADERS,
    CALLER_HEADER,
    Malformed,
    body_of,
    json_of,
    keep,
    with_headers,
)
from smsadmin.agents.mcp import protocol
from smsadmin.agents.mcp.errors import INTERNAL_ERROR, PARSE_ERROR, TURNED_AWAY, RpcError
from smsadmin.agents.mcp.protocol import Json, Result
from smsadmin.agents.models import AIAgent
from smsadmin.agents.running import CallFacts

logger = structlog.get_logger(__name__)

INSTRUCTIONS = (
    "Each tool sends one text message (SMS) whose wording is fixed; you give the details that its parameters ask for. "
    "Use a tool when its description says so, and tell the person what the answer says. A text is on its way or will "
    "go out a little later, or the answer says why not: then do not promise a text. Do not call a tool again unless "
    "the answer asks for something else or the person asks for another text."
)

#: What a browser is told before it sends the request of a page (Fetch Standard: CORS-preflight fetch).
PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": ", ".join(
        (
            *("Authorization", "Content-Type", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"),
            *("Mcp-Session-Id", *CALL_HEADERS, CALLER_HEADER),
        )
    ),
    "Access-Control-Max-Age": "7200",
}


class AgentHost:
    """The tools of an agent, in the call that this request is about."""

    server: Json = {"name": "smsadmin", "version": __version__}
    instructions = INSTRUCTIONS

    def __init__(self, agent: AIAgent, call: CallFacts) -> None:
        self.agent, self.call_facts, self.now = agent, call, timezone.now()

    def tools(self) -> list[Json]:
        return [rendering.mcp(tool) for tool in tools.offered(self.agent)]

    def call(self, name: str, arguments: Json) -> Result | None:
        """A JSON-RPC id is no id of the use: clients that connect anew for each begin to count anew."""
        attachment = tools.named(self.agent, name)
        if attachment is None:
            return None
        found = running.use(self.agent, attachment, arguments, self.call_facts, dialect="mcp", now=self.now)
        return Result(found.say, rendering.answer(found), not found.ok)


@csrf_exempt
def mcp(request: HttpRequest) -> HttpResponse:
    """One message in, one answer out; nothing is kept between them."""
    origin = request.headers.get("Origin")
    if not _is_welcome(origin):
        return _told(403, RpcError(TURNED_AWAY, "Pages of this origin may not call this server.").body())
    if origin is None:
        return _responded(request)
    is_preflight = request.method == "OPTIONS"
    response = HttpResponse(status=204, headers=PREFLIGHT) if is_preflight else _responded(request)
    response["Access-Control-Allow-Origin"], response["Vary"] = origin, "Origin"
    response["Access-Control-Expose-Headers"] = "Retry-After, WWW-Authenticate"
    return response


def _responded(request: HttpRequest) -> HttpResponse:
    """The answer to whoever may ask from where they are."""
    if request.method != "POST":
        error = RpcError(TURNED_AWAY, f"{request.path} takes POST, not {request.method}.")
        return _told(405, error.body(), {"Allow": "POST"})
    try:
        return _answered(request)
    except proving.Unproven as error:
        keep(request, error.reason, error.detail, error.workspace_id)
        challenge = 'Bearer realm="smsadmin"' + (
            "" if error.reason == "no token" else ', error="invalid_token"'
        )
        return _told(401, RpcError(TURNED_AWAY, error.detail).body(), {"WWW-Authenticate": challenge})
    except limiting.TooMany as error:
        told = RpcError(TURNED_AWAY, "Too many requests; make this one again later.").body()
        return _told(429, told, {"Retry-After": str(error.seconds)})
    except Malformed as error:
        return _told(error.status, RpcError(PARSE_ERROR, error.detail).body())
    except DatabaseError as error:
        logger.warning("mcp.put_off", error=str(error))
        told = RpcError(
            INTERNAL_ERROR, "No answer is possible now; make the same request again later."
        ).body()
        return _told(503, told, {"Retry-After": "2"})
    except Exception:
        logger.exception("mcp.failed")
        return _told(500, RpcError(INTERNAL_ERROR, "smsadmin itself failed at this request.").body())


def _answered(request: HttpRequest) -> HttpResponse:
    now, body = timezone.now(), body_of(request)
    agent = proving.agent_of(request, body, now)
    message = json_of(body)
    several = len(message[: protocol.MOST_IN_BATCH]) if isinstance(message, list) else 1
    limiting.count(agent, now, times=max(1, several))
    credentials.seen(agent, now)
    headers = {name.lower(): value for name, value in request.headers.items()}
    call = with_headers(CallFacts(), request)
    return _told(*protocol.respond(message, headers, AgentHost(agent, call)))


def _told(status: int, body: object, headers: dict[str, str] | None = None) -> HttpResponse:
    if body is None:
        return HttpResponse(status=status, headers=headers)
    return JsonResponse(body, status=status, headers=headers, safe=False)


def _is_welcome(origin: str | None) -> bool:
    """Programs send no origin; a page's must be ours, or one that the settings allow: else any page that somebody opens
    could call a server that only their machine reaches."""
    welcome = [_origin(url) for url in (settings.BASE_URL, *settings.MCP_ALLOWED_ORIGINS)]
    return origin is None or _origin(origin) in welcome


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:  # as of [ without ]
        return "", url
    return parts.scheme.lower(), parts.netloc.lower()
