"""What is turned away: before it is read, or because an address takes no such request."""

import codecs
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseNotAllowed
from django.shortcuts import render


def only_utf8(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuses a form in any other encoding: some can spell halves of surrogate pairs, which no database takes.

    Browsers send the forms of our pages as UTF-8 and name no encoding.
    """

    def checked(request: HttpRequest) -> HttpResponse:
        if request.encoding and codecs.lookup(request.encoding).name != "utf-8":
            return HttpResponseBadRequest("Forms must be in UTF-8.", content_type="text/plain")
        return get_response(request)

    return checked


def worded_405(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Says in words that an address only takes a form, to whoever opens it: browsers show nothing of their own use."""

    def worded(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and request.method == "GET":
            page = render(request, "405.html", status=405)
            page["Allow"] = response["Allow"]
            return page
        return response

    return worded
