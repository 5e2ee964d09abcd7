"""What a hostile id, a hostile portal and somebody who types very fast cannot do."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from smsadmin.core.message import ActionConfig, Record
from smsadmin.crm import properties, records
from smsadmin.crm.named import named
from smsadmin.providers.hubspot import client
from smsadmin.workspaces.models import Connection, Workspace
from tests.crm.standin import StandIn

CONFIG = ActionConfig("number", "Contact.phone", "Hi {{Contact.firstname}}")
STRANGE = ["", ".", "..", "../../account-info/v3/details", "search", "1?archived=true", "1/x", "١٢", "1" * 20]


# --- Ids stand in paths --------------------------------------------------------------------------------------


@pytest.mark.parametrize("record_id", STRANGE)
def test_only_an_id_is_asked_for_as_one(
    workspace: Workspace, portal: Connection, hubspot: StandIn, record_id: str
) -> None:
    properties.catalogue(workspace, "contact", "en")
    hubspot.calls.clear()

    with pytest.raises(client.NotFound):
        client.record(portal, "contact", record_id, ["phone"])
    with pytest.raises(records.Unreadable, match="no such record"):
        records.read(workspace, "contact", record_id, CONFIG)
    assert hubspot.paths == []


def test_a_payload_with_a_strange_id_is_taken_as_it_is(portal: Connection, hubspot: StandIn) -> None:
    record = Record("contact", "../owners", {"email": "ada@example.com"})

    assert records.completed(record, named(CONFIG, "contact"), portal) == record
    assert not any(path.startswith("/objects") for path in hubspot.paths)


# --- Looking costs what the sends need too -------------------------------------------------------------------


def test_people_look_so_often_and_no_more(
    workspace: Workspace, portal: Connection, hubspot: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_LOOKS", 5)
    for number in range(records.MOST_LOOKS):
        records.search(workspace, "contact", f"nobody {number}")
    asked = len(hubspot.calls)

    with pytest.raises(records.Unreadable, match="asked very often"):
        records.search(workspace, "contact", "one more")
    with pytest.raises(records.Unreadable, match="asked very often"):
        records.read(workspace, "contact", "501", CONFIG)
    assert len(hubspot.calls) == asked


def test_a_send_reads_however_often_people_look(
    workspace: Workspace, portal: Connection, hubspot: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_LOOKS", 0)

    completed = records.completed(Record("contact", "4242"), named(CONFIG, "contact"), portal)

    assert completed.properties["firstname"]


# --- What a portal may answer --------------------------------------------------------------------------------


def test_names_and_values_of_half_characters_do_no_harm(
    workspace: Workspace, portal: Connection, hubspot: StandIn
) -> None:
    half = "Ada\ud83d\x00"
    definition = {"name": "firstname", "label": half, "fieldType": "text"}
    hubspot.fail(_json({"results": [definition]}), to="/properties")

    [found] = properties.catalogue(workspace, "contact", "en").properties
    assert found.label == "Ada"

    hubspot.fail(_json({"id": "5", "properties": {"firstname": half}}), to="/objects")
    assert records.read(workspace, "contact", "5", CONFIG).properties["firstname"] == "Ada"


def _json(body: Any) -> httpx.Response:
    return httpx.Response(200, content=json.dumps(body).encode())
