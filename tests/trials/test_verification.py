"""A code proves that a phone is ours: how it goes out, how long it counts, how often, and what is kept of it."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import pytest
from auditlog.models import LogEntry
from django.core import serializers
from django.db import DatabaseError, connection
from django.utils import translation

from smsadmin import cache
from smsadmin.core import errors
from smsadmin.core.message import Accepted
from smsadmin.core.status import Status
from smsadmin.providers.base import Exchange, Result
from smsadmin.sending import log
from smsadmin.sending.models import Event, Message
from smsadmin.trials import verification
from smsadmin.trials.models import TestNumber
from smsadmin.trials.verification import CodeRefused, NotNow, State, send_code, state, type_in
from tests.factories import make_number, make_user, make_workspace, refused
from tests.sending.conftest import NOW
from tests.trials.conftest import PHONE, code_in, make_test_number

_tokens = count(1)


@pytest.fixture
def ask(phone, sender, editor, clock):
    """Sends a code, to the phone and with a click of its own unless told otherwise."""

    def send(number=phone, token="", sender=sender):
        return send_code(number, sender, editor.user, token or f"click {next(_tokens)}", clock.now())

    return send


@pytest.fixture
def tell(editor, clock):
    """Types a code in on a freshly read row; the row afterwards."""

    def typed(number, code):
        row = TestNumber.objects.get(pk=number.pk)
        type_in(row, code, editor.user, clock.now())
        return row

    return typed


def wrong(code):
    return f"{(int(code) + 1) % 1_000_000:06}"


def no_longer_texts(number):
    number.sms_capable = False
    number.save()
    cache.forget()


def stored():
    """Everything the database holds of messages, their events and test numbers."""
    rows = [*Message.objects.all(), *Event.objects.all(), *TestNumber.objects.all(), *LogEntry.objects.all()]
    return serializers.serialize("json", rows)


# --- Sending ----------------------------------------------------------------------------------------


@pytest.mark.services
def test_a_code_takes_the_way_of_every_message(ask, workspace, sender, provider, received):
    message = ask()

    code = received()
    message.refresh_from_db()
    assert (message.trigger, message.status) == ("verification", Status.SENT)
    assert [step[0] for step in message.trace][-1] == "quota"
    assert [entry["minute_messages"] for entry in message.quota] == [1]
    [sms] = provider.sent
    assert (sms.sender, sms.recipient) == (sender.e164, PHONE)
    assert sms.body == (
        f"{code} is the code that makes this phone a test number of Example Ltd. It is valid for 10 minutes."
    )


def test_the_text_is_in_the_workspaces_language_whatever_the_reader_speaks(ask, workspace, monkeypatch):
    workspace.language = "de"
    workspace.save()
    monkeypatch.setattr(verification, "_", lambda text: f"[{translation.get_language()}] {text}")

    assert ask().body.startswith("[de] ")
    assert translation.get_language() == "en"


def test_each_code_is_another_one(ask, clock, received):
    codes = set()
    for _ in range(4):
        ask()
        codes.add(received())
        clock.sleep(61)

    assert len(codes) > 1


@pytest.mark.services
def test_the_same_click_twice_sends_one_code_and_that_one_counts(ask, tell, phone, provider, received):
    first, second = ask(token="one click"), ask(token="one click")

    code = received()
    assert first == second
    assert len(provider.sent) == 1
    assert tell(phone, code).verified_at


# --- Typing in --------------------------------------------------------------------------------------


@pytest.mark.services
def test_the_code_that_arrived_verifies_the_number(ask, tell, phone, editor, clock, received):
    ask()

    verified = tell(phone, received())

    assert (verified.verified_by, verified.verified_at) == (editor.user, clock.now())
    assert (verified.code_hash, state(verified, clock.now())) == ("", State.VERIFIED)


@pytest.mark.parametrize(("seconds", "counts"), [(599, True), (600, False)])
def test_a_code_is_valid_for_ten_minutes(ask, tell, phone, clock, received, seconds, counts):
    sent_at = clock.now()
    ask()
    code = received()
    clock.at = sent_at + timedelta(seconds=seconds)

    if counts:
        assert tell(phone, code).verified_at
    else:
        with pytest.raises(CodeRefused, match="has expired"):
            tell(phone, code)


@pytest.mark.services
def test_after_five_wrong_codes_the_right_one_no_longer_counts(ask, tell, phone, clock, received):
    ask()
    code = received()
    said = []
    for _ in range(5):
        with pytest.raises(CodeRefused) as refusal:
            tell(phone, wrong(code))
        said.append(str(refusal.value))

    assert said[0] == "This is not the code. 4 more tries are left."
    assert said[3] == "This is not the code. 1 more try is left."
    assert "Too many wrong codes" in said[4]
    with pytest.raises(CodeRefused, match="Too many wrong codes"):
        tell(phone, code)
    clock.sleep(61)
    ask(TestNumber.objects.get())
    assert tell(phone, received()).verified_at


def test_tries_made_at_once_are_counted_one_by_one(ask, phone, editor, clock, received):
    ask()
    code = received()
    TestNumber.objects.update(wrong_codes=4)
    first, second = TestNumber.objects.get(), TestNumber.objects.get()  # both have read: one try is left

    with pytest.raises(CodeRefused):
        type_in(first, wrong(code), editor.user, clock.now())
    with pytest.raises(CodeRefused, match="Too many wrong codes"):
        type_in(second, code, editor.user, clock.now())


def test_a_new_code_replaces_the_one_before(ask, tell, phone, clock, received):
    ask()
    old = received()
    clock.sleep(61)
    ask()
    new = received()

    if old != new:
        with pytest.raises(CodeRefused, match="not the code"):
            tell(phone, old)
    assert tell(phone, new).verified_at


def test_without_a_code_nothing_can_be_typed_in(tell, phone, clock):
    with pytest.raises(CodeRefused, match="No code was sent"):
        tell(phone, "000000")
    verified = make_test_number(phone.workspace, "+447400123457", verified_at=clock.now())
    with pytest.raises(CodeRefused, match="verified already"):
        tell(verified, "000000")


# --- Codes that never left --------------------------------------------------------------------------


def test_a_code_that_was_rejected_opens_nothing_and_is_forgotten(ask, tell, phone, sender, clock):
    no_longer_texts(sender)

    message = ask()

    message.refresh_from_db()
    assert (message.error_code, message.body, message.template) == ("NUMBER_NOT_SMS_CAPABLE", "", "")
    phone.refresh_from_db()
    assert (phone.code_hash, state(phone, clock.now())) == ("", State.NOT_SENT)
    with pytest.raises(CodeRefused, match="was not sent"):
        tell(phone, "000000")


def test_a_rejected_code_ends_the_one_before(ask, tell, phone, sender, clock, received):
    ask()
    code = received()
    clock.sleep(61)
    no_longer_texts(sender)

    ask()

    with pytest.raises(CodeRefused, match="was not sent"):
        tell(phone, code)


def test_a_code_that_the_provider_refused_does_not_count(ask, tell, phone, provider, received):
    provider.answer(PHONE, refused(errors.ProviderRejected(provider="Aircall", answer="no", http_status=400)))
    ask()

    with pytest.raises(CodeRefused, match="was not sent"):
        tell(phone, received())


def test_a_code_that_may_have_gone_out_counts(ask, tell, phone, provider, received):
    provider.answer(PHONE, TimeoutError())
    message = ask()
    code = received()

    message.refresh_from_db()
    assert message.status == Status.UNKNOWN
    assert tell(phone, code).verified_at


# --- Limits -----------------------------------------------------------------------------------------


@pytest.mark.services
def test_a_number_gets_one_code_a_minute(ask, workspace, phone, clock):
    ask()
    clock.sleep(18)

    with pytest.raises(NotNow, match=r"less than a minute ago\. The next one can be sent in 42 s\."):
        ask()
    ask(make_test_number(workspace, "+447400123457"))
    clock.sleep(42)
    ask()


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_of_codes_asked_for_at_once_one_goes_out(phone, sender, editor):
    def one(click):
        try:
            return send_code(TestNumber.objects.get(), sender, editor.user, f"click {click}", NOW)
        except NotNow:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        sent = list(filter(None, pool.map(one, range(4))))

    assert sent == list(Message.objects.all())
    assert len(sent) == 1


def test_adding_a_number_again_does_not_bring_another_code(ask, workspace, phone, clock):
    ask()
    phone.delete()

    with pytest.raises(NotNow):
        ask(make_test_number(workspace))


@pytest.mark.services
def test_a_workspace_sends_ten_codes_a_day(ask, workspace, clock, editor):
    first_at = clock.now()
    phones = [make_test_number(workspace, f"+4474001234{n}") for n in range(10, 21)]
    for number in phones[:10]:
        ask(number)
        clock.sleep(3600)

    with pytest.raises(NotNow, match=r"has sent 10 codes within 24 hours.* can be sent in 14 h\."):
        ask(phones[10])
    other = make_workspace()
    send_code(make_test_number(other), make_number(other), make_user(), "click", clock.now())
    clock.at = first_at + timedelta(days=1)
    ask(phones[10])


def test_a_rejected_code_uses_up_no_limit(ask, sender):
    no_longer_texts(sender)

    assert [ask().status for _ in range(12)] == [Status.REJECTED] * 12


# --- What is kept -----------------------------------------------------------------------------------


@pytest.mark.services
def test_once_sent_the_code_is_nowhere_in_the_database(ask, provider, received):
    provider.answer(PHONE, lambda sms: said(sms, None, retry_in=5, reason="unreachable", detail="refused"))
    provider.answer(PHONE, lambda sms: said(sms, 200, accepted=Accepted("SM1", "pending")))
    ask()
    assert code_in(Message.objects.get().body) in stored()  # the row is the queue

    code = received(seconds=30)

    assert Message.objects.get().status == Status.SENT
    assert code not in stored()
    assert [sorted(event.data) for event in Event.objects.all()] == [
        ["method", "ms", "url"],
        ["method", "ms", "status", "url"],
    ]


def said(sms, http_status, **result):
    """An exchange that holds the text twice, as Aircall's answers repeat it."""
    text = json.dumps({"id": "SM1", "body": sms.body}) if http_status else ""
    request = {"to": sms.recipient, "body": sms.body}
    return Result(Exchange("POST", "https://provider.example/", request, http_status, text), **result)


def test_what_other_messages_said_is_kept(ask, phone, received):
    ask()
    Message.objects.update(trigger="test")

    assert received() in Message.objects.get().body


def test_a_database_that_fails_while_forgetting_does_not_stop_the_drain(ask, received, monkeypatch):
    def broken(_ids, _now):
        raise DatabaseError("away")

    monkeypatch.setattr(log, "forget_text", broken)
    ask()

    received()

    assert Message.objects.get().status == Status.SENT


def test_the_audit_log_knows_the_number_but_not_the_hash(ask, tell, phone, received):
    ask()
    tell(phone, received())

    changes = [entry.changes for entry in LogEntry.objects.get_for_object(phone)]
    assert any("verified_at" in change for change in changes)
    assert "code_hash" not in json.dumps(changes)
