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
from django.db import connection, transaction

from smsadmin import cache
from smsadmin.core.windows import Moment, Window
from smsadmin.directory.models import Number
from smsadmin.quotas.models import Counter as Used
from smsadmin.sending import bell
from smsadmin.sending.models import Message
from smsadmin.triggers.hubspot import answer, views
from smsadmin.wsgi import application
from tests.e2e.executions import PATH, execution, headers, new_recipient
from tests.e2e.processes import until
from tests.factories import make_connection, make_number, make_workspace

MOMENT = datetime(2026, 11, 21, 10, 7, 30, tzinfo=UTC)
PARALLEL, LIMIT = 300, 200


class Server(ThreadedWSGIServer):
    """The product's WSGI application, with a thread for each request."""

    request_queue_size = 512  # all of them knock at the same time
    requests = 0

    def process_request(self, *request: Any) -> None:
        self.requests += 1
        super().process_request(*request)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{PATH}"


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """The clock of this process and so of its server: it stands still."""
    with time_machine.travel(MOMENT, tick=False) as traveller:
        yield traveller


@pytest.fixture
def server(clock: time_machine.Traveller, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server at which nobody waits for an answer of the provider, and with nobody to send anything."""
    monkeypatch.setattr(views, "waiters", answer.Waiters(0))
    monkeypatch.setattr(bell, "ring", lambda connection_id: None)
    cache.forget()
    made = Server(("127.0.0.1", 0), Quiet)
    made.set_app(application)
    settings.BASE_URL = made.url.removesuffix(PATH)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()
    cache.forget()


@pytest.fixture
def number(transactional_db: None) -> Number:
    workspace = make_workspace()
    make_connection(workspace, "hubspot")
    return make_number(workspace)


@pytest.mark.services
def test_of_300_at_once_on_one_number_exactly_200_are_accepted(
    server: Server, number: Number, clock: time_machine.Traveller
) -> None:
    codes = Counter(send_at_once(server.url, number, PARALLEL))

    assert codes == {"": LIMIT, "NUMBER_QUOTA_EXCEEDED": PARALLEL - LIMIT}
    rows = Counter(Message.objects.values_list("status", "error_code"))
    assert rows == {("queued", ""): LIMIT, ("rejected", "NUMBER_QUOTA_EXCEEDED"): PARALLEL - LIMIT}
    assert Used.objects.get(scope="number", subject_id=number.pk).minute_messages == LIMIT

    clock.shift(60)
    assert list(send_at_once(server.url, number, 1)) == [""]


@pytest.mark.services
def test_of_30_that_wait_for_the_same_counter_exactly_the_5_that_fit_are_accepted(
    server: Server, number: Number
) -> None:
    minute = Moment.of(MOMENT).in_window(Window.MINUTE)
    used = Used(workspace=number.workspace, scope="number", subject_id=number.pk)
    used.minute_at, used.minute_messages = minute, LIMIT - 5
    used.save()

    with ThreadPoolExecutor(1) as caller:
        with transaction.atomic():
            Used.objects.select_for_update().get(pk=used.pk)
            codes = caller.submit(lambda: Counter(send_at_once(server.url, number, 30)))
            until(lambda: waiting_for_a_lock(server) >= 10)

        assert codes.result() == {"": 5, "NUMBER_QUOTA_EXCEEDED": 25}
    assert Message.objects.filter(status="queued").count() == 5


def waiting_for_a_lock(server: Server) -> int:
    """Transactions that wait for another's; SQLite does not tell, but lets nobody else write meanwhile."""
    if connection.vendor == "sqlite":
        return server.requests
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]  # type: ignore[no-any-return]


def send_at_once(url: str, number: Number, count: int) -> Iterator[str]:
    """The error codes that as many callers are answered with, who all begin at the same moment."""
    together = threading.Barrier(count)
    message = {"sender_mode": "number", "sender_number": number.provider_id, "message": "Hello"}
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
