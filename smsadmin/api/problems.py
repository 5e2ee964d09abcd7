"""Errors as programs read them: application/problem+json (RFC 9457), each with a stable `code` of ours."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import JsonResponse
from django.urls import reverse

from smsadmin.core.errors import CATALOGUE

CONTENT_TYPE = "application/problem+json"

#: Every code that is not of a message, with the status it comes with and what it means: what the pages of the API list.
CODES: Mapping[str, tuple[int, str]] = {
    "BAD_REQUEST": (400, "The request cannot be read: no JSON, or far too many parameters."),
    "BAD_PARAMETER": (400, "A parameter or header cannot be used: `parameter` and `value` name it."),
    "IDEMPOTENCY_KEY_MISSING": (400, "What sends a message or begins a run needs an `Idempotency-Key`."),
    "KEY_MISSING": (401, "There is no key: send `Authorization: Bearer smsadmin_…`."),
    "KEY_UNKNOWN": (401, "No key has this token."),
    "KEY_REVOKED": (401, "The key was revoked."),
    "KEY_EXPIRED": (401, "The key has expired."),
    "KEY_SCOPE": (403, "The key is not made for this: `scope` is the one it would need."),
    "TEST_KEY": (403, "The key is in test mode, and this would change more than tests."),
    "NOT_FOUND": (404, "There is no such address, or no such thing in the key's workspace."),
    "METHOD_NOT_ALLOWED": (405, "The address takes other methods: `Allow` names them."),
    "NOT_ACCEPTABLE": (406, "Answers are JSON, and `Accept` does not allow that."),
    "FLOW_OFF": (409, "The call flow is off."),
    "NOT_HELD": (409, "The message is not held, so it cannot be cancelled."),
    "BODY_TOO_LARGE": (413, "The body is larger than the address reads."),
    "NOT_JSON": (415, "The body must be sent as application/json."),
    "BAD_BODY": (422, "The body is JSON, but not what the address takes: `errors` names every fault."),
    "IDEMPOTENCY_KEY_REUSED": (422, "The key was used with another request."),
    "RESULT_MISSING": (422, "The call flow decides by a result that was not given."),
    "TOO_MANY_REQUESTS": (429, "The key's own limit: `Retry-After` says when to go on."),
    "INTERNAL_ERROR": (500, "smsadmin itself failed; its log says why."),
    "NOT_NOW": (
        503,
        "The database, the cache or HubSpot cannot be reached: the same request may be made again.",
    ),
}


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
            "type": help_url(self.code),
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


def help_url(code: str) -> str:
    """Where a code is explained: those of the API on its own page, those that stop messages among the causes."""
    page = "api-docs" if code in CODES or code not in CATALOGUE else "help-errors"
    return f"{settings.BASE_URL}{reverse(page)}#{code}"


def bad_request(detail: str) -> Problem:
    """A request that cannot be read at all."""
    return Problem(400, "BAD_REQUEST", detail)


def bad_parameter(name: str, value: str, detail: str) -> Problem:
    """A part of the query that cannot be used. `detail` says what it must be."""
    return Problem(400, "BAD_PARAMETER", detail, parameter=name, value=value)


def not_found(detail: str) -> Problem:
    return Problem(404, "NOT_FOUND", detail)
