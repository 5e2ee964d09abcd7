"""The WSGI application that Granian serves."""

import io
import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smsadmin.settings")

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def reads_chunked(app: Application) -> Application:
    """Django sees an empty body when it comes in chunks, without Content-Length (Django ticket 35838)."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        chunked = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        if chunked and not environ.get("CONTENT_LENGTH") and environ.get("wsgi.input_terminated"):
            most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            body = environ["wsgi.input"].read(most + 1)
            if len(body) > most:
                start_response("413 Content Too Large", [("Content-Type", "text/plain")])
                return [f"The body may have {most} bytes at most.".encode()]
            environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return app(environ, start_response)

    return wrapped


def machines_handler() -> Application:
    """Django's handler with the few middlewares that a machine's request needs: it has no session and no look."""
    people = settings.MIDDLEWARE
    settings.MIDDLEWARE = settings.MACHINE_MIDDLEWARE
    try:
        return WSGIHandler()
    finally:
        settings.MIDDLEWARE = people


def by_caller(people: Application, machines: Application) -> Application:
    """Two handlers over the same addresses: which one answers is decided by the path alone."""

    def routed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        is_machine = path.startswith(settings.MACHINE_PATHS) and not path.startswith(settings.PEOPLE_PATHS)
        return (machines if is_machine else people)(environ, start_response)

    return routed


application = reads_chunked(by_caller(get_wsgi_application(), machines_handler()))
