"""The sandbox's Twilio over real HTTP, and a Twilio that answers whatever a test says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from smsadmin.core.message import Sms
from smsadmin.providers.twilio.client import Twilio
from smsadmin.providers.twilio.codes import Codes
from smsadmin.providers.twilio.options import Options
from smsadmin.providers.twilio.send import TwilioSender
from smsadmin.sandbox.server import SandboxServer, running
from smsadmin.sandbox.state import TWILIO_AUTH_TOKEN, TWILIO_SID, Settings
from tests.providers.conftest import Answers, answers

__all__ = ["answers"]

ADA, OURS = "+13125550123", "+12065550188"
CALLBACK = "https://sms.example.com/twilio/status/secret-address"


def make_client(**over: Any) -> Twilio:
    return Twilio(TWILIO_SID, TWILIO_AUTH_TOKEN, pause=lambda seconds: None, **over)


def make_sender(codes: Codes | None = None, **options: Any) -> TwilioSender:
    return TwilioSender(make_client(options=Options(**options)), CALLBACK, codes or Codes())


def make_sms(**over: Any) -> Sms:
    sms = {"message_id": "message-1", "sender": OURS, "sender_id": OURS, "recipient": ADA, "body": "Hello"}
    return Sms(**{**sms, **over})


@pytest.fixture
def twilio_answers(answers: Answers, settings: Any) -> Answers:
    """As `answers`, for Twilio."""
    settings.TWILIO_BASE_URL = "https://twilio.example"
    settings.TWILIO_MESSAGING_BASE_URL = "https://messaging.twilio.example"
    return answers


@pytest.fixture
def sandbox(settings: Any) -> Iterator[SandboxServer]:
    settings.PROVIDER_READ_TIMEOUT = 0.3
    with running(Settings(twilio_event_delay=0.0), now=time.time) as server:
        settings.TWILIO_BASE_URL = f"{server.url}/twilio"
        settings.TWILIO_MESSAGING_BASE_URL = f"{server.url}/twilio/messaging"
        yield server
