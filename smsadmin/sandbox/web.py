"""Requests, responses and routes: what a stand-in sees of HTTP."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class Wire(StrEnum):
    """How a response is put on the socket."""

    WHOLE = "whole"
    RESET = "reset"  # the connection is reset instead of answered
    HANG = "hang"  # nothing is written until the delay is over, then the connection is reset
    CUT = "cut"  # half of the body, then the connection is closed
    GARBAGE = "garbage"  # bytes that are not HTTP


@dataclass
class Response:
    """An answer, with the delay in seconds before it and the way it goes on the wire."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wire: Wire = Wire.WHOLE
    delay: float = 0.0
    fault: str = ""


@dataclass(frozen=True)
class Request:
    """What arrived; header names are lower case, `path` is without the service's prefix."""

    method: str
    target: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def listed(self, name: str) -> list[str]:
        """The values of a query parameter that takes several: separated by commas, or the parameter repeated."""
        given = parse_qsl(urlsplit(self.target).query)
        return [each for key, value in given if key == name for each in value.split(",") if each]

    @property
    def json(self) -> Any:
        """The body as JSON; None where it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is anything else."""
        return self.json if isinstance(self.json, dict) else {}

    @property
    def form(self) -> dict[str, str]:
        return dict(self._form)

    def form_list(self, name: str) -> list[str]:
        """The values of a parameter of the form that may be repeated."""
        return [value for key, value in self._form if key == name]

    @property
    def _form(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)


class HttpError(Exception):
    """Raised inside a handler to answer with this response."""

    def __init__(self, response: Response):
        self.response = response
        super().__init__(response.status)


def json_response(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer, UTF-8 without escapes, as both services send it."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def html_response(status: int, title: str) -> Response:
    """What a gateway answers when the application behind it does not."""
    page = f"<html><head><title>{status} {title}</title></head><body><h1>{status} {title}</h1></body></html>"
    return Response(status, page.encode(), {"Content-Type": "text/html"})


Handler = Callable[..., Response]


class Router:
    """(method, pattern) to function; the pattern's named groups become keyword arguments."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def route(self, method: str, pattern: str) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self._routes.append((method, re.compile(pattern), handler))
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
        """The handler and its arguments, or None for an unknown path."""
        for wanted, pattern, handler in self._routes:
            if wanted == method and (match := pattern.fullmatch(path)):
                return handler, match.groupdict()
        return None
