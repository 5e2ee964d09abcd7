"""The mirror of a Callr account: its numbers, the sender that Callr picks, and names that no account lists."""

import time

import pytest
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache
from smsadmin.directory import mirror
from smsadmin.directory.models import Number, SenderKind, Source
from smsadmin.pacing import slots
from smsadmin.sandbox.seeds import CALLR_NUMBERS
from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import CallrNumber, Settings
from tests.factories import make_connection, make_member, make_workspace


@pytest.fixture
def sandbox(settings):
    with running(Settings(), now=time.time) as server:
        settings.CALLR_BASE_URL = f"{server.url}/callr"
        yield server


@pytest.fixture
def account(db):
    cache.forget()
    yield make_connection(make_workspace(), "callr")
    cache.forget()


def refresh(account):
    slots.forget(account.pk)
    return mirror.refresh(account.pk, sleep=lambda seconds: None)


def here(account):
    return set(account.numbers.filter(gone_at=None).values_list("provider_id", flat=True))


def test_its_numbers_and_the_sender_that_callr_picks_are_in_the_directory(sandbox, account):
    assert refresh(account).state == "done"

    assert here(account) == {"pool", *(e164 for e164, *_ in CALLR_NUMBERS)}
    pool = account.numbers.get(provider_id="pool")
    assert (pool.kind, pool.e164, pool.connected, pool.sms_capable) == (SenderKind.POOL, "", True, True)


def test_a_number_waits_for_somebody_to_say_that_it_can_text(sandbox, account):
    refresh(account)
    number = account.numbers.get(e164="+33639980042")
    assert (number.connected, number.sms_capable, number.is_eligible) == (True, None, False)
    assert number.name == "Mobile FR"  # Callr gives it none

    number.sms_capable, number.sms_capable_source = True, Source.ADMIN
    number.save()
    refresh(account)

    number.refresh_from_db()
    assert (number.country, number.is_eligible) == ("FR", True)


def test_only_numbers_that_are_not_listed_any_more_are_gone(sandbox, account):
    refresh(account)
    Number.objects.create(
        workspace=account.workspace,
        connection=account,
        kind=SenderKind.NAME,
        provider_id="name:ACME",
        e164="ACME",
        name="ACME",
        connected=True,
        sms_capable=True,
        seen_at=timezone.now(),
    )
    del sandbox.state.callr_numbers["+33639980043"]

    changes = refresh(account).changes

    assert here(account) == {"pool", "name:ACME", "+33199001020", "+33639980042", "+442079460180"}
    assert account.numbers.get(provider_id="name:ACME").connected
    assert {kind: each["count"] for kind, each in changes.items()} == {"gone_numbers": 1}


def test_a_long_list_is_read_page_by_page(sandbox, account):
    for serial in range(120):
        e164 = f"+3363998{serial + 2000}"
        sandbox.state.callr_numbers[e164] = CallrNumber(e164, "FR")

    run = refresh(account)

    assert account.numbers.filter(kind=SenderKind.PHONE).count() == 124
    assert (run.requests, run.progress["numbers"]) == (2, [124, 124])


def test_a_list_that_is_suddenly_empty_is_not_believed(sandbox, account):
    refresh(account)
    sandbox.state.callr_numbers.clear()

    run = refresh(account)

    assert (run.cause, len(here(account))) == ("empty", 5)


def test_an_account_that_never_had_a_number_still_has_the_sender_that_callr_picks(sandbox, account):
    sandbox.state.callr_numbers.clear()

    assert refresh(account).state == "done"
    assert here(account) == {"pool"}


def test_refused_credentials_are_said_of_the_connection(sandbox, account):
    sandbox.state.settings.callr_credentials_refused = True

    run = refresh(account)

    account.refresh_from_db()
    assert (run.cause, account.state) == ("key", "rejected")


def test_a_number_of_callrs_has_a_page_that_does_not_speak_of_aircall(sandbox, account, client):
    refresh(account)
    client.force_login(make_member(account.workspace).user)
    number = account.numbers.get(e164="+33639980042")

    shown = client.get(reverse("number", args=[number.pk]))

    assert shown.status_code == 200
    assert "Aircall" not in shown.content.decode().partition("<main")[2].partition("</main")[0]
