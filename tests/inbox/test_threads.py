"""What people do with a thread: reading, closing, and what waits for them."""

from datetime import timedelta

from django.utils import timezone

from smsadmin.inbox import threads
from smsadmin.inbox.models import Thread
from tests.factories import make_message, make_number, make_workspace
from tests.inbox.conftest import ADA, BOB, NOON, texted


def test_reading_counts_only_what_its_reader_saw(line):
    seen = texted(line).newest_id
    thread = texted(line)

    threads.read(thread, seen)

    assert Thread.objects.get().unread == 1


def test_reading_never_makes_more_unread_than_is(line):
    thread = texted(line)
    threads.read(thread, thread.newest_id)
    threads.read(thread, 0)

    assert Thread.objects.get().unread == 0


def test_a_thread_with_a_text_that_its_reader_did_not_see_stays_open(line):
    seen = texted(line).newest_id
    thread = texted(line)

    assert not threads.close(thread, seen, timezone.now())
    assert (Thread.objects.get().done_at, Thread.objects.get().unread) == (None, 2)


def test_closing_reads_and_reopening_does_not_unread(line):
    thread = texted(line)
    assert threads.close(thread, thread.newest_id, NOON)
    assert Thread.objects.values_list("done_at", "unread").get() == (NOON, 0)

    threads.reopen(thread)
    assert Thread.objects.values_list("done_at", "unread").get() == (None, 0)


def test_marking_as_unread_keeps_what_is_unread(line):
    thread = texted(line)
    threads.mark_unread(thread)
    assert Thread.objects.get().unread == 1

    threads.read(thread, thread.newest_id)
    threads.mark_unread(thread)
    assert Thread.objects.get().unread == 1


def test_what_has_waited_longest_is_next(line, workspace):
    newer = texted(line, at=NOON)
    older = texted(line, sender=BOB, at=NOON - timedelta(hours=1))
    texted(make_number(make_workspace()), at=NOON - timedelta(hours=2))

    assert threads.next_unread(workspace, 0) == older
    assert threads.next_unread(workspace, older.pk) == newer
    threads.read(newer, newer.newest_id)
    assert threads.next_unread(workspace, older.pk) is None


def test_the_count_of_unread_threads_is_read_once_in_a_while(line, workspace, django_assert_num_queries):
    texted(line)
    texted(line, sender=BOB)
    texted(make_number(make_workspace()))

    assert threads.unread_count(workspace.pk) == 2
    with django_assert_num_queries(0):
        threads.unread_count(workspace.pk)
    threads.close(Thread.objects.get(party=ADA, workspace=workspace), 10**9, NOON)
    assert threads.unread_count(workspace.pk) == 1


def test_an_answer_moves_its_thread_up(line):
    thread = texted(line, at=NOON)
    message = make_message(line.workspace, number=line, recipient=ADA, at=NOON + timedelta(hours=1))

    threads.answered(thread, message)

    thread.refresh_from_db()
    assert (thread.answer, thread.last_at) == (message.pk, message.received_at)
