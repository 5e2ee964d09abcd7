"""Bodies that come in chunks, without Content-Length, reach Django whole."""

import io
import json

import pytest
from django.test import RequestFactory
from hubspot.utils.signature import Signature

from smsadmin.wsgi import application, by_caller, machines_handler, reads_chunked
from tests.factories import make_connection, make_workspace


def read(body, **environ):
    """What the application behind the wrapper reads, and the status that the client sees."""
    seen, status = [], []

    def app(environ, start_response):
        start_response("200 OK", [])
        seen.append(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        return [b"done"]

    def start_response(line, headers):
        status.append(line[:3])

    environ = {"wsgi.input": body if hasattr(body, "read") else io.BytesIO(body), **environ}
    answer = b"".join(reads_chunked(app)(environ, start_response))
    return seen, status, answer


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


@pytest.mark.parametrize("spelling", ["chunked", "Chunked"])
@pytest.mark.parametrize("body", [b"", b"{}", b"x" * 100_000])
def test_a_chunked_body_arrives_whole(body, spelling):
    seen, status, _ = read(body, **CHUNKED | {"HTTP_TRANSFER_ENCODING": spelling})
    assert (seen, status) == ([body], ["200"])


def test_a_body_with_a_length_is_left_alone():
    seen, *_ = read(b"0123456789", CONTENT_LENGTH="4")
    assert seen == [b"0123"]
    seen, *_ = read(b"0123456789", **CHUNKED, CONTENT_LENGTH="4")
    assert seen == [b"0123"]


def test_a_server_that_does_not_end_its_stream_is_not_read_to_the_end():
    seen, *_ = read(b"0123456789", HTTP_TRANSFER_ENCODING="chunked")
    assert seen == [b""]


def test_a_chunked_body_that_is_too_large_is_413_and_never_reaches_the_application(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert read(b"x" * 10, **CHUNKED)[1] == ["200"]
    seen, status, answer = read(b"x" * 11, **CHUNKED)
    assert (seen, status) == ([], ["413"])
    assert b"10 bytes" in answer


# Machines' requests pass fewer middlewares


def environ(path, body=b"", **extra):
    made = RequestFactory().post(path, body, content_type="application/json").environ
    return {**made, "SERVER_NAME": "testserver", **extra}


@pytest.mark.parametrize(
    ("path", "caller"),
    [
        ("/hubspot/actions/send-sms", "machine"),
        ("/hubspot/options/sender-numbers", "machine"),
        ("/api/v1/quotas/", "machine"),
        ("/healthz", "machine"),
        ("/", "person"),
        ("/log/", "person"),
        ("/hubspot/", "person"),
        ("/log/hubspot/actions/", "person"),
        ("", "person"),
    ],
)
def test_the_path_alone_decides_who_answers(path, caller):
    routed = by_caller(lambda *_: [b"person"], lambda *_: [b"machine"])
    assert routed({"PATH_INFO": path}, None) == [caller.encode()]


def test_the_handler_for_machines_leaves_the_settings_as_they_were(settings):
    before = list(settings.MIDDLEWARE)
    machines_handler()
    assert before == settings.MIDDLEWARE


@pytest.mark.django_db(
    transaction=True
)  # a request begins with closing connections that are in a transaction
@pytest.mark.parametrize("chunked", [False, True])
def test_a_signed_call_passes_the_whole_application_in_chunks_too(chunked):
    make_connection(make_workspace(), "hubspot")
    path, body = "/hubspot/options/sender-numbers", '{"origin": {"portalId": 9000001}}'
    made = Signature.get_signature("sandbox-client-secret", body, "v2", f"http://testserver{path}", "POST")
    asked = environ(path, body.encode(), HTTP_X_HUBSPOT_SIGNATURE=made)
    if chunked:
        del asked["CONTENT_LENGTH"]
        asked |= CHUNKED | {"wsgi.input": io.BytesIO(body.encode())}
    answers = []
    answer = b"".join(application(asked, lambda status, headers: answers.append((status, dict(headers)))))
    ((status, headers),) = answers
    assert status == "200 OK"
    assert json.loads(answer)["options"]
    assert "Set-Cookie" not in headers
