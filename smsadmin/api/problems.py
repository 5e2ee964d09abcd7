"""Errors as programs read them: application/problem+json (RFC 9457), each with a stable `code` of ours."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """Why a call is not answered: what is said to the caller, and how.

    `members` are further members of the answer.
    """

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.members = dict(headers or {}), members
        super().__init__(detail)

    @property
    def response(self) -> JsonResponse:
        body = {
            "type": "about:blank",  # the code tells them apart
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.members,
        }
        return JsonResponse(
            body,
            status=self.status,
            content_type=CONTENT_TYPE,
            headers=self.headers,
            json_dumps_params={"ensure_ascii": False},
        )


def bad_request(detail: str) -> Problem:
    """A request that cannot be read at all."""
    return Problem(400, "BAD_REQUEST", detail)


def bad_parameter(name: str, value: str, detail: str) -> Problem:
    """A part of the query that cannot be used. `detail` says what it must be."""
    return Problem(400, "BAD_PARAMETER", detail, parameter=name, value=value)


def not_found(detail: str) -> Problem:
    return Problem(404, "NOT_FOUND", detail)
