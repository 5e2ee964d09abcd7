"""A resend holds what of a choice may be sent again, once, and says of the rest why not."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from auditlog.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from smsadmin.resends import asking, choice, running
from smsadmin.resends.models import Resend, ResendItem
from smsadmin.sending import filters
from smsadmin.sending.asked import Unreadable, filter_of
from smsadmin.sending.models import Message
from tests.factories import make_action, make_member, make_workspace
from tests.resends.conftest import made_with, outcomes, progress, worked

STATUSES = (
    "rejected", "held", "queued", "sending", "sent", "failed", "unknown", "undelivered", "delivered", "expired",
    "cancelled",
)  # fmt: skip
ENDED_BADLY = {"rejected", "failed", "undelivered", "expired", "cancelled"}


def filtered(workspace, **given):
    found = filter_of(workspace, given)
    assert found.form.is_valid(), found.form.errors
    return choice.of_filter(found)


# --- What is chosen -----------------------------------------------------------------------------------


def test_picked_rows_are_the_workspaces_own_newest_first(workspace, action):
    older, newer = made_with(action), made_with(action)
    stranger = made_with(make_action(make_workspace()))

    picked = choice.of_rows(workspace, [older.pk, stranger.pk, newer.pk, older.pk, uuid4()])

    assert list(picked.messages()) == [newer, older]
    assert not choice.of_rows(workspace, []).messages()


def test_a_filter_is_held_as_it_was_when_it_was_chosen(workspace, action):
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        old = made_with(action, at=now - timedelta(minutes=119))
        made_with(action, at=now - timedelta(minutes=119), status="sent")
        chosen = filtered(workspace, status="rejected", since="2h")
        made_with(action, at=now + timedelta(seconds=1))
    with time_machine.travel(now + timedelta(minutes=30), tick=False):
        assert list(chosen.messages()) == [old]


def test_a_filter_without_an_index_looks_as_far_back_as_it_did(workspace, action, monkeypatch):
    monkeypatch.setattr(filters, "NEWEST", 3)
    for _ in range(5):
        made_with(action)
    chosen = filtered(workspace, workflow="17")
    for _ in range(3):
        made_with(action)

    assert len(chosen.messages()) == 3


def test_a_filter_that_finds_nothing_chooses_nothing(workspace, action):
    chosen = filtered(workspace, status="failed")
    made_with(action, status="failed")
    assert not chosen.messages()


def test_a_filter_whose_action_is_gone_is_not_taken_for_all(workspace, action):
    made_with(action)
    chosen = choice.Choice(workspace, filters={"action": "999999"}, newest=uuid4())
    with pytest.raises(Unreadable):
        chosen.messages()


def test_a_resend_has_room_for_so_many_and_takes_the_newest(workspace, action, monkeypatch):
    monkeypatch.setattr(choice, "MOST", 2)
    ids = [made_with(action).pk for _ in range(3)]
    assert [message.pk for message in filtered(workspace).messages()] == ids[:0:-1]
    assert filtered(workspace).capped
    assert not choice.of_rows(workspace, ids[:2]).capped


# --- Asking -------------------------------------------------------------------------------------------


LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def mixed(workspace, action):
    """500 rows of every kind; how many of them may be sent again."""
    may = 0
    for index in range(500):
        status = STATUSES[index % len(STATUSES)]
        kind = index % 10
        columns = {"status": status, "error_code": "NUMBER_NOT_SMS_CAPABLE" if status in ENDED_BADLY else ""}
        columns["accepted_at"] = LONG_AGO  # what they took of the quotas is over
        if kind == 7:
            columns["trigger"] = "test"
        elif kind == 8:
            columns["trigger"] = "verification"
        elif kind == 5:
            columns["inputs"] = {}
        message = made_with(action, **columns)
        if kind == 9:
            made_with(action, trigger="resend", original=message.pk, status="sent")
        may += status in ENDED_BADLY and kind in (0, 1, 2, 3, 4, 6)
    return may


@pytest.mark.services
def test_a_resend_of_500_mixed_rows_adds_up_sends_only_the_eligible_and_a_second_click_none(
    workspace, action, operator
):
    may = mixed(workspace, action)
    rows = Message.objects.filter(workspace=workspace).exclude(trigger="resend")
    chosen = choice.of_rows(workspace, rows.values_list("pk", flat=True))
    before = Message.objects.count()

    resend = asking.ask(chosen, "present", operator.user)
    with pytest.raises(asking.NotAsked):
        asking.ask(chosen, "present", operator.user)
    worked(resend)
    with pytest.raises(asking.NotAsked):
        asking.ask(chosen, "present", operator.user)

    assert resend.chosen == 500 == resend.items.count() + sum(resend.left_out.values())
    assert set(resend.left_out) == {
        "under_way",
        "sent",
        "delivered",
        "unknown",
        "code",
        "test",
        "again",
        "gone",
    }
    counts = progress(resend)
    assert (counts.total, counts.sent + counts.refused, counts.pending) == (may, may, 0)
    assert counts.sent == may > 100
    assert Message.objects.count() == before + may
    originals = Message.objects.filter(pk__in=resend.items.values("original"))
    assert set(originals.values_list("status", flat=True)) == ENDED_BADLY
    assert set(originals.values_list("trigger", flat=True)) == {"hubspot"}
    assert resend.state == "done"


def test_asking_costs_as_many_queries_however_many_messages_there_are(action, ask):
    def queries(count):
        messages = [made_with(action) for _ in range(count)]
        with CaptureQueriesContext(connection) as seen:
            ask(*messages)
        return len(seen)

    queries(1)  # what a process reads once
    assert queries(2) == queries(50)


def test_what_may_not_be_sent_is_said_in_the_readers_words(workspace, action, ask):
    sent = made_with(action, status="sent")
    with pytest.raises(asking.NotAsked, match="twice"):
        ask(sent)
    with pytest.raises(asking.NotAsked, match="Of most of them"):
        ask(sent, made_with(action, status="sent"), made_with(action, status="queued"))
    with pytest.raises(asking.NotAsked, match="nothing to send"):
        ask()
    assert not Resend.objects.exists()


def test_the_oldest_message_is_sent_first_whatever_the_order_of_picking(action, ask):
    messages = [made_with(action) for _ in range(5)]
    resend = ask(*reversed(messages))
    assert [item.original for item in resend.items.order_by("pk")] == [each.pk for each in messages]


def test_the_worker_is_rung_for_after_the_commit(action, ask, rings, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        resend = ask(made_with(action))
        assert rings == []
    assert rings == [resend.pk]


def test_a_person_has_few_resends_at_once_in_a_workspace(workspace, action, ask):
    resends = [ask(made_with(action)) for _ in range(asking.MOST_UNFINISHED)]
    message = made_with(action)
    with pytest.raises(asking.NotAsked, match="not finished"):
        ask(message)
    running.pause(resends[0])
    with pytest.raises(asking.NotAsked):
        ask(message)
    running.cancel(resends[0])
    assert ask(message)


def test_another_person_is_not_held_up_by_it(workspace, action, ask):
    for _ in range(asking.MOST_UNFINISHED):
        ask(made_with(action))
    other = make_member(workspace)
    chosen = choice.of_rows(workspace, [made_with(action).pk])
    assert asking.ask(chosen, "present", other.user)


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_asked_for_twice_at_once_no_message_is_in_two_resends(action, operator):
    ids = [made_with(action).pk for _ in range(30)]
    chosen = choice.of_rows(action.workspace, ids)

    def click(_):
        try:
            return asking.ask(chosen, "present", operator.user)
        except asking.NotAsked:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        made = [resend for resend in pool.map(click, range(6)) if resend]

    assert len(made) == 1
    assert Counter(ResendItem.objects.values_list("original", flat=True)) == Counter(ids)


def test_what_was_taken_after_it_was_judged_is_left_out(workspace, action, operator, ask, monkeypatch):
    queued, again, free = (made_with(action) for _ in range(3))
    judge = asking._sorted

    def overtaken(chosen):
        judged = judge(chosen)
        if free.pk in judged[0]:
            monkeypatch.undo()
            ask(queued)
            made_with(action, trigger="resend", original=again.pk)
        return judged

    monkeypatch.setattr(asking, "_sorted", overtaken)
    made = asking.ask(choice.of_rows(workspace, [queued.pk, again.pk, free.pk]), "present", operator.user)
    assert list(made.items.values_list("original", flat=True)) == [free.pk]
    assert (made.chosen, made.left_out) == (3, {"queued": 1, "again": 1})


@pytest.mark.django_db(transaction=True)
def test_messages_are_judged_before_anything_is_locked(action, ask, monkeypatch):
    judge = asking._sorted

    def judging(chosen):
        assert not connection.in_atomic_block
        return judge(chosen)

    monkeypatch.setattr(asking, "_sorted", judging)
    ask(made_with(action))


def test_who_asked_paused_and_cancelled_is_in_the_audit_log(action, ask):
    resend = ask(made_with(action))
    running.pause(resend)
    running.resume(resend)
    worked(resend)
    other = ask(made_with(action))
    running.cancel(other)

    def changes(of):
        entries = LogEntry.objects.get_for_object(of).order_by("pk")
        return [(entry.get_action_display(), entry.changes.get("state")) for entry in entries]

    assert (
        "filters" not in LogEntry.objects.get_for_object(resend).earliest("pk").changes
    )  # it may name a recipient
    with translation.override("en"):
        assert changes(resend) == [
            ("create", ["None", "waiting"]),
            ("update", ["waiting", "paused"]),
            ("update", ["paused", "waiting"]),
        ]
        assert changes(other)[-1] == ("update", ["waiting", "cancelled"])
    assert outcomes(other) == {item.original: ("pending", "") for item in other.items.all()}
