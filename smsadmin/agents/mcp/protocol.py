"""The Model Context Protocol over Streamable HTTP, as far as a server of tools needs it: a message in, an HTTP status
and an answer out. It knows nothing of Django, and of tools only what a Host tells.

Two eras share one address (versions.py). In the modern one every request names its version, in its body and in headers
that must agree with it; in the earlier one a handshake comes first, of which nothing is kept.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from smsadmin.agents.mcp import versions
from smsadmin.agents.mcp.errors import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    UNSUPPORTED_VERSION,
    RpcError,
)

logger = structlog.get_logger(__name__)

Json = dict[str, Any]
#: Names in small letters.
Headers = Mapping[str, str]
#: The HTTP status, and the body; None for an empty one.
Response = tuple[int, Any]

_META = "io.modelcontextprotocol/"
VERSION_KEY, CAPABILITIES_KEY = f"{_META}protocolVersion", f"{_META}clientCapabilities"
VERSION_HEADER, METHOD_HEADER, NAME_HEADER = "mcp-protocol-version", "mcp-method", "mcp-name"
#: How long a client may rely on what it read.
DISCOVER_TTL_MS, LIST_TTL_MS = 3_600_000, 300_000
#: Of one body.
MOST_IN_BATCH = 20

_ENCODED = re.compile(r"=\?base64\?(.*)\?=")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a tool: a sentence, the same as an object, and whether it is something to be mended or said."""

    text: str
    structured: Json
    is_error: bool


class Host(Protocol):
    """Whose tools they are."""

    server: Json
    instructions: str

    def tools(self) -> list[Json]:
        """Those that this caller may use, in one order."""

    def call(self, name: str, arguments: Json) -> Result | None:
        """What came of the use of a tool; None where there is none of that name."""


def respond(body: Any, headers: Headers, host: Host) -> Response:
    """The answer to what was posted: a request, a notification, or several of both."""
    version = headers.get(VERSION_HEADER, "")
    try:
        if version and version not in versions.SUPPORTED:
            raise _unsupported(version, versions.SUPPORTED)
        if isinstance(body, list):
            return _batch(body, version or versions.ASSUMED, host)
        return _message(body, headers, host)
    except RpcError as error:
        return error.http, error.body(_id(body))


def _message(body: Any, headers: Headers, host: Host) -> Response:
    method, params = _read(body)
    if "id" not in body:  # nothing that is notified changes anything here
        return 202, None
    if _id(body) is None:
        raise RpcError(INVALID_REQUEST, "The id of a request must be a string or a whole number.")
    if headers.get(VERSION_HEADER) in versions.MODERN or VERSION_KEY in _meta(params):
        _check_envelope(body, headers)
        return 200, _answer(body, _modern(method, params, host))
    return _legacy_answer(body, method, params, host)


def _read(body: Any) -> tuple[str, Json]:
    """The method and the parameters of a message; raises RpcError for what is none."""
    if not isinstance(body, dict) or body.get("jsonrpc") != "2.0" or not isinstance(body.get("method"), str):
        raise RpcError(INVALID_REQUEST, "The body must be one JSON-RPC 2.0 request or notification.")
    params = body.get("params")
    if params is None:
        params = {}
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "params must be an object.")
    return body["method"], params


def _id(body: Any) -> str | int | None:
    """The id of a request; None where there is none that can be repeated."""
    found = body.get("id") if isinstance(body, dict) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def _meta(params: Json) -> Json:
    found = params.get("_meta")
    return found if isinstance(found, dict) else {}


def _answer(body: Json, result: Json) -> Json:
    return {"jsonrpc": "2.0", "id": body["id"], "result": result}


# --- The modern era -----------------------------------------------------------------------------------


def _check_envelope(body: Json, headers: Headers) -> None:
    """What every request says about itself, there and in headers; raises RpcError."""
    meta = _meta(body.get("params") or {})
    if missing := [key for key in (VERSION_KEY, CAPABILITIES_KEY) if key not in meta]:
        raise RpcError(INVALID_PARAMS, f"params._meta lacks {' and '.join(missing)}.")
    said = {VERSION_HEADER: meta[VERSION_KEY], METHOD_HEADER: body["method"]}
    name = body["params"].get("name")
    if body["method"] == "tools/call" and isinstance(name, str):
        said[NAME_HEADER] = name
    for header, value in said.items():
        if header not in headers or decoded(headers[header]) != value:
            raise RpcError(HEADER_MISMATCH, f"The header {header} does not say what the body says.")
    if meta[VERSION_KEY] not in versions.MODERN:
        raise _unsupported(meta[VERSION_KEY], versions.MODERN)


def decoded(value: str) -> str | None:
    """A header's value; what cannot stand in a header comes as =?base64?…?=. None for what cannot be read."""
    if not (found := _ENCODED.fullmatch(value)):
        return value
    try:
        return base64.b64decode(found[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _modern(method: str, params: Json, host: Host) -> Json:
    results = {"server/discover": _discovered, "tools/list": _listed, "tools/call": _called}
    find = results.get(method)
    if find is None:
        raise RpcError(METHOD_NOT_FOUND, f"There is no method {method[:80]}.")
    extra = {
        "server/discover": {"ttlMs": DISCOVER_TTL_MS, "cacheScope": "private"},
        "tools/list": {"ttlMs": LIST_TTL_MS, "cacheScope": "private"},
    }
    return {"resultType": "complete", **extra.get(method, {}), **find(params, host)}


def _discovered(params: Json, host: Host) -> Json:
    return {
        "supportedVersions": list(versions.SUPPORTED),
        "capabilities": {"tools": {}},
        "_meta": {f"{_META}serverInfo": host.server},
        "instructions": host.instructions,
    }


# --- The earlier era ----------------------------------------------------------------------------------


def _legacy_answer(body: Json, method: str, params: Json, host: Host) -> Response:
    """Errors are answers like others here: HTTP 404 would mean that a session is gone."""
    try:
        return 200, _answer(body, _legacy(method, params, host))
    except RpcError as error:
        return 200, error.body(body["id"])


def _legacy(method: str, params: Json, host: Host) -> Json:
    results: dict[str, Callable[[Json, Host], Json]] = {
        "initialize": _initialized,
        "ping": lambda params, host: {},
        "tools/list": _listed,
        "tools/call": _called,
    }
    find = results.get(method)
    if find is None:
        raise RpcError(METHOD_NOT_FOUND, f"There is no method {method[:80]}.")
    return find(params, host)


def _initialized(params: Json, host: Host) -> Json:
    """The client's version where it is known, else our newest one that has this handshake."""
    asked = params.get("protocolVersion")
    return {
        "protocolVersion": asked if asked in versions.LEGACY else versions.LEGACY[0],
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": host.server,
        "instructions": host.instructions,
    }


def _batch(messages: Sequence[Any], version: str, host: Host) -> Response:
    """Several messages of the one revision that has them. A handshake is none of them."""
    if version != versions.WITH_BATCHES:
        raise RpcError(INVALID_REQUEST, f"Version {version} has one message in a body, not several.")
    if not 0 < len(messages) <= MOST_IN_BATCH:
        raise RpcError(INVALID_REQUEST, f"A batch may have 1 to {MOST_IN_BATCH} messages.")
    answers = [found for each in messages if (found := _of_batch(each, version, host)) is not None]
    return (200, answers) if answers else (202, None)


def _of_batch(message: Any, version: str, host: Host) -> Json | None:
    """The answer to one of several; None for a notification, which has none even where it is wrong. What fails here is
    told of this one alone, for others may have been done."""
    if not isinstance(message, dict):
        return RpcError(INVALID_REQUEST, "Each message of a batch must be an object.").body()
    if "id" not in message and "method" in message:
        return None
    if message.get("method") == "initialize":
        return RpcError(INVALID_REQUEST, "initialize must be sent alone.").body(_id(message))
    try:
        found: Json = respond(message, {VERSION_HEADER: version}, host)[1]
    except Exception:
        logger.exception("mcp.failed_in_batch")
        return RpcError(INTERNAL_ERROR, "No answer to this one is possible now.").body(_id(message))
    return found


# --- Tools --------------------------------------------------------------------------------------------


def _listed(params: Json, host: Host) -> Json:
    if params.get("cursor") is not None:
        raise RpcError(INVALID_PARAMS, "There is no such cursor: the list has one page.")
    return {"tools": host.tools()}


def _called(params: Json, host: Host) -> Json:
    """What the model can mend, or should say aloud, is a result; only what no model could have meant is an error."""
    name, arguments = params.get("name"), params.get("arguments")
    if not isinstance(name, str):
        raise RpcError(INVALID_PARAMS, "params.name must be the name of a tool.")
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise RpcError(INVALID_PARAMS, "params.arguments must be an object.")
    found = host.call(name, arguments)
    if found is None:
        raise RpcError(INVALID_PARAMS, f"Unknown tool: {name[:128]}")
    return {
        "content": [{"type": "text", "text": found.text}],
        "structuredContent": found.structured,
        "isError": found.is_error,
    }


def _unsupported(version: Any, spoken: Sequence[str]) -> RpcError:
    data = {"supported": list(spoken), "requested": str(version)[:80]}
    return RpcError(UNSUPPORTED_VERSION, "Unsupported protocol version", data)
