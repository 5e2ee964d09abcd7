"""An export holds the rows of its filter at the moment it was asked for, whatever happens while it is written."""

import errno
import os
import re
import weakref
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from smsadmin.core.status import Status
from smsadmin.exports import asking, files, presenters, running
from smsadmin.exports.columns import read
from smsadmin.exports.models import UNFINISHED, Export
from smsadmin.exports.presenters import Row
from smsadmin.exports.writers import WRITERS
from smsadmin.sending import dispatch, explain, filters
from smsadmin.sending.models import Message
from tests.exports.conftest import written
from tests.factories import (
    make_action,
    make_agent,
    make_message,
    make_number,
    make_workspace,
)

NOW = timezone.now()
FORMATS = list(WRITERS)


def ago(**distance):
    return NOW - timedelta(**distance)


def state(export):
    export.refresh_from_db()
    return export.state


def let_write(monkeypatch, before_each):
    """Every writer of CSV calls `before_each(number of the row)` first."""
    seen = iter(range(10_000))

    class Interrupted(WRITERS["csv"]):
        def write(self, cells):
            before_each(next(seen))
            super().write(cells)

    monkeypatch.setitem(WRITERS, "csv", Interrupted)
    return seen


# --- Which rows -------------------------------------------------------------------------------------


@pytest.mark.services
@pytest.mark.parametrize("form", FORMATS)
def test_an_export_holds_exactly_the_rows_of_the_filter(workspace, ask, form):
    other, number, agent = make_number(workspace), make_number(workspace), make_agent(workspace)
    action = make_action(workspace)
    columns = {"number": number, "agent": agent, "action": action, "version": action.current}
    for minutes in range(4):
        make_message(workspace, at=ago(minutes=minutes), **columns)
        make_message(
            workspace, at=ago(hours=3, minutes=minutes), number=other, status="failed", error_code="EXPIRED"
        )
        make_message(
            workspace, number=other, recipient="+441632960961", trigger="test", object_id="501", origin={}
        )
    make_message(make_workspace())

    for given, count in (
        ({}, 12),
        ({"status": "failed"}, 4),
        ({"error": "EXPIRED"}, 4),
        ({"number": number.pk}, 4),
        ({"agent": agent.pk}, 4),
        ({"action": action.pk}, 4),
        ({"recipient": "+44 1632 960961"}, 4),
        ({"trigger": "no-tests"}, 8),
        ({"workflow": "17", "status": "failed"}, 4),
        ({"record": "501"}, 4),
        ({"until": ago(hours=2).isoformat(timespec="seconds")}, 4),
        ({"q": "+44 1632 960961 is:test"}, 4),
    ):
        export = ask(form, **given)
        rows = written(export)

        assert len(rows) == export.total == export.written == count, given


@pytest.mark.services
@pytest.mark.parametrize("form", FORMATS)
def test_the_newest_row_comes_first(workspace, ask, form, monkeypatch):
    monkeypatch.setattr(running, "BATCH", 2)
    ids = [str(make_message(workspace, at=ago(minutes=minutes)).pk) for minutes in range(5)]

    assert [row["id"] for row in written(ask(form))] == ids


def test_a_message_that_comes_while_it_is_written_is_not_in_it(workspace, ask, monkeypatch):
    monkeypatch.setattr(running, "BATCH", 2)
    ids = {str(make_message(workspace, at=ago(minutes=minutes)).pk) for minutes in range(5)}
    let_write(monkeypatch, lambda _: make_message(workspace))
    export = ask()
    make_message(workspace)  # while it waits

    assert {row["id"] for row in written(export)} == ids
    assert export.total == 5


def test_a_time_that_moves_with_the_clock_is_the_one_it_was_when_asked(workspace, ask):
    with time_machine.travel(NOW, tick=False):
        make_message(workspace, at=ago(minutes=119))
        export = ask(since="2h")
    with time_machine.travel(NOW + timedelta(minutes=30), tick=False):
        assert len(written(export)) == 1


def test_a_filter_without_an_index_looks_as_far_back_as_it_did_when_asked(workspace, ask, monkeypatch):
    monkeypatch.setattr(filters, "NEWEST", 3)
    for minutes in range(5):
        make_message(workspace, at=ago(minutes=minutes))
    export = ask(workflow="17")
    for _ in range(3):
        make_message(workspace)

    assert len(written(export)) == 3


def test_an_export_that_finds_nothing_is_not_asked_for(workspace, ask):
    with pytest.raises(asking.NotAsked):
        ask(status="failed")
    assert not Export.objects.exists()


def test_a_row_whose_status_changed_meanwhile_is_said_to_have(workspace, ask):
    message = make_message(workspace, status="failed", finished_at=None)
    make_message(workspace, status="failed")
    export = ask(status="failed")
    Message.objects.filter(pk=message.pk).update(status="delivered")

    assert len(written(export)) == 1
    Export.objects.update(total=2)
    export.refresh_from_db()
    assert Row(export, "").changed


# --- What a row says --------------------------------------------------------------------------------


def test_a_row_says_everything_of_a_message(workspace, ask):
    action = make_action(workspace, name="Welcome")
    number = make_number(workspace, "+12025550101", name="Sales US")
    message = make_message(
        workspace,
        at=datetime(2026, 11, 21, 13, 4, 5, 678_000, tzinfo=UTC),
        action=action,
        version=action.current,
        number=number,
        send_as="mia@example.com",
        recipient="+33612345678",
        recipient_given="06 12 34 56 78",
        status=Status.FAILED,
        error_code="RATE_LIMITED",
        error_facts={"provider": "Aircall", "attempts": 4},
        provider_id="SM77",
        object_type="contact",
        object_id="501",
        segments=2,
        characters=200,
    )

    [row] = written(ask("ndjson", with_text=True))

    assert row == {
        "id": str(message.pk),
        "received": "2026-11-21T13:04:05.678Z",
        "status": "failed",
        "action": "Welcome",
        "version": 1,
        "number": "Sales US",
        "sender": "+12025550101",
        "send_as": "mia@example.com",
        "recipient": "+33612345678",
        "recipient_given": "06 12 34 56 78",
        "segments": 2,
        "encoding": "GSM-7",
        "characters": 200,
        "error_code": "RATE_LIMITED",
        "sentence": "Aircall asked to slow down 4 times, so the message was given up. It never left.",
        "provider_id": "SM77",
        "record_type": "contact",
        "record_id": "501",
        "trigger": "hubspot",
        "workflow": "17",
        "text_deleted": "",
        "number_deleted": "",
        "body": "Hi Ada",
    }


def test_a_row_says_why_it_has_no_text_and_no_number(workspace, ask):
    at = datetime(2026, 11, 21, 13, 4, 5, tzinfo=UTC)
    make_message(workspace, body="", recipient="", recipient_given="", values_gone_at=at, number_gone_at=at)

    [row] = written(ask("ndjson", with_text=True))

    assert (row["body"], row["recipient"]) == ("", "")
    assert (row["text_deleted"], row["number_deleted"]) == ("2026-11-21T13:04:05.000Z",) * 2


def test_texts_are_only_in_it_where_they_were_asked_for(workspace, ask):
    make_message(workspace)

    assert "body" not in written(ask())[0]
    assert written(ask(with_text=True))[0]["body"] == "Hi Ada"


def test_the_text_of_a_code_is_never_in_it(workspace, ask):
    make_message(workspace, trigger="verification", body="Your code is 123456")

    assert written(ask(with_text=True))[0]["body"] == ""


def test_the_sentence_is_in_the_language_of_whoever_asked(workspace, ask):
    make_message(workspace, status="rejected", error_code="MESSAGE_EMPTY")
    with translation.override("de"):
        export = ask()
    with translation.override("en"):
        assert written(export)[0]["sentence"] == "Die Nachricht ist leer."


def test_times_in_a_sentence_are_in_the_zone_of_whoever_asked(workspace, ask):
    resets = timezone.now().replace(hour=12, minute=5).isoformat()
    facts = {"subject": "+12025550101", "resets": resets}
    make_message(workspace, status="rejected", error_code="NUMBER_QUOTA_EXCEEDED", error_facts=facts)
    with timezone.override("Asia/Tokyo"):
        export = ask("ndjson")

    assert export.time_zone == "Asia/Tokyo"
    export.refresh_from_db()
    with translation.override("en"), timezone.override("Asia/Tokyo"):
        expected = explain.sentence(Message.objects.get())
    assert written(export)[0]["sentence"] == expected


# --- Memory and queries -----------------------------------------------------------------------------


@pytest.mark.services
def test_no_more_than_one_batch_of_rows_is_ever_in_memory(workspace, ask, monkeypatch):
    monkeypatch.setattr(running, "BATCH", 10)
    for _ in range(45):
        make_message(workspace)
    export = ask()
    alive, most = weakref.WeakValueDictionary(), [0]

    def count(instance, **_):
        alive[id(instance)] = instance
        most[0] = max(most[0], len(alive))

    post_init.connect(count, sender=Message)
    try:
        assert len(written(export)) == 45
    finally:
        post_init.disconnect(count, sender=Message)

    assert most[0] <= 10 + 1  # and the row that was just handed on


@pytest.mark.services
def test_a_batch_costs_one_query(workspace, ask, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(running, "BATCH", 10)
    for _ in range(25):
        number, action = make_number(workspace), make_action(workspace)
        make_message(workspace, number=number, action=action, version=action.current, error_code="EXPIRED")
    export = ask(status="sent")

    with django_assert_num_queries(3) as done:
        for message in running.newest_first(read(asking.messages(export), with_text=True)):
            for column in running.columns(True):
                column.of(message)
    assert not any("OFFSET" in query["sql"] for query in done.captured_queries)
    assert not any("trace" in query["sql"] or "template" in query["sql"] for query in done.captured_queries)


@pytest.mark.services
@pytest.mark.parametrize(
    "given", [{}, {"status": "failed"}, {"recipient": "+441632960961"}, {"error": "EXPIRED"}]
)
def test_no_batch_looks_through_the_whole_table(workspace, ask, monkeypatch, given):
    monkeypatch.setattr(running, "BATCH", 20)
    rare = make_message(workspace, recipient="+441632960961", status="failed", error_code="EXPIRED")
    copies(rare, 60)
    copies(rare, 2_000, recipient="+33612345678", status="sent", error_code="")
    found = read(asking.messages(ask(**given)), with_text=True)

    with CaptureQueriesContext(connection) as done:
        list(islice(running.newest_first(found), 50))
    for plan in map(plan_of, [query["sql"] for query in done.captured_queries]):
        assert not re.search(r"Seq Scan on sending_message|SCAN sending_message(?! USING)", plan), plan
    assert len(done) == 3


def copies(message, count, **columns):
    """So many more messages like this one but for these columns."""
    fields = [field.attname for field in Message._meta.concrete_fields if field.attname not in ("id", "key")]
    same = {name: getattr(message, name) for name in fields} | columns
    Message.objects.bulk_create([Message(**same, key=uuid4()) for _ in range(count)], batch_size=500)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sending_message")


def plan_of(query):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"EXPLAIN {query}")
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {query}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


# --- One at a time, cancelled, killed ---------------------------------------------------------------


def test_an_export_that_was_asked_for_is_rung_for_once_it_is_committed(
    workspace, ask, rings, django_capture_on_commit_callbacks
):
    make_message(workspace)
    with django_capture_on_commit_callbacks(execute=True):
        export = ask()
        assert rings == []
    assert rings == [export.pk]


def test_progress_is_told_while_it_runs(workspace, ask, monkeypatch):
    monkeypatch.setattr(running, "TELL_EVERY", 0)
    for _ in range(4):
        make_message(workspace)
    told = []
    let_write(monkeypatch, lambda _: told.append(Export.objects.values_list("written", "total").get()))
    written(ask())

    assert told == [(0, 4), (1, 4), (2, 4), (3, 4)]


def test_an_export_that_is_cancelled_while_it_runs_leaves_no_file(workspace, ask, monkeypatch, folder):
    monkeypatch.setattr(running, "TELL_EVERY", 0)
    for _ in range(4):
        make_message(workspace)
    written_to = let_write(monkeypatch, lambda _: Export.objects.update(state=Export.State.CANCELLED))
    export = ask()
    running.run(export.pk)

    assert state(export) == "cancelled"
    assert next(written_to) == 1  # it ended with the first row
    assert list(folder.iterdir()) == []


def test_an_export_that_is_deleted_while_it_runs_leaves_no_file(
    workspace, ask, monkeypatch, folder, django_capture_on_commit_callbacks
):
    make_message(workspace)

    def delete(_):
        with django_capture_on_commit_callbacks(execute=True):
            Export.objects.all().delete()

    let_write(monkeypatch, delete)
    running.run(ask("csv").pk)

    assert list(folder.iterdir()) == []


class Killed(BaseException):
    """What no handler catches: the worker is gone."""


def test_an_export_whose_worker_was_killed_is_begun_anew(workspace, ask, monkeypatch, rings, folder):
    for _ in range(4):
        make_message(workspace)
    export = ask()

    def kill(row):
        if row == 2:
            raise Killed

    let_write(monkeypatch, kill)
    with pytest.raises(Killed):
        running.run(export.pk)
    left = folder / f"{export.pk}.killed"
    left.mkdir()
    running.sweep()
    running.run(export.pk)
    assert (state(export), rings) == ("running", [])  # its lease has not ended: it may still be at it

    with time_machine.travel(timezone.now() + running.LEASE + timedelta(seconds=1)):
        running.sweep()
        assert rings == [export.pk]
        assert len(written(export)) == 4
    assert [path.name for path in folder.iterdir()] == [str(export.pk)]


def test_an_export_whose_workers_are_killed_again_and_again_fails(workspace, ask, rings):
    make_message(workspace)
    export = ask()
    past = timezone.now() - timedelta(minutes=1)
    Export.objects.update(state="running", attempts=running.MOST_ATTEMPTS, lease_until=past)
    running.run(export.pk)
    assert (state(export), export.attempts) == ("running", running.MOST_ATTEMPTS)

    running.sweep()
    assert (state(export), export.cause, rings) == ("failed", "cut_off", [])


def test_two_workers_never_write_one_export(workspace, ask, monkeypatch):
    make_message(workspace)
    export = ask()
    rows = let_write(monkeypatch, lambda _: running.run(export.pk))

    assert len(written(export)) == 1
    assert next(rows) == 1


def test_a_worker_that_slept_past_its_lease_leaves_the_file_to_the_one_that_took_over(
    workspace, ask, monkeypatch
):
    monkeypatch.setattr(running, "TELL_EVERY", 0)
    make_message(workspace)
    export = ask()

    def overtake(row):
        if row == 0:
            Export.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
            running.run(export.pk)
            files.path_of(export.pk).write_text("the other's")

    let_write(monkeypatch, overtake)
    running.run(export.pk)

    assert state(export) == "done"
    assert files.path_of(export.pk).read_text() == "the other's"


def test_a_worker_that_lost_its_lease_says_nothing_of_the_one_that_took_over(workspace, ask, monkeypatch):
    monkeypatch.setattr(running, "TELL_EVERY", 0)
    make_message(workspace)
    export, other = ask(), uuid4()
    let_write(monkeypatch, lambda _: Export.objects.update(holder=other, written=77))
    running.run(export.pk)

    assert (state(export), export.holder, export.written) == ("running", other, 77)
    assert not files.path_of(export.pk).exists()


@pytest.mark.parametrize("end", ["cancelled", "deleted"])
def test_an_export_that_ends_while_its_file_is_packed_leaves_none(
    workspace, ask, monkeypatch, folder, django_capture_on_commit_callbacks, end
):
    make_message(workspace)

    class Slow(WRITERS["csv"]):
        def close(self):
            super().close()
            if end == "cancelled":
                Export.objects.update(state=Export.State.CANCELLED)
                return
            with django_capture_on_commit_callbacks(execute=True):
                Export.objects.all().delete()

    monkeypatch.setitem(WRITERS, "csv", Slow)
    running.run(ask().pk)

    assert list(folder.iterdir()) == []
    assert not Export.objects.exclude(state="cancelled").exists()


def test_so_many_are_written_at_once_and_the_next_is_rung_for_when_one_ends(workspace, ask, rings):
    make_message(workspace)
    first, *_ = running_already = [ask() for _ in range(running.MOST_AT_ONCE)]
    Export.objects.update(state="running", lease_until=timezone.now() + timedelta(minutes=1))
    waiting = ask()
    running.run(waiting.pk)
    assert state(waiting) == "waiting"

    Export.objects.filter(pk__in=[export.pk for export in running_already]).update(lease_until=None)
    Export.objects.filter(pk=first.pk).update(state="waiting")
    rings.clear()
    written(first)
    assert rings == [waiting.pk]


def test_a_worker_that_is_shut_down_hands_its_export_back(workspace, ask, monkeypatch, folder):
    monkeypatch.setattr(running, "TELL_EVERY", 0)
    make_message(workspace)
    export = ask()
    try:
        let_write(monkeypatch, lambda _: dispatch.stopping.set())
        running.run(export.pk)
    finally:
        dispatch.stopping.clear()

    assert (state(export), export.attempts, list(folder.iterdir())) == ("waiting", 0, [])


@pytest.mark.parametrize(
    ("error", "cause", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk", ""),
        (ValueError("a row of ours"), "ours", "smsadmin itself failed: ValueError"),
    ],
)
def test_an_export_that_cannot_be_written_says_why(workspace, ask, monkeypatch, folder, error, cause, said):
    make_message(workspace)
    export = ask()

    def fail(_):
        raise error

    let_write(monkeypatch, fail)
    with pytest.raises(type(error)):
        running.run(export.pk)

    assert (state(export), export.cause, export.error) == ("failed", cause, said)
    assert export.holder is None
    assert list(folder.iterdir()) == []


def test_a_filter_that_means_nothing_any_more_fails_the_export(workspace, ask):
    make_message(workspace)
    number = make_number(workspace)
    export = ask()
    Export.objects.update(filters={"number": str(number.pk)})
    number.delete()
    running.run(export.pk)

    assert (state(export), export.cause) == ("failed", "filter")


def test_a_sheet_that_is_full_says_how_many_have_no_room(workspace, ask, monkeypatch):
    for module in (running, presenters):
        monkeypatch.setattr(module, "SHEET_ROWS", 2)
    for _ in range(3):
        make_message(workspace)
    sheet, table = ask("xlsx"), ask("csv")

    assert (len(written(sheet)), len(written(table))) == (2, 3)
    assert (Row(sheet, "").left_out, Row(sheet, "").changed) == (1, False)
    assert Row(table, "").left_out == 0


# --- At most so many, and for so long ---------------------------------------------------------------


def test_a_person_has_at_most_three_exports_under_way(workspace, operator, ask):
    make_message(workspace)
    first, *_ = [ask() for _ in range(asking.MOST_UNFINISHED)]
    with pytest.raises(asking.NotAsked, match="3 exports"):
        ask()

    written(first)
    ask()
    assert operator.user.exports.filter(state__in=UNFINISHED).count() == 3


def test_files_are_deleted_after_a_week(workspace, ask, folder, django_capture_on_commit_callbacks):
    make_message(workspace)
    old, new, waiting = ask(), ask(), ask()
    written(old), written(new)
    week = timezone.now() + timedelta(days=7, seconds=1)
    Export.objects.filter(pk=new.pk).update(expires_at=week + timedelta(days=1))
    with django_capture_on_commit_callbacks(execute=True):
        running.clean_up(week)

    assert set(Export.objects.all()) == {new, waiting}
    assert [path.name for path in folder.iterdir()] == [str(new.pk)]


def test_what_killed_workers_left_behind_is_deleted(workspace, ask, folder):
    make_message(workspace)
    done, running_now = ask(), ask()
    written(done)
    holder = uuid4()
    Export.objects.filter(pk=running_now.pk).update(state="running", holder=holder)
    kept = {str(done.pk), f"{running_now.pk}.{holder}", f"{uuid4()}.young"}
    for name in (*kept, f"{done.pk}.{uuid4()}", f"{running_now.pk}.{uuid4()}"):
        (folder / name).mkdir(exist_ok=True) if "." in name else None
    (folder / str(uuid4())).write_text("of no export")
    hours_ago = timezone.now().timestamp() - 2 * files.YOUNG
    for path in folder.iterdir():
        if not path.name.endswith("young"):
            os.utime(path, (hours_ago, hours_ago))
    running.clean_up()

    assert {path.name for path in folder.iterdir()} == kept


def test_with_a_workspace_go_its_files(workspace, ask, folder, django_capture_on_commit_callbacks):
    empty = make_workspace()
    make_message(workspace)
    export = ask()
    written(export)
    Export.objects.update(workspace=empty)
    with django_capture_on_commit_callbacks(execute=True):
        empty.delete()

    assert list(folder.iterdir()) == []


def test_an_export_outlives_the_account_of_whoever_asked(workspace, ask, operator):
    make_message(workspace)
    export = ask()
    operator.user.delete()

    assert len(written(export)) == 1
