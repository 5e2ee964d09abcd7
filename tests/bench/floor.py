"""The floor: a bare Django view that writes one row, under the same server. No middleware, no checks."""

import os

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import path

from tests.bench.database import database


def insert(request: HttpRequest) -> JsonResponse:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO floor (body) VALUES (%s)", [request.body.decode()])
    return JsonResponse({"status": "ok"})


urlpatterns = [path("floor", insert)]

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=[],
    DATABASES={"default": database(os.environ["DATABASE_URL"])},
    SECRET_KEY="floor",
)
django.setup()
application = WSGIHandler()
