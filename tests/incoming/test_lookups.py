"""Unknown messages of Twilio, looked for in its list before anybody decides."""

import time
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache
from smsadmin.consent.models import OptOut, Policy
from smsadmin.directory.models import Number, SenderKind
from smsadmin.incoming import charges, lookups
from smsadmin.incoming.models import Charge, LookUp
from smsadmin.pacing import slots
from smsadmin.sandbox.seeds import TWILIO_SERVICES
from smsadmin.sandbox.server import running
from smsadmin.sandbox.state import TWILIO_SID, Settings, TwilioMessage
from smsadmin.sandbox.state import Message as Kept
from tests.factories import make_connection, make_member, make_message, make_number, make_workspace
from tests.incoming.conftest import receipts, status

ADA, BEA, OURS = "+13125550123", "+13125550124", "+12065550188"
[SERVICE] = TWILIO_SERVICES


@pytest.fixture
def sandbox(settings):
    settings.PROVIDER_CONNECT_TIMEOUT = 1
    with running(Settings(), now=time.time) as server:
        settings.TWILIO_BASE_URL = f"{server.url}/twilio"
        yield server


@pytest.fixture
def account(db):
    cache.forget()
    found = make_connection(make_workspace(), "twilio", external_id=TWILIO_SID)
    make_number(found.workspace, OURS, connection=found, provider_id=OURS)
    return found


def unknown(account, *, ago=30, **columns):
    at = timezone.now() - timedelta(seconds=ago)
    facts = {"provider": "Twilio", "reason": "the connection was reset"}
    mine = {"number": account.numbers.get(provider_id=OURS), "recipient": ADA, "claimed_at": at}
    error = {"error_code": "PROVIDER_UNKNOWN", "error_facts": facts}
    return make_message(
        account.workspace, at=at, status="unknown", **(error | mine | {"finished_at": at} | columns)
    )


def listed(sandbox, sid, body="Hi Ada", status="delivered", *, ago=30, **over):
    known = TwilioMessage(
        Kept(
            sid, "twilio", 0, over.pop("sender", OURS), over.pop("to", ADA), body, time.time() - ago, status
        ),
        updated_at=time.time(),
        sent_at=time.time(),
        **over,
    )
    sandbox.state.twilio_messages[sid] = known


def run(account):
    slots.forget(account.pk)
    return lookups.run()


def looks(message):
    return [each["listed"] for each in receipts(message) if "listed" in each]


@pytest.mark.parametrize(
    ("word", "code", "after"),
    [("delivered", None, "delivered"), ("sent", None, "sent"), ("undelivered", 30005, "undelivered")],
)
def test_exactly_one_that_says_the_same_settles_it(account, sandbox, word, code, after):
    message = unknown(account)
    listed(sandbox, "SM1", status=word, error_code=code)
    listed(sandbox, "SM2", "Something else")
    listed(sandbox, "SM3", to="+13125550199")
    listed(sandbox, "SM4", sender="+12065550111")
    listed(sandbox, "SM5", ago=3600)

    assert run(account) == 1
    assert (status(message), message.provider_id) == (after, "SM1")
    assert Charge.objects.get(message=message.pk).currency == "USD"


def test_a_worker_that_dies_while_it_settles_leaves_it_to_the_next(account, sandbox, monkeypatch):
    message = unknown(account)
    listed(sandbox, "SM1")
    with monkeypatch.context() as dying:
        dying.setattr(lookups.meaning, "take", lambda *_arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(account)
    assert status(message) == "unknown"

    slots.forget(account.pk)
    assert lookups.run(timezone.now() + lookups.LEASE) == 1
    assert status(message) == "delivered"


def test_a_message_of_a_service_is_found_by_the_service(account, sandbox):
    made = {"connection": account, "workspace": account.workspace, "seen_at": timezone.now()}
    service = Number.objects.create(provider_id=SERVICE, kind=SenderKind.POOL, name="Service", **made)
    message = unknown(account, number=service, sender="")
    listed(sandbox, "SM1", service_sid=SERVICE)
    listed(sandbox, "SM2")

    run(account)
    assert (status(message), message.provider_id) == ("delivered", "SM1")


def test_on_trial_twilio_puts_a_sentence_before_each_text(account, sandbox):
    message = unknown(account)
    listed(sandbox, "SM1", "Sent from your Twilio trial account - Hi Ada")

    assert run(account) == 1
    assert status(message) == "delivered"


def test_what_belongs_to_another_of_our_messages_is_not_it(account, sandbox):
    number = account.numbers.get()
    make_message(account.workspace, number=number, provider_id="SM1", connection_id=account.pk)
    message = unknown(account)
    listed(sandbox, "SM1")

    assert run(account) == 0
    assert (status(message), looks(message)) == ("unknown", [[]])


def test_of_several_nobody_can_tell_which_and_the_decision_shows_them(account, sandbox, client):
    message = unknown(account)
    listed(sandbox, "SM1")
    listed(sandbox, "SM2")

    assert run(account) == 0
    assert status(message) == "unknown"
    client.force_login(make_member(account.workspace, "operator").user)
    for name in ("message", "message-unknown"):
        shown = client.get(reverse(name, args=[message.pk])).content.decode()
        assert "Twilio lists several that may be it" in shown
        assert "SM2" in shown


def test_two_of_ours_that_say_the_same_are_both_left_to_a_person(account, sandbox):
    messages = [unknown(account), unknown(account)]
    listed(sandbox, "SM1")

    assert run(account) == 0
    assert [status(each) for each in messages] == ["unknown", "unknown"]


def test_it_is_looked_for_a_few_times_ever_later(account, sandbox, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    message = unknown(account, ago=0)
    seen = []
    for seconds in (10, 15, 60, 60, 600, 3600, 3600, 36_000):
        time_machine.shift(seconds)
        run(account)
        seen.append(len(looks(message)))

    assert seen == [0, 1, 1, 2, 3, 4, 4, 4]


def test_one_that_waits_for_its_next_look_keeps_none_from_its_turn(account, sandbox, monkeypatch):
    monkeypatch.setattr(lookups, "MOST_AT_ONCE", 1)
    messages = [unknown(account, body="First"), unknown(account, body="Second")]
    listed(sandbox, "SM2", "Second")

    assert (run(account), run(account)) == (0, 1)
    assert [status(each) for each in messages] == ["unknown", "delivered"]


def test_of_sweeps_that_overlap_one_looks(account, sandbox, monkeypatch):
    unknown(account)
    looked, look_up = [], lookups.look_up

    def overlapped(message, now):
        looked.append(message.pk)
        return lookups.run(now) or look_up(message, now)

    monkeypatch.setattr(lookups, "look_up", overlapped)
    run(account)
    assert len(looked) == 1


def test_what_is_not_answered_and_who_clicks_use_up_no_look(account, sandbox, client, time_machine):
    time_machine.move_to(timezone.now(), tick=False)
    client.force_login(make_member(account.workspace, "operator").user)
    message = unknown(account, ago=600)
    sandbox.state.settings.twilio_credentials_refused = True
    for _minute in range(len(lookups.AFTER) + 1):
        assert run(account) == 0
        client.post(reverse("message-ask", args=[message.pk]))
        time_machine.shift(61)
    assert [each["failure"] for each in receipts(message)] == ["Twilio refused the credentials (HTTP 401)."]

    sandbox.state.settings.twilio_credentials_refused = False
    for _click in lookups.AFTER:
        client.post(reverse("message-ask", args=[message.pk]))
    listed(sandbox, "SM1", ago=600)
    assert run(account) == 1


def test_a_search_is_forgotten_once_nothing_is_looked_for_any_more(account, sandbox):
    unknown(account)
    run(account)
    assert LookUp.objects.count() == 1

    lookups.run(timezone.now() + lookups.WITHIN)
    assert not LookUp.objects.exists()


@pytest.mark.parametrize(("option", "after"), [(True, "delivered"), (False, "unknown")])
def test_where_twilio_replaces_look_alikes_the_text_is_known_by_what_it_became(
    account, sandbox, option, after
):
    account.options = {"smart_encoded": option}
    account.save()
    message = unknown(account, body="“Hi” Ada – it’s on")
    listed(sandbox, "SM1", '"Hi" Ada - it\'s on')

    run(account)
    assert status(message) == after


def test_an_opt_out_at_twilio_is_learnt_however_it_is_found(account, sandbox, client):
    Policy.objects.create(workspace=account.workspace, kept_by=Policy.KeptBy.HERE)
    cache.forget()
    client.force_login(make_member(account.workspace, "operator").user)
    asked = make_message(account.workspace, number=account.numbers.get(), provider_id="SM1", recipient=BEA)
    unknown(account)
    listed(sandbox, "SM1", to=BEA, status="failed", error_code=21610)
    listed(sandbox, "SM2", status="failed", error_code=21610)

    client.post(reverse("message-ask", args=[asked.pk]))
    run(account)
    assert set(OptOut.objects.values_list("number", flat=True)) == {ADA, BEA}


def test_somebody_may_ask_at_once_by_the_list_or_by_the_id(account, sandbox, client):
    client.force_login(make_member(account.workspace, "operator").user)
    lost, known = unknown(account, ago=1), unknown(account, provider_id="SM2", body="Other")
    listed(sandbox, "SM1", ago=1)
    listed(sandbox, "SM2", "Other", error_code=30007, status="undelivered")

    for message in (lost, known):
        shown = client.post(reverse("message-ask", args=[message.pk]), follow=True).content.decode()
        assert "Twilio&#x27;s answer changed the message" in shown
    assert (status(lost), status(known), known.error_code) == ("delivered", "undelivered", "MESSAGE_FILTERED")


def sent(account, sid="SM1", **columns):
    """It left five minutes ago, however long it had waited here."""
    at = timezone.now() - timedelta(minutes=5)
    mine = {"number": account.numbers.get(), "provider_id": sid, "at": at, "claimed_at": at}
    return make_message(account.workspace, **(mine | columns))


def test_what_messages_cost_is_read_from_the_list_once_twilio_knows(account, sandbox, client):
    held = timezone.now() - timedelta(days=6)
    message, other = sent(account, at=held), sent(account, "SM2", at=held)
    listed(sandbox, "SM1")

    slots.forget(account.pk)
    assert [charges.gather(waited=waited) for waited in (False, True, True)] == [0, 1, 0]
    assert str(charges.of(message)) == "0.0075 USD"
    assert charges.of(other) is None
    client.force_login(make_member(account.workspace).user)
    assert "0.0075 USD" in client.get(reverse("message", args=[message.pk])).content.decode()


def test_a_price_that_is_not_told_is_asked_for_ever_later_and_then_no_more(account, sandbox, time_machine):
    start = timezone.now()
    time_machine.move_to(start, tick=False)
    message = sent(account, at=start - timedelta(hours=30), claimed_at=start)
    reads = []
    for hours in (0, 0.1, 0.5, 1.1, 2, 7, 8, 25, 26, 40):
        time_machine.move_to(start + timedelta(hours=hours), tick=False)
        before = len(sandbox.state.requests)
        for waited in (False, True):  # it comes to have waited for days meanwhile
            slots.forget(account.pk)
            assert charges.gather(waited=waited) == 0
        reads.append(len(sandbox.state.requests) - before)

    assert reads == [0, 1, 0, 1, 0, 1, 0, 1, 0, 0]
    assert Charge.objects.get().next_look_at is None
    assert charges.of(message) is None


def test_many_prices_take_no_more_queries_than_few(account, sandbox, django_assert_max_num_queries):
    for serial in range(8):
        sent(account, f"SM{serial}")
        listed(sandbox, f"SM{serial}")
    slots.forget(account.pk)
    with django_assert_max_num_queries(30):
        assert charges.gather() == 8
