"""What operators' probes are told."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from smsadmin.dashboard import health
from smsadmin.dashboard.models import Heartbeat
from smsadmin.directory.models import Refresh
from smsadmin.workspaces.models import Connection
from tests.factories import make_connection, make_workspace


@pytest.fixture
def beating(db):
    health.beat()


def ready(client):
    response = client.get("/readyz")
    return response.status_code, response.json()["checks"]


def test_healthz_needs_nothing(client):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_ready_when_every_part_answers(client, beating):
    status, checks = ready(client)

    assert status == 200
    assert set(checks) == {"database", "broker", "worker", "scheduler", "mirror"}
    assert all(check["ok"] and check["detail"] for check in checks.values())


def test_not_ready_before_the_first_heartbeat(client, db):
    status, checks = ready(client)

    assert status == 503
    assert checks["worker"] == checks["scheduler"] == {"ok": False, "detail": "no heartbeat yet"}


def test_not_ready_when_the_heartbeat_is_late(client, beating):
    Heartbeat.objects.update(at=timezone.now() - health.LATE - timedelta(seconds=5))

    status, checks = ready(client)

    assert status == 503
    assert checks["worker"]["detail"] == "last heartbeat 65 s ago"


def test_not_ready_without_the_broker(client, beating, monkeypatch):
    def refused(self):
        raise ConnectionRefusedError("redis.internal:6379")

    monkeypatch.setattr("kombu.Connection.connect", refused)

    status, checks = ready(client)

    assert status == 503
    assert checks["broker"] == {"ok": False, "detail": "ConnectionRefusedError"}


def test_a_lost_database_is_an_answer_and_not_an_error(client, beating, monkeypatch):
    def lost(now):
        raise OperationalError("could not connect to 10.0.0.7")

    monkeypatch.setattr(health, "_database", lost)

    status, checks = ready(client)

    assert status == 503
    assert checks["database"] == {"ok": False, "detail": "OperationalError"}


@pytest.mark.parametrize(
    ("ended_ago", "ok"), [(timedelta(minutes=5), True), (timedelta(hours=2), False), (None, False)]
)
def test_a_mirror_that_nobody_refreshes_is_not_ready(beating, ended_ago, ok):
    connection = made_long_ago()
    if ended_ago:
        refreshed(connection, ended_ago, Refresh.State.DONE)

    assert health.checks()["mirror"].ok is ok


def test_an_account_that_refuses_its_refresh_does_not_take_the_server_out_of_service(beating):
    refreshed(made_long_ago(), timedelta(minutes=5), Refresh.State.FAILED)

    assert health.checks()["mirror"].ok


def made_long_ago():
    connection = make_connection(make_workspace())
    Connection.objects.update(created_at=timezone.now() - timedelta(days=1))
    return connection


def refreshed(connection, ended_ago, state):
    at = timezone.now() - ended_ago
    Refresh.objects.create(
        workspace=connection.workspace,
        connection=connection,
        state=state,
        started_at=at,
        finished_at=at,
        lease_until=at,
    )
