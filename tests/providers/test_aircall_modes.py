"""Both ways to authenticate, both modes of a number, and a plan that lacks them. (That each request is a documented
one, tests/conftest.py sees to.)"""

import json

import httpx
import pytest

from smsadmin.core.message import Sms
from smsadmin.providers.aircall.client import Aircall, AircallError, NotInPlan

PICTURES = ("https://files.example/a.png", "https://files.example/b.pdf")


def text(**columns):
    return Sms("message-1", "+12025550100", "1234", "+12025550123", "Hello", **columns)


# --- The two ways of authentication ---------------------------------------------------------------------


def test_granted_access_goes_as_a_bearer_token_and_a_key_as_basic(answers):
    requests = answers(*[httpx.Response(200)] * 2)

    Aircall("id", "token").ping()
    Aircall(access_token="t" * 40).ping()

    basic, bearer = [request.headers["authorization"] for request in requests]
    assert basic.startswith("Basic ")
    assert bearer == "Bearer " + "t" * 40


# --- Sends in both modes --------------------------------------------------------------------------------


def test_a_native_send_never_carries_pictures_and_a_proxy_send_never_a_user(answers, sender):
    requests = answers(*[httpx.Response(200, json={"id": "SM1"})] * 2)

    sender.send(text(media=PICTURES, send_as_id="456"))
    sender.send(text(proxy=True, media=PICTURES, send_as_id="456"))

    native, proxy = [json.loads(request.content) for request in requests]
    assert native == {"to": "+12025550123", "body": "Hello", "agentId": 456}
    assert proxy == {"to": "+12025550123", "body": "Hello", "mediaUrl": list(PICTURES)}


def test_a_number_that_proves_to_be_in_native_mode_is_remembered_so_after_it_was_asked(answers, sender):
    refusal, none = httpx.Response(403, json={"error": "AnyWord"}), httpx.Response(404)
    requests = answers(refusal, none)

    result = sender.send(text(proxy=True))

    assert (result.error.code, result.learnt) == ("PROVIDER_REJECTED", {"proxy_mode": False})
    assert requests[1].url.path.endswith("/messages/configuration")


@pytest.mark.parametrize(
    "asked",
    [[httpx.Response(200, json={"type": "Public Api"})], [httpx.ReadTimeout("slow")]],
    ids=["still", "unclear"],
)
def test_nothing_is_learnt_where_the_mode_is_as_it_was_thought_or_nobody_knows(answers, sender, asked):
    answers(httpx.Response(403, json={"error": "AnyWord"}), *asked)

    assert sender.send(text(proxy=True)).learnt == {}


# --- The plan ---------------------------------------------------------------------------------------------

EDGE = {"message": "Forbidden"}
MONTH = "Forbidden Exception: the line exceeded number of messages limit for the current month (UTC)"


@pytest.mark.parametrize(
    ("prepared", "is_plan"),
    [
        ([httpx.Response(403, json={"error": "Forbidden"}), httpx.Response(200)], True),
        (
            [httpx.Response(403, json={"key": "Forbidden", "message": "Not allowed"}), httpx.Response(200)],
            True,
        ),
        ([httpx.Response(403, json=EDGE), httpx.Response(200), httpx.Response(403, json=EDGE)], True),
        ([httpx.Response(403, json={"error": "Forbidden", "message": MONTH})], False),
        ([httpx.Response(403, json={"error": "LineIsNotNativeException"})], False),
        ([httpx.Response(400, json={"error": "Forbidden"})], False),
    ],
    ids=["key", "with words", "edge", "limit", "mode", "400"],
)
def test_a_forbidden_send_with_a_good_key_may_be_the_plan(answers, sender, prepared, is_plan):
    answers(*prepared)

    result = sender.send(text())

    assert (result.error.code, result.plan_refused) == ("PROVIDER_REJECTED", is_plan)


def test_a_forbidden_configuration_is_told_as_the_plan_only_while_the_key_is_good(answers):
    answers(httpx.Response(403, json=EDGE), httpx.Response(200))
    with pytest.raises(NotInPlan, match="Professional") as plan:
        Aircall("id", "token").configure("1234", "https://us.example/")
    assert not plan.value.credential

    answers(httpx.Response(403, json=EDGE), httpx.Response(403, json=EDGE))
    with pytest.raises(AircallError, match="refused the API key") as key:
        Aircall("id", "token").configure("1234", "https://us.example/")
    assert key.value.credential
