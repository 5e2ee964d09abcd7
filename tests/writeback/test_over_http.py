"""Against the sandbox over real HTTP: what is sent is what HubSpot takes."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from smsadmin.sandbox.faults import Fault
from smsadmin.sandbox.server import SandboxServer, running
from smsadmin.sandbox.state import Settings
from smsadmin.writeback import writing
from tests.writeback.conftest import entry, sent


@pytest.fixture
def hubspot(settings: object) -> Iterator[SandboxServer]:
    with running(Settings(base_url="http://127.0.0.1:9")) as server:
        settings.HUBSPOT_BASE_URL = f"{server.url}/hubspot"
        yield server


def communications(server: SandboxServer) -> list[str]:
    found = server.state.records["communications"].values()
    return [str(each.properties["hs_communication_body"]) for each in found]


@pytest.mark.parametrize("version", ["2026-03", "legacy"])
def test_messages_are_logged_one_by_one_and_together(workspace, portal, hubspot, settings, version):
    settings.HUBSPOT_API_VERSION = version
    before = set(communications(hubspot))
    for count, kind in ((1, "deal"), (3, "cart")):
        record = next(iter(hubspot.state.records[{"deal": "deals", "cart": "carts"}[kind]].values()))
        messages = [sent(workspace, object_type=kind, object_id=record.id, send_as="mia@example.com")]
        messages += [sent(workspace) for _ in range(count - 1)]
        assert writing.write_owed(timezone.now() + timedelta(seconds=5)) == count
        assert {entry(message).state for message in messages} == {"done"}
    assert len(set(communications(hubspot)) - before) == 4


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "500_after", "cut", "429", "502"])
def test_whatever_breaks_on_the_wire_a_message_is_logged_once(workspace, portal, hubspot, kind):
    before = len(communications(hubspot))
    fault = {"service": "hubspot", "path": "/communications$", "kind": kind, "count": 1}
    hubspot.state.faults.append(Fault.parse(fault))
    message = sent(workspace)
    now = timezone.now() + timedelta(seconds=5)
    for later in range(3):
        writing.write_owed(now + later * timedelta(hours=1))
    assert entry(message).state == "done"
    assert len(communications(hubspot)) == before + 1
