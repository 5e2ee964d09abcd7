"""How a view answers: the whole page to a visit, the fragment to an htmx swap."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers

HTMX_HEADERS = ("HX-Request", "HX-Boosted", "HX-History-Restore-Request")


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page; boosted links and restored history get it whole."""
    htmx = request.htmx  # type: ignore[attr-defined]  # set by django-htmx
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def render_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    fragment: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """Answers with `fragment` to an htmx swap and with `template`, which includes it, to anybody else.

    A form with errors answers with status 422: htmx swaps it, and the browser shows it.
    """
    chosen = fragment if fragment and wants_fragment(request) else template
    response = render(request, chosen, context, status=status)
    patch_vary_headers(response, HTMX_HEADERS)
    return response


def server_error(request: HttpRequest) -> HttpResponseServerError:
    """handler500: needs no database, and names the request so that its log lines can be found."""
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    page = render_to_string("500.html", {"request_id": request_id})
    return HttpResponseServerError(page, headers={"X-Request-ID": request_id})
