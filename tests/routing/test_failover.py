"""A message that surely did not leave goes on from the sender that a route names; any other ends where it is."""

import itertools
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection

from smsadmin import cache
from smsadmin.consent.models import OptOut, Policy
from smsadmin.core import errors
from smsadmin.core.ids import first_uuid7, uuid7
from smsadmin.core.message import Accepted
from smsadmin.pacing import account as paced
from smsadmin.pacing import slots
from smsadmin.providers.base import Exchange, Result
from smsadmin.quotas import recount
from smsadmin.quotas.models import Counter
from smsadmin.routing import failover, faults
from smsadmin.routing.faults import Fault
from smsadmin.sending import bell, dispatch, ledger, log
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled
from smsadmin.workspaces.models import Connection
from tests.factories import (
    FakeProvider,
    accepted,
    ask,
    make_number,
    make_route,
    put_on,
    rate_limited,
    refused,
    unreachable,
)
from tests.routing.conftest import Clock, House
from tests.sending.conftest import NOW, events

Work = Callable[..., None]
SENDER = refused(errors.SenderRefused(provider="Twilio", sender="+12025550101", answer="21606"))


def seen(message: Message) -> Message:
    message.refresh_from_db()
    return message


def moves(message: Message) -> list[dict[str, Any]]:
    return [data for kind, data in events(message) if kind == "moved"]


def used() -> dict[tuple[str, int], tuple[int, int]]:
    """Messages and segments of the month, by holder; those of nobody are left out."""
    rows = Counter.objects.filter(zone="UTC").exclude(month_messages=0)
    return {(c.scope, c.subject_id): (c.month_messages, c.month_segments) for c in rows}


def agrees_with_the_log() -> bool:
    """Whether every counter says what a recount of the log would."""
    for counter in Counter.objects.all():
        fresh = Counter(scope=counter.scope, subject_id=counter.subject_id, zone=counter.zone)
        recount.fill(fresh, NOW)
        if (fresh.month_messages, fresh.month_segments) != (counter.month_messages, counter.month_segments):
            return False
    return True


# --- What moves -----------------------------------------------------------------------------------------


def at(result: Result, **exchange: Any) -> Result:
    return replace(result, exchange=replace(result.exchange, **exchange))


def no(error: errors.SendError, http_status: int = 400, **columns: Any) -> Result:
    return replace(refused(error, http_status), **columns)


def rejected(http_status: int = 400, **columns: Any) -> Result:
    error = errors.ProviderRejected(provider="Aircall", answer="no", http_status=http_status)
    return no(error, http_status, **columns)


WITHOUT_KEY = Result(
    Exchange("POST", "", http_status=401), retry_in=60, reason="credential", detail="HTTP 401"
)
UNCLEAR = errors.ProviderUnknown(provider="Aircall", reason="no answer within 30 s")
BUILD = errors.AccountInBuildMode(provider="Callr", recipient="+13125550123", answer="no testing number")
MOVES = {
    "sender refused": SENDER,
    "sender name invalid": no(errors.SenderIdInvalid(value="ACME")),
    "sender name not approved": no(errors.SenderIdNotApproved(value="ACME", country="US")),
    "number not registered": no(errors.NumberNotRegistered(sender="+1")),
    "number not connected": no(errors.NumberNotInIntegration(sender="+1"), 404),
    "country not open": no(errors.CountryNotAllowed(recipient="+1", country="US", provider="Twilio")),
    "plan": rejected(403, plan_refused=True),
    "number in the other mode": rejected(learnt={"proxy_mode": True}),
    "an account that may not send": rejected(401, about="account"),
}
STAYS = {
    "accepted": accepted(),
    "accepted without an id": accepted(""),
    "no answer": at(no(UNCLEAR), http_status=None, failure="no answer within 30 s"),
    "5xx": no(UNCLEAR, 502),
    "an exception of ours": ValueError("odd"),
    "nothing said": Result(Exchange("POST", "")),
    "a refusal nobody explains": rejected(),
    "a refusal after a timeout of theirs": at(SENDER, http_status=408),
    "a refusal in an answer that took it": at(SENDER, http_status=200),
    "a refusal with a 5xx": at(SENDER, http_status=500),
    "a refusal without an answer": at(SENDER, http_status=None),
    "recipient opted out": no(errors.RecipientOptedOut(recipient="+1")),
    "recipient opted out, something learnt": no(
        errors.RecipientOptedOut(recipient="+1"), learnt={"proxy_mode": True}
    ),
    "recipient refused": no(errors.RecipientRefused(provider="Twilio", recipient="+1", answer="21211")),
    "recipient not mobile": no(errors.RecipientNotMobile(recipient="+1", kind="fixed_line")),
    "account in build mode": no(BUILD, 403),
    "text too long": no(errors.MessageTooLong(characters=1_700, limit=1_600)),
    "text empty": no(errors.MessageEmpty()),
    "text filtered": no(errors.MessageFiltered(provider="Twilio", recipient="+1", answer="30007")),
}


def answered(house: House, reactions: dict[str, Any]) -> dict[str, Message]:
    """One message for each of these reactions of the first provider."""
    found = {}
    for place, (name, reaction) in enumerate(reactions.items()):
        found[name] = accept(ask(house.first, phone=f"+131255501{place:02}"), NOW)
        house.of(house.first).answer(found[name].recipient, reaction)
    return found


def test_what_surely_did_not_leave_for_a_reason_of_the_sender_goes_on(house: House, work: Work) -> None:
    house.failover(house.second)
    messages = answered(house, MOVES)
    work()
    came = {name: (seen(each).status, each.number, each.attempts) for name, each in messages.items()}
    assert came == dict.fromkeys(MOVES, ("sent", house.second, 1))
    assert house.asked == 2 * len(MOVES)


@pytest.mark.parametrize("reaction", [WITHOUT_KEY, no(errors.CredentialRejected(provider="Aircall"), 401)])
def test_what_an_account_without_credentials_was_asked_for_goes_on_at_once(
    house: House, work: Work, reaction: Result
) -> None:
    house.failover(house.second)
    [message] = answered(house, {"credentials": reaction}).values()
    work()
    assert (seen(message).status, message.number, house.asked) == ("sent", house.second, 2)
    assert moves(message)[0]["error"] == "CREDENTIAL_REJECTED"


def test_everything_else_ends_where_it_is(house: House, work: Work) -> None:
    house.failover(house.second)
    messages = answered(house, STAYS)
    work()
    came = {name: (seen(each).number, moves(each)) for name, each in messages.items()}
    assert came == dict.fromkeys(STAYS, (house.first, []))
    assert {each.status for each in messages.values()} == {"sent", "failed", "unknown"}
    assert house.asked == len(STAYS)


def test_nothing_moves_but_what_surely_did_not_leave() -> None:
    """Every error, with every kind of answer, whether or not it says that the message was taken. An error that is new
    ends its message until somebody names it in faults."""
    by_words = {errors.ProviderRejected}  # which says little: what the adapter found out counts
    moving = faults.OF_SENDER | faults.OF_ACCOUNT | by_words
    clear = {400, 401, 403, 404, 409, 422, 429}
    message = log.Claimed(uuid7(), 4, NOW - timedelta(days=2), 1, None)  # type: ignore[arg-type]
    found_out = {"plan_refused": True, "learnt": {"proxy_mode": True}, "about": "account"}
    for status in (None, 200, 201, 204, 302, *clear, 408, 425, 500, 502, 503):
        for kind, taken in itertools.product(errors.CATALOGUE.values(), (None, Accepted("sms-1", "queued"))):
            exchange = Exchange("POST", "", http_status=status)
            answer = Result(exchange, accepted=taken, error=kind(), **found_out)
            moves = status in clear and kind in moving and not taken
            assert bool(faults.of_refusal(answer, kind())) == moves, (status, kind, taken)
            assert bool(dispatch._outcome(FakeProvider(), message, answer).fault) == moves, (
                status,
                kind,
                taken,
            )


@pytest.mark.parametrize("reason", ["unreachable", "rate_limited", "credential"])
def test_what_was_to_be_tried_again_moves_only_where_no_answer_may_have_taken_it(
    db: None, reason: str
) -> None:
    message = log.Claimed(uuid7(), 4, NOW - timedelta(days=2), 1, None)  # type: ignore[arg-type]
    for status in (None, 200, 201, 302, 400, 401, 403, 408, 425, 429, 500, 503):
        result = Result(Exchange("POST", "", http_status=status), retry_in=5, reason=reason)
        moves = status in {400, 401, 403, 429} or status is None
        assert bool(dispatch._outcome(FakeProvider(), message, result).fault) == moves, status


def test_a_refused_connection_moves_it_once_its_attempts_are_used_up(
    house: House, work: Work, clock: Clock
) -> None:
    house.failover(house.second)
    message = accept(ask(house.first), NOW)
    house.of(house.first).otherwise = unreachable()
    house.of(house.second).answer(message.recipient, *[unreachable()] * 4)
    while (account := seen(message).connection_id) and message.status == "queued":
        dispatch.drain(account, clock.sleep)
        clock.at += timedelta(minutes=2)
    assert (message.status, message.number) == ("sent", house.second)
    assert [len(house.of(each).sent) for each in (house.first, house.second)] == [5, 5]


def test_slow_down_moves_it_after_a_day_and_then_it_has_another(
    house: House, work: Work, clock: Clock
) -> None:
    house.failover(house.second)
    message = accept(ask(house.first), NOW)
    for each in (house.first, house.second):
        house.of(each).otherwise = rate_limited(600)
    work()
    clock.at = NOW + timedelta(hours=24)
    work()
    assert (seen(message).status, message.number) == ("queued", house.second)
    clock.at = NOW + timedelta(hours=47)
    work()
    assert seen(message).status == "queued"
    clock.at = NOW + timedelta(hours=49)
    work()
    asked = len(house.of(house.second).sent)
    assert (seen(message).status, message.error_code) == ("failed", "RATE_LIMITED")
    assert message.error_facts["attempts"] == asked


def test_a_full_queue_is_the_senders_and_its_attempts_are_counted(
    house: House, work: Work, clock: Clock
) -> None:
    """Another number of the same account takes it, once a day of that is over."""
    beside = make_number(house.workspace, "+12025550404")
    house.failover(beside)
    full = replace(rate_limited(36_000), exchange=Exchange("POST", "", http_status=400), about="sender")
    message = accept(ask(house.first), NOW)
    house.of(house.first).answer(message.recipient, full, full, full)
    for hours in (0, 12, 25):
        clock.at = NOW + timedelta(hours=hours)
        work()
    assert (seen(message).status, message.number) == ("sent", beside)
    [moved] = moves(message)
    assert (moved["facts"]["attempts"], moved["of_account"]) == (3, False)


# --- Where to -------------------------------------------------------------------------------------------


def test_the_row_is_the_same_with_the_decision_on_its_timeline(
    house: House, work: Work, clock: Clock
) -> None:
    house.failover(house.second, sender=house.first, country="US", note="By Callr")
    message = accept(ask(house.first, reply="owed"), NOW)
    before = (message.pk, message.key, message.trace, message.body, message.reply)
    house.of(house.first).answer(message.recipient, SENDER)
    work()
    assert before == (seen(message).pk, message.key, message.trace, message.body, message.reply)
    assert (message.sender, message.connection) == ("+12025550202", house.second.connection)
    assert [kind for kind, _ in events(message)] == ["attempt", "moved", "attempt"]
    [moved] = moves(message)
    assert moved["from"]["sender"] == "+12025550101"
    assert moved["to"] == {
        "number": house.second.pk,
        "account": house.second.connection_id,
        "sender": "+12025550202",
        "provider": "Callr",
    }
    assert (moved["route"], moved["error"], moved["of_account"]) == ("By Callr", "SENDER_REFUSED", False)
    assert moved["facts"]["answer"] == "21606"
    assert Message.objects.count() == 1


def test_only_the_end_is_told(house: House, work: Work) -> None:
    told: list[tuple[Any, str]] = []

    def hear(ids: list[Any], **_: Any) -> None:
        told.extend(Message.objects.filter(pk__in=ids).values_list("pk", "status"))

    settled.connect(hear)
    house.failover(house.second)
    message = accept(ask(house.first), NOW)
    house.of(house.first).otherwise = SENDER
    work()
    assert told == [(message.pk, "sent")]


def test_the_first_route_that_can_take_it_does_and_none_is_tried_twice(house: House, work: Work) -> None:
    deaf = make_number(house.workspace, sms_capable=False)
    for position, via in enumerate((deaf, house.second, house.first, house.third)):
        house.failover(via, sender=None if via == house.first else house.first, position=position)
    message = accept(ask(house.first), NOW)
    for each in (house.first, house.second, house.third):
        house.of(each).otherwise = SENDER
    work()
    assert [each["to"]["number"] for each in moves(message)] == [house.second.pk, house.third.pk]
    assert (seen(message).status, message.error_code, house.asked) == ("failed", "SENDER_REFUSED", 3)
    assert used() == {}


def test_a_route_for_another_country_sender_or_workspace_and_one_that_is_off_move_nothing(
    house: House, work: Work
) -> None:
    house.failover(house.second, country="FR")
    house.failover(house.second, sender=house.third)
    house.failover(house.second, enabled=False)
    make_route(house.second, country="FR")
    message = accept(ask(house.first), NOW)
    house.of(house.first).otherwise = SENDER
    work()
    assert (seen(message).status, message.error_code, house.asked) == ("failed", "SENDER_REFUSED", 1)


def test_a_fault_of_the_account_is_met_by_all_its_numbers(house: House, work: Work) -> None:
    beside = make_number(house.workspace, "+12025550404")
    house.failover(beside, position=0)
    house.failover(house.third, position=1)
    by_sender, by_account = (accept(ask(house.first, phone=f"+1312555010{n}"), NOW) for n in (1, 2))
    house.of(house.first).answer(by_sender.recipient, SENDER)
    house.of(house.first).answer(by_account.recipient, rejected(403, plan_refused=True))
    work()
    assert (seen(by_sender).number, seen(by_account).number) == (beside, house.third)


def test_the_rules_for_the_new_sender_are_asked_before_it_moves(house: House, work: Work) -> None:
    french_mobile = make_number(house.workspace, "+33644600001", country="FR")
    house.failover(french_mobile, position=0)
    house.failover(house.second, position=1)
    message, last = accept(ask(house.first), NOW), accept(ask(house.first, phone="+12025550202"), NOW)
    house.of(house.first).answer(message.recipient, SENDER)
    house.of(house.first).answer(last.recipient, SENDER)
    work()
    assert (seen(message).status, message.number) == ("sent", house.second)
    assert (seen(last).status, last.error_code) == ("failed", "SENDER_REFUSED")
    [attempt] = [data for kind, data in events(last) if kind == "attempt"]
    assert [each["error"] for each in attempt["passed_over"]] == [
        "NUMBER_NOT_FOR_AUTOMATION",
        "RECIPIENT_IS_SENDER",
    ]


def test_opt_out_and_build_mode_are_asked_again_where_it_goes_on(
    house: House, clock: Clock, rings: list[int]
) -> None:
    house.failover(house.second)
    message = accept(ask(house.first), NOW)
    house.of(house.first).answer(message.recipient, SENDER)
    dispatch.drain(house.first.connection_id, clock.sleep)
    house.workspace.build_mode = True
    house.workspace.save()
    cache.forget()
    dispatch.drain(house.second.connection_id, clock.sleep)
    assert (seen(message).status, message.error_code, house.asked) == ("failed", "TEST_NUMBERS_ONLY", 1)
    assert used() == {}


@pytest.mark.parametrize(
    "over",
    [
        {"trigger": "inbox", "by_person": True, "via": "any", "origin": {"thread": 7}},
        {"trigger": "opt-out", "via": "any"},
        {"trigger": "verification"},
        {"trigger": "callflow", "origin": {"flow": 7}},
        {"trigger": "api", "sender_kind": "given", "sender_given": "+12025550101"},
        {"trigger": "resend", "origin": {"thread": 7}},
        {"trigger": "test", "test_recipient": "+13125550177"},
    ],
    ids=lambda over: over["trigger"],
)
def test_what_names_its_sender_for_a_reason_ends_there(
    house: House, work: Work, over: dict[str, Any]
) -> None:
    house.failover(house.second)
    message = accept(ask(house.first, **over), NOW)
    house.of(house.first).otherwise = SENDER
    work()
    assert (seen(message).status, house.asked) == ("failed", 1)


def test_what_its_action_would_no_longer_wait_for_ends_there(house: House, work: Work) -> None:
    house.failover(house.second)
    message = accept(ask(house.first), NOW)
    Message.objects.filter(pk=message.pk).update(expires_at=NOW)
    house.of(house.first).otherwise = SENDER
    work()
    assert (seen(message).status, house.asked) == ("failed", 1)


# --- Quota ----------------------------------------------------------------------------------------------


def test_it_counts_where_it_goes_on_and_nowhere_else(house: House, work: Work) -> None:
    """The user who stays behind is given back; one who is on the new number too counts once."""
    beside = make_number(house.workspace, "+12025550404")
    mia, leo = (house.first.agents.get(email=f"{name}@example.com") for name in ("mia", "leo"))
    put_on(beside, mia)
    house.failover(beside)
    text = {"message": "x" * 300, "send_as_kind": "user"}
    kept = accept(ask(house.first, send_as_user_id=mia.pk, **text), NOW)
    dropped = accept(ask(house.first, send_as_user_id=leo.pk, phone="+13125550124", **text), NOW)
    daily = {"scope": "user", "window": "day", "unit": "messages", "zone": "Europe/Berlin"}
    house.workspace.quota_rules.create(
        limit=1, **daily
    )  # its counter is made from the log where one is needed
    cache.forget()
    for each in (kept, dropped):
        house.of(house.first).answer(each.recipient, SENDER)
    work()
    assert (seen(kept).number, kept.agent, seen(dropped).agent, dropped.send_as) == (beside, mia, None, "")
    assert [each["without"] for each in (*moves(kept), *moves(dropped))] == ["", "leo@example.com"]
    assert used() == {("number", beside.pk): (2, 4), ("user", mia.pk): (1, 2)}
    assert list(Counter.objects.filter(zone="Europe/Berlin").values_list("subject_id", "day_messages")) == [
        (mia.pk, 1)
    ]
    assert agrees_with_the_log()
    assert [each["scope"] for each in kept.quota] == ["number", "user", "user"]


def test_without_room_the_next_one_takes_it_or_it_fails_as_it_would_have(house: House, work: Work) -> None:
    house.failover(house.second, position=0)
    house.failover(house.third, position=1)
    for via in (house.second, house.third):
        house.workspace.quota_rules.create(scope="number", window="day", unit="messages", limit=1, number=via)
    cache.forget()
    messages = [accept(ask(house.first, phone=f"+1312555010{n}"), NOW) for n in range(3)]
    house.of(house.first).otherwise = SENDER
    work()
    assert [seen(each).number for each in messages] == [house.second, house.third, house.first]
    assert [each.status for each in messages] == ["sent", "sent", "failed"]
    assert messages[2].error_code == "SENDER_REFUSED"
    attempt = events(messages[2])[0][1]
    assert [each["error"] for each in attempt["passed_over"]] == ["NUMBER_QUOTA_EXCEEDED"] * 2
    assert used() == {("number", house.second.pk): (1, 1), ("number", house.third.pk): (1, 1)}
    assert agrees_with_the_log()


def test_segments_that_a_provider_had_counted_are_given_back_as_it_counted_them(
    house: House, work: Work
) -> None:
    house.failover(house.second)
    message = accept(ask(house.first), NOW)
    holder = uuid7()
    log.claim([message.pk], holder, NOW, NOW + timedelta(minutes=1))
    Message.objects.filter(pk=message.pk).update(provider_segments=3)
    Counter.objects.update(month_segments=3)
    claimed = log.Claimed(message.pk, 0, NOW, house.first.pk, None)  # type: ignore[arg-type]
    failover.go_on(claimed, holder, Fault(SENDER.error or UNCLEAR), {}, NOW)
    assert (seen(message).provider_segments, used()) == (None, {("number", house.second.pk): (1, 1)})


# --- An account without credentials ---------------------------------------------------------------------


def lose(account: Connection) -> None:
    account.mark(Connection.State.REJECTED, "HTTP 401")
    cache.forget()


def test_what_a_lost_account_has_queued_goes_on_at_once_where_a_route_says_so(
    house: House, work: Work, rings: list[int]
) -> None:
    lose(house.first.connection)
    american, french = accept(ask(house.first), NOW), accept(ask(house.first, phone="+33612345678"), NOW)
    house.failover(house.second, country="US")
    dispatch.sweep(NOW)
    assert (seen(american).number, seen(french).number) == (house.second, house.first)
    assert (moves(american)[0]["error"], moves(american)[0]["of_account"]) == ("CREDENTIAL_REJECTED", True)
    work()
    assert (seen(american).status, seen(french).status, house.asked) == ("sent", "queued", 1)
    assert agrees_with_the_log()


def test_without_room_it_waits_for_its_account_as_before(house: House) -> None:
    house.failover(house.second)
    house.workspace.quota_rules.create(
        scope="number", window="day", unit="messages", limit=1, number=house.second
    )
    lose(house.first.connection)
    house.workspace.quota_rules.filter(number=house.second).update(window="month")
    cache.forget()
    messages = [accept(ask(house.first), NOW) for _ in range(3)]
    for _ in range(2):
        dispatch.sweep(NOW)
    assert [(seen(each).number, each.status) for each in messages] == [
        (house.second, "queued"),
        *[(house.first, "queued")] * 2,
    ]
    assert [len(events(each)) for each in messages] == [1, 0, 0]
    dispatch.sweep(NOW + timedelta(days=4))
    assert [seen(each).error_code for each in messages] == ["", "CREDENTIAL_REJECTED", "CREDENTIAL_REJECTED"]


def test_what_cannot_go_keeps_nothing_behind_it_from_going(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest are for a country that no route is for, or not for routes at all; the look after that goes on behind
    them, is rung for while as many go as may, and begins anew at the end."""
    monkeypatch.setattr(failover, "MOST_LOOKED_AT", 3)
    monkeypatch.setattr(failover, "MOST_MOVED", 2)
    rung: list[int] = []
    monkeypatch.setattr(bell, "leave", rung.append)
    house.failover(house.second, country="US")
    for _ in range(4):
        accept(ask(house.first, phone="+33612345678"), NOW)
    for _ in range(3):
        accept(ask(house.first, trigger="verification"), NOW)
    messages = [accept(ask(house.first), NOW) for _ in range(3)]
    lose(house.first.connection)
    account = house.first.connection_id
    went = []
    for _ in range(4):
        dispatch.leave(account)
        went.append([seen(each).number == house.second for each in messages].count(True))
    assert (went, rung) == ([0, 2, 3, 3], [account])


def test_what_has_no_room_keeps_no_other_from_room_that_it_may_use(house: House) -> None:
    """Marketing leaves the kept share alone; long texts and the classic action know other limits."""
    house.failover(house.second)
    per_day = {"scope": "number", "window": "day", "number": house.second}
    house.workspace.quota_rules.create(unit="messages", limit=10, **per_day)  # one of which is kept
    house.workspace.quota_rules.create(unit="segments", limit=11, **per_day)
    cache.forget()
    for _ in range(8):
        accept(ask(house.second), NOW)
    short, long = {"traffic": "marketing"}, {"traffic": "marketing", "message": "x" * 600}
    messages = [accept(ask(house.first, **given), NOW) for given in (long, short, short, {})]
    lose(house.first.connection)
    failover.leave(house.first.connection, NOW)
    assert [seen(each).number == house.second for each in messages] == [False, True, False, True]


def test_of_what_waits_for_room_the_oldest_has_it_and_the_rest_waits_for_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look goes through three of the queue, and another sender has room for what is behind."""
    monkeypatch.setattr(failover, "MOST_LOOKED_AT", 3)
    house.failover(house.second, country="US")
    house.failover(house.third, country="FR")
    house.workspace.quota_rules.create(
        scope="number", window="minute", unit="messages", limit=2, number=house.second
    )
    cache.forget()
    german, american, french = "+4915112345678", "+13125550123", "+33612345678"
    phones = [german] * 2 + [american] * 8 + [french] * 2
    messages = [accept(ask(house.first, phone=phone), NOW) for phone in phones]
    lose(house.first.connection)
    gone: list[int] = []

    def go(seconds: float) -> list[int]:
        """Which go at a look so long after the first."""
        failover.leave(house.first.connection, NOW + timedelta(seconds=seconds))
        before, gone[:] = gone[:], [n for n, each in enumerate(messages) if seen(each).number != house.first]
        return [n for n in gone if n not in before]

    assert [go(seconds) for seconds in (0, 5, 10, 15)] == [[2], [3], [], [10, 11]]
    assert go(60) == [4, 5]
    monkeypatch.setattr(failover, "MOST_MOVED", 1)
    assert [go(seconds) for seconds in (120, 121)] == [[6], [7]]


def test_a_message_moves_no_later_than_recounts_look_for_it(house: House, work: Work) -> None:
    """Its time is that of its id: what came in long ago and is counted now must be found by every recount."""
    house.failover(house.second)
    late, too_late = NOW - recount.LATEST + timedelta(hours=1), NOW - recount.LATEST - timedelta(hours=1)
    messages = []
    for at in (late, too_late):
        message = accept(ask(house.first), NOW)
        Message.objects.filter(pk=message.pk).update(id=first_uuid7(at))
        messages.append(Message.objects.get(pk=first_uuid7(at)))
    house.of(house.first).otherwise = SENDER
    work()
    assert [seen(each).number for each in messages] == [house.second, house.first]
    month = recount.counted("number", house.second.pk, NOW - timedelta(minutes=1), NOW + timedelta(minutes=1))
    assert month.messages == 1


def test_nothing_goes_on_to_an_account_that_is_lost_too(house: House) -> None:
    house.failover(house.second)
    message = accept(ask(house.first), NOW)
    lose(house.first.connection)
    lose(house.second.connection)
    dispatch.sweep(NOW)
    assert seen(message).number == house.first


# --- Never with two accounts ----------------------------------------------------------------------------


def test_a_move_that_breaks_off_leaves_everything_as_it_was(
    house: House, work: Work, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power goes out between counting and writing: the row is still with its first account, whose worker is gone,
    and what became of it nobody knows. It is never queued again."""
    house.failover(house.second)
    message = accept(ask(house.first), NOW)
    before = used()
    house.of(house.first).otherwise = SENDER

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(log, "moved", dies)
    with pytest.raises(KeyboardInterrupt):
        dispatch.drain(house.first.connection_id, clock.sleep)
    monkeypatch.undo()
    assert (seen(message).status, message.number, used(), moves(message)) == (
        "sending",
        house.first,
        before,
        [],
    )
    dispatch.sweep(NOW + timedelta(hours=1))
    assert seen(message).status == "unknown"


def test_what_nobody_foresaw_while_moving_ends_it_as_it_would_have(
    house: House, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.failover(house.second)
    message = accept(ask(house.first), NOW)
    house.of(house.first).otherwise = SENDER

    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr(ledger, "move", breaks)
    work()
    assert (seen(message).status, message.error_code) == ("failed", "SENDER_REFUSED")


@pytest.mark.parametrize("error", [IntegrityError, DataError])
def test_a_move_that_the_database_refuses_keeps_no_other_outcome_from_being_written(
    house: House, work: Work, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    house.failover(house.second)
    messages = [accept(ask(house.first, phone=f"+1312555010{n}"), NOW) for n in range(4)]
    for each in messages[:3]:
        house.of(house.first).answer(each.recipient, SENDER)
    move = ledger.move

    def refuses_one(message_id: Any, *rest: Any) -> bool:
        if message_id == messages[0].pk:
            raise error("no such number")
        return move(message_id, *rest)

    monkeypatch.setattr(ledger, "move", refuses_one)
    work()
    assert [(seen(each).status, each.number) for each in messages] == [
        ("failed", house.first),
        ("sent", house.second),
        ("sent", house.second),
        ("sent", house.first),
    ]
    assert agrees_with_the_log()


def test_what_was_taken_is_written_before_anything_moves(
    house: House, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away in a move: only what was to move is left in the air."""
    house.failover(house.second)
    taken, refused_one = (accept(ask(house.first, phone=f"+1312555010{n}"), NOW) for n in range(2))
    house.of(house.first).answer(refused_one.recipient, SENDER)

    def away(*_: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(ledger, "move", away)
    monkeypatch.setattr(dispatch, "_patiently", lambda account, write, messages: write())
    with pytest.raises(OperationalError):
        work()
    assert (seen(taken).status, seen(refused_one).status) == ("sent", "sending")


def test_what_surely_did_not_leave_is_moved_or_written_before_anything_is_learnt(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away when the answers are written and told: nobody is left in the air."""
    house.failover(house.second, country="US")
    told: list[Any] = []
    monkeypatch.setattr(dispatch, "_tell", lambda outcomes: told.extend(each.message_id for each in outcomes))
    taken, american, french = (
        accept(ask(house.first, phone=phone), NOW)
        for phone in ("+13125550101", "+13125550102", "+33612345678")
    )
    for each in (american, french):
        house.of(house.first).answer(each.recipient, SENDER)

    def away(*_: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(dispatch, "_learn", away)
    monkeypatch.setattr(paced, "at_once", lambda _: 3)
    with pytest.raises(OperationalError):
        dispatch.drain(house.first.connection_id, clock.sleep)
    came = [(seen(each).status, each.number) for each in (taken, american, french)]
    assert came == [("sent", house.first), ("queued", house.second), ("failed", house.first)]
    assert (set(told), agrees_with_the_log()) == ({taken.pk, french.pk}, True)


def test_what_the_answers_say_is_told_and_learnt_though_a_move_failed_and_telling_too(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first error is the one that is raised."""
    house.failover(house.second)
    Policy.objects.create(workspace=house.workspace, kept_by=Policy.KeptBy.HERE)
    told: list[Any] = []
    taken, moving, out, slowed = (accept(ask(house.first, phone=f"+1312555010{n}"), NOW) for n in range(4))
    opted_out = errors.RecipientOptedOut(provider="Twilio", recipient=out.recipient, answer="21610")
    for message, answer in ((moving, SENDER), (out, refused(opted_out)), (slowed, rate_limited(600))):
        house.of(house.first).answer(message.recipient, answer)

    def away(*_: Any) -> None:
        raise OperationalError("gone")

    def tells(outcomes: Any) -> None:
        told.extend(each.message_id for each in outcomes)
        raise RuntimeError("odd")

    monkeypatch.setattr(ledger, "move", away)
    monkeypatch.setattr(dispatch, "_tell", tells)
    monkeypatch.setattr(dispatch, "_patiently", lambda account, write, messages: write())
    monkeypatch.setattr(paced, "at_once", lambda _: 4)
    with pytest.raises(OperationalError):
        dispatch.drain(house.first.connection_id, clock.sleep)
    assert set(told) == {taken.pk, out.pk, slowed.pk}
    assert slots.of(house.first.connection_id).paused_until
    assert OptOut.objects.filter(number=out.recipient, is_out=True).exists()


def test_a_row_that_was_given_up_as_lost_while_the_answer_came_does_not_move(
    house: House, clock: Clock
) -> None:
    house.failover(house.second)
    message = accept(ask(house.first), NOW)

    def late(sms: Any) -> Result:
        log.lost(NOW + timedelta(hours=1))
        return SENDER

    house.of(house.first).otherwise = late
    dispatch.drain(house.first.connection_id, clock.sleep)
    assert (seen(message).status, message.number, moves(message)) == ("failed", house.first, [])


def test_a_commit_whose_answer_was_lost_moves_it_once(
    house: House, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.failover(house.second)
    message = accept(ask(house.first), NOW)
    house.of(house.first).otherwise = SENDER
    move, calls = ledger.move, []

    def then_away(*given: Any) -> bool:
        calls.append(move(*given))
        raise dispatch.OperationalError("the server closed the connection")

    monkeypatch.setattr(ledger, "move", then_away)
    monkeypatch.setattr(dispatch.connection, "close", lambda: None)
    work()
    assert calls == [True]
    assert (seen(message).status, message.number) == ("sent", house.second)
    assert [kind for kind, _ in events(message)] == ["attempt", "moved", "attempt"]


def test_a_drain_that_found_the_row_before_it_moved_does_not_claim_it(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep moves it between the look of its first account's drain and the claim."""
    house.failover(house.second)
    message = accept(ask(house.first), NOW)
    due = dispatch._due

    def then_moved(*given: Any) -> Any:
        found = due(*given)
        lost = Connection.objects.get(pk=house.first.connection_id)
        lost.lost_at = NOW
        failover.leave(lost, NOW)
        return found

    monkeypatch.setattr(dispatch, "_due", then_moved)
    dispatch.drain(house.first.connection_id, clock.sleep)
    assert (seen(message).number, message.status, house.asked) == (house.second, "queued", 0)


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_sweeps_that_move_and_drains_that_claim_at_once_send_each_message_once(house: House) -> None:
    """Credentials are refused and accepted again all the time: whoever comes first has the row, and no provider is
    asked for what is with another."""
    messages = [accept(ask(house.first, phone=f"+131255501{n:02}"), NOW) for n in range(30)]
    house.failover(house.second)
    house.failover(house.third, sender=house.second)
    accounts = [house.first.connection, house.second.connection]
    asked: list[tuple[str, str]] = []

    def work(turn: int) -> None:
        try:
            for each in range(12):
                account = accounts[(turn + each) % 2]
                if turn % 2:
                    failover.leave(account, NOW)
                else:
                    holder, ids = uuid.uuid4(), [message.pk for message in messages]
                    mine = log.Q(connection=account)
                    some = log.claim(ids[turn :: 4 + each], holder, NOW, NOW + timedelta(hours=1), mine)
                    asked.extend((claimed.sms.message_id, claimed.sms.sender) for claimed in some)
                    assert {claimed.number_id for claimed in some} <= {
                        number.pk
                        for number in (house.first, house.second)
                        if number.connection_id == account.pk
                    }
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert len(asked) == len({pk for pk, _ in asked}) == Message.objects.filter(status="sending").count()
    assert dict(asked).items() == {(str(m.pk), m.sender) for m in Message.objects.filter(status="sending")}
    assert sum(count for count, _ in used().values()) == 30
    assert agrees_with_the_log()


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_of_many_that_bring_the_same_refusal_one_moves_it_and_they_never_wait_in_a_circle(
    house: House,
) -> None:
    """Moves in both directions with users on both numbers, beside messages that are being accepted."""
    beside = make_number(house.workspace, "+12025550404")
    agents = list(house.first.agents.order_by("pk"))
    put_on(beside, *agents)
    house.failover(beside, sender=house.first)
    house.failover(house.first, sender=beside)
    pair = (house.first, beside)

    def take(turn: int) -> Message:
        user = agents[turn % 2].pk
        return accept(ask(pair[turn // 2 % 2], send_as_kind="user", send_as_user_id=user), NOW)

    messages = [take(turn) for turn in range(8)]
    holder = uuid.uuid4()
    claims = log.claim([each.pk for each in messages], holder, NOW, NOW + timedelta(hours=1))
    fault = Fault(errors.SenderRefused(provider="Twilio", sender="+1", answer="21606"))

    def work(turn: int) -> int:
        try:
            found = [
                failover.go_on(each, holder, fault, {}, NOW) for each in claims[:: 1 if turn % 2 else -1]
            ]
            for each in range(4):
                take(turn + each)
            return len(found)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [8] * 6
    assert [len(moves(each)) for each in messages] == [1] * 8
    assert sum(count for (scope, _), (count, _s) in used().items() if scope == "number") == 8 + 24
    assert agrees_with_the_log()
