"""300 executions at once on one number, through the real WSGI application, in one minute of a stopped clock."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import time_machine
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

from smsadmin import cache
from smsadmin.quotas.models import Counter as Used
from smsadmin.sending import bell
from smsadmin.sending.models import Message
from smsadmin.triggers.hubspot import answer, views
from smsadmin.wsgi import application
from tests.e2e.executions import PATH, execution, headers, new_recipient
from tests.factories import make_connection, make_number, make_workspace

MOMENT = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)
PARALLEL, LIMIT = 300, 200


class Server(ThreadedWSGIServer):
    request_queue_size = 512  # all of them knock at the same time


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """The clock of this process and so of its server: it stands still."""
    with time_machine.travel(MOMENT, tick=False) as traveller:
        yield traveller


@pytest.fixture
def url(clock: time_machine.Traveller, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of the product's WSGI application, a thread for each request, with nobody to send anything."""
    monkeypatch.setattr(views, "waiters", answer.Waiters(0))
    monkeypatch.setattr(bell, "ring", lambda connection_id: None)
    cache.forget()
    server = Server(("127.0.0.1", 0), Quiet)
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    settings.BASE_URL = f"http://127.0.0.1:{server.server_port}"
    yield f"{settings.BASE_URL}{PATH}"
    server.shutdown()
    server.server_close()
    thread.join()
    cache.forget()


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_of_300_at_once_on_one_number_exactly_200_are_accepted(
    url: str, clock: time_machine.Traveller
) -> None:
    workspace = make_workspace()
    make_connection(workspace, "hubspot")
    number = make_number(workspace)

    codes = Counter(send_at_once(url, number.provider_id, PARALLEL))

    assert codes == {"": LIMIT, "NUMBER_QUOTA_EXCEEDED": PARALLEL - LIMIT}
    rows = Counter(Message.objects.values_list("status", "error_code"))
    assert rows == {("queued", ""): LIMIT, ("rejected", "NUMBER_QUOTA_EXCEEDED"): PARALLEL - LIMIT}
    assert Used.objects.get(scope="number", subject_id=number.pk).minute_messages == LIMIT

    clock.shift(60)
    assert list(send_at_once(url, number.provider_id, 1)) == [""]


def send_at_once(url: str, number: str, count: int) -> Iterator[str]:
    """The error codes that as many callers are answered with, who all begin at the same moment."""
    together = threading.Barrier(count)
    message = {"sender_mode": "number", "sender_number": number, "message": "Hello"}
    bodies = [execution(message | {"recipient": new_recipient()}) for _ in range(count)]

    def send(body: str) -> str:
        signed = headers(url, body)
        together.wait(30)
        response = client.post(url, content=body, headers=signed)
        assert response.status_code == 200, response.text
        return response.json()["outputFields"]["errorCode"]  # type: ignore[no-any-return]

    everyone = httpx.Client(trust_env=False, timeout=60, limits=httpx.Limits(max_connections=count))
    with everyone as client, ThreadPoolExecutor(count) as pool:
        yield from pool.map(send, bodies)
