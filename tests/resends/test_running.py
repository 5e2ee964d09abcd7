"""A resend sends each of its messages once, as far as quotas have room, whatever happens to its worker."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from smsadmin.core import errors
from smsadmin.core.windows import Moment
from smsadmin.quotas.models import Counter, PriorityShare
from smsadmin.resends import choice, running
from smsadmin.resends.models import Resend, ResendItem
from smsadmin.resends.plan import plan
from smsadmin.sending import dispatch
from smsadmin.sending.again import verdicts
from smsadmin.sending.models import Message
from tests.factories import make_action, make_agent, make_message, make_number, make_version, put_on
from tests.resends.conftest import limit, made_with, outcomes, progress, worked

NOW = datetime(2026, 11, 22, 10, 7, 30, tzinfo=UTC)
RESET = NOW.replace(minute=8, second=0)


def successor(message):
    return Message.objects.get(original=message.pk)


def counts(resend):
    found = progress(resend)
    return found.sent, found.refused, found.pending


def interrupt(monkeypatch, at, interruption):
    """Calls `interruption()` before the message with this number is sent."""
    send, seen = running.send_again, iter(range(1_000))

    def sending(asked):
        if next(seen) == at:
            interruption()
        return send(asked)

    monkeypatch.setattr(running, "send_again", sending)


# --- What is sent -------------------------------------------------------------------------------------


@pytest.mark.services
def test_a_message_and_its_successor_name_each_other(workspace, action, ask, operator):
    first = made_with(action)
    resend = worked(ask(first))

    second = successor(first)
    assert (second.trigger, second.status, second.body) == ("resend", "queued", "Hi Ada")
    assert (second.action, second.version, second.sender) == (action, action.current, first.sender)
    assert (second.object_type, second.object_id, second.reply) == ("contact", "501", "")
    assert verdicts(workspace, [first])[first.pk].successor == second.pk
    [item] = resend.items.all()
    assert (item.state, item.result, item.at is not None) == ("sent", second.pk, True)
    assert (resend.state, resend.holder, resend.finished_at is not None) == ("done", None, True)


def test_a_successor_says_where_the_first_came_from_and_who_sent_it_again(action, ask, operator):
    first = made_with(action)
    resend = worked(ask(first))
    assert successor(first).origin == {
        "portal": "9000001",
        "workflow": "17",
        "step": "4",
        "by": operator.user.pk,
        "who": str(operator.user),
        "resend": str(resend.pk),
    }


def test_what_was_sent_again_and_failed_can_be_sent_again(action, ask):
    first = made_with(action)
    worked(ask(first))
    second = successor(first)
    Message.objects.filter(pk=second.pk).update(status="failed", error_code="PROVIDER_REJECTED")
    worked(ask(second))
    assert successor(second).body == "Hi Ada"


def test_the_present_version_and_the_original_one_give_different_texts(action, ask):
    first, second = made_with(action), made_with(action)
    original = action.current
    make_version(
        action, message="Dear {{Contact.firstname | default('you')}}", sender_number=original.sender_number
    )

    worked(ask(first, which="present"))
    worked(ask(second, which="original"))

    assert [successor(each).body for each in (first, second)] == ["Dear Ada", "Hi Ada"]
    assert [successor(each).version for each in (first, second)] == [action.current, original]


def test_a_message_without_a_saved_version_is_sent_with_its_own_configuration(workspace, ask):
    number = make_number(workspace)
    config = {
        "sender_kind": "number",
        "sender_number_id": number.pk,
        "recipient_property": "inputs.recipient",
    }
    values = {"inputs": {"recipient": "+33612345678"}, "Contact": {"firstname": "Ada"}}
    message = make_message(
        workspace,
        number=number,
        status="rejected",
        template="Hi {{Contact.firstname}}",
        object_type="deal",
        object_id="7",
        inputs={"config": config, "values": values},
    )
    resend = worked(ask(message))

    assert outcomes(resend) == {message.pk: ("sent", "")}
    assert (successor(message).body, successor(message).recipient) == ("Hi Ada", "+33612345678")
    assert successor(message).inputs["config"] == config


def test_an_action_that_is_off_refuses_its_messages_and_leaves_no_row(action, ask):
    message = made_with(action)
    resend = ask(message)
    action.enabled = False
    action.save()
    worked(resend)

    [item] = resend.items.all()
    assert (item.state, item.error_code, item.error_facts) == (
        "refused",
        "ACTION_DISABLED",
        {"action": "Welcome"},
    )
    assert Message.objects.count() == 1
    assert not Counter.objects.exists()
    assert verdicts(action.workspace, [message])[message.pk].may  # once it is on again


def test_an_action_that_is_switched_off_meanwhile_refuses_the_rest(action, ask, monkeypatch):
    interrupt(monkeypatch, 0, lambda: type(action).objects.filter(pk=action.pk).update(enabled=False))
    resend = worked(ask(made_with(action), made_with(action)))
    assert list(outcomes(resend).values()) == [("sent", ""), ("refused", "ACTION_DISABLED")]


def test_a_message_that_arrived_meanwhile_is_not_sent_again(action, ask):
    message, gone = made_with(action, status="undelivered"), made_with(action)
    resend = ask(message, gone)
    Message.objects.filter(pk=message.pk).update(status="delivered")
    gone_id = gone.pk
    gone.delete()
    worked(resend)
    assert outcomes(resend) == {message.pk: ("refused", "delivered"), gone_id: ("refused", "deleted")}
    assert Message.objects.count() == 1


def test_what_smsadmin_fails_at_is_refused_and_the_next_one_goes_on(action, ask, monkeypatch):
    messages = [made_with(action) for _ in range(2)]

    def broken():
        raise ZeroDivisionError

    interrupt(monkeypatch, 0, broken)
    assert list(outcomes(worked(ask(*messages))).values()) == [("refused", "INTERNAL_ERROR"), ("sent", "")]


def test_a_value_the_present_version_asks_for_and_nobody_kept_is_refused_in_words(action, ask):
    message = made_with(action)
    make_version(action, message="Hi {{Contact.lastname}}", sender_number=action.current.sender_number)
    assert outcomes(worked(ask(message))) == {message.pk: ("refused", "gone")}


# --- Quotas -------------------------------------------------------------------------------------------


@pytest.mark.services
def test_25_of_40_have_room_and_15_wait_for_the_reset(workspace, action, ask, rings):
    limit(workspace, "number", 25)
    messages = [made_with(action) for _ in range(40)]
    with time_machine.travel(NOW, tick=False) as clock:
        resend = worked(ask(*messages))

        assert counts(resend) == (25, 0, 15)
        assert (resend.state, resend.waits_until, resend.holder) == ("waiting", RESET, None)
        assert [state for state, _ in outcomes(resend).values()] == ["sent"] * 25 + ["pending"] * 15

        worked(resend)
        running.sweep()
        assert counts(resend) == (25, 0, 15)
        assert rings == []

        clock.move_to(RESET)
        running.sweep()
        assert rings == [resend.pk]
        worked(resend)
    assert counts(resend) == (40, 0, 0)
    assert (resend.state, resend.waits_until) == ("done", None)
    assert Message.objects.exclude(original=None).count() == 40
    assert Counter.objects.get().hour_messages == 40


def test_who_has_no_room_holds_up_nobody_else(workspace, ask):
    number, other = make_number(workspace), make_number(workspace)
    mia, leo = make_agent(workspace, "mia@example.com"), make_agent(workspace, "leo@example.com")
    put_on(number, mia, leo)
    as_mia, as_leo = (
        make_action(workspace, sender_number=number, send_as_kind="user", send_as_agent=agent)
        for agent in (mia, leo)
    )
    elsewhere = make_action(workspace, sender_number=other)
    limit(workspace, "user", 2)
    messages = [made_with(each) for _ in range(3) for each in (as_mia, as_leo, elsewhere)]
    with time_machine.travel(NOW, tick=False):
        resend = worked(ask(*messages))

    waiting = [message for message in messages if outcomes(resend)[message.pk][0] == "pending"]
    assert waiting == [messages[6], messages[7]]


@pytest.mark.services
def test_a_resend_never_exceeds_a_quota_that_others_use_too(workspace, action, ask):
    limit(workspace, "number", 5)
    messages = [made_with(action) for _ in range(6)]
    Counter.objects.create(
        workspace=workspace,
        scope="number",
        subject_id=action.current.sender_number_id,
        minute_at=Moment.of(NOW).minute,
        minute_messages=3,
    )
    with time_machine.travel(NOW, tick=False):
        resend = worked(ask(*messages))
    assert counts(resend) == (2, 0, 4)
    assert Counter.objects.get().minute_messages == 5


def test_a_message_larger_than_a_limit_is_refused_for_it_would_wait_for_ever(workspace, action, ask):
    limit(workspace, "number", 0)
    message = made_with(action)
    assert outcomes(worked(ask(message))) == {message.pk: ("refused", "NUMBER_QUOTA_EXCEEDED")}


def test_the_plan_says_before_what_the_resend_then_does(workspace, action, ask):
    limit(workspace, "number", 25)
    limit(workspace, "number", 30, window="hour")
    messages = [made_with(action, segments=2) for _ in range(40)]
    chosen = choice.of_rows(workspace, [message.pk for message in messages])
    with time_machine.travel(NOW, tick=False) as clock:
        [line] = plan(chosen, "present", NOW).lines
        resend = worked(ask(*messages))
        assert counts(resend) == (line.now, 0, 15)
        waits = []
        while resend.state == "waiting":
            before = progress(resend).sent
            clock.move_to(resend.waits_until)
            worked(resend)
            if gone := progress(resend).sent - before:
                waits.append((gone, timezone.now()))
    assert waits == [(wait.count, wait.until) for wait in line.waits]
    assert waits == [(5, RESET), (10, NOW.replace(hour=11, minute=0, second=0))]


@pytest.mark.services
def test_marketing_that_leaves_alone_what_is_kept_stops_no_alert(workspace, action, ask):
    PriorityShare.objects.create(workspace=workspace, percent=50)
    limit(workspace, "number", 2)
    number = action.current.sender_number
    campaign = make_action(workspace, message="Buy", sender_number=number, traffic="marketing")
    ads = [made_with(campaign) for _ in range(2)]
    alert = made_with(action)
    with time_machine.travel(NOW, tick=False):
        resend = worked(ask(*ads, alert))

    assert (counts(resend), resend.waits_until) == ((2, 0, 1), RESET)
    assert successor(alert).status == "queued"


# --- Pausing, resuming, cancelling --------------------------------------------------------------------


@pytest.mark.services
def test_a_paused_resend_stops_goes_on_and_sends_nothing_twice(action, ask, rings, monkeypatch):
    messages = [made_with(action) for _ in range(6)]
    resend = ask(*messages)
    interrupt(monkeypatch, 2, lambda: running.pause(resend))
    worked(resend)

    assert (resend.state, resend.holder, counts(resend)) == ("paused", None, (3, 0, 3))
    worked(resend)
    running.sweep()
    assert (counts(resend), rings) == ((3, 0, 3), [])
    assert not running.pause(resend)

    assert running.resume(resend)
    assert rings == [resend.pk]
    worked(resend)
    assert (resend.state, counts(resend)) == ("done", (6, 0, 0))
    assert Message.objects.count() == 12


def test_a_cancelled_resend_leaves_the_rest_unsent_and_free_for_another(action, ask, rings, monkeypatch):
    messages = [made_with(action) for _ in range(4)]
    resend = ask(*messages)
    interrupt(monkeypatch, 1, lambda: running.cancel(resend))
    worked(resend)

    assert (resend.state, resend.is_finished, counts(resend)) == ("cancelled", True, (2, 0, 2))
    assert resend.finished_at
    assert not running.cancel(resend)
    assert not running.resume(resend)
    assert not running.pause(resend)
    worked(resend)
    assert counts(resend) == (2, 0, 2)
    again = worked(ask(*messages))
    assert (again.chosen, again.left_out, counts(again)) == (4, {"again": 2}, (2, 0, 0))


def test_a_resend_that_waits_for_room_can_be_paused_and_resumed(workspace, action, ask):
    limit(workspace, "number", 1)
    with time_machine.travel(NOW, tick=False):
        resend = worked(ask(made_with(action), made_with(action)))
        assert running.pause(resend)
        assert (resend.state, resend.waits_until) == ("paused", None)
        assert running.resume(resend)
        assert worked(resend).waits_until == RESET


# --- Workers ------------------------------------------------------------------------------------------


@pytest.mark.services
def test_a_worker_that_is_killed_before_the_commit_has_sent_nothing(action, ask, monkeypatch):
    messages = [made_with(action) for _ in range(3)]
    resend = ask(*messages)
    with monkeypatch.context() as patch:
        update = ResendItem.objects.filter

        def dies(**only):
            if "state" in only and successor_exists(messages[1]):
                raise SystemExit
            return update(**only)

        patch.setattr(ResendItem.objects, "filter", dies)
        with pytest.raises(SystemExit):
            running.run(resend.pk)
    assert (counts(resend), Message.objects.count()) == ((1, 0, 2), 4)

    Resend.objects.update(lease_until=NOW - timedelta(days=1))
    worked(resend)
    assert (resend.state, counts(resend), Message.objects.count()) == ("done", (3, 0, 0), 6)


def successor_exists(message):
    return Message.objects.filter(original=message.pk).exists()


@pytest.mark.services
def test_what_a_worker_sent_and_did_not_live_to_tell_is_not_sent_twice(action, ask):
    message = made_with(action)
    resend = worked(ask(message))
    made = successor(message)
    resend.items.update(state="pending", result=None, at=None)
    Resend.objects.update(state="running", lease_until=NOW - timedelta(days=1), finished_at=None)

    worked(resend)

    [item] = resend.items.all()
    assert (item.state, item.result, Message.objects.count()) == ("sent", made.pk, 2)


def test_what_somebody_else_sent_again_meanwhile_is_refused(action, ask):
    message = made_with(action)
    resend = ask(message)
    made_with(action, trigger="resend", original=message.pk, origin={"resend": "another"})
    assert outcomes(worked(resend)) == {message.pk: ("refused", "again")}


@pytest.mark.services
def test_the_log_itself_has_room_for_one_successor_alone(action, ask, monkeypatch):
    """Two workers that both saw none: the constraint decides."""
    before, message, after = (made_with(action) for _ in range(3))
    resend = ask(before, message, after)
    rival = made_with(action, status="queued")

    def overtaken(workspace, messages, **within):
        found = verdicts(workspace, messages, **within)
        if message in messages:
            Message.objects.filter(pk=rival.pk).update(trigger="resend", original=message.pk)
        return found

    monkeypatch.setattr(running.again, "verdicts", overtaken)
    with time_machine.travel(NOW, tick=False):
        worked(resend)
    assert outcomes(resend) == {
        before.pk: ("sent", ""),
        message.pk: ("refused", "again"),
        after.pk: ("sent", ""),
    }
    assert Counter.objects.get().minute_messages == 2


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_send_each_message_once(action, operator, ask):
    messages = [made_with(action) for _ in range(20)]
    resend = ask(*messages)

    def work(_):
        try:
            running.run(resend.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert counts(resend) == (20, 0, 0)
    assert Message.objects.exclude(original=None).count() == 20


def test_a_resend_that_a_worker_holds_is_left_to_it_until_its_lease_ends(action, ask, rings):
    resend = ask(made_with(action))
    with time_machine.travel(NOW, tick=False) as clock:
        assert running._take(resend.pk, NOW)
        assert worked(resend).state == "running"
        running.sweep()
        assert (counts(resend), rings) == ((0, 0, 1), [])

        clock.shift(running.LEASE + timedelta(seconds=1))
        running.sweep()
        assert rings == [resend.pk]
        assert worked(resend).state == "done"


def test_a_worker_whose_lease_was_taken_over_stops(action, ask, monkeypatch):
    messages = [made_with(action) for _ in range(3)]
    resend = ask(*messages)

    def taken_over():
        Resend.objects.update(holder="00000000-0000-7000-8000-000000000000")

    interrupt(monkeypatch, 0, taken_over)
    assert (worked(resend).state, counts(resend)) == ("running", (1, 0, 2))


def test_a_worker_that_is_shut_down_hands_back(action, ask, monkeypatch):
    messages = [made_with(action) for _ in range(3)]
    resend = ask(*messages)
    interrupt(monkeypatch, 1, dispatch.stopping.set)
    try:
        worked(resend)
    finally:
        dispatch.stopping.clear()
    assert (resend.state, resend.holder, counts(resend)) == ("waiting", None, (2, 0, 1))
    assert counts(worked(resend)) == (3, 0, 0)


def test_few_resends_are_worked_on_at_once_those_asked_for_first_before_the_others(action, ask, rings):
    resends = [ask(made_with(action)) for _ in range(3)]
    with time_machine.travel(NOW, tick=False):
        for resend in resends[: running.MOST_AT_ONCE]:
            running._take(resend.pk, NOW)
        assert worked(resends[2]).state == "waiting"
        Resend.objects.filter(pk=resends[0].pk).update(state="done")
        assert worked(resends[2]).state == "done"


@pytest.mark.services
def test_a_surprise_lets_go_and_the_next_turn_comes_soon(action, ask, rings, monkeypatch):
    first, second = ask(made_with(action)), ask(made_with(action))
    with time_machine.travel(NOW, tick=False) as clock:
        with monkeypatch.context() as patch:
            patch.setattr(running.Reader, "read", surprise)
            worked(first)
        assert (first.state, first.holder, first.lease_until) == ("waiting", None, None)
        assert (first.waits_until, first.attempts) == (NOW + running.PAUSE, 1)
        assert first.error == "smsadmin itself failed: KeyError"
        assert rings == [second.pk]

        clock.shift(running.PAUSE)
        worked(first)
    assert (first.state, first.attempts, first.error, counts(first)) == ("done", 0, "", (1, 0, 0))


def test_a_resend_that_fails_turn_after_turn_is_paused_until_somebody_says_so(
    action, ask, rings, monkeypatch
):
    resend = ask(made_with(action))
    with time_machine.travel(NOW, tick=False) as clock:
        with monkeypatch.context() as patch:
            patch.setattr(running.Reader, "read", surprise)
            for _ in range(running.MOST_ATTEMPTS):
                assert resend.state == "waiting"
                worked(resend)
                clock.shift(running.PAUSE)
        assert (resend.state, resend.waits_until, bool(resend.error)) == ("paused", None, True)
        running.sweep()
        assert rings == []

        assert running.resume(resend)
        assert (resend.attempts, resend.error) == (0, "")
        assert worked(resend).state == "done"


def test_an_item_that_is_settled_resets_the_count(action, ask, monkeypatch):
    resend = ask(*[made_with(action) for _ in range(2)])
    Resend.objects.update(attempts=running.MOST_ATTEMPTS - 1)
    settle, seen = running._Work._settle, iter((True, False))
    monkeypatch.setattr(
        running._Work, "_settle", lambda *given: settle(*given) if next(seen) else surprise(*given)
    )
    assert (worked(resend).state, resend.attempts, counts(resend)) == ("waiting", 0, (1, 0, 1))


def test_a_resend_whose_workers_are_killed_again_and_again_is_paused(action, ask, rings):
    resend = ask(made_with(action))
    with time_machine.travel(NOW, tick=False) as clock:
        for _ in range(running.MOST_ATTEMPTS):
            assert running._take(resend.pk, timezone.now())
            clock.shift(running.LEASE + timedelta(seconds=1))
        assert running._take(resend.pk, timezone.now()) is None
        running.sweep()
    resend.refresh_from_db()
    assert (resend.state, resend.holder, rings) == ("paused", None, [])
    assert resend.error == "Its worker stopped, again and again."


def test_shutting_a_worker_down_is_no_failure(action, ask):
    resend = ask(made_with(action))
    dispatch.stopping.set()
    try:
        worked(resend)
    finally:
        dispatch.stopping.clear()
    assert (resend.state, resend.attempts) == ("waiting", 0)


def surprise(*given):
    raise KeyError("x")


def test_the_next_one_is_rung_for_when_one_ends(action, ask, rings):
    first, second = ask(made_with(action)), ask(made_with(action))
    worked(first)
    assert rings == [second.pk]


def test_the_words_of_a_refusal_can_be_stored_everywhere(action, ask, monkeypatch):
    message = made_with(action)

    def refused():
        raise errors.RecipientNotE164(value="\x00")

    interrupt(monkeypatch, 0, refused)
    [item] = worked(ask(message)).items.all()
    assert item.error_facts == {"value": "\ufffd"}
