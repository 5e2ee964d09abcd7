"""The tests' own watch over what is sent: it lets through what the services document, and nothing else."""

import pytest
from django.conf import settings

from tests.interfaces import problems

HUBSPOT, AIRCALL = settings.HUBSPOT_BASE_URL, settings.AIRCALL_BASE_URL
CALLR = settings.CALLR_BASE_URL
SEND = f"{AIRCALL}/v1/numbers/812001/messages/native/send"
COMPLETE = f"{HUBSPOT}/automation/actions/callbacks/2026-03/complete"


@pytest.mark.parametrize(
    ("method", "url", "sent"),
    [
        ("POST", SEND, {"json_body": {"to": "+12025550123", "body": "Hello", "agentId": 456}}),
        ("GET", f"{AIRCALL}/v1/numbers", {"params": {"page": "1", "per_page": "50"}}),
        ("GET", f"{HUBSPOT}/crm/v3/owners", {}),
        ("GET", f"{HUBSPOT}/crm/owners/2026-03", {}),
        ("POST", f"{CALLR}/v2.0/sms", {"params": {"to": "+33612345678"}, "json_body": {"text": "Hello"}}),
        ("POST", "https://example.com/anything", {"json_body": [1]}),
    ],
)
def test_what_is_documented_is_let_through(method, url, sent):
    assert problems(method, url, **sent) == []


@pytest.mark.parametrize(
    ("method", "url", "sent", "wrong"),
    [
        ("POST", SEND, {"json_body": {"to": "12025550123", "body": "Hello"}}, "does not match"),
        (
            "POST",
            SEND,
            {"json_body": {"to": "+12025550123", "body": "Hello", "from": "+1"}},
            "'from' was unexpected",
        ),
        ("POST", SEND, {}, "it takes a body of JSON"),
        ("GET", SEND, {}, "there is no such call"),
        ("GET", f"{AIRCALL}/v1/numbers", {"params": {"size": "50"}}, "its query has no size"),
        ("POST", f"{CALLR}/v2.0/sms", {"json_body": {"text": "Hello", "to": "+33612345678"}}, "unexpected"),
        ("GET", f"{AIRCALL}/v1/ping", {"json_body": {}}, "it takes no body of JSON"),
        ("POST", COMPLETE, {"json_body": {"inputs": []}}, "non-empty"),
        ("POST", f"{HUBSPOT}/oauth/v3/token", {"data": {"grant_type": "password"}}, "is not one of"),
        ("GET", f"{HUBSPOT}/crm/v9/owners", {}, "there is no such call"),
    ],
)
def test_what_is_not_documented_is_told(method, url, sent, wrong):
    [problem] = problems(method, url, **sent)

    assert problem.startswith(f"{method} {url}: ")
    assert wrong in problem
