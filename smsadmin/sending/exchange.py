"""What was said to the provider, as text to read, without its secrets."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from smsadmin import phrases
from smsadmin.privacy.masking import MASK
from smsadmin.sending.log import SAID
from smsadmin.sending.models import Event

_SECRET = re.compile(
    r"authori[sz]ation|token|secret|passw|api.?key|api.?id|signature|cookie|credential", re.IGNORECASE
)
_CREDENTIAL = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
#: Names are looked at once each and taken whole, so that a text like "tokentokentoken…" is no slower than others.
_IN_TEXT = re.compile(
    rf"(?<![\w-])(?=[\w-]*?(?:{_SECRET.pattern}))(?P<name>(?:api[ .])?[\w-]++)"
    rf"(?P<between>[\"']?\s*+[:=]\s*[\"']?)(?P<value>[^\s\"'&,;}}<]+)",
    re.IGNORECASE,
)


def redact(value: Any) -> Any:
    """The same value with everything masked that is called like a secret, or looks like a credential."""
    if isinstance(value, dict):
        return {name: MASK if _SECRET.search(str(name)) else redact(each) for name, each in value.items()}
    if isinstance(value, list):
        return [redact(each) for each in value]
    return _redact_text(value) if isinstance(value, str) else value


def _redact_text(text: str) -> str:
    text = _USER_INFO.sub(f"{MASK}@", _CREDENTIAL.sub(rf"\1 {MASK}", text))
    return _IN_TEXT.sub(lambda found: f"{found['name']}{found['between']}{MASK}", text)


@dataclass(frozen=True, slots=True)
class ShownExchange:
    """One exchange with the provider, as text to read."""

    at: datetime
    request: str
    body: str
    answer: str


def exchanges(events: Sequence[Event], *, without_text: bool = False) -> list[ShownExchange]:
    """Every attempt as it went over the wire, credentials masked; `without_text` tells only how it went."""
    left_out = SAID if without_text else ()
    return [_said(event, left_out) for event in events if event.kind == Event.Kind.ATTEMPT]


def _said(event: Event, left_out: Sequence[str]) -> ShownExchange:
    data = {name: value for name, value in event.data.items() if name not in left_out}
    line = f"{data.get('method', '')} {data.get('url', '')}".strip()
    status = (
        f"HTTP {data['status']}"
        if "status" in data
        else _("No answer: %(why)s") % {"why": phrases.translated(data.get("failure", ""))}
    )
    answer = _pretty(data.get("answer", ""))
    return ShownExchange(
        event.at,
        redact(line),
        _pretty(data.get("request")),
        redact("\n".join(filter(None, (status, answer)))),
    )


def _pretty(value: Any) -> str:
    """JSON indented, other text as it came; redacted."""
    if value in (None, ""):
        return ""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(redact(value))
    return json.dumps(redact(value), ensure_ascii=False, indent=2)
