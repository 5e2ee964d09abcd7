"""The whole product in real processes: an execution that HubSpot signed, and every way it can end."""

from __future__ import annotations

import time
from typing import Any

import pytest

from smsadmin.core.status import ON_ITS_WAY
from smsadmin.pacing import slots
from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import Settings
from smsadmin.sending import dispatch
from smsadmin.sending.accept import accept
from tests.e2e.executions import execution, new_callback_id, new_recipient
from tests.e2e.processes import until
from tests.e2e.product import Product
from tests.factories import ask, make_connection, make_number, make_workspace

SUPPORT_US_1, SUPPORT_US_2, SUPPORT_US_3 = "812001", "812002", "812003"
CARRIER_GIVES_UP = "+12025550191"
MIA, LEO, AVA = "456001", "456002", "456005"  # Leo is on none of these numbers, Mia on all of them


@pytest.fixture
def inputs() -> dict[str, str]:
    """What the step's fields hold when all is well; each test texts a recipient of its own."""
    return {
        "sender_mode": "number",
        "sender_number": SUPPORT_US_1,
        "send_as_mode": "default",
        "recipient": new_recipient(),
        "message": "Hi {{Contact.FirstName}}, thank you — Zoë from Example Ltd.",
    }


@pytest.mark.processes
def test_a_signed_execution_becomes_one_native_send_and_its_repeat_none(
    product: Product, inputs: dict[str, str]
) -> None:
    callback_id, sends = new_callback_id(), len(product.requests("/messages/native/send"))
    inputs |= {"send_as_mode": "user", "send_as_user": MIA}

    outputs = product.run(inputs, callback_id, firstname="Ada")

    assert (outputs["status"], outputs["hs_execution_state"]) == ("sent", "SUCCESS")
    (received,) = product.received(inputs["recipient"])
    assert received["body"] == "Hi Ada, thank you — Zoë from Example Ltd."
    assert (received["mode"], received["number_id"]) == ("native", int(SUPPORT_US_1))
    assert received["user"] == "mia@example.com"
    row = product.row(outputs["message_id"])
    assert row["status"] in ON_ITS_WAY  # the receipt may be here already
    assert (row["error_code"], row["provider_id"]) == ("", received["id"])
    assert outputs["message_id"] in product.admin.get("/log/").text

    again = product.run(inputs, callback_id, firstname="Ada")
    assert again.pop("status") in ON_ITS_WAY
    assert again == {name: value for name, value in outputs.items() if name != "status"}
    assert [each["id"] for each in product.received(inputs["recipient"])] == [received["id"]]
    assert len(product.requests("/messages/native/send")) == sends + 1


REFUSED = [
    pytest.param(
        {"sender_mode": "custom", "sender_number_custom": "+13125550101"},
        "NUMBER_NOT_IN_INTEGRATION",
        "+1 312-555-0101 is not connected to this integration, so nothing was sent.",
        id="number not in the integration",
    ),
    pytest.param(
        {"send_as_mode": "user", "send_as_user": LEO},
        "USER_NOT_ON_NUMBER",
        "leo@example.com is not a user of +1 202-555-0101, so nothing was sent.",
        id="user not on the number",
    ),
    pytest.param(
        {"recipient": "(202) 555-0123"},
        "RECIPIENT_NO_COUNTRY_CODE",
        "The recipient “(202) 555-0123” has no known country code.",
        id="recipient without country code",
    ),
    pytest.param(
        {"message": "Hi {{Contact.LastName}}"},
        "TOKEN_UNRESOLVED",
        "The record has no value for {{Contact.LastName}}, and the token has no fallback.",
        id="token without value",
    ),
    pytest.param(
        {"message": "x" * 1601},
        "MESSAGE_TOO_LONG",
        "The message has 1,601 characters; 1,600 is the most.",
        id="message over 1,600",
    ),
]


@pytest.mark.processes
@pytest.mark.parametrize(("wrong", "code", "sentence"), REFUSED)
def test_what_is_wrong_has_its_own_code_and_sentence_and_never_reaches_aircall(
    product: Product, inputs: dict[str, str], wrong: dict[str, str], code: str, sentence: str
) -> None:
    before = product.requests()

    outputs = product.run(inputs | wrong, firstname="Ada", lastname=None)

    assert_refused(product, outputs, code, sentence)
    assert product.requests() == before


@pytest.mark.processes
def test_a_user_without_enough_segments_is_refused(product: Product, inputs: dict[str, str]) -> None:
    inputs |= {"sender_number": SUPPORT_US_2, "send_as_mode": "user", "send_as_user": AVA}
    inputs["message"] = "x" * 161  # two segments
    with product.limit("user", "month", "segments", 3):
        assert product.run(inputs)["status"] == "sent"
        before = product.requests()
        outputs = product.run(inputs)

    sentence = "ava@example.com has 1 of 3 message segments per month left; this text needs 2."
    assert_refused(product, outputs, "USER_OUT_OF_SEGMENTS", sentence)
    assert product.requests() == before


@pytest.mark.processes
def test_a_number_whose_quota_is_spent_is_refused(product: Product, inputs: dict[str, str]) -> None:
    inputs |= {"sender_number": SUPPORT_US_3, "message": "Hello"}
    with product.limit("number", "month", "messages", 1):
        assert product.run(inputs)["status"] == "sent"
        before = product.requests()
        outputs = product.run(inputs)

    sentence = "+1 202-555-0103 has used 1 of 1 messages per month; there is room again at"
    assert_refused(product, outputs, "NUMBER_QUOTA_EXCEEDED", sentence)
    assert product.requests() == before


def assert_refused(product: Product, outputs: dict[str, str], code: str, sentence: str) -> None:
    assert (outputs["status"], outputs["hs_execution_state"]) == ("failed", "FAIL_CONTINUE")
    assert outputs["errorCode"] == code
    assert outputs["errorMessage"].startswith(sentence)
    row = product.row(outputs["message_id"])
    assert (row["status"], row["error_code"]) == ("rejected", code)
    page = product.page(outputs["message_id"])
    assert code in page
    assert sentence in page


@pytest.mark.processes
def test_a_bad_signature_is_turned_away_and_kept_for_the_admin(
    product: Product, inputs: dict[str, str]
) -> None:
    before, body = product.requests(), execution(inputs, firstname="Ada")

    response = product.execute(body, secret="another secret")

    assert response.status_code == 401
    assert response.json()["errorCode"] == "SIGNATURE_MISMATCH"
    assert response.json()["message"].startswith("The signature does not fit. Check the client secret")
    assert "The signature does not fit" in product.admin.get("/log/requests/?outcome=refused").text
    assert product.requests() == before


ANSWERS = [
    pytest.param(
        {"kind": "400"},
        ("failed", "PROVIDER_REJECTED"),
        "Aircall refused the message: Bad Request: Injected by the sandbox. (HTTP 400).",
        id="400",
    ),
    pytest.param(
        {"kind": "forbidden"},
        ("failed", "PROVIDER_REJECTED"),
        "Aircall refused the message: Forbidden: Sending messages is not allowed on this line. (HTTP 403).",
        id="403",
    ),
    pytest.param(
        {"kind": "500"},
        ("unknown", "PROVIDER_UNKNOWN"),
        "Aircall gave no clear answer (HTTP 500); the text may have gone out.",
        id="500",
    ),
    pytest.param(
        {"kind": "hang", "seconds": 5},
        ("unknown", "PROVIDER_UNKNOWN"),
        "Aircall gave no clear answer (no answer within 1 s); the text may have gone out.",
        id="timeout",
    ),
    pytest.param(
        {"kind": "reset"},
        ("unknown", "PROVIDER_UNKNOWN"),
        "Aircall gave no clear answer (the connection was reset); the text may have gone out.",
        id="reset",
    ),
]


@pytest.mark.processes
@pytest.mark.parametrize(("fault", "ending", "sentence"), ANSWERS)
def test_what_aircall_does_has_its_own_code_and_sentence_and_is_never_sent_again(
    product: Product, inputs: dict[str, str], fault: dict[str, Any], ending: tuple[str, str], sentence: str
) -> None:
    sends, callback_id = len(product.requests("/messages/native/send")), new_callback_id()

    with product.fault(**fault):
        outputs = product.run(inputs, callback_id, firstname="Ada")
    again = product.run(inputs, callback_id, firstname="Ada")

    assert (outputs["status"], outputs["hs_execution_state"]) == (ending[0], "FAIL_CONTINUE")
    assert (outputs["errorCode"], outputs["errorMessage"]) == (ending[1], sentence)
    row = product.row(outputs["message_id"])
    assert (row["status"], row["error_code"]) == ending
    page = product.page(outputs["message_id"])
    assert ending[1] in page
    assert sentence in page
    assert again == outputs
    assert len(product.requests("/messages/native/send")) == sends + 1


@pytest.mark.processes
def test_a_message_is_delivered_or_not_and_answered_and_its_page_says_so(
    product: Product, inputs: dict[str, str]
) -> None:
    delivered, undelivered = product.run(inputs), product.run(inputs | {"recipient": CARRIER_GIVES_UP})
    comes_to(product, delivered, "delivered")
    comes_to(product, undelivered, "undelivered")

    text = {"number": int(SUPPORT_US_1), "from": inputs["recipient"], "body": "Thank you, Zoë"}
    product.control.post("inbound", json=text).raise_for_status()

    until(lambda: "Thank you, Zoë" in product.page(delivered["message_id"]))
    assert "DELIVERY_FAILED" in product.page(undelivered["message_id"])
    assert "message.status_updated" in product.admin.get("/log/requests/?caller=aircall").text


@pytest.mark.processes
def test_what_nobody_knew_the_receipt_settles(product: Product, inputs: dict[str, str]) -> None:
    with product.fault(kind="reset_after"):
        outputs = product.run(inputs, firstname="Ada")

    assert outputs["errorCode"] == "PROVIDER_UNKNOWN"
    comes_to(product, outputs, "delivered")
    (received,) = product.received(inputs["recipient"])
    row = product.row(outputs["message_id"])
    assert (row["error_code"], row["provider_id"]) == ("", received["id"])


def comes_to(product: Product, outputs: dict[str, str], status: str) -> None:
    def now() -> Any:
        return product.row(outputs["message_id"])["status"]

    until(lambda: now() == status, 30, now)


def test_aircall_asking_to_slow_down_is_obeyed_and_given_up_after_a_day_with_its_own_code(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock is two minutes late, so that the next minute, when there is room again, has always begun."""
    with running(Settings(), now=lambda: time.time() - 120) as sandbox:
        settings.AIRCALL_BASE_URL = f"{sandbox.url}/aircall"
        workspace = make_workspace()
        account = make_connection(workspace, requests_per_minute=6000)
        number = make_number(workspace, connection=account, provider_id=SUPPORT_US_1)
        message = accept(ask(number, phone="+12025550180"))  # this recipient always meets a 429

        monkeypatch.setattr(dispatch, "LONGEST_TURN", 0.1)
        dispatch.drain(account.pk)
        message.refresh_from_db()
        assert message.status == "queued"
        message.accepted_at -= dispatch.SLOWED_DOWN
        message.next_attempt_at = message.accepted_at
        message.save()
        slots.forget(account.pk)
        dispatch.drain(account.pk)

        message.refresh_from_db()
        assert (message.status, message.error_code) == ("failed", "RATE_LIMITED")
        assert message.error_facts == {"provider": "Aircall", "attempts": 2}
        statuses = [event.data["status"] for event in message.events.filter(kind="attempt")]
        assert statuses == [429, 429]
        assert sandbox.state.messages == []
