"""The description of the API, served as it is."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from smsadmin.api.description import document
from smsadmin.api.endpoint import public
from smsadmin.api.parameters import Query


@public
def description(request: HttpRequest) -> HttpResponse:
    """For everybody: it says nothing of any workspace."""
    Query.of(request)
    return JsonResponse(document())
