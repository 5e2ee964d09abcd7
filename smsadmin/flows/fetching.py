"""fetch@v1 and fetch@v2: calls of the hosts that a workspace allows its flows, and of no other."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from time import monotonic
from typing import Any

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from smsadmin.core import strict_json
from smsadmin.flows.models import FetchHost
from smsadmin.privacy.masking import MASK
from smsadmin.providers import http

Params = Mapping[str, Any]
Result = dict[str, Any]

LONGEST_FETCH = 10.0  # seconds
MOST_FETCHED = 65_536  # bytes of an answer
#: Of one run, which shares the threads of its worker with messages and with other runs.
LONGEST_TOGETHER = 60.0  # seconds
MOST_TOGETHER = 262_144  # characters of all answers
#: Of an answer's headers.
_MOST_HEADERS, _LONGEST_HEADER = 50, 500
SHORTEST_SECRET = 6  # characters; shorter ones would be found in any answer
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
HEADER_VALUE = re.compile(r"[\x20-\x7e\t]{0,8000}")
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


def _credential(workspace_id: int, url: str) -> dict[str, str]:
    """The header that owners set for the host of the address, {} for none. Flows see neither its name nor its value."""
    scheme, _host, _has_user = http.parts_of(url)
    for row in FetchHost.objects.filter(workspace=workspace_id):
        if row.secrets and http.host_of(f"{scheme}://{row.host}") == http.host_of(url):
            return {row.secrets["header"]: row.secrets["value"]}
    return {}


def _with(headers: dict[str, str], credential: dict[str, str]) -> dict[str, str]:
    """The headers of a call: what owners set stands instead of what a step says."""
    ours = {name.lower() for name in credential}
    return {name: each for name, each in headers.items() if name.lower() not in ours} | credential


def _without(body: str, credential: dict[str, str]) -> str:
    """What a host answered that repeats what it was called with: it stands in the run, so the value may not."""
    for value in credential.values():
        for secret in (
            value,
            value.split()[-1] if value.split() else value,
        ):  # "Bearer …", and what comes after it
            body = body.replace(secret, MASK) if len(secret) >= SHORTEST_SECRET else body
    return body


def is_header_name(name: str) -> bool:
    """Whether a call may set a header of this name."""
    return bool(_HEADER_NAME.fullmatch(name)) and name.lower() not in _HOP_BY_HOP


def _bad_header(params: Params) -> str:
    """The name of a header that HTTP has no room for; its value may be a credential."""
    for name, value in _headers(params).items():
        if not (_HEADER_NAME.fullmatch(name) and HEADER_VALUE.fullmatch(value)):
            return name[:40]
    return ""


@dataclass(frozen=True, slots=True)
class Used:
    """What the calls of a run have used so far of what they may."""

    seconds: float = 0.0
    characters: int = 0

    def up(self) -> str:
        """What of it is used up, as the reason why no other call is made; "" for nothing."""
        if self.seconds >= LONGEST_TOGETHER:
            return f"the calls of the run have taken {LONGEST_TOGETHER:g} s together, which is the most"
        if self.characters >= MOST_TOGETHER:
            return f"the run was answered {MOST_TOGETHER} characters, which is the most"
        return ""

    def patience(self, params: Params) -> float:
        """The seconds that the next call may take."""
        return float(min(params["timeout"] or LONGEST_FETCH, LONGEST_FETCH, LONGEST_TOGETHER - self.seconds))

    def begun(self, params: Params) -> "Used":
        """With a call whose end nobody knows yet."""
        return self.done(self.patience(params), 0)

    def done(self, seconds: float, characters: int) -> "Used":
        return Used(round(self.seconds + seconds, 3), self.characters + characters)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@sensitive_variables()
def call(workspace_id: int, params: Params, used: Used) -> tuple[Result, Used]:
    """What the host answers, and what is used with it."""
    began = monotonic()
    result = _called(workspace_id, params, used)
    return result, used.done(monotonic() - began, len(result["body"]))


@sensitive_variables()
def _called(workspace_id: int, params: Params, used: Used) -> Result:
    credential = _credential(workspace_id, params["url"])
    answer = http.call_outside(
        params["method"],
        params["url"],
        params["body"].encode(errors="replace"),
        headers=_with(_headers(params), credential),
        read_timeout=used.patience(params),
        private=settings.FLOW_PRIVATE_HOSTS,
        most=min(MOST_FETCHED, MOST_TOGETHER - used.characters),
    )
    if answer.broke:
        return failed(answer.exchange.failure)
    body = _without(answer.body or "", credential)
    return {
        "ok": 200 <= answer.status < 300,
        "status": answer.status,
        "statusText": _phrase(answer.status),
        "headers": _told(answer.exchange.headers, credential),
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


def _told(headers: Mapping[str, str], credential: dict[str, str]) -> dict[str, str]:
    said = [
        (name, _without(each, credential)) for name, each in headers.items() if name not in _SECRET_HEADERS
    ]
    return {name: each[:_LONGEST_HEADER] for name, each in said[:_MOST_HEADERS]}


def _json(body: str) -> Any:
    """What the answer says, if that is JSON that can be kept; None for anything else."""
    try:
        return strict_json.read(body)
    except ValueError:
        return None
