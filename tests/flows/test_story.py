"""A missed call from beginning to end, over real HTTP at the sandbox: Aircall tells of it, and the caller is texted."""

import json
import time

import httpx
import pytest

from smsadmin.flows import bell as flows_bell
from smsadmin.flows import running
from smsadmin.flows.models import FlowRun
from smsadmin.incoming import bell, handling, webhooks
from smsadmin.incoming.models import ProviderCall, Webhook
from smsadmin.providers.aircall.webhooks import EVENTS
from smsadmin.sandbox.server import running as running_sandbox
from smsadmin.sandbox.state import Settings
from smsadmin.sending import bell as sending_bell
from smsadmin.sending import dispatch
from tests.factories import make_connection, make_number, make_workspace
from tests.flows.making import LANDLINE, MOBILE, SENT, make_flow, make_start
from tests.sandbox.conftest import product  # noqa: F401

SUPPORT = "812001"  # a number of the sandbox


@pytest.fixture(autouse=True)
def _nobody_rung_for(monkeypatch):
    for each in (bell, flows_bell):
        monkeypatch.setattr(each, "ring", lambda: None)
    monkeypatch.setattr(flows_bell, "tell_providers", lambda workspace_id: None)
    monkeypatch.setattr(sending_bell, "ring", lambda connection_id: None)


@pytest.fixture
def sandbox(settings, product):  # noqa: F811
    settings.BASE_URL, settings.DISPATCH_LINGER = product.url, 0.0
    quick = Settings(aircall_requests_per_minute=0, aircall_event_delay=0.0, aircall_webhook_retry_delay=0.0)
    with running_sandbox(quick, now=time.time) as server:
        settings.AIRCALL_BASE_URL = f"{server.url}/aircall"
        yield server


@pytest.fixture
def flow(db, sandbox):
    connection = make_connection(make_workspace())
    e164 = sandbox.state.numbers[int(SUPPORT)].e164
    number = make_number(connection.workspace, e164, connection=connection, provider_id=SUPPORT)
    return make_flow(connection.workspace, sender=number)


def looked_after(sandbox):
    """The events that Aircall tells of once the webhook was looked after."""
    webhooks.look_after(Webhook.objects.get().workspace_id)
    [hook] = sandbox.state.webhooks.values()
    return set(hook.events)


def call(sandbox, client, product, **data):  # noqa: F811
    """Somebody calls, and nobody answers; what Aircall then told us of it is handled."""
    made = httpx.post(f"{sandbox.url}/_control/calls", json={"number": SUPPORT, **data})
    assert made.status_code == 201, made.text
    told = product.next()
    assert client.post(told.path, told.body, "application/json").status_code == 200
    handling.run()
    running.work()


def test_a_missed_call_that_aircall_tells_of_is_followed_by_a_text(sandbox, client, product, flow):  # noqa: F811
    make_start(flow, reasons=["agents_did_not_answer"])
    webhooks.set_up(flow.sender.connection)

    for caller, reason in [
        (MOBILE, "agents_did_not_answer"),
        (LANDLINE, "agents_did_not_answer"),
        (MOBILE, "short_abandoned"),
        ("anonymous", "agents_did_not_answer"),
    ]:
        call(sandbox, client, product, **{"from": caller, "missed_call_reason": reason})
    dispatch.drain(flow.sender.connection_id)

    assert [(each.recipient, each.body) for each in sandbox.state.messages] == [(MOBILE, SENT)]
    assert list(ProviderCall.objects.order_by("pk").values_list("outcome", flat=True)) == [
        *("started", "started", "unused", "started"),
    ]
    assert set(FlowRun.objects.values_list("state", flat=True)) == {"done"}
    assert "contact" not in json.dumps([each.body for each in ProviderCall.objects.all()])


def test_aircall_tells_of_calls_only_while_one_starts_a_flow(sandbox, flow):
    webhooks.set_up(flow.sender.connection)
    assert looked_after(sandbox) == set(EVENTS)

    make_start(flow)
    assert looked_after(sandbox) == {*EVENTS, "call.ended"}
    assert Webhook.objects.get().state == "working"

    flow.enabled = False
    flow.save()
    assert looked_after(sandbox) == set(EVENTS)


def test_whoever_repairs_webhooks_themselves_is_told_that_calls_are_not(sandbox, settings, flow):
    settings.SANDBOX = False
    settings.BASE_URL = "https://product.example"
    webhooks.set_up(flow.sender.connection)
    webhooks.let_repair(flow.sender.connection, by_itself=False)
    make_start(flow)

    assert looked_after(sandbox) == set(EVENTS)
    assert Webhook.objects.get().state == "wrong"
