"""What is turned away before it is read."""

import codecs
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest


def only_utf8(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuses a form in any other encoding: some can spell halves of surrogate pairs, which no database takes.

    Browsers send the forms of our pages as UTF-8 and name no encoding.
    """

    def checked(request: HttpRequest) -> HttpResponse:
        if request.encoding and codecs.lookup(request.encoding).name != "utf-8":
            return HttpResponseBadRequest("Forms must be in UTF-8.", content_type="text/plain")
        return get_response(request)

    return checked
