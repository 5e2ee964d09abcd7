"""The actions of a call flow and what each may be given. The same rules hold before and after values are filled in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from smsadmin.core import sender_names
from smsadmin.core.numbers import NumberError, e164_strict
from smsadmin.flows.language.expressions import Undefined, has_expression, shown
from smsadmin.flows.language.keeping import shortened
from smsadmin.flows.language.problems import excerpt, nearest

SMS: Final = "sms@v1"
FETCHES: Final = ("fetch@v1", "fetch@v2")
LOG: Final = "log@v1"
JAVASCRIPT: Final = "javascript@v1"
#: Done by whoever has the call; their results come with the event.
GIVEN: Final = (
    "answer@v1",
    "bridge@v1",
    "dial@v1",
    "gather@v2",
    "hangup@v1",
    "ringing@v1",
    "say@v2",
    "startRecording@v1",
)
KNOWN: Final = (SMS, *FETCHES, LOG, *GIVEN)

ENCODINGS: Final = ("gsm", "unicode")
TRAFFIC: Final = ("marketing", "alerting")
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
SMS_PARAMS: Final = ("to", "body", "from", "encoding", "trafficType")
FETCH_PARAMS: Final = ("url", "method", "headers", "body", "timeout", "audio")

#: A run texts one person at most so many times, whatever its flow says.
MOST_TEXTS_EACH: Final = 3
#: Before numbers that are there twice are told apart, which costs time for each.
MOST_RECIPIENTS_GIVEN: Final = 1_000
LONGEST_RECIPIENT: Final = 100
LONGEST_BODY: Final = 10_000
LONGEST_FETCH_BODY: Final = 65_536
LONGEST_URL: Final = 8_000
LONGEST_HEADERS: Final = 65_536  # together
LONGEST_LOG: Final = 1_000
#: Headers that let whoever has them act as somebody.
SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token"}
)


@dataclass(frozen=True, slots=True)
class Wrong:
    """A param that an action cannot be given, and the way to it inside the params."""

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    path: tuple[str | int, ...] = ()


class ParamsError(Exception):
    """Params that came out wrong once their expressions were filled in."""

    def __init__(self, wrong: Wrong) -> None:
        super().__init__(wrong.code)
        self.code, self.facts = wrong.code, wrong.facts


def check(action: str, params: Mapping[str, Any]) -> list[Wrong]:
    """What is wrong with the params of an action as they are written; what holds an expression is asked later."""
    if action == SMS:
        return list(_checked(SMS, params, _SMS_RULES, _unknown_of_sms(params)))
    if action in FETCHES:
        beside = [*_unknown_of_fetch(action, params), *_secrets(params.get("headers"))]
        return list(_checked(action, params, _FETCH_RULES, beside))
    return []


def sms(params: Mapping[str, Any]) -> dict[str, Any]:
    """The params of sms@v1 once they are filled in, whole: to (list of texts), body, from, encoding, trafficType.

    What is null or undefined is empty: a recipient or a text that is missing is refused where all messages are.
    Raises ParamsError.
    """
    given = {key: _text(value) for key, value in params.items()}
    to = given.get("to", [])
    filled = {
        "to": [_text(each) for each in to] if isinstance(to, list) else [to] if isinstance(to, str) else to,
        "body": given.get("body", ""),
        "from": given.get("from", ""),
        "encoding": given.get("encoding", ""),
        "trafficType": given.get("trafficType") or TRAFFIC[0],
    }
    for name, rule in _FILLED_SMS_RULES.items():
        _raise_first(rule(SMS, filled[name]))
    return filled


def fetch(action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The params of fetch@v1 and fetch@v2 once they are filled in, whole: url, method, headers, body, and timeout in
    seconds or None. Raises ParamsError."""
    headers = params.get("headers") or {}
    if isinstance(headers, Mapping):
        headers = {name: _text(value) for name, value in headers.items()}
    filled = {
        "url": _text(params.get("url")),
        "method": _text(params.get("method")) or METHODS[0],
        "headers": headers,
        "body": _text(params.get("body")),
        "timeout": None if isinstance(timeout := params.get("timeout"), Undefined) else timeout,
    }
    for name, rule in _FETCH_RULES.items():
        _raise_first(rule(action, filled[name]))
    return filled | {"method": filled["method"].upper()}


def log(message: Any) -> str:
    """What log@v1 notes: a text as it is, anything else as JSON, as long as people read."""
    return shortened(message if isinstance(message, str) else shown(message), LONGEST_LOG)


def _checked(
    action: str, params: Mapping[str, Any], rules: Mapping[str, "_Rule"], beside: list[Wrong]
) -> Iterator[Wrong]:
    yield from beside
    for name, rule in rules.items():
        if name == "to" and isinstance(params.get(name), list):
            yield from _recipients(params[name])
        elif not has_expression(params.get(name)):
            yield from rule(action, params.get(name))


def _raise_first(wrongs: Iterator[Wrong]) -> None:
    for wrong in wrongs:
        raise ParamsError(wrong)


def _unknown_of_sms(params: Mapping[str, Any]) -> list[Wrong]:
    return [
        Wrong("UNKNOWN_KEY", _unknown(key, SMS_PARAMS), (key,)) for key in params if key not in SMS_PARAMS
    ]


def _unknown_of_fetch(action: str, params: Mapping[str, Any]) -> list[Wrong]:
    return [
        Wrong("FETCH_PARAM", {"action": action, **_unknown(key, FETCH_PARAMS)}, (key,))
        for key in params
        if key not in FETCH_PARAMS
    ]


def _secrets(headers: Any) -> list[Wrong]:
    """Credentials that stand in the text themselves."""
    if not isinstance(headers, Mapping):
        return []
    return [
        Wrong("FETCH_SECRET", {"header": excerpt(name)}, ("headers", name))
        for name, value in headers.items()
        if name.strip().casefold() in SECRET_HEADERS and value not in (None, "") and not has_expression(value)
    ]


def _unknown(key: str, known: tuple[str, ...]) -> dict[str, str]:
    return {"key": excerpt(key), "known": ", ".join(known), "nearest": nearest(key, known)}


def _text(value: Any) -> Any:
    """A text where a value has an obvious one: nothing is empty, and numbers are their digits. Others stay."""
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value}" if isinstance(value, int | float) else value


_Rule = Callable[[str, Any], Iterator[Wrong]]


def _to(action: str, value: Any) -> Iterator[Wrong]:
    if value is None or value == "":
        yield Wrong("SMS_TO_MISSING", {}, ("to",) if value == "" else ())
    elif isinstance(value, str | int | float):
        yield from _recipient(value, ("to",))
    else:
        yield Wrong("SMS_TO_FORM", {}, ("to",))


def _recipients(values: list[Any]) -> Iterator[Wrong]:
    yield from _number_of(values)
    for index, value in enumerate(values):
        if has_expression(value):
            continue
        if isinstance(value, str | int | float):
            yield from _recipient(value, ("to", index))
        else:
            yield Wrong("SMS_TO_FORM", {}, ("to", index))


def _recipient(value: str | float, path: tuple[str | int, ...]) -> Iterator[Wrong]:
    """A number that stands in the text; one that is filled in is judged where all recipients are."""
    if not _is_e164(value):
        yield Wrong("SMS_TO_NUMBER", {"value": excerpt(str(value))}, path)


def _filled_to(action: str, value: Any) -> Iterator[Wrong]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        yield Wrong("SMS_TO_FORM", {}, ("to",))
        return
    yield from _number_of(value)
    if long := next((each for each in value if len(each) > LONGEST_RECIPIENT), ""):
        yield Wrong("SMS_TO_NUMBER", {"value": excerpt(long)}, ("to",))


def _number_of(recipients: list[Any]) -> Iterator[Wrong]:
    if not recipients:
        yield Wrong("SMS_TO_MISSING", {}, ("to",))
    if len(recipients) > MOST_RECIPIENTS_GIVEN:
        yield Wrong("SMS_TO_MANY", {"count": len(recipients), "most": MOST_RECIPIENTS_GIVEN}, ("to",))


def _long(action: str, key: str, characters: int, most: int) -> Iterator[Wrong]:
    if characters > most:
        yield Wrong(
            "PARAM_LONG", {"action": action, "key": key, "characters": characters, "most": most}, (key,)
        )


def _body(action: str, value: Any) -> Iterator[Wrong]:
    if value is None or value == "":
        yield Wrong("SMS_BODY_MISSING", {}, ("body",) if value == "" else ())
    else:
        yield from _filled_body(action, value)


def _filled_body(action: str, value: Any) -> Iterator[Wrong]:
    if not isinstance(value, str):
        yield Wrong("SMS_BODY_FORM", {}, ("body",))
    else:
        yield from _long(action, "body", len(value), LONGEST_BODY)


def _from(action: str, value: Any) -> Iterator[Wrong]:
    if value in (None, ""):
        return
    if not isinstance(value, str) or (sender_names.fault(value) and not _is_e164(value)):
        yield Wrong("SMS_FROM", {"value": excerpt(str(value))}, ("from",))


def _encoding(action: str, value: Any) -> Iterator[Wrong]:
    if value not in (None, "", *ENCODINGS):
        yield Wrong("SMS_ENCODING", {"value": excerpt(str(value))}, ("encoding",))


def _traffic(action: str, value: Any) -> Iterator[Wrong]:
    if value not in (None, "", *TRAFFIC):
        facts = {"value": excerpt(str(value)), "nearest": nearest(str(value), TRAFFIC)}
        yield Wrong("SMS_TRAFFIC", facts, ("trafficType",))


def _url(action: str, value: Any) -> Iterator[Wrong]:
    if not isinstance(value, str) or not value.casefold().startswith(("https://", "http://")):
        yield Wrong("FETCH_URL", {"action": action}, () if value is None else ("url",))
    else:
        yield from _long(action, "url", len(value), LONGEST_URL)


def _method(action: str, value: Any) -> Iterator[Wrong]:
    if value is not None and (not isinstance(value, str) or value.upper() not in METHODS):
        facts = {"value": excerpt(str(value)), "known": ", ".join(METHODS)}
        yield Wrong("FETCH_METHOD", facts, ("method",))


def _headers(action: str, value: Any) -> Iterator[Wrong]:
    if value is None:
        return
    if not isinstance(value, Mapping):
        yield Wrong("FETCH_HEADERS", {}, ("headers",))
    elif odd := next((name for name, each in value.items() if not isinstance(each, str | int | float)), None):
        yield Wrong("FETCH_HEADERS", {}, ("headers", odd))
    else:
        characters = sum(len(name) + len(str(each)) for name, each in value.items())
        yield from _long(action, "headers", characters, LONGEST_HEADERS)


def _fetch_body(action: str, value: Any) -> Iterator[Wrong]:
    if value is None:
        return
    if not isinstance(value, str):
        yield Wrong("FETCH_BODY", {"action": action}, ("body",))
    else:
        yield from _long(action, "body", len(value), LONGEST_FETCH_BODY)


def _timeout(action: str, value: Any) -> Iterator[Wrong]:
    if value is not None and not (
        isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    ):
        yield Wrong("FETCH_TIMEOUT", {}, ("timeout",))


def _is_e164(value: Any) -> bool:
    try:
        return e164_strict(str(value)) == value
    except NumberError:
        return False


_SMS_RULES: Final[dict[str, _Rule]] = {
    "to": _to,
    "body": _body,
    "from": _from,
    "encoding": _encoding,
    "trafficType": _traffic,
}
_FILLED_SMS_RULES: Final[dict[str, _Rule]] = _SMS_RULES | {"to": _filled_to, "body": _filled_body}
_FETCH_RULES: Final[dict[str, _Rule]] = {
    "url": _url,
    "method": _method,
    "headers": _headers,
    "body": _fetch_body,
    "timeout": _timeout,
}
