"""The whole product against services that fail a fifth of the time: every message ends, and none is sent twice.

A workflow enrols its records, some of them twice; Aircall and HubSpot refuse, hang up, answer late, break off and
report in any order. What must be true at the end is asked of the stand-ins, which cannot be wrong about what they got.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from smsadmin.core.status import SETTLED
from tests.e2e.processes import until
from tests.e2e.product import Product, running_product

EXECUTIONS = int(os.environ.get("STACK_EXECUTIONS", "40"))  # `make chaos` runs 5,000
NUMBERS = ("812001", "812002", "812004", "812005")
#: Of every hundred sends two meet each of these, a fifth in all: half never leave, half leave and nobody is told so.
BEFORE = ("400", "500", "502", "edge403", "reset_before")
AFTER = ("timeout", "reset_after", "500_after", "invalid_json", "cut")
#: HubSpot fails as often, at whatever is written back.
WRITE_BACK = ("429", "500", "reset_before", "reset_after", "500_after")
SHARE = 0.02
IDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOKEN = {"Authorization": "Bearer sandbox-hubspot-token"}


@pytest.fixture
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A copy of its own: faults and quotas here are nobody else's."""
    quick = {"HUBSPOT_ANSWER_WAIT": "0.2", "DISPATCH_LEASE": "15"}
    with running_product(tmp_path_factory.mktemp("stack"), **quick) as started:
        settings = {
            "aircall_number_limits": False,
            "aircall_event_delay": 1.0,
            "aircall_events_doubled": 0.2,
            "aircall_events_shuffled": 0.2,
            "hubspot_requests_per_ten_seconds": 0,
            "runner_retry_delay": 0.2,
        }
        started.control.post("settings", json=settings).raise_for_status()
        yield started


@pytest.fixture
def hubspot(product: Product) -> Iterator[httpx.Client]:
    """The portal's own API, as a program of its admin uses it: faults do not meet it while it is set up."""
    base = str(product.control.base_url).replace("_control", "hubspot")
    with httpx.Client(base_url=base, headers=TOKEN, timeout=30, trust_env=False) as client:
        yield client


@pytest.mark.processes
@pytest.mark.timeout(180 + EXECUTIONS)
def test_every_message_ends_and_is_sent_told_and_logged_once_whatever_fails(
    product: Product, hubspot: httpx.Client
) -> None:
    product.query("""UPDATE quotas_rule SET "limit" = 1000000, reason = 'many at once' RETURNING id""")
    recipients = contacts(hubspot, EXECUTIONS)
    faulty(product)
    enrolments = [enrolled(product, number, share) for number, share in shares(list(recipients.values()))]
    patience = 150 + EXECUTIONS / 5  # who is unlucky a few times is told later and later

    until(lambda: all(is_done(product, each) for each in enrolments), patience, lambda: progress(product))
    until(lambda: set(statuses(product)) <= SETTLED, patience, lambda: statuses(product))
    product.control.delete("faults").raise_for_status()
    until(lambda: not sent_and_unknown(product), patience, lambda: sent_and_unknown(product))
    until(lambda: not owed(product), patience, lambda: owed(product))

    assert sum(statuses(product).values()) == EXECUTIONS
    received = Counter(message["recipient"] for message in sms(product))
    assert max(received.values()) == 1, received.most_common(3)
    assert went_out(product) == set(received)
    assert blocked(product) <= once(completed(product))
    product.control.post("settings", json={"hubspot_searches_per_second": 1_000_000}).raise_for_status()
    assert once(logged(hubspot)) == {
        message["id"] for message in rows(product) if message["recipient"] in received
    }


def contacts(hubspot: httpx.Client, count: int) -> dict[str, str]:
    """New contacts: the phone of each, and its record id."""
    phones = [f"+1{area}555{line:04}" for area in (312, 415) for line in range(10_000)][:count]
    made: dict[str, str] = {}
    for start in range(0, count, 100):
        asked = [
            {"properties": {"phone": phone}, "associations": []} for phone in phones[start : start + 100]
        ]
        answer = hubspot.post("/crm/v3/objects/contacts/batch/create", json={"inputs": asked})
        found = answer.raise_for_status().json()["results"]
        made |= {each["properties"]["phone"]: each["id"] for each in found}
    assert len(made) == count
    return made


def shares(ids: list[str]) -> list[tuple[str, list[str]]]:
    """Each number's part of the records."""
    return [(number, ids[index :: len(NUMBERS)]) for index, number in enumerate(NUMBERS)]


def faulty(product: Product) -> None:
    if EXECUTIONS >= 1_000:  # all of the account waits for the next minute then
        product.control.post("faults", json={"kind": "429", "count": 3}).raise_for_status()
    for kind in (*BEFORE, *AFTER):
        product.control.post("faults", json={"kind": kind, "share": SHARE, "seconds": 2}).raise_for_status()
    for kind in WRITE_BACK:
        fault = {"service": "hubspot", "kind": kind, "share": SHARE * 2, "seconds": 2}
        product.control.post("faults", json=fault).raise_for_status()


def enrolled(product: Product, number: str, record_ids: list[str]) -> int:
    """Puts the records through a workflow that texts them from the number; some executions come twice."""
    inputs = {"sender_mode": "number", "sender_number": number, "send_as_mode": "default", "message": "Hello"}
    step = {name: {"type": "STATIC_VALUE", "value": value} for name, value in inputs.items()}
    step["recipient"] = {"type": "OBJECT_PROPERTY", "propertyName": "phone"}
    workflow = {"name": f"From {number}", "inputs": step}
    asked = {"workflow": workflow, "records": len(record_ids), "record_ids": record_ids, "repeat": 0.2}
    started = product.control.post("enrol", json=asked)
    return int(started.raise_for_status().json()["id"])


def is_done(product: Product, enrolment: int) -> bool:
    found = product.control.get(f"enrol/{enrolment}").json()
    assert found["no_answer"] == found["expired"] == 0, found
    return bool(found["done"] and not found["blocked"])


def progress(product: Product) -> Any:
    return Counter(each["state"] for each in product.control.get("action-log").json())


def rows(product: Product) -> list[dict[str, Any]]:
    """Every message, as the log has it."""
    return product.query("SELECT id, recipient, status FROM sending_message")


def statuses(product: Product) -> Counter[str]:
    return Counter(row["status"] for row in rows(product))


def sms(product: Product) -> list[dict[str, Any]]:
    """What Aircall took, whatever it answered."""
    return product.control.get("messages").json()  # type: ignore[no-any-return]


def went_out(product: Product) -> set[str]:
    return {
        row["recipient"] for row in rows(product) if row["status"] in ("sent", "delivered", "undelivered")
    }


def sent_and_unknown(product: Product) -> set[str]:
    """What left without a usable answer, until Aircall's events tell of it."""
    unknown = {row["recipient"] for row in rows(product) if row["status"] == "unknown"}
    return unknown & {message["recipient"] for message in sms(product)}


def owed(product: Product) -> list[dict[str, Any]]:
    """What HubSpot is still to be told, or to have on its records."""
    return product.query(
        "SELECT id FROM sending_message WHERE reply = 'owed' "
        "UNION ALL SELECT message_id FROM writeback_engagement WHERE state IN ('owed', 'writing')"
    )


def blocked(product: Product) -> set[str]:
    """The executions that were told to wait, as HubSpot remembers them."""
    log = product.control.get("action-log").json()
    return {each["callback_id"] for each in log if "hs_expiration_duration" in each["outputs"]}


def completed(product: Product) -> list[str]:
    """The completions that HubSpot took: one that it had already, because its answer was lost, is not one."""
    return [each["callback_id"] for each in product.control.get("callbacks").json() if each["known"]]


def logged(hubspot: httpx.Client) -> list[str]:
    """The message of each communication on a record."""
    found: list[str] = []
    asked: dict[str, Any] = {
        "filterGroups": [],
        "properties": ["hs_communication_body"],
        "limit": 200,
        "sorts": [],
    }
    while True:
        page = hubspot.post("/crm/v3/objects/communications/search", json=asked).raise_for_status().json()
        for each in page["results"]:
            found += IDS.findall(each["properties"]["hs_communication_body"])
        if "paging" not in page:
            return [each.replace("-", "") for each in found]
        asked["after"] = page["paging"]["next"]["after"]


def once(found: list[str]) -> set[str]:
    """All of them, none of which comes twice."""
    assert len(found) == len(set(found)), Counter(found).most_common(3)
    return set(found)
