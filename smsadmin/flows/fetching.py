"""fetch@v1 and fetch@v2: calls of the hosts that a workspace allows its flows, and of no other."""

import json
import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from smsadmin.flows.models import FetchHost
from smsadmin.providers import http

Params = Mapping[str, Any]
Result = dict[str, Any]

LONGEST_FETCH = 10.0  # seconds
MOST_FETCHED = 65_536  # bytes of an answer
#: What HTTP itself decides, whatever a flow says.
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]{0,8000}")
#: Of an answer's headers, what lets its reader act as somebody.
_SECRET_HEADERS = frozenset({"set-cookie", "authorization", "proxy-authenticate", "www-authenticate"})


def why_not(workspace_id: int, params: Params) -> str:
    """Why a host is not called, "" where it is. `params` are whole (language.actions.fetch)."""
    try:
        scheme, host, has_user = http.parts_of(params["url"])
    except ValueError:
        return "its address cannot be read"
    if not host or has_user:
        return "its address cannot be called"
    if name := _bad_header(params):
        return f"the header {name} cannot be sent"
    if http.host_of(params["url"]) not in _allowed(workspace_id, scheme):
        return f"{http.host_of(params['url'])} is not among the hosts that flows may call"
    return ""


def _allowed(workspace_id: int, scheme: str) -> set[str]:
    """The hosts as they stand in addresses of this scheme, where its usual port stands in none."""
    hosts = FetchHost.objects.filter(workspace=workspace_id).values_list("host", flat=True)
    return {http.host_of(f"{scheme}://{host}") for host in hosts}


def _headers(params: Params) -> dict[str, str]:
    named = {name: str(value) for name, value in params["headers"].items()}
    return {name: value for name, value in named.items() if name.lower() not in _HOP_BY_HOP}


def _bad_header(params: Params) -> str:
    """The name of a header that HTTP has no room for; its value may be a credential."""
    for name, value in _headers(params).items():
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            return name[:40]
    return ""


@sensitive_variables()
def call(params: Params) -> Result:
    answer = http.call_outside(
        params["method"],
        params["url"],
        params["body"].encode(errors="replace"),
        headers=_headers(params),
        read_timeout=min(params["timeout"] or LONGEST_FETCH, LONGEST_FETCH),
        private=settings.FLOW_PRIVATE_HOSTS,
        most=MOST_FETCHED,
    )
    if answer.broke:
        return failed(answer.exchange.failure)
    body = answer.body or ""
    return {
        "ok": 200 <= answer.status < 300,
        "status": answer.status,
        "statusText": _phrase(answer.status),
        "headers": {
            name: each for name, each in answer.exchange.headers.items() if name not in _SECRET_HEADERS
        },
        "body": body,
        "json": _json(body),
    }


def failed(why: str) -> Result:
    return {"ok": False, "status": 0, "statusText": "", "headers": {}, "body": "", "json": None, "error": why}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _json(body: str) -> Any:
    """What the answer says, if that is JSON that a database stores; None for anything else."""
    try:
        return json.loads(body, parse_constant=_none, parse_float=_finite)
    except (ValueError, RecursionError):
        return None


def _none(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON value")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        _none(digits)
    return number
