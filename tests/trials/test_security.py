"""What somebody who means harm gets out of test numbers: no premium-rate texts, no guessed code, no forged form."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from smsadmin.directory.models import Number
from smsadmin.sending.models import Message
from smsadmin.trials.models import TestNumber
from smsadmin.trials.verification import MOST_WRONG, CodeRefused, send_code, type_in
from smsadmin.workspaces.models import Member, Workspace
from tests.factories import make_member
from tests.sending.conftest import NOW, Clock
from tests.trials.conftest import make_test_number

LIST = "/settings/test-numbers/"
#: Each country's plan says of these that no mobile can have them (phonenumbers' own examples).
COSTLY = ["+449098790000", "+19002345678", "+979123456789", "+33897123456", "+4930123456"]


@pytest.mark.parametrize("number", COSTLY)
def test_a_number_that_earns_with_texts_is_not_added(
    client: Client, workspace: Workspace, number: str
) -> None:
    response = client.post(LIST, {"label": "Mine", "number": number})

    assert response.status_code == 422
    assert "is not a mobile number, and tests go to mobiles." in response.content.decode()
    assert not TestNumber.objects.exists()


def test_a_number_that_was_added_before_that_rule_gets_no_code(
    workspace: Workspace, sender: Number, editor: Member
) -> None:
    message = send_code(make_test_number(workspace, COSTLY[0]), sender, editor.user, "click", NOW)

    assert (message.status, message.error_code) == ("rejected", "RECIPIENT_NOT_MOBILE")


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_codes_guessed_at_once_are_no_more_than_one_after_the_other(
    phone: TestNumber,
    sender: Number,
    editor: Member,
    clock: Clock,
    received: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every thread has read the row before any of them tries: only what is counted first is compared at all."""
    from smsadmin.trials import verification

    send_code(phone, sender, editor.user, "click", clock.now())
    right = received()
    compared: list[str] = []
    real = verification.check_password
    monkeypatch.setattr(
        verification, "check_password", lambda code, hashed: compared.append(code) or real(code, hashed)
    )
    guesses = [f"{(int(right) + n) % 1_000_000:06}" for n in range(1, 25)]
    rows = [TestNumber.objects.get() for _ in guesses]

    def guess(row: TestNumber, code: str) -> str:
        try:
            type_in(row, code, editor.user, clock.now())
        except CodeRefused as refused:
            return str(refused)
        finally:
            connection.close()
        return "verified"

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(guess, rows, guesses))

    assert len(compared) == MOST_WRONG
    assert "verified" not in said
    with pytest.raises(CodeRefused, match="Too many wrong codes"):
        type_in(TestNumber.objects.get(), right, editor.user, clock.now())


def test_every_change_needs_the_token_of_its_page(editor: Member, phone: TestNumber, sender: Number) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(editor.user)
    forms: dict[str, dict[str, Any]] = {
        LIST: {"label": "Theirs", "number": "+447400123457"},
        f"{LIST}{phone.pk}/send/": {"sender": sender.pk, "token": "click"},
        f"{LIST}{phone.pk}/verify/": {"code": "123456"},
        f"{LIST}{phone.pk}/remove/": {},
    }

    for url, typed in forms.items():
        assert browser.post(url, typed).status_code == 403
        if url != LIST:
            assert browser.get(url).status_code == 405
    assert list(TestNumber.objects.all()) == [phone]
    assert not Message.objects.exists()


@pytest.mark.services
@pytest.mark.parametrize("pk", ["9" * 30, "9223372036854775808", "0"])
def test_numbers_and_senders_that_no_database_holds_are_not_found(
    client: Client, phone: TestNumber, pk: str
) -> None:
    for step in ("", "send/", "verify/", "remove/"):
        assert client.post(f"{LIST}{pk}/{step}").status_code in (404, 405)
    assert client.get(f"{LIST}{pk}/").status_code == 404
    refused = client.post(f"{LIST}{phone.pk}/send/", {"sender": pk, "token": "click"})
    assert refused.status_code == 422


@pytest.mark.parametrize("name", ["label", "number"])
def test_what_no_database_takes_is_refused(client: Client, name: str) -> None:
    typed = {"label": "Mine", "number": "+447400123457"} | {name: "a\x00b"}

    assert client.post(LIST, typed).status_code == 422


def test_below_editor_nobody_sends_a_code(workspace: Workspace, phone: TestNumber, sender: Number) -> None:
    for role in ("viewer", "operator"):
        browser = Client()
        browser.force_login(make_member(workspace, role).user)
        for step, typed in (("send/", {"sender": sender.pk, "token": "x"}), ("verify/", {"code": "123456"})):
            assert browser.post(f"{LIST}{phone.pk}/{step}", typed).status_code == 403
    assert not Message.objects.exists()
    phone.refresh_from_db()
    assert phone.wrong_codes == 0
