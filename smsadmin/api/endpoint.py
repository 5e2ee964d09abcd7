"""What every address of the API does around its own work: who calls, how often, and how an error is told."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from redis.exceptions import RedisError

from smsadmin.api import keys, limiting
from smsadmin.api.models import Key, KeyScope
from smsadmin.api.problems import CONTENT_TYPE, Problem, bad_request, not_found
from smsadmin.providers.hubspot import client

logger = structlog.get_logger(__name__)

View = Callable[..., HttpResponse]
READS = ("GET", "HEAD")
#: On every answer to a key in test mode.
TEST_HEADER = "Smsadmin-Test"
#: What the database, a cache that several processes share, and HubSpot raise while they cannot be reached.
UNREACHABLE = (OperationalError, InterfaceError, RedisError, client.Unavailable)
#: What an answer may be; who asks for something else alone is told so.
_TYPES = ("application/json", CONTENT_TYPE)


class Call(HttpRequest):
    """A request past the guards: whose key it carries, and when it came in."""

    key: Key
    now: datetime


@sensitive_variables()
def token_of(request: HttpRequest) -> str:
    """What the call carries as its bearer token; "" without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.casefold() == "bearer" else ""


def only_live(request: Call, what: str) -> None:
    """Raises the Problem (403) of a key in test mode where what is asked for would change more than tests."""
    if request.key.test:
        detail = (
            f"The key {request.key.prefix} is in test mode, and {what}. Use a key that is not in test mode."
        )
        raise Problem(403, "TEST_KEY", detail)


def endpoint(scope: KeyScope) -> Callable[[View], View]:
    """A view that reads, for callers whose key has the scope. Everything else that may come of it is a problem+json."""
    return lambda view: _telling(_taking(READS, _guarded(view, scope)))


def writing(scope: KeyScope, method: str = "POST") -> Callable[[View], View]:
    """A view that is asked to do something, for callers whose key has the scope; else like an endpoint."""
    return lambda view: _telling(_taking((method,), _guarded(view, scope)))


def public(view: View) -> View:
    """A view that reads, for everybody."""
    return _telling(_taking(READS, view))


def by_method(**views: View) -> View:
    """One address that several methods do different things at: a view for each, "GET" for HEAD too."""
    allowed = [each for method in views for each in (READS if method == "GET" else (method,))]

    @_telling
    def chosen(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method not in allowed:
            raise _wrong_method(request, allowed)
        return views["GET" if request.method == "HEAD" else request.method](request, *args, **kwargs)

    return chosen


def _guarded(view: View, scope: KeyScope) -> View:
    @wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        request.now = timezone.now()
        request.key = _key(request, request.now)
        limiting.count(request.key, request.now)
        keys.used(request.key, request.now)
        if scope not in request.key.scopes:
            raise _out_of_scope(request.key, scope)
        return view(request, *args, **kwargs)

    return guarded


def _taking(methods: Sequence[str], view: View) -> View:
    @wraps(view)
    def taking(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method not in methods:
            raise _wrong_method(request, methods)
        if not any(map(request.accepts, _TYPES)):
            raise _not_acceptable(request)
        return view(request, *args, **kwargs)

    return taking


def _telling(view: View) -> View:
    """A view whose errors are problems, and whose words and times are English and UTC, whoever's thread it runs in."""

    @csrf_exempt
    @wraps(view)
    def told(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with translation.override("en"), timezone.override(UTC):
            response = _answer(view, request, *args, **kwargs)
        if (key := getattr(request, "key", None)) and key.test:
            response.headers[TEST_HEADER] = "true"
        patch_vary_headers(response, ["Authorization"])
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return told


def _answer(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    try:
        return view(request, *args, **kwargs)
    except Problem as problem:
        return problem.response
    except RequestDataTooBig:
        return Problem(413, "BODY_TOO_LARGE", "The body is larger than any address reads.").response
    except SuspiciousOperation as error:  # more parameters than Django reads
        return bad_request(f"This request is not read: {error}").response
    except UNREACHABLE as error:
        logger.warning("api.put_off", path=request.path, error=str(error))
        return _not_now(error).response
    except Exception:
        logger.exception("api.failed", path=request.path)
        return _failed().response


@_telling
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Any address under /api/ that is not one of the API's."""
    raise not_found(f"There is nothing at {request.path}. /api/v1/openapi.json lists every address.")


def _out_of_scope(key: Key, scope: KeyScope) -> Problem:
    detail = f"The key {key.prefix} is not made for this. Make one that has the scope “{scope}”."
    return Problem(403, "KEY_SCOPE", detail, scope=str(scope))


@sensitive_variables("token")
def _key(request: HttpRequest, now: datetime) -> Key:
    """The key of the call; raises the Problem (401) of one without a key that is in force."""
    if not (token := token_of(request)):
        raise _unauthorized("KEY_MISSING", "Send a key: Authorization: Bearer smsadmin_…", error="")
    key = keys.of_token(token)
    if key is None:
        raise _unauthorized("KEY_UNKNOWN", "No key has this token. Make one under Settings, API keys.")
    if key.revoked_at:
        raise _unauthorized("KEY_REVOKED", f"The key {key.prefix} was revoked. Use another one.")
    if key.is_expired(now):
        raise _unauthorized("KEY_EXPIRED", f"The key {key.prefix} has expired. Make a new one.")
    return key


def _unauthorized(code: str, detail: str, error: str = "invalid_token") -> Problem:
    challenge = 'Bearer realm="smsadmin"' + (f', error="{error}"' if error else "")
    return Problem(401, code, detail, {"WWW-Authenticate": challenge})


def _wrong_method(request: HttpRequest, methods: Sequence[str]) -> Problem:
    allowed = ", ".join(methods)
    return Problem(
        405,
        "METHOD_NOT_ALLOWED",
        f"{request.path} takes {allowed}, not {request.method}.",
        {"Allow": allowed},
    )


def _not_acceptable(request: HttpRequest) -> Problem:
    asked = request.headers.get("Accept", "")[:100]
    return Problem(
        406, "NOT_ACCEPTABLE", f"Answers are application/json. “Accept: {asked}” does not allow that."
    )


def _not_now(error: Exception) -> Problem:
    what = "HubSpot" if isinstance(error, client.Unavailable) else "What smsadmin keeps"
    detail = f"{what} cannot be reached now; make the same request again later."
    return Problem(503, "NOT_NOW", detail, {"Retry-After": "5"})


def _failed() -> Problem:
    return Problem(500, "INTERNAL_ERROR", "smsadmin itself failed at this request. Its log says why.")
