"""The sandbox's Callr over real HTTP, and a Callr that answers whatever a test says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from smsadmin.core.message import Sms
from smsadmin.providers.callr.client import Callr
from smsadmin.providers.callr.options import Options
from smsadmin.providers.callr.send import CallrSender
from smsadmin.sandbox.server import SandboxServer, running
from smsadmin.sandbox.state import CALLR_API_KEY, CALLR_SID, Settings
from tests.providers.conftest import Answers, answers

__all__ = ["answers"]

ADA, OURS = "+33612345678", "+33639980042"


def make_sender(**options: Any) -> CallrSender:
    callr = Callr(CALLR_SID, CALLR_API_KEY, options=Options(**options), pause=lambda seconds: None)
    return CallrSender(callr)


def make_sms(**over: Any) -> Sms:
    sms = {"message_id": "message-1", "sender": OURS, "sender_id": OURS, "recipient": ADA, "body": "Hello"}
    return Sms(**{**sms, **over})


@pytest.fixture
def callr_answers(answers: Answers, settings: Any) -> Answers:
    """As `answers`, for Callr."""
    settings.CALLR_BASE_URL = "https://callr.example"
    return answers


@pytest.fixture
def sandbox(settings: Any) -> Iterator[SandboxServer]:
    settings.PROVIDER_READ_TIMEOUT = 0.3
    with running(Settings(callr_event_delay=0.0), now=time.time) as server:
        settings.CALLR_BASE_URL = f"{server.url}/callr"
        yield server
