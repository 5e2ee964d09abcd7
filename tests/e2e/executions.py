"""Executions as HubSpot would POST them, signed by HubSpot's own client."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hubspot.utils.signature import Signature

from tests.factories import PORTAL

SECRET = "sandbox-client-secret"
PATH = "/hubspot/actions/send-sms"
_serial = itertools.count(1)


def new_callback_id() -> str:
    return f"ap-{PORTAL}-{next(_serial)}-4-0"


def new_recipient() -> str:
    """A fictional number that no other test texts."""
    return f"+1312555{next(_serial):04}"


def execution(inputs: dict[str, str], callback_id: str = "", **properties: str | None) -> str:
    """The body for one contact with these properties."""
    payload = {
        "callbackId": callback_id or new_callback_id(),
        "origin": {"portalId": int(PORTAL), "actionDefinitionId": 123456789, "actionDefinitionVersion": 3},
        "context": {"source": "WORKFLOWS", "workflowId": 1700000001},
        "object": {"objectId": 4242, "objectType": "CONTACT", "properties": properties},
        "inputFields": inputs,
    }
    return json.dumps(payload)


def headers(url: str, body: str, secret: str = SECRET) -> dict[str, str]:
    """The signature that HubSpot's Python client makes for a POST of this body."""
    made: Any = Signature.get_signature(secret, body, "v2", url, "POST")
    return {
        "Content-Type": "application/json",
        "X-HubSpot-Signature": made,
        "X-HubSpot-Signature-Version": "v2",
    }
