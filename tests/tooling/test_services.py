"""The launcher of real servers gives the tests what it promises."""

from __future__ import annotations

import os

import pytest
from django.conf import settings
from django.db import connection
from kombu import Connection


@pytest.mark.services
@pytest.mark.django_db
def test_the_tests_run_on_the_servers_they_were_given() -> None:
    on_servers = "TEST_SERVICES" in os.environ
    assert connection.vendor == ("postgresql" if on_servers else "sqlite")
    assert settings.CELERY_BROKER_URL.partition(":")[0] == ("redis" if on_servers else "filesystem")


@pytest.mark.services
def test_the_broker_takes_and_gives_a_message() -> None:
    options = {
        "transport": getattr(settings, "CELERY_BROKER_TRANSPORT", None),
        "transport_options": getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {}),
    }
    with Connection(settings.CELERY_BROKER_URL, **options) as broker:
        queue = broker.SimpleQueue("test-services")
        queue.put({"account": 7})
        message = queue.get(timeout=5)
        message.ack()
        assert message.payload == {"account": 7}
