"""The sender that a step of a call flow names: a number, a name, or none (Callr help: sms@v1, `from`)."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from smsadmin import cache
from smsadmin.core.message import SendRequest
from smsadmin.core.trace import Step
from smsadmin.directory.models import Number, SenderKind
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.sending.rehearse import rehearse
from smsadmin.workspaces.models import Connection
from tests.factories import ask, make_connection, make_number, make_pool, make_sender_name, make_workspace


@pytest.fixture
def account(db: None) -> Iterator[Connection]:
    """A Callr account that knows the name ACME, has one number, and picks senders itself."""
    found = make_connection(make_workspace(), Connection.Kind.CALLR)
    make_number(found.workspace, "+33644600001", connection=found, name="Paris", country="FR")
    make_sender_name(found, "ACME")
    make_pool(found)
    yield found
    cache.forget()


def given(account: Connection, sender: str, **over: object) -> SendRequest:
    number = Number.objects.filter(workspace=account.workspace, kind=SenderKind.PHONE).earliest("pk")
    config = {"sender_kind": "given", "sender_given": sender, "sender_number_id": None}
    return ask(number, **{"phone": "+33612345678", **config, "sender_connection_id": account.pk, **over})


def step(message: Message, name: str) -> Step:
    return next(each for each in map(Step.from_json, message.trace) if each.name == name)


def test_a_number_in_full_is_the_one_of_the_directory(account):
    message = accept(given(account, "+33644600001"))
    assert (message.status, message.sender) == ("queued", "+33644600001")
    assert step(message, "sender").say == "sender.given"


@pytest.mark.parametrize("spelling", ["ACME", "acme", " Acme "])
def test_a_name_is_the_accounts_in_whichever_case_and_is_sent_as_it_was_entered(account, spelling):
    message = accept(given(account, spelling))
    assert (message.status, message.sender, message.number.kind) == ("queued", "ACME", "name")
    assert (step(message, "sender").say, step(message, "eligible").say) == ("sender.name", "eligible.name")


def test_without_one_the_account_picks(account):
    message = accept(given(account, ""))
    assert (message.status, message.sender, message.number.kind) == ("queued", "", "pool")
    assert (step(message, "sender").say, step(message, "eligible").say) == ("sender.pool", "eligible.pool")


def test_where_the_account_picks_none_the_number_set_for_that_is_taken(account):
    number = Number.objects.get(kind=SenderKind.PHONE)
    Number.objects.filter(kind=SenderKind.POOL).update(gone_at=timezone.now())
    cache.forget()
    message = accept(given(account, "", sender_number_id=number.pk))
    assert (message.sender, step(message, "sender").say) == ("+33644600001", "sender.default")


@pytest.mark.parametrize(
    ("sender", "code", "facts"),
    [
        ("+33644600009", "NUMBER_NOT_IN_INTEGRATION", {"sender": "+33644600009"}),
        ("33644600001", "NUMBER_NOT_E164", {"value": "33644600001"}),
        ("+33 6 44 60 00 01", "NUMBER_NOT_E164", {"value": "+33 6 44 60 00 01"}),
        ("Globex", "SENDER_ID_NOT_APPROVED", {"value": "Globex", "country": ""}),
        ("Globex Corporation", "SENDER_ID_INVALID", {"value": "Globex Corporation", "why": "too_long"}),
        ("Käse", "SENDER_ID_INVALID", {"value": "Käse", "why": "characters"}),
    ],
)
def test_what_is_no_sender_of_the_account_is_refused_with_the_value(account, sender, code, facts):
    message = accept(given(account, sender))
    assert (message.status, message.error_code, message.error_facts) == ("rejected", code, facts)


def test_a_name_of_another_account_of_the_workspace_is_unknown(account):
    other = make_connection(account.workspace, Connection.Kind.CALLR)
    assert (
        accept(given(account, "ACME", sender_connection_id=other.pk)).error_code == "SENDER_ID_NOT_APPROVED"
    )


def test_without_an_account_a_name_is_that_of_the_only_one_that_has_it(account):
    message = accept(given(account, "Acme", sender_connection_id=None))
    assert (message.status, message.sender, message.number.connection) == ("queued", "ACME", account)

    make_sender_name(make_connection(account.workspace, Connection.Kind.CALLR), "ACME")
    assert accept(given(account, "Acme", sender_connection_id=None)).error_code == "SENDER_ID_NOT_APPROVED"


def called(account: Connection, number: Number | None) -> Message:
    """A text whose step names no sender, after a call to the number."""
    pk = number.pk if number else None
    return accept(given(account, "", sender_connection_id=None, sender_called=True, sender_number_id=pk))


def test_the_number_that_was_called_is_taken_where_it_can_text(account):
    message = called(account, Number.objects.get(kind=SenderKind.PHONE))
    assert (message.status, message.sender) == ("queued", "+33644600001")
    assert step(message, "sender").say == "sender.called"


def test_where_it_cannot_text_the_only_account_that_picks_senders_does(account):
    mute = make_number(account.workspace, connection=account, sms_capable=False)
    for number, say in ((mute, "sender.called_mute"), (None, "sender.called_elsewhere")):
        message = called(account, number)
        assert (message.status, message.number.kind) == ("queued", "pool")
        assert (step(message, "sender").verdict, step(message, "sender").say) == ("warning", say)


@pytest.mark.parametrize("accounts", [0, 2])
def test_of_no_account_or_several_nobody_picks_and_the_refusal_says_why(account, accounts):
    mute = make_number(account.workspace, connection=account, sms_capable=False)
    if accounts:
        make_pool(make_connection(account.workspace, Connection.Kind.CALLR))
    else:
        Number.objects.filter(kind=SenderKind.POOL).update(gone_at=timezone.now())
    cache.forget()

    message = called(account, mute)
    assert (message.error_code, step(message, "sender").say) == ("NUMBER_NOT_SMS_CAPABLE", "sender.called")
    nobodys = called(account, None)
    assert (nobodys.error_code, nobodys.error_facts) == ("SENDER_REQUIRED", {"source": "called"})
    assert "is none of ours" in nobodys.error.sentence(nobodys.error_facts)


def test_none_at_all_names_the_flows_setting(account):
    rehearsal = rehearse(given(account, "", sender_connection_id=None))
    assert rehearsal.error
    assert rehearsal.error.code == "SENDER_REQUIRED"
    assert "The step names no sender" in str(rehearsal.error)
    assert "in the flow's settings" in rehearsal.error.fix


def test_a_withdrawn_name_is_unknown(account):
    Number.objects.filter(kind=SenderKind.NAME).update(gone_at=timezone.now())
    cache.forget()
    assert accept(given(account, "ACME")).error_code == "SENDER_ID_NOT_APPROVED"


def test_quotas_of_numbers_hold_for_names_and_for_what_the_account_picks(account):
    account.workspace.quota_rules.create(
        scope="number", window="day", unit="messages", limit=1, route="callr"
    )
    cache.forget()
    for sender, subject in (("ACME", "ACME"), ("", "Callr picks the sender")):
        assert accept(given(account, sender)).status == "queued"
        second = accept(given(account, sender))
        assert (second.error_code, second.error_facts["subject"]) == ("NUMBER_QUOTA_EXCEEDED", subject)


def test_aircalls_rules_for_french_numbers_are_not_callrs(account):
    """A French mobile number of Callr's may send by itself, and more than 670 characters."""
    message = accept(given(account, "+33644600001", message="x" * 700))
    assert (message.status, step(message, "country").say) == ("queued", "country.none")
